"""256-bit arithmetic as the chain does it: what would overflow there is refused here, and rounding is stated.

Balancer counts with 18 decimals (`ONE`): its V2 `FixedPoint` library is the source of `mul_down` and its kin.
"""

from typing import Final

from quarterdeck.errors import SwapRefused

__all__ = [
    "ONE",
    "UINT256_MAX",
    "ceil_div",
    "checked",
    "complement",
    "div_down",
    "div_up",
    "mul_div",
    "mul_div_up",
    "mul_down",
    "mul_up",
    "word",
]

UINT256_MAX: Final = 2**256 - 1
ONE: Final = 10**18


def word(value: int) -> int:
    """Returns what fits into 256 bits. SwapRefused for anything else: the contract's checked arithmetic reverts."""
    if not 0 <= value <= UINT256_MAX:
        raise SwapRefused(f"{value} does not fit into 256 bits: the contract would revert")
    return value


def checked(value: int, bits: int) -> int:
    """Returns what fits into so many bits, or SwapRefused."""
    if not 0 <= value < 1 << bits:
        raise SwapRefused(f"{value} does not fit into {bits} bits: the contract would revert")
    return value


def ceil_div(numerator: int, denominator: int) -> int:
    """The quotient, rounded up."""
    if denominator == 0:
        raise SwapRefused("division by zero: the contract would revert")
    return -(-numerator // denominator)


def mul_div(a: int, b: int, denominator: int) -> int:
    """The product by the denominator, rounded down; it may have 512 bits, the result 256."""
    if denominator == 0:
        raise SwapRefused("division by zero: the contract would revert")
    return word(a * b // denominator)


def mul_div_up(a: int, b: int, denominator: int) -> int:
    """As `mul_div`, rounded up."""
    return word(ceil_div(a * b, denominator))


def mul_down(a: int, b: int) -> int:
    return word(a * b) // ONE


def mul_up(a: int, b: int) -> int:
    product = word(a * b)
    return 0 if product == 0 else (product - 1) // ONE + 1


def div_down(a: int, b: int) -> int:
    if b == 0:
        raise SwapRefused("division by zero: the contract would revert")
    return word(a * ONE) // b


def div_up(a: int, b: int) -> int:
    if b == 0:
        raise SwapRefused("division by zero: the contract would revert")
    inflated = word(a * ONE)
    return 0 if inflated == 0 else (inflated - 1) // b + 1


def complement(share: int) -> int:
    """1 - share, never below zero."""
    return ONE - share if share < ONE else 0
