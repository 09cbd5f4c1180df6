"""What a running desk does beside trading: its daily backup in a process of its own, and rolled logs left behind.

Nothing here waits, and nothing that fails here reaches trading: it is told in the log, and tried again.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from quarterdeck.backup.schedule import BackupRunner
from quarterdeck.config import DeskConfig
from quarterdeck.desk.logs import DeskLogs
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.session import Logs
from quarterdeck.journal import rfc3339

__all__ = ["Chores"]

_SECOND_NS: Final = 1_000_000_000


class Chores:
    """Call `turn` in every turn of the loop; it does something once a second. `wall` is the time in UTC nanoseconds."""

    pause_s: Final = 1.0  # how long the loop may rest between two turns

    def __init__(
        self,
        config: DeskConfig,
        place: DeskPlace,
        logs: Logs,
        *,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._logs, self._wall, self._monotonic = logs, wall, monotonic
        self._runner = BackupRunner(config, place.root)
        self._looked_ns = monotonic() - _SECOND_NS
        self._last: dict[str, Any] | None = None
        self._ended_ns = 0
        if not self._runner.schedule.enabled:
            logs.system("BACKUP_OFF", why="[backup] of desk.toml names no recipients, or its schedule is never")

    def turn(self) -> None:
        """Looks for rolled logs, begins a backup that is due, and tells how one ended."""
        real = self._monotonic()
        if real - self._looked_ns < _SECOND_NS:
            return
        self._looked_ns = real
        try:
            if isinstance(self._logs, DeskLogs):
                self._logs.refresh()
        except OSError as error:
            self._logs.error("LOG_NOT_ROLLED", error=f"{error.filename}: {error.strerror}")
        answer = self._runner.pump(self._wall())
        if answer is None:
            return
        self._last, self._ended_ns = answer, self._wall()
        if answer["ok"]:
            self._logs.system("BACKUP_DONE", **answer)
        else:
            self._logs.error("BACKUP_FAILED", **answer)

    def status(self) -> dict[str, object]:
        """Returns how the backups of this session stand."""
        last = self._last or {}
        return {
            "enabled": self._runner.schedule.enabled,
            "running": self._runner.running,
            "ended": None if self._last is None else rfc3339(self._ended_ns),
            "error": last.get("error"),
        }

    def close(self) -> None:
        """Ends a backup that is under way."""
        self._runner.close()
