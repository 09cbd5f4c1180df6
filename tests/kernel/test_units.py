"""Compile units and calls by address give what plain calls give."""

from typing import Any

import numpy as np

from quarterdeck.kernel.account import apply, new_actions, new_events, new_state
from quarterdeck.kernel.compiled import compiled, source_hash
from quarterdeck.kernel.market import market_apply, new_market
from quarterdeck.kernel.market_records import MARKET_REPORTS
from quarterdeck.kernel.pointers import address_of, call_strategy
from quarterdeck.kernel.units import state_unit
from quarterdeck.kernel.venue import venue_apply
from quarterdeck.kernel.vocabulary import EventKind

MEMORY = np.dtype([("seen", "<i8")])


@compiled
def _count(state: Any, strategy: int, memory: Any, event: Any, asks: Any, count: int) -> int:
    memory["seen"] += event["price"] + strategy + state["events"]
    asks[count]["tag"] = memory["seen"]
    return count + 1


@compiled
def _call(target: Any, memory: Any, states: Any, events: Any, asks: Any) -> int:
    return call_strategy(target, memory, states, 3, events, 1, asks, 1)


def test_a_strategy_called_by_address_sees_its_memory_the_state_and_the_event() -> None:
    states, events, asks, memory = new_state(), new_events(2), new_events(4), np.zeros(1, MEMORY)
    states[0]["events"] = 100
    events["price"] = (5, 7)
    target, keep = address_of(_count, MEMORY, 4)
    handle = memory.ctypes.data if isinstance(target, int) else memory
    assert keep is not None
    assert _call(target, handle, states, events, asks) == 2
    assert memory["seen"][0] == 7 + 3 + 100
    assert asks["tag"].tolist() == [0, 110, 0, 0]


def test_a_unit_is_the_function_itself_where_nothing_is_compiled() -> None:
    from quarterdeck.kernel.compiled import JIT_ENABLED

    def nothing(_state: Any, _event: Any, _actions: Any) -> None:
        return None

    if not JIT_ENABLED:
        assert state_unit("nothing", nothing, lambda *_: 0) is nothing


def test_an_event_passes_through_the_units_and_comes_back_with_its_actions() -> None:
    states, events, actions = new_state(), new_events(1), new_actions()
    events["kind"] = EventKind.PAUSE
    events["instrument"] = events["strategy"] = -1
    assert apply(states, events, 0, actions) == 0
    assert states[0]["paused"] == 1
    events["kind"] = 127
    assert apply(states, events, 0, actions) == 1
    assert actions[0]["kind"] == EventKind.REFUSED


def test_the_source_hash_is_sixteen_hex_digits_and_stands_still() -> None:
    assert source_hash() == source_hash()
    assert len(source_hash()) == 16
    assert int(source_hash(), 16) >= 0


def test_the_venue_as_a_unit_does_what_market_apply_does() -> None:
    @compiled
    def through_unit(markets: Any, events: Any, index: int, reports: Any) -> int:
        return venue_apply(markets, events, index, reports)

    markets, others, reports = new_market(), new_market(), new_events(MARKET_REPORTS)
    events = new_events(2)
    events["kind"] = EventKind.QUOTE
    events["bid"], events["ask"], events["bid_quantity"], events["ask_quantity"] = (5, 6), (7, 7), 1, 2
    for index in range(2):
        assert through_unit(markets, events, index, reports) == market_apply(others, events, index, reports)
    assert markets[0]["listings"][0]["bid"] == 6
    assert bytes(memoryview(markets.view("u1"))) == bytes(memoryview(others.view("u1")))  # pyright: ignore[reportAttributeAccessIssue] arrays
