"""Plans are taken up once each, and a few at a time. What is tested: `quarterdeck.strategies.arbitrage`."""

from pathlib import Path
from typing import Any

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderType, TimeInForce
from quarterdeck.market import blank_events
from quarterdeck.runtime.host import host_strategies
from tests.strategies.desks import SECOND_NS, Trial, write_desk

CYCLE = (
    ('kind = "spot"', 'kind = "cycle"'),
    ('symbol = "XRP/USDC"', 'symbol = "USDC-CYCLE"'),
    ('tick = "0.0001"\nlot = "0.01"\nsignificant_figures = 5\nmin_notional = "10"', 'tick = "1"\nlot = "0.01"'),
    ('max_exposure = "100000"\nstale_ms = 600000\ncollar_bps = 1000\n\n[limits]',
     'max_exposure = "100000"\nmax_notional = "100000"\nduplicate_window_ms = 0\n\n[limits]'),
)  # fmt: skip
LATE_NS = 10 * SECOND_NS


class Chain(Trial):
    """A desk whose second instrument is a cycle; orders take ten seconds to arrive."""

    def __init__(self, folder: Path, **told: Any) -> None:
        config = write_desk(folder, {"arbitrage": {"instruments": ["USDC-CYCLE"], **told}}, edit=CYCLE)
        super().__init__(config, latency_ns=LATE_NS)

    def show(self, lots: int, plan: int, *, after_s: float = 1.0, instrument: int = 1) -> list[tuple[int, int]]:
        """A head, with a plan or (no lots) without one; returns what was asked for so far: lots and plan."""
        self.time_ns += int(after_s * SECOND_NS)
        quote = blank_events(1, EventKind.QUOTE, instrument)
        quote["time_ns"] = self.time_ns
        quote["bid"] = quote["ask"] = 1
        quote["bid_quantity"] = quote["ask_quantity"] = lots
        quote["update_id"] = plan
        self.engine.feed(quote)
        return [(int(one["quantity"]), int(one["tag"])) for one in self.said(EventKind.ORDER_REQUEST)]


def test_a_plan_is_taken_up_at_once_or_not_at_all(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    assert chain.show(0, 0) == []
    assert chain.show(7_000, 2**61) == [(7_000, 2**61)]
    (asked,) = chain.said(EventKind.ORDER_REQUEST)
    assert (asked["instrument"], asked["price"], asked["flags"] & Flag.SELL) == (1, 1, 0)
    assert (asked["order_type"], asked["time_in_force"]) == (OrderType.LIMIT, TimeInForce.IOC)
    (order,) = chain.orders()
    assert (order["tag"], order["quantity"]) == (2**61, 7_000)


def test_a_plan_is_tried_once_and_one_attempt_at_a_time(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    assert chain.show(7_000, 5) == [(7_000, 5)]
    assert chain.show(7_000, 5) == [(7_000, 5)], "the same plan, shown again"
    assert chain.show(8_000, 6) == [(7_000, 5)], "one is on its way"
    assert chain.show(0, 0, after_s=30) == [(7_000, 5)]
    assert chain.show(7_000, 5, after_s=30) == [(7_000, 5)], "it is over, and was this plan"
    assert not chain.orders()
    assert chain.show(9_000, 7) == [(7_000, 5), (9_000, 7)]
    assert int(chain.position(0, 1)["quantity"]) == 0


def test_more_may_be_on_their_way_where_it_is_told_so(tmp_path: Path) -> None:
    chain = Chain(tmp_path, in_flight=2)
    for plan in (1, 2, 3):
        asked = chain.show(10_000 + plan, plan)
    assert asked == [(10_001, 1), (10_002, 2)]


@pytest.mark.parametrize(("lots", "plan", "instrument"), [(0, 3, 1), (5, 0, 1), (5, -1, 1), (5, 3, 0)])
def test_what_is_no_plan_of_its_own_is_left_alone(tmp_path: Path, lots: int, plan: int, instrument: int) -> None:
    assert Chain(tmp_path).show(lots, plan, instrument=instrument) == []


def test_a_plan_that_the_rails_refuse_is_not_asked_for_again(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    huge = 100_000 * 100 + 1  # above max_notional
    assert chain.show(huge, 3) == [(huge, 3)]
    assert chain.show(huge, 3) == [(huge, 3)]
    assert not chain.orders()
    assert chain.show(5_000, 4) == [(huge, 3), (5_000, 4)]


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"instruments": ["XRP"]}, r"instruments = 'XRP' is not allowed: cycles only: XRP is of the kind perpetual"),
        ({"in_flight": 0}, r"parameters\.in_flight = 0 is not allowed"),
        ({"in_flight": 17}, r"parameters\.in_flight = 17 is not allowed"),
        ({"profit": 5}, r"parameters\.profit = 5 is not allowed"),
    ],
)
def test_what_it_cannot_be_told_is_refused(tmp_path: Path, told: dict[str, Any], line: str) -> None:
    config = write_desk(tmp_path, {"arbitrage": {"instruments": ["USDC-CYCLE"], **told}}, edit=CYCLE)
    with pytest.raises(ConfigError, match=line):
        host_strategies(config, Trial(write_desk(tmp_path / "other", {})).engine.states)
