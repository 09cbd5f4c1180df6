"""What is tested: `quarterdeck.venues.binance.venue` against the twin, through real sockets, on both markets, with
`quarterdeck.venues.binance.socket`.
"""

import queue
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from quarterdeck.kernel.vocabulary import EventKind, InstrumentKind, OrderStatus, OrderType, Reason, Side, TimeInForce
from quarterdeck.market.events import blank_events
from quarterdeck.market.instruments import Instrument
from quarterdeck.twins.binance.server import Funds
from quarterdeck.venues.binance import ApiKey, BinanceOptions, BinanceVenue
from quarterdeck.venues.binance.markets import SPOT, USDM, Market
from quarterdeck.venues.messages import (
    AccountAnswer,
    AskAccount,
    AskFills,
    AskOrder,
    AskOrders,
    FillsAnswer,
    FillsNews,
    FundingNews,
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
from tests.twins.binance.serving import KEYS, SECRETS, Twin, running
from tests.venues.binance.builders import MARKETS, TAG, cancel, place

Wanted = TypeVar("Wanted")
INDEX = 2
COINS = {"USDT": "100000", "BTC": "2", "BNB": "5"}
FUNDS = {KEYS[who]: Funds(secret=SECRETS[who], spot=COINS, futures="100000") for who in KEYS}
GRIDS = {"spot": ("0.01", "0.00001", "5"), "usdm": ("0.10", "0.001", "100")}


def instrument(market: Market, **changes: Any) -> Instrument:
    """BTCUSDT as the twin lists it."""
    tick, lot, least = GRIDS["spot" if market.spot else "usdm"]
    terms: dict[str, Any] = {
        "symbol": "BTCUSDT", "venue": market.name, "base": "BTC", "quote": "USDT", "tick": Decimal(tick),
        "kind": InstrumentKind.SPOT if market.spot else InstrumentKind.PERPETUAL, "lot": Decimal(lot),
        "min_notional": Decimal(least),
    }  # fmt: skip
    return Instrument(**{**terms, **changes})


class Desk:
    """A venue and all that it delivered."""

    def __init__(self, twin: Twin, market: Market, who: str | None = "ann", **options: Any) -> None:
        changes = options.pop("terms", {})
        self.market = market
        self.said: list[str] = []
        self.seen: list[Message] = []
        self._coming: queue.Queue[Message] = queue.Queue()
        terms = {"address": twin.address, "market": market, **options}
        key = None if who is None else ApiKey(KEYS[who], options.pop("secret", SECRETS[who]))
        terms.pop("secret", None)
        self.venue = BinanceVenue(
            [(INDEX, 0, instrument(market, **changes))], TAG, BinanceOptions(**terms), key, self.said.append
        )

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

    def order(self, order_id: int, *statuses: OrderStatus) -> OrderReport:
        """The news that an order stands in one of these."""

        def found(message: Message) -> list[OrderReport]:
            rows = message.orders if isinstance(message, OrderNews) else ()
            return [row for row in rows if row.order_id == order_id and row.status in statuses]

        for message in self.seen:
            if found(message):
                return found(message)[0]
        return found(self.wait(lambda message: bool(found(message))))[0]

    def fills(self, order_id: int, lots: int) -> list[Any]:
        """The fills of an order, once they come to so many lots."""
        while True:
            news = [message for message in self.seen if isinstance(message, FillsNews)]
            fills = [fill for message in news for fill in message.fills if fill.order_id == order_id]
            if sum(fill.quantity for fill in fills) >= lots:
                return fills
            self.wait(lambda message: isinstance(message, FillsNews))

    def events(self, *kinds: EventKind) -> list[Any]:
        """All market events so far, once there is one of each kind."""
        while True:
            events = [event for one in self.seen if isinstance(one, MarketData) for event in one.events]
            if set(kinds) <= {event["kind"] for event in events}:
                return events
            self.wait(lambda message: isinstance(message, MarketData))


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with running(speed=4.0, keys=FUNDS) as served:
        yield served


@pytest.fixture(params=sorted(MARKETS))
def desk(twin: Twin, request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = Desk(twin, MARKETS[request.param]).open()
    yield desk
    desk.venue.close()
    twin.fault("clear")


HOURS_NS = 8 * 3_600 * 10**9
IDS = iter(range(1_000, 100_000))


def lots(market: Market, coins: str = "0.01") -> int:
    return int(Decimal(coins) / instrument(market).lot)


def ticks(market: Market, price: int) -> int:
    return int(Decimal(price) / instrument(market).tick)


def fresh(market: Market, **changes: Any) -> Any:
    """A buy of 0.01 BTC below the market, under an id of its own, good for a minute."""
    number = next(IDS)
    terms = {
        "request_id": number, "order_id": number, "expires_ns": time.time_ns() + 60 * 10**9,
        "price": ticks(market, 50_000), "quantity": lots(market),
    }  # fmt: skip
    return place(**{**terms, **changes})


def of(order: Any, **changes: Any) -> Any:
    """The cancel of that order."""
    terms = {
        "request_id": next(IDS), "order_id": order.order_id, "venue_order_id": 0,
        "expires_ns": time.time_ns() + 60 * 10**9,
    }  # fmt: skip
    return cancel(**{**terms, **changes})


def about(order: Any) -> AskOrder:
    return AskOrder(request_id=next(IDS), order_id=order.order_id, venue_order_id=0, instrument=INDEX, strategy=3)


def test_market_data_comes(desk: Desk) -> None:
    kinds = [EventKind.QUOTE, EventKind.TRADE, *([] if desk.market.spot else [EventKind.MARK, EventKind.FUNDING])]
    events = desk.events(*kinds)
    assert {int(event["instrument"]) for event in events} == {INDEX}
    assert min(int(event["venue_time_ns"]) for event in events) > 10**18  # spot's quotes, which say no time, too
    assert desk.venue.quarantine.total == 0
    assert not desk.said


def test_place_and_cancel(desk: Desk) -> None:
    order = fresh(desk.market)
    taken = desk.ask(order)
    assert isinstance(taken, Taken)
    assert taken.venue_order_id > 0
    assert desk.order(order.order_id, OrderStatus.ACCEPTED).quantity == order.quantity
    answer = desk.ask(about(order))
    assert isinstance(answer, OrderAnswer)
    assert answer.order is not None
    assert (answer.order.status, answer.order.price) == (OrderStatus.ACCEPTED, order.price)
    listed = desk.ask(AskOrders(request_id=next(IDS)))
    assert isinstance(listed, OrdersAnswer)
    assert order.order_id in {row.order_id for row in listed.orders}
    assert isinstance(desk.ask(of(order)), Taken)
    assert desk.order(order.order_id, OrderStatus.CANCELED).filled == 0
    refused = desk.ask(of(order))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.UNKNOWN_ORDER
    unknown = desk.ask(about(fresh(desk.market)))
    assert unknown == OrderAnswer(request_id=unknown.request_id, order=None)


def test_fills_fees_and_account(desk: Desk) -> None:
    """The twin's account pays spot fees in BNB, futures fees in USDT: cash and position are what the fills say."""
    before = desk.ask(AskAccount(request_id=next(IDS)))
    asked_ns = before.venue_time_ns
    held = {row.instrument: row.quantity for row in before.holdings}.get(INDEX, 0)
    order = fresh(desk.market, order_type=OrderType.MARKET, price=0)
    taken = desk.ask(order)
    assert isinstance(taken, Taken)
    assert taken.filled == order.quantity
    bought = desk.fills(order.order_id, order.quantity)
    assert all(fill.side is Side.BUY and not fill.maker for fill in bought)
    after = desk.ask(AskAccount(request_id=next(IDS)))
    assert isinstance(after, AccountAnswer)
    assert after.venue_time_ns >= max(fill.venue_time_ns for fill in bought)
    assert {row.instrument: row.quantity for row in after.holdings}[INDEX] == held + order.quantity
    unit = int(instrument(desk.market).tick * instrument(desk.market).lot * 10**8)
    worth = sum(fill.price * fill.quantity for fill in bought) * unit
    fees = sum(fill.fee for fill in bought)
    assert after.balances[0].cash == before.balances[0].cash - (worth if desk.market.spot else 0) - fees
    told = desk.ask(AskFills(request_id=next(IDS), since_ns=asked_ns - 60 * 10**9))
    assert isinstance(told, FillsAnswer)
    assert set(bought) <= set(told.fills)
    back = fresh(desk.market, order_type=OrderType.MARKET, price=0, side=Side.SELL, reduce_only=True)
    assert desk.ask(back).filled == order.quantity
    if desk.market.spot:
        assert fees == 0
        assert any("takes fees in BNB" in text for text in desk.said)
    else:
        assert abs(fees - worth * 5 // 10_000) <= len(bought)  # 5 bps, each fill's rounded
        assert after.holdings[0].cost is not None


def test_a_fill_that_nobody_told_of_is_known_by_its_order(desk: Desk, twin: Twin) -> None:
    """A desk that has just started learns of fills by the lists alone, which do not say the client's id."""
    order = fresh(desk.market, order_type=OrderType.MARKET, price=0)
    assert isinstance(desk.ask(order), Taken)
    made = desk.fills(order.order_id, order.quantity)
    other = Desk(twin, desk.market).open()
    try:
        told = other.ask(AskFills(request_id=next(IDS), since_ns=made[0].venue_time_ns))
        assert isinstance(told, FillsAnswer)
        assert [fill for fill in told.fills if fill.order_id == order.order_id] == made
    finally:
        other.venue.close()
    desk.ask(fresh(desk.market, order_type=OrderType.MARKET, price=0, side=Side.SELL, reduce_only=True))


def test_refusals_have_reasons(desk: Desk) -> None:
    market = desk.market
    for changes, reason in (
        ({"price": ticks(market, 61_500), "post_only": True}, Reason.POST_ONLY_WOULD_CROSS),
        ({"reduce_only": True}, Reason.REDUCE_ONLY_WOULD_INCREASE),
        ({"quantity": 1 if market.spot else lots(market, "0.001")}, Reason.NOTIONAL_TOO_SMALL),
        ({"quantity": lots(market, "900")}, Reason.BUYING_POWER),
        ({"expires_ns": time.time_ns() - 10**9}, Reason.STALE_DATA),
        ({"time_in_force": TimeInForce.DAY}, Reason.ORDER_SHAPE_INVALID),
    ):
        answer = desk.ask(fresh(market, **changes))
        assert isinstance(answer, Refused), (changes, answer)
        assert answer.reason is reason, (changes, answer)
        assert not answer.error


def test_an_order_that_finds_nobody_expires(desk: Desk) -> None:
    order = fresh(desk.market, time_in_force=TimeInForce.IOC)
    taken = desk.ask(order)
    assert isinstance(taken, Taken)
    assert taken.filled == 0
    assert desk.order(order.order_id, OrderStatus.EXPIRED).filled == 0


def test_a_duplicate_id_is_refused(desk: Desk) -> None:
    order = fresh(desk.market)
    desk.ask(order)
    again = desk.ask(fresh(desk.market, order_id=order.order_id))
    assert isinstance(again, Refused)
    assert again.reason is Reason.DUPLICATE_ORDER
    desk.ask(of(order))


def test_a_foreign_order_is_listed_and_cancelled_by_its_number(desk: Desk, twin: Twin) -> None:
    path = desk.market.paths.order
    placed = twin.signed(
        "POST", path, symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="45000"
    ).body
    rows = desk.ask(AskOrders(request_id=next(IDS))).orders
    (foreign,) = [row for row in rows if row.venue_order_id == placed["orderId"]]
    assert (foreign.order_id, foreign.strategy) == (0, -1)
    gone = desk.ask(cancel(request_id=next(IDS), order_id=0, venue_order_id=placed["orderId"], expires_ns=0))
    assert isinstance(gone, Taken)


def test_a_connection_cut_is_made_again(desk: Desk, twin: Twin) -> None:
    twin.fault("disconnect")
    assert not desk.wait(lambda message: isinstance(message, Line)).up
    assert desk.wait(lambda message: isinstance(message, Line)).up
    desk.wait(lambda message: isinstance(message, MarketData))
    order = fresh(desk.market)
    assert isinstance(desk.ask(order), Taken)
    desk.order(order.order_id, OrderStatus.ACCEPTED)  # the new connection tells of orders, too
    desk.ask(of(order))


def test_an_answer_that_is_lost_is_lost_and_the_order_is_found(desk: Desk, twin: Twin) -> None:
    twin.fault("drop-acks", 1)
    order = fresh(desk.market)
    assert isinstance(desk.ask(order), Lost)
    answer = desk.ask(about(order))
    assert answer.order is not None
    assert answer.order.status is OrderStatus.ACCEPTED
    assert isinstance(desk.ask(of(order)), Taken)
    twin.fault("fail", 1)
    lost = fresh(desk.market)
    assert isinstance(desk.ask(lost), Lost)
    asked = about(lost)
    assert desk.ask(asked) == OrderAnswer(request_id=asked.request_id, order=None)


def test_half_messages_are_put_aside(desk: Desk, twin: Twin) -> None:
    twin.fault("garble", 5)
    ends = time.monotonic() + 30
    while desk.venue.quarantine.total == 0 and time.monotonic() < ends:
        desk.wait(lambda message: isinstance(message, MarketData))
    assert desk.venue.quarantine.total > 0
    assert any("cannot be read" in text for text in desk.said)


def test_the_rate_limit_of_questions_leaves_room_for_orders_and_cancels(twin: Twin) -> None:
    desk = Desk(twin, USDM, who="bob").open()
    try:
        answer = None
        for _ in range(400):
            answer = desk.ask(AskAccount(request_id=next(IDS)))
            if isinstance(answer, Unsent):
                break
        assert isinstance(answer, Unsent)
        assert "rate limit" in answer.text
        for _ in range(5):
            another = fresh(USDM)
            assert isinstance(desk.ask(another), Taken)
            assert isinstance(desk.ask(of(another)), Taken)
    finally:
        desk.venue.close()


@pytest.mark.parametrize("name", sorted(MARKETS))
def test_books_are_joined(twin: Twin, name: str) -> None:
    """Snapshot and changes make the book that the twin has: best bid below best ask, at every whole state."""
    desk = Desk(twin, MARKETS[name], depth=True).open()
    try:
        desk.events(EventKind.BOOK_CLEAR, EventKind.LEVEL)
        for _ in range(300):
            desk.wait(lambda message: isinstance(message, MarketData))
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        wholes = 0
        for event in desk.events():
            if event["kind"] == EventKind.BOOK_CLEAR:
                sides[0].clear()
                sides[1].clear()
            if event["kind"] != EventKind.LEVEL:
                continue
            side = sides[int(event["flags"]) & 1]
            side[int(event["price"])] = int(event["quantity"])
            if not event["quantity"]:
                del side[int(event["price"])]
            if event["flags"] & 32 and all(sides):
                wholes += 1
                assert max(sides[0]) < min(sides[1])
        assert wholes > 10
        assert desk.venue.quarantine.total == 0
    finally:
        desk.venue.close()


def test_funding_is_told() -> None:
    """Every eighth hour; the news of it does not say of which instrument, the list does."""
    with running(keys=FUNDS) as twin:
        desk = Desk(twin, USDM).open()
        assert desk.ask(fresh(USDM, order_type=OrderType.MARKET, price=0)).filled

        def pay(exchange: Any) -> int:
            (listing,) = [one for one in exchange.listings if one.futures and one.symbol == "BTCUSDT"]
            events = blank_events(1, EventKind.FUNDING, listing.index)
            events["rate"], events["time_ns"] = 100_000, (exchange.now_ns // HOURS_NS + 1) * HOURS_NS
            before = exchange.accounts[KEYS["ann"]].wallet
            exchange.take(events)
            return exchange.accounts[KEYS["ann"]].wallet - before

        paid = twin.do(pay)
        (payment,) = desk.wait(lambda message: isinstance(message, FundingNews)).payments
        assert paid < 0  # longs pay
        assert (payment.instrument, payment.amount) == (INDEX, paid)
        assert payment.venue_time_ns % HOURS_NS < 10**9
        desk.venue.close()


@pytest.mark.parametrize("name", sorted(MARKETS))
def test_a_statement_reaches_the_time_of_a_market_that_stands_still(name: str) -> None:
    """A fast twin's clock is far ahead of /time, and when it is halted no stream tells of it."""
    with running(speed=60.0, keys=FUNDS) as twin:
        desk = Desk(twin, MARKETS[name]).open()
        order = fresh(MARKETS[name], order_type=OrderType.MARKET, price=0)
        assert desk.ask(order).filled
        (fill,) = desk.fills(order.order_id, order.quantity)[-1:]
        desk.venue.close()
        twin.fault("halt", 1)
        halted_ns = twin.do(lambda exchange: exchange.now_ns)
        twin.do(lambda exchange: exchange.advance(exchange.now_ns + HOURS_NS))
        late = Desk(twin, MARKETS[name]).open()
        try:
            answer = late.ask(AskFills(request_id=next(IDS), since_ns=fill.venue_time_ns))
            assert fill.trade_id in [one.trade_id for one in answer.fills]
            assert answer.until_ns > halted_ns + HOURS_NS - 10**10
            account = late.ask(AskAccount(request_id=next(IDS)))
            assert account.venue_time_ns > halted_ns + HOURS_NS - 10**6, "and that is not the real time"
        finally:
            late.venue.close()


def countdown(twin: Twin) -> int:
    """When ann's futures orders are cancelled, in milliseconds of real time; 0: never."""

    def look(exchange: Any) -> int:
        return max([0, *exchange.accounts[KEYS["ann"]].countdowns.values()])

    return twin.do(look)


def test_the_dead_mans_switch_is_set_and_taken_back(twin: Twin) -> None:
    auditor = Desk(twin, USDM, dead_man_s=30.0).open()
    assert isinstance(auditor.ask(AskAccount(request_id=next(IDS))), AccountAnswer)
    ends = time.monotonic() + 2
    while time.monotonic() < ends:  # two of its ticks: who only asks does not speak for a desk
        auditor.wait(lambda message: isinstance(message, MarketData))
    assert countdown(twin) == 0
    desk = Desk(twin, USDM, dead_man_s=30.0).open()
    assert isinstance(desk.ask(AskOrders(request_id=next(IDS))), OrdersAnswer)
    ends = time.monotonic() + 30
    while not countdown(twin) and time.monotonic() < ends:
        desk.wait(lambda message: isinstance(message, MarketData))
    assert 10_000 < countdown(twin) - time.time_ns() // 10**6 <= 30_000
    auditor.venue.close()
    assert countdown(twin) > 0  # the desk's switch is the desk's
    desk.venue.close()
    assert countdown(twin) == 0
    assert not desk.said


@pytest.mark.parametrize("name", sorted(MARKETS))
def test_without_a_key_there_is_market_data_alone(twin: Twin, name: str) -> None:
    desk = Desk(twin, MARKETS[name], who=None).open()
    desk.events(EventKind.QUOTE)
    assert isinstance(desk.ask(fresh(MARKETS[name])), Unsent)
    assert isinstance(desk.ask(AskAccount(request_id=next(IDS))), Unsent)
    desk.venue.close()


@pytest.mark.parametrize("name", sorted(MARKETS))
def test_a_key_that_may_not_is_refused(name: str) -> None:
    funds = {KEYS["ann"]: Funds(secret=SECRETS["ann"], may_withdraw=True), KEYS["bob"]: Funds(secret=SECRETS["bob"])}
    with running(keys=funds) as twin:
        for who, options, word in (
            ("ann", {}, "a key that may not withdraw"),
            ("bob", {"secret": "w" * 64}, "-1022"),
        ):
            desk = Desk(twin, MARKETS[name], who, **options).open(up=False)
            answer = desk.ask(fresh(MARKETS[name]))
            desk.venue.close()
            assert isinstance(answer, Unsent)
            assert any(word in text for text in desk.said), desk.said
            everything = [*map(str, desk.said), *map(str, desk.seen)]
            assert not any(secret in text for text in everything for secret in (KEYS[who], SECRETS[who], "w" * 64))


def test_terms_that_differ_are_said_once_and_nothing_is_sent(twin: Twin) -> None:
    desk = Desk(twin, SPOT, terms={"tick": Decimal("0.1")}).open(up=False)
    desk.wait(lambda message: isinstance(message, Line))
    assert isinstance(desk.ask(fresh(SPOT)), Unsent)
    desk.venue.close()
    assert len([text for text in desk.said if "tick = '0.1' is not allowed: 0.01, as listed" in text]) == 1


def test_nobody_there(twin: Twin) -> None:
    desk = Desk(twin, USDM, address="http://127.0.0.1:9").open(up=False)
    assert isinstance(desk.ask(fresh(USDM)), Unsent)
    desk.venue.close()
