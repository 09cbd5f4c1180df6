"""A simulated disk: what the operating system took, what is on the medium, and everything that can go wrong between.

The death of a process loses its handles and locks, nothing else. The loss of power loses what was not synced: of each
file any part of its unsynced writes, sector by sector, and of the directory's changes a prefix in their order.
"""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

__all__ = ["Faults", "ProcessDied", "ProcessDisk", "SimulatedDisk"]

_SECTOR: Final = 512


class ProcessDied(BaseException):
    """The process is no more: raised out of its next call to the outside, and of every later one."""


@dataclass(slots=True)
class Faults:
    """What the disk does next: each number is how many more calls behave so. `room` bytes are free (None: endless)."""

    short_writes: int = 0
    failed_writes: int = 0
    failed_syncs: int = 0
    failed_creates: int = 0
    room: int | None = None


@dataclass(slots=True)
class _File:
    content: bytearray
    durable: bytearray = field(default_factory=bytearray)
    changes: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])  # (offset, data); < 0: cut
    shared: bool = False  # written through memory
    flips: dict[int, int] = field(default_factory=dict[int, int])  # position of a changed bit -> the byte as it was

    @property
    def as_written(self) -> bytearray:
        """The content without the bits that changed by themselves."""
        if not self.flips:
            return self.content
        content = bytearray(self.content)
        for position, was in self.flips.items():
            if position < len(content):
                content[position] = was
        return content

    def sync(self) -> None:
        if self.changes:
            _redo(self.durable, self.changes)
            self.changes.clear()

    def write(self, data: bytes, offset: int) -> None:
        content = self.content
        if offset > len(content):
            content.extend(bytes(offset - len(content)))
        if self.flips:  # a writer that writes again what it has read writes a changed bit as it is
            written = range(offset, offset + len(data))
            kept = {p: was for p, was in self.flips.items() if p not in written or data[p - offset] == content[p]}
            self.flips = kept
        content[offset : offset + len(data)] = data
        self.changes.append((offset, data))

    def cut(self, size: int) -> None:
        del self.content[size:]
        if size > len(self.content):
            self.content.extend(bytes(size - len(self.content)))
        self.changes.append((-1 - size, b""))
        self.flips = {place: was for place, was in self.flips.items() if place < size}


def _redo(content: bytearray, changes: list[tuple[int, bytes]]) -> None:
    for offset, data in changes:
        if offset < 0:
            size = -1 - offset
            del content[size:]
            content.extend(bytes(size - len(content)))
        else:
            if offset > len(content):
                content.extend(bytes(offset - len(content)))
            content[offset : offset + len(data)] = data


