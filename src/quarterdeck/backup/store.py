"""Where a desk's backups lie: objects that are written once, and manifests that say what they are.

    DIRECTORY/DESK/manifests/20261121T003000Z-000001048576.json
    DIRECTORY/DESK/objects/<SHA-256 of its bytes>.zst.age

An object that no manifest names is nothing: a backup counts when its manifest is on the medium, and not before.
"""

import hashlib
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from quarterdeck.backup.envelope import SUFFIX_SEALED, Recipients, unwrap, wrap
from quarterdeck.backup.manifest import MANIFEST_SUFFIX, Manifest, StoredFile, parse_manifest
from quarterdeck.config.backup import Backup
from quarterdeck.config.secrets import Identity
from quarterdeck.errors import BackupError
from quarterdeck.journal import OS_DISK, Disk
from quarterdeck.journal.recovery import UNFINISHED, create_file, write_all

__all__ = ["Store", "backup_errors", "find_store", "store_of"]

_MANIFESTS: Final = "manifests"
_OBJECTS: Final = "objects"
_LOCK: Final = "lock"


@contextmanager
def backup_errors(place: Path) -> Generator[None, None, None]:
    """Turns what the operating system refuses into one BackupError that names the file."""
    try:
        yield
    except OSError as error:
        raise BackupError(
            f"{error.filename or place}: {error.strerror or error}; nothing was left half done"
        ) from error


