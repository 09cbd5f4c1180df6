"""The bus of one process: what is published is heard by everybody in it, in order, at once."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Self

from quarterdeck.errors import OpsError
from quarterdeck.ops.bus.doorway import BusSocket
from quarterdeck.ops.bus.events import MISSED, BusEvent, new_event

__all__ = ["InProcessBus", "LocalSubscription"]


class LocalSubscription:
    """One reader's queue, bounded. When it is full, what comes next is counted, and told as one event in its place."""

    def __init__(
        self, topics: Collection[str] | None, room: int, forget: Callable[["LocalSubscription"], None]
    ) -> None:
        if room < 1:
            raise OpsError("a subscription has room for at least one event")
        self.missed = 0
        self._topics = None if topics is None else frozenset(topics)
        self._room, self._forget = room, forget
        self._waiting: deque[BusEvent] = deque()
        self._gap: BusEvent | None = None  # the first one that did not fit, since the reader was last told
        self._gap_size = 0
        self._ring = asyncio.Event()
        self._closed = False

    def offer(self, event: BusEvent) -> None:
        """Lays an event down for the reader; never waits."""
        if self._closed or (self._topics is not None and event.topic not in self._topics):
            return
        if self._gap is not None or len(self._waiting) >= self._room:
            self._gap = self._gap or event
            self._gap_size += 1
            self.missed += 1
        else:
            self._waiting.append(event)
        self._ring.set()

    def close(self) -> None:
        """Ends it: the reader gets what waits already, and then the end."""
        if not self._closed:
            self._closed = True
            self._forget(self)
            self._ring.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BusEvent:
        while True:
            if self._waiting:
                return self._waiting.popleft()
            if self._gap is not None:
                return self._tell_gap(self._gap)
            if self._closed:
                raise StopAsyncIteration
            self._ring.clear()
            await self._ring.wait()

    def _tell_gap(self, first: BusEvent) -> BusEvent:
        size, self._gap, self._gap_size = self._gap_size, None, 0
        return BusEvent(f"missed:{first.id}", MISSED, first.desk, first.time_ns, 0, {"missed": size})


class InProcessBus:
    """Nothing leaves the process. A listener that raises stops nobody from hearing; its error is the publisher's."""

    def __init__(self, socket: Path | None = None) -> None:
        """`socket`: where other processes of this user may publish, once it is started."""
        self._readers: list[LocalSubscription] = []
        self._listeners: list[Callable[[BusEvent], None]] = []
        self._socket = None if socket is None else BusSocket(self, socket)
        self.published = 0

    async def start(self) -> None:
        """Opens the socket, where it has one. OpsError: somebody listens there already."""
        if self._socket is not None:
            await self._socket.start()

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
        """Tells everybody in this process. OpsError: no topic, or data that cannot travel."""
        event = new_event(topic, data, desk, event_id, time_ns, sequence)
        self.deliver(event)
        return event

    def deliver(self, event: BusEvent) -> None:
        """Hands an event to all who listen here, then to all queues. ExceptionGroup: what listeners raised."""
        self.published += 1
        errors: list[Exception] = []
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - it is raised below, when the others have heard
                errors.append(error)
        for reader in tuple(self._readers):
            reader.offer(event)
        if errors:
            raise ExceptionGroup(f"listeners of {event.topic} failed", errors)

    def subscribe(self, topics: Collection[str] | None = None, room: int = 1000) -> LocalSubscription:
        """Returns what is published from now on, of these topics (None: all); `room` events wait for a slow reader."""
        reader = LocalSubscription(topics, room, self._readers.remove)
        self._readers.append(reader)
        return reader

    def listen(self, callback: Callable[[BusEvent], None]) -> Callable[[], None]:
        """Calls it for each event, in order, before `publish` returns; the function returned ends that."""
        self._listeners.append(callback)

        def end() -> None:
            if callback in self._listeners:
                self._listeners.remove(callback)

        return end

    async def close(self) -> None:
        """Ends the socket, and every subscription."""
        if self._socket is not None:
            await self._socket.close()
        for reader in tuple(self._readers):
            reader.close()
