"""Routes of alerts: what fires, who has taken it, and what is held back."""

import asyncio
import time
from typing import Annotated, Final, Literal

from fastapi import Path, Query
from starlette.responses import Response

from quarterdeck.journal import rfc3339
from quarterdeck.ops.access import Action
from quarterdeck.ops.alerts.book import AlertBook
from quarterdeck.ops.alerts.model import Alert
from quarterdeck.ops.alerts.silences import Silence
from quarterdeck.ops.api import bodies, shapes
from quarterdeck.ops.api.asking import found, moment, possible
from quarterdeck.ops.api.caller import Call, Caller
from quarterdeck.ops.api.problems import Code, Problem
from quarterdeck.ops.api.replies import reply
from quarterdeck.ops.api.routing import Entry

__all__ = ["ROUTES", "alert_row"]

_TAG: Final = "alerts"
_Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
_HOUR_NS: Final = 3_600_000_000_000


def alert_row(one: Alert) -> dict[str, object]:
    return {
        "id": one.id,
        "rule": one.rule,
        "desk": one.desk,
        "subject": one.subject,
        "severity": str(one.severity),
        "state": str(one.state),
        "summary": one.summary,
        "facts": one.facts,
        "sequence": one.sequence,
        "count": one.count,
        "fired_at": rfc3339(one.fired_ns),
        "last_at": rfc3339(one.last_ns),
        "told_at": moment(one.told_ns),
        "held": one.held,
        "level": one.level,
        "acknowledged_at": moment(one.acknowledged_ns),
        "acknowledged_by": one.acknowledged_by,
        "note": one.note,
        "resolved_at": moment(one.resolved_ns),
        "resolved_by": one.resolved_by,
    }


def _mine(call: Call, desk: str) -> bool:
    """Whether an alert is of the call's desks; those of the ops plane itself are everybody's."""
    return not desk or desk in call.names


async def _alerts(
    call: Caller,
    state: Annotated[Literal["open", "all"], Query(description="all: those that are over, too.")] = "open",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    book: AlertBook = call.plane.book
    listed = await asyncio.to_thread(book.open if state == "open" else lambda: book.history(1_000))
    rows = [alert_row(one) for one in listed if _mine(call, one.desk)]
    suppressed = await asyncio.to_thread(book.suppressed)
    return reply({"alerts": rows[:limit], "count": len(rows), "suppressed": suppressed})


async def _found(call: Call, alert_id: int) -> Alert:
    one = await found(lambda: call.plane.book.find(alert_id))
    desks = call.who.desks
    if one.desk and desks and one.desk not in desks:
        raise Problem(404, Code.NOT_FOUND, f"there is no alert {alert_id} of your desks")
    return one


async def _alert(call: Caller, alert_id: _Id) -> Response:
    return reply(alert_row(await _found(call, alert_id)))


async def _acknowledge(call: Caller, alert_id: _Id, words: bodies.NoteWords | None = None) -> Response:
    note = "" if words is None else words.note
    one = await _found(call, alert_id)
    _permit(call, Action.ACKNOWLEDGE, one.desk)
    done = await possible(lambda: call.plane.book.acknowledge(alert_id, call.who.person, note), 409)
    return reply(alert_row(done))


async def _resolve(call: Caller, alert_id: _Id, words: bodies.NoteWords | None = None) -> Response:
    note = "" if words is None else words.note
    one = await _found(call, alert_id)
    _permit(call, Action.ACKNOWLEDGE, one.desk)
    done = await possible(lambda: call.plane.book.resolve(alert_id, call.who.person, note), 409)
    return reply(alert_row(done))


def _permit(call: Call, action: Action, desk: str) -> None:
    call.plane.gate.permit(call.who, action, desk or None, call.totp, call.approval)


def _silence_row(one: Silence) -> dict[str, object]:
    return {
        "id": one.id,
        "rule": one.rule,
        "desk": one.desk,
        "subject": one.subject,
        "every": one.every,
        "begins_at": rfc3339(one.begin_ns),
        "ends_at": moment(one.end_ns or None),
        "active": one.active(time.time_ns()),
        "person": one.person,
        "reason": one.reason,
    }


async def _silences(call: Caller) -> Response:
    listed = await asyncio.to_thread(call.plane.book.silences)
    return reply({"silences": [_silence_row(one) for one in listed]})


async def _silence(call: Caller, words: bodies.SilenceWords) -> Response:
    _permit_silence(call, words.desk)
    now = time.time_ns()
    asked = Silence(
        rule=words.rule, desk=words.desk, subject=words.subject, every=words.every, begin_ns=now,
        end_ns=0 if words.hours is None else now + int(words.hours * _HOUR_NS),
        person=call.who.person, reason=words.reason,
    )  # fmt: skip
    made = await possible(lambda: call.plane.book.silence(asked), 422)
    return reply(_silence_row(made), 201)


def _permit_silence(call: Call, desk: str) -> None:
    """Patterns reach over desks: only who has all of them may say one."""
    _permit(call, Action.SILENCE, desk if desk in call.plane.desks else "")


async def _lift(call: Caller, silence_id: _Id) -> Response:
    listed = await asyncio.to_thread(call.plane.book.silences)
    one = next((each for each in listed if each.id == silence_id), None)
    if one is None:
        raise Problem(404, Code.NOT_FOUND, f"there is no silence {silence_id} that still holds")
    _permit_silence(call, one.desk)
    await possible(lambda: call.plane.book.lift(silence_id, call.who.person), 409)
    return reply({**_silence_row(one), "active": False})


ROUTES: Final = (
    Entry(
        method="GET", path="/api/alerts", action=Action.VIEW, endpoint=_alerts, model=shapes.AlertList, tag=_TAG,
        summary="Alerts, the worst first", statuses=(422,),
    ),
    Entry(
        method="GET", path="/api/alerts/silences", action=Action.VIEW, endpoint=_silences, model=shapes.SilenceList,
        tag=_TAG, summary="What is held back", by_desk=False,
    ),
    Entry(
        method="POST", path="/api/alerts/silences", action=Action.SILENCE, endpoint=_silence, status=201,
        model=shapes.SilenceRow, tag=_TAG, summary="Hold alerts back", by_desk=False,
    ),
    Entry(
        method="DELETE", path="/api/alerts/silences/{silence_id}", action=Action.SILENCE, endpoint=_lift,
        model=shapes.SilenceRow, tag=_TAG, summary="End a silence", by_desk=False,
    ),
    Entry(
        method="GET", path="/api/alerts/{alert_id}", action=Action.VIEW, endpoint=_alert, model=shapes.AlertRow,
        tag=_TAG, summary="One alert", by_desk=False, statuses=(422,),
    ),
    Entry(
        method="POST", path="/api/alerts/{alert_id}/acknowledge", action=Action.ACKNOWLEDGE, endpoint=_acknowledge,
        model=shapes.AlertRow, tag=_TAG, summary="Take an alert: it escalates no more", by_desk=False,
    ),
    Entry(
        method="POST", path="/api/alerts/{alert_id}/resolve", action=Action.ACKNOWLEDGE, endpoint=_resolve,
        model=shapes.AlertRow, tag=_TAG, summary="Say that an alert is over", by_desk=False,
    ),
)  # fmt: skip
