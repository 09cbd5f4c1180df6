"""When what the operating system took is forced onto the medium.

`os`      never, but when a segment ends and at close: survives the death of the process, not of the machine
`group`   by a thread of its own, begun within a bound of milliseconds after each flush
`always`  in each flush
"""

import threading
from typing import Final

from quarterdeck.journal.disk import Disk

__all__ = ["FSYNC_POLICIES", "GroupCommit"]

FSYNC_POLICIES: Final = ("os", "group", "always")


class GroupCommit:
    """A thread that wakes every `bound_ms` and syncs when something was written since.

    It wakes by the clock, so that a flush on the trading path only stores one number. After a failed sync it stops for
    good: a second one would report success for pages that the first one lost.
    """

    def __init__(self, disk: Disk, handle: int, bound_ms: float, sequence: int) -> None:
        self.failure: OSError | None = None
        self.durable_sequence = sequence
        self.written_sequence = sequence
        self._disk = disk
        self._handle = handle
        self._bound_seconds = bound_ms / 1000
        self._stop = threading.Event()
        self._busy = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def sync(self) -> None:
        """Syncs what was written so far, now and in this thread. A failure is kept in `failure`."""
        with self._busy:
            written = self.written_sequence
            if self.failure is not None or written <= self.durable_sequence:
                return
            try:
                self._disk.datasync(self._handle)
            except OSError as error:
                self.failure = error
                return
            self.durable_sequence = written

    def switch(self, handle: int) -> None:
        """Goes on with the next segment, once the one before has been synced."""
        with self._busy:
            self._handle = handle

    def close(self) -> None:
        """Stops the thread; the last sync is the caller's."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while self.failure is None and not self._stop.wait(self._bound_seconds):
            self.sync()
