"""Uniswap V3's pool: liquidity between ticks, walked exactly as `UniswapV3Pool.swap` walks them.

The contract finds the next tick word by word of its bitmap (256 ticks apart, times their spacing) and rounds at each
stop, also where nothing begins or ends there; so the walk here stops there too.
"""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import cached_property

from quarterdeck.arbitrage.arithmetic import checked
from quarterdeck.arbitrage.ticks import (
    FEE_UNITS,
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    MIN_TICK,
    Q96,
    sqrt_ratio_at,
    swap_step,
    tick_at,
)
from quarterdeck.errors import SwapRefused

__all__ = ["ConcentratedPool", "Tick"]

_LIQUIDITY_BITS = 128
_WORD = 256
_STOPS_MAX = 20_000  # a swap that crosses more than that costs more gas than a block has

Tick = tuple[int, int]  # (tick, what liquidity gains when the price rises through it)
_Reach = tuple[float, float, float, float]  # input and output up to here; sqrt price and liquidity from here on


@dataclass(frozen=True)
class ConcentratedPool:
    """A pool at one moment. `fee` is in millionths of the input; `ticks` are the initialised ones, ascending."""

    address: str
    tokens: tuple[str, ...]
    fee: int
    spacing: int
    sqrt_price: int
    tick: int
    liquidity: int
    ticks: tuple[Tick, ...] = field(repr=False)

    def amount_out(self, source: int, target: int, amount: int) -> int:
        """As the contract pays an exact input without a price limit. SwapRefused where it cannot take all of it."""
        if {source, target} != {0, 1}:
            raise SwapRefused("a token is not swapped for itself")
        checked(amount, 255)
        if amount == 0 or self.sqrt_price == 0:
            raise SwapRefused("nothing goes in, or the pool has no price yet: the contract would revert")
        falling = source == 0
        limit = MIN_SQRT_RATIO + 1 if falling else MAX_SQRT_RATIO - 1
        price, tick, liquidity = self.sqrt_price, self.tick, self.liquidity
        remaining, bought = amount, 0
        for _ in range(_STOPS_MAX):
            if remaining == 0:
                break
            if price == limit:
                raise SwapRefused(f"pool {self.address} has not enough liquidity: {remaining} would be left over")
            begun = price
            stop, crossed = self._next_stop(tick, falling)
            ratio = sqrt_ratio_at(stop)
            aim = max(ratio, limit) if falling else min(ratio, limit)
            price, taken, paid, kept = swap_step(price, aim, liquidity, remaining, self.fee)
            remaining -= taken + kept
            bought += paid
            if price == ratio:
                if crossed is not None and remaining:
                    liquidity = checked(liquidity + (-crossed if falling else crossed), _LIQUIDITY_BITS)
                tick = stop - 1 if falling else stop
            elif remaining and price != begun:
                tick = tick_at(price)
        else:
            raise SwapRefused(f"pool {self.address}: {amount} would cross more than {_STOPS_MAX} words of ticks")
        if bought == 0:
            raise SwapRefused("nothing comes out")
        return bought

    def quote(self, source: int, target: int, amount: float) -> tuple[float, float]:
        if source == target or self.sqrt_price == 0:
            return 0.0, 0.0
        kept = 1.0 - self.fee / FEE_UNITS
        reaches = self._falling if source == 0 else self._rising
        place = bisect_right(reaches, (amount, math.inf)) - 1
        begin, bought, root, liquidity = reaches[place]
        if liquidity <= 0.0:
            return bought, 0.0
        moved = (amount - begin) * kept / liquidity
        if source == 0:
            after = 1.0 / (1.0 / root + moved)
            return bought + liquidity * moved * root * after, kept * after * after
        after = root + moved
        return bought + liquidity * moved / (root * after), kept / (after * after)

    def most_in(self, source: int) -> int:
        reaches = self._falling if source == 0 else self._rising
        return int(reaches[-1][0])

    @cached_property
    def _places(self) -> tuple[int, ...]:
        return tuple(tick for tick, _ in self.ticks)

    def _next_stop(self, tick: int, falling: bool) -> tuple[int, int | None]:
        """The next tick at which the contract stops, and what it crosses there; None: nothing begins or ends there."""
        compressed = tick // self.spacing
        if falling:
            edge = compressed // _WORD * _WORD * self.spacing
            place = bisect_right(self._places, compressed * self.spacing) - 1
            found = place >= 0 and self._places[place] >= edge
        else:
            compressed += 1
            edge = (compressed // _WORD * _WORD + _WORD - 1) * self.spacing
            place = bisect_left(self._places, compressed * self.spacing)
            found = place < len(self._places) and self._places[place] <= edge
        if found:
            return self.ticks[place]
        return min(max(edge, MIN_TICK), MAX_TICK), None

    @cached_property
    def _falling(self) -> list[_Reach]:
        place = bisect_right(self._places, self.tick) - 1
        return self._reaches([self.ticks[index] for index in range(place, -1, -1)], falling=True)

    @cached_property
    def _rising(self) -> list[_Reach]:
        place = bisect_right(self._places, self.tick)
        return self._reaches(list(self.ticks[place:]), falling=False)

    def _reaches(self, ticks: list[Tick], *, falling: bool) -> list[_Reach]:
        """Where each stretch of one liquidity begins; the last one has none."""
        kept = 1.0 - self.fee / FEE_UNITS
        root, liquidity, taken, bought = self.sqrt_price / Q96, self.liquidity, 0.0, 0.0
        reaches = [(0.0, 0.0, root, float(liquidity))]
        for tick, net in ticks:
            stop = sqrt_ratio_at(tick) / Q96
            moved = 1.0 / stop - 1.0 / root if falling else stop - root
            gone = root - stop if falling else 1.0 / root - 1.0 / stop
            taken += max(moved, 0.0) * liquidity / kept
            bought += max(gone, 0.0) * liquidity
            root = stop
            liquidity += -net if falling else net
            reaches.append((taken, bought, root, float(liquidity)))
        if reaches[-1][3] > 0.0:  # ticks do not say where this liquidity ends: no more is known than up to here
            reaches.append((taken, bought, root, 0.0))
        return reaches
