"""Hashes of what a record means: written into every header, compared before a file is believed."""

import hashlib
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, cast

import numpy as np

from quarterdeck.kernel import vocabulary
from quarterdeck.kernel.records import EVENT, STATE

__all__ = ["event_layout_hash", "event_schema_hash", "layout_hash", "state_schema_hash"]

_Fields = Mapping[str, tuple[Any, int]]


@cache
def event_layout_hash() -> bytes:
    """32 bytes over EVENT's names, formats and offsets: without these a record cannot be read at all."""
    return layout_hash(EVENT)


@cache
def event_schema_hash() -> bytes:
    """32 bytes over the layout and every member of the vocabulary: with another one, words were added meanwhile."""
    return hashlib.sha256(event_layout_hash() + _vocabulary().encode()).digest()


@cache
def state_schema_hash() -> bytes:
    """32 bytes over STATE's layout (capacity included) and the vocabulary: a snapshot fits only this very layout."""
    return hashlib.sha256(layout_hash(STATE) + _vocabulary().encode()).digest()


def layout_hash(dtype: "np.dtype[np.void]") -> bytes:
    """Returns SHA-256 over the names, formats and offsets of a record type, nested records included."""
    return hashlib.sha256("\n".join(_layout(dtype, "")).encode()).digest()


def _layout(dtype: "np.dtype[np.void]", prefix: str) -> list[str]:
    lines = [f"{prefix} {dtype.itemsize}"]
    for name in dtype.names or ():
        field, offset = cast("_Fields", dtype.fields)[name][:2]
        item, shape = (field.base, field.shape)
        lines.append(f"{prefix}.{name} {offset} {shape} {'record' if item.names else item.str}")
        if item.names:
            lines.extend(_layout(item, f"{prefix}.{name}"))
    return lines


def _vocabulary() -> str:
    lines: list[str] = []
    for name in sorted(vocabulary.__all__):
        words: object = getattr(vocabulary, name)
        if isinstance(words, type) and issubclass(words, Enum):
            lines.extend(f"{name}.{member.name} {member.value}" for member in words)
    return "\n".join(lines)
