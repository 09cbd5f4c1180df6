"""Cancelling and flattening by scope, and what else a person commands.

A scope is (strategy, instrument); -1 means all. Three words, three meanings: PAUSE stops entries, KILL also cancels,
FLATTEN also closes positions. LOCK stops every order, even reducing ones, until it is opened.
"""

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.emission import emit, emit_order
from quarterdeck.kernel.layout import Records, word
from quarterdeck.kernel.orders import new_order, set_working, take_slot
from quarterdeck.kernel.records import INSTRUMENTS, Event, Order, State
from quarterdeck.kernel.vocabulary import EventKind, OrderFlag, OrderType, Reason, TimeInForce

__all__ = ["begin_flatten", "cancel_scope", "continue_flatten", "in_scope", "pause_scope", "paused"]

_EMERGENCY = word(Reason.EMERGENCY_EXIT)


@compiled
def in_scope(wanted: int, index: int) -> bool:
    return wanted < 0 or wanted == index


@compiled
def _closes(state: State, order: Order) -> bool:
    """Whether this is the closing order of a flatten: to cancel it would keep the position open."""
    own = state["positions"][order["strategy"] * INSTRUMENTS + order["instrument"]]
    reducing = order["flags"] & OrderFlag.REDUCING and order["order_type"] == OrderType.MARKET
    return own["flattening"] != 0 and reducing != 0 and order["reason"] == Reason.EMERGENCY_EXIT


@compiled
def cancel_scope(
    state: State, actions: Records[Event], strategy: int, instrument: int, protective: bool, reason: int
) -> None:
    """Cancels every open order of the scope that is not being cancelled; protective ones only when asked to.

    A cancel that was refused or timed out is no longer pending, so calling this again tries it again.
    """
    guard = OrderFlag.PROTECTIVE | OrderFlag.REDUCING
    for place in range(state["open_count"]):
        order = state["orders"][state["open_orders"][place]]
        if not in_scope(strategy, int(order["strategy"])) or not in_scope(instrument, int(order["instrument"])):
            continue
        if order["flags"] & OrderFlag.CANCEL_PENDING or (order["flags"] & guard == guard and not protective):
            continue
        if reason != Reason.EMERGENCY_LOCK and _closes(state, order):
            continue
        emit_order(state, actions, EventKind.CANCEL, order, reason)


@compiled
def pause_scope(state: State, strategy: int, instrument: int, value: int) -> None:
    """Stops (1) or allows (0) entries in a scope. What a narrower scope paused stays so when a wider one resumes."""
    if strategy < 0 and instrument < 0:
        state["paused"] = value
    elif instrument < 0:
        state["strategies"][strategy]["paused"] = value
    elif strategy < 0:
        state["instruments"][instrument]["paused"] = value
    else:
        state["positions"][strategy * INSTRUMENTS + instrument]["paused"] = value


@compiled
def paused(state: State, strategy: int, instrument: int) -> bool:
    """Whether entries are stopped for one strategy in one instrument."""
    return (
        state["paused"]
        + state["strategies"][strategy]["paused"]
        + state["instruments"][instrument]["paused"]
        + state["positions"][strategy * INSTRUMENTS + instrument]["paused"]
    ) > 0


@compiled
def begin_flatten(state: State, actions: Records[Event], strategy: int, instrument: int, person: int) -> None:
    """Pauses the scope, cancels all its orders and marks its positions for closing."""
    pause_scope(state, strategy, instrument, 1)
    for owner in range(state["strategies_count"]):
        for index in range(state["instruments_count"]):
            own = state["positions"][owner * INSTRUMENTS + index]
            # An order at work may still be filled before its cancel arrives.
            at_stake = own["quantity"] != 0 or own["buy_lots"] > 0 or own["sell_lots"] > 0
            if in_scope(strategy, owner) and in_scope(instrument, index) and at_stake:
                own["flattening"] = 1 + max(0, person)
                state["flattening"] = 1
    cancel_scope(state, actions, strategy, instrument, True, _EMERGENCY)


@compiled
def _close_position(state: State, actions: Records[Event], strategy: int, index: int) -> None:
    order_id = take_slot(state)
    if order_id == 0:
        return
    own = state["positions"][strategy * INSTRUMENTS + index]
    side = -1 if own["quantity"] > 0 else 1
    order = new_order(state, order_id, index, strategy, side, abs(own["quantity"]))
    order["person"] = own["flattening"] - 1
    order["reason"] = Reason.EMERGENCY_EXIT
    order["order_type"] = OrderType.MARKET
    order["time_in_force"] = TimeInForce.IOC
    order["flags"] = OrderFlag.REDUCE_ONLY | OrderFlag.REDUCING
    set_working(state, order, order["quantity"])
    emit_order(state, actions, EventKind.SUBMIT, order, _EMERGENCY)


@compiled
def continue_flatten(state: State, actions: Records[Event]) -> None:
    """Sends a closing order for each marked position once nothing works on it any more; unmarks the closed ones."""
    left = 0
    for strategy in range(state["strategies_count"]):
        for index in range(state["instruments_count"]):
            own = state["positions"][strategy * INSTRUMENTS + index]
            if own["flattening"] == 0:
                continue
            if own["quantity"] == 0 and own["buy_lots"] == 0 and own["sell_lots"] == 0:
                action = emit(state, actions, EventKind.FLATTENED)
                action["strategy"] = strategy
                action["instrument"] = index
                action["person"] = own["flattening"] - 1
                own["flattening"] = 0
                continue
            left = 1
            if own["buy_lots"] != 0 or own["sell_lots"] != 0:
                # A cancel that did not take is tried again; so is whatever was sent since.
                cancel_scope(state, actions, strategy, index, True, _EMERGENCY)
            elif not state["breaker"]["locked"]:
                _close_position(state, actions, strategy, index)
    state["flattening"] = left
