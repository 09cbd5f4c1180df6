"""Breakout trades what leaves the opening range, in the session's hours alone, and never holds over night.

What is tested: `quarterdeck.strategies.breakout`.
"""

from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import EventKind, OrderType
from quarterdeck.research import DataRequest, fit_desk, run_backtest
from quarterdeck.strategies.breakout import Breakout, BreakoutMemory, BreakoutParameters, Range, phase_of
from quarterdeck.strategies.sessions import Session, sessions_of
from tests.strategies.desks import REPOSITORY, Trial, write_desk

MINUTE_NS = 60_000_000_000
_PERPETUAL = """kind = "perpetual"
base = "XRP"
quote = "USDC"
tick = "0.0001"
lot = "1"
significant_figures = 5
min_notional = "10"
initial_margin = 0.05
maintenance_margin = 0.025
"""
_EQUITY = """kind = "equity"
base = "XRP"
quote = "USDC"
tick = "0.01"
lot = "1"
short_allowed = true
maker_fee_bps = 0
taker_fee_bps = 0
"""
TOLD = {"range_minutes": 5.0, "last_entry_minutes": 60.0, "flat_minutes": 10.0, "notional": 1_000.0}
PRICE = 10_000  # 100.00


def stock_desk(folder: Path, *, shorts: bool = True, **told: object) -> DeskConfig:
    """A desk that trades one stock."""
    edit = (
        (_PERPETUAL, _EQUITY),
        ("[strategies.parameters]\n", f"[strategies.parameters]\nshorts = {str(shorts).lower()}\n"),
    )
    return write_desk(folder, {"breakout": {**TOLD, **told}}, edit=edit)


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 10**9


MONDAY = sessions_of("XNYS").latest(ns("2024-06-03T10:00:00-04:00"))


@pytest.fixture
def config(tmp_path: Path) -> DeskConfig:
    return stock_desk(tmp_path)


class Day:
    """A desk shortly before Monday's opening."""

    def __init__(self, config: DeskConfig, before_minutes: int = 5) -> None:
        self.trial = Trial(config, time_ns=MONDAY.open_ns - before_minutes * MINUTE_NS)

    def until(self, minute: float, price: int = PRICE, *, session: Session = MONDAY) -> None:
        """Quotes every twenty seconds at a price, up to so many minutes after the opening."""
        while self.trial.time_ns < session.open_ns + minute * MINUTE_NS:
            self.trial.quote(price - 1, price + 1, after_s=20)

    def range(self) -> None:
        """The first five minutes, from 99.50 to 100.50."""
        for price in (PRICE, PRICE + 50, PRICE - 50, PRICE):
            self.until((self.trial.time_ns - MONDAY.open_ns) / MINUTE_NS + 1, price)
        self.until(6)

    @property
    def held(self) -> int:
        return int(self.trial.position()["quantity"])

    @property
    def asked(self) -> int:
        return len(self.trial.said(EventKind.ORDER_REQUEST))

    @property
    def strategy(self) -> Breakout:
        return cast(Any, self.trial.hosts[0]).strategy


def opened(config: DeskConfig, price: int = PRICE + 80) -> Day:
    day = Day(config, before_minutes=0)
    day.range()
    day.until(8, price)
    return day


PHASES = [(0, "range"), (4.99, "range"), (5, "open"), (329.9, "open"), (330, "hold"), (379.9, "hold"), (380, "flat")]


@pytest.mark.parametrize(("minute", "phase"), PHASES)
def test_a_session_has_four_phases(minute: float, phase: str) -> None:
    told = BreakoutParameters(range_minutes=5, last_entry_minutes=60, flat_minutes=10)
    now = MONDAY.open_ns + int(minute * MINUTE_NS)
    assert phase_of(MONDAY, now, now, told) == phase


