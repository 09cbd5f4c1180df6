"""Where a server listens: a Unix socket's path, or "HOST:PORT"; and a connection to it.

It imports no kernel: a command line uses it, too.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quarterdeck.errors import ConfigError

__all__ = ["Address", "reachable"]

_LOOK_S: Final = 1.0


@contextlib.contextmanager
def reachable(path: Path) -> Generator[str, None, None]:
    """A short name for a socket: the operating system takes 107 bytes, a desk's folder may be longer."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


@dataclass(frozen=True, slots=True)
class Address:
    """A Unix socket (`path`), or a host and a port."""

    path: Path | None = None
    host: str = ""
    port: int = 0

    @classmethod
    def read(cls, text: str, folder: Path) -> "Address":
        """Reads "HOST:PORT", else a path, relative to `folder`. ConfigError for neither."""
        host, colon, port = text.rpartition(":")
        if colon and "/" not in text:
            if not host or not port.isdecimal() or not 0 <= int(port) < 65_536:
                raise ConfigError("command", "address", text, "HOST:PORT, such as 127.0.0.1:9001, or a socket's path")
            return cls(host=host.strip("[]"), port=int(port))
        if not text or text.endswith("/"):
            raise ConfigError("command", "address", text, "HOST:PORT, such as 127.0.0.1:9001, or a socket's path")
        return cls(path=folder / text)

    def connect(self, timeout_s: float) -> socket.socket:
        """Returns a connected stream socket with that timeout. OSError: nobody listens there, or not in time."""
        if self.path is None:
            line = socket.create_connection((self.host, self.port), timeout_s)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return line
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.settimeout(timeout_s)
            with reachable(self.path) as name:
                line.connect(name)
        except BaseException:
            line.close()
            raise
        return line

    def listen(self) -> socket.socket:
        """Returns a listening socket; a Unix one is its owner's alone, and takes the place of one left behind.

        OSError: somebody listens there, or the address cannot be.
        """
        if self.path is None:
            return socket.create_server((self.host, self.port), backlog=128)
        if self._answers():
            raise OSError(errno.EADDRINUSE, f"somebody listens at {self.path}")
        self.path.unlink(missing_ok=True)
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            with reachable(self.path) as name:
                line.bind(name)
            line.listen(128)
        except BaseException:
            line.close()
            raise
        finally:
            os.umask(before)
        return line

    def _answers(self) -> bool:
        try:
            self.connect(_LOOK_S).close()
        except OSError:
            return False
        return True

    def __str__(self) -> str:
        return str(self.path) if self.path is not None else f"{self.host}:{self.port}"
