"""REST calls of one thread, with a plain word for each way in which one can fail."""

from typing import Any
from urllib.parse import urlsplit

from quarterdeck.errors import ConfigError
from quarterdeck.venues.alpaca.answers import Reply
from quarterdeck.venues.alpaca.keys import Keys
from quarterdeck.venues.alpaca.requests import Call

__all__ = ["NotSent", "Poster", "Unanswered", "stream_address"]


class NotSent(OSError):
    """No connection: nothing left this process."""


class Unanswered(OSError):
    """It was sent, wholly or in part, and no answer came."""


def stream_address(address: str, path: str) -> str:
    """Returns the websocket address beside a REST address. ConfigError for one that is none."""
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == -1 or parts.path.strip("/"):
        raise ConfigError("venue", "address", address, "http://HOST:PORT or https://HOST")
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{path}"


class Poster:
    """Calls of one thread."""

    def __init__(self, address: str, keys: Keys, timeout_s: float) -> None:
        """`address` is that of the trading API, "http://HOST:PORT" or "https://HOST"."""
        from quarterdeck.venues.alpaca import client  # noqa: PLC0415 - whoever calls pays its 0.1 s

        self._library: Any = client  # its methods promise a parsed body; what they return is a Reply
        self._client: Any = keys.lend(lambda key, secret: client.Client(address, key, secret, timeout_s))

    def call(self, call: Call) -> Reply:
        """Returns the answer. Raises NotSent, or Unanswered when nobody knows what came of it."""
        client = self._client
        send = {"GET": client.get, "POST": client.post, "DELETE": client.delete}[call.method]
        try:
            return send(call.path, dict(call.fields) or None)
        except self._library.Failure as error:
            why = f"{type(error).__name__}: {error}"[:200]
            if self._library.never_left(error):
                raise NotSent(f"no connection: {why}") from error
            raise Unanswered(why) from error

    def close(self) -> None:
        """Gives its connections up."""
        self._client.close()
