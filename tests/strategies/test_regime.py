"""The filter is the forward recursion and nothing else; a trend is followed only where it says the market is calm.

What is tested: `quarterdeck.strategies.regime`.
"""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market import OrderFlow, OrderFlowTerms
from quarterdeck.research import DataRequest, fit_desk, run_backtest
from quarterdeck.strategies.regime import STATES, Regime, RegimeMemory, filtered, shrinking
from quarterdeck.strategies.steering import Course
from tests.strategies.desks import REPOSITORY, START_NS, Trial, write_desk

DEVIATIONS, STAY = [0.54, 0.97, 2.35], [0.971, 0.948, 0.838]
PERPETUAL, SPOT = 0, 1
TOLD = {"deviations": DEVIATIONS, "stay": STAY, "bar_seconds": 10, "fast_bars": 3, "slow_bars": 6, "notional": 400.0,
        "instruments": ["XRP", "XRP/USDC"], "spot_notional": 200.0}  # fmt: skip
chance = st.lists(st.floats(0.001, 1), min_size=3, max_size=3).map(lambda parts: [one / sum(parts) for one in parts])


@pytest.fixture
def config(tmp_path: Path) -> DeskConfig:
    return write_desk(tmp_path, {"regime": TOLD})


def strategy(trial: Trial) -> Regime:
    return cast(Any, trial.hosts[0]).strategy


def show(trial: Trial, at: int) -> None:
    for instrument in (PERPETUAL, SPOT):
        trial.quote(at, at + 2, instrument=instrument, after_s=2.5)


def climb(trial: Trial, bars: int, *, at: int = 12_000, step: int = 6) -> int:
    for bar in range(bars):
        for _ in range(2):
            show(trial, at + bar * step)
    return at + (bars - 1) * step


def targets(trial: Trial) -> tuple[int, int]:
    perpetual, spot = strategy(trial).memory.courses
    return perpetual.target, spot.target


@given(chance, st.floats(-50, 50))
def test_chances_stay_chances(chances: list[float], z: float) -> None:
    after = filtered(chances, z, DEVIATIONS, STAY)
    assert sum(after) == pytest.approx(1, abs=1e-6)
    assert all(one > 0 for one in after)


@given(chance, st.floats(-5, 5))
def test_it_is_the_forward_recursion(chances: list[float], z: float) -> None:
    """Against matrices and the library's exponential."""
    change = np.array([[stay if i == j else (1 - stay) / 2 for j in range(3)] for i, stay in enumerate(STAY)])
    joint = np.array(chances) @ change * np.exp(-0.5 * (z / np.array(DEVIATIONS)) ** 2) / np.array(DEVIATIONS)
    assert filtered(chances, z, DEVIATIONS, STAY) == pytest.approx(list(joint / joint.sum()), rel=1e-3, abs=1e-6)


@given(st.floats(-30, 0))
def test_shrinking_is_the_exponential(x: float) -> None:
    assert shrinking(x) == pytest.approx(math.exp(x), rel=x * x / 2**20 + 1e-9)


def test_a_far_bar_makes_it_turbulent_and_quiet_ones_calm() -> None:
    chances = [1 / 3] * 3
    for _ in range(20):
        chances = filtered(chances, 0.2, DEVIATIONS, STAY)
    assert STATES[int(np.argmax(chances))] == "calm"
    for z in (4.0, -5.0):
        chances = filtered(chances, z, DEVIATIONS, STAY)
    assert STATES[int(np.argmax(chances))] == "turbulent"


def test_a_trend_upwards_is_followed_with_both_legs(config: DeskConfig) -> None:
    trial = Trial(config)
    climb(trial, 14)
    perpetual, spot = targets(trial)
    assert perpetual > 0
    assert spot > 0
    assert perpetual * 12_000 <= 400 * 10_000
    assert spot * 12_000 <= 200 * 10_000 * 100  # a lot of spot is 0.01


def test_a_trend_downwards_is_followed_with_the_perpetual_alone(config: DeskConfig) -> None:
    trial = Trial(config)
    climb(trial, 14, step=-6)
    perpetual, spot = targets(trial)
    assert perpetual < 0
    assert spot == 0


def test_turbulence_takes_both_legs_back(config: DeskConfig) -> None:
    trial = Trial(config)
    at = climb(trial, 14)
    for jump in (-200, 180, -190, 210):
        at += jump
        climb(trial, 1, at=at)
    climb(trial, 1, at=at)
    assert strategy(trial).memory.chances[-1] > 0.5
    assert targets(trial) == (0, 0)


def test_no_entry_in_turbulence(config: DeskConfig) -> None:
    trial = Trial(config)
    strategy(trial).memory.chances = [0.0005, 0.0005, 0.999]
    told: Any = strategy(trial)
    told.parameters = type(told.parameters)(deviations=[1e-3, 2e-3, 1e3], stay=[0.9, 0.9, 0.9], bar_seconds=10,
                                            fast_bars=3, slow_bars=6)  # fmt: skip
    climb(trial, 20)
    assert targets(trial) == (0, 0)
    assert not len(trial.said(EventKind.ORDER_REQUEST))


def test_nothing_before_the_averages_are_full(config: DeskConfig) -> None:
    trial = Trial(config)
    climb(trial, 6)
    assert targets(trial) == (0, 0)


