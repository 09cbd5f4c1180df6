"""A live desk on the twin of Alpaca, through the real adapter and real sockets.

What is tested: `quarterdeck.desk.live` with `quarterdeck.venues.links` and `quarterdeck.venues.alpaca.terms`, against
`quarterdeck.twins.alpaca.server`.
"""

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
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import EventKind, OrderStatus
from quarterdeck.runtime.host import StrategySource
from quarterdeck.runtime.replay import replay, replay_desk
from quarterdeck.strategies.views import DeskView, Quote
from quarterdeck.venues.alpaca.keys import KEY_VARIABLE, SECRET_VARIABLE
from quarterdeck.venues.alpaca.numbers import identity_number
from quarterdeck.venues.identity import client_id, desk_tag
from quarterdeck.venues.links import open_market_data, open_venue
from tests.desk.alpaca_desk import Busy, write_desk
from tests.desk.builders import Idle, venue_errors
from tests.desk.killed import Known, Process
from tests.twins.alpaca.serving import ANN, SHARE, Twin, at, running, still_market

PATIENCE_S = 120.0
OFTEN = ("[operators]", "[reconciliation]\nevery_s = 5\n\n[operators]")
UNITS = 100  # of the twin's money in one of ours
OPEN = (OrderStatus.SUBMITTED, OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.UNKNOWN)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, ANN.key)
    monkeypatch.setenv(SECRET_VARIABLE, ANN.secret)


@pytest.fixture
def twin() -> Iterator[Twin]:
    with running(seed=5, speed=5.0) as served:
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
    """What the twin has: shares, cash in units of 1e-8, the client ids of working orders."""

    def look(server: Any) -> tuple[int, int, set[str]]:
        account = server.exchange.accounts[ANN.key]
        working = {order.client_order_id for order in account.open_orders()}
        lots, cash = account.position(0).lots, account.cash
        assert lots % SHARE == cash % UNITS == 0
        return lots // SHARE, cash // UNITS, working

    return twin.do(look)


def here(state: Any) -> tuple[int, int, set[str]]:
    """The same as the desk has it."""
    tag = desk_tag("twinned")
    orders = [order for order in state["orders"] if order["id"] and int(order["status"]) in OPEN]
    working = {client_id(tag, int(order["strategy"]), int(order["id"])) for order in orders}
    return int(state["instruments"][0]["net"]["quantity"]), int(state["accounts"][0]["postings"][0]), working


def ready(session: LiveSession) -> bool:
    return session.ready


def traded(session: LiveSession) -> bool:
    kinds = session.desk.states[0]["kinds"]
    enough = kinds[EventKind.FILL] > 5 and kinds[EventKind.ORDER_ACCEPTED] > 12
    return bool(enough and kinds[EventKind.REPLACE_REQUEST] and kinds[EventKind.ORDER_CANCELED] and session.ready)


def test_a_live_desk_trades_on_the_twin_and_winds_down(tmp_path: Path, twin: Twin) -> None:
    run = Run(write_desk(tmp_path / "desk", twin.server.port), Busy).until(traded)
    kinds = run.state["kinds"]
    for kind in (EventKind.QUOTE, EventKind.TRADE, EventKind.ORDER_CANCELED):
        assert kinds[kind] > 0, kind
    assert kinds[EventKind.REPLACE_REJECTED] > 0  # what cannot be amended is cancelled
    assert kinds[EventKind.ORDER_REPLACED] == 0
    assert here(run.state) == there(twin)
    assert here(run.state)[2] == set()
    assert run.session.differences() == []
    assert replay_desk(tmp_path / "desk").result.digest == run.session.desk.digest
    assert not [text for text in run.said if "cannot be read" in text]


def test_a_new_desk_takes_over_what_the_account_holds(tmp_path: Path, still: Twin) -> None:
    """Bought at two prices; sold by hand again while no desk runs."""
    assert still.order(qty="400")[0] == 200
    run = Run(write_desk(tmp_path / "desk", still.server.port)).until(ready)
    assert here(run.state)[::2] == there(still)[::2] == (400, set())
    assert run.state["kinds"][EventKind.POSITION_ADOPTED] == 1
    assert run.state["kinds"][EventKind.FILL] == 0
    assert still.order(side="sell", qty="150")[0] == 200
    run = Run(tmp_path / "desk").until(ready)
    assert here(run.state)[0] == 250
    assert still.order(side="sell", qty="250")[0] == 200
    run = Run(tmp_path / "desk").until(ready, lambda session: session.couriers[0].rounds.rounds_done > 0)
    assert here(run.state) == there(still)
    assert here(run.state)[0] == 0
    assert not run.session.couriers[0].rounds.suspicions.seen


