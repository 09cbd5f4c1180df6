"""Routes of limits that change while a desk runs: journaled, effective at the next order, kept over a restart."""

from decimal import Decimal
from typing import Any, Final

import msgspec
from starlette.responses import Response

from quarterdeck.desk.wire import Command, Verb
from quarterdeck.ops.access import Action
from quarterdeck.ops.api import bodies, shapes, views
from quarterdeck.ops.api.caller import Call, Caller
from quarterdeck.ops.api.emergency import command
from quarterdeck.ops.api.problems import Code, Problem
from quarterdeck.ops.api.replies import reply
from quarterdeck.ops.api.routing import Entry
from quarterdeck.ops.api.trading import seen
from quarterdeck.ops.figures import DeskFigures

__all__ = ["ROUTES"]

_RISK: Final = "/api/config/risk"
_THROTTLE: Final = "/api/config/throttle"


def _one(call: Call, route: str) -> tuple[Call, DeskFigures]:
    """The call about the only desk that a route can mean, and its figures."""
    alone = msgspec.structs.replace(call, names=(call.only_desk(route),))
    return alone, seen(alone)[0]


async def _risk(call: Caller) -> Response:
    alone, desk = _one(call, _RISK)
    edition = call.plane.desks[alone.names[0]].edition()
    overrides: dict[str, Any] = {} if edition is None else edition.words.get("overrides") or {}
    return reply(views.risk_limits(desk, overrides))


async def _set_risk(call: Caller, words: bodies.RiskWords) -> Response:
    return await _configure(call, _RISK, words.model_dump(exclude={"why"}, exclude_none=True), words.why)


async def _throttle(call: Caller) -> Response:
    _, desk = _one(call, _THROTTLE)
    return reply(views.throttle_limits(desk))


async def _set_throttle(call: Caller, words: bodies.ThrottleWords) -> Response:
    said = {"max_orders_per_minute": words.max_orders_per_minute, "throttle_enabled": words.enabled}
    settings = {name: value for name, value in said.items() if value is not None}
    return await _configure(call, _THROTTLE, settings, words.why)


async def _configure(call: Call, route: str, said: dict[str, Any], why: str) -> Response:
    if not said:
        raise Problem(422, Code.REQUEST_INVALID, 'no limit is named: say at least one, as {"max_daily_loss": -500}')
    settings = {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in said.items()}
    name = call.only_desk(route)
    words = Command(verb=Verb.CONFIGURE, settings=settings, why=why)
    return await command(call, Action.CONFIGURE, words, names=(name,), settings=settings)


ROUTES: Final = (
    Entry(
        method="GET", path=_RISK, action=Action.VIEW, endpoint=_risk, model=shapes.RiskLimits, tag="settings",
        summary="The limits as they stand", statuses=(409,),
    ),
    Entry(
        method="PUT", path=_RISK, action=Action.CONFIGURE, endpoint=_set_risk, model=shapes.Commanded, tag="settings",
        summary="Change limits of one desk",
    ),
    Entry(
        method="GET", path=_THROTTLE, action=Action.VIEW, endpoint=_throttle, model=shapes.ThrottleLimits,
        tag="settings", summary="How many orders a minute there may be", statuses=(409,),
    ),
    Entry(
        method="PUT", path=_THROTTLE, action=Action.CONFIGURE, endpoint=_set_throttle, model=shapes.Commanded,
        tag="settings", summary="Change how many orders a minute there may be",
    ),
)  # fmt: skip
