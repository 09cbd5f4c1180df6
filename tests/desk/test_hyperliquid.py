"""A live desk on the twin of Hyperliquid, through the real adapter and real sockets.

What is tested: `quarterdeck.desk.live` with `quarterdeck.venues.links` and `quarterdeck.venues.hyperliquid.terms`,
against `quarterdeck.twins.hyperliquid.server`.
"""

import datetime
import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.config import load_desk
from quarterdeck.desk.bell import Bell
from quarterdeck.desk.live import LiveOptions, LiveSession
from quarterdeck.desk.loop import run_session
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.session import Voices
from quarterdeck.desk.wire import Command, Verb, ask
from quarterdeck.kernel.vocabulary import EventKind, OrderStatus
from quarterdeck.market.events import blank_events
from quarterdeck.reports.command import reconcile_desk
from quarterdeck.runtime.host import StrategySource
from quarterdeck.runtime.replay import replay, replay_desk
from quarterdeck.strategies.views import DeskView, Quote
from quarterdeck.twins.hyperliquid.accounts import Order
from quarterdeck.venues.hyperliquid.signing import KEY_VARIABLE
from quarterdeck.venues.identity import client_id, desk_tag
from quarterdeck.venues.links import open_venue
from tests.desk.builders import Idle, venue_errors
from tests.desk.hyperliquid_desk import Busy
from tests.desk.hyperliquid_folder import SPOT, write_desk
from tests.desk.killed import Known, Process
from tests.twins.hyperliquid.serving import ADDRESSES, KEYS, Twin, running, still_market

PATIENCE_S = 60.0
OFTEN = ("[operators]", "[reconciliation]\nevery_s = 5\n\n[operators]")
ANN = ADDRESSES["ann"].lower()
XRP = 2  # the twin's index
OPEN = (OrderStatus.SUBMITTED, OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.UNKNOWN)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEYS["agent"])


@pytest.fixture
def twin() -> Iterator[Twin]:
    with running(seed=5) as served:
        yield served


@pytest.fixture
def still() -> Iterator[Twin]:
    with running(recorded=still_market()) as served:
        yield served


class Run:
    """A desk in this thread, until a condition holds. `said` is what people were told."""

    def __init__(self, folder: Path, source: StrategySource = Idle) -> None:
        config, self.bell, self.said = load_desk(folder), Bell(), list[str]()
        options = LiveOptions(wake=self.bell.ring, sources=[source], voices=Voices(say=self.said.append, narrate=False))
        venue = open_venue(config, 0, self.said.append)
        self.session = LiveSession(config, DeskPlace(folder), [venue], options)

    def until(self, *goals: Callable[[LiveSession], bool]) -> "Run":
        """Goes on until each of the goals was reached, one after the other; then it winds down."""
        begin, left = time.monotonic(), list(goals)

        def look() -> None:
            late = time.monotonic() - begin > PATIENCE_S
            assert not late, f"it never came to be: {self.said}, {self.session.status()}"
            if left and left[0](self.session):
                left.pop(0)
            self.session.stopping = self.session.stopping or not left

        run_session(self.session, each=look, bell=self.bell)
        return self

    @property
    def state(self) -> Any:
        return self.session.desk.states[0]


def there(twin: Twin) -> tuple[int, int, set[str]]:
    """What the twin has: lots, cash less what they cost in units of 1e-8, the client ids of working orders.

    How a result is split between cash and that cost depends on the order in which fills were heard.
    """

    def look(exchange: Any) -> tuple[int, int, set[str]]:
        account = exchange.accounts[ANN]
        working = {order.cloid.removeprefix("0x") for order in account.open_orders()}
        position = account.position(XRP)
        return position.lots, account.cash - position.cost, working

    return twin.do(look)


def here(state: Any) -> tuple[int, int, set[str]]:
    """The same as the desk has it."""
    tag = desk_tag("twinned")
    orders = [order for order in state["orders"] if order["id"] and int(order["status"]) in OPEN]
    working = {client_id(tag, int(order["strategy"]), int(order["id"])) for order in orders}
    net = state["instruments"][0]["net"]
    return int(net["quantity"]), int(state["accounts"][0]["postings"][0]) - int(net["cost"]), working


def pay_funding(twin: Twin, rate_ppb: int) -> None:
    """An hour's funding is paid at the twin."""

    def pay(exchange: Any) -> None:
        events = blank_events(1, EventKind.FUNDING, XRP)
        events["rate"], events["time_ns"] = rate_ppb, exchange.now_ns + 1_000_000
        exchange.take(events)

    twin.do(pay)


def by_hand(twin: Twin, lots: int) -> None:
    """The account's owner trades without the desk, at once."""

    def trade(exchange: Any) -> None:
        listing, account = exchange.listings[XRP], exchange.accounts[ANN]
        side, price = (1, 1_300_000) if lots > 0 else (-1, 1_100_000)
        size = abs(lots)
        order = Order(
            exchange.new_oid(), None, listing, side, price, size, size, "Ioc", False, exchange.now_ns // 10**6
        )
        assert exchange.enter(account, order) == ""

    twin.do(trade)


