"""The twin's server: /info and /exchange by POST, /ws, and /twin for whoever runs it.

The market's clock may run faster than the real one (`speed`); nonces, expiries and rate limits are of real time.
"""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec
from aiohttp import web

from quarterdeck.market.events import Events
from quarterdeck.twins.faults import Fault, Faults
from quarterdeck.twins.feed import Feed, GeneratedFeed, RecordedFeed
from quarterdeck.twins.hyperliquid.actions import Actions, Unreadable
from quarterdeck.twins.hyperliquid.exchange import TwinExchange
from quarterdeck.twins.hyperliquid.information import Information
from quarterdeck.twins.hyperliquid.limits import AddressLimits, WeightLimits, weight_of
from quarterdeck.twins.hyperliquid.listings import default_listings
from quarterdeck.twins.hyperliquid.subscriptions import Hub, Session
from quarterdeck.twins.serving import MarketClock, Outbox, Site, Sockets, wall_ms

__all__ = ["TwinOptions", "TwinServer"]

_GREETING: Final = b"Websocket connection established."
_UNREADABLE: Final = "Failed to deserialize the JSON body into the target type"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinOptions:
    """`funds`: address to USDC, as much again in its spot wallet; `agents`: agent's address to master's."""

    port: int = 0
    seed: int = 1
    speed: float = 1.0
    funds: dict[str, str] = field(default_factory=dict[str, str])
    agents: dict[str, str] = field(default_factory=dict[str, str])
    recorded: Events | None = None  # of the perpetual `coin`, in its ticks and lots; in place of its own market
    coin: str = "XRP"
    weight_budget: int = 1_200
    requests: int = 10_000


