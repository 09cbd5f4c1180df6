"""Funding rates: they join the prices of their perpetual as FUNDING events that settle at their time."""

from typing import Final

import numpy as np

from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market.events import blank_events
from quarterdeck.market.numbers import read_numbers
from quarterdeck.market.rows import Converted, LoadOptions, Rows

__all__ = ["convert_funding"]

_PPB: Final = 1_000_000_000
_RATE_MAX: Final = 1.0  # of notional for one period: more is a unit mistaken, such as percent


def convert_funding(rows: Rows, begin_ns: int, end_ns: int, options: LoadOptions) -> Converted:
    """Returns a FUNDING event (SETTLE) per good row from `begin_ns` to `end_ns`, the span of the prices.

    Rates are fractions of notional, rounded to parts per billion; what lies outside the span is left out and counted.
    """
    numbers = read_numbers(rows.table.frame[rows.roles["funding_rate"]])
    name = rows.roles["funding_rate"]
    rows.inspection.refuse("no_number", ~np.isfinite(numbers.values), f"{name} is missing or no number")
    rows.inspection.refuse("rate_too_large", np.abs(numbers.values) >= _RATE_MAX, f"{name} is a fraction of notional")
    outside = (rows.time_ns < begin_ns) | (rows.time_ns > end_ns)
    rows.inspection.refuse("outside_prices", outside & ~rows.inspection.bad, "no price is known at that time")
    good = rows.good
    times = rows.time_ns[good]
    repeated = np.flatnonzero(np.diff(times) == 0)
    if len(repeated):
        rows.inspection.note("duplicate", len(repeated), "the time of the row before", int(good[repeated[0] + 1]) + 1)
    events = blank_events(len(good), EventKind.FUNDING, options.instrument_index)
    events["time_ns"], events["venue_time_ns"] = times, rows.venue_ns[good]
    events["rate"] = np.rint(numbers.values[good] * _PPB).astype(np.int64)
    events["flags"] = int(Flag.SETTLE)
    return Converted(events, None if rows.sequence is None else rows.sequence[good], rows)
