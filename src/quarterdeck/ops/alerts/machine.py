"""What is measured beside a desk's figures: room on its disk, memory, and how old its backup and its capture are."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from quarterdeck.backup.schedule import last_backup_ns
from quarterdeck.capture.sessions import capture_folder, read_sessions
from quarterdeck.errors import DataError
from quarterdeck.ops.desks import SeenDesk

__all__ = ["MachineFigures", "measure"]

_MIB: Final = 1 << 20
_SESSIONS: Final = "sessions.jsonl"


class MachineFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one desk's machine. What is not known is None; ages are in seconds of the wall clock."""

    disk_free_share: float | None = None
    memory_mib: float | None = None
    backup_enabled: bool = False
    backup_age_s: float | None = None  # None: there is none
    capturing: bool = False
    capture_age_s: float | None = None


def measure(desk: SeenDesk, wall: Callable[[], int] = time.time_ns) -> MachineFigures:
    """Looks at the machine under a desk; it takes milliseconds. DeskError: what the desk shows is foreign."""
    edition = desk.edition()
    words: dict[str, Any] = {} if edition is None else edition.words
    now_ns = wall()
    enabled = bool(words.get("backup", {}).get("enabled"))
    last_ns = last_backup_ns(desk.config, desk.place.root) if enabled else 0
    capturing, newest_ns = _capture(capture_folder(desk.place.root))
    return MachineFigures(
        disk_free_share=_free(desk.place.root),
        memory_mib=_memory(words.get("pid")) if edition is not None and desk.alive(edition) else None,
        backup_enabled=enabled,
        backup_age_s=(now_ns - last_ns) / 1e9 if last_ns else None,
        capturing=capturing,
        capture_age_s=(now_ns - newest_ns) / 1e9 if capturing and newest_ns else None,
    )


def _free(folder: Path) -> float | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free / usage.total if usage.total else None


def _memory(pid: object) -> float | None:
    if not isinstance(pid, int):
        return None
    try:
        return psutil.Process(pid).memory_info().rss / _MIB
    except psutil.Error:
        return None


def _capture(folder: Path) -> tuple[bool, int]:
    """Whether a recording was begun and not ended, and when its journal was last written to."""
    path = folder / _SESSIONS
    if not path.is_file():
        return False, 0
    try:
        recordings = read_sessions(path)
    except DataError:
        return True, 0
    if not recordings or recordings[-1].ended is not None:
        return False, 0
    newest = [recordings[-1].began.began_ns]
    for found in folder.rglob("*.qdj"):
        try:
            newest.append(found.stat().st_mtime_ns)
        except FileNotFoundError:
            continue  # a segment went while the folder was listed
    return True, max(newest)
