"""alpaca-py's own REST client as it is used here. Whoever calls the venue pays for its import.

`RESTClient` makes the addresses, the headers and the calls. Three things of it are changed, none of which it offers:

- it sends a POST again after a 429 or a 504, and 0 retries cannot be asked for: here whoever asked decides;
- it waits for ever for an answer: here `timeout_s`;
- it throws away the headers that say how much of the rate limit is left, and makes one error of all that is not a 200.

`alpaca.common.rest` alone is imported (0.1 s, 5 MB): `alpaca.trading` would bring pandas and a deprecated part of
websockets with it (0.3 s, 47 MB).
"""

from typing import Any, Final

import requests
from alpaca.common.rest import RESTClient

from quarterdeck.venues.alpaca.answers import Reply

__all__ = ["Client", "Failure", "never_left"]

_ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_CONNECT_S: Final = 2.0
_REFUSED_AT_ONCE: Final = frozenset({"NewConnectionError", "ConnectTimeoutError", "NameResolutionError"})

Failure = requests.exceptions.RequestException


class Client(RESTClient):
    """The official client, which sends once, waits so long, and returns a Reply whatever the answer is."""

    def __init__(self, address: str, key: str, secret: str, timeout_s: float) -> None:
        super().__init__(base_url=address.rstrip("/"), api_key=key, secret_key=secret, raw_data=True)
        self._retry = 0
        self._timeout_s = timeout_s
        self._session.trust_env = False  # no proxy and no login of the machine's user stands between us and the venue

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
        assert retry == 0
        patience = (min(_CONNECT_S, self._timeout_s), self._timeout_s)
        answer = self._session.request(method, url, timeout=patience, stream=True, **opts)
        with answer:
            body = bytearray()
            for chunk in answer.iter_content(_CHUNK):
                body += chunk
                if len(body) > _ANSWER_BYTES_MAX:
                    raise requests.exceptions.ContentDecodingError(f"more than {_ANSWER_BYTES_MAX} bytes")
            limit, left, resets_s = (
                _whole(answer.headers.get(f"X-RateLimit-{name}")) for name in ("Limit", "Remaining", "Reset")
            )
            return Reply(answer.status_code, bytes(body), limit, left, resets_s)

    def close(self) -> None:
        """Gives its connections up."""
        self._session.close()


def never_left(error: Failure) -> bool:
    """Whether no connection was made at all."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return type(getattr(cause, "reason", None)).__name__ in _REFUSED_AT_ONCE


def _whole(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 16 else 0
