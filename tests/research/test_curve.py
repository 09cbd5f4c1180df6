"""Samples stand on a stated grid; figures that cannot be known are not made up."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.research.curve import SAMPLES_MAX, Curve, drawdown_share, sample_grid, sharpe_ratio, thin_out

HOUR = 3_600_000_000_000
DAY = 24 * HOUR


def curve(equity: list[int], step: int = DAY) -> Curve:
    """A sample at the end of each step, and one at the last event."""
    values = np.array([*equity, equity[-1]], np.int64)
    times = np.arange(1, len(values) + 1, dtype=np.int64) * step
    nothing = np.zeros(len(values), np.int64)
    return Curve(step, times, values, nothing, nothing, nothing)


@given(st.lists(st.integers(0, 10**18), min_size=1, max_size=200))
def test_every_event_is_before_exactly_one_sample_time_at_most(times: list[int]) -> None:
    time_ns = np.array(sorted(times), np.int64)
    step, at, counts = sample_grid(time_ns)
    assert len(at) == len(counts) <= SAMPLES_MAX
    assert counts[-1] == len(time_ns)
    assert at[-1] == time_ns[-1]
    assert all(before < after for before, after in itertools.pairwise(at))
    for moment, count in zip(at, counts, strict=True):
        assert np.count_nonzero(time_ns <= moment) == count
    assert all(moment % step == 0 for moment in at[:-1])


@pytest.mark.parametrize(
    ("equity", "expected"),
    [
        ([100, 110, 99, 120], [0, 0, 0.1, 0]),
        ([90, 80], [0.1, 0.2]),
        ([100, 100], [0, 0]),
        ([50, -10], [0.5, 1.1]),
    ],
)
def test_drawdown_is_the_share_of_the_peak_that_is_lost(equity: list[int], expected: list[float]) -> None:
    assert drawdown_share(np.array(equity, np.int64), 100) == pytest.approx(expected)


def test_drawdown_of_an_empty_purse_is_nothing() -> None:
    assert drawdown_share(np.zeros(3, np.int64), 0).tolist() == [0, 0, 0]


def test_the_sharpe_ratio_is_that_of_its_formula() -> None:
    equity = [int(1_000_000 * 1.001**day * (1 + 0.002 * math.sin(day))) for day in range(60)]
    found = sharpe_ratio(curve(equity), 1_000_000)
    values = np.array([1_000_000, *equity], float)
    returns = values[1:] / values[:-1] - 1
    assert found.value == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(365.25))
    assert found.grid == "60 returns of 1 d, calendar time"


@pytest.mark.parametrize(
    ("equity", "step", "why"),
    [
        ([100] * 29, DAY, "fewer than 30 returns"),
        ([100] * 500, HOUR // 60, "fewer than 30 returns"),
        ([100] * 60, DAY, "no variance"),
        ([100, 50, -20] * 20, DAY, "not positive"),
    ],
)
def test_a_sharpe_ratio_that_cannot_be_known_is_none_and_says_why(equity: list[int], step: int, why: str) -> None:
    found = sharpe_ratio(curve(equity, step), 100)
    assert found.value is None
    assert why in found.grid


def test_a_short_run_falls_back_to_hours() -> None:
    equity = [100 + hour % 3 for hour in range(48)]
    assert sharpe_ratio(curve(equity, HOUR), 100).grid == "48 returns of 1 h, calendar time"


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=3000), st.integers(10, 400))
def test_a_thinned_line_keeps_its_ends_and_extremes(values: list[int], points: int) -> None:
    line = np.array(values, np.int64)
    kept = thin_out(line, points)
    assert len(kept) <= max(points, 2)
    assert kept[0] == 0
    assert kept[-1] == len(line) - 1
    assert line[kept].max() == line.max()
    assert line[kept].min() == line.min()
