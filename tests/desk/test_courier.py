"""A desk and an exchange that lose each other's words: nothing is lost, nothing is doubled, nothing is assumed.

What is tested: `quarterdeck.desk.courier`, `quarterdeck.desk.rounds`, `quarterdeck.desk.reconciliation`,
`quarterdeck.desk.table`, `quarterdeck.desk.patience`, `quarterdeck.desk.requests`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quarterdeck.desk.status import status
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import DeskError
from quarterdeck.journal import JournalReader, payload_of
from quarterdeck.kernel.records import ORDERS
from quarterdeck.kernel.vocabulary import EventKind, LedgerAccount, OrderStatus, Reason, Side
from quarterdeck.runtime.replay import replay
from quarterdeck.strategies.views import DeskView, OrderUpdate, Quote
from quarterdeck.twins.exchange import Ticket
from quarterdeck.twins.exchange_records import Kind
from quarterdeck.venues.identity import client_id, desk_tag
from quarterdeck.venues.messages import (
    Amend,
    AskFills,
    AskOrder,
    AskOrders,
    Cancel,
    ChargeReport,
    ChargesNews,
    FundingNews,
    FundingReport,
    Line,
    Place,
    Remark,
    Request,
)
from quarterdeck.venues.protocol import Capabilities
from tests.desk.builders import Idle
from tests.desk.live_rig import MS, SECOND, Rig

ASKS: list[Callable[[DeskView], None]] = []


class Asker(Idle):
    """Does at the next quote what the test has laid out."""

    kind = "asker"

    def on_quote(self, desk: DeskView, _: Quote) -> None:
        while ASKS:
            ASKS.pop(0)(desk)

    def on_order(self, _desk: DeskView, _update: OrderUpdate) -> None: ...


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    ASKS.clear()
    made = Rig(tmp_path / "desk", Asker)
    made.start()
    made.run(SECOND)
    assert made.session.ready
    return made


def ask(rig: Rig, *asks: Callable[[DeskView], Any], bid: int = 9_990, ask_at: int = 10_010) -> None:
    ASKS.extend(asks)
    rig.quote(bid, ask_at)
    rig.run(10 * rig.latency_ns)


def bid_for(lots: int, price: int = 9_900) -> Callable[[DeskView], Any]:
    return lambda desk: desk.buy(0, lots, price)


def lift(lots: int) -> Callable[[DeskView], Any]:
    return lambda desk: desk.buy(0, lots)


def dropping(*kinds: type) -> Callable[..., bool]:
    return lambda request, *_: not isinstance(request, kinds)


def places(rig: Rig) -> list[Request]:
    return [request for request in rig.link.sent if isinstance(request, Place)]


def test_a_new_desk_takes_over_what_its_account_holds(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "desk")
    rig.quote_book(9_990, 10_010)
    rig.exchange.place(rig.now_ns, 0, Ticket(client_id="web", instrument=0, side=1, quantity=7))
    rig.start()
    rig.run(SECOND)
    assert (rig.net, rig.count(EventKind.POSITION_ADOPTED), rig.count(EventKind.FILL)) == (7, 1, 0)
    rig.agree()


def test_orders_reach_the_exchange_and_fills_come_back(rig: Rig) -> None:
    ask(rig, bid_for(10), lift(5))
    assert rig.statuses() == [OrderStatus.ACCEPTED, OrderStatus.FILLED]
    assert rig.net == 5
    rig.agree()


@pytest.mark.parametrize("arrives", [True, False])
def test_an_order_without_an_answer_is_unknown_until_the_venue_has_spoken(rig: Rig, *, arrives: bool) -> None:
    drop = dropping(Place)
    rig.link.keep = (lambda _: True) if arrives else drop
    rig.link.answer = drop if arrives else (lambda *_: True)
    rig.mute_news = True
    ask(rig, bid_for(10))
    assert rig.statuses() == [OrderStatus.SUBMITTED]
    rig.run(4 * SECOND)
    assert rig.count(EventKind.ORDER_UNKNOWN) == 1
    assert rig.statuses() == [OrderStatus.ACCEPTED if arrives else OrderStatus.REJECTED]
    assert len(places(rig)) == 1
    rig.agree()


def test_a_late_order_does_not_outlive_its_time(rig: Rig) -> None:
    """It comes to the exchange after we were told that nobody knows it: it must be refused there."""
    held: list[Callable[[], None]] = []
    rig.link.keep = lambda request: not isinstance(request, Place) or not rig.hold(request, held)
    ask(rig, bid_for(10))
    rig.run(4 * SECOND)
    assert rig.statuses() == [OrderStatus.REJECTED]
    for arrive in held:
        arrive()
    rig.run(SECOND)
    rig.agree()
    assert rig.exchange.open_orders(0) == []


@pytest.mark.parametrize("told", [True, False])
def test_a_repeat_that_comes_too_late_does_not_close_the_order_that_came_first(rig: Rig, *, told: bool) -> None:
    held: list[Callable[[], None]] = []
    rig.link.keep = lambda request: rig.hold(request, held) if isinstance(request, Place) else True
    rig.mute_news = not told
    rig.link.answer = dropping(Place)
    ask(rig, bid_for(10))
    rig.run(2_500 * MS)
    rig.link.answer = lambda *_: True
    for arrive in held:
        arrive()
    rig.run(2 * SECOND)
    assert rig.statuses() == [OrderStatus.ACCEPTED]
    assert (rig.count(EventKind.ORDER_REJECTED), rig.count(EventKind.ORDER_UNKNOWN)) == (0, 0 if told else 1)
    rig.agree()


def test_fills_that_news_did_not_bring_are_listed(rig: Rig) -> None:
    rig.mute_news = True
    ask(rig, lift(5))
    assert rig.net == 0
    rig.run(SECOND)
    assert rig.net == 5
    rig.agree()


def test_a_resting_order_filled_in_silence_is_found_by_the_next_round(rig: Rig) -> None:
    ask(rig, bid_for(10))
    rig.mute_news = True
    rig.quote(9_000, 9_010)
    rig.run(31 * SECOND)
    assert rig.net == 10
    rig.agree()


def test_a_fill_told_twice_is_booked_once(rig: Rig) -> None:
    rig.repeat_news = True
    ask(rig, lift(5), bid_for(3))
    rig.run(31 * SECOND)
    assert rig.net == 5
    assert rig.count(EventKind.FILL) > 1
    assert status(rig.config, rig.session.desk.states, rig.session.desk.digest)["fills"] == 1
    rig.agree()


def test_a_cancel_without_an_answer_is_found_out(rig: Rig) -> None:
    ask(rig, bid_for(10))
    rig.mute_news = True
    rig.link.answer = dropping(Cancel)
    ask(rig, lambda desk: [desk.cancel(order.order_id) for order in desk.open_orders(0)])
    rig.run(3 * SECOND)
    assert rig.statuses() == [OrderStatus.CANCELED]
    rig.agree()


def test_a_cancel_that_never_arrived_may_be_asked_for_again(rig: Rig) -> None:
    ask(rig, bid_for(10))
    rig.link.keep = dropping(Cancel)
    cancel = lambda desk: [desk.cancel(order.order_id) for order in desk.open_orders(0)]  # noqa: E731 - used twice below
    ask(rig, cancel)
    rig.run(3 * SECOND)
    assert rig.statuses() == [OrderStatus.ACCEPTED]
    rig.link.keep = lambda _: True
    ask(rig, cancel)
    assert rig.statuses() == [OrderStatus.CANCELED]
    rig.agree()


def test_a_cancel_that_overtakes_its_order_is_sent_again(rig: Rig) -> None:
    """Cancels go first, so one may reach the venue before the order that it is for."""
    held: list[Callable[[], None]] = []
    rig.link.keep = lambda request: not isinstance(request, Place) or not rig.hold(request, held)
    ASKS.append(bid_for(10))
    rig.quote(9_990, 10_010)
    rig.run(2 * rig.latency_ns)
    ASKS.append(lambda desk: [desk.cancel(order.order_id) for order in desk.open_orders(0)])
    rig.quote(9_990, 10_011)
    rig.run(4 * rig.latency_ns)
    assert [type(each) for each in rig.link.sent if isinstance(each, Place | Cancel)] == [Place, Cancel]
    assert rig.statuses() == [OrderStatus.SUBMITTED]
    for arrive in held:
        arrive()
    rig.run(10 * rig.latency_ns)
    assert rig.statuses() == [OrderStatus.CANCELED]
    assert rig.count(EventKind.CANCEL_REJECTED) == 0
    rig.agree()


def test_a_session_that_ends_cancels_until_nothing_is_left(rig: Rig) -> None:
    ask(rig, bid_for(10))
    rig.link.keep = dropping(Cancel)
    rig.session.stopping = True
    rig.run(1_500 * MS)
    assert rig.statuses() == [OrderStatus.ACCEPTED]
    rig.link.keep = lambda _: True
    rig.run(3 * SECOND)
    assert rig.session.ended
    assert rig.statuses() == [OrderStatus.CANCELED]
    rig.agree()


@pytest.mark.parametrize("arrives", [True, False])
def test_a_replacement_without_an_answer_is_found_out(rig: Rig, *, arrives: bool) -> None:
    ask(rig, bid_for(10))
    rig.mute_news = True
    rig.link.keep = (lambda _: True) if arrives else dropping(Amend)
    rig.link.answer = dropping(Amend) if arrives else (lambda *_: True)
    ask(rig, lambda desk: [desk.replace(order.order_id, 9_800, 8) for order in desk.open_orders(0)])
    rig.run(5 * SECOND)
    (order,) = [order for order in rig.state["orders"] if order["id"]]
    assert (int(order["price"]), int(order["quantity"])) == ((9_800, 8) if arrives else (9_900, 10))
    assert not int(order["flags"]) & 32
    rig.agree()


def test_a_replacement_that_the_network_brings_twice_is_noticed(rig: Rig) -> None:
    """Its second copy comes after a later one, and the venue's word on it is news that nobody asked for."""
    ask(rig, bid_for(10))
    copies: list[Callable[[], None]] = []
    rig.link.keep = lambda request: rig.hold(request, copies)
    ask(rig, lambda desk: [desk.replace(order.order_id, 9_800, 8) for order in desk.open_orders(0)])
    rig.link.keep = lambda _: True
    ask(rig, lambda desk: [desk.replace(order.order_id, 9_800, 6) for order in desk.open_orders(0)])
    (order,) = [order for order in rig.state["orders"] if order["id"]]
    assert int(order["quantity"]) == 6
    for arrive_again in copies:
        arrive_again()
    rig.run(SECOND)
    assert (int(order["price"]), int(order["quantity"])) == (9_800, 8)
    rig.agree()


