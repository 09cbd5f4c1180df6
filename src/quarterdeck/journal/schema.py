"""What a record means: hashes and a number in every header, compared before a file is believed, and whole layouts.

The number is the kernel's STATE_SCHEMA. It is raised with every change of the state's layout, of the vocabulary, or of
what the kernel does with an event: with equal numbers and hashes, digests can be compared; with others they cannot.
"""

import hashlib
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Final, cast

import msgspec
import numpy as np

from quarterdeck.errors import JournalError
from quarterdeck.kernel import vocabulary
from quarterdeck.kernel.records import EVENT, STATE, STATE_SCHEMA

__all__ = [
    "FIRST_STATE_SCHEMA",
    "check_not_newer",
    "describe",
    "described",
    "event_layout_hash",
    "event_schema_hash",
    "layout_hash",
    "state_layout",
    "state_schema_hash",
]

FIRST_STATE_SCHEMA: Final = 1  # what files that do not say any were written under
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
    """32 bytes over STATE's layout (capacity included), the vocabulary and STATE_SCHEMA: equal ones share digests."""
    return hashlib.sha256(b"%d" % STATE_SCHEMA + layout_hash(STATE) + _vocabulary().encode()).digest()


@cache
def state_layout() -> bytes:
    """STATE's names, formats and offsets as JSON, for versions to come: see `described`."""
    return msgspec.json.encode(describe(STATE))


def check_not_newer(name: str, state_schema: int) -> None:
    """Raises JournalError when a file was written under a state schema that this version cannot know."""
    if state_schema > STATE_SCHEMA:
        raise JournalError(
            f"{name}: written by a newer version of quarterdeck (state schema {state_schema}, this one has"
            f" {STATE_SCHEMA}); start that version"
        )


def describe(dtype: "np.dtype[np.void]") -> dict[str, object]:
    """Returns a record type as plain values: its size, and of each field name, format, offset and count (0: one)."""
    fields: list[tuple[object, ...]] = []
    for name in dtype.names or ():
        field, offset = cast("_Fields", dtype.fields)[name][:2]
        item = field.base
        fields.append((name, describe(item) if item.names else item.str, offset, *(field.shape or (0,))))
    return {"size": dtype.itemsize, "fields": fields}


def described(description: Any) -> "np.dtype[np.void]":
    """Returns the record type that `describe` described."""
    names: list[str] = []
    formats: list[object] = []
    offsets: list[int] = []
    for name, kind, offset, count in description["fields"]:
        item = kind if isinstance(kind, str) else described(kind)
        names.append(name)
        formats.append((item, (count,)) if count else item)
        offsets.append(offset)
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": description["size"]})


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
