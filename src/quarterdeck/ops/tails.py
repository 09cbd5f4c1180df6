"""Following a desk's logs: each line as a mapping, through rolls of the files, from where one stopped."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

__all__ = ["ROLL_S", "LogTail", "Place"]

ROLL_S: Final = 2.5  # a desk looks once a second whether its logs were rolled, and writes to the old file until then
_CHUNK: Final = 1024 * 1024
_LINE: Final = msgspec.json.Decoder(dict[str, Any])  # made once: making it takes longer than a line


class Place(msgspec.Struct, frozen=True):
    """Where a reader stands: in which file (by its number), and behind how many bytes of it."""

    inode: int
    offset: int


class LogTail:
    """One log of JSON lines. `at` None: what is written from now on; a Place: from there on."""

    def __init__(self, path: Path, at: Place | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.path, self._clock = path, clock
        self._rolled_s: float | None = None  # when the name was first seen to mean another file
        self.unreadable = 0  # lines that were no JSON objects
        self._part = b""
        self._offset = 0
        self._handle = self._open()
        if self._handle is None:
            return
        about = os.fstat(self._handle)
        if at is None:
            self._offset = about.st_size
        elif at.inode == about.st_ino and at.offset <= about.st_size:
            self._offset = at.offset

    @property
    def place(self) -> Place:
        """Where to go on after a restart: behind the last whole line that `read` returned."""
        inode = 0 if self._handle is None else os.fstat(self._handle).st_ino
        return Place(inode, self._offset - len(self._part))

    def read(self) -> list[Mapping[str, Any]]:
        """Returns the lines that were written since the last call, at most a megabyte of them; never waits."""
        lines: list[Mapping[str, Any]] = []
        if self._handle is None:
            self._handle = self._open()
        if self._handle is None:
            return lines
        raw = os.pread(self._handle, _CHUNK, self._offset)
        self._offset += len(raw)
        self._take(raw, lines)
        if not raw and self._rolled():
            self._leave()
        return lines

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _leave(self) -> None:
        """Goes over to the new file, once nobody writes to the old one any more."""
        assert self._handle is not None
        now = self._clock()
        if self._rolled_s is None:
            self._rolled_s = now
        elif now - self._rolled_s >= ROLL_S:
            os.close(self._handle)
            self._handle, self._offset, self._part, self._rolled_s = self._open(), 0, b"", None

    def _take(self, raw: bytes, lines: list[Mapping[str, Any]]) -> None:
        *whole, self._part = (self._part + raw).split(b"\n")
        for line in whole:
            try:
                lines.append(_LINE.decode(line))
            except msgspec.MsgspecError:
                self.unreadable += 1

    def _open(self) -> int | None:
        try:
            return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None

    def _rolled(self) -> bool:
        """Whether the name means another file by now; the old one was read to its end."""
        assert self._handle is not None
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(self._handle))
        except FileNotFoundError:
            return False
