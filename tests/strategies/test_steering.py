"""Steering brings a position to its target: the table of its docstring, and that it never asks for too much.

What is tested: `quarterdeck.strategies.steering`.
"""

from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderType
from quarterdeck.strategies.contract import Parameters, Place, PythonStrategy
from quarterdeck.strategies.steering import Course, Manner, steer
from quarterdeck.strategies.views import DeskView, Quote
from tests.strategies.desks import Trial, write_desk

BID, ASK = 12_000, 12_002
SECOND = 1_000_000_000


class Kept(msgspec.Struct):
    course: Course = msgspec.field(default_factory=Course)


class Steered(PythonStrategy):
    """Goes where the test tells it."""

    kind: ClassVar[str] = "momentum"  # any that the configuration knows
    parameters_type: ClassVar[type[Parameters]] = Parameters
    manner: ClassVar[Manner] = Manner(stop=0.01, patience_ns=10 * SECOND, retry_ns=SECOND)

    def __init__(self, parameters: Any, place: Place) -> None:
        super().__init__(parameters, place)
        self.memory = Kept()

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        steer(desk, 0, self.place.specifications[0], self.memory.course, self.manner, quote.time_ns)


class Taking(Steered):
    manner = Manner(stop=0.01, patience_ns=10 * SECOND, retry_ns=SECOND, make=False)


class Unguarded(Steered):
    manner = Manner(stop=0.0, patience_ns=10 * SECOND, retry_ns=SECOND, make=False)


class Keeping(Steered):
    manner = Manner(stop=0.01, stop_at_venue=False, patience_ns=10 * SECOND, retry_ns=SECOND, make=False)


class Watched(Taking):
    """Remembers with how many own orders at work it asked to close."""

    working: ClassVar[list[int]] = []

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        super().on_quote(desk, quote)
        asked: Any = desk.asks[: desk.count]
        if any(one["order_type"] == OrderType.MARKET and one["flags"] & Flag.REDUCE_ONLY for one in asked):
            self.working.append(len(list(desk.open_orders(0))))


class Helm:
    """A desk with one steered strategy."""

    def __init__(self, folder: Path, source: type[Steered] = Taking, latency_ns: int = 0) -> None:
        config = write_desk(folder, {"momentum": {}})
        self.trial = Trial(config, sources=[source], latency_ns=latency_ns)
        self.trial.quote(BID, ASK)

    @property
    def course(self) -> Course:
        host: Any = self.trial.hosts[0]
        return host.strategy.memory.course

    def begin_anew(self) -> None:
        """As a restart does: the position stands, nothing is remembered."""
        host: Any = self.trial.hosts[0]
        host.strategy.memory = Kept()

    @property
    def held(self) -> int:
        return int(self.trial.position()["quantity"])

    def go(self, target: int, seconds: int = 6) -> None:
        self.course.target = target
        self.wait(seconds)

    def wait(self, seconds: int, bid: int = BID, ask: int = ASK) -> None:
        for _ in range(seconds):
            self.trial.quote(bid, ask)

    def orders(self, order_type: OrderType) -> list[Any]:
        return [order for order in self.trial.orders() if int(order["order_type"]) == order_type]


@pytest.mark.parametrize("target", [100, -100])
def test_it_goes_there_and_a_stop_of_the_held_size_stands(tmp_path: Path, target: int) -> None:
    helm = Helm(tmp_path)
    helm.go(target)
    assert helm.held == target
    (stop,) = helm.orders(OrderType.STOP)
    assert int(stop["quantity"]) == 100
    assert int(stop["side"]) * target < 0
    away = int(stop["trigger_price"]) / 12_001 - 1
    assert away == pytest.approx(-0.01 if target > 0 else 0.01, abs=2e-4)


def test_less_is_reduced_by_what_is_too_much(tmp_path: Path) -> None:
    helm = Helm(tmp_path)
    helm.go(100)
    helm.go(40)
    assert helm.held == 40
    (stop,) = helm.orders(OrderType.STOP)
    assert int(stop["quantity"]) == 40


def test_a_flip_goes_through_nothing(tmp_path: Path) -> None:
    helm = Helm(tmp_path)
    helm.go(100)
    helm.go(-60, 12)
    assert helm.held == -60
    fills = helm.trial.said(EventKind.FILL)
    assert [int(one["quantity"]) for one in fills] == [100, 100, 60]


def test_it_closes_only_once_nothing_of_its_own_works(tmp_path: Path) -> None:
    """A stop that is being taken back may still be hit: both together would close more than is held."""
    Watched.working.clear()
    helm = Helm(tmp_path, Watched, latency_ns=2 * SECOND)
    helm.go(100, 15)
    helm.go(0, 15)
    assert helm.held == 0
    assert Watched.working == [0]


