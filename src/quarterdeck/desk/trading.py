"""The trading core of one desk: events in, orders out, and one order of things for both.

Every input is journaled before any effect of it leaves the process. `PaperDesk` trades at the simulated venue, inside
the process; `LiveDesk` at any venue behind a `Sink`.
"""

import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.desk.publishing import BUCKETS
from quarterdeck.errors import StrategyError
from quarterdeck.journal import JournalWriter, attach
from quarterdeck.journal.writer import foreign_kind
from quarterdeck.kernel.account import digest, new_state
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.market_records import Market
from quarterdeck.kernel.records import ACTIONS, EVENT, State
from quarterdeck.kernel.stamping import BASE, NEXT, ROOM
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.engine import SimulatedEngine
from quarterdeck.runtime.exchange import new_asks
from quarterdeck.runtime.host import CompiledHost, Host, PythonHost
from quarterdeck.runtime.live import LiveLoop
from quarterdeck.strategies.asking import ASKS
from quarterdeck.strategies.views import EventView, Quote, view_of

__all__ = ["LiveDesk", "PaperDesk", "Sink", "Tape", "TradingDesk"]

Tape = tuple[int, NDArray[np.void]]  # (sequence of the first, records), as the journal holds them
_RECORD: Final = EVENT.itemsize
_BATCH: Final = 8  # records taken in before they are journaled: with their asks they fit into a small block
_SUBMIT: Final = int(EventKind.SUBMIT)
_QUOTE: Final = int(EventKind.QUOTE)
_QUOTE_WORDS: Final = struct.Struct("<q10xh4xqqqq8x").unpack_from  # time, instrument, bid, ask, and their quantities
_now_ns: Final = time.perf_counter_ns
_new: Final = cast(Any, tuple).__new__  # a named tuple without a Python call


class Sink(Protocol):
    """Where a live desk's orders go. Each action is one EVENT record, valid until the call returns.

    A sink raises nothing: what a venue refuses comes back as a report event.
    """

    def submit(self, action: Any) -> None: ...

    def cancel(self, action: Any) -> None: ...

    def replace(self, action: Any) -> None: ...


class TradingDesk(Protocol):
    """What the desk's loop, control socket and status need of either core."""

    states: Records[State]
    gate: Callable[[int], None] | None

    def feed(self, events: NDArray[np.void]) -> None:
        """Takes events in. JournalFull, JournalError: trading has stopped, nothing of them left the process."""
        ...

    def command(self, head: NDArray[np.void], payload: bytes) -> int:
        """Takes a person's command with the words behind it; returns its sequence once it is applied and flushed."""
        ...

    def take_tape(self) -> list[Tape]:
        """What was journaled since the last call, for followers off the trading path."""
        ...

    @property
    def digest(self) -> bytes: ...


class PaperDesk:
    """A desk at the simulated venue: the engine's tape is the journal. `gate` as in LiveDesk."""

    def __init__(self, market: Records[Market], writer: JournalWriter) -> None:
        self.writer = writer
        self.gate: Callable[[int], None] | None = None
        self.engine = SimulatedEngine(market, self._keep)
        self.states = self.engine.states
        self._tape: list[Tape] = []
        self._most = writer.options.block_records - 1  # records that the journal takes at once
        self._rider: tuple[bytes, bytes] | None = None  # a command and the payload that rides behind it
        self._ridden = -1

    def bind(self, hosts: Sequence[Host]) -> None:
        """Puts strategies to work. They must have been made with this desk's `states`."""
        self.engine.bind(hosts)

    @property
    def digest(self) -> bytes:
        return digest(self.states)

    def feed(self, events: NDArray[np.void]) -> None:
        """Takes events through venue, kernel and strategies, and returns when the journal has all of it."""
        self.engine.feed(events)
        sequence = self.writer.flush()
        if self.gate is not None:
            self.gate(sequence)

    def command(self, head: NDArray[np.void], payload: bytes) -> int:
        """Takes a command; the payload is journaled right behind it."""
        self._rider, self._ridden = (head.tobytes(), payload), -1
        try:
            self.feed(head)
        finally:
            self._rider = None
        return self._ridden

    def take_tape(self) -> list[Tape]:
        taken, self._tape = self._tape, []
        return taken

    def _keep(self, records: NDArray[np.void]) -> None:
        if self._rider is not None:
            place = records.tobytes().find(self._rider[0])
            if place >= 0 and place % _RECORD == 0:
                index, payload = place // _RECORD, self._rider[1]
                self._rider = None
                self._append(records[:index])
                self._ridden = self.writer.append(attach(records[index : index + 1], payload))
                self._tape.append((self._ridden, records[index : index + 1].copy()))
                records = records[index + 1 :]
        self._append(records)

    def _append(self, records: NDArray[np.void]) -> None:
        for start in range(0, len(records), self._most):
            part = records[start : start + self._most]
            sequence = self.writer.append(part)
            self._tape.append((sequence, np.frombuffer(part.tobytes(), EVENT)))


