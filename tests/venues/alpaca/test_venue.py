"""What is tested: `quarterdeck.venues.alpaca.venue` against the twin, through real sockets, with
`quarterdeck.venues.alpaca.lines`, `quarterdeck.venues.alpaca.preparing`, `quarterdeck.venues.alpaca.posting` and
`quarterdeck.venues.alpaca.socket`.
"""

import dataclasses
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from quarterdeck.kernel.vocabulary import EventKind, OrderStatus, OrderType, Reason, Side, TimeInForce
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.alpaca.keys import Keys
from quarterdeck.venues.alpaca.venue import AlpacaOptions, AlpacaVenue
from quarterdeck.venues.identity import client_id
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
    Place,
    Refused,
    Request,
    Taken,
    Unsent,
)
from tests.twins.alpaca.serving import ANN, MORNING, Twin, at, running, still_market
from tests.venues.alpaca.builders import AAPL, FINE, SPY, TAG, WHOLE, cancel, place

IDS = iter(range(1_000, 1_000_000))


class Desk:
    """A venue and all that it delivered; at the end of a `with` it is closed."""

    def __init__(self, twin: Twin, *instruments: Instrument, secret: str = ANN.secret, **options: Any) -> None:
        self.said: list[str] = []
        self.seen: list[Message] = []
        self._coming: queue.Queue[Message] = queue.Queue()
        listed = [(index, 0, one) for index, one in zip((WHOLE, FINE), instruments or (AAPL, SPY), strict=False)]
        terms = AlpacaOptions(**{"address": twin.address, **options})
        self.venue = AlpacaVenue(listed, TAG, terms, Keys(ANN.key, secret), self.said.append)

    def __enter__(self) -> "Desk":
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.venue.close()

    def open(self, up: bool = True) -> "Desk":
        self.venue.open(self._coming.put)
        self.wait(lambda message: isinstance(message, Line) and message.up == up)
        return self

    def wait(self, wanted: Callable[[Message], bool], seconds: float = 30.0) -> Any:
        """The next message that is wanted; all are kept in `seen`."""
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
            told = [fill for message in self.seen if isinstance(message, FillsNews) for fill in message.fills]
            fills = [fill for fill in told if fill.order_id == order_id]
            if sum(fill.quantity for fill in fills) >= lots:
                return fills
            self.wait(lambda message: isinstance(message, FillsNews))

    def until(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        ends = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends, self.said
            time.sleep(0.02)


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with running(recorded=still_market()) as served:
        yield served


@pytest.fixture
def desk(twin: Twin) -> Iterator[Desk]:
    with Desk(twin) as desk:
        yield desk
    twin.fault("clear")
    twin.call("DELETE", "/v2/orders")
    twin.call("DELETE", "/v2/positions")


def fresh(**changes: Any) -> Place:
    """A resting buy of 100 AAPL at 200.00 under an id of its own."""
    number = next(IDS)
    return place(**{"request_id": number, "order_id": number, "price": 20_000, **changes})


def of(order: Place, **changes: Any) -> Any:
    """A cancel of that order."""
    return cancel(**{"request_id": next(IDS), "order_id": order.order_id, **changes})


def asked(order: Place) -> AskOrder:
    number = next(IDS)
    return AskOrder(request_id=number, order_id=order.order_id, venue_order_id=0, instrument=WHOLE, strategy=3)


def test_capabilities_say_what_the_venue_is(desk: Desk) -> None:
    told = desk.venue.capabilities
    assert (told.post_only, told.reduce_only, told.amend, told.expiry, told.stops) == (False,) * 4 + (True,)
    assert told.latest_ms == 7_000


def test_market_data_comes() -> None:
    with running(speed=30.0) as twin, Desk(twin) as desk:
        kinds: set[int] = set()
        while not {EventKind.QUOTE, EventKind.TRADE, EventKind.BAR} <= kinds:
            desk.wait(lambda message: isinstance(message, MarketData))
            events = [message.events for message in desk.seen if isinstance(message, MarketData)]
            kinds = {kind for one in events for kind in one["kind"].tolist()}
            assert {index for one in events for index in one["instrument"].tolist()} <= {WHOLE, FINE}
        assert min(int(time_ns) for one in events for time_ns in one["venue_time_ns"]) >= MORNING
        assert desk.venue.quarantine.total == 0
        assert desk.venue.hours.session is not None
        assert desk.venue.hours.session.opens_ns == at("2026-11-20T09:30")
        assert desk.said == ["alpaca: the market is open until 2026-11-20T16:00:00-05:00"]


def test_place_ask_and_cancel(desk: Desk) -> None:
    order = fresh()
    taken = desk.ask(order)
    assert isinstance(taken, Taken)
    assert (taken.filled, taken.final) == (0, True)
    told = desk.order(order.order_id, OrderStatus.ACCEPTED)
    assert (told.quantity, told.price, told.venue_order_id) == (100, 20_000, taken.venue_order_id)
    answer = desk.ask(asked(order))
    assert isinstance(answer, OrderAnswer)
    assert answer.order is not None
    assert (answer.order.price, answer.order.quantity, answer.order.strategy) == (20_000, 100, 3)
    open_orders = desk.ask(AskOrders(request_id=next(IDS)))
    assert order.order_id in {row.order_id for row in open_orders.orders}
    noted = desk.ask(of(order))
    assert isinstance(noted, Taken)
    assert not noted.final
    assert desk.order(order.order_id, OrderStatus.CANCELED).filled == 0
    refused = desk.ask(of(order))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.UNKNOWN_ORDER
    never = desk.ask(asked(fresh()))
    assert isinstance(never, OrderAnswer)
    assert never.order is None


def test_a_fill_is_told_and_listed_as_the_same_one(desk: Desk) -> None:
    before = desk.ask(AskAccount(request_id=next(IDS)))
    assert isinstance(before, AccountAnswer)
    order = fresh(order_type=OrderType.MARKET, price=0, quantity=400, time_in_force=TimeInForce.IOC)
    assert isinstance(desk.ask(order), Taken)
    fills = desk.fills(order.order_id, 400)
    assert [(fill.price, fill.quantity, fill.fee) for fill in fills] == [(23_001, 300, 0), (23_002, 100, 0)]
    assert desk.order(order.order_id, OrderStatus.FILLED).filled == 400
    listed = desk.ask(AskFills(request_id=next(IDS), since_ns=fills[0].venue_time_ns))
    assert isinstance(listed, FillsAnswer)
    assert [one for one in listed.fills if one.order_id == order.order_id] == fills
    assert not listed.more
    after = desk.ask(AskAccount(request_id=next(IDS)))
    (held,) = after.holdings
    paid = (23_001 * 300 + 23_002 * 100) * 10**6
    assert (held.instrument, held.quantity, held.cost) == (WHOLE, 400, paid)
    assert after.balances[0].cash == before.balances[0].cash - paid
    assert after.venue_time_ns >= fills[-1].venue_time_ns


def test_fills_are_known_again_after_a_restart(twin: Twin, desk: Desk) -> None:
    orders = [fresh(order_type=OrderType.MARKET, price=0, quantity=2, time_in_force=TimeInForce.DAY) for _ in range(6)]
    for order in orders:
        desk.ask(order)
        desk.fills(order.order_id, 2)
    number, mark = next(IDS), client_id("0" * 12, 0, 5)
    assert twin.order(qty="1", client_order_id=mark)[0] == 200
    since_ns = desk.fills(orders[0].order_id, 2)[0].venue_time_ns
    told = desk.ask(AskFills(request_id=number, since_ns=since_ns)).fills
    desk.venue.close()
    resting = fresh()
    with Desk(twin) as again:
        listed = again.ask(AskFills(request_id=next(IDS), since_ns=since_ns)).fills
        assert listed == told
        assert {order.order_id for order in orders} <= {fill.order_id for fill in listed}
        assert 0 in {fill.order_id for fill in listed}  # somebody else's, of the same account
        again.ask(resting)
    with Desk(twin) as third:
        assert isinstance(third.ask(of(resting)), Taken)  # its id at the venue is asked for
        third.order(resting.order_id, OrderStatus.CANCELED)


def test_stops_wait_and_fractions_trade(desk: Desk) -> None:
    part = fresh(instrument=FINE, quantity=15_001, price=0, order_type=OrderType.MARKET, time_in_force=TimeInForce.IOC)
    assert isinstance(desk.ask(part), Taken)
    desk.fills(part.order_id, 15_001)
    stop = fresh(
        instrument=FINE, quantity=10_000, price=0, trigger_price=3_000_000, side=Side.SELL,
        order_type=OrderType.STOP, reduce_only=True,
    )  # fmt: skip
    desk.ask(stop)
    told = desk.order(stop.order_id, OrderStatus.ACCEPTED)
    assert (told.price, told.trigger_price, told.quantity, told.side) == (0, 3_000_000, 10_000, Side.SELL)
    desk.ask(of(stop, instrument=FINE))
    desk.order(stop.order_id, OrderStatus.CANCELED)


def test_refusals_have_reasons(desk: Desk) -> None:
    resting = fresh()
    desk.ask(resting)
    for changes, reason in (
        ({"quantity": 100_000}, Reason.BUYING_POWER),
        ({"order_id": resting.order_id}, Reason.DUPLICATE_ORDER),
        ({"side": Side.SELL, "price": 19_900}, Reason.SELF_MATCH),
        ({"post_only": True}, Reason.ORDER_SHAPE_INVALID),
    ):
        answer = desk.ask(fresh(**changes))
        assert isinstance(answer, Refused), changes
        assert answer.reason is reason, answer
        assert not answer.error
    desk.ask(of(resting))


def test_somebody_elses_order_is_cancelled_by_its_number(twin: Twin, desk: Desk) -> None:
    assert twin.order(type="limit", limit_price="190", client_order_id="by hand")[0] == 200
    told = desk.ask(AskOrders(request_id=next(IDS)))
    (foreign,) = [row for row in told.orders if row.order_id == 0]
    request = cancel(request_id=next(IDS), order_id=0, venue_order_id=foreign.venue_order_id)
    assert isinstance(desk.ask(request), Taken)
    desk.until(lambda: not twin.ask("/v2/orders"))


def test_an_order_whose_answer_was_lost_is_there(twin: Twin, desk: Desk) -> None:
    order = fresh()
    twin.fault("drop-acks", 1)
    assert isinstance(desk.ask(order), Lost)
    assert desk.ask(asked(order)).order.status is OrderStatus.ACCEPTED
    again = desk.ask(msgspec.structs.replace(order, request_id=next(IDS)))
    assert isinstance(again, Refused)
    assert again.reason is Reason.DUPLICATE_ORDER  # sent once more, it is there once
    assert len([row for row in twin.ask("/v2/orders") if row["symbol"] == "AAPL"]) == 1
    desk.ask(of(order))


def test_a_gateways_failure_leaves_an_order_unknown_and_is_not_sent_twice(twin: Twin, desk: Desk) -> None:
    order = fresh()
    twin.fault("fail", 1)
    assert isinstance(desk.ask(order), Lost)
    assert desk.ask(asked(order)).order is None
    twin.fault("fail", 1)
    assert isinstance(desk.ask(AskOrders(request_id=next(IDS))), Lost)


def test_a_cut_line_comes_back_and_garbage_is_put_aside(twin: Twin, desk: Desk) -> None:
    twin.fault("disconnect")
    assert desk.wait(lambda message: isinstance(message, Line)).up is False
    assert desk.wait(lambda message: isinstance(message, Line)).up is True
    desk.until(lambda: any("market data comes again" in text for text in desk.said))
    twin.fault("garble", 1)
    order = fresh()
    desk.ask(order)
    desk.until(lambda: desk.venue.quarantine.total > 0)
    desk.ask(of(order))
    desk.order(order.order_id, OrderStatus.CANCELED)


def test_entries_wait_for_the_session_and_exits_do_not() -> None:
    start_ns = at("2026-11-20T15:59:57")
    with running(start_ns=start_ns, recorded=still_market()) as twin, Desk(twin) as desk:
        assert isinstance(desk.ask(fresh(time_in_force=TimeInForce.DAY)), Taken)
        desk.until(lambda: not desk.venue.hours.open_now(time.monotonic()), 60.0)  # by itself, between two readings
        refused = desk.ask(fresh())
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.SESSION_CLOSED
        desk.until(lambda: any("the market is closed; it opens 2026-11-23" in text for text in desk.said), 60.0)
        held = desk.ask(fresh(reduce_only=True, side=Side.SELL, price=25_000, time_in_force=TimeInForce.DAY))
        assert isinstance(held, Taken), held


def test_a_faster_market_is_kept_up_with() -> None:
    with running(speed=60.0, start_ns=at("2026-11-20T15:58:00")) as twin, Desk(twin) as desk:
        desk.until(lambda: len(desk.said) >= 2, 60.0)  # two minutes of the market are two seconds
        assert desk.said[0].startswith("alpaca: the market is open until")
        assert desk.said[1].startswith("alpaca: the market is closed; it opens")


def test_the_rate_limit_is_kept_to_and_cancels_go_out() -> None:
    with running(recorded=still_market(), requests_per_minute=60) as twin, Desk(twin) as desk:
        orders = [fresh(price=19_000 + place, quantity=1) for place in range(60)]
        answers = [desk.ask(order) for order in orders]
        taken = [order for order, answer in zip(orders, answers, strict=True) if isinstance(answer, Taken)]
        assert 5 < len(taken) < 20
        assert {answer.reason for answer in answers if isinstance(answer, Refused)} == {Reason.MESSAGE_RATE_EXCEEDED}
        assert not [answer for answer in answers if isinstance(answer, Lost | Unsent)]
        assert all(isinstance(desk.ask(of(order)), Taken) for order in taken)
        question = desk.ask(AskOrders(request_id=next(IDS)))
        assert isinstance(question, Unsent)
        assert question.reason is Reason.MESSAGE_RATE_EXCEEDED


def test_entries_wait_while_trading_is_halted(twin: Twin, desk: Desk) -> None:
    twin.fault("halt", 1)
    desk.until(lambda: any("trading in AAPL is halted" in text for text in desk.said))
    refused = desk.ask(fresh())
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.SYMBOL_LOCKED
    twin.fault("halt", 0)
    desk.until(lambda: any("trading in AAPL goes on" in text for text in desk.said))
    order = fresh()
    assert isinstance(desk.ask(order), Taken)
    desk.ask(of(order))


def test_a_feed_that_says_nothing_is_made_anew(twin: Twin) -> None:
    """In the still market nothing moves: that is taken for a connection that is up and mute."""
    with Desk(twin, AAPL, stale_s=1.0) as desk:
        desk.until(lambda: any("no market data for 1 s while the market is open" in text for text in desk.said))
        desk.until(lambda: any("market data comes again" in text for text in desk.said))
        assert isinstance(desk.ask(fresh()), Taken)  # orders have a line of their own
        assert [message.up for message in desk.seen if isinstance(message, Line)] == [True]


def test_market_data_alone_orders_nothing(twin: Twin) -> None:
    with Desk(twin, orders=False) as desk:
        desk.wait(lambda message: isinstance(message, MarketData))
        assert isinstance(desk.ask(fresh()), Unsent)
        twin.fault("disconnect")
        assert desk.wait(lambda message: isinstance(message, Line)).up is False
        desk.wait(lambda message: isinstance(message, Line) and message.up)


@pytest.mark.parametrize(
    ("instrument", "secret", "said"),
    [
        (AAPL, "another secret", "a key and a secret that the venue knows"),
        (dataclasses.replace(AAPL, symbol="ZZZZ"), ANN.secret, "instrument ZZZZ: symbol = 'ZZZZ' is not allowed"),
    ],
)
def test_what_the_venue_does_not_take_is_said_once(twin: Twin, instrument: Instrument, secret: str, said: str) -> None:
    desk = Desk(twin, instrument, secret=secret)
    try:
        desk.open(up=False)
        for _ in range(2):
            desk.wait(lambda message: isinstance(message, Line))
        assert len([text for text in desk.said if said in text]) == 1
        assert not [text for text in desk.said if secret in text]
        assert isinstance(desk.ask(fresh()), Unsent)
    finally:
        desk.venue.close()


def test_nobody_listens_there() -> None:
    with running() as twin:
        pass
    desk = Desk(twin)
    try:
        desk.open(up=False)
        (line,) = [message for message in desk.seen if isinstance(message, Line)]
        assert "no connection" in line.text
    finally:
        desk.venue.close()
