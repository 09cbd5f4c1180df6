"""What is tested: `quarterdeck.twins.alpaca.calendar`, `quarterdeck.twins.alpaca.feed` and
`quarterdeck.twins.alpaca.figures`: sessions, the outside market's time, the venue's way to write times and figures.
"""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market.events import blank_events
from quarterdeck.twins.alpaca.calendar import Calendar, Phase
from quarterdeck.twins.alpaca.feed import SessionFeed
from quarterdeck.twins.alpaca.figures import (
    instant,
    money,
    price,
    quantity,
    read_decimal,
    read_instant,
    share,
    timestamp_bytes,
)
from quarterdeck.twins.feed import RecordedFeed
from tests.twins.alpaca.serving import at
from tests.twins.alpaca.test_exchange import CALENDAR, Rig


@pytest.mark.parametrize(
    ("moment", "phase"),
    [
        ("2026-11-20T03:59:59", Phase.CLOSED),
        ("2026-11-20T04:00", Phase.PRE),
        ("2026-11-20T09:30", Phase.REGULAR),
        ("2026-11-20T15:59:59", Phase.REGULAR),
        ("2026-11-20T16:00", Phase.POST),
        ("2026-11-20T20:00", Phase.CLOSED),
        ("2026-11-21T12:00", Phase.CLOSED),  # a Saturday
        ("2026-11-26T12:00", Phase.CLOSED),  # Thanksgiving
        ("2026-11-27T13:00", Phase.POST),  # the day after closes early
        ("2026-11-27T17:00", Phase.CLOSED),
        ("2025-01-09T12:00", Phase.CLOSED),  # a day of mourning
        ("2026-03-09T09:30", Phase.REGULAR),  # the first day of summer time
        ("2024-07-03T12:59", Phase.REGULAR),
        ("2024-07-03T13:01", Phase.POST),
        ("2024-07-04T12:00", Phase.CLOSED),
        ("2026-06-19T12:00", Phase.CLOSED),
        ("2026-04-03T12:00", Phase.CLOSED),  # Good Friday
    ],
)
def test_phases(moment: str, phase: Phase) -> None:
    assert CALENDAR.phase(at(moment)) is phase


def test_sessions_of_three_years() -> None:
    counts = {year: len(CALENDAR.between(date(year, 1, 1), date(year, 12, 31))) for year in (2024, 2025, 2026)}
    assert counts == {2024: 252, 2025: 250, 2026: 251}
    early = [one.day for one in CALENDAR.sessions if one.close_ns - one.open_ns < 6 * 3600 * 10**9][:9]
    assert [str(day) for day in early] == [
        "2024-07-03", "2024-11-29", "2024-12-24", "2025-07-03", "2025-11-28", "2025-12-24", "2026-11-27", "2026-12-24",
        "2027-11-26",
    ]  # fmt: skip


def test_what_comes_next() -> None:
    noon, night = at("2026-11-25T12:00"), at("2026-11-25T22:00")
    assert CALENDAR.next_open_ns(noon) == CALENDAR.next_open_ns(night) == at("2026-11-27T09:30")
    assert CALENDAR.next_close_ns(noon) == at("2026-11-25T16:00")
    assert CALENDAR.next_close_ns(night) == at("2026-11-27T13:00")
    assert CALENDAR.next_change_ns(noon) == at("2026-11-25T16:00")
    assert CALENDAR.good_for(noon, extended=False).day == date(2026, 11, 25)
    assert CALENDAR.good_for(at("2026-11-25T17:00"), extended=False).day == date(2026, 11, 27)
    assert CALENDAR.good_for(at("2026-11-25T17:00"), extended=True).day == date(2026, 11, 25)
    assert CALENDAR.days_back(date(2026, 11, 27), 2) == [date(2026, 11, 25), date(2026, 11, 27)]


def test_years_that_it_does_not_know() -> None:
    with pytest.raises(ConfigError, match="2024-01-01 to 2029-12-31"):
        Calendar().check(at("2023-06-01T12:00"))


@given(st.integers(at("2024-01-02T05:00"), at("2029-06-01T00:00")))
def test_active_time_stands_still_between_sessions(moment: int) -> None:
    active = CALENDAR.active_ns(moment)
    back = CALENDAR.market_time(active)
    if CALENDAR.phase(moment) is Phase.CLOSED:
        assert back == CALENDAR.previous(moment).post_ns
    elif CALENDAR.session(moment).pre_ns != moment:
        assert back == moment
    assert CALENDAR.active_ns(moment + 10**9) >= active


def test_a_feed_goes_on_in_the_morning() -> None:
    evening = at("2026-11-20T19:59:50")
    events = blank_events(20, EventKind.TRADE, 0)
    events["time_ns"] = np.arange(20) * 10**9 + 1
    listing = Rig().exchange.listings[0]
    feed = SessionFeed(RecordedFeed(events, CALENDAR.active_ns(evening), listing), CALENDAR)
    assert feed.next_ns() == evening
    friday = feed.take(at("2026-11-21T12:00"))
    assert (len(friday), int(friday["time_ns"][-1])) == (11, at("2026-11-20T20:00"))
    assert feed.next_ns() == at("2026-11-23T04:00") + 10**9
    assert len(feed.take(at("2026-11-23T05:00"))) == 9
    assert feed.next_ns() == 2**62


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("2026-11-20", 1_795_132_800 * 10**9),
        ("2026-11-20T00:00:00Z", 1_795_132_800 * 10**9),
        ("2026-11-19T19:00-05:00", 1_795_132_800 * 10**9),
        ("2026-11-20T01:00:00.123456789+01:00", 1_795_132_800 * 10**9 + 123_456_789),
        ("2026-11-20T00:00:00.5 00:00", 1_795_132_800 * 10**9 + 500_000_000),  # a plus that was not escaped
    ],
)
def test_times_are_read(text: str, time_ns: int) -> None:
    assert read_instant(text) == time_ns


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01", "2026-11-20T25:00Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - ours and the library's, both
        read_instant(text)


@given(st.integers(0, 2**62))
def test_times_are_written_and_read(time_ns: int) -> None:
    assert read_instant(instant(time_ns)) == time_ns
    raw = int.from_bytes(timestamp_bytes(time_ns), "big")
    assert (raw & (2**34 - 1)) * 10**9 + (raw >> 34) == time_ns


def test_figures() -> None:
    assert (price(2_300_100), price(10_000), price(1)) == ("230.01", "1", "0.0001")
    assert (quantity(1_500_000), quantity(-100_000_000), money(0)) == ("1.5", "-100", "0")
    assert (share(1, 3), share(5, 0)) == ("0.3333333333", "0")
    assert (read_decimal("1e2"), read_decimal(0.1)) == (Decimal(100), Decimal("0.1"))
    for broken in (None, True, "x", "Infinity", [1]):
        with pytest.raises(ValueError, match="no figure"):
            read_decimal(broken)
