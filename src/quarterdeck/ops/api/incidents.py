"""Routes of incidents: opened, acknowledged, noted, acted on, resolved, and told in a post-mortem."""

from typing import Annotated, Final, Literal

from fastapi import Path, Query
from starlette.responses import Response

from quarterdeck.journal import rfc3339
from quarterdeck.ops.access import Action
from quarterdeck.ops.alerts.model import Severity
from quarterdeck.ops.api import bodies, shapes
from quarterdeck.ops.api.asking import found, moment, possible
from quarterdeck.ops.api.caller import Call, Caller
from quarterdeck.ops.api.problems import Code, Problem
from quarterdeck.ops.api.replies import reply
from quarterdeck.ops.api.routing import Endpoint, Entry
from quarterdeck.ops.incidents.incidents import Incidents
from quarterdeck.ops.incidents.model import Action as IncidentAction
from quarterdeck.ops.incidents.model import Entry as TimelineEntry
from quarterdeck.ops.incidents.model import Incident, Phase

__all__ = ["ROUTES"]

_TAG: Final = "incidents"
_Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
_MARKDOWN: Final = "text/markdown"


def _kept(call: Call) -> Incidents:
    return call.plane.incidents


def _permit(call: Call) -> None:
    call.plane.gate.permit(call.who, Action.INCIDENT, None, call.totp, call.approval)


def _row(one: Incident) -> dict[str, object]:
    return {
        "id": one.id,
        "title": one.title,
        "severity": str(one.severity),
        "desk": one.desk,
        "alert": one.alert,
        "state": str(one.state),
        "detected_at": rfc3339(one.detected_ns),
        "opened_at": rfc3339(one.opened_ns),
        "opened_by": one.opened_by,
        "acknowledged_at": moment(one.acknowledged_ns),
        "acknowledged_by": one.acknowledged_by,
        "resolved_at": moment(one.resolved_ns),
        "resolved_by": one.resolved_by,
    }


def _phase(one: Phase) -> dict[str, object]:
    return {"name": one.name, "target_s": one.target_s, "elapsed_s": one.elapsed_s, "verdict": one.verdict}


def _entry(one: TimelineEntry) -> dict[str, object]:
    return {
        "time": rfc3339(one.time_ns),
        "source": one.source,
        "what": one.what,
        "text": one.text,
        "person": one.person,
        "sequence": one.sequence,
    }


def _action(one: IncidentAction) -> dict[str, object]:
    return {
        "id": one.id,
        "text": one.text,
        "owner": one.owner,
        "due": one.due,
        "done_at": moment(one.done_ns),
        "done_by": one.done_by,
    }


async def _mine(call: Call, incident_id: int) -> Incident:
    """An incident of the caller's desks, or of the ops plane itself."""
    one = await found(lambda: _kept(call).find(incident_id))
    if one.desk and not call.who.may_see(one.desk):
        raise Problem(404, Code.NOT_FOUND, f"there is no incident {incident_id} of your desks")
    return one


