"""Records of pruning: what policy removed from the journal's beginning, signed, each naming the one before it.

They stand in data/anchors/prunes.jsonl, one a line, and are written before the first byte is removed. A journal that
does not begin at record 0 is believed only where these records say why.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from quarterdeck.audit.files import DeskFiles
from quarterdeck.audit.keys import SigningKey, check_signature
from quarterdeck.errors import AuditError
from quarterdeck.journal import OS_DISK, Disk
from quarterdeck.journal.chain import HASH_BYTES
from quarterdeck.journal.recovery import create_file, disk_errors

__all__ = ["PruneRecord", "PrunedSegment", "append_prune", "beginnings", "read_prunes"]

PRUNE_KIND: Final = "quarterdeck prune"
_VERSION: Final = 1
_SIGNED_LATER: Final = ("public_key", "signature")


class PrunedSegment(msgspec.Struct, frozen=True, kw_only=True):
    """A segment that was removed. `chain` is the hash it ended with, as hexadecimal digits."""

    name: str
    first_sequence: int
    next_sequence: int
    bytes: int
    chain: str


class PruneRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One act of pruning. `number` counts from 1, `previous` is the SHA-256 of the line before.

    Records `first_sequence` up to `next_sequence` - 1 were removed, `head` is the chain's value there. `snapshot` is
    where the state can still be rebuilt from. Times are RFC 3339.
    """

    kind: str = PRUNE_KIND
    version: int = _VERSION
    number: int
    previous: str
    desk: str
    first_sequence: int
    next_sequence: int
    head: str
    segments: tuple[PrunedSegment, ...]
    journal_keep_days: int
    youngest: str
    snapshot: int
    time: str
    public_key: str = ""
    signature: str = ""


def read_prunes(files: DeskFiles, desk: str, trusted: Iterable[str], *, disk: Disk = OS_DISK) -> list[PruneRecord]:
    """Returns the desk's records of pruning, every signature and link checked. AuditError names the line at fault."""
    records: list[PruneRecord] = []
    previous = ""
    known = list(trusted)
    for number, line in enumerate(_lines(files, disk), start=1):
        what = f"{files.prunes}, line {number}"
        record = _parsed(line, known, what)
        expected = records[-1].next_sequence if records else 0
        if (record.number, record.previous) != (number, previous):
            raise AuditError(f"{what}: it does not follow the line before it: a record was taken out or put in")
        if record.desk != desk:
            raise AuditError(f"{what}: it is of desk {record.desk}, the journal of {desk}")
        if record.first_sequence != expected or not _contiguous(record):
            raise AuditError(f"{what}: its segments do not follow each other from record {expected} on")
        records.append(record)
        previous = hashlib.sha256(line).hexdigest()
    return records


def append_prune(files: DeskFiles, key: SigningKey, record: PruneRecord, *, disk: Disk = OS_DISK) -> PruneRecord:
    """Signs a record, adds it, and returns it when it is on the medium. Its number and `previous` are set here."""
    lines = _lines(files, disk)
    previous = hashlib.sha256(lines[-1]).hexdigest() if lines else ""
    numbered = msgspec.structs.replace(record, number=len(lines) + 1, previous=previous)
    words = {name: value for name, value in msgspec.to_builtins(numbered).items() if name not in _SIGNED_LATER}
    document = key.sign(words)
    lines.append(msgspec.json.encode(document, order="deterministic"))
    with disk_errors(files.anchors):
        disk.make_directory(files.anchors)
        disk.close(create_file(disk, files.prunes, b"".join(line + b"\n" for line in lines)))
    return msgspec.convert(document, PruneRecord)


def beginnings(records: Sequence[PruneRecord]) -> dict[int, bytes]:
    """Returns where a journal may begin, with the chain's value there.

    Record 0, or the end of what was removed; while the last pruning is under way, each segment of it.
    """
    if not records:
        return {0: bytes(HASH_BYTES)}
    last = records[-1]
    before = bytes.fromhex(records[-2].head) if len(records) > 1 else bytes(HASH_BYTES)
    allowed: dict[int, bytes] = {}
    for segment in last.segments:
        allowed[segment.first_sequence] = before
        before = bytes.fromhex(segment.chain)
    allowed[last.next_sequence] = before
    return allowed


def _lines(files: DeskFiles, disk: Disk) -> list[bytes]:
    try:
        return disk.read(files.prunes).splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def _parsed(line: bytes, trusted: list[str], what: str) -> PruneRecord:
    try:
        document: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
        record = msgspec.convert(document, PruneRecord)
        bytes.fromhex(record.head)
        for segment in record.segments:
            bytes.fromhex(segment.chain)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError):
        raise AuditError(f"{what}: it is not a record of pruning") from None
    if (record.kind, record.version) != (PRUNE_KIND, _VERSION):
        raise AuditError(f"{what}: it is not a record of pruning that this program knows")
    check_signature(document, trusted, what)
    return record


def _contiguous(record: PruneRecord) -> bool:
    place, head = record.first_sequence, ""
    for segment in record.segments:
        if segment.first_sequence != place or segment.next_sequence <= place:
            return False
        place, head = segment.next_sequence, segment.chain
    return bool(record.segments) and (place, head) == (record.next_sequence, record.head)
