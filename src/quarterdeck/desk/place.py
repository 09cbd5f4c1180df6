"""Where a desk keeps what it makes: `data/`, `logs/` and `reports/` below one folder."""

from dataclasses import dataclass
from pathlib import Path

from quarterdeck.audit.files import DeskFiles
from quarterdeck.errors import JournalError
from quarterdeck.journal import OS_DISK, Disk
from quarterdeck.journal.recovery import UNFINISHED, create_file, disk_errors

__all__ = ["DeskPlace"]


@dataclass(frozen=True, slots=True)
class DeskPlace(DeskFiles):
    """The folders of one desk, its own or another that a trial run is given, and where a running one is met."""

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

    def last_epoch(self, disk: Disk = OS_DISK) -> int:
        """The number of the latest session that was begun; 0 before the first. JournalError for a file of nonsense."""
        try:
            raw = disk.read(self.epoch_file)
        except FileNotFoundError:
            return 0
        text = raw.decode("ascii", "replace").strip()
        if not text.isdecimal():
            raise JournalError(
                f"{self.epoch_file}: {text[:40]!r} is not a number; write the last session's number there"
            )
        return int(text)

    def keep_epoch(self, epoch: int, disk: Disk = OS_DISK) -> None:
        """Returns when the number is on the medium: no order id is ever issued twice. JournalFull: it could not be."""
        unfinished = self.epoch_file.with_name(self.epoch_file.name + UNFINISHED)
        with disk_errors(self.data):
            disk.make_directory(self.data)
            if unfinished.name in disk.names(self.data):
                disk.remove(unfinished)
            disk.close(create_file(disk, self.epoch_file, f"{epoch}\n".encode()))
