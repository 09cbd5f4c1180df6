"""What is tested: `quarterdeck.venues.hyperliquid.venue` against the twin, through real sockets, with
`quarterdeck.venues.posting` and `quarterdeck.venues.hyperliquid.socket`.
"""

import queue
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import EventKind, OrderStatus, OrderType, Reason, Side, TimeInForce
from quarterdeck.venues.hyperliquid.signing import Signer
from quarterdeck.venues.hyperliquid.venue import HyperliquidOptions, HyperliquidVenue
from quarterdeck.venues.messages import (
    AccountAnswer,
    AskAccount,
    AskFills,
    AskOrder,
    AskOrders,
    FillsAnswer,
    FillsNews,
    Line,
    Lost,
    MarketData,
    Message,
    OrderAnswer,
    OrderNews,
    OrderReport,
    OrdersAnswer,
    Refused,
    Request,
    Taken,
    Unsent,
)
from quarterdeck.venues.posting import Endpoint, NotSent, Poster
from tests.twins.hyperliquid.serving import ADDRESSES, KEYS, Twin, running, still_market
from tests.venues.hyperliquid.builders import SPOT, TAG, XRP, amend, cancel, place

Wanted = TypeVar("Wanted")
SPOT_INDEX = 5


class Desk:
    """A venue and all that it delivered."""

    def __init__(self, twin: Twin, key: str = "agent", **options: Any) -> None:
        self.said: list[str] = []
        self.seen: list[Message] = []
        self._coming: queue.Queue[Message] = queue.Queue()
        terms = {"address": twin.address, "account": ADDRESSES["ann"], **options}
        self.venue = HyperliquidVenue(
            [(2, 0, XRP), (SPOT_INDEX, 0, SPOT)],
            TAG,
            HyperliquidOptions(**terms),
            Signer(KEYS[key], mainnet=False),
            self.said.append,
        )
        self._number = 100

    def open(self, up: bool = True) -> "Desk":
        self.venue.open(self._coming.put)
        self.wait(lambda message: isinstance(message, Line) and message.up == up)
        return self

    def wait(self, wanted: Callable[[Message], bool], seconds: float = 20.0) -> Any:
        """The next message that is wanted; the others are kept in `seen`."""
        ends = time.monotonic() + seconds
        while True:
            message = self._coming.get(timeout=max(0.01, ends - time.monotonic()))
            self.seen.append(message)
            if wanted(message):
                return message

    def ask(self, request: Request) -> Any:
        """Sends a request and returns its answer."""
        self.venue.send(request)
        return self.wait(lambda message: getattr(message, "request_id", 0) == request.request_id)

    def order(self, order_id: int, status: OrderStatus) -> OrderReport:
        """The news that an order stands so."""

        def found(message: Message) -> list[OrderReport]:
            rows = message.orders if isinstance(message, OrderNews) else ()
            return [row for row in rows if row.order_id == order_id and row.status is status]

        for message in self.seen:
            if found(message):
                return found(message)[0]
        return found(self.wait(lambda message: bool(found(message))))[0]

    def fills(self, order_id: int, lots: int) -> list[Any]:
        """The fills of an order, once they come to so many lots."""
        while True:
            fills = [
                fill
                for message in self.seen
                if isinstance(message, FillsNews)
                for fill in message.fills
                if fill.order_id == order_id
            ]
            if sum(fill.quantity for fill in fills) >= lots:
                return fills
            self.wait(lambda message: isinstance(message, FillsNews))


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with running() as served:
        yield served


@pytest.fixture
def desk(twin: Twin) -> Iterator[Desk]:
    desk = Desk(twin).open()
    yield desk
    desk.venue.close()
    twin.fault("clear")


IDS = iter(range(1_000, 100_000))


def fresh(**changes: Any) -> Any:
    """An order under an id of its own, good for a minute."""
    number = next(IDS)
    terms = {"request_id": number, "order_id": number, "expires_ns": time.time_ns() + 60 * 10**9, "price": 1_000_000}
    return place(**{**terms, **changes})


def of(order: Any, make: Callable[..., Any], **changes: Any) -> Any:
    """A cancel or an amend of that order."""
    terms = {"request_id": next(IDS), "order_id": order.order_id, "expires_ns": order.expires_ns}
    return make(**{**terms, **changes})