def test_a_kill_is_tried_until_everything_is_cancelled(rig: Rig) -> None:
    ask(rig, bid_for(10), bid_for(11, 9_890))
    rig.link.keep = dropping(Cancel)
    rig.session.obey(Command(verb=Verb.KILL))
    rig.run(5 * SECOND)
    assert len(rig.exchange.open_orders(0)) == 2
    rig.link.keep = lambda _: True
    rig.run(5 * SECOND)
    assert rig.exchange.open_orders(0) == []
    rig.agree()


def test_entries_stop_with_the_line_and_wait_for_the_round_after_it(rig: Rig) -> None:
    rig.link.say(Line(up=False))
    ask(rig, bid_for(10))
    assert places(rig) == []
    assert int(rig.state["reasons"][Reason.VENUE_DISCONNECTED]) == 1
    rig.link.say(Line(up=True))
    rig.link.answer = dropping(AskFills)
    ask(rig, bid_for(10))
    assert not rig.session.ready
    assert places(rig) == []
    rig.link.answer = lambda *_: True
    rig.run(2 * SECOND)
    ask(rig, bid_for(10))
    assert rig.session.ready
    assert rig.statuses() == [OrderStatus.ACCEPTED]


def test_a_killed_process_finds_its_orders_and_fills_again(rig: Rig) -> None:
    ask(rig, bid_for(10), bid_for(11, 9_890), lift(5))
    rig.link.keep = dropping(Place)
    ask(rig, bid_for(12, 9_880))
    rig.kill()
    rig.quote_book(9_000, 9_010)  # both resting orders are filled while nobody listens
    rig.start()
    rig.run(10 * MS)
    assert not rig.session.ready
    rig.run(6 * SECOND)
    assert rig.session.ready
    assert rig.net == 26
    assert rig.statuses() == [OrderStatus.FILLED, OrderStatus.FILLED, OrderStatus.FILLED, OrderStatus.REJECTED]
    assert len(rig.exchange.holders[0].orders) == 3
    rig.agree()


