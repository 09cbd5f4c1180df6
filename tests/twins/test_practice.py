"""The practice exchange as a process that remembers.

What is tested: `quarterdeck.twins.practice`, `quarterdeck.twins.practice_core`, `quarterdeck.twins.practice_truth`,
`quarterdeck.twins.practice_clients`, `quarterdeck.twins.practice_faults` and `quarterdeck.twins.practice_market`.
"""

import random
import socket
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.errors import DataError, DeskError
from quarterdeck.twins.exchange_records import Listing, Quote
from quarterdeck.twins.practice_clients import REQUEST_BYTES_MAX
from quarterdeck.twins.practice_core import PracticeCore, PracticeTerms
from quarterdeck.twins.practice_faults import Admin, Fault, Faults, ask_admin
from quarterdeck.twins.practice_market import walks_of
from quarterdeck.twins.practice_truth import Opened, Truth
from quarterdeck.venues.addresses import Address
from quarterdeck.venues.messages import AskOrders, FillsNews, OrderNews, OrdersAnswer, Taken
from tests.twins.serving import PRACTICE, TERMS, Ear, Serving, place, tags, venue_at


def core(state: Path | None, clock: list[int], terms: PracticeTerms = PRACTICE) -> PracticeCore:
    return PracticeCore(terms, state=state, clock=lambda: clock[0])


def order(number: int, **changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "type": "Place",
        "request_id": number,
        "client_id": f"c{number}",
        "instrument": 0,
        "side": 1,
        "kind": "limit",
        "force": "gtc",
        "price": 100,
        "trigger_price": 0,
        "quantity": 5,
        "post_only": False,
        "reduce_only": False,
        "expires_ns": 0,
    }
    return msgspec.json.encode({**fields, **changes})


def everything(of: PracticeCore) -> bytes:
    """All that an exchange knows, as bytes."""
    books = [
        (book.quote, [each.venue_order_id for side in book.sides() for each in side]) for book in of.exchange.books
    ]
    records = [of.record(account) for account in of.accounts.values()]
    return msgspec.json.encode((of.accounts, records, books, of.exchange.halted))


# What a busy exchange is asked: (what, an instrument, a side, a price, a quantity, a number of an earlier order)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["limit", "stop_limit", "stop", "market", "cancel", "amend", "quote", "quote", "halt", "ask"]),
        st.integers(0, 1),
        st.sampled_from([1, -1]),
        st.integers(95, 105),
        st.integers(1, 20),
        st.integers(0, 30),
    ),
    max_size=60,
)


def act(of: PracticeCore, number: int, step: tuple[str, int, int, int, int, int]) -> None:
    what, instrument, side, price, quantity, other = step
    account = of.account(f"account {number % 2}")
    terms = {"instrument": instrument, "side": side, "quantity": quantity}
    match what:
        case "quote":
            of.set_market([(instrument, Quote(price, price + 1 + quantity % 3, quantity, quantity))])
        case "halt":
            of.halt(other % 2 == 0)
        case "cancel":
            line = {"type": "Cancel", "request_id": number, "client_id": f"c{other}", "venue_order_id": 0}
            of.ask(account, [msgspec.json.encode(line)])
        case "amend":
            line = {"type": "Amend", "request_id": number, "client_id": f"c{other}", "venue_order_id": 0}
            line |= {"price": price, "quantity": quantity, "trigger_price": 0, "expires_ns": 0}
            of.ask(account, [msgspec.json.encode(line)])
        case "ask":
            of.ask(account, [b'{"type":"AskOrders","request_id":1}', b"nonsense", b'{"type":"Place","request_id":2}'])
        case _:
            stopped = what.startswith("stop")
            prices = {"price": price if "limit" in what else 0, "trigger_price": price if stopped else 0}
            of.ask(account, [order(number, kind=what, **prices, **terms)])


