"""HTTP of one thread: a connection that is kept, and a plain word for each way in which a call can fail."""

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from quarterdeck.errors import ConfigError

__all__ = ["ANSWER_BYTES_MAX", "Endpoint", "NotSent", "Poster", "Reply", "Unanswered"]

ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
_USUAL_PORT: Final = {False: 80, True: 443}
_IDLE_MAX_S: Final = 10.0  # a server closes what is idle; a request into that close would be lost


class NotSent(OSError):
    """No connection: nothing left this process."""


class Unanswered(OSError):
    """It was sent, wholly or in part, and no answer came."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. `headers` are those that speak of limits, their names in small letters."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the venue is: "http://HOST:PORT" or "https://HOST"."""

    secure: bool
    host: str
    port: int

    @classmethod
    def read(cls, address: str) -> "Endpoint":
        """Reads an address. ConfigError for another kind."""
        parts = urlsplit(address)
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            port = 0
        if parts.scheme not in {"http", "https"} or not parts.hostname or not port or parts.path.strip("/"):
            raise ConfigError("venue", "address", address, "http://HOST:PORT or https://HOST")
        return cls(parts.scheme == "https", parts.hostname, port)

    @property
    def stream(self) -> str:
        """What the addresses of its websockets begin with."""
        return f"{'wss' if self.secure else 'ws'}://{self._host}:{self.port}"

    @property
    def authority(self) -> str:
        """What a request names as its host: with the port, unless it is the usual one."""
        return self._host if self.port == _USUAL_PORT[self.secure] else f"{self._host}:{self.port}"

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


class Poster:
    """Calls from one thread. `told` is how the names of the headers begin that its answers keep, in small letters."""

    def __init__(self, endpoint: Endpoint, timeout_s: float, told: tuple[str, ...] = ()) -> None:
        self._endpoint, self._timeout_s, self._told = endpoint, timeout_s, told
        self._host = endpoint.authority
        self._wire: socket.socket | None = None
        self._used_s = 0.0

    def call(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """Returns the answer to a path, its query, its body. NotSent; Unanswered: nobody knows what came of it."""
        wire = self._connected()
        try:
            wire.sendall(_request(method, target, {"Host": self._host, **headers}, body))
            with closing(http.client.HTTPResponse(wire, method=method)) as answer:
                answer.begin()
                raw = answer.read(ANSWER_BYTES_MAX + 1)
            if len(raw) > ANSWER_BYTES_MAX:
                raise http.client.IncompleteRead(b"", ANSWER_BYTES_MAX)
            if answer.will_close or answer.length:  # cut off: whoever reads it will say so
                self.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            # The error's own text may repeat the target, and with it a signature: its kind is enough.
            raise Unanswered(f"no answer: {type(error).__name__}") from None
        self._used_s = time.monotonic()
        told = {name.lower(): value for name, value in answer.getheaders() if name.lower().startswith(self._told)}
        return Reply(answer.status, raw, told)

    def _connected(self) -> socket.socket:
        if self._wire is not None and time.monotonic() - self._used_s < _IDLE_MAX_S:
            return self._wire
        self.close()
        where = self._endpoint
        wire: socket.socket | None = None
        try:
            wire = socket.create_connection((where.host, where.port), self._timeout_s)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if where.secure:
                wire = ssl.create_default_context().wrap_socket(wire, server_hostname=where.host)
        except OSError as error:
            if wire is not None:
                wire.close()
            raise NotSent(f"no connection: {error}") from error
        self._wire = wire
        return wire

    def close(self) -> None:
        """Gives the connection up."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()


def _request(method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """A request's bytes. `http.client` takes a quarter of a millisecond for them, which an order would wait for.

    Raises ValueError for a target or a header that would not stay in its line.
    """
    if body is not None or method != "GET":
        headers = {**headers, "Content-Length": str(len(body or b""))}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if " " in target or not all(line.isascii() and line.isprintable() for line in lines):
        raise ValueError("a request of more than its lines")
    return "\r\n".join((*lines, "Accept-Encoding: identity", "", "")).encode("ascii") + (body or b"")
