"""Momentum buys a trend that pays for its fees, guards it with a stop, and stays out after losses."""

from pathlib import Path
from typing import Any

import pytest

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderFlag, OrderType, Reason
from quarterdeck.strategies.momentum import MomentumParameters
from tests.strategies.desks import START_NS, Trial, write_desk

FAST = {"bar_seconds": 300, "trend_fast": 5, "trend_slow": 20, "trend_atr": 0.1, "reward_to_cost": 1.0}
PATIENCE_S = MomentumParameters().patience_seconds
MINUTE_NS = 60_000_000_000


@pytest.fixture
def config(tmp_path: Path) -> DeskConfig:
    return write_desk(tmp_path, {"momentum": FAST})


def wait_flat(trial: Trial, price: int = 10_000, bars: int = 30) -> int:
    """Bars that go nowhere, each wide enough for a true range of 30 ticks."""
    for _ in range(bars):
        trial.bar(price, price + 15, price - 15, price)
    return price


def rise(trial: Trial, price: int, bars: int, step: int = 40) -> int:
    for _ in range(bars):
        trial.bar(price, price + step + 5, price - 5, price + step)
        price += step
        if trial.position()["quantity"]:
            break
    return price


def enter(trial: Trial) -> int:
    price = rise(trial, wait_flat(trial), 30)
    assert trial.position()["quantity"] > 0
    return price


def stop_of(trial: Trial) -> Any:
    orders = trial.orders()
    assert len(orders) == 1
    return orders[0]


def test_flat_market_asks_for_nothing(config: DeskConfig) -> None:
    trial = Trial(config)
    wait_flat(trial, bars=100)
    assert not len(trial.said(EventKind.ORDER_REQUEST))


def test_falling_market_asks_for_nothing(config: DeskConfig) -> None:
    trial = Trial(config)
    price = wait_flat(trial, 20_000)
    for _ in range(60):
        trial.bar(price, price + 5, price - 45, price - 40)
        price -= 40
    assert not len(trial.said(EventKind.ORDER_REQUEST))


def test_rising_market_buys_and_places_a_stop(config: DeskConfig) -> None:
    trial = Trial(config)
    price = enter(trial)
    own = trial.position()
    order = stop_of(trial)
    assert order["order_type"] == OrderType.STOP
    assert order["flags"] & OrderFlag.REDUCE_ONLY
    assert order["flags"] & OrderFlag.PROTECTIVE
    assert order["side"] == -1
    assert order["quantity"] == own["quantity"] == own["stop_lots"]
    entry = own["cost"] // (own["quantity"] * 10_000)  # one tick of one lot is 1e-4 USDC: 10,000 units
    assert entry - 0.02 * entry <= order["trigger_price"] < entry <= price + 40


def test_size_is_the_regime_s(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"momentum": {**FAST, "notional": 100.0}}))
    enter(trial)
    sizing = trial.memory["sizing"]
    multiplier = sizing["bands"][sizing["band"]]["multiplier_ppm"] / 1e6
    bought = trial.said(EventKind.ORDER_REQUEST)[0]
    price = trial.memory["bar"]["ended_close"] * 1e-4
    assert int(bought["quantity"]) == pytest.approx(100.0 * multiplier / price, rel=0.05)


def test_no_more_than_the_risk_of_one_trade_is_lost_at_the_stop(tmp_path: Path) -> None:
    file = write_desk(tmp_path, {"momentum": FAST}).folder / "config" / "trading_parameters.json"
    file.write_text(file.read_text("utf-8").replace('"risk_per_trade": 0.02', '"risk_per_trade": 0.0001'), "utf-8")
    trial = Trial(load_desk(tmp_path))
    enter(trial)
    lots = int(trial.said(EventKind.ORDER_REQUEST)[0]["quantity"])
    assert lots * int(trial.memory["stop_ticks"]) * 1e-4 <= 0.0001 * 10_000
    assert (lots + 1) * int(trial.memory["stop_ticks"]) * 1e-4 > 0.0001 * 10_000


def test_stop_that_is_hit_leaves_nothing(config: DeskConfig) -> None:
    trial = Trial(config)
    price = enter(trial)
    trigger = int(stop_of(trial)["trigger_price"])
    trial.bar(price, price, trigger - 100, trigger - 50)
    assert trial.position()["quantity"] == 0
    assert not trial.orders()
    trial.bar(trigger - 50, trigger - 40, trigger - 60, trigger - 50)
    assert trial.memory["losses"] == 1
    assert trial.memory["resume_ns"] >= trial.time_ns


def test_target_takes_the_stop_back_and_sells(config: DeskConfig) -> None:
    trial = Trial(config)
    price = enter(trial)
    target = price + 3 * int(trial.memory["take_ticks"])
    for _ in range(4):
        trial.bar(target, target + 5, target - 5, target)
    assert trial.position()["quantity"] == 0
    assert not trial.orders()
    assert int(trial.said(EventKind.ORDER_REQUEST)[-1]["reason"]) == Reason.TAKE_PROFIT
    assert trial.memory["losses"] == 0
    assert trial.position()["realised"] > 0


def test_working_orders_never_reduce_by_more_than_the_position(config: DeskConfig) -> None:
    trial = Trial(config, latency_ns=50_000_000)
    price = rise(trial, wait_flat(trial), 30)
    for step in [40] * 10 + [-200] * 5 + [60] * 40:
        trial.bar(price, max(price, price + step), min(price, price + step), price + step)
        price += step
        own = trial.position()
        assert own["quantity"] >= 0
        assert own["sell_lots"] <= own["quantity"]


