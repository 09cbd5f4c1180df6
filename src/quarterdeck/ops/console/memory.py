"""What the console has seen of each desk: its newest figures, how they moved, its fills and its last log lines.

It is this process's own memory. What was before it began is told by the logs alone: fills and lines, no equity.
"""

import asyncio
import datetime
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.errors import DeskError, OpsError
from quarterdeck.ops.desks import Desks, SeenDesk
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.tails import LogTail
from quarterdeck.ops.tails import Place as LogPlace

__all__ = ["Console", "DeskMemory", "Fill", "LogLine", "Moment", "time_of"]

_EVERY_S: Final = 0.25
_MOMENTS: Final = 14_400  # four hours, one a second
_MOMENT_NS: Final = 1_000_000_000
_FILLS: Final = 2_000
_LINES: Final = 1_000
_BACK: Final = {"trading": 4 << 20, "system": 1 << 19, "error": 1 << 18}  # bytes read of a log at the start
_CHIEF: Final = frozenset(("event", "time", "logged", "level", "desk", "sequence"))
_READS_MAX: Final = 8  # of a megabyte each, for one log in one turn

Look = Callable[[SeenDesk], DeskFigures | None]


class Moment(msgspec.Struct, frozen=True):
    """One point of the charts. `marks` are by instrument."""

    time_ns: int
    equity: float
    drawdown: float
    loop_p50_s: float | None
    loop_p99_s: float | None
    marks: dict[str, float]


class Fill(msgspec.Struct, frozen=True):
    """One trade of the desk's, as its log tells it."""

    time_ns: int
    sequence: int
    strategy: str
    instrument: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    liquidity: str
    order_id: str
    trade_id: str


class LogLine(msgspec.Struct, frozen=True):
    """One line of one of the logs, by the order in which it was heard. `words` is everything else that it says."""

    number: int
    log: str
    level: str
    event: str
    time: str
    words: str


def time_of(text: object) -> int:
    """RFC 3339 as nanoseconds UTC; 0 for what is none."""
    try:
        moment = datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return 0
    return int(moment.timestamp() * 1e6) * 1_000 if moment.tzinfo is not None else 0


class DeskMemory:
    """One desk's. `figures` is None until it first ran, or where it cannot be read: then `problem` says why."""

    def __init__(self, desk: SeenDesk, look: Look) -> None:
        self.desk = desk
        self.figures: DeskFigures | None = None
        self.problem = ""
        self.moments: deque[Moment] = deque(maxlen=_MOMENTS)
        self.fills: deque[Fill] = deque(maxlen=_FILLS)
        self.lines: dict[str, deque[LogLine]] = {log: deque(maxlen=_LINES) for log in _BACK}
        self.fills_heard = 0
        self._heard = 0
        self._look = look
        self._trades: dict[tuple[str, str], None] = {}
        self._tails = {
            log: LogTail(path, _back(path, room))
            for log, room in _BACK.items()
            for path in [desk.place.logs / f"{log}.log"]
        }

    def turn(self) -> None:
        """Reads what is new. Called off the event loop: a large state takes its time."""
        for log, tail in self._tails.items():
            for line in _lines(tail):
                self._hear(log, line)
        try:
            self.figures, self.problem = self._look(self.desk), ""
        except (DeskError, OpsError) as error:
            self.figures, self.problem = None, str(error)
        if self.figures is not None and self.figures.alive:
            self._remember(self.figures)

    def newest(self, *logs: str) -> list[LogLine]:
        """The lines of some logs (none: of all), the newest first. A busy log pushes none out of the others."""
        found = [line for log in logs or self.lines for line in self.lines[log]]
        return sorted(found, key=lambda line: -line.number)

    def close(self) -> None:
        for tail in self._tails.values():
            tail.close()

    def _remember(self, seen: DeskFigures) -> None:
        if self.moments and seen.time_ns - self.moments[-1].time_ns < _MOMENT_NS:
            return
        marks = {feed.instrument: float(feed.mark) for feed in seen.feeds if feed.mark is not None}
        self.moments.append(
            Moment(seen.time_ns, float(seen.equity), float(seen.drawdown), seen.loop_p50_s, seen.loop_p99_s, marks)
        )

    def _hear(self, log: str, line: Mapping[str, Any]) -> None:
        if line.get("event") == "ORDER_FILLED":
            self._fill(line)
        if log == "system" and line.get("level") == "error":
            return  # error.log has it too
        words = ", ".join(f"{name} {value}" for name, value in line.items() if name not in _CHIEF)
        if "sequence" in line:
            words += f"{', ' if words else ''}sequence {line['sequence']}"
        said = str(line.get("time") or line.get("logged") or "")
        self._heard += 1
        self.lines[log].append(
            LogLine(self._heard, log, str(line.get("level", "info")), str(line.get("event", "")), said, words)
        )

    def _fill(self, line: Mapping[str, Any]) -> None:
        trade = str(line.get("instrument")), str(line.get("trade_id"))
        if trade in self._trades:  # a venue's lists repeat them
            return
        self._trades[trade] = None
        if len(self._trades) > 10 * _FILLS:
            del self._trades[next(iter(self._trades))]
        self.fills_heard += 1
        self.fills.append(
            Fill(
                time_of(line.get("time")),
                int(line.get("sequence") or 0),
                str(line.get("strategy", "")),
                trade[0],
                str(line.get("side", "")),
                _amount(line.get("price")),
                _amount(line.get("quantity")),
                _amount(line.get("fee")),
                str(line.get("liquidity", "")),
                str(line.get("order_id", "")),
                trade[1],
            )
        )


class Console:
    """All desks' memories, kept up to date by `run` until it is cancelled."""

    def __init__(self, desks: Desks, look: Look) -> None:
        self.desks = desks
        self.memories = {name: DeskMemory(desk, look) for name, desk in desks.items()}
        self.turns = 0

    async def run(self) -> None:
        """Reads every desk a few times a second; seldomer where reading takes long."""
        while True:
            begun = time.monotonic()
            await asyncio.to_thread(self.turn)
            took = time.monotonic() - begun
            await asyncio.sleep(max(_EVERY_S - took, took))

    def turn(self) -> None:
        for memory in self.memories.values():
            memory.turn()
        self.turns += 1

    def close(self) -> None:
        for memory in self.memories.values():
            memory.close()


def _back(path: Path, room: int) -> LogPlace:
    """Where to begin in a log that may be long: so many bytes before its end."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return LogPlace(0, 0)
    return LogPlace(about.st_ino, max(0, about.st_size - room))


def _lines(tail: LogTail) -> Iterator[Mapping[str, Any]]:
    for _ in range(_READS_MAX):
        lines = tail.read()
        yield from lines
        if not lines:
            return


def _amount(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:  # a market order has no price of its own
        return Decimal(0)
