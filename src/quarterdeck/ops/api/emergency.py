"""Routes that command: each is one word of a desk, and its answer is what the desks themselves acknowledged."""

import time
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Path, Query
from starlette.responses import Response

from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import DeskError
from quarterdeck.journal import rfc3339
from quarterdeck.ops.access import Action
from quarterdeck.ops.api import bodies, shapes
from quarterdeck.ops.api.caller import Call, Caller
from quarterdeck.ops.api.problems import Code, Problem, answered, problem_of
from quarterdeck.ops.api.replies import reply
from quarterdeck.ops.api.routing import Endpoint, Entry
from quarterdeck.ops.api.trading import seen
from quarterdeck.ops.commands import Outcome

__all__ = ["ROUTES", "command"]

_TAG: Final = "commands"
_STOP_TIMEOUT_S: Final = 10.0
_Why = Annotated[str, Query(max_length=500, description="Goes into the journal.")]
_Scope = Annotated[str | None, Query(max_length=100)]
_OrderId = Annotated[str, Path(max_length=200, description="EPOCH-SEQUENCE, the number, or the client order id.")]


async def command(
    call: Call, action: Action, words: Command, names: Sequence[str] | None = None, **more: object
) -> Response:
    """Commands the desks of a call, or those named, and answers what they acknowledged.

    Problem: one of them did not. 503 where nothing was heard of it, 409 or 422 where it refused; `desks` says of each
    what became of it.
    """
    told = call.names if names is None else tuple(names)
    if not told:
        raise Problem(
            409, Code.DESK_AMBIGUOUS, f"port {call.port} is bound to no desk: say /desks/NAME before the route"
        )
    outcomes = await call.plane.commander.send(call.who, action, told, words, totp=call.totp, approval=call.approval)
    desks = {name: _told(outcome) for name, outcome in outcomes.items()}
    failures = [outcome for outcome in outcomes.values() if isinstance(outcome, DeskError)]
    if failures:
        worst = min(failures, key=answered)  # what was not heard of comes before what was refused
        problem = problem_of(worst)
        said = "; ".join(f"{name}: {one['error']}" for name, one in desks.items() if "error" in one)
        done = [name for name, one in desks.items() if "error" not in one]
        detail = f"{words.verb}: {said}" + (f" (done by {', '.join(done)})" if done else "")
        raise Problem(problem.status, problem.code, detail, more={"desks": desks})
    return reply(
        {
            "status": "ok",
            "action": str(action),
            "person": call.who.person,
            "at": rfc3339(time.time_ns()),
            **more,
            "desks": desks,
        }
    )


def _told(outcome: Outcome) -> dict[str, object]:
    if isinstance(outcome, DeskError):
        return {"acknowledged": False, "error": str(outcome)}
    return {"acknowledged": True, **{name: value for name, value in outcome.items() if name != "ok"}}


def _scoped(action: Action, verb: Verb, *, protective: bool = False) -> Endpoint:
    """The endpoint of a word that may be for one strategy or instrument; `protective`: it cancels orders."""

    async def endpoint(call: Caller, words: bodies.CommandWords | None = None) -> Response:
        said = words or bodies.CommandWords()
        if said.protective and not protective:
            raise Problem(422, Code.REQUEST_INVALID, f"protective: {verb} cancels nothing of itself; leave it out")
        facts: dict[str, Any] = said.model_dump()
        return await command(call, action, Command(verb=verb, **facts))

    return endpoint


def _whole(action: Action, verb: Verb) -> Endpoint:
    """The endpoint of a word that is for the whole desk."""

    async def endpoint(call: Caller, words: bodies.FlagWords | None = None) -> Response:
        said = words or bodies.FlagWords()
        return await command(call, action, Command(verb=verb, why=said.why))

    return endpoint


