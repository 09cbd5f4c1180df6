"""How many things one desk may hold: what each capacity has room for.

The kernel holds the same figures (`kernel.capacity`); this room stands below it and may not ask, so a test compares.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["ROOM", "CapacityName", "Room"]

CapacityName: TypeAlias = Literal["small", "standard", "large"]


class Room(NamedTuple):
    """Slots of one capacity."""

    instruments: int
    strategies: int
    venues: int
    accounts: int


ROOM: Final[dict[CapacityName, Room]] = {
    "small": Room(4, 4, 2, 4),
    "standard": Room(32, 8, 8, 16),
    "large": Room(128, 32, 16, 32),
}
