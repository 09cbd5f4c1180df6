"""Hats vote, are measured, and weigh what their votes were worth; the risk officer only takes away.

What is tested: `quarterdeck.strategies.hats`.
"""

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market import OrderFlow, OrderFlowTerms, blank_events
from quarterdeck.research import DataRequest, fit_desk, run_backtest
from quarterdeck.strategies.hats import HATS, Hats, HatsMemory, Score, officer_share, weigh
from tests.strategies.desks import REPOSITORY, START_NS, Trial, write_desk

TOLD = {"bar_seconds": 10, "fast_bars": 3, "slow_bars": 6, "window_bars": 8, "horizon_bars": 2, "trend_full": 1.0,
        "enter": 0.2, "leave": 0.0, "votes_min": 5}  # fmt: skip
ARCHITECT, QUANT, MICRO, RESEARCHER = range(4)


@pytest.fixture
def config(tmp_path: Path) -> DeskConfig:
    return write_desk(tmp_path, {"hats": TOLD})


def strategy(trial: Trial) -> Hats:
    return cast(Any, trial.hosts[0]).strategy


def climb(trial: Trial, bars: int, *, step: int = 6, at: int = 12_000) -> int:
    """Quotes of so many bars, each `step` ticks above the last; returns the last bid."""
    for bar in range(bars):
        for _ in range(2):
            trial.quote(at + bar * step, at + bar * step + 2, after_s=5)
    return at + (bars - 1) * step


SCORES = [
    (Score(), 0.5),  # nothing is known
    (Score(votes=29, hits=29, gain_bps=900), 0.5),  # not enough is
    (Score(votes=30, hits=30, gain_bps=-1), 0.0),  # often right, and lost
    (Score(votes=30, hits=30, gain_bps=0), 0.0),
    (Score(votes=40, hits=40, gain_bps=1), 60 / 80),
    (Score(votes=40, hits=10, gain_bps=1), 30 / 80),  # seldom right, and won
]


@pytest.mark.parametrize(("score", "weight"), SCORES)
def test_a_weight_is_what_was_measured(score: Score, weight: float) -> None:
    assert weigh(score, 30, 20) == weight


OFFICER = [
    ((1.0, 8.0, 0.01, 0.03, False), 1.0),
    ((8.1, 8.0, 0.01, 0.03, False), 0.0),  # a wide spread
    ((1.0, 8.0, 0.03, 0.03, False), 0.5),  # high volatility
    ((1.0, 8.0, 0.06, 0.03, False), 0.0),
    ((1.0, 8.0, 0.01, 0.03, True), 0.0),  # a pause
]


@pytest.mark.parametrize(("seen", "share"), OFFICER)
def test_the_officer_reduces_or_vetoes(seen: tuple[float, float, float, float, bool], share: float) -> None:
    *figures, paused = seen
    assert officer_share(*figures, paused=paused) == share


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 10), st.floats(1e-6, 1), st.booleans())
def test_the_officer_never_adds(spread: float, most: float, volatility: float, high: float, paused: bool) -> None:
    assert officer_share(spread, most, volatility, high, paused=paused) in {0.0, 0.5, 1.0}


@given(st.floats(0, 1e6), st.floats(0, 1), st.floats(-1e6, 1e6), st.integers(1, 1_000), st.floats(0.1, 1e3))
def test_a_weight_is_a_share(votes: float, rate: float, gain: float, least: int, prior: float) -> None:
    assert 0 <= weigh(Score(votes=votes, hits=votes * rate, gain_bps=gain), least, prior) <= 1


def test_all_hats_begin_equal_and_silent(config: DeskConfig) -> None:
    trial = Trial(config)
    climb(trial, 4)
    assert strategy(trial).weights() == [0.5] * len(HATS)
    assert strategy(trial).votes() == [0.0] * len(HATS)
    assert not len(trial.said(EventKind.ORDER_REQUEST))


def test_the_quant_votes_with_the_trend_and_the_desk_follows(config: DeskConfig) -> None:
    trial = Trial(config)
    climb(trial, 20)
    assert strategy(trial).votes()[QUANT] == 1.0
    assert strategy(trial).memory.course.target > 0
    assert [int(order["side"]) for order in trial.orders()] == [1]
    other = Trial(config)
    climb(other, 20, step=-6)
    assert strategy(other).votes()[QUANT] == -1.0
    assert strategy(other).memory.course.target < 0


def test_the_architect_votes_against_whoever_pays(config: DeskConfig) -> None:
    trial = Trial(config)
    climb(trial, 8, step=0)
    for rate, vote in ((50_000, -0.5), (-50_000, 0.5), (5_000, 0.0), (500_000, -1.0)):
        trial.funding(rate)
        assert strategy(trial).votes()[ARCHITECT] == vote


@pytest.mark.parametrize(("side", "flags"), [(1, 0), (-1, int(Flag.SELL))])
def test_the_analyst_votes_with_the_flow(config: DeskConfig, side: int, flags: int) -> None:
    trial = Trial(config)
    climb(trial, 8, step=0)
    trades = blank_events(1, EventKind.TRADE, 0)
    trades["time_ns"], trades["price"], trades["quantity"], trades["flags"] = trial.time_ns, 12_001, 1_000, flags
    trial.engine.feed(trades)
    assert strategy(trial).votes()[MICRO] * side == pytest.approx(0.5, abs=0.1)


