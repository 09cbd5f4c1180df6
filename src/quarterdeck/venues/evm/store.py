"""Every transaction that was ever signed, and what was told of it: one SQLite file for each chain and account.

A transaction is on the medium before its first byte leaves, with the bytes themselves, so that whatever dies can be
asked for or sent again and nothing is signed twice. The file holds the rules that no code may break:

    one order, one nonce          an order id enters once; what replaces or cancels it takes the same nonce
    one nonce, one purpose        a nonce is taken once, until the transaction that has it is known not to have left
    one process                   a lock beside the file: a second process is refused
    one chain                     the first block's hash is kept: a chain that began otherwise is refused

Outcomes are kept until whoever books them says so; they are written in the very commit that changes the transactions
that they tell of.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.errors import DataError
from quarterdeck.venues.evm.receipts import Outcome, SentTx

__all__ = ["Purpose", "Row", "Store", "committed"]


class Purpose(IntEnum):
    """What a transaction is for."""

    ORDER = 1
    REPLACEMENT = 2  # the same call with higher fees
    CANCEL = 3  # nothing, to ourselves, in place of an order's
    FILL = 4  # nothing, to ourselves, for a nonce that others wait for


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One signed transaction.

    `sent_ns` is 0 until a node or relay is known to have it. `freed`: it did not leave, or can no longer be taken, as
    far as anybody can know, so its nonce may be given again. `block_hash` is where it stands ('' nowhere), `told`: an
    outcome says so. `taken_by` is what took its nonce ('' nothing); `block` is the height of the one or the other.
    `closed`: so deep that nobody looks again. `last_target` is the last block for which a relay has it, `unwanted` that
    it is offered for no other and nowhere else.
    """

    hash: str
    nonce: int
    order_id: int
    plan: int
    purpose: Purpose
    recipient: str
    data: bytes
    value: str
    gas_limit: int
    max_fee_wei: int
    priority_fee_wei: int
    ceiling_wei: int
    raw: bytes
    replaces: str
    private: bool
    last_target: int
    unwanted: bool = False
    head: int
    written_ns: int
    sent_ns: int = 0
    freed: bool = False
    block: int = 0
    block_hash: str = ""
    told: bool = False
    taken_by: str = ""
    closed: bool = False

    @property
    def waits(self) -> bool:
        """It may still be mined, and is not yet."""
        return not (self.block_hash or self.taken_by or self.freed)

    @property
    def of_order(self) -> bool:
        """It does what its order asks for."""
        return self.purpose in (Purpose.ORDER, Purpose.REPLACEMENT)

    def shown(self) -> SentTx:
        """For those who follow the order."""
        return SentTx(
            order_id=self.order_id, plan=self.plan, hash=self.hash, nonce=self.nonce, gas_limit=self.gas_limit,
            max_fee_wei=self.max_fee_wei, priority_fee_wei=self.priority_fee_wei, private=self.private,
            block=self.head, at_ns=self.sent_ns or self.written_ns, known=self.sent_ns > 0,
        )  # fmt: skip


