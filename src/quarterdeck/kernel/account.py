"""`apply`: the account side of the kernel, one event at a time.

An event is checked whole before anything is touched. One that cannot be applied is REFUSED with a reason, counted, and
changes nothing else: never half applied, never wrapped, never guessed at.
"""

import hashlib
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.bounds import amount_fits, capital_fits, equity_fits, fill_fits, funding_fits
from quarterdeck.kernel.breaker import grade_metric
from quarterdeck.kernel.charges import check_charge
from quarterdeck.kernel.compiled import JIT_ENABLED, compiled, inlined
from quarterdeck.kernel.emission import emit
from quarterdeck.kernel.events import (
    apply_account,
    apply_command,
    apply_session,
    check_rescaling,
    house_calls,
    keep_house,
)
from quarterdeck.kernel.layout import Records, allocate
from quarterdeck.kernel.marks import apply_market, check_market
from quarterdeck.kernel.orders import SEQUENCE_BITS
from quarterdeck.kernel.records import (
    ACTIONS,
    EVENT,
    METRICS,
    NO_LIMIT,
    PRICE_MAX,
    QUANTITY_MAX,
    STATE,
    STATE_SCHEMA,
    Event,
    State,
)
from quarterdeck.kernel.reports import apply_report, check_fill
from quarterdeck.kernel.requests import apply_request
from quarterdeck.kernel.settings import apply_setting, check_change, check_setting
from quarterdeck.kernel.units import events_at, record_address, state_at, state_unit, unit
from quarterdeck.kernel.vocabulary import EventKind, InstrumentKind, InstrumentTerm, Reason, SessionMode

__all__ = ["apply", "apply_event", "digest", "new_actions", "new_events", "new_state"]

# What a kind of event needs to be sound: bits of `_NEEDS[kind]`.
_INSTRUMENT, _STRATEGY, _STRATEGY_OR_NONE, _VENUE, _ACCOUNT, _SCOPE, _PRICED, _KNOWN = (1 << bit for bit in range(8))

_KIND_NEEDS: Final = {
    EventKind.QUOTE: _INSTRUMENT,
    EventKind.TRADE: _INSTRUMENT,
    EventKind.LEVEL: _INSTRUMENT,
    EventKind.BOOK_CLEAR: _INSTRUMENT,
    EventKind.BAR: _INSTRUMENT,
    EventKind.MARK: _INSTRUMENT,
    EventKind.FUNDING: _INSTRUMENT,
    EventKind.ORDER_REQUEST: _INSTRUMENT | _STRATEGY,
    EventKind.CANCEL_REQUEST: _STRATEGY,
    EventKind.CANCEL_ALL_REQUEST: _SCOPE,
    EventKind.REPLACE_REQUEST: _STRATEGY,
    EventKind.ORDER_ACCEPTED: 0,
    EventKind.ORDER_REJECTED: 0,
    EventKind.FILL: _INSTRUMENT | _STRATEGY_OR_NONE | _PRICED,
    EventKind.ORDER_CANCELED: 0,
    EventKind.ORDER_EXPIRED: 0,
    EventKind.ORDER_UNKNOWN: 0,
    EventKind.ORDER_NOT_FOUND: 0,
    EventKind.ORDER_REPLACED: 0,
    EventKind.CANCEL_REJECTED: 0,
    EventKind.REPLACE_REJECTED: 0,
    EventKind.ORDER_ADOPTED: _INSTRUMENT | _STRATEGY | _PRICED,
    EventKind.CONNECTION: _VENUE,
    EventKind.VENUE_RESULT: _VENUE,
    EventKind.BALANCE: _ACCOUNT,
    EventKind.POSITION_ADOPTED: _INSTRUMENT | _STRATEGY,
    EventKind.TRANSFER: _ACCOUNT,
    EventKind.FUNDING_PAYMENT: _INSTRUMENT,
    EventKind.CHARGE: _ACCOUNT,
    EventKind.SPLIT: _INSTRUMENT,
    EventKind.TICK_SIZE_CHANGE: _INSTRUMENT,
    EventKind.DELISTING: _INSTRUMENT,
    EventKind.CURRENCY_RATE: _ACCOUNT,
    EventKind.RECONCILIATION: _INSTRUMENT,
    EventKind.RECONCILED: _VENUE,
    EventKind.PAUSE: _SCOPE,
    EventKind.RESUME: _SCOPE,
    EventKind.KILL: _SCOPE,
    EventKind.FLATTEN: _SCOPE,
    EventKind.LOCK: 0,
    EventKind.UNLOCK: 0,
    EventKind.THROTTLE_RESET: _STRATEGY,
    EventKind.CONFIGURE: 0,
    EventKind.ACKNOWLEDGE: 0,
    EventKind.CLOCK: 0,
    EventKind.SESSION_START: 0,
    EventKind.SESSION_END: 0,
    EventKind.METRIC: 0,
}


