"""What `journal stat` and `journal cat` show: plain values, for the command line to print."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from quarterdeck.journal.blocks import Block, TornTail
from quarterdeck.journal.chain import Seal
from quarterdeck.journal.checks import RECORD_BYTES
from quarterdeck.journal.disk import OS_DISK, Disk
from quarterdeck.journal.fields import COLUMN_WORDS, FIELDS, REQUEST_KINDS, SIDED_KINDS, flag_names
from quarterdeck.journal.payload import payload_of
from quarterdeck.journal.reader import JournalReader
from quarterdeck.journal.segment import HEADER_BYTES
from quarterdeck.kernel.vocabulary import EventKind, Flag, Table

__all__ = ["JournalStat", "cat", "cat_json", "decode", "rfc3339", "stat"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class JournalStat:
    """A journal in numbers. Times are UTC nanoseconds of the records themselves; None without records."""

    path: Path
    desk: str
    segments: int
    records: int
    first_sequence: int
    next_sequence: int
    first_ns: int | None
    last_ns: int | None
    bytes: int
    seals: int
    digests: int
    unsealed: int
    kinds: dict[str, int]
    torn: TornTail | None

    def as_dict(self) -> dict[str, object]:
        """Returns what `journal stat --json` prints."""
        return {
            "path": str(self.path),
            "desk": self.desk,
            "segments": self.segments,
            "records": self.records,
            "first_sequence": self.first_sequence,
            "next_sequence": self.next_sequence,
            "first_time": None if self.first_ns is None else rfc3339(self.first_ns),
            "last_time": None if self.last_ns is None else rfc3339(self.last_ns),
            "bytes": self.bytes,
            "seals": self.seals,
            "digests": self.digests,
            "unsealed": self.unsealed,
            "kinds": self.kinds,
            "torn": None if self.torn is None else self.torn.cause,
        }

    def lines(self) -> list[str]:
        """Returns the same for people."""
        facts = self.as_dict()
        kinds = cast("dict[str, int]", facts.pop("kinds"))
        width = max(map(len, facts))
        lines = [f"{name:<{width}}  {value}" for name, value in facts.items() if value is not None]
        return [*lines, *(f"  {count:>12}  {name}" for name, count in kinds.items())]


def stat(path: Path, *, disk: Disk = OS_DISK) -> JournalStat:
    """Counts a journal without verifying it. `path` as in `verify`. JournalError, JournalCorrupt (headers only)."""
    reader = JournalReader(path, disk=disk)
    counts = np.zeros(256, np.int64)
    times: list[int] = []
    for segment in reader.segments:
        kinds = segment.records["kind"]
        counts += np.bincount(kinds, minlength=256)
        timed = segment.records["time_ns"][kinds != EventKind.CONTINUATION]
        if len(timed):
            times += [int(timed.min()), int(timed.max())]
    blocks = list(reader.blocks(verify=False))
    records = reader.next_sequence - reader.first_sequence
    names = {_kind_name(kind): int(count) for kind, count in enumerate(counts) if count}
    return JournalStat(
        path=path,
        desk=reader.desk,
        segments=len(reader.segments),
        records=records,
        first_sequence=reader.first_sequence,
        next_sequence=reader.next_sequence,
        first_ns=min(times, default=None),
        last_ns=max(times, default=None),
        bytes=len(reader.segments) * HEADER_BYTES + records * RECORD_BYTES,
        seals=sum(block.seal is not None for block in blocks),
        digests=sum(block.seal is not None and block.seal.state_digest != 0 for block in blocks),
        unsealed=sum(len(block.records) for block in blocks if block.seal is None),
        kinds=dict(Counter(names).most_common()),
        torn=reader.torn,
    )


def cat(
    path: Path, start: int | None = None, stop: int | None = None, *, verify: bool = True, disk: Disk = OS_DISK
) -> Iterator[dict[str, object]]:
    """Yields the records of sequences `start` <= s < `stop`, decoded; a payload is shown with its head."""
    reader = JournalReader(path, disk=disk)
    first = reader.first_sequence if start is None else max(start, reader.first_sequence)
    last = reader.next_sequence if stop is None else min(stop, reader.next_sequence)
    for block in reader.blocks(first, verify=verify):
        if block.first_sequence >= last:
            return
        yield from _decoded(block, first, last)


def cat_json(
    path: Path, start: int | None = None, stop: int | None = None, *, verify: bool = True, disk: Disk = OS_DISK
) -> Iterator[bytes]:
    """As `cat`, one JSON object a line (without the line's end)."""
    encoder = msgspec.json.Encoder()
    return (encoder.encode(record) for record in cat(path, start, stop, verify=verify, disk=disk))


def decode(records: NDArray[np.void], index: int, sequence: int) -> dict[str, object]:
    """Returns the fields of one record that mean something for its kind, with the names of its numbers.

    Times are RFC 3339 with nanoseconds, prices ticks, quantities lots, money units. The payload behind it, when there
    is one, is shown as text.
    """
    record = cast("dict[str, Any]", records[index])
    number = int(record["kind"])
    shown: dict[str, object] = {
        "sequence": sequence,
        "time": rfc3339(int(record["time_ns"])),
        "kind": _kind_name(number),
    }
    if number not in EventKind.__members__.values():
        return shown
    kind = EventKind(number)
    if kind not in REQUEST_KINDS and record["venue_time_ns"]:
        shown["venue_time"] = rfc3339(int(record["venue_time_ns"]))
    flags = int(record["flags"])
    if kind in SIDED_KINDS:
        shown["side"] = "SELL" if flags & Flag.SELL else "BUY"
        flags &= ~Flag.SELL
    for field in FIELDS.get(kind, ()):
        shown[field.name] = _word(field.words, int(record[field.column]))
    if kind is EventKind.CONFIGURE:
        words = COLUMN_WORDS.get(Table(int(record["table"]))) if int(record["table"]) in set(Table) else None
        shown["column"] = _word(words, int(record["column"]))
    if flags:
        shown["flags"] = flag_names(kind, flags)
    payload = payload_of(records, index)
    if payload:
        shown["payload"] = payload.decode(errors="replace")
    return shown


def rfc3339(time_ns: int) -> str:
    """Returns UTC nanoseconds as RFC 3339 text with all nine digits."""
    seconds, nanoseconds = divmod(time_ns, _SECOND_NS)
    return f"{(_EPOCH + timedelta(seconds=seconds)):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def _decoded(block: Block, first: int, last: int) -> Iterator[dict[str, object]]:
    kinds = block.records["kind"]
    begin, end = max(0, first - block.first_sequence), min(len(block.records), last - block.first_sequence)
    for index in range(begin, end):
        if kinds[index] != EventKind.CONTINUATION:
            yield decode(block.records, index, block.first_sequence + index)
    if block.seal is not None and first <= block.seal.sequence < last:
        yield _decoded_seal(block.seal)


def _decoded_seal(seal: Seal) -> dict[str, object]:
    return {
        "sequence": seal.sequence,
        "time": rfc3339(seal.time_ns),
        "kind": EventKind.SEAL.name,
        "records": seal.records,
        "state_digest": f"{seal.state_digest:016x}" if seal.state_digest else None,
        "chain": seal.chain.hex(),
    }


def _kind_name(number: int) -> str:
    return EventKind(number).name if number in EventKind.__members__.values() else f"kind {number}"


def _word(words: type[IntEnum] | None, number: int) -> str | int:
    """Returns the name of a number, or the number itself when it has none."""
    if words is None:
        return number
    return words(number).name if number in words.__members__.values() else number
