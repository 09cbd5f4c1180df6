"""What is wrong with a recorded day, for each instrument: counted from its files, and nothing is repaired.

| finding          | what                                                                                          |
|------------------|-----------------------------------------------------------------------------------------------|
| gap              | the venue's line was down, or nobody recorded                                                  |
| duplicate        | a trade id that was there before; a quote that is the one before it                            |
| missing          | trade ids that were passed over, where the venue counts them one by one                        |
| disorder         | the venue's time went back                                                                    |
| arrival_disorder | our own did, which must not be                                                                 |
| stale            | nothing was heard of the instrument for longer than its `stale_ms`, to a tenth of a second      |
| crossed, locked  | a bid above, or at, the ask: of a quote, or of the book after a whole message                   |
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.capture.books import BookCheck
from quarterdeck.capture.catalogue import Catalogue
from quarterdeck.capture.columns import TABLES
from quarterdeck.capture.days import Day
from quarterdeck.capture.gaps import Gap
from quarterdeck.capture.reading import Group, Numbers, read_groups
from quarterdeck.journal import rfc3339
from quarterdeck.market.quality import FileQuality, Finding, Quality

__all__ = ["Heard", "inspect_day"]

_BINS: Final = 864_000  # tenths of a second of a day
_BIN_NS: Final = 100_000_000
_DAY_NS: Final = _BINS * _BIN_NS
_COUNTED_IDS: Final = frozenset({"binance", "binance-usdm"})  # kinds of venues whose trade ids go up one by one
_NS_PER_MS: Final = 1_000_000


@dataclass(slots=True)
class _Count:
    """How often something was found, and the first row, counted from 1."""

    count: int = 0
    first_row: int | None = None

    def add(self, mask: NDArray[np.bool_], before: int) -> None:
        found = int(np.count_nonzero(mask))
        if found and self.first_row is None:
            self.first_row = before + int(np.argmax(mask)) + 1
        self.count += found


@dataclass(slots=True)
class _Series:
    """One table of one instrument so far."""

    rows: int = 0
    first_ns: int = 0
    last_ns: int = 0
    venue_ns: int = 0
    lag_min_ns: int = 0
    lag_max_ns: int = 0
    silence_ns: int = 0
    last_row: tuple[int, ...] = ()
    found: dict[str, _Count] = field(default_factory=dict[str, _Count])
    ids: list[Numbers] = field(default_factory=list[Numbers])
    details: dict[str, str] = field(default_factory=dict[str, str])
    facts: dict[str, object] = field(default_factory=dict[str, object])

    def note(self, name: str, mask: NDArray[np.bool_]) -> None:
        self.found.setdefault(name, _Count()).add(mask, self.rows)

    def set(self, name: str, count: int, first_row: int | None, detail: str = "") -> None:
        self.found[name] = _Count(count, first_row)
        self.details[name] = detail

    def quality(self, label: str, table: str) -> FileQuality:
        findings = [
            Finding(name, one.count, one.first_row, False, self.details.get(name, ""))
            for name, one in self.found.items()
            if one.count
        ]
        facts: dict[str, object] = {
            "first": rfc3339(self.first_ns),
            "last": rfc3339(self.last_ns),
            "lag_ms": f"{self.lag_min_ns / _NS_PER_MS:.3f} to {self.lag_max_ns / _NS_PER_MS:.3f}",
            "longest_silence_ms": f"{self.silence_ns / _NS_PER_MS:.3f}",
            **self.facts,
        }
        return FileQuality(label, table, self.rows, 0, self.rows, tuple(findings), facts)


class Heard:
    """When anything was heard of an instrument, by tenths of a second of the day."""

    def __init__(self) -> None:
        self._bins = np.zeros(_BINS, np.bool_)
        self.rows = 0

    def take(self, times: Numbers) -> None:
        self._bins[times % _DAY_NS // _BIN_NS] = True
        self.rows += len(times)

    def quality(self, label: str, stale_ns: int) -> FileQuality:
        """Returns the instrument as a whole; silences longer than `stale_ns` are findings."""
        heard = np.flatnonzero(self._bins)
        silences = (np.diff(heard) - 1) * _BIN_NS
        stale = silences[silences > stale_ns]
        longest = int(silences.max()) if len(silences) else 0
        detail = f"{int(stale.sum()) / 1e9:.1f} s in all without a word, each longer than {stale_ns / 1e9:g} s"
        findings = (Finding("stale", len(stale), None, False, detail),) if len(stale) else ()
        return FileQuality(label, "instrument", self.rows, 0, self.rows, findings, {"longest_silence_s": longest / 1e9})


def inspect_day(day: Day, catalogue: Catalogue, gaps: Iterable[Gap]) -> Quality:
    """Returns the quality of a day's files: each venue's line, each instrument, each of its tables."""
    kinds = {one.name: one.kind for one in catalogue.venues}
    stale_ns = {one.label: one.stale_ns for one in catalogue.instruments}
    heard: dict[str, Heard] = {}
    tables: list[FileQuality] = []
    for table in TABLES:
        if table == "connections":
            continue
        series: dict[str, _Series] = {}
        for group in read_groups(day, table):
            one = series.setdefault(group.label, _Series())
            heard.setdefault(group.label, Heard()).take(group.numbers("time_ns"))
            _take(one, table, group)
        if table == "levels":
            _check_books(day, series)
        for label, one in series.items():
            _check_ids(one, kinds.get(label.rpartition("@")[2], "") in _COUNTED_IDS)
            tables.append(one.quality(label, table))
    lines = [_line_quality(venue.name, [gap for gap in gaps if gap.venue == venue.name]) for venue in catalogue.venues]
    whole = [one.quality(label, stale_ns.get(label, _DAY_NS)) for label, one in sorted(heard.items())]
    return Quality((*lines, *whole, *sorted(tables, key=lambda one: one.file)))


def _take(series: _Series, table: str, group: Group) -> None:
    """Adds the next rows of a table."""
    times, venue = group.numbers("time_ns"), group.numbers("venue_time_ns")
    if not series.rows:
        series.first_ns = series.last_ns = int(times[0])
        series.lag_min_ns = series.lag_max_ns = int(times[0] - venue[0])
    steps = np.diff(times, prepend=series.last_ns)
    said = venue > 0  # a message without a time of its own
    newest = np.maximum.accumulate(np.concatenate(([series.venue_ns], venue)))[:-1]
    series.note("disorder", said & (venue < newest))
    series.note("arrival_disorder", steps < 0)
    lags = (times - venue)[said]
    if len(lags):
        series.lag_min_ns = min(series.lag_min_ns, int(lags.min()))
        series.lag_max_ns = max(series.lag_max_ns, int(lags.max()))
    series.silence_ns = max(series.silence_ns, int(steps.max()))
    if table == "trades":
        series.ids.append(group.numbers("trade_id").copy())
    if table == "quotes":
        _take_quotes(series, group, venue)
    series.last_ns, series.venue_ns = int(times[-1]), max(series.venue_ns, int(venue.max()))
    series.rows += len(group)


def _take_quotes(series: _Series, group: Group, venue: Numbers) -> None:
    names = ("bid", "ask", "bid_quantity", "ask_quantity")
    columns = np.stack([venue, *(group.figures(name) for name in names)], axis=1)
    bid, ask = columns[:, 1], columns[:, 2]
    both = (bid > 0) & (ask > 0)
    series.note("crossed", both & (bid > ask))
    series.note("locked", both & (bid == ask))
    before = np.concatenate((np.array([series.last_row or (-1,) * 5], np.int64), columns[:-1]))
    series.note("duplicate", (columns == before).all(axis=1))
    series.last_row = tuple(columns[-1].tolist())


def _check_ids(series: _Series, counted: bool) -> None:
    if not series.ids:
        return
    ids = np.concatenate(series.ids)
    series.ids.clear()
    order = np.argsort(ids, kind="stable")
    ranked = ids[order]
    again = order[1:][ranked[1:] == ranked[:-1]]
    if len(again):
        series.set("duplicate", len(again), int(again.min()) + 1, "trade ids that were there before")
    missing = int(ranked[-1] - ranked[0]) + 1 - (len(ids) - len(again))
    if counted and missing:
        place = int(order[1:][np.diff(ranked) > 1].min()) + 1
        series.set("missing", missing, place, "trade ids that were passed over; the first gap is before this row")


def _check_books(day: Day, series: dict[str, _Series]) -> None:
    """Two passes: all prices of an instrument, then its book."""
    prices: dict[str, Numbers] = {}
    for group in read_groups(day, "levels"):
        known = prices.get(group.label, np.zeros(1, np.int64))
        prices[group.label] = np.union1d(known, group.figures("price"))
    books = {label: BookCheck(known) for label, known in prices.items()}
    for group in read_groups(day, "levels"):
        present = group.figures("quantity") > 0
        asks, clears = group.is_word("side", "ask"), group.is_word("entry", "clear")
        books[group.label].take(group.figures("price"), present, asks, clears, group.flags("last"))
    for label, book in books.items():
        for name, count, row in (
            ("crossed", book.crossed, book.crossed_row),
            ("locked", book.locked, book.locked_row),
        ):
            if count:
                series[label].set(name, count, row, f"of {book.messages:,} whole books")


def _line_quality(venue: str, gaps: list[Gap]) -> FileQuality:
    lost_s = sum(gap.until_ns - gap.since_ns for gap in gaps) / 1e9
    detail = f"{lost_s:.3f} s in all without the venue's line"
    findings = (Finding("gap", len(gaps), None, False, detail),) if gaps else ()
    return FileQuality(venue, "line", 0, 0, 0, findings, {"seconds_without": round(lost_s, 3)})