def test_a_cancel_that_died_with_the_process_does_not_shield_its_order_from_a_kill(rig: Rig) -> None:
    """Neither the order nor its cancel was ever answered; the order works."""
    rig.mute_news = True
    rig.link.answer = dropping(Place)
    ask(rig, bid_for(10))
    rig.link.keep = dropping(Cancel)
    ask(rig, lambda desk: [desk.cancel(order.order_id) for order in desk.open_orders(0)])
    assert rig.statuses() == [OrderStatus.SUBMITTED]
    rig.kill()
    rig.start()
    rig.link.keep = dropping(AskOrders)  # so the order itself is asked for first
    rig.run(4 * SECOND)
    rig.link.keep = lambda _: True
    rig.run(3 * SECOND)
    assert rig.session.ready
    rig.session.obey(Command(verb=Verb.KILL))
    rig.run(2 * SECOND)
    assert rig.exchange.open_orders(0) == []


def test_questions_that_are_answered_count_for_the_venue(rig: Rig) -> None:
    """A probe that died with its process would else keep the venue's breaker open for ever."""
    before = rig.count(EventKind.VENUE_RESULT)
    rig.state["venues"][0]["error_open"] = 3
    rig.run(31 * SECOND)
    assert rig.count(EventKind.VENUE_RESULT) >= before + 4
    ask(rig, bid_for(10))
    assert rig.statuses() == [OrderStatus.ACCEPTED]


