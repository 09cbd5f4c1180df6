"""Telling people from a script: an alert goes into the ops plane's own room, and out through its channels.

The plane is that of QUARTERDECK_OPS (a folder with ops.toml, or that file), or of an ops.toml beside the desks. It is
written to whether it runs or not; a running one sends within a second, with its grouping, silences and its limit: more
than ten of one title in five minutes are counted in place of being told. Every alert stands in the desk's
logs/alerts.jsonl too, and without a plane only there, which is said.
"""

import os
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import select

from quarterdeck.config.ops import OPS_FILE, OpsConfig, load_ops
from quarterdeck.errors import ConfigError
from quarterdeck.journal import rfc3339
from quarterdeck.ops.alerts.engine import Engine
from quarterdeck.ops.alerts.model import Finding, Severity
from quarterdeck.ops.alerts.tables import SUPPRESSED
from quarterdeck.ops.attempts.place import ChainDesk, desk_here
from quarterdeck.ops.store import Store

__all__ = ["OPS_VARIABLE", "Alerting", "get_alerting"]

OPS_VARIABLE: Final = "QUARTERDECK_OPS"
_LOG: Final = "alerts.jsonl"
_SEVERITIES: Final = {"CRITICAL": Severity.P1, "HIGH": Severity.P2, "MEDIUM": Severity.P3, "LOW": Severity.P4}
Handler = Callable[[dict[str, Any]], object]


class Alerting:
    """Alerts about one desk."""

    def __init__(self, desk: ChainDesk, wall: Callable[[], int] = time.time_ns) -> None:
        self._desk, self._wall = desk, wall
        self._handlers: list[Handler] = []

    def send_alert(self, title: str, message: str, severity: str = "HIGH", **facts: Any) -> dict[str, Any]:
        """Tells people. `severity`: CRITICAL, HIGH, MEDIUM, LOW, or P0 to P4. ConfigError for another one.

        Returns `alerts_room` (the plane's, or None), and `suppressed`: how many of its title were not told so far.
        """
        return self._send(title.replace("|", "/"), message, message, _severity(severity), facts)

    def alert_emergency_shutdown(self, reason: str) -> dict[str, Any]:
        """The desk was locked."""
        return self._send("emergency-lock", "desk", f"emergency shutdown: {reason}", Severity.P0, {"reason": reason})

    def alert_circuit_breaker_triggered(self, reason: str, **facts: Any) -> dict[str, Any]:
        """The breaker opened."""
        return self._send("kill-switch", "script", f"circuit breaker: {reason}", Severity.P1, facts)

    def alert_large_loss(self, loss_usd: float | Decimal, trade_id: str = "") -> dict[str, Any]:
        """One attempt lost much."""
        said = f"{Decimal(str(loss_usd)):,.2f} {self._desk.config.desk.base_currency} lost"
        return self._send("large-loss", trade_id or "desk", said, Severity.P1, {"trade_id": trade_id})

    def alert_consecutive_failures(self, count: int, last_error: str = "") -> dict[str, Any]:
        """Many attempts in a row failed."""
        said = f"{count} attempts in a row failed{f': {last_error}' if last_error else ''}"
        return self._send("failed-in-a-row", "script", said, Severity.P2, {"count": count})

    def register_custom_handler(self, handler: Handler) -> None:
        """Has a function of this process called with every alert that it sends from now on."""
        self._handlers.append(handler)

    def suppressed(self) -> dict[str, int]:
        """How many alerts of each title were not told one by one; nothing without a plane."""
        plane = self._plane()
        if plane is None:
            return {}
        store = Store(plane.data)
        try:
            return _left_out(store, self._desk.config.desk.name)
        finally:
            store.close()

    def _send(self, rule: str, subject: str, summary: str, severity: Severity, facts: dict[str, Any]) -> dict[str, Any]:
        desk, now_ns = self._desk.config.desk.name, self._wall()
        finding = Finding(
            rule=rule, desk=desk, subject=subject, severity=severity, summary=summary, facts={**facts, "by": "script"}
        )
        alert = {"time": rfc3339(now_ns), "title": rule, "severity": severity.value, "summary": summary, "facts": facts}
        self._log(alert)
        for handler in self._handlers:
            handler({**alert, "desk": desk})
        plane = self._plane()
        if plane is None:
            where = self._desk.place.logs / _LOG
            sys.stderr.write(f"no ops plane to tell people with ({OPS_FILE}): the alert stands in {where}\n")
            return {"alerts_room": None, "suppressed": 0, "log": str(where)}
        store = Store(plane.data)
        try:
            Engine(plane, store).work([finding], now_ns)
            left_out = _left_out(store, desk)
        finally:
            store.close()
        return {
            "alerts_room": store.name,
            "suppressed": left_out.get(rule, 0),
            "log": str(self._desk.place.logs / _LOG),
        }

    def _log(self, alert: dict[str, Any]) -> None:
        self._desk.place.logs.mkdir(parents=True, exist_ok=True)
        with (self._desk.place.logs / _LOG).open("ab") as log:
            log.write(msgspec.json.encode(alert) + b"\n")

    def _plane(self) -> OpsConfig | None:
        """The ops plane that looks after desks here; None: there is no ops.toml. ConfigError: it is wrong."""
        named = os.environ.get(OPS_VARIABLE)
        if named:
            return load_ops(named)
        for folder in (self._desk.config.folder, self._desk.config.folder.parent):
            if (folder / OPS_FILE).is_file():
                return load_ops(folder)
        return None


@lru_cache(maxsize=8)
def _opened(desk: ChainDesk) -> Alerting:
    return Alerting(desk)


def get_alerting() -> Alerting:
    """Alerts about the desk that is meant: QUARTERDECK_DESK's, or the current directory's."""
    return _opened(desk_here())


def _left_out(store: Store, desk: str) -> dict[str, int]:
    """By title, since the store began."""
    with store.reading() as line:
        rows = line.execute(select(SUPPRESSED.c.bucket, SUPPRESSED.c.total)).all()
    parted = ((str(row.bucket).partition("|"), int(row.total)) for row in rows)
    return {title: total for (title, _, about), total in parted if about == desk}


def _severity(word: str) -> Severity:
    named = _SEVERITIES.get(word.upper())
    if named is not None:
        return named
    try:
        return Severity(word.upper())
    except ValueError:
        allowed = f"one of {', '.join(_SEVERITIES)}, or P0 to P4"
        raise ConfigError("command", "severity", word, allowed) from None
