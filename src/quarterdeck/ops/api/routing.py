"""The table of routes, and the door: every request is somebody's, about some desks, and may do what it asks for.

An entry becomes two routes, `/api/trading/positions` and `/desks/{desk}/api/trading/positions`, or one where it is
about no desk. At the door a request is identified first, then its role is looked at, and only then is its body read.
"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Annotated, Any, Final, TypeAlias, cast

import msgspec
from fastapi import Depends, FastAPI, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from quarterdeck.errors import QuarterdeckError
from quarterdeck.ops.access import ACTIONS, Action
from quarterdeck.ops.api.caller import (
    DESK_PARAMETER,
    Call,
    basic_secret,
    desks_of,
    is_loopback,
    plane_of,
    secret_of,
)
from quarterdeck.ops.api.idempotency import HEADER, Kept, fingerprint
from quarterdeck.ops.api.problems import PROBLEM_TYPE, ProblemDocument

__all__ = ["CHANGES", "OPEN", "Endpoint", "Entry", "add_entries"]

CHANGES: Final = frozenset(("POST", "PUT", "DELETE"))
OPEN: Final = None  # an entry's action: health and metrics, which loopback may see without a token
Endpoint: TypeAlias = Callable[..., Awaitable[Response]]
_Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]

_SAID: Final[Mapping[int, str]] = {
    400: "What was sent cannot be read.",
    401: "No token, or one that is wrong, expired or revoked.",
    403: "This token may not: its role, its desks, a missing second factor or approval.",
    404: "No such desk, order, alert ...",
    409: "Not as things stand: the desk refused, or several desks are meant.",
    413: "The body is too large.",
    422: "The request is well formed and says something that cannot be.",
    421: "A loopback port was called by another name than this machine's.",
    429: "Too many failures from here, or too many streams: wait for Retry-After.",
    503: "A desk does not answer, or something of the ops plane itself does not work.",
}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One route. `action` is what the caller must be allowed to do; OPEN: nothing on loopback."""

    method: str
    path: str
    action: Action | None
    endpoint: Endpoint
    model: Any = None  # of the answer, for the OpenAPI document
    summary: str
    tag: str
    by_desk: bool = True  # whether /desks/{desk}/... exists as well
    status: int = 200
    media_type: str = "application/json"
    statuses: tuple[int, ...] = ()  # that it may answer beside those that every route may
    unwell: Any = None  # what 503 looks like where it is no problem document: health


def add_entries(app: FastAPI, entries: tuple[Entry, ...]) -> None:
    """Adds the routes of a table."""
    for entry in entries:
        _add(app, entry, "")
        if entry.by_desk:
            _add(app, entry, f"/desks/{{{DESK_PARAMETER}}}")


def _add(app: FastAPI, entry: Entry, prefix: str) -> None:
    words = "_".join(re.findall(r"\w+", entry.path))
    app.router.add_api_route(
        prefix + entry.path,
        entry.endpoint,
        methods=[entry.method],
        response_model=None,
        response_class=Response if entry.model is None else JSONResponse,
        status_code=entry.status,
        summary=entry.summary,
        tags=[entry.tag],
        operation_id=f"{entry.method.lower()}_{'desk_' if prefix else ''}{words}",
        responses=_responses(entry),
        dependencies=[Depends(_named_desk)] if prefix else [],
        openapi_extra=_extra(entry),
        route_class_override=_door(entry),
    )


def _named_desk(desk: Annotated[str, Path(description="A desk's name: GET /desks lists them.")]) -> None:
    """Says in the document what the door has already read."""
    del desk


def _responses(entry: Entry) -> dict[int | str, dict[str, Any]]:
    statuses = {400, 401, 403, 404, 421, 429, 503, *entry.statuses}
    if entry.method in CHANGES:
        statuses |= {409, 413, 422}
    problem: dict[str, Any] = {"model": ProblemDocument, "content": {PROBLEM_TYPE: {}}}
    said: dict[int | str, dict[str, Any]] = {
        status: {**problem, "description": _SAID[status]} for status in sorted(statuses)
    }
    if entry.unwell is not None:
        said[503] = {"model": entry.unwell, "description": "Unhealthy, in the same words."}
    good: dict[str, Any] = {"description": "Done." if entry.method in CHANGES else "As it stands."}
    if entry.model is not None:
        good["model"] = entry.model
    elif entry.media_type:
        good["content"] = {entry.media_type: {}}
    said[entry.status] = good
    return said