def test_somebody_elses_order_stops_entries_until_it_is_gone(rig: Rig) -> None:
    rig.exchange.place(
        rig.now_ns, 0, Ticket(client_id="web", instrument=0, side=1, quantity=7, price=9_000, kind=Kind.LIMIT)
    )
    rig.run(31 * SECOND)
    ask(rig, bid_for(10))
    assert int(rig.state["reasons"][Reason.UNRECONCILED]) == 1
    rig.exchange.cancel(rig.now_ns, 0, "web")
    rig.run(31 * SECOND)
    ask(rig, bid_for(10))
    assert rig.statuses() == [OrderStatus.ACCEPTED]


def test_a_position_that_differs_stops_entries_until_a_person_adopts_it(rig: Rig) -> None:
    rig.exchange.holders[0].positions[0].quantity += 4
    rig.exchange.holders[0].positions[0].cost += 4 * 10_000 * 1_000_000
    rig.run(33 * SECOND)
    ask(rig, bid_for(10))
    assert int(rig.state["reasons"][Reason.UNRECONCILED]) == 1
    assert rig.session.differences() == [{"instrument": "ABC", "lots": 4}]
    with pytest.raises(DeskError, match="a person"):
        rig.session.obey(Command(verb=Verb.ADOPT, instrument="ABC"))
    rig.session.obey(Command(verb=Verb.ADOPT, instrument="ABC", person="ada", why="opened by hand"))
    with pytest.raises(DeskError, match="nothing to adopt"):
        rig.session.obey(Command(verb=Verb.ADOPT, instrument="ABC", person="ada", why="twice"))
    rig.run(2 * SECOND)
    ask(rig, bid_for(10))
    assert (rig.net, rig.statuses()) == (4, [OrderStatus.ACCEPTED])
    rig.agree()


def test_cash_that_differs_stops_entries_until_a_person_adopts_it(rig: Rig) -> None:
    rig.exchange.holders[0].cash[0] += 500
    rig.run(33 * SECOND)
    assert rig.session.differences() == [{"account": "practice/USD", "money_units": 500}]
    rig.session.obey(Command(verb=Verb.ADOPT, instrument="ABC", person="ada"))
    rig.run(2 * SECOND)
    assert rig.session.differences() == []
    rig.agree()


def test_one_stale_statement_is_no_difference(rig: Rig) -> None:
    """A statement from before a fill, with a time that says otherwise, is seen once only."""
    rig.wire.exchange.holders[0].positions[0].quantity += 4
    rig.run(29_500 * MS)
    rig.wire.exchange.holders[0].positions[0].quantity -= 4
    rig.run(10 * SECOND)
    assert rig.session.differences() == []
    assert rig.count(EventKind.RECONCILIATION) == 0


def test_an_order_that_works_there_and_is_closed_here_is_cancelled_there(rig: Rig) -> None:
    ask(rig, bid_for(10))
    (order,) = rig.exchange.open_orders(0)
    ask(rig, lambda desk: [desk.cancel(one.order_id) for one in desk.open_orders(0)])
    rig.revive(order)
    rig.run(33 * SECOND)
    assert rig.exchange.open_orders(0) == []
    rig.agree()


