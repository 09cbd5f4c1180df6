"""The twin's server: both halves' REST, streams and websocket APIs at one address, and /twin for whoever runs it.

The market's clock may run faster than the real one (`speed`); signatures, listen keys, countdowns and rate limits are
of real time, and so is what `time` answers. Times of orders, trades and events are the market's.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from quarterdeck.market.events import Events
from quarterdeck.market.instruments import Instrument
from quarterdeck.twins.binance.accounts import UNITS, Account
from quarterdeck.twins.binance.exchange import TwinExchange
from quarterdeck.twins.binance.gate import Gate
from quarterdeck.twins.binance.listings import USDT, default_listings, regrid
from quarterdeck.twins.binance.streams import CATEGORIES, Session, Streams
from quarterdeck.twins.binance.websocket_api import WebsocketApi
from quarterdeck.twins.faults import Fault, Faults
from quarterdeck.twins.feed import Feed, GeneratedFeed, RecordedFeed
from quarterdeck.twins.serving import MarketClock, Outbox, Site, Sockets, wall_ms

__all__ = ["Funds", "TwinOptions", "TwinServer"]

_PING_S: Final = 20.0  # as the spot streams; USD-M pings every three minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """What a key owns: spot assets by name, USDT of its futures wallet. `secret`: HMAC, or an Ed25519 public key."""

    secret: str = field(repr=False)
    spot: Mapping[str, str] = field(default_factory=dict[str, str])
    futures: str = "0"
    may_withdraw: bool = False
    burn: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinOptions:
    """`keys`: API key to what it owns. `recorded`: of the coin `symbol`, on `grid`, in place of its own market."""

    port: int = 0
    seed: int = 1
    speed: float = 1.0
    keys: Mapping[str, Funds] = field(default_factory=dict[str, Funds])
    recorded: Events | None = None
    grid: Instrument | None = None
    symbol: str = "BTCUSDT"
    weight_budget: int = 0  # 0: the venue's


class TwinServer:
    """One twin. `start` binds the port."""

    def __init__(self, options: TwinOptions) -> None:
        self._options = options
        self._clock = MarketClock(options.speed)
        listings = default_listings(self._clock.began_ns)
        if options.grid is not None:
            listings = [regrid(one, options.grid) if one.symbol == options.symbol else one for one in listings]
        self.exchange = TwinExchange(listings, self._clock.began_ns)
        self._feeds = self._make_feeds(options)
        self.faults = Faults()
        self.gate = Gate(self.exchange, self.faults, wall_ms, options.weight_budget)
        self._streams = Streams(self.exchange, {False: self.gate.spot.market, True: self.gate.futures.market})
        self._site = Site()
        self._sockets = Sockets(self.faults, ping_s=_PING_S)
        self._tasks: list[asyncio.Task[None]] = []
        for key, funds in options.keys.items():
            self._open(key, funds)

    def _open(self, key: str, funds: Funds) -> Account:
        account = self.exchange.open_account(key, funds.secret)
        account.may_withdraw, account.burn = funds.may_withdraw, funds.burn
        for asset, amount in funds.spot.items():
            account.add(asset, int(Decimal(amount) * UNITS))
        account.wallet = int(Decimal(funds.futures) * UNITS)
        return account

    def _make_feeds(self, options: TwinOptions) -> list[Feed]:
        """Each listing's own flow; both markets of a recorded coin follow the record instead."""
        listings = self.exchange.listings
        if options.recorded is None:
            return [GeneratedFeed(listings, options.seed)]
        followers = [one for one in listings if one.symbol == options.symbol]
        others = [one for one in listings if one.symbol != options.symbol]
        recorded = [RecordedFeed(options.recorded, self._clock.began_ns, one) for one in followers]
        return [*recorded, GeneratedFeed(others, options.seed)]

    @property
    def port(self) -> int:
        """Where it listens, once it has started."""
        return self._site.port

    async def start(self, host: str = "127.0.0.1") -> None:
        """Begins to listen, and lets the market go."""
        application = self._site.application()
        router = application.router
        for prefix in ("", *(f"/{one}" for one in CATEGORIES)):
            router.add_get(f"{prefix}/ws", self._stream)
            router.add_get(f"{prefix}/ws/{{names:.+}}", self._stream)
            router.add_get(f"{prefix}/stream", self._stream)
        # ccxt knows the spot half by the venue's host name, stream...; here by this path, which is /ws.
        router.add_get("/stream/ws", self._stream)
        router.add_get("/stream/ws/{names:.+}", self._stream)
        for path in ("/ws-api/v3", "/ws-fapi/v1"):
            router.add_get(path, self._websocket_api)
        router.add_post("/twin", self._twin)
        router.add_route("*", "/{path:.*}", self._rest)
        await self._site.start(application, host, self._options.port)
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

    def _catch_up(self) -> None:
        """Lets the market come to the present moment."""
        now_ns = self._clock.now_ns()
        if not self.exchange.halted:
            for feed in self._feeds:
                if feed.next_ns() <= now_ns:
                    self.exchange.take(feed.take(now_ns))
        self.exchange.advance(now_ns)
        self.gate.trading.expire_countdowns()

    def publish(self) -> None:
        """Tells the listeners what happened since the last time."""
        self._streams.publish(self.exchange.take_news(), wall_ms())

    async def _run_market(self) -> None:
        while True:
            self._catch_up()
            self.publish()
            await self._clock.wait_for(min(feed.next_ns() for feed in self._feeds))

    # HTTP.

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        body = (await request.read()).decode("utf-8", "replace")
        if self.faults.take(Fault.FAIL):
            return web.Response(status=502, text="<html>bad gateway</html>", content_type="text/html")
        path, _, query = request.raw_path.partition("?")
        self._catch_up()
        key = request.headers.get("X-MBX-APIKEY", "")
        answer = self.gate.answer(request.method, path, query, body, key, request.remote or "")
        self.publish()
        if answer.acted and self.faults.take(Fault.DROP_ACKS):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if self.faults.delay_s:
            await asyncio.sleep(self.faults.delay_s)
        return web.Response(
            body=msgspec.json.encode(answer.body), content_type="application/json", status=answer.status,
            headers=answer.headers,
        )  # fmt: skip

    async def _twin(self, request: web.Request) -> web.Response:
        """Faults and money, for whoever runs the twin."""
        try:
            body = msgspec.json.decode(await request.read() or b"{}", type=dict[str, Any])
            if "fault" in body:
                await self._set_fault(Fault(body["fault"]), int(body.get("amount", 1)))
            if "fund" in body:
                account = self.exchange.accounts[str(body["fund"])]
                amount = int(Decimal(str(body.get("amount", "10000"))) * UNITS)
                if body.get("wallet") == "futures":
                    account.wallet += amount
                else:
                    account.add(str(body.get("asset", USDT)), amount)
        except (ValueError, KeyError, InvalidOperation, msgspec.DecodeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"accounts": len(self.exchange.accounts), "sessions": len(self._sockets)})

    async def _set_fault(self, fault: Fault, amount: int) -> None:
        self.faults.set(fault, amount)
        if fault is Fault.DISCONNECT:
            await self._sockets.cut_all()
        if fault is Fault.HALT:
            self.exchange.halted = amount > 0
        if fault is Fault.CLEAR:
            self.exchange.halted = False

    # Websockets.

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        """A connection of streams: raw at /ws and /ws/a/b, wrapped at /stream?streams=a/b."""
        first = request.path.split("/")[1]
        category = first if first in CATEGORIES else ""
        combined = request.path.endswith("/stream")
        asked = parse_qs(request.query_string)
        names = asked.get("streams" if combined else "listenKey", [request.match_info.get("names", "")])[0].split("/")
        names += asked.get("listenKey", []) if combined else []
        futures = bool(category) or any(self._is_listen_key(name) for name in names)
        outbox = Outbox()
        session = Session(outbox.send, outbox.close, futures, category, combined)
        async with self._sockets.accept(request, outbox) as socket:
            self._streams.join(session, names)
            try:
                async for message in self._sockets.messages(socket):
                    self._streams.hear(session, message, wall_ms())
            finally:
                self._streams.leave(session)
        return socket

    def _is_listen_key(self, name: str) -> bool:
        return any(name == one.listen_key for one in self.exchange.accounts.values() if one.listen_key)

    async def _websocket_api(self, request: web.Request) -> web.WebSocketResponse:
        outbox = Outbox()
        session = Session(outbox.send, outbox.close, futures=request.path == "/ws-fapi/v1")
        line = WebsocketApi(self.gate, session, wall_ms(), request.remote or "")
        async with self._sockets.accept(request, outbox) as socket:
            self._streams.join(session, [])
            try:
                async for message in self._sockets.messages(socket):
                    self._catch_up()
                    answer = line.hear(message)
                    if answer is not None:
                        if answer.acted and self.faults.take(Fault.DROP_ACKS):
                            outbox.close()
                            break
                        if self.faults.delay_s:
                            await asyncio.sleep(self.faults.delay_s)
                        line.say(answer)
                    self.publish()
            finally:
                self._streams.leave(session)
        return socket