def _needs() -> NDArray[np.int64]:
    needs = np.zeros(256, np.int64)
    for kind, bits in _KIND_NEEDS.items():
        needs[kind] = bits | _KNOWN
    return needs


_NEEDS: Final = _needs()
_SECOND_NS: Final = 1_000_000_000


@inlined
def _indices_ok(state: State, event: Event, needs: int) -> bool:
    instrument, strategy = event["instrument"], event["strategy"]
    if needs & _INSTRUMENT and not 0 <= instrument < state["instruments_count"]:
        return False
    if needs & _STRATEGY and not 0 <= strategy < state["strategies_count"]:
        return False
    if needs & _STRATEGY_OR_NONE and not -1 <= strategy < state["strategies_count"]:
        return False
    if needs & _VENUE and not 0 <= instrument < state["venues_count"]:
        return False
    if needs & _ACCOUNT and not 0 <= event["row"] < state["accounts_count"]:
        return False
    if needs & _SCOPE:
        return -1 <= instrument < state["instruments_count"] and -1 <= strategy < state["strategies_count"]
    return True


@compiled
def _check_capital(state: State, event: Event, kind: int) -> int:
    """The reason to refuse what moves capital into, out of or inside a purse, or NONE."""
    if kind == EventKind.POSITION_ADOPTED:
        lots = event["quantity"]
        if lots == 0 or not 0 < event["price"] < PRICE_MAX:
            return Reason.VALUE_OUT_OF_RANGE.value
        if not -QUANTITY_MAX < lots < QUANTITY_MAX:
            return Reason.OVERFLOW.value
        index = int(event["instrument"])
        terms = state["instruments"][index]["terms"]
        if terms[InstrumentTerm.KIND] == InstrumentKind.CYCLE:
            return Reason.VALUE_OUT_OF_RANGE.value  # nothing of it can be held
        cost = float(lots) * float(event["price"]) * float(terms[InstrumentTerm.VALUE])
        account = state["accounts"][terms[InstrumentTerm.ACCOUNT]]
        fits = fill_fits(state, index, int(event["strategy"]), event["price"], abs(lots))
        if fits and capital_fits(state, account, 0) and equity_fits(state, account, cost, account["rate_ppb"]):
            return Reason.NONE.value
        return Reason.OVERFLOW.value
    if kind == EventKind.FUNDING_PAYMENT:
        # Payments of an instrument come one after the other: one that is not newer was told before.
        if 0 < event["venue_time_ns"] <= state["instruments"][event["instrument"]]["funding_paid_ns"]:
            return Reason.DUPLICATE_TRADE.value
        fits = amount_fits(event["amount"])
        fits = fits and funding_fits(state, int(event["instrument"]), float(event["amount"]))
        return Reason.NONE.value if fits else Reason.OVERFLOW.value
    if kind == EventKind.CHARGE:
        return check_charge(state, event)
    if not capital_fits(state, state["accounts"][event["row"]], event["amount"]):
        return Reason.OVERFLOW.value
    return Reason.NONE.value


