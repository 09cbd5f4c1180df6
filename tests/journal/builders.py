"""What the journal's tests are built from: events, small journals, a disk in memory that fails when told to."""

import errno
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quarterdeck.journal import JournalOptions, JournalReader, runs
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind

SMALL = JournalOptions(segment_records=64, block_records=16, fsync="os", reserve_bytes=4096)
ROOT = Path("journal")
DESK = "test"


def quotes(count: int, first: int = 0) -> NDArray[np.void]:
    """Quotes that all differ: number n has time n + 1 and bid n."""
    made = np.zeros(count, EVENT)
    made["kind"] = EventKind.QUOTE
    made["time_ns"] = np.arange(first + 1, first + count + 1)
    made["bid"] = np.arange(first, first + count)
    made["ask"] = made["bid"] * 1_000_003
    return made


def bids(reader: JournalReader) -> list[int]:
    """The numbers of the quotes that a journal holds, in order."""
    return [int(bid) for block in reader.blocks() for _, records in runs(block) for bid in records["bid"]]


class MemoryDisk:
    """A disk in memory.

    `room` bytes are free (None: endless); `sync_error`, `write_error` and `cut_error` are raised by every sync, write
    or truncate from then on; `short` is the most that one write takes. What was synced is kept for `lose_power`.
    """

    def __init__(self, room: int | None = None) -> None:
        self.files: dict[Path, bytearray] = {}
        self.synced: dict[Path, bytes] = {}
        self.room = room
        self.short: int | None = None
        self.sync_error: OSError | None = None
        self.write_error: OSError | None = None
        self.cut_error: OSError | None = None
        self.syncs = 0
        self.lives = 1
        self._dirty: dict[Path, list[tuple[int, int]]] = {}  # written since the last sync
        self._open: dict[int, Path] = {}
        self._locked: dict[int, Path] = {}
        self._next = 1

    def _handle(self, path: Path) -> int:
        self._next += 1
        self._open[self._next] = path
        return self._next

    def create(self, path: Path) -> int:
        if path in self.files:
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        self.files[path] = bytearray()
        return self._handle(path)

    def open(self, path: Path) -> int:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "No such file", str(path))
        return self._handle(path)

    def close(self, handle: int) -> None:
        del self._open[handle]

    def _take(self, wanted: int) -> int:
        if self.room is None:
            return wanted
        if self.room <= 0 < wanted:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = min(wanted, self.room)
        self.room -= taken
        return taken

    def write(self, handle: int, data: memoryview, offset: int) -> int:
        if self.write_error is not None:
            raise self.write_error
        content = self.files[self._open[handle]]
        wanted = len(data) if self.short is None else min(len(data), self.short)
        assert offset <= len(content), "the journal never leaves a hole"
        there = min(wanted, len(content) - offset)  # what is written over needs no room
        taken = there + (self._take(wanted - there) if wanted > there else 0)
        content[offset : offset + taken] = data[:taken]
        self._dirty.setdefault(self._open[handle], []).append((offset, offset + taken))
        return taken

    def datasync(self, handle: int) -> None:
        self.syncs += 1
        path = self._open[handle]
        dirty = self._dirty.pop(path, [])  # a sync that fails leaves pages that look as if they were on the medium
        if self.sync_error is not None:
            raise self.sync_error
        content, medium = self.files[path], bytearray(self.synced.get(path, b""))
        medium[len(content) :] = b""
        medium.extend(bytes(len(content) - len(medium)))
        for start, end in dirty:
            medium[start:end] = content[start:end]
        self.synced[path] = bytes(medium)

    def truncate(self, handle: int, size: int) -> None:
        if self.cut_error is not None:
            raise self.cut_error
        content = self.files[self._open[handle]]
        if self.room is not None:
            self.room += len(content) - size
        del content[size:]

    def allocate(self, handle: int, size: int) -> None:
        if self.room is not None and self.room < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._take(size)
        self.files[self._open[handle]][:] = bytes(size)

    def read(self, path: Path) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "No such file", str(path))
        return bytes(self.files[path])

    def read_from(self, path: Path, offset: int) -> bytes:
        return self.read(path)[offset:]

    def share(self, path: Path, size: int) -> memoryview:
        """Takes no room: it is made before anything else, and never grows."""
        content = self.files.setdefault(path, bytearray(size))
        return memoryview(content)[:size]

    def map(self, path: Path) -> memoryview:
        return memoryview(self.read(path))

    def life(self) -> bytes:
        return b"life %d" % self.lives

    def names(self, directory: Path) -> list[str]:
        found = sorted(path.name for path in self.files if path.parent == directory)
        if not found and directory != ROOT:
            raise FileNotFoundError(errno.ENOENT, "No such directory", str(directory))
        return found

    def rename(self, source: Path, target: Path) -> None:
        self.files[target] = self.files.pop(source)
        self._dirty[target] = self._dirty.pop(source, [])
        if source in self.synced:
            self.synced[target] = self.synced.pop(source)
        for handle, path in self._open.items():
            if path == source:
                self._open[handle] = target

    def remove(self, path: Path) -> None:
        content = self.files.pop(path)
        self.synced.pop(path, None)
        if self.room is not None:
            self.room += len(content)

    def make_directory(self, directory: Path) -> None:
        assert directory.parts

    def sync_directory(self, directory: Path) -> None:
        assert directory.parts

    def free_bytes(self, directory: Path) -> int:
        assert directory.parts
        return 1 << 40 if self.room is None else max(0, self.room)

    def lock(self, path: Path) -> int | None:
        if path in self._locked.values():
            return None
        self.files.setdefault(path, bytearray())
        handle = self._handle(path)
        self._locked[handle] = path
        return handle

    def unlock(self, handle: int) -> None:
        del self._locked[handle]
        self.close(handle)

    def kill_process(self) -> None:
        """All handles and locks are gone; what the operating system took stays."""
        self._open.clear()
        self._locked.clear()

    def lose_power(self, path: Path, kept: int) -> None:
        """Of a file, what was synced stays and `kept` bytes at most of what was written."""
        self.kill_process()
        self.lives += 1
        self.files[path] = self.files[path][: max(kept, len(self.synced.get(path, b"")))]

    def segments(self) -> list[Path]:
        return sorted(path for path in self.files if path.suffix == ".qdj")
