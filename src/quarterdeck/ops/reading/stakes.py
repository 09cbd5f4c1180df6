"""What is at stake, computed as the kernel does (`kernel/exposure.py`, `kernel/windows.py`), from a published state.

Tests hold every function here against the compiled one. Results are desk money units unless said.
"""

from typing import Any, Final

from quarterdeck.kernel.records import MONEY_MAX, NO_LIMIT
from quarterdeck.kernel.vocabulary import InstrumentTerm, LedgerAccount
from quarterdeck.ops.reading.statement import Holding, Market, Statement

__all__ = [
    "buying_power",
    "desk_exposure",
    "gross",
    "heat",
    "initial_margin",
    "notional",
    "purse_equity",
    "reach",
    "strategy_exposure",
    "venue_exposure",
    "window_count",
    "worst_lots",
]

_PPM: Final = 1_000_000
_PPB: Final = 1_000_000_000


def worst_lots(held: Holding) -> int:
    """The largest size that the position can reach by orders already working."""
    return max(abs(held.quantity + held.buy_lots), abs(held.quantity - held.sell_lots))


def reach(held: Holding, side: int) -> int:
    """Signed lots in the direction of `side` once all that works on that side is filled."""
    return held.quantity + held.buy_lots if side > 0 else held.sell_lots - held.quantity


def notional(market: Market, lots: int, half_ticks: int) -> int:
    """Desk money units of `lots` >= 0 at a price in half ticks, at most MONEY_MAX."""
    if half_ticks * lots * market.value >= MONEY_MAX:
        return MONEY_MAX
    return min(MONEY_MAX, half_ticks * lots * market.value // 2 * market.rate_ppb // _PPB)


def _at_mark(market: Market, lots: int) -> int:
    return notional(market, lots, market.mark_half_ticks)


def desk_exposure(of: Statement) -> int:
    """Gross exposure of the desk, working orders counted at once."""
    return min(NO_LIMIT, sum(_at_mark(market, worst_lots(market.net)) for market in of.markets))


def venue_exposure(of: Statement, venue: int) -> int:
    """Gross exposure of one venue, working orders counted at once."""
    return min(
        NO_LIMIT, sum(_at_mark(market, worst_lots(market.net)) for market in of.markets if market.venue == venue)
    )


def strategy_exposure(of: Statement, strategy: int, side: int) -> int:
    """Exposure of one strategy: gross (side 0), or only its long (1) or short (-1) reach."""
    total = 0
    for market in of.markets:
        held = of.lots_held(strategy, market.row)
        lots = worst_lots(held) if side == 0 else max(0, reach(held, side))
        total += _at_mark(market, lots)
    return min(NO_LIMIT, total)


def gross(of: Statement) -> int:
    """Value of all net positions at their marks, without working orders."""
    return sum(_at_mark(market, abs(market.net.quantity)) for market in of.markets)


def _position_heat(of: Statement, market: Market, held: Holding) -> int:
    lots = worst_lots(held)
    if lots == 0:
        return 0
    mark, covered, loss = market.mark_half_ticks, min(held.stop_lots, lots), 0
    if covered > 0:
        average = 2 * held.stop_cost // held.stop_lots
        distance = mark - average if held.quantity >= 0 else average - mark
        loss = notional(market, covered, max(0, distance))
    return loss + _at_mark(market, lots - covered) * of.stop_ppm(market) // _PPM


def heat(of: Statement) -> int:
    """Loss if every stop is hit, of positions and working entries; without a stop the instrument's stated distance."""
    return min(NO_LIMIT, sum(_position_heat(of, of.markets[row], held) for (_, row), held in of.positions.items()))


def purse_equity(account: Any) -> int:
    """Equity of a purse in units of its own currency."""
    postings = account["postings"]
    return int(postings[LedgerAccount.CASH]) + int(postings[LedgerAccount.INVENTORY]) + int(account["unrealised"])


def initial_margin(of: Statement, account: int) -> int:
    """Initial margin of a purse for positions and working orders, in units of its own currency."""
    total = 0
    for market in of.markets:
        if market.account == account:
            worth = worst_lots(market.net) * market.mark_half_ticks * market.value // 2
            total += worth * market.terms[InstrumentTerm.INITIAL_MARGIN_PPM] // _PPM
    return total


def buying_power(of: Statement) -> int:
    """Value that could still be bought: each purse's free equity over the least initial margin of what it settles."""
    total = 0
    for row in range(of.whole("accounts_count")):
        account = of.state["accounts"][row]
        free = max(0, purse_equity(account) - initial_margin(of, row))
        margins = [market.terms[InstrumentTerm.INITIAL_MARGIN_PPM] for market in of.markets if market.account == row]
        least = min((margin for margin in margins if margin > 0), default=_PPM)
        total += free * _PPM // least * int(account["rate_ppb"]) // _PPB
    return total


def window_count(window: Any, now_ns: int) -> int:
    """What a sliding window counts at `now_ns`; the published copy is left as it is."""
    width = int(window["bucket_ns"])
    if width <= 0:
        return 0
    counts = window["counts"].tolist()
    begun, total = int(window["bucket"]), int(window["total"])
    steps = now_ns // width - begun
    if steps >= len(counts):
        return 0
    return total - sum(counts[(begun + step) % len(counts)] for step in range(1, steps + 1))