def test_the_analyst_votes_with_the_heavier_side_of_the_book(config: DeskConfig) -> None:
    trial = Trial(config)
    climb(trial, 8, step=0)
    for _ in range(40):
        quote = blank_events(1, EventKind.QUOTE, 0)
        quote["time_ns"], quote["bid"], quote["ask"] = trial.time_ns, 12_000, 12_002
        quote["bid_quantity"], quote["ask_quantity"] = 9_000, 1_000
        trial.engine.feed(quote)
    assert strategy(trial).votes()[MICRO] == pytest.approx(0.4, abs=0.1)


def test_the_researcher_follows_where_returns_agree_and_fades_where_they_differ(config: DeskConfig) -> None:
    trending, swinging = Trial(config), Trial(config)
    climb(trending, 12)
    assert strategy(trending).votes()[RESEARCHER] > 0
    for bar in range(12):
        for _ in range(2):
            at = 12_000 + (12 if bar % 2 else 0)
            swinging.quote(at, at + 2, after_s=5)
    last = strategy(swinging).memory.returns[-1]
    assert strategy(swinging).votes()[RESEARCHER] * last < 0


def test_a_vote_is_measured_by_what_came_after_it(config: DeskConfig) -> None:
    """The trend's votes win while it lasts, lose when it turns; nothing is measured before its horizon."""
    trial = Trial(config)
    at = climb(trial, 8)
    assert strategy(trial).memory.scores[QUANT].votes == 0 or strategy(trial).memory.bars >= 8
    at = climb(trial, 12, at=at)
    score = msgspec.structs.replace(strategy(trial).memory.scores[QUANT])
    assert score.votes > 5
    assert score.hits == pytest.approx(score.votes, abs=1)
    assert score.gain_bps > 0
    for _ in range(6):
        at = climb(trial, 3, at=at, step=-14)
        at = climb(trial, 3, at=at, step=14)
    after = strategy(trial).memory.scores[QUANT]
    assert after.hits / after.votes < score.hits / score.votes
    assert after.gain_bps < score.gain_bps


def test_a_hat_that_lost_has_no_say(config: DeskConfig) -> None:
    trial = Trial(config)
    strategy(trial).memory.scores[QUANT] = Score(votes=100, hits=90, gain_bps=-1e6)
    climb(trial, 9)
    assert strategy(trial).votes()[QUANT] == 1.0
    assert strategy(trial).weights()[QUANT] == 0.0


def test_losses_in_a_row_make_a_pause(tmp_path: Path) -> None:
    config = write_desk(tmp_path, {"hats": {**TOLD, "losses_max": 1, "pause_minutes": 5.0}})
    trial = Trial(config)
    at = climb(trial, 20)
    (order,) = trial.orders()
    at = int(order["price"]) - 4
    trial.quote(at, at + 2)  # its bid is met
    assert int(trial.position()["quantity"]) > 0
    climb(trial, 6, at=at, step=-40)
    memory = strategy(trial).memory
    assert memory.resume_ns > trial.time_ns
    assert strategy(trial).officer(trial.time_ns) == 0.0
    asked = len(trial.said(EventKind.ORDER_REQUEST))
    climb(trial, 10, at=at - 240, step=-6)
    assert int(trial.position()["quantity"]) == 0
    assert len(trial.said(EventKind.ORDER_REQUEST)) == asked, "nothing is entered in the pause"


def test_the_future_changes_nothing(config: DeskConfig) -> None:
    """Two markets that part at a moment are traded the same until then."""
    kept: list[list[tuple[int, ...]]] = []
    events = OrderFlow(OrderFlowTerms(start_ns=START_NS), seed=5).take(12_000)
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
    climb(trial, 20)
    other = Trial(config)
    other.hosts[0].restore(trial.hosts[0].snapshot())
    assert strategy(other).memory == strategy(trial).memory


@pytest.mark.parametrize("wide", [False, True])
def test_a_desk_that_begins_anew_holds_on_until_its_hats_have_voted(config: DeskConfig, wide: bool) -> None:
    """Unless the risk officer says no: he needs no memory to see a wide spread."""
    trial = Trial(config)
    climb(trial, 20)
    (order,) = trial.orders()
    last = int(order["price"]) - 4
    trial.quote(last, last + 2)  # its bid is met
    held = int(trial.position()["quantity"])
    assert held > 0
    strategy(trial).memory = HatsMemory(scores=[Score() for _ in HATS])
    climb(trial, 3, at=last, step=0)
    assert strategy(trial).memory.bars > 0
    assert int(trial.position()["quantity"]) == held
    if wide:
        for _ in range(30):
            trial.quote(last - 30, last + 30)
        assert int(trial.position()["quantity"]) == 0
        return
    climb(trial, 20, at=last, step=-6)
    assert int(trial.position()["quantity"]) <= 0, "the votes are against it"


@pytest.mark.parametrize(
    ("told", "key"), [({"instruments": ["XRP", "XRP/USDC"]}, "instruments"), ({"fast_bars": 24}, "fast_bars")]
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, told: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        Trial(write_desk(tmp_path, {"hats": told}))


@pytest.mark.market
def test_a_backtest_of_the_desk_adds_up_and_repeats_itself(market_data: Path) -> None:
    desk = load_desk(REPOSITORY / "desks" / "hat-manifesto")
    request = DataRequest(paths=(market_data / "binance_usdm_XRPUSDT_5m_202111.parquet",))
    first, second = (run_backtest(fit_desk(desk, request)) for _ in range(2))
    assert first.digest == second.digest
    assert first.fills > 0
    assert sum(one.pnl for one in first.strategies) == first.pnl
