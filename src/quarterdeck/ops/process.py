"""The ops plane's process: every part of it, made in order, run side by side, ended in order.

    async with Plane.running(config) as plane:
        ...                                     # plane.gate, plane.commander, plane.bus ...

`serve` runs it with HTTP on every [[listen]] until a signal. What it owns besides lies in the folder `ops/` beside
ops.toml: its database, the audit of access, logs/ops.log, aggregate_exposure.json.
"""

import asyncio
import contextlib
import fcntl
import signal
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import uvicorn

from quarterdeck.config.ops import Listen, OpsConfig
from quarterdeck.errors import ConfigError, OpsError
from quarterdeck.ops.access import Gate
from quarterdeck.ops.alerts.alerts import Alerts
from quarterdeck.ops.alerts.book import AlertBook
from quarterdeck.ops.api.application import create_app
from quarterdeck.ops.api.caller import is_loopback
from quarterdeck.ops.api.idempotency import Answers
from quarterdeck.ops.api.logbook import Logbook
from quarterdeck.ops.api.problems import Problem
from quarterdeck.ops.api.recent import Recent
from quarterdeck.ops.api.replies import encode
from quarterdeck.ops.api.views import aggregate_exposure
from quarterdeck.ops.bus import InProcessBus, RedisBus, Subscription, open_bus
from quarterdeck.ops.commands import Commander
from quarterdeck.ops.desks import Desks, SeenDesk
from quarterdeck.ops.health.checking import Health
from quarterdeck.ops.hearing import Hearing
from quarterdeck.ops.incidents.incidents import Incidents
from quarterdeck.ops.metrics.scrape import Metrics
from quarterdeck.ops.seeing import see
from quarterdeck.ops.store import Store

__all__ = ["Plane", "serve"]

_GRACE_S: Final = 5  # for requests that are under way when it ends
_AGAIN_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)  # pauses before a part that failed is begun again
_EXPOSURE_S: Final = 5.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_BACKLOG: Final = 512
OpenBus: TypeAlias = InProcessBus | RedisBus


class Plane:
    """All parts of one ops plane. Make it in a running loop, `start` what runs by itself, `close` it in the end."""

    def __init__(self, config: OpsConfig, bus: OpenBus) -> None:
        self.config, self.bus = config, bus
        self.desks = Desks.load(config.desk_places)
        self._ports = {one.port: self._bound_to(one) for one in config.listen}
        self.log = Logbook(config.data / "logs")
        self.store = Store(config.data)
        self.gate = Gate(self.store, config.access, config.ops.production, config.data / "access.jsonl")
        self.gate.adopt_configured(config.folder)
        self.tokens, self.approvals = self.gate.tokens, self.gate.approvals
        self.answers = Answers(self.store)
        self.commander = Commander(self.desks, self.gate)
        self.book = AlertBook(self.store)
        self.recent = {name: Recent(name, desk.place.logs / "trading.log") for name, desk in self.desks.items()}
        self.health = Health(self.desks, config.thresholds, store=self.store, folder=config.data)
        self.metrics = Metrics(self.desks, self.store, self._suppressed)
        # It looks in threads at what a desk shows, which one reader cannot do for two at a time.
        self._apart = Desks([SeenDesk(desk.config, desk.place.root) for desk in self.desks.values()])
        self.incidents = Incidents(self.store, self._apart, config.data / "incidents")
        self.alerts = Alerts(config, self.store, bus, self.desks, health=self.health.check)
        self.streams: set[Subscription] = set()
        self.one_test = asyncio.Lock()
        self._parts: list[asyncio.Task[None]] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, config: OpsConfig) -> "AsyncGenerator[Plane]":
        """One that runs for as long as the block."""
        config.data.mkdir(parents=True, exist_ok=True)
        bus = open_bus(config.data)
        plane = cls(config, bus)
        try:
            await bus.start()
            plane.start()
            yield plane
        finally:
            await plane.close()

    def bound(self, port: int) -> tuple[str, ...]:
        """The desks that a route without /desks/NAME means on a port; a port that is none of ours means all."""
        return self._ports.get(port, tuple(self.desks))

    def start(self) -> None:
        """Begins what runs by itself: hearing the desks' logs, alerts, the file of exposures."""
        parts: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("hearing", self._hear),
            ("alerts", self.alerts.run),
            ("exposure", self._keep_exposure),
        )
        self._parts = [asyncio.create_task(self._keep(name, run), name=name) for name, run in parts]

    def end_streams(self) -> None:
        """Ends every stream, so that their readers' connections end too."""
        for one in tuple(self.streams):
            one.close()

    async def close(self) -> None:
        """Ends all parts, the newest first; commands that are under way are waited for."""
        self.end_streams()
        for part in self._parts:
            part.cancel()
        await asyncio.gather(*self._parts, return_exceptions=True)
        await self.bus.close()
        await asyncio.to_thread(self.commander.close)
        self.health.close()
        self.metrics.close()
        for recent in self.recent.values():
            recent.close()
        self.gate.close()
        self.store.close()
        self._apart.close()
        self.desks.close()
        self.log.info("OPS_ENDED")
        self.log.close()

    def log_refused(self, method: str, path: str, peer: str, status: int) -> None:
        """Notes who was not let in; the audit of access says why."""
        self.log.info("unauthorized", method=method, path=path[:200], peer=peer, status=status)

    def _suppressed(self) -> dict[str, int]:
        """How many alerts of each desk were not told because there were too many."""
        sums: dict[str, int] = {}
        for bucket, count in self.book.suppressed().items():
            desk = bucket.rpartition("|")[2]
            sums[desk] = sums.get(desk, 0) + count
        return sums

    def _bound_to(self, one: Listen) -> tuple[str, ...]:
        for name in one.desks:
            if name not in self.desks:
                allowed = f"one of {', '.join(self.desks) or 'none: no desk is looked after'}"
                raise ConfigError(self.config.file, "listen.desks", name, allowed)
        return one.desks or tuple(self.desks)

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Runs a part, and begins it again when it fails: people are told of an alert even after a fault of ours."""
        for tries in range(1_000_000):
            try:
                await run()
            except Exception as error:  # noqa: BLE001 - whatever it was, it is written down and the part goes on
                self.log.error("PART_FAILED", part=name, error=f"{type(error).__name__}: {error}")
            else:
                return
            await asyncio.sleep(_AGAIN_S[min(tries, len(_AGAIN_S) - 1)])

    async def _hear(self) -> None:
        """Follows the desks' logs, from where they were followed last."""
        await Hearing(self.desks, self.bus, self.store).run()

    async def _keep_exposure(self) -> None:
        """Keeps aggregate_exposure.json beside the store, for those who look at files."""
        path = self.config.data / "aggregate_exposure.json"
        unfinished = path.with_name(path.name + ".unfinished")
        while True:
            shown = [one for one in map(see, self.desks.values()) if one is not None]
            try:
                text = encode(aggregate_exposure(shown))
            except Problem:  # desks that count in currencies which are not summed
                return
            unfinished.write_bytes(text)
            unfinished.replace(path)
            await asyncio.sleep(_EXPOSURE_S)


