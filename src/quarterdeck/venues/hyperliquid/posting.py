"""HTTP of one thread: a connection that is kept, and a plain word for each way in which a call can fail."""

import http.client
import ssl
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from quarterdeck.errors import ConfigError
from quarterdeck.venues.hyperliquid.answers import Reply

__all__ = ["Endpoint", "NotSent", "Poster", "Unanswered"]

_ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
_IDLE_MAX_S: Final = 10.0  # a server closes what is idle; a request into that close would be lost


class NotSent(OSError):
    """No connection: nothing left this process."""


class Unanswered(OSError):
    """It was sent, wholly or in part, and no answer came."""


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
        """The websocket's address."""
        return f"{'wss' if self.secure else 'ws'}://{self.host}:{self.port}/ws"


class Poster:
    """Posts JSON from one thread."""

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        self._endpoint, self._timeout_s = endpoint, timeout_s
        self._connection: http.client.HTTPConnection | None = None
        self._used_s = 0.0

    def post(self, path: str, body: dict[str, Any]) -> Reply:
        """Returns the answer. Raises NotSent, or Unanswered when nobody knows what came of it."""
        connection = self._connected()
        try:
            connection.request("POST", path, msgspec.json.encode(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            raw = answer.read(_ANSWER_BYTES_MAX + 1)
            if len(raw) > _ANSWER_BYTES_MAX:
                raise http.client.IncompleteRead(raw[:0], _ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unanswered(f"{type(error).__name__}: {error}"[:200]) from error
        self._used_s = time.monotonic()
        return Reply(answer.status, raw)

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is not None and time.monotonic() - self._used_s < _IDLE_MAX_S:
            return self._connection
        self.close()
        where = self._endpoint
        connection: http.client.HTTPConnection
        if where.secure:
            connection = http.client.HTTPSConnection(
                where.host, where.port, timeout=self._timeout_s, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(where.host, where.port, timeout=self._timeout_s)
        try:
            connection.connect()
        except OSError as error:
            raise NotSent(f"no connection: {error}") from error
        self._connection = connection
        return connection

    def close(self) -> None:
        """Gives the connection up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
