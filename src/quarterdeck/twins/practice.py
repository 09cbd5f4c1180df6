"""The practice exchange as a process: many clients on one socket, a market around it, a truth that outlives it.

    server = PracticeServer(PracticeCore(practice_terms(config, 0), state=Path("practice.truth")), seed=1)
    await server.open(Address.read("practice.sock", folder))
    await server.until_stopped()
    await server.close()

Everything happens in one thread. What a request changes is in the truth file before anybody is told of it.
"""

import asyncio
import random
import signal
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
import uvloop

from quarterdeck.errors import DeskError
from quarterdeck.twins.exchange_records import Quote
from quarterdeck.twins.practice_clients import Client
from quarterdeck.twins.practice_core import PracticeCore
from quarterdeck.twins.practice_faults import Admin, Fault, Faults
from quarterdeck.twins.practice_market import Walk, walks_of
from quarterdeck.twins.practice_wire import EVERYBODY, Line
from quarterdeck.venues.addresses import Address
from quarterdeck.venues.practice.terms import VERSION, Denied, Hello, Welcome

__all__ = ["PracticeServer", "serve_practice"]

_BEAT_S: Final = 1.0
_TICK_S: Final = 0.005
_NAME_MAX: Final = 64
_GARBAGE: Final = b'{"type":"OrderNews","orders":[{"client_id":7,"vene\n'


