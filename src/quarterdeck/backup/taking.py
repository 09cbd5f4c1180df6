"""`backup`: copies a desk while it runs. What an earlier backup has stored already is named again, not copied."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from quarterdeck import __version__
from quarterdeck.audit.files import DeskFiles
from quarterdeck.audit.keys import obtain_key
from quarterdeck.backup.envelope import Recipients, recipients_of
from quarterdeck.backup.manifest import Manifest, StoredFile
from quarterdeck.backup.picture import Picture, take_picture
from quarterdeck.backup.retention import kept_backups
from quarterdeck.backup.store import Store, backup_errors, store_of
from quarterdeck.backup.wording import fact_lines
from quarterdeck.config import DeskConfig
from quarterdeck.journal import OS_DISK, Disk, rfc3339
from quarterdeck.kernel.compiled import source_hash

__all__ = ["BackupReport", "take_backup"]

_SECOND_NS: Final = 1_000_000_000
_SIGNED_LATER: Final = ("public_key", "signature")


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A backup that was made: `stored` objects are new, `reused` were there; `removed` are the backups that went."""

    manifest: Manifest
    root: Path
    stored: int
    stored_bytes: int
    reused: int
    removed: tuple[str, ...]
    said: tuple[str, ...]
    seconds: float

    def as_dict(self) -> dict[str, object]:
        """Returns what `backup --json` prints."""
        manifest = self.manifest
        return {
            "name": manifest.name,
            "directory": str(self.root),
            "encrypted": manifest.encrypted,
            "first_sequence": manifest.first_sequence,
            "sequence": manifest.sequence,
            "chain": manifest.chain,
            "digest": manifest.digest or None,
            "time": manifest.time,
            "files": len(manifest.files),
            "bytes": manifest.bytes,
            "stored": self.stored,
            "stored_bytes": self.stored_bytes,
            "reused": self.reused,
            "removed": list(self.removed),
            "said": list(self.said),
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> list[str]:
        """Returns the same for people."""
        return fact_lines(self.as_dict())


def take_backup(
    config: DeskConfig,
    root: Path,
    now_ns: int,
    *,
    to: Path | None = None,
    disk: Disk = OS_DISK,
    reserve_bytes: int | None = None,
) -> BackupReport:
    """Backs up the desk of `config`, whose data/ is below `root`, and lets old backups go by policy.

    `now_ns` is the wall clock's time. The desk may run: no lock of its journal is taken, and `reserve_bytes` of the
    disk stay free (by default what [journal] keeps in reserve), so that a backup never stops trading. ConfigError: it
    is not said who can open the backup. BackupError, JournalCorrupt: no backup was made, and nothing is left of it.
    """
    began = time.perf_counter()
    recipients = recipients_of(config.backup, config.folder, config.file)
    reserve = config.journal.disk_reserve_mib << 20 if reserve_bytes is None else reserve_bytes
    files = DeskFiles(root)
    key, made = obtain_key(files)
    said = [f"the desk's signing key was made; its public half is {key.public}"] if made else []
    store = store_of(config.backup, root, config.desk.name, to=to, disk=disk)
    risk = (config.risk.sizing_file, config.risk.risk_file, config.risk.trading_file)
    with store.locked(), backup_errors(store.root):
        earlier = [store.manifest(name) for name in store.names()]
        store.sweep(_objects(earlier))
        picture = take_picture(files, config.folder, tuple(filter(None, risk)), keys=bool(recipients.keys))
        stored, reused, written = _store(store, picture, recipients, earlier, reserve)
        manifest = _manifest(picture, stored, recipients, now_ns)
        words = msgspec.to_builtins(manifest)
        document = key.sign({name: value for name, value in words.items() if name not in _SIGNED_LATER})
        try:
            store.commit(manifest.name, msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
        except BaseException:
            store.discard(written)
            raise
        removed = _retain(store, [*earlier, manifest], now_ns, config)
    new = {file.object: file.stored_bytes for file in stored if file.object in written}
    seconds = time.perf_counter() - began
    return BackupReport(manifest, store.root, len(new), sum(new.values()), reused, removed, tuple(said), seconds)


def _store(
    store: Store, picture: Picture, recipients: Recipients, earlier: list[Manifest], reserve: int
) -> tuple[list[StoredFile], int, set[str]]:
    """Returns what the manifest will say, how many objects were there already, and the names of those made now."""
    known = _known(recipients, earlier)
    written: set[str] = set()
    files: list[StoredFile] = []
    try:
        for part in picture.parts:
            found = known.get((part.path, part.bytes, part.chain)) if part.chain else None
            if found is None or not store.holds(found):
                store.keep_free(part.bytes, reserve)
                found, new = store.put(part.path, part.data(), recipients, chain=part.chain)
                written |= {found.object} if new else set()
            files.append(found)
        for path, data in picture.files.items():
            found, new = store.put(path, memoryview(data), recipients)
            written |= {found.object} if new else set()
            files.append(msgspec.structs.replace(found, private=path in picture.private))
    except BaseException:
        store.discard(written)
        raise
    return files, sum(file.object not in written for file in files), written


def _known(recipients: Recipients, earlier: Iterable[Manifest]) -> dict[tuple[str, int, str], StoredFile]:
    """Returns the finished segments that earlier backups to the very same recipients have stored."""
    same = [one for one in earlier if one.recipients == recipients.words]
    return {(file.path, file.bytes, file.chain): file for one in same for file in one.files if file.chain}


def _manifest(picture: Picture, files: list[StoredFile], recipients: Recipients, now_ns: int) -> Manifest:
    end = picture.end
    moment = datetime.fromtimestamp(now_ns // _SECOND_NS, UTC)
    return Manifest(
        name=f"{moment:%Y%m%dT%H%M%SZ}-{end.sequence + 1:012d}",
        desk=picture.desk,
        capacity=picture.capacity,
        created=rfc3339(now_ns),
        created_ns=now_ns,
        first_sequence=picture.first_sequence,
        sequence=end.sequence + 1,
        chain=end.chain.hex(),
        digest=f"{end.state_digest:016x}" if end.state_digest else "",
        time=rfc3339(end.time_ns),
        time_ns=end.time_ns,
        epoch=picture.epoch,
        recipients=recipients.words,
        source_hash=source_hash(),
        program=__version__,
        files=tuple(files),
    )


def _retain(store: Store, backups: list[Manifest], now_ns: int, config: DeskConfig) -> tuple[str, ...]:
    """Lets backups go that the policy does not keep, and the objects that only they needed."""
    latest = {one.name: one for one in backups}  # a backup made twice in one second is one backup
    found = list(latest.values())
    kept = kept_backups([one.created_ns for one in found], now_ns, config.backup)
    gone = [one.name for place, one in enumerate(found) if place not in kept]
    for name in gone:
        store.remove_backup(name)
    store.sweep(_objects(one for place, one in enumerate(found) if place in kept))
    return tuple(gone)


def _objects(manifests: Iterable[Manifest]) -> set[str]:
    return {file.object for manifest in manifests for file in manifest.files}
