"""Quotes and trades, one event a row.

A trade whose file names no aggressor gets its side by the tick rule (Lee and Ready, 1991): above the price before it a
buyer's, below it a seller's, at it the side of the trade before; that is reported.
"""

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market.bars import price_ticks, quantity_lots
from quarterdeck.market.events import blank_events
from quarterdeck.market.instruments import Instrument
from quarterdeck.market.rows import Converted, LoadOptions, Rows, read_sides, report_silence
from quarterdeck.market.splits import report_suspected_splits

__all__ = ["convert_quotes", "convert_trades"]


def convert_quotes(rows: Rows, instrument: Instrument, options: LoadOptions) -> Converted:
    """Returns one QUOTE per good row. Crossed quotes are refused, locked ones stay and are reported."""
    ticks, lots = price_ticks(rows, instrument, options), quantity_lots(rows, instrument)
    bid, ask = ticks["bid"], ticks["ask"]
    rows.inspection.refuse("crossed_quote", (bid > ask) & ~rows.inspection.bad, "the bid is above the ask")
    rows.inspection.report("locked_quote", (bid == ask) & ~rows.inspection.bad, "the bid is the ask")
    rows.require_usable()
    for role, quantities in lots.items():
        rows.inspection.report("zero_quantity", (quantities == 0) & ~rows.inspection.bad, rows.roles[role])
    if not lots:
        rows.inspection.note("no_quantity", len(rows.good), "the file has no quantities: they are 0")
    good = rows.good
    events = _filled(rows, EventKind.QUOTE, good, options)
    events["bid"], events["ask"] = bid[good], ask[good]
    for role, quantities in lots.items():
        events[role] = quantities[good]
    updates = rows.integers("update_id")
    if updates is not None:
        events["update_id"] = updates[good]
        _report_ids(rows, updates[good], good, "update_id", contiguous=False)
    report_silence(rows)
    report_suspected_splits(rows.inspection, good, rows.time_ns[good], bid[good], bid[good], options.splits)
    return Converted(events, _sequence(rows, good), rows)


def convert_trades(rows: Rows, instrument: Instrument, options: LoadOptions) -> Converted:
    """Returns one TRADE per good row. Prints that the file calls suspicious are refused unless kept by option."""
    ticks, lots = price_ticks(rows, instrument, options)["price"], quantity_lots(rows, instrument)["quantity"]
    rows.inspection.refuse("zero_quantity", (lots == 0) & ~rows.inspection.bad, "a trade of nothing")
    _mark_suspicious(rows, options)
    flags = _aggressors(rows, ticks)
    rows.require_usable()
    good = rows.good
    events = _filled(rows, EventKind.TRADE, good, options)
    events["price"], events["quantity"], events["flags"] = ticks[good], lots[good], flags[good]
    ids = rows.integers("trade_id")
    if ids is not None:
        events["trade_id"] = ids[good]
        _report_ids(rows, ids[good], good, "trade_id", contiguous=True)
    report_silence(rows)
    report_suspected_splits(rows.inspection, good, rows.time_ns[good], ticks[good], ticks[good], options.splits)
    return Converted(events, _sequence(rows, good), rows)


def _filled(rows: Rows, kind: EventKind, good: NDArray[np.intp], options: LoadOptions) -> NDArray[np.void]:
    events = blank_events(len(good), kind, options.instrument_index)
    events["time_ns"], events["venue_time_ns"] = rows.time_ns[good], rows.venue_ns[good]
    return events


def _sequence(rows: Rows, good: NDArray[np.intp]) -> NDArray[np.int64] | None:
    return None if rows.sequence is None else rows.sequence[good]


def _mark_suspicious(rows: Rows, options: LoadOptions) -> None:
    column = rows.column("suspicious")
    if column is None:
        return
    text = column.cast(str).str.to_lowercase()
    mask = text.is_in(["true", "1"]).fill_null(value=False).to_numpy()
    if options.keep_suspicious:
        rows.inspection.report("suspicious", mask, "kept, as asked")
    else:
        rows.inspection.refuse("suspicious", mask, "the file calls these prints suspicious; keep_suspicious keeps them")


def _aggressors(rows: Rows, ticks: NDArray[np.int64]) -> NDArray[np.uint8]:
    maker, side = rows.column("buyer_is_maker"), rows.column("side")
    if maker is not None:
        text = maker.cast(str).str.to_lowercase()
        rows.inspection.refuse("no_side", text.is_null().to_numpy(), f"{maker.name} is missing")
        return np.where(text.is_in(["true", "1"]).fill_null(value=False).to_numpy(), int(Flag.SELL), 0).astype(np.uint8)
    if side is not None:
        return read_sides(rows, side)
    good = rows.good
    rows.inspection.note("side_inferred", len(good), "the file names no aggressor: sides are by the tick rule")
    moves = np.sign(np.diff(ticks[good], prepend=ticks[good[:1]]))
    last = np.maximum.accumulate(np.where(moves != 0, np.arange(len(moves)), 0))
    flags = np.zeros(rows.inspection.rows, np.uint8)
    flags[good] = np.where(moves[last] < 0, int(Flag.SELL), 0)
    return flags


def _report_ids(rows: Rows, ids: NDArray[np.int64], good: NDArray[np.intp], name: str, *, contiguous: bool) -> None:
    steps = np.diff(ids)
    findings = [(f"duplicate_{name}", steps == 0, "the id of the row before"), (f"{name}_backwards", steps < 0, "")]
    if contiguous:
        missing = int(np.sum(steps[steps > 1] - 1))
        findings.append((f"{name}_gap", steps > 1, f"{missing:,} ids missing"))
    for finding, mask, detail in findings:
        at = np.flatnonzero(mask)
        if len(at):
            rows.inspection.note(finding, len(at), detail, int(good[at[0] + 1]) + 1)
