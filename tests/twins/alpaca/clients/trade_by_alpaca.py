"""Trades on a twin with alpaca-py as it is, typed API and streams; says what it saw as JSON. In its own environment.

Arguments: the HTTP address, the websocket address. Keys come from the environment.
"""

import json
import os
import sys
import threading
import time
from datetime import date, timedelta
from typing import Any

from alpaca.common.exceptions import APIError
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.live import StockDataStream
from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetOrderByIdRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)
from alpaca.trading.stream import TradingStream

KEY, SECRET = os.environ["APCA_API_KEY_ID"], os.environ["APCA_API_SECRET_KEY"]
HTTP, SOCKETS = sys.argv[1], sys.argv[2]
DEADLINE_S = 60


def wait_for(seen: Any) -> None:
    ends = time.monotonic() + DEADLINE_S
    while not seen():
        if time.monotonic() > ends:
            raise TimeoutError("the twin did not say what it should")
        time.sleep(0.01)


def refusal(call: Any) -> Any:
    """Status, code and words of the error that a call ends in."""
    try:
        call()
    except APIError as error:
        return [error.status_code, error.code, error.message]
    return None


class Streams:
    """Both streams in threads of their own, as the library runs them."""

    def __init__(self) -> None:
        self.updates: list[Any] = []
        self.rows: dict[str, list[Any]] = {name: [] for name in ("trade", "quote", "bar")}
        self.trading = TradingStream(KEY, SECRET, url_override=SOCKETS + "/stream")
        self.data = StockDataStream(KEY, SECRET, url_override=SOCKETS + "/v2/iex")
        self.trading.subscribe_trade_updates(self.take_update)
        self.data.subscribe_trades(self.taker("trade"), "AAPL")
        self.data.subscribe_quotes(self.taker("quote"), "AAPL", "MSFT")
        self.data.subscribe_bars(self.taker("bar"), "*")
        self.threads = [threading.Thread(target=one.run) for one in (self.trading, self.data)]
        for thread in self.threads:
            thread.start()

    async def take_update(self, update: Any) -> None:
        self.updates.append(update)

    def taker(self, name: str) -> Any:
        async def take(row: Any) -> None:
            self.rows[name].append(row)

        return take

    def events(self, order_id: Any) -> list[str]:
        """What was said of an order."""
        return [one.event for one in list(self.updates) if one.order.id == order_id]

    def stop(self) -> None:
        for one in (self.trading, self.data):
            one.stop()
        for thread in self.threads:
            thread.join(DEADLINE_S)


def look(trading: Any, seen: dict[str, Any]) -> None:
    """Account, clock, calendar, assets."""
    account, clock = trading.get_account(), trading.get_clock()
    seen["account"] = [account.status.value, account.cash, account.buying_power, account.currency]
    seen["clock"] = [clock.is_open, clock.next_close.isoformat()]
    days = trading.get_calendar(GetCalendarRequest(start=date(2026, 11, 25), end=date(2026, 11, 30)))
    seen["calendar"] = [[one.date.isoformat(), one.close.strftime("%H:%M")] for one in days]
    seen["assets"] = [one.symbol for one in trading.get_all_assets(GetAssetsRequest())]
    asset = trading.get_asset("SPY")
    seen["asset"] = [asset.exchange.value, asset.shortable, asset.fractionable, asset.tradable]
    settings = trading.get_account_configurations()
    seen["settings"] = [settings.no_shorting, trading.set_account_configurations(settings).suspend_trade]


def limit(price: float, qty: float = 10, **more: Any) -> Any:
    """A limit order to buy AAPL."""
    terms = {"symbol": "AAPL", "side": OrderSide.BUY, "time_in_force": TimeInForce.DAY, **more}
    return LimitOrderRequest(limit_price=price, qty=qty, **terms)


def market(symbol: str = "AAPL", **more: Any) -> Any:
    """A market order to buy."""
    return MarketOrderRequest(symbol=symbol, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, **more)


