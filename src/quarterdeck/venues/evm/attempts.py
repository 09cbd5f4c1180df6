"""What became of each attempt, kept beside the transactions: the answer to whoever asks for an order or for fills.

A chain remembers transactions, not orders. Here stand, by order id, what was asked for and where it is, and each
booking: the news of one inclusion or reversal as it is told, with what it moved in each currency, exactly. A booking is
stored before it is told, once for each outcome of the transactions' own store, so a restart tells the same again.
"""

import sqlite3
import threading
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from quarterdeck.errors import DataError
from quarterdeck.kernel.vocabulary import OrderStatus
from quarterdeck.venues.evm.store import committed
from quarterdeck.venues.messages import ChargeReport, TradeReport

__all__ = ["Attempt", "Attempts", "Booking"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS attempt (
    order_id INTEGER PRIMARY KEY, strategy INTEGER NOT NULL, instrument INTEGER NOT NULL, quantity INTEGER NOT NULL,
    plan INTEGER NOT NULL, status INTEGER NOT NULL, filled INTEGER NOT NULL, detected_ns INTEGER NOT NULL,
    placed_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL, proposed TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS booking (
    outcome INTEGER PRIMARY KEY, hash TEXT NOT NULL, block_hash TEXT NOT NULL, time_ns INTEGER NOT NULL,
    news TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS total (currency TEXT PRIMARY KEY, exact TEXT NOT NULL);
"""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One order as this venue knows it. `proposed` is the record (JSON) of the plan that it took up."""

    order_id: int
    strategy: int
    instrument: int
    quantity: int
    plan: int
    status: OrderStatus
    filled: int
    detected_ns: int
    placed_ns: int
    updated_ns: int
    proposed: str


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one outcome. `moved`: what it added to each currency, in the chain's own units.

    `order_id` is 0 where it is no order's: a gap among the nonces that was filled costs gas as well.
    """

    outcome: int
    order_id: int
    hash: str
    block_hash: str
    time_ns: int
    remark: str
    charges: tuple[ChargeReport, ...]
    fill: TradeReport | None
    moved: dict[str, str]


class Attempts:
    """The file. Any thread may ask; everything written is on the medium when a method returns. DataError: it is not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._base.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; {_SCHEMA}")
        except sqlite3.Error as error:
            raise DataError(str(path), f"{error}; it holds what was booked: restore it, do not remove it") from None

    def close(self) -> None:
        with self._lock:
            self._base.close()

    def begin(self, attempt: Attempt) -> bool:
        """Enters an order before anything of it leaves; False: it is known already."""
        with self._turn() as base:
            done = base.execute(
                "INSERT OR IGNORE INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    attempt.order_id, attempt.strategy, attempt.instrument, attempt.quantity, attempt.plan,
                    int(attempt.status), attempt.filled, attempt.detected_ns, attempt.placed_ns, attempt.updated_ns,
                    attempt.proposed,
                ),
            )  # fmt: skip
            return done.rowcount == 1

    def move(self, order_id: int, status: OrderStatus, filled: int, now_ns: int) -> None:
        """Notes where an order stands."""
        with self._turn() as base:
            base.execute(
                "UPDATE attempt SET status = ?, filled = ?, updated_ns = ? WHERE order_id = ?",
                (int(status), filled, now_ns, order_id),
            )

    def find(self, order_id: int) -> Attempt | None:
        found = self._attempts("WHERE order_id = ?", (order_id,))
        return found[0] if found else None

    def working(self) -> list[Attempt]:
        """Orders whose transaction may still be mined."""
        return self._attempts("WHERE status = ? ORDER BY order_id", (int(OrderStatus.ACCEPTED),))

    def _attempts(self, where: str, values: Iterable[int]) -> list[Attempt]:
        with self._turn() as base:
            rows = base.execute(f"SELECT * FROM attempt {where}", tuple(values)).fetchall()  # noqa: S608 - constants only
        names = Attempt.__struct_fields__  # the columns, in their order
        return [msgspec.convert(dict(zip(names, row, strict=True)), Attempt) for row in rows]

    def book(self, booking: Booking) -> None:
        """Stores a booking and what it moves, at once. DataError: that outcome is booked already."""
        with self._turn() as base:
            news = msgspec.json.encode(booking).decode()
            values = (booking.outcome, booking.hash, booking.block_hash, booking.time_ns, news)
            base.execute("INSERT INTO booking VALUES (?, ?, ?, ?, ?)", values)
            totals = _totals(base)
            for currency, change in booking.moved.items():
                after = str(totals[currency] + int(change))
                base.execute("UPDATE total SET exact = ? WHERE currency = ?", (after, currency))

    def booked(self, outcome: int) -> Booking | None:
        """What was booked for an outcome, as it was told; None: nothing yet."""
        return self._booking("WHERE outcome = ?", outcome)

    def latest(self, hash_: str, block_hash: str) -> Booking | None:
        """The latest booking of a transaction in a block."""
        return self._booking("WHERE hash = ? AND block_hash = ? ORDER BY outcome DESC", hash_, block_hash)

    def _booking(self, where: str, *values: object) -> Booking | None:
        with self._turn() as base:
            row = base.execute(f"SELECT news FROM booking {where}", values).fetchone()  # noqa: S608 - constants only
        return None if row is None else msgspec.json.decode(row[0], type=Booking)

    def since(self, time_ns: int) -> Sequence[Booking]:
        """Bookings from a time on (inclusive), in the order in which they were made."""
        with self._turn() as base:
            rows = base.execute("SELECT news FROM booking WHERE time_ns >= ? ORDER BY outcome", (time_ns,)).fetchall()
        return [msgspec.json.decode(row[0], type=Booking) for row in rows]

    def totals(self) -> dict[str, int]:
        """What each currency comes to after the latest booking, in the chain's own units."""
        with self._turn() as base:
            return _totals(base)

    def begin_totals(self, totals: dict[str, int]) -> None:
        """Takes the chain's own balances for currencies that nothing is known of yet."""
        with self._turn() as base:
            for currency, exact in totals.items():
                base.execute("INSERT OR IGNORE INTO total VALUES (?, ?)", (currency, str(exact)))

    @contextmanager
    def _turn(self) -> Generator[sqlite3.Connection, None, None]:
        """One thread's turn: on the medium when it ends, or nothing of it is."""
        with self._lock, committed(self._base, self._path):
            yield self._base


def _totals(base: sqlite3.Connection) -> dict[str, int]:
    rows = base.execute("SELECT currency, exact FROM total").fetchall()
    return {currency: int(exact) for currency, exact in rows}
