"""Order book depth: snapshots and changes of levels, as LEVEL events in venue messages.

A message (rows of one sequence number, or of one update id and time) ends with LAST: only then is the book whole. A
snapshot begins with BOOK_CLEAR. Changes before the first snapshot make no book, so they are held back; those that are
newer than a snapshot which was fetched beside the stream follow it, in its batch, as the venue's rule for a local book
asks (Binance, "How to manage a local order book correctly"). A file without a snapshot is taken as it is, and reported.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market.bars import price_ticks, quantity_lots
from quarterdeck.market.events import blank_events
from quarterdeck.market.instruments import Instrument
from quarterdeck.market.rows import Converted, LoadOptions, Rows, read_sides, report_silence

__all__ = ["convert_depth"]

_SNAPSHOT_WORDS: Final = ("true", "1", "snapshot", "s", "partial")
_BOOK_TICKS_MAX: Final = 2**28  # of the check for crossed books: one byte a tick


@dataclass(slots=True)
class _Messages:
    """Where each message begins among the rows, and what it is. `starts` has one more entry: the count of rows."""

    starts: NDArray[np.int64]
    snapshot: NDArray[np.bool_]
    update_id: NDArray[np.int64]


def convert_depth(rows: Rows, instrument: Instrument, options: LoadOptions) -> Converted:
    """Returns LEVEL and BOOK_CLEAR events in the order in which the book must take them."""
    ticks, lots = price_ticks(rows, instrument, options)["price"], quantity_lots(rows, instrument)["quantity"]
    side = rows.column("side")
    assert side is not None, "a depth table has sides"
    flags = read_sides(rows, side)
    rows.require_usable()
    good = rows.good
    messages = _messages(rows, good)
    _report_breaks(rows, good, messages)
    order, clears, ends = _arrange(rows, good, messages)
    source = good[order]
    carrier = _carrier(order, clears)
    events = blank_events(len(order), EventKind.LEVEL, options.instrument_index)
    events["time_ns"], events["venue_time_ns"] = rows.time_ns[good[carrier]], rows.venue_ns[source]
    events["price"], events["quantity"], events["flags"] = ticks[source], lots[source], flags[source]
    events["update_id"] = messages.update_id[np.searchsorted(messages.starts, order, "right") - 1]
    events["flags"][ends] |= int(Flag.LAST)
    events["kind"][clears] = int(EventKind.BOOK_CLEAR)
    for name in ("price", "quantity", "flags"):
        events[name][clears] = 0
    _report_crossed(rows, events, source)
    report_silence(rows)
    return Converted(events, None if rows.sequence is None else rows.sequence[good[carrier]], rows)


def _messages(rows: Rows, good: NDArray[np.intp]) -> _Messages:
    updates = rows.integers("update_id")
    assert updates is not None, "a depth table has update ids"
    column = rows.column("snapshot")
    snapshot = np.zeros(len(good), np.bool_)
    if column is not None:
        text = column.cast(pl.String).str.to_lowercase()
        snapshot = text.is_in(list(_SNAPSHOT_WORDS)).fill_null(value=False).to_numpy()[good]
    changed = np.diff(updates[good]) != 0
    changed |= np.diff(snapshot.astype(np.int8)) != 0
    if rows.sequence is not None:
        changed |= np.diff(rows.sequence[good]) != 0
    starts = np.concatenate(([0], np.flatnonzero(changed) + 1, [len(good)])).astype(np.int64)
    return _Messages(starts, snapshot[starts[:-1]], updates[good[starts[:-1]]])


def _report_breaks(rows: Rows, good: NDArray[np.intp], messages: _Messages) -> None:
    """Reports changes whose ids do not follow on those of the change before."""
    changes = np.flatnonzero(~messages.snapshot)
    begins = good[messages.starts[:-1]][changes]
    last = messages.update_id[changes]
    previous, first = rows.integers("previous_update_id"), rows.integers("first_update_id")
    if previous is not None and np.any(previous[begins] >= 0):
        broken = previous[begins[1:]] != last[:-1]
    elif first is not None:
        broken = first[begins[1:]] != last[:-1] + 1
    else:
        broken = np.diff(last) != 1
    at = np.flatnonzero(broken)
    if len(at):
        detail = "changes are missing before these messages: the book is not the venue's until the next snapshot"
        rows.inspection.note("update_id_break", len(at), detail, int(begins[at[0] + 1]) + 1)


def _arrange(
    rows: Rows, good: NDArray[np.intp], messages: _Messages
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Returns (order, clears, ends): the good rows in the book's order, with each snapshot's first row twice.

    `clears` are the places in `order` of BOOK_CLEAR, `ends` those of the last row of a batch.
    """
    starts, snapshots = messages.starts, np.flatnonzero(messages.snapshot)
    fetched = "first_update_id" in rows.roles or "previous_update_id" in rows.roles
    rows.inspection.facts["messages"] = len(starts) - 1
    rows.inspection.facts["snapshots"] = len(snapshots)
    if not len(snapshots):
        rows.inspection.note("no_snapshot", 1, "the book begins empty and holds only levels that changed", 1)
        return np.arange(len(good)), np.zeros(0, np.int64), starts[1:] - 1
    pieces, clears, ends, length = list[NDArray[np.int64]](), list[int](), list[NDArray[np.int64]](), 0
    bounds = [*snapshots.tolist(), len(starts) - 1]
    for snapshot, until in pairwise(bounds):
        begin, body, end = (int(starts[place]) for place in (snapshot, snapshot + 1, until))
        later = _newer(messages, snapshot) if fetched else np.zeros(0, np.int64)
        batch = [np.array([begin]), np.arange(begin, body)]
        batch += [np.arange(int(starts[k]), int(starts[k + 1])) for k in later.tolist()]
        head = sum(map(len, batch))
        clears.append(length)
        pieces += [*batch, np.arange(body, end)]
        ends += [np.array([length + head - 1]), starts[snapshot + 2 : until + 1] - 1 - body + length + head]
        length += head + end - body
    before = int(starts[snapshots[0]])
    rows.inspection.note(
        "before_snapshot", before, "changes held back until there is a book to change", int(good[0]) + 1
    )
    return np.concatenate(pieces).astype(np.int64), np.array(clears, np.int64), np.concatenate(ends).astype(np.int64)