def test_an_order_of_ours_that_the_journal_lost_counts_again(rig: Rig) -> None:
    lost = (int(rig.state["epoch"]) << 40) + 500
    name = client_id(desk_tag("practised"), 0, lost)
    rig.exchange.place(
        rig.now_ns, 0, Ticket(client_id=name, instrument=0, side=1, quantity=7, price=9_000, kind=Kind.LIMIT)
    )
    rig.run(31 * SECOND)
    assert int(rig.state["open_count"]) == 1
    rig.quote(8_000, 8_010)
    rig.run(SECOND)
    assert (rig.net, rig.statuses()) == (7, [OrderStatus.FILLED])
    rig.agree()


def test_a_lost_order_that_no_slot_is_free_for_is_cancelled(rig: Rig) -> None:
    """It cannot count here, so it may not work there."""
    ask(rig, bid_for(10))
    (order,) = [int(order["id"]) for order in rig.state["orders"] if order["id"]]
    name = client_id(desk_tag("practised"), 0, order + ORDERS)
    ticket = Ticket(client_id=name, instrument=0, side=1, quantity=7, price=9_000, kind=Kind.LIMIT)
    rig.exchange.place(rig.now_ns, 0, ticket)
    rig.run(31 * SECOND)
    assert [one.client_id for one in rig.exchange.open_orders(0)] == [client_id(desk_tag("practised"), 0, order)]
    rig.agree()


def test_an_order_of_a_session_to_come_stops_the_desk(rig: Rig) -> None:
    later = (int(rig.state["epoch"]) + 3) << 40
    name = client_id(desk_tag("practised"), 0, later + 1)
    rig.exchange.place(
        rig.now_ns, 0, Ticket(client_id=name, instrument=0, side=1, quantity=7, price=9_000, kind=Kind.LIMIT)
    )
    with pytest.raises(DeskError, match="the journal is not the newest"):
        rig.run(31 * SECOND)


def test_funding_told_twice_is_paid_once(rig: Rig) -> None:
    ask(rig, lift(5))
    cash = int(rig.state["accounts"][0]["postings"][0])
    for time_ns, amount in ((rig.now_ns, 70), (rig.now_ns, 70), (rig.now_ns + 1, -20)):
        payment = FundingReport(instrument=0, amount=amount, venue_time_ns=time_ns)
        rig.link.say(FundingNews(payments=(payment, payment)))
    rig.run(SECOND)
    assert int(rig.state["accounts"][0]["postings"][0]) == cash + 50


def test_funding_paid_before_the_desk_opens_is_in_what_it_takes_over(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "desk")
    rig.start()
    old = FundingReport(instrument=0, amount=70, venue_time_ns=rig.now_ns - SECOND)
    rig.link.say(FundingNews(payments=(old,)))  # before anything was answered
    rig.run(SECOND)
    rig.link.say(FundingNews(payments=(old,)))
    rig.run(SECOND)
    rig.agree()


def charged(rig: Rig, amount: int, trade_id: int, ledger_account: LedgerAccount) -> ChargeReport:
    return ChargeReport(
        account=0, ledger_account=ledger_account, amount=amount, trade_id=trade_id, strategy=0, instrument=0,
        order_id=9, venue_time_ns=rig.now_ns,
    )  # fmt: skip


def postings(rig: Rig, *accounts: LedgerAccount) -> list[int]:
    return [int(rig.state["accounts"][0]["postings"][account]) for account in accounts]


BOOKED = (LedgerAccount.REALISED, LedgerAccount.PREMIUM, LedgerAccount.GAS)


