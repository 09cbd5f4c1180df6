"""Uniswap V2's pair: x * y = k, 0.3 % of the input stays.

Source: `UniswapV2Library.getAmountOut` of v2-periphery and `UniswapV2Pair.swap` of v2-core; reserves have 112 bits.
"""

from dataclasses import dataclass
from typing import Final

from quarterdeck.arbitrage.arithmetic import checked, word
from quarterdeck.errors import SwapRefused

__all__ = ["FEE_UNITS", "ConstantProductPool"]

FEE_UNITS: Final = 1000
_RESERVE_BITS: Final = 112
_RESERVE_MAX: Final = 2**_RESERVE_BITS - 1


@dataclass(frozen=True, slots=True)
class ConstantProductPool:
    """A pair. `kept` of FEE_UNITS parts of the input are swapped: 997 where the fee is 0.3 %."""

    address: str
    tokens: tuple[str, ...]
    reserves: tuple[int, int]
    kept: int = 997

    def amount_out(self, source: int, target: int, amount: int) -> int:
        """As library and pair compute it. SwapRefused: nothing goes in, nothing comes out, or it is too much."""
        held, paid = self._sides(source, target)
        if amount <= 0:
            raise SwapRefused("nothing goes in: the contract would revert")
        effective = word(amount * self.kept)
        bought = word(effective * paid) // word(held * FEE_UNITS + effective)
        if bought == 0:
            raise SwapRefused("nothing comes out: the contract would revert")
        checked(held + amount, _RESERVE_BITS)
        return bought

    def quote(self, source: int, target: int, amount: float) -> tuple[float, float]:
        held, paid = float(self.reserves[source]), float(self.reserves[target])
        share = self.kept / FEE_UNITS
        if held <= 0.0 or paid <= 0.0:
            return 0.0, 0.0
        after = held + share * amount
        return paid * share * amount / after, share * held * paid / (after * after)

    def most_in(self, source: int) -> int:
        return _RESERVE_MAX - self.reserves[source]

    def _sides(self, source: int, target: int) -> tuple[int, int]:
        if source == target:
            raise SwapRefused("a token is not swapped for itself")
        held, paid = self.reserves[source], self.reserves[target]
        if held <= 0 or paid <= 0:
            raise SwapRefused(f"pool {self.address} is empty: the contract would revert")
        return held, paid
