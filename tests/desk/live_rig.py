"""A live desk on a practice exchange in one process and one thread: time passes when the test says so.

The link between them delivers bytes after a latency; a test may drop, hold, repeat or cut what crosses it.
"""

import dataclasses
import heapq
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.desk.live import LiveOptions, LiveSession
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.session import Voices
from quarterdeck.kernel.vocabulary import EventKind, OrderStatus
from quarterdeck.runtime.host import StrategySource
from quarterdeck.twins.exchange import PracticeExchange
from quarterdeck.twins.exchange_records import Listing, Order, Quote, Status
from quarterdeck.twins.practice_wire import PracticeWire
from quarterdeck.venues.messages import Line, Message, Request
from quarterdeck.venues.practice.codec import Garbled, PracticeCodec
from quarterdeck.venues.protocol import Capabilities, Deliver
from tests.desk.builders import Idle

MS = 1_000_000
SECOND = 1_000 * MS
START_NS = 1_700_000_000 * SECOND
CASH = 10_000 * 10**8
DESK_TOML = """
[desk]
name = "practised"
mode = "live"
base_currency = "USD"
capacity = "small"

[[venues]]
name = "practice"
kind = "practice"
address = "practice.sock"
[venues.limits]
max_exposure = "100000"
messages_per_second = 1000
cancel_reserve = 100

[[accounts]]
venue = "practice"
currency = "USD"

[[instruments]]
symbol = "ABC"
venue = "practice"
kind = "perpetual"
base = "ABC"
quote = "USD"
tick = "0.01"
lot = "1"
maker_fee_bps = 1
taker_fee_bps = 4
initial_margin = 0.1
[instruments.limits]
max_notional = "100000"
max_quantity = "1000"
max_exposure = "100000"
max_long = "1000"
max_short = "1000"
stale_ms = 600000
collar_bps = 5000
collar_period_bps = 5000
collar_period_s = 300
duplicate_window_ms = 0

[[strategies]]
name = "asker"
kind = "momentum"
instruments = ["ABC"]
[strategies.limits]
max_exposure = "100000"
max_long_exposure = "100000"
max_short_exposure = "100000"
max_daily_loss = "100000"
max_executions = 100000

[limits]
max_exposure = "100000"
heat = 0.9
max_daily_loss = "5000"
max_drawdown = 0.9
equity_floor = "0"
orders_per_minute = 100000

[operators]
people = ["ada"]
"""


def desk_config(folder: Path) -> DeskConfig:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "desk.toml").write_text(DESK_TOML)
    return load_desk(str(folder))


class RigLink:
    """The venue's side of the desk: requests go to the exchange as bytes, and come back the same way."""

    def __init__(self, rig: "Rig") -> None:
        self.capabilities = Capabilities(latest_ms=3_000)
        self._rig = rig
        self.deliver: Deliver | None = None
        self.sent: list[Request] = []
        self.keep: Callable[[Request], bool] = lambda _: True  # False: the request never arrives
        self.answer: Callable[[Request, bytes], bool] = lambda _request, _line: True  # False: its answer never does

    def open(self, deliver: Deliver) -> None:
        self.deliver = deliver
        self._rig.link = self
        self.say(Line(up=True))

    def send(self, request: Request) -> None:
        self.sent.append(request)
        line = self._rig.codec.encode(request)
        if self.keep(request):
            self._rig.later(self._rig.latency_ns, lambda: self.arrive(request, line))

    def arrive(self, request: Request, line: bytes) -> None:
        told = self._rig.wire.handle(self._rig.now_ns, 0, line)
        if told and self.answer(request, told[0][1]):
            self._rig.later(self._rig.latency_ns, lambda: self.hear(told[0][1]))
        self._rig.told(told[1:])

    def hear(self, line: bytes) -> None:
        said = self._rig.codec.decode(line)
        assert not isinstance(said, Garbled), said
        self.say(said)

    def say(self, message: Message) -> None:
        if self.deliver is not None:
            self.deliver(message)

    def close(self) -> None:
        self.deliver = None


class QuietLogs:
    """Keeps the lines."""

    def __init__(self, *_: object) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def system(self, event: str, **fields: object) -> None:
        self.lines.append((event, dict(fields)))

    error = system

    def tell(self, line: object) -> None: ...

    def close(self) -> None: ...


