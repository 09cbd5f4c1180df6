"""The console's process: NiceGUI on a FastAPI app of its own, behind the door, on loopback unless told otherwise."""

import asyncio
import signal
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, cast

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse
from nicegui import ui

from quarterdeck.config.ops import OpsConfig
from quarterdeck.errors import ConfigError, OpsError
from quarterdeck.ops.access import Refusal, Refused
from quarterdeck.ops.console.door import Door, cookie_line, origin_of, session_of
from quarterdeck.ops.console.looks import asset
from quarterdeck.ops.console.pages import Page
from quarterdeck.ops.console.plane import ConsolePlane
from quarterdeck.ops.console.signing_in import form_values, sign_in_page
from quarterdeck.ops.console.state import View, tab_name

__all__ = ["Address", "console_app", "serve"]

_ASSETS: Final = {"console.css": "text/css", "theme.js": "text/javascript"}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_APART: Final = "sandbox allow-scripts"  # what a report's own scripts do, they do as a stranger
_ANYBODY: Final = "sign-in"
_MARK: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#0b5cad" stroke-width="1.7"'
    ' stroke-linejoin="round" stroke-linecap="round"><path d="M3 20h18l-2-4H5zM12 3v10M12 4l6 7h-6M10 6l-4 5h4"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the console listens. Beyond loopback it speaks TLS only."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None

    @property
    def secure(self) -> bool:
        return self.certificate is not None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"

    def check(self) -> None:
        """ConfigError: what is typed here would cross a network unencrypted, or half of a certificate is named."""
        try:
            loopback = self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError as error:
            raise ConfigError("command", "--host", self.host, "an address of this machine") from error
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("command", "--tls-key", str(self.key), "both --tls-certificate and --tls-key, or neither")
        if not loopback and not self.secure:
            raise ConfigError("command", "--host", self.host, "127.0.0.1, or --tls-certificate and --tls-key with it")


def console_app(plane: ConsolePlane, *, secure: bool) -> Any:
    """The ASGI app: sign-in, assets, reports and pages, behind the door."""

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    _signing(app, plane, secure=secure)
    _files(app, plane)
    _pages(plane)
    cast(Any, ui).run_with(
        app,
        title="Quarterdeck",
        favicon=_MARK,
        tailwind=False,
        dark=None,
        reconnect_timeout=10.0,
        show_welcome_message=False,
        binding_refresh_interval=None,
    )
    return Door(app, lambda secret, origin: _known(plane, secret, origin), secure=secure)


def _known(plane: ConsolePlane, secret: str, origin: str) -> bool:
    if not secret:
        return False
    try:
        plane.gate.identify(secret, origin)
    except Refused:
        return False
    return True


def _signing(app: FastAPI, plane: ConsolePlane, *, secure: bool) -> None:
    def page(error: str = "", person: str = "", status: int = 200) -> HTMLResponse:
        return HTMLResponse(sign_in_page(plane.words.of(_ANYBODY, "sign-in"), error, person), status)

    async def show(request: Request) -> Response:
        if _known(plane, session_of(request.scope), origin_of(request.scope)):
            return RedirectResponse("/", 303)
        return page()

    async def sign_in(request: Request) -> Response:
        values = form_values(await request.body())
        person = values.get("person", "").strip()
        if not plane.words.right(_ANYBODY, "sign-in", values.get("word", "")):
            return page("This page was too old: try again", person, 403)
        words = person, values.get("password", ""), values.get("totp", "").strip() or None, origin_of(request.scope)
        try:
            secret = await asyncio.to_thread(plane.gate.sign_in, *words)
        except Refused as refused:
            said = "Your authenticator's code is needed too" if refused.code is Refusal.TOTP_MISSING else str(refused)
            return page(said[:1].upper() + said[1:], person, refused.status)
        answer = RedirectResponse("/", 303)
        answer.headers["set-cookie"] = cookie_line(secret, secure=secure)
        return answer

    async def sign_out(request: Request) -> Response:
        secret = session_of(request.scope)
        if not plane.words.right(secret, "sign-out", form_values(await request.body()).get("word", "")):
            return PlainTextResponse("this page was too old: go back and try again\n", 403)
        await asyncio.to_thread(plane.gate.sign_out, secret, origin_of(request.scope))
        answer = RedirectResponse("/sign-in", 303)
        answer.headers["set-cookie"] = cookie_line("", secure=secure)
        return answer

    app.add_api_route("/sign-in", show, methods=["GET"])
    app.add_api_route("/sign-in", sign_in, methods=["POST"])
    app.add_api_route("/sign-out", sign_out, methods=["POST"])


