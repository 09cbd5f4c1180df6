"""`backup prune`: lets old segments of the journal go, by policy, with a signed record of what went.

Nothing younger than the policy goes, nor what the oldest snapshot that is kept needs, and nothing at all before the
journal is found good and its state was rebuilt from that snapshot. The record is on the medium before the first byte
goes; a pruning that was cut short is finished by the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from quarterdeck.audit.files import DeskFiles
from quarterdeck.audit.keys import obtain_key, trusted_keys
from quarterdeck.audit.prunes import PrunedSegment, PruneRecord, append_prune, read_prunes
from quarterdeck.audit.verification import audit
from quarterdeck.backup.retention import expired
from quarterdeck.config.backup import Backup
from quarterdeck.errors import AuditError, BackupError
from quarterdeck.journal import OS_DISK, Disk, JournalReader, rfc3339
from quarterdeck.journal.blocks import chain_end
from quarterdeck.journal.checks import RECORD_BYTES
from quarterdeck.journal.segment import HEADER_BYTES, Segment, segment_paths
from quarterdeck.kernel.vocabulary import EventKind

__all__ = ["PruneReport", "doomed_segments", "prune", "youngest_ns"]

_LOCK: Final = "prune.lock"


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What went, or would go: segments by name, and why no more did."""

    segments: tuple[str, ...]
    first_sequence: int
    next_sequence: int
    bytes: int
    kept_because: str
    dry: bool

    def as_dict(self) -> dict[str, object]:
        """Returns what `backup prune --json` prints."""
        return {
            "dry_run": self.dry,
            "segments": list(self.segments),
            "first_sequence": self.first_sequence,
            "next_sequence": self.next_sequence,
            "bytes": self.bytes,
            "kept_because": self.kept_because,
        }

    def lines(self) -> list[str]:
        """Returns the same for people."""
        verb = "would be removed" if self.dry else "removed"
        what = f"{len(self.segments)} segments {verb}"
        if self.segments:
            what += f": records {self.first_sequence}..{self.next_sequence - 1}, {self.bytes} bytes"
        return [what, f"the rest stays: {self.kept_because}"]


def prune(files: DeskFiles, settings: Backup, now_ns: int, *, dry: bool = False, disk: Disk = OS_DISK) -> PruneReport:
    """Removes what the policy lets go. `now_ns` is the wall clock's time. The desk may run.

    BackupError: another process prunes. AuditError, ReplayError: the journal is not good, or its state cannot be
    rebuilt from the snapshot that would be left: nothing was removed.
    """
    lock = disk.lock(files.data / _LOCK)
    if lock is None:
        raise BackupError(f"{files.data}: another process prunes this journal; try again when it has finished")
    try:
        return _prune(files, settings, now_ns, dry, disk)
    finally:
        disk.unlock(lock)


def _prune(files: DeskFiles, settings: Backup, now_ns: int, dry: bool, disk: Disk) -> PruneReport:
    from quarterdeck.runtime.replay import Replayer, oldest_snapshot  # noqa: PLC0415 - the kernel, which others spare

    reader = JournalReader(files.journal, disk=disk)
    if not dry:
        _finish(files, reader, disk)
        reader = JournalReader(files.journal, disk=disk)
    shot = oldest_snapshot(files.snapshots, reader)
    if shot is None:
        why = "no snapshot of it is kept that this program can read, so its state is rebuilt from its first record"
        return PruneReport((), reader.first_sequence, reader.first_sequence, 0, why, dry)
    doomed, why = doomed_segments(reader.segments, shot.sequence, now_ns, settings.journal_keep_days)
    begin = reader.first_sequence
    end = doomed[-1].next_sequence if doomed else begin
    report = PruneReport(tuple(part.path.name for part in doomed), begin, end, sum(map(_size, doomed)), why, dry)
    if dry or not doomed:
        return report
    found = audit(files, disk=disk)
    if found.problems:
        raise AuditError(f"nothing is pruned from a journal that is not good: {found.problems[0]}")
    Replayer(reader, shot).advance()
    key, _ = obtain_key(files)
    record = PruneRecord(
        number=0,
        previous="",
        desk=reader.desk,
        first_sequence=begin,
        next_sequence=end,
        head=chain_end(doomed[-1]).hex(),
        segments=tuple(map(_described, doomed)),
        journal_keep_days=settings.journal_keep_days,
        youngest=rfc3339(max(youngest_ns(part, after) for part, after in _pairs(reader.segments, len(doomed)))),
        snapshot=shot.sequence,
        time=rfc3339(now_ns),
    )
    _remove(files, append_prune(files, key, record, disk=disk), disk)
    return report


def doomed_segments(
    segments: Sequence[Segment], snapshot: int, now_ns: int, keep_days: int
) -> tuple[list[Segment], str]:
    """Returns the segments that may go, oldest first, and why the next one stays.

    `snapshot` is the record from which the state must still be rebuilt. The last segment always stays.
    """
    doomed: list[Segment] = []
    for segment, after in _pairs(segments, len(segments) - 1):
        if segment.next_sequence > snapshot:
            return doomed, f"the snapshot at record {snapshot} needs {segment.path.name}"
        youngest = youngest_ns(segment, after)
        if not expired(youngest, now_ns, keep_days):
            return doomed, f"{segment.path.name} reaches to {rfc3339(youngest)}, younger than {keep_days} days"
        doomed.append(segment)
    return doomed, f"{segments[-1].path.name} is the one that is written"


def youngest_ns(segment: Segment, after: Segment) -> int:
    """Returns the latest time that a finished segment can be of: of its records, and of the next one's beginning.

    A desk that replays old data writes old times today; the next segment's header has the wall clock's.
    """
    timed = segment.records["time_ns"][segment.records["kind"] != EventKind.CONTINUATION]
    return max(int(timed.max()), after.header.created_ns)


def _pairs(segments: Sequence[Segment], count: int) -> list[tuple[Segment, Segment]]:
    return list(pairwise(segments))[:count]


def _size(segment: Segment) -> int:
    return HEADER_BYTES + len(segment.records) * RECORD_BYTES


def _described(segment: Segment) -> PrunedSegment:
    return PrunedSegment(
        name=segment.path.name,
        first_sequence=segment.first_sequence,
        next_sequence=segment.next_sequence,
        bytes=_size(segment),
        chain=chain_end(segment).hex(),
    )


def _finish(files: DeskFiles, reader: JournalReader, disk: Disk) -> None:
    """Removes what the last record says is removed, and is still there: an earlier pruning was cut short."""
    records = read_prunes(files, reader.desk, trusted_keys(files), disk=disk)
    if records and reader.first_sequence < records[-1].next_sequence:
        found = audit(files, disk=disk)
        if found.problems:
            raise AuditError(f"nothing is pruned from a journal that is not good: {found.problems[0]}")
        _remove(files, records[-1], disk)


def _remove(files: DeskFiles, record: PruneRecord, disk: Disk) -> None:
    """Removes a record's segments, oldest first, so that what is left is always one stretch."""
    there = {path.name for path in segment_paths(disk, files.journal)}
    for segment in record.segments:
        if segment.name in there:
            disk.remove(files.journal / segment.name)
    disk.sync_directory(files.journal)
