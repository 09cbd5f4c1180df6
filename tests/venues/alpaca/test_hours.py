"""What is tested: `quarterdeck.venues.alpaca.hours`: whether the market is open, between two readings too."""

import pytest

from quarterdeck.venues.alpaca.hours import MarketHours, Session
from quarterdeck.venues.alpaca.numbers import nanoseconds
from quarterdeck.venues.alpaca.schema import CalendarDay, Clock

SECOND = 10**9


def clock(at: str, *, is_open: bool, opens: str = "2026-11-23T09:30:00-05:00") -> Clock:
    return Clock(f"2026-11-20T{at}-05:00", is_open, opens, "2026-11-20T16:00:00-05:00")


def test_nothing_is_open_before_the_clock_was_read() -> None:
    hours = MarketHours()
    assert not hours.open_now(100.0)
    assert hours.venue_ns(100.0) == hours.read_ns == 0


def test_it_closes_by_itself_and_asks_more_often_then() -> None:
    hours = MarketHours()
    assert hours.take(clock("15:59:00", is_open=True), 1_000.0)
    assert hours.due(1_000.0)
    assert hours.open_now(1_059.0)
    assert not hours.open_now(1_060.0)
    assert not hours.due(1_014.0)
    assert hours.due(1_015.0)
    assert hours.due(1_061.0)
    assert not hours.due(1_061.5)
    assert hours.due(1_062.0)  # the clock says what it was
    assert hours.take(clock("16:00:03", is_open=False), 1_063.0)
    assert not hours.open_now(1_063.0)
    assert not hours.take(clock("16:00:13", is_open=False), 1_073.0)


def test_it_opens_by_itself() -> None:
    hours = MarketHours()
    hours.take(clock("09:29:00", is_open=False, opens="2026-11-20T09:30:00-05:00"), 0.0)
    assert not hours.open_now(59.0)
    assert hours.open_now(60.0)


def test_a_market_that_runs_faster_is_measured() -> None:
    hours = MarketHours()
    hours.take(clock("15:00:00", is_open=True), 0.0)
    hours.take(clock("15:30:00", is_open=True), 30.0)
    assert hours.venue_ns(40.0) == nanoseconds("2026-11-20T15:40:00-05:00")
    assert hours.open_now(59.0)
    assert not hours.open_now(61.0)


def test_the_calendars_hours_are_in_the_clocks_zone() -> None:
    hours = MarketHours()
    hours.take_day(CalendarDay("2026-11-27", "09:30", "13:00"), clock("10:00:00", is_open=True))
    assert hours.session == Session(nanoseconds("2026-11-27T14:30:00Z"), nanoseconds("2026-11-27T18:00:00Z"))


@pytest.mark.parametrize("day", [CalendarDay("2026-11-27", "9", "13:00"), CalendarDay("soon", "09:30", "13:00")])
def test_a_calendar_that_makes_no_sense_is_refused(day: CalendarDay) -> None:
    with pytest.raises(ValueError, match="no time"):
        MarketHours().take_day(day, clock("10:00:00", is_open=True))
