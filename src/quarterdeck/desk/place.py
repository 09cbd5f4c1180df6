"""Where a desk keeps what it makes: `data/`, `logs/` and `reports/` below one folder."""

from dataclasses import dataclass
from pathlib import Path

from quarterdeck.errors import JournalError
from quarterdeck.journal import OS_DISK, Disk
from quarterdeck.journal.recovery import UNFINISHED, create_file, disk_errors

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
    def upgrades(self) -> Path:
        """The states that a new version began with, one for each upgrade; never cleaned."""
        return self.data / "upgrades"

    @property
    def socket(self) -> Path:
        return self.data / "control.sock"

    @property
    def standby_socket(self) -> Path:
        """A standby's; in the same folder as its leader's where they share one."""
        return self.data / "standby.sock"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def _epoch(self) -> Path:
        return self.data / "epoch"

    def last_epoch(self, disk: Disk = OS_DISK) -> int:
        """The number of the latest session that was begun; 0 before the first. JournalError for a file of nonsense."""
        try:
            raw = disk.read(self._epoch)
        except FileNotFoundError:
            return 0
        text = raw.decode("ascii", "replace").strip()
        if not text.isdecimal():
            raise JournalError(f"{self._epoch}: {text[:40]!r} is not a number; write the last session's number there")
        return int(text)

    def keep_epoch(self, epoch: int, disk: Disk = OS_DISK) -> None:
        """Returns when the number is on the medium: no order id is ever issued twice. JournalFull: it could not be."""
        unfinished = self._epoch.with_name(self._epoch.name + UNFINISHED)
        with disk_errors(self.data):
            disk.make_directory(self.data)
            if unfinished.name in disk.names(self.data):
                disk.remove(unfinished)
            disk.close(create_file(disk, self._epoch, f"{epoch}\n".encode()))
