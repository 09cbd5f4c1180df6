"""What is tested: `quarterdeck.venues.binance.depth`: changes of a book join a snapshot by number.

The oracle is a book that is told whole: whatever is lost, what was applied is never a book that was not there.
"""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.venues.binance.depth import Join, Step
from quarterdeck.venues.binance.schema import DepthDiff
from tests.venues.binance.builders import diff, raw


def change(first: int, last: int, before: int = -1) -> DepthDiff:
    return msgspec.json.decode(raw(diff(first, last, before)), type=DepthDiff)


TABLE = [
    # spot, snapshot, changes (U, u, pu), what becomes of them
    (True, 100, [(90, 100, -1), (101, 105, -1), (106, 106, -1)], ["pass", "apply", "apply"]),
    (True, 100, [(95, 103, -1), (104, 110, -1)], ["apply", "apply"]),
    (True, 100, [(102, 105, -1)], ["broken"]),
    (True, 100, [(101, 105, -1), (107, 108, -1)], ["apply", "broken"]),
    (True, 100, [(101, 105, -1), (101, 105, -1)], ["apply", "broken"]),
    (False, 100, [(80, 99, 70), (95, 104, 94), (105, 109, 104)], ["pass", "apply", "apply"]),
    (False, 100, [(90, 100, 89), (120, 130, 100)], ["apply", "apply"]),  # its numbers may leap: pu joins them
    (False, 100, [(101, 105, 100)], ["broken"]),
    (False, 100, [(95, 104, 94), (105, 109, 103)], ["apply", "broken"]),
]


@pytest.mark.parametrize(("spot", "number", "changes", "steps"), TABLE)
def test_behind_a_snapshot(spot: bool, number: int, changes: list[tuple[int, int, int]], steps: list[str]) -> None:
    join = Join(spot=spot)
    assert join.begin(number) == ()
    assert [join.take(change(*one)).value for one in changes] == steps


@pytest.mark.parametrize(("spot", "number", "changes", "steps"), TABLE)
def test_before_a_snapshot(spot: bool, number: int, changes: list[tuple[int, int, int]], steps: list[str]) -> None:
    join = Join(spot=spot)
    assert [join.take(change(*one)) for one in changes] == [Step.HOLD] * len(changes)
    applied = join.begin(number)
    if "broken" in steps:
        assert applied is None
        assert not join.whole
    else:
        assert applied is not None
        assert len(applied) == steps.count("apply")
        assert join.whole


def test_what_waits_has_a_bound() -> None:
    join = Join(spot=True)
    for number in range(5_000):
        join.take(change(number, number))
    assert join.begin(100) is None  # the first of them are gone
    assert join.begin(4_999) == ()


@given(st.booleans(), st.integers(0, 2**32), st.floats(0, 0.3))
def test_a_book_is_the_true_one_or_none(spot: bool, seed: int, loss: float) -> None:
    """Changes are lost, snapshots come late: at each moment the levels are those of the number reached."""
    chance = random.Random(seed)
    truth: list[dict[int, int]] = [{}]
    levels: dict[int, int] = {}
    join, last = Join(spot=spot), 0
    held: dict[int, tuple[int, int]] = {}
    for _ in range(60):
        price, size = chance.randrange(5), chance.randrange(4)
        first = len(truth)
        truth.append({**truth[-1], price: size})
        held[first] = (price, size)
        message = change(first, first, last if not spot else -1)
        last = first
        if chance.random() >= loss:
            step = join.take(message)
            if step is Step.APPLY:
                levels[price] = size
                assert levels == truth[first]
            elif step is Step.BROKEN:
                levels.clear()
        if not join.whole and chance.random() < 0.4:
            number = chance.randrange(max(1, len(truth) - 4), len(truth))
            applied = join.begin(number)
            if applied is not None:
                levels = dict(truth[number])
                for one in applied:
                    levels[held[one.u][0]] = held[one.u][1]
                reached = max([number, *(one.u for one in applied)])
                assert levels == truth[reached]
