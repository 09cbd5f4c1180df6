"""The book of alerts in the store: what the engine writes, and what the console and the command line read and change.

Everything that a person does goes through here, with or without a running engine: the engine reads the book anew before
it tells anybody anything.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from quarterdeck.errors import OpsError
from quarterdeck.ops.alerts.model import Alert, Finding, Severity, State
from quarterdeck.ops.alerts.rules import RULES
from quarterdeck.ops.alerts.silences import Silence, recurrence
from quarterdeck.ops.alerts.tables import ALERTS, DELIVERIES, MONEY, NOTICES, SILENCES, SUPPRESSED
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.store import Store

__all__ = ["AlertBook", "alert_of", "facts_text", "fire", "money_row", "newest", "open_alerts"]

_LIST_MAX: Final = 1000
_FACTS_MAX: Final = 4096
_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(Alert))
_KEPT_NS: Final = 400 * 24 * 3600 * 1_000_000_000
_MONEY_NS: Final = 35 * 24 * 3600 * 1_000_000_000


class AlertBook:
    """Alerts and silences of one store. `wall` gives UTC nanoseconds."""

    def __init__(self, store: Store, wall: Callable[[], int] = time.time_ns) -> None:
        self._store, self._wall = store, wall

    def open(self, desk: str | None = None) -> list[Alert]:
        """Returns what is not resolved, the worst and then the newest first."""
        query = select(ALERTS).where(ALERTS.c.state != State.RESOLVED)
        if desk is not None:
            query = query.where(ALERTS.c.desk == desk)
        with self._store.reading() as line:
            return open_alerts(line, query)

    def history(self, limit: int = 100, desk: str | None = None, since_ns: int = 0) -> list[Alert]:
        """Returns the newest alerts, resolved ones too, newest first; at most a thousand."""
        query = select(ALERTS).where(ALERTS.c.last_ns >= since_ns).order_by(ALERTS.c.id.desc())
        if desk is not None:
            query = query.where(ALERTS.c.desk == desk)
        with self._store.reading() as line:
            return [alert_of(row) for row in line.execute(query.limit(min(limit, _LIST_MAX)))]

    def find(self, alert_id: int) -> Alert:
        """Returns an alert. OpsError: there is none of that number."""
        with self._store.reading() as line:
            row = line.execute(select(ALERTS).where(ALERTS.c.id == alert_id)).one_or_none()
        if row is None:
            raise OpsError(f"there is no alert {alert_id}: `quarterdeck alerts list --all` shows those there are")
        return alert_of(row)

    def acknowledge(self, alert_id: int, person: str, note: str = "") -> Alert:
        """A person has taken it: nobody is told again, and it escalates no more. OpsError: it is resolved."""
        _named(person)
        return self._move(
            alert_id, (State.FIRING,), state=State.ACKNOWLEDGED.value, acknowledged_by=person, note=note,
            acknowledged_ns=self._wall(),
        )  # fmt: skip

    def resolve(self, alert_id: int, person: str, note: str = "") -> Alert:
        """A person says that it is over. What still holds fires again. OpsError: it is resolved already."""
        _named(person)
        words = {"note": note} if note else {}
        return self._move(
            alert_id, (State.FIRING, State.ACKNOWLEDGED), state=State.RESOLVED.value, resolved_by=person,
            resolved_ns=self._wall(), **words,
        )  # fmt: skip

    def silence(self, silence: Silence) -> Silence:
        """Keeps a silence. OpsError: it names nobody, gives no reason, or would never hold anything back."""
        _named(silence.person)
        if not silence.reason.strip():
            raise OpsError("a silence needs a reason: people will ask why they were not told")
        if silence.every:
            recurrence(silence.every)
        elif not silence.end_ns:
            raise OpsError("a silence needs an end, or times at which it comes again")
        now = self._wall()
        if silence.end_ns and silence.end_ns <= max(now, silence.begin_ns):
            raise OpsError("a silence must end later than now, and later than it begins")
        if "*" not in silence.rule and "?" not in silence.rule and silence.rule not in RULES:
            raise OpsError(f"there is no rule {silence.rule}: `quarterdeck alerts rules` shows those there are")
        kept = msgspec.structs.replace(silence, created_ns=now, begin_ns=silence.begin_ns or now)
        values = msgspec.structs.asdict(kept)
        del values["id"]
        with self._store.writing() as line:
            number = line.execute(insert(SILENCES).values(values).returning(SILENCES.c.id)).scalar_one()
        return msgspec.structs.replace(kept, id=number)

    def silences(self, past: bool = False) -> list[Silence]:
        """Returns the silences that hold or will hold, and with `past` those that are over too."""
        with self._store.reading() as line:
            found = [_silence_of(row) for row in line.execute(select(SILENCES).order_by(SILENCES.c.id))]
        now = self._wall()
        return [one for one in found if past or not one.over(now)]

    def lift(self, silence_id: int, person: str) -> None:
        """Ends a silence now. OpsError: there is none of that number that still holds."""
        _named(person)
        change = update(SILENCES).where(SILENCES.c.id == silence_id, SILENCES.c.lifted_ns.is_(None))
        with self._store.writing() as line:
            if line.execute(change.values(lifted_ns=self._wall(), lifted_by=person)).rowcount == 0:
                raise OpsError(f"there is no silence {silence_id} that holds: `quarterdeck alerts silences`")

    def suppressed(self) -> dict[str, int]:
        """How many alerts were not told one by one because there were too many, by desk, since the store began."""
        found: dict[str, int] = {}
        with self._store.reading() as line:
            for row in line.execute(select(SUPPRESSED.c.bucket, SUPPRESSED.c.total).where(SUPPRESSED.c.total > 0)):
                desk = str(row.bucket).partition("|")[2]
                found[desk] = found.get(desk, 0) + int(row.total)
        return found

    def deliveries(self, alert_id: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Returns the newest notices and what became of them in each channel, newest first."""
        joined = DELIVERIES.join(NOTICES, NOTICES.c.id == DELIVERIES.c.notice)
        columns = (
            NOTICES.c.id, NOTICES.c.kind, NOTICES.c.severity, NOTICES.c.time_ns, NOTICES.c.body, DELIVERIES.c.channel,
            DELIVERIES.c.status, DELIVERIES.c.attempts, DELIVERIES.c.sent_ns, DELIVERIES.c.error,
        )  # fmt: skip
        query = select(*columns).select_from(joined).order_by(DELIVERIES.c.id.desc()).limit(min(limit, _LIST_MAX))
        with self._store.reading() as line:
            found = [dict(row) for row in line.execute(query).mappings()]
        for one in found:
            one["body"] = msgspec.json.decode(one["body"])
        if alert_id is None:
            return found
        return [one for one in found if alert_id in [alert["id"] for alert in one["body"].get("alerts", ())]]

    def money_before(self, desk: str, time_ns: int) -> dict[str, Any] | None:
        """Returns what the desk's money stood at, at the newest look at or before a time; None: nobody looked."""
        return self._money(
            select(MONEY).where(MONEY.c.desk == desk, MONEY.c.time_ns <= time_ns).order_by(MONEY.c.time_ns.desc())
        )

    def money_after(self, desk: str, time_ns: int) -> dict[str, Any] | None:
        """Returns what the desk's money stood at, at the first look at or after a time."""
        return self._money(
            select(MONEY).where(MONEY.c.desk == desk, MONEY.c.time_ns >= time_ns).order_by(MONEY.c.time_ns)
        )

    def keep_money(self, rows: Sequence[dict[str, Any]]) -> None:
        """Writes looks at desks' money down; one of the same desk and time stays as it was."""
        if not rows:
            return
        with self._store.writing() as line:
            for row in rows:
                same = select(MONEY.c.desk).where(MONEY.c.desk == row["desk"], MONEY.c.time_ns == row["time_ns"])
                if line.execute(same).first() is None:
                    line.execute(insert(MONEY).values(row))

    def prune(self) -> None:
        """Lets go what is older than a year, and looks at money that are older than five weeks."""
        now = self._wall()
        with self._store.writing() as line:
            line.execute(delete(MONEY).where(MONEY.c.time_ns < now - _MONEY_NS))
            old = select(NOTICES.c.id).where(NOTICES.c.time_ns < now - _KEPT_NS)
            line.execute(delete(DELIVERIES).where(DELIVERIES.c.notice.in_(old)))
            line.execute(delete(NOTICES).where(NOTICES.c.time_ns < now - _KEPT_NS))
            line.execute(delete(ALERTS).where(ALERTS.c.resolved_ns < now - _KEPT_NS))

    def _money(self, query: Any) -> dict[str, Any] | None:
        with self._store.reading() as line:
            row = line.execute(query.limit(1)).mappings().one_or_none()
        return None if row is None else dict(row)

    def _move(self, alert_id: int, before: Sequence[State], **values: Any) -> Alert:
        change = update(ALERTS).where(ALERTS.c.id == alert_id, ALERTS.c.state.in_([one.value for one in before]))
        with self._store.writing() as line:
            moved = line.execute(change.values(values)).rowcount
        alert = self.find(alert_id)
        if not moved:
            who = alert.resolved_by if alert.state is State.RESOLVED else alert.acknowledged_by
            raise OpsError(
                f"alert {alert_id} is {alert.state.value} already, by {who or 'nobody'}: nothing was changed"
            )
        return alert