def ready(session: LiveSession) -> bool:
    return session.ready


def traded(session: LiveSession) -> bool:
    kinds = session.desk.states[0]["kinds"]
    enough = kinds[EventKind.FILL] > 5 and kinds[EventKind.ORDER_ACCEPTED] > 15
    return bool(enough and kinds[EventKind.REPLACE_REQUEST] and session.ready)


def test_a_live_desk_trades_on_the_twin_and_winds_down(tmp_path: Path, twin: Twin) -> None:
    run = Run(write_desk(tmp_path / "desk", twin.server.port), Busy).until(traded)
    kinds = run.state["kinds"]
    for kind in (EventKind.QUOTE, EventKind.TRADE, EventKind.MARK, EventKind.FUNDING, EventKind.ORDER_CANCELED):
        assert kinds[kind] > 0, kind
    assert kinds[EventKind.REPLACE_REJECTED] > 0  # what cannot be amended is cancelled
    assert kinds[EventKind.ORDER_REPLACED] == 0
    assert here(run.state) == there(twin)
    assert here(run.state)[2] == set()
    assert run.session.differences() == []
    assert replay_desk(tmp_path / "desk").result.digest == run.session.desk.digest
    assert not [text for text in run.said if "cannot be read" in text]


def test_a_new_desk_takes_over_what_the_account_holds(tmp_path: Path, still: Twin) -> None:
    """Bought at two prices, so that the average is between two ticks; sold by hand again while no desk runs."""
    by_hand(still, 400)
    run = Run(write_desk(tmp_path / "desk", still.server.port)).until(ready)
    assert here(run.state)[::2] == there(still)[::2] == (400, set())
    assert run.state["kinds"][EventKind.POSITION_ADOPTED] == 1
    assert run.state["kinds"][EventKind.FILL] == 0
    by_hand(still, -150)
    run = Run(tmp_path / "desk").until(ready)
    assert here(run.state)[0] == 250
    by_hand(still, -250)
    run = Run(tmp_path / "desk").until(ready, lambda session: session.couriers[0].rounds.rounds_done > 0)
    assert here(run.state) == there(still)
    assert here(run.state)[0] == 0
    assert not run.session.couriers[0].rounds.suspicions.seen


def test_kill_cancels_everything(tmp_path: Path, twin: Twin) -> None:
    folder = write_desk(tmp_path / "desk", twin.server.port)
    run = Run(folder, Busy)

    def kill(session: LiveSession) -> bool:
        if not session.ready or len(there(twin)[2]) < 4:
            return False
        session.obey(Command(verb=Verb.KILL, person="ada", why="drill"))
        return True

    run.until(kill, lambda session: not session.desk.states[0]["open_count"])
    assert there(twin)[2] == set()
    assert here(run.state) == there(twin)


FAULTS = (("disconnect", 1), ("drop-acks", 3), ("fail", 3), ("garble", 5), ("clear", 0))


@pytest.mark.slow
def test_faults_under_way(tmp_path: Path, twin: Twin) -> None:
    """Cut lines, lost answers, a gateway's 502 and garbage: in the end both sides hold the same."""
    goal, left, rounds = 5, list(FAULTS), 0

    def struck(session: LiveSession) -> bool:
        nonlocal goal, rounds
        asked = int(session.desk.states[0]["kinds"][EventKind.ORDER_REQUEST])
        if left and session.ready and asked > goal:
            goal = asked + 4
            twin.fault(*left.pop(0))
            rounds = session.couriers[0].rounds.rounds_done
        compared = session.couriers[0].rounds.rounds_done > rounds + 1  # what was garbled is found by then
        return not left and session.ready and compared and not session.couriers[0].unresolved

    run = Run(write_desk(tmp_path / "desk", twin.server.port, OFTEN), Busy).until(struck)
    assert here(run.state) == there(twin)
    assert run.state["kinds"][EventKind.CONNECTION] > 2, "the line was not cut"
    assert venue_errors(run.session.place.journal) > 0, "no answer was lost"
    assert run.session.differences() == []


@pytest.mark.slow
def test_a_killed_desk_recovers_to_the_twins_truth(tmp_path: Path, twin: Twin) -> None:
    """Killed under load, and funding is paid while nobody listens; then the day is compared with the venue's books."""
    folder = write_desk(tmp_path / "desk", twin.server.port)
    program = ("-m", "tests.desk.hyperliquid_desk", str(folder))
    for _ in range(2):
        desk = Process(*program, "busy")
        try:
            desk.line("traded")
        finally:
            desk.kill()
        pay_funding(twin, 25_000)
    desk = Process(*program, "calm")
    try:
        desk.line("ready")
        twin.fault("halt", 1)  # nothing moves any more while both sides are compared
        until_agreed(folder)
        digest = desk.stop().split()[-1]
    finally:
        if desk.alive:
            desk.signal(signal.SIGKILL)
    assert replay(folder / "data" / "journal").digest.hex() == digest
    known = Known(folder)
    assert (known.net, known.cash - known.cost, set(known.working)) == there(twin)
    assert not known.unheard
    fills = twin.do(lambda exchange: {fill["tid"] for fill in exchange.accounts[ANN].fills})
    assert known.fills.keys() == fills
    assert known.net == sum(known.lots.values())  # each once
    assert len(fills) > 4
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    report, path = reconcile_desk(load_desk(folder), today)
    assert report.status == "CLEAN", report.lines()
    said = json.loads(path.read_bytes())["trade_reconciliation"]
    assert said["matched_trades"] == said["total_exchange_trades"] == len(fills)