def _by_sector(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Cuts a write where sectors of the medium end."""
    start = 0
    while start < len(data):
        stop = min(len(data), start + _SECTOR - (offset + start) % _SECTOR)
        yield offset + start, data[start:stop]
        start = stop


class SimulatedDisk:
    """One host's disk.

    `in_order`: unsynced writes of a file reach the medium in their order, the last one torn. `forgets`: after a failed
    sync the system no longer knows what is not on the medium.
    """

    def __init__(self, chance: Random, *, in_order: bool = False, forgets: bool = True) -> None:
        self.faults = Faults()
        self._in_order, self._forgets = in_order, forgets
        self.files: dict[Path, _File] = {}
        self.folders: set[Path] = set()
        self.locks: dict[int, _File] = {}  # handle -> file: a lock is of the file, whatever its name
        self.namings = 0  # how often a name came, went or changed
        self._chance = chance
        self._names: dict[Path, _File] = {}  # on the medium
        self._renames: list[tuple[Path, _File | None]] = []  # not on the medium yet, in order
        self._open: dict[int, tuple[_File, Path]] = {}
        self._handles = 0
        self._lives = 1

    # What a process asks for; see journal.disk.Disk.

    def create(self, path: Path) -> int:
        if path in self.files:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        if self.faults.failed_creates > 0:
            self.faults.failed_creates -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return self._handle(self._enter(path), path)

    def open(self, path: Path) -> int:
        return self._handle(self._find(path), path)

    def close(self, handle: int) -> None:
        if self._open.pop(handle, None) is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def write(self, handle: int, data: memoryview, offset: int) -> int:
        faults = self.faults
        file, path = self._file(handle)
        wanted = len(data)
        if faults.failed_writes > 0:
            faults.failed_writes -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        if faults.short_writes > 0 and wanted > 1:
            faults.short_writes -= 1
            wanted = 1 + self._chance.randrange(wanted - 1)
        grown = max(0, offset + wanted - len(file.content))
        taken = wanted - grown + self._take_room(grown)
        file.write(bytes(data[:taken]), offset)
        return taken

    def datasync(self, handle: int) -> None:
        file, path = self._file(handle)
        if self.faults.failed_syncs > 0:
            self.faults.failed_syncs -= 1
            if self._forgets:  # that these pages were dirty: a later sync would succeed and be a lie
                self._lose(file)
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        file.sync()

    def truncate(self, handle: int, size: int) -> None:
        file, _ = self._file(handle)
        if self.faults.room is not None:
            self.faults.room += max(0, len(file.content) - size)
        file.cut(size)

    def allocate(self, handle: int, size: int) -> None:
        file, path = self._file(handle)
        if self.faults.room is not None and self.faults.room < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self._take_room(size)
        if size > len(file.content):
            file.cut(size)

    def read(self, path: Path) -> bytes:
        return bytes(self._find(path).content)

    def read_from(self, path: Path, offset: int) -> bytes:
        return bytes(self._find(path).content[offset:])

    def map(self, path: Path) -> memoryview:
        return memoryview(self.read(path))

    def share(self, path: Path, size: int) -> memoryview:
        if path not in self.files:
            self._enter(path)
        file = self.files[path]
        file.shared = True
        if len(file.content) != size:
            file.content = bytearray(size)
        return memoryview(file.content)

    def life(self) -> bytes:
        return b"life %d" % self._lives

    def names(self, directory: Path) -> list[str]:
        if directory not in self.folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(directory))
        return sorted(path.name for path in self.files if path.parent == directory)

    def rename(self, source: Path, target: Path) -> None:
        file = self._find(source)
        del self.files[source]
        self.files[target] = file
        self.namings += 1
        self._renames += [(source, None), (target, file)]

    def remove(self, path: Path) -> None:
        file = self._find(path)
        del self.files[path]
        self.namings += 1
        self._renames.append((path, None))
        if self.faults.room is not None:
            self.faults.room += len(file.content)

    def make_directory(self, directory: Path) -> None:
        self.folders.update((directory, *directory.parents))

    def sync_directory(self, directory: Path) -> None:
        left: list[tuple[Path, _File | None]] = []
        for path, file in self._renames:
            if path.parent == directory:
                _name(self._names, path, file)
            else:
                left.append((path, file))
        self._renames = left

    def free_bytes(self, directory: Path) -> int:
        if directory not in self.folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(directory))
        return 1 << 40 if self.faults.room is None else max(0, self.faults.room)

    def lock(self, path: Path) -> int | None:
        file = self.files[path] if path in self.files else self._enter(path)
        if any(locked is file for locked in self.locks.values()):
            return None
        handle = self._handle(file, path)
        self.locks[handle] = file
        return handle

    def unlock(self, handle: int) -> None:
        self.locks.pop(handle, None)
        self.close(handle)

    # What happens to it.

    def lose_power(self) -> None:
        """What was not synced is gone, in part or wholly; all processes must have died before."""
        chance = self._chance
        self._lives += 1
        for path, file in self._renames[: chance.randrange(len(self._renames) + 1)]:
            _name(self._names, path, file)
        self._renames.clear()
        self.namings += 1
        self.files = dict(self._names)
        for file in self.files.values():
            if file.shared and chance.randrange(2):  # the system wrote this page by itself
                file.durable = bytearray(file.content)
            self._lose(file)
            file.content = bytearray(file.durable)
            file.changes.clear()
        self._open.clear()
        self.locks.clear()

    def durable_bytes(self, path: Path) -> int:
        """Returns how many of a file's first bytes are on the medium as they are here."""
        file = self.files[path]
        most = min(len(file.content), len(file.durable))
        if file.content[:most] == file.durable[:most]:
            return most
        return next(place for place in range(most) if file.content[place] != file.durable[place])

    def flip_bit(self, path: Path, position: int) -> None:
        """Changes one bit, on the medium and in what the operating system holds."""
        file = self._find(path)
        file.flips.setdefault(position, file.content[position])
        mask = 1 << self._chance.randrange(8)
        for content in (file.content, file.durable):
            if position < len(content):
                content[position] ^= mask

    def repair(self) -> None:
        """Puts every changed bit right that nobody has written over or cut away: as from a good copy."""
        for file in self.files.values():
            for position, was in file.flips.items():
                for content in (file.content, file.durable):
                    if position < len(content):
                        content[position] = was
            file.flips.clear()

    def _lose(self, file: _File) -> None:
        """Some of the unsynced changes arrive on the medium: in their order, or each sector as it once was."""
        changes = list(file.changes)
        file.changes.clear()
        if self._in_order:
            kept = self._chance.randrange(len(changes) + 1)
            _redo(file.durable, changes[:kept])
            for offset, data in changes[kept : kept + 1]:
                if offset >= 0 and data:
                    _redo(file.durable, [(offset, data[: self._chance.randrange(len(data))])])
            return
        cuts = [index for index, (offset, _) in enumerate(changes) if offset < 0]
        if cuts and self._chance.randrange(2):
            _redo(file.durable, changes[: cuts[-1] + 1])
            changes = changes[cuts[-1] + 1 :]
        elif cuts:
            changes = changes[: cuts[0]]
        sectors: dict[int, list[tuple[int, bytes]]] = {}
        for offset, data in changes:
            for piece in _by_sector(offset, data):
                sectors.setdefault(piece[0] // _SECTOR, []).append(piece)
        for pieces in sectors.values():
            _redo(file.durable, pieces[: self._chance.randrange(len(pieces) + 1)])

    def _take_room(self, size: int) -> int:
        room = self.faults.room
        if room is None:
            return size
        if room <= 0 < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.faults.room = room - min(size, room)
        return min(size, room)

    def _enter(self, path: Path) -> _File:
        if path.parent not in self.folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        self.namings += 1
        file = self.files[path] = _File(bytearray())
        self._renames.append((path, file))
        return file

    def _find(self, path: Path) -> _File:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return self.files[path]

    def _file(self, handle: int) -> tuple[_File, Path]:
        found = self._open.get(handle)
        if found is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return found

    def _handle(self, file: _File, path: Path) -> int:
        self._handles += 1
        self._open[self._handles] = file, path
        return self._handles


def _name(names: dict[Path, _File], path: Path, file: _File | None) -> None:
    if file is None:
        names.pop(path, None)
    else:
        names[path] = file


class ProcessDisk:
    """A disk as one process has it: what it opened and locked ends with it.

    After `die` every call raises ProcessDied. `calls_left` lets the process die in the middle of what it does: at so
    many calls from now that change something, and of a write a part may still be done.
    """

    def __init__(self, disk: SimulatedDisk) -> None:
        self.disk = disk
        self.alive = True
        self.calls_left = -1
        self._mine: set[int] = set()

    def die(self) -> None:
        """Ends the process: handles and locks are gone."""
        self.alive = False
        for handle in sorted(self._mine):
            self.disk.unlock(handle)
        self._mine.clear()

    def step(self) -> None:
        """Counts a call of the process to the outside. ProcessDied when it is its last, or was."""
        if self.calls_left > 0:
            self.calls_left -= 1
            if self.calls_left == 0:
                self.die()
        if not self.alive:
            raise ProcessDied

    def create(self, path: Path) -> int:
        self.step()
        return self._own(self.disk.create(path))

    def open(self, path: Path) -> int:
        self.step()
        return self._own(self.disk.open(path))

    def close(self, handle: int) -> None:
        self.step()
        self._mine.discard(handle)
        self.disk.close(handle)

    def write(self, handle: int, data: memoryview, offset: int) -> int:
        if self.calls_left == 1 and self.alive and len(data) > 1:
            self.disk.write(handle, data[: len(data) // 2], offset)
        self.step()
        return self.disk.write(handle, data, offset)

    def datasync(self, handle: int) -> None:
        self.step()
        self.disk.datasync(handle)

    def truncate(self, handle: int, size: int) -> None:
        self.step()
        self.disk.truncate(handle, size)

    def allocate(self, handle: int, size: int) -> None:
        self.step()
        self.disk.allocate(handle, size)

    def read(self, path: Path) -> bytes:
        self._living()
        return self.disk.read(path)

    def read_from(self, path: Path, offset: int) -> bytes:
        self._living()
        return self.disk.read_from(path, offset)

    def map(self, path: Path) -> memoryview:
        self._living()
        return self.disk.map(path)

    def share(self, path: Path, size: int) -> memoryview:
        self.step()
        return self.disk.share(path, size)

    def life(self) -> bytes:
        self._living()
        return self.disk.life()

    def names(self, directory: Path) -> list[str]:
        self._living()
        return self.disk.names(directory)

    def rename(self, source: Path, target: Path) -> None:
        self.step()
        self.disk.rename(source, target)

    def remove(self, path: Path) -> None:
        self.step()
        self.disk.remove(path)

    def make_directory(self, directory: Path) -> None:
        self.step()
        self.disk.make_directory(directory)

    def sync_directory(self, directory: Path) -> None:
        self.step()
        self.disk.sync_directory(directory)

    def free_bytes(self, directory: Path) -> int:
        self._living()
        return self.disk.free_bytes(directory)

    def lock(self, path: Path) -> int | None:
        self.step()
        handle = self.disk.lock(path)
        return None if handle is None else self._own(handle)

    def unlock(self, handle: int) -> None:
        self.step()
        self._mine.discard(handle)
        self.disk.unlock(handle)

    def _living(self) -> None:
        if not self.alive:
            raise ProcessDied

    def _own(self, handle: int) -> int:
        self._mine.add(handle)
        return handle