def test_market_data_comes(desk: Desk) -> None:
    kinds: set[int] = set()
    while not {EventKind.QUOTE, EventKind.MARK, EventKind.FUNDING, EventKind.TRADE} <= kinds:
        desk.wait(lambda message: isinstance(message, MarketData))
        events = [message.events for message in desk.seen if isinstance(message, MarketData)]
        kinds = {kind for one in events for kind in one["kind"].tolist()}
        assert {index for one in events for index in one["instrument"].tolist()} <= {2, SPOT_INDEX}
    assert desk.venue.quarantine.total == 0


def test_place_and_cancel(desk: Desk) -> None:
    order = fresh()
    taken = desk.ask(order)
    assert isinstance(taken, Taken)
    assert taken.venue_order_id > 0
    assert desk.order(order.order_id, OrderStatus.ACCEPTED).quantity == 100
    answer = desk.ask(
        AskOrder(request_id=next(IDS), order_id=order.order_id, venue_order_id=0, instrument=2, strategy=3)
    )
    assert isinstance(answer, OrderAnswer)
    assert answer.order is not None
    assert answer.order.status is OrderStatus.ACCEPTED
    open_orders = desk.ask(AskOrders(request_id=next(IDS)))
    assert isinstance(open_orders, OrdersAnswer)
    assert order.order_id in {row.order_id for row in open_orders.orders}
    assert isinstance(desk.ask(of(order, cancel)), Taken)
    assert desk.order(order.order_id, OrderStatus.CANCELED).filled == 0
    refused = desk.ask(of(order, cancel))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.UNKNOWN_ORDER


def test_fill_fees_and_account(desk: Desk) -> None:
    before = desk.ask(AskAccount(request_id=next(IDS)))
    asked_ns = time.time_ns()
    order = fresh(order_type=OrderType.MARKET, price=0, quantity=50)
    taken = desk.ask(order)
    assert taken.filled == 50
    (fill,) = desk.fills(order.order_id, 50)
    assert fill.side is Side.BUY
    assert not fill.maker
    assert fill.fee == fill.price * 50 * 100 * 45 // 100_000  # 4.5 bps of the notional, in 1e-8
    after = desk.ask(AskAccount(request_id=next(IDS)))
    assert isinstance(after, AccountAnswer)
    held = {row.instrument: row.quantity for row in after.holdings}
    assert held[2] == 50
    assert after.balances[0].cash == before.balances[0].cash - fill.fee
    told = desk.ask(AskFills(request_id=next(IDS), since_ns=asked_ns - 60 * 10**9))
    assert isinstance(told, FillsAnswer)
    assert fill in told.fills
    back = fresh(order_type=OrderType.MARKET, price=0, quantity=50, side=Side.SELL, reduce_only=True)
    assert desk.ask(back).filled == 50


def test_refusals_have_reasons(desk: Desk) -> None:
    for changes, reason in (
        ({"price": 1_900_000, "post_only": True}, Reason.POST_ONLY_WOULD_CROSS),
        ({"reduce_only": True}, Reason.REDUCE_ONLY_WOULD_INCREASE),
        ({"quantity": 5}, Reason.NOTIONAL_TOO_SMALL),
        ({"quantity": 10_000_000}, Reason.BUYING_POWER),
        ({"time_in_force": TimeInForce.IOC}, Reason.NO_LIQUIDITY),
        ({"instrument": SPOT_INDEX, "side": Side.SELL, "quantity": 10**6, "price": 1_900_000}, Reason.BUYING_POWER),
        ({"expires_ns": time.time_ns() - 10**9}, Reason.STALE_DATA),
        ({"time_in_force": TimeInForce.FOK}, Reason.ORDER_SHAPE_INVALID),
    ):
        answer = desk.ask(fresh(**changes))
        assert isinstance(answer, Refused), changes
        assert answer.reason is reason, changes
        assert not answer.error


def test_duplicate_id_is_refused(desk: Desk) -> None:
    order = fresh()
    desk.ask(order)
    again = desk.ask(fresh(order_id=order.order_id))
    assert isinstance(again, Refused)
    assert again.reason is Reason.DUPLICATE_ORDER
    desk.ask(of(order, cancel))


