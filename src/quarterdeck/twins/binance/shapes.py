"""Orders and trades as REST answers show them, spot and futures."""

from decimal import Decimal
from typing import Any

from quarterdeck.twins.binance.accounts import UNITS, Fill, Order, eight, plain
from quarterdeck.twins.binance.reports import average_price

__all__ = [
    "futures_order_row",
    "futures_trade_row",
    "spot_cancel_row",
    "spot_order_row",
    "spot_placed_row",
    "spot_trade_row",
]

Wire = dict[str, Any]


def _price(order: Order, ticks: int) -> str:
    value = order.listing.instrument.ticks_to_price(ticks)
    return f"{value:f}" if order.listing.futures and ticks else "0" if order.listing.futures else f"{value:.8f}"


def _lots(order: Order, lots: int) -> str:
    value = order.listing.instrument.lots_to_quantity(lots)
    return f"{value:f}" if order.listing.futures else f"{value:.8f}"


def _side(order: Order) -> str:
    return "BUY" if order.side > 0 else "SELL"


def _terms(order: Order) -> Wire:
    """What every answer about a spot order says of it."""
    return {
        "price": _price(order, order.price), "origQty": _lots(order, order.size),
        "executedQty": _lots(order, order.filled), "origQuoteOrderQty": eight(order.quote_units),
        "cummulativeQuoteQty": eight(order.paid), "status": order.status, "timeInForce": order.tif,
        "type": order.kind, "side": _side(order),
    }  # fmt: skip


def spot_placed_row(order: Order, detail: str) -> Wire:
    """Returns the answer to a new spot order: `detail` is ACK, RESULT or FULL."""
    row: Wire = {
        "symbol": order.listing.symbol, "orderId": order.oid, "orderListId": -1, "clientOrderId": order.client_id,
        "transactTime": order.update_ms,
    }  # fmt: skip
    if detail == "ACK":
        return row
    row |= {**_terms(order), "workingTime": order.time_ms, "selfTradePreventionMode": order.stp}
    if detail == "FULL":
        row["fills"] = [
            {
                "price": _price(order, one.price), "qty": _lots(order, one.lots), "commission": eight(one.fee),
                "commissionAsset": one.fee_asset, "tradeId": one.number,
            }
            for one in order.fills
        ]  # fmt: skip
    return row


def spot_cancel_row(order: Order) -> Wire:
    """Returns the answer to the cancel of a spot order."""
    return {
        "symbol": order.listing.symbol, "origClientOrderId": order.client_id, "orderId": order.oid, "orderListId": -1,
        "clientOrderId": order.cancel_id or f"cancel{order.oid}", "transactTime": order.update_ms, **_terms(order),
        "selfTradePreventionMode": order.stp,
    }  # fmt: skip


def spot_order_row(order: Order) -> Wire:
    """Returns a spot order as it is looked up."""
    return {
        "symbol": order.listing.symbol, "orderId": order.oid, "orderListId": -1, "clientOrderId": order.client_id,
        **_terms(order), "stopPrice": "0.00000000", "icebergQty": "0.00000000", "time": order.time_ms,
        "updateTime": order.update_ms, "isWorking": True, "workingTime": order.time_ms,
        "selfTradePreventionMode": order.stp,
    }  # fmt: skip


def spot_trade_row(fill: Fill) -> Wire:
    """Returns a row of myTrades."""
    order = fill.order
    return {
        "symbol": order.listing.symbol, "id": fill.number, "orderId": order.oid, "orderListId": -1,
        "price": _price(order, fill.price), "qty": _lots(order, fill.lots), "quoteQty": eight(fill.paid),
        "commission": eight(fill.fee), "commissionAsset": fill.fee_asset, "time": fill.time_ms,
        "isBuyer": order.side > 0, "isMaker": fill.maker, "isBestMatch": True,
    }  # fmt: skip


def futures_order_row(order: Order, *, placed: bool = False, acknowledged: bool = False) -> Wire:
    """Returns a futures order: as it is looked up, `placed` for answers to a request, `acknowledged` before it acts."""
    filled = 0 if acknowledged else order.filled
    row: Wire = {
        "orderId": order.oid, "symbol": order.listing.symbol, "status": "NEW" if acknowledged else order.status,
        "clientOrderId": order.client_id, "price": _price(order, order.price),
        "avgPrice": "0.00" if acknowledged else average_price(order), "origQty": _lots(order, order.size),
        "executedQty": _lots(order, filled), "cumQuote": "0" if acknowledged else plain(Decimal(order.paid) / UNITS),
        "timeInForce": order.tif, "type": order.kind, "reduceOnly": order.reduce_only, "closePosition": False,
        "side": _side(order), "positionSide": "BOTH", "stopPrice": "0", "workingType": "CONTRACT_PRICE",
        "priceProtect": False, "origType": order.kind, "priceMatch": "NONE", "selfTradePreventionMode": order.stp,
        "goodTillDate": 0, "updateTime": order.update_ms,
    }  # fmt: skip
    if placed:
        row["cumQty"] = row["executedQty"]
    else:
        row["time"] = order.time_ms
    return row


def futures_trade_row(fill: Fill) -> Wire:
    """Returns a row of userTrades."""
    order = fill.order
    return {
        "symbol": order.listing.symbol, "id": fill.number, "orderId": order.oid, "side": _side(order),
        "price": _price(order, fill.price), "qty": _lots(order, fill.lots),
        "realizedPnl": plain(Decimal(fill.result) / UNITS), "quoteQty": plain(Decimal(fill.paid) / UNITS),
        "commission": plain(Decimal(fill.fee) / UNITS), "commissionAsset": fill.fee_asset, "time": fill.time_ms,
        "positionSide": "BOTH", "maker": fill.maker, "buyer": order.side > 0,
    }  # fmt: skip
