"""Anchors: the journal's head, signed, for a third party to keep.

Whoever holds one can tell later whether the journal is still the one that stood there: a journal that was rewritten
before the anchor's seal, or cut off there, cannot give the same hash. A backup's manifest serves as an anchor too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from quarterdeck import __version__
from quarterdeck.audit.files import DeskFiles
from quarterdeck.audit.keys import SigningKey, check_signature
from quarterdeck.errors import AuditError
from quarterdeck.journal import OS_DISK, Disk, JournalReader, Seal, rfc3339
from quarterdeck.journal.recovery import create_file, disk_errors
from quarterdeck.kernel.compiled import source_hash
from quarterdeck.kernel.vocabulary import EventKind

__all__ = ["ANCHOR_KINDS", "Anchor", "anchor_document", "anchor_paths", "head_of", "read_anchor", "write_anchor"]

ANCHOR_KIND: Final = "quarterdeck anchor"
ANCHOR_KINDS: Final = (ANCHOR_KIND, "quarterdeck backup")
_VERSION: Final = 1
_DOCUMENT_BYTES_MAX: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Anchor:
    """What an anchor says: `chain` is the hash after the seal that stands before `sequence`, in the journal of `desk`.

    `time` is that seal's, RFC 3339. `name` is the file it was read from.
    """

    name: str
    desk: str
    sequence: int
    chain: bytes
    time: str
    public_key: str


def head_of(reader: JournalReader) -> Seal:
    """Returns the last seal of a journal. AuditError when nothing in it is sealed yet."""
    for segment in reversed(reader.segments):
        own = segment.own[segment.records["kind"][segment.own] == EventKind.SEAL]
        if len(own):
            place = int(own[-1])
            return Seal.parse(segment.records[place : place + 1].tobytes(), segment.first_sequence + place)
    raise AuditError(f"{reader.path}: nothing is sealed in this journal yet: there is no head to sign")


def anchor_document(desk: str, seal: Seal, epoch: int, now_ns: int) -> dict[str, Any]:
    """Returns an anchor that is not signed yet. `now_ns` is the wall clock's time."""
    return {
        "kind": ANCHOR_KIND,
        "version": _VERSION,
        "desk": desk,
        "sequence": seal.sequence + 1,
        "chain": seal.chain.hex(),
        "time": rfc3339(seal.time_ns),
        "written": rfc3339(now_ns),
        "epoch": epoch,
        "source_hash": source_hash(),
        "program": __version__,
    }


def write_anchor(
    files: DeskFiles, key: SigningKey, now_ns: int, *, out: Path | None = None, disk: Disk = OS_DISK
) -> tuple[Path, dict[str, Any]]:
    """Signs the journal's head and returns the file, in data/anchors or at `out`, and what it says.

    AuditError: nothing is sealed. The journal should have been verified: a signature says that this was the head.
    """
    reader = JournalReader(files.journal, disk=disk)
    seal = head_of(reader)
    document = key.sign(anchor_document(reader.desk, seal, files.epoch(), now_ns))
    path = out or files.anchors / f"anchor-{seal.sequence + 1:012d}.json"
    with disk_errors(path.parent):
        disk.make_directory(path.parent)
        disk.close(create_file(disk, path, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"))
    return path, document


def anchor_paths(files: DeskFiles) -> list[Path]:
    """Returns the anchors that lie beside the journal, in order."""
    return sorted(files.anchors.glob("anchor-*.json"))


def read_anchor(path: Path, trusted: Iterable[str]) -> Anchor:
    """Reads an anchor, or a backup's manifest, and checks its signature. AuditError names the file and the fault."""
    try:
        with path.open("rb") as file:
            document: Any = msgspec.json.decode(file.read(_DOCUMENT_BYTES_MAX))
    except (OSError, msgspec.DecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise AuditError(f"anchor {path}: {reason}") from None
    if not isinstance(document, dict) or cast(dict[str, Any], document).get("kind") not in ANCHOR_KINDS:
        raise AuditError(f"anchor {path}: it is neither an anchor nor a backup's manifest")
    words = cast(dict[str, Any], document)
    check_signature(words, trusted, f"anchor {path}")
    try:
        chain, sequence = bytes.fromhex(words["chain"]), int(words["sequence"])
        return Anchor(str(path), str(words["desk"]), sequence, chain, str(words["time"]), str(words["public_key"]))
    except (KeyError, TypeError, ValueError):
        raise AuditError(f"anchor {path}: sequence, chain, desk or time is missing") from None
