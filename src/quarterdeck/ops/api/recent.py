"""What a desk's trading log told lately: its fills, each strategy's last signal, and the way that each order went.

It is read when somebody asks, from where it was read last; the first time, the last few megabytes of it.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.ops.tails import LogTail, Place

__all__ = ["Fill", "OrderStep", "Recent", "Signal"]

_TAIL: Final = 4 * 1024 * 1024
_TURNS_MOST: Final = 64  # of reading a megabyte, for one question
_FILLS: Final = 5_000
_ORDERS: Final = 5_000
_STEPS: Final = 64  # of one order
_DAY: Final = 10  # letters of a date
_STATES: Final[Mapping[str, str]] = {
    "ORDER_SUBMITTED": "SUBMITTED",
    "ORDER_ACCEPTED": "ACCEPTED",
    "ORDER_CANCELED": "CANCELED",
    "ORDER_REJECTED": "REJECTED",
    "ORDER_EXPIRED": "EXPIRED",
    "ORDER_UNKNOWN": "UNKNOWN",
    "ORDER_NOT_FOUND": "NOT_FOUND",
}


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One fill, once, as the log has it. `time` is RFC 3339, the desk's."""

    desk: str
    time: str
    sequence: int
    trade_id: int
    order_id: str
    strategy: str
    instrument: str
    side: str
    price: Decimal | None
    quantity: Decimal
    fee: Decimal
    liquidity: str


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy asked for last."""

    desk: str
    strategy: str
    time: str
    instrument: str
    side: str
    price: Decimal | None
    quantity: Decimal
    reason: str


class OrderStep(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an order's state."""

    timestamp: str
    from_state: str
    to_state: str
    reason: str


class _Way:
    """An order's steps so far, and how much of it is filled."""

    def __init__(self) -> None:
        self.steps: deque[OrderStep] = deque(maxlen=_STEPS)
        self.state = "NEW"
        self.quantity = self.filled = Decimal(0)

    def go(self, time: str, state: str, reason: str) -> None:
        self.steps.append(OrderStep(timestamp=time, from_state=self.state, to_state=state, reason=reason))
        self.state = state


class Recent:
    """One desk's. It may be asked from any thread; what is handed out is a copy."""

    def __init__(self, desk: str, path: Path) -> None:
        self._desk, self._path = desk, path
        self._lock = threading.Lock()
        self._tail: LogTail | None = None
        self._whole = True  # whether the log was read from its first line
        self._first = ""  # the time of the first line that was read
        self._fills: deque[Fill] = deque(maxlen=_FILLS)
        self._known: dict[tuple[str, int], None] = {}
        self._signals: dict[str, Signal] = {}
        self._ways: dict[str, _Way] = {}
        self._days: dict[str, int] = {}
        self._readers: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "ORDER_FILLED": self._filled,
            "SIGNAL_GENERATED": self._signal,
            **dict.fromkeys(_STATES, self._stepped),
        }

    def fills(self) -> list[Fill]:
        """The latest fills, oldest first."""
        with self._lock:
            self._read()
            return list(self._fills)

    def signals(self) -> list[Signal]:
        """What each strategy asked for last."""
        with self._lock:
            self._read()
            return list(self._signals.values())

    def steps(self, order_id: str) -> list[OrderStep]:
        """The way that an order went; empty where the log no longer tells."""
        with self._lock:
            self._read()
            way = self._ways.get(order_id)
            return [] if way is None else list(way.steps)

    def fills_on(self, day: str) -> int | None:
        """How many fills a day had (YYYY-MM-DD, the desk's time); None where the log was not read from its begin."""
        with self._lock:
            self._read()
            known = self._whole or (self._first != "" and self._first[:_DAY] < day)
            return self._days.get(day, 0) if known else None

    def clear(self) -> int:
        """Forgets what was read, and returns how many fills and orders that were; the next question reads anew."""
        with self._lock:
            count = len(self._fills) + len(self._ways)
            self._close()
            for held in (self._fills, self._known, self._signals, self._ways, self._days):
                held.clear()
            self._whole, self._first = True, ""
            return count

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    def _read(self) -> None:
        if self._tail is None:
            try:
                about = self._path.stat()
            except FileNotFoundError:
                return
            begin = max(0, about.st_size - _TAIL)
            self._whole = begin == 0
            self._tail = LogTail(self._path, Place(about.st_ino, begin))
        for _ in range(_TURNS_MOST):
            lines = self._tail.read()
            if not lines:
                return
            for line in lines:
                read = self._readers.get(str(line.get("event")))
                if not self._first:
                    self._first = str(line.get("time", ""))
                if read is not None:
                    read(line)

    def _filled(self, line: Mapping[str, Any]) -> None:
        known = str(line["instrument"]), int(line["trade_id"])
        if known in self._known:  # a venue's lists repeat fills, and the kernel takes each once
            return
        self._known[known] = None
        if len(self._known) > _FILLS:
            del self._known[next(iter(self._known))]
        fill = Fill(
            desk=self._desk, time=line["time"], sequence=line["sequence"], trade_id=known[1],
            order_id=line["order_id"], strategy=line["strategy"], instrument=line["instrument"], side=line["side"],
            price=_figure(line["price"]), quantity=Decimal(line["quantity"]), fee=Decimal(line["fee"]),
            liquidity=line["liquidity"],
        )  # fmt: skip
        self._fills.append(fill)
        day = fill.time[:_DAY]
        self._days[day] = self._days.get(day, 0) + 1
        way = self._way(fill.order_id)
        way.filled += fill.quantity
        whole = way.quantity and way.filled >= way.quantity
        way.go(fill.time, "FILLED" if whole else "PARTIALLY_FILLED", "")

    def _signal(self, line: Mapping[str, Any]) -> None:
        self._signals[str(line["strategy"])] = Signal(
            desk=self._desk, strategy=line["strategy"], time=line["time"], instrument=line["instrument"],
            side=line["side"], price=_figure(line["price"]), quantity=Decimal(line["quantity"]),
            reason=line["reason"],
        )  # fmt: skip

    def _stepped(self, line: Mapping[str, Any]) -> None:
        way = self._way(str(line["order_id"]))
        if "quantity" in line:
            way.quantity = Decimal(line["quantity"])
        way.go(str(line["time"]), _STATES[str(line["event"])], str(line.get("reason", "")))

    def _way(self, order_id: str) -> _Way:
        way = self._ways.get(order_id)
        if way is None:
            way = self._ways[order_id] = _Way()
            if len(self._ways) > _ORDERS:
                del self._ways[next(iter(self._ways))]
        return way


def _figure(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
