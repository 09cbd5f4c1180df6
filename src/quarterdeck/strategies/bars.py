"""Bars that a strategy makes for itself, so that it sees the same of quotes, of trades and of a feed of bars.

A bar spans a stated number of seconds from the epoch on. A feed's bars that are shorter are put together; longer ones
stand as they are.
"""

from typing import Annotated, TypedDict

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.records import Event, State
from quarterdeck.kernel.vocabulary import EventKind

__all__ = ["Building", "add_to_bar", "bar_ended", "begin_of", "shows_price"]

I8 = Annotated[int, "i8"]
F8 = Annotated[float, "f8"]


class Building(TypedDict):
    """A bar in the making, and the last one that ended. Prices are floats in ticks: a mid may be half a tick."""

    width_ns: I8
    end_ns: I8
    count: I8  # observations in it
    high: F8
    low: F8
    close: F8
    ended_high: F8
    ended_low: F8
    ended_close: F8
    ended_ns: I8  # when the last ended


@compiled
def shows_price(state: State, event: Event, instrument: int) -> bool:
    """Whether the event tells a price of the instrument: a two-sided quote, a bar, or a trade where nothing quotes."""
    if event["instrument"] != instrument:
        return False
    kind = event["kind"]
    if kind == EventKind.QUOTE:
        return event["bid"] > 0 and event["ask"] > 0
    return kind == EventKind.BAR or (kind == EventKind.TRADE and state["instruments"][instrument]["bid"] == 0)


@compiled
def begin_of(event: Event) -> int:
    """The time that an event tells of first: a bar's open, else its own."""
    return event["venue_time_ns"] if event["kind"] == EventKind.BAR else event["time_ns"]


@compiled
def bar_ended(bar: Building, time_ns: int) -> bool:
    """Whether the bar has ended by this time; if so it is kept in `ended_*` and a new one begins."""
    if bar["count"] == 0 or time_ns < bar["end_ns"]:
        return False
    bar["ended_high"] = bar["high"]
    bar["ended_low"] = bar["low"]
    bar["ended_close"] = bar["close"]
    bar["ended_ns"] = bar["end_ns"]
    bar["count"] = 0
    return True


@compiled
def add_to_bar(bar: Building, event: Event) -> None:
    """Adds an event that `shows_price`. `bar_ended` must have been asked before, with the event's begin."""
    if event["kind"] == EventKind.QUOTE:
        close = float(event["bid"] + event["ask"]) * 0.5
        high = close
        low = close
    elif event["kind"] == EventKind.TRADE:
        close = float(event["price"])
        high = close
        low = close
    else:
        close = float(event["close"])
        high = float(event["high"])
        low = float(event["low"])
    if bar["count"] == 0:
        bar["end_ns"] = (begin_of(event) // bar["width_ns"] + 1) * bar["width_ns"]
        bar["high"] = high
        bar["low"] = low
    bar["count"] += 1
    bar["high"] = max(bar["high"], high)
    bar["low"] = min(bar["low"], low)
    bar["close"] = close
