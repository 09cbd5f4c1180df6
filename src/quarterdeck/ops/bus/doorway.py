"""The ops plane's Unix socket ops/bus.sock: another process of the same user publishes through it, line by line."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.errors import OpsError, QuarterdeckError
from quarterdeck.ops.bus.events import DATA_BYTES_MAX, Bus
from quarterdeck.venues.addresses import Address

__all__ = ["SOCKET_NAME", "BusSocket", "Published"]

SOCKET_NAME: Final = "bus.sock"
_LINE_MAX: Final = 2 * DATA_BYTES_MAX
_ACCEPT_TURNS: Final = 4  # of the loop, until who has just knocked is in `_lines`: a server closed before leaks him


class Published(msgspec.Struct, forbid_unknown_fields=True):
    """What another process says: one JSON line."""

    topic: str
    data: dict[str, Any]
    desk: str = ""


class BusSocket:
    """Publishes on `bus` what comes in at `path`; answers {"ok": true, "id": ...} or {"ok": false, "error": ...}."""

    def __init__(self, bus: Bus, path: Path) -> None:
        self._bus, self.path = bus, path
        self._server: asyncio.Server | None = None
        self._lines: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        """OpsError: somebody listens there already, or the folder cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            listening = Address(path=self.path).listen()
        except OSError as error:
            raise OpsError(f"{self.path}: {error.strerror}: is another ops plane running there?") from error
        listening.setblocking(False)
        self._server = await asyncio.start_unix_server(self._connected, sock=listening, limit=_LINE_MAX)

    async def close(self) -> None:
        """Ends it, and every connection to it."""
        if self._server is None:
            return
        for _ in range(_ACCEPT_TURNS):
            await asyncio.sleep(0)
        self._server.close()
        lines = dict(self._lines)
        for task in lines:
            task.cancel()
        await asyncio.gather(*lines, return_exceptions=True)
        await asyncio.gather(*map(_hang_up, lines.values()))
        await self._server.wait_closed()
        self.path.unlink(missing_ok=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._lines[task] = writer
        task.add_done_callback(self._lines.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await self._answer(line)) + b"\n")
                await writer.drain()
        except ValueError:
            writer.write(msgspec.json.encode({"ok": False, "error": f"a line has at most {_LINE_MAX} bytes"}) + b"\n")
        except ConnectionError:
            return  # it has hung up, and wants no answer
        finally:
            await _hang_up(writer)

    async def _answer(self, line: bytes) -> dict[str, object]:
        try:
            said = msgspec.json.decode(line, type=Published)
            event = await self._bus.publish(said.topic, said.data, said.desk)
        except msgspec.MsgspecError:
            return {"ok": False, "error": 'say {"topic": "metrics.update", "data": {...}, "desk": ""} on one line'}
        except QuarterdeckError as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, "id": event.id}


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
