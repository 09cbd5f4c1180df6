"""Exact integer arithmetic with a bound: a product is checked before it is taken."""

from quarterdeck.kernel.compiled import compiled, inlined
from quarterdeck.kernel.records import MONEY_MAX, NO_LIMIT

__all__ = ["capped_sum", "fee_of", "mul_div_floor", "notional_fits", "ppb_of", "ppm_of", "product_fits"]

_MONEY_MAX_F = float(MONEY_MAX)
_NO_LIMIT_F = float(NO_LIMIT)
_PPM = 1_000_000
_PPB = 1_000_000_000


@inlined
def product_fits(a: int, b: int) -> bool:
    """Whether |a * b| < MONEY_MAX. The float's error (2**-53) is far below the distance to 2**63."""
    return abs(float(a) * float(b)) < _MONEY_MAX_F


@inlined
def notional_fits(price: int, quantity: int, value: int) -> bool:
    """Whether |price * quantity * value| < MONEY_MAX."""
    return abs(float(price) * float(quantity) * float(value)) < _MONEY_MAX_F


@compiled
def capped_sum(a: int, b: int) -> int:
    """A + b for 0 <= a <= NO_LIMIT and 0 <= b < 2**62, and at most NO_LIMIT: a sum of exposures never wraps."""
    return min(a + b, NO_LIMIT)


@compiled
def mul_div_floor(a: int, b: int, c: int) -> int:
    """floor(a * b / c) for a, b >= 0 and 0 < c <= MONEY_MAX, exact even where a * b leaves 64 bits.

    A result that reaches NO_LIMIT is NO_LIMIT.
    """
    if float(a) * float(b) >= _NO_LIMIT_F * float(c):
        return NO_LIMIT
    quotient = a // c
    remainder = a % c
    if product_fits(remainder, b):
        return quotient * b + remainder * b // c
    # Horner's scheme over the bits of b keeps the running remainder below c.
    result = 0
    rest = 0
    for shift in range(62, -1, -1):
        result *= 2
        rest *= 2
        if (b >> shift) & 1:
            result += quotient
            rest += remainder
        result += rest // c
        rest %= c
    return result


@compiled
def ppm_of(amount: int, ppm: int) -> int:
    """floor(amount * ppm / 1,000,000) for amount, ppm >= 0. A result that reaches NO_LIMIT is NO_LIMIT."""
    if float(amount) * float(ppm) >= _NO_LIMIT_F:
        return mul_div_floor(amount, ppm, _PPM)
    return (amount // _PPM) * ppm + (amount % _PPM) * ppm // _PPM


@compiled
def ppb_of(amount: int, ppb: int) -> int:
    """floor(|amount| * ppb / 1e9) with the sign of amount, for ppb >= 0; its size is at most NO_LIMIT."""
    part = mul_div_floor(abs(amount), ppb, _PPB)
    return part if amount >= 0 else -part


@compiled
def fee_of(notional: int, ppb: int) -> int:
    """The fee on a notional >= 0, rounded against the trader: a fee up, a rebate (negative) towards zero."""
    if ppb >= 0:
        part = (notional % _PPB) * ppb
        return (notional // _PPB) * ppb + (part + _PPB - 1) // _PPB
    return -ppb_of(notional, -ppb)
