"""Where a desk keeps what it makes: `data/`, `logs/` and `reports/` below one folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from quarterdeck.errors import JournalError

__all__ = ["DeskPlace"]


@dataclass(frozen=True, slots=True)
class DeskPlace:
    """The folders of one desk: its own, or another that a trial run is given."""

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
    def socket(self) -> Path:
        return self.data / "control.sock"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def _epoch(self) -> Path:
        return self.data / "epoch"

    def last_epoch(self) -> int:
        """The number of the latest session that was begun; 0 before the first. JournalError for a file of nonsense."""
        if not self._epoch.exists():
            return 0
        text = self._epoch.read_text(encoding="ascii", errors="replace").strip()
        if not text.isdecimal():
            raise JournalError(f"{self._epoch}: {text[:40]!r} is not a number; write the last session's number there")
        return int(text)

    def keep_epoch(self, epoch: int) -> None:
        """Returns when the number is on the medium: no order id is ever issued twice."""
        self.data.mkdir(parents=True, exist_ok=True)
        unfinished = self._epoch.with_suffix(".unfinished")
        with unfinished.open("w", encoding="ascii") as file:
            file.write(f"{epoch}\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._epoch)
        folder = os.open(self.data, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