def test_replace_is_one_order_under_a_new_number(desk: Desk) -> None:
    order = fresh()
    first = desk.ask(order)
    change = of(order, amend, venue_order_id=first.venue_order_id, price=1_010_000, quantity=120)
    taken = desk.ask(change)
    assert isinstance(taken, Taken)
    assert taken.venue_order_id > first.venue_order_id
    answer = desk.ask(
        AskOrder(request_id=next(IDS), order_id=order.order_id, venue_order_id=0, instrument=2, strategy=3)
    )
    assert (answer.order.quantity, answer.order.price) == (120, 1_010_000)
    desk.ask(of(order, cancel))
    ended = desk.order(order.order_id, OrderStatus.CANCELED)
    assert ended.venue_order_id == taken.venue_order_id  # the old one's cancel was told to nobody
    gone = desk.ask(of(order, amend, venue_order_id=taken.venue_order_id))
    assert isinstance(gone, Refused)
    assert gone.reason is Reason.UNKNOWN_ORDER


def test_partial_fill_then_replace_counts_what_was_filled() -> None:
    with running(recorded=still_market()) as twin:
        desk = Desk(twin).open()
        order = fresh(price=1_200_100, quantity=1_000)
        first = desk.ask(order)
        assert [fill.quantity for fill in desk.fills(order.order_id, 300)] == [300]
        answer = desk.ask(of(order, amend, price=1_000_000, quantity=1_050, venue_order_id=first.venue_order_id))
        assert isinstance(answer, Taken)
        ask = AskOrder(request_id=next(IDS), order_id=order.order_id, venue_order_id=0, instrument=2, strategy=3)
        told = desk.ask(ask).order
        assert (told.quantity, told.filled, told.status) == (1_050, 300, OrderStatus.PARTIALLY_FILLED)
        (left,) = twin.info("openOrders", user=ADDRESSES["ann"])
        assert (left["oid"], left["sz"]) == (answer.venue_order_id, "750.0")
        assert isinstance(desk.ask(of(order, cancel)), Taken)
        ended = desk.order(order.order_id, OrderStatus.CANCELED)
        assert (ended.quantity, ended.filled) == (1_050, 300)
        desk.venue.close()


def test_stop_waits(desk: Desk) -> None:
    desk.ask(fresh(order_type=OrderType.MARKET, price=0, quantity=50))
    stop = fresh(
        order_type=OrderType.STOP, price=0, trigger_price=900_000, quantity=50, side=Side.SELL, reduce_only=True
    )
    assert isinstance(desk.ask(stop), Taken)
    told = [row for row in desk.ask(AskOrders(request_id=next(IDS))).orders if row.order_id == stop.order_id]
    assert told[0].trigger_price == 900_000
    assert isinstance(desk.ask(of(stop, cancel)), Taken)
    desk.ask(fresh(order_type=OrderType.MARKET, price=0, quantity=50, side=Side.SELL, reduce_only=True))


def test_a_connection_cut_is_made_again(desk: Desk, twin: Twin) -> None:
    twin.fault("disconnect")
    assert not desk.wait(lambda message: isinstance(message, Line)).up
    assert desk.wait(lambda message: isinstance(message, Line)).up
    desk.wait(lambda message: isinstance(message, MarketData))
    order = fresh()
    assert isinstance(desk.ask(order), Taken)
    desk.order(order.order_id, OrderStatus.ACCEPTED)  # the new connection tells of orders, too
    desk.ask(of(order, cancel))


def test_an_answer_that_is_lost_is_lost_and_the_order_is_found(desk: Desk, twin: Twin) -> None:
    twin.fault("drop-acks", 1)
    order = fresh()
    assert isinstance(desk.ask(order), Lost)
    answer = desk.ask(
        AskOrder(request_id=next(IDS), order_id=order.order_id, venue_order_id=0, instrument=2, strategy=3)
    )
    assert answer.order is not None
    assert answer.order.status is OrderStatus.ACCEPTED
    assert isinstance(desk.ask(of(order, cancel)), Taken)
    twin.fault("fail", 1)
    lost = fresh()
    assert isinstance(desk.ask(lost), Lost)
    ask = AskOrder(request_id=next(IDS), order_id=lost.order_id, venue_order_id=0, instrument=2, strategy=3)
    assert desk.ask(ask) == OrderAnswer(request_id=ask.request_id, order=None)


def test_a_venue_that_refuses_counts_against_itself(desk: Desk, twin: Twin) -> None:
    twin.fault("reject", 1)
    answer = desk.ask(fresh())
    assert isinstance(answer, Refused)
    assert answer.error
    twin.fault("halt", 1)
    halted = desk.ask(fresh())
    assert isinstance(halted, Refused)
    assert halted.reason is Reason.SYMBOL_LOCKED
    twin.fault("halt", 0)


