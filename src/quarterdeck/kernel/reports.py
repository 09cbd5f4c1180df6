"""What a venue reports of an order: the life cycle table at work, and the fills that move positions.

A fill is a fact. It is applied once (by the venue's trade id) whatever the order's status, even when the table no
longer holds the order; what does not fit is said aloud and stops entries on that instrument until it is reconciled.
"""

from quarterdeck.kernel.bounds import amount_fits, equity_fits, fill_fits
from quarterdeck.kernel.breaker import watch_drawdown
from quarterdeck.kernel.commands import continue_flatten
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.emission import emit_order, notice
from quarterdeck.kernel.layout import Records, word
from quarterdeck.kernel.ledger import post_fee, post_fill, revalue, sum_equity
from quarterdeck.kernel.lifecycle import EFFECT, is_open, next_status
from quarterdeck.kernel.orders import close_order, find_order, new_order, remaining, set_working, take_slot
from quarterdeck.kernel.records import (
    INSTRUMENTS,
    NO_LIMIT,
    ORDERS,
    QUANTITY_MAX,
    Event,
    Order,
    State,
)
from quarterdeck.kernel.trades import seen_trade
from quarterdeck.kernel.vocabulary import (
    Effect,
    EventKind,
    Flag,
    InstrumentTerm,
    OrderFlag,
    OrderStatus,
    OrderType,
    Reason,
    Report,
)

__all__ = ["apply_report", "check_fill"]

_RISK = word(Reason.RISK_MANAGEMENT)
_UNKNOWN_ORDER = word(Reason.UNKNOWN_ORDER)
_IMPOSSIBLE_REPORT = word(Reason.IMPOSSIBLE_REPORT)
_OVERFILL = word(Reason.OVERFILL)
_ORDER_TABLE_FULL = word(Reason.ORDER_TABLE_FULL)


@compiled
def check_fill(state: State, event: Event) -> int:
    """The reason to refuse a fill before anything is touched, or NONE."""
    if not amount_fits(event["fee"]) or event["trade_id"] <= 0:
        return Reason.VALUE_OUT_OF_RANGE.value
    strategy = int(event["strategy"])
    slot = find_order(state, event["order_id"])
    if slot >= 0:
        order = state["orders"][slot]
        strategy = int(order["strategy"])
        if order["filled"] >= QUANTITY_MAX or not amount_fits(order["filled_cost"]) or not amount_fits(order["fee"]):
            return Reason.OVERFLOW.value
    index = int(event["instrument"])
    account = state["accounts"][state["instruments"][index]["terms"][InstrumentTerm.ACCOUNT]]
    fits = fill_fits(state, index, strategy, event["price"], event["quantity"])
    if not fits or not equity_fits(state, account, -float(event["fee"]), account["rate_ppb"]):
        return Reason.OVERFLOW.value
    # A trade not newer than the newest one forgotten may be a repeat: the venue is asked, nothing is assumed. One from
    # before the desk took its account over is in what it took over.
    venue = state["venues"][state["instruments"][index]["terms"][InstrumentTerm.VENUE]]
    if 0 < event["venue_time_ns"] <= max(state["trade_horizon_ns"], venue["opened_ns"]):
        return Reason.TRADE_TOO_OLD.value
    return Reason.NONE.value


@compiled
def _odd(state: State, event: Event, reason: int, actions: Records[Event]) -> None:
    """Says that a report cannot be, and stops entries on its instrument until it is reconciled."""
    index = int(event["instrument"])
    slot = find_order(state, event["order_id"])
    if event["kind"] != EventKind.FILL and slot >= 0:
        index = int(state["orders"][slot]["instrument"])
    action = notice(state, actions, EventKind.ANOMALY, index, int(event["strategy"]), reason)
    action["order_id"] = event["order_id"]
    action["price"] = event["kind"]
    action["quantity"] = event["quantity"]
    state["reasons"][reason] += 1
    # Reports of an order name it, not its instrument: nobody has checked that word.
    if 0 <= index < state["instruments_count"]:
        state["instruments"][index]["unreconciled"] = 1