@pytest.mark.parametrize(("price", "side"), [(PRICE + 80, 1), (PRICE - 80, -1), (PRICE + 40, 0), (PRICE + 55, 0)])
def test_what_leaves_the_range_is_followed(config: DeskConfig, price: int, side: int) -> None:
    day = opened(config, price)
    assert day.held == side * (1_000 * 100 // price)


def test_the_stop_stands_at_the_venue_no_nearer_than_told(config: DeskConfig) -> None:
    day = opened(config)
    (stop,) = day.trial.orders()
    assert int(stop["order_type"]) == OrderType.STOP
    assert int(stop["trigger_price"]) == pytest.approx((PRICE + 80) * 0.985, abs=3)


def test_nothing_is_entered_in_the_range_or_before_the_opening(config: DeskConfig) -> None:
    day = Day(config)
    day.until(-1, PRICE)
    day.until(4, PRICE + 300)
    assert day.asked == 0


def test_nothing_is_entered_in_the_last_hour(config: DeskConfig) -> None:
    day = Day(config, before_minutes=0)
    day.range()
    day.until(331)
    day.until(345, PRICE + 300)
    assert day.asked == 0


def test_it_is_flat_before_the_close_and_stays_so(config: DeskConfig) -> None:
    day = opened(config)
    assert day.held > 0
    day.until(382, PRICE + 80)
    assert day.held == 0
    asked = day.asked
    day.until(389, PRICE + 500)
    day.until(600, PRICE + 500)  # after hours
    assert day.asked == asked
    assert day.trial.orders() == []


def test_the_target_takes_a_profit(config: DeskConfig) -> None:
    day = opened(config)
    day.until(20, int((PRICE + 80) * 1.035))
    assert day.held == 0
    assert int(day.trial.position()["realised"]) > 0


def test_one_entry_a_session_and_another_on_the_next_day(config: DeskConfig) -> None:
    day = opened(config)
    day.until(20, int((PRICE + 80) * 1.04))
    day.until(60, int((PRICE + 80) * 1.2))
    assert day.held == 0
    tuesday = sessions_of("XNYS").latest(ns("2024-06-04T10:00:00-04:00"))
    day.until(0, session=tuesday)
    day.until(6, session=tuesday)
    day.until(9, PRICE + 200, session=tuesday)
    assert day.held == 0, "a range without width is none"
    day.trial.quote(PRICE - 1, PRICE + 1)


def test_what_a_fault_carried_over_a_night_is_sold_at_once(config: DeskConfig) -> None:
    day = opened(config)
    tuesday = sessions_of("XNYS").latest(ns("2024-06-04T10:00:00-04:00"))
    day.trial.time_ns = tuesday.open_ns - MINUTE_NS  # the feed was down until the next morning
    held = day.held
    day.until(-0.2, PRICE + 80, session=tuesday)
    assert day.held == held, "nobody trades before the opening"
    day.until(1, PRICE + 80, session=tuesday)
    assert day.held == 0


def test_a_desk_that_begins_anew_in_a_session_keeps_its_position_behind_a_stop_until_the_close(
    config: DeskConfig,
) -> None:
    day = opened(config)
    held = day.held
    day.strategy.memory = BreakoutMemory(ranges=[Range()])
    day.until(60, PRICE + 80)
    assert day.held == held
    (stop,) = day.trial.orders()
    assert int(stop["quantity"]) == held
    day.until(64, PRICE + 300)
    assert day.held == held, "of its target nothing is known"
    day.until(382, PRICE + 80)
    assert day.held == 0
    assert day.trial.orders() == []


@pytest.mark.parametrize("width_min_bps", [0.0, 10.0])
def test_a_desk_that_comes_after_the_range_enters_nothing_that_day(tmp_path: Path, width_min_bps: float) -> None:
    day = Day(stock_desk(tmp_path, width_min_bps=width_min_bps), before_minutes=-6)
    day.until(10)
    day.until(20, PRICE + 100)
    assert day.asked == 0


def test_three_day_trades_in_five_sessions_without_enough_equity(tmp_path: Path) -> None:
    config = stock_desk(tmp_path, pattern_equity=25_000.0, day_trades_max=3, entries=10)
    day = Day(config, before_minutes=0)  # 10,000 are deposited
    day.range()
    entries = 0
    for number in range(6):
        day.until(10 + 8 * number, PRICE + 80)
        entries += day.held > 0
        day.until(12 + 8 * number, int((PRICE + 80) * 1.035))
        assert day.held == 0, "sold at its target, and not bought again out there"
        day.until(14 + 8 * number, PRICE)
    assert entries == 3
    assert len(day.strategy.memory.day_trades) == 3
    later = sessions_of("XNYS").latest(ns("2024-06-10T10:00:00-04:00"))  # five sessions on
    for price in (PRICE, PRICE + 50, PRICE - 50):
        day.until((MINUTE_NS if day.trial.time_ns > later.open_ns else 0) / MINUTE_NS + 1, price, session=later)
    day.until(3, PRICE - 50, session=later)
    day.until(6, PRICE + 50, session=later)
    day.until(9, PRICE + 150, session=later)
    assert day.held > 0


def test_enough_equity_day_trades_freely(tmp_path: Path) -> None:
    assert opened(stock_desk(tmp_path, pattern_equity=5_000.0, day_trades_max=0)).held > 0


def test_short_only_where_it_may(tmp_path: Path) -> None:
    assert opened(stock_desk(tmp_path, shorts=False), PRICE - 80).asked == 0


@given(walk=st.lists(st.integers(-120, 120), min_size=40, max_size=40), seed=st.integers(0, 10))
@settings(max_examples=10, deadline=None)
def test_whatever_the_market_does_the_night_is_flat(
    tmp_path_factory: pytest.TempPathFactory, walk: list[int], seed: int
) -> None:
    config = stock_desk(tmp_path_factory.mktemp("desk"), entries=20, pattern_equity=0.0)
    day = Day(config, before_minutes=seed)
    price = PRICE
    for number, move in enumerate(walk):
        price = max(2_000, price + move)
        day.until(10 * (number + 1), price)
        minute = (day.trial.time_ns - MONDAY.open_ns) / MINUTE_NS
        if minute > 382:
            assert day.held == 0


def test_restart_keeps_what_it_knows(config: DeskConfig) -> None:
    day = opened(config)
    other = Day(config)
    other.trial.hosts[0].restore(day.trial.hosts[0].snapshot())
    assert other.strategy.memory == day.strategy.memory


@pytest.mark.parametrize(
    ("told", "key"),
    [({"stop_min_bps": 900.0}, "stop_min_bps"), ({"flat_minutes": 60.0}, "flat_minutes"), ({"calendar": "XX"}, "XX")],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, told: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        Trial(stock_desk(tmp_path, **told))


@pytest.mark.market
def test_a_backtest_on_recorded_minutes_holds_nothing_over_night(market_data: Path, tmp_path: Path) -> None:
    config = stock_desk(tmp_path, shorts=False, pattern_equity=0.0)
    request = DataRequest(paths=(market_data / "us_equity_SPY_201310_1m_trade.parquet",))
    first, second = (run_backtest(fit_desk(config, request)) for _ in range(2))
    assert first.digest == second.digest
    assert first.fills > 0
    tape, sessions = first.tape, sessions_of("XNYS")
    assert all(sessions.at(int(time_ns) - 1) is not None for time_ns in tape.time_ns), "every fill is in a session"
    assert int((tape.quantity * tape.side).sum()) == 0
    assert len(load_desk(REPOSITORY / "desks" / "intraday").strategies) == 1
