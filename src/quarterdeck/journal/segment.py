"""A segment: one file of the journal. Its header, its name, and its bytes seen as records and blocks.

    data/journal/000000000000.qdj     header of 4096 bytes, then 64-byte records; the name is the first sequence

A record's sequence number is the segment's first one plus its index: it is written nowhere else.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import JournalCorrupt, JournalError
from quarterdeck.journal.chain import HASH_BYTES
from quarterdeck.journal.checks import KIND_OFFSET, RECORD_BYTES
from quarterdeck.journal.disk import Disk
from quarterdeck.journal.schema import FIRST_STATE_SCHEMA, event_layout_hash, event_schema_hash, state_schema_hash
from quarterdeck.kernel.capacity import CAPACITY
from quarterdeck.kernel.records import EVENT, STATE_SCHEMA
from quarterdeck.kernel.vocabulary import EventKind

__all__ = [
    "HEADER_BYTES",
    "SUFFIX",
    "Header",
    "Segment",
    "find_journal",
    "load_segment",
    "read_header",
    "segment_paths",
]

HEADER_BYTES: Final = 4096
SUFFIX: Final = ".qdj"
_MAGIC: Final = b"QDJRNL\r\n"
_VERSION: Final = 1
_HEADER: Final = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("record_bytes", "<u4"),
        ("layout", "V32"),
        ("schema", "V32"),
        ("capacity", "S32"),
        ("desk", "S128"),
        ("first_sequence", "<i8"),
        ("created_ns", "<i8"),
        ("previous_chain", "V32"),
        ("state", "V32"),  # these two are zeros in what the first version wrote
        ("state_schema", "<i4"),
    ]
)
_CHECKED_BYTES: Final = HEADER_BYTES - HASH_BYTES
_SEAL_RECORDS_MAX: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment says of itself."""

    desk: str
    first_sequence: int
    created_ns: int
    previous_chain: bytes
    capacity: str = CAPACITY.name
    layout: bytes = b""
    schema: bytes = b""
    state: bytes = b""
    state_schema: int = STATE_SCHEMA

    @property
    def same_state(self) -> bool:
        """Whether its seals carry digests that this version's states can be compared with."""
        return self.state == state_schema_hash()

    @property
    def name(self) -> str:
        """The segment's file name."""
        return f"{self.first_sequence:012d}{SUFFIX}"

    def pack(self) -> bytes:
        """Returns 4096 bytes. JournalError when the desk's name is longer than 128 bytes."""
        desk = self.desk.encode()
        if len(desk) > _HEADER["desk"].itemsize:
            raise JournalError(f"desk name of {len(desk)} bytes does not fit a journal; use at most 128")
        row = (
            _MAGIC,
            _VERSION,
            RECORD_BYTES,
            self.layout or event_layout_hash(),
            self.schema or event_schema_hash(),
            self.capacity.encode(),
            desk,
            self.first_sequence,
            self.created_ns,
            self.previous_chain,
            self.state or state_schema_hash(),
            self.state_schema,
        )
        packed = np.array([row], _HEADER).tobytes().ljust(_CHECKED_BYTES, b"\0")
        return packed + hashlib.sha256(packed).digest()

    @classmethod
    def unpack(cls, data: bytes) -> "Header":
        """Reads 4096 bytes. ValueError says what is wrong with them."""
        if len(data) < HEADER_BYTES:
            raise ValueError(f"the header is cut off after {len(data)} of {HEADER_BYTES} bytes")
        if data[:8] != _MAGIC:
            raise ValueError("the file does not begin as a journal segment does")
        if hashlib.sha256(data[:_CHECKED_BYTES]).digest() != data[_CHECKED_BYTES:HEADER_BYTES]:
            raise ValueError("the header was changed: its checksum fails")
        names = _HEADER.names or ()
        values = cast("tuple[object, ...]", np.frombuffer(data, _HEADER, 1)[0].item())
        fields = dict(zip(names, values, strict=True))
        if (fields["version"], fields["record_bytes"]) != (_VERSION, RECORD_BYTES):
            raise ValueError(f"the header is of format {fields['version']}, this program reads {_VERSION}")
        return cls(
            desk=cast("bytes", fields["desk"]).decode(),
            first_sequence=cast("int", fields["first_sequence"]),
            created_ns=cast("int", fields["created_ns"]),
            previous_chain=bytes(cast("bytes", fields["previous_chain"])),
            capacity=cast("bytes", fields["capacity"]).decode(),
            layout=bytes(cast("bytes", fields["layout"])),
            schema=bytes(cast("bytes", fields["schema"])),
            state=bytes(cast("bytes", fields["state"])),
            state_schema=cast("int", fields["state_schema"]) or FIRST_STATE_SCHEMA,
        )


