"""Funding arbitrage opens both legs when funding pays for all of it, and is never left with one."""

from pathlib import Path
from typing import Any, cast

import pytest

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.strategies.funding_arbitrage import FundingArbitrageParameters
from tests.strategies.desks import Trial, write_desk

PERPETUAL, SPOT = 0, 1
RICH, POOR = 200_000, 12_500  # ppb an hour: 2 bps and an eighth of one
TOLD = {"instruments": ["XRP", "XRP/USDC"], "rates": 3}


@pytest.fixture
def config(tmp_path: Path) -> DeskConfig:
    return write_desk(tmp_path, {"funding_arbitrage": TOLD})


def show(trial: Trial, seconds: int = 3, *, perpetual: int = 12_000, spot: int = 12_000) -> None:
    for _ in range(seconds):
        trial.quote(perpetual, perpetual + 1, instrument=PERPETUAL, after_s=0.5)
        trial.quote(spot, spot + 1, instrument=SPOT, after_s=0.5)


def legs(trial: Trial) -> tuple[int, int]:
    return int(trial.position(0, PERPETUAL)["quantity"]), int(trial.position(0, SPOT)["quantity"])


def strategy(trial: Trial) -> Any:
    return cast(Any, trial.hosts[0]).strategy


def opened(config: DeskConfig) -> Trial:
    trial = Trial(config)
    show(trial)
    trial.funding(RICH)
    show(trial)
    assert legs(trial)[0] < 0
    return trial


def test_rich_funding_opens_two_equal_legs(config: DeskConfig) -> None:
    trial = opened(config)
    short, long = legs(trial)
    assert -short == int(350 / 1.20005)
    assert long == -short * 100  # a lot of spot is 0.01
    assert len(trial.said(EventKind.ORDER_REQUEST)) == 2


def test_poor_funding_leaves_it_flat(config: DeskConfig) -> None:
    trial = Trial(config)
    for _ in range(5):
        show(trial)
        trial.funding(POOR)
    assert not len(trial.said(EventKind.ORDER_REQUEST))


def test_edge_is_funding_less_four_legs(config: DeskConfig) -> None:
    file = config.folder / "config" / "trading_parameters.json"
    file.write_text(file.read_text("utf-8").replace('threshold": 0.0001', 'threshold": 0'), "utf-8")
    trial = Trial(load_desk(config.folder))
    hours = FundingArbitrageParameters().horizon_hours
    cost = 2 * (4.5 + 7 + 2 * 2)  # fees and slippage of two legs, in and out
    for net, opens in ((4.9, False), (5.2, True)):
        rate = int((cost + net) / hours * 100_000)
        strategy(trial).memory.rates = []
        trial.funding(rate)
        show(trial)
        assert bool(legs(trial)[0]) is opens


def test_rate_below_the_desk_s_threshold_is_not_enough(config: DeskConfig) -> None:
    trial = Trial(config)
    show(trial)
    trial.funding(99_999)  # the trading file asks for 0.0001 an interval; 168 hours of this would pay
    show(trial)
    assert legs(trial) == (0, 0)
    assert strategy(trial).expected_bps > 100


def test_perpetual_alone_says_nothing(config: DeskConfig) -> None:
    trial = Trial(config)
    for _ in range(20):
        trial.quote(12_000, 12_001, instrument=PERPETUAL)
        trial.funding(RICH)
    assert not len(trial.said(EventKind.ORDER_REQUEST))


def test_old_price_of_one_leg_opens_nothing(config: DeskConfig) -> None:
    trial = Trial(config)
    show(trial)
    trial.quote(12_000, 12_001, instrument=PERPETUAL, after_s=30)
    trial.funding(RICH)
    trial.quote(12_000, 12_001, instrument=PERPETUAL)
    assert not len(trial.said(EventKind.ORDER_REQUEST))


def test_funding_that_turns_unwinds_both_legs(config: DeskConfig) -> None:
    trial = opened(config)
    for _ in range(3):
        trial.funding(-RICH)
    show(trial)
    assert legs(trial) == (0, 0)
    assert strategy(trial).memory.target == 0


def test_funding_that_still_pays_for_the_way_out_keeps_the_position(config: DeskConfig) -> None:
    trial = opened(config)
    for _ in range(3):
        trial.funding(POOR)  # 21 bps over the horizon; getting out costs 15.5
    show(trial)
    assert legs(trial)[0] < 0


def test_funding_is_earned_while_it_is_held(config: DeskConfig) -> None:
    trial = opened(config)
    trial.funding(RICH)
    assert trial.position(0, PERPETUAL)["funding"] > 0


def test_leg_that_does_not_come_is_given_up(config: DeskConfig) -> None:
    trial = Trial(config)
    trial.state["instruments"][SPOT]["paused"] = 1  # the desk lets no spot be bought
    show(trial)
    trial.funding(RICH)
    show(trial, 2)
    assert legs(trial)[0] < 0
    assert legs(trial)[1] == 0
    show(trial, 15)
    assert legs(trial) == (0, 0)
    asked = len(trial.said(EventKind.ORDER_REQUEST))
    show(trial, 60)
    assert len(trial.said(EventKind.ORDER_REQUEST)) == asked, "it waits before it tries again"


def test_one_leg_is_never_alone_for_longer_than_told(config: DeskConfig) -> None:
    trial = Trial(config, latency_ns=300_000_000)
    alone = 0.0
    show(trial)
    for rate in (RICH, RICH, -RICH, -RICH, -RICH, RICH, RICH, RICH):
        trial.funding(rate)
        for _ in range(30):
            show(trial, 1)
            short, long = legs(trial)
            alone = alone + 1.0 if -short * 100 != long else 0.0
            assert alone <= 12.0


def test_restart_keeps_what_it_knows(config: DeskConfig) -> None:
    trial = opened(config)
    kept = trial.hosts[0].snapshot()
    other = Trial(config)
    other.hosts[0].restore(kept)
    assert strategy(other).memory == strategy(trial).memory


def test_bars_of_both_are_enough(config: DeskConfig) -> None:
    trial = Trial(config)
    for step in range(4):
        begin = trial.time_ns
        trial.bar(12_000, 12_010, 11_990, 12_000, instrument=PERPETUAL)
        trial.time_ns = begin
        trial.bar(12_000, 12_010, 11_990, 12_000, instrument=SPOT)
        if step == 1:
            trial.funding(RICH)
    short, long = legs(trial)
    assert short < 0
    assert long == -short * 100


@pytest.mark.parametrize("instruments", [["XRP"], ["XRP/USDC"]])
def test_pair_is_needed(tmp_path: Path, instruments: list[str]) -> None:
    config = write_desk(tmp_path, {"funding_arbitrage": {"instruments": instruments}})
    with pytest.raises(ConfigError, match=r"strategies\[funding_arbitrage\]\.instruments"):
        Trial(config)
