"""A journal's own copy on this host, byte for byte what the leader wrote: filled from the database that both share.

`JournalCopy` has the journal's lock, so no session can begin on it meanwhile. `compare` says whether the journal here
and the database's are one; where they part, what was never shipped is not thrown away but put aside.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from quarterdeck.desk.shelf import JournalShelf
from quarterdeck.errors import DeskError, JournalError
from quarterdeck.journal import OS_DISK, Disk, JournalReader
from quarterdeck.journal.checks import RECORD_BYTES
from quarterdeck.journal.mark import FlushMark
from quarterdeck.journal.recovery import create_file, disk_errors, lock_directory, recover, write_all
from quarterdeck.journal.segment import HEADER_BYTES, read_header, segment_paths

__all__ = ["Comparison", "JournalCopy", "compare"]

_ROWS: Final = 64
_LATEST: Final = 1 << 18  # records that are compared at first: two journals part at the end of one


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a journal here stands to the database's: both hold the same records up to `common`, not included.

    `own` and `shared` are where each ends; None: there is none.
    """

    own: int | None
    shared: int | None
    common: int

    @property
    def parted(self) -> bool:
        """Whether the database has other records than the ones here."""
        return self.own is not None and self.shared is not None and self.common < min(self.own, self.shared)

    @property
    def ahead(self) -> bool:
        """Whether there are records here that the database does not have."""
        return self.own is not None and self.own > self.common


def compare(directory: Path, shelf: JournalShelf, *, disk: Disk = OS_DISK) -> Comparison:
    """Compares the journal in `directory` with the database's, row by row as they were shipped."""
    shared = shelf.next_sequence()
    try:
        reader = JournalReader(directory, disk=disk)
    except JournalError:
        if _has_segments(directory, disk):
            raise
        return Comparison(None, shared, 0)
    own, first = reader.next_sequence, reader.first_sequence
    if shared is None:
        return Comparison(own, None, first)
    common = _common(reader, shelf, max(first, own - _LATEST), min(own, shared))
    if common <= own - _LATEST:  # they parted before that
        common = _common(reader, shelf, first, min(own, shared))
    return Comparison(own, shared, common)


