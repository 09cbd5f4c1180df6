"""The audit trail of the ops plane: who was refused, who was permitted, as JSON lines, each chained to the one before.

Several processes write one file; a lock on it orders them. What was permitted is on the medium before anything is done;
refusals are forced there together, within a second. The database remembers the newest record that was forced, so that
a trail that was cut or begun anew is found out.
"""

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from sqlalchemy import select

from quarterdeck.errors import OpsError
from quarterdeck.journal import rfc3339
from quarterdeck.ops.access.tables import HEADS, insert
from quarterdeck.ops.store import Store

__all__ = ["GENESIS", "Head", "Trail", "TrailFault", "read_trail", "verify_trail"]

GENESIS: Final = "0" * 64
_HASH_WORD: Final = b',"hash":"'
_HASH_BYTES: Final = len(_HASH_WORD) + 64 + 2
_TAIL_BYTES: Final = 64 * 1024
_SYNC_S: Final = 1.0
_SYNC_LINES: Final = 256


class Head(msgspec.Struct, frozen=True):
    """The end of a chain: the number of its last record, from 1, and that record's hash."""

    sequence: int
    hash: str


_EMPTY: Final = Head(0, GENESIS)


class TrailFault(OpsError):
    """A trail that is not what was written. `line` counts from 1."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        self.line = line
        super().__init__(f"{path}, line {line}: {problem}")


class Trail:
    """Appends to the trail at `path`. Every method may be called from any thread."""

    def __init__(self, path: Path, store: Store | None = None) -> None:
        self.path = path
        self.failure = ""  # why the last forcing in the background failed; it is tried again with the next record
        self._store = store
        self._lock = threading.Lock()
        self._handle = -1
        self._head = _EMPTY
        self._end: int = 0
        self._unforced = 0
        self._told = _EMPTY  # what the database was told
        self._timer: threading.Timer | None = None
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, what: str, time_ns: int, fields: dict[str, object], *, durable: bool) -> Head:
        """Appends one record; durable: it is on the medium when this returns. OpsError: it could not be written."""
        with self._lock:
            try:
                head = self._append(what, time_ns, fields)
                if durable or self._unforced >= _SYNC_LINES:
                    self._force()  # the database hears of it within a second: a kill waits for one medium, not two
                self._sync_soon()
            except OSError as error:
                raise OpsError(f"{self.path}: {error.strerror}: what cannot be recorded is not permitted") from error
        return head

    def sync(self) -> None:
        """Forces what was written to the medium. OpsError: it could not be."""
        with self._lock:
            try:
                self._force()
                self._remember()
            except OSError as error:
                raise OpsError(f"{self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Forces everything and lets the file go."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()
        self.sync()
        with self._lock:
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, what: str, time_ns: int, fields: dict[str, object]) -> Head:
        self._open()
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        try:
            self._catch_up()
            sequence = self._head.sequence + 1
            record = {"sequence": sequence, "time": rfc3339(time_ns), "what": what, **fields}
            body = msgspec.json.encode({**record, "previous": self._head.hash})
            found = hashlib.sha256(body).hexdigest()
            whole = body[:-1] + _HASH_WORD + found.encode() + b'"}\n'
            written = os.write(self._handle, whole)
            if written < len(whole):
                os.ftruncate(self._handle, self._end)
                raise OSError(28, "the disk is full")
            self._head, self._end = Head(sequence, found), self._end + written
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)
        self._unforced += 1
        return self._head

    def _open(self) -> None:
        """Opens the file; anew where its name means another one by now."""
        if self._handle >= 0:
            try:
                if os.path.samestat(self.path.stat(), os.fstat(self._handle)):
                    return
            except FileNotFoundError:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(self._handle)
            self._handle = -1
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._head, self._end, self._told = _EMPTY, 0, _EMPTY

    def _catch_up(self) -> None:
        """Learns the end of the chain where another process has written; half a record of a dead one is taken off."""
        size = os.fstat(self._handle).st_size
        if size == self._end:
            return
        tail = os.pread(self._handle, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(whole) < len(tail):
            size -= len(tail) - len(whole)
            os.ftruncate(self._handle, size)
        self._end = size
        self._head = _EMPTY if not whole else _head_of(whole.rstrip(b"\n").rsplit(b"\n", 1)[-1], self.path)

    def _force(self) -> None:
        if self._unforced == 0 or self._handle < 0:
            return
        os.fsync(self._handle)
        self._unforced = 0

    def _remember(self) -> None:
        """Tells the database the newest record that was forced."""
        if self._store is not None and self._head.sequence > self._told.sequence:
            _remember(self._store, self.path.name, self._head)
            self._told = self._head
        self.failure = ""

    def _sync_soon(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(_SYNC_S, self._sync_now)
            self._timer.daemon = True
            self._timer.start()

    def _sync_now(self) -> None:
        with self._lock:
            self._timer = None
            try:
                self._force()
                self._remember()
            except (OSError, OpsError) as error:
                self.failure = str(error)


def read_trail(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the records in order; nothing where there is no file. TrailFault: a line that is none."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.MsgspecError:
                raise TrailFault(path, number, "it is no record") from None


def verify_trail(path: Path, store: Store | None = None) -> Head:
    """Checks the whole chain; returns its head. TrailFault names the first line that was changed, moved or cut off."""
    known = _EMPTY if store is None else _remembered(store, path.name)
    head = _EMPTY
    if path.exists():
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                head = _checked(path, number, line, head)
                if head.sequence == known.sequence and head.hash != known.hash:
                    raise TrailFault(path, number, "the chain was written anew: the database remembers another record")
    if head.sequence < known.sequence:
        raise TrailFault(path, head.sequence + 1, f"records up to {known.sequence} were forced here and are gone")
    return head


def _checked(path: Path, number: int, line: bytes, before: Head) -> Head:
    if not line.endswith(b"\n"):
        raise TrailFault(path, number, "the last record is not whole: a process died while it wrote")
    body, suffix = line[:-1][:-_HASH_BYTES], line[:-1][-_HASH_BYTES:]
    if not suffix.startswith(_HASH_WORD) or not suffix.endswith(b'"}'):
        raise TrailFault(path, number, "it has no hash at its end")
    found, said = hashlib.sha256(body + b"}").hexdigest(), suffix[len(_HASH_WORD) : -2].decode(errors="replace")
    if found != said:
        raise TrailFault(path, number, "its hash is another: the record was changed")
    record = msgspec.json.decode(body + b"}", type=dict[str, Any])
    if record["previous"] != before.hash or record["sequence"] != before.sequence + 1:
        raise TrailFault(path, number, "it does not follow the record before: one was taken out, added or moved")
    return Head(before.sequence + 1, found)


def _head_of(line: bytes, path: Path) -> Head:
    try:
        return msgspec.json.decode(line, type=Head)
    except msgspec.MsgspecError:
        raise OpsError(
            f"{path}: its last line is no record: `quarterdeck access verify` says where it breaks"
        ) from None


def _remember(store: Store, name: str, head: Head) -> None:
    row = {"trail": name, "sequence": head.sequence, "hash": head.hash}
    with store.writing() as line:
        statement = insert(line, HEADS).values(row)
        newer = statement.on_conflict_do_update(
            index_elements=["trail"], set_=row, where=HEADS.c.sequence < head.sequence
        )
        line.execute(newer)


def _remembered(store: Store, name: str) -> Head:
    with store.reading() as line:
        row = line.execute(select(HEADS.c.sequence, HEADS.c.hash).where(HEADS.c.trail == name)).first()
    return _EMPTY if row is None else Head(row.sequence, row.hash)
