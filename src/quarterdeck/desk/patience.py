"""How long a courier waits, for what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Patience"]

_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a courier waits, in nanoseconds."""

    request_ns: int = 1_000 * _MS
    """A request takes effect within this at the venue, and is answered within this."""
    retry_ns: int = 250 * _MS
    every_ns: int = 30_000 * _MS
    overlap_ns: int = 2_000 * _MS
    cash_tolerance: Mapping[int, int] = field(default_factory=dict[int, int])
