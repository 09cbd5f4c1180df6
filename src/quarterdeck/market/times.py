"""Columns of times, as UTC nanoseconds.

Whole numbers are seconds, milliseconds, microseconds or nanoseconds since 1970, by their size. Times with a zone, and
texts with a zone or Z, are turned to UTC. Times without a zone are refused unless the caller names the zone. A date is
00:00 UTC of that day.
"""

from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quarterdeck.errors import DataError

__all__ = ["DAY_NS", "format_span", "format_time", "parse_time", "read_times"]

DAY_NS: Final = 86_400_000_000_000
_SECOND_NS: Final = 1_000_000_000
_YEAR_1970: Final = 0
_YEAR_2200: Final = 7_258_118_400 * _SECOND_NS
# A median below the bound is in units of so many nanoseconds; 1e11 s is the year 5138, 1e11 ms is 1973.
_UNITS: Final = ((1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000), (float("inf"), 1))
_BAD: Final = -(2**63)
_LARGEST: Final = 2**63 - 1


def read_times(
    series: pl.Series, file: str, timezone: str | None = None
) -> tuple[NDArray[np.int64], NDArray[np.bool_], bool]:
    """Returns (UTC nanoseconds, where they are no time, whether they are dates). Shapes (rows,).

    Raises DataError for times without a zone and for a column that holds no times at all.
    """
    is_date = series.dtype == pl.Date
    if series.dtype == pl.String:
        series, is_date = _read_text(series, file)
    if series.dtype == pl.Date:
        series = series.cast(pl.Datetime("ns", "UTC"))
    if isinstance(series.dtype, pl.Datetime):
        if series.dtype.time_zone is None:
            series = _name_zone(series, file, timezone)
        nanoseconds = series.dt.epoch("ns")
    elif series.dtype.is_integer() or series.dtype.is_float():
        nanoseconds = _scale(series, file)
    else:
        raise DataError(file, f"column {series.name!r} holds no times but {series.dtype}: name another in columns")
    times = nanoseconds.fill_null(_BAD).to_numpy().astype(np.int64)
    return times, (times < _YEAR_1970) | (times > _YEAR_2200), is_date


def _read_text(series: pl.Series, file: str) -> tuple[pl.Series, bool]:
    filled = series.drop_nulls()
    if len(filled) == 0:
        return series.cast(pl.Int64), False
    first = str(filled[0]).strip()
    if _is_number(first):
        whole = series.cast(pl.Int64, strict=False)
        return (whole if whole.null_count() == series.null_count() else series.cast(pl.Float64, strict=False)), False
    if len(first) == 10:
        return series.str.to_date("%Y-%m-%d", strict=False), True
    has_zone = first.endswith(("Z", "z")) or "+" in first[10:] or "-" in first[10:]
    try:
        if has_zone:
            return series.str.replace(r"[zZ]$", "+00:00").str.to_datetime(
                time_unit="ns", time_zone="UTC", strict=False
            ), False
        return series.str.to_datetime(time_unit="ns", strict=False), False
    except pl.exceptions.PolarsError as error:
        raise DataError(file, f"column {series.name!r} holds no times: {first!r}; write RFC 3339 times", 1) from error


def _name_zone(series: pl.Series, file: str, timezone: str | None) -> pl.Series:
    if timezone is None:
        raise DataError(
            file, f'the times of column {series.name!r} have no zone: name it (timezone = "UTC", "America/New_York")'
        )
    try:
        return series.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null").dt.convert_time_zone(
            "UTC"
        )
    except pl.exceptions.PolarsError as error:
        raise DataError(
            file, f"timezone {timezone!r} is not known: use an IANA name such as America/New_York"
        ) from error


def _scale(series: pl.Series, file: str) -> pl.Series:
    median = series.median()
    if not isinstance(median, int | float) or not median > 0:
        raise DataError(file, f"column {series.name!r} holds no times since 1970: name another in columns")
    unit = next(unit for bound, unit in _UNITS if median < bound)
    if series.dtype.is_integer():
        whole = series.cast(pl.Int64, strict=False)
        return pl.select(pl.when(whole.abs() <= _LARGEST // unit).then(whole * unit)).to_series()
    # A float of seconds holds no more than microseconds exactly.
    return ((series * (unit / 1000)).round() * 1000).cast(pl.Int64, strict=False)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def parse_time(value: int | str | datetime) -> int:
    """Returns UTC nanoseconds of an integer (nanoseconds), an RFC 3339 text or an aware datetime. Raises ValueError."""
    if isinstance(value, int):
        return value
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is None:
        raise ValueError(f"{value} has no zone: write it with one, as in 2014-06-09T00:00:00-04:00")
    span = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (span.days * 86_400 + span.seconds) * _SECOND_NS + span.microseconds * 1000


def format_time(time_ns: int) -> str:
    """Returns RFC 3339 in UTC, to the microsecond where there is a fraction."""
    return datetime.fromtimestamp(time_ns // 1000 / 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def format_span(span_ns: int) -> str:
    """Returns a length of time for people: its largest two units."""
    units = (("d", DAY_NS), ("h", 3600 * _SECOND_NS), ("min", 60 * _SECOND_NS), ("s", _SECOND_NS), ("ms", 1_000_000))
    sign, rest, parts = "-" if span_ns < 0 else "", abs(span_ns), list[str]()
    for name, unit in units:
        if rest >= unit and len(parts) < 2:
            parts.append(f"{rest // unit} {name}")
            rest %= unit
    return sign + (" ".join(parts) or f"{rest} ns")
