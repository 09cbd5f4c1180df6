"""Snapshots: a copy of the state at a sequence number, so that recovery need not begin at the first record.

    data/snapshots/000000065536.qds     header of 4096 bytes, the state's bytes, their layout as JSON

Its number is the first record that the state has not seen. The SHA-256 of the body is the state's digest. With the
layout beside it, a later version reads the state field by field (`journal.migration`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import numpy as np

from quarterdeck.errors import JournalError
from quarterdeck.journal.chain import HASH_BYTES, digest_word
from quarterdeck.journal.disk import OS_DISK, Disk
from quarterdeck.journal.migration import first_layout, migrate
from quarterdeck.journal.recovery import UNFINISHED, create_file, disk_errors
from quarterdeck.journal.schema import FIRST_STATE_SCHEMA, state_layout, state_schema_hash
from quarterdeck.kernel.capacity import CAPACITY
from quarterdeck.kernel.records import STATE_SCHEMA

__all__ = ["Snapshot", "newest_valid", "read_snapshot", "write_snapshot"]

SNAPSHOT_SUFFIX: Final = ".qds"
_HEADER_BYTES: Final = 4096
_CHECKED_BYTES: Final = _HEADER_BYTES - HASH_BYTES
_MAGIC: Final = b"QDSNAP\r\n"
_VERSION: Final = 2
_FIRST_VERSION: Final = 1  # without a layout
_HEADER: Final = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("state_schema", "<u4"),  # 0 in the first version
        ("schema", "V32"),
        ("capacity", "S32"),
        ("desk", "S128"),
        ("sequence", "<i8"),
        ("time_ns", "<i8"),
        ("chain", "V32"),
        ("body_bytes", "<i8"),
        ("digest", "V32"),
        ("layout_bytes", "<i8"),
        ("layout_digest", "V32"),
    ]
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state and where it stands: `sequence` is the first record not in it, `chain` the journal's hash before that.

    `time_ns` is the desk's time when it was taken. `body` is laid out as `layout` says, of the version and the capacity
    that wrote it; `present` gives it as this version has it.
    """

    desk: str
    sequence: int
    time_ns: int
    chain: bytes
    body: bytes
    capacity: str = CAPACITY.name
    state_schema: int = STATE_SCHEMA
    schema: bytes = field(default_factory=state_schema_hash)
    layout: bytes = field(default_factory=state_layout, repr=False)

    @property
    def same_state(self) -> bool:
        """Whether the body is a state of this very version and capacity."""
        return self.schema == state_schema_hash()

    @property
    def name(self) -> str:
        return f"{self.sequence:012d}{SNAPSHOT_SUFFIX}"

    def present(self) -> bytes:
        """Returns the state's bytes as this version lays them out. JournalError where that cannot be."""
        if self.same_state:
            return self.body
        return migrate(self.name, self.body, self.layout or first_layout(self.schema), self.state_schema)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the state's bytes."""
        return hashlib.sha256(self.body).digest()

    @property
    def digest_word(self) -> int:
        """What the seal before `sequence` carries, when it was taken of this state."""
        return digest_word(self.digest)


def write_snapshot(directory: Path, snapshot: Snapshot, *, disk: Disk = OS_DISK) -> Path:
    """Writes a snapshot that is there whole or not at all, and on the medium when this returns.

    JournalFull when the disk takes it not; nothing is left behind then, and an older snapshot of that name stays.
    """
    desk = snapshot.desk.encode()
    if len(desk) > _HEADER["desk"].itemsize or len(snapshot.chain) != HASH_BYTES:
        raise JournalError(f"a snapshot of desk {snapshot.desk} needs a name of at most 128 bytes and a chain of 32")
    row = (
        *(_MAGIC, _VERSION, snapshot.state_schema, snapshot.schema, snapshot.capacity.encode(), desk),
        *(snapshot.sequence, snapshot.time_ns, snapshot.chain, len(snapshot.body), snapshot.digest),
        *(len(snapshot.layout), hashlib.sha256(snapshot.layout).digest()),
    )
    packed = np.array([row], _HEADER).tobytes().ljust(_CHECKED_BYTES, b"\0")
    path = directory / snapshot.name
    with disk_errors(directory):
        disk.make_directory(directory)
        for name in disk.names(directory):
            if name.endswith(UNFINISHED):
                disk.remove(directory / name)
        header = packed + hashlib.sha256(packed).digest()
        disk.close(create_file(disk, path, header + snapshot.body + snapshot.layout))
    return path


def read_snapshot(path: Path, *, disk: Disk = OS_DISK) -> Snapshot:
    """Reads and checks one snapshot. JournalError names the file and what is wrong with it."""
    with disk_errors(path):
        data = disk.read(path)
    if len(data) < _HEADER_BYTES or data[:8] != _MAGIC:
        raise JournalError(f"{path.name}: the file does not begin as a snapshot does")
    if hashlib.sha256(data[:_CHECKED_BYTES]).digest() != data[_CHECKED_BYTES:_HEADER_BYTES]:
        raise JournalError(f"{path.name}: the header was changed: its checksum fails")
    values = cast("tuple[object, ...]", np.frombuffer(data, _HEADER, 1)[0].item())
    fields = dict(zip(_HEADER.names or (), values, strict=True))
    if fields["version"] not in (_FIRST_VERSION, _VERSION):
        raise JournalError(f"{path.name}: format {fields['version']}, this program reads up to {_VERSION}")
    body_bytes, layout_bytes = cast("int", fields["body_bytes"]), cast("int", fields["layout_bytes"])
    snapshot = Snapshot(
        desk=cast("bytes", fields["desk"]).decode(),
        sequence=cast("int", fields["sequence"]),
        time_ns=cast("int", fields["time_ns"]),
        chain=bytes(cast("bytes", fields["chain"])),
        body=data[_HEADER_BYTES : _HEADER_BYTES + body_bytes],
        capacity=cast("bytes", fields["capacity"]).decode(),
        state_schema=cast("int", fields["state_schema"]) or FIRST_STATE_SCHEMA,
        schema=bytes(cast("bytes", fields["schema"])),
        layout=data[_HEADER_BYTES + body_bytes :],
    )
    if len(snapshot.body) != body_bytes or snapshot.digest != bytes(cast("bytes", fields["digest"])):
        raise JournalError(f"{path.name}: the state was changed: its digest fails")
    if len(snapshot.layout) != layout_bytes or (layout_bytes and not _is_layout(snapshot, fields)):
        raise JournalError(f"{path.name}: the state's layout was changed: its digest fails")
    return snapshot


def _is_layout(snapshot: Snapshot, fields: Mapping[str, object]) -> bool:
    return hashlib.sha256(snapshot.layout).digest() == bytes(cast("bytes", fields["layout_digest"]))


def newest_valid(directory: Path, *, disk: Disk = OS_DISK) -> tuple[Snapshot | None, list[str]]:
    """Returns the newest snapshot that can be used, and what is wrong with each newer one, newest first."""
    try:
        names = disk.names(directory)
    except FileNotFoundError:
        return None, []
    skipped: list[str] = []
    for name in sorted((name for name in names if name.endswith(SNAPSHOT_SUFFIX)), reverse=True):
        try:
            snapshot = read_snapshot(directory / name, disk=disk)
            snapshot.present()
            return snapshot, skipped
        except JournalError as error:
            skipped.append(str(error))
    return None, skipped
