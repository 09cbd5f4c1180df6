"""quarterdeck.market.grids, quarterdeck.market.numbers and quarterdeck.market.inference: numbers on a grid."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.market.grids import (
    decimal_parts,
    exact_decimal,
    round_figures,
    round_steps,
    significant_step,
    to_steps,
)
from quarterdeck.market.numbers import decimals_used, read_numbers, steps_of

STEPS = ["1", "0.1", "0.01", "0.25", "0.05", "0.00000001", "10", "0.003"]


@given(st.integers(-(10**12), 10**12), st.sampled_from(STEPS))
def test_steps_go_to_a_number_and_back(steps: int, step: str) -> None:
    assert to_steps(Decimal(step) * steps, Decimal(step)) == steps


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9), st.sampled_from(STEPS))
def test_roundings_surround_the_number(value: Decimal, step: str) -> None:
    grid = Decimal(step)
    down, up, nearest = (round_steps(value, grid, rounding) for rounding in ("down", "up", "nearest"))
    assert down * grid <= value <= up * grid
    assert up - down <= 1
    assert nearest in (down, up)
    assert round_steps(value, grid, "towards_zero") == (down if value >= 0 else up)


@pytest.mark.parametrize(("value", "nearest"), [("0.5", 0), ("1.5", 2), ("2.5", 2), ("-1.5", -2), ("0.51", 1)])
def test_ties_go_to_the_even_step(value: str, nearest: int) -> None:
    assert round_steps(value, Decimal(1), "nearest") == nearest


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_parts_make_the_number_again(value: Decimal) -> None:
    mantissa, exponent = decimal_parts(value)
    assert Fraction(mantissa) * Fraction(10) ** exponent == Fraction(value)
    assert mantissa == 0 or mantissa % 10


@pytest.mark.parametrize("value", [1.5, True, "x", "nan", Decimal("Infinity"), None])
def test_what_is_no_exact_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="number"):
        exact_decimal(value)


# price in ticks of 1e-4 -> the step that five figures allow, a whole number being always allowed
FIGURES = [
    (1, 1),
    (99_999, 1),
    (100_000, 10),
    (9_999_999, 100),
    (12_345_678, 1_000),
    (999_999_999, 10_000),
    (9_999_999_999, 10_000),
]


@pytest.mark.parametrize(("ticks", "step"), FIGURES)
def test_significant_figures_widen_the_step(ticks: int, step: int) -> None:
    assert significant_step(ticks, -4, 5) == step
    assert significant_step(ticks, -4, 0) == 1
    assert significant_step(ticks, 0, 5) == 1


@given(st.integers(1, 10**12), st.sampled_from(["down", "up", "nearest"]), st.integers(-8, 2), st.integers(1, 7))
def test_a_rounded_price_is_on_its_own_step(ticks: int, rounding: str, exponent: int, figures: int) -> None:
    rounded = round_figures(ticks, exponent, figures, rounding)  # type: ignore[arg-type]
    assert rounded % significant_step(rounded, exponent, figures) == 0
    assert abs(rounded - ticks) < significant_step(ticks, exponent, figures)


@given(st.lists(st.integers(1, 10**11), min_size=1, max_size=50), st.integers(0, 8))
def test_a_float_column_is_the_decimals_it_prints_as(mantissas: list[int], decimals: int) -> None:
    series = pl.Series([float(Decimal(value).scaleb(-decimals)) for value in mantissas])
    numbers = read_numbers(series)
    used = decimals_used(numbers, np.ones(len(mantissas), np.bool_), 10)
    expected = max(0, *(-decimal_parts(Decimal(value).scaleb(-decimals))[1] for value in mantissas))
    assert used == expected
    steps, off = steps_of(numbers, Decimal(1).scaleb(-decimals))
    assert steps.tolist() == mantissas
    assert not off.any()


@given(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=50), st.sampled_from(STEPS), st.booleans())
def test_a_decimal_column_is_counted_exactly(mantissas: list[int], step: str, floor: bool) -> None:
    values = [Decimal(value).scaleb(-6) for value in mantissas]
    numbers = read_numbers(pl.Series(values, dtype=pl.Decimal(38, 6)))
    steps, off = steps_of(numbers, Decimal(step), floor=floor)
    for place, value in enumerate(values):
        assert off[place] == (value % Decimal(step) != 0)
        if floor or not off[place]:
            assert steps[place] == round_steps(value, Decimal(step), "down")


def test_an_error_of_arithmetic_is_forgiven_and_a_digit_is_not() -> None:
    usable = np.ones(2, np.bool_)
    assert decimals_used(read_numbers(pl.Series([0.1 + 0.2, 1.1 * 3])), usable, 10) == 1
    assert decimals_used(read_numbers(pl.Series([0.3, 0.3000001])), usable, 10) == 7
    assert decimals_used(read_numbers(pl.Series([0.3, 1 / 3])), usable, 10) is None


def test_text_that_is_no_number_is_none() -> None:
    values = read_numbers(pl.Series(["1.5", "x", None, "", "-2", "nan"])).values
    assert values[[0, 4]].tolist() == [1.5, -2.0]
    assert np.isnan(values[[1, 2, 3, 5]]).all()
