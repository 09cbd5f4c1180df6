"""What strategies and operators ask for: an order, a cancel, a replacement. Only here does an order come to be."""

from quarterdeck.kernel.commands import cancel_scope
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.emission import emit, emit_order
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.orders import find_order, new_order, remaining, set_working, take_slot
from quarterdeck.kernel.rails import (
    count_request,
    entry_gate,
    entry_lots,
    reducible_lots,
    reference_half_ticks,
    shape_ok,
)
from quarterdeck.kernel.records import INSTRUMENTS, MONEY_MAX, Event, Instrument, Order, State
from quarterdeck.kernel.vocabulary import (
    Decision,
    EventKind,
    Flag,
    OrderFlag,
    OrderStatus,
    Reason,
)

__all__ = ["apply_request"]


@compiled
def _side_of(event: Event) -> int:
    return -1 if event["flags"] & Flag.SELL else 1


@compiled
def _stop_fits(instrument: Instrument, event: Event) -> bool:
    """Whether the stops of an instrument can be summed up."""
    return float(instrument["net"]["stop_cost"]) + float(event["trigger_price"]) * float(event["quantity"]) < MONEY_MAX


@compiled
def _judge(state: State, event: Event, side: int, actions: Records[Event]) -> tuple[int, int, bool]:
    """Returns (lots approved, reason, whether it reduces). Zero lots: refused for that reason."""
    instrument = state["instruments"][event["instrument"]]
    position = state["positions"][event["strategy"] * INSTRUMENTS + event["instrument"]]
    if not shape_ok(instrument, event):
        return 0, Reason.ORDER_SHAPE_INVALID.value, False
    if state["breaker"]["locked"]:
        return 0, Reason.EMERGENCY_LOCK.value, False
    if event["flags"] & Flag.PROTECTIVE and not _stop_fits(instrument, event):
        return 0, Reason.OVERFLOW.value, False
    reducible = reducible_lots(position, side)
    if reducible >= event["quantity"]:
        return event["quantity"], Reason.NONE.value, True
    if event["flags"] & Flag.REDUCE_ONLY:
        return reducible, Reason.NOT_REDUCING.value, True
    half_ticks = reference_half_ticks(instrument, event, side)
    reason = entry_gate(state, event, side, half_ticks)
    if reason != Reason.NONE:
        return 0, reason, False
    lots, reason = entry_lots(state, event, side, half_ticks, actions)
    return lots, reason, False


@compiled
def _decide(state: State, event: Event, lots: int, reason: int, actions: Records[Event]) -> Event:
    """Says the decision: approved and asked quantity, and the rail that cut or refused it."""
    action = emit(state, actions, EventKind.DECISION)
    action["instrument"] = event["instrument"]
    action["strategy"] = event["strategy"]
    action["order_type"] = event["order_type"]
    action["time_in_force"] = event["time_in_force"]
    action["person"] = event["person"]
    action["flags"] = event["flags"]
    action["price"] = event["price"]
    action["quantity"] = lots
    action["trigger_price"] = event["quantity"]
    action["tag"] = event["tag"]
    action["reason"] = reason
    if lots == 0:
        action["decision"] = Decision.REJECTED
        state["reasons"][reason] += 1
    elif lots < event["quantity"]:
        action["decision"] = Decision.MODIFIED
    else:
        action["decision"] = Decision.APPROVED
    return action


@compiled
def _create(state: State, order_id: int, event: Event, side: int, lots: int, reducing: bool) -> Order:
    order = new_order(state, order_id, int(event["instrument"]), int(event["strategy"]), side, lots)
    order["tag"] = event["tag"]
    order["price"] = event["price"]
    order["trigger_price"] = event["trigger_price"]
    order["person"] = event["person"]
    order["reason"] = event["reason"]
    order["order_type"] = event["order_type"]
    order["time_in_force"] = event["time_in_force"]
    order["flags"] = event["flags"] & (Flag.POST_ONLY | Flag.REDUCE_ONLY | Flag.PROTECTIVE)
    if reducing:
        order["flags"] |= OrderFlag.REDUCING
    set_working(state, order, lots)
    return order


@compiled
def _request_order(state: State, event: Event, actions: Records[Event]) -> None:
    side = _side_of(event)
    lots, reason, reducing = _judge(state, event, side, actions)
    order_id = take_slot(state) if lots > 0 else 0
    if lots > 0 and order_id == 0:
        lots, reason = 0, Reason.ORDER_TABLE_FULL.value
    action = _decide(state, event, lots, reason, actions)
    if lots == 0:
        return
    action["order_id"] = order_id
    count_request(state, event, side, not reducing, actions)
    order = _create(state, order_id, event, side, lots, reducing)
    submit = emit_order(state, actions, EventKind.SUBMIT, order, int(event["reason"]))
    # The venue sees the account's net position: what reduces one strategy may not reduce that.
    if _reducible_at_venue(state, int(event["instrument"]), side) < lots:
        submit["flags"] &= ~Flag.REDUCE_ONLY & 0xFF