@settings(max_examples=60)
@given(steps=STEPS, deaths=st.sets(st.integers(0, 60), max_size=4))
def test_an_exchange_that_dies_again_and_again_is_the_one_that_never_did(
    steps: list[tuple[str, int, int, int, int, int]], deaths: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    state = tmp_path_factory.mktemp("truth") / "truth"
    clock, other_clock = [10**18], [10**18]
    mortal, immortal = core(state, clock), core(None, other_clock)
    for number, step in enumerate(steps):
        clock[0] += 10**6
        other_clock[0] += 10**6
        if number in deaths:
            mortal.close()
            mortal = core(state, clock)
            # A quote that moved nobody is not kept, so the market is quoted to both anew before anybody asks.
            quotes = [(row, replace(book.quote)) for row, book in enumerate(immortal.exchange.books)]
            for one in (mortal, immortal):
                one.set_market(quotes)
        act(mortal, number, step)
        act(immortal, number, step)
    for one in (mortal, immortal):
        one.set_market([(row, Quote(50, 200, 1, 1)) for row in range(2)])
    assert everything(mortal) == everything(immortal)
    mortal.close()


def test_quotes_that_move_nobody_are_not_kept(tmp_path: Path) -> None:
    state, clock = tmp_path / "truth", [10**18]
    of = core(state, clock)
    account = of.account("a")
    for number in range(1_000):
        of.set_market([(0, Quote(90, 110 + number % 2, 5, 5))])
    of.ask(account, [b'{"type":"AskOrders","request_id":1}', order(1)])
    of.set_market([(0, Quote(90, 99, 5, 5))])
    of.close()
    assert tags(state) == ["Began", "Opened", "Quoted", "Asked", "Quoted"]


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    state, clock = tmp_path / "truth", [10**18]
    of = core(state, clock)
    account = of.account("a")
    of.ask(account, [order(1)])
    of.close()
    whole = state.read_bytes()
    for torn in (b"{", b'{"type":"Asked","at_ns":1', whole[-40:-1]):
        state.write_bytes(whole + torn)
        again = core(state, clock)
        assert again.exchange.open_orders(0)[0].client_id == "c1"
        again.close()
        assert state.read_bytes() == whole


def test_another_exchanges_truth_is_refused(tmp_path: Path) -> None:
    core(tmp_path / "truth", [1]).close()
    other = PracticeTerms(terms=TERMS, listings=(Listing(value=1), Listing(value=2)), cash=(5,))
    with pytest.raises(DataError, match="another exchange's"):
        core(tmp_path / "truth", [1], other)


def test_a_truth_in_use_is_refused(tmp_path: Path) -> None:
    with Truth(tmp_path / "truth", []), pytest.raises(DataError, match="keeps its truth there now"):
        Truth(tmp_path / "truth", [])


def test_a_stop_that_was_set_off_stays_so(tmp_path: Path) -> None:
    """Its limit was not reached, so nobody was told anything; still the quote is kept that set it off."""
    state, clock = tmp_path / "truth", [10**18]
    of = core(state, clock)
    account = of.account("a")
    of.set_market([(0, Quote(99, 101, 5, 5))])
    of.ask(account, [order(1, kind="stop_limit", price=100, trigger_price=105)])
    of.set_market([(0, Quote(105, 106, 5, 5))])
    assert [each.waiting for each in of.exchange.open_orders(account)] == [False]
    of.close()
    again = core(state, clock)
    assert [each.waiting for each in again.exchange.open_orders(account)] == [False]
    again.close()


def test_a_line_in_the_middle_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with Truth(tmp_path / "truth", []) as truth:
        truth.append([Opened(at_ns=1, account="a", cash=(1,))])
    raw = (tmp_path / "truth").read_bytes()
    (tmp_path / "truth").write_bytes(raw + b"nonsense\n" + raw.splitlines()[1] + b"\n")
    with Truth(tmp_path / "truth", []) as truth, pytest.raises(DataError, match="row 3"):
        list(truth.read())


def test_what_was_turned_away_unread_is_not_done_after_a_restart(tmp_path: Path) -> None:
    state, clock = tmp_path / "truth", [10**18]
    of = PracticeCore(PRACTICE, state=state, requests_per_second=2, clock=lambda: clock[0])
    account = of.account("a")
    answers, _ = of.ask(account, [order(number) for number in range(5)])
    assert [msgspec.json.decode(answer)["type"] for answer in answers] == ["Taken"] * 2 + ["Busy"] * 3
    of.close()
    again = core(state, clock)
    assert [each.client_id for each in again.exchange.open_orders(0)] == ["c0", "c1"]
    again.close()


def test_a_fault_happens_as_often_as_asked() -> None:
    faults = Faults()
    assert not faults.take(Fault.REJECT)
    faults.left[Fault.REJECT] = 2
    assert [faults.take(Fault.REJECT) for _ in range(4)] == [True, True, False, False]


def test_a_walk_is_repeatable_and_comes_home() -> None:
    terms = [(Decimal("0.000001"), Decimal(1)), (Decimal("0.01"), Decimal("0.1"))]
    one, other = walks_of(terms), walks_of(terms)
    quotes = [walk.next(random.Random(7)) for walk in one]
    assert quotes == [walk.next(random.Random(7)) for walk in other]
    chance = random.Random(1)
    bids = [one[0].next(chance).bid for _ in range(20_000)]
    assert min(bids) > 100 * 10_000
    assert max(bids) < 100 * 14_000
    assert len(set(bids)) > 50
    one[0].resume(100 * 11_000)
    assert abs(one[0].next(chance).bid - 100 * 11_000) <= 100


# The server.


def test_a_server_that_restarts_goes_on(tmp_path: Path) -> None:
    ear = Ear()
    state = tmp_path / "truth"
    with Serving(tmp_path, state=state) as first:
        venue = venue_at(first.address)
        venue.open(ear)
        ear.line(up=True)
        venue.send(place(1, 1))
        ear.next(Taken)
        first.quote(9_980, 9_990, lots=4)
        fill = ear.next(FillsNews).fills[0]
    ear.line(up=False)
    with Serving(tmp_path, state=state) as second:
        ear.line(up=True)
        record = second.admin(account="tester")
        assert [one["trade_id"] for one in record["trades"]] == [fill.trade_id]
        assert record["orders"][0]["filled"] == 4
        second.quote(9_980, 9_991, lots=100)
        rest = ear.next(FillsNews).fills[0]
        assert (rest.trade_id, rest.quantity) == (fill.trade_id + 1, 6)
        assert second.admin()["restored"] >= 3
        venue.close()


def test_many_connections_of_one_account_hear_the_same_news(tmp_path: Path) -> None:
    with Serving(tmp_path) as serving:
        ears = [Ear() for _ in range(3)]
        venues = [venue_at(serving.address) for _ in ears]
        for venue, ear in zip(venues, ears, strict=True):
            venue.open(ear)
            ear.line(up=True)
        venues[0].send(place(1, 1))
        for ear in ears:
            assert ear.next(OrderNews).orders[0].order_id == 1
        assert serving.admin()["connections"] == 3
        for venue in venues:
            venue.close()


def test_a_delay_keeps_the_order_of_things(tmp_path: Path) -> None:
    with Serving(tmp_path) as serving:
        ear = Ear()
        venue = venue_at(serving.address)
        venue.open(ear)
        ear.line(up=True)
        for number in range(1, 50):
            serving.admin(Fault.DELAY, (number * 7) % 5)
            venue.send(place(number, number))
        answers = [ear.next(Taken).request_id for _ in range(1, 50)]
        assert answers == sorted(answers)
        venue.close()


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DeskError, match="no practice exchange answers at"):
        ask_admin(Address(path=tmp_path / "practice.sock"), Admin())