def until_agreed(folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        status = ask(DeskPlace(folder).socket, "twinned", Command(verb=Verb.STATUS))
        if status["recovered"] and not status["differences"] and not status["orders_asked_for"]:
            return
        assert time.monotonic() < deadline, f"the desk and the twin never agreed: {status}"
        time.sleep(0.1)


def test_funding_missed_while_the_line_was_down_is_found(tmp_path: Path, still: Twin) -> None:
    folder = write_desk(tmp_path / "desk", still.server.port)
    pay_funding(still, 5_000)
    by_hand(still, 20)
    pay_funding(still, 7_000)  # before the desk opens: in what it takes over

    def paid(count: int) -> Callable[[LiveSession], bool]:
        return lambda session: session.ready and session.desk.states[0]["kinds"][EventKind.FUNDING_PAYMENT] >= count

    def told(session: LiveSession) -> bool:
        pay_funding(still, 10_000)
        return session.ready

    def missed(_: LiveSession) -> bool:
        still.fault("disconnect")
        pay_funding(still, 20_000)
        pay_funding(still, 30_000)
        return True

    run = Run(folder).until(ready, told, paid(1), missed, paid(3))
    assert here(run.state) == there(still)
    pay_funding(still, 40_000)  # and while the desk does not run
    run = Run(folder).until(paid(4))
    assert here(run.state) == there(still)
    assert int(run.state["instruments"][0]["net"]["funding"]) == -20 * 1_200_000 * 100 * 100_000 // 10**9


class SpotBuyer(Idle):
    """Buys 100 XRP of the spot pair once."""

    kind = "spot_buyer"

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        if quote.instrument == 1 and quote.ask and not desk.position(1) and not list(desk.open_orders(1)):
            desk.buy(1, 10_000, quote.ask)


def test_a_spot_fee_taken_in_the_coin_is_a_difference_that_a_person_adopts(tmp_path: Path, twin: Twin) -> None:
    """The venue takes 7 basis points of what is bought, in XRP: the desk counts the fee in USDC and the coins whole."""
    folder = write_desk(tmp_path / "desk", twin.server.port, SPOT, OFTEN, ('["XRP"]', '["XRP", "XRP/USDC"]'))
    run = Run(folder, SpotBuyer)
    assert "takes the fee of a XRP/USDC buy in XRP" in run.said[0]

    def differs(session: LiveSession, key: str) -> bool:
        found = session.ready and any(key in one for one in session.differences())
        if found:
            session.obey(Command(verb=Verb.ADOPT, instrument="XRP/USDC", person="ada", why="fee in XRP"))
        return found

    def agreed(session: LiveSession) -> bool:
        return session.ready and not session.differences()

    run.until(lambda one: differs(one, "lots"), lambda one: differs(one, "money_units"), agreed)
    coins, usdc = twin.do(lambda exchange: (exchange.accounts[ANN].token("XRP"), exchange.accounts[ANN].spot_usdc))
    assert int(run.state["instruments"][1]["net"]["quantity"]) == coins // 10**6 == 9_993
    assert here(run.state)[1] == there(twin)[1] + usdc


@pytest.mark.parametrize(
    ("key_name", "change", "sentence"),
    [
        ("thief", (), "has approved"),
        ("ann", (), "a master key may withdraw"),
        ("agent", (('tick = "0.000001"', 'tick = "0.0001"'),), "0.000001, as listed"),
        ("agent", (('symbol = "XRP"', 'symbol = "XRQ"'), ('["XRP"]', '["XRQ"]')), "that the venue lists"),
    ],
)
def test_what_the_venue_does_not_take_is_said_and_nothing_is_sent(
    tmp_path: Path,
    still: Twin,
    monkeypatch: pytest.MonkeyPatch,
    key_name: str,
    change: tuple[tuple[str, str], ...],
    sentence: str,
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEYS[key_name])
    run = Run(write_desk(tmp_path / "desk", still.server.port, *change), Busy)
    run.until(lambda _: any(sentence in text for text in run.said))
    assert not run.session.ready
    assert run.state["kinds"][EventKind.ORDER_REQUEST] == 0
    assert len([text for text in run.said if sentence in text]) == 1
    assert not [text for text in run.said if KEYS[key_name][2:] in text]
    assert still.do(lambda exchange: len(exchange.accounts[ANN].orders)) == 0