@compiled
def _check_rare(state: State, event: Event, kind: int) -> int:
    """The reason to refuse one of the rarer events, or NONE."""
    if kind == EventKind.CONFIGURE:
        reason = check_setting(event)
        return reason if reason != Reason.NONE else check_change(state, event)
    if kind == EventKind.FILL:
        return check_fill(state, event)
    if kind == EventKind.ORDER_REPLACED:
        # A stop without a limit has no price of its own.
        if not (0 <= event["price"] < PRICE_MAX and 0 < event["quantity"] < QUANTITY_MAX):
            return Reason.VALUE_OUT_OF_RANGE.value
    elif kind == EventKind.POSITION_ADOPTED or EventKind.TRANSFER <= kind <= EventKind.CHARGE:
        return _check_capital(state, event, kind)
    elif kind == EventKind.SPLIT or kind == EventKind.TICK_SIZE_CHANGE:
        return check_rescaling(state, event)
    elif kind == EventKind.CURRENCY_RATE:
        if not 0 < event["rate"] < 2**50:
            return Reason.VALUE_OUT_OF_RANGE.value
        if not equity_fits(state, state["accounts"][event["row"]], 0.0, event["rate"]):
            return Reason.OVERFLOW.value
    elif kind == EventKind.SESSION_START:
        if not state["epoch"] < event["epoch"] < 2**22 or not 0 <= event["value"] <= SessionMode.LIVE:
            return Reason.VALUE_OUT_OF_RANGE.value
    elif kind == EventKind.ORDER_ADOPTED and event["order_id"] >= (state["epoch"] + 1) << SEQUENCE_BITS:
        return Reason.VALUE_OUT_OF_RANGE.value  # an id that this desk cannot have issued
    elif kind == EventKind.METRIC and not 0 <= event["metric"] < METRICS:
        return Reason.INDEX_OUT_OF_RANGE.value
    return Reason.NONE.value


@inlined
def _check(state: State, event: Event, kind: int) -> int:
    """The reason to refuse the event, or NONE. Nothing is touched before this has passed."""
    needs = _NEEDS[kind]
    if needs == 0:
        return Reason.UNKNOWN_KIND.value
    if event["time_ns"] < state["time_ns"]:
        return Reason.TIME_BACKWARDS.value
    if event["time_ns"] >= NO_LIMIT:
        return Reason.VALUE_OUT_OF_RANGE.value
    if not _indices_ok(state, event, needs):
        return Reason.INDEX_OUT_OF_RANGE.value
    if needs & _PRICED and not (0 < event["price"] < PRICE_MAX and 0 < event["quantity"] < QUANTITY_MAX):
        return Reason.VALUE_OUT_OF_RANGE.value
    if kind <= EventKind.FUNDING:
        return check_market(state, state["instruments"][event["instrument"]], event)
    return _check_rare(state, event, kind)


@compiled
def _refuse(state: State, event: Event, reason: int, actions: Records[Event]) -> None:
    state["refused"] += 1
    state["reasons"][reason] += 1
    action = emit(state, actions, EventKind.REFUSED)
    action["reason"] = reason
    action["price"] = event["kind"]
    action["order_id"] = event["order_id"]


@compiled
def _apply_rare(state: State, event: Event, actions: Records[Event]) -> None:
    """Everything that is neither market data, a request nor a report."""
    kind = int(event["kind"])
    if kind <= EventKind.RECONCILED:
        apply_account(state, event, actions)
    elif kind == EventKind.CONFIGURE:
        apply_setting(state, event)
    elif kind <= EventKind.ACKNOWLEDGE:
        apply_command(state, event, actions)
    elif kind == EventKind.SESSION_START or kind == EventKind.SESSION_END:
        apply_session(state, event)
    elif kind == EventKind.METRIC:
        grade_metric(state, actions, event["metric"], event["value"])


