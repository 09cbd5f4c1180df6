"""The spool: the writer's buffer as a small mapped file beside the segments.

A record stored in it is with the operating system at that moment, without a call: it outlives the process. So a desk's
orders can leave before the record stands in the segment, where it is written a few microseconds later. Opening the
journal finds the records that did not get that far and appends them to the segment, each proved by its check.

    data/journal/spool     header of 4096 bytes (magic, life of the operating system, the cursor), then 64-byte records

What was not synced dies with the operating system, so a spool of another life counts for nothing: the segments say
what there is, as with any group commit.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.journal.checks import RECORD_BYTES, failing_records
from quarterdeck.journal.disk import Disk
from quarterdeck.journal.recovery import Recovered, create_file, recover, write_all
from quarterdeck.journal.segment import HEADER_BYTES
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.stamping import BASE, CURSOR_WORDS, NEXT

__all__ = ["SPOOL_FILE", "Spool", "recover_spooled", "spooled"]

SPOOL_FILE: Final = "spool"
_MAGIC: Final = b"QDSPOOL\n"
_LIFE: Final = slice(8, 72)
_CURSOR_AT: Final = 128


class Spool:
    """The mapped file of a journal's directory, made when it is not there or of another size.

    `buffer` has `capacity` records, `cursor` is the words of `kernel.stamping`; both are the file itself. OSError.
    """

    def __init__(self, disk: Disk, directory: Path, capacity: int, next_sequence: int) -> None:
        path, size = directory / SPOOL_FILE, HEADER_BYTES + capacity * RECORD_BYTES
        # Whole blocks, written and not only reserved: a store into a mapped page must never meet a full disk.
        disk.close(create_file(disk, path, bytes(size)))
        self._view = disk.share(path, size)
        self.cursor: NDArray[np.int64] = np.frombuffer(self._view, np.int64, CURSOR_WORDS, _CURSOR_AT)
        self.buffer: NDArray[np.void] = np.frombuffer(self._view, EVENT, capacity, HEADER_BYTES)
        self.cursor[BASE] = self.cursor[NEXT] = next_sequence
        self._view[_LIFE] = disk.life().ljust(_LIFE.stop - _LIFE.start, b"\0")
        self._view[: len(_MAGIC)] = _MAGIC


def spooled(disk: Disk, directory: Path, first: int) -> NDArray[np.void]:
    """Returns the records from sequence `first` on that a spool of this life holds, each of them good."""
    nothing: NDArray[np.void] = np.zeros(0, EVENT)
    if SPOOL_FILE not in disk.names(directory):
        return nothing
    data = disk.read(directory / SPOOL_FILE)
    if len(data) < HEADER_BYTES or data[: len(_MAGIC)] != _MAGIC or data[_LIFE].rstrip(b"\0") != disk.life():
        return nothing
    cursor: Sequence[int] = np.frombuffer(data, np.int64, CURSOR_WORDS, _CURSOR_AT).tolist()
    start, stop = first - cursor[BASE], cursor[NEXT] - cursor[BASE]
    records = np.frombuffer(data, EVENT, (len(data) - HEADER_BYTES) // RECORD_BYTES, HEADER_BYTES)
    if not 0 <= start < stop <= len(records):
        return nothing
    found = records[start:stop]
    failing = failing_records(found, first)
    return found[: int(failing[0])] if len(failing) else found


def recover_spooled(disk: Disk, directory: Path) -> Recovered | None:
    """As `recover`, with what the spool holds behind the last segment's end written to it. May raise OSError."""
    recovered = recover(disk, directory)
    if recovered is None:
        return None
    records = spooled(disk, directory, recovered.segment.next_sequence)
    if not len(records):
        return recovered
    handle = disk.open(recovered.segment.path)
    end = HEADER_BYTES + len(recovered.segment.records) * RECORD_BYTES
    try:
        write_all(disk, handle, memoryview(records.tobytes()), end)
        disk.datasync(handle)
    except OSError:
        disk.truncate(handle, end)
        raise
    finally:
        disk.close(handle)
    again = recover(disk, directory)
    assert again is not None, "a segment that was written to is there"
    return Recovered(again.segment, again.tail, recovered.torn or again.torn)