@compiled
def _reducible_at_venue(state: State, index: int, side: int) -> int:
    """Lots by which an order on `side` reduces the account's net position."""
    return max(0, -side * state["instruments"][index]["net"]["quantity"])


@compiled
def _request_cancel(state: State, event: Event, actions: Records[Event]) -> None:
    """Cancels pass every rail: an order may always be taken back."""
    slot = find_order(state, event["order_id"])
    if slot < 0 or state["orders"][slot]["open_index"] < 0 or state["orders"][slot]["strategy"] != event["strategy"]:
        _refuse_amendment(state, event, Reason.UNKNOWN_ORDER, actions)
        return
    order = state["orders"][slot]
    if not order["flags"] & OrderFlag.CANCEL_PENDING:
        emit_order(state, actions, EventKind.CANCEL, order, int(event["reason"]))


@compiled
def _refuse_amendment(state: State, event: Event, reason: int, actions: Records[Event]) -> None:
    action = emit(state, actions, EventKind.DECISION)
    action["instrument"] = event["instrument"]
    action["strategy"] = event["strategy"]
    action["order_id"] = event["order_id"]
    action["reason"] = reason
    action["decision"] = Decision.REJECTED
    state["reasons"][reason] += 1


@compiled
def _judge_replacement(state: State, order: Order, scratch: Event, actions: Records[Event]) -> tuple[int, int]:
    """Returns (new total quantity approved, reason). `scratch` is a request for what the change adds."""
    side = int(order["side"])
    instrument = state["instruments"][order["instrument"]]
    left = scratch["quantity"] - order["filled"]
    if left <= 0 or not shape_ok(instrument, scratch):
        return 0, Reason.ORDER_SHAPE_INVALID.value
    if state["breaker"]["locked"]:
        return 0, Reason.EMERGENCY_LOCK.value
    if order["flags"] & OrderFlag.REDUCING:
        position = state["positions"][order["strategy"] * INSTRUMENTS + order["instrument"]]
        most = reducible_lots(position, side) + order["working_lots"]
        if most <= 0:
            return 0, Reason.NOT_REDUCING.value
        return order["filled"] + min(left, most), Reason.NONE.value if left <= most else Reason.NOT_REDUCING.value
    half_ticks = reference_half_ticks(instrument, scratch, side)
    reason = entry_gate(state, scratch, side, half_ticks)
    if reason != Reason.NONE:
        return 0, reason
    # The new order is judged whole, as if the old one did not work.
    working = order["working_lots"]
    set_working(state, order, 0)
    scratch["quantity"] = left
    lots, reason = entry_lots(state, scratch, side, half_ticks, actions)
    set_working(state, order, working)
    return order["filled"] + lots if lots > 0 else 0, reason


@compiled
def _request_replace(state: State, event: Event, actions: Records[Event]) -> None:
    slot = find_order(state, event["order_id"])
    pending = OrderFlag.CANCEL_PENDING | OrderFlag.REPLACE_PENDING
    if slot < 0 or state["orders"][slot]["open_index"] < 0 or state["orders"][slot]["strategy"] != event["strategy"]:
        _refuse_amendment(state, event, Reason.UNKNOWN_ORDER, actions)
        return
    order = state["orders"][slot]
    if order["flags"] & pending or order["status"] == OrderStatus.UNKNOWN:
        _refuse_amendment(state, event, Reason.IMPOSSIBLE_REPORT, actions)
        return
    action = emit_order(state, actions, EventKind.DECISION, order, int(event["reason"]))
    action["price"] = event["price"]
    action["quantity"] = event["quantity"]
    total, reason = _judge_replacement(state, order, action, actions)
    action["quantity"] = total
    action["trigger_price"] = event["quantity"]
    action["reason"] = reason
    if total == 0:
        action["decision"] = Decision.REJECTED
        state["reasons"][reason] += 1
        return
    action["decision"] = Decision.APPROVED if total == event["quantity"] else Decision.MODIFIED
    count_request(state, action, int(order["side"]), False, actions)
    order["flags"] |= OrderFlag.REPLACE_PENDING
    order["replace_price"] = event["price"]
    order["replace_quantity"] = total
    # Until the venue answers, either the old or the new order may be filled: the larger one counts.
    set_working(state, order, max(remaining(order), total - order["filled"]))
    replace = emit_order(state, actions, EventKind.REPLACE, order, int(event["reason"]))
    replace["price"] = event["price"]
    replace["quantity"] = total


@compiled
def apply_request(state: State, event: Event, actions: Records[Event]) -> None:
    """Applies a request whose indices `apply` has checked."""
    kind = event["kind"]
    if kind == EventKind.ORDER_REQUEST:
        _request_order(state, event, actions)
    elif kind == EventKind.CANCEL_REQUEST:
        _request_cancel(state, event, actions)
    elif kind == EventKind.CANCEL_ALL_REQUEST:
        cancel_scope(state, actions, int(event["strategy"]), int(event["instrument"]), True, int(event["reason"]))
    else:
        _request_replace(state, event, actions)
