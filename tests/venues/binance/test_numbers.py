"""What is tested: `quarterdeck.venues.binance.numbers`: decimal texts and whole steps, exact both ways."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.venues.binance.numbers import Grid, fixed, plain, rounded

STEPS = ("0.01", "0.05", "0.25", "1", "10", "0.00000001", "2.5", "1e-5", "5e2")


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [("0.00100000", 3, 1), ("12", 2, 1_200), ("-0.5", 1, -5), ("1.", 2, 100), ("0.10000000", 8, 10_000_000)],
)
def test_fixed(text: str, decimals: int, units: int) -> None:
    assert fixed(text, decimals) == units


NONE = ["", ".", "-", "1e5", "0.123", "+1", "1,0", "²", "nan", "1.2.3", "1 ", "0x1", "9" * 30]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"decimal|too large"):
        fixed(text, 2)


@pytest.mark.parametrize(
    ("text", "units"), [("0.125", 13), ("0.124", 12), ("-0.125", -13), ("0.1249999", 12), ("7", 700), ("0.005", 1)]
)
def test_rounded(text: str, units: int) -> None:
    assert rounded(text, 2) == units


@given(st.integers(-(2**61), 2**61), st.integers(0, 18))
def test_plain_and_fixed_are_each_others_inverse(units: int, decimals: int) -> None:
    text = plain(units, decimals)
    assert fixed(text, decimals) == units
    assert Decimal(text) == Decimal(units).scaleb(-decimals)
    assert "E" not in text


@given(st.sampled_from(STEPS), st.integers(0, 10**9))
def test_a_grid_reads_what_it_writes(step: str, steps: int) -> None:
    grid = Grid.of(Decimal(step))
    text = grid.text(steps)
    assert Decimal(text) == Decimal(step) * steps
    assert grid.steps(text) == grid.near(text) == grid.below(text) == steps
    assert grid.steps(text + ("0000" if "." in text else ".0000")) == steps


@given(st.sampled_from(STEPS), st.decimals(0, 10**6, places=9))
def test_near_and_below_are_the_steps_beside(step: str, figure: Decimal) -> None:
    grid, size = Grid.of(Decimal(step)), Decimal(step)
    text = f"{figure:f}"
    assert grid.below(text) == int(figure // size)
    # A figure is rounded to the step's own decimals first, so it may be off by half of the last of them.
    assert abs(grid.near(text) * size - figure) <= size / 2 + Decimal(1).scaleb(-grid.decimals) / 2


@pytest.mark.parametrize(("step", "text"), [("0.05", "0.03"), ("10", "15"), ("0.1", "0.01")])
def test_between_two_steps_is_refused(step: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"whole number|decimals"):
        Grid.of(Decimal(step)).steps(text)
