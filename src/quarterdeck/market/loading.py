"""Loading market data: files in, one stream of events of one instrument out, with all that is wrong in them said."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from quarterdeck.errors import ConfigError, DataError
from quarterdeck.kernel.vocabulary import InstrumentKind
from quarterdeck.market.bars import convert_bars, convert_quote_bars
from quarterdeck.market.columns import TableKind, detect_kind, detect_roles
from quarterdeck.market.depth import convert_depth
from quarterdeck.market.events import Events, merge_events
from quarterdeck.market.files import Table, data_files, read_table
from quarterdeck.market.funding import convert_funding
from quarterdeck.market.grids import exact_decimal
from quarterdeck.market.inference import infer_lot, infer_tick
from quarterdeck.market.instruments import Instrument
from quarterdeck.market.quality import Quality
from quarterdeck.market.rows import Converted, LoadOptions, Rows, read_rows
from quarterdeck.market.splits import Split, insert_splits, read_splits
from quarterdeck.market.ticks import convert_quotes, convert_trades

__all__ = ["MarketData", "Source", "load", "load_capture"]

Paths = str | Path | Sequence[str | Path]

_CONVERTERS: Final = {
    TableKind.BARS: convert_bars,
    TableKind.CLOSES: convert_bars,
    TableKind.QUOTE_BARS: convert_quote_bars,
    TableKind.QUOTES: convert_quotes,
    TableKind.TRADES: convert_trades,
    TableKind.DEPTH: convert_depth,
}
_QUOTES: Final = ("USDT", "USDC", "USD", "EUR", "BTC", "ETH")
# Words of a file's name that say what it holds and not what of: kinds, intervals, dates, settings.
_DESCRIPTION: Final = re.compile(
    r"\d{4,8}|\d+[smhdw]|trades?|bbo|quotes?|depth|book|ticks?|bars?|ohlcv|funding|rate|ob\d+|l2|adjclose|"
    r"candles|klines",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where data came from: the file, the SHA-256 of its bytes, its rows and what they are."""

    path: str
    sha256: str
    rows: int
    kind: str


@dataclass(frozen=True, slots=True)
class MarketData:
    """One instrument's events in order of receive time, shape (n,) of EVENT, and where they came from.

    `kind` is what the price files hold, joined by + where there are several. Each event's instrument index is the one
    that was asked for; prices are in `instrument`'s ticks, quantities in its lots.
    """

    events: Events = field(repr=False)
    instrument: Instrument
    kind: str
    sources: tuple[Source, ...]
    quality: Quality


def load(
    paths: Paths,
    *,
    funding: str | Path | None = None,
    instrument: Instrument | None = None,
    tick: Decimal | str | None = None,
    lot: Decimal | str | None = None,
    columns: Mapping[str, str] | None = None,
    column: str | None = None,
    timezone: str | None = None,
    interval_ns: int | None = None,
    bar_time: Literal["open", "close"] = "open",
    off_grid: Literal["refuse", "round"] = "refuse",
    keep_suspicious: bool = False,
    splits: Sequence[Split | tuple[int | str | datetime, int, int]] = (),
    instrument_index: int = 0,
) -> MarketData:
    """Loads one instrument from a file, several files, or a directory of them.

    Files of funding rates join the prices. Files that all carry an arrival sequence and a receive time are parts of
    one capture and merge by it; others merge by time, at equal times in the order given.

    instrument: the grid, else `tick` and `lot`, else what the numbers use (see `inference`); symbol and kind of an
        inferred instrument come from the file's name, its fees are 0.
    columns: role -> column (see `columns.ROLES`) where names do not tell. column: the one of a table with one column
        of closes a ticker. timezone: IANA name for times without a zone.
    interval_ns, bar_time: a bar's length, and whether its time is its open (default) or its close.
    off_grid: what happens to a price between two ticks. keep_suspicious: keep prints that the file calls so.
    splits: (time, new shares, old shares) each; those outside the span of the prices are left out.

    Raises DataError naming file and row when the data cannot be traded, ConfigError for an impossible argument.
    """
    options = LoadOptions(
        columns=columns, column=column, timezone=timezone, interval_ns=interval_ns, bar_time=bar_time,
        off_grid=off_grid, keep_suspicious=keep_suspicious, splits=read_splits(splits),
        instrument_index=instrument_index,
    )  # fmt: skip
    tables = [read_table(path) for path in _expand(paths, funding)]
    kinds = [_kind_of(table, options) for table in tables]
    priced = [table for table, (kind, _) in zip(tables, kinds, strict=True) if kind is not TableKind.FUNDING]
    if not priced:
        problem = "holds funding rates only, which are not prices: load it with its bars (bars, funding = ...)"
        raise DataError(tables[0].file, problem)
    _require_one_series(priced)
    parts = [_read(table, kind, roles, options) for table, (kind, roles) in zip(tables, kinds, strict=True)]
    prices = [rows for rows in parts if rows.kind is not TableKind.FUNDING]
    if instrument is None:
        instrument = _infer_instrument(prices, parts, tick, lot)
    elif tick is not None or lot is not None:
        raise ConfigError("load", "tick", str(tick or lot), "given with the instrument, or without one")
    return _assemble(parts, prices, instrument, options)


def load_capture(prefix: str | Path, **options: Any) -> MarketData:
    """Loads the parts of one capture, the files whose names begin with `prefix`, merged in their order of arrival.

    Options are those of `load`. Raises DataError when there is no such file.
    """
    start = Path(prefix)
    found = [path for path in data_files(start.parent) if path.name.startswith(start.name)]
    if not found:
        raise DataError(str(prefix), "no data file has a name that begins so: check the prefix")
    return load(found, **options)


