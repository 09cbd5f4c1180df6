"""A twin in a thread of the test's process, reached over real sockets; its keys and its still market."""

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market.events import Events, blank_events
from quarterdeck.twins.alpaca.calendar import NEW_YORK
from quarterdeck.twins.alpaca.server import Credentials, TwinOptions, TwinServer

ANN = Credentials("PKANN", "ann's secret")
BOB = Credentials("PKBOB", "bob's secret")
HEADERS = {"APCA-API-KEY-ID": ANN.key, "APCA-API-SECRET-KEY": ANN.secret}
SHARE = 1_000_000  # lots


def at(text: str) -> int:
    """A moment in New York, in UTC nanoseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp()) * 10**9


MORNING = at("2026-11-20T09:35")  # a Friday


def levels(rows: list[tuple[int, int, int]], index: int = 0) -> Events:
    """A book, as (cents, shares, flags); the last row ends the batch."""
    events = blank_events(len(rows), EventKind.LEVEL, index)
    events["time_ns"] = 1
    for place, (cents, shares, flags) in enumerate(rows):
        events["price"][place], events["quantity"][place], events["flags"][place] = cents * 100, shares * SHARE, flags
    events["flags"][-1] |= int(Flag.LAST)
    return events


def still_market() -> Events:
    """An AAPL market in which nobody else does anything: 229.99 (500) at 230.01 (300), with 230.02 (1,000) behind."""
    return levels([(22_999, 500, 0), (23_001, 300, Flag.SELL), (23_002, 1_000, Flag.SELL)])


class Twin:
    """A running twin. `do` runs a function of its server in its own thread."""

    def __init__(self, server: TwinServer, loop: asyncio.AbstractEventLoop) -> None:
        self.server, self._loop = server, loop
        self.address = f"http://127.0.0.1:{server.port}"
        self.sockets = f"ws://127.0.0.1:{server.port}"

    def call(self, method: str, path: str, body: Any = None, headers: Any = None) -> tuple[int, Any, dict[str, str]]:
        """One request; returns status, body and headers, whatever they are."""
        line = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            line.request(method, path, raw, HEADERS if headers is None else headers)
            answer = line.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None, dict(answer.getheaders())
        finally:
            line.close()

    def ask(self, path: str) -> Any:
        """What GET says."""
        status, body, _ = self.call("GET", path)
        assert status == 200, body
        return body

    def order(self, **terms: Any) -> tuple[int, Any]:
        """Places one."""
        body = {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day", **terms}
        given = {name: one for name, one in body.items() if one is not None}
        status, answer, _ = self.call("POST", "/v2/orders", given)
        return status, answer

    def fault(self, fault: str, amount: int = 1) -> None:
        """Sets a fault."""
        status, body, _ = self.call("POST", "/twin", {"fault": fault, "amount": amount})
        assert status == 200, body

    def do(self, work: Any) -> Any:
        """Runs `work(server)` in the twin's thread and publishes what came of it."""

        async def run() -> Any:
            done = work(self.server)
            self.server.publish()
            return done

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)


@contextlib.contextmanager
def running(**options: Any) -> Iterator[Twin]:
    """A twin with two accounts, in the middle of a Friday morning."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="twin")
    thread.start()
    terms: dict[str, Any] = {
        "accounts": (ANN, BOB), "start_ns": MORNING, "requests_per_minute": 100_000, **options,
    }  # fmt: skip
    server = TwinServer(TwinOptions(**terms))
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(120)
        yield Twin(server, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