class PracticeServer:
    """One exchange and all who are connected to it.

    `quotes_per_second` 0: no market but what an operator's lines set.
    """

    def __init__(self, core: PracticeCore, *, seed: int = 1, quotes_per_second: float = 20.0) -> None:
        self.core = core
        self.oversized_lines = 0
        self._clients: set[Client] = set()
        terms = core.terms.terms.instruments
        self._walks: list[Walk] = walks_of([(Decimal(one.tick), Decimal(one.lot)) for one in terms])
        for walk in self._walks:
            walk.resume(core.exchange.books[walk.row].quote.bid)
        self._rate = quotes_per_second
        self._turn = 0
        self._chance = random.Random(f"{seed} {core.restored}")
        self._server: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = asyncio.Event()
        self._failure: BaseException | None = None

    @property
    def faults(self) -> Faults:
        return self.core.faults

    # The process.

    async def open(self, address: Address) -> None:
        """Begins to listen, and the market to move. OSError: the address cannot be listened at."""
        loop = asyncio.get_running_loop()
        listening = address.listen()
        listening.setblocking(False)
        serve = loop.create_server if address.path is None else loop.create_unix_server
        self._server = await serve(lambda: Client(self), sock=listening)
        self._tasks = [asyncio.create_task(self._beat())]
        if self._rate > 0:
            self._tasks.append(asyncio.create_task(self._move()))

    @property
    def port(self) -> int:
        """The port that it listens at, where it is no Unix socket."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Lets `until_stopped` return."""
        self._stopped.set()

    async def until_stopped(self) -> None:
        """Returns when `stop` was called. OSError: the truth could not be kept any more."""
        await self._stopped.wait()
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Cuts every connection and closes the truth."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            for client in list(self._clients):
                client.cut_off()
            await self._server.wait_closed()
        self.core.close()

    # What connections call.

    def joined(self, client: Client) -> None:
        self._clients.add(client)

    def left(self, client: Client) -> None:
        self._clients.discard(client)

    def oversized(self, beginning: bytes) -> None:
        del beginning
        self.oversized_lines += 1

    def hear(self, client: Client, lines: list[bytes]) -> None:
        """Takes lines of one client; whoever they concern is told."""
        try:
            while lines and client.account < 0:
                client.say(msgspec.json.encode(self._greet(client, lines.pop(0)), enc_hook=str) + b"\n")
            if lines:
                answers, told = self.core.ask(client.account, lines)
                if answers:
                    client.say(b"".join(self._spoilt() + answer + b"\n" for answer in answers))
                self._tell(told)
        except OSError as error:
            self._fail(error)

    # Inside.

    def _fail(self, error: OSError) -> None:
        """What cannot be kept must not be told: the exchange stops."""
        self._failure = error
        for client in list(self._clients):
            client.cut_off()
        self.stop()

    def _greet(self, client: Client, line: bytes) -> object:
        try:
            words = msgspec.json.decode(line, type=Hello | Admin)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Denied(why=f"not a greeting: {error}"[:200])
        if isinstance(words, Admin):
            return self._administer(words)
        if words.version != VERSION or not 0 < len(words.account) <= _NAME_MAX:
            return Denied(why=f"version {VERSION} and an account's name are needed")
        client.account, client.quotes = self.core.account(words.account), words.quotes
        terms = self.core.terms.terms
        return Welcome(version=VERSION, instruments=terms.instruments, purses=terms.purses, time_ns=self.core.now_ns())

    def _tell(self, told: list[Line]) -> None:
        """Tells each account's connections what is theirs, and quotes to whoever wants them."""
        for account, line in told:
            raw = line + b"\n"
            for client in tuple(self._clients):
                if account == EVERYBODY:
                    if client.quotes:
                        client.say(raw, droppable=True)
                elif client.account == account:
                    client.say(self._spoilt() + raw)

    def _spoilt(self) -> bytes:
        return _GARBAGE if self.faults.take(Fault.GARBLE) else b""

    async def _move(self) -> None:
        """The market moves, as many quotes a second as were asked for."""
        loop = asyncio.get_running_loop()
        begin, done = loop.time(), 0
        while True:
            await asyncio.sleep(max(_TICK_S, 1 / self._rate))
            due = int((loop.time() - begin) * self._rate)
            count, done = min(due - done, 1 + int(self._rate)), due
            self._market([self._next_quote() for _ in range(count)])

    def _next_quote(self) -> tuple[int, Quote]:
        walk = self._walks[self._turn % len(self._walks)]
        self._turn += 1
        return walk.row, walk.next(self._chance)

    async def _beat(self) -> None:
        """Lets everybody know that the exchange is there, and time pass where no quote does."""
        while True:
            await asyncio.sleep(_BEAT_S)
            self._market([])
            beat = msgspec.json.encode({"type": "Beat", "time_ns": self.core.now_ns()}) + b"\n"
            for client in tuple(self._clients):
                if client.account >= 0:
                    client.say(beat, droppable=True)

    def _market(self, quotes: list[tuple[int, Quote]]) -> None:
        try:
            self._tell(self.core.set_market(quotes))
        except OSError as error:
            self._fail(error)

    # An operator's lines.

    def _administer(self, admin: Admin) -> dict[str, Any]:
        core = self.core
        if admin.fault is not None:
            self._set_off(admin.fault, admin.amount)
        if admin.quotes:
            rows = len(core.terms.listings)
            self._market([(row, Quote(*rest)) for row, *rest in admin.quotes if 0 <= row < rows and min(rest) >= 0])
        answer: dict[str, Any] = {
            "accounts": list(core.accounts),
            "connections": sum(client.account >= 0 for client in self._clients),
            "restored": core.restored,
            "malformed": core.wire.malformed,
            "oversized": self.oversized_lines,
            "quotes": core.quotes,
            "requests": core.requests,
            "halted": core.exchange.halted,
            "time_ns": core.now_ns(),
        }
        if admin.account in core.accounts:
            answer |= core.record(core.accounts[admin.account])
        return answer

    def _set_off(self, fault: Fault, amount: int) -> None:
        faults = self.faults
        if fault is Fault.DISCONNECT:
            for client in [one for one in self._clients if one.account >= 0]:
                client.cut_off()
        elif fault is Fault.DELAY:
            faults.delay_s = amount / 1_000
        elif fault is Fault.OUTAGE:
            self.core.wire.outage = amount > 0
        elif fault is Fault.HALT:
            self._tell(self.core.halt(amount > 0))
        elif fault is Fault.CLEAR:
            faults.delay_s = 0.0
            faults.left.clear()
            self.core.wire.outage = False
            self._tell(self.core.halt(False))
        else:
            faults.left[fault] = amount


def serve_practice(
    core: PracticeCore, address: Address, *, seed: int, quotes_per_second: float, say: Callable[[str], None]
) -> None:
    """Serves until SIGINT or SIGTERM. DeskError: the address cannot be listened at, or the truth not be kept."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = PracticeServer(core, seed=seed, quotes_per_second=quotes_per_second)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, server.stop)
        try:
            await server.open(address)
            say(f"the practice exchange listens at {address}; {core.restored} lines of its past were done again")
            await server.until_stopped()
        finally:
            await server.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(run())
        except OSError as error:
            raise DeskError(f"the practice exchange at {address} had to stop: {error}") from error