def open_alerts(line: Connection, query: Any) -> list[Alert]:
    """Runs a query of alerts; the worst and then the newest first."""
    found = [alert_of(row) for row in line.execute(query)]
    return sorted(found, key=lambda one: (one.severity, -one.fired_ns, -one.id))


def alert_of(row: Row[Any]) -> Alert:
    """An alert from its row."""
    values = {name: getattr(row, name) for name in _FIELDS}
    values["severity"], values["state"] = Severity(values["severity"]), State(values["state"])
    values["facts"] = msgspec.json.decode(values["facts"])
    return Alert(**values)


def facts_text(finding: Finding) -> str:
    """A finding's facts as they are kept: of bounded length."""
    raw = msgspec.json.encode(finding.facts)
    return raw.decode() if len(raw) <= _FACTS_MAX else f'{{"too_long": {len(raw)}}}'


def fire(line: Connection, finding: Finding, now_ns: int) -> int:
    """Writes a new alert; returns its number."""
    values = {
        "fingerprint": finding.fingerprint, "rule": finding.rule, "desk": finding.desk, "subject": finding.subject,
        "severity": finding.severity.value, "state": State.FIRING.value, "summary": finding.summary,
        "facts": facts_text(finding), "sequence": finding.sequence,
        "event_ns": finding.event_ns, "event_id": finding.event_id, "count": finding.count, "fired_ns": now_ns,
        "last_ns": now_ns,
    }  # fmt: skip
    return int(line.execute(insert(ALERTS).values(values).returning(ALERTS.c.id)).scalar_one())


