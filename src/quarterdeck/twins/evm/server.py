"""The twin's server: JSON-RPC by POST and by websocket at one address, and /twin for whoever runs it.

Blocks come every `block_s` seconds of the market's time, which may run faster than the real one (`speed`). With
`block_s` 0 they come when they are asked for: POST /twin {"mine": N}.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec
from aiohttp import web

from quarterdeck.twins.evm.bundles import BUNDLE_METHODS, call_bundle, check_signature, send_bundle
from quarterdeck.twins.evm.chain import Chain
from quarterdeck.twins.evm.faults import ChainFault, ChainFaults
from quarterdeck.twins.evm.flow import Flow, trader_addresses
from quarterdeck.twins.evm.machine import Machine
from quarterdeck.twins.evm.market import Market, found_market
from quarterdeck.twins.evm.questions import Questions
from quarterdeck.twins.evm.refusals import METHOD_NOT_FOUND, Refused
from quarterdeck.twins.evm.rpc import SENDING, Answered, answer_body
from quarterdeck.twins.evm.subscriptions import Listener, Subscriptions
from quarterdeck.twins.faults import Fault, Faults
from quarterdeck.twins.serving import MarketClock, Outbox, Site, Sockets

__all__ = ["TwinOptions", "TwinServer"]

_MANUAL_BLOCK_S: Final = 12.0  # how far apart blocks say they are where nobody waits for them
_AT_ONCE_MAX: Final = 10_000  # blocks for one request


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinOptions:
    """`funds`: address to wei; the first one owns the executor. `start_s`: block 0's time, None: now."""

    port: int = 0
    seed: int = 1
    speed: float = 1.0
    block_s: float = 12.0
    chain_id: int = 31_337
    funds: Mapping[str, int] = field(default_factory=dict[str, int])
    start_s: int | None = None
    traded: bool = True


