"""Estimators step by step against the same said in plain Python."""

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.layout import allocate, record_dtype
from quarterdeck.strategies.indicators import (
    Atr,
    Average,
    Macd,
    Volatility,
    atr_step,
    ema_step,
    log_ratio,
    macd_step,
    time_ema_step,
    volatility_over,
    volatility_step,
)

PRICES = st.lists(st.floats(1.0, 1e6), min_size=1, max_size=80)
MINUTE = 60_000_000_000


def fresh(layout: type) -> Any:
    return allocate(record_dtype(layout))[0]


def ema(values: list[float], period: int) -> list[float]:
    out: list[float] = []
    for place, value in enumerate(values):
        weight = max(2 / (period + 1), 1 / (place + 1))
        out.append(value if not out else out[-1] + weight * (value - out[-1]))
    return out


@given(PRICES, st.integers(2, 50))
def test_average_begins_as_a_mean_and_goes_on_as_an_exponential_average(prices: list[float], period: int) -> None:
    record = fresh(Average)
    got = [ema_step(record, period, price) for price in prices]
    assert got == pytest.approx(ema(prices, period), rel=1e-12)
    whole = min(len(prices), (period + 1) // 2)
    assert got[whole - 1] == pytest.approx(sum(prices[:whole]) / whole, rel=1e-9)


@given(PRICES)
def test_macd_is_two_averages_and_the_average_of_their_difference(prices: list[float]) -> None:
    record = fresh(Macd)
    got = [macd_step(record, 12, 26, 9, price) for price in prices]
    line = [fast - slow for fast, slow in zip(ema(prices, 12), ema(prices, 26), strict=True)]
    expected = [one - signal for one, signal in zip(line, ema(line, 9), strict=True)]
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_true_range_counts_the_gap_to_the_close_before() -> None:
    record = fresh(Atr)
    assert atr_step(record, 14, 11.0, 9.0, 10.0) == 2.0
    assert atr_step(record, 14, 15.0, 14.0, 15.0) == pytest.approx((2 + 5) / 2)
    assert atr_step(record, 14, 10.0, 9.0, 9.5) == pytest.approx((2 + 5 + 6) / 3)


def test_true_range_forgets_by_one_part_in_its_period() -> None:
    record = fresh(Atr)
    for _ in range(14):
        atr_step(record, 14, 11.0, 9.0, 10.0)
    assert atr_step(record, 14, 10.0, 10.0, 10.0) == pytest.approx(2 * 13 / 14)


@given(st.floats(1.0, 1e6), st.floats(0.9, 1.1))
def test_log_ratio_is_the_logarithm(before: float, change: float) -> None:
    after = before * change
    assert log_ratio(after, before) == pytest.approx(math.log(after / before), rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("change", [1 / 3, 0.5, 2.0, 3.0])
def test_log_ratio_holds_for_large_changes(change: float) -> None:
    assert log_ratio(100.0 * change, 100.0) == pytest.approx(math.log(change), abs=1e-3)


def test_average_by_time_weighs_by_the_pause() -> None:
    record = fresh(Average)
    assert time_ema_step(record, MINUTE, 0, 100.0) == 100.0
    assert time_ema_step(record, MINUTE, MINUTE, 200.0) == 150.0
    assert time_ema_step(record, MINUTE, MINUTE, 900.0) == 150.0


def test_volatility_is_the_realised_one_until_its_memory_is_full() -> None:
    record = fresh(Volatility)
    closes = [100.0, 101.0, 100.0, 102.0, 101.0]
    for place, close in enumerate(closes):
        volatility_step(record, 1_000 * MINUTE, (1 + place) * MINUTE, close)
    squares = [math.log(b / a) ** 2 for a, b in itertools.pairwise(closes)]
    assert volatility_over(record, 4 * MINUTE) == pytest.approx(math.sqrt(sum(squares)))
    assert volatility_over(record, 16 * MINUTE) == pytest.approx(2 * math.sqrt(sum(squares)))
    assert record["count"] == 4


def test_volatility_does_not_depend_on_how_often_it_is_looked_at() -> None:
    often, seldom = fresh(Volatility), fresh(Volatility)
    price = 100.0
    for minute in range(1, 2_001):
        price *= 1.001 if minute % 2 else 1 / 1.001
        volatility_step(often, 60 * MINUTE, minute * MINUTE, price)
    moved = 1.0 + 0.001 * math.sqrt(5)
    for step in range(1, 401):
        volatility_step(seldom, 60 * MINUTE, 5 * step * MINUTE, 100.0 * moved ** (step % 2))
    assert volatility_over(often, 60 * MINUTE) == pytest.approx(volatility_over(seldom, 60 * MINUTE), rel=0.01)


def test_volatility_ignores_a_second_close_at_one_time() -> None:
    record = fresh(Volatility)
    for time_ns in (MINUTE, 2 * MINUTE, 2 * MINUTE):
        volatility_step(record, 60 * MINUTE, time_ns, 100.0 + time_ns)
    assert record["count"] == 1
