"""/stream: what happens, as it happens, as server-sent events.

    id: xrpliquid:1234:ORDER_FILLED
    event: trade.fill
    data: {"topic": "trade.fill", "desk": "xrpliquid", "time": "...", "sequence": 1234, "data": {...}}

A reader that is too slow is told how much it has missed (event bus.missed). Nothing is repeated after a break.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response, StreamingResponse

from quarterdeck.journal import rfc3339
from quarterdeck.ops.access import Action, Refused
from quarterdeck.ops.api.caller import Call, Caller, secret_of
from quarterdeck.ops.api.problems import Code, Problem
from quarterdeck.ops.api.replies import encode
from quarterdeck.ops.api.routing import Entry
from quarterdeck.ops.bus import MISSED, BusEvent, Subscription

__all__ = ["HEARTBEAT_S", "ROUTES", "STREAMS_MOST"]

HEARTBEAT_S: Final = 10.0  # a comment goes out, and the token is looked at anew
STREAMS_MOST: Final = 64
_EVENT_STREAM: Final = "text/event-stream"
_Topics = Annotated[str, Query(max_length=1_000, description="Only these, with commas between; none: all.")]
_Seconds = Annotated[float | None, Query(gt=0, le=86_400, description="End after so long; none: never.")]
_Events = Annotated[int | None, Query(ge=1, le=1_000_000, description="End after so many; none: never.")]


async def _stream(
    call: Caller, request: Request, topics: _Topics = "", seconds: _Seconds = None, events: _Events = None
) -> Response:
    plane = call.plane
    if len(plane.streams) >= STREAMS_MOST:
        raise Problem(429, Code.STREAMS_FULL, f"there are {STREAMS_MOST} streams already: end one of them")
    chosen = {word.strip() for word in topics.split(",") if word.strip()}
    heard = plane.bus.subscribe({*chosen, MISSED} if chosen else None)
    plane.streams.add(heard)
    told = _tell(call, heard, secret_of(request.headers), seconds, events)
    return StreamingResponse(told, media_type=_EVENT_STREAM, headers={"X-Accel-Buffering": "no"})


async def _tell(
    call: Call, heard: Subscription, secret: str | None, seconds: float | None, events: int | None
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ends = None if seconds is None else loop.time() + seconds
    left = events
    try:
        yield b": the stream begins\n\n"
        while left is None or left > 0:
            pause = HEARTBEAT_S if ends is None else min(HEARTBEAT_S, ends - loop.time())
            if pause <= 0:
                return
            try:
                event = await asyncio.wait_for(anext(heard), pause)
            except TimeoutError:
                if not _still_may(call, secret):
                    return
                yield b": still here\n\n"
                continue
            except StopAsyncIteration:
                return
            if event.desk and event.desk not in call.names:
                continue
            yield _frame(event)
            left = None if left is None else left - 1
    finally:
        call.plane.streams.discard(heard)
        heard.close()


def _still_may(call: Call, secret: str | None) -> bool:
    """Whether the token that began the stream is still good."""
    if secret is None:
        return True  # a browser's password: good until its connection ends
    try:
        call.plane.gate.identify(secret, call.origin)
    except Refused:
        return False
    return True


def _frame(event: BusEvent) -> bytes:
    facts = {
        "topic": event.topic,
        "desk": event.desk,
        "time": rfc3339(event.time_ns),
        "sequence": event.sequence,
        "data": event.data,
    }
    name = event.id.replace("\n", " ").replace("\r", " ")
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (name.encode(), event.topic.encode(), encode(facts))


ROUTES: Final = (
    Entry(
        method="GET", path="/stream", action=Action.VIEW, endpoint=_stream, media_type=_EVENT_STREAM, tag="events",
        summary="What happens, as server-sent events", statuses=(422,),
    ),
)  # fmt: skip
