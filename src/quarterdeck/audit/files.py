"""Where a desk's journal, and what proves it, lie: folders below the desk's own."""

from dataclasses import dataclass
from pathlib import Path

from quarterdeck.errors import AuditError

__all__ = ["DeskFiles"]


@dataclass(frozen=True, slots=True)
class DeskFiles:
    """The folders below `root`, which is a desk's folder or another that a trial run was given."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def journal(self) -> Path:
        return self.data / "journal"

    @property
    def snapshots(self) -> Path:
        return self.data / "snapshots"

    @property
    def anchors(self) -> Path:
        return self.data / "anchors"

    @property
    def prunes(self) -> Path:
        """The signed records of what was pruned, one a line."""
        return self.anchors / "prunes.jsonl"

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    @property
    def signing_key(self) -> Path:
        return self.keys / "audit.key"

    @property
    def public_key(self) -> Path:
        return self.keys / "audit.pub"

    @property
    def epoch_file(self) -> Path:
        return self.data / "epoch"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def epoch(self) -> int:
        """The number of the latest session that was begun; 0 before the first. AuditError for a file of nonsense."""
        try:
            text = self.epoch_file.read_text(encoding="ascii", errors="replace").strip()
        except FileNotFoundError:
            return 0
        if not text.isdecimal():
            raise AuditError(f"{self.epoch_file}: it does not hold a number; write the last session's number there")
        return int(text)
