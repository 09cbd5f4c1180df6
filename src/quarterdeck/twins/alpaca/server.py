"""The twin's server: /v2 by HTTP, /v2/iex, /v2/sip, /v2/test and /stream by websocket, /twin for whoever runs it.

The market's clock begins where it is told and may run faster than the real one; rate limits and the ten seconds that a
client has to authenticate are of real time.
"""

import asyncio
import contextlib
import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec
from aiohttp import web

from quarterdeck.market.events import Events
from quarterdeck.twins.alpaca.accounts import Account
from quarterdeck.twins.alpaca.calendar import Calendar, Phase, new_york
from quarterdeck.twins.alpaca.exchange import TwinExchange
from quarterdeck.twins.alpaca.feed import SessionFeed
from quarterdeck.twins.alpaca.history import History
from quarterdeck.twins.alpaca.limits import RateLimits
from quarterdeck.twins.alpaca.listings import default_listings
from quarterdeck.twins.alpaca.refusals import Refusal, forbidden, missing
from quarterdeck.twins.alpaca.rehearsal import RehearsalMarket
from quarterdeck.twins.alpaca.routes import Asked, data_routes, trading_routes
from quarterdeck.twins.alpaca.streams import DataHub, DataSession, UpdatesHub, UpdatesSession
from quarterdeck.twins.alpaca.trading import Answer, Trading
from quarterdeck.twins.faults import Fault, Faults
from quarterdeck.twins.feed import Feed, GeneratedFeed, RecordedFeed
from quarterdeck.twins.serving import Outbox, Site, Sockets

__all__ = ["Credentials", "TwinOptions", "TwinServer"]

_AUTHENTICATE_S: Final = 10.0
_FLUSH_S: Final = 0.2
_TICK_MAX_S: Final = 0.05
_TICK_MIN_S: Final = 0.001
_NS_PER_S: Final = 1_000_000_000
_ORDER_VERBS: Final = frozenset({"POST", "PATCH", "DELETE"})
_KEY: Final = "APCA-API-KEY-ID"
_SECRET: Final = "APCA-API-SECRET-KEY"
_FEEDS: Final = ("iex", "sip", "test", "delayed_sip", "boats", "overnight", "otc")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Verb = Callable[[Asked], Answer]


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account's keys and its money. The secret is never shown."""

    key: str
    secret: str = field(repr=False)
    dollars: str = "100000"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinOptions:
    """`start_ns` 0: now. `recorded` are events of the stock `symbol`, in its ticks and lots, in place of its flow."""

    port: int = 0
    seed: int = 1
    speed: float = 1.0
    start_ns: int = 0
    accounts: tuple[Credentials, ...] = ()
    recorded: Events | None = None
    symbol: str = "AAPL"
    requests_per_minute: int = 200
    connections: int = 1
    symbols: int = 30
    day_trading: bool = False


