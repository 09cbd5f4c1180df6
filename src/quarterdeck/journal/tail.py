"""Following a journal while another process writes it: each poll hands out what was flushed since the one before.

    tail = JournalTail(Path("data/journal"), from_sequence=snapshot.sequence)
    while ...:
        for first_sequence, raw in tail.poll():   # contiguous records; a SEAL, if there is one, is the last of a piece
            ...

What a follower can see at the end of the last segment, and what it makes of it:

    bytes of a part of a record, a page of zeros     not there yet: waits
    whole records that no flush has acknowledged     not there yet: the disk may be full, and they be taken away again
    records below the writer's mark (`mark.py`)      acknowledged: handed out, each by its own check
    records before a SEAL                            acknowledged: it is written after them; the chain is checked too
    an acknowledged record whose check fails twice   JournalCorrupt
    less, or other, than what was handed out         JournalCutBack: a machine died before what it had taken was synced

So the death of a process and a full disk never take back what was handed out. Where no writer has left a mark, only
sealed records are acknowledged; whoever has the journal's lock reads the rest by `JournalReader`.
"""

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import JournalCorrupt, JournalCutBack, JournalError
from quarterdeck.journal.blocks import check_block, first_problem, sealed_blocks
from quarterdeck.journal.chain import Seal, sealed_bytes
from quarterdeck.journal.checks import KIND_OFFSET, RECORD_BYTES, failing_records
from quarterdeck.journal.disk import OS_DISK, Disk
from quarterdeck.journal.mark import read_mark
from quarterdeck.journal.schema import check_not_newer
from quarterdeck.journal.segment import HEADER_BYTES, Header, load_segment, read_header, segment_paths
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind

__all__ = ["JournalTail"]

_SEAL: Final = bytes((EventKind.SEAL,))