async def _kill_or_resume(call: Caller, words: bodies.EnabledWords | None = None) -> Response:
    said = words or bodies.EnabledWords()
    action, verb = (Action.RESUME, Verb.RESUME) if said.enabled else (Action.KILL, Verb.KILL)
    return await command(call, action, Command(verb=verb, why=said.why), enabled=said.enabled)


async def _shutdown(call: Caller, words: bodies.ShutdownWords | None = None) -> Response:
    said = words or bodies.ShutdownWords()
    return await command(call, Action.SHUTDOWN, Command(verb=Verb.STOP, keep_orders=said.keep_orders, why=said.why))


async def _cancel_all(
    call: Caller, strategy: _Scope = None, instrument: _Scope = None, protective: bool = False, why: _Why = ""
) -> Response:
    words = Command(verb=Verb.CANCEL, strategy=strategy, instrument=instrument, protective=protective, why=why)
    return await command(call, Action.CANCEL, words)


async def _cancel_order(call: Caller, order_id: _OrderId, protective: bool = False, why: _Why = "") -> Response:
    held = [
        (desk.desk, one.order_id)
        for desk in seen(call)
        for one in desk.orders
        if order_id in {one.order_id, one.client_id}
    ]
    if not held:
        raise Problem(
            404, Code.ORDER_UNKNOWN, f"no desk here holds order {order_id!r}: GET /api/trading/orders/pending"
        )
    if len(held) > 1:
        ways = " or ".join(f"/desks/{desk}/api/trading/orders/{order_id}" for desk, _ in held)
        raise Problem(409, Code.ORDER_AMBIGUOUS, f"several desks have an order {order_id!r}: say {ways}")
    desk, known = held[0]
    words = Command(verb=Verb.CANCEL_ORDER, order_id=known, protective=protective, why=why)
    return await command(call, Action.CANCEL, words, names=(desk,))


def _post(path: str, action: Action, endpoint: Endpoint, summary: str, method: str = "POST") -> Entry:
    return Entry(
        method=method, path=path, action=action, endpoint=endpoint, model=shapes.Commanded, summary=summary, tag=_TAG
    )


ROUTES: Final = (
    _post(
        "/api/emergency/kill-switch",
        Action.KILL,
        _scoped(Action.KILL, Verb.KILL, protective=True),
        "Kill: block entries and cancel all orders but protection",
    ),
    _post(
        "/api/emergency/liquidate-all",
        Action.FLATTEN,
        _scoped(Action.FLATTEN, Verb.FLATTEN),
        "Flatten: stop entries, cancel everything, close the positions",
    ),
    _post(
        "/api/emergency/lock",
        Action.LOCK,
        _whole(Action.LOCK, Verb.LOCK),
        "Lock: stop every order, even reducing ones, until it is unlocked",
    ),
    _post("/api/emergency/unlock", Action.UNLOCK, _whole(Action.UNLOCK, Verb.UNLOCK), "Open an emergency lock"),
    _post("/kill", Action.KILL, _kill_or_resume, "enabled false: kill; enabled true: resume"),
    _post(
        "/api/trading/pause", Action.PAUSE, _scoped(Action.PAUSE, Verb.PAUSE), "Stop entries; orders that work go on"
    ),
    _post("/api/trading/resume", Action.RESUME, _scoped(Action.RESUME, Verb.RESUME), "Allow entries again"),
    _post(
        "/api/trading/acknowledge",
        Action.ACKNOWLEDGE,
        _whole(Action.ACKNOWLEDGE, Verb.ACKNOWLEDGE),
        "Every warning of the desk so far has been seen",
    ),
    _post("/api/trading/orders/all", Action.CANCEL, _cancel_all, "Cancel every open order but protection", "DELETE"),
    _post("/api/trading/orders/{order_id}", Action.CANCEL, _cancel_order, "Cancel one order", "DELETE"),
    _post("/api/admin/shutdown", Action.SHUTDOWN, _shutdown, "Wind the desks down in order"),
)