class Rig:
    """An exchange with one desk's account, and the desk. `restart` kills the desk's process and starts another."""

    def __init__(self, folder: Path, source: StrategySource = Idle) -> None:
        self.now_ns = START_NS
        self.latency_ns = 5 * MS
        self.config = desk_config(folder)
        self.place = DeskPlace(self.config.folder)
        value = int(0.01 * 1 * 10**8)
        listing = Listing(value=value, margined=True, maker_fee_ppb=100_000, taker_fee_ppb=400_000)
        self.exchange = PracticeExchange([listing])
        self.exchange.open_account([CASH])
        self.wire = PracticeWire(self.exchange)
        self.codec = PracticeCodec(self.config.desk.name, [0], [0])
        self.source = source
        self.mute_news = False
        self.repeat_news = False
        self.link: RigLink
        self.session: LiveSession
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def hold(self, request: Request, held: list[Callable[[], None]]) -> bool:
        """Keeps a request back, for whenever the test lets it go."""
        line = self.codec.encode(request)
        held.append(lambda: self.link.arrive(request, line))
        return True

    def answer_later(self, ns: int, line: bytes) -> bool:
        self.later(ns, lambda: self.link.hear(line))
        return True

    def revive(self, order: Order) -> None:
        """The exchange has taken a cancel, said so, and lets the order go on."""
        order.status = Status.ACCEPTED
        self.exchange.books[order.instrument].rest(order)
        self.exchange.holders[0].open_orders[order.venue_order_id] = order

    def later(self, ns: int, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, (self.now_ns + ns, self._count, act))

    def options(self) -> LiveOptions:
        return LiveOptions(
            wall=lambda: self.now_ns,
            monotonic=lambda: self.now_ns,
            wait=self.run,
            sources=[self.source],
            voices=Voices(logs=QuietLogs),
        )

    def start(self) -> LiveSession:
        self.session = LiveSession(self.config, self.place, [RigLink(self)], self.options())
        self.session.open()
        self.session.pump()
        return self.session

    def kill(self) -> None:
        """The desk's process dies: nothing is said any more, files and lock are let go."""
        self.session.abandon()
        self._due = [entry for entry in self._due if entry[0] < 0]

    def run(self, ns: int) -> None:
        """Lets time pass: what is due crosses the link, and the desk is pumped."""
        end = self.now_ns + ns
        while True:
            due = self._due[0][0] if self._due else end + 1
            wanted = self.session.next_due_ns()
            step = max(self.now_ns, min(due, wanted, end))
            if min(due, wanted) > end:
                break
            self.now_ns = step
            while self._due and self._due[0][0] <= self.now_ns:
                heapq.heappop(self._due)[2]()
            self.session.pump()
            if wanted <= step and self.session.next_due_ns() <= step:
                self.now_ns += 1
        self.now_ns = end
        self.session.pump()

    def quote(self, bid: int, ask: int, lots: int = 100) -> None:
        """The market moves, and the desk is told."""
        quote, *news = self.quote_book(bid, ask, lots)
        self.later(self.latency_ns, lambda: self.link.hear(quote[1]))
        self.told(news)

    def quote_book(self, bid: int, ask: int, lots: int = 100) -> list[tuple[int, bytes]]:
        """The market moves; returns what the exchange has to say about it."""
        return self.wire.quote(self.now_ns, [(0, Quote(bid, ask, lots, lots))])

    def told(self, news: Sequence[tuple[int, bytes]]) -> None:
        """News of the account crosses the link: once, twice, or not at all."""
        for account, line in news:
            for _ in range(0 if self.mute_news or account != 0 else 1 + self.repeat_news):
                self.later(self.latency_ns, lambda line=line: self.link.hear(line))

    @property
    def state(self) -> Any:
        return self.session.desk.states[0]

    @property
    def net(self) -> int:
        return int(self.state["instruments"][0]["net"]["quantity"])

    @property
    def held(self) -> int:
        """What the exchange says."""
        return self.exchange.holders[0].positions[0].quantity

    def statuses(self) -> list[OrderStatus]:
        """Of all orders in the table, oldest first."""
        orders = [order for order in self.state["orders"] if order["id"]]
        return [OrderStatus(int(order["status"])) for order in sorted(orders, key=lambda order: int(order["id"]))]

    def count(self, kind: EventKind) -> int:
        return int(self.state["kinds"][kind])

    def agree(self) -> None:
        """Both sides hold the same: orders, position, cash."""
        there = {order.client_id for order in self.exchange.open_orders(0)}
        assert len(there) == int(self.state["open_count"])
        assert self.net == self.held
        assert int(self.state["accounts"][0]["postings"][0]) == self.exchange.holders[0].cash[0]


def with_options(rig: Rig, **changes: Any) -> LiveOptions:
    return dataclasses.replace(rig.options(), **changes)
