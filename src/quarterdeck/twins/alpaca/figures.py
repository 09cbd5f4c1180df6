"""Figures, times and ids as the venue writes them."""

import re
import struct
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from quarterdeck.twins.alpaca.listings import LOTS, TICKS, UNITS

__all__ = [
    "instant",
    "money",
    "price",
    "quantity",
    "read_count",
    "read_decimal",
    "read_instant",
    "share",
    "timestamp_bytes",
]

_NS_PER_S: Final = 1_000_000_000
_FIRST_YEAR: Final = "1970"
_LAST_YEAR: Final = "2199"  # nanoseconds in 63 bits
_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?)?")


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}" if value else "0"


def price(ticks: int) -> str:
    """Returns a price."""
    return _plain(Decimal(ticks) / TICKS)


def quantity(lots: int) -> str:
    """Returns a number of shares."""
    return _plain(Decimal(lots) / LOTS)


def money(units: int) -> str:
    """Returns dollars, exact."""
    return _plain(Decimal(units) / UNITS)


def share(part: int, whole: int) -> str:
    """Returns part / whole to ten places; 0 of nothing."""
    if not whole:
        return "0"
    return _plain((Decimal(part) / Decimal(whole)).quantize(Decimal("1e-10"), ROUND_HALF_UP))


def instant(time_ns: int) -> str:
    """Returns a moment by RFC 3339 in UTC, as many decimals as it has."""
    moment = datetime.fromtimestamp(time_ns // _NS_PER_S, UTC)
    decimals = f"{time_ns % _NS_PER_S:09d}".rstrip("0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if decimals else ''}{decimals}Z"


def read_instant(text: str) -> int:
    """Returns nanoseconds of a moment by RFC 3339, or of the beginning of a day (UTC). Raises ValueError."""
    found = _INSTANT.fullmatch(text.strip().replace(" ", "+") if "T" in text else text.strip())
    if found is None or not _FIRST_YEAR <= text.strip()[:4] <= _LAST_YEAR:
        raise ValueError(f"no time: {text}")
    day, clock, decimals, zone = found.groups()
    zone = "+00:00" if zone in {None, "Z"} else zone
    seconds = int(datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone}").timestamp())
    return seconds * _NS_PER_S + int((decimals or "0").ljust(9, "0"))


def read_decimal(value: Any) -> Decimal:
    """Returns a figure given as text or number. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("no figure")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("no figure") from None
    if not number.is_finite():
        raise ValueError("no figure")
    return number


def read_count(text: str, most: int) -> int:
    """Returns a whole number from 1 to `most`. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise ValueError(f"no number from 1 to {most}")
    return int(text)


def timestamp_bytes(time_ns: int) -> bytes:
    """Returns the data of a msgpack timestamp (its extension type -1, in 64 bits)."""
    return struct.pack(">Q", (time_ns % _NS_PER_S) << 34 | time_ns // _NS_PER_S)