class JournalCopy:
    """Writes what the leader wrote to the same places. JournalLocked: a session writes this journal.

    What is unsealed and torn at the end is put aside and cut, as when a session opens.
    """

    def __init__(self, directory: Path, *, disk: Disk = OS_DISK) -> None:
        self.directory = directory
        self._disk = disk
        self._handle, self._segment = -1, 0
        with disk_errors(directory):
            self._lock = lock_directory(disk, directory)
            recovered = recover(disk, directory)
            self.next_sequence = 0 if recovered is None else recovered.segment.next_sequence
            if recovered is not None:
                self._segment = recovered.segment.first_sequence
                self._handle = disk.open(recovered.segment.path)
            self._mark = FlushMark(disk, directory, self.next_sequence)

    def begin_segment(self, header: bytes) -> None:
        """Makes the next segment's file. DeskError when the records before it are not all here."""
        path = self.directory / "header"
        head = read_header(path, header)
        if head.first_sequence != self.next_sequence and self._handle >= 0:
            raise DeskError(f"{self.directory}: segment {head.name} comes before record {self.next_sequence}")
        with disk_errors(self.directory):
            handle = create_file(self._disk, self.directory / head.name, header)
            if self._handle >= 0:
                self._disk.datasync(self._handle)
                self._disk.close(self._handle)
        self._handle, self._segment, self.next_sequence = handle, head.first_sequence, head.first_sequence

    def fill(self, shelf: JournalShelf) -> int:
        """Writes the rows that come next, as many as are asked for at once; returns how many records those were."""
        rows = shelf.fetch(self.next_sequence, _ROWS)
        before = self.next_sequence
        for segment, first, raw in rows:
            if first > self.next_sequence or (self._handle < 0 and first != segment):
                raise DeskError(
                    f"{self.directory}: record {self.next_sequence} is no longer in the database, which begins at "
                    f"{first}: copy the leader's data/ here, or restore a backup, and start again"
                )
            if segment != self._segment or self._handle < 0:
                self.begin_segment(self._header(shelf, segment))
            self._write(raw[(self.next_sequence - first) * RECORD_BYTES :])
        if rows:
            self._mark.set(self.next_sequence)
        return self.next_sequence - before

    def put_aside(self, sequence: int) -> list[str]:
        """Takes the records from `sequence` on out of the journal, to files beside it; returns their names."""
        kept: list[str] = []
        with disk_errors(self.directory):
            if self._handle >= 0:
                self._disk.close(self._handle)
            for path in reversed(segment_paths(self._disk, self.directory)):
                first = int(path.stem)
                aside = path.with_name(f"{path.name}.parted-{sequence}")
                if first >= sequence and first > 0:
                    self._disk.rename(path, aside)
                    kept.append(aside.name)
                    continue
                cut = HEADER_BYTES + (sequence - first) * RECORD_BYTES
                rest = self._disk.read_from(path, cut)
                self._handle = self._disk.open(path)
                if rest:
                    self._disk.close(create_file(self._disk, aside, rest))
                    kept.append(aside.name)
                    self._disk.truncate(self._handle, cut)
                    self._disk.datasync(self._handle)
                self._segment = first
                break
            self._disk.sync_directory(self.directory)
        self.next_sequence = sequence
        self._mark.set(sequence)
        return kept

    def sync(self) -> None:
        """Returns when everything is on the medium."""
        if self._handle >= 0:
            with disk_errors(self.directory):
                self._disk.datasync(self._handle)

    def close(self) -> None:
        """Gives the lock back."""
        if self._lock >= 0:
            self.sync()
            if self._handle >= 0:
                self._disk.close(self._handle)
            self._disk.unlock(self._lock)
            self._handle = self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _header(self, shelf: JournalShelf, segment: int) -> bytes:
        header = shelf.header(segment)
        if header is None:
            raise DeskError(f"{self.directory}: the database has records of segment {segment}, but not its header")
        return header

    def _write(self, raw: bytes) -> None:
        offset = HEADER_BYTES + (self.next_sequence - self._segment) * RECORD_BYTES
        with disk_errors(self.directory):
            write_all(self._disk, self._handle, memoryview(raw), offset)
        self.next_sequence += len(raw) // RECORD_BYTES


def _has_segments(directory: Path, disk: Disk) -> bool:
    try:
        return bool(segment_paths(disk, directory))
    except JournalError:
        return False


def _common(reader: JournalReader, shelf: JournalShelf, begin: int, end: int) -> int:
    """Up to where both hold the same records, of those in begin..end."""
    own = reader.next_sequence
    for sequence, count, digest in shelf.prints(begin, end):
        stop = min(sequence + count, own)
        mine = b"".join(_bytes_of(reader, sequence, stop))
        if stop < sequence + count or hashlib.sha256(mine).digest() != digest:
            return _first_difference(shelf, sequence, mine)
    return end


def _bytes_of(reader: JournalReader, begin: int, end: int) -> list[bytes]:
    parts: list[bytes] = []
    for segment in reader.segments:
        low, high = max(begin, segment.first_sequence), min(end, segment.next_sequence)
        if low < high:
            parts.append(segment.records[low - segment.first_sequence : high - segment.first_sequence].tobytes())
    return parts


def _first_difference(shelf: JournalShelf, sequence: int, mine: bytes) -> int:
    """The first record of a row that is another one here; the end of `mine` when it only is shorter."""
    theirs = shelf.fetch(sequence, 1)[0][2]
    for place in range(0, len(mine), RECORD_BYTES):
        if mine[place : place + RECORD_BYTES] != theirs[place : place + RECORD_BYTES]:
            return sequence + place // RECORD_BYTES
    return sequence + len(mine) // RECORD_BYTES