class TwinServer:
    """One twin. `start` binds the port."""

    def __init__(self, options: TwinOptions) -> None:
        self._options = options
        self._clock = MarketClock(options.speed)
        listings = default_listings(self._clock.began_ns)
        self.exchange = TwinExchange(listings, self._clock.began_ns)
        self._feeds = self._make_feeds(options)
        self._limits = AddressLimits(options.requests)
        self._weights = WeightLimits(options.weight_budget)
        self.information = Information(self.exchange, self._limits)
        self._actions = Actions(self.exchange, self._limits)
        self._hub = Hub(self.exchange, self.information)
        self.faults = Faults()
        self._site = Site()
        self._sockets = Sockets(self.faults)
        self._tasks: list[asyncio.Task[None]] = []
        for address, usdc in options.funds.items():
            self.exchange.fund(address, Decimal(usdc), Decimal(usdc))
        for agent, master in options.agents.items():
            self.exchange.accounts[master.lower()].agents[agent.lower()] = "agent"

    def _make_feeds(self, options: TwinOptions) -> list[Feed]:
        """Each listing's own flow; a recorded perpetual and the spot pair of its coin follow the record instead."""
        listings = self.exchange.listings
        if options.recorded is None:
            return [GeneratedFeed(listings, options.seed)]
        followers = [one for one in listings if one.base == options.coin]
        others = [one for one in listings if one.base != options.coin]
        recorded = [RecordedFeed(options.recorded, self._clock.began_ns, one) for one in followers]
        return [*recorded, GeneratedFeed(others, options.seed)]

    @property
    def port(self) -> int:
        """Where it listens, once it has started."""
        return self._site.port

    async def start(self, host: str = "127.0.0.1") -> None:
        """Begins to listen, and lets the market go."""
        application = self._site.application()
        application.router.add_post("/info", self._info)
        application.router.add_post("/exchange", self._exchange)
        application.router.add_post("/twin", self._twin)
        application.router.add_get("/ws", self._websocket)
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
        now_ms = wall_ms()
        for account in self.exchange.accounts.values():
            if 0 < account.cancel_at_ms <= now_ms:
                account.cancel_at_ms = 0
                account.cancels_triggered += 1
                for order in account.open_orders():
                    self.exchange.cancel(account, order, "scheduledCancel")

    def publish(self) -> None:
        """Tells the listeners what happened since the last time."""
        self._hub.publish(self.exchange.take_news(), wall_ms())

    async def _run_market(self) -> None:
        while True:
            self._catch_up()
            self.publish()
            await self._clock.wait_for(min(feed.next_ns() for feed in self._feeds))

    # HTTP.

    async def _info(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        if self.faults.take(Fault.FAIL):
            return web.Response(status=502, text="<html>bad gateway</html>")
        if body is None or not self._admit(request, "/info", body):
            return _unreadable() if body is None else web.Response(status=429, text="null")
        self._catch_up()
        try:
            answer = self.information.answer(body)
        except (KeyError, TypeError, ValueError, AttributeError):
            return _unreadable()
        finally:
            self.publish()
        self._weights.add(request.remote or "", str(body["type"]), answer, wall_ms())
        return await self._say(answer)

    async def _exchange(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        if self.faults.take(Fault.FAIL):
            return web.Response(status=502, text="<html>bad gateway</html>")
        if body is None or not self._admit(request, "/exchange", body):
            return _unreadable() if body is None else web.Response(status=429, text="null")
        try:
            answer = self._act(body)
        except Unreadable:
            return _unreadable()
        if self.faults.take(Fault.DROP_ACKS):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return await self._say(answer)

    def _act(self, body: dict[str, Any]) -> dict[str, Any]:
        """Does an action and tells everybody."""
        self._catch_up()
        reject = "Internal error: action refused by a fault" if self.faults.take(Fault.REJECT) else ""
        try:
            return self._actions.act(body, wall_ms(), reject)
        finally:
            self.publish()

    def _admit(self, request: web.Request, path: str, body: dict[str, Any]) -> bool:
        return self._weights.admit(request.remote or "", weight_of(path, body), wall_ms())

    async def _say(self, answer: Any) -> web.Response:
        if self.faults.delay_s:
            await asyncio.sleep(self.faults.delay_s)
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    async def _twin(self, request: web.Request) -> web.Response:
        """Faults, money and agents, for whoever runs the twin."""
        body = await _body(request) or {}
        try:
            if "fault" in body:
                await self._set_fault(Fault(body["fault"]), int(body.get("amount", 1)))
            if "fund" in body:
                usdc = Decimal(str(body.get("usdc", "10000")))
                self.exchange.fund(str(body["fund"]), usdc, usdc)
            if "agent" in body:
                master = self.exchange.accounts[str(body["master"]).lower()]
                master.agents[str(body["agent"]).lower()] = "agent"
        except (ValueError, KeyError, InvalidOperation) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"accounts": list(self.exchange.accounts), "sessions": len(self._sockets)})

    async def _set_fault(self, fault: Fault, amount: int) -> None:
        self.faults.set(fault, amount)
        if fault is Fault.DISCONNECT:
            await self._sockets.cut_all()
        if fault is Fault.HALT:
            self.exchange.halted = amount > 0
        if fault is Fault.CLEAR:
            self.exchange.halted = False

    # The websocket.

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        outbox = Outbox()
        session = Session(outbox.send)
        async with self._sockets.accept(request, outbox) as socket:
            self._hub.sessions.add(session)
            outbox.send(_GREETING)
            try:
                async for message in self._sockets.messages(socket):
                    self._catch_up()
                    self.publish()
                    self._hub.hear(session, message, self._post)
            finally:
                self._hub.sessions.discard(session)
        return socket

    def _post(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answers a request that came over the websocket."""
        kind, payload = request["type"], request["payload"]
        try:
            if kind == "info":
                data = {"type": payload["type"], "data": self.information.answer(payload)}
                return {"type": "info", "payload": data}
            return {"type": "action", "payload": self._act(payload)}
        except (Unreadable, KeyError, TypeError, ValueError, AttributeError):
            return {"type": "error", "payload": _UNREADABLE}


async def _body(request: web.Request) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(await request.read(), type=dict[str, Any])
    except msgspec.DecodeError:
        return None


def _unreadable() -> web.Response:
    return web.Response(status=422, text=_UNREADABLE)
