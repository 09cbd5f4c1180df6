"""Amounts of dollars for scripts: exact, and a share of nothing is not known rather than an error."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

__all__ = ["Usd", "share"]

_CENT: Final = Decimal("0.01")


class Usd(Decimal):
    """A Decimal whose sums stay what they are, and whose quotient by zero is NaN: on a day without trades a runbook
    divides one sum by another."""

    def __add__(self, other: Decimal | int) -> "Usd":
        return Usd(Decimal.__add__(self, other))

    __radd__ = __add__

    def __sub__(self, other: Decimal | int) -> "Usd":
        return Usd(Decimal.__sub__(self, other))

    def __truediv__(self, other: Decimal | int) -> "Usd":
        return Usd("NaN") if other == 0 else Usd(Decimal.__truediv__(self, other))

    def scaled(self, exponent: int) -> "Usd":
        """With its point moved."""
        return Usd(self.scaleb(exponent))

    def cents(self) -> "Usd":
        """To the cent."""
        return Usd(self.quantize(_CENT, ROUND_HALF_EVEN))


def share(part: int, whole: int) -> str:
    """As the runbooks print it: "80.0%"; of nothing "0.0%"."""
    return f"{100 * part / whole if whole else 0:.1f}%"
