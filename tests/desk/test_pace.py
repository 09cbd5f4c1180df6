"""A clock that goes faster never goes back, and settings are fitted to it and still admitted.

What is tested: `quarterdeck.desk.pace`.
"""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.config import load_desk
from quarterdeck.desk.pace import SPEED_MAX, FastClock, paced
from quarterdeck.desk.twinned import toml_text
from tests.desk.builders import REPOSITORY

BEGIN_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
DESKS = sorted(path.parent.name for path in (REPOSITORY / "desks").glob("*/desk.toml"))


class Wheel:
    """A monotonic clock that is turned by hand."""

    def __init__(self) -> None:
        self.ns = 5_000

    def __call__(self) -> int:
        return self.ns


def test_it_goes_so_many_times_as_fast_until_it_is_slowed() -> None:
    wheel = Wheel()
    clock = FastClock(60.0, BEGIN_NS, monotonic=wheel)
    wheel.ns += SECOND_NS
    assert clock.wall() == BEGIN_NS + 60 * SECOND_NS
    assert clock.monotonic() == 60 * SECOND_NS
    clock.slow()
    wheel.ns += SECOND_NS
    assert clock.wall() == BEGIN_NS + 61 * SECOND_NS
    clock.slow()
    assert clock.wall() == BEGIN_NS + 61 * SECOND_NS


@given(st.floats(0.1, 60), st.lists(st.tuples(st.integers(0, 10**10), st.booleans()), max_size=20))
def test_it_never_goes_back(speed: float, steps: list[tuple[int, bool]]) -> None:
    wheel = Wheel()
    clock = FastClock(speed, BEGIN_NS, monotonic=wheel)
    before = clock.wall()
    for step, slow in steps:
        wheel.ns += step
        if slow:
            clock.slow()
        assert clock.wall() >= before
        before = clock.wall()


def test_waiting_slows_it() -> None:
    clock = FastClock(10.0, BEGIN_NS)
    clock.wait(1)
    assert clock.speed == 1.0


@pytest.mark.parametrize("speed", [1.0, 10.0, SPEED_MAX])
@pytest.mark.parametrize("desk", DESKS)
def test_a_paced_desk_is_still_admitted(tmp_path: Path, desk: str, speed: float) -> None:
    source = REPOSITORY / "desks" / desk
    document = tomllib.loads((source / "desk.toml").read_text("utf-8"))
    before = load_desk(source)
    paced(document, speed)
    document.pop("risk", None)
    for instrument in document["instruments"]:  # what the JSON files would say
        instrument.setdefault("maker_fee_bps", 0)
        instrument.setdefault("taker_fee_bps", 0)
    (tmp_path / "desk.toml").write_text(toml_text(document), "utf-8")
    after = load_desk(tmp_path)
    wanted = min(before.reconciliation.request_ms * speed, 60_000)
    assert after.reconciliation.request_ms == wanted
    assert after.limits.orders_per_minute <= before.limits.orders_per_minute
    assert after.instruments[0].limits.stale_ms >= before.instruments[0].limits.stale_ms
    assert [one.name for one in after.strategies] == [one.name for one in before.strategies]
