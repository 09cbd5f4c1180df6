"""What the desk's tests are built from: a desk's folder, quotes, strategies of few words, a watchful sink, a disk."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.desk.paper import PaperSession, SessionOptions
from quarterdeck.desk.place import DeskPlace
from quarterdeck.journal import JournalReader, JournalWriter
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.strategies.contract import Parameters, PythonStrategy
from quarterdeck.strategies.views import DeskView, Quote
from tests.journal.builders import MemoryDisk

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "desks" / "xrpliquid"
START_NS = 1_700_000_000_000_000_000
PRICE = 1_200_000  # ticks of the shipped perpetual: 1.2
STEP = 100  # of prices with five significant figures


class Nothing(msgspec.Struct):
    """A strategy's memory of nothing."""


class Anything(Parameters, forbid_unknown_fields=False):
    """Whatever the shipped desk tells its own strategies."""


class Quoter(PythonStrategy):
    """Asks to buy 20 below the bid at every quote of the perpetual, and cancels what it asked for before."""

    kind = "quoter"
    parameters_type = Anything

    def __init__(self, parameters: Any, place: Any) -> None:
        super().__init__(parameters, place)
        self.memory = Nothing()

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        if quote.instrument != 0:
            return
        held = list(desk.open_orders(0))
        desk.buy(0, 20, quote.bid - STEP * (1 + len(held)), post_only=True)
        for order in held:
            if not order.cancel_pending:
                desk.cancel(order.order_id)


class Idle(PythonStrategy):
    """Never asks."""

    kind = "idle"
    parameters_type = Anything

    def __init__(self, parameters: Any, place: Any) -> None:
        super().__init__(parameters, place)
        self.memory = Nothing()


class Buyer(Idle):
    """Buys 20 at the market once, when it is flat, and holds."""

    kind = "buyer"

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        if quote.instrument == 0 and desk.position(0) == 0 and not list(desk.open_orders(0)):
            desk.buy(0, 20)


SOURCES = (Idle, Quoter, Idle)


def desk_folder(path: Path, *changes: tuple[str, str]) -> DeskConfig:
    """Copies the shipped desk to a folder, with texts of its desk.toml replaced, and loads it."""
    shutil.copytree(SHIPPED / "config", path / "config")
    text = (SHIPPED / "desk.toml").read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (path / "desk.toml").write_text(text)
    return load_desk(path)


def quote(time_ns: int, bid: int = PRICE, instrument: int = 0) -> NDArray[np.void]:
    event = new_events(1)
    event["kind"] = EventKind.QUOTE
    event["instrument"] = instrument
    event["time_ns"] = time_ns
    event["bid"], event["ask"] = bid, bid + STEP
    event["bid_quantity"] = event["ask_quantity"] = 1_000
    return event


def session(config: DeskConfig, place: DeskPlace, **options: Any) -> PaperSession:
    """A session that is not open yet, in a fast market."""
    options = {"speed": 30.0, "sources": SOURCES, **options}
    return PaperSession(config, place, SessionOptions(**options))


def pump(of: PaperSession, events: int) -> None:
    """Pumps until the desk has applied that many more events."""
    goal = int(of.desk.states[0]["events"]) + events
    while of.desk.states[0]["events"] < goal:
        of.pump()


def until(of: PaperSession, condition: Callable[[Any], bool], turns: int = 3_000) -> None:
    """Pumps until the desk's state is so; fails when it never is."""
    for _ in range(turns):
        if condition(of.desk.states[0]):
            return
        of.pump()
        time.sleep(0.001)
    raise AssertionError(f"not so after {turns} turns")


class WatchfulSink:
    """Remembers what was sent, and that everything was with the operating system by then."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []
        self.writer: JournalWriter | None = None

    def _note(self, verb: str, action: Any) -> None:
        assert self.writer is not None
        assert self.writer.flushed_sequence == self.writer.next_sequence
        self.sent.append((verb, int(action["order_id"])))

    def submit(self, action: Any) -> None:
        self._note("submit", action)

    def cancel(self, action: Any) -> None:
        self._note("cancel", action)

    def replace(self, action: Any) -> None:
        self._note("replace", action)


class RoomyDisk(MemoryDisk):
    """A disk in memory on which a folder that was made is there, even with nothing in it."""

    def names(self, directory: Path) -> list[str]:
        return sorted(path.name for path in self.files if path.parent == directory)


def venue_errors(journal: Path) -> int:
    """How many requests a desk's journal says were lost, or failed by the venue's own fault."""
    records = [block.records for block in JournalReader(journal).blocks(0)]
    return sum(int(((r["kind"] == EventKind.VENUE_RESULT) & (r["flags"] & Flag.ERROR != 0)).sum()) for r in records)
