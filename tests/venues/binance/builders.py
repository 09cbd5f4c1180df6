"""A universe of two instruments on each market, and the venue's messages as texts."""

import json
from decimal import Decimal
from typing import Any

import msgspec

from quarterdeck.kernel.vocabulary import InstrumentKind, OrderType, Side, TimeInForce
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.binance.markets import SPOT, USDM, Market
from quarterdeck.venues.binance.schema import ExchangeInfo
from quarterdeck.venues.binance.universe import Universe
from quarterdeck.venues.identity import client_id, desk_tag
from quarterdeck.venues.messages import Cancel, Place

TAG = desk_tag("tests")
MARKETS = {"spot": SPOT, "usdm": USDM}
TIME = 1_700_000_000_000
CLIENT = client_id(TAG, 3, 77)
KEY = "k" * 64
SECRET = "s" * 64


def instrument(symbol: str, base: str, tick: str, lot: str, market: Market, **changes: Any) -> Instrument:
    """What the desk trades."""
    kind = InstrumentKind.SPOT if market.spot else InstrumentKind.PERPETUAL
    terms: dict[str, Any] = {
        "symbol": symbol, "venue": market.name, "kind": kind, "base": base, "quote": "USDT", "tick": Decimal(tick),
        "lot": Decimal(lot), "min_notional": Decimal(5),
    }  # fmt: skip
    return Instrument(**{**terms, **changes})


def listed(symbol: str, base: str, tick: str, lot: str, market: Market, **changes: Any) -> dict[str, Any]:
    """A row of exchangeInfo."""
    least = (
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True}
        if market.spot
        else {"filterType": "MIN_NOTIONAL", "notional": "5"}
    )
    return {
        "symbol": symbol, "status": "TRADING", "baseAsset": base, "quoteAsset": "USDT", "marginAsset": "USDT",
        "contractType": "PERPETUAL",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000", "stepSize": lot},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "1.15", "multiplierDown": "0.85"},
            least,
        ],
        **changes,
    }  # fmt: skip


def info(market: Market, *rows: dict[str, Any]) -> ExchangeInfo:
    """An exchangeInfo."""
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 3_000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50},
    ]
    body = {"timezone": "UTC", "serverTime": TIME, "rateLimits": limits, "symbols": [*rows] or both(market)}
    return msgspec.json.decode(raw(body), type=ExchangeInfo)


def both(market: Market) -> list[dict[str, Any]]:
    """The rows of BTCUSDT, ticks of 0.10, and ETHUSDT, ticks of 0.05."""
    return [
        listed("BTCUSDT", "BTC", "0.10000000", "0.00100000", market),
        listed("ETHUSDT", "ETH", "0.05000000", "0.01000000", market),
    ]


def universe(market: Market) -> Universe:
    """BTCUSDT is the desk's instrument 2 in purse 0, ETHUSDT its instrument 5 there."""
    wanted = [
        (2, 0, instrument("BTCUSDT", "BTC", "0.1", "0.001", market)),
        (5, 0, instrument("ETHUSDT", "ETH", "0.05", "0.01", market)),
    ]
    return Universe.bind(market, wanted, info(market))


def place(**changes: Any) -> Place:
    """A resting buy of 0.1 BTC at 30,000.5."""
    terms: dict[str, Any] = {
        "request_id": 1, "order_id": 77, "strategy": 3, "instrument": 2, "side": Side.BUY, "price": 300_005,
        "trigger_price": 0, "quantity": 100, "order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC,
        "post_only": False, "reduce_only": False, "expires_ns": TIME * 10**6,
    }  # fmt: skip
    return Place(**{**terms, **changes})


def cancel(**changes: Any) -> Cancel:
    """The cancel of that order."""
    terms: dict[str, Any] = {
        "request_id": 2, "order_id": 77, "venue_order_id": 28, "instrument": 2, "strategy": 3, "expires_ns": 0,
    }  # fmt: skip
    return Cancel(**{**terms, **changes})


