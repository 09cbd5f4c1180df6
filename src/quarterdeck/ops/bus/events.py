"""What happened, as it travels: an event of one topic, and the protocol that every bus keeps to."""

import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Any, Final, Protocol

import msgspec

from quarterdeck.errors import OpsError

__all__ = ["DATA_BYTES_MAX", "MISSED", "TOPICS", "Bus", "BusEvent", "Subscription", "new_event"]

DATA_BYTES_MAX: Final = 64 * 1024
MISSED: Final = "bus.missed"  # told in the place of what a slow reader lost: data {"missed": how many}
_TOPIC: Final = re.compile(r"[a-z][a-z0-9_]{0,31}(\.[a-z][a-z0-9_]{0,31}){1,3}")
TOPICS: Final = (
    "risk.rejected",
    "risk.violation",
    "trade.fill",
    "market.tick",
    "model.promoted",
    "strategy.promoted",
    "governance.action",
    "health.state",
    "exec.slippage",
    "metrics.update",
    "order.submitted",
    "order.filled",
    "order.closed",
    "order.state",
    "signal.generated",
    "risk.decision",
    "reconcile.completed",
    "reconcile.difference",
    "command.given",
    "desk.session",
    "desk.error",
    "funding.payment",
    MISSED,
)


class BusEvent(msgspec.Struct, frozen=True):
    """One thing that happened. `id` is the same when it is told twice; `sequence` is the journal's, 0 for none."""

    id: str
    topic: str
    desk: str
    time_ns: int
    sequence: int
    data: Mapping[str, Any]


class Subscription(Protocol):
    """What one reader hears, in order. `missed` counts what did not fit; it is told as an event of topic MISSED too."""

    missed: int

    def __aiter__(self) -> AsyncIterator[BusEvent]: ...

    async def __anext__(self) -> BusEvent: ...

    def close(self) -> None: ...


class Bus(Protocol):
    """Where events are published and heard. All its methods are for one event loop."""

    async def publish(
        self,
        topic: str,
        data: Mapping[str, Any],
        desk: str = "",
        *,
        event_id: str | None = None,
        time_ns: int | None = None,
        sequence: int = 0,
    ) -> BusEvent:
        """Tells everybody. OpsError: no topic, or data that cannot travel."""
        ...

    def subscribe(self, topics: Collection[str] | None = None, room: int = 1000) -> Subscription:
        """Returns what is published from now on, of these topics (None: all); `room` events wait for a slow reader."""
        ...

    def listen(self, callback: Callable[[BusEvent], None]) -> Callable[[], None]:
        """Calls it for each event, in order, before `publish` returns; the function returned ends that."""
        ...

    async def close(self) -> None: ...


def new_event(
    topic: str, data: Mapping[str, Any], desk: str, event_id: str | None, time_ns: int | None, sequence: int
) -> BusEvent:
    """Returns a checked event. OpsError: no topic, or data that JSON cannot carry or that is larger than 64 KiB."""
    if not _TOPIC.fullmatch(topic):
        raise OpsError(f"a topic is words of small letters with points between them, such as {TOPICS[0]}")
    try:
        size = len(msgspec.json.encode(data))
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError, RecursionError) as error:
        raise OpsError(f"{topic}: data that JSON cannot carry: {type(error).__name__}") from error
    if size > DATA_BYTES_MAX:
        raise OpsError(f"{topic}: {size} bytes of data, more than {DATA_BYTES_MAX}: publish a name of it instead")
    moment = time.time_ns() if time_ns is None else time_ns
    return BusEvent(event_id or secrets.token_hex(12), topic, desk, moment, sequence, data)
