"""quarterdeck.market.events: arrays of events keep every byte."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market import Events, blank_events, join_events, merge_events, take_events
from quarterdeck.market.events import insert_events


def numbered(times: list[int], kind: EventKind = EventKind.QUOTE) -> Events:
    events = blank_events(len(times), kind, 3)
    events["time_ns"], events["update_id"] = times, np.arange(len(times))
    return events


def test_blank_events_are_zero_but_for_kind_and_instrument() -> None:
    events = numbered([0])
    assert events.dtype == EVENT
    assert (int(events[0]["kind"]), int(events[0]["instrument"]), sum(events.tobytes())) == (1, 3, 4)


def test_taking_and_joining_keep_the_bytes() -> None:
    events = numbered(list(range(10)))
    assert join_events([take_events(events, np.arange(4)), take_events(events, np.arange(10) >= 4)]).tobytes() == (
        events.tobytes()
    )


@given(st.lists(st.lists(st.integers(0, 20)), min_size=1, max_size=4))
def test_merging_orders_by_time_and_keeps_the_order_of_equals(times: list[list[int]]) -> None:
    parts = [numbered(sorted(part), EventKind(1 + index)) for index, part in enumerate(times)]
    merged = merge_events(parts)
    keys = list(zip(merged["time_ns"].tolist(), merged["kind"].tolist(), merged["update_id"].tolist(), strict=True))
    assert keys == sorted(keys)
    assert len(merged) == sum(map(len, times))


def test_inserting_puts_before_the_place() -> None:
    events = insert_events(numbered([1, 2, 3]), np.array([1, 3]), numbered([7, 8]))
    assert events["time_ns"].tolist() == [1, 7, 2, 3, 8]
