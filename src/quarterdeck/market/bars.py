"""Bars: of prices, of quotes, and closes alone.

A bar is known at its close: that is its event's time; its open is the venue time. A file's time is the bar's open (or
its close, when the caller says so). The interval is the commonest time between bars. A date stands for the whole day
in UTC, so a daily bar is known at the next day's 00:00. A bar of quotes becomes one QUOTE at its close.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import DataError
from quarterdeck.kernel.records import PRICE_MAX, QUANTITY_MAX
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market.columns import TableKind
from quarterdeck.market.events import blank_events
from quarterdeck.market.instruments import Instrument
from quarterdeck.market.numbers import steps_of
from quarterdeck.market.rows import PRICE_ROLES, Converted, LoadOptions, Rows
from quarterdeck.market.splits import report_suspected_splits
from quarterdeck.market.times import DAY_NS, format_span

__all__ = ["convert_bars", "convert_quote_bars", "price_ticks", "quantity_lots"]

_STALE_BARS: Final = 12


def price_ticks(rows: Rows, instrument: Instrument, options: LoadOptions) -> dict[str, NDArray[np.int64]]:
    """Returns ticks per role; refuses prices off the grid (or rounds and reports them) and too large ones."""
    ticks: dict[str, NDArray[np.int64]] = {}
    for role, numbers in rows.prices.items():
        ticks[role], off = steps_of(numbers, instrument.tick)
        detail = f"{rows.roles[role]} is no multiple of the tick {instrument.tick:f}"
        if options.off_grid == "round":
            rows.inspection.report("price_rounded", off, detail)
            detail = f"{rows.roles[role]} is rounded to no tick at all"
            rows.inspection.refuse("zero_price", (ticks[role] <= 0) & (numbers.values > 0), detail)
        else:
            detail += '; give the tick, or off_grid = "round"'
            rows.inspection.refuse("off_grid", off & ~rows.inspection.bad, detail)
        large = np.isfinite(numbers.values) & (numbers.values >= PRICE_MAX * float(instrument.tick))
        rows.inspection.refuse("price_too_large", large, f"{PRICE_MAX} ticks or more")
    return ticks


def quantity_lots(rows: Rows, instrument: Instrument) -> dict[str, NDArray[np.int64]]:
    """Returns lots per role, rounded down and counted where finer than a lot; refuses too large ones."""
    lots: dict[str, NDArray[np.int64]] = {}
    for role, numbers in rows.quantities.items():
        lots[role], off = steps_of(numbers, instrument.lot, floor=True)
        rows.inspection.report("quantity_rounded_down", off, f"{rows.roles[role]} to a lot of {instrument.lot:f}")
        large = np.isfinite(numbers.values) & (numbers.values >= QUANTITY_MAX * float(instrument.lot))
        rows.inspection.refuse("quantity_too_large", large, f"{QUANTITY_MAX} lots or more")
    return lots


def convert_bars(rows: Rows, instrument: Instrument, options: LoadOptions) -> Converted:
    """Returns one BAR per good row. Closes alone become bars of one price without volume."""
    ticks, lots = price_ticks(rows, instrument, options), quantity_lots(rows, instrument)
    if rows.kind is TableKind.CLOSES:
        ticks = dict.fromkeys(PRICE_ROLES[TableKind.BARS], ticks["close"])
        rows.inspection.note("close_only", len(rows.good), "open, high and low are the close; there is no volume")
    elif "volume" not in lots:
        rows.inspection.note("no_volume", len(rows.good), "the file has no volume: it is 0")
    _refuse_shape(rows, ticks, "")
    rows.require_usable()
    good = rows.good
    opened, closed = _bar_times(rows, options)
    events = blank_events(len(good), EventKind.BAR, options.instrument_index)
    events["time_ns"], events["venue_time_ns"] = closed, opened
    for role in ("open", "high", "low", "close"):
        events[role] = ticks[role][good]
    if "volume" in lots:
        events["volume"] = lots["volume"][good]
        rows.inspection.report("zero_volume", (lots["volume"] == 0) & ~rows.inspection.bad)
    _report_stale(rows, [events[role] for role in ("open", "high", "low", "close")])
    report_suspected_splits(rows.inspection, good, opened, ticks["open"][good], ticks["close"][good], options.splits)
    return Converted(events, None, rows)


def convert_quote_bars(rows: Rows, instrument: Instrument, options: LoadOptions) -> Converted:
    """Returns one QUOTE per good row: the bid and ask at the bar's close, known at its close."""
    ticks, lots = price_ticks(rows, instrument, options), quantity_lots(rows, instrument)
    for side in ("bid", "ask"):
        _refuse_shape(rows, ticks, f"{side}_")
    bid, ask = ticks["bid_close"], ticks["ask_close"]
    rows.inspection.refuse("crossed_quote", (bid > ask) & ~rows.inspection.bad, "the bid is above the ask")
    rows.inspection.report("locked_quote", (bid == ask) & ~rows.inspection.bad, "the bid is the ask")
    rows.require_usable()
    good = rows.good
    opened, closed = _bar_times(rows, options)
    events = blank_events(len(good), EventKind.QUOTE, options.instrument_index)
    events["time_ns"], events["venue_time_ns"] = closed, closed
    events["bid"], events["ask"] = bid[good], ask[good]
    for role, quantities in lots.items():
        events[role] = quantities[good]
        rows.inspection.report("zero_quantity", (quantities == 0) & ~rows.inspection.bad, rows.roles[role])
    _report_stale(rows, [events["bid"], events["ask"]])
    report_suspected_splits(rows.inspection, good, opened, ticks["bid_open"][good], bid[good], options.splits)
    return Converted(events, None, rows)