class LiveDesk:
    """A desk at a venue behind a sink.

    For each record: kernel, strategies, and what they ask for through the kernel; all of it goes to the journal in that
    order. Then it is handed over, and only then the sink gets the orders: cancels first. Hashing and followers come
    after that: nobody at the venue waits for them.

    `gate`, where there is one, is called before the sink with the journal's next sequence, and before a command is
    acknowledged: it returns when a second copy holds every record before that, or raises.

    `checked` counts the strategies' requests by how long the kernel took for each, as `publishing.BUCKETS` says: rails,
    account and the journal's buffer, without any disk.
    """

    def __init__(self, writer: JournalWriter, sink: Sink, states: Records[State] | None = None) -> None:
        self.writer = writer
        self.states: Records[State] = new_state() if states is None else states
        self.hosts: tuple[Host, ...] = ()
        self.gate: Callable[[int], None] | None = None
        self._sink = sink
        self._at = memoryview(cast(Any, writer.cursor))
        self._laid = memoryview(cast(Any, writer.buffer.view(np.uint8)))
        self._loop = LiveLoop(self.states, writer.buffer, writer.cursor)
        self._context, self._take, self._take_asks = self._loop.context, self._loop.take, self._loop.take_asks
        self._counts, self._kinds = self._loop.counts, self._loop.kinds
        self._asks = new_asks()
        self._strategies: list[tuple[Host, Any, dict[type, Any] | None]] = []  # with their contexts and handlers
        self.checked = [0] * (BUCKETS + 1)
        self._timed: list[tuple[int, int]] = []  # what requests of this call took together, and how many they were
        self._tape: list[tuple[int, bytes]] = []
        self._taped = 0  # records below it are on the tape, or not for it

    def bind(self, hosts: Sequence[Host]) -> None:
        """Puts strategies to work. They must have been made with this desk's `states`."""
        self.hosts = tuple(hosts)
        self._strategies = []
        for host in self.hosts:
            compiled = isinstance(host, CompiledHost)
            context = self._loop.asker(self._asks if compiled else host.view.asks, host.place.strategy)
            self._strategies.append((host, context, None if compiled else host.handlers))

    @property
    def digest(self) -> bytes:
        return digest(self.states)

    def feed(self, events: NDArray[np.void]) -> None:
        self.on_events(events)

    def on_events(self, records: NDArray[np.void]) -> None:
        """Takes market data, reports and time in. Each record carries the desk's receive time already."""
        if self.writer.failure is not None:
            raise self.writer.failure
        if records.dtype is not EVENT or len(records) > 1:
            records = _as_events(records)
        self._taped = self._at[NEXT]
        try:
            for index in range(len(records)):
                if index:
                    self._relieve(index)
                self._take_in(records, index)
            self._send()
        finally:
            self._keep_tape()
            self.writer.settle()
            self._count_timed()

    def command(self, head: NDArray[np.void], payload: bytes) -> int:
        """Takes a command; the payload is journaled right behind it."""
        if self.writer.failure is not None:
            raise self.writer.failure
        head = _as_events(head)
        slots = attach(head, payload)[1:]
        self.writer.reserve(1 + len(slots))
        sequence = self._at[NEXT]
        kind = self._take(self._context, head, 0)
        if kind <= 0:
            raise foreign_kind(-kind)
        self._tape.append((sequence, head.tobytes()))
        if len(slots):
            self.writer.append(slots)
        self._send()
        self.writer.settle()
        if self.gate is not None:
            self.gate(self.writer.next_sequence)
        return sequence

    def remark(self, note: NDArray[np.void]) -> None:
        """Journals a NOTE with its slots, before whatever comes next; nobody else sees it."""
        self.writer.append(note)

    def take_tape(self) -> list[Tape]:
        taken, self._tape = self._tape, []
        return [(sequence, np.frombuffer(raw, EVENT)) for sequence, raw in taken]

    def _take_in(self, records: NDArray[np.void], index: int) -> None:
        at = self._at
        if at[ROOM] < 1:
            self._make_room(1)
        kind = self._take(self._context, records, index)
        if not self._strategies and kind > 0:
            return
        view: EventView | None
        if kind == _QUOTE:  # the common one is unpacked in one step
            view = _new(Quote, _QUOTE_WORDS(self._laid, (at[NEXT] - at[BASE] - 1) * _RECORD))
        elif kind > 0:
            view = view_of(records[index])
        else:
            raise foreign_kind(-kind)
        for host, context, handlers in self._strategies:
            if handlers is not None:
                handler = handlers.get(type(view))
                if handler is None:
                    continue
                desk = cast(PythonHost, host).view
                handler(desk, view)
                asked, desk.count = desk.count, 0
            else:
                asked = cast(CompiledHost, host).ask(self.states, records, index, self._asks, 0)
                if asked > ASKS:
                    raise _greedy(host)
            if asked:
                if asked > at[ROOM]:
                    self._make_room(asked)
                began_ns = _now_ns()
                self._take_asks(context, asked)
                self._timed.append((_now_ns() - began_ns, asked))

    def _count_timed(self) -> None:
        """Behind the orders: nobody at the venue waits for it."""
        for took_ns, asked in self._timed:
            self.checked[min((took_ns // asked).bit_length(), BUCKETS)] += asked
        self._timed.clear()

    def _relieve(self, index: int) -> None:
        """Between records of a batch: hands over what a small block, or the outbox, would not hold any longer."""
        cancels, orders = self._loop.counts
        if index % _BATCH == 0 or max(cancels, orders) >= ACTIONS:
            self._send()
            self._make_room(1)

    def _make_room(self, count: int) -> None:
        self._keep_tape()
        self.writer.reserve(count)
        self._taped = self._at[NEXT]  # a seal is not for the tape

    def _keep_tape(self) -> None:
        """What lies in the journal's buffer since `_taped` goes onto the tape. Before the buffer is used anew."""
        at = self._at
        count = at[NEXT] - self._taped
        if count > 0:
            place = at[NEXT] - at[BASE]
            self._tape.append((self._taped, self._laid[(place - count) * _RECORD : place * _RECORD].tobytes()))
            self._taped = at[NEXT]

    def _send(self) -> None:
        """Everything applied goes to the journal; only when it is there may the orders leave."""
        counts = self._counts
        cancels, orders = counts[0], counts[1]
        counts[0] = counts[1] = 0  # what could not be journaled is not done
        self.writer.hand_over()
        if self.gate is not None and cancels + orders:
            self._keep_tape()
            self.writer.settle()  # a second copy is made of what stands in the segment
            self.gate(self.writer.next_sequence)
        sink = self._sink
        for place in range(cancels):
            sink.cancel(self._loop.cancels[place])
        for place in range(orders):
            if self._kinds[place] == _SUBMIT:
                sink.submit(self._loop.orders[place])
            else:
                sink.replace(self._loop.orders[place])


def _as_events(records: NDArray[np.void]) -> NDArray[np.void]:
    """The same records, without gaps. TypeError when they have another layout."""
    if records.dtype != EVENT:
        raise TypeError("events must have the layout EVENT: np.concatenate changes it, market.join_events does not")
    return np.ascontiguousarray(records).view(EVENT)


def _greedy(host: Host) -> StrategyError:
    return StrategyError(f"strategy {host.place.name} asked for more than {ASKS} things at one event: ask for less")