class _Server(uvicorn.Server):
    """One port's. Signals are the process's own business: it has several of these."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def serve(config: OpsConfig, say: Callable[[str], None]) -> None:
    """Runs an ops plane until SIGINT or SIGTERM, then ends it in order.

    ConfigError: ops.toml; OpsError: another one runs here, an address cannot be had, the store cannot be used.
    """
    config.data.mkdir(parents=True, exist_ok=True)
    with _alone(config.data / "ops.lock"), contextlib.ExitStack() as open_until_the_end:
        doors = [open_until_the_end.enter_context(_listening(one)) for one in config.listen]
        asyncio.run(_serve(config, doors, say))


async def _serve(config: OpsConfig, doors: Sequence[socket.socket], say: Callable[[str], None]) -> None:
    async with Plane.running(config) as plane:
        app = create_app(plane)
        servers = [_Server(_server_config(app, one, config.folder)) for one in config.listen]
        loop = asyncio.get_running_loop()

        def stop() -> None:
            plane.end_streams()
            for server in servers:
                server.should_exit = True

        for number in _SIGNALS:
            loop.add_signal_handler(number, stop)
        try:
            for sentence in _standing(plane):
                say(sentence)
            serving = [
                asyncio.create_task(server.serve(sockets=[door])) for server, door in zip(servers, doors, strict=True)
            ]
            await asyncio.wait(serving, return_when=asyncio.FIRST_COMPLETED)
            stop()
            for ended in await asyncio.gather(*serving, return_exceptions=True):
                if isinstance(ended, BaseException):
                    raise ended
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
    say("the ops plane has ended; desks run on")


def _standing(plane: Plane) -> Generator[str]:
    """What a person should know at the start."""
    for one in plane.config.listen:
        scheme = "https" if one.tls_certificate else "http"
        names = ", ".join(plane.bound(one.port)) or "no desk"
        yield f"listens at {scheme}://{one.host}:{one.port} for {names}"
        if not is_loopback(one.host) and one.tls_certificate is None:
            yield f"port {one.port} is open to other machines without TLS: tokens cross the network as they are"
    if not plane.tokens.list():
        yield "there is no token yet, so nobody may command: quarterdeck token new PERSON --role operator"
    yield f"the routes: /docs; the log: {plane.log.path}"


def _server_config(app: Any, one: Listen, folder: Path) -> uvicorn.Config:
    tls: dict[str, Any] = {}
    if one.tls_certificate is not None and one.tls_key is not None:
        certificate, key = folder / one.tls_certificate, folder / one.tls_key
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
        except OSError as error:
            raise OpsError(f"{certificate}: the certificate or its key cannot be used: {error}") from error
        tls = {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}
    return uvicorn.Config(
        app, lifespan="off", log_config=None, access_log=False, proxy_headers=False, server_header=False, ws="none",
        loop="none", timeout_graceful_shutdown=_GRACE_S, backlog=_BACKLOG, **tls,
    )  # fmt: skip


@contextlib.contextmanager
def _listening(one: Listen) -> Generator[socket.socket]:
    """Takes an address. OpsError: it is taken, or not this machine's."""
    family = socket.AF_INET6 if ":" in one.host else socket.AF_INET
    try:
        door = socket.create_server((one.host, one.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        way_out = "end what listens there, or change [[listen]] in ops.toml"
        raise OpsError(f"{one.host}:{one.port} cannot be listened at ({error.strerror}): {way_out}") from error
    with door:
        # asyncio sets this only where a socket names its protocol; without it answers wait 40 ms for their second half
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield door


@contextlib.contextmanager
def _alone(path: Path) -> Generator[None]:
    """Holds a lock: two ops planes would tell people of each alert twice. OpsError: another one holds it."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OpsError(f"{path}: another ops plane runs in this folder: end it first") from error
        yield
