"""Opening a journal that a process left behind: its last segment is verified, a torn tail is put aside and cut."""

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from quarterdeck.errors import JournalCorrupt, JournalError, JournalFull, JournalLocked
from quarterdeck.journal.blocks import (
    Tail,
    TornTail,
    check_block,
    check_link,
    check_name,
    hole_in,
    sealed_blocks,
    tail_of,
)
from quarterdeck.journal.checks import RECORD_BYTES
from quarterdeck.journal.disk import Disk
from quarterdeck.journal.segment import HEADER_BYTES, Segment, load_segment, segment_paths

__all__ = [
    "UNFINISHED",
    "Recovered",
    "create_file",
    "disk_errors",
    "lock_directory",
    "make_reserve",
    "recover",
    "release_reserve",
    "write_all",
]

LOCK_FILE: Final = "lock"
RESERVE_FILE: Final = "reserve"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
UNFINISHED: Final = ".unfinished"  # a file that was being made when its writer died: it never counted


@dataclass(frozen=True, slots=True)
class Recovered:
    """The last segment without its torn tail, where its unsealed records begin, and what was torn."""

    segment: Segment
    tail: Tail
    torn: TornTail | None


def recover(disk: Disk, directory: Path) -> Recovered | None:
    """Makes the last segment fit for appending; None when the directory holds no segment.

    Returns once the torn tail, if any, is safe in `<segment>.torn-<sequence>` and cut from the segment. JournalCorrupt
    when a sealed record is not what was sealed, or the segment does not follow the one before it. May raise OSError.
    """
    paths = segment_paths(disk, directory)
    if not paths:
        return None
    segment = load_segment(disk, paths[-1], shared=False)
    _check_place(disk, paths, segment)
    tail = _checked_tail(segment)
    if tail.torn is None:
        return Recovered(segment, tail, None)
    torn = _put_aside(disk, segment, tail, tail.torn)
    return Recovered(segment.cut(tail.stop), tail, torn)


def _checked_tail(segment: Segment) -> Tail:
    for block in sealed_blocks(segment):
        try:
            check_block(segment, block)
        except JournalCorrupt:
            tail = hole_in(segment, block)
            if tail is None:
                raise
            return tail
    return tail_of(segment)


def write_all(disk: Disk, handle: int, data: memoryview, offset: int) -> None:
    """Writes every byte, or raises OSError. A disk that takes nothing is a disk that is full."""
    while len(data):
        taken = disk.write(handle, data, offset)
        if taken <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data, offset = data[taken:], offset + taken


def create_file(disk: Disk, path: Path, data: bytes) -> int:
    """Makes a file that is there whole or not at all, and returns its handle. May raise OSError.

    A file of that name is replaced.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    handle = disk.create(unfinished)
    try:
        write_all(disk, handle, memoryview(data), 0)
        disk.datasync(handle)
        disk.rename(unfinished, path)
    except OSError:
        disk.close(handle)
        disk.remove(unfinished)
        raise
    disk.sync_directory(path.parent)
    return handle


def lock_directory(disk: Disk, directory: Path) -> int:
    """Makes the directory and takes its lock; returns the lock's handle. JournalLocked when another has it."""
    disk.make_directory(directory)
    lock = disk.lock(directory / LOCK_FILE)
    if lock is None:
        raise JournalLocked(f"{directory}: another process writes this journal; stop it first")
    for name in disk.names(directory):
        if name.endswith(UNFINISHED):
            disk.remove(directory / name)
    return lock


def make_reserve(disk: Disk, directory: Path, size: int) -> None:
    """Sets bytes of the disk aside for the last words of a desk whose disk is full."""
    if size == 0 or RESERVE_FILE in disk.names(directory):
        return
    handle = disk.create(directory / RESERVE_FILE)
    try:
        disk.allocate(handle, size)
    except OSError:
        disk.remove(directory / RESERVE_FILE)
        raise
    finally:
        disk.close(handle)


def release_reserve(disk: Disk, directory: Path) -> None:
    """Gives the reserve back to the disk; the next opening sets it aside anew."""
    if RESERVE_FILE in disk.names(directory):
        disk.remove(directory / RESERVE_FILE)


@contextmanager
def disk_errors(directory: Path) -> Generator[None, None, None]:
    """Turns what the operating system refuses into JournalFull (no room) or JournalError, naming the file."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename or directory}: {error.strerror or error}"
        if error.errno in _NO_ROOM:
            raise JournalFull(f"{what}; make room and start again") from error
        raise JournalError(f"{what}; the journal cannot be used until that is put right") from error


def _check_place(disk: Disk, paths: list[Path], segment: Segment) -> None:
    check_name(segment)
    if len(paths) > 1:
        check_link(load_segment(disk, paths[-2], shared=True), segment)


def _put_aside(disk: Disk, segment: Segment, tail: Tail, torn: TornTail) -> TornTail:
    rest = segment.records[tail.stop :].tobytes() + segment.partial
    kept = _free_name(disk, segment.path, torn.sequence)
    disk.close(create_file(disk, kept, rest))
    handle = disk.open(segment.path)
    try:
        disk.truncate(handle, HEADER_BYTES + tail.stop * RECORD_BYTES)
        disk.datasync(handle)
    finally:
        disk.close(handle)
    return replace(torn, kept=kept.name)


def _free_name(disk: Disk, path: Path, sequence: int) -> Path:
    """A tail can be torn twice at one place: the second gets a number, none is overwritten."""
    taken = set(disk.names(path.parent))
    name = f"{path.name}.torn-{sequence}"
    number = 1
    while name in taken:
        number += 1
        name = f"{path.name}.torn-{sequence}-{number}"
    return path.with_name(name)