class TwinServer:
    """One twin. `start` builds its chain, in the thread that serves it, and binds the port."""

    chain: Chain
    market: Market

    def __init__(self, options: TwinOptions) -> None:
        self._options = options
        self.faults, self.lies = Faults(), ChainFaults()
        self._halted = False
        self._site = Site()
        self._sockets = Sockets(self.faults)
        self._subscriptions = Subscriptions()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """Where it listens, once it has started."""
        return self._site.port

    async def start(self, host: str = "127.0.0.1") -> None:
        """Builds the chain, begins to listen, and lets blocks come. Raises ConfigError, DeskError, OSError."""
        options = self._options
        machine, traders = Machine(options.chain_id), trader_addresses(options.seed)
        start_s = int(time.time()) if options.start_s is None else options.start_s
        seconds = options.block_s or _MANUAL_BLOCK_S
        self.chain = Chain(options.chain_id, machine, start_s, seconds, options.seed)
        machine.look(self.chain.head.scene)
        for address, wei in options.funds.items():
            machine.give(address, wei)
        self.market = found_market(machine, options.seed, next(iter(options.funds), None), traders)
        self._flow = Flow(self.chain, self.market, options.seed)
        self.chain.holding = lambda sender: self.lies.holds and sender not in traders
        self._questions = Questions(self.chain, self.lies)
        self._send_flow()
        application = self._site.application()
        application.router.add_get("/", self._listen)
        application.router.add_get("/ws", self._listen)
        application.router.add_get("/twin/universe", self._universe)
        application.router.add_post("/twin", self._twin)
        application.router.add_post("/{path:.*}", self._post)
        await self._site.start(application, host, options.port)
        if options.block_s:
            self._tasks.append(asyncio.create_task(self._run_chain(MarketClock(options.speed))))

    async def serve(self) -> None:
        """Waits until the chain ends, which it does by an error alone; that error is raised."""
        await (asyncio.gather(*self._tasks) if self._tasks else asyncio.Event().wait())

    async def stop(self) -> None:
        """Ends everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sockets.cut_all()
        await self._site.stop()

    # Blocks.

    async def _run_chain(self, clock: MarketClock) -> None:
        block_ns, waited = int(self._options.block_s * 1e9), 0  # waited: blocks that a halt has kept back
        while True:
            due_ns = clock.began_ns + (self.chain.head.number + 1 + waited) * block_ns
            if clock.now_ns() < due_ns:
                await clock.wait_for(due_ns)
            elif self._halted:
                waited += 1
            else:
                self._mine()
                await asyncio.sleep(0)  # questions have their turn, also where blocks are late

    def _mine(self) -> None:
        block = self.chain.mine()
        self._send_flow()
        if self.lies.stale_at is None:
            self._subscriptions.tell((), (block,))

    def _send_flow(self) -> None:
        if self._options.traded:
            self._flow.send()

    def _reorganise(self, depth: int) -> None:
        orphaned, new = self.chain.reorganise(depth)
        self._send_flow()
        if self.lies.stale_at is None:
            self._subscriptions.tell(orphaned, new)

    # JSON-RPC.

    def _ask(self, method: str, words: list[Any]) -> Any:
        if method in SENDING and self.faults.take(Fault.REJECT):
            raise Refused("the node takes no transactions now")
        return self._questions.answer(method, words)

    def _answer(self, body: bytes, signature: str) -> Answered:
        def ask(method: str, words: list[Any]) -> Any:
            if method not in BUNDLE_METHODS:
                return self._ask(method, words)
            check_signature(signature, body)
            if method == "eth_callBundle":
                return call_bundle(self.chain, words)
            if self.faults.take(Fault.REJECT):
                raise Refused("the relay takes no bundles now")
            return send_bundle(self.chain, words)

        return answer_body(body, ask)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.faults.take(Fault.FAIL):
            return web.Response(status=502, text="<html>bad gateway</html>", content_type="text/html")
        answer = self._answer(body, request.headers.get("X-Flashbots-Signature", ""))
        if answer.sent and self.faults.take(Fault.DROP_ACKS):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if self.faults.delay_s:
            await asyncio.sleep(self.faults.delay_s)
        return web.Response(body=answer.body or b"", content_type="application/json")

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(
                status=405, text="JSON-RPC is asked by POST or by websocket\n", headers={"Allow": "POST"}
            )
        outbox = Outbox()
        listener = Listener(outbox.send)

        def ask(method: str, words: list[Any]) -> Any:
            if method == "eth_subscribe":
                return self._subscriptions.subscribe(listener, words)
            if method == "eth_unsubscribe":
                return self._subscriptions.unsubscribe(listener, words)
            if method in BUNDLE_METHODS:
                raise Refused(f"{method} is asked by POST: a websocket has no header to sign", METHOD_NOT_FOUND)
            return self._ask(method, words)

        async with self._sockets.accept(request, outbox) as socket:
            self._subscriptions.join(listener)
            try:
                async for message in self._sockets.messages(socket):
                    text = cast(str | bytes, message)
                    answer = answer_body(text.encode() if isinstance(text, str) else text, ask)
                    if answer.sent and self.faults.take(Fault.DROP_ACKS):
                        outbox.close()
                        break
                    if self.faults.delay_s:
                        await asyncio.sleep(self.faults.delay_s)
                    if answer.body is not None:
                        outbox.send(answer.body)
            finally:
                self._subscriptions.leave(listener)
        return socket

    # For whoever runs the twin.

    async def _universe(self, _: web.Request) -> web.Response:
        return web.json_response(self.market.universe(self.chain.chain_id))

    async def _twin(self, request: web.Request) -> web.Response:
        """Faults, and blocks by hand."""
        try:
            body = msgspec.json.decode(await request.read() or b"{}", type=dict[str, Any])
            if "fault" in body:
                await self._set_fault(str(body["fault"]), int(body.get("amount", 1)))
            for _ in range(min(int(body.get("mine", 0)), _AT_ONCE_MAX)):
                self._mine()
        except (ValueError, Refused, msgspec.DecodeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        head = self.chain.head
        return web.json_response(
            {"block": head.number, "hash": head.hash, "waiting": len(self.chain.pool), "sessions": len(self._sockets)}
        )

    async def _set_fault(self, name: str, amount: int) -> None:
        if name in set(ChainFault):
            self._set_lie(ChainFault(name), amount)
            return
        fault = Fault(name)
        self.faults.set(fault, amount)
        if fault is Fault.DISCONNECT:
            await self._sockets.cut_all()
        if fault is Fault.HALT:
            self._halted = amount > 0
        if fault is Fault.CLEAR:
            self._halted = False
            self.lies.clear()

    def _set_lie(self, fault: ChainFault, amount: int) -> None:
        match fault:
            case ChainFault.REORG:
                self._reorganise(amount)
            case ChainFault.STALE:
                self.lies.stale_at = self.chain.head.number if amount else None
            case ChainFault.CHAIN_ID:
                self.lies.chain_id = amount
            case ChainFault.HOLD:
                self.lies.holds = amount > 0
            case ChainFault.LOSE:
                self.lies.to_lose = amount
            case ChainFault.FORGET:
                self.chain.forget()
