"""A stream socket as a wire: whole lines out, chunks in, and lines cut from chunks with a bound on their length."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["LineCutter", "StreamWire", "WireBroken"]

_CHUNK: Final = 256 * 1024


class WireBroken(OSError):
    """A write failed. `left`: whether any byte of it may have reached the other end."""

    def __init__(self, why: str, *, left: bool) -> None:
        self.left = left
        super().__init__(why)


class StreamWire:
    """A connected socket. One thread reads, any thread writes; `close` wakes all of them, `release` is the reader's.

    `timeout_s` bounds how long a write may wait for the other end, and how long nothing may be heard.
    """

    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        self._socket = connection
        self._socket.settimeout(timeout_s)
        self._timeout_s = timeout_s
        self._writing = threading.Lock()
        self._closed = False

    def read(self) -> bytes:
        """Waits for the next bytes; none when the other end hung up. OSError: the wire broke, or stayed silent."""
        try:
            return self._socket.recv(_CHUNK)
        except TimeoutError as error:
            raise TimeoutError(f"nothing heard for {self._timeout_s:g} s") from error

    def write(self, data: bytes) -> None:
        """Writes all of it, never mixed with another's. WireBroken: it closed the wire, for half a line may be out."""
        with self._writing:
            if self._closed:
                raise WireBroken("the connection is closed", left=False)
            done = 0
            try:
                while done < len(data):
                    done += self._socket.send(memoryview(data)[done:])
            except OSError as error:
                self.close()
                raise WireBroken(str(error), left=done > 0) from error

    def close(self) -> None:
        """Ends the connection: readers get nothing more, writers an error. The descriptor stays until `release`."""
        self._closed = True
        with contextlib.suppress(OSError):  # it may have ended by itself
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Gives the descriptor back, once nobody reads; a writer has let go of it by then."""
        self._closed = True
        with self._writing:
            self._socket.close()


class LineCutter:
    """Cuts lines from chunks. A line longer than `most` bytes is passed over whole; `oversized` gets its beginning."""

    def __init__(self, most: int, oversized: Callable[[bytes], None]) -> None:
        self._most, self._oversized = most, oversized
        self._rest = b""
        self._skipping = False

    def cut(self, chunk: bytes) -> Iterator[bytes]:
        """Yields each whole line, without its end."""
        *whole, rest = (self._rest + chunk).split(b"\n") if self._rest else chunk.split(b"\n")
        self._rest = rest
        for line in whole:
            if self._skipping:
                self._skipping = False
            elif len(line) > self._most:
                self._oversized(line)
            else:
                yield line
        if len(self._rest) > self._most:
            if not self._skipping:
                self._oversized(self._rest)
            self._skipping = True
            self._rest = b""
