"""quarterdeck.market.times: one clock in nanoseconds."""

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import DataError
from quarterdeck.market.times import format_span, format_time, parse_time, read_times


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2199, 1, 1)), st.integers(-14, 14))  # noqa: DTZ001 - hypothesis takes naive bounds
def test_a_moment_is_one_number_in_any_zone(moment: datetime, hours: int) -> None:
    aware = moment.replace(tzinfo=UTC)
    shifted = aware.astimezone(timezone(timedelta(hours=hours)))
    assert parse_time(aware) == parse_time(shifted) == parse_time(shifted.isoformat())
    assert parse_time(format_time(parse_time(aware))) == parse_time(aware)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no zone"):
        parse_time("2024-01-01T00:00:00")


@given(st.integers(10**9, 7 * 10**9), st.sampled_from([1, 1000, 10**6, 10**9]))
def test_units_are_known_by_size(seconds: int, unit: int) -> None:
    times, bad, dated = read_times(pl.Series([seconds * unit]), "x")
    assert (times.tolist(), bad.tolist(), dated) == ([seconds * 10**9], [False], False)


def test_missing_and_absurd_times_are_marked() -> None:
    _, bad, _ = read_times(pl.Series([1_700_000_000, None, -5, 10**11 - 1, 2**62, 1_700_000_001]), "x")
    assert bad.tolist() == [False, True, True, True, True, False]


@pytest.mark.parametrize("values", [[True, False], [0, 0], [[1], [2]]])
def test_a_column_without_times_is_refused(values: list[object]) -> None:
    with pytest.raises(DataError, match="holds no times"):
        read_times(pl.Series("when", values), "x")


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_500_000_000, "1 s 500 ms"),
        (-90 * 10**9, "-1 min 30 s"),
        (86_400 * 10**9, "1 d"),
    ],
)
def test_spans_read_well(span: int, text: str) -> None:
    assert format_span(span) == text