def fill(trading: Any, streams: Streams, seen: dict[str, Any]) -> None:
    """At once, of dollars, and in part; the rest is replaced and canceled."""
    bought = trading.submit_order(market(qty=10, client_order_id="first"))
    wait_for(lambda: "fill" in streams.events(bought.id))
    found = trading.get_order_by_client_id("first")
    seen["market"] = [bought.status.value, found.status.value, found.filled_qty, found.filled_avg_price]
    seen["market events"] = streams.events(bought.id)
    told = next(one for one in streams.updates if one.order.id == bought.id and one.event == "fill")
    seen["told"] = [told.qty, told.position_qty, told.price, told.execution_id is not None]
    dollars = trading.submit_order(market("MSFT", notional=100.5))
    wait_for(lambda: "fill" in streams.events(dollars.id))
    seen["fraction"] = 0 < float(trading.get_order_by_id(dollars.id).filled_qty) < 1
    part = trading.submit_order(limit(230.01, 400))
    wait_for(lambda: "partial_fill" in streams.events(part.id))
    other = trading.replace_order_by_id(part.id, ReplaceOrderRequest(qty=350, limit_price=229.5))
    wait_for(lambda: "replaced" in streams.events(part.id) and "new" in streams.events(other.id))
    old = trading.get_order_by_id(part.id)
    seen["part"] = [old.status.value, old.filled_qty, old.replaced_by == other.id, other.replaces == part.id]
    seen["rest"] = [other.qty, other.limit_price]
    trading.cancel_order_by_id(other.id)
    wait_for(lambda: "canceled" in streams.events(other.id))
    seen["canceled"] = trading.get_order_by_id(other.id).status.value


def group(trading: Any, streams: Streams, seen: dict[str, Any]) -> None:
    """A bracket whose entry fills, a one-cancels-other, and the position's end."""
    exits = {"take_profit": TakeProfitRequest(limit_price=235), "stop_loss": StopLossRequest(stop_price=225)}
    entry = trading.submit_order(limit(230.02, 5, order_class=OrderClass.BRACKET, **exits))
    wait_for(lambda: "fill" in streams.events(entry.id))
    nested = trading.get_order_by_id(entry.id, GetOrderByIdRequest(nested=True))
    seen["bracket"] = [[leg.type.value, leg.side.value, leg.status.value] for leg in nested.legs]
    trading.cancel_order_by_id(nested.legs[0].id)
    seen["both"] = [trading.get_order_by_id(leg.id).status.value for leg in nested.legs]
    seen["position"] = [trading.get_open_position("AAPL").qty, trading.get_open_position("AAPL").side.value]
    terms = {"side": OrderSide.SELL, "order_class": OrderClass.OCO, "time_in_force": TimeInForce.GTC}
    pair = trading.submit_order(limit(235, 5, **{**terms, **exits}))
    seen["oco"] = [leg.status.value for leg in trading.get_order_by_id(pair.id, GetOrderByIdRequest(nested=True)).legs]
    trading.cancel_orders()
    stop = StopOrderRequest(symbol="AAPL", qty=1, side=OrderSide.SELL, time_in_force=TimeInForce.DAY, stop_price=200)
    trail = TrailingStopOrderRequest(
        symbol="AAPL", qty=1, side=OrderSide.SELL, time_in_force=TimeInForce.DAY, trail_percent=5
    )
    seen["stops"] = [trading.submit_order(one).type.value for one in (stop, trail)]
    seen["open"] = len(trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, symbols=["AAPL"])))
    seen["all"] = sorted(one.status for one in trading.cancel_orders())
    closing = trading.close_position("AAPL", ClosePositionRequest(qty="5"))
    wait_for(lambda: "fill" in streams.events(closing.id))
    rows = trading.close_all_positions(cancel_orders=True)
    seen["closed"] = sorted(one.symbol for one in rows if one.status == 200)
    wait_for(lambda: not trading.get_all_positions())
    fills = trading.get("/account/activities/FILL", {"page_size": 3})
    more = trading.get("/account/activities/FILL", {"page_size": 100, "page_token": fills[-1]["id"]})
    told = {str(one.execution_id) for one in streams.updates if one.event in {"fill", "partial_fill"}}
    seen["activities"] = {one["id"].partition("::")[2] for one in fills + more} == told


