"""Hyperliquid's decimal texts and the kernel's whole steps, exact both ways.

A price has at most five significant figures (a whole number is always allowed) and at most 6 - szDecimals decimals on a
perpetual, 8 - szDecimals on a spot pair; a size has szDecimals ("Tick and lot size", the venue's API documentation).
The wire never carries trailing zeros: they would be signed as different bytes.
"""

from typing import Final

__all__ = ["FIGURES", "decimals_of_price", "fixed", "plain", "rounded"]

FIGURES: Final = 5
_PRICE_DECIMALS: Final = {False: 6, True: 8}  # perpetual, spot
_TEXT_MAX: Final = 40
_STEPS_MAX: Final = 2**62


def decimals_of_price(size_decimals: int, *, spot: bool) -> int:
    """Returns how many decimals a price may have."""
    return max(0, _PRICE_DECIMALS[spot] - size_decimals)


def fixed(text: str, decimals: int) -> int:
    """Returns the whole number of steps of 10**-decimals in a decimal text. Raises ValueError between two steps."""
    whole, _, part = text.partition(".")
    if len(part) > decimals:
        kept, rest = part[:decimals], part[decimals:]
        if rest.strip("0"):
            raise ValueError(f"{text[:_TEXT_MAX]!r} has more than {decimals} decimals")
        part = kept
    negative = whole.startswith("-")
    digits = (whole[1:] if negative else whole) + part
    if not (digits.isdigit() and digits.isascii()) or len(digits) > _TEXT_MAX:
        raise ValueError(f"{text[:_TEXT_MAX]!r} is not a decimal number")
    steps = int(digits) * 10 ** (decimals - len(part))
    if steps >= _STEPS_MAX:
        raise ValueError(f"{text[:_TEXT_MAX]!r} is too large")
    return -steps if negative else steps


def rounded(text: str, decimals: int) -> int:
    """Returns the nearest whole number of steps of 10**-decimals, halves away from zero. Raises ValueError."""
    part = text.partition(".")[2]
    finer = fixed(text, max(decimals, len(part)))
    scale = 10 ** max(0, len(part) - decimals)
    below, rest = divmod(abs(finer), scale)
    steps = below + (1 if 2 * rest >= scale and rest else 0)
    return -steps if finer < 0 else steps


def plain(steps: int, decimals: int) -> str:
    """Returns the decimal text of `steps` steps of 10**-decimals, without trailing zeros: '1.5', '12', '-0.01'."""
    sign = "-" if steps < 0 else ""
    digits = str(abs(steps)).zfill(decimals + 1)
    whole, part = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"
