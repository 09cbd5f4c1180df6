"""The scenarios on a practice exchange: all of them where it behaves, and each where the venue lies.

What is tested: `quarterdeck.conformance.scenarios` with `quarterdeck.conformance.orders`,
`quarterdeck.conformance.troubles` and `quarterdeck.conformance.accounts`; `quarterdeck.conformance.suite`,
`quarterdeck.conformance.hand`, `quarterdeck.conformance.conversation`, `quarterdeck.conformance.switches`,
`quarterdeck.conformance.outcome`.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quarterdeck.config import DeskConfig
from quarterdeck.conformance.outcome import Outcome
from quarterdeck.conformance.scenarios import SCENARIOS
from quarterdeck.conformance.switches import HttpSwitch, open_switch
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.kernel.vocabulary import Reason
from quarterdeck.venues.messages import (
    AccountAnswer,
    Amend,
    Cancel,
    FillsAnswer,
    FillsNews,
    Line,
    Lost,
    MarketData,
    Message,
    OrderAnswer,
    OrdersAnswer,
    Place,
    Refused,
    Request,
    Taken,
    TradeReport,
)
from quarterdeck.venues.protocol import Venue
from tests.conformance.practising import Twisted, desk_at, found, serving

PASSED, FAILED, ABSENT = Outcome.PASSED, Outcome.FAILED, Outcome.NOT_APPLICABLE


@pytest.fixture
def config(tmp_path: Path) -> Iterator[DeskConfig]:
    made = desk_at(tmp_path / "desk")
    with serving(made):
        yield made


def test_every_scenario_is_passed_or_does_not_apply(config: DeskConfig) -> None:
    findings = found(config)
    assert [*findings] == [one.name for one in SCENARIOS]
    failed = [one for one in findings.values() if one.outcome not in {PASSED, ABSENT}]
    assert not failed
    assert findings["rate limit"].outcome is ABSENT, "it has no limit unless it is given one"
    assert sum(one.outcome is PASSED for one in findings.values()) >= 20


def test_without_a_switch_nothing_is_broken(config: DeskConfig) -> None:
    names = ("answer lost", "line cut", "garbled messages", "order turned away", "market halted")
    findings = found(config, *names, switch=False)
    assert {(findings[name].outcome, findings[name].why) for name in names} == {(ABSENT, "no fault switch")}


def test_a_limit_is_understood_and_a_cancel_goes_through(tmp_path: Path) -> None:
    config = desk_at(tmp_path / "desk")
    with serving(config, requests=30):
        finding = found(config, "rate limit")["rate limit"]
    assert finding.outcome is PASSED
    assert "was turned away" in finding.why


def test_a_venue_that_is_not_there_fails_and_nothing_else_is_run(tmp_path: Path) -> None:
    findings = found(desk_at(tmp_path), "kill", patience_s=0.1)
    assert findings["connect and account"].outcome is FAILED
    assert "did not come up" in findings["connect and account"].why
    assert findings["kill"].outcome is Outcome.NOT_RUN


# Venues that lie. Each row: what it does, the scenario that sees it, and words of what is seen.


def once(message: Message) -> Iterable[Message]:
    return (message,)


def plain(venue: Venue, **changes: Any) -> Any:
    return dataclasses.replace(venue.capabilities, **changes)


def never_fills(message: Message) -> Iterable[Message]:
    return () if isinstance(message, FillsNews) else (message,)


def forgets_orders(message: Message) -> Iterable[Message]:
    lies = isinstance(message, OrdersAnswer)
    return (msgspec.structs.replace(message, orders=()) if lies else message,)


def forgets_an_order(message: Message) -> Iterable[Message]:
    return (OrderAnswer(request_id=message.request_id, order=None) if isinstance(message, OrderAnswer) else message,)


def charges_more(message: Message) -> Iterable[Message]:
    if not isinstance(message, AccountAnswer):
        return (message,)
    charged.append(1)
    less = tuple(msgspec.structs.replace(one, cash=one.cash - len(charged)) for one in message.balances)
    return (msgspec.structs.replace(message, balances=less),)


def renumbers(message: Message) -> Iterable[Message]:
    if not isinstance(message, FillsAnswer):
        return (message,)
    other = tuple(msgspec.structs.replace(one, trade_id=one.trade_id + 1_000_000) for one in message.fills)
    return (msgspec.structs.replace(message, fills=other),)


def lists_other_fees(message: Message) -> Iterable[Message]:
    if not isinstance(message, FillsAnswer):
        return (message,)
    other = tuple(msgspec.structs.replace(one, fee=one.fee + 1) for one in message.fills)
    return (msgspec.structs.replace(message, fills=other),)


def ignores(**changes: Any) -> Callable[[Request], Request]:
    def asked(request: Request) -> Request:
        return msgspec.structs.replace(request, **changes) if isinstance(request, Place) else request

    return asked


def cancels_another(request: Request) -> Request:
    if not isinstance(request, Cancel):
        return request
    return msgspec.structs.replace(request, order_id=request.order_id + 1_000_000, venue_order_id=0)


def ignores_changes(request: Request) -> Request:
    if not isinstance(request, Amend):
        return request
    return msgspec.structs.replace(request, price=request.price + 1)


def takes_what_it_refuses(message: Message) -> Iterable[Message]:
    return (Taken(request_id=message.request_id) if isinstance(message, Refused) else message,)


def never_says_the_line_is_down(message: Message) -> Iterable[Message]:
    return () if isinstance(message, Line) and not message.up else (message,)


def has_no_reasons(message: Message) -> Iterable[Message]:
    refused = isinstance(message, Refused)
    return (msgspec.structs.replace(message, reason=Reason.VENUE_REJECTED, text="no") if refused else message,)


def loses_answers(message: Message) -> Iterable[Message]:
    return (Lost(request_id=message.request_id) if isinstance(message, OrdersAnswer) else message,)


def has_no_market(message: Message) -> Iterable[Message]:
    return () if isinstance(message, MarketData) else (message,)


charged: list[int] = []


@pytest.mark.parametrize(
    ("scenario", "words", "asked", "said"),
    [
        ("place, see, cancel", "0 times among the open orders", None, forgets_orders),
        ("place, see, cancel", "unknown to the venue", None, forgets_an_order),
        ("connect and account", "asked for the open orders: Lost", None, loses_answers),
        ("connect and account", "no quote of ABC", None, has_no_market),
        ("place, see, cancel", "the cancel of a working order: Refused UNKNOWN_ORDER", cancels_another, None),
        ("fill at once", "were told as fills within", None, never_fills),
        ("replace", "the venue has 2 at", ignores_changes, None),
        ("post-only", "a post-only order that crosses was", ignores(post_only=False), None),
        ("reduce-only", "a reduce-only order without a position was", ignores(reduce_only=False), None),
        ("duplicate order id", "not refused as a duplicate", None, has_no_reasons),
        ("cancel of an unknown order", "an order that never was: Taken", None, takes_what_it_refuses),
        ("cancel of an unknown order", "an order that never was: Refused VENUE_REJECTED", None, has_no_reasons),
        ("order that comes too late", "an order that came too late worked", ignores(expires_ns=0), None),
        ("fills in list and stream", "in the list alone", None, renumbers),
        ("fills in list and stream", "in the list, ", None, lists_other_fees),
        ("position and cash", "units away from what they say", None, charges_more),
        ("line cut", "nobody was told so", None, never_says_the_line_is_down),
        ("kill", "orders are open after", cancels_another, None),
        ("order turned away", "an order that was turned away: Taken", None, takes_what_it_refuses),
        ("market halted", "was taken while the market stood still", None, takes_what_it_refuses),
    ],
)
def test_a_venue_that_lies_is_found_out(
    config: DeskConfig,
    monkeypatch: pytest.MonkeyPatch,
    scenario: str,
    words: str,
    asked: Callable[[Request], Request | None] | None,
    said: Callable[[Message], Iterable[Message]] | None,
) -> None:
    charged.clear()
    monkeypatch.setattr("quarterdeck.conformance.troubles._SETTLE_S", 2.0)
    monkeypatch.setattr("quarterdeck.conformance.accounts._ROUNDS_MAX", 2)
    before = {"fills in list and stream": ["fill at once"], "position and cash": ["fill at once"]}.get(scenario, [])

    def twist(venue: Venue) -> Venue:
        return Twisted(venue, asked or (lambda request: request), said or once)

    # Where the lie is that nothing comes, it is not waited for long.
    patience_s = 3.0 if said in {never_fills, has_no_market, forgets_an_order} else 20.0
    finding = found(config, *before, scenario, twist=twist, patience_s=patience_s)[scenario]
    assert finding.outcome is FAILED
    assert words in finding.why


class SelfTrader:
    """Says of the third order that is placed, and of the second, that they were each other's fill."""

    def __init__(self) -> None:
        self._placed: list[Place] = []

    def asked(self, request: Request) -> Request:
        if isinstance(request, Place):
            self._placed.append(request)
        return request

    def said(self, message: Message) -> Iterable[Message]:
        if isinstance(message, Taken) and [one.request_id for one in self._placed[2:3]] == [message.request_id]:
            other = self._placed[2]
            fills = [
                TradeReport(
                    trade_id=10**9 + place, order_id=one.order_id, strategy=one.strategy, venue_order_id=1,
                    instrument=0, side=one.side, price=other.price, quantity=other.quantity, fee=0, maker=place == 0,
                    venue_time_ns=5,
                )
                for place, one in enumerate(self._placed[1:3])
            ]  # fmt: skip
            return (FillsNews(fills=tuple(fills)), message)
        return (message,)


