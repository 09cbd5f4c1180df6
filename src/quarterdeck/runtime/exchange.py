"""The loop between a desk's kernel and the simulated venue: what backtests and paper trading share.

One event passes in this order: the venue takes it and reports; the reports, then the event, are applied to the desk;
strategies see the reports, then the event, and ask; what the rails pass goes to the venue's inbox. So an order asked
for at one event can meet the venue at the next one at the earliest, in the book as it was before that.

Everything that is applied to the desk is also laid on the tape, in that order: the tape is what the journal holds.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.account import apply_event, new_events
from quarterdeck.kernel.compiled import JIT_ENABLED, compiled, inlined
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.market import market_accept
from quarterdeck.kernel.market_records import MARKET, MARKET_REPORTS, Market, MarketSetting
from quarterdeck.kernel.pointers import call_strategy
from quarterdeck.kernel.records import ACTIONS, STATE, Event, State
from quarterdeck.kernel.units import events_at, records_at, with_arrays
from quarterdeck.kernel.venue import venue_apply
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.strategies.asking import ASKS

__all__ = [
    "TAPE_MARGIN",
    "TAPE_RECORDS",
    "new_asks",
    "new_reports",
    "new_tape",
    "run",
    "step",
    "step_context",
    "step_one",
    "take",
]

TAPE_MARGIN = MARKET_REPORTS + 64 * ASKS + 1  # records that one event can put on the tape at most
TAPE_RECORDS = 4 * TAPE_MARGIN


@inlined
def _lay(tape: Records[Event], taped: int, record: Event) -> int:
    """Copies a record onto the tape; a tape of no length keeps nothing."""
    if len(tape) == 0:
        return 0
    tape[taped] = record
    return taped + 1


@compiled
def _send(state: State, markets: Records[Market], actions: Records[Event], count: int) -> None:
    """Hands what the kernel wants done to the venue's inbox, behind the order latency."""
    due = state["time_ns"] + markets[0]["settings"][MarketSetting.ORDER_LATENCY_NS]
    for place in range(count):
        kind = actions[place]["kind"]
        if kind <= EventKind.REPLACE or kind == EventKind.LIQUIDATION:
            market_accept(markets, actions, place, 0, due)


@inlined
def step(
    states: Records[State],
    markets: Records[Market],
    events: Records[Event],
    index: int,
    reports: Records[Event],
    actions: Records[Event],
    tape: Records[Event],
    taped: int,
) -> tuple[int, int]:
    """Takes one event through the venue and the desk. Returns (reports made, records on the tape)."""
    state = states[0]
    count = venue_apply(markets, events, index, reports)
    for place in range(count):
        taped = _lay(tape, taped, reports[place])
        said = apply_event(state, reports[place], actions)
        if said:
            _send(state, markets, actions, said)
    taped = _lay(tape, taped, events[index])
    said = apply_event(state, events[index], actions)
    if said:
        _send(state, markets, actions, said)
    return count, taped


@with_arrays
def _step_at(context: Any, index: int, taped: int) -> int:
    states = records_at(context[0], 1, STATE)
    markets = records_at(context[1], 1, MARKET)
    reports = events_at(context[2], MARKET_REPORTS)
    actions = events_at(context[3], ACTIONS)
    tape = events_at(context[4], context[5])
    count, taped = step(states, markets, events_at(context[6], context[7]), index, reports, actions, tape, taped)
    return (count << 32) | taped


def _step_in(context: Any, index: int, taped: int) -> int:
    states, markets, reports, actions, tape, events = context
    count, taped = step(states, markets, events, index, reports, actions, tape, taped)
    return (count << 32) | taped


# `step` for a Python loop: (context, index, taped) -> reports * 2**32 + records on the tape. Each array handed from
# Python to compiled code costs 0.1 us, so the arrays are handed over once, as addresses.
step_one: Final = _step_at if JIT_ENABLED else _step_in


def step_context(states: Any, markets: Any, reports: Any, actions: Any, tape: Any, events: Any) -> Any:
    """Returns the context of `step_one`. The arrays must outlive it."""
    arrays = (states, markets, reports, actions, tape, events)
    if not JIT_ENABLED:
        return arrays
    places = [array.ctypes.data for array in arrays]
    return np.array([*places[:5], len(tape), places[5], len(events)], np.int64)


@compiled
def take(
    states: Records[State],
    markets: Records[Market],
    strategy: int,
    asks: Records[Event],
    count: int,
    actions: Records[Event],
    tape: Records[Event],
    taped: int,
) -> int:
    """Applies what a strategy asked for, in order, and sends what the rails passed. Returns the records on the tape."""
    state = states[0]
    for place in range(count):
        ask = asks[place]
        ask["time_ns"] = state["time_ns"]
        ask["strategy"] = strategy
        taped = _lay(tape, taped, ask)
        said = apply_event(state, ask, actions)
        if said:
            _send(state, markets, actions, said)
    return taped


@compiled
def run(
    states: Records[State],
    markets: Records[Market],
    events: Records[Event],
    start: int,
    stop: int,
    reports: Records[Event],
    actions: Records[Event],
    asks: Records[Event],
    tape: Records[Event],
    targets: Any,
    memories: Any,
) -> tuple[int, int, int]:
    """Runs events[start:stop] with compiled strategies, until done or the tape is nearly full.

    Returns (next event, records on the tape, the strategy that asked for too much or -1).
    """
    taped = 0
    for index in range(start, stop):
        if len(tape) > 0 and taped + TAPE_MARGIN > len(tape):
            return index, taped, -1
        count, taped = step(states, markets, events, index, reports, actions, tape, taped)
        for strategy in range(len(targets)):
            asked = 0
            for place in range(count):
                asked = call_strategy(
                    targets[strategy], memories[strategy], states, strategy, reports, place, asks, asked
                )
            asked = call_strategy(targets[strategy], memories[strategy], states, strategy, events, index, asks, asked)
            if asked > len(asks):
                return index, taped, strategy
            if asked:
                taped = take(states, markets, strategy, asks, asked, actions, tape, taped)
    return stop, taped, -1


def new_reports() -> NDArray[np.void]:
    """Returns room for the reports of one event."""
    return new_events(MARKET_REPORTS)


def new_asks() -> NDArray[np.void]:
    """Returns room for the requests of one strategy at one event."""
    return new_events(ASKS)


def new_tape(records: int = TAPE_RECORDS) -> NDArray[np.void]:
    """Returns a tape; one of no records keeps nothing."""
    return new_events(records)
