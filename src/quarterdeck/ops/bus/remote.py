"""The bus between processes: through one Redis stream. A group is one process; it hears what came while it was away.

What this process publishes is heard in it at once, whether Redis answers or not; the others hear it through Redis.
While that cannot be reached, events wait here, as many as there is room for; what does not fit is counted, and told by
an event of topic `bus.missed`. An event may come twice, with the same id, after a process has died.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.errors import OpsError
from quarterdeck.ops.bus.events import MISSED, BusEvent, new_event
from quarterdeck.ops.bus.local import InProcessBus
from quarterdeck.ops.bus.stream import EventStream, RedisError

__all__ = ["RedisBus"]

_LENGTH_MAX: Final = 100_000
_OUTBOX_MAX: Final = 10_000
_PATIENCE_S: Final = 5.0
_CANCEL_S: Final = 0.1
_RETRY_FIRST_S: Final = 0.05
_RETRY_LAST_S: Final = 2.0


class RedisBus(InProcessBus):
    """Call `start` first. `connected`: whether Redis answered last; `waiting`: how many events are still to be sent."""

    def __init__(
        self,
        url: str,
        group: str = "ops",
        *,
        consumer: str = "main",
        socket: Path | None = None,
        length_max: int = _LENGTH_MAX,
        patience_s: float = _PATIENCE_S,
        outbox_max: int = _OUTBOX_MAX,
    ) -> None:
        super().__init__(socket)
        self.group, self.consumer, self.connected = group, consumer, False
        self.missed = 0  # events of ours that did not fit while Redis was away, since it last answered
        self.unreadable = 0  # entries of the stream that were no events
        self._stream = EventStream(url, length_max, patience_s)
        self.name = self._stream.name
        self._self = secrets.token_hex(8)
        self._outbox: deque[BusEvent] = deque()
        self._outbox_max = outbox_max
        self._sending = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = asyncio.Event()
        self._failure: BaseException | None = None

    @property
    def waiting(self) -> int:
        return len(self._outbox)

    async def start(self) -> None:
        """Opens the socket and joins the stream; where Redis does not answer, that goes on in the background."""
        await super().start()
        with contextlib.suppress(RedisError, OSError):
            await self._stream.join(self.group)
            self.connected = True
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._resend())]

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
        """Tells everybody here, then everybody elsewhere; waits where the stream is full of what others have not read.

        OpsError: no topic, data that cannot travel, or a reader of this process that has failed.
        """
        if self._failure is not None:
            raise OpsError(f"the bus has stopped reading: {self._failure}") from self._failure
        event = new_event(topic, data, desk, event_id, time_ns, sequence)
        try:
            self.deliver(event)
        finally:
            await self._send(event)
        return event

    async def close(self) -> None:
        """Sends what waits, and ends. OpsError: Redis does not answer; it says how many events were not sent."""
        await super().close()
        while running := [task for task in self._tasks if not task.done()]:
            for task in running:
                task.cancel()  # again and again: the library may lose one that comes together with an answer
            await asyncio.wait(running, timeout=_CANCEL_S)
        try:
            async with self._sending:
                await self._flush()
        except (RedisError, OSError) as error:
            raise OpsError(f"{self.name}: {len(self._outbox)} events were not sent: Redis does not answer") from error
        finally:
            await self._stream.close()

    async def _send(self, event: BusEvent) -> None:
        async with self._sending:
            if len(self._outbox) >= self._outbox_max:
                self._outbox.popleft()
                self.missed += 1
            self._outbox.append(event)
            if self.connected:
                try:
                    await self._flush()
                except (RedisError, OSError):
                    self.connected = False  # `_resend` tries again

    async def _flush(self) -> None:
        """Sends what waits, in order. The lock is held."""
        if self.missed and self._outbox:
            first = self._outbox[0]
            lost = {"missed": self.missed, "why": "Redis was away for too long"}
            await self._stream.add(BusEvent(f"missed:{first.id}", MISSED, "", first.time_ns, 0, lost), "lost")
            self.missed = 0
        while self._outbox:
            await self._stream.add(self._outbox[0], self._self)
            self._outbox.popleft()

    async def _resend(self) -> None:
        """Sends again what could not be sent, when Redis answers."""
        pause_s = _RETRY_FIRST_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = _RETRY_FIRST_S if self.connected else min(pause_s * 2, _RETRY_LAST_S)
            if self.connected or not self._outbox:
                continue
            async with self._sending:
                with contextlib.suppress(RedisError, OSError):
                    await self._flush()
                    self.connected = True

    async def _read(self) -> None:
        """Hears what others publish, first what was left unacknowledged; ends when it is cancelled, or by a failure."""
        pause_s, waiting = _RETRY_FIRST_S, True
        while True:
            try:
                entries = await self._stream.read(self.group, self.consumer, waiting)
                lost = await self._stream.take_lost(self.group)
            except (RedisError, OSError):
                self.connected, waiting = False, True
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _RETRY_LAST_S)
                continue
            self.connected, pause_s = self.connected or not self._outbox, _RETRY_FIRST_S
            waiting = waiting and bool(entries)
            try:
                self._hear(entries, lost)
            except ExceptionGroup as error:
                self._failure = error  # whoever publishes next is told
                return
            with contextlib.suppress(RedisError, OSError):  # unacknowledged, they come once more
                await self._stream.acknowledge(self.group, [key for key, _ in entries])

    def _hear(self, entries: list[tuple[bytes, dict[bytes, bytes]]], lost: int) -> None:
        if lost:
            told = new_event(MISSED, {"missed": lost, "why": "this reader was too slow"}, "", None, None, 0)
            self.deliver(told)
        for _, fields in entries:
            if not fields or fields.get(b"from") == self._self.encode():
                continue  # it was cut off and is counted as lost, or it was heard when it was published
            try:
                event = msgspec.json.decode(fields.get(b"event", b""), type=BusEvent)
            except msgspec.MsgspecError:
                self.unreadable += 1
                continue
            self.deliver(event)
