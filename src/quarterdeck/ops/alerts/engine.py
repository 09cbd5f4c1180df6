"""The state machine of alerts: findings become alerts, alerts become notices, and each step is in the store first.

One transaction takes what was found, looks at silences, inhibitions and what people have done meanwhile, and writes
down whom to tell. The dispatcher sends what stands written, so a restart tells nothing twice and forgets nothing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select, update

from quarterdeck.config.ops import OpsSettings
from quarterdeck.ops.alerts.book import facts_text, fire, newest, open_alerts
from quarterdeck.ops.alerts.model import Alert, Finding, Notice, NoticeKind, Severity, State
from quarterdeck.ops.alerts.notices import Notices
from quarterdeck.ops.alerts.roster import due_steps, first_channels
from quarterdeck.ops.alerts.rules import RULES, inhibitors
from quarterdeck.ops.alerts.silences import Silence
from quarterdeck.ops.alerts.tables import ALERTS, MARKS, SILENCES
from quarterdeck.ops.store import Store

__all__ = ["OTHERS", "Engine"]

OTHERS: Final = "others"
"""The subject that stands for more subjects of one rule and desk than are kept apart."""
_SUBJECTS_MAX: Final = 200
_SECOND_NS: Final = 1_000_000_000
_BY_ITSELF: Final = "the desk"


class Engine:
    """`work` does everything that is due; call it whenever something was found, and about once a second.

    `standing` are the alerts that were not resolved after the last call, by fingerprint.
    """

    def __init__(self, settings: OpsSettings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._fixed = [
            Silence(rule=one.rule, desk=one.desk, every=one.every, person=one.person, reason=one.reason)
            for one in settings.maintenance
        ]
        self._notices = Notices(settings.alerts)
        self.standing: Mapping[str, Alert] = {}

    def load(self) -> None:
        """Reads which alerts stand, as after a restart."""
        with self._store.reading() as line:
            self.standing = {one.fingerprint: one for one in _standing(line)}

    def work(self, findings: Sequence[Finding], now_ns: int, vital: Mapping[str, Any] | None = None) -> int:
        """Takes findings in, and writes down whom to tell; returns how many notices were written.

        `vital` None: the looks do not come, so no heartbeat goes out; else it is what the heartbeat says.
        """
        with self._store.writing() as line:
            self._take(line, findings, now_ns)
            standing = _standing(line)
            standing = self._hold(line, standing, now_ns)
            written = self._tell_new(line, standing, now_ns)
            written += self._tell_again(line, standing, now_ns)
            written += self._escalate(line, now_ns)
            written += self._tell_resolved(line, now_ns)
            written += self._notices.tell_suppressed(line, self._channels, now_ns)
            if vital is not None:
                written += self._beat(line, vital, len(standing), now_ns)
            self.standing = {one.fingerprint: one for one in _standing(line)}
        return written

    # findings

    def _take(self, line: Connection, findings: Sequence[Finding], now_ns: int) -> None:
        """Each finding becomes an alert, or a repeat or the end of one; of one kind, too many subjects become one."""
        wanted = [one for one in findings if one.rule not in self._settings.alerts.disabled]
        if not wanted:
            return
        known: dict[str, Alert | None] = {**newest(line, {one.fingerprint for one in wanted})}
        subjects: dict[str, int] = defaultdict(int)
        for alert in _standing(line):
            subjects[alert.group] += 1
        others: dict[str, Finding] = {}
        for finding in wanted:
            alert = known.get(finding.fingerprint)
            group = f"{finding.rule}|{finding.desk}"
            is_new = not finding.clears and (alert is None or alert.state is State.RESOLVED)
            if is_new and subjects[group] >= _SUBJECTS_MAX:
                others[group] = _as_others(finding, others.get(group))
                continue
            subjects[group] += is_new
            known[finding.fingerprint] = _taken(line, finding, alert, now_ns)
        rest = newest(line, {one.fingerprint for one in others.values()})
        for finding in others.values():
            _taken(line, finding, rest.get(finding.fingerprint), now_ns)

    # what is held back

    def _hold(self, line: Connection, standing: list[Alert], now_ns: int) -> list[Alert]:
        """Ends what has been quiet for long enough, and says of the rest what holds it back."""
        silences = [one for one in (*self._fixed, *_silences(line)) if one.active(now_ns)]
        left: list[Alert] = []
        for alert in standing:
            quiet_s = RULES[alert.rule].quiet_s if alert.rule in RULES else None
            settled = alert.severity > Severity.P2 or alert.state is State.ACKNOWLEDGED
            if quiet_s is not None and settled and now_ns - alert.last_ns >= quiet_s * _SECOND_NS:
                _change(line, alert, state=State.RESOLVED.value, resolved_ns=now_ns, resolved_by="quiet")
                continue
            held = _held_by(alert, standing, silences)
            if held != alert.held:
                _change(line, alert, held=held)
            left.append(msgspec.structs.replace(alert, held=held))
        return left

    # tellings

    def _tell_new(self, line: Connection, standing: list[Alert], now_ns: int) -> int:
        groups: dict[str, list[Alert]] = defaultdict(list)
        for alert in standing:
            if alert.told_ns is None and alert.state is State.FIRING and not alert.held:
                groups[alert.group].append(alert)
        written = 0
        for group, alerts in groups.items():
            verdict = self._notices.may_tell(line, group, now_ns)
            if verdict == "wait":
                continue
            if verdict == "suppress":
                self._notices.suppress(line, group, alerts, now_ns)
                for alert in alerts:
                    _change(line, alert, told_ns=now_ns, held="rate")
                continue
            steps = [step for alert in alerts for step in due_steps(self._settings.escalation, alert, now_ns)]
            channels = [*self._channels(alerts[0], now_ns), *(name for step in steps for name in step.channels)]
            level = max((step.level for step in steps), default=0)
            self._notices.write(line, NoticeKind.FIRING, alerts, channels, now_ns, self._shifts(now_ns), level=0)
            for alert in alerts:
                _change(line, alert, told_ns=now_ns, level=max(level, alert.level))
            written += 1
        return written

    def _tell_again(self, line: Connection, standing: list[Alert], now_ns: int) -> int:
        """What stands and was not acknowledged is told again, a group at once."""
        wait_ns = self._settings.alerts.repeat_minutes * 60 * _SECOND_NS
        groups: dict[str, list[Alert]] = defaultdict(list)
        for alert in standing:
            told_ns = alert.told_ns
            if told_ns is None or alert.state is not State.FIRING or alert.held not in {"", "rate"}:
                continue
            if now_ns - told_ns >= wait_ns > 0:
                groups[alert.group].append(alert)
        for alerts in groups.values():
            channels = self._channels(alerts[0], now_ns)
            self._notices.write(line, NoticeKind.REPEAT, alerts, channels, now_ns, self._shifts(now_ns))
            for alert in alerts:
                _change(line, alert, told_ns=now_ns)
        return len(groups)

    def _escalate(self, line: Connection, now_ns: int) -> int:
        groups: dict[tuple[str, int], list[Alert]] = defaultdict(list)
        channels: dict[int, list[str]] = defaultdict(list)
        for alert in _standing(line):
            if alert.told_ns is None or alert.held not in {"", "rate"}:
                continue
            for step in due_steps(self._settings.escalation, alert, now_ns):
                groups[alert.group, step.level].append(alert)
                channels[step.level] += [name for name in step.channels if name not in channels[step.level]]
        for (_, level), alerts in sorted(groups.items(), key=lambda one: one[0][1]):
            names = [step.name for step in self._settings.escalation if step.level == level]
            facts = {"escalated to": ", ".join(dict.fromkeys(names))}
            told = (NoticeKind.ESCALATION, alerts, channels[level], now_ns, self._shifts(now_ns))
            self._notices.write(line, *told, level=level, facts=facts)
            for alert in alerts:
                _change(line, alert, level=level)
        return len(groups)

    def _tell_resolved(self, line: Connection, now_ns: int) -> int:
        """Whoever was told that it fires is told that it is over."""
        query = select(ALERTS).where(ALERTS.c.state == State.RESOLVED, ALERTS.c.closing_told.is_(False))
        groups: dict[str, list[Alert]] = defaultdict(list)
        for alert in open_alerts(line, query):
            if alert.told_ns is not None and alert.held != "rate":
                groups[alert.group].append(alert)
            _change(line, alert, closing_told=True)
        for alerts in groups.values():
            level = max(alert.level for alert in alerts)
            higher = [name for step in self._settings.escalation if step.level <= level for name in step.channels]
            channels = [*self._channels(alerts[0], now_ns), *higher]
            self._notices.write(line, NoticeKind.RESOLVED, alerts, channels, now_ns, ())
        return len(groups)

    def _beat(self, line: Connection, vital: Mapping[str, Any], standing: int, now_ns: int) -> int:
        """The dead-man heartbeat: whoever no longer gets it knows that nobody watches."""
        every_ns = self._settings.alerts.heartbeat_s * _SECOND_NS
        channels = [one.name for one in self._settings.channels if one.heartbeat]
        last = line.execute(select(MARKS.c.time_ns).where(MARKS.c.name == "heartbeat")).scalar()
        if not channels or not every_ns or (last is not None and 0 <= now_ns - last < every_ns):
            return 0
        if last is None:
            line.execute(insert(MARKS).values(name="heartbeat", time_ns=now_ns))
        else:
            line.execute(update(MARKS).where(MARKS.c.name == "heartbeat").values(time_ns=now_ns))
        facts = {**vital, "alerts standing": standing}
        notice = Notice(
            kind=NoticeKind.HEARTBEAT, severity=Severity.P4, time_ns=now_ns, title="HEARTBEAT ops plane", facts=facts
        )
        self._notices.put(line, notice, "heartbeat", channels)
        return 1

    def _shifts(self, now_ns: int) -> tuple[str, ...]:
        return self._notices.persons(self._settings.on_call, now_ns)

    def _channels(self, alert: Alert, now_ns: int) -> list[str]:
        """Whom to tell at once; not the channel that the alert says is broken, where there is another."""
        settings = self._settings
        said = first_channels(settings.channels, settings.on_call, alert.severity, now_ns)
        if alert.rule != "channel-failed":
            return said
        return [name for name in said if name != alert.subject] or [
            one.name for one in settings.channels if one.name != alert.subject
        ]


def _standing(line: Connection) -> list[Alert]:
    return open_alerts(line, select(ALERTS).where(ALERTS.c.state != State.RESOLVED))


def _read(line: Connection, number: int) -> Alert:
    return open_alerts(line, select(ALERTS).where(ALERTS.c.id == number))[0]


def _silences(line: Connection) -> list[Silence]:
    rows = line.execute(select(SILENCES).where(SILENCES.c.lifted_ns.is_(None))).mappings()
    return [Silence(**row) for row in rows]


def _change(line: Connection, alert: Alert, **values: Any) -> None:
    line.execute(update(ALERTS).where(ALERTS.c.id == alert.id).values(values))


def _heard_before(finding: Finding, alert: Alert) -> bool:
    """Whether the alert knows this event already: it came again after a restart, or later than a newer one."""
    return bool(finding.event_id) and (finding.event_id == alert.event_id or finding.event_ns < alert.event_ns)


def _marks(finding: Finding) -> dict[str, Any]:
    """Where the newest event of an alert stands; a look leaves that as it is."""
    if not finding.event_id:
        return {}
    return {"event_id": finding.event_id, "event_ns": finding.event_ns, "sequence": finding.sequence}


def _resolve(line: Connection, alert: Alert, finding: Finding, now_ns: int) -> Alert:
    _change(
        line, alert, state=State.RESOLVED.value, resolved_ns=now_ns, resolved_by=_BY_ITSELF, last_ns=now_ns,
        **_marks(finding),
    )  # fmt: skip
    return _read(line, alert.id)


def _again(line: Connection, alert: Alert, finding: Finding, now_ns: int) -> Alert:
    """Counts a repeat. One that is worse than what people know of is told anew, and needs a person anew."""
    values: dict[str, Any] = {
        "count": alert.count + finding.count, "last_ns": now_ns, "summary": finding.summary,
        "facts": facts_text(finding), **_marks(finding),
    }  # fmt: skip
    if finding.severity < alert.severity:
        values |= {"severity": finding.severity.value, "state": State.FIRING.value, "told_ns": None, "level": 0}
    _change(line, alert, **values)
    return _read(line, alert.id)


def _taken(line: Connection, finding: Finding, alert: Alert | None, now_ns: int) -> Alert | None:
    """Takes one finding into the newest alert of its fingerprint, or makes one; returns what that is then."""
    if alert is not None and _heard_before(finding, alert):
        return alert
    if finding.clears:
        stands = alert is not None and alert.state is not State.RESOLVED
        return _resolve(line, alert, finding, now_ns) if alert is not None and stands else alert
    if alert is None or alert.state is State.RESOLVED:
        return _read(line, fire(line, finding, now_ns))
    return _again(line, alert, finding, now_ns)


def _as_others(finding: Finding, before: Finding | None) -> Finding:
    """A finding without a subject of its own, counted together with those before it."""
    said = f"more than {_SUBJECTS_MAX} at once; the newest: {finding.summary}"
    count = finding.count + (0 if before is None else before.count)
    worst = finding.severity if before is None else min(finding.severity, before.severity)
    return msgspec.structs.replace(finding, subject=OTHERS, summary=said, count=count, severity=worst)


def _held_by(alert: Alert, standing: Sequence[Alert], silences: Sequence[Silence]) -> str:
    """What holds an alert back: "inhibited by N", "silence N", or nothing."""
    sources = set(inhibitors(alert.rule))
    for other in standing:
        if other.rule in sources and other.desk == alert.desk and _concerns(other, alert):
            return f"inhibited by {other.id}"
    for silence in silences:
        if silence.covers(alert):
            return f"silence {silence.id}" if silence.id else "maintenance"
    return "rate" if alert.held == "rate" else ""


def _concerns(source: Alert, alert: Alert) -> bool:
    """Whether what is wrong with a part of the desk (a venue) is about the same part."""
    return (
        source.subject == "desk"
        or source.rule != "venue-down"
        or alert.subject in {"desk", source.subject}
        or alert.facts.get("venue") == source.subject
    )