def test_a_server_is_not_stopped_by_what_it_hears(tmp_path: Path, seed: int) -> None:
    """Nonsense before and after the greeting, in any chunks, and a line without end."""
    chance = random.Random(seed)
    with Serving(tmp_path) as serving:
        for greeting in (b"", b'{"type":"Hello","version":1,"account":"fuzz"}\n'):
            line = serving.address.connect(20.0)
            line.sendall(greeting)
            for _ in range(300):
                spoilt = bytearray(order(chance.randrange(100)))
                for _ in range(chance.randrange(4)):
                    spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
                line.sendall(bytes(spoilt) + b"\n" * chance.randrange(2))
            line.sendall(b"x" * (REQUEST_BYTES_MAX + 1) + b"\n")
            line.shutdown(socket.SHUT_WR)
            while line.recv(1 << 16):
                pass
            line.close()
        ear = Ear()
        venue = venue_at(serving.address, account="good")
        venue.open(ear)
        ear.line(up=True)
        venue.send(place(1, 1))
        assert ear.next(Taken)
        assert serving.admin()["oversized"] >= 1
        venue.close()


def test_a_walk_of_quotes_reaches_the_desk_while_orders_are_taken(tmp_path: Path) -> None:
    """Two thousand quotes a second, and as many orders as are sent: nothing is lost. Speed is the benchmark's."""
    with Serving(tmp_path, quotes=2_000.0, state=tmp_path / "truth") as serving:
        ear = Ear()
        venue = venue_at(serving.address)
        venue.open(ear)
        ear.line(up=True)
        for number in range(1, 1_001):
            venue.send(place(number, number, price=9_000))
        for number in range(1, 1_001):
            assert ear.next(Taken).request_id == number
        venue.send(AskOrders(request_id=5_000))
        assert len(ear.next(OrdersAnswer).orders) == 1_000
        assert serving.admin()["quotes"] > 0
        venue.close()
