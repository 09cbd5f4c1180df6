"""The console's door: who may pass, the session's cookie, and the headers of every answer. Plain ASGI, around NiceGUI.

The cookie is HttpOnly and SameSite=Strict, so no page of another site can use it; what changes something comes as a
message over the page's own socket, or as a form that carries a word only our page knows. A request that says it comes
from another site is refused whatever it carries.
"""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

__all__ = ["COOKIE", "OPEN_PATHS", "Door", "Words", "cookie_line", "origin_of", "session_of"]

COOKIE: Final = "quarterdeck_session"
OPEN_PATHS: Final = ("/sign-in", "/assets/", "/_nicegui/", "/favicon.ico", "/alive")
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

# Vue compiles what it shows in the browser and so needs eval; nothing at all may come from, or go to, another host.
_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")


class Words:
    """Words that only a page of ours can know: made from a session by a key that dies with this process."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def of(self, session: str, purpose: str) -> str:
        return hmac.new(self._key, f"{purpose}\0{session}".encode(), hashlib.sha256).hexdigest()

    def right(self, session: str, purpose: str, word: str) -> bool:
        return hmac.compare_digest(self.of(session, purpose).encode(), word.encode())


class Door:
    """Lets through what is open, and whoever `known` recognises; shows everybody else the way to the sign-in."""

    def __init__(self, app: App, known: Callable[[str, str], bool], *, secure: bool) -> None:
        self._app, self._known, self._secure = app, known, secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if not _of_this_site(scope):
            await self._refuse(scope, send, 403, "this request comes from another site")
        elif scope["path"].startswith(OPEN_PATHS) or self._known(session_of(scope), origin_of(scope)):
            await self._app(scope, receive, self._dressed(scope, send))
        elif scope["type"] == "http" and scope["method"] == "GET" and not scope["path"].startswith("/_nicegui_ws/"):
            await self._refuse(scope, send, 303, "sign in first", (b"location", b"/sign-in"))
        else:
            await self._refuse(scope, send, 401, "sign in first")

    def _dressed(self, scope: Scope, send: Send) -> Send:
        kept = scope["path"].startswith(("/assets/", "/_nicegui/"))

        async def dressed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), *self._headers()]
                if not kept:
                    headers = [pair for pair in headers if pair[0].lower() != b"cache-control"]
                    headers.append((b"cache-control", b"no-store"))
                message["headers"] = headers
            await send(message)

        return dressed

    def _headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return (*_HEADERS, _HSTS) if self._secure else _HEADERS

    async def _refuse(self, scope: Scope, send: Send, status: int, words: str, *more: tuple[bytes, bytes]) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4000 + status, "reason": words})
            return
        body = f"{words}\n".encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *self._headers(), *more]})
        await send({"type": "http.response.body", "body": body})


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _of_this_site(scope: Scope) -> bool:
    """Whether the browser says that our own page asks, or a person who typed the address or followed a link."""
    origin, site = _header(scope, b"origin"), _header(scope, b"sec-fetch-site")
    if origin and origin != "null":
        return urlsplit(origin).netloc == _header(scope, b"host")
    if origin == "null":
        return False
    follows = scope["type"] == "http" and scope["method"] == "GET" and _header(scope, b"sec-fetch-mode") == "navigate"
    return follows or site in {"", "same-origin", "none"}


def session_of(scope: Scope) -> str:
    """The session's secret that a request's cookie carries; empty where there is none."""
    jar = SimpleCookie()
    try:
        jar.load(_header(scope, b"cookie"))
    except CookieError:
        return ""
    found = jar.get(COOKIE)
    return "" if found is None else found.value


def origin_of(scope: Scope) -> str:
    """Where a request comes from, for the audit trail."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def cookie_line(secret: str, *, secure: bool) -> str:
    """The Set-Cookie line of a session; an empty secret ends it. The session's own end is the gate's to know."""
    ends = "" if secret else "; Max-Age=0"
    return f"{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}{ends}"
