"""The machine that a desk stands on: its clock, its disk, and who may write where."""

import ctypes
import os
import shutil
import stat
from pathlib import Path
from typing import Any, Final, cast

from quarterdeck.checks.findings import Findings, Level
from quarterdeck.config import DeskConfig
from quarterdeck.config.credentials import CREDENTIALS_FILE
from quarterdeck.errors import JournalError
from quarterdeck.journal import OS_DISK, rfc3339
from quarterdeck.journal import stat as journal_stat
from quarterdeck.journal.segment import segment_paths

__all__ = ["check_clock", "check_disk", "check_folders", "clock_is_steered"]

_ADJTIMEX_BYTES: Final = 512  # more than struct timex has
_UNSYNCHRONISED: Final = 5  # TIME_ERROR of adjtimex(2)
_EARLIEST_NS: Final = 1_735_689_600_000_000_000  # 2025: no desk of this version ran before
_COMFORT: Final = 4  # times the reserve
_OTHERS_WRITE: Final = 0o022
_OTHERS_READ: Final = 0o077


def clock_is_steered() -> bool | None:
    """Returns whether the system's clock is kept in step (adjtimex(2)); None where the system does not say."""
    library = cast(Any, ctypes.CDLL(None, use_errno=True))
    if not hasattr(library, "adjtimex"):
        return None
    state = int(library.adjtimex(ctypes.create_string_buffer(_ADJTIMEX_BYTES)))
    return None if state < 0 else state != _UNSYNCHRONISED


def check_clock(findings: Findings, journal: Path, now_ns: int) -> None:
    """The clock against the desk's own past, and whether anything keeps it in step."""
    newest_ns = _newest(findings, journal)
    if now_ns < max(_EARLIEST_NS, newest_ns):
        why = f"it says {rfc3339(now_ns)}, before {rfc3339(max(_EARLIEST_NS, newest_ns))}, which has been"
        findings.fail("clock", why, "set it; the desk's own time never goes back")
    elif clock_is_steered() is False:
        findings.warn("clock", "nothing keeps it in step with the time of day", "run an NTP client")
    else:
        findings.ok("clock", f"it says {rfc3339(now_ns)}")


def _newest(findings: Findings, journal: Path) -> int:
    """The time of the journal's last record; 0 where there is no journal."""
    if not journal.is_dir() or not segment_paths(OS_DISK, journal):
        return 0
    try:
        return journal_stat(journal).last_ns or 0
    except JournalError as error:
        findings.fail("journal", str(error), f"quarterdeck journal verify {journal}")
        return 0


def check_disk(findings: Findings, config: DeskConfig, place: Path) -> None:
    """Room where the desk writes."""
    free_mib = shutil.disk_usage(place).free >> 20
    least = config.journal.disk_reserve_mib
    why = f"{free_mib:,} MiB are free in {place}; entries stop below {least} (journal.disk_reserve_mib)"
    level = Level.FAIL if free_mib < least else Level.WARN if free_mib < _COMFORT * least else Level.OK
    findings.note(level, "disk", why, "make room")


def check_folders(findings: Findings, config: DeskConfig, place: Path) -> None:
    """Who may write what decides about money, and read what is secret."""
    before = len(findings.found)
    for path in {config.folder, place}:
        if not os.access(path, os.W_OK | os.X_OK):
            findings.fail("permissions", f"{path} cannot be written to by this user", "run as the owner of the folder")
    for path in (config.folder, config.folder / "desk.toml", place, place / "data"):
        mode = _mode(path)
        if mode & _OTHERS_WRITE and not mode & stat.S_ISVTX:
            findings.fail("permissions", f"{path}: others may write it (mode {mode:04o})", f"chmod go-w {path}")
    for path in (config.folder / CREDENTIALS_FILE, place / "data" / "keys"):
        mode = _mode(path)
        if mode & _OTHERS_READ:
            findings.fail("permissions", f"{path}: others may read it (mode {mode:04o})", f"chmod go-rwx {path}")
    if len(findings.found) == before:
        findings.ok("permissions", "nobody else may write the desk's files, or read its keys")


def _mode(path: Path) -> int:
    """The permissions of a file or folder; 0 where there is none."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
