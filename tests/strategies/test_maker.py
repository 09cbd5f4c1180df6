"""The maker quotes both sides, never crosses, leans against what it holds and holds no more than it may."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.kernel.rails import significant_price_ok
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderFlag, OrderType, Reason
from quarterdeck.market import OrderFlow
from quarterdeck.strategies.maker import MakerParameters
from tests.strategies.desks import Trial, write_desk

PLAIN = {"volatility_multiple": 0.0}
EDGE = (1.5 + MakerParameters().edge_bps) / 10_000  # the fee is 1.5 bps


def warm(trial: Trial, bid: int = 12_000, ask: int = 12_001, seconds: int = 20) -> None:
    for _ in range(seconds):
        trial.quote(bid, ask)


def sides(trial: Trial) -> tuple[int, int]:
    """Prices of the bid and the ask that work; 0 for none."""
    prices = {int(order["side"]): int(order["price"]) for order in trial.orders()}
    return prices.get(1, 0), prices.get(-1, 0)


def test_both_sides_stand_around_the_price_by_fee_and_edge(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": PLAIN}))
    warm(trial)
    bid, ask = sides(trial)
    assert bid == int(12_000.5 * (1 - EDGE))
    assert ask == int(12_000.5 * (1 + EDGE)) + 1
    for order in trial.orders():
        assert order["order_type"] == OrderType.LIMIT
        assert order["flags"] & Flag.POST_ONLY


def test_nothing_is_asked_before_volatility_is_known(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": PLAIN}))
    warm(trial, seconds=4)
    assert not len(trial.said(EventKind.ORDER_REQUEST))


def test_quotes_stay_while_the_price_does(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": PLAIN}))
    warm(trial, seconds=120)
    assert len(trial.said(EventKind.ORDER_REQUEST)) == 2
    assert not len(trial.said(EventKind.REPLACE_REQUEST))


def test_quotes_follow_a_price_that_moved(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": PLAIN}))
    warm(trial)
    before = sides(trial)
    warm(trial, 12_020, 12_021)
    after = sides(trial)
    assert len(trial.orders()) == 2
    assert before[0] < after[0] < 12_021
    assert before[1] < after[1]


def test_requests_are_no_more_often_than_the_pause(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": PLAIN}))
    warm(trial)
    price = 12_000
    began = len(trial.said(EventKind.REPLACE_REQUEST))
    for step in range(200):
        price += 6 if step % 2 else -6
        trial.quote(price, price + 1, after_s=0.05)
    assert len(trial.said(EventKind.REPLACE_REQUEST)) - began <= 2 * 11


def test_wild_market_is_quoted_from_farther_away(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": {"volatility_multiple": 1.0, "average_seconds": 600.0}}))
    for step in range(120):
        price = 12_000 + (20 if step // 6 % 2 else -20)
        trial.quote(price, price + 1)
    trial.quote(12_000, 12_001, after_s=40)
    trial.quote(12_000, 12_001, after_s=2)
    bid, ask = sides(trial)
    assert ask - bid > 4 * 12_000 * EDGE


@pytest.mark.parametrize("side", [1, -1])
def test_position_moves_both_quotes_so_that_it_is_closed_sooner(tmp_path: Path, side: int) -> None:
    flat = Trial(write_desk(tmp_path / "flat", {"maker": PLAIN}))
    held = Trial(write_desk(tmp_path / "held", {"maker": PLAIN}))
    held.position()["quantity"] = side * 100
    held.position()["cost"] = side * 100 * 12_000 * 10_000
    for trial in (flat, held):
        warm(trial)
    for calm, leaning in zip(sides(flat), sides(held), strict=True):
        assert side * (calm - leaning) > 0


@pytest.mark.parametrize("side", [1, -1])
def test_full_position_is_only_reduced(tmp_path: Path, side: int) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": PLAIN}))
    trial.position()["quantity"] = side * 170
    trial.position()["cost"] = side * 170 * 12_000 * 10_000
    warm(trial)
    assert [int(order["side"]) for order in trial.orders()] == [-side]


def test_size_is_the_regime_s(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": PLAIN}))
    warm(trial, seconds=12)
    assert {int(order["quantity"]) for order in trial.orders()} == {int(100 / 1.20005 * 0.5)}, "not known: cautious"
    calm = Trial(write_desk(tmp_path / "calm", {"maker": PLAIN}))
    calm.memory["sizing"]["band"] = 0
    warm(calm, seconds=12)
    assert {int(order["quantity"]) for order in calm.orders()} == {int(int(100 / 1.20005) * 1.5)}


def test_position_that_loses_too_much_is_closed_and_quoting_pauses(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": PLAIN}))
    warm(trial)
    trial.quote(11_900, 11_950)  # fills the bid
    assert trial.position()["quantity"] > 0
    for _ in range(6):
        trial.quote(11_500, 11_501)
    assert trial.position()["quantity"] == 0
    assert not trial.orders()
    reasons = trial.said(EventKind.ORDER_REQUEST)["reason"]
    assert int(reasons[-1]) == Reason.STOP_LOSS
    asked = len(reasons)
    warm(trial, 11_500, 11_501, seconds=60)
    assert len(trial.said(EventKind.ORDER_REQUEST)) == asked


def test_paused_desk_is_only_offered_what_reduces(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": PLAIN}))
    warm(trial)
    trial.quote(11_980, 11_990)
    held = int(trial.position()["quantity"])
    assert held > 0
    trial.state["paused"] = 1
    for _ in range(10):
        trial.quote(11_990, 11_991)
    assert [int(order["side"]) for order in trial.orders()] == [-1]
    assert trial.orders()[0]["quantity"] <= held


def test_bars_alone_are_quoted_around_the_close(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": {}}))
    price = 12_000
    for step in range(40):
        close = price + (10 if step % 2 else -10)
        trial.bar(price, price + 12, price - 12, close)
        price = close
    bid, ask = sides(trial)
    assert 0 < bid < price - 20
    assert ask > price + 20
    assert all(order["flags"] & OrderFlag.POST_ONLY for order in trial.orders())


@settings(max_examples=6)
@given(seed=st.integers(0, 10**6), latency_ms=st.sampled_from([0, 20, 200]))
def test_generated_flow_never_meets_a_taker_or_a_position_too_large(
    tmp_path_factory: pytest.TempPathFactory, seed: int, latency_ms: int
) -> None:
    told = {"edge_bps": 0.0, "volatility_multiple": 0.0, "average_seconds": 10.0}
    trial = Trial(write_desk(tmp_path_factory.mktemp("flow"), {"maker": told}), latency_ns=latency_ms * 1_000_000)
    flow = OrderFlow(seed=seed)
    most = 0
    for _ in range(20):
        trial.engine.feed(flow.take(100))
        own = trial.position()
        most = max(most, abs(int(own["quantity"])))
        assert abs(own["quantity"] + own["buy_lots"]) <= 175
        assert abs(own["quantity"] - own["sell_lots"]) <= 175
    fills, asked = trial.said(EventKind.FILL), trial.said(EventKind.ORDER_REQUEST)
    stops = int(np.sum(asked["reason"] == int(Reason.STOP_LOSS)))
    assert stops or bool(np.all(fills["flags"] & int(Flag.MAKER)))
    assert most <= 175
    for price in asked["price"][asked["price"] > 0]:
        assert significant_price_ok(int(price), -4, 1, 5)
