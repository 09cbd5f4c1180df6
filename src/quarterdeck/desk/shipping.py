"""A leader's journal on its way into the database, by a thread of its own that reads the journal's files behind it.

The trading path writes its journal as ever. Where `wait_for` is asked for, an order waits until the database has every
record before it; otherwise the database is a few milliseconds behind.
"""

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from quarterdeck.desk.shelf import JournalShelf
from quarterdeck.errors import DeskError, JournalError, StoreUnreachable
from quarterdeck.journal import OS_DISK, Disk, JournalTail
from quarterdeck.journal.checks import RECORD_BYTES
from quarterdeck.journal.segment import HEADER_BYTES, SUFFIX, segment_paths

__all__ = ["Shipper"]

_LOOK_S: Final = 0.01
_AGAIN_S: Final = 0.1
_PRUNE_S: Final = 60.0
_ROW_RECORDS: Final = 8_192  # of one row at most: half a megabyte


class Shipper:
    """Ships the journal in `directory` as the holder of a lease, from `shipped` on: what the database has already.

    `failure` says why it ships no more: LeaseLost, or what is wrong with the journal. `trouble` is what keeps it at the
    moment. `keep` says what may be removed again: (records below which all standbys are, hours that rows stay).
    """

    def __init__(
        self,
        directory: Path,
        shelf: JournalShelf,
        epoch: int,
        holder: str,
        *,
        shipped: int | None,
        keep: Callable[[], tuple[int, int]],
        disk: Disk = OS_DISK,
    ) -> None:
        self.directory = directory
        self.shipped = shipped or 0
        self.failure: DeskError | JournalError | None = None
        self.trouble = ""
        self._shelf, self._epoch, self._holder = shelf, epoch, holder
        self._disk, self._keep = disk, keep
        self._tail = JournalTail(directory, disk, shipped)
        self._segment = -1
        self._waiting: deque[tuple[int, bytes]] = deque()  # first sequence, records
        self._moved = threading.Condition()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-shipper", daemon=True)

    def start(self) -> None:
        """Begins to ship."""
        self._thread.start()

    def wait_for(self, sequence: int, check: Callable[[], None]) -> None:
        """Returns once the database has every record below `sequence`. `check` is called meanwhile, and may raise."""
        if self.shipped >= sequence:
            return
        self._wake.set()
        with self._moved:
            while self.shipped < sequence:
                check()
                if self.failure is not None:
                    raise self.failure
                self._moved.wait(_LOOK_S)

    def close(self) -> None:
        """Stops; what was not shipped yet is not."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._shelf.close()

    def _run(self) -> None:
        pruned = 0.0
        while not self._stop.is_set():
            self._wake.wait(_LOOK_S)
            self._wake.clear()
            try:
                self._ship()
                pruned += _LOOK_S
                if pruned >= _PRUNE_S:
                    pruned = 0.0
                    self._shelf.prune(*self._keep())
                self.trouble = ""
            except StoreUnreachable as error:
                self.trouble = str(error)
                self._stop.wait(_AGAIN_S)
            except (DeskError, JournalError) as error:
                self.failure = error
                self.trouble = str(error)
                return

    def _ship(self) -> None:
        """Ships what was flushed since. What got no answer is shipped again as it was."""
        while True:
            while self._waiting:
                first, raw = self._waiting[0]
                self._look_for_segment(first)
                self._shelf.ship(self._epoch, self._holder, self._segment, first, raw)
                self._waiting.popleft()
                with self._moved:
                    self.shipped = first + len(raw) // RECORD_BYTES
                    self._moved.notify_all()
            if not self._read():
                return

    def _read(self) -> bool:
        """Takes what the tail has; the pieces of one poll are of one segment."""
        pieces = self._tail.poll()
        if not pieces:
            return False
        first = pieces[0][0]
        raw = b"".join(piece for _, piece in pieces)
        step = _ROW_RECORDS * RECORD_BYTES
        for place in range(0, len(raw), step):
            self._waiting.append((first + place // RECORD_BYTES, raw[place : place + step]))
        return True

    def _look_for_segment(self, first: int) -> None:
        """Finds the segment that `first` stands in, and keeps its header in the database where it is a new one."""
        path = self.directory / f"{first:012d}{SUFFIX}"
        try:
            header = self._disk.read_from(path, 0)[:HEADER_BYTES]
        except FileNotFoundError:
            if self._segment >= 0:
                return
            starts = [path for path in segment_paths(self._disk, self.directory) if int(path.stem) <= first]
            path, header = starts[-1], self._disk.read_from(starts[-1], 0)[:HEADER_BYTES]
        self._shelf.add_segment(int(path.stem), header)
        self._segment = int(path.stem)