class TwinServer:
    """One twin. `start` binds the port; `port` is then the one that it listens on."""

    def __init__(self, options: TwinOptions) -> None:
        self._options = options
        self._wall_ns = time.time_ns()
        self.began_ns = options.start_ns or self._wall_ns
        self.calendar = Calendar()
        self.calendar.check(self.began_ns)
        listings = default_listings(self.calendar.active_ns(self.began_ns) or 1)
        self.exchange = TwinExchange(listings, self.calendar, self.began_ns, f"{self._wall_ns} {options.seed}")
        self._feeds: list[Feed] = [SessionFeed(one, self.calendar) for one in self._make_feeds()]
        self._test = RehearsalMarket(self._wall_ns, options.seed)
        self._trading = Trading(self.exchange, day_trading=options.day_trading)
        self._history = History(self.exchange)
        self._limits = RateLimits(options.requests_per_minute)
        self._data = DataHub(self.exchange, connections=options.connections, symbols=options.symbols)
        self._updates = UpdatesHub(self.exchange)
        self.faults = Faults()
        self._site, self._sockets = Site(), Sockets(self.faults)
        self._tasks: list[asyncio.Task[None]] = []
        for one in options.accounts:
            self.exchange.fund(one.key, one.secret, Decimal(one.dollars))

    @property
    def port(self) -> int:
        """Where it listens, once it has started."""
        return self._site.port

    def _make_feeds(self) -> list[Feed]:
        """Each listing's own flow; a recorded stock follows the record instead."""
        listings, options = self.exchange.listings, self._options
        if options.recorded is None:
            return [GeneratedFeed(listings, options.seed)]
        followed = replace(self.exchange.by_symbol[options.symbol], step=1, lots=1)
        others = [one for one in listings if one.symbol != options.symbol]
        began_ns = self.calendar.active_ns(self.began_ns)
        return [RecordedFeed(options.recorded, began_ns, followed), GeneratedFeed(others, options.seed)]

    async def start(self, host: str = "127.0.0.1") -> None:
        """Begins to listen, and lets the market go."""
        application = Site.application()
        self._add_routes(application.router)
        await self._site.start(application, host, self._options.port)
        self._catch_up()
        self._tasks.append(asyncio.create_task(self._run_market()))

    async def serve(self) -> None:
        """Waits until the market ends, which it does by an error alone; that error is raised."""
        await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """Ends everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sockets.cut_all()
        await self._site.stop()

    # Time.

    def market_ns(self) -> int:
        """Returns the market's time."""
        return self.began_ns + int((time.time_ns() - self._wall_ns) * self._options.speed)

    def _catch_up(self) -> None:
        """Lets the market come to the present moment, phase after phase of its days."""
        now_ns, exchange = self.market_ns(), self.exchange
        while True:
            change_ns = self.calendar.next_change_ns(exchange.now_ns)
            until_ns = min(now_ns, change_ns - 1)
            if not exchange.halted:
                for feed in self._feeds:
                    if feed.next_ns() <= until_ns:
                        exchange.take(feed.take(until_ns))
            if change_ns > now_ns:
                exchange.advance(now_ns)
                return
            exchange.advance(change_ns)
            exchange.turn()

    def publish(self) -> None:
        """Tells the listeners what happened since the last time."""
        news = self.exchange.take_news()
        self._data.publish(news)
        self._updates.publish(news)
        self._data.publish_test(self._test.take(time.time_ns()))

    async def _run_market(self) -> None:
        while True:
            self._catch_up()
            self.publish()
            ahead_ns = min(feed.next_ns() for feed in self._feeds) - self.market_ns()
            wait_s = ahead_ns / _NS_PER_S / self._options.speed
            await asyncio.sleep(min(max(wait_s, _TICK_MIN_S), _TICK_MAX_S))

    # HTTP.

    def _add_routes(self, router: web.UrlDispatcher) -> None:
        for routes, wrap in ((trading_routes(self._trading), self._trade), (data_routes(self._history), self._tell)):
            for method, path, verb in routes:
                router.add_route(method, f"/v2/{path}", wrap(verb))
        for feed in _FEEDS:
            router.add_get(f"/v2/{feed}", self._stream_data)
        router.add_get("/stream", self._stream_updates)
        router.add_post("/twin", self._twin)
        router.add_route("*", "/{path:.*}", self._nothing)

    def _account(self, request: web.Request) -> Account | None:
        account = self.exchange.accounts.get(request.headers.get(_KEY, ""))
        secret = request.headers.get(_SECRET, "")
        return (
            account if account is not None and hmac.compare_digest(account.secret.encode(), secret.encode()) else None
        )

    def _trade(self, verb: Verb) -> Handler:
        """A route of the trading API."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if self.faults.take(Fault.FAIL):
                return web.Response(status=502, text="<html>bad gateway</html>")
            account = self._account(request)
            if account is None:
                return _json(401, {"message": "unauthorized."})
            allowed, headers = self._limits.admit(account.key, int(time.time()))
            if not allowed:
                return _json(429, {"code": 42910000, "message": "rate limit exceeded"}, headers)
            try:
                asked = await _asked(request, account)
            except msgspec.DecodeError:
                return _json(400, {"code": 40010000, "message": "request body format is invalid"}, headers)
            acts = request.method in _ORDER_VERBS and "configurations" not in request.path
            status, answer = self._act(verb, asked, acts=acts)
            if acts and self.faults.take(Fault.DROP_ACKS):
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            return await self._say(status, answer, headers)

        return handle

    def _tell(self, verb: Verb) -> Handler:
        """A route of the data API, whose errors have no code."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if self.faults.take(Fault.FAIL):
                return web.Response(status=502, text="<html>bad gateway</html>")
            account = self._account(request)
            if account is None:
                given = request.headers.get(_KEY)
                return _json(403, {"message": "forbidden."}) if given else _json(401, {"message": "unauthorized."})
            allowed, headers = self._limits.admit(f"data {account.key}", int(time.time()))
            if not allowed:
                return _json(429, {"message": "too many requests."}, headers)
            status, answer = self._act(verb, await _asked(request, account), acts=False)
            return await self._say(status, answer, headers)

        return handle

    def _act(self, verb: Verb, asked: Asked, *, acts: bool) -> Answer:
        """Does what is asked and tells everybody."""
        self._catch_up()
        try:
            if acts and self.faults.take(Fault.REJECT):
                raise forbidden("request refused by a fault")
            return verb(asked)
        except Refusal as refusal:
            return refusal.status, refusal.body
        finally:
            self.publish()

    async def _say(self, status: int, body: Any, headers: dict[str, str]) -> web.Response:
        if self.faults.delay_s:
            await asyncio.sleep(self.faults.delay_s)
        return _json(status, body, headers)

    async def _nothing(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002 - a route's shape
        refusal = missing("endpoint not found")
        return _json(refusal.status, refusal.body)

    async def _twin(self, request: web.Request) -> web.Response:
        """Faults and money, for whoever runs the twin."""
        try:
            body = msgspec.json.decode(await request.read() or b"{}", type=dict[str, Any])
            if "fault" in body:
                await self._set_fault(Fault(body["fault"]), int(body.get("amount", 1)))
            if "fund" in body:
                account = self.exchange.accounts[str(body["fund"])]
                self.exchange.fund(account.key, account.secret, Decimal(str(body.get("dollars", "100000"))))
        except (msgspec.DecodeError, ValueError, KeyError, InvalidOperation) as error:
            return _json(400, {"error": str(error)})
        self.publish()
        return _json(
            200,
            {
                "accounts": [one.id for one in self.exchange.accounts.values()], "sessions": len(self._sockets),
                "time": new_york(self.market_ns()).isoformat(), "phase": self.exchange.phase.value,
                "open": self.exchange.phase is Phase.REGULAR,
            },
        )  # fmt: skip

    async def _set_fault(self, fault: Fault, amount: int) -> None:
        self.faults.set(fault, amount)
        if fault is Fault.DISCONNECT:
            await self._sockets.cut_all()
        if fault in {Fault.HALT, Fault.CLEAR}:
            self._catch_up()
            self.exchange.halt(on=fault is Fault.HALT and amount > 0)

    # Websockets.

    async def _stream_data(self, request: web.Request) -> web.WebSocketResponse:
        binary = "msgpack" in request.headers.get("Content-Type", "")
        outbox = Outbox(binary=binary)
        session = DataSession(request.path.removeprefix("/v2/"), outbox.send, binary=binary)
        async with self._sockets.accept(request, outbox) as socket:
            stays = self._data.greet(session, request.headers.get(_KEY, ""), request.headers.get(_SECRET, ""))
            late = asyncio.get_running_loop().call_later(_AUTHENTICATE_S, self._too_late, session, socket)
            try:
                if stays:
                    async for raw in self._sockets.messages(socket):
                        if not self._data.hear(session, raw):
                            break
            finally:
                late.cancel()
                self._data.sessions.discard(session)
            if not socket.closed:
                await asyncio.sleep(_FLUSH_S)  # what was said last goes out
                await _close(socket)
        return socket

    def _too_late(self, session: DataSession, socket: web.WebSocketResponse) -> None:
        if not self._data.expire(session):
            self._tasks.append(asyncio.create_task(_close_later(socket)))

    async def _stream_updates(self, request: web.Request) -> web.WebSocketResponse:
        outbox = Outbox(binary=True)
        session = UpdatesSession(outbox.send)
        async with self._sockets.accept(request, outbox) as socket:
            self._updates.sessions.add(session)
            try:
                async for raw in self._sockets.messages(socket):
                    self._updates.hear(session, raw)
            finally:
                self._updates.sessions.discard(session)
        return socket


async def _close(socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):  # it may have gone by itself
        await socket.close()


async def _close_later(socket: web.WebSocketResponse) -> None:
    await asyncio.sleep(_FLUSH_S)
    await _close(socket)


async def _asked(request: web.Request, account: Account) -> Asked:
    """Reads a request. Raises msgspec.DecodeError where its body is no object."""
    raw = await request.read()
    body = msgspec.json.decode(raw, type=dict[str, Any]) if raw else {}
    return Asked(account, request.query, request.match_info.get("name", ""), body)


def _json(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    raw = b"" if body is None else msgspec.json.encode(body)
    return web.Response(status=status, body=raw, content_type="application/json", headers=headers)
