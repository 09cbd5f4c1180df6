"""The control socket: a person's words in, as JSON lines over a Unix socket, and what became of them back.

A command is acknowledged after it was journaled, applied and flushed. It needs nothing but the desk's process.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from quarterdeck.desk.wire import LINE_MAX, Answer, Command
from quarterdeck.errors import QuarterdeckError
from quarterdeck.venues.addresses import reachable

__all__ = ["ControlServer"]

_PEER: Final = struct.Struct("3i")  # pid, uid, gid
_OWNER_ONLY: Final = 0o177


class ControlServer:
    """Answers commands on a socket that only its owner may open. `obey` does one and returns the answer."""

    def __init__(self, path: Path, obey: Callable[[Command], Answer]) -> None:
        self.path = path
        self._obey = obey
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Begins to listen. The desk holds its journal's lock, so a socket left behind is nobody's."""
        self.path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(_OWNER_ONLY)
        try:
            with reachable(self.path) as name:
                listening.bind(name)
        finally:
            os.umask(before)
        listening.setblocking(False)
        self._server = await asyncio.start_unix_server(self._talk, sock=listening, limit=LINE_MAX)

    async def close(self) -> None:
        """Stops listening and takes the socket away."""
        if self._server is not None:
            self._server.close()
            for line in list(self._lines):
                line.close()
            await self._server.wait_closed()
            self._server = None
            self.path.unlink(missing_ok=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        try:
            peer = _peer(writer)
            while line := await reader.readline():
                writer.write(msgspec.json.encode(self._answer(line, peer)) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:  # the other end went away, or sent a line without end
            if isinstance(error, ValueError):
                writer.write(
                    msgspec.json.encode(_refusal(f"a command is one line of at most {LINE_MAX} bytes")) + b"\n"
                )
        finally:
            self._lines.discard(writer)
            writer.close()

    def _answer(self, line: bytes, peer: str) -> Answer:
        try:
            command = msgspec.json.decode(line, type=Command)
        except msgspec.MsgspecError as error:
            return _refusal(f"not a command: {error}", 2)
        origin = f"{command.origin} {peer}".strip()
        try:
            return {"ok": True, **self._obey(msgspec.structs.replace(command, origin=origin))}
        except QuarterdeckError as error:
            return _refusal(str(error), error.exit_code)


def _refusal(error: str, exit_code: int = 1) -> Answer:
    return {"ok": False, "error": error, "exit_code": exit_code}


def _peer(writer: asyncio.StreamWriter) -> str:
    """Who holds the other end, by the operating system's word."""
    other = writer.get_extra_info("socket")
    pid, uid, _ = _PEER.unpack(other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return f"uid={uid} pid={pid}"
