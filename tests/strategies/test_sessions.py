"""Sessions are those that the exchange publishes: weekends, holidays, early closes, daylight saving.

What is tested: `quarterdeck.strategies.sessions`.
"""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import ConfigError
from quarterdeck.strategies.sessions import sessions_of

HOUR_NS = 3_600_000_000_000
FIRST_NS, LAST_NS = (int(datetime(year, 1, 3, tzinfo=UTC).timestamp()) * 10**9 for year in (1999, 2035))


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 10**9


TIMES = [
    ("2024-03-08T09:30:00-05:00", True),
    ("2024-03-08T09:29:59-05:00", False),
    ("2024-03-08T15:59:59-05:00", True),
    ("2024-03-08T16:00:00-05:00", False),
    ("2024-03-11T09:30:00-04:00", True),  # the Monday after the clocks went forward
    ("2024-03-11T09:30:00-05:00", True),
    ("2024-03-11T16:00:00-04:00", False),
    ("2024-03-09T12:00:00-05:00", False),  # a Saturday
    ("2024-11-28T12:00:00-05:00", False),  # Thanksgiving
    ("2024-11-29T12:59:59-05:00", True),  # closes at one
    ("2024-11-29T13:00:00-05:00", False),
    ("2025-01-09T12:00:00-05:00", False),  # a day of mourning
    ("2001-09-12T12:00:00-04:00", False),
]


@pytest.mark.parametrize(("text", "is_open"), TIMES)
def test_a_time_is_in_a_session_or_is_not(text: str, is_open: bool) -> None:
    assert (sessions_of("XNYS").at(ns(text)) is not None) is is_open


@given(st.integers(FIRST_NS, LAST_NS))
def test_a_session_holds_the_times_that_it_is_found_by(time_ns: int) -> None:
    sessions = sessions_of("XNYS")
    found, latest = sessions.at(time_ns), sessions.latest(time_ns)
    assert latest.open_ns <= time_ns
    assert latest.close_ns - latest.open_ns <= 6.5 * HOUR_NS
    if found is not None:
        assert found == latest
        assert found.open_ns <= time_ns < found.close_ns
        assert sessions.at(found.close_ns) is None
        assert sessions.at(found.open_ns - 1) is None


def test_sessions_are_numbered_in_order() -> None:
    friday, monday = (sessions_of("XNYS").at(ns(f"2024-03-{day}T18:00:00+00:00")) for day in ("08", "11"))
    assert friday is not None
    assert monday is not None
    assert monday.number == friday.number + 1


def test_an_unknown_exchange_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="XNOWHERE"):
        sessions_of("XNOWHERE")