def test_half_messages_are_put_aside(desk: Desk, twin: Twin) -> None:
    twin.fault("garble", 5)
    order = fresh()
    desk.ask(order)
    desk.ask(of(order, cancel))
    ends = time.monotonic() + 20
    while desk.venue.quarantine.total == 0 and time.monotonic() < ends:
        desk.wait(lambda message: isinstance(message, MarketData))
    assert desk.venue.quarantine.total > 0
    assert any("cannot be read" in text for text in desk.said)


def test_rate_limit_of_questions_leaves_room_for_orders_and_cancels(twin: Twin) -> None:
    desk = Desk(twin).open()
    try:
        order = fresh()
        desk.ask(order)
        number = 0
        while not isinstance(answer := desk.ask(AskFills(request_id=next(IDS), since_ns=time.time_ns())), Unsent):
            number += 1
            assert number < 100
        assert "rate limit" in answer.text
        for _ in range(5):
            another = fresh()
            assert isinstance(desk.ask(another), Taken)
            assert isinstance(desk.ask(of(another, cancel)), Taken)
        assert isinstance(desk.ask(of(order, cancel)), Taken)
    finally:
        desk.venue.close()


def test_too_many_requests_of_the_account(desk: Desk) -> None:
    # The venue's own words for it: the request was turned away, nothing happened.
    from quarterdeck.venues.hyperliquid.reasons import Verdict, judge

    text = "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0.00."
    assert judge(text)[1] is Verdict.UNREAD


def test_dead_mans_switch_is_set_and_taken_back(twin: Twin) -> None:
    account = ADDRESSES["ann"].lower()
    auditor = Desk(twin, dead_man_s=30.0).open()
    assert isinstance(auditor.ask(AskAccount(request_id=next(IDS))), AccountAnswer)
    ends = time.monotonic() + 2
    while time.monotonic() < ends:  # two of its ticks: who only asks does not speak for a desk
        auditor.wait(lambda message: isinstance(message, MarketData))
    assert twin.do(lambda exchange: exchange.accounts[account].cancel_at_ms) == 0
    desk = Desk(twin, dead_man_s=30.0).open()
    assert isinstance(desk.ask(AskOrders(request_id=next(IDS))), OrdersAnswer)
    ends = time.monotonic() + 20
    while not twin.do(lambda exchange: exchange.accounts[account].cancel_at_ms) and time.monotonic() < ends:
        desk.wait(lambda message: isinstance(message, MarketData))
    at_ms = twin.do(lambda exchange: exchange.accounts[account].cancel_at_ms)
    assert 20_000 < at_ms - time.time_ns() // 1_000_000 <= 30_000
    auditor.venue.close()
    assert twin.do(lambda exchange: exchange.accounts[account].cancel_at_ms) >= at_ms  # the desk's switch is the desk's
    desk.venue.close()
    assert twin.do(lambda exchange: exchange.accounts[account].cancel_at_ms) == 0
    assert not desk.said


@pytest.mark.parametrize(
    ("key", "options", "word"),
    [
        ("thief", {}, "approved"),
        ("ann", {}, "master key may withdraw"),
        ("bob", {}, "agent's key of"),
        ("agent", {"account": ADDRESSES["bob"]}, "approved this agent"),
    ],
)
def test_a_key_that_may_not_is_refused(twin: Twin, key: str, options: dict[str, Any], word: str) -> None:
    desk = Desk(twin, key, **options).open(up=False)
    answer = desk.ask(fresh())
    desk.venue.close()
    assert isinstance(answer, Unsent)
    assert any(word in text for text in desk.said)
    assert not any(KEYS[key][2:] in str(one) for one in [*desk.said, *desk.seen])


def test_a_master_key_that_is_allowed(twin: Twin) -> None:
    desk = Desk(twin, "ann", allow_master_key=True).open()
    order = fresh()
    assert isinstance(desk.ask(order), Taken)
    desk.ask(of(order, cancel))
    desk.venue.close()


def test_nobody_there(twin: Twin) -> None:
    desk = Desk(twin, address="http://127.0.0.1:9").open(up=False)
    assert isinstance(desk.ask(fresh()), Unsent)
    desk.venue.close()
    with pytest.raises(NotSent):
        Poster(Endpoint.read("http://127.0.0.1:9"), 1.0).call("POST", "/info", {}, b"{}")


@pytest.mark.parametrize("address", ["ftp://host", "host:80", "http://", "http://h:99999", "http://h/path"])
def test_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError):
        Endpoint.read(address)
    assert Endpoint.read("https://host").stream == "wss://host:443"
