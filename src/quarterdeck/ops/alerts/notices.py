"""Notices in the store: how many may be told of one kind, what was left out, and to whom each goes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from quarterdeck.config.ops import AlertSettings, Shift
from quarterdeck.ops.alerts.model import Alert, Notice, NoticeKind, Severity, State
from quarterdeck.ops.alerts.roster import on_call
from quarterdeck.ops.alerts.rules import RULES
from quarterdeck.ops.alerts.tables import DELIVERIES, NOTICES, SUPPRESSED
from quarterdeck.ops.alerts.wording import title_of

__all__ = ["Notices", "Verdict"]

Verdict = Literal["tell", "wait", "suppress"]
_SECOND_NS: Final = 1_000_000_000


class Notices:
    """Grouping and rate limit by `bucket`: the rule and the desk that notices are about."""

    def __init__(self, settings: AlertSettings) -> None:
        self._group_ns = int(settings.group_s * _SECOND_NS)
        self._window_ns = int(settings.rate_window_s * _SECOND_NS)
        self._count = settings.rate_count

    def may_tell(self, line: Connection, bucket: str, now_ns: int) -> Verdict:
        """The first is told at once; more of its group wait until they can be told as one; too many are suppressed."""
        told, newest_ns = self._told(line, bucket, now_ns)
        if told >= self._count:
            return "suppress"
        return "wait" if newest_ns is not None and 0 <= now_ns - newest_ns < self._group_ns else "tell"

    def write(
        self,
        line: Connection,
        kind: NoticeKind,
        alerts: Sequence[Alert],
        channels: Sequence[str],
        now_ns: int,
        persons: tuple[str, ...],
        *,
        level: int = 0,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes down a notice about alerts of one group, and the channels that it goes to."""
        bucket = alerts[0].group
        waiting = self._waiting(line, bucket) if kind is NoticeKind.FIRING else 0
        if waiting:
            line.execute(update(SUPPRESSED).where(SUPPRESSED.c.bucket == bucket).values(waiting=0))
        rule = RULES.get(alerts[0].rule)
        what = f"{alerts[0].rule if rule is None else rule.title}: {alerts[0].summary}"
        notice = Notice(
            kind=kind, severity=min(alert.severity for alert in alerts), time_ns=now_ns,
            title=title_of(kind, tuple(alerts), what), alerts=tuple(alerts), level=level,
            on_call=persons if min(alert.severity for alert in alerts) <= Severity.P2 else (), suppressed=waiting,
            facts=dict(facts or {}),
        )  # fmt: skip
        self.put(line, notice, bucket, channels)

    def put(self, line: Connection, notice: Notice, bucket: str, channels: Sequence[str]) -> int:
        """Writes a notice and its deliveries; returns its number."""
        values = {
            "kind": notice.kind.value, "severity": notice.severity.value, "bucket": bucket, "time_ns": notice.time_ns,
            "body": msgspec.json.encode(notice).decode(),
        }  # fmt: skip
        number = int(line.execute(insert(NOTICES).values(values).returning(NOTICES.c.id)).scalar_one())
        for name in dict.fromkeys(channels):
            sent = {"notice": number, "channel": name, "status": "PENDING", "due_ns": notice.time_ns}
            line.execute(insert(DELIVERIES).values(sent))
        return number

    def suppress(self, line: Connection, bucket: str, alerts: Sequence[Alert], now_ns: int) -> None:
        """Counts alerts that are not told because there were too many of their kind."""
        row = line.execute(select(SUPPRESSED).where(SUPPRESSED.c.bucket == bucket)).one_or_none()
        worst = min(alert.severity for alert in alerts).value
        if row is None:
            values = {
                "bucket": bucket,
                "waiting": len(alerts),
                "total": len(alerts),
                "since_ns": now_ns,
                "severity": worst,
            }
            line.execute(insert(SUPPRESSED).values(values))
            return
        changed: dict[str, Any] = {"waiting": row.waiting + len(alerts), "total": row.total + len(alerts)}
        changed |= {"severity": min(worst, row.severity) if row.waiting else worst}
        changed |= {} if row.waiting else {"since_ns": now_ns}
        line.execute(update(SUPPRESSED).where(SUPPRESSED.c.bucket == bucket).values(changed))

    def tell_suppressed(self, line: Connection, channels: Callable[[Alert, int], list[str]], now_ns: int) -> int:
        """Tells how many were left out, once the window that they came in is over."""
        rows = line.execute(select(SUPPRESSED).where(SUPPRESSED.c.waiting > 0)).all()
        written = 0
        for row in rows:
            if now_ns - row.since_ns < self._window_ns:
                continue
            rule, desk = str(row.bucket).split("|", 1)
            line.execute(update(SUPPRESSED).where(SUPPRESSED.c.bucket == row.bucket).values(waiting=0))
            title = (
                f"SUPPRESSED [{row.severity}] {desk or 'ops plane'}: {row.waiting} more alerts of {rule} were not told"
            )
            severity = Severity(row.severity)
            notice = Notice(
                kind=NoticeKind.SUPPRESSED, severity=severity, time_ns=now_ns, title=title, suppressed=int(row.waiting)
            )
            self.put(line, notice, str(row.bucket), channels(_stand_in(rule, desk, severity), now_ns))
            written += 1
        return written

    def persons(self, shifts: Sequence[Shift], now_ns: int) -> tuple[str, ...]:
        """Who is on call."""
        return tuple(dict.fromkeys(shift.person for shift in on_call(shifts, now_ns)))

    def _told(self, line: Connection, bucket: str, now_ns: int) -> tuple[int, int | None]:
        where = (
            NOTICES.c.bucket == bucket,
            NOTICES.c.kind == NoticeKind.FIRING,
            NOTICES.c.time_ns > now_ns - self._window_ns,
        )
        row = line.execute(select(func.count(), func.max(NOTICES.c.time_ns)).where(*where)).one()
        return int(row[0]), row[1]

    def _waiting(self, line: Connection, bucket: str) -> int:
        return line.execute(select(SUPPRESSED.c.waiting).where(SUPPRESSED.c.bucket == bucket)).scalar() or 0


def _stand_in(rule: str, desk: str, severity: Severity) -> Alert:
    """An alert of no one thing, for asking which channels a kind and severity goes to."""
    return Alert(
        id=0, rule=rule, desk=desk, subject="", severity=severity, state=State.FIRING, summary="", facts={}, sequence=0,
        event_ns=0, event_id="", count=0, fired_ns=0, last_ns=0, told_ns=None, held="", level=0, acknowledged_ns=None,
        acknowledged_by="", note="", resolved_ns=None, resolved_by="",
    )  # fmt: skip
