"""Balancer's weighted pool: the product of balances to the power of their weights stays.

Source: `WeightedMath._calcOutGivenIn`, `BasePool._subtractSwapFeeAmount` and the scaling around it.
"""

import math
from dataclasses import dataclass
from typing import Final

from quarterdeck.arbitrage.arithmetic import ONE, complement, div_down, div_up, mul_down, mul_up, word
from quarterdeck.arbitrage.powers import power_up
from quarterdeck.errors import SwapRefused

__all__ = ["WeightedPool", "scaling"]

_MAX_IN: Final = 3 * ONE // 10  # of the balance


def scaling(decimals: int) -> int:
    """What brings a token's units to 18 decimals, with 18 decimals itself. SwapRefused for a token with more."""
    if not 0 <= decimals <= 18:
        raise SwapRefused(f"a token with {decimals} decimals is in no such pool")
    return ONE * 10 ** (18 - decimals)


@dataclass(frozen=True, slots=True)
class WeightedPool:
    """A pool. `weights` and `fee` have 18 decimals (weights sum to one); `scales` are `scaling` of each token."""

    address: str
    tokens: tuple[str, ...]
    balances: tuple[int, ...]
    weights: tuple[int, ...]
    scales: tuple[int, ...]
    fee: int

    def amount_out(self, source: int, target: int, amount: int) -> int:
        """As the pool's `onSwap` answers the Vault. SwapRefused: nothing in or out, or over 30 % of the balance."""
        if source == target:
            raise SwapRefused("a token is not swapped for itself")
        if amount <= 0:
            raise SwapRefused("nothing goes in: the Vault would revert")
        held = mul_down(self.balances[source], self.scales[source])
        paid = mul_down(self.balances[target], self.scales[target])
        given = mul_down(amount - mul_up(amount, self.fee), self.scales[source])
        if given > mul_down(held, _MAX_IN):
            raise SwapRefused(f"more than 30 % of pool {self.address}: the contract would revert")
        base = div_up(held, word(held + given))
        exponent = div_down(self.weights[source], self.weights[target])
        bought = mul_down(paid, complement(power_up(base, exponent)))
        out = div_down(bought, self.scales[target])
        if out == 0:
            raise SwapRefused("nothing comes out")
        return out

    def quote(self, source: int, target: int, amount: float) -> tuple[float, float]:
        kept = 1.0 - self.fee / ONE
        held, paid = float(self.balances[source]), float(self.balances[target])
        if held <= 0.0 or paid <= 0.0:
            return 0.0, 0.0
        exponent = self.weights[source] / self.weights[target]
        after = held + kept * amount
        gone = -math.expm1(-exponent * math.log1p(kept * amount / held))  # 1 - left, exact for the smallest amounts
        left = 1.0 - gone
        return paid * gone, kept * exponent * paid / after * left

    def most_in(self, source: int) -> int:
        return self.balances[source] * 3 // 10
