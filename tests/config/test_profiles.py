"""What config holds of the kernel's own figures is the kernel's."""

import pytest

from quarterdeck.config import ROOM, desk, profiles
from quarterdeck.kernel.capacity import PROFILES
from quarterdeck.kernel.records import MONEY_MAX, QUANTITY_MAX


def test_the_capacities_are_the_kernels() -> None:
    kernel = {
        name: profiles.Room(profile.instruments, profile.strategies, profile.venues, profile.accounts)
        for name, profile in PROFILES.items()
    }
    assert kernel == ROOM


@pytest.mark.parametrize(
    ("ours", "theirs"), [(desk.MONEY_UNITS_MAX, MONEY_MAX), (desk.QUANTITY_LOTS_MAX, QUANTITY_MAX)]
)
def test_the_bounds_are_the_kernels(ours: int, theirs: int) -> None:
    assert ours == theirs
