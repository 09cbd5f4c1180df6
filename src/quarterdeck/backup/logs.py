"""Logs: rolled by size and day, compressed, encrypted where configured, and deleted by policy.

    system.log                                 written now
    system.20261121T003000Z.log                rolled; its writer goes over to a new system.log within a second
    system.20261121T003000Z.log.zst[.age]      packed at a later run, an hour after it was rolled at the earliest

A rolled log is renamed and not copied, so no line is lost: writers look whether their file is still the one that its
name means (`DeskLogs.refresh`).
"""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from quarterdeck.backup.envelope import Recipients, wrap
from quarterdeck.backup.retention import expired
from quarterdeck.config.backup import DAY_NS, Backup

__all__ = ["PACK_AFTER_NS", "LogReport", "roll_logs"]

PACK_AFTER_NS: Final = 3600 * 1_000_000_000
_SECOND_NS: Final = 1_000_000_000
_MIB: Final = 1 << 20
_UNFINISHED: Final = ".unfinished"
_LIVE: Final = re.compile(r"[\w-]+\.log")
_ROLLED: Final = re.compile(r"[\w-]+\.(\d{8}T\d{6}Z)(?:-\d+)?\.log(\.zst(?:\.age)?)?")


@dataclass
class LogReport:
    """What was done, by the files' names."""

    rolled: list[str] = field(default_factory=list[str])
    packed: list[str] = field(default_factory=list[str])
    deleted: list[str] = field(default_factory=list[str])

    def as_dict(self) -> dict[str, object]:
        return {"rolled": self.rolled, "packed": self.packed, "deleted": self.deleted}


def roll_logs(folder: Path, settings: Backup, recipients: Recipients | None, now_ns: int) -> LogReport:
    """Rolls, packs and deletes what is due in a folder of logs. `now_ns` is the wall clock's time. May raise OSError.

    `recipients` are those that packed logs are encrypted to; None: they are only compressed.
    """
    report = LogReport()
    if not folder.is_dir():
        return report
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            continue
        if path.name.endswith(_UNFINISHED):
            path.unlink()  # a process died while it packed: the log itself is still there
        elif _LIVE.fullmatch(path.name):
            _roll(path, settings, now_ns, report)
    for path, rolled_ns, packed in list(_rolled(folder)):
        youngest = max(rolled_ns, path.stat().st_mtime_ns)
        if expired(youngest, now_ns, settings.log_keep_days):
            path.unlink()
            report.deleted.append(path.name)
        elif not packed and now_ns - youngest >= PACK_AFTER_NS:
            report.packed.append(_pack(path, recipients or Recipients((), folder.name)))
    return report


def _roll(path: Path, settings: Backup, now_ns: int, report: LogReport) -> None:
    facts = path.stat()
    if facts.st_size == 0:
        return
    old = facts.st_size >= settings.log_roll_mib * _MIB or _begun_ns(path) // DAY_NS < now_ns // DAY_NS
    if not old:
        return
    stamp = f"{datetime.fromtimestamp(now_ns // _SECOND_NS, UTC):%Y%m%dT%H%M%SZ}"
    target = path.with_name(f"{path.stem}.{stamp}.log")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.stem}.{stamp}-{number}.log")
    path.rename(target)
    report.rolled.append(target.name)


def _begun_ns(path: Path) -> int:
    """When a log was begun: the time in its first line, or that of its last change where none is written."""
    with path.open("rb") as file:
        found = re.search(rb'"logged":"(\d{4}-\d{2}-\d{2})T', file.readline(1 << 16))
    if found is None:
        return path.stat().st_mtime_ns
    day = datetime.strptime(found[1].decode(), "%Y-%m-%d").replace(tzinfo=UTC)
    return int(day.timestamp()) * _SECOND_NS


def _rolled(folder: Path) -> Iterator[tuple[Path, int, bool]]:
    """Yields each rolled log with the time at which it was rolled, and whether it is packed."""
    for path in sorted(folder.iterdir()):
        found = _ROLLED.fullmatch(path.name)
        if found is not None and path.is_file() and not path.is_symlink():
            moment = datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            yield path, int(moment.timestamp()) * _SECOND_NS, found[2] is not None


def _pack(path: Path, recipients: Recipients) -> str:
    """Replaces a rolled log by its packed self, of the same time; returns that one's name."""
    facts = path.stat()
    target = path.with_name(path.name + recipients.suffix)
    unfinished = path.with_name(target.name + _UNFINISHED)
    data = path.read_bytes()
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        with os.fdopen(handle, "wb") as output:
            wrap(memoryview(data), recipients, output.write)
            output.flush()
            os.fsync(output.fileno())
        os.utime(unfinished, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        unfinished.rename(target)
    except BaseException:
        unfinished.unlink()
        raise
    if hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(data).digest():
        path.unlink()  # nobody wrote to it meanwhile
    else:
        target.unlink()
    return target.name
