"""Messages as no venue should send them: cut, too long, of the wrong type, of no known kind, with bytes of noise.

`hopeless` damage can be read by nobody, so a reader has to count it; other damage may by chance make sense.
"""

import copy
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

__all__ = ["Damage", "Shape", "damaged", "json_bytes", "msgpack_bytes"]

ODD = [
    None, True, 0, -1, 2**63, 2**64 - 1, -(2**63), 1.5, 1e308, "", "-", "nan", "1e400", "9" * 50, "1." + "9" * 60, "²",
    [], {}, [[]], {"coin": "XRP"}, "XRP", "\u0000", "x" * 1_000,
]  # fmt: skip
SHAPELESS = [
    b"", b" ", b"null", b"7", b'"text"', b"true", b"{}", b"{", b"[" * 5_000, b'{"a":' * 3_000, b"\xff\xfe", b"\x00",
    b"<html>bad gateway</html>", b'{"channel":', b'{"type":7}', b'{"e":null}', b"NaN", b"-", b"{}{}", b"[[]]",
]  # fmt: skip


def json_bytes(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def msgpack_bytes(value: Any) -> bytes:
    return msgspec.msgpack.encode(value)


@dataclass(frozen=True)
class Damage:
    """One damaged message. `place` is which of the good ones it was, `how` names what was done to it."""

    raw: bytes
    place: int
    how: str
    hopeless: bool


@dataclass(frozen=True)
class Shape:
    """How a reader's messages look: `kind` leads to the word that says what one is, `too_long` is too many bytes.

    Without a `kind` they are answers: what one is, the request says.
    """

    kind: tuple[str | int, ...] = ()
    too_long: int = 0
    pack: Callable[[Any], bytes] = json_bytes


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a value."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += _places(inner, (*path, key))
    return found


def _holder(value: Any, path: Sequence[Any]) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value


def _wrong_typed(chance: random.Random, value: Any) -> Any:
    """One place changed, removed or doubled."""
    value = copy.deepcopy(value)
    path = chance.choice(_places(value))
    holder, last, what = _holder(value, path), path[-1], chance.randrange(4)
    if what == 0:
        del holder[last]
    elif what == 1 and isinstance(holder, list):
        holder.append(holder[last])
    elif what == 2 and isinstance(holder[last], str):
        holder[last] += chance.choice(["0", ".", "-", "e", "9" * 20, " "])
    else:
        holder[last] = chance.choice(ODD)
    return value


def _unknown(chance: random.Random, value: Any, kind: Sequence[Any]) -> Any:
    value = copy.deepcopy(value)
    _holder(value, kind)[kind[-1]] = chance.choice(["tradez", "\u0000", "x" * 300, "Trades", "trades ", "QUIT"])
    return value


def _noisy(chance: random.Random, raw: bytes) -> bytes:
    """A few bytes are others."""
    data = bytearray(raw)
    for _ in range(chance.randrange(1, 5)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def damaged(chance: random.Random, good: Sequence[Any], shape: Shape) -> Damage:
    """One of the good messages, damaged."""
    place = chance.randrange(len(good))
    value, draw = good[place], chance.random()
    raw = shape.pack(value)
    if draw < 0.25:
        return Damage(raw[: chance.randrange(1, len(raw) - 1)], place, "truncated", hopeless=True)
    if draw < 0.35 and shape.kind:
        return Damage(shape.pack(_unknown(chance, value, shape.kind)), place, "unknown", hopeless=True)
    if draw < 0.42:
        return Damage(chance.choice(SHAPELESS), place, "shapeless", hopeless=bool(shape.kind))
    if draw < 0.4203 and shape.too_long:
        return Damage(raw + b" " * shape.too_long, place, "oversized", hopeless=True)
    if draw < 0.75:
        return Damage(shape.pack(_wrong_typed(chance, value)), place, "wrong-typed", hopeless=False)
    return Damage(_noisy(chance, raw), place, "noisy", hopeless=False)
