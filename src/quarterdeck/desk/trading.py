"""The trading core of one desk: events in, orders out, and one order of things for both.

Every input is journaled before any effect of it leaves the process. `PaperDesk` trades at the simulated venue, inside
the process; `LiveDesk` at any venue behind a `Sink`.
"""

import struct
from collections.abc import Sequence
from typing import Any, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import JournalError, StrategyError
from quarterdeck.journal import JournalWriter, attach
from quarterdeck.kernel.account import apply, digest, new_actions, new_events, new_state
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.market_records import Market
from quarterdeck.kernel.records import ACTIONS, EVENT, State
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.engine import SimulatedEngine
from quarterdeck.runtime.exchange import new_asks
from quarterdeck.runtime.host import CompiledHost, Host, PythonHost
from quarterdeck.strategies.asking import ASKS
from quarterdeck.strategies.views import EventView, Quote, view_of

__all__ = ["LiveDesk", "PaperDesk", "Sink", "Tape", "TradingDesk"]

Tape = tuple[int, NDArray[np.void]]  # (sequence of the first, records), as the journal holds them
_RECORD: Final = EVENT.itemsize
_KIND: Final = 16
_FIRST_ACTION: Final = int(EventKind.SUBMIT)
_LAST_ACTION: Final = int(EventKind.REPLACE)
_CANCEL: Final = int(EventKind.CANCEL)
_SUBMIT: Final = int(EventKind.SUBMIT)
_QUOTE: Final = int(EventKind.QUOTE)
_QUOTE_WORDS: Final = struct.Struct("<q8xBxh4xqqqq8x")  # time, kind, instrument, bid, ask, and their quantities


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
    """A desk at the simulated venue: the engine's tape is the journal."""

    def __init__(self, market: Records[Market], writer: JournalWriter) -> None:
        self.writer = writer
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
        self.writer.flush()

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

    For each record: journal, kernel, strategies; what they ask for: journal, kernel. Then one flush, and only then
    the sink: cancels first. The path allocates next to nothing; followers get the tape afterwards.
    """

    def __init__(self, writer: JournalWriter, sink: Sink, states: Records[State] | None = None) -> None:
        self.writer = writer
        self.states: Records[State] = new_state() if states is None else states
        self.hosts: tuple[Host, ...] = ()
        self._sink = sink
        self._actions = new_actions()
        self._actions_bytes = _bytes_of(self._actions)
        self._room = ACTIONS
        self._out = new_events(self._room)
        self._out_bytes = _bytes_of(self._out)
        self._orders: list[Any] = list(self._out)  # views of the records, made once
        self._waiting = 0
        self._cancels = 0
        self._asks = new_asks()
        self._tape: list[tuple[int, bytes]] = []

    def bind(self, hosts: Sequence[Host]) -> None:
        """Puts strategies to work. They must have been made with this desk's `states`."""
        self.hosts = tuple(hosts)

    @property
    def digest(self) -> bytes:
        return digest(self.states)

    def feed(self, events: NDArray[np.void]) -> None:
        self.on_events(events)

    def on_events(self, records: NDArray[np.void]) -> None:
        """Takes market data, reports and time in. Each record carries the desk's receive time already."""
        if self.writer.failure is not None:
            raise self.writer.failure
        count = len(records)
        for index in range(count):
            self._take_in(records if count == 1 else records[index : index + 1], b"")
        self._send()

    def command(self, head: NDArray[np.void], payload: bytes) -> int:
        """Takes a command; the payload is journaled right behind it."""
        sequence = self._take_in(head, payload)
        self._send()
        return sequence

    def take_tape(self) -> list[Tape]:
        taken, self._tape = self._tape, []
        return [(sequence, np.frombuffer(raw, EVENT)) for sequence, raw in taken]

    def _take_in(self, record: NDArray[np.void], payload: bytes) -> int:
        writer, states = self.writer, self.states
        raw = record.tobytes()
        sequence = writer.append(attach(record, payload) if payload else record)
        self._tape.append((sequence, raw))
        said = apply(states, cast(Any, record), 0, cast(Any, self._actions))
        if said:
            self._collect(said)
        if self.hosts:
            view = _view(raw, record)
            for host in self.hosts:
                if isinstance(host, PythonHost):
                    if view is not None:
                        handler = host.handlers.get(type(view))
                        if handler is not None:
                            handler(host.view, view)
                            if host.view.count:
                                self._take_asks(host.view.asks[: host.view.count], host.place.strategy)
                                host.view.count = 0
                else:
                    self._ask_compiled(host, record)
        return sequence

    def _ask_compiled(self, host: CompiledHost, record: NDArray[np.void]) -> None:
        asked = host.ask(self.states, record, 0, self._asks, 0)
        if asked > ASKS:
            raise StrategyError(
                f"strategy {host.place.name} asked for more than {ASKS} things at one event: ask for less"
            )
        if asked:
            self._take_asks(self._asks[:asked], host.place.strategy)

    def _take_asks(self, asks: NDArray[np.void], strategy: int) -> None:
        events = cast(Any, asks)
        events["time_ns"] = self.states[0]["time_ns"]
        events["strategy"] = strategy
        sequence = self.writer.append(asks)
        self._tape.append((sequence, asks.tobytes()))
        for index in range(len(asks)):
            said = apply(self.states, events, index, cast(Any, self._actions))
            if said:
                self._collect(said)

    def _collect(self, said: int) -> None:
        """Puts what is for the venue aside: the next event writes over the kernel's actions."""
        kinds = bytes(self._actions_bytes[_KIND : said * _RECORD : _RECORD])
        for place, kind in enumerate(kinds):
            if _FIRST_ACTION <= kind <= _LAST_ACTION:
                if self._waiting == self._room:
                    self._grow()
                start, target = place * _RECORD, self._waiting * _RECORD
                self._out_bytes[target : target + _RECORD] = self._actions_bytes[start : start + _RECORD]
                self._waiting += 1
                self._cancels += kind == _CANCEL

    def _grow(self) -> None:
        held, self._room = self._out.tobytes(), 2 * self._room
        self._out = new_events(self._room)
        self._out_bytes = _bytes_of(self._out)
        self._out_bytes[: len(held)] = held
        self._orders = list(self._out)

    def _send(self) -> None:
        """The journal has it; now it may leave."""
        try:
            self.writer.flush()
        except JournalError:
            self._waiting = self._cancels = 0  # what was not journaled is not done
            raise
        waiting, self._waiting = self._waiting, 0
        if not waiting:
            return
        sink, orders = self._sink, self._orders
        kinds = bytes(self._out_bytes[_KIND : waiting * _RECORD : _RECORD])
        if self._cancels:
            self._cancels = 0
            for place, kind in enumerate(kinds):
                if kind == _CANCEL:
                    sink.cancel(orders[place])
        for place, kind in enumerate(kinds):
            if kind == _SUBMIT:
                sink.submit(orders[place])
            elif kind != _CANCEL:
                sink.replace(orders[place])


def _view(raw: bytes, record: NDArray[np.void]) -> EventView | None:
    """What strategies see of a record; a quote, the common one, is unpacked in one step."""
    if raw[_KIND] == _QUOTE:
        time_ns, _, instrument, bid, ask, bid_quantity, ask_quantity = _QUOTE_WORDS.unpack(raw)
        return Quote(time_ns, instrument, bid, ask, bid_quantity, ask_quantity)
    return view_of(record[0])


def _bytes_of(records: NDArray[np.void]) -> memoryview:
    """The memory of records, byte by byte."""
    return memoryview(cast(Any, records.view(np.uint8)))
