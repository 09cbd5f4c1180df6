"""One connection to a practice exchange: whole lines in, lines out, late if they are made to be; both have bounds."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast

from quarterdeck.twins.practice_faults import Faults
from quarterdeck.venues.streams import LineCutter

__all__ = ["Client", "Hearer"]

REQUEST_BYTES_MAX: Final = 64 * 1024
_BUFFERED_MAX: Final = 64 * 1024 * 1024  # bytes that a client leaves unread before it is cut off
_QUOTES_BUFFERED_MAX: Final = 1024 * 1024  # bytes unread at which it misses quotes; later ones replace them


class Hearer(Protocol):
    """What a connection needs of the exchange's server."""

    @property
    def faults(self) -> Faults: ...

    def joined(self, client: "Client") -> None: ...

    def left(self, client: "Client") -> None: ...

    def hear(self, client: "Client", lines: list[bytes]) -> None: ...

    def oversized(self, beginning: bytes) -> None: ...


class Client(asyncio.Protocol):
    """`account` is below 0 until it has said who it is."""

    def __init__(self, server: Hearer) -> None:
        self.account = -1
        self.quotes = False
        self._server = server
        self._cutter = LineCutter(REQUEST_BYTES_MAX, server.oversized)
        self._transport: asyncio.Transport | None = None
        self._late: deque[tuple[float, bytes]] = deque()  # (when it is due, bytes)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._late.clear()
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        lines = list(self._cutter.cut(data))
        if lines:
            self._server.hear(self, lines)

    def say(self, raw: bytes, *, droppable: bool = False) -> None:
        """Sends whole lines. One that cannot keep up misses what is droppable, and is cut off in the end."""
        transport = self._transport
        if transport is None:
            return
        unread = transport.get_write_buffer_size()
        if unread > _BUFFERED_MAX:
            transport.abort()
        elif not droppable or unread <= _QUOTES_BUFFERED_MAX:
            delay_s = self._server.faults.delay_s
            if delay_s or self._late:
                self._say_later(delay_s, raw)
            else:
                transport.write(raw)

    def cut_off(self) -> None:
        """Ends the connection, as a network does."""
        if self._transport is not None:
            self._transport.abort()

    def _say_later(self, delay_s: float, raw: bytes) -> None:
        loop = asyncio.get_running_loop()
        due = max(loop.time() + delay_s, self._late[-1][0] if self._late else 0.0)
        self._late.append((due, raw))
        if len(self._late) == 1:
            self._wait(loop)

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        call: Callable[[], None] = lambda: self._say_due(loop)  # noqa: E731 - one use, and the loop must be named
        loop.call_at(self._late[0][0], call)

    def _say_due(self, loop: asyncio.AbstractEventLoop) -> None:
        due: list[bytes] = []
        while self._late and self._late[0][0] <= loop.time():
            due.append(self._late.popleft()[1])
        if due and self._transport is not None:
            self._transport.write(b"".join(due))
        if self._late:
            self._wait(loop)
