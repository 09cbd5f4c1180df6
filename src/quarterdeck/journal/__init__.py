"""The journal: every input of the kernel, in order, hash-chained; and snapshots of the state beside it."""

from quarterdeck.journal.blocks import Block, TornTail
from quarterdeck.journal.chain import Seal, digest_word
from quarterdeck.journal.disk import OS_DISK, Disk
from quarterdeck.journal.inspection import JournalStat, cat, cat_json, decode, rfc3339, stat
from quarterdeck.journal.payload import attach, note, payload_of
from quarterdeck.journal.reader import JournalReader, runs
from quarterdeck.journal.snapshot import Snapshot, newest_valid, read_snapshot, write_snapshot
from quarterdeck.journal.tail import JournalTail
from quarterdeck.journal.verify import VerifyReport, verify
from quarterdeck.journal.writer import JournalOptions, JournalWriter

__all__ = [
    "OS_DISK",
    "Block",
    "Disk",
    "JournalOptions",
    "JournalReader",
    "JournalStat",
    "JournalTail",
    "JournalWriter",
    "Seal",
    "Snapshot",
    "TornTail",
    "VerifyReport",
    "attach",
    "cat",
    "cat_json",
    "decode",
    "digest_word",
    "newest_valid",
    "note",
    "payload_of",
    "read_snapshot",
    "rfc3339",
    "runs",
    "stat",
    "verify",
    "write_snapshot",
]
