"""Bars are the same whether they are made of quotes, of shorter bars or come whole."""

from typing import Any

import numpy as np
import pytest

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import allocate, record_dtype
from quarterdeck.kernel.records import STATE
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market import Events, blank_events, join_events
from quarterdeck.strategies.bars import Building, add_to_bar, bar_ended, begin_of, shows_price

SECOND = 1_000_000_000


def builder(seconds: int = 60) -> Any:
    bars = allocate(record_dtype(Building))
    bars["width_ns"] = seconds * SECOND
    return bars


def quote(second: float, bid: int, ask: int) -> Events:
    event = blank_events(1, EventKind.QUOTE)
    event["time_ns"], event["bid"], event["ask"] = int(second * SECOND), bid, ask
    return event


def whole(begin: int, end: int, high: int, low: int, close: int) -> Events:
    event = blank_events(1, EventKind.BAR)
    event["venue_time_ns"], event["time_ns"] = begin * SECOND, end * SECOND
    event["open"], event["high"], event["low"], event["close"] = close, high, low, close
    return event


@compiled
def _note(bar: Any, ended: Any, count: int) -> int:
    ended[count, 0] = bar["ended_high"]
    ended[count, 1] = bar["ended_low"]
    ended[count, 2] = bar["ended_close"]
    ended[count, 3] = float(bar["ended_ns"]) / 1e9
    return count + 1


@compiled
def _feed(bars: Any, events: Any, ended: Any) -> int:
    """Feeds events as strategies do and notes the bars that end."""
    count = 0
    for index in range(len(events)):
        event = events[index]
        if bar_ended(bars[0], begin_of(event)):
            count = _note(bars[0], ended, count)
        add_to_bar(bars[0], event)
        if bar_ended(bars[0], event["time_ns"]):
            count = _note(bars[0], ended, count)
    return count


@compiled
def _shows(states: Any, events: Any) -> bool:
    return shows_price(states[0], events[0], 0)


def made(bars: Any, events: list[Events]) -> list[tuple[float, ...]]:
    ended = np.zeros((2 * len(events), 4))
    count = _feed(bars, join_events(events), ended)
    return [tuple(row) for row in ended[:count].tolist()]


def test_quotes_make_bars_of_the_mid() -> None:
    events = [quote(1, 99, 101), quote(30, 104, 107), quote(59, 95, 97), quote(60, 200, 200), quote(119, 210, 210)]
    assert made(builder(), events) == [(105.5, 96.0, 96.0, 60)]


def test_shorter_bars_are_put_together() -> None:
    events = [whole(0, 20, 12, 8, 10), whole(20, 40, 15, 9, 11), whole(40, 60, 13, 7, 9), whole(60, 80, 9, 9, 9)]
    assert made(builder(), events) == [(15.0, 7.0, 9.0, 60)]


def test_longer_bars_stand_as_they_are() -> None:
    events = [whole(0, 300, 12, 8, 10), whole(300, 600, 15, 9, 11)]
    assert [bar[:3] for bar in made(builder(), events)] == [(12.0, 8.0, 10.0), (15.0, 9.0, 11.0)]


def test_bar_ends_although_nothing_comes_for_a_while() -> None:
    assert made(builder(), [quote(1, 10, 10), quote(1_000, 20, 20)]) == [(10.0, 10.0, 10.0, 60)]


def test_short_bar_after_a_gap_ends_both() -> None:
    bars = made(builder(), [whole(0, 20, 12, 8, 10), whole(120, 180, 15, 9, 11)])
    assert bars == [(12.0, 8.0, 10.0, 60), (15.0, 9.0, 11.0, 180)]


@pytest.mark.parametrize(
    ("kind", "bid", "ask", "instrument", "quoted", "shows"),
    [
        (EventKind.QUOTE, 99, 101, 0, 0, True),
        (EventKind.QUOTE, 99, 0, 0, 0, False),
        (EventKind.QUOTE, 0, 101, 0, 0, False),
        (EventKind.QUOTE, 99, 101, 1, 0, False),
        (EventKind.TRADE, 99, 1, 0, 0, True),
        (EventKind.TRADE, 99, 1, 0, 99, False),
        (EventKind.BAR, 99, 99, 0, 0, True),
        (EventKind.MARK, 99, 0, 0, 0, False),
        (EventKind.FILL, 99, 1, 0, 0, False),
    ],
)
def test_what_shows_a_price(kind: EventKind, bid: int, ask: int, instrument: int, quoted: int, shows: bool) -> None:
    states = allocate(STATE)
    states[0]["instruments"][0]["bid"] = quoted
    events = blank_events(1, kind, instrument)
    events["bid"], events["ask"] = bid, ask
    assert bool(_shows(states, events)) is shows
