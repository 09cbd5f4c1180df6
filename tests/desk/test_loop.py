"""What is tested: `quarterdeck.desk.loop`: a live session on a real practice exchange, woken by what comes.

And `quarterdeck.cli.practice`, `quarterdeck.cli.adopting`: the commands around it, as processes.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from quarterdeck.cli import adopting, app, practice
from quarterdeck.config import load_desk
from quarterdeck.desk.bell import Bell
from quarterdeck.desk.live import LiveOptions, LiveSession
from quarterdeck.desk.loop import run_session
from quarterdeck.desk.place import DeskPlace
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.runtime.replay import replay_desk
from quarterdeck.twins.practice_faults import Admin, Fault, ask_admin
from quarterdeck.venues.addresses import Address
from quarterdeck.venues.links import open_venue
from tests.desk.builders import desk_folder
from tests.desk.busy_desk import Busy
from tests.desk.killed import Process, write_desk

PATIENCE_S = 60.0
assert adopting.adopt is not practice.practice  # their commands are in `app`
CLI = ("-c", "import quarterdeck.cli, quarterdeck.cli.practice, quarterdeck.cli.adopting; quarterdeck.cli.main()")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_desk(tmp_path / "desk")
    return tmp_path / "desk"


@pytest.fixture
def exchange(folder: Path) -> Iterator[Process]:
    process = Process(*CLI, "practice", str(folder), "--quotes", "200")
    process.line("the")
    yield process
    process.kill()


def cli(*words: str) -> str:
    """Runs a command in this process; returns what it printed, or raises its error."""
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def status(folder: str) -> dict[str, Any]:
    return json.loads(cli("status", folder, "--json"))


def drive(folder: Path, until: Callable[[LiveSession], bool], each: Callable[[LiveSession], None] | None = None) -> Any:
    """Runs a busy desk in this thread until a condition holds; returns its session."""
    config, bell = load_desk(folder), Bell()
    options = LiveOptions(wake=bell.ring, sources=[Busy])
    session = LiveSession(config, DeskPlace(folder), [open_venue(config, 0)], options)
    begin = time.monotonic()

    def look() -> None:
        if each is not None:
            each(session)
        assert time.monotonic() - begin < PATIENCE_S, "it never came to be"
        if until(session):
            session.stopping = True

    run_session(session, each=look, bell=bell)
    return session


def traded(session: LiveSession) -> bool:
    return session.ready and session.tally.fills > 5 and session.tally.orders > 10


def test_a_live_desk_trades_and_winds_down(folder: Path, exchange: Process) -> None:
    session = drive(folder, traded)
    state = session.desk.states[0]
    assert state["open_count"] == 0
    record = ask_admin(Address(path=folder / "practice.sock"), Admin(account="practised"))
    theirs, ours = record["positions"][0], state["instruments"][0]["net"]
    assert theirs["quantity"] == ours["quantity"]
    # Fills heard in another order split results otherwise between cash and the rest's cost; the difference stays.
    assert record["cash"][0] - theirs["cost"] == state["accounts"][0]["postings"][0] - ours["cost"]
    assert replay_desk(folder).result.digest == session.desk.digest
    assert not [one.name for one in threading.enumerate() if "practice" in one.name]


def test_it_sleeps_until_something_comes(folder: Path) -> None:
    """Without an exchange there is nothing to do: a turn for each second, each attempt to connect, and no more."""
    turns = 0

    def count(_: LiveSession) -> None:
        nonlocal turns
        turns += 1

    begin = time.monotonic()
    drive(folder, lambda _: time.monotonic() - begin > 2.0, count)
    assert turns < 40


FAULTS = (Fault.DISCONNECT, Fault.DROP_ACKS, Fault.GARBLE, Fault.REJECT, Fault.DELAY, Fault.CLEAR, Fault.DISCONNECT)


def test_faults_under_way(folder: Path, exchange: Process) -> None:
    """Cut lines, lost answers and garbage: the desk trades on, and agrees with the exchange in the end."""
    address = Address(path=folder / "practice.sock")
    struck, goal = 0, 5

    def strike(session: LiveSession) -> None:
        nonlocal struck, goal
        if struck < len(FAULTS) and session.ready and session.tally.orders > goal:
            goal = session.tally.orders + 15
            ask_admin(address, Admin(fault=FAULTS[struck], amount=5))
            struck += 1

    def done(session: LiveSession) -> bool:
        return struck == len(FAULTS) and traded(session) and session.tally.orders > goal

    session = drive(folder, done, strike)
    record = ask_admin(address, Admin(account="practised"))
    assert record["positions"][0]["quantity"] == session.desk.states[0]["instruments"][0]["net"]["quantity"]
    ids = [order["client_id"] for order in record["orders"]]
    assert len(ids) == len(set(ids))


LIVE = (
    ('mode = "paper"', 'mode = "live"'),
    ('kind = "simulated"', 'kind = "practice"\naddress = "practice.sock"'),
    ("order_latency_ms = 50\n", ""),
    ("response_latency_ms = 50\n", ""),
)


def test_the_command_line_runs_a_live_desk(tmp_path: Path) -> None:
    """`run` follows desk.mode; `status`, `adopt`, `practice-fault` and `stop` speak to it; `replay` agrees."""
    desk_folder(tmp_path / "live", *LIVE)
    folder = str(tmp_path / "live")
    exchange = Process(*CLI, "practice", folder, "--quotes", "200")
    exchange.line("the")
    desk = Process(*CLI, "run", folder, "--for", "50")
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not (tmp_path / "live" / "data" / "control.sock").exists() or not status(folder)["recovered"]:
            assert time.monotonic() < deadline
            assert desk.alive
        assert status(folder)["mode"] == "live"
        with pytest.raises(DeskError, match="nothing to adopt"):
            cli("adopt", folder, "XRP", "--person", "operator-1", "--why", "a drill")
        assert json.loads(cli("practice-fault", folder, "--json"))["connections"] == 1
        with pytest.raises(ConfigError, match="one of disconnect, delay"):
            cli("practice-fault", folder, "disconnected")
        assert "winds down" in cli("stop", folder)
        assert "digest" in desk.rest()
    finally:
        desk.kill()
        exchange.kill()
    assert "digest" in cli("replay", folder)
    with pytest.raises(DeskError, match="trades live"):
        cli("run", folder, "--seed", "1")
