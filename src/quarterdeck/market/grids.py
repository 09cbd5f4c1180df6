"""Exact decimal grids: a price is a whole number of ticks, a quantity a whole number of lots.

A grid is its step, a positive `Decimal` written as mantissa * 10**exponent with a mantissa that does not end in 0.
"""

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final, Literal

__all__ = [
    "EXACT",
    "Rounding",
    "decimal_parts",
    "exact_decimal",
    "round_figures",
    "round_steps",
    "significant_step",
    "to_steps",
]

Rounding = Literal["down", "up", "nearest", "towards_zero"]

EXACT: Final = Context(prec=80, traps=[InvalidOperation, Inexact])


def exact_decimal(value: object) -> Decimal:
    """Returns a finite `Decimal` of a Decimal, text or integer. Raises ValueError: a float is not what was written."""
    if isinstance(value, bool) or not isinstance(value, Decimal | str | int):
        raise ValueError(f"{value!r} is not an exact number: give a Decimal, a string or an integer")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number


def decimal_parts(step: Decimal) -> tuple[int, int]:
    """Returns (mantissa, exponent) with step = mantissa * 10**exponent and a mantissa that does not end in 0."""
    sign, digits, exponent = step.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{step} is not a finite number")
    mantissa = int("".join(map(str, digits))) * (-1 if sign else 1)
    while mantissa and mantissa % 10 == 0:
        mantissa //= 10
        exponent += 1
    return mantissa, exponent if mantissa else 0


def to_steps(value: Decimal | str | int, step: Decimal) -> int:
    """Returns the whole number of steps in `value`. Raises ValueError when it lies between two steps."""
    number = exact_decimal(value)
    ratio = _ratio(number, step)
    if ratio[0] % ratio[1]:
        raise ValueError(f"{number} is not a multiple of {step}")
    return ratio[0] // ratio[1]


def round_steps(value: Decimal | str | int, step: Decimal, rounding: Rounding) -> int:
    """Returns the steps of the grid point next to `value`: the one below, above, nearest (ties to even)."""
    numerator, denominator = _ratio(exact_decimal(value), step)
    if rounding == "down":
        return numerator // denominator
    if rounding == "up":
        return -(-numerator // denominator)
    if rounding == "towards_zero":
        return numerator // denominator if numerator >= 0 else -(-numerator // denominator)
    below, rest = divmod(numerator, denominator)
    return below + (1 if 2 * rest > denominator or (2 * rest == denominator and below % 2) else 0)


def _ratio(value: Decimal, step: Decimal) -> tuple[int, int]:
    upper, lower = value.as_integer_ratio(), step.as_integer_ratio()
    return upper[0] * lower[1], upper[1] * lower[0]


def significant_step(ticks: int, price_exponent: int, figures: int) -> int:
    """Returns the step, in ticks, that a price of `ticks` ticks of 10**price_exponent must be a multiple of.

    A price has at most `figures` significant figures, but a whole number is always allowed (Hyperliquid's API
    documentation, "Tick and lot size"). `figures` 0: no such rule, the step is one tick.
    """
    digits = len(str(abs(ticks)))
    if figures == 0 or digits <= figures:
        return 1
    return 10 ** max(0, min(digits - figures, -price_exponent))


def round_figures(ticks: int, price_exponent: int, figures: int, rounding: Rounding) -> int:
    """Returns the allowed price next to `ticks`, in ticks, as `significant_step` allows it."""
    step = significant_step(ticks, price_exponent, figures)
    return round_steps(ticks, Decimal(step), rounding) * step