def test_kill_cancels_everything(tmp_path: Path, twin: Twin) -> None:
    run = Run(write_desk(tmp_path / "desk", twin.server.port), Busy)

    def kill(session: LiveSession) -> bool:
        if not session.ready or len(there(twin)[2]) < 3:
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
    """Killed under load, twice; in the end the desk has what the venue has, and each of its fills once."""
    folder = write_desk(tmp_path / "desk", twin.server.port)
    program = ("-m", "tests.desk.alpaca_desk", str(folder))
    for _ in range(2):
        desk = Process(*program, "busy")
        try:
            desk.line("traded")
        finally:
            desk.kill()
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
    assert (known.net, known.cash, set(known.working)) == there(twin)
    assert not known.unheard
    executions = twin.do(lambda server: [row["id"] for row in server.exchange.accounts[ANN.key].activities])
    fills = {identity_number(one.rpartition("::")[2]) for one in executions}
    assert known.fills.keys() == fills
    assert known.net == sum(known.lots.values())  # each once
    assert len(fills) == len(executions) > 4


def until_agreed(folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        status = ask(DeskPlace(folder).socket, "twinned", Command(verb=Verb.STATUS))
        if status["recovered"] and not status["differences"] and not status["orders_asked_for"]:
            return
        assert time.monotonic() < deadline, f"the desk and the twin never agreed: {status}"
        time.sleep(0.1)


class Buyer(Idle):
    """Wants a share at each quote."""

    kind = "buyer"

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        if quote.ask and not list(desk.open_orders(0)):
            desk.buy(0, 1, quote.ask)


def test_a_desk_enters_nothing_while_the_market_is_closed(tmp_path: Path) -> None:
    with running(start_ns=at("2026-11-20T08:30"), seed=5) as twin:  # quotes before the opening
        run = Run(write_desk(tmp_path / "desk", twin.server.port), Buyer)
        run.until(lambda session: session.desk.states[0]["kinds"][EventKind.ORDER_REJECTED] > 0)
        assert run.state["kinds"][EventKind.ORDER_ACCEPTED] == 0
        assert twin.ask("/v2/orders?status=all") == []
        assert any("the market is closed; it opens 2026-11-20T09:30:00-05:00" in text for text in run.said)


@pytest.mark.parametrize(
    ("secret", "change", "sentence"),
    [
        ("not ann's", (), "a key and a secret that the venue knows"),
        ("", (('symbol = "AAPL"', 'symbol = "ZZZZ"'), ('["AAPL"]', '["ZZZZ"]')), "a US equity that the venue lists"),
    ],
)
def test_what_the_venue_does_not_take_is_said_and_nothing_is_sent(
    tmp_path: Path,
    still: Twin,
    monkeypatch: pytest.MonkeyPatch,
    secret: str,
    change: tuple[tuple[str, str], ...],
    sentence: str,
) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, secret or ANN.secret)
    run = Run(write_desk(tmp_path / "desk", still.server.port, *change), Busy)
    run.until(lambda _: any(sentence in text for text in run.said))
    assert not run.session.ready
    assert run.state["kinds"][EventKind.ORDER_REQUEST] == 0
    assert len([text for text in run.said if sentence in text]) == 1
    assert not [text for text in run.said if (secret or ANN.secret) in text]
    assert still.ask("/v2/orders?status=all") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('kind = "equity"', 'kind = "spot"'), r"instruments\[AAPL\].kind = 'spot' is not allowed: equity, as at alp"),
        (('tick = "0.01"', 'tick = "0.05"'), r"instruments\[AAPL\].tick = '0.05' is not allowed: 0.01 or 0.0001"),
        (('lot = "1"', 'lot = "10"'), r"instruments\[AAPL\].lot = '10' is not allowed: 1, or a decimal fraction"),
        (("taker_fee_bps = 0", "taker_fee_bps = 1"), r"taker_fee_bps = '1' is not allowed: 0"),
        (('lot = "1"', 'lot = "1"\nmultiplier = "2"'), r"multiplier = '2' is not allowed: 1, as at alp"),
    ],
)
def test_terms_that_are_not_the_venues_are_one_line(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_venue(load_desk(write_desk(tmp_path / "desk", 8901, change)), 0)


@pytest.mark.parametrize("venue", ['address = "192.0.2.1:80"', 'address = "127.0.0.1:8901"\ndepth = true'])
def test_no_market_but_a_twins_is_reached(tmp_path: Path, venue: str) -> None:
    with pytest.raises(ConfigError, match=r"twin only|a alpaca venue has none"):
        load_desk(write_desk(tmp_path / "desk", 8901, ('address = "127.0.0.1:8901"', venue)))


def test_keys_are_needed_for_market_data_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_desk(write_desk(tmp_path / "desk", 8901))
    assert open_market_data(config, 0) is not None
    monkeypatch.delenv(SECRET_VARIABLE)
    for opens in (open_venue, open_market_data):
        with pytest.raises(ConfigError, match=SECRET_VARIABLE):
            opens(config, 0)
