"""What is tested: `quarterdeck.venues.practice.venue` and `quarterdeck.venues.practice.terms`, over real sockets."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from quarterdeck.kernel.vocabulary import EventKind, OrderStatus, Reason, Side
from quarterdeck.twins.practice_faults import Fault
from quarterdeck.venues.addresses import Address
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
    OrderAnswer,
    OrderNews,
    OrdersAnswer,
    Refused,
    Taken,
    Unsent,
)
from quarterdeck.venues.practice.terms import DeskTerms, PurseTerms, Welcome
from quarterdeck.venues.practice.venue import LINE_BYTES_MAX, QUEUED_MAX, UNANSWERED_MAX, PracticeVenue
from tests.twins.serving import (
    CASH,
    DESK,
    INSTRUMENTS,
    PATIENCE_S,
    PURSES,
    TERMS,
    Ear,
    Serving,
    cancel,
    place,
    venue_at,
)


@pytest.fixture(params=["a Unix socket", "a port"])
def serving(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Serving]:
    with Serving(tmp_path, port=request.param == "a port") as running:
        yield running


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def venue(serving: Serving, ear: Ear) -> Iterator[PracticeVenue]:
    made = venue_at(serving.address)
    made.open(ear)
    ear.line(up=True)
    yield made
    made.close()
    assert not [one.name for one in threading.enumerate() if "practice tester" in one.name]


def test_orders_answers_and_news(serving: Serving, venue: PracticeVenue, ear: Ear) -> None:
    serving.quote(9_990, 10_010)
    quotes = ear.next(MarketData).events
    assert (quotes["kind"][0], quotes["bid"][0], quotes["ask"][0]) == (EventKind.QUOTE, 9_990, 10_010)
    venue.send(place(1, 77))
    taken = ear.next(Taken)
    assert (taken.request_id, taken.filled) == (1, 0)
    accepted = ear.next(OrderNews).orders[0]
    assert (accepted.order_id, accepted.status) == (77, OrderStatus.ACCEPTED)
    serving.quote(9_980, 9_995, lots=4)
    fill = ear.next(FillsNews).fills[0]
    assert (fill.order_id, fill.price, fill.quantity, fill.maker) == (77, 10_000, 4, True)
    venue.send(AskOrder(request_id=2, order_id=77, venue_order_id=0, instrument=0, strategy=0))
    assert ear.next(OrderAnswer).order.filled == 4
    venue.send(cancel(3, 77))
    assert ear.next(Taken).request_id == 3
    assert ear.next(OrderNews).orders[0].status is OrderStatus.CANCELED
    venue.send(AskOrders(request_id=4))
    assert ear.next(OrdersAnswer).orders == ()
    venue.send(AskFills(request_id=5, since_ns=0))
    assert ear.next(FillsAnswer).fills == (fill,)
    venue.send(AskAccount(request_id=6))
    account = ear.next(AccountAnswer)
    assert [(one.instrument, one.quantity) for one in account.holdings] == [(0, 4)]
    assert account.balances[0].cash == CASH - fill.fee


def test_a_client_id_is_taken_once(venue: PracticeVenue, ear: Ear) -> None:
    venue.send(place(1, 5))
    ear.next(Taken)
    venue.send(place(2, 5))
    refused = ear.next(Refused)
    assert (refused.request_id, refused.reason) == (2, Reason.DUPLICATE_ORDER)


def test_each_request_has_one_answer_whoever_sends_it(venue: PracticeVenue, ear: Ear) -> None:
    """Four threads send at once; every request is answered, once."""
    count = 500

    def send(first: int) -> None:
        for number in range(first, first + count):
            venue.send(place(number, number))
            venue.send(cancel(number + 10_000, number))

    threads = [threading.Thread(target=send, args=(1 + n * count,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answered: set[int] = set()
    while len(answered) < 8 * count:
        answer = ear.next(Taken | Refused)
        assert answer.request_id not in answered
        answered.add(answer.request_id)


def test_a_line_that_breaks_is_made_again_and_nothing_stays_unanswered(
    serving: Serving, venue: PracticeVenue, ear: Ear
) -> None:
    serving.admin(Fault.DROP_ACKS, 1)
    venue.send(place(1, 1))
    assert ear.next(OrderNews).orders[0].order_id == 1  # done, and never answered
    serving.admin(Fault.DISCONNECT)
    assert ear.next(Lost).request_id == 1
    assert "hung up" in ear.line(up=False).text
    ear.line(up=True)
    venue.send(AskOrder(request_id=2, order_id=1, venue_order_id=0, instrument=0, strategy=0))
    assert ear.next(OrderAnswer).order.status is OrderStatus.ACCEPTED


def test_what_is_sent_without_a_line_is_unsent(tmp_path: Path, ear: Ear) -> None:
    venue = venue_at(Address(path=tmp_path / "practice.sock"))
    venue.open(ear)
    assert "no connection" in ear.line(up=False).text
    venue.send(place(1, 1))
    assert ear.next(Unsent).request_id == 1
    with Serving(tmp_path):
        ear.line(up=True)
        venue.send(place(2, 2))
        assert ear.next(Taken).request_id == 2
    ear.line(up=False)
    assert sum(isinstance(message, Line) for message in ear.all) == 3  # down is said once, however often it is tried
    venue.close()


def test_nothing_is_delivered_after_close(serving: Serving, ear: Ear) -> None:
    serving.admin(Fault.DELAY, 50)
    venue = venue_at(serving.address)
    venue.open(ear)
    ear.line(up=True)
    for number in range(1, 200):
        venue.send(place(number, number))
    venue.close()
    count = len(ear.all)
    venue.send(place(1_000, 1_000))
    serving.admin(Fault.DELAY, 0)
    assert len(ear.all) == count


def test_an_instrument_that_is_not_traded_there_is_unsent(venue: PracticeVenue, ear: Ear) -> None:
    venue.send(place(1, 1, instrument=9))
    assert "not traded there" in ear.next(Unsent).text


def test_faults_of_the_exchange(serving: Serving, venue: PracticeVenue, ear: Ear) -> None:
    serving.admin(Fault.REJECT, 1)
    venue.send(place(1, 1))
    assert ear.next(Refused).error
    serving.admin(Fault.HALT, 1)
    venue.send(place(2, 2))
    assert ear.next(Refused).request_id == 2
    serving.admin(Fault.CLEAR)
    serving.admin(Fault.GARBLE, 2)
    venue.send(place(3, 3))
    assert ear.next(Taken).request_id == 3
    ear.next(OrderNews)
    assert venue.quarantine.total == 2
    serving.admin(Fault.OUTAGE, 1)
    asked = serving.admin()["requests"]
    venue.send(place(4, 4))
    while serving.admin()["requests"] == asked:  # one that never left would be unsent, not lost
        pass
    serving.admin(Fault.DISCONNECT)
    assert ear.next(Lost).request_id == 4
    serving.admin(Fault.CLEAR)
    ear.line(up=True)
    venue.send(AskOrder(request_id=5, order_id=4, venue_order_id=0, instrument=0, strategy=0))
    assert ear.next(OrderAnswer).order is None


class Stub:
    """The other end of one line, to misbehave with. It is no exchange: it says what a test has it say."""

    def __init__(self, folder: Path) -> None:
        self.address = Address(path=folder / "stub.sock")
        self._listening = self.address.listen()
        self._listening.settimeout(PATIENCE_S)
        self.line: socket.socket

    def greet(self, welcome: Welcome | None = None) -> None:
        self.line, _ = self._listening.accept()
        self.line.settimeout(PATIENCE_S)
        assert b"Hello" in self.line.recv(1 << 16)
        self.say(msgspec.json.encode(welcome or Welcome(version=1, instruments=INSTRUMENTS, purses=PURSES, time_ns=1)))

    def say(self, *lines: bytes) -> None:
        self.line.sendall(b"".join(line + b"\n" for line in lines))

    def close(self) -> None:
        self.line.close()
        self._listening.close()


@pytest.fixture
def stub(tmp_path: Path, ear: Ear) -> Iterator[Stub]:
    made = Stub(tmp_path)
    yield made
    made.close()


def wrong_terms() -> list[tuple[DeskTerms, str]]:
    finer = msgspec.structs.replace(INSTRUMENTS[0], value=1_000)
    return [
        (DeskTerms(INSTRUMENTS[:1], (0,), PURSES, (0,)), "SOL is traded by the exchange alone"),
        (DeskTerms((*INSTRUMENTS, msgspec.structs.replace(finer, symbol="ADA")), (0, 1, 2), PURSES, (0,)), "ADA"),
        (DeskTerms((finer, INSTRUMENTS[1]), (0, 1), PURSES, (0,)), "XRP has other terms there"),
        (DeskTerms(INSTRUMENTS, (0, 1), (PurseTerms(currency="USDC", exponent=6),), (0,)), "1e-8 there"),
    ]


@pytest.mark.parametrize(("terms", "line"), wrong_terms())
def test_an_exchange_that_means_something_else_is_not_traded_at(terms: DeskTerms, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        terms.rows(INSTRUMENTS, PURSES)


def test_rows_are_found_in_any_order() -> None:
    terms = DeskTerms(INSTRUMENTS, (3, 7), PURSES, (2,))
    assert terms.rows(INSTRUMENTS[::-1], PURSES) == ([7, 3], [2])


@pytest.mark.parametrize("greeting", [b'{"type":"Denied","why":"closed"}', b"HTTP/1.1 400 Bad Request", b"\xff\xfe"])
def test_what_is_no_exchange_is_left_and_tried_again(stub: Stub, ear: Ear, greeting: bytes) -> None:
    venue = venue_at(stub.address)
    venue.open(ear)
    stub.line, _ = stub._listening.accept()
    stub.say(greeting)
    assert ear.line(up=False).text
    stub.line.close()
    stub.greet()
    ear.line(up=True)
    venue.close()


def test_silence_ends_a_line(stub: Stub, ear: Ear) -> None:
    venue = venue_at(stub.address, silence_s=0.05)
    venue.open(ear)
    stub.greet()
    ear.line(up=True)
    venue.send(place(1, 1))
    assert ear.next(Lost).request_id == 1
    assert "nothing heard for 0.05 s" in ear.line(up=False).text
    venue.close()


def test_an_exchange_that_reads_nothing_never_blocks_the_desk(stub: Stub, ear: Ear) -> None:
    """Queues fill up to their bounds; what is over comes back at once, and all of it in the end."""
    venue = venue_at(stub.address, silence_s=PATIENCE_S)
    venue.open(ear)
    stub.greet()
    ear.line(up=True)
    count = QUEUED_MAX + UNANSWERED_MAX + 5_000
    begin = time.monotonic()
    for number in range(1, count + 1):
        venue.send(place(number, number))
    assert time.monotonic() - begin < PATIENCE_S
    first = ear.next(Unsent)
    assert "wait to be sent" in first.text or "wait for their answers" in first.text
    venue.send(cancel(count + 1, 1))
    stub.line.close()
    numbers = {message.request_id for message in ear.all if isinstance(message, Unsent | Lost)}
    while len(numbers) < count + 1:
        numbers.add(ear.next(Unsent | Lost).request_id)
    answers = [message.request_id for message in ear.all if isinstance(message, Unsent | Lost)]
    assert sorted(answers) == list(range(1, count + 2))
    venue.close()


def test_an_answer_to_nothing_is_put_aside(stub: Stub, ear: Ear) -> None:
    venue = venue_at(stub.address)
    venue.open(ear)
    stub.greet()
    ear.line(up=True)
    stub.say(b'{"type":"Busy","request_id":5}', b'{"type":"OrderNews","orders":[]}')
    assert ear.next(OrderNews)
    assert venue.quarantine.counts == {"an answer to nothing that was asked": 1}
    assert not [message for message in ear.all if isinstance(message, Unsent)]
    venue.close()


GOOD_LINES = (
    b'{"type":"Taken","request_id":1,"venue_order_id":1,"filled":0,"final":true}',
    b'{"type":"Quotes","quotes":[[0,1,2,3,4]],"time_ns":5}',
    b'{"type":"Beat","time_ns":5}',
    (
        b'{"type":"FillsNews","fills":[{"trade_id":1,"client_id":"","venue_order_id":1,"instrument":0,"side":1,'
        b'"price":1,"quantity":1,"fee":0,"maker":true,"time_ns":1}]}'
    ),
)


def spoil(chance: random.Random) -> bytes:
    """A line that was damaged on its way, or was never one."""
    line = bytearray(chance.choice(GOOD_LINES))
    match chance.randrange(6):
        case 0:
            del line[chance.randrange(len(line)) :]
        case 1:
            line[chance.randrange(len(line))] = chance.choice([n for n in range(256) if n != 10])
        case 2:
            line = bytearray(chance.randbytes(chance.randrange(200)).replace(b"\n", b""))
        case 3:
            line = bytearray(b"[" * chance.randrange(5_000))
        case 4:
            line = bytearray(msgspec.json.encode({"type": chance.choice(["Taken", "New", 7, None]), "x": [1] * 50}))
        case _:
            line[:0] = line
    return bytes(line)


FUZZED = 25_000


def test_no_damage_stops_the_line(stub: Stub, ear: Ear, seed: int) -> None:
    """Damaged lines in chunks of any size, and one without end: all are passed over, and the next good one is heard."""
    chance = random.Random(seed)
    said: list[str] = []
    venue = venue_at(stub.address, say=said.append)
    venue.open(ear)
    stub.greet()
    ear.line(up=True)
    raw = b"".join(spoil(chance) + b"\n" for _ in range(FUZZED))
    raw += b"x" * (LINE_BYTES_MAX + 1) + b"\n"
    place_ = 0
    while place_ < len(raw):
        size = chance.choice([1, 7, 100, 5_000, 60_000])
        stub.line.sendall(raw[place_ : place_ + size])
        place_ += size
    stub.say(b'{"type":"OrderNews","orders":[]}')
    ear.next(OrderNews, lambda news: news.orders == ())
    assert not [message for message in ear.all if isinstance(message, Line) and not message.up]
    counts = venue.quarantine.counts
    assert sum(counts.values()) > FUZZED // 2
    assert counts[f"a line of more than {LINE_BYTES_MAX} bytes"] == 1
    assert len([sentence for sentence in said if "cannot be read" in sentence]) == len(counts)
    venue.close()


def test_the_same_orders_as_two_desks_on_one_exchange(serving: Serving, venue: PracticeVenue, ear: Ear) -> None:
    """Accounts trade with one another, and hear only what is theirs."""
    other_ear = Ear()
    other = venue_at(serving.address, account="other")
    other.open(other_ear)
    other_ear.line(up=True)
    venue.send(place(1, 1))
    ear.next(Taken)
    other.send(place(1, 1, side=Side.SELL))
    assert other_ear.next(Taken).filled == 10
    mine, theirs = ear.next(FillsNews).fills, other_ear.next(FillsNews).fills
    assert (mine[0].maker, theirs[0].maker) == (True, False)
    assert [fill.side for fill in (*mine, *theirs)] == [Side.BUY, Side.SELL]
    other.close()
    assert DESK in serving.admin()["accounts"]
    assert TERMS.places == (0, 1)