def raw(value: Any) -> bytes:
    """JSON as the venue writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


def order(**changes: Any) -> dict[str, Any]:
    """That order as an answer tells it."""
    return {
        "symbol": "BTCUSDT", "orderId": 28, "clientOrderId": CLIENT, "price": "30000.50000000", "origQty": "0.10000000",
        "executedQty": "0.00000000", "cummulativeQuoteQty": "0", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT",
        "side": "BUY", "stopPrice": "0.00000000", "time": TIME, "updateTime": TIME + 5, "isWorking": True,
        "reduceOnly": False, **changes,
    }  # fmt: skip


def trade(**changes: Any) -> dict[str, Any]:
    """A fill of 0.04 of it, as an answer tells it; both markets' words for who bought."""
    return {
        "symbol": "BTCUSDT", "id": 99, "orderId": 28, "price": "30000.50000000", "qty": "0.04000000",
        "quoteQty": "1200.02", "commission": "0.48000800", "commissionAsset": "USDT", "time": TIME + 7, "isBuyer": True,
        "isMaker": False, "buyer": True, "maker": False, "side": "BUY", "realizedPnl": "0", "positionSide": "BOTH",
        **changes,
    }  # fmt: skip


def report(**changes: Any) -> dict[str, Any]:
    """That order's news on the account's stream: spot's whole message, and futures' `o`."""
    return {
        "e": "executionReport", "E": TIME + 9, "s": "BTCUSDT", "c": CLIENT, "S": "BUY", "o": "LIMIT", "f": "GTC",
        "q": "0.10000000", "p": "30000.50000000", "P": "0.00000000", "sp": "0", "F": "0.0", "g": -1, "C": "",
        "x": "NEW", "X": "NEW", "r": "NONE", "i": 28, "l": "0.00000000", "z": "0.00000000", "L": "0.00000000",
        "n": "0", "N": None, "T": TIME + 8, "t": -1, "I": 5, "w": True, "m": False, "R": False, **changes,
    }  # fmt: skip


def traded(**changes: Any) -> dict[str, Any]:
    """News of that fill."""
    return report(
        x="TRADE", X="PARTIALLY_FILLED", l="0.04000000", z="0.04000000", L="30000.50000000", n="0.48000800", N="USDT",
        t=99, **changes,
    )  # fmt: skip


def streamed(market: Market, message: dict[str, Any]) -> dict[str, Any]:
    """How a market's account stream carries an order's news."""
    if market.spot:
        return {"subscriptionId": 0, "event": message}
    inner = {name: value for name, value in message.items() if name not in {"e", "E"}}
    return {"e": "ORDER_TRADE_UPDATE", "E": TIME + 9, "T": TIME + 8, "o": inner}


def market_data(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """A message of the combined streams."""
    return {"stream": name, "data": data}


AGG_TRADE: dict[str, Any] = {
    "e": "aggTrade", "E": TIME + 1, "s": "BTCUSDT", "a": 5933014, "p": "30000.10", "q": "0.005", "f": 100, "l": 105,
    "T": TIME, "m": True,
}  # fmt: skip
BOOK_TICKER = {"u": 400900217, "s": "BTCUSDT", "b": "30000.00", "B": "31.210", "a": "30000.10", "A": "40.660"}
MARK: dict[str, Any] = {
    "e": "markPriceUpdate", "E": TIME, "s": "BTCUSDT", "p": "30000.1234", "i": "30000.2", "P": "0", "r": "0.00038167",
    "T": TIME + 9,
}  # fmt: skip


def diff(first: int, last: int, before: int = -1, **changes: Any) -> dict[str, Any]:
    """Changed levels, numbered."""
    more = {} if before < 0 else {"pu": before, "T": TIME}
    return {
        "e": "depthUpdate", "E": TIME, "s": "BTCUSDT", "U": first, "u": last, "b": [["30000.00", "10.000"]],
        "a": [["30000.20", "0.000"]], **more, **changes,
    }  # fmt: skip


def snapshot(number: int, **changes: Any) -> dict[str, Any]:
    """A whole book."""
    return {
        "lastUpdateId": number, "bids": [["29999.90", "4.000"]], "asks": [["30000.20", "12.000"], ["30000.30", "1"]],
        **changes,
    }  # fmt: skip