_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS signed (
    hash TEXT NOT NULL UNIQUE, nonce INTEGER NOT NULL, order_id INTEGER NOT NULL, plan INTEGER NOT NULL,
    purpose INTEGER NOT NULL, recipient TEXT NOT NULL, data BLOB NOT NULL, value TEXT NOT NULL,
    gas_limit INTEGER NOT NULL, max_fee_wei INTEGER NOT NULL, priority_fee_wei INTEGER NOT NULL,
    ceiling_wei INTEGER NOT NULL, raw BLOB NOT NULL, replaces TEXT NOT NULL, private INTEGER NOT NULL,
    last_target INTEGER NOT NULL, unwanted INTEGER NOT NULL, head INTEGER NOT NULL, written_ns INTEGER NOT NULL,
    sent_ns INTEGER NOT NULL,
    freed INTEGER NOT NULL, block INTEGER NOT NULL, block_hash TEXT NOT NULL, told INTEGER NOT NULL,
    taken_by TEXT NOT NULL, closed INTEGER NOT NULL, place INTEGER PRIMARY KEY
);
CREATE UNIQUE INDEX IF NOT EXISTS one_order ON signed (order_id) WHERE purpose = 1;
CREATE UNIQUE INDEX IF NOT EXISTS one_purpose ON signed (nonce) WHERE purpose IN (1, 4) AND freed = 0;
CREATE INDEX IF NOT EXISTS watched ON signed (nonce) WHERE closed = 0;
CREATE TABLE IF NOT EXISTS outcome (
    number INTEGER PRIMARY KEY AUTOINCREMENT, order_id INTEGER NOT NULL, settled INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS of_order ON outcome (order_id);
CREATE INDEX IF NOT EXISTS unsettled ON outcome (number) WHERE settled = 0;
"""
_INSERT: Final = """
INSERT INTO signed VALUES (
    :hash, :nonce, :order_id, :plan, :purpose, :recipient, :data, :value, :gas_limit, :max_fee_wei, :priority_fee_wei,
    :ceiling_wei, :raw, :replaces, :private, :last_target, :unwanted, :head, :written_ns, :sent_ns, :freed,
    :block, :block_hash, :told, :taken_by, :closed, NULL
)
"""
_UPDATE: Final = """
UPDATE signed SET private = :private, last_target = :last_target, unwanted = :unwanted, sent_ns = :sent_ns,
    freed = :freed, block = :block, block_hash = :block_hash, told = :told, taken_by = :taken_by, closed = :closed
WHERE hash = :hash
"""
_OUTCOMES: Final = msgspec.json.Decoder(Outcome)


@contextmanager
def committed(base: sqlite3.Connection, path: Path) -> Generator[None, None, None]:
    """What is executed inside is on the medium when it ends, or nothing of it is. DataError: it cannot be written.

    The connection is in autocommit mode and no other thread uses it meanwhile.
    """
    try:
        base.execute("BEGIN IMMEDIATE")
        try:
            yield
            base.execute("COMMIT")
        finally:
            if base.in_transaction:
                base.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise DataError(str(path), f"{error}; nothing was written") from error


class Store:
    """The file, opened by `Store.open`. Any thread may call. DataError: the disk or the file fails."""

    def __init__(self, path: Path, lock: int, base: sqlite3.Connection) -> None:
        self.path = path
        self._lock, self._base = lock, base
        self._turn = threading.RLock()  # a commit is one thread's

    @classmethod
    def open(cls, folder: Path, chain_id: int, address: str) -> "Store":
        """Opens the file of an account on a chain in the desk's data folder. DataError: another process has it."""
        path = folder / f"transactions-{chain_id}-{address.lower()}.sqlite"
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # a bundle is nobody else's to read
            base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            base.row_factory = sqlite3.Row
            base.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; {_SCHEMA}")
        except BlockingIOError:
            os.close(lock)
            raise DataError(str(path), "another process sends this account's transactions: end it first") from None
        except sqlite3.Error as error:
            os.close(lock)
            raise DataError(str(path), f"{error}; it holds what was sent: restore it, do not remove it") from None
        return cls(path, lock, base)

    def close(self) -> None:
        """Lets another process have it."""
        self._base.close()
        os.close(self._lock)

    def bind(self, genesis: str) -> None:
        """Holds the file to the chain that began with that block. DataError: it was another one."""
        known = self.meta("genesis")
        if known is None:
            self.set_meta("genesis", genesis)
        elif known != genesis:
            problem = f"it is of the chain that began with block {known}, and this one began with {genesis}"
            raise DataError(str(self.path), f"{problem}: correct the endpoints, or move the file away for a new chain")

    def meta(self, name: str) -> str | None:
        """A word kept by its name."""
        row = self._rows("SELECT value FROM meta WHERE name = ?", name)
        return str(row[0]["value"]) if row else None

    def set_meta(self, name: str, value: str) -> None:
        """Keeps a word."""
        with self.commit() as base:
            base.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def enter(self, row: Row) -> None:
        """Writes down a transaction that is about to leave. DataError: its order or its nonce is taken."""
        with self.commit() as base:
            base.execute(_INSERT, msgspec.structs.asdict(row))

    def apply(self, rows: Iterable[Row], outcomes: Iterable[Outcome] = ()) -> None:
        """Writes down what changed and what is told of it, all or nothing."""
        with self.commit() as base:
            for row in rows:
                base.execute(_UPDATE, msgspec.structs.asdict(row))
            for one in outcomes:
                body = msgspec.json.encode(one)
                base.execute("INSERT INTO outcome (order_id, settled, body) VALUES (?, 0, ?)", (one.order_id, body))

    def settle(self, number: int) -> None:
        """That outcome was booked: it is not told again."""
        with self.commit() as base:
            base.execute("UPDATE outcome SET settled = 1 WHERE number = ?", (number,))

    def unsettled(self) -> list[Outcome]:
        """What was told and not booked yet, in order."""
        return _outcomes(self._rows("SELECT number, body FROM outcome WHERE settled = 0 ORDER BY number"))

    def history(self, order_id: int) -> list[Outcome]:
        """All that was told of an order."""
        return _outcomes(self._rows("SELECT number, body FROM outcome WHERE order_id = ? ORDER BY number", order_id))

    def watched(self) -> list[Row]:
        """What is not closed, by nonce, and for one nonce in the order in which it was signed."""
        return _signed(self._rows("SELECT * FROM signed WHERE closed = 0 ORDER BY nonce, place"))

    def of_order(self, order_id: int) -> list[Row]:
        """All that was signed for an order, in that order."""
        return _signed(self._rows("SELECT * FROM signed WHERE order_id = ? ORDER BY place", order_id))

    def find(self, hash_: str) -> Row | None:
        """One transaction."""
        found = _signed(self._rows("SELECT * FROM signed WHERE hash = ?", hash_))
        return found[0] if found else None

    def nonces(self, first: int) -> set[int]:
        """The nonces from `first` on that something was signed with and that are watched, or were taken by it."""
        statement = "SELECT nonce FROM signed WHERE nonce >= ? AND (closed = 0 OR freed = 0)"
        return {int(row["nonce"]) for row in self._rows(statement, first)}

    def floor(self) -> int:
        """The lowest nonce that can be given: above all that is closed, however far a node lags behind the chain."""
        row = self._rows("SELECT MAX(nonce) AS nonce FROM signed WHERE closed = 1 AND freed = 0")
        return 0 if row[0]["nonce"] is None else int(row[0]["nonce"]) + 1

    @contextmanager
    def commit(self) -> Generator[sqlite3.Connection, None, None]:
        """On the medium when it ends, or nothing of it is."""
        with self._turn, committed(self._base, self.path):
            yield self._base

    def _rows(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with self._turn:
            try:
                return self._base.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise DataError(str(self.path), str(error)) from error


def _signed(rows: list[sqlite3.Row]) -> list[Row]:
    found: list[Row] = []
    for row in rows:
        values: dict[str, Any] = dict(row)
        del values["place"]
        found.append(msgspec.convert(values, Row, strict=False))
    return found


def _outcomes(rows: list[sqlite3.Row]) -> list[Outcome]:
    found: list[Outcome] = []
    for row in rows:
        one = _OUTCOMES.decode(row["body"])
        found.append(msgspec.structs.replace(one, number=int(row["number"])))
    return found
