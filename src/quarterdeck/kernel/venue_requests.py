"""What the simulated venue does with a request that arrived: new order, cancel, replace, liquidation.

| request     | refused, with Reason                                                                            |
|-------------|-------------------------------------------------------------------------------------------------|
| SUBMIT      | SYMBOL_NOT_ALLOWED not listed; ORDER_SHAPE_INVALID price, trigger, quantity or type; below the  |
|             | minimum lots ORDER_SHAPE_INVALID, below the minimum notional NOTIONAL_TOO_SMALL (reduce-only is |
|             | free of both); OVERFLOW notional; DUPLICATE_ORDER id is working; ORDER_TABLE_FULL;              |
|             | PRICE_UNAVAILABLE market order without a price; POST_ONLY_WOULD_CROSS                           |
| CANCEL      | UNKNOWN_ORDER                                                                                   |
| REPLACE     | UNKNOWN_ORDER; as SUBMIT for the new terms; ORDER_SHAPE_INVALID nothing would remain. The old   |
|             | order stands when its replacement is refused                                                    |
| LIQUIDATION | nothing is said: what cannot be traded is dropped                                               |

A replacement keeps its place in the queue only when the price stays and the quantity shrinks.
"""

from quarterdeck.kernel.arithmetic import notional_fits
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.execution import cancel_order, crosses
from quarterdeck.kernel.layout import Records, word
from quarterdeck.kernel.market_records import DataSource, Listing, Market, MarketCount, Message, OrderList
from quarterdeck.kernel.market_reports import report_order, report_refusal
from quarterdeck.kernel.matching import place_order, trigger_stops
from quarterdeck.kernel.records import NO_LIMIT, PRICE_MAX, QUANTITY_MAX, Event
from quarterdeck.kernel.resting import enlist, find_slot, free_order, new_order, unlist
from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentTerm, OrderType, Reason, TimeInForce

__all__ = ["execute_request", "trigger_now"]

_ACCEPTED = word(EventKind.ORDER_ACCEPTED)
_REJECTED = word(EventKind.ORDER_REJECTED)
_REPLACED = word(EventKind.ORDER_REPLACED)
_CANCEL_REJECTED = word(EventKind.CANCEL_REJECTED)
_REPLACE_REJECTED = word(EventKind.REPLACE_REJECTED)
_NONE = word(Reason.NONE)
_NOT_ALLOWED = word(Reason.SYMBOL_NOT_ALLOWED)
_SHAPE = word(Reason.ORDER_SHAPE_INVALID)
_TOO_SMALL = word(Reason.NOTIONAL_TOO_SMALL)
_OVERFLOW = word(Reason.OVERFLOW)
_DUPLICATE = word(Reason.DUPLICATE_ORDER)
_FULL = word(Reason.ORDER_TABLE_FULL)
_NO_PRICE = word(Reason.PRICE_UNAVAILABLE)
_WOULD_CROSS = word(Reason.POST_ONLY_WOULD_CROSS)
_UNKNOWN = word(Reason.UNKNOWN_ORDER)
_LIQUIDATION_ID = word(0)
_STOP_BUY = word(OrderList.STOP_BUY)
_STOP_SELL = word(OrderList.STOP_SELL)


@compiled
def _terms_refused(listing: Listing, request: Message, order_type: int, flags: int) -> int:
    """Why an order of these terms is refused; NONE when it is not."""
    price = request["price"]
    lots = request["quantity"]
    if listing["terms"][InstrumentTerm.LISTED] == 0:
        return _NOT_ALLOWED
    priced = order_type == OrderType.LIMIT or order_type == OrderType.STOP_LIMIT
    stops = order_type == OrderType.STOP or order_type == OrderType.STOP_LIMIT
    if lots <= 0 or lots > QUANTITY_MAX or order_type > OrderType.STOP_LIMIT:
        return _SHAPE
    if priced and (price <= 0 or price > PRICE_MAX):
        return _SHAPE
    if stops and (request["third"] <= 0 or request["third"] > PRICE_MAX):
        return _SHAPE
    value = listing["terms"][InstrumentTerm.VALUE]
    if not priced:
        price = request["third"] if stops else max(listing["ask"], listing["last"])
    if not notional_fits(price, lots, value):
        return _OVERFLOW
    if flags & Flag.REDUCE_ONLY:
        return _NONE
    if lots < listing["terms"][InstrumentTerm.MIN_LOTS]:
        return _SHAPE
    if price > 0 and price * lots * value < listing["terms"][InstrumentTerm.MIN_NOTIONAL]:
        return _TOO_SMALL
    return _NONE


@compiled
def _fill_in(market: Market, slot: int, request: Message) -> None:
    """Copies a request's terms into a new order."""
    order = market["orders"][slot]
    order["instrument"] = request["instrument"]
    order["strategy"] = request["strategy"]
    order["order_type"] = request["order_type"]
    order["time_in_force"] = request["time_in_force"]
    order["flags"] = request["flags"]
    order["side"] = -1 if request["flags"] & Flag.SELL else 1
    priced = request["order_type"] == OrderType.LIMIT or request["order_type"] == OrderType.STOP_LIMIT
    order["price"] = request["price"] if priced else 0
    order["trigger_price"] = request["third"]
    order["quantity"] = request["quantity"]
    order["remaining"] = request["quantity"]