def test_a_venue_that_lets_an_account_trade_with_itself_is_found_out(config: DeskConfig) -> None:
    trader = SelfTrader()
    finding = found(config, "self-match", twist=lambda venue: Twisted(venue, trader.asked, trader.said))["self-match"]
    assert finding.outcome is FAILED
    assert finding.why == "the account was let trade with itself"


@pytest.mark.parametrize(
    ("scenario", "declares"),
    [
        ("replace", "amend"),
        ("post-only", "post_only"),
        ("reduce-only", "reduce_only"),
        ("order that comes too late", "expiry"),
    ],
)
def test_what_a_venue_declares_not_to_know_does_not_apply(config: DeskConfig, scenario: str, declares: str) -> None:
    def twist(venue: Venue) -> Venue:
        return Twisted(venue, declared=plain(venue, **{declares: False}))

    finding = found(config, scenario, twist=twist)[scenario]
    assert finding.outcome is ABSENT
    assert finding.why.startswith("declared:")


def test_an_account_with_open_orders_is_left_alone(config: DeskConfig) -> None:
    def twist(venue: Venue) -> Venue:
        return Twisted(venue, asked=cancels_another)

    found(config, "place, see, cancel", twist=twist)  # leaves its order there
    finding = found(config)["connect and account"]
    assert finding.outcome is FAILED
    assert "1 open orders" in finding.why


def test_a_switch_is_of_a_twin_on_this_machine(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="loopback"):
        HttpSwitch("example.org:80")
    with pytest.raises(DeskError, match="no fault switch answers"):
        open_switch("hyperliquid", "127.0.0.1:9", tmp_path).set("clear")
    with pytest.raises(DeskError, match="no practice exchange answers"):
        open_switch("practice", "practice.sock", tmp_path).set("clear")
