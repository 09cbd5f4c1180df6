"""A table's rows as arrays, with the checks that every kind of table shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quarterdeck.errors import DataError
from quarterdeck.kernel.vocabulary import Flag
from quarterdeck.market.columns import TableKind
from quarterdeck.market.events import Events
from quarterdeck.market.files import Table
from quarterdeck.market.numbers import Numbers, read_numbers
from quarterdeck.market.quality import FileQuality, Inspection
from quarterdeck.market.splits import Split
from quarterdeck.market.times import format_span, format_time, read_times

__all__ = ["PRICE_ROLES", "Converted", "LoadOptions", "Rows", "read_rows", "read_sides", "report_silence"]

_BAR: Final = ("open", "high", "low", "close")
PRICE_ROLES: Final = {
    TableKind.BARS: _BAR,
    TableKind.QUOTE_BARS: tuple(
        f"{side}_{part}" for side in ("bid", "ask") for part in ("open", "high", "low", "close")
    ),
    TableKind.QUOTES: ("bid", "ask"),
    TableKind.TRADES: ("price",),
    TableKind.DEPTH: ("price",),
    TableKind.CLOSES: ("close",),
    TableKind.FUNDING: (),
}
QUANTITY_ROLES: Final = {
    TableKind.BARS: ("volume",),
    TableKind.QUOTE_BARS: ("bid_quantity", "ask_quantity"),
    TableKind.QUOTES: ("bid_quantity", "ask_quantity"),
    TableKind.TRADES: ("quantity",),
    TableKind.DEPTH: ("quantity",),
    TableKind.CLOSES: (),
    TableKind.FUNDING: (),
}
_CLOCK_OFFSET_NS: Final = 100_000_000  # clocks further apart than this are worth a finding
_SILENCE_NS: Final = 10_000_000_000
_SILENCE_TIMES: Final = 1000
_SIDES: Final = {
    **dict.fromkeys(("buy", "b", "bid", "bids", "1", "long"), 0),
    **dict.fromkeys(("sell", "s", "a", "ask", "asks", "offer", "-1", "short"), int(Flag.SELL)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How files are read. See `loading.load` for what each means."""

    columns: Mapping[str, str] | None = None
    column: str | None = None
    timezone: str | None = None
    interval_ns: int | None = None
    bar_time: Literal["open", "close"] = "open"
    off_grid: Literal["refuse", "round"] = "refuse"
    keep_suspicious: bool = False
    splits: tuple[Split, ...] = ()
    instrument_index: int = 0


@dataclass(slots=True)
class Rows:
    """A table as arrays of shape (rows,). `time_ns` is when the row was known, `venue_ns` the venue's own time."""

    table: Table
    kind: TableKind
    roles: dict[str, str]
    time_ns: NDArray[np.int64]
    venue_ns: NDArray[np.int64]
    dated: bool
    inspection: Inspection
    sequence: NDArray[np.int64] | None
    prices: dict[str, Numbers] = field(default_factory=dict[str, Numbers])
    quantities: dict[str, Numbers] = field(default_factory=dict[str, Numbers])

    def column(self, role: str) -> pl.Series | None:
        """Returns the column of a role, or None when the table has none."""
        return self.table.frame[self.roles[role]] if role in self.roles else None

    def integers(self, role: str) -> NDArray[np.int64] | None:
        """Returns a column of ids, with -1 where there is none; None when the table has no such column."""
        column = self.column(role)
        if column is None:
            return None
        return column.cast(pl.Int64, strict=False).fill_null(-1).to_numpy().astype(np.int64)

    @property
    def good(self) -> NDArray[np.intp]:
        """Positions of the rows that are not refused."""
        return np.flatnonzero(~self.inspection.bad)

    def quality(self, events: int) -> FileQuality:
        """Returns what was found, once the rows became so many events."""
        inspection = self.inspection
        refused = int(np.count_nonzero(inspection.bad))
        return FileQuality(
            self.table.file, self.kind, inspection.rows, refused, events, tuple(inspection.findings), inspection.facts
        )

    def require_usable(self) -> None:
        """Raises DataError when every row is refused, naming the commonest reason."""
        if self.inspection.bad.all():
            worst = max((one for one in self.inspection.findings if one.refused), key=lambda one: one.count)
            detail = f" ({worst.detail})" if worst.detail else ""
            raise DataError(
                self.table.file,
                f"no row can be used: {worst.name} in {worst.count} of {self.inspection.rows} rows{detail}",
                worst.first_row,
            )


@dataclass(frozen=True, slots=True)
class Converted:
    """What a table became: events in order, and for each its place in the capture's arrival order, if there is one."""

    events: Events
    sequence: NDArray[np.int64] | None
    rows: Rows


