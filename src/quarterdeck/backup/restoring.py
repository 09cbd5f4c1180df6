"""`restore`: a backup becomes a desk's folder again, whole or not at all."""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quarterdeck.audit.files import DeskFiles
from quarterdeck.audit.verification import audit
from quarterdeck.backup.manifest import Manifest, StoredFile
from quarterdeck.backup.store import Store, backup_errors
from quarterdeck.backup.wording import fact_lines
from quarterdeck.config.secrets import Identity
from quarterdeck.errors import BackupError

__all__ = ["EPOCH_LEAP", "Restored", "restore", "unpack"]

EPOCH_LEAP: Final = 1_000
"""Sessions that may have run after the backup: a restored desk begins that much later, so no order id comes twice."""
_PRIVATE_MODE: Final = 0o600
_MODE: Final = 0o640


@dataclass(frozen=True, slots=True)
class Restored:
    """A desk that was restored to `target`. `epoch` is its latest session's number, `said` is for people."""

    manifest: Manifest
    target: Path
    epoch: int
    seconds: float
    said: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Returns what `restore --json` prints."""
        return {
            "name": self.manifest.name,
            "desk": self.manifest.desk,
            "target": str(self.target),
            "sequence": self.manifest.sequence,
            "chain": self.manifest.chain,
            "time": self.manifest.time,
            "epoch": self.epoch,
            "files": len(self.manifest.files),
            "bytes": self.manifest.bytes,
            "said": list(self.said),
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> list[str]:
        """Returns the same for people."""
        return fact_lines(self.as_dict())


def restore(
    store: Store,
    target: Path,
    identities: Sequence[Identity] = (),
    *,
    name: str | None = None,
    public_keys: tuple[str, ...] = (),
    epoch: int = 0,
) -> Restored:
    """Restores a backup, by default the newest, to a folder that is empty or not there yet.

    `public_keys` are those that may have signed it; without any, the key that it names itself. `epoch` is the latest
    session that is known to have run. BackupError, AuditError: the target is as it was.
    """
    began = time.perf_counter()
    manifest = store.manifest(name, public_keys)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(f"{target}: it is not empty: restore into a new folder")
    with backup_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".unfinished", dir=target.parent))
        try:
            said = unpack(store, manifest, scratch, identities)
            newest = max(manifest.epoch + EPOCH_LEAP, epoch)
            _write(scratch / "data" / "epoch", f"{newest}\n".encode(), _MODE)
            _sync_folders(scratch)
            scratch.chmod(0o755)
            scratch.replace(target)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        _sync_folder(target.parent)
    said.append(f"its next session is {newest + 1}: numbers that sessions after the backup may have had are left out")
    return Restored(manifest, target, newest, time.perf_counter() - began, tuple(said))


def unpack(store: Store, manifest: Manifest, folder: Path, identities: Sequence[Identity]) -> list[str]:
    """Writes a backup's files below a folder and verifies the journal against the manifest.

    Returns what the audit says of it besides. BackupError: a file, or the journal, is not what was backed up.
    """
    for file in manifest.files:
        _unpack_file(store, file, folder / file.path, identities)
    report = audit(DeskFiles(folder), public_keys=[manifest.public_key])
    journal = report.journal
    if journal.problem is not None:
        raise BackupError(f"backup {manifest.name}: its journal is not whole: {journal.problem}")
    if (journal.next_sequence, journal.chain.hex()) != (manifest.sequence, manifest.chain):
        raise BackupError(
            f"backup {manifest.name}: its journal ends at record {journal.next_sequence} with another hash than the "
            f"manifest says for record {manifest.sequence}"
        )
    return list(report.problems)


def _unpack_file(store: Store, file: StoredFile, path: Path, identities: Sequence[Identity]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = _PRIVATE_MODE if file.private else _MODE
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as output:
        store.fetch(file, identities, output.write)
        output.flush()
        os.fsync(output.fileno())
    if file.private:
        path.parent.chmod(0o700)


def _write(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as output:
        output.write(data)
        output.flush()
        os.fsync(output.fileno())


def _sync_folders(root: Path) -> None:
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