def test_the_perpetual_alone_is_enough(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"regime": {**TOLD, "instruments": ["XRP"]}}))
    climb(trial, 14)
    (course,) = strategy(trial).memory.courses
    assert course.target > 0


def test_the_future_changes_nothing(config: DeskConfig) -> None:
    kept: list[list[tuple[int, ...]]] = []
    events = OrderFlow(OrderFlowTerms(start_ns=START_NS), seed=4).take(12_000)
    for seed in (1, 2):
        trial = Trial(config)
        trial.engine.feed(events.copy())
        asked = trial.said(EventKind.ORDER_REQUEST)
        kept.append([(int(one["time_ns"]), int(one["quantity"]), int(one["price"])) for one in asked])
        terms = OrderFlowTerms(start_ns=int(events["time_ns"][-1]), price_ticks=11_000)
        trial.engine.feed(OrderFlow(terms, seed=seed).take(4_000))
    assert kept[0] == kept[1]
    assert kept[0]


def test_restart_keeps_what_it_knows(config: DeskConfig) -> None:
    trial = Trial(config)
    climb(trial, 14)
    other = Trial(config)
    other.hosts[0].restore(trial.hosts[0].snapshot())
    assert strategy(other).memory == strategy(trial).memory


def test_a_desk_that_begins_anew_holds_on_until_its_averages_are_full(config: DeskConfig) -> None:
    trial = Trial(config)
    last = climb(trial, 14)
    for order in trial.orders():  # their bids are met
        last = int(order["price"]) - 4
        trial.quote(last, last + 2, instrument=int(order["instrument"]))
    held = [int(trial.position(instrument=one)["quantity"]) for one in (PERPETUAL, SPOT)]
    assert all(one > 0 for one in held), held
    strategy(trial).memory = RegimeMemory(chances=[1 / len(STATES)] * len(STATES), courses=[Course(), Course()])
    climb(trial, 3, at=last, step=-1)
    assert strategy(trial).memory.bars > 0
    assert strategy(trial).trend == 0
    assert [int(trial.position(instrument=one)["quantity"]) for one in (PERPETUAL, SPOT)] == held
    climb(trial, 14, at=last, step=-6)
    assert int(trial.position(instrument=SPOT)["quantity"]) == 0
    assert int(trial.position()["quantity"]) <= 0


REFUSED = [
    ({"instruments": ["XRP/USDC"]}, "instruments"),
    ({"deviations": [0.5, 1.0]}, "deviations"),
    ({"deviations": [1.0, 0.5, 2.0]}, "deviations"),
    ({"stay": [0.9, 0.9, 1.0]}, "stay"),
    ({"fast_bars": 6}, "fast_bars"),
]


@pytest.mark.parametrize(("told", "key"), REFUSED)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, told: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        Trial(write_desk(tmp_path, {"regime": {**TOLD, **told}}))


def likelihood(z: list[float], deviations: list[float], stay: list[float]) -> float:
    """Mean log-likelihood of a bar, each told of only by the bars before it."""
    chances, total = [1 / 3] * 3, 0.0
    for one in z:
        left = sum(c * (1 - s) for c, s in zip(chances, stay, strict=True)) / 2
        before = [c * s + left - c * (1 - s) / 2 for c, s in zip(chances, stay, strict=True)]
        densities = [math.exp(-0.5 * (one / d) ** 2) / d / math.sqrt(2 * math.pi) for d in deviations]
        total += math.log(sum(b * density for b, density in zip(before, densities, strict=True)))
        chances = filtered(chances, one, deviations, stay)
    return total / len(z)


@pytest.mark.market
@pytest.mark.parametrize("name", ["BTCUSDT", "ETHUSDT", "XRPUSDT"])
def test_the_shipped_figures_say_more_than_one_normal_on_bars_they_never_saw(market_data: Path, name: str) -> None:
    closes = pl.read_parquet(market_data / f"binance_spot_{name}_5m_2024.parquet")["close"].cast(pl.Float64).to_list()
    (settings,) = load_desk(REPOSITORY / "desks" / "hmm-ops").strategies
    told = cast(dict[str, Any], dict(settings.parameters))
    square, z = 0.0, list[float]()
    for count, (before, after) in enumerate(pairwise(closes), 1):
        change = after / before - 1
        if count > 24:
            z.append(max(-12.0, min(12.0, change / math.sqrt(square))))
        square += (change * change - square) / min(count, 240)
    half = len(z) // 2
    deviation = math.sqrt(sum(one * one for one in z[:half]) / half)  # fitted where the others were
    unseen = z[half:]
    one = sum(-0.5 * (x / deviation) ** 2 - math.log(deviation * math.sqrt(2 * math.pi)) for x in unseen) / len(unseen)
    assert likelihood(unseen, told["deviations"], told["stay"]) > one + 0.1


@pytest.mark.market
def test_a_backtest_of_the_perpetual_s_leg_repeats_itself(market_data: Path, tmp_path: Path) -> None:
    config = write_desk(tmp_path, {"regime": {**TOLD, "instruments": ["XRP"], "bar_seconds": 300}})
    request = DataRequest(paths=(market_data / "binance_usdm_XRPUSDT_5m_202111.parquet",))
    first, second = (run_backtest(fit_desk(config, request)) for _ in range(2))
    assert first.digest == second.digest
    assert first.fills > 0
    assert sum(one.pnl for one in first.strategies) == first.pnl