def refuse(trading: Any, seen: dict[str, Any]) -> None:
    """What the venue does not take."""
    stranger = TradingClient(KEY, "not the secret", url_override=HTTP)
    try:
        stranger.get_account()
    except APIError as error:
        seen["stranger"] = [error.status_code, str(error)]
    seen["refused"] = [
        refusal(lambda: trading.submit_order(limit(230.0, 1_000_000))),
        refusal(lambda: trading.submit_order(limit(230.123))),
        refusal(lambda: trading.submit_order(limit(200.0, client_order_id="first"))),
        refusal(lambda: trading.submit_order(market("ZZZZ", qty=1))),
        refusal(lambda: trading.get_order_by_client_id("nobody's")),
        refusal(lambda: trading.get_open_position("SPY")),
        refusal(lambda: trading.submit_order(limit(200.0, 0.5, extended_hours=True, time_in_force=TimeInForce.GTC))),
    ]


def history(streams: Streams, seen: dict[str, Any]) -> None:
    """Bars, quotes, trades, their latest, snapshots; and what the stream had."""
    wait_for(lambda: any(one.symbol == "MSFT" for one in streams.rows["bar"]))
    data = StockHistoricalDataClient(KEY, SECRET, url_override=HTTP)
    bars = data.get_stock_bars(
        StockBarsRequest(symbol_or_symbols=["MSFT", "NVDA"], timeframe=TimeFrame(1, TimeFrameUnit.Minute))
    )
    bar = next(one for one in streams.rows["bar"] if one.symbol == "MSFT")
    seen["bars"] = [sorted(bars.data), bar in bars.data["MSFT"]]
    since = bar.timestamp - timedelta(minutes=1)
    quotes = data.get_stock_quotes(StockQuotesRequest(symbol_or_symbols="MSFT", start=since, limit=20))
    trades = data.get_stock_trades(StockTradesRequest(symbol_or_symbols=["MSFT", "SPY"], start=since))
    seen["history"] = [len(quotes["MSFT"]), sorted(trades.data)]
    crossed = [one for one in quotes["MSFT"] if one.bid_price >= one.ask_price]
    seen["crossed"] = len(crossed)
    both = ["AAPL", "MSFT"]
    bars = data.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols=both))
    while len(bars) < len(both):  # the first minute in which nobody has traded has none; 200 requests a minute are free
        time.sleep(1)
        bars = data.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols=both))
    latest = [
        data.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=both)),
        data.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols=both)),
        bars,
        data.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=both)),
    ]
    seen["latest"] = [sorted(one) for one in latest]
    seen["snapshot"] = latest[3]["AAPL"].previous_daily_bar.close
    wait_for(lambda: all(streams.rows.values()))
    seen["streamed"] = sorted({one.symbol for one in streams.rows["trade"]})
    last = streams.rows["quote"][-1]
    seen["zone"] = str(last.timestamp.tzinfo)


def main() -> None:
    """Everything, in order."""
    trading, seen = TradingClient(KEY, SECRET, url_override=HTTP), {}
    look(trading, seen)
    streams = Streams()
    try:
        wait_for(lambda: streams.rows["quote"] and streams.trading._running)
        time.sleep(0.5)  # its answer to "listen" is not shown
        fill(trading, streams, seen)
        group(trading, streams, seen)
        refuse(trading, seen)
        history(streams, seen)
    finally:
        streams.stop()
    sys.stdout.write(json.dumps(seen))


main()