def test_an_attempt_that_is_told_again_after_a_crash_is_booked_once(rig: Rig) -> None:
    """Included, and the desk dies in the middle of hearing of it; then the chain is reorganised, told twice as well."""
    purse = rig.exchange.holders[0].cash
    told = [charged(rig, amount, 5, column) for amount, column in zip((-900, 40, 60), BOOKED, strict=True)]
    purse[0] += 800
    rig.link.say(Remark(text="it stands in a block"))
    rig.link.say(ChargesNews(charges=tuple(told[:2])))
    rig.link.say(ChargesNews(charges=tuple(told[:2])))
    rig.run(SECOND)
    assert postings(rig, *BOOKED) == [-900, 40, 0]
    rig.kill()
    rig.start()
    rig.link.say(ChargesNews(charges=tuple(told)))  # before anything was answered
    rig.run(SECOND)
    rig.link.say(ChargesNews(charges=tuple(told)))
    rig.run(SECOND)
    assert postings(rig, *BOOKED) == [-900, 40, 60]
    assert int(rig.state["strategies"][0]["realised_day"]) == 800
    rig.agree()
    back = [charged(rig, -one.amount, 6, one.ledger_account) for one in told]
    purse[0] -= 800
    for _ in range(2):
        rig.link.say(ChargesNews(charges=tuple(back)))
    rig.run(60 * SECOND)
    assert postings(rig, *BOOKED) == [0, 0, 0]
    assert int(rig.state["strategies"][0]["realised_day"]) == 0
    assert rig.session.differences() == []
    rig.agree()


def test_charges_from_before_the_desk_opens_and_of_other_purses_are_left_out(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "desk")
    rig.start()
    old = charged(rig, 60, 5, LedgerAccount.GAS)
    rig.link.say(ChargesNews(charges=(old,)))
    rig.run(SECOND)
    rig.link.say(ChargesNews(charges=(old, msgspec.structs.replace(old, account=1, venue_time_ns=rig.now_ns))))
    rig.run(SECOND)
    assert rig.count(EventKind.CHARGE) == 0
    rig.agree()


def test_remarks_stand_in_the_journal_before_what_follows_them(rig: Rig) -> None:
    """Long ones with all their slots, and a replay does not see them."""
    texts = ["first", "second " * 500, "third"]
    rig.link.say(Remark(text=texts[0]))
    rig.link.say(Remark(text=texts[1]))
    rig.link.say(ChargesNews(charges=(charged(rig, 0, 5, LedgerAccount.GAS),)))
    rig.link.say(Remark(text=texts[2]))
    rig.run(SECOND)
    digest = rig.session.desk.digest
    rig.kill()
    heard: list[str] = []
    for block in JournalReader(rig.place.journal).blocks():
        for index, kind in enumerate(block.records["kind"].tolist()):
            if kind == EventKind.NOTE:
                heard.append(payload_of(block.records, index).decode())
            elif kind == EventKind.CHARGE:
                heard.append("charge")
    assert heard[-4:] == [*texts[:2], "charge", texts[2]]
    assert replay(rig.place.journal).digest == digest


def test_the_tag_of_a_request_goes_to_the_venue(rig: Rig) -> None:
    ask(rig, lambda desk: desk.buy(0, 3, 9_900, tag=2**61 + 7))
    assert [request.tag for request in places(rig) if isinstance(request, Place)] == [2**61 + 7]


def test_where_nothing_can_be_amended_the_order_is_cancelled_but_not_a_stop(rig: Rig) -> None:
    ask(rig, lift(5))
    ask(rig, bid_for(10), lambda desk: desk.stop(0, Side.SELL, 9_000, 5))
    rig.link.capabilities = Capabilities(amend=False)
    change = ask_for_change(rig)
    assert change == [OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.ACCEPTED]
    assert rig.count(EventKind.REPLACE_REJECTED) == 2
    assert not [request for request in rig.link.sent if isinstance(request, Amend)]
    assert len([request for request in rig.link.sent if isinstance(request, Cancel)]) == 1
    rig.agree()


def ask_for_change(rig: Rig) -> list[OrderStatus]:
    """Asks to make every open order smaller; returns where all orders then stand."""
    ask(rig, lambda desk: [desk.replace(one.order_id, one.price, one.quantity - 1) for one in desk.open_orders(0)])
    return rig.statuses()


def test_an_answer_that_comes_after_all_is_taken(rig: Rig) -> None:
    """The watch on an order ends with the answer, however late it is."""
    rig.link.answer = lambda request, line: not isinstance(request, Place) or not rig.answer_later(2 * SECOND, line)
    rig.link.keep = dropping(AskOrder)
    rig.mute_news = True
    ask(rig, bid_for(10))
    rig.run(1_500 * MS)
    assert rig.statuses() == [OrderStatus.UNKNOWN]
    rig.run(SECOND)
    assert rig.statuses() == [OrderStatus.ACCEPTED]
    assert rig.session.couriers[0].unresolved == 0
