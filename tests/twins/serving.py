"""A practice exchange for tests: a real server on a real socket, in a thread of its own, with a market set by hand."""

import asyncio
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import uvloop

from quarterdeck.kernel.vocabulary import OrderType, Side, TimeInForce
from quarterdeck.twins.exchange_records import Listing
from quarterdeck.twins.practice import PracticeServer
from quarterdeck.twins.practice_core import PracticeCore, PracticeTerms
from quarterdeck.twins.practice_faults import Admin, Fault, ask_admin
from quarterdeck.venues.addresses import Address
from quarterdeck.venues.line import Backoff
from quarterdeck.venues.messages import Cancel, Line, Message, Place
from quarterdeck.venues.practice.terms import DeskTerms, InstrumentTerms, PurseTerms
from quarterdeck.venues.practice.venue import PracticeOptions, PracticeVenue

PATIENCE_S = 20.0
DESK = "tester"
INSTRUMENTS = (
    InstrumentTerms(symbol="XRP", purse="USDC", tick="0.0001", lot="1", value=10_000),
    InstrumentTerms(symbol="SOL", purse="USDC", tick="0.01", lot="0.1", value=100_000),
)
PURSES = (PurseTerms(currency="USDC", exponent=8),)
TERMS = DeskTerms(INSTRUMENTS, (0, 1), PURSES, (0,))
CASH = 10**12
PRACTICE = PracticeTerms(
    terms=TERMS,
    listings=(Listing(value=10_000, margined=True, maker_fee_ppb=100_000), Listing(value=100_000)),
    cash=(CASH,),
)


class Serving:
    """Runs a server until the block ends. `address` may be given, so that another can follow at the same place."""

    def __init__(self, folder: Path, *, state: Path | None = None, quotes: float = 0.0, port: bool = False) -> None:
        self.folder, self._state, self._quotes = folder, state, quotes
        self.address = Address(host="127.0.0.1", port=0) if port else Address(path=folder / "practice.sock")
        self.server: PracticeServer
        self._loop: asyncio.AbstractEventLoop
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="practice server")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self.server.stop)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def admin(self, fault: Fault | None = None, amount: int = 1, **words: Any) -> dict[str, Any]:
        return ask_admin(self.address, Admin(fault=fault, amount=amount, **words))

    def quote(self, bid: int, ask: int, lots: int = 1_000, instrument: int = 0) -> None:
        self.admin(quotes=((instrument, bid, ask, lots, lots),))

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        core = PracticeCore(PRACTICE, state=self._state)
        self.server = PracticeServer(core, seed=1, quotes_per_second=self._quotes)
        try:
            await self.server.open(self.address)
            if self.address.path is None:
                self.address = Address(host="127.0.0.1", port=self.server.port)
            self._ready.set()
            await self.server.until_stopped()
        finally:
            await self.server.close()


class Ear:
    """Hears what a venue delivers."""

    def __init__(self) -> None:
        self.heard: queue.Queue[Message] = queue.Queue()
        self.all: list[Message] = []

    def __call__(self, message: Message) -> None:
        self.all.append(message)
        self.heard.put(message)

    def next(self, kind: Any, wanted: Callable[[Any], bool] = lambda _: True) -> Any:
        """Returns the next message of a kind; what comes before it is passed over."""
        while True:
            message = self.heard.get(timeout=PATIENCE_S)
            if isinstance(message, kind) and wanted(message):
                return message

    def line(self, up: bool) -> Line:
        return self.next(Line, lambda line: line.up is up)


def venue_at(address: Address, account: str = DESK, **options: Any) -> PracticeVenue:
    """A venue that comes back quickly."""
    options = {"backoff": Backoff(first_s=0.01, most_s=0.05, seed=1), **options}
    return PracticeVenue(address, DESK, account, TERMS, PracticeOptions(**options))


def place(number: int, order_id: int, **changes: Any) -> Place:
    """A request to buy 10 XRP at 1.0000 that rests unless the market is there."""
    fields: dict[str, Any] = {
        "request_id": number,
        "order_id": order_id,
        "strategy": 0,
        "instrument": 0,
        "side": Side.BUY,
        "price": 10_000,
        "trigger_price": 0,
        "quantity": 10,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "post_only": False,
        "reduce_only": False,
        "expires_ns": 0,
    }
    return Place(**{**fields, **changes})


def cancel(number: int, order_id: int) -> Cancel:
    return Cancel(request_id=number, order_id=order_id, venue_order_id=0, instrument=0, strategy=0, expires_ns=0)


def tags(path: Path) -> list[str]:
    """What the lines of a truth file are."""
    return [msgspec.json.decode(line)["type"] for line in path.read_bytes().splitlines()]
