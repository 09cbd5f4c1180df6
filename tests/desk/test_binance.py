"""A live desk on the twin of Binance, through the real adapter and real sockets.

What is tested: `quarterdeck.desk.live` with `quarterdeck.venues.links` and `quarterdeck.venues.binance.terms`, against
`quarterdeck.twins.binance.server`.
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
from quarterdeck.twins.binance.server import Funds
from quarterdeck.venues.binance.keys import KEY_VARIABLE, SECRET_VARIABLE
from quarterdeck.venues.identity import client_id, desk_tag
from quarterdeck.venues.links import open_venue
from tests.desk.binance_folder import SPOT, write_desk
from tests.desk.builders import Idle, venue_errors
from tests.desk.hyperliquid_desk import Busy
from tests.desk.killed import Known, Process
from tests.twins.binance.serving import KEYS, SECRETS, Twin, running

PATIENCE_S = 90.0
HOURS_NS = 8 * 3_600 * 10**9
OFTEN = ("[operators]", "[reconciliation]\nevery_s = 5\n\n[operators]")
ANN = KEYS["ann"]
PERPETUAL, PAIR = 0, 1  # the desk's instruments
OPEN = (OrderStatus.SUBMITTED, OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.UNKNOWN)
FUNDS = {ANN: Funds(secret=SECRETS["ann"], spot={"USDT": "100000", "BTC": "0.1", "BNB": "50"}, futures="100000")}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, ANN)
    monkeypatch.setenv(SECRET_VARIABLE, SECRETS["ann"])


@pytest.fixture
def twin() -> Iterator[Twin]:
    with running(seed=5, keys=FUNDS) as served:
        yield served


class Run:
    """A desk in this thread, until a condition holds. `said` is what people were told."""

    def __init__(self, folder: Path, source: StrategySource = Idle) -> None:
        config, self.bell, self.said = load_desk(folder), Bell(), list[str]()
        options = LiveOptions(wake=self.bell.ring, sources=[source], voices=Voices(say=self.said.append, narrate=False))
        venues = [open_venue(config, row, self.said.append) for row in range(len(config.venues))]
        self.session = LiveSession(config, DeskPlace(folder), venues, options)

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


def market(exchange: Any, *, futures: bool) -> Any:
    (found,) = [one for one in exchange.listings if one.symbol == "BTCUSDT" and one.futures == futures]
    return found


def there(twin: Twin) -> tuple[int, int, set[str]]:
    """What the twin's futures have: lots, the wallet less their cost in units of 1e-8, client ids of working orders.

    How a result is split between the wallet and that cost depends on the order in which fills were heard.
    """

    def look(exchange: Any) -> tuple[int, int, set[str]]:
        account = exchange.accounts[ANN]
        working = {order.client_id for order in account.open_orders(futures=True)}
        position = account.position(market(exchange, futures=True).index)
        return position.lots, account.wallet - position.cost, working

    return twin.do(look)


def spot_there(twin: Twin) -> tuple[int, int]:
    """What the twin's spot wallet has: lots of BTC, USDT in units of 1e-8."""

    def look(exchange: Any) -> tuple[int, int]:
        account = exchange.accounts[ANN]
        return account.balance("BTC") // market(exchange, futures=False).unit, account.balance("USDT")

    return twin.do(look)


def here(state: Any, instrument: int = PERPETUAL) -> tuple[int, int, set[str]]:
    """The same as the desk has it, of the futures or of spot."""
    tag = desk_tag("twinned")
    orders = [order for order in state["orders"] if order["id"] and int(order["status"]) in OPEN]
    working = {
        client_id(tag, int(order["strategy"]), int(order["id"]))
        for order in orders
        if int(order["instrument"]) == instrument
    }
    # The spot venue's purse is the first where there is one.
    purse = int(state["accounts_count"]) - 1 if instrument == PERPETUAL else 0
    net = state["instruments"][instrument]["net"]
    cash = int(state["accounts"][purse]["postings"][0]) - (int(net["cost"]) if instrument == PERPETUAL else 0)
    return int(net["quantity"]), cash, working