@compiled
def _fit_reducing(state: State, strategy: int, index: int, may_shrink: bool, actions: Records[Event]) -> None:
    """Shrinks (or, where that was refused, cancels) working reduce orders that have outgrown what they reduce.

    A market order is on its way and cannot be called back: it is left to the venue's own reduce-only check.
    """
    own = state["positions"][strategy * INSTRUMENTS + index]
    if own["reduce_lots"] == 0:
        return
    room = abs(own["quantity"])
    side = -1 if own["quantity"] > 0 else 1
    for place in range(state["open_count"]):
        order = state["orders"][state["open_orders"][place]]
        if order["instrument"] != index or order["strategy"] != strategy or not order["flags"] & OrderFlag.REDUCING:
            continue
        left = max(0, remaining(order))
        most = room if order["side"] == side else 0
        room -= min(left, most)
        if left <= most or order["flags"] & OrderFlag.CANCEL_PENDING:
            continue
        if order["flags"] & OrderFlag.REPLACE_PENDING and most > 0:
            continue  # its answer brings us here again
        if most > 0 and may_shrink and order["order_type"] != OrderType.MARKET:
            order["flags"] |= OrderFlag.REPLACE_PENDING
            order["replace_price"] = order["price"]
            order["replace_quantity"] = order["filled"] + most
            replace = emit_order(state, actions, EventKind.REPLACE, order, _RISK)
            replace["quantity"] = order["replace_quantity"]
        elif most == 0 or order["order_type"] != OrderType.MARKET:
            emit_order(state, actions, EventKind.CANCEL, order, _RISK)


@compiled
def _book_fill(state: State, event: Event, strategy: int, side: int, actions: Records[Event]) -> None:
    """Moves positions and money for a fill, and what follows from the new position."""
    index = int(event["instrument"])
    instrument = state["instruments"][index]
    lots = event["quantity"]
    paid = lots * event["price"] * instrument["terms"][InstrumentTerm.VALUE]
    if instrument["mark_half_ticks"] == 0:
        instrument["mark_half_ticks"] = 2 * event["price"]
    post_fill(state, index, strategy, side, lots, paid)
    post_fee(state, index, strategy, event["fee"])
    revalue(state, index)
    state["equity"] = sum_equity(state)
    state["equity_housed"] = -NO_LIMIT
    state["slack"] = 0
    watch_drawdown(state, actions)
    if strategy >= 0:
        _fit_reducing(state, strategy, index, True, actions)


@compiled
def _fill(state: State, event: Event, slot: int, actions: Records[Event]) -> None:
    side = -1 if event["flags"] & Flag.SELL else 1
    if seen_trade(state, event["trade_id"], int(event["instrument"]), side, event["venue_time_ns"]):
        state["reasons"][Reason.DUPLICATE_TRADE] += 1
        return
    if slot < 0:
        state["fills_unmatched"] += 1
        if not event["flags"] & Flag.LIQUIDATED:
            _odd(state, event, _UNKNOWN_ORDER, actions)
        _book_fill(state, event, int(event["strategy"]), side, actions)
        return
    order = state["orders"][slot]
    if order["instrument"] != event["instrument"] or order["side"] != side:
        _odd(state, event, _IMPOSSIBLE_REPORT, actions)
        _book_fill(state, event, int(order["strategy"]), side, actions)
        return
    total = order["quantity"]
    if order["flags"] & OrderFlag.REPLACE_PENDING:  # the venue may have filled of the new quantity already
        total = max(total, order["replace_quantity"])
    full = order["filled"] + event["quantity"] >= total
    report = Report.FULL_FILL.value if full else Report.PARTIAL_FILL.value
    effect = EFFECT[order["status"], report]
    if order["filled"] + event["quantity"] > total or effect == Effect.ANOMALY:
        _odd(state, event, _OVERFILL, actions)
    order["status"] = next_status(order["status"], report, order["filled"])
    order["filled"] += event["quantity"]
    order["filled_cost"] += event["quantity"] * event["price"]
    order["fee"] += event["fee"]
    order["updated_ns"] = state["time_ns"]
    if effect == Effect.FILL_AND_CLOSE:
        close_order(state, slot)
    elif effect == Effect.FILL:
        left = order["working_lots"] - event["quantity"]
        set_working(state, order, max(0, left))
    _book_fill(state, event, int(order["strategy"]), side, actions)


@compiled
def _amend(state: State, order: Order, event: Event) -> None:
    if event["price"] > 0:
        order["price"] = event["price"]
    order["quantity"] = event["quantity"]
    if event["venue_order_id"] != 0:
        order["venue_order_id"] = event["venue_order_id"]
    order["flags"] &= ~OrderFlag.REPLACE_PENDING & 0xFF
    order["replace_price"] = 0
    order["replace_quantity"] = 0
    if order["filled"] >= order["quantity"]:
        order["status"] = OrderStatus.FILLED
        close_order(state, order["id"] % ORDERS)
    else:
        set_working(state, order, remaining(order))


