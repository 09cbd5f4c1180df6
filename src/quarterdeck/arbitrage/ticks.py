"""Uniswap V3's mathematics: prices as square roots in Q64.96, and what a swap moves between two of them.

Source: `TickMath`, `SqrtPriceMath` and `SwapMath` of v3-core. Names follow it where it has a name.
"""

from functools import lru_cache
from typing import Final

from quarterdeck.arbitrage.arithmetic import UINT256_MAX, ceil_div, checked, mul_div, mul_div_up
from quarterdeck.errors import SwapRefused

__all__ = [
    "MAX_SQRT_RATIO",
    "MAX_TICK",
    "MIN_SQRT_RATIO",
    "MIN_TICK",
    "Q96",
    "amount_0",
    "amount_1",
    "sqrt_ratio_at",
    "swap_step",
    "tick_at",
]

MIN_TICK: Final = -887272
MAX_TICK: Final = 887272
MIN_SQRT_RATIO: Final = 4295128739
MAX_SQRT_RATIO: Final = 1461446703485210103287273052203988822378723970342
Q96: Final = 2**96
FEE_UNITS: Final = 1_000_000  # of the input, in millionths
_PRICE_BITS: Final = 160

# 1 / sqrt(1.0001 ** (2 ** bit)) in Q128.128, one for each bit of a tick
_FACTORS: Final = (
    0xFFFCB933BD6FAD37AA2D162D1A594001,
    0xFFF97272373D413259A46990580E213A,
    0xFFF2E50F5F656932EF12357CF3C7FDCC,
    0xFFE5CACA7E10E4E61C3624EAA0941CD0,
    0xFFCB9843D60F6159C9DB58835C926644,
    0xFF973B41FA98C081472E6896DFB254C0,
    0xFF2EA16466C96A3843EC78B326B52861,
    0xFE5DEE046A99A2A811C461F1969C3053,
    0xFCBE86C7900A88AEDCFFC83B479AA3A4,
    0xF987A7253AC413176F2B074CF7815E54,
    0xF3392B0822B70005940C7A398E4B70F3,
    0xE7159475A2C29B7443B29C7FA6E889D9,
    0xD097F3BDFD2022B8845AD8F792AA5825,
    0xA9F746462D870FDF8A65DC1F90E061E5,
    0x70D869A156D2A1B890BB3DF62BAF32F7,
    0x31BE135F97D08FD981231505542FCFA6,
    0x9AA508B5B7A84E1C677DE54F3E99BC9,
    0x5D6AF8DEDB81196699C329225EE604,
    0x2216E584F5FA1EA926041BEDFE98,
    0x48A170391F7DC42444E8FA2,
)


@lru_cache(maxsize=2**16)
def sqrt_ratio_at(tick: int) -> int:
    """sqrt(1.0001 ** tick) in Q64.96, rounded up. SwapRefused outside of MIN_TICK to MAX_TICK."""
    absolute = abs(tick)
    if absolute > MAX_TICK:
        raise SwapRefused(f"tick {tick} is not within {MIN_TICK} to {MAX_TICK}")
    ratio = 1 << 128
    for bit, factor in enumerate(_FACTORS):
        if absolute >> bit & 1:
            ratio = ratio * factor >> 128
    if tick > 0:
        ratio = UINT256_MAX // ratio
    return (ratio >> 32) + (1 if ratio & 0xFFFFFFFF else 0)


def tick_at(sqrt_price: int) -> int:
    """The greatest tick whose ratio is not above a price in Q64.96."""
    if not MIN_SQRT_RATIO <= sqrt_price < MAX_SQRT_RATIO:
        raise SwapRefused(f"sqrt price {sqrt_price} is out of range: the contract would revert")
    low, high = MIN_TICK, MAX_TICK
    while low < high:
        middle = (low + high + 1) // 2
        if sqrt_ratio_at(middle) <= sqrt_price:
            low = middle
        else:
            high = middle - 1
    return low


def amount_0(lower: int, upper: int, liquidity: int, *, up: bool) -> int:
    """Token 0 between two prices: liquidity * (upper - lower) / (upper * lower), rounded as said."""
    if lower > upper:
        lower, upper = upper, lower
    if lower <= 0:
        raise SwapRefused("a price of zero: the contract would revert")
    shifted = liquidity << 96
    if up:
        return ceil_div(mul_div_up(shifted, upper - lower, upper), lower)
    return mul_div(shifted, upper - lower, upper) // lower


def amount_1(lower: int, upper: int, liquidity: int, *, up: bool) -> int:
    """Token 1 between two prices: liquidity * (upper - lower), rounded as said."""
    if lower > upper:
        lower, upper = upper, lower
    step = mul_div_up if up else mul_div
    return step(liquidity, upper - lower, Q96)


def _next_from_input(price: int, liquidity: int, amount: int, *, falling: bool) -> int:
    """The price after `amount` of the input, without its fee, has gone in; never past what it pays for."""
    if falling:  # token 0 goes in: rounded up
        if amount == 0:
            return price
        shifted = liquidity << 96
        product = amount * price
        if product <= UINT256_MAX and shifted + product <= UINT256_MAX:
            return checked(mul_div_up(shifted, price, shifted + product), _PRICE_BITS)
        return checked(ceil_div(shifted, shifted // price + amount), _PRICE_BITS)
    return checked(price + (amount << 96) // liquidity, _PRICE_BITS)  # token 1 goes in: rounded down


def swap_step(price: int, target: int, liquidity: int, remaining: int, fee: int) -> tuple[int, int, int, int]:
    """One step of an exact input towards `target`: (price after it, input taken, output, fee), `fee` in millionths."""
    falling = price >= target
    usable = mul_div(remaining, FEE_UNITS - fee, FEE_UNITS)
    needed = amount_0(target, price, liquidity, up=True) if falling else amount_1(price, target, liquidity, up=True)
    after = target if usable >= needed else _next_from_input(price, liquidity, usable, falling=falling)
    reached = after == target
    if falling:
        taken = needed if reached else amount_0(after, price, liquidity, up=True)
        paid = amount_1(after, price, liquidity, up=False)
    else:
        taken = needed if reached else amount_1(price, after, liquidity, up=True)
        paid = amount_0(price, after, liquidity, up=False)
    kept = mul_div_up(taken, fee, FEE_UNITS - fee) if reached else remaining - taken
    return after, taken, paid, kept
