"""A twin in a thread of the test's process, reached over real sockets; its keys; a market in which nothing happens."""

import asyncio
import contextlib
import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from quarterdeck.twins.binance.server import Funds, TwinOptions, TwinServer

KEYS = {"ann": "a" * 64, "bob": "b" * 64}
SECRETS = {"ann": "sa" * 32, "bob": "sb" * 32}
MONEY = {"USDT": "100000", "BTC": "2", "ETH": "20"}


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], body: Any) -> None:
        self.status, self.headers, self.body = status, headers, body


class Twin:
    """A running twin. `do` runs a function of its exchange in its own thread."""

    def __init__(self, server: TwinServer, loop: asyncio.AbstractEventLoop) -> None:
        self.server, self._loop = server, loop
        self.address = f"http://127.0.0.1:{server.port}"
        self.line = f"ws://127.0.0.1:{server.port}"

    def ask(self, method: str, path: str, body: str = "", key: str = "") -> Answer:
        """Sends a request as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            headers = {"X-MBX-APIKEY": key} if key else {}
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            raw = answer.read()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, json.loads(raw) if raw[:1] in b"[{" else raw)
        finally:
            connection.close()

    def get(self, path: str, **values: Any) -> Any:
        """Asks a public question."""
        answer = self.ask("GET", f"{path}?{urlencode(values)}" if values else path)
        assert answer.status == 200, answer.body
        return answer.body

    def signed(self, method: str, path: str, who: str = "ann", **values: Any) -> Answer:
        """Sends a signed request."""
        words = urlencode({**values, "timestamp": time.time_ns() // 1_000_000, "recvWindow": 60_000})
        signature = hmac.new(SECRETS[who].encode(), words.encode(), hashlib.sha256).hexdigest()
        return self.ask(method, f"{path}?{words}&signature={signature}", key=KEYS[who])

    def fault(self, fault: str, amount: int = 1) -> None:
        """Sets a fault."""
        assert self.ask("POST", "/twin", json.dumps({"fault": fault, "amount": amount})).status == 200

    def do(self, work: Any) -> Any:
        """Runs `work(exchange)` in the twin's thread and publishes what came of it."""

        async def run() -> Any:
            done = work(self.server.exchange)
            self.server.publish()
            return done

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)


@contextlib.contextmanager
def running(**options: Any) -> Iterator[Twin]:
    """A twin with two funded keys."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="twin")
    thread.start()
    funds = {KEYS[who]: Funds(secret=SECRETS[who], spot=MONEY, futures="100000") for who in KEYS}
    server = TwinServer(TwinOptions(**{"keys": funds, **options}))
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(120)
        yield Twin(server, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