def _files(app: FastAPI, plane: ConsolePlane) -> None:
    async def alive() -> Response:
        return PlainTextResponse("alive\n")

    async def assets(name: str) -> Response:
        if name not in _ASSETS:
            return PlainTextResponse("there is no such file\n", 404)
        return Response(asset(name), media_type=_ASSETS[name], headers={"cache-control": _FOR_GOOD})

    async def report(desk: str, path: str, request: Request) -> Response:
        try:
            identity = plane.gate.identify(session_of(request.scope), origin_of(request.scope))
        except Refused as refused:
            return PlainTextResponse(f"{refused}\n", refused.status)
        seen = plane.desks.get(desk)
        if seen is None or not identity.may_see(desk):
            return PlainTextResponse("there is no such desk\n", 404)
        folder = (seen.place.root / "reports").resolve()
        found = (folder / path).resolve()
        if not found.is_relative_to(folder) or not found.is_file():
            return PlainTextResponse("there is no such report\n", 404)
        return FileResponse(found, content_disposition_type="inline", headers={"content-security-policy": _APART})

    app.add_api_route("/alive", alive, methods=["GET"])
    app.add_api_route("/assets/{name}", assets, methods=["GET"])
    app.add_api_route("/desk/{desk}/report/{path:path}", report, methods=["GET"])


def _pages(plane: ConsolePlane) -> None:
    """NiceGUI keeps its pages per process; so does this console."""

    def show(request: Request, view: View) -> Response | None:
        try:
            Page(plane, view, session_of(request.scope), origin_of(request.scope)).build()
        except Refused as refused:
            if refused.status == 401:
                return RedirectResponse("/sign-in", 303)
            return PlainTextResponse(f"{refused}\n", refused.status)
        return None

    def overview_page(request: Request) -> Response | None:
        return show(request, View("overview"))

    def alarms_page(request: Request) -> Response | None:
        return show(request, View("alarms"))

    def desk_page(request: Request, name: str, tab: str = "") -> Response | None:
        if name not in plane.desks:
            return PlainTextResponse("there is no such desk\n", 404)
        return show(request, View("desk", desk=name, tab=tab_name(tab)))

    pages: tuple[tuple[str, str, Callable[..., Response | None]], ...] = (
        ("/", "Overview", overview_page),
        ("/alarms", "Alerts", alarms_page),
        ("/desk/{name}", "Desk", desk_page),
        ("/desk/{name}/{tab}", "Desk", desk_page),
    )
    for path, title, build in pages:
        cast(Any, ui).page(path, title=f"{title} – Quarterdeck")(build)


def serve(config: OpsConfig, address: Address, say: Callable[[str], None]) -> None:
    """Serves until it is told to end (SIGINT, SIGTERM). ConfigError: an address or desk that cannot be."""
    address.check()
    plane = ConsolePlane(config)
    try:
        if not plane.gate.people.list():
            say("nobody may sign in yet: `quarterdeck person add NAME --role operator` lets somebody in")
        settings = uvicorn.Config(
            console_app(plane, secure=address.secure),
            host=address.host,
            port=address.port,
            ssl_certfile=address.certificate,
            ssl_keyfile=address.key,
            ssl_version=ssl.PROTOCOL_TLS_SERVER,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        say(f"the console is at {address.url}; Ctrl-C ends it")
        server = uvicorn.Server(settings)
        asyncio.run(_both(server, plane))
        if not server.started:
            raise OpsError(f"the console could not listen at {address.url}: another program does, or it is not ours")
    finally:
        plane.close()


async def _both(server: uvicorn.Server, plane: ConsolePlane) -> None:
    """The server and what it shows: a console that sees nothing any more ends, so that it is started anew."""

    def ended(_: object) -> None:
        server.should_exit = True

    for word in (signal.SIGINT, signal.SIGTERM):
        signal.signal(word, _told)  # the server takes them while it serves, and raises them once more behind itself
    running = asyncio.create_task(plane.run())
    running.add_done_callback(ended)
    await server.serve()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def _told(*_: object) -> None:
    """To be told to end is no failure: the process ends in order, with 0."""
