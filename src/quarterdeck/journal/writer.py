"""The journal's one writer.

`append` takes records into a buffer and gives them their sequence numbers; `flush` hands the buffer to the operating
system. Nothing that a record causes may leave the process before `flush` has returned: then the death of the process
loses nothing, and the fsync policy says what the death of the machine can lose.

A live desk's compiled code lays its records into `buffer` itself and moves `cursor` (`kernel.stamping`) along; it asks
`reserve` for room, and calls `hand_over` in place of `flush`, then `settle` once its orders have left.

    writer = JournalWriter(Path("data/journal"), desk="xrpliquid")
    writer.append(events[i : i + 1])
    apply(state, events, i, actions)
    if writer.seal_due:
        writer.seal(digest(state))
    writer.flush()
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import JournalError, JournalFull
from quarterdeck.journal.blocks import TornTail, chain_end
from quarterdeck.journal.chain import HASH_BYTES, seal_record, unsigned_seal
from quarterdeck.journal.checks import KIND_OFFSET, RECORD_BYTES, as_words, stamp_bytes, stamp_words
from quarterdeck.journal.commit import FSYNC_POLICIES, GroupCommit
from quarterdeck.journal.disk import OS_DISK, Disk
from quarterdeck.journal.mark import FlushMark
from quarterdeck.journal.payload import note
from quarterdeck.journal.recovery import (
    Recovered,
    create_file,
    disk_errors,
    lock_directory,
    make_reserve,
    release_reserve,
    write_all,
)
from quarterdeck.journal.schema import check_not_newer, event_schema_hash
from quarterdeck.journal.segment import HEADER_BYTES, Header
from quarterdeck.journal.spool import Spool, recover_spooled
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.stamping import BASE, CURSOR_WORDS, NEXT, ROOM
from quarterdeck.kernel.vocabulary import ACTION_KIND_MIN, EventKind

__all__ = ["JournalOptions", "JournalWriter", "foreign_kind"]

BUFFERED_RECORDS: Final = 8192  # 512 KiB: what waits at most before `append` itself hands it over
BLOCK_RECORDS_MIN: Final = 16
SINGLY_MAX: Final = 6  # up to here one record at a time is faster than a batch

_JOURNALED_KINDS: Final = bytes(
    kind for kind in EventKind if kind < ACTION_KIND_MIN and kind not in (EventKind.NONE, EventKind.SEAL)
)


def foreign_kind(kind: int) -> JournalError:
    """The refusal of a record that no journal holds."""
    return JournalError(f"a record of kind {kind} is not journaled; only events and notes are")


@dataclass(frozen=True, slots=True)
class JournalOptions:
    """How a journal is written. A segment holds at most `segment_records`, a block at most `block_records`.

    With a `spool` records are with the operating system as soon as they are appended, and stand in the segment once
    they are settled: for a live desk, whose orders need not wait for the file system.
    """

    segment_records: int = 1 << 20
    block_records: int = 1 << 16
    fsync: str = "group"
    group_ms: float = 5.0
    reserve_bytes: int = 1 << 20
    spool: bool = False

    def __post_init__(self) -> None:
        if not BLOCK_RECORDS_MIN <= self.block_records <= self.segment_records:
            allowed = f"{BLOCK_RECORDS_MIN}..segment_records ({self.segment_records})"
            raise JournalError(f"block_records must be {allowed}, not {self.block_records}")
        if self.fsync not in FSYNC_POLICIES:
            raise JournalError(f"fsync must be one of {', '.join(FSYNC_POLICIES)}, not {self.fsync}")
        if self.spool and self.fsync == "always":
            raise JournalError("a spool does not go with fsync always: what it holds is not on the medium; use group")
        if self.group_ms <= 0 or self.reserve_bytes < 0:
            raise JournalError(
                f"group_ms must be above 0 ({self.group_ms}), reserve_bytes not below ({self.reserve_bytes})"
            )


class JournalWriter:
    """Appends to the journal in `directory`, making it when it is not there.

    Opening takes the directory's lock, verifies the last segment, and cuts a torn tail (`torn` says what was cut).
    JournalLocked: another writer has it. JournalCorrupt: a sealed record was changed. JournalFull: no room to begin.
    `first_sequence` and `previous_chain` count only where no segment is yet. `clock` gives a new segment its time.
    """

    def __init__(
        self,
        directory: Path,
        desk: str,
        options: JournalOptions | None = None,
        *,
        disk: Disk = OS_DISK,
        clock: Callable[[], int] = time.time_ns,
        first_sequence: int = 0,
        previous_chain: bytes = bytes(HASH_BYTES),
    ) -> None:
        self.directory = directory
        self.desk = desk
        self.options = options or JournalOptions()
        self.chain = previous_chain  # after the last seal
        self.torn: TornTail | None = None
        self._disk, self._clock = disk, clock
        self._handle = self._lock = -1
        self._failure: JournalError | None = None
        self._commit: GroupCommit | None = None
        self._mark: FlushMark | None = None
        self._capacity = BUFFERED_RECORDS + self.options.block_records
        self._spool: Spool | None = None
        self._use(np.zeros(self._capacity, EVENT), np.zeros(CURSOR_WORDS, np.int64), first_sequence)
        self._written = 0  # records of the buffer that stand in the segment
        self._hashed = 0  # and those of them that are in the running hash
        self._newest = (0, 0)  # where in the buffer the records written last still stand
        self._offset = 0  # where in the file the next records go
        self._segment_first = self._block_first = first_sequence
        self._time_ns = 0
        self._durable = first_sequence
        self._last_digest = 0
        self._ending = False
        self._always = self.options.fsync == "always"
        self._hash = hashlib.sha256(self.chain)
        self._open()

    @property
    def next_sequence(self) -> int:
        """The sequence that the next record gets."""
        return self._at[NEXT]

    @property
    def flushed_sequence(self) -> int:
        """All records below it are with the operating system."""
        return self._at[NEXT] - (0 if self._spool is not None else self._pending)

    @property
    def durable_sequence(self) -> int:
        """All records below it are known to be on the medium; with the policy `os`, those of ended segments."""
        return self._durable if self._commit is None else self._commit.durable_sequence

    @property
    def seal_due(self) -> bool:
        """True when the block has one eighth of its room left: seal now, with the digest of the state at this record.

        Whoever does not finds the block sealed without a digest, by the first `append` that no longer fits into it.
        """
        return self._at[NEXT] - self._block_first >= self.options.block_records - self.options.block_records // 8

    @property
    def failure(self) -> JournalError | None:
        """Why this writer takes nothing any more; None while it works."""
        return self._failure

    def free_bytes(self) -> int:
        """How much can still be written there; the desk stops entries long before it is nothing."""
        return self._disk.free_bytes(self.directory)

    def append(self, records: NDArray[np.void]) -> int:
        """Buffers contiguous EVENT records (shape (n,)) and returns the sequence of the first.

        All of them stand in one block, one behind the other, or an error is raised and none is taken: JournalFull and
        JournalError as in `flush`; JournalError for a kind that is not journaled or more records than a block holds.
        """
        if records.dtype != EVENT:
            raise JournalError(f"a journal holds EVENT records, not {records.dtype}")
        return self.append_bytes(records.tobytes())

    def append_bytes(self, raw: bytes) -> int:
        """As `append`, for records that stand one behind the other in `raw`."""
        count, at = len(raw) // RECORD_BYTES, self._at
        if count > at[ROOM] or self._is_broken():
            self.reserve(count)
        foreign = raw[KIND_OFFSET::RECORD_BYTES].translate(None, _JOURNALED_KINDS)
        if foreign:
            raise foreign_kind(foreign[0])
        sequence = at[NEXT]
        place = sequence - at[BASE]
        start = place * RECORD_BYTES
        if count <= SINGLY_MAX:
            for offset in range(0, len(raw), RECORD_BYTES):
                stamped = stamp_bytes(raw[offset : offset + RECORD_BYTES], sequence + offset // RECORD_BYTES)
                self._bytes[start + offset : start + offset + RECORD_BYTES] = stamped
        else:
            self._bytes[start : start + len(raw)] = raw
            stamp_words(self._words[place : place + count], sequence)
        at[NEXT] = sequence + count
        at[ROOM] -= count
        return sequence

    def reserve(self, count: int) -> None:
        """Makes room for `count` more records in one block: `cursor` says where they begin.

        Seals the block, begins a segment, hands the buffer over: whichever they ask for. JournalFull, JournalError.
        """
        self._raise_failure()
        at, limit = self._at, self.options.block_records - 1  # the last record of a block is its seal
        if count > limit:
            raise JournalError(f"{count} records do not fit into one block; append at most {limit} at once")
        if at[NEXT] - self._block_first + count > limit:
            self.seal()
        full = at[NEXT] - self._segment_first + self.options.block_records > self.options.segment_records
        if full and at[NEXT] == self._block_first and not self._ending:
            self._roll()
        if at[NEXT] - at[BASE] + count > BUFFERED_RECORDS:
            self._write_pending()
        buffer_room = max(count, BUFFERED_RECORDS - (at[NEXT] - at[BASE]))
        at[ROOM] = min(limit - (at[NEXT] - self._block_first), buffer_room)

    def seal(self, state_digest: int = 0, time_ns: int | None = None) -> int:
        """Ends the block: flushes, and writes a SEAL with 64 bits of the state's digest (0: none was taken).

        `time_ns` is the desk's time, by default the last record's. Returns `next_sequence`: a snapshot of this state
        stands at that number. A block without records is sealed only to say a digest that the last seal did not say.
        """
        self._raise_failure()
        if self.next_sequence == self._block_first and state_digest in (0, self._last_digest):
            return self.next_sequence
        self._write_pending()
        sealed_ns = self._last_time() if time_ns is None else time_ns
        unsigned = unsigned_seal(sealed_ns, state_digest, self.next_sequence - self._block_first)
        digest = self._hash.copy()
        digest.update(unsigned)
        chain = digest.digest()
        self._bytes[:RECORD_BYTES] = seal_record(unsigned, chain, self.next_sequence)
        self._write(0, 1)
        self._at[NEXT] += 1
        self._at[BASE] = self._at[NEXT]
        self._begin_block(chain)
        self._last_digest = state_digest
        self._apply_policy()
        return self.next_sequence

    def flush(self) -> int:
        """Hands all appended records to the operating system and applies the fsync policy; returns `next_sequence`.

        JournalFull: the disk took no more; the records appended since the last `flush` are not acknowledged, all
        before them are safe. JournalError: a sync failed, now or in the group's thread. Both are final for this writer.
        """
        self.hand_over()
        self.settle()
        return self.next_sequence

    def hand_over(self) -> None:
        """As `flush`, without what nobody has to wait for: `settle` does that, now or later. The same errors."""
        if self._failure is not None or (self._commit is not None and self._commit.failure is not None):
            self._raise_failure()
        if self._spool is None and self._pending:
            self._write_out()
            if self._always:
                self._datasync()

    def settle(self) -> None:
        """Writes to the segment what only the spool holds, hashes it, and tells the syncing thread of it.

        JournalFull: as in `flush`, though with a spool every record is acknowledged, and safe in it.
        """
        if self._spool is not None and self._pending and self._failure is None:
            self._write_out()
        written, hashed = self._written, self._hashed
        if written > hashed:
            self._hash.update(self._bytes[hashed * RECORD_BYTES : written * RECORD_BYTES])
            self._hashed = written
            if self._commit is not None:
                self._commit.written_sequence = self._at[NEXT] - self._pending
            if self._mark is not None:
                self._mark.set(self._at[NEXT] - self._pending)
        if not self._pending:  # from the start again: what was used last is nearest to the processor
            self._at[BASE] = self._at[NEXT]
            self._written = self._hashed = 0

    def sync(self) -> None:
        """Flushes and returns when everything is on the medium, whatever the policy."""
        self.flush()
        self._datasync()

    def last_words(self, text: str, time_ns: int, state_digest: int = 0) -> None:
        """After JournalFull: gives back the reserve, writes what waits, a NOTE and a SEAL: the desk ends in order.

        When even that does not fit, what waits is given up (none of it was acknowledged), and note and seal follow the
        last acknowledged record, without a digest. JournalFull when the disk takes not even these.
        """
        if isinstance(self._failure, JournalFull):
            self._failure = None
            self._ending = True  # from here on this segment takes what there is: a new one would need more room
            release_reserve(self._disk, self.directory)
        self._raise_failure()
        left = self._cut_back()
        if left:  # what follows would stand in front of records that were never acknowledged
            raise JournalFull(f"{self.directory}: the last words cannot be written{left}; every flushed record is safe")
        acknowledged = self._at[NEXT] - (0 if self._spool is not None else self._pending)
        try:
            self._say(text, time_ns, state_digest)
        except JournalFull:
            self._give_up(acknowledged)
            if self._pending:
                raise
            self._failure = None
            self._say(text, time_ns, 0)
        self.sync()
        self._failure = JournalFull(f"{self.directory}: the last words are written; make room and start again")

    def close(self, state_digest: int = 0) -> None:
        """Seals, syncs, and gives the lock back; a broken writer only gives back what it holds."""
        if self._handle < 0:
            return
        try:
            if self._failure is None:
                self.seal(state_digest)
                self.sync()
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _pending(self) -> int:
        """Records in the buffer that do not stand in the segment yet."""
        return self._at[NEXT] - self._at[BASE] - self._written

    def _use(self, buffer: NDArray[np.void], cursor: NDArray[np.int64], next_sequence: int) -> None:
        self.buffer, self.cursor = buffer, cursor
        self._at = memoryview(cast(Any, cursor))  # the same, in plain numbers
        self._at[NEXT] = self._at[BASE] = next_sequence
        self._words = as_words(buffer)
        self._kinds = self._words.view(np.uint8)[:, KIND_OFFSET]
        self._bytes = memoryview(self._words.data).cast("B")

    def _begin_block(self, chain: bytes) -> None:
        self.chain = chain
        self._hash = hashlib.sha256(chain)
        self._block_first = self.next_sequence
        self._at[ROOM] = 0

    def _last_time(self) -> int:
        """The time of the newest record that has one: the bytes of a continuation slot are not a time."""
        start, stop = self._newest
        for index in range(stop - 1, start - 1, -1):
            if self._kinds[index] != EventKind.CONTINUATION:
                self._time_ns = int(self._words[index, :2].view(np.int64)[0])
                break
        return self._time_ns

    def _write_pending(self) -> None:
        if self._pending:
            self._write_out()
        self.settle()

    def _write_out(self) -> None:
        place = self._at[NEXT] - self._at[BASE]
        self._write(self._written, place)
        self._written = place

    def _write(self, start: int, stop: int) -> None:
        """Writes records of the buffer where the file ends."""
        data = self._bytes[start * RECORD_BYTES : stop * RECORD_BYTES]
        try:
            taken = self._disk.write(self._handle, data, self._offset)
            if taken != len(data):
                write_all(self._disk, self._handle, data[taken:], self._offset + taken)
        except OSError as error:
            raise self._full(error, self._cut_back()) from error
        self._offset += len(data)
        self._newest = (start, stop)

    def _cut_back(self) -> str:
        """Takes away what a failed write left. When even that fails, the next opening finds it as a torn tail."""
        try:
            self._disk.truncate(self._handle, self._offset)
        except OSError as error:
            return f"; what it left in part could not be cut ({error.strerror or error})"
        return ""

    def _full(self, error: OSError, more: str = "") -> JournalFull:
        failure = JournalFull(
            f"{self.directory}: the disk took no more ({error.strerror or error}, {self._free_text()}){more};"
            f" every record before {self.flushed_sequence} is safe; make room and start again"
        )
        self._failure = failure
        return failure

    def _free_text(self) -> str:
        try:
            return f"{self.free_bytes()} bytes free"
        except OSError as error:
            return f"free space unknown: {error.strerror or error}"

    def _apply_policy(self) -> None:
        if self._commit is not None:
            self._commit.written_sequence = self._at[NEXT] - self._pending
        elif self._always:
            self._datasync()
        if self._mark is not None:
            self._mark.set(self._at[NEXT] - self._pending)

    def _datasync(self) -> None:
        written = self._at[NEXT] - self._pending
        if self._commit is not None:
            self._commit.written_sequence = written
            self._commit.sync()
            self._raise_failure()
            return
        try:
            self._disk.datasync(self._handle)
        except OSError as error:
            self._failure = self._unsynced(error)
            raise self._failure from error
        self._durable = written

    def _unsynced(self, error: OSError) -> JournalError:
        return JournalError(
            f"{self.directory}: a sync failed ({error.strerror or error}); records from {self.durable_sequence} on may"
            " not outlive the machine; stop the desk, look at the disk, then run `journal verify`"
        )

    def _is_broken(self) -> bool:
        return self._failure is not None or (self._commit is not None and self._commit.failure is not None)

    def _raise_failure(self) -> None:
        if self._failure is None and self._commit is not None and self._commit.failure is not None:
            self._failure = self._unsynced(self._commit.failure)
        if self._failure is not None:
            raise self._failure

    def _say(self, text: str, time_ns: int, state_digest: int) -> None:
        self.append(note(text, time_ns))
        self.seal(state_digest, time_ns)

    def _give_up(self, acknowledged: int) -> None:
        """Forgets the records from that sequence on. Those before it can still be pending: in a spool they are safe."""
        self._at[NEXT] = max(acknowledged, self._at[BASE] + self._written)
        self._at[ROOM] = 0

    def _open(self) -> None:
        try:
            with disk_errors(self.directory):
                self._lock = lock_directory(self._disk, self.directory)
                make_reserve(self._disk, self.directory, self.options.reserve_bytes)
                recovered = recover_spooled(self._disk, self.directory)
                if recovered is None:
                    self._begin_segment()
                else:
                    self._go_on(recovered)
                self._mark = FlushMark(self._disk, self.directory, self.next_sequence)
                if self.options.spool:
                    self._spool = Spool(self._disk, self.directory, self._capacity, self.next_sequence)
                    self._use(self._spool.buffer, self._spool.cursor, self.next_sequence)
            if self.options.fsync == "group":
                self._commit = GroupCommit(self._disk, self._handle, self.options.group_ms, self.next_sequence)
            if recovered is not None and not _is_of_this_version(recovered.segment.header):
                self.seal()  # one segment has one version: what follows says so in a header of its own
                self._roll()
        except BaseException:
            self._release()
            raise

    def _go_on(self, recovered: Recovered) -> None:
        segment, tail = recovered.segment, recovered.tail
        if segment.header.desk != self.desk:
            raise JournalError(f"{self.directory}: this is the journal of desk {segment.header.desk}, not {self.desk}")
        check_not_newer(segment.path.name, segment.header.state_schema)
        self._handle = self._disk.open(segment.path)
        # A sync that failed leaves pages that read well and are on no medium. Written once more, they are synced.
        write_all(self._disk, self._handle, memoryview(segment.records.tobytes()), HEADER_BYTES)
        self._disk.datasync(self._handle)
        self.torn = recovered.torn
        self._at[NEXT] = self._at[BASE] = self._durable = segment.next_sequence
        self._segment_first = segment.first_sequence
        self.chain = chain_end(segment) if len(segment.seals) else segment.header.previous_chain
        self._hash = hashlib.sha256(chain_end(segment))
        unsealed = segment.records[tail.start : tail.stop]
        self._hash.update(unsealed.tobytes())
        self._block_first = self.next_sequence - len(unsealed)
        self._offset = HEADER_BYTES + len(segment.records) * RECORD_BYTES
        timed = segment.records[segment.records["kind"] != EventKind.CONTINUATION]
        self._time_ns = int(timed["time_ns"][-1]) if len(timed) else segment.header.created_ns

    def _begin_segment(self) -> None:
        header = Header(self.desk, self.next_sequence, self._clock(), self.chain)
        packed = header.pack()
        handle = create_file(self._disk, self.directory / header.name, packed)
        if self._commit is not None:
            self._commit.switch(handle)
        if self._handle >= 0:
            self._disk.close(self._handle)
        self._handle = handle
        self._offset = HEADER_BYTES
        self._segment_first = self._block_first = self.next_sequence
        self._hash = hashlib.sha256(hashlib.sha256(packed).digest())
        self._time_ns = max(self._time_ns, header.created_ns)

    def _roll(self) -> None:
        """Begins the next segment; the one before is whole on the medium by then. Only right after a seal."""
        self._datasync()
        try:
            self._begin_segment()
        except OSError as error:
            raise self._full(error) from error

    def _release(self) -> None:
        if self._commit is not None:
            self._commit.close()
        if self._handle >= 0:
            self._disk.close(self._handle)
        if self._lock >= 0:
            self._disk.unlock(self._lock)
        self._handle = self._lock = -1
        self._mark = None  # an open mapping would keep the disk busy
        self._failure = self._failure or JournalError(f"{self.directory}: this writer was closed; open it again")


def _is_of_this_version(header: Header) -> bool:
    return header.schema == event_schema_hash() and header.same_state
