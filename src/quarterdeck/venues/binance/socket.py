"""The websockets of one connection: picows in an event loop of the thread that serves them.

The venue's streams are spread over several addresses. They live and die together: where one ends, all are closed, and
whoever keeps the line connects anew.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import picows
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from quarterdeck.venues.binance.stream import MESSAGE_BYTES_MAX

__all__ = ["StreamSockets"]

_PING_EVERY_S: Final = 15.0
_SILENT_MAX_S: Final = 40.0  # a venue that lives answers a ping

Hear = Callable[[int, bytes], None]


class _Listener(WSListener):
    """Puts frames together into messages. `place` is the socket's among all."""

    def __init__(self, place: int, ended: Callable[[], None]) -> None:
        self.place, self._ended = place, ended
        self.hear: Hear | None = None
        self.heard_s = 0.0
        self.why = "the venue hung up"
        self._parts = bytearray()
        self._loop = asyncio.get_running_loop()
        self._early: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.heard_s = self._loop.time()
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
            self.hear(self.place, message)

    def begin(self, hear: Hear) -> None:
        self.hear = hear
        early, self._early = self._early, []
        for message in early:
            hear(self.place, message)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows calls it so
        self._ended()


class StreamSockets:
    """Some websockets. They are opened and served by one thread; `close` and `call_soon` may come from any."""

    def __init__(self, addresses: Sequence[str]) -> None:
        """Connects to each. Raises OSError."""
        self._loop = asyncio.new_event_loop()
        self._transports: list[Any] = []
        self._listeners: list[_Listener] = []
        self._gone = self._loop.create_future()
        try:
            self._loop.run_until_complete(self._connect(addresses))
        except BaseException:
            self.release()
            raise

    async def _connect(self, addresses: Sequence[str]) -> None:
        library: Any = picows  # its signature is not typed whole
        for place, address in enumerate(addresses):
            try:
                transport, listener = await library.ws_connect(
                    lambda place=place: _Listener(place, self._ended),
                    address,
                    max_frame_size=MESSAGE_BYTES_MAX + 1024,
                    enable_auto_pong=True,
                )
            except OSError:
                raise
            except Exception as error:  # picows has errors of its own for a handshake that fails
                # The address is not repeated: it may hold a listen key.
                raise ConnectionError(f"{type(error).__name__} at the {place + 1}. of its websockets") from error
            assert isinstance(listener, _Listener)
            self._transports.append(transport)
            self._listeners.append(listener)

    def _ended(self) -> None:
        if not self._gone.done():
            self._gone.set_result(None)

    def send(self, place: int, message: dict[str, Any]) -> None:
        """Sends a message to one of them; by the thread that serves them."""
        self._transports[place].send(WSMsgType.TEXT, msgspec.json.encode(message))

    def call_soon(self, act: Callable[[], None]) -> None:
        """Has the thread that serves them do something; nothing, where they have ended."""
        try:
            self._loop.call_soon_threadsafe(act)
        except RuntimeError:  # the loop was closed meanwhile: what was to be done was for this connection
            return

    def serve(self, hear: Hear, tick: Callable[[], None]) -> str:
        """Hands each message to `hear`, with its socket's place, and calls `tick` once a second, until one ends.

        Returns why it ended.
        """
        return self._loop.run_until_complete(self._serve(hear, tick))

    async def _serve(self, hear: Hear, tick: Callable[[], None]) -> str:
        pinged_s = self._loop.time()
        failure: list[Exception] = []

        def guarded(place: int, message: bytes) -> None:
            # picows would log what is raised here and go on: it is ours to raise.
            try:
                hear(place, message)
            except Exception as error:  # noqa: BLE001 - raised again below, in the thread that serves
                failure.append(error)
                self._disconnect()

        for listener in self._listeners:
            listener.heard_s = pinged_s
            listener.begin(guarded)
        why = ""
        while not self._gone.done():
            await asyncio.wait([self._gone], timeout=1.0)
            now_s = self._loop.time()
            if any(now_s - listener.heard_s > _SILENT_MAX_S for listener in self._listeners):
                why = f"nothing heard for {_SILENT_MAX_S:g} s"
                self._disconnect()
            elif now_s - pinged_s >= _PING_EVERY_S and not self._gone.done():
                pinged_s = now_s
                for transport in self._transports:
                    transport.send_ping()
            tick()
        self._disconnect()
        if failure:
            raise failure[0]
        said = [listener.why for listener in self._listeners if listener.why != "the venue hung up"]
        return why or next(iter(said), "the venue hung up")

    def _disconnect(self) -> None:
        for transport in self._transports:
            transport.disconnect(False)
        self._ended()

    def close(self) -> None:
        """Ends the connection; `serve` returns."""
        if not self._loop.is_closed():
            self.call_soon(self._disconnect)

    def release(self) -> None:
        """Gives everything back; after `serve` has returned."""
        if self._loop.is_closed():
            return
        self._disconnect()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