def test_an_entry_waits_at_the_touch_and_is_taken_back(tmp_path: Path) -> None:
    helm = Helm(tmp_path, Steered)
    helm.go(100, 3)
    (entry,) = helm.trial.orders()
    assert int(entry["price"]) == BID
    assert int(entry["flags"])  # post-only
    helm.wait(30)
    prices = [int(one["price"]) for one in helm.trial.said(EventKind.ORDER_REQUEST)]
    assert len(prices) > 1, "after its patience it asks anew"
    helm.go(0, 3)
    assert helm.trial.orders() == []


def test_what_its_stop_took_is_not_bought_back(tmp_path: Path) -> None:
    helm = Helm(tmp_path)
    helm.go(100)
    helm.wait(6, 11_800, 11_802)
    assert helm.held == 0
    assert helm.course.target == 0
    assert helm.trial.orders() == []


def test_no_stop_where_none_is_wanted(tmp_path: Path) -> None:
    helm = Helm(tmp_path, Unguarded)
    helm.go(100)
    assert helm.held == 100
    assert helm.trial.orders() == []


@pytest.mark.parametrize("target", [100, -100])
def test_a_stop_that_is_kept_here_closes_at_its_price(tmp_path: Path, target: int) -> None:
    helm = Helm(tmp_path, Keeping)
    helm.go(target)
    assert helm.held == target
    assert helm.trial.orders() == []
    side = 1 if target > 0 else -1
    helm.wait(6, BID - side * 115, ASK - side * 115)
    assert helm.held == target
    helm.wait(6, BID - side * 125, ASK - side * 125)
    assert helm.held == 0
    assert helm.course.target == 0


def test_a_desk_that_begins_with_a_position_keeps_its_stop_from_there(tmp_path: Path) -> None:
    """What steering remembered is gone after a restart; the position is not."""
    helm = Helm(tmp_path, Keeping)
    helm.go(100)
    helm.begin_anew()
    helm.wait(2)
    assert helm.course.reference == pytest.approx(12_001)
    helm.wait(6, BID - 125, ASK - 125)
    assert helm.held == 0


@pytest.mark.parametrize("target", [100, -100])
def test_a_desk_that_begins_anew_keeps_what_it_holds_until_the_first_signal(tmp_path: Path, target: int) -> None:
    helm = Helm(tmp_path)
    helm.go(target)
    asked = len(helm.trial.said(EventKind.ORDER_REQUEST))
    helm.begin_anew()
    helm.wait(30)
    assert (helm.held, helm.course.target) == (target, target)
    assert helm.course.waits_for(0.0)
    assert len(helm.trial.said(EventKind.ORDER_REQUEST)) == asked, "its stop stands already"
    assert not helm.course.waits_for(0.5)
    assert not helm.course.waits_for(0.0), "the first signal was heard"
    helm.go(0)
    assert helm.held == 0


def test_a_target_set_before_the_first_look_counts(tmp_path: Path) -> None:
    helm = Helm(tmp_path)
    helm.go(100)
    helm.begin_anew()
    helm.course.target = 40
    helm.wait(6)
    assert (helm.held, helm.course.inherited) == (40, False)


def test_less_than_the_smallest_order_is_as_wanted(tmp_path: Path) -> None:
    helm = Helm(tmp_path)
    helm.go(8)  # 9.60 USDC, below the venue's 10
    assert not len(helm.trial.said(EventKind.ORDER_REQUEST))


def test_what_is_refused_is_asked_for_again_only_after_a_while(tmp_path: Path) -> None:
    helm = Helm(tmp_path)
    helm.trial.state["instruments"][0]["paused"] = 1
    helm.go(100, 1)
    for _ in range(20):
        helm.trial.quote(BID, ASK, after_s=0.1)
    assert len(helm.trial.said(EventKind.ORDER_REQUEST)) <= 4


moves = st.lists(
    st.tuples(st.sampled_from([-300, -100, -9, 0, 9, 100, 300]), st.integers(-80, 80)), min_size=1, max_size=12
)


@given(path=moves, making=st.booleans())
@settings(max_examples=25, deadline=None)
def test_it_never_reduces_by_more_than_is_held_and_ends_where_it_should(
    tmp_path_factory: pytest.TempPathFactory, path: list[tuple[int, int]], making: bool
) -> None:
    helm = Helm(tmp_path_factory.mktemp("helm"), Steered if making else Taking)
    bid = BID
    for target, move in path:
        helm.course.target = target
        bid += move
        for _ in range(4):
            helm.trial.quote(bid, bid + 2)
            working = [order for order in helm.trial.orders() if int(order["side"]) * helm.held < 0]
            reducing = sum(int(order["quantity"]) - int(order["filled"]) for order in working)
            assert reducing <= abs(helm.held)
    helm.course.target = 0
    helm.wait(15, bid, bid + 2)
    assert helm.held == 0
    assert helm.trial.orders() == []
    refused = helm.trial.said(EventKind.ORDER_REJECTED)
    assert not [one for one in refused if int(one["flags"]) & Flag.REDUCE_ONLY]