def read_rows(table: Table, kind: TableKind, roles: dict[str, str], options: LoadOptions) -> Rows:
    """Returns the rows with times and numbers read and the shared checks made. Raises DataError."""
    rows = _read_times(table, kind, roles, options)
    inspection = rows.inspection
    for role in PRICE_ROLES[kind]:
        numbers = rows.prices[role] = read_numbers(table.frame[roles[role]])
        _refuse_values(inspection, roles[role], numbers.values)
        inspection.refuse("zero_price", numbers.values == 0, roles[role])
        inspection.refuse("negative_price", numbers.values < 0, roles[role])
    for role in QUANTITY_ROLES[kind]:
        if role in roles:
            numbers = rows.quantities[role] = read_numbers(table.frame[roles[role]])
            _refuse_values(inspection, roles[role], numbers.values)
            _check_signs(rows, role, numbers.values)
    _refuse_disorder(rows)
    rows.require_usable()
    return rows


def _read_times(table: Table, kind: TableKind, roles: dict[str, str], options: LoadOptions) -> Rows:
    inspection = Inspection(table.frame.height)
    known: dict[str, NDArray[np.int64]] = {}
    bad: dict[str, NDArray[np.bool_]] = {}
    dated = False
    for role in ("local_time", "time", "venue_time"):
        if role in roles:
            known[role], bad[role], is_date = read_times(table.frame[roles[role]], table.file, options.timezone)
            dated |= is_date
    first, *others = known
    inspection.refuse("no_time", bad[first], f"{roles[first]} is no time")
    # A snapshot that was fetched has no time of the venue's own: its receive time stands in.
    venue = known[first]
    for role in ("venue_time", "time"):
        if role in others:
            venue = np.where(bad[role], known[first], known[role])
            if first == "local_time":
                _compare_clocks(inspection, (known[first] - venue)[~(bad[first] | bad[role])])
            break
    sequence = None
    if "sequence" in roles:
        sequence = table.frame[roles["sequence"]].cast(pl.Int64, strict=False).fill_null(-1).to_numpy().astype(np.int64)
    return Rows(table, kind, roles, known[first], venue, dated, inspection, sequence)


def _compare_clocks(inspection: Inspection, offsets: NDArray[np.int64]) -> None:
    if not len(offsets):
        return
    lowest, median, highest = int(offsets.min()), int(np.median(offsets)), int(offsets.max())
    inspection.facts["clock_offset_ns"] = {"min": lowest, "median": median, "max": highest}
    if abs(median) > _CLOCK_OFFSET_NS:
        relation = "behind" if median < 0 else "ahead of"
        detail = f"the recorder's clock is {format_span(abs(median))} {relation} the venue's (median)"
        inspection.note("clock_offset", len(offsets), detail)


def _refuse_values(inspection: Inspection, column: str, values: NDArray[np.float64]) -> None:
    inspection.refuse("no_number", np.isnan(values), f"{column} is missing or no number")
    inspection.refuse("infinite", np.isinf(values), column)


def _check_signs(rows: Rows, role: str, values: NDArray[np.float64]) -> None:
    negative = values < 0
    if 100 * np.count_nonzero(negative) > len(values):
        problem = f"{rows.roles[role]} is negative in many rows, so its sign seems to mean a side: give a side column"
        raise DataError(rows.table.file, problem, int(np.argmax(negative)) + 1)
    rows.inspection.refuse("negative_quantity", negative, rows.roles[role])


def _refuse_disorder(rows: Rows) -> None:
    """Refuses rows whose time is before that of an earlier good row."""
    good = rows.good
    times = rows.time_ns[good]
    if len(good) == 0:
        return
    behind = times < np.maximum.accumulate(times)
    mask = np.zeros(rows.inspection.rows, np.bool_)
    mask[good[behind]] = True
    if 2 * np.count_nonzero(behind) > len(good):
        row = int(np.argmax(mask)) + 1
        raise DataError(rows.table.file, "time goes backwards in most rows: sort the file by time first", row)
    rows.inspection.refuse("time_backwards", mask, "earlier than a row before it")


def read_sides(rows: Rows, column: pl.Series) -> NDArray[np.uint8]:
    """Returns Flag.SELL or 0 per row; refuses rows whose side is neither."""
    words = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    flags = words.replace_strict(_SIDES, default=None, return_dtype=pl.Int64)
    rows.inspection.refuse("no_side", flags.is_null().to_numpy(), f"{column.name} is neither buy nor sell")
    return flags.fill_null(0).to_numpy().astype(np.uint8)


def report_silence(rows: Rows) -> None:
    """Reports stretches without rows: longer than 10 s and than 1000 times the median time between rows."""
    good = rows.good
    gaps = np.diff(rows.time_ns[good])
    if not len(gaps):
        return
    limit = max(_SILENCE_NS, int(np.median(gaps)) * _SILENCE_TIMES)
    silent = np.flatnonzero(gaps > limit)
    if len(silent):
        longest = silent[np.argmax(gaps[silent])]
        after = format_time(int(rows.time_ns[good[longest]]))
        length = format_span(int(gaps[longest]))
        detail = f"longer than {format_span(limit)} without a row; the longest {length} after {after}"
        rows.inspection.note("silence", len(silent), detail, int(good[silent[0] + 1]) + 1)
