"""Balancer's composable stable pool, its own share token left out: Curve's invariant with an amplification.

Source: `StableMath` and `ComposableStablePool`, balancer-v2-monorepo; the invariant is "StableSwap", M. Egorov, 2019.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from quarterdeck.arbitrage.arithmetic import ONE, ceil_div, div_down, mul_down, mul_up, word
from quarterdeck.errors import SwapRefused

__all__ = ["AMPLIFICATION_UNITS", "StablePool"]

AMPLIFICATION_UNITS: Final = 1000
_ROUNDS: Final = 255
_FLOAT_ROUNDS: Final = 64
_FINE: Final = 1e-6  # of a balance


@dataclass(frozen=True)
class StablePool:
    """A pool. `amplification` counts in AMPLIFICATION_UNITS; `scales` are `scaling` times each token's rate."""

    address: str
    tokens: tuple[str, ...]
    balances: tuple[int, ...]
    scales: tuple[int, ...]
    amplification: int
    fee: int

    def amount_out(self, source: int, target: int, amount: int) -> int:
        """As the pool's `onSwap` answers the Vault. SwapRefused where it would revert."""
        if source == target:
            raise SwapRefused("a token is not swapped for itself")
        if amount <= 0:
            raise SwapRefused("nothing goes in: the Vault would revert")
        given = mul_down(amount - mul_up(amount, self.fee), self.scales[source])
        balances = list(self._scaled)
        before = balances[target]
        balances[source] += given
        after = self._balance(balances, target)
        bought = before - after - 1
        if bought < 0:
            raise SwapRefused("nothing comes out: the contract would revert")
        out = div_down(bought, self.scales[target])
        if out == 0:
            raise SwapRefused("nothing comes out")
        return out

    def quote(self, source: int, target: int, amount: float) -> tuple[float, float]:
        if 0 in self.balances:
            return 0.0, 0.0
        kept = 1.0 - self.fee / ONE
        scaled = [float(balance) for balance in self._scaled]
        unit = self.scales[source] / ONE, self.scales[target] / ONE
        scaled[source] += kept * amount * unit[0]
        before = scaled[target]
        count, invariant = len(scaled), float(self._invariant)
        total = self.amplification * count / AMPLIFICATION_UNITS
        scaled[target] = _float_balance(scaled, target, total, invariant)
        if scaled[target] <= 0.0:
            return before / unit[1], 0.0
        product = invariant
        for balance in scaled:
            product *= invariant / (balance * count)
        slope = (total + product / scaled[source]) / (total + product / scaled[target])
        rate = kept * slope * unit[0] / unit[1]
        bought = (before - scaled[target]) / unit[1]
        return (
            rate * amount if bought * unit[1] < before * _FINE else bought
        ), rate  # below that the difference is rounding

    def most_in(self, source: int) -> int:
        return 100 * sum(self._scaled) * ONE // self.scales[source]

    @cached_property
    def _scaled(self) -> tuple[int, ...]:
        return tuple(mul_down(balance, scale) for balance, scale in zip(self.balances, self.scales, strict=True))

    @cached_property
    def _invariant(self) -> int:
        """D, by Newton's method in integers, as the contract comes to it."""
        balances, count = self._scaled, len(self._scaled)
        total = sum(balances)
        if total == 0 or 0 in balances:
            raise SwapRefused(f"pool {self.address} is empty: the contract would revert")
        multiple = self.amplification * count
        invariant = total
        for _ in range(_ROUNDS):
            product = invariant
            for balance in balances:
                product = word(product * invariant) // word(balance * count)
            before = invariant
            numerator = word((word(multiple * total) // AMPLIFICATION_UNITS + product * count) * invariant)
            denominator = (multiple - AMPLIFICATION_UNITS) * invariant // AMPLIFICATION_UNITS + (count + 1) * product
            invariant = numerator // denominator
            if abs(invariant - before) <= 1:
                return invariant
        raise SwapRefused(f"pool {self.address}: its invariant does not converge: the contract would revert")

    def _balance(self, balances: list[int], index: int) -> int:
        """The balance of one token that keeps the invariant, given the others."""
        invariant, count = self._invariant, len(balances)
        multiple = self.amplification * count
        product = balances[0] * count
        for balance in balances[1:]:
            product = word(word(product * balance) * count) // invariant
        others = sum(balances) - balances[index]
        squared = word(invariant * invariant)
        constant = word(ceil_div(squared, word(multiple * product)) * AMPLIFICATION_UNITS * balances[index])
        linear = others + invariant // multiple * AMPLIFICATION_UNITS
        balance = ceil_div(word(squared + constant), invariant + linear)
        for _ in range(_ROUNDS):
            before = balance
            balance = ceil_div(word(balance * balance + constant), 2 * balance + linear - invariant)
            if abs(balance - before) <= 1:
                return balance
        raise SwapRefused(f"pool {self.address}: a balance does not converge: the contract would revert")


def _float_balance(balances: list[float], index: int, total: float, invariant: float) -> float:
    count = len(balances)
    others, constant = 0.0, invariant
    for place, balance in enumerate(balances):
        if place != index:
            others += balance
            constant *= invariant / (balance * count)
    constant *= invariant / (total * count)
    linear = others + invariant / total - invariant
    balance = invariant
    for _ in range(_FLOAT_ROUNDS):
        before = balance
        balance = (balance * balance + constant) / (2.0 * balance + linear)
        if abs(balance - before) <= 1e-12 * balance:
            break
    return balance
