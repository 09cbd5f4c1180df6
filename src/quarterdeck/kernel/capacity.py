"""How many of each thing one kernel holds. A capacity is part of a record's type, so one process has one profile.

It is chosen by the environment variable QUARTERDECK_CAPACITY before the kernel is imported; the command line sets it
from `desk.toml`. `small` is for simulation, where states are made and hashed by the thousand.
"""

import os
from dataclasses import dataclass
from typing import Final

from quarterdeck.errors import ConfigError

__all__ = ["CAPACITY", "CAPACITY_VARIABLE", "PROFILES", "Capacity"]

CAPACITY_VARIABLE: Final = "QUARTERDECK_CAPACITY"


@dataclass(frozen=True, slots=True)
class Capacity:
    """Slots of one profile. Orders and trades must be powers of two: a slot is an id's low bits."""

    name: str
    instruments: int
    strategies: int
    venues: int
    accounts: int
    orders: int  # open orders and the latest closed ones
    trades: int  # venue trade ids remembered, for de-duplication
    book_levels: int  # per side and instrument, in the simulated venue
    pending: int  # orders and reports on their way to and from the simulated venue


PROFILES: Final = {
    profile.name: profile
    for profile in (
        Capacity("small", 4, 4, 2, 4, 64, 256, 64, 128),
        Capacity("standard", 32, 8, 8, 16, 1024, 4096, 2048, 4096),
        Capacity("large", 128, 32, 16, 32, 16384, 16384, 2048, 32768),
    )
}


def _chosen() -> Capacity:
    name = os.environ.get(CAPACITY_VARIABLE, "standard")
    if name not in PROFILES:
        raise ConfigError("environment", CAPACITY_VARIABLE, name, f"one of {', '.join(PROFILES)}")
    return PROFILES[name]


CAPACITY: Final = _chosen()
