"""The websocket of one connection: picows in an event loop of the thread that serves it.

alpaca-py's streams have a loop of their own, too, but it cannot be told from outside when a connection is up, what was
confirmed or how long it was silent; it writes what fails to a log and goes on. And it takes 1.7 us for a message that
msgspec reads in 0.2.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import picows
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from quarterdeck.venues.alpaca.stream import MESSAGE_BYTES_MAX

__all__ = ["StreamSocket"]

_IDLE_S: Final = 10.0  # without a frame: then it is pinged
_ANSWER_S: Final = 10.0  # and cut when nothing answers


class _Listener(WSListener):
    """Puts frames together into messages."""

    def __init__(self) -> None:
        self.hear: Callable[[bytes], None] | None = None
        self.why = "the venue hung up, or answered no ping"
        self._parts = bytearray()
        self.gone = asyncio.get_running_loop().create_future()
        self._early: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            self.why = f"the venue closed: {frame.get_close_code()}"
            transport.disconnect()
        elif frame.msg_type in {WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION}:
            self._parts += frame.get_payload_as_memoryview()
            if len(self._parts) > MESSAGE_BYTES_MAX:
                self.why = "a message without an end"
                transport.disconnect()
            elif frame.fin:
                message = bytes(self._parts)
                self._parts.clear()
                self._give(message)

    def _give(self, message: bytes) -> None:
        if self.hear is None:
            self._early.append(message)
        else:
            self.hear(message)

    def begin(self, hear: Callable[[bytes], None]) -> None:
        """What came before is heard first."""
        self.hear = hear
        early, self._early = self._early, []
        for message in early:
            hear(message)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows calls it so
        if not self.gone.done():
            self.gone.set_result(None)


class StreamSocket:
    """One websocket. It is opened and served by one thread; `close` may come from any."""

    def __init__(self, address: str, headers: Mapping[str, str] | None = None) -> None:
        """Connects. Raises OSError."""
        self._loop = asyncio.new_event_loop()
        try:
            transport, listener = self._loop.run_until_complete(self._connect(address, headers or {}))
        except BaseException:
            self._loop.close()
            raise
        self._transport: Any = transport
        self._listener = listener

    @staticmethod
    async def _connect(address: str, headers: Mapping[str, str]) -> tuple[WSTransport, _Listener]:
        try:
            library: Any = picows  # its signature is not typed whole
            transport, listener = await library.ws_connect(
                _Listener,
                address,
                max_frame_size=MESSAGE_BYTES_MAX + 1024,
                extra_headers=dict(headers),
                enable_auto_ping=True,
                auto_ping_idle_timeout=_IDLE_S,
                auto_ping_reply_timeout=_ANSWER_S,
            )
        except OSError:
            raise
        except Exception as error:  # picows has errors of its own for a handshake that fails
            raise ConnectionError(f"{type(error).__name__}: {error}") from error
        assert isinstance(listener, _Listener)
        return transport, listener

    def send(self, message: bytes, *, text: bool = False) -> None:
        """Sends a message; by the thread that serves it."""
        self._transport.send(WSMsgType.TEXT if text else WSMsgType.BINARY, message)

    def serve(self, hear: Callable[[bytes], None], tick: Callable[[], None]) -> str:
        """Hands each message to `hear` and calls `tick` once a second, until the connection ends. Returns why."""
        return self._loop.run_until_complete(self._serve(hear, tick))

    async def _serve(self, hear: Callable[[bytes], None], tick: Callable[[], None]) -> str:
        listener = self._listener
        failure: list[Exception] = []

        def guarded(message: bytes) -> None:
            # picows would log what is raised here and go on: it is ours to raise.
            try:
                hear(message)
            except Exception as error:  # noqa: BLE001 - raised again below, in the thread that serves
                failure.append(error)
                self._transport.disconnect(False)

        listener.begin(guarded)
        while not listener.gone.done():
            await asyncio.wait([listener.gone], timeout=1.0)
            tick()
        if failure:
            raise failure[0]
        return listener.why

    def close(self) -> None:
        """Ends the connection; `serve` returns."""
        if not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self._transport.disconnect, False)
            except RuntimeError:  # the loop was closed between the two lines: then it has ended
                return

    def release(self) -> None:
        """Gives everything back; after `serve` has returned."""
        if self._loop.is_closed():
            return
        self._transport.disconnect(False)
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
