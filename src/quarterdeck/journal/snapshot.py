"""Snapshots: a copy of the state at a sequence number, so that recovery need not begin at the first record.

    data/snapshots/000000065536.qds     header of 4096 bytes, then the state's bytes

Its number is the first record that the state has not seen. The SHA-256 of the body is the state's digest.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np

from quarterdeck.errors import JournalError
from quarterdeck.journal.chain import HASH_BYTES, digest_word
from quarterdeck.journal.disk import OS_DISK, Disk
from quarterdeck.journal.recovery import UNFINISHED, create_file, disk_errors
from quarterdeck.journal.schema import state_schema_hash
from quarterdeck.kernel.capacity import CAPACITY

__all__ = ["Snapshot", "newest_valid", "read_snapshot", "write_snapshot"]

SNAPSHOT_SUFFIX: Final = ".qds"
_HEADER_BYTES: Final = 4096
_CHECKED_BYTES: Final = _HEADER_BYTES - HASH_BYTES
_MAGIC: Final = b"QDSNAP\r\n"
_VERSION: Final = 1
_HEADER: Final = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("spare", "<u4"),
        ("schema", "V32"),
        ("capacity", "S32"),
        ("desk", "S128"),
        ("sequence", "<i8"),
        ("time_ns", "<i8"),
        ("chain", "V32"),
        ("body_bytes", "<i8"),
        ("digest", "V32"),
    ]
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state and where it stands: `sequence` is the first record not in it, `chain` the journal's hash before that.

    `time_ns` is the desk's time when it was taken.
    """

    desk: str
    sequence: int
    time_ns: int
    chain: bytes
    body: bytes

    @property
    def name(self) -> str:
        return f"{self.sequence:012d}{SNAPSHOT_SUFFIX}"

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
        *(_MAGIC, _VERSION, 0, state_schema_hash(), CAPACITY.name.encode(), desk),
        *(snapshot.sequence, snapshot.time_ns, snapshot.chain, len(snapshot.body), snapshot.digest),
    )
    packed = np.array([row], _HEADER).tobytes().ljust(_CHECKED_BYTES, b"\0")
    path = directory / snapshot.name
    with disk_errors(directory):
        disk.make_directory(directory)
        for name in disk.names(directory):
            if name.endswith(UNFINISHED):
                disk.remove(directory / name)
        disk.close(create_file(disk, path, packed + hashlib.sha256(packed).digest() + snapshot.body))
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
    if fields["version"] != _VERSION:
        raise JournalError(f"{path.name}: format {fields['version']}, this program reads {_VERSION}")
    capacity = cast("bytes", fields["capacity"]).decode()
    if bytes(cast("bytes", fields["schema"])) != state_schema_hash():
        raise JournalError(f"{path.name}: a state of another layout (capacity {capacity}); replay the journal instead")
    snapshot = Snapshot(
        desk=cast("bytes", fields["desk"]).decode(),
        sequence=cast("int", fields["sequence"]),
        time_ns=cast("int", fields["time_ns"]),
        chain=bytes(cast("bytes", fields["chain"])),
        body=data[_HEADER_BYTES:],
    )
    if len(snapshot.body) != fields["body_bytes"] or snapshot.digest != bytes(cast("bytes", fields["digest"])):
        raise JournalError(f"{path.name}: the state was changed: its digest fails")
    return snapshot


def newest_valid(directory: Path, *, disk: Disk = OS_DISK) -> tuple[Snapshot | None, list[str]]:
    """Returns the newest snapshot that can be believed, and what is wrong with each newer one, newest first."""
    try:
        names = disk.names(directory)
    except FileNotFoundError:
        return None, []
    skipped: list[str] = []
    for name in sorted((name for name in names if name.endswith(SNAPSHOT_SUFFIX)), reverse=True):
        try:
            return read_snapshot(directory / name, disk=disk), skipped
        except JournalError as error:
            skipped.append(str(error))
    return None, skipped
