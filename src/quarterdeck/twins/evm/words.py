"""RLP, which Ethereum writes transactions and headers in, with types."""

from collections.abc import Sequence
from typing import cast

import rlp

__all__ = ["from_rlp", "to_rlp"]

Item = bytes | int | Sequence["Item"]
Read = bytes | list["Read"]


def to_rlp(item: Item) -> bytes:
    """Writes bytes, numbers and lists of these."""
    return cast(bytes, rlp.encode(item))  # pyright: ignore[reportUnknownMemberType] # it has no types


def from_rlp(raw: bytes) -> Read:
    """Reads bytes and lists of these. Raises rlp's DecodingError."""
    return cast(Read, rlp.decode(raw))  # pyright: ignore[reportUnknownMemberType] # as above, no types