@compiled
def _keep_house(state: State, _event: Event, actions: Records[Event]) -> None:
    keep_house(state, actions)


def _request_entry(state: int, event: int, actions: int) -> int:
    apply_request(state_at(state), events_at(event, 1)[0], events_at(actions, ACTIONS))
    return 0


def _report_entry(state: int, event: int, actions: int) -> int:
    apply_report(state_at(state), events_at(event, 1)[0], events_at(actions, ACTIONS))
    return 0


def _rare_entry(state: int, event: int, actions: int) -> int:
    _apply_rare(state_at(state), events_at(event, 1)[0], events_at(actions, ACTIONS))
    return 0


def _house_entry(state: int, event: int, actions: int) -> int:
    _keep_house(state_at(state), events_at(event, 1)[0], events_at(actions, ACTIONS))
    return 0


_requests: Final = state_unit("requests and rails", apply_request, _request_entry)
_reports: Final = state_unit("reports and ledger", apply_report, _report_entry)
_rare: Final = state_unit("commands and account", _apply_rare, _rare_entry)
_house: Final = state_unit("timers and breaker", _keep_house, _house_entry)


@inlined
def _apply_event(state: State, event: Event, actions: Records[Event]) -> int:
    kind = int(event["kind"])
    state["emitted"] = 0
    state["events"] += 1
    reason = _check(state, event, kind)
    if reason != Reason.NONE:
        _refuse(state, event, reason, actions)
    else:
        now = event["time_ns"]
        state["time_ns"] = now
        state["kinds"][kind] += 1
        if now >= state["housekeeping_ns"] and state["session"] and kind != EventKind.LOCK:  # a lock comes first
            state["housekeeping_ns"] = now - now % _SECOND_NS + _SECOND_NS
            if house_calls(state):
                _house(state, event, actions)
        if kind <= EventKind.FUNDING:
            apply_market(state, event, actions)
        elif kind <= EventKind.REPLACE_REQUEST:
            _requests(state, event, actions)
        elif kind <= EventKind.ORDER_ADOPTED:
            _reports(state, event, actions)
        else:
            _rare(state, event, actions)
    count = state["emitted"]
    state["emitted"] = 0
    return count


def _event_entry(state: int, event: int, actions: int) -> int:
    return _apply_event(state_at(state), events_at(event, 1)[0], events_at(actions, ACTIONS))


_call_event: Any = unit("event loop", 3, _event_entry) if JIT_ENABLED else None


def _apply_by_symbol(state: Any, event: Any, actions: Any) -> int:
    return _call_event(record_address(state), record_address(event), actions.ctypes.data)


apply_event: Final = compiled(_apply_by_symbol) if JIT_ENABLED else _apply_event


@compiled
def apply(states: Records[State], events: Records[Event], index: int, actions: Records[Event]) -> int:
    """Applies one event to the state and returns how many actions it wrote.

    `states` is one State (a one-element array, so that the call from Python stays cheap), `actions` an array of at
    least ACTIONS records (`new_actions`). Raises nothing: what cannot be applied comes back as a REFUSED action.
    The caller makes sure that `index` is inside `events`; every index inside the event is checked here.
    """
    return apply_event(states[0], events[index], actions)


def new_state() -> Records[State]:
    """Returns a state that knows nothing yet: one zeroed record. CONFIGURE events make it a desk."""
    states: Any = allocate(STATE)
    states[0]["schema"] = STATE_SCHEMA
    return cast(Records[State], states)


def new_events(count: int) -> NDArray[np.void]:
    """Returns `count` blank event records."""
    return np.zeros(count, EVENT)


def new_actions() -> NDArray[np.void]:
    """Returns room for all that one event can make the kernel say."""
    return np.zeros(ACTIONS, EVENT)


def digest(states: Records[State]) -> bytes:
    """The SHA-256 of the whole state: 32 bytes. Two desks with one digest are one desk."""
    return hashlib.sha256(cast(Any, states).data).digest()
