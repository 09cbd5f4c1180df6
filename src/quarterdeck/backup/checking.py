"""`backup verify`: whether every object is what was stored, and, with an identity, whether a desk comes out of it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quarterdeck.backup.manifest import Manifest
from quarterdeck.backup.restoring import unpack
from quarterdeck.backup.store import Store, backup_errors
from quarterdeck.config.secrets import Identity
from quarterdeck.errors import BackupError, QuarterdeckError

__all__ = ["CheckReport", "check_backups"]


@dataclass
class CheckReport:
    """What was found. `opened` is the backup that was taken out and whose journal was verified; None: it was not."""

    root: Path
    backups: list[str] = field(default_factory=list[str])
    objects: int = 0
    bytes: int = 0
    opened: str | None = None
    said: list[str] = field(default_factory=list[str])
    problems: list[str] = field(default_factory=list[str])

    @property
    def exit_code(self) -> int:
        return 1 if self.problems else 0

    def as_dict(self) -> dict[str, object]:
        """Returns what `backup verify --json` prints."""
        return {
            "good": not self.problems,
            "problems": self.problems,
            "directory": str(self.root),
            "backups": self.backups,
            "objects": self.objects,
            "bytes": self.bytes,
            "opened": self.opened,
            "said": self.said,
        }

    def lines(self) -> list[str]:
        """Returns the same for people, the verdict first."""
        opened = (
            "none was opened: name an identity with --identity" if self.opened is None else f"{self.opened} is whole"
        )
        return [
            f"{self.root}: {'BAD' if self.problems else 'good'}",
            *(f"problem: {problem}" for problem in self.problems),
            f"backups: {', '.join(self.backups) or 'none'}",
            f"stored: {self.objects} objects, {self.bytes} bytes, each held against its hash",
            f"taken out: {opened}",
            *self.said,
        ]


def check_backups(
    store: Store,
    identities: Sequence[Identity] = (),
    *,
    name: str | None = None,
    public_keys: tuple[str, ...] = (),
    scratch: Path | None = None,
) -> CheckReport:
    """Checks all backups, or the one named: signatures, objects; and opens the newest of them in a scratch folder.

    It is opened where it is not encrypted or an identity is given. BackupError: there is no such backup.
    """
    report = CheckReport(store.root)
    newest: Manifest | None = None
    seen: set[str] = set()
    names = store.names() if name is None else [name]
    if not names:
        raise BackupError(f"{store.root}: no backup is here; make one with `quarterdeck backup DESK`")
    for one in names:
        try:
            manifest = store.manifest(one, public_keys)
        except QuarterdeckError as problem:
            report.problems.append(str(problem))
            continue
        report.backups.append(one)
        newest = manifest
        _check_objects(store, manifest, seen, report)
    if newest is not None and not report.problems and (identities or not newest.encrypted):
        _open(store, newest, identities, scratch, report)
    return report


def _check_objects(store: Store, manifest: Manifest, seen: set[str], report: CheckReport) -> None:
    for file in manifest.files:
        if file.object in seen:
            continue
        seen.add(file.object)
        try:
            store.check(file)
        except QuarterdeckError as problem:
            report.problems.append(f"backup {manifest.name}: {problem}")
            continue
        report.objects += 1
        report.bytes += file.stored_bytes


def _open(
    store: Store, manifest: Manifest, identities: Sequence[Identity], scratch: Path | None, report: CheckReport
) -> None:
    with backup_errors(store.root), tempfile.TemporaryDirectory(prefix="quarterdeck-verify-", dir=scratch) as folder:
        try:
            report.said = unpack(store, manifest, Path(folder), identities)
            report.opened = manifest.name
        except QuarterdeckError as problem:
            report.problems.append(str(problem))