async def _incidents(
    call: Caller,
    state: Annotated[Literal["open", "all"], Query(description="all: resolved ones, too.")] = "open",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    listed = await possible(lambda: _kept(call).list(past=state == "all", limit=limit), 422)
    rows = [_row(one) for one in listed if not one.desk or one.desk in call.names]
    return reply({"incidents": rows, "count": len(rows)})


async def _incident(call: Caller, incident_id: _Id) -> Response:
    one = await _mine(call, incident_id)
    desk = _kept(call)
    clock = await possible(lambda: desk.clock(incident_id), 409)
    timeline = await possible(lambda: desk.timeline(incident_id), 409)
    actions = await possible(lambda: desk.actions(incident_id), 409)
    return reply(
        {
            **_row(one),
            "clock": [_phase(each) for each in clock],
            "actions": [_action(each) for each in actions],
            "timeline": [_entry(each) for each in timeline[-1_000:]],
        }
    )


async def _open_incident(call: Caller, words: bodies.IncidentWords) -> Response:
    _permit(call)
    severity, person = Severity(words.severity), call.who.person
    desks = _kept(call)
    if words.alert is None:
        made = await possible(lambda: desks.open(words.title, severity, person, desk=words.desk), 422)
    else:
        number = words.alert
        alert = await found(lambda: call.plane.book.find(number))
        made = await possible(lambda: desks.open_from(alert, person, severity), 409)
    return reply(_row(made), 201)


async def _note(call: Caller, incident_id: _Id, words: bodies.IncidentNote) -> Response:
    _permit(call)
    await _mine(call, incident_id)
    person = call.who.person
    return reply(_row(await possible(lambda: _kept(call).note(incident_id, person, words.text, words.kind), 422)))


async def _acknowledge(call: Caller, incident_id: _Id) -> Response:
    _permit(call)
    await _mine(call, incident_id)
    return reply(_row(await possible(lambda: _kept(call).acknowledge(incident_id, call.who.person), 409)))


async def _act(call: Caller, incident_id: _Id, words: bodies.ActionWords) -> Response:
    _permit(call)
    await _mine(call, incident_id)
    made = await possible(lambda: _kept(call).action(incident_id, words.text, words.owner, words.due), 422)
    return reply(_action(made), 201)


async def _act_done(call: Caller, action_id: _Id) -> Response:
    _permit(call)
    await possible(lambda: _kept(call).done(action_id, call.who.person), 409)
    return reply({"status": "ok"})


async def _resolve(call: Caller, incident_id: _Id, words: bodies.ResolutionWords | None = None) -> Response:
    _permit(call)
    await _mine(call, incident_id)
    text, person = "" if words is None else words.text, call.who.person
    return reply(_row(await possible(lambda: _kept(call).resolve(incident_id, person, text), 409)))


async def _postmortem(call: Caller, incident_id: _Id) -> Response:
    """Writes it anew, and shows it."""
    _permit(call)
    await _mine(call, incident_id)
    path = await possible(lambda: _kept(call).postmortem(incident_id), 409)
    text = await possible(lambda: path.read_text(encoding="utf-8"), 409)
    return Response(text, media_type=_MARKDOWN)


def _post(path: str, endpoint: Endpoint, summary: str, model: object = shapes.IncidentRow, status: int = 200) -> Entry:
    return Entry(
        method="POST", path=path, action=Action.INCIDENT, endpoint=endpoint, model=model, summary=summary, tag=_TAG,
        by_desk=False, status=status,
    )  # fmt: skip


ROUTES: Final = (
    Entry(
        method="GET", path="/api/incidents", action=Action.VIEW, endpoint=_incidents, model=shapes.IncidentList,
        tag=_TAG, summary="Incidents, the newest first", statuses=(422,),
    ),
    Entry(
        method="GET", path="/api/incidents/{incident_id}", action=Action.VIEW, endpoint=_incident,
        model=shapes.IncidentAnswer, tag=_TAG, summary="One incident: clock, actions, timeline", by_desk=False,
        statuses=(409, 422),
    ),
    _post("/api/incidents", _open_incident, "Open an incident, by hand or about an alert", status=201),
    _post("/api/incidents/{incident_id}/note", _note, "Write something down"),
    _post("/api/incidents/{incident_id}/acknowledge", _acknowledge, "Somebody responds"),
    _post("/api/incidents/{incident_id}/action", _act, "Something is to be done", shapes.ActionRow, 201),
    _post("/api/incidents/actions/{action_id}/done", _act_done, "It is done", shapes.Done),
    _post("/api/incidents/{incident_id}/resolve", _resolve, "It is over"),
    Entry(
        method="POST", path="/api/incidents/{incident_id}/postmortem", action=Action.INCIDENT, endpoint=_postmortem,
        media_type=_MARKDOWN, tag=_TAG, summary="Write the post-mortem, and show it", by_desk=False,
    ),
)  # fmt: skip
