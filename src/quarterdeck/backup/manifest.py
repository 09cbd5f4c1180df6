"""A backup's manifest: where the journal ended, which files it is of, and in which objects they are stored; signed."""

from pathlib import PurePosixPath
from typing import Any, Final

import msgspec

from quarterdeck.audit.keys import check_signature
from quarterdeck.errors import AuditError, BackupError

__all__ = ["JOURNAL_PREFIX", "MANIFEST_KIND", "MANIFEST_SUFFIX", "Manifest", "StoredFile", "parse_manifest"]

MANIFEST_KIND: Final = "quarterdeck backup"
MANIFEST_SUFFIX: Final = ".json"
JOURNAL_PREFIX: Final = "data/journal/"
_VERSION: Final = 1


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file: `path` below the desk's folder, its size and SHA-256, and the object that it is stored in.

    An object's name is the SHA-256 of its own bytes. `chain` is set for a finished segment: the hash it ends with.
    """

    path: str
    bytes: int
    sha256: str
    object: str
    stored_bytes: int
    chain: str = ""
    private: bool = False


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One backup. It holds the journal up to record `sequence` - 1, a seal whose hash is `chain`.

    `digest` are the 64 bits of the state's digest that this seal carries, as hexadecimal digits; "" where it says none.
    `created` is the wall clock's time, `time` the seal's.
    """

    kind: str = MANIFEST_KIND
    version: int = _VERSION
    name: str
    desk: str
    capacity: str
    created: str
    created_ns: int
    first_sequence: int
    sequence: int
    chain: str
    digest: str
    time: str
    time_ns: int
    epoch: int
    recipients: tuple[str, ...]
    source_hash: str
    program: str
    files: tuple[StoredFile, ...]
    public_key: str = ""
    signature: str = ""

    @property
    def encrypted(self) -> bool:
        return bool(self.recipients)

    @property
    def bytes(self) -> int:
        """What all its files hold, before compression."""
        return sum(file.bytes for file in self.files)


def parse_manifest(data: bytes, what: str, trusted: tuple[str, ...] = ()) -> Manifest:
    """Reads a manifest and checks its signature: by one of the `trusted` keys, or by the key that it names itself.

    BackupError names the file and what is wrong with it.
    """
    try:
        document: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
        manifest = msgspec.convert(document, Manifest)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise BackupError(f"{what}: it is not a backup's manifest") from None
    if (manifest.kind, manifest.version) != (MANIFEST_KIND, _VERSION):
        raise BackupError(f"{what}: it is not a manifest that this program knows")
    try:
        check_signature(document, trusted or (manifest.public_key,), what)
    except AuditError as error:
        raise BackupError(str(error)) from None
    for file in manifest.files:
        place = PurePosixPath(file.path)
        if place.is_absolute() or ".." in place.parts or "/" in file.object:
            raise BackupError(f"{what}: it names a file outside the desk's folder: {file.path}")
    return manifest
