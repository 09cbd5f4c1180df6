"""What an account is told unasked: spot execution reports and balances, futures order and account updates."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from quarterdeck.twins.binance.accounts import UNITS, Account, Fill, Order, eight, plain
from quarterdeck.twins.binance.listings import USDT, Listing
from quarterdeck.twins.binance.margin import Margin

__all__ = [
    "account_position",
    "account_update",
    "average_price",
    "entry_price",
    "execution_report",
    "income_row",
    "order_trade_update",
]

Wire = dict[str, Any]


def _spot_price(order: Order, ticks: int) -> str:
    return f"{order.listing.instrument.ticks_to_price(ticks):.8f}"


def _spot_lots(order: Order, lots: int) -> str:
    return f"{order.listing.instrument.lots_to_quantity(lots):.8f}"


def execution_report(order: Order, execution: str, now_ms: int, fill: Fill | None) -> Wire:
    """Returns a spot executionReport: `execution` is NEW, TRADE, CANCELED, EXPIRED or TRADE_PREVENTION."""
    row: Wire = {
        "e": "executionReport", "E": now_ms, "s": order.listing.symbol, "c": order.client_id,
        "S": "BUY" if order.side > 0 else "SELL", "o": order.kind, "f": order.tif,
        "q": _spot_lots(order, order.size), "p": _spot_price(order, order.price), "P": "0.00000000",
        "F": "0.00000000", "g": -1, "C": "", "x": execution, "X": order.status, "r": "NONE", "i": order.oid,
        "l": _spot_lots(order, fill.lots if fill else 0), "z": _spot_lots(order, order.filled),
        "L": _spot_price(order, fill.price if fill else 0), "n": eight(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None, "T": now_ms, "t": fill.number if fill else -1,
        "I": order.oid * 2 + len(order.fills), "w": order.open, "m": fill.maker if fill else False, "M": False,
        "O": order.time_ms, "Z": eight(order.paid), "Y": eight(fill.paid if fill else 0),
        "Q": eight(order.quote_units), "W": order.time_ms, "V": order.stp,
    }  # fmt: skip
    if execution == "CANCELED":
        # The venue names the cancel request's own id in c and the order's in C.
        row["C"], row["c"] = order.client_id, order.cancel_id or f"cancel{order.oid}"
    if execution == "TRADE_PREVENTION":
        row |= {"v": order.oid, "A": _spot_lots(order, order.left), "B": _spot_lots(order, order.left), "u": order.oid}
    return row


def account_position(account: Account, assets: Iterable[str], now_ms: int) -> Wire:
    """Returns a spot outboundAccountPosition: the balances that an event may have changed."""
    rows = [{"a": one, "f": eight(account.free(one)), "l": eight(account.locked(one))} for one in sorted(assets)]
    return {"e": "outboundAccountPosition", "E": now_ms, "u": now_ms, "B": rows}


def average_price(order: Order) -> str:
    """Returns what an order was filled at, "0" before."""
    if not order.filled:
        return "0"
    quantity = order.listing.instrument.lots_to_quantity(order.filled)
    return plain(round(Decimal(order.paid) / UNITS / quantity, 5))


def order_trade_update(order: Order, execution: str, now_ms: int, fill: Fill | None) -> Wire:
    """Returns a futures ORDER_TRADE_UPDATE: `execution` is NEW, TRADE, CANCELED, EXPIRED or AMENDMENT."""
    instrument = order.listing.instrument
    row: Wire = {
        "s": order.listing.symbol, "c": order.client_id, "S": "BUY" if order.side > 0 else "SELL",
        "o": "LIQUIDATION" if order.liquidation else order.kind, "f": order.tif,
        "q": plain(instrument.lots_to_quantity(order.size)), "p": plain(instrument.ticks_to_price(order.price)),
        "ap": average_price(order), "sp": "0", "x": execution, "X": order.status, "i": order.oid,
        "l": plain(instrument.lots_to_quantity(fill.lots if fill else 0)),
        "z": plain(instrument.lots_to_quantity(order.filled)),
        "L": plain(instrument.ticks_to_price(fill.price if fill else 0)),
        "n": plain(Decimal(fill.fee if fill else 0) / UNITS), "N": fill.fee_asset if fill else USDT, "T": now_ms,
        "t": fill.number if fill else 0, "b": "0", "a": "0", "m": fill.maker if fill else False,
        "R": order.reduce_only, "wt": "CONTRACT_PRICE", "ot": order.kind, "ps": "BOTH", "cp": False,
        "rp": plain(Decimal(fill.result if fill else 0) / UNITS), "pP": False, "si": 0, "ss": 0, "V": order.stp,
        "pm": "NONE", "gtd": 0,
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "T": now_ms, "E": now_ms, "o": row}


def entry_price(account: Account, listing: Listing) -> str:
    """Returns the average price of a position, "0.0" where there is none."""
    held = account.positions.get(listing.index)
    if held is None or not held.lots:
        return "0.0"
    return plain(round(Decimal(held.cost) / UNITS / listing.instrument.lots_to_quantity(held.lots), 8))


def account_update(margin: Margin, account: Account, listing: Listing, why: str, change: int, now_ms: int) -> Wire:
    """Returns a futures ACCOUNT_UPDATE: `why` is ORDER or FUNDING_FEE, `change` units beside trades."""
    held, wallet = account.position(listing.index), eight(account.wallet)
    positions = [
        {
            "s": listing.symbol, "pa": plain(listing.instrument.lots_to_quantity(held.lots)),
            "ep": entry_price(account, listing), "bep": entry_price(account, listing), "cr": "0",
            "up": eight(margin.unrealised(account, listing)), "mt": "cross", "iw": "0", "ps": "BOTH",
        }
    ]  # fmt: skip
    told: Wire = {"m": why, "B": [{"a": USDT, "wb": wallet, "cw": wallet, "bc": eight(change)}]}
    told["P"] = [] if why == "FUNDING_FEE" else positions  # cross funding tells the balance alone
    return {"e": "ACCOUNT_UPDATE", "E": now_ms, "T": now_ms, "a": told}


def income_row(listing: Listing, kind: str, units: int, now_ms: int, number: int) -> Wire:
    """Returns a row of the income history."""
    return {
        "symbol": listing.symbol, "incomeType": kind, "income": eight(units), "asset": USDT, "info": kind,
        "time": now_ms, "tranId": now_ms * 1_000 + number % 1_000, "tradeId": str(number),
    }  # fmt: skip
