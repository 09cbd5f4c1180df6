"""What a head says to the desk: one quote for each plan, one for each cycle without, and what currencies are worth.

| record        | words                                                                              |
|---------------|------------------------------------------------------------------------------------|
| QUOTE         | bid = ask = 1; both quantities what the plan borrows, in lots; update_id its number |
| QUOTE         | bid = ask = 1; quantities 0: a block that offers nothing                           |
| CURRENCY_RATE | row the purse's account, rate in ppb of desk money units per unit of its money     |

All are dated by the block.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from quarterdeck.kernel.records import QUANTITY_MAX
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market import Events, blank_events
from quarterdeck.venues.evm.search import Plan
from quarterdeck.venues.evm.terms import ChainTerms, Purse
from quarterdeck.venues.messages import MarketData

__all__ = ["apart", "quotes", "rates"]

_PPB: Final = 10**9
_RATE_MAX: Final = 2**33  # what the kernel multiplies by without loss
_PAR: Final = 1
_NOBODY: Final = -1


def apart(plans: Sequence[Plan]) -> list[Plan]:
    """The best plans of which no two swap in the same pool: of two that do, the later one would revert."""
    taken: set[str] = set()
    chosen: list[Plan] = []
    for plan in plans:
        pools = set(plan.opportunity.pools)
        if not pools & taken:
            taken |= pools
            chosen.append(plan)
    return chosen


def quotes(terms: ChainTerms, plans: Iterable[Plan], time_ns: int) -> MarketData:
    """One quote for each plan; a cycle without a plan is quoted empty, so that its age is the head's."""
    rows: list[tuple[int, int, int]] = []
    for plan in plans:
        cycle = terms.cycles[plan.opportunity.token]
        rows.append((cycle.instrument, min(cycle.purse.ceil(plan.opportunity.amount), QUANTITY_MAX - 1), plan.number))
    quoted = {instrument for instrument, _, _ in rows}
    rows.extend((cycle.instrument, 0, 0) for cycle in terms.cycles.values() if cycle.instrument not in quoted)
    events = _dated(len(rows), EventKind.QUOTE, time_ns)
    events["strategy"] = _NOBODY
    events["bid"] = events["ask"] = _PAR
    for place, (instrument, lots, number) in enumerate(rows):
        event = events[place]
        event["instrument"], event["update_id"] = instrument, number
        event["bid_quantity"] = event["ask_quantity"] = lots
    return MarketData(events=events)


def rates(
    worth: Mapping[int, float], purses: Mapping[int, Purse], base_exponent: int, time_ns: int
) -> MarketData | None:
    """What whole units of the purses' currencies are worth in whole base currency; None where nobody can say."""
    known = {
        account: rate
        for account, price in worth.items()
        if 0 < (rate := round(price * 10.0 ** (base_exponent - purses[account].exponent) * _PPB)) < _RATE_MAX
    }
    if not known:
        return None
    events = _dated(len(known), EventKind.CURRENCY_RATE, time_ns)
    for place, (account, rate) in enumerate(known.items()):
        event = events[place]
        event["row"], event["rate"] = account, rate
    return MarketData(events=events)


def _dated(count: int, kind: EventKind, time_ns: int) -> Events:
    events = blank_events(count, kind)
    events["venue_time_ns"] = time_ns
    return events
