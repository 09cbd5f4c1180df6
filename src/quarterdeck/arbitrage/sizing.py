"""The input of a cycle that earns the most.

What a cycle returns is concave in its input, but for the rounding of whole units. So its profit is largest where one
more unit returns just what it costs: in a cycle of constant-product pools that point has a closed form; in others it is
searched for in floats. What it then earns, the exact integers say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quarterdeck.arbitrage.constant_product import FEE_UNITS, ConstantProductPool
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.errors import SwapRefused

__all__ = ["Hop", "Loan", "best_input", "profit", "returned"]

_ROUNDS: Final = 80
_CLOSE: Final = 1e-10  # relative: the profit is flat around its maximum, so this costs less than 1e-19 of it
_FLAT: Final = 1e-12  # of the marginal return: floats know no better
_NOTHING: Final = -1e3
_BACK_OFF: Final = (0, 10**10, 10**8, 10**6, 10**4, 100)


@dataclass(frozen=True, slots=True)
class Hop:
    """One swap of a cycle: a pool, and places in its tokens."""

    pool: Pool
    source: int
    target: int


@dataclass(frozen=True, slots=True)
class Loan:
    """What a lender asks: premium_units of UNITS, rounded up or to the nearest as that lender does, and what it has."""

    premium_units: int = 0
    units: int = 10_000
    nearest: bool = False
    available: int = 2**255

    def owed(self, amount: int) -> int:
        """What is to be paid back for `amount`."""
        scaled = amount * self.premium_units
        more = (scaled + self.units // 2) // self.units if self.nearest else -(-scaled // self.units)
        return amount + more

    @property
    def cost(self) -> float:
        """What one more unit costs."""
        return 1.0 + self.premium_units / self.units


def returned(hops: Sequence[Hop], amount: int) -> int:
    """What a cycle pays for `amount`, to the last unit. SwapRefused where one of its swaps would revert."""
    for hop in hops:
        amount = hop.pool.amount_out(hop.source, hop.target, amount)
    return amount


def profit(hops: Sequence[Hop], amount: int, loan: Loan) -> int | None:
    """What is left after the loan is paid back; None where a swap would revert."""
    try:
        return returned(hops, amount) - loan.owed(amount)
    except SwapRefused:
        return None


def best_input(hops: Sequence[Hop], loan: Loan) -> int:
    """The input with the largest profit, within what lender and first pool have; 0 where none earns anything."""
    most = min(loan.available, hops[0].pool.most_in(hops[0].source))
    if most < 1:
        return 0
    guess = _closed_form(hops, loan) if _plain(hops) else _search(hops, loan.cost, most)
    for back in _BACK_OFF:  # where a pool's liquidity ends, the best input is the last one that it takes
        least = guess - guess // back if back else guess
        around = {max(1, min(most, least + step)) for step in (-1, 0, 1)}
        worth = {amount: gained for amount in around if (gained := profit(hops, amount, loan)) is not None}
        if worth:
            best = max(worth, key=lambda amount: (worth[amount], -amount))
            return best if worth[best] > 0 else 0
    return 0


def _plain(hops: Sequence[Hop]) -> bool:
    return all(isinstance(hop.pool, ConstantProductPool) for hop in hops)


def _closed_form(hops: Sequence[Hop], loan: Loan) -> int:
    """Constant-product swaps one after the other are one: a * x / (b + c * x); its profit is largest at this x.

    Swapping y in the next pool gives kept * paid * y / (units * held + kept * y); with y = a * x / (b + c * x) that is
    again of the form. In exact integers, so large reserves lose nothing.
    """
    a, b, c = 1, 1, 0
    for hop in hops:
        pool = hop.pool
        assert isinstance(pool, ConstantProductPool)
        held, paid = pool.reserves[hop.source], pool.reserves[hop.target]
        a, b, c = a * pool.kept * paid, b * FEE_UNITS * held, c * FEE_UNITS * held + a * pool.kept
        shift = max(a.bit_length(), b.bit_length(), c.bit_length()) - 512  # far more than any answer needs
        if shift > 0:
            a, b, c = a >> shift, b >> shift, c >> shift
    root = math.isqrt(a * b * loan.units // (loan.units + loan.premium_units))
    return max(0, (root - b) // c) if c else 0


def _search(hops: Sequence[Hop], cost: float, most: int) -> int:
    """Where the marginal return falls to `cost`: by the Illinois form of false position, in logarithms.

    Source: Dowell and Jarratt, "A modified regula falsi method", BIT 11, 1971.
    """
    goal = math.log(cost)
    low, high = 0.0, math.log(most)
    above, below = _marginal(hops, 1.0) - goal, _marginal(hops, float(most)) - goal
    if above <= 0.0:
        return 0
    if below > 0.0:
        return most
    side = 0
    for _ in range(_ROUNDS):
        if high - low < _CLOSE:
            break
        share = above / (above - below)
        place = low + (high - low) * (share if 1e-3 < share < 1.0 - 1e-3 and below > _NOTHING else 0.5)
        found = _marginal(hops, math.exp(place)) - goal
        if found > 0.0:
            low, above, below = place, found, below / 2.0 if side > 0 and below > _NOTHING else below
            side = 1
        else:
            high, below, above = place, found, above / 2.0 if side < 0 else above
            side = -1
        if abs(found) < _FLAT:
            return int(math.exp(place))
    return int(math.exp(low))


def _marginal(hops: Sequence[Hop], amount: float) -> float:
    """The logarithm of what one more unit behind `amount` returns; _NOTHING where a pool is at its end."""
    slope = 1.0
    for hop in hops:
        amount, rate = hop.pool.quote(hop.source, hop.target, amount)
        slope *= rate
    return math.log(slope) if slope > 0.0 else _NOTHING
