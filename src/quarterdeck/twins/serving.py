"""What every twin's server needs: a clock of market time, a listening site, websockets that can be cut, running it.

A websocket's messages wait in a queue of bounded length and are sent by a task of its own, so that one slow client
holds up nobody; who does not keep up is cut, as venues do.
"""

import asyncio
import contextlib
import signal
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, Final, Protocol

import uvloop
from aiohttp import WSMsgType, web

from quarterdeck.errors import DeskError
from quarterdeck.twins.faults import Fault, Faults

__all__ = ["MarketClock", "Outbox", "Served", "Site", "Sockets", "run_until_told", "wall_ms"]

_QUEUE_MAX: Final = 50_000
_TICK_MAX_S: Final = 0.05
_TICK_MIN_S: Final = 0.001
_BODY_BYTES_MAX: Final = 1_048_576


def wall_ms() -> int:
    """Returns the real time in milliseconds."""
    return time.time_ns() // 1_000_000


class MarketClock:
    """The market's time: from when it was made, `speed` times as fast as the real one."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.began_ns = time.time_ns()

    def now_ns(self) -> int:
        """Returns the market's time."""
        return self.began_ns + int((time.time_ns() - self.began_ns) * self.speed)

    async def wait_for(self, next_ns: int) -> None:
        """Sleeps until that market time, at most a twentieth of a second."""
        wait_s = (next_ns - self.now_ns()) / 1e9 / self.speed
        await asyncio.sleep(min(max(wait_s, _TICK_MIN_S), _TICK_MAX_S))


class Outbox:
    """The messages to one websocket. `send` takes whole messages and never blocks: bytes as text, or `binary`."""

    def __init__(self, *, binary: bool = False) -> None:
        self.binary = binary
        self._waiting: deque[bytes] = deque()
        self._ready = asyncio.Event()
        self._closing = False

    def close(self) -> None:
        """Ends the connection once what waits has been sent."""
        self._closing = True
        self._ready.set()

    def send(self, message: bytes) -> None:
        """Lets a message go in its turn."""
        self._waiting.append(message)
        self._ready.set()

    async def drain(self, socket: web.WebSocketResponse, faults: Faults) -> None:
        """Sends what waits, until it is closed; a client that does not keep up is cut."""
        with contextlib.suppress(ConnectionError, RuntimeError):  # the reader sees the end, too
            while len(self._waiting) < _QUEUE_MAX and not self._closing:
                await self._ready.wait()
                self._ready.clear()
                while self._waiting:
                    message = self._waiting.popleft()
                    if faults.take(Fault.GARBLE):
                        message = message[: len(message) // 2]
                    if self.binary:
                        await socket.send_bytes(message)
                    else:
                        await socket.send_str(message.decode("utf-8", "replace"))
            await socket.close()


class Sockets:
    """All websockets of one server."""

    def __init__(self, faults: Faults, *, ping_s: float | None = None) -> None:
        self._faults, self._ping_s = faults, ping_s
        self._open: set[web.WebSocketResponse] = set()

    def __len__(self) -> int:
        """Returns how many are open."""
        return len(self._open)

    @contextlib.asynccontextmanager
    async def accept(self, request: web.Request, outbox: Outbox) -> AsyncGenerator[web.WebSocketResponse, None]:
        """Opens one, sends what `outbox` gets, and forgets it at the end."""
        socket = web.WebSocketResponse(
            autoping=True, max_msg_size=_BODY_BYTES_MAX, compress=False, heartbeat=self._ping_s
        )
        await socket.prepare(request)
        sender = asyncio.create_task(outbox.drain(socket, self._faults))
        self._open.add(socket)
        try:
            yield socket
        finally:
            self._open.discard(socket)
            sender.cancel()

    async def messages(self, socket: web.WebSocketResponse) -> AsyncIterator[Any]:
        """Yields what the client sends, text or bytes, until it goes."""
        async for message in socket:
            if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                yield message.data

    async def cut_all(self) -> None:
        """Cuts every websocket as a lost line does: without a word."""
        for socket in list(self._open):
            transport = socket.get_extra_info("transport", None)
            if transport is not None:
                transport.abort()
            with contextlib.suppress(ConnectionError, RuntimeError):  # it may have gone by itself
                await socket.close(drain=False)
        self._open.clear()


class Site:
    """One listening port of this machine."""

    def __init__(self) -> None:
        self.port = 0
        self._runner: web.AppRunner | None = None

    @staticmethod
    def application() -> web.Application:
        """Returns an application to add routes to."""
        return web.Application(client_max_size=_BODY_BYTES_MAX)

    async def start(self, application: web.Application, host: str, port: int) -> None:
        """Begins to listen; `port` 0: any that is free. Raises OSError."""
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stops listening."""
        if self._runner is not None:
            await self._runner.cleanup()


class Served(Protocol):
    """A twin's server."""

    @property
    def port(self) -> int:
        """Where it listens, once it has started."""
        ...

    async def start(self) -> None:
        """Begins to listen, and lets the market go."""
        ...

    async def serve(self) -> None:
        """Waits until the market ends, which it does by an error alone."""
        ...

    async def stop(self) -> None:
        """Ends everything."""
        ...


def run_until_told(make: Callable[[], Served], said: Callable[[int], str], say: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM; `said` words the first sentence by the port. Raises DeskError: port taken."""

    async def run() -> None:
        server = make()
        await server.start()
        say(said(server.port))
        stopping = asyncio.ensure_future(server.serve())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.cancel)
        try:
            await stopping
        except asyncio.CancelledError:
            say("the twin has stopped")
        finally:
            await server.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(run())
        except OSError as error:
            raise DeskError(f"the twin cannot listen: {error}") from error
