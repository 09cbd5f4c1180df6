"""What a practice exchange must not forget: every request that may have changed it, in one append-only file.

JSON lines. A line is with the operating system before anything that follows from it leaves the process, so the death of
the process loses nothing that anybody was told; the loss of power may. The same lines through the same exchange give
the same orders, trades and cash. Quotes that moved nobody are left out, but for the last one before each request.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from quarterdeck.errors import DataError

__all__ = ["Asked", "Halted", "Opened", "Quoted", "Truth", "TruthLine"]

QuoteRow = tuple[int, int, int, int, int]  # instrument, bid, ask, bid lots, ask lots
_MODE: Final = 0o600


class _Line(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag=True):
    at_ns: int


class Opened(_Line, frozen=True):
    """A new account with its first cash, by purse."""

    account: str
    cash: tuple[int, ...]


class Asked(_Line, frozen=True):
    """A request of an account, as it came."""

    account: int
    line: str


class Quoted(_Line, frozen=True):
    """The outside market."""

    quotes: tuple[QuoteRow, ...]


class Halted(_Line, frozen=True):
    """A halt, or its end."""

    halted: bool


class _Began(_Line, frozen=True, tag="Began"):
    """The first line: what is traded, so that a file is never read as another exchange's."""

    listings: Any


TruthLine = Opened | Asked | Quoted | Halted


class Truth:
    """One file, open for appending. `path` None: nothing is kept.

    DataError: the file is another exchange's, is in use, or a line in its middle cannot be read. A torn last line is
    cut off: it was never answered.
    """

    def __init__(self, path: Path | None, listings: object) -> None:
        self._path = path
        self._descriptor = -1
        self._encoder = msgspec.json.Encoder()
        self._known: list[bytes] = []
        if path is None:
            return
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise DataError(str(path), "another exchange keeps its truth there now: stop it first") from error
        raw = path.read_bytes()
        whole = raw.rfind(b"\n") + 1
        if whole < len(raw):
            os.ftruncate(self._descriptor, whole)
        self._known = raw[:whole].split(b"\n")[:-1]
        began = self._encoder.encode(_Began(at_ns=0, listings=listings))
        if not self._known:
            self._write(began + b"\n")
        elif self._known[0] != began:
            self.close()
            raise DataError(str(path), "it is another exchange's: give the file of this one, or a new one")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self) -> Iterator[TruthLine]:
        """Yields what the file held when it was opened, once."""
        decoder = msgspec.json.Decoder(TruthLine)
        known, self._known = self._known[1:], []
        for number, line in enumerate(known, 2):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise DataError(str(self._path), f"it cannot be read: {error}", number) from error

    def append(self, lines: list[TruthLine]) -> None:
        """Returns when the operating system has them. OSError: it does not take them."""
        if self._descriptor >= 0 and lines:
            self._write(b"".join(self._encoder.encode(line) + b"\n" for line in lines))

    def _write(self, raw: bytes) -> None:
        while raw:
            raw = raw[os.write(self._descriptor, raw) :]

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
