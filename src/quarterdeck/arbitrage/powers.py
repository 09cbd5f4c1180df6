"""Powers of fixed point numbers with 18 decimals, bit for bit as Balancer's `LogExpMath` and `FixedPoint` compute them.

Source: balancer-v2-monorepo, pkg/solidity-utils/contracts/math. Integer division truncates towards zero, as there.
"""

from typing import Final

from quarterdeck.arbitrage.arithmetic import ONE, mul_up, word
from quarterdeck.errors import SwapRefused

__all__ = ["power", "power_down", "power_up"]

_ONE_20: Final = 10**20
_ONE_36: Final = 10**36
_MOST: Final = 130 * ONE
_LEAST: Final = -41 * ONE
_NEAR_LOW: Final = ONE - 10**17
_NEAR_HIGH: Final = ONE + 10**17
_MILD_MOST: Final = 2**254 // _ONE_20
_ERROR: Final = 10_000  # relative, in 1e-18: what `pow` may be wrong by

# e ** 128 and e ** 64, without decimals, at the exponents with 18
_LARGE: Final = (
    (128 * ONE, 38877084059945950922200000000000000000000000000000000000),
    (64 * ONE, 6235149080811616882910000000),
)
# e ** (2 ** n) for n = 5 .. -4, with 20 decimals, as the exponents
_SMALL: Final = (
    (3200000000000000000000, 7896296018268069516100000000000000),
    (1600000000000000000000, 888611052050787263676000000),
    (800000000000000000000, 298095798704172827474000),
    (400000000000000000000, 5459815003314423907810),
    (200000000000000000000, 738905609893065022723),
    (100000000000000000000, 271828182845904523536),
    (50000000000000000000, 164872127070012814685),
    (25000000000000000000, 128402541668774148407),
    (12500000000000000000, 113314845306682631683),
    (6250000000000000000, 106449445891785942956),
)
_SERIES: Final = _SMALL[:8]  # the exponential multiplies these; the rest is its series
_TERMS: Final = 12


def _quotient(a: int, b: int) -> int:
    """Signed division that truncates towards zero."""
    whole = abs(a) // abs(b)
    return whole if (a < 0) == (b < 0) else -whole


def _exponential(x: int) -> int:
    if not _LEAST <= x <= _MOST:
        raise SwapRefused("an exponent out of range: the contract would revert")
    if x < 0:
        return ONE * ONE // _exponential(-x)
    first = 1
    for exponent, factor in _LARGE:
        if x >= exponent:
            x -= exponent
            first = factor
            break
    x *= 100
    product = _ONE_20
    for exponent, factor in _SERIES:
        if x >= exponent:
            x -= exponent
            product = product * factor // _ONE_20
    total = _ONE_20 + x
    term = x
    for n in range(2, _TERMS + 1):
        term = term * x // _ONE_20 // n
        total += term
    return product * total // _ONE_20 * first // 100


def _logarithm(a: int) -> int:
    if a < ONE:
        return -_logarithm(ONE * ONE // a)
    total = 0
    for exponent, factor in _LARGE:
        if a >= factor * ONE:
            a //= factor
            total += exponent
    total *= 100
    a *= 100
    for exponent, factor in _SMALL:
        if a >= factor:
            a = a * _ONE_20 // factor
            total += exponent
    z = (a - _ONE_20) * _ONE_20 // (a + _ONE_20)
    squared = z * z // _ONE_20
    term = series = z
    for n in range(3, 12, 2):
        term = term * squared // _ONE_20
        series += term // n
    return (total + 2 * series) // 100


def _logarithm_36(x: int) -> int:
    """The natural logarithm near one, with 36 decimals."""
    x *= ONE
    z = _quotient((x - _ONE_36) * _ONE_36, x + _ONE_36)
    squared = z * z // _ONE_36
    term = series = z
    for n in range(3, 16, 2):
        term = _quotient(term * squared, _ONE_36)
        series += _quotient(term, n)
    return series * 2


def power(x: int, y: int) -> int:
    """The power, all with 18 decimals, as `LogExpMath.pow`. SwapRefused out of its range."""
    if y == 0:
        return ONE
    if x == 0:
        return 0
    if x >= 2**255:
        raise SwapRefused("a base out of range: the contract would revert")
    if y >= _MILD_MOST:
        raise SwapRefused("an exponent out of range: the contract would revert")
    if _NEAR_LOW < x < _NEAR_HIGH:
        logarithm = _logarithm_36(x)
        # the two halves separately: their product with y would not fit
        exponent = _quotient(logarithm, ONE) * y + _quotient(_remainder(logarithm, ONE) * y, ONE)
    else:
        exponent = _logarithm(x) * y
    exponent = _quotient(exponent, ONE)
    if not _LEAST <= exponent <= _MOST:
        raise SwapRefused("a power out of range: the contract would revert")
    return _exponential(exponent)


def power_down(x: int, y: int) -> int:
    """The power, certainly not too much."""
    if y in _PLAIN:
        return _plain_down(x, y)
    raw = power(x, y)
    most = mul_up(raw, _ERROR) + 1
    return raw - most if raw > most else 0


def power_up(x: int, y: int) -> int:
    """The power, certainly not too little."""
    if y in _PLAIN:
        return _plain_up(x, y)
    raw = power(x, y)
    return word(raw + mul_up(raw, _ERROR) + 1)


_PLAIN: Final = (ONE, 2 * ONE, 4 * ONE)


def _plain_down(x: int, y: int) -> int:
    if y == ONE:
        return x
    square = word(x * x) // ONE
    return square if y == 2 * ONE else word(square * square) // ONE


def _plain_up(x: int, y: int) -> int:
    if y == ONE:
        return x
    square = mul_up(x, x)
    return square if y == 2 * ONE else mul_up(square, square)


def _remainder(a: int, b: int) -> int:
    return a - _quotient(a, b) * b
