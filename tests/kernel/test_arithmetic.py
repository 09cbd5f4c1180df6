"""Integer arithmetic against Python's own, which has no bound."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given

from quarterdeck.kernel.arithmetic import (
    capped_sum,
    fee_of,
    mul_div_floor,
    notional_fits,
    ppb_of,
    ppm_of,
    product_fits,
)
from quarterdeck.kernel.records import MONEY_MAX, NO_LIMIT

MONEY = st.integers(0, MONEY_MAX)
SIGNED = st.integers(-MONEY_MAX, MONEY_MAX)
PPB = 10**9


def i8(value: int) -> int:
    """As it comes out of a record, so that the interpreted run wraps where compiled code would."""
    return np.int64(value)  # pyright: ignore[reportReturnType] stands for an int


@pytest.fixture(autouse=True)
def _overflow_raises():
    with np.errstate(over="raise"):
        yield


@given(MONEY, st.integers(0, NO_LIMIT), st.integers(1, MONEY_MAX))
@example(MONEY_MAX, NO_LIMIT, 1)
@example(MONEY_MAX, MONEY_MAX, MONEY_MAX)
@example(MONEY_MAX - 1, NO_LIMIT - 1, MONEY_MAX)
@example(0, NO_LIMIT, 1)
def test_mul_div_floor(a: int, b: int, c: int) -> None:
    result = mul_div_floor(i8(a), i8(b), i8(c))
    exact = a * b // c
    assert result == exact or (result == NO_LIMIT and exact >= NO_LIMIT - NO_LIMIT // 2**50)


@given(MONEY, st.integers(0, NO_LIMIT))
@example(MONEY_MAX, NO_LIMIT)
@example(20_000, NO_LIMIT)
@example(MONEY_MAX, 1_000_000)
def test_ppm_of(amount: int, ppm: int) -> None:
    result, exact = ppm_of(i8(amount), i8(ppm)), amount * ppm // 10**6
    assert result == exact or (result == NO_LIMIT and exact >= NO_LIMIT - NO_LIMIT // 2**50)


@given(SIGNED, st.integers(0, 2**50))
@example(-MONEY_MAX, 2**50)
def test_ppb_of_rounds_towards_zero(amount: int, ppb: int) -> None:
    result, exact = ppb_of(i8(amount), i8(ppb)), abs(amount) * ppb // PPB
    assert (result >= 0) == (amount >= 0) or result == 0
    assert abs(int(result)) == exact or (abs(int(result)) == NO_LIMIT and exact >= NO_LIMIT - NO_LIMIT // 2**50)


@given(MONEY, st.integers(-PPB, PPB))
@example(1, 1)
@example(1, -1)
def test_fees_are_rounded_against_us(notional: int, ppb: int) -> None:
    fee = int(fee_of(i8(notional), i8(ppb)))
    # A fee up, a rebate towards zero: both are the ceiling.
    assert fee == -(-notional * ppb // PPB)


@given(st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62))
@example(2**30, 2**30)
@example(2**62, 2**62)
def test_a_product_is_judged_before_it_is_taken(a: int, b: int) -> None:
    if abs(a * b) < MONEY_MAX - MONEY_MAX // 2**50:
        assert product_fits(i8(a), i8(b))
    if abs(a * b) > MONEY_MAX + MONEY_MAX // 2**50:
        assert not product_fits(i8(a), i8(b))


@given(st.integers(-(2**43), 2**43), st.integers(-(2**50), 2**50), st.integers(1, 2**50))
def test_a_notional_is_judged_before_it_is_taken(price: int, lots: int, value: int) -> None:
    exact = abs(price * lots * value)
    if abs(exact - MONEY_MAX) > MONEY_MAX // 2**50:
        assert notional_fits(i8(price), i8(lots), i8(value)) == (exact < MONEY_MAX)


@given(st.integers(0, NO_LIMIT), st.integers(0, NO_LIMIT - 1))
def test_a_capped_sum(a: int, b: int) -> None:
    assert capped_sum(i8(a), i8(b)) == min(a + b, NO_LIMIT)