@dataclass(frozen=True)
class Segment:
    """A segment's bytes, seen as records. `partial` are the bytes behind the last whole record.

    `chain_start` is the hash chain's value where its records begin.
    """

    path: Path
    header: Header
    chain_start: bytes
    records: NDArray[np.void]
    partial: bytes

    @property
    def first_sequence(self) -> int:
        return self.header.first_sequence

    @property
    def next_sequence(self) -> int:
        """One past the last whole record."""
        return self.header.first_sequence + len(self.records)

    @cached_property
    def own(self) -> NDArray[np.intp]:
        """Indices of SEAL, CONTINUATION and NOTE records."""
        kinds = self._bytes[:, KIND_OFFSET]
        return np.flatnonzero((kinds >= EventKind.SEAL) & (kinds <= EventKind.NOTE))

    @cached_property
    def seals(self) -> NDArray[np.intp]:
        """Indices of the records that have the shape of a SEAL, whether or not they are true.

        A seal whose check was hurt is one still: what stands before it was sealed, and is no torn tail.
        """
        seals = self.own[self._bytes[self.own, KIND_OFFSET] == EventKind.SEAL]
        counts = self.records["tag"][seals]
        plain = (self._bytes[seals, 17:22] == 0).all(axis=1) & (counts >= 0) & (counts < _SEAL_RECORDS_MAX)
        return seals[plain]

    @property
    def ends_sealed(self) -> bool:
        """True when a SEAL is the last thing in it: known without a look at all its records."""
        return len(self.records) > 0 and not self.partial and self._bytes[-1, KIND_OFFSET] == EventKind.SEAL

    @property
    def _bytes(self) -> NDArray[np.uint8]:
        return self.records.view(np.uint8).reshape(-1, RECORD_BYTES)

    def cut(self, count: int) -> "Segment":
        """Returns this segment with its first `count` records only."""
        return replace(self, records=self.records[:count], partial=b"")


def segment_paths(disk: Disk, directory: Path) -> list[Path]:
    """Returns the segments of a directory in order. JournalError when it is not there."""
    try:
        names = disk.names(directory)
    except (FileNotFoundError, NotADirectoryError):
        raise JournalError(f"{directory}: no journal is here; name a desk's data/journal") from None
    return [directory / name for name in names if name.endswith(SUFFIX) and name[: -len(SUFFIX)].isdigit()]


def find_journal(disk: Disk, path: Path) -> list[Path]:
    """Returns the segments that a person means by `path`, in order.

    A segment, a directory of segments, or a desk with data/journal in it. JournalError when there is none.
    """
    if path.suffix == SUFFIX:
        return [path]
    for directory in (path, path / "data" / "journal"):
        try:
            paths = segment_paths(disk, directory)
        except JournalError:
            continue
        if paths:
            return paths
    raise JournalError(f"{path}: no journal is here; name a segment, a journal's directory or a desk")


def load_segment(disk: Disk, path: Path, *, shared: bool) -> Segment:
    """Reads a segment. `shared` maps it: only for one that no writer can shorten, since a lost page would end us.

    JournalCorrupt when its header cannot be believed, JournalError when its records have another layout.
    """
    data = disk.map(path) if shared else memoryview(disk.read(path))
    head = bytes(data[:HEADER_BYTES])
    header = read_header(path, head)
    whole = (len(data) - HEADER_BYTES) // RECORD_BYTES
    records = np.frombuffer(data, EVENT, whole, HEADER_BYTES)
    partial = bytes(data[HEADER_BYTES + whole * RECORD_BYTES :])
    return Segment(path, header, hashlib.sha256(head).digest(), records, partial)


def read_header(path: Path, data: bytes) -> Header:
    """Returns the header that a segment's bytes begin with.

    JournalCorrupt when it cannot be believed, JournalError when the segment's records have another layout.
    """
    named = int(path.stem) if path.stem.isdigit() else 0
    try:
        header = Header.unpack(data[:HEADER_BYTES])
    except ValueError as problem:
        raise JournalCorrupt(path.name, named, str(problem)) from None
    if header.layout != event_layout_hash():
        raise JournalError(f"{path.name}: its records have another layout; read it with the version that wrote it")
    return header