_TEXT: Final = {"type": "string"}
_HEADERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "X-TOTP": {"description": "The second factor, where a dangerous command needs one.", "schema": _TEXT},
    "X-Approval": {"description": "The approval of a second person, where one is needed.", "schema": _TEXT},
    HEADER: {
        "description": "The same key with the same request: done once, answered alike for a day.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
}


def _extra(entry: Entry) -> dict[str, Any]:
    """What the OpenAPI document says of an entry beside what its endpoint's parameters say."""
    schemes: list[dict[str, list[str]]] = [{"opsToken": []}, {"apiKey": []}, {"bearer": []}]
    extra: dict[str, Any] = {"security": [{}, *schemes] if entry.action is OPEN else schemes}
    if entry.method in CHANGES:
        extra["parameters"] = [{"in": "header", "name": name, **words} for name, words in _HEADERS.items()]
    if entry.action is not None:
        extra["x-action"] = str(entry.action)
        extra["x-role"] = str(ACTIONS[entry.action].role)
    return extra


def _door(entry: Entry) -> type[APIRoute]:
    """A class of routes that look at who comes in."""

    class Door(APIRoute):
        def get_route_handler(self) -> _Handler:
            inner = super().get_route_handler()

            async def handle(request: Request) -> Response:
                call, secret = _let_in(entry, request)
                request.state.call = call
                key = request.headers.get(HEADER)
                if key is None or entry.method not in CHANGES:
                    return await inner(request)
                return await _once(request, call, secret or "", key, inner)

            return handle

    return Door


def _let_in(entry: Entry, request: Request) -> tuple[Call, str | None]:
    """Returns the call and the secret that opened; Refused, Problem: it does not open."""
    plane, peer = plane_of(request), request.client
    host = "" if peer is None else peer.host
    server = cast("tuple[str, int | None]", request.scope.get("server") or ("", None))
    port = server[1] or 0
    headers = request.headers
    secret = secret_of(headers)
    if secret is None and request.method == "GET" and entry.action in {None, Action.VIEW}:
        secret = basic_secret(headers)
    is_open = entry.action is OPEN and is_loopback(host) and not plane.config.access.require_metrics_token
    origin = host or "unknown"
    identity = None if is_open else plane.gate.identify(secret, origin)
    said = cast("str | None", request.path_params.get(DESK_PARAMETER))
    names = desks_of(plane.bound(port), tuple(plane.desks), said)
    if identity is not None:
        action = entry.action or Action.VIEW
        if action is Action.VIEW and said is None and identity.desks:  # the others do not exist for it
            names = tuple(name for name in names if name in identity.desks)
        if action is Action.VIEW or not identity.role.covers(ACTIONS[action].role):
            plane.gate.permit(identity, action, said)
    totp, approval = headers.get("x-totp"), headers.get("x-approval")
    return Call(plane, identity, names, port, origin, totp, approval), secret


async def _once(request: Request, call: Call, secret: str, key: str, inner: _Handler) -> Response:
    """Does a request unless it was done before."""
    answers = call.plane.answers
    caller = hashlib.sha256(secret.encode()).hexdigest()
    address = f"{call.port}{request.url.path}?{request.url.query}"
    print_of = fingerprint(request.method, address, await request.body())
    kept = cast("Kept | None", await asyncio.to_thread(answers.begin, caller, key, print_of))
    if kept is not None:
        return Response(kept.body, kept.status, {"Idempotent-Replayed": "true"}, kept.media_type)
    try:
        response = await inner(request)
    except (QuarterdeckError, RequestValidationError, HTTPException):  # refused: the next try is a new one
        await asyncio.to_thread(answers.forget, caller, key)
        raise
    body = cast("bytes", getattr(response, "kept", response.body))
    kept = Kept(response.status_code, str(response.media_type), bytes(body))
    await asyncio.to_thread(answers.end, caller, key, kept)
    return response
