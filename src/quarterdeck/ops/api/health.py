"""Routes of health and metrics: open on loopback, since who restarts what is broken has no token."""

import asyncio
import time
from typing import Final

from starlette.responses import Response

from quarterdeck.journal import rfc3339
from quarterdeck.ops.api import shapes
from quarterdeck.ops.api.caller import Caller
from quarterdeck.ops.api.replies import reply
from quarterdeck.ops.api.routing import OPEN, Endpoint, Entry
from quarterdeck.ops.metrics import CONTENT_TYPE
from quarterdeck.ops.seeing import see

__all__ = ["ROUTES"]

_TAG: Final = "health"
_WELL: Final = frozenset(("healthy", "degraded"))


def _subset(subset: str | None) -> Endpoint:
    """The endpoint of a part of health; None: all of it."""

    async def endpoint(call: Caller) -> Response:
        report = await call.plane.health.check(call.names, subset)
        return reply(report, 200 if report.status in _WELL else 503)

    return endpoint


async def _ready(call: Caller) -> Response:
    """Whether every desk runs and has recovered, so that whoever asks may send orders their way."""
    desks: dict[str, dict[str, object]] = {}
    for name in call.names:
        one = see(call.plane.desks[name])
        if one is None:
            why = "it has never run"
        elif not one.alive:
            why = f"it has not shown itself since {rfc3339(one.shown_ns)}"
        else:
            why = "" if one.recovered else "it waits for its venues' answers"
        desks[name] = {"ready": not why, "why": why}
    good = all(one["ready"] for one in desks.values())
    words = {"status": "ready" if good else "not ready", "timestamp": rfc3339(time.time_ns()), "desks": desks}
    return reply(words, 200 if good else 503)


async def _metrics(call: Caller) -> Response:
    return Response(await asyncio.to_thread(call.plane.metrics.collect), media_type=CONTENT_TYPE)


def _health(path: str, subset: str | None, summary: str) -> Entry:
    return Entry(
        method="GET", path=path, action=OPEN, endpoint=_subset(subset), model=shapes.HealthAnswer, summary=summary,
        tag=_TAG, unwell=shapes.HealthAnswer,
    )  # fmt: skip


def _readiness(path: str) -> Entry:
    return Entry(
        method="GET", path=path, action=OPEN, endpoint=_ready, model=shapes.ReadyAnswer, tag=_TAG,
        summary="Whether every desk runs and has recovered", unwell=shapes.ReadyAnswer,
    )  # fmt: skip


ROUTES: Final = (
    _health("/healthz", None, "Every component"),
    _health("/api/health", None, "Every component"),
    _health("/api/health/broker", "broker", "Venues: connections, errors, reconciliation"),
    _health("/api/health/risk-service", "risk-service", "Rails, breaker, warnings"),
    _health("/api/health/system", "system", "Machine: processor, memory, disk, clock"),
    _health("/data_health", "data", "Feeds, capture, journals"),
    _health("/trading_health", "trading", "Desks: whether and why they do not trade"),
    _readiness("/readyz"),
    _readiness("/api/ready"),
    Entry(
        method="GET", path="/metrics", action=OPEN, endpoint=_metrics, media_type="text/plain", tag=_TAG,
        summary="Figures of all desks for Prometheus", by_desk=False,
    ),
)  # fmt: skip