@compiled
def _entry_refused(market: Market, slot: int) -> int:
    """Why a new order is refused by the state of the book; NONE when it is not."""
    order = market["orders"][slot]
    listing = market["listings"][order["instrument"]]
    if order["order_type"] == OrderType.MARKET:
        if listing["source"] == DataSource.NONE:
            return _NO_PRICE
        if listing["source"] == DataSource.PRINTS or crosses(market, order):
            return _NONE
        return _NO_PRICE
    posts = order["order_type"] == OrderType.LIMIT and order["flags"] & Flag.POST_ONLY
    return _WOULD_CROSS if posts and listing["source"] >= DataSource.QUOTES and crosses(market, order) else _NONE


@compiled
def _refuse(market: Market, request: Message, kind: int, reason: int, reports: Records[Event]) -> None:
    market["counts"][MarketCount.REJECTED] += 1
    report_refusal(market, request, kind, reason, reports)


@compiled
def trigger_now(market: Market, listing: Listing, reports: Records[Event]) -> None:
    """Triggers the stops that the present book has reached already."""
    if listing["source"] < DataSource.QUOTES:
        return
    high = listing["ask"] if listing["ask"] > 0 else -1
    low = listing["bid"] if listing["bid"] > 0 else NO_LIMIT
    trigger_stops(market, listing, high, low, reports)


@compiled
def _enter(market: Market, slot: int, reports: Records[Event]) -> None:
    """An accepted order goes where its type belongs."""
    order = market["orders"][slot]
    if order["order_type"] >= OrderType.STOP:
        enlist(market, slot, _STOP_BUY if order["side"] > 0 else _STOP_SELL)
        trigger_now(market, market["listings"][order["instrument"]], reports)
    else:
        place_order(market, slot, reports)


@compiled
def _submit(market: Market, request: Message, reports: Records[Event]) -> None:
    listing = market["listings"][request["instrument"]]
    account = int(request["account"])
    reason = _terms_refused(listing, request, int(request["order_type"]), int(request["flags"]))
    if reason == _NONE and find_slot(market, account, request["order_id"]) != 0:
        reason = _DUPLICATE
    if reason != _NONE:
        _refuse(market, request, _REJECTED, reason, reports)
        return
    slot = new_order(market, account, request["order_id"])
    if slot == 0:
        _refuse(market, request, _REJECTED, _FULL, reports)
        return
    _fill_in(market, slot, request)
    reason = _entry_refused(market, slot)
    if reason != _NONE:
        free_order(market, slot)
        _refuse(market, request, _REJECTED, reason, reports)
        return
    market["counts"][MarketCount.ACCEPTED] += 1
    report_order(market, market["orders"][slot], _ACCEPTED, _NONE, reports)
    _enter(market, slot, reports)


@compiled
def _cancel(market: Market, request: Message, reports: Records[Event]) -> None:
    slot = find_slot(market, int(request["account"]), request["order_id"])
    if slot == 0:
        _refuse(market, request, _CANCEL_REJECTED, _UNKNOWN, reports)
    else:
        cancel_order(market, slot, _NONE, reports)


@compiled
def _replace(market: Market, request: Message, reports: Records[Event]) -> None:
    slot = find_slot(market, int(request["account"]), request["order_id"])
    if slot == 0:
        _refuse(market, request, _REPLACE_REJECTED, _UNKNOWN, reports)
        return
    order = market["orders"][slot]
    listing = market["listings"][order["instrument"]]
    if request["third"] <= 0:
        request["third"] = order["trigger_price"]
    reason = _terms_refused(listing, request, int(order["order_type"]), int(order["flags"]))
    left = request["quantity"] - (order["quantity"] - order["remaining"])
    if reason == _NONE and left <= 0:
        reason = _SHAPE
    price = order["price"]
    new_price = request["price"] if price > 0 else 0
    if reason == _NONE and order["flags"] & Flag.POST_ONLY and order["order_type"] == OrderType.LIMIT:
        order["price"] = new_price
        if listing["source"] >= DataSource.QUOTES and crosses(market, order):
            reason = _WOULD_CROSS
        order["price"] = price
    if reason != _NONE:
        _refuse(market, request, _REPLACE_REJECTED, reason, reports)
        return
    keeps_place = new_price == price and request["third"] == order["trigger_price"] and left <= order["remaining"]
    if not keeps_place:
        unlist(market, slot)
        order["price"] = new_price
        order["trigger_price"] = request["third"]
    order["quantity"] = request["quantity"]
    order["remaining"] = left
    report_order(market, order, _REPLACED, request["quantity"], reports)
    if not keeps_place:
        _enter(market, slot, reports)


@compiled
def _liquidate(market: Market, request: Message, reports: Records[Event]) -> None:
    request["order_id"] = 0
    request["order_type"] = OrderType.MARKET
    request["time_in_force"] = TimeInForce.GTC
    request["flags"] = request["flags"] & Flag.SELL
    if request["quantity"] <= 0 or request["quantity"] > QUANTITY_MAX:
        return
    slot = new_order(market, int(request["account"]), _LIQUIDATION_ID)
    if slot == 0:
        return
    _fill_in(market, slot, request)
    if _entry_refused(market, slot) != _NONE:
        free_order(market, slot)
        return
    place_order(market, slot, reports)


@compiled
def execute_request(market: Market, request: Message, reports: Records[Event]) -> None:
    """Executes one request against the present book. The request may be altered."""
    kind = request["kind"]
    market["counts"][MarketCount.REQUESTS] += 1
    if kind == EventKind.SUBMIT:
        _submit(market, request, reports)
    elif kind == EventKind.CANCEL:
        _cancel(market, request, reports)
    elif kind == EventKind.REPLACE:
        _replace(market, request, reports)
    elif kind == EventKind.LIQUIDATION:
        _liquidate(market, request, reports)
