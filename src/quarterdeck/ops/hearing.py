"""Hearing the desks: their logs line by line, and what they show each second, published on the bus.

Where a reader stands in each log is kept in the store, so that what was written while the ops plane was away is heard
at its next start; a line may be heard twice then, with the same event id. Lines that were packed away meanwhile cannot
be read any more: that is told by an event `bus.missed`.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Column, String, Table, Text, select

from quarterdeck.errors import OpsError, QuarterdeckError
from quarterdeck.ops.access.tables import insert
from quarterdeck.ops.bus.events import MISSED, Bus, BusEvent
from quarterdeck.ops.bus.lines import LineReader, OrderMemory
from quarterdeck.ops.bus.pulse import Pulse
from quarterdeck.ops.desks import SeenDesk
from quarterdeck.ops.seeing import see
from quarterdeck.ops.store import METADATA, Store
from quarterdeck.ops.tails import LogTail, Place

__all__ = ["LOGS", "Hearing"]

LOGS: Final = ("trading", "system", "error")
_PAUSE_S: Final = 0.05
_PULSE_S: Final = 1.0
_SAVE_S: Final = 1.0
_PLACES: Final = Table(
    "hearing_places",
    METADATA,
    Column("desk", String(64), primary_key=True),
    Column("log", String(32), primary_key=True),
    Column("inode", BigInteger, nullable=False),
    Column("at_byte", BigInteger, nullable=False),
)
_ORDERS: Final = Table(
    "hearing_orders",
    METADATA,
    Column("desk", String(64), primary_key=True),
    Column("orders", Text, nullable=False),
)


class Hearing:
    """Publishes what the desks do. `heard` counts events, `gaps` how often lines were gone before they were read.

    `trouble` says why the places could not be kept last; empty when they were.
    """

    def __init__(self, desks: Mapping[str, SeenDesk], bus: Bus, store: Store) -> None:
        self._bus, self._store = bus, store
        self.heard, self.trouble = 0, ""
        self._ears = [_Ear(desk, store) for desk in desks.values()]
        self._saved_s = self._pulse_s = 0.0

    @property
    def gaps(self) -> int:
        return sum(ear.gaps for ear in self._ears)

    async def run(self) -> None:
        """Hears until it is cancelled; then keeps where it stands."""
        try:
            while True:
                if not await self.pump():
                    await asyncio.sleep(_PAUSE_S)
        finally:
            self._try_to_save()
            self.close()

    async def pump(self) -> int:
        """Publishes what is there now; returns how many events. Places are kept once a second, behind what was told."""
        count, now_s = 0, time.monotonic()
        for ear in self._ears:
            for event in ear.lines():
                await self._tell(event)
                count += 1
        if now_s - self._pulse_s >= _PULSE_S:
            self._pulse_s = now_s
            for ear in self._ears:
                for event in ear.beat():
                    await self._tell(event)
        if now_s - self._saved_s >= _SAVE_S:
            self._saved_s = now_s
            await asyncio.to_thread(self._try_to_save)
        return count

    def save(self) -> None:
        """Keeps where each log was read to, in one transaction; nothing where nothing has changed."""
        changed = [ear for ear in self._ears if ear.changed()]
        if not changed:
            return
        with self._store.writing() as line:
            for ear in changed:
                for log, place in ear.places().items():
                    row = {"desk": ear.desk.name, "log": log, "inode": place.inode, "at_byte": place.offset}
                    there = {"inode": place.inode, "at_byte": place.offset}
                    kept = insert(line, _PLACES).values(row)
                    line.execute(kept.on_conflict_do_update(index_elements=["desk", "log"], set_=there))
                orders = msgspec.json.encode(ear.reader.orders).decode()
                kept = insert(line, _ORDERS).values(desk=ear.desk.name, orders=orders)
                line.execute(kept.on_conflict_do_update(index_elements=["desk"], set_={"orders": orders}))
        for ear in changed:
            ear.kept()

    def _try_to_save(self) -> None:
        """Alerts go on without a database: what could not be kept is kept later, and heard twice at the worst."""
        try:
            self.save()
            self.trouble = ""
        except OpsError as error:
            self.trouble = str(error)

    def close(self) -> None:
        """Lets the files go."""
        for ear in self._ears:
            ear.close()

    async def _tell(self, event: BusEvent) -> None:
        await self._bus.publish(
            event.topic, event.data, event.desk, event_id=event.id, time_ns=event.time_ns, sequence=event.sequence
        )
        self.heard += 1


class _Ear:
    """One desk's three logs, and what is remembered of its orders."""

    def __init__(self, desk: SeenDesk, store: Store) -> None:
        self.desk, self.pulse, self.gaps = desk, Pulse(desk.name), 0
        places, orders = _remembered(store, desk.name)
        self.reader = LineReader(desk.name, orders)
        self._folder = desk.place.logs
        self._told: list[BusEvent] = []
        self._older: list[LogTail] = []
        self._tails: dict[str, LogTail] = {}
        for log in LOGS:
            self._tails[log] = self._open(log, places.get(log))
        self._kept = places

    def lines(self) -> Iterator[BusEvent]:
        """Yields what was written since the last call, of all logs in the order in which it was written."""
        told, self._told = self._told, []
        yield from told
        while self._older:
            lines = self._older[0].read()
            if not lines:
                self._older.pop(0).close()
            yield from self._events(lines)
        found = [line for log, tail in self._tails.items() for line in tail.read() if _is_first(log, line)]
        yield from self._events(sorted(found, key=lambda line: str(line.get("logged", ""))))

    def beat(self) -> Iterator[BusEvent]:
        """Yields what has changed in what the desk shows."""
        now_ns = time.time_ns()
        try:
            found = see(self.desk)
        except QuarterdeckError as error:
            yield from self.pulse.unreadable(str(error), now_ns)
            return
        yield from self.pulse.events(found, now_ns)

    def places(self) -> dict[str, Place]:
        return {log: tail.place for log, tail in self._tails.items()}

    def changed(self) -> bool:
        return not self._older and self.places() != self._kept

    def kept(self) -> None:
        self._kept = self.places()

    def close(self) -> None:
        for tail in (*self._older, *self._tails.values()):
            tail.close()

    def _events(self, lines: list[Mapping[str, Any]]) -> Iterator[BusEvent]:
        for line in lines:
            yield from self.reader.events(line)

    def _open(self, log: str, place: Place | None) -> LogTail:
        """Goes on where it stood; rolled logs that were written since then are read first."""
        path = self._folder / f"{log}.log"
        if place is None or place.inode == 0 or (path.exists() and path.stat().st_ino == place.inode):
            return LogTail(path, place)
        rolled = sorted(
            (one for one in self._folder.glob(f"{log}.*.log") if one.is_file()), key=lambda one: one.stat().st_mtime_ns
        )
        numbers = [one.stat().st_ino for one in rolled]
        if place.inode in numbers:
            rolled = rolled[numbers.index(place.inode) :]
            self._older += [LogTail(one, _begin(one, place)) for one in rolled]
        else:
            self.gaps += 1
            why = f"{log}.log was rolled and packed while nobody heard it"
            name = f"{self.desk.name}:{place.inode}:{place.offset}:{log}"
            self._told.append(BusEvent(name, MISSED, self.desk.name, time.time_ns(), 0, {"why": why}))
        return LogTail(path, Place(0, 0) if not path.exists() else Place(path.stat().st_ino, 0))


def _begin(path: Path, place: Place) -> Place:
    number = path.stat().st_ino
    return place if number == place.inode else Place(number, 0)


def _is_first(log: str, line: Mapping[str, Any]) -> bool:
    """Whether a line is to be told: errors stand in system.log too, and are told from error.log."""
    return log != "system" or line.get("level") != "error"


def _remembered(store: Store, desk: str) -> tuple[dict[str, Place], dict[str, OrderMemory]]:
    with store.reading() as line:
        rows = line.execute(select(_PLACES).where(_PLACES.c.desk == desk)).all()
        orders = line.execute(select(_ORDERS.c.orders).where(_ORDERS.c.desk == desk)).scalar()
    places = {row.log: Place(row.inode, row.at_byte) for row in rows}
    return places, msgspec.json.decode(orders, type=dict[str, OrderMemory]) if orders else {}