def _newer(messages: _Messages, snapshot: int) -> NDArray[np.int64]:
    """Returns earlier messages of changes that the fetched snapshot does not hold yet."""
    earlier = np.arange(snapshot)
    changes = earlier[~messages.snapshot[:snapshot]]
    return changes[messages.update_id[changes] > messages.update_id[snapshot]]


def _carrier(order: NDArray[np.int64], clears: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns for each place the row whose arrival brought it: rows held back arrive with their snapshot."""
    return np.maximum.accumulate(order) if len(clears) else order


def _report_crossed(rows: Rows, events: NDArray[np.void], source: NDArray[np.intp]) -> None:
    levels = events["kind"] == int(EventKind.LEVEL)
    prices = events["price"]
    lowest, highest = int(prices[levels].min()), int(prices[levels].max())
    if highest - lowest >= _BOOK_TICKS_MAX:
        rows.inspection.note("book_not_checked", 1, f"levels span more than {_BOOK_TICKS_MAX:,} ticks")
        return
    found = _crossed(
        np.ascontiguousarray(prices) - lowest,
        np.ascontiguousarray(events["quantity"]),
        np.ascontiguousarray(events["flags"]),
        ~levels,
        np.zeros(highest - lowest + 1, np.bool_),
        np.zeros(highest - lowest + 1, np.bool_),
    )
    for name, count, first in (("crossed_book", found[0], found[1]), ("locked_book", found[2], found[3])):
        if count:
            detail = "the best bid is above the best ask" if name == "crossed_book" else "the best bid is the best ask"
            rows.inspection.note(name, int(count), f"{detail} after a message", int(source[first]) + 1)


@compiled
def _crossed(
    prices: NDArray[np.int64],
    quantities: NDArray[np.int64],
    flags: NDArray[np.uint8],
    clears: NDArray[np.bool_],
    bids: NDArray[np.bool_],
    asks: NDArray[np.bool_],
) -> tuple[int, int, int, int]:
    """Returns (crossed messages, place of the first, locked messages, place of the first).

    `bids` and `asks` are empty books of one place a tick, worked in; prices are places in them.
    """
    span = len(bids)
    best_bid, best_ask = -1, span
    crossed, crossed_first, locked, locked_first = 0, -1, 0, -1
    for place in range(len(prices)):
        if clears[place]:
            bids[:], asks[:] = False, False
            best_bid, best_ask = -1, span
            continue
        price, present = prices[place], quantities[place] > 0
        if flags[place] & 1:
            asks[price] = present
            if present:
                best_ask = min(best_ask, price)
            while best_ask < span and not asks[best_ask]:
                best_ask += 1
        else:
            bids[price] = present
            if present:
                best_bid = max(best_bid, price)
            while best_bid >= 0 and not bids[best_bid]:
                best_bid -= 1
        if flags[place] & 32 and best_ask < span and best_bid > best_ask:
            crossed += 1
            crossed_first = place if crossed == 1 else crossed_first
        elif flags[place] & 32 and best_ask < span and best_bid == best_ask:
            locked += 1
            locked_first = place if locked == 1 else locked_first
    return crossed, crossed_first, locked, locked_first
