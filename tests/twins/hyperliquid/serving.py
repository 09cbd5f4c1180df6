"""A twin in a thread of the test's process, reached over real sockets; and its keys."""

import asyncio
import contextlib
import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

from eth_account import Account

from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market.events import Events, blank_events
from quarterdeck.twins.hyperliquid.server import TwinOptions, TwinServer

KEYS = {name: "0x" + digits * 32 for name, digits in (("ann", "11"), ("bob", "22"), ("agent", "33"), ("thief", "44"))}
ADDRESSES = {name: str(Account.from_key(key).address) for name, key in KEYS.items()}


def still_market() -> Events:
    """An XRP market in which nobody else does anything: 1.1999 (500) at 1.2001 (300), with 1.2002 (1,000) behind."""
    levels = [(1_199_900, 500, 0), (1_200_100, 300, Flag.SELL), (1_200_200, 1_000, Flag.SELL | Flag.LAST)]
    events = blank_events(len(levels), EventKind.LEVEL, 2)
    events["time_ns"] = 1
    for place, (price, lots, flags) in enumerate(levels):
        events["price"][place], events["quantity"][place], events["flags"][place] = price, lots, flags
    return events


class Twin:
    """A running twin. `do` runs a function of its exchange in its own thread."""

    def __init__(self, server: TwinServer, loop: asyncio.AbstractEventLoop) -> None:
        self.server, self._loop = server, loop
        self.address = f"http://127.0.0.1:{server.port}"

    def post(self, path: str, body: Any) -> Any:
        """Posts JSON and returns what came."""
        request = urllib.request.Request(
            self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def info(self, kind: str, **more: Any) -> Any:
        """Asks /info."""
        return self.post("/info", {"type": kind, **more})

    def fault(self, fault: str, amount: int = 1) -> None:
        """Sets a fault."""
        self.post("/twin", {"fault": fault, "amount": amount})

    def touch(self, coin: str = "XRP") -> tuple[float, float]:
        """Best bid and ask."""
        levels = self.info("l2Book", coin=coin)["levels"]
        return float(levels[0][0]["px"]), float(levels[1][0]["px"])

    def do(self, work: Any) -> Any:
        """Runs `work(exchange)` in the twin's thread and publishes what came of it."""

        async def run() -> Any:
            done = work(self.server.exchange)
            self.server.publish()
            return done

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)


@contextlib.contextmanager
def running(**options: Any) -> Iterator[Twin]:
    """A twin with two funded accounts; ann's agent is "agent"."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="twin")
    thread.start()
    terms = {
        "funds": {ADDRESSES["ann"]: "10000", ADDRESSES["bob"]: "10000"},
        "agents": {ADDRESSES["agent"]: ADDRESSES["ann"]},
        "weight_budget": 100_000,
        **options,
    }
    server = TwinServer(TwinOptions(**terms))
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(120)
        yield Twin(server, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
