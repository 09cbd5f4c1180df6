"""The ops plane's Unix socket ops/bus.sock: another process of the same user publishes through it, line by line."""

import asyncio
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.errors import OpsError, QuarterdeckError
from quarterdeck.ops.bus.events import DATA_BYTES_MAX, Bus
from quarterdeck.venues.addresses import Address

__all__ = ["SOCKET_NAME", "BusSocket", "Published"]

SOCKET_NAME: Final = "bus.sock"
_LINE_MAX: Final = 2 * DATA_BYTES_MAX


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
        self._lines: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """OpsError: somebody listens there already, or the folder cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            listening = Address(path=self.path).listen()
        except OSError as error:
            raise OpsError(f"{self.path}: {error.strerror}: is another ops plane running there?") from error
        listening.setblocking(False)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=_LINE_MAX)

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for line in tuple(self._lines):
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)
        await self._server.wait_closed()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        try:
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await self._answer(line)) + b"\n")
                await writer.drain()
        except ValueError:
            writer.write(msgspec.json.encode({"ok": False, "error": f"a line has at most {_LINE_MAX} bytes"}) + b"\n")
        except (ConnectionError, asyncio.CancelledError):
            return  # it has hung up, or the plane ends: nothing of it is left undone
        finally:
            self._lines.discard(task)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, object]:
        try:
            said = msgspec.json.decode(line, type=Published)
            event = await self._bus.publish(said.topic, said.data, said.desk)
        except msgspec.MsgspecError:
            return {"ok": False, "error": 'say {"topic": "metrics.update", "data": {...}, "desk": ""} on one line'}
        except QuarterdeckError as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, "id": event.id}
