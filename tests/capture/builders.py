"""Market events made by hand, a desk with two instruments, and a venue that says what a test tells it to."""

from pathlib import Path

import numpy as np

from quarterdeck.capture.catalogue import Catalogue, CataloguedInstrument, CataloguedVenue
from quarterdeck.capture.recorder import Recorder
from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market.events import Events, blank_events, join_events
from quarterdeck.venues.messages import Line, MarketData, Request
from quarterdeck.venues.protocol import Capabilities, Deliver
from tests.desk.hyperliquid_folder import SPOT, write_desk

SECOND = 1_000_000_000
NOON = 1_750_000_000 * SECOND  # 2025-06-15, 15:06:40 UTC
DAY = "2025-06-15"
NEXT_DAY = "2025-06-16"
MIDNIGHT = 1_750_032_000 * SECOND


def catalogue(*steps: tuple[str, str], kind: str = "hyperliquid") -> Catalogue:
    """Instruments with these ticks and lots at one venue: I0, I1 and so on."""
    instruments = tuple(
        CataloguedInstrument(symbol=f"I{at}", venue="v", kind="perpetual", tick=tick, lot=lot, stale_ns=5 * SECOND)
        for at, (tick, lot) in enumerate(steps or (("0.01", "1"),))
    )
    return Catalogue(venues=(CataloguedVenue(name="v", kind=kind, address=""),), instruments=instruments)


def trade(price: int, lots: int, trade_id: int, *, at_ns: int = 0, instrument: int = 0, sell: bool = False) -> Events:
    events = blank_events(1, EventKind.TRADE, instrument)
    events["price"], events["quantity"], events["trade_id"], events["venue_time_ns"] = price, lots, trade_id, at_ns
    events["flags"] = Flag.SELL if sell else 0
    return events


def quote(bid: int, ask: int, *, at_ns: int = 0, instrument: int = 0, lots: int = 7) -> Events:
    events = blank_events(1, EventKind.QUOTE, instrument)
    events["bid"], events["ask"], events["venue_time_ns"] = bid, ask, at_ns
    events["bid_quantity"], events["ask_quantity"] = lots if bid else 0, lots if ask else 0
    return events


def book(
    bids: dict[int, int], asks: dict[int, int], *, at_ns: int = 0, instrument: int = 0, whole: bool = True
) -> Events:
    """A whole book, or (`whole` False) changes of one."""
    levels = [*((price, lots, 0) for price, lots in bids.items()), *((p, q, Flag.SELL) for p, q in asks.items())]
    events = blank_events(len(levels), EventKind.LEVEL, instrument)
    for place, (price, lots, side) in enumerate(levels):
        events["price"][place], events["quantity"][place], events["flags"][place] = price, lots, side
    if whole:
        events = join_events([blank_events(1, EventKind.BOOK_CLEAR, instrument), events])
    events["flags"][-1] |= int(Flag.LAST)
    events["venue_time_ns"] = at_ns
    return events


def words_of(*parts: Events, arrived: int = NOON) -> np.ndarray:
    """Events as the inbox hands them on, each part a millisecond after the one before."""
    for number, part in enumerate(parts):
        part["time_ns"] = arrived + number * 1_000_000
    return np.frombuffer(b"".join(part.tobytes() for part in parts), np.int64).reshape(-1, 8).copy()


def two_instruments(folder: Path) -> DeskConfig:
    """A desk of XRP and XRP/USDC at Hyperliquid."""
    return load_desk(write_desk(folder / "desk", 8901, SPOT, ("\n[venues.limits]", "\ndepth = true\n[venues.limits]")))


class Said:
    """A venue whose messages a test says."""

    capabilities = Capabilities()

    def __init__(self) -> None:
        self.deliver: Deliver | None = None

    def open(self, deliver: Deliver) -> None:
        self.deliver = deliver

    def send(self, request: Request) -> None:
        raise AssertionError(f"a recording asks for nothing: {request}")

    def close(self) -> None:
        self.deliver = None

    def say(self, *events: Events) -> None:
        assert self.deliver is not None
        for one in events:
            self.deliver(MarketData(events=one))

    def line(self, *, up: bool, why: str = "") -> None:
        assert self.deliver is not None
        self.deliver(Line(up=up, text=why))


class Recording:
    """A recorder on a clock that a test moves; `venue` is what it listens to."""

    def __init__(self, folder: Path, *, now_ns: int = NOON, **options: int | float) -> None:
        self.now_ns = now_ns
        self.config = load_desk(folder / "desk") if (folder / "desk").exists() else two_instruments(folder)
        self.folder = folder / "capture"
        self.venue, self.said = Said(), list[str]()
        clock = lambda: self.now_ns  # noqa: E731 - read anew each time
        self.recorder = Recorder(
            self.config, self.folder, {0: self.venue}, say=self.said.append, wall=clock, monotonic=clock, **options
        )

    def open(self) -> "Recording":
        self.recorder.open()
        return self

    def say(self, *events: Events, after_ns: int = 1_000_000) -> None:
        """Each comes a moment after the one before."""
        for one in events:
            self.now_ns += after_ns
            self.venue.say(one)

    def pump(self, after_ns: int = 1_000_000) -> None:
        self.now_ns += after_ns
        self.recorder.pump()
