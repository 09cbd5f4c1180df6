"""How far the journal is flushed, for other processes to see: two numbers in a small file that the writer shares.

A follower reads the segments' bytes while they are written. That a record stands there whole does not say that the
flush which wrote it succeeded: a disk that is full takes a part of it, and the writer takes that part away again. So
the writer says here, after each flush, up to where the journal holds: everything below is acknowledged.

The second number is the first one's complement: a reading of both in the middle of a change is not believed.
"""

from pathlib import Path
from typing import Final

from quarterdeck.journal.disk import Disk

__all__ = ["MARK_BYTES", "MARK_FILE", "FlushMark", "read_mark"]

MARK_FILE: Final = "flushed"
MARK_BYTES: Final = 16


class FlushMark:
    """The writer's side. A store into shared memory: no call to the operating system for each flush."""

    def __init__(self, disk: Disk, directory: Path, sequence: int) -> None:
        self._words = disk.share(directory / MARK_FILE, MARK_BYTES).cast("q")
        self.set(sequence)

    def set(self, sequence: int) -> None:
        """Says that every record below `sequence` is flushed."""
        self._words[0] = sequence
        self._words[1] = ~sequence


def read_mark(disk: Disk, directory: Path) -> int | None:
    """Returns what the writer said last; None where no writer has said anything, or is just saying it."""
    try:
        raw = disk.read_from(directory / MARK_FILE, 0)
    except FileNotFoundError:
        return None
    if len(raw) < MARK_BYTES:
        return None
    sequence, complement = (int.from_bytes(raw[at : at + 8], "little", signed=True) for at in (0, 8))
    return sequence if sequence >= 0 and complement == ~sequence else None