def pay_funding(twin: Twin, rate_ppb: int) -> None:
    """The funding of the next eighth hour is paid at the twin, whose market's clock is there then."""

    def pay(exchange: Any) -> None:
        events = blank_events(1, EventKind.FUNDING, market(exchange, futures=True).index)
        events["rate"], events["time_ns"] = rate_ppb, (exchange.now_ns // HOURS_NS + 1) * HOURS_NS
        exchange.take(events)

    twin.do(pay)


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


class SpotAndPerpetual(Idle):
    """Buys spot and sells as much of the perpetual, four times; then takes both back."""

    kind = "spot_and_perpetual"

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        busy = list(desk.open_orders(PERPETUAL)) + list(desk.open_orders(PAIR))
        if quote.instrument != PAIR or not quote.bid or not quote.ask or busy:
            return
        held = desk.position(PERPETUAL)
        if held > -40:
            desk.sell(PERPETUAL, 10)
            desk.buy(PAIR, 1_000, quote.ask + 1_000)
        else:
            desk.buy(PERPETUAL, -held)
            desk.sell(PAIR, 4_000)


@pytest.mark.slow
def test_spot_and_futures_in_one_desk(tmp_path: Path, twin: Twin) -> None:
    """One key, two venues, one symbol: what each holds is its own. Spot fees are paid in BNB, and that is said."""
    folder = write_desk(tmp_path / "desk", twin.server.port, *SPOT, OFTEN)
    run = Run(folder, SpotAndPerpetual)

    def both(session: LiveSession) -> bool:
        fills = int(session.desk.states[0]["kinds"][EventKind.FILL])
        return session.ready and fills > 20 and all(one.rounds.rounds_done > 1 for one in session.couriers)

    run.until(both)
    assert here(run.state) == there(twin)
    assert here(run.state, PAIR)[:2] == spot_there(twin)
    assert run.session.differences() == []
    assert any("takes the fee of a BTCUSDT buy in BTC, unless" in text for text in run.said)
    assert any("takes fees in BNB" in text for text in run.said)
    assert replay_desk(folder).result.digest == run.session.desk.digest


def test_kill_cancels_everything(tmp_path: Path, twin: Twin) -> None:
    run = Run(write_desk(tmp_path / "desk", twin.server.port), Busy)

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
    program = ("-m", "tests.desk.hyperliquid_desk", str(folder))  # it speaks to whatever its folder says
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
    assert (known.net, known.cash - known.cost, set(known.working)) == there(twin)
    assert not known.unheard
    fills = twin.do(lambda exchange: {fill.number for fill in exchange.accounts[ANN].fills})
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


class Holder(Idle):
    """Buys once and holds."""

    kind = "holder"

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        if quote.ask and not desk.position(0) and not list(desk.open_orders(0)):
            desk.buy(0, 20)


@pytest.mark.slow
def test_funding_is_booked_also_where_the_line_was_down(tmp_path: Path, twin: Twin) -> None:
    folder = write_desk(tmp_path / "desk", twin.server.port, OFTEN)

    def paid(count: int) -> Callable[[LiveSession], bool]:
        return lambda session: session.ready and session.desk.states[0]["kinds"][EventKind.FUNDING_PAYMENT] >= count

    def holds(session: LiveSession) -> bool:
        return session.ready and int(session.desk.states[0]["instruments"][0]["net"]["quantity"]) == 20

    def told(_: LiveSession) -> bool:
        pay_funding(twin, 10_000)
        return True

    def missed(_: LiveSession) -> bool:
        twin.fault("disconnect")
        pay_funding(twin, 20_000)
        return True

    run = Run(folder, Holder).until(holds, told, paid(1), missed, paid(2))
    assert here(run.state) == there(twin)
    pay_funding(twin, 40_000)  # and while the desk does not run
    run = Run(folder).until(paid(3))
    assert here(run.state) == there(twin)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('tick = "0.10"', 'tick = "0.01"'), "tick = '0.01' is not allowed: 0.1, as listed"),
        (("min_notional = 100", "min_notional = 5"), "min_notional = '5' is not allowed: 100, as listed"),
    ],
)
def test_terms_that_are_not_the_venues_are_said_and_nothing_is_sent(
    tmp_path: Path, twin: Twin, change: tuple[str, str], sentence: str
) -> None:
    run = Run(write_desk(tmp_path / "desk", twin.server.port, change), Busy)
    run.until(lambda _: any(sentence in text for text in run.said))
    assert not run.session.ready
    assert run.state["kinds"][EventKind.ORDER_REQUEST] == 0
    assert len([text for text in run.said if sentence in text]) == 1


def test_a_key_that_may_withdraw_is_refused(tmp_path: Path) -> None:
    with running(keys={ANN: Funds(secret=SECRETS["ann"], futures="1000", may_withdraw=True)}) as twin:
        run = Run(write_desk(tmp_path / "desk", twin.server.port), Busy)
        run.until(lambda _: any("a key that may not withdraw" in text for text in run.said))
        assert not run.session.ready
        assert run.state["kinds"][EventKind.ORDER_REQUEST] == 0
        assert not [text for text in run.said if ANN in text or SECRETS["ann"] in text]