@compiled
def _clear_pending(state: State, order: Order, report: int) -> None:
    if report == Report.CANCEL_REJECTED:
        order["flags"] &= ~OrderFlag.CANCEL_PENDING & 0xFF
    else:
        order["flags"] &= ~OrderFlag.REPLACE_PENDING & 0xFF
        order["replace_price"] = 0
        order["replace_quantity"] = 0
        if order["filled"] >= order["quantity"]:  # it waited for an answer only
            order["status"] = OrderStatus.FILLED
            close_order(state, order["id"] % ORDERS)
        else:
            set_working(state, order, remaining(order))


@compiled
def _report_of(kind: int) -> int:
    if kind == EventKind.ORDER_ACCEPTED:
        return Report.ACCEPTED.value
    if kind == EventKind.ORDER_REJECTED:
        return Report.REJECTED.value
    if kind == EventKind.ORDER_CANCELED:
        return Report.CANCELED.value
    if kind == EventKind.ORDER_EXPIRED:
        return Report.EXPIRED.value
    if kind == EventKind.ORDER_UNKNOWN:
        return Report.UNKNOWN.value
    if kind == EventKind.ORDER_NOT_FOUND:
        return Report.NOT_FOUND.value
    if kind == EventKind.ORDER_REPLACED:
        return Report.REPLACED.value
    if kind == EventKind.CANCEL_REJECTED:
        return Report.CANCEL_REJECTED.value
    return Report.REPLACE_REJECTED.value


@compiled
def _advance(state: State, event: Event, slot: int, actions: Records[Event]) -> None:
    order = state["orders"][slot]
    report = _report_of(event["kind"])
    effect = EFFECT[order["status"], report]
    if effect == Effect.ANOMALY:
        _odd(state, event, _IMPOSSIBLE_REPORT, actions)
        return
    order["status"] = next_status(order["status"], report, order["filled"])
    if effect == Effect.NOTHING:
        return
    order["updated_ns"] = state["time_ns"]
    if effect == Effect.CLOSE:
        emergency = order["reason"] == Reason.EMERGENCY_EXIT
        close_order(state, slot)
        if state["flattening"] and not emergency:
            continue_flatten(state, actions)
    elif effect == Effect.AMEND:
        _amend(state, order, event)
    elif effect == Effect.CLEAR_PENDING:
        _clear_pending(state, order, report)
    elif report == Report.ACCEPTED:
        order["venue_order_id"] = event["venue_order_id"]
    else:
        order["flags"] &= ~OrderFlag.CANCEL_PENDING & 0xFF
    if effect == Effect.AMEND or report == Report.REPLACE_REJECTED:
        shrinkable = effect == Effect.AMEND
        _fit_reducing(state, int(order["strategy"]), int(order["instrument"]), shrinkable, actions)


@compiled
def _adopt(state: State, event: Event, actions: Records[Event]) -> None:
    """Enters an order found at the venue. It works already, so no rail can refuse it; it counts from now on.

    One of our own, that the journal had lost, keeps the id that its fills will name.
    """
    order_id = event["order_id"]
    if order_id <= 0:
        order_id = take_slot(state)
    elif is_open(state["orders"][order_id % ORDERS]["status"]):
        order_id = 0
    if order_id == 0:
        _odd(state, event, _ORDER_TABLE_FULL, actions)
        return
    side = -1 if event["flags"] & Flag.SELL else 1
    order = new_order(state, order_id, int(event["instrument"]), int(event["strategy"]), side, event["quantity"])
    order["venue_order_id"] = event["venue_order_id"]
    order["tag"] = event["tag"]
    order["price"] = event["price"]
    order["status"] = OrderStatus.ACCEPTED
    order["flags"] = event["flags"] & (Flag.POST_ONLY | Flag.REDUCE_ONLY) | OrderFlag.ADOPTED
    set_working(state, order, event["quantity"])


@compiled
def apply_report(state: State, event: Event, actions: Records[Event]) -> None:
    """Applies a report whose indices `apply` has checked."""
    kind = event["kind"]
    if kind == EventKind.ORDER_ADOPTED:
        _adopt(state, event, actions)
        return
    slot = find_order(state, event["order_id"])
    if kind == EventKind.FILL:
        _fill(state, event, slot, actions)
    elif slot < 0:
        _odd(state, event, _UNKNOWN_ORDER, actions)
    else:
        _advance(state, event, slot, actions)
