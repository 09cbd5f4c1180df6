"""What desks and the ops plane keep elsewhere: databases, Redis, what was captured, backups."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import text

from quarterdeck.backup.schedule import last_backup_ns
from quarterdeck.capture.sessions import capture_folder
from quarterdeck.checks.findings import Findings, Level
from quarterdeck.checks.stores import check_database, check_redis
from quarterdeck.config import DeskConfig
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.health.components import Found, Status
from quarterdeck.ops.store import Store

__all__ = ["backups", "captured", "database", "ledger_database", "redis"]

_HOUR_S: Final = 3600.0
# What is fresh, in seconds; and the tables of a captured day that it is judged by.
_CAPTURED: Final = {"ticks": (_HOUR_S, ("trades", "quotes", "levels")), "funding": (2 * _HOUR_S, ("funding",))}
_STATUS_OF: Final = {Level.OK: Status.HEALTHY, Level.WARN: Status.DEGRADED, Level.FAIL: Status.UNHEALTHY}


def database(store: Store) -> Found:
    """Whether the ops plane's own database answers. OpsError: it does not."""
    with store.reading() as line:
        line.execute(text("SELECT 1"))
    return Found(Status.HEALTHY, "it answers", {"database": store.name})


def ledger_database(config: DeskConfig, environment: Mapping[str, str], patience_s: float) -> Found:
    """Whether what DATABASE_URL names answers."""
    findings = Findings()
    check_database(findings, config, environment, patience_s)
    return _worst_of(findings)


def redis(environment: Mapping[str, str], patience_s: float) -> Found:
    """Whether what REDIS_URL names answers. Without it events go on inside the process: DEGRADED."""
    findings = Findings()
    check_redis(findings, environment, patience_s)
    found = _worst_of(findings)
    return found._replace(status=Status.DEGRADED) if found.status is Status.UNHEALTHY else found


def _worst_of(findings: Findings) -> Found:
    for level in (Level.FAIL, Level.WARN, Level.OK):
        for one in findings.found:
            if one.level is level:
                way = f": {one.way}" if one.way else ""
                return Found(_STATUS_OF[level], f"{one.why}{way}", {})
    return Found(Status.HEALTHY, "none is set", {})


def backups(config: DeskConfig, root: Path, found: DeskFigures | None, allowed_hours: int) -> Found:
    """The age of the newest backup, read from its own folder, and what the running desk says of its last try."""
    said = {} if found is None else found.backup
    last_ns = last_backup_ns(config, root)
    age_h = (time.time_ns() - last_ns) / 1e9 / _HOUR_S if last_ns else None
    details: dict[str, object] = {
        **said, "age_hours": None if age_h is None else round(age_h, 3), "allowed_hours": allowed_hours,
    }  # fmt: skip
    if not config.backup.answered:
        status = Status.DEGRADED if config.desk.mode == "live" else Status.HEALTHY
        return Found(status, "none is made: [backup] of desk.toml does not say who can open them", details)
    if said.get("error"):
        return Found(Status.DEGRADED, f"the last one failed: {said['error']}", details)
    if age_h is None:
        return Found(Status.DEGRADED, "there is none yet", details)
    if age_h > allowed_hours:
        return Found(Status.DEGRADED, f"the newest is {age_h:.1f} hours old, {allowed_hours} are allowed", details)
    return Found(Status.HEALTHY, f"the newest is {age_h:.1f} hours old", details)


def captured(root: Path, what: str) -> Found:
    """How fresh the captured ticks, or funding, are: fresh, stale, empty or missing."""
    from quarterdeck.capture.days import Day, days_in  # noqa: PLC0415 - it brings Parquet, where a desk is captured

    allowed_s, tables = _CAPTURED[what]
    folder = capture_folder(root)
    days = days_in(folder)
    files = [path for name in days[-2:] for table in tables for path in Day(folder, name).files(table)]
    newest_s = max((path.stat().st_mtime for path in files), default=None)
    age_s = None if newest_s is None else max(0.0, time.time() - newest_s)
    details: dict[str, object] = {"age_s": age_s, "allowed_s": allowed_s, "days": len(days)}
    if not days:
        return Found(Status.DEGRADED, "nothing is captured: `quarterdeck capture`", {**details, "status": "missing"})
    if age_s is None:
        return Found(Status.DEGRADED, f"the latest days have no {what}", {**details, "status": "empty"})
    if age_s > allowed_s:
        return Found(Status.DEGRADED, f"the newest {what} are {age_s:,.0f} s old", {**details, "status": "stale"})
    return Found(Status.HEALTHY, f"the newest {what} are {age_s:,.0f} s old", {**details, "status": "fresh"})
