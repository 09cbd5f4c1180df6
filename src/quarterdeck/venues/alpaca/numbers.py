"""Alpaca's times, identities and figures as whole numbers.

Figures that are money, prices or sizes are decimal texts on this wire; where a number stands instead, its shortest
text is meant. Times are RFC 3339 with up to nine decimals in JSON, and MessagePack timestamps on the data stream.
"""

import datetime
import hashlib
import re
from decimal import Decimal
from typing import Final

__all__ = ["figure", "identity_number", "nanoseconds", "offset_ns", "rfc3339", "stamp_ns"]

_SECOND_NS: Final = 1_000_000_000
_TIME_NS_MAX: Final = 9_000_000_000 * _SECOND_NS
_TEXT_MAX: Final = 40
_IDENTITY_MAX: Final = 64
_IDENTITY_BITS: Final = 62
_MOMENT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?(Z|z|[+-]\d{2}:\d{2})", re.ASCII
)
_STAMP: Final = -1  # MessagePack's extension type of a timestamp
_SECONDS_BITS: Final = 34


def figure(value: str | int | float | None) -> Decimal:
    """Returns the exact Decimal of a figure. Raises ValueError: it is none, or not finite, or absurdly long."""
    if value is None or isinstance(value, bool):
        raise ValueError("no figure")
    text = value if isinstance(value, str) else repr(value)
    if len(text) > _TEXT_MAX or not text.isascii() or "_" in text:
        raise ValueError(f"{text[:_TEXT_MAX]!r} is not a decimal number")
    try:
        number = Decimal(text)
    except ArithmeticError:
        raise ValueError(f"{text!r} is not a decimal number") from None
    if not number.is_finite() or abs(number.adjusted()) > _TEXT_MAX:
        raise ValueError(f"{text!r} is not a number of this world")
    return number


def identity_number(identity: str) -> int:
    """Returns 62 bits that stand for one of the venue's identities (a UUID), never 0: the same for the same one."""
    text = identity.strip().lower()
    if not 0 < len(text) <= _IDENTITY_MAX:
        raise ValueError(f"{identity[:_TEXT_MAX]!r} is no identity")
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _IDENTITY_BITS) or 1


def nanoseconds(text: str) -> int:
    """Returns UTC nanoseconds of an RFC 3339 time. Raises ValueError for a time that cannot be."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:_TEXT_MAX]!r} is no time")
    day, clock, part, zone = found.groups()
    moment = datetime.datetime.fromisoformat(f"{day}T{clock}+00:00")
    seconds = (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(seconds=1)
    time_ns = seconds * _SECOND_NS + int((part or "0").ljust(9, "0")) - _zone_ns(zone)
    if not 0 <= time_ns < _TIME_NS_MAX:
        raise ValueError(f"{text[:_TEXT_MAX]!r} is no time that can be")
    return time_ns


def offset_ns(text: str) -> int:
    """Returns how far the zone that a time is written in is from UTC, in nanoseconds. Raises ValueError."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:_TEXT_MAX]!r} is no time")
    return _zone_ns(found[4])


def _zone_ns(zone: str) -> int:
    if zone in {"Z", "z"}:
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(f"{zone!r} is no zone")
    return (hours * 3_600 + minutes * 60) * _SECOND_NS * (-1 if zone[0] == "-" else 1)


def rfc3339(time_ns: int) -> str:
    """Returns the venue's text of a time in UTC nanoseconds."""
    seconds, part = divmod(time_ns, _SECOND_NS)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{part:09d}Z"


def stamp_ns(code: int, data: bytes) -> int:
    """Returns UTC nanoseconds of a MessagePack timestamp: 4, 8 or 12 bytes. Raises ValueError."""
    if code != _STAMP:
        raise ValueError(f"extension {code} is no timestamp")
    if len(data) == 8:
        value = int.from_bytes(data, "big")
        part, seconds = value >> _SECONDS_BITS, value & ((1 << _SECONDS_BITS) - 1)
    elif len(data) == 4:
        part, seconds = 0, int.from_bytes(data, "big")
    elif len(data) == 12:
        part, seconds = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big", signed=True)
    else:
        raise ValueError(f"a timestamp of {len(data)} bytes")
    time_ns = seconds * _SECOND_NS + part
    if part >= _SECOND_NS or not 0 <= time_ns < _TIME_NS_MAX:
        raise ValueError("a timestamp that cannot be")
    return time_ns
