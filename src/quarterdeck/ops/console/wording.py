"""Figures as people read them: rounded, grouped, with a sign where it says something, and a dash for the unknown."""

import datetime
from decimal import Decimal
from typing import Final

__all__ = [
    "UNKNOWN",
    "age_text",
    "clock_text",
    "count_text",
    "duration_text",
    "exact",
    "money",
    "plain_words",
    "share_text",
    "signed",
    "stamp_text",
]

UNKNOWN: Final = "–"
_MINUS: Final = "\N{MINUS SIGN}"
_STEPS: Final = ((172_800.0, 86_400.0, "d"), (7_200.0, 3_600.0, "h"), (120.0, 60.0, "min"))


def money(value: Decimal | None, places: int = 2) -> str:
    """An amount with groups of three."""
    return UNKNOWN if value is None else _minus(f"{value:,.{places}f}")


def signed(value: Decimal | None, places: int = 2) -> str:
    """An amount that went up or down: always with its sign, but for zero."""
    if value is None:
        return UNKNOWN
    text = f"{value:+,.{places}f}"
    return text[1:] if not text.strip("+-0.,") else _minus(text)


def exact(value: Decimal | None) -> str:
    """A price or a quantity: every digit that says something."""
    if value is None:
        return UNKNOWN
    text = f"{value:,f}"
    return _minus(text.rstrip("0").rstrip(".") if "." in text else text)


def share_text(value: Decimal | float | None, places: int = 2) -> str:
    """A share of one as per cent."""
    return UNKNOWN if value is None else _minus(f"{100 * value:.{places}f}\N{NO-BREAK SPACE}%")


def count_text(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def age_text(seconds: float | None) -> str:
    """How long ago, roughly: one figure, one unit."""
    if seconds is None:
        return UNKNOWN
    seconds = max(0.0, seconds)
    for least, unit, word in _STEPS:
        if seconds >= least:
            return f"{seconds / unit:.0f}\N{NO-BREAK SPACE}{word}"
    return f"{seconds:.1f}\N{NO-BREAK SPACE}s" if seconds < 10 else f"{seconds:.0f}\N{NO-BREAK SPACE}s"


def duration_text(seconds: float | None) -> str:
    """How long something takes, from nanoseconds to minutes."""
    if seconds is None:
        return UNKNOWN
    for unit, word in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit:
            figure = seconds / unit
            return f"{figure:.{0 if figure >= 100 else 1}f}\N{NO-BREAK SPACE}{word}"
    return f"{seconds * 1e9:.0f}\N{NO-BREAK SPACE}ns"


def clock_text(time_ns: int | None) -> str:
    """The time of day, UTC."""
    return UNKNOWN if not time_ns else _moment(time_ns).strftime("%H:%M:%S")


def stamp_text(time_ns: int | None) -> str:
    """Day and time of day, UTC."""
    return UNKNOWN if not time_ns else _moment(time_ns).strftime("%Y-%m-%d %H:%M:%S")


def plain_words(name: str) -> str:
    """An enum's name as words: PORTFOLIO_HEAT is Portfolio heat."""
    return name.replace("_", " ").capitalize()


def _moment(time_ns: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(time_ns // 1_000_000_000, tz=datetime.UTC)


def _minus(text: str) -> str:
    return text.replace("-", _MINUS)
