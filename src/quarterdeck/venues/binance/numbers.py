"""Binance's decimal texts and the kernel's whole steps, exact both ways.

Its texts carry trailing zeros ("0.00100000"); a price is a whole number of `tickSize`, a size of `stepSize`, and a step
need not be a power of ten.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from quarterdeck.market.grids import decimal_parts

__all__ = ["Grid", "fixed", "plain", "rounded"]

_TEXT_MAX: Final = 40
_UNITS_MAX: Final = 2**62


def fixed(text: str, decimals: int) -> int:
    """Returns the whole number of 10**-decimals in a decimal text. Raises ValueError between two of them."""
    whole, _, part = text.partition(".")
    if len(part) > decimals:
        part, rest = part[:decimals], part[decimals:]
        if rest.strip("0"):
            raise ValueError(f"{text[:_TEXT_MAX]!r} has more than {decimals} decimals")
    negative = whole.startswith("-")
    digits = (whole[1:] if negative else whole) + part
    if not (digits.isdigit() and digits.isascii()) or len(digits) > _TEXT_MAX:
        raise ValueError(f"{text[:_TEXT_MAX]!r} is not a decimal number")
    units = int(digits) * 10 ** (decimals - len(part))
    if units >= _UNITS_MAX:
        raise ValueError(f"{text[:_TEXT_MAX]!r} is too large")
    return -units if negative else units


def rounded(text: str, decimals: int) -> int:
    """Returns the nearest whole number of 10**-decimals, halves away from zero. Raises ValueError."""
    part = text.partition(".")[2]
    finer = fixed(text, max(decimals, len(part)))
    scale = 10 ** max(0, len(part) - decimals)
    below, rest = divmod(abs(finer), scale)
    units = below + (1 if rest and 2 * rest >= scale else 0)
    return -units if finer < 0 else units


def plain(units: int, decimals: int) -> str:
    """Returns the decimal text of `units` of 10**-decimals, without trailing zeros: '1.5', '12', '-0.01'."""
    sign = "-" if units < 0 else ""
    digits = str(abs(units)).zfill(decimals + 1)
    whole, part = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"


@dataclass(frozen=True, slots=True)
class Grid:
    """Whole steps of `mantissa` * 10**-decimals."""

    mantissa: int
    decimals: int

    @classmethod
    def of(cls, step: Decimal) -> "Grid":
        """Returns the grid of a positive step, such as 0.05 or 10."""
        mantissa, exponent = decimal_parts(step)
        return cls(mantissa * 10 ** max(0, exponent), max(0, -exponent))

    def steps(self, text: str) -> int:
        """Returns the whole steps in a decimal text. Raises ValueError between two steps."""
        units = fixed(text, self.decimals)
        if units % self.mantissa:
            raise ValueError(f"{text[:_TEXT_MAX]!r} is not a whole number of {plain(self.mantissa, self.decimals)}")
        return units // self.mantissa

    def near(self, text: str) -> int:
        """Returns the steps next to a figure that keeps to no grid. Raises ValueError: not a number."""
        units = rounded(text, self.decimals)
        steps = (2 * abs(units) + self.mantissa) // (2 * self.mantissa)
        return -steps if units < 0 else steps

    def below(self, text: str) -> int:
        """Returns the whole steps that fit into a figure of at least 0. Raises ValueError."""
        whole, dot, part = text.partition(".")
        return fixed(f"{whole}{dot}{part[: self.decimals]}" if self.decimals else whole, self.decimals) // self.mantissa

    def text(self, steps: int) -> str:
        """Returns the decimal text of so many steps."""
        return plain(steps * self.mantissa, self.decimals)
