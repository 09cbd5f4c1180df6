"""A notice as words for people and as JSON for machines."""

from typing import Any, Final

from quarterdeck.journal import rfc3339
from quarterdeck.ops.alerts.model import Alert, Notice, NoticeKind

__all__ = ["as_json", "as_text", "title_of"]

_SHOWN: Final = 10  # of a group's alerts, in words


def title_of(kind: NoticeKind, alerts: tuple[Alert, ...], what: str) -> str:
    """One line: how bad, which desk, what."""
    first = alerts[0]
    where = first.desk or "ops plane"
    more = f" (and {len(alerts) - 1} more)" if len(alerts) > 1 else ""
    said = "" if kind is NoticeKind.FIRING else f"{kind.value} "
    return f"{said}[{first.severity.value}] {where}: {what}{more}"


def as_text(notice: Notice) -> str:
    """The words below the title."""
    lines: list[str] = []
    for alert in notice.alerts[:_SHOWN]:
        lines.append(alert.summary)
        facts = [f"alert {alert.id}", alert.rule, f"since {rfc3339(alert.fired_ns)}"]
        facts += [f"{alert.count} times"] if alert.count > 1 else []
        facts += [f"journal sequence {alert.sequence}"] if alert.sequence else []
        facts += [f"{alert.state.value} by {alert.acknowledged_by}"] if alert.acknowledged_by else []
        lines.append("  " + ", ".join(facts))
    if len(notice.alerts) > _SHOWN:
        lines.append(f"and {len(notice.alerts) - _SHOWN} more")
    if notice.suppressed:
        lines.append(f"{notice.suppressed} alerts of this kind were suppressed before: too many at once")
    lines += [f"{name}: {value}" for name, value in notice.facts.items()]
    if notice.level:
        lines.append(f"escalation level {notice.level}: nobody has acknowledged it")
    if notice.on_call:
        lines.append(f"on call: {', '.join(notice.on_call)}")
    if notice.alerts and notice.kind in {NoticeKind.FIRING, NoticeKind.REPEAT, NoticeKind.ESCALATION}:
        lines.append(f"acknowledge: quarterdeck alerts ack {notice.alerts[0].id} --person NAME")
    return "\n".join(lines)


def as_json(notice: Notice) -> dict[str, Any]:
    """What webhooks and files get; times are RFC 3339."""
    return {
        "notice": notice.id,
        "kind": notice.kind.value,
        "severity": notice.severity.value,
        "time": rfc3339(notice.time_ns),
        "title": notice.title,
        "text": as_text(notice),
        "level": notice.level,
        "on_call": list(notice.on_call),
        "suppressed": notice.suppressed,
        "facts": notice.facts,
        "alerts": [_alert(one) for one in notice.alerts],
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "rule": alert.rule,
        "desk": alert.desk,
        "subject": alert.subject,
        "severity": alert.severity.value,
        "state": alert.state.value,
        "summary": alert.summary,
        "count": alert.count,
        "sequence": alert.sequence,
        "event_id": alert.event_id,
        "fired": rfc3339(alert.fired_ns),
        "acknowledged_by": alert.acknowledged_by,
        "resolved_by": alert.resolved_by,
        "facts": alert.facts,
    }