def test_averages_that_cross_back_end_the_trade(tmp_path: Path) -> None:
    far = {**FAST, "notional": 100.0}
    trial = Trial(write_desk(tmp_path, {"momentum": far}))
    price = enter(trial)
    trial.memory["take_ticks"] = 10**6
    for _ in range(60):  # a fall too slow for the stop of this test's making
        trial.memory["stop_ticks"] = 10**6
        trial.bar(price, price + 5, price - 5, price)
        price -= 3
        if trial.position()["quantity"] == 0:
            break
    reasons = [int(reason) for reason in trial.said(EventKind.ORDER_REQUEST)["reason"]]
    assert trial.position()["quantity"] == 0
    assert reasons[-1] in {Reason.SIGNAL_EXIT, Reason.STOP_LOSS}


def test_loss_is_followed_by_the_regime_s_cooldown(config: DeskConfig) -> None:
    trial = Trial(config)
    price = enter(trial)
    trigger = int(stop_of(trial)["trigger_price"])
    trial.bar(price, price, trigger - 10, trigger - 5)
    trial.bar(trigger, trigger, trigger, trigger)
    sizing = trial.memory["sizing"]
    pause = int(sizing["bands"][sizing["band"]]["cooldown_ns"])
    assert trial.memory["resume_ns"] == trial.time_ns - 300 * 10**9 + max(pause, 5 * MINUTE_NS)


def test_too_many_losses_in_a_row_end_the_day(config: DeskConfig) -> None:
    trial = Trial(config)
    for losses in range(1, 4):
        trial.memory["resume_ns"] = 0
        price = enter(trial)
        trigger = int(stop_of(trial)["trigger_price"])
        trial.bar(price, price, trigger - 10, trigger - 5)
        trial.bar(trigger, trigger, trigger, trigger)
        assert trial.memory["losses"] == losses % 3
    day = 86_400 * 10**9
    assert trial.memory["resume_ns"] % day == 0
    assert 0 < trial.memory["resume_ns"] - trial.time_ns <= day


def test_small_range_does_not_pay_for_its_fees(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"momentum": {**FAST, "reward_to_cost": 1_000.0}}))
    rise(trial, wait_flat(trial), 30)
    assert not len(trial.said(EventKind.ORDER_REQUEST))


def test_killed_desk_is_not_asked_for_entries(config: DeskConfig) -> None:
    trial = Trial(config)
    wait_flat(trial)
    trial.state["breaker"]["multiplier_ppm"] = 0
    rise(trial, 10_000, 30)
    assert not len(trial.said(EventKind.ORDER_REQUEST))


def quotes(trial: Trial, price: int, bars: int, step: int) -> int:
    """Two quotes a minute; each minute moves by `step`."""
    for _ in range(bars):
        trial.quote(price - 1, price + 1, after_s=30)
        price += step
        trial.quote(price - 1, price + 1, after_s=30)
        if trial.orders() or trial.position()["quantity"]:
            break
    return price


def test_quotes_make_bars_and_a_calm_entry_waits_at_the_bid(tmp_path: Path) -> None:
    calm = {**FAST, "bar_seconds": 60, "urgency": 0.999}
    trial = Trial(write_desk(tmp_path, {"momentum": calm}))
    price = 10_000
    for _ in range(30):
        trial.quote(price - 16, price - 14, after_s=30)
        trial.quote(price + 14, price + 16, after_s=30)
    quotes(trial, price, 40, 40)
    entry = stop_of(trial)
    assert entry["order_type"] == OrderType.LIMIT
    assert entry["flags"] & Flag.POST_ONLY
    assert entry["price"] == trial.state["instruments"][0]["bid"]
    bid = int(entry["price"])
    trial.quote(bid, bid + 2, after_s=PATIENCE_S + 1)
    trial.quote(bid, bid + 2, after_s=1)
    assert not trial.orders(), "an entry that nobody met is taken back"


def test_urgent_entry_takes_and_is_guarded_at_the_next_quote(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"momentum": {**FAST, "bar_seconds": 60, "urgency": 0.1}}))
    price = 10_000
    for _ in range(30):
        trial.quote(price - 16, price - 14, after_s=30)
        trial.quote(price + 14, price + 16, after_s=30)
    price = quotes(trial, price, 40, 40)
    trial.quote(price - 1, price + 1, after_s=0.1)
    assert trial.position()["quantity"] > 0
    order = stop_of(trial)
    assert order["order_type"] == OrderType.STOP
    trial.quote(int(order["trigger_price"]) - 3, int(order["trigger_price"]) - 1, after_s=1)
    trial.quote(int(order["trigger_price"]) - 3, int(order["trigger_price"]) - 1, after_s=1)
    assert trial.position()["quantity"] == 0


def test_position_that_another_session_left_behind_is_guarded(config: DeskConfig) -> None:
    trial = Trial(config)
    enter(trial)
    trial.hosts[0].restore(Trial(config).hosts[0].snapshot())
    stop = stop_of(trial)
    stop_id = int(stop["id"])
    close = int(trial.state["instruments"][0]["last"])
    trial.bar(close, close + 5, close - 5, close)
    assert [int(order["id"]) for order in trial.orders()] == [stop_id]
    assert trial.memory["stop_ticks"] > 0
    assert trial.time_ns > START_NS
