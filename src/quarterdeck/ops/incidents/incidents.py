"""All that people do with incidents: open, note, acknowledge, act, resolve, and write the post-mortem."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Row, insert, select, update

from quarterdeck.errors import OpsError, QuarterdeckError
from quarterdeck.ops.alerts.book import AlertBook, money_row
from quarterdeck.ops.alerts.model import Alert, Severity
from quarterdeck.ops.desks import SeenDesk
from quarterdeck.ops.incidents.loss import Loss, loss_of
from quarterdeck.ops.incidents.model import NOTE_KINDS, Action, Entry, Incident, IncidentState, Phase, phases
from quarterdeck.ops.incidents.report import postmortem_text
from quarterdeck.ops.incidents.tables import ACTIONS, INCIDENTS, NOTES
from quarterdeck.ops.incidents.timeline import log_timeline
from quarterdeck.ops.seeing import see
from quarterdeck.ops.store import Store

__all__ = ["LEAD_NS", "Incidents"]

LEAD_NS: Final = 300_000_000_000
"""How long before its detection the timeline begins."""
_TAIL_NS: Final = 60_000_000_000
_LIST_MAX: Final = 1000
_TEXT_MAX: Final = 4000


class Incidents:
    """The incidents of one plane. Post-mortems are written to `folder`. `wall` is UTC nanoseconds."""

    def __init__(
        self, store: Store, desks: Mapping[str, SeenDesk], folder: Path, wall: Callable[[], int] = time.time_ns
    ) -> None:
        self._store, self._desks, self._folder, self._wall = store, desks, folder, wall
        self._book = AlertBook(store, wall)

    def open(
        self,
        title: str,
        severity: Severity,
        person: str,
        *,
        desk: str = "",
        detected_ns: int | None = None,
        alert: int | None = None,
    ) -> Incident:
        """Opens an incident by hand. `detected_ns` None: now. OpsError: no title, nobody named, no such desk."""
        _named(person)
        if not title.strip():
            raise OpsError("an incident needs a title: one sentence that says what is wrong")
        if desk and desk not in self._desks:
            raise OpsError(f"there is no desk {desk} here: {', '.join(self._desks) or 'none'}")
        self._look_at_money(desk)  # before the moment from which the loss is counted
        now = self._wall()
        detected = now if detected_ns is None else detected_ns
        if detected > now:
            raise OpsError("an incident cannot be detected later than now")
        values = {
            "title": title.strip()[:200], "severity": severity.value, "desk": desk, "state": IncidentState.OPEN.value,
            "alert": alert, "detected_ns": detected, "opened_ns": now, "opened_by": person,
        }  # fmt: skip
        with self._store.writing() as line:
            number = int(line.execute(insert(INCIDENTS).values(values).returning(INCIDENTS.c.id)).scalar_one())
        return self.find(number)

    def open_from(self, alert: Alert, person: str, severity: Severity | None = None) -> Incident:
        """Opens an incident about an alert: detected when the alert fired. OpsError: it has one already."""
        with self._store.reading() as line:
            known = line.execute(select(INCIDENTS.c.id).where(INCIDENTS.c.alert == alert.id)).scalar()
        if known is not None:
            raise OpsError(f"alert {alert.id} has an incident already: {known}")
        where = alert.desk if alert.desk in self._desks else ""
        worst = severity or alert.severity
        return self.open(alert.summary, worst, person, desk=where, detected_ns=alert.fired_ns, alert=alert.id)

    def find(self, incident_id: int) -> Incident:
        """Returns an incident. OpsError: there is none of that number."""
        with self._store.reading() as line:
            row = line.execute(select(INCIDENTS).where(INCIDENTS.c.id == incident_id)).one_or_none()
        if row is None:
            raise OpsError(f"there is no incident {incident_id}: `quarterdeck incident list` shows those there are")
        return _incident_of(row)

    def list(self, *, past: bool = True, limit: int = 100) -> Sequence[Incident]:
        """Returns the newest incidents first; without `past` only those that are not resolved."""
        query = select(INCIDENTS).order_by(INCIDENTS.c.id.desc()).limit(min(limit, _LIST_MAX))
        if not past:
            query = query.where(INCIDENTS.c.state != IncidentState.RESOLVED)
        with self._store.reading() as line:
            return [_incident_of(row) for row in line.execute(query)]

    def note(self, incident_id: int, person: str, text: str, kind: str = "note") -> Incident:
        """Writes a note down. The first cause ends the investigation, the first mitigation says when that was."""
        _named(person)
        if kind not in NOTE_KINDS:
            raise OpsError(f"a note of kind {kind!r} is not known: {', '.join(NOTE_KINDS)}")
        if not text.strip():
            raise OpsError("a note needs words")
        incident, now = self.find(incident_id), self._wall()
        values = {"incident": incident.id, "time_ns": now, "kind": kind, "person": person, "text": text[:_TEXT_MAX]}
        with self._store.writing() as line:
            line.execute(insert(NOTES).values(values))
            for of, column in (("cause", INCIDENTS.c.investigated_ns), ("mitigation", INCIDENTS.c.mitigated_ns)):
                if kind == of:
                    first = update(INCIDENTS).where(INCIDENTS.c.id == incident.id, column.is_(None))
                    line.execute(first.values({column.name: now}))
        return self.find(incident_id)

    def acknowledge(self, incident_id: int, person: str) -> Incident:
        """Somebody responds: the response clock ends, and the alert that it was opened from is acknowledged too."""
        _named(person)
        incident = self._move(
            incident_id, (IncidentState.OPEN,), state=IncidentState.ACKNOWLEDGED.value, acknowledged_by=person,
            acknowledged_ns=self._wall(),
        )  # fmt: skip
        if incident.alert is not None and self._book.find(incident.alert).state == "FIRING":
            self._book.acknowledge(incident.alert, person, f"incident {incident.id}")
        return incident

    def action(self, incident_id: int, text: str, owner: str, due: str = "") -> Action:
        """Writes down what is to be done. OpsError: nobody owns it, or `due` is no date (YYYY-MM-DD)."""
        _named(owner)
        if not text.strip():
            raise OpsError("an action needs words")
        if due:
            try:
                date.fromisoformat(due)
            except ValueError:
                raise OpsError(f"{due!r} is no date: write YYYY-MM-DD") from None
        values = {
            "incident": self.find(incident_id).id, "text": text[:_TEXT_MAX], "owner": owner, "due": due,
            "made_ns": self._wall(),
        }  # fmt: skip
        with self._store.writing() as line:
            number = int(line.execute(insert(ACTIONS).values(values).returning(ACTIONS.c.id)).scalar_one())
        return next(one for one in self.actions(incident_id) if one.id == number)

    def done(self, action_id: int, person: str) -> None:
        """An action is done. OpsError: there is none of that number that is not."""
        _named(person)
        change = update(ACTIONS).where(ACTIONS.c.id == action_id, ACTIONS.c.done_ns.is_(None))
        with self._store.writing() as line:
            if line.execute(change.values(done_ns=self._wall(), done_by=person)).rowcount == 0:
                raise OpsError(f"there is no action {action_id} that is still to be done")

    def resolve(self, incident_id: int, person: str, text: str = "") -> Incident:
        """It is over: all clocks end. `text` is how it was resolved."""
        _named(person)
        incident = self.find(incident_id)
        now = self._wall()
        changed: dict[str, Any] = (
            {} if incident.acknowledged_ns else {"acknowledged_ns": now, "acknowledged_by": person}
        )
        found = self._move(
            incident_id, (IncidentState.OPEN, IncidentState.ACKNOWLEDGED), state=IncidentState.RESOLVED.value,
            resolved_ns=now, resolved_by=person, **changed,
        )  # fmt: skip
        if text:
            self.note(incident_id, person, text, "resolution")
        self._look_at_money(incident.desk)
        return found

    def actions(self, incident_id: int) -> Sequence[Action]:
        with self._store.reading() as line:
            rows = line.execute(select(ACTIONS).where(ACTIONS.c.incident == incident_id).order_by(ACTIONS.c.id))
            return [Action(**row) for row in rows.mappings()]

    def clock(self, incident_id: int) -> tuple[Phase, ...]:
        """How long each phase took or takes, against the runbooks' targets."""
        return phases(self.find(incident_id), self._wall())

    def loss(self, incident_id: int) -> Loss:
        """What it cost, from the desk's figures; or why that is not known."""
        return loss_of(self.find(incident_id), self._book, self._wall())

    def timeline(self, incident_id: int) -> Sequence[Entry]:
        """What happened, oldest first: the desk's logs with the journal's numbers, alerts, and what people noted."""
        incident = self.find(incident_id)
        begin_ns = incident.detected_ns - LEAD_NS
        end_ns = self._wall() if incident.resolved_ns is None else incident.resolved_ns + _TAIL_NS
        found: list[Entry] = []
        if incident.desk in self._desks:
            found += log_timeline(self._desks[incident.desk].place.logs, begin_ns, end_ns)
        found += self._alerts(incident, begin_ns, end_ns)
        with self._store.reading() as line:
            for row in line.execute(select(NOTES).where(NOTES.c.incident == incident.id)):
                found.append(
                    Entry(time_ns=row.time_ns, source="person", what=row.kind, text=row.text, person=row.person)
                )
        found += _milestones(incident)
        return sorted(found, key=lambda one: (one.time_ns, one.sequence or 0))

    def postmortem(self, incident_id: int) -> Path:
        """Writes the post-mortem as Markdown, over an older one; returns where. OpsError: it cannot be written."""
        incident, now = self.find(incident_id), self._wall()
        notes: dict[str, list[str]] = defaultdict(list)
        with self._store.reading() as line:
            for row in line.execute(select(NOTES).where(NOTES.c.incident == incident.id).order_by(NOTES.c.id)):
                notes[row.kind].append(row.text)
        text = postmortem_text(
            incident, notes, self.timeline(incident_id), self.actions(incident_id), phases(incident, now),
            self.loss(incident_id), now,
        )  # fmt: skip
        path = self._folder / f"incident-{incident.id:04d}.md"
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(path)
        except OSError as error:
            raise OpsError(f"{path}: {error.strerror}") from error
        return path

    def _alerts(self, incident: Incident, begin_ns: int, end_ns: int) -> Sequence[Entry]:
        found: list[Entry] = []
        for alert in self._book.history(_LIST_MAX, incident.desk, begin_ns):
            facts = (
                ("ALERT_FIRING", alert.fired_ns, ""),
                ("ALERT_ACKNOWLEDGED", alert.acknowledged_ns, alert.acknowledged_by),
                ("ALERT_RESOLVED", alert.resolved_ns, alert.resolved_by),
            )
            for what, time_ns, person in facts:
                if time_ns is not None and begin_ns <= time_ns < end_ns:
                    sequence = alert.sequence or None if what == "ALERT_FIRING" else None
                    text = f"alert {alert.id} [{alert.severity.value}] {alert.rule}: {alert.summary}"
                    found.append(
                        Entry(time_ns=time_ns, source="alert", what=what, text=text, person=person, sequence=sequence)
                    )
        return found

    def _look_at_money(self, desk: str) -> None:
        """Writes down what the desk's money stands at now, where it can be seen: the loss is told from such looks."""
        seen = self._desks.get(desk)
        if seen is None:
            return
        try:
            figures = see(seen)
        except QuarterdeckError:
            return  # an incident is opened all the same, and its loss says that it is not known
        if figures is not None and figures.alive:
            self._book.keep_money([money_row(figures)])

    def _move(self, incident_id: int, before: Sequence[IncidentState], **values: Any) -> Incident:
        names = [one.value for one in before]
        change = update(INCIDENTS).where(INCIDENTS.c.id == incident_id, INCIDENTS.c.state.in_(names))
        with self._store.writing() as line:
            moved = line.execute(change.values(values)).rowcount
        incident = self.find(incident_id)
        if not moved:
            raise OpsError(f"incident {incident_id} is {incident.state.value} already: nothing was changed")
        return incident


def _milestones(incident: Incident) -> list[Entry]:
    said = (
        (incident.detected_ns, "DETECTED", ""),
        (incident.opened_ns, "OPENED", incident.opened_by),
        (incident.acknowledged_ns, "RESPONDED", incident.acknowledged_by),
        (incident.resolved_ns, "RESOLVED", incident.resolved_by),
    )
    return [
        Entry(time_ns=time_ns, source="person", what=what, text=incident.title, person=person)
        for time_ns, what, person in said
        if time_ns is not None
    ]


def _incident_of(row: Row[Any]) -> Incident:
    values = {field.name: getattr(row, field.name) for field in msgspec.structs.fields(Incident)}
    values["severity"], values["state"] = Severity(values["severity"]), IncidentState(values["state"])
    return Incident(**values)


def _named(person: str) -> None:
    if not person.strip():
        raise OpsError("nobody is named: say who does this (--person, or QUARTERDECK_PERSON)")