def _refuse_shape(rows: Rows, ticks: dict[str, NDArray[np.int64]], prefix: str) -> None:
    opened, high, low, close = (ticks[prefix + role] for role in ("open", "high", "low", "close"))
    usable = ~rows.inspection.bad
    rows.inspection.refuse("high_below_low", (high < low) & usable, f"{prefix}high is below {prefix}low")
    for name, price in (("open", opened), ("close", close)):
        outside = ((price > high) | (price < low)) & (high >= low) & usable
        rows.inspection.refuse(f"{name}_outside_range", outside, f"{prefix}{name} is not from low to high")


def _bar_times(rows: Rows, options: LoadOptions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns (open, close) times of the good rows, and reports gaps, duplicates and overlaps."""
    good = rows.good
    times = rows.time_ns[good]
    steps = np.diff(times)
    interval = options.interval_ns or _interval(rows, steps)
    rows.inspection.facts["interval"] = format_span(interval)
    rows.inspection.facts["interval_ns"] = interval
    same = np.flatnonzero(steps == 0)
    if len(same):
        rows.inspection.note("duplicate", len(same), "the time of the bar before it", int(good[same[0] + 1]) + 1)
    near = np.flatnonzero((steps > 0) & (steps < interval))
    if len(near):
        detail = f"sooner after the bar before it than {format_span(interval)}"
        rows.inspection.note("overlap", len(near), detail, int(good[near[0] + 1]) + 1)
    _report_gaps(rows, good, times, steps, interval)
    if options.bar_time == "close":
        return times - interval, times
    return times, times + interval


def _interval(rows: Rows, steps: NDArray[np.int64]) -> int:
    steps = steps[steps > 0]
    if len(steps):
        lengths, counts = np.unique(steps, return_counts=True)
        return int(lengths[np.argmax(counts)])
    if rows.dated:
        return DAY_NS
    raise DataError(rows.table.file, "has one time only, so the length of a bar is not known: give the interval")


def _report_gaps(
    rows: Rows, good: NDArray[np.intp], times: NDArray[np.int64], steps: NDArray[np.int64], interval: int
) -> None:
    missing = np.maximum(steps // interval - 1, 0)
    if interval == DAY_NS:
        days = times.astype("datetime64[ns]").astype("datetime64[D]")
        if np.all(np.is_busday(days)):
            missing = np.maximum(np.busday_count(days[:-1], days[1:]) - 1, 0)
    gaps = np.flatnonzero(missing)
    if len(gaps):
        longest = gaps[np.argmax(steps[gaps])]
        detail = (
            f"{int(missing.sum()):,} bars missing in {len(gaps):,} stretches; the longest, "
            f"{format_span(int(steps[longest]))}, before row {int(good[longest + 1]) + 1:,}"
        )
        rows.inspection.note("gap", len(gaps), detail, int(good[gaps[0] + 1]) + 1)


def _report_stale(rows: Rows, prices: Sequence[NDArray[np.int64]]) -> None:
    """Reports runs of at least 12 bars that repeat the prices of the bar before. Shapes (good rows,)."""
    repeats = np.ones(max(len(prices[0]) - 1, 0), np.bool_)
    for price in prices:
        repeats &= price[1:] == price[:-1]
    edges = np.diff(np.concatenate(([0], repeats.astype(np.int8), [0])))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = ends - starts >= _STALE_BARS
    if np.any(long):
        longest = int((ends - starts).max())
        detail = f"stretches of {_STALE_BARS} and more bars that repeat a price; the longest has {longest}"
        rows.inspection.note("stale", int(np.count_nonzero(long)), detail, int(rows.good[starts[long][0] + 1]) + 1)
