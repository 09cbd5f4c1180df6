"""Counts what a desk's logs tell, across scrapes, restarts and processes: each line once.

The places in the logs and the counts are one document, stored by compare-and-swap: of two processes that have read the
same lines one stores them, and the other takes over what that one has stored. In between each counts for itself, in
memory, and both say the same: a document that was not stored is read again from the logs by whoever needs it.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import insert, select, update

from quarterdeck.errors import OpsError
from quarterdeck.ops.metrics.tables import COUNTS
from quarterdeck.ops.metrics.tally import Tally
from quarterdeck.ops.store import Store
from quarterdeck.ops.tails import LogTail, Place

__all__ = ["LOGS", "LogCounts"]

LOGS: Final = ("trading", "system")  # what is an error stands in system.log too
_BEGIN: Final = Place(inode=-1, offset=0)  # of whatever file is there
_CHUNKS_MAX: Final = 256  # megabytes of one log in one scrape
_TRIES: Final = 3


class LogCounts:
    """One desk's. `unreadable` counts lines that were no JSON objects, since this process began.

    The store is asked, and what was read is stored, at most every `save_s` seconds, and when a log has been rolled.
    """

    def __init__(
        self,
        store: Store,
        desk: str,
        logs: Path,
        save_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._desk, self._logs = store, desk, logs
        self._save_s, self._clock = save_s, clock
        self._looked_s: float | None = None  # when the store was asked last
        self._tally = Tally()
        self._generation: int = 0
        self._changed = False  # what is not stored yet
        self._tails: dict[str, LogTail] = {}
        self.unreadable = 0

    def catch_up(self, sample: Callable[[Tally], bool] = lambda _: False) -> Tally:
        """Takes what was logged since the last time, by whichever process, and returns all that was counted.

        `sample` adds what it has to the document and returns whether it had anything.
        OpsError: the store cannot be used; what was counted last is in `tally`.
        """
        before = {log: tail.place.inode for log, tail in self._tails.items()}
        for _ in range(_TRIES):
            due = self._looked_s is None or self._clock() - self._looked_s >= self._save_s
            if due:
                self._follow_store()
            changed = [self._read(), sample(self._tally)]
            self._changed |= any(changed)
            rolled = any(self._tally.places[log].inode != inode for log, inode in before.items())
            if not self._changed or not (due or rolled or changed[1]) or self._save():
                return self._tally
            self._forget()
        raise OpsError(f"{self._desk}: other processes count its logs without a pause; stop one of them")

    @property
    def tally(self) -> Tally:
        """What was counted last."""
        return self._tally

    def close(self) -> None:
        for tail in self._tails.values():
            tail.close()
        self._tails = {}

    def _follow_store(self) -> None:
        """Takes over what another process has stored meanwhile."""
        self._looked_s = None  # until it has answered
        with self._store.reading() as line:
            generation: Any = line.execute(select(COUNTS.c.generation).where(COUNTS.c.desk == self._desk)).scalar()
            stored = int(generation or 0)
            if stored == self._generation and self._tails:
                self._looked_s = self._clock()
                return
            document: Any = line.execute(select(COUNTS.c.document).where(COUNTS.c.desk == self._desk)).scalar()
        self.close()
        self._generation, self._changed = stored, False
        self._tally = Tally() if document is None else _decoded(self._desk, document)
        for log in LOGS:
            self._tails[log] = self._open(log, self._tally.places.get(log, _BEGIN))
        self._looked_s = self._clock()

    def _open(self, log: str, place: Place) -> LogTail:
        """Opens a log where it was left. What was rolled meanwhile is read to its end first."""
        path = self._logs / f"{log}.log"
        if place.inode > 0 and not _is(path, place.inode):
            for rolled in sorted(self._logs.glob(f"{log}.*.log")):
                if _is(rolled, place.inode):
                    tail = LogTail(rolled, place)
                    self._drain(tail)
                    tail.close()
        return LogTail(path, place)

    def _read(self) -> bool:
        """Takes the new lines; returns whether there were any."""
        before = dict(self._tally.places)
        for log, tail in self._tails.items():
            self._drain(tail)
            self._tally.places[log] = tail.place
        return self._tally.places != before

    def _drain(self, tail: LogTail) -> None:
        for _ in range(_CHUNKS_MAX):
            before = tail.place
            for line in tail.read():
                self._tally.take(line)
            if tail.place == before:
                break
        self.unreadable, tail.unreadable = self.unreadable + tail.unreadable, 0

    def _save(self) -> bool:
        """Stores the document; False where another process was faster."""
        self._looked_s = None
        document = msgspec.json.encode(self._tally)
        following = self._generation + 1
        with self._store.writing() as line:
            if self._generation == 0:
                known = line.execute(select(COUNTS.c.desk).where(COUNTS.c.desk == self._desk)).first()
                if known is not None:
                    return False
                line.execute(insert(COUNTS).values(desk=self._desk, generation=following, document=document))
            else:
                mine = update(COUNTS).where(COUNTS.c.desk == self._desk, COUNTS.c.generation == self._generation)
                done = line.execute(mine.values(generation=following, document=document))
                if done.rowcount == 0:
                    return False
        self._generation, self._changed, self._looked_s = following, False, self._clock()
        return True

    def _forget(self) -> None:
        """What was read here was stored by another process."""
        self.close()
        self._looked_s = None
        self._generation, self._changed = 0, False
        self._tally = Tally()


def _is(path: Path, inode: int) -> bool:
    try:
        return path.stat().st_ino == inode
    except FileNotFoundError:
        return False


def _decoded(desk: str, document: bytes) -> Tally:
    try:
        return msgspec.json.decode(document, type=Tally)
    except msgspec.MsgspecError as error:
        raise OpsError(f"metrics_counts of {desk}: {error}; delete that row, and its logs are counted anew") from error
