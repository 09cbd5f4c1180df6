"""When a desk backs itself up, and how: a process of its own, so that neither its work nor its failure reaches trading.

Encryption and compression hold Python's lock, so a thread in the desk's process would be felt by the trading loop.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.backup.store import Store, store_of
from quarterdeck.config import DeskConfig
from quarterdeck.config.backup import DAY_NS, Backup
from quarterdeck.errors import BackupError

__all__ = ["RETRY_NS", "BackupRunner", "BackupSchedule", "last_backup_ns"]

RETRY_NS: Final = 600 * 1_000_000_000
"""How long after a failure the next try is made."""
_WORKER: Final = "quarterdeck.backup.worker"
_PATIENCE_S: Final = 5.0


class BackupSchedule:
    """Says when a daily backup is due. It does nothing itself and reads no clock; times are UTC nanoseconds.

    `last_ns` is when the newest backup was made; 0 where there is none: then one is due at once.
    """

    def __init__(self, settings: Backup, last_ns: int) -> None:
        self._at_ns = settings.schedule_ns if settings.answered else None
        self._last_ns = last_ns
        self._tried_ns: int | None = None

    @property
    def enabled(self) -> bool:
        """Whether backups are made at all: a time is set, and it is said who can open them."""
        return self._at_ns is not None

    def due(self, now_ns: int) -> bool:
        """Whether a backup is to begin now: a time of day has come since the last one, and no failure is too fresh."""
        if self._at_ns is None or (self._tried_ns is not None and 0 <= now_ns - self._tried_ns < RETRY_NS):
            return False
        latest = (now_ns - self._at_ns) // DAY_NS * DAY_NS + self._at_ns
        return self._last_ns < latest

    def began(self, now_ns: int) -> None:
        """A try was begun: until it is done, none is due before RETRY_NS have passed."""
        self._tried_ns = now_ns

    def done(self, now_ns: int) -> None:
        """A backup was made by a try that began at that time."""
        self._last_ns = max(self._last_ns, now_ns)
        self._tried_ns = None


class BackupRunner:
    """Runs a desk's daily backup, and the rolling of its logs and pruning with it, in a process of its own.

    Call `pump` about once a second with the wall clock's time; it never waits. What it returns is for the log.
    """

    def __init__(self, config: DeskConfig, root: Path) -> None:
        self.schedule = BackupSchedule(config.backup, last_backup_ns(config, root))
        self._command = [sys.executable, "-m", _WORKER, str(config.folder.resolve()), str(root.resolve())]
        self._environment = {**os.environ, "QUARTERDECK_CAPACITY": config.desk.capacity}
        self._process: subprocess.Popen[bytes] | None = None
        self._began_ns = 0

    @property
    def running(self) -> bool:
        return self._process is not None

    def pump(self, now_ns: int) -> dict[str, Any] | None:
        """Begins what is due, and returns what a run that has ended said of itself: `ok`, and `error` or the facts."""
        if self._process is not None:
            return self._ended(now_ns)
        if self.schedule.due(now_ns):
            self._began_ns = now_ns
            self.schedule.began(now_ns)
            try:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    env=self._environment, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                return {"ok": False, "error": f"no process could be begun for the backup: {error.strerror}"}
        return None

    def close(self) -> None:
        """Ends a run that is under way: a backup that is not whole does not count, and the next clears it away."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def _ended(self, now_ns: int) -> dict[str, Any] | None:
        process = self._process
        assert process is not None, "asked only while a run is under way"
        if process.poll() is None:
            return None
        output, errors = process.communicate()
        self._process = None
        answer = _answer(output, errors, process.returncode)
        if answer["ok"]:
            self.schedule.done(self._began_ns)
        else:
            self.schedule.began(now_ns)
        return answer


def last_backup_ns(config: DeskConfig, root: Path) -> int:
    """Returns when the desk's newest backup was made, in UTC nanoseconds; 0 where none can be read."""
    store: Store = store_of(config.backup, root, config.desk.name)
    try:
        return store.manifest().created_ns if store.names() else 0
    except (BackupError, OSError):
        return 0  # then one is due, and says itself what is wrong


def _answer(output: bytes, errors: bytes, code: int) -> dict[str, Any]:
    """Reads a worker's last line; a worker that died without one failed."""
    lines = output.splitlines()
    try:
        answer = msgspec.json.decode(lines[-1] if lines else b"", type=dict[str, Any])
    except msgspec.DecodeError:
        last = errors.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {code}"]
        return {"ok": False, "error": f"the backup's process ended without an answer: {last[0][:500]}"}
    return {"ok": False, **answer}