def _expand(paths: Paths, funding: str | Path | None) -> list[Path]:
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if funding is not None:
        given.append(funding)
    if not given:
        raise DataError("load", "no file was named: give a path")
    return [file for path in given for file in data_files(Path(path))]


def _kind_of(table: Table, options: LoadOptions) -> tuple[TableKind, dict[str, str]]:
    roles = detect_roles(table, options.columns)
    return detect_kind(table, roles), roles


def _read(table: Table, kind: TableKind, roles: dict[str, str], options: LoadOptions) -> Rows:
    if kind is not TableKind.CLOSES:
        return read_rows(table, kind, roles, options)
    tickers = [name for name in table.frame.columns if name not in roles.values()]
    if options.column not in tickers:
        problem = "has a column of closes for each ticker and is no one instrument: name one with column = ..."
        raise DataError(table.file, f"{problem} ({', '.join(tickers[:24])})")
    return read_rows(table, kind, {**roles, "close": options.column}, options)


def _require_one_series(tables: Sequence[Table]) -> None:
    """Refuses files whose names are of different instruments: their prices would make one stream of nonsense."""
    series = sorted({_series(table) for table in tables})
    if len(series) > 1:
        folder = str(tables[0].path.parent)
        names = ", ".join(series)
        raise DataError(folder, f"{len(series)} instruments by the files' names ({names}): load one at a time")


def _series(table: Table) -> str:
    words = re.split(r"[_\-. ]+", table.stem)
    return "_".join(word for word in words if not _DESCRIPTION.fullmatch(word)) or table.stem


def _infer_instrument(
    prices: Sequence[Rows], parts: Sequence[Rows], tick: Decimal | str | None, lot: Decimal | str | None
) -> Instrument:
    series = _series(prices[0].table)
    words = series.lower().split("_")
    symbol = series.split("_")[-1]
    if prices[0].kind is TableKind.CLOSES:
        symbol = prices[0].roles["close"]
    kind = InstrumentKind.SPOT
    if len(parts) > len(prices) or {"usdm", "linear", "perp", "perpetual", "swap"} & set(words):
        kind = InstrumentKind.PERPETUAL
    elif "equity" in words:
        kind = InstrumentKind.EQUITY
    quote = next((name for name in _QUOTES if symbol.endswith(name) and symbol != name), "USD")
    step = _given("tick", tick) or infer_tick(prices)
    return Instrument(
        symbol=symbol, venue="simulated", kind=kind, base=symbol.removesuffix(quote) or symbol, quote=quote,
        tick=step, lot=_given("lot", lot) or infer_lot(prices, step), short_allowed=kind is not InstrumentKind.SPOT,
    )  # fmt: skip


def _given(name: str, value: Decimal | str | None) -> Decimal | None:
    if value is None:
        return None
    try:
        step = exact_decimal(value)
    except ValueError as error:
        raise ConfigError("load", name, str(value), f"a positive decimal: {error}") from error
    if step <= 0:
        raise ConfigError("load", name, str(value), "a positive decimal")
    return step


def _assemble(
    parts: Sequence[Rows], prices: Sequence[Rows], instrument: Instrument, options: LoadOptions
) -> MarketData:
    converted = [_CONVERTERS[rows.kind](rows, instrument, options) for rows in prices]
    _require_apart(converted)
    begin = min(int(one.events["time_ns"][0]) for one in converted)
    end = max(int(one.events["time_ns"][-1]) for one in converted)
    converted += [convert_funding(rows, begin, end, options) for rows in parts if rows.kind is TableKind.FUNDING]
    events = insert_splits(_merge(converted), options.splits, options.instrument_index)
    return MarketData(
        events=events,
        instrument=instrument,
        kind=" + ".join(dict.fromkeys(one.rows.kind.value for one in converted)),
        sources=tuple(_source(one.rows) for one in converted),
        quality=Quality(tuple(one.rows.quality(len(one.events)) for one in converted)),
    )


def _source(rows: Rows) -> Source:
    return Source(rows.table.file, rows.table.sha256, rows.inspection.rows, rows.kind.value)


def _require_apart(converted: Sequence[Converted]) -> None:
    """Refuses files that tell the same thing twice: of one kind and overlapping, or bars of different lengths."""
    first: dict[TableKind, Converted] = {}
    for one in sorted(converted, key=lambda part: int(part.events["time_ns"][0])):
        before = first.get(one.rows.kind)
        if before is not None:
            lengths = [part.rows.inspection.facts.get("interval") for part in (before, one)]
            if lengths[0] != lengths[1]:
                problem = f"has bars of {lengths[1]} and {before.rows.table.file} of {lengths[0]}: load one of them"
                raise DataError(one.rows.table.file, problem)
            if one.events["time_ns"][0] < before.events["time_ns"][-1]:
                problem = f"tells of times that {before.rows.table.file} tells of too: load one of them"
                raise DataError(one.rows.table.file, problem)
        first[one.rows.kind] = one


def _merge(converted: Sequence[Converted]) -> Events:
    sequences = [one.sequence for one in converted if one.sequence is not None and "local_time" in one.rows.roles]
    if len(converted) > 1 and len(sequences) == len(converted):
        events = merge_events([one.events for one in converted], sequences)
        if np.all(np.diff(events["time_ns"]) >= 0):
            return events
        problem = "its arrival order and its receive times disagree: these files are no one capture"
        raise DataError(converted[0].rows.table.file, problem)
    return merge_events([one.events for one in converted])