class JournalTail:
    """Reads the journal in `directory` from `from_sequence` on (default: from its first record).

    `sequence` is the first record not handed out yet. A directory without a journal is one that is not there yet.
    """

    def __init__(self, directory: Path, disk: Disk = OS_DISK, from_sequence: int | None = None) -> None:
        self.directory = directory
        self.sequence = 0 if from_sequence is None else from_sequence
        self._disk = disk
        self._from = from_sequence
        self.header: Header | None = None  # of the segment that the next records come from
        self._path: Path | None = None  # of the segment that is being read
        self._first = 0  # its first sequence
        self._last = b""  # the record handed out last, when it stands in this segment
        self._chain = b""  # after the last seal
        self._hash = hashlib.sha256()  # of the block so far
        self._block_records = 0

    def poll(self) -> list[tuple[int, bytes]]:
        """Returns (first sequence, contiguous records) of what was flushed since, one segment's at most.

        An empty list says that all that was flushed was handed out. JournalCorrupt, JournalCutBack as above;
        JournalError when the records that come next are not here any more.
        """
        if self._path is None and not self._begin():
            return []
        mark = read_mark(self._disk, self.directory)  # before the bytes: what it counts is among them
        if mark == self.sequence:
            return []
        raw = self._acknowledged(mark)
        if not raw and self._go_on():
            return self.poll()
        return self._pieces(raw)

    def _begin(self) -> bool:
        """Finds the segment to begin in, and takes in what stands there before `from_sequence`, after its last seal."""
        try:
            paths = segment_paths(self._disk, self.directory)
        except JournalError:
            return False
        if not paths:
            return False
        starts = [int(path.stem) for path in paths]
        wanted = starts[0] if self._from is None else self._from
        if wanted < starts[0]:
            raise JournalError(
                f"{self.directory}: record {wanted} is not here; the journal begins at {starts[0]}: begin at a snapshot"
            )
        path = paths[int(np.searchsorted(starts, wanted, "right")) - 1]
        raw = self._open(path)[HEADER_BYTES : HEADER_BYTES + (wanted - self._first) * RECORD_BYTES]
        self.sequence = wanted
        if len(raw) < (wanted - self._first) * RECORD_BYTES:
            self._path = None
            raise JournalCutBack(path.name, self._first + len(raw) // RECORD_BYTES, f"record {wanted} is not here")
        failing = failing_records(_records(raw), self._first)
        if len(failing):
            self._path = None
            self._corrupt(path, self._first, raw)
        sealed = (raw[KIND_OFFSET::RECORD_BYTES].rfind(_SEAL) + 1) * RECORD_BYTES
        if sealed:
            self._chain = Seal.parse(raw[sealed - RECORD_BYTES : sealed], 0).chain
            self._hash = hashlib.sha256(self._chain)
        self._count(raw[sealed:])
        self._last = raw[-RECORD_BYTES:]
        return True

    def _open(self, path: Path) -> bytes:
        """Begins a segment; returns its bytes."""
        raw = self._read(path, 0)
        header = read_header(path, raw)
        self._check_follows(path, header)
        self._path, self._first, self._last = path, header.first_sequence, b""
        self.header = header
        self._chain = header.previous_chain
        self._hash = hashlib.sha256(hashlib.sha256(raw[:HEADER_BYTES]).digest())
        self._block_records = 0
        return raw

    def _check_follows(self, path: Path, header: Header) -> None:
        if header.name != path.name:
            problem = f"the header says that the segment begins at {header.first_sequence}"
            raise JournalCorrupt(path.name, int(path.stem), problem)
        check_not_newer(path.name, header.state_schema)
        if self._path is not None and header.previous_chain != self._chain:
            problem = f"its header does not carry the hash that {self._path.name} ends with"
            raise JournalCorrupt(path.name, header.first_sequence, problem)

    def _acknowledged(self, mark: int | None) -> bytes:
        """Returns the whole records behind the last one that a flush or a seal has acknowledged, checked one by one."""
        raw, good = self._look(mark)
        if good < len(raw):  # it may have been caught in the middle of a change
            raw, good = self._look(mark)
        if raw and good == 0 and (any(raw[:RECORD_BYTES]) or _SEAL in _kinds(raw)):
            assert self._path is not None
            self._corrupt(self._path, self.sequence, raw)
        return raw[:good]  # one that fails behind good ones is where the next poll begins

    def _look(self, mark: int | None) -> tuple[bytes, int]:
        """Returns the acknowledged records, and how many bytes of them are good."""
        raw = self._new_bytes()
        whole = len(raw) // RECORD_BYTES
        flushed = 0 if mark is None else min(whole, mark - self.sequence)
        count = max(flushed, _kinds(raw[: whole * RECORD_BYTES]).rfind(_SEAL) + 1)
        raw = raw[: max(0, count) * RECORD_BYTES]
        failing = failing_records(_records(raw), self.sequence)
        return raw, int(failing[0]) * RECORD_BYTES if len(failing) else len(raw)

    def _new_bytes(self) -> bytes:
        """Returns what stands behind the record that was handed out last, which is looked at again."""
        assert self._path is not None
        if not self._last:  # an empty segment is replaced when a new version opens the journal
            return self._open(self._path)[HEADER_BYTES:]
        raw = self._read(self._path, HEADER_BYTES + (self.sequence - 1 - self._first) * RECORD_BYTES)
        if raw[:RECORD_BYTES] != self._last:
            self._gone(raw[:RECORD_BYTES])
        return raw[RECORD_BYTES:]

    def _read(self, path: Path, offset: int) -> bytes:
        try:
            return self._disk.read_from(path, offset)
        except FileNotFoundError:
            raise JournalError(
                f"{path}: the segment was taken away before record {self.sequence} was read; begin at a snapshot"
            ) from None

    def _gone(self, present: bytes) -> None:
        """Raises what fits: the record that was handed out last is not there any more."""
        assert self._path is not None
        place = self.sequence - 1
        if len(present) == RECORD_BYTES and any(present) and len(failing_records(_records(present), place)):
            self._corrupt(self._path, place, present)
        raise JournalCutBack(self._path.name, place, "it was read and is not here any more")

    def _go_on(self) -> bool:
        """Begins the segment that follows, if there is one."""
        assert self._path is not None
        later = [path for path in segment_paths(self._disk, self.directory) if path.name > self._path.name]
        if not later:
            return False
        if int(later[0].stem) != self.sequence:
            missing = f"records {self.sequence}..{int(later[0].stem) - 1} before it are missing"
            raise JournalCorrupt(later[0].name, self.sequence, missing)
        if self._block_records:
            problem = f"it does not end with a seal where {later[0].name} begins"
            raise JournalCorrupt(self._path.name, self.sequence, problem)
        self._open(later[0])
        return True

    def _pieces(self, raw: bytes) -> list[tuple[int, bytes]]:
        """Cuts records behind each seal and checks the chain there; what is good counts as handed out."""
        pieces: list[tuple[int, bytes]] = []
        while raw:
            seal = _kinds(raw).find(_SEAL)
            size = (seal + 1) * RECORD_BYTES if seal >= 0 else len(raw)
            piece, raw = raw[:size], raw[size:]
            if seal >= 0 and not self._ends_block(piece):
                if not pieces:
                    self._disagree(piece)
                return pieces  # the next poll begins at the block that is not what was sealed
            if seal < 0:
                self._count(piece)
            pieces.append((self.sequence, piece))
            self.sequence += len(piece) // RECORD_BYTES
            self._last = piece[-RECORD_BYTES:]
        return pieces

    def _count(self, records: bytes) -> None:
        self._hash.update(records)
        self._block_records += len(records) // RECORD_BYTES

    def _ends_block(self, piece: bytes) -> bool:
        """Whether the seal at the end of these records is the hash of its block; then the next block begins."""
        seal = Seal.parse(piece[-RECORD_BYTES:], 0)
        digest = self._hash.copy()
        digest.update(piece[:-RECORD_BYTES])
        digest.update(sealed_bytes(piece[-RECORD_BYTES:]))
        records = self._block_records + len(piece) // RECORD_BYTES - 1
        if (digest.digest(), records) != (seal.chain, seal.records):
            return False
        self._chain, self._hash, self._block_records = seal.chain, hashlib.sha256(seal.chain), 0
        return True

    def _disagree(self, piece: bytes) -> None:
        """Raises JournalCorrupt when the block in the file is not what was sealed, JournalCutBack when it is."""
        assert self._path is not None
        sequence = self.sequence + len(piece) // RECORD_BYTES - 1
        segment = load_segment(self._disk, self._path, shared=False)
        for block in sealed_blocks(segment):
            if block.seal is not None and block.seal.sequence == sequence:
                check_block(segment, block)
                raise JournalCutBack(self._path.name, block.first_sequence, "it is not what was read there before")
        raise JournalCutBack(self._path.name, sequence, "the seal was read and is not here any more")

    def _corrupt(self, path: Path, sequence: int, raw: bytes) -> None:
        """Raises JournalCorrupt for the first of these records that is not what was written there."""
        segment = load_segment(self._disk, path, shared=False)
        start = sequence - segment.first_sequence
        place, problem = first_problem(segment, start, start + len(raw) // RECORD_BYTES)
        raise JournalCorrupt(path.name, place, problem)


def _kinds(raw: bytes) -> bytes:
    return raw[KIND_OFFSET::RECORD_BYTES]


def _records(raw: bytes) -> NDArray[np.void]:
    return np.frombuffer(raw, EVENT)
