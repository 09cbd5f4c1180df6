"""The trading core of one desk: events in, orders out, and one order of things for both.

Every input is journaled before any effect of it leaves the process. `PaperDesk` trades at the simulated venue, inside
the process; `LiveDesk` at any venue behind a `Sink`.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import StrategyError
from quarterdeck.journal import JournalWriter, attach
from quarterdeck.kernel.account import apply_event, digest, new_actions, new_events, new_state
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.market_records import Market
from quarterdeck.kernel.records import ACTIONS, EVENT, Event, State
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.engine import SimulatedEngine
from quarterdeck.runtime.exchange import new_asks
from quarterdeck.runtime.host import CompiledHost, Host
from quarterdeck.strategies.asking import ASKS
from quarterdeck.strategies.views import EventView, Quote, view_of

__all__ = ["LiveDesk", "PaperDesk", "Sink", "Tape", "TradingDesk"]

Tape = tuple[int, NDArray[np.void]]  # (sequence of the first, records), as the journal holds them
_RECORD: Final = EVENT.itemsize
_KIND: Final = 16
_BATCH: Final = 8  # records taken in before they are journaled: with their asks they fit into a small block
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


@compiled
def _drive(
    states: Records[State],
    records: Records[Event],
    count: int,
    strategy: int,
    actions: Records[Event],
    out: Any,
    waiting: int,
) -> int:
    """Applies `count` records and puts aside what is for the venue: out[waiting:]. Returns the new number waiting.

    With a `strategy` of 0 or more the records are what it asks for, and get the desk's time and its name.
    """
    state = states[0]
    for index in range(count):
        record = records[index]
        if strategy >= 0:
            record["time_ns"] = state["time_ns"]
            record["strategy"] = strategy
        for place in range(apply_event(state, record, actions)):
            if actions[place]["kind"] <= EventKind.REPLACE:
                out[waiting] = actions[place]
                waiting += 1
    return waiting


class LiveDesk:
    """A desk at a venue behind a sink.

    For each record: kernel, strategies, and what they ask for through the kernel; all of it goes to the journal in that
    order. Then one flush, and only then the sink: cancels first. Followers get the tape afterwards.

    `gate`, where there is one, is called between flush and sink with the journal's next sequence, and before a command
    is acknowledged: it returns when a second copy holds every record before that, or raises.
    """

    def __init__(self, writer: JournalWriter, sink: Sink, states: Records[State] | None = None) -> None:
        self.writer = writer
        self.states: Records[State] = new_state() if states is None else states
        self.hosts: tuple[Host, ...] = ()
        self.gate: Callable[[int], None] | None = None
        self._sink = sink
        self._apply: Any = _drive
        self._actions: Any = new_actions()
        self._out: Any = new_events(2 * ACTIONS)
        self._kinds = memoryview(self._out.view(np.uint8))[_KIND::_RECORD]
        self._orders: list[Any] = list(self._out)  # views of the records, made once
        self._waiting = 0
        self._asks = new_asks()
        self._raw: list[bytes] = []  # applied, and not in the journal yet
        self._held = 0  # records of these
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
        if len(records) == 1:
            self._take_in(records)
        else:
            for index in range(len(records)):
                self._take_in(records[index : index + 1])
                if self._waiting >= ACTIONS or self._held >= _BATCH:
                    self._send()
        self._send()

    def command(self, head: NDArray[np.void], payload: bytes) -> int:
        """Takes a command; the payload is journaled right behind it."""
        if self.writer.failure is not None:
            raise self.writer.failure
        sequence = self.writer.append(attach(head, payload))
        self._tape.append((sequence, head.tobytes()))
        self._waiting = self._apply(self.states, head, 1, -1, self._actions, self._out, self._waiting)
        self._send()
        if self.gate is not None:
            self.gate(self.writer.next_sequence)
        return sequence

    def take_tape(self) -> list[Tape]:
        taken, self._tape = self._tape, []
        return [(sequence, np.frombuffer(raw, EVENT)) for sequence, raw in taken]

    def _take_in(self, record: NDArray[np.void]) -> None:
        raw = record.tobytes()
        self._raw.append(raw)
        self._held += 1
        self._waiting = self._apply(self.states, record, 1, -1, self._actions, self._out, self._waiting)
        if not self.hosts:
            return
        view = _view(raw, record)
        for host in self.hosts:
            if isinstance(host, CompiledHost):
                asked = host.ask(self.states, record, 0, self._asks, 0)
                if asked:
                    self._take_asks(self._asks, asked, host)
            elif view is not None:
                handler = host.handlers.get(type(view))
                if handler is not None:
                    handler(host.view, view)
                    if host.view.count:
                        asked, host.view.count = host.view.count, 0
                        self._take_asks(host.view.asks, asked, host)

    def _take_asks(self, asks: NDArray[np.void], count: int, host: Host) -> None:
        if count > ASKS:
            name = host.place.name
            raise StrategyError(f"strategy {name} asked for more than {ASKS} things at one event: ask for less")
        self._waiting = self._apply(
            self.states, asks, count, host.place.strategy, self._actions, self._out, self._waiting
        )
        self._raw.append(asks[:count].tobytes())
        self._held += count

    def _send(self) -> None:
        """Everything applied goes to the journal; only when it is there may the orders leave."""
        writer, waiting = self.writer, self._waiting
        self._waiting = 0  # what could not be journaled is not done
        if self._raw:
            raw = self._raw[0] if len(self._raw) == 1 else b"".join(self._raw)
            self._raw.clear()
            self._held = 0
            self._tape.append((writer.append_bytes(raw), raw))
        writer.flush()
        if not waiting:
            return
        if self.gate is not None:
            self.gate(writer.next_sequence)
        sink, orders = self._sink, self._orders
        kinds = self._kinds[:waiting].tobytes()
        if _CANCEL in kinds:
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