class Store:
    """The backups in one folder. `disk` is what they are written to."""

    def __init__(self, root: Path, *, disk: Disk = OS_DISK) -> None:
        self.root = root
        self.disk = disk
        self._objects = root / _OBJECTS
        self._manifests = root / _MANIFESTS

    @contextmanager
    def locked(self) -> Generator[None, None, None]:
        """Makes the folders and holds their lock: one process writes or removes at a time, or BackupError."""
        with backup_errors(self.root):
            for folder in (self._objects, self._manifests):
                self.disk.make_directory(folder)
            lock = self.disk.lock(self.root / _LOCK)
        if lock is None:
            raise BackupError(f"{self.root}: another process is at these backups; try again when it has finished")
        try:
            yield
        finally:
            self.disk.unlock(lock)

    def names(self) -> list[str]:
        """Returns the names of all backups, oldest first."""
        found = _names(self.disk, self._manifests)
        return [name.removesuffix(MANIFEST_SUFFIX) for name in found if name.endswith(MANIFEST_SUFFIX)]

    def manifest(self, name: str | None = None, trusted: tuple[str, ...] = ()) -> Manifest:
        """Returns one backup's manifest, by default the newest. BackupError: there is none, or it was changed."""
        known = self.names()
        if not known:
            raise BackupError(f"{self.root}: no backup is here; make one with `quarterdeck backup DESK`")
        chosen = known[-1] if name is None else name
        if chosen not in known:
            raise BackupError(f"{self.root}: there is no backup {chosen}; the newest is {known[-1]}")
        path = self._manifests / f"{chosen}{MANIFEST_SUFFIX}"
        manifest = parse_manifest(self.disk.read(path), str(path), trusted)
        if manifest.name != chosen:
            raise BackupError(f"{path}: its manifest is of backup {manifest.name}: it was renamed")
        return manifest

    def holds(self, file: StoredFile) -> bool:
        """Whether a file's object is there, whole as far as its size tells."""
        try:
            return len(self.disk.map(self._objects / file.object)) == file.stored_bytes
        except OSError:
            return False

    def keep_free(self, size: int, reserve: int) -> None:
        """Raises BackupError when a file of that size would leave less than `reserve` bytes free; 0: use it all."""
        free = self.disk.free_bytes(self.root)
        if reserve and free < size + reserve:
            raise BackupError(
                f"{self.root}: {free >> 20} MiB are free, and the journal keeps {reserve >> 20} MiB in reserve: "
                "make room, or name another disk in [backup] directory"
            )

    def put(self, path: str, data: memoryview, recipients: Recipients, *, chain: str = "") -> tuple[StoredFile, bool]:
        """Stores one file's bytes; returns what a manifest says of it, and whether its object is new.

        OSError: nothing is left of it.
        """
        unfinished = self._objects / f"object{UNFINISHED}"
        handle = self.disk.create(unfinished)
        digest, offset = hashlib.sha256(), 0

        def write(part: bytes) -> None:
            nonlocal offset
            write_all(self.disk, handle, memoryview(part), offset)
            digest.update(part)
            offset += len(part)

        try:
            try:
                wrap(data, recipients, write)
                self.disk.datasync(handle)
            finally:
                self.disk.close(handle)
            name = digest.hexdigest() + recipients.suffix
            new = name not in _names(self.disk, self._objects)  # what is not encrypted may be there, from another file
            self.disk.rename(unfinished, self._objects / name)
        except BaseException:
            self.disk.remove(unfinished)
            raise
        content = hashlib.sha256(data).hexdigest()
        file = StoredFile(path=path, bytes=len(data), sha256=content, object=name, stored_bytes=offset, chain=chain)
        return file, new

    def commit(self, name: str, document: bytes) -> None:
        """Makes a backup count: everything of it, and then its manifest, is on the medium when this returns."""
        self.disk.sync_directory(self._objects)
        self.disk.close(create_file(self.disk, self._manifests / f"{name}{MANIFEST_SUFFIX}", document))

    def check(self, file: StoredFile) -> None:
        """Raises BackupError unless the object is the one that was written."""
        path = self._objects / file.object
        try:
            found = hashlib.sha256(self.disk.map(path)).hexdigest()
        except OSError as error:
            raise BackupError(f"{path}: {error.strerror}: {file.path} is lost from this backup") from None
        if found != file.object.partition(".")[0]:
            raise BackupError(
                f"{path}: it is not what was stored: {file.path} is lost from this backup; remove the object, and the "
                "next backup stores it anew"
            )

    def fetch(self, file: StoredFile, identities: Sequence[Identity], write: Callable[[bytes], object]) -> None:
        """Hands a file's bytes to `write`, part by part; BackupError unless all of them are what was backed up."""
        self.check(file)
        digest, size = hashlib.sha256(), 0

        def take(part: bytes) -> None:
            nonlocal size
            size += len(part)
            if size > file.bytes:
                raise BackupError(f"{file.path}: more bytes come out than the manifest says")
            digest.update(part)
            write(part)

        sealed = file.object.endswith(SUFFIX_SEALED)
        unwrap(self.disk.map(self._objects / file.object), sealed, identities, take, file.path)
        if size != file.bytes or digest.hexdigest() != file.sha256:
            raise BackupError(f"{file.path}: what comes out is not what was backed up")

    def remove_backup(self, name: str) -> None:
        """Removes a manifest; `sweep` removes what no other one needs."""
        self.disk.remove(self._manifests / f"{name}{MANIFEST_SUFFIX}")

    def sweep(self, needed: Iterable[str]) -> int:
        """Removes every object that is not needed, and returns how many those were."""
        kept = set(needed)
        gone = [name for name in _names(self.disk, self._objects) if name not in kept]
        for name in gone:
            self.disk.remove(self._objects / name)
        for name in _names(self.disk, self._manifests):
            if name.endswith(UNFINISHED):
                self.disk.remove(self._manifests / name)
        return len(gone)

    def discard(self, objects: Iterable[str]) -> None:
        """Removes objects that a backup which failed had made."""
        for name in set(objects) & set(_names(self.disk, self._objects)):
            self.disk.remove(self._objects / name)


def store_of(settings: Backup, folder: Path, desk: str, *, to: Path | None = None, disk: Disk = OS_DISK) -> Store:
    """Returns the store of a desk: in `to`, or in the folder that [backup] names."""
    return Store((folder / settings.directory if to is None else to) / desk, disk=disk)


def find_store(place: Path) -> Store:
    """Returns the store that a folder is, or that is the only one in it. BackupError: it is none."""
    if (place / _MANIFESTS).is_dir():
        return Store(place)
    inside = sorted(found.parent for found in place.glob(f"*/{_MANIFESTS}"))
    if len(inside) != 1:
        raise BackupError(f"{place}: no backups of one desk are here; name the folder with {_MANIFESTS}/ in it")
    return Store(inside[0])


def _names(disk: Disk, folder: Path) -> list[str]:
    try:
        return disk.names(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
