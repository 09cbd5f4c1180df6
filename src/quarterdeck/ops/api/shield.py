"""What surrounds every request: headers that a browser obeys, how long a body may be, whom a loopback port answers.

A page of another site may make a browser ask this machine's ports under that site's own name; so a loopback port
answers only to this machine's names. Nothing takes a cookie, and no header is sent that would let another site read.
"""

from collections.abc import Callable
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quarterdeck.ops.api.caller import is_loopback
from quarterdeck.ops.api.pages import STYLE_HASH
from quarterdeck.ops.api.problems import Code, Problem, problem_response

__all__ = ["BODY_MAX", "Shield"]

BODY_MAX: Final = 64 * 1024

_POLICY: Final = (
    f"default-src 'none'; style-src {STYLE_HASH}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_CURL_TYPES: Final = ("", "application/x-www-form-urlencoded")
_YEAR_S: Final = 365 * 24 * 3600


class Shield:
    """ASGI around the app. `refused` is told method, path, peer and status of what was not let in (401, 403, 429)."""

    def __init__(self, app: ASGIApp, refused: Callable[[str, str, str, int], None]) -> None:
        self._app, self._refused = app, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._mark(scope, message)
            await send(message)

        problem = _fault(scope)
        if problem is not None:
            await problem_response(scope["path"], problem)(scope, receive, answer)
            return
        await self._app(_read_as_json(scope), _bounded(receive), answer)

    def _mark(self, scope: Scope, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in _HEADERS.items():
            headers[name] = value
        if scope["scheme"] == "https":
            headers["Strict-Transport-Security"] = f"max-age={_YEAR_S}"
        status: int = message["status"]
        if status in {401, 403, 429}:
            peer: Any = scope.get("client") or ("unknown", 0)
            self._refused(scope["method"], scope["path"], peer[0], status)


def _fault(scope: Scope) -> Problem | None:
    """What keeps a request from being looked at any further."""
    if not _called_by_name(scope):
        detail = "this port is for this machine: call it localhost, or let it listen on another address"
        return Problem(421, Code.HOST_UNKNOWN, detail)
    said = Headers(scope=scope).get("content-length", "")
    if said.isdecimal() and int(said) > BODY_MAX:
        return Problem(413, Code.BODY_TOO_LARGE, f"a body has at most {BODY_MAX} bytes: no command is longer")
    return None


def _read_as_json(scope: Scope) -> Scope:
    """A body that curl has called a form, or that nobody called anything, is JSON here."""
    said = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    if said not in _CURL_TYPES:
        return scope
    others = [one for one in scope["headers"] if one[0] != b"content-type"]
    return {**scope, "headers": [*others, (b"content-type", b"application/json")]}


def _bounded(receive: Receive) -> Receive:
    """Bodies that do not say how long they are: HTTPException 413 when they have become too long."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_MAX:
            raise HTTPException(413)
        return message

    return bounded


def _called_by_name(scope: Scope) -> bool:
    """Whether a loopback port was called by one of this machine's names; any other port is not looked at."""
    server: Any = scope.get("server") or ("", None)
    if not is_loopback(server[0]):
        return True
    said = Headers(scope=scope).get("host", "")
    name = said[: said.find("]") + 1] if said.startswith("[") else said.partition(":")[0]
    return name.lower() in {"localhost", ""} or name.lower().endswith(".localhost") or is_loopback(name.strip("[]"))
