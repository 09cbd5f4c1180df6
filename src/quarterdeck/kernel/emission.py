"""How the kernel says something: it writes a record into the caller's array of actions."""

from quarterdeck.kernel.arithmetic import ppm_of
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import Records, word
from quarterdeck.kernel.records import Event, Order, State
from quarterdeck.kernel.vocabulary import DeskLimit, EventKind, Flag, InstrumentTerm, OrderFlag
from quarterdeck.kernel.windows import window_add

__all__ = ["blank", "emit", "emit_order", "notice", "warn"]

_ORDER_BITS = Flag.POST_ONLY | Flag.REDUCE_ONLY | Flag.PROTECTIVE
_ALL = word(-1)


@compiled
def blank(record: Event) -> None:
    """Makes a record all zeros but for instrument and strategy, which become -1: none."""
    record["time_ns"] = 0
    record["venue_time_ns"] = 0
    record["kind"] = EventKind.NONE
    record["flags"] = 0
    record["instrument"] = -1
    record["strategy"] = -1
    record["check"] = 0
    record["price"] = 0
    record["quantity"] = 0
    record["order_id"] = 0
    record["trigger_price"] = 0
    record["tag"] = 0


@compiled
def emit(state: State, actions: Records[Event], kind: int) -> Event:
    """Returns a fresh action record. The array holds at least ACTIONS records, which no event can exceed."""
    action = actions[state["emitted"]]
    state["emitted"] += 1
    blank(action)
    action["kind"] = kind
    action["time_ns"] = state["time_ns"]
    return action


@compiled
def emit_order(state: State, actions: Records[Event], kind: int, order: Order, reason: int) -> Event:
    """An action about an order: SUBMIT, CANCEL, REPLACE carry the order's own terms and count as messages."""
    action = emit(state, actions, kind)
    action["instrument"] = order["instrument"]
    action["strategy"] = order["strategy"]
    action["order_type"] = order["order_type"]
    action["time_in_force"] = order["time_in_force"]
    action["person"] = order["person"]
    action["reason"] = reason
    action["flags"] = order["flags"] & _ORDER_BITS
    if order["side"] < 0:
        action["flags"] |= Flag.SELL
    action["price"] = order["price"]
    action["quantity"] = order["quantity"]
    action["order_id"] = order["id"]
    action["trigger_price"] = order["trigger_price"]
    action["tag"] = order["tag"]
    if kind == EventKind.CANCEL:
        order["flags"] |= OrderFlag.CANCEL_PENDING
        action["tag"] = order["venue_order_id"]
    if kind <= EventKind.REPLACE:
        venue = state["instruments"][order["instrument"]]["terms"][InstrumentTerm.VENUE]
        window_add(state["venues"][venue]["messages"], state["time_ns"])
    return action


@compiled
def notice(state: State, actions: Records[Event], kind: int, instrument: int, strategy: int, reason: int) -> Event:
    """A WARNING, ANOMALY, THROTTLED or the like. Each waits for a person's acknowledgement."""
    action = emit(state, actions, kind)
    action["instrument"] = instrument
    action["strategy"] = strategy
    action["reason"] = reason
    state["unacknowledged"] += 1
    return action


@compiled
def warn(state: State, actions: Records[Event], warned: int, scope: int, reason: int, use: int, limit: int) -> int:
    """Says once that `use` reached the warning share of `limit`; takes it back silently below it.

    `warned` is the scope's bit field and its new value is returned; `scope` is the index that the words are about.
    """
    bit = 1 << reason
    share = state["limits"][DeskLimit.WARNING_PPM]
    near = 0 < use >= limit - ppm_of(limit, max(0, 1_000_000 - share))
    if near and not warned & bit:
        action = notice(state, actions, EventKind.WARNING, scope, _ALL, reason)
        action["price"] = use
        action["quantity"] = limit
        return warned | bit
    if not near and warned & bit:
        return warned & ~bit
    return warned