def newest(line: Connection, fingerprints: Iterable[str]) -> dict[str, Alert]:
    """The newest alert, resolved or not, of each fingerprint that had one."""
    found: dict[str, Alert] = {}
    wanted = list(fingerprints)
    for begin in range(0, len(wanted), 500):  # SQLite bounds how many values a statement may have
        part = wanted[begin : begin + 500]
        last = select(func.max(ALERTS.c.id)).where(ALERTS.c.fingerprint.in_(part)).group_by(ALERTS.c.fingerprint)
        for row in line.execute(select(ALERTS).where(ALERTS.c.id.in_(last))):
            found[row.fingerprint] = alert_of(row)
    return found


def money_row(figures: DeskFigures) -> dict[str, Any]:
    """What a desk's money stands at, as the book keeps it; the time is this machine's."""
    money = {name: f"{getattr(figures, name):f}" for name in ("equity", "realised", "unrealised", "fees", "funding")}
    return {
        "desk": figures.desk,
        "time_ns": figures.shown_ns,
        "sequence": figures.sequence,
        "currency": figures.base_currency,
        **money,
    }


def _silence_of(row: Row[Any]) -> Silence:
    return Silence(**{field.name: getattr(row, field.name) for field in msgspec.structs.fields(Silence)})


def _named(person: str) -> None:
    if not person.strip():
        raise OpsError("nobody is named: say who does this (--person, or QUARTERDECK_PERSON)")
