"""What is tested: `quarterdeck.venues.binance.caller` and `quarterdeck.venues.posting` against a real server on
loopback: what is signed and bounded, what each failure of a call is, and that limits are kept to.
"""

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.venues.binance.caller import LATEST_MS, Caller, Limited
from quarterdeck.venues.binance.keys import ApiKey
from quarterdeck.venues.binance.limits import TOLD
from quarterdeck.venues.binance.markets import SPOT
from quarterdeck.venues.binance.requests import Call
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.posting import Endpoint, NotSent, Poster, Unanswered
from tests.venues.binance.builders import KEY, SECRET

Answer = tuple[int, bytes, dict[str, str]]
ORDER = Call(method="POST", path="/api/v3/order", parameters=(("symbol", "BTCUSDT"),), order=True, deadline_ms=1)


class Server:
    """Answers as it is told, and remembers what it was asked. An answer of None hangs up without one."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.answer: Callable[[str], Answer | None] = lambda _: (200, b"{}", {})
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def act(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.asked.append((self.command, self.path, headers))
                told = outer.answer(self.path)
                if told is None:
                    self.close_connection = True
                    return
                status, body, more = told
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = act  # noqa: N815 - the library's names

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    yield served
    served.close()


@pytest.fixture
def poster(server: Server) -> Iterator[Poster]:
    made = Poster(Endpoint.read(server.address), 20.0, TOLD)
    yield made
    made.close()


def caller(key: ApiKey | None = None) -> Caller:
    return Caller(SPOT, key or ApiKey(KEY, SECRET))


def told(server: Server) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(server.asked[-1][1]).query))


def test_what_acts_is_bounded_and_what_asks_is_not(server: Server, poster: Poster) -> None:
    now_ms = time.time_ns() // 10**6
    this = caller()
    this.call(poster, Call(method="POST", path="/p", parameters=(("a", "b"),), deadline_ms=now_ms + 1_000))
    sent = told(server)
    assert int(sent["timestamp"]) + int(sent["recvWindow"]) == now_ms + 1_000
    assert list(sent)[-1] == "signature"
    assert ApiKey(KEY, SECRET).signed_query(tuple(list(sent.items())[:-1])).endswith(sent["signature"])
    this.call(poster, Call(method="POST", path="/p", deadline_ms=now_ms + 10**6))
    sent = told(server)
    assert int(sent["timestamp"]) + int(sent["recvWindow"]) - time.time_ns() // 10**6 < LATEST_MS
    this.call(poster, Call(method="GET", path="/p", question=True))
    assert abs(int(told(server)["timestamp"]) - now_ms) < 60_000
    assert server.asked[-1][2]["x-mbx-apikey"] == KEY
    this.call(poster, Call(method="GET", path="/p", signed=False, keyed=False))
    assert "x-mbx-apikey" not in server.asked[-1][2]
    assert server.asked[-1][1] == "/p"


def test_the_venues_clock_is_measured(server: Server, poster: Poster) -> None:
    this = caller()
    ahead_ms = 3_600_000
    server.answer = lambda _: (200, b'{"serverTime":%d}' % (time.time_ns() // 10**6 + ahead_ms), {})
    assert this.measure(poster) > time.time_ns() // 10**6 + ahead_ms - 60_000
    assert abs(this.venue_ms - time.time_ns() // 10**6 - ahead_ms) < 10_000
    server.answer = lambda _: (500, b"{}", {})
    with pytest.raises(ConnectionError):
        this.measure(poster)
    for odd in (b'{"serverTime":"x"}', b'{"serverTime":-1}', b'{"serverTime":9999999999999999}', b"{}", b""):
        server.answer = lambda _, odd=odd: (200, odd, {})
        with pytest.raises(BadMessage):
            this.measure(poster)


def test_a_rebuke_shuts_and_cancels_pass(server: Server, poster: Poster) -> None:
    this = caller()
    server.answer = lambda _: (429, b'{"code":-1003,"msg":"Too many"}', {"Retry-After": "60"})
    assert this.call(poster, ORDER).status == 429
    server.answer = lambda _: (200, b"{}", {"X-MBX-USED-WEIGHT-1M": "7", "Set-Cookie": "x=y"})
    with pytest.raises(Limited) as caught:
        this.call(poster, ORDER)
    assert 0 < caught.value.wait_s <= 60
    assert len(server.asked) == 1
    reply = this.call(poster, Call(method="DELETE", path="/api/v3/order", urgent=True))
    assert (reply.status, dict(reply.headers)) == (200, {"x-mbx-used-weight-1m": "7"})


def test_what_the_venue_has_counted_holds_orders_back(server: Server, poster: Poster) -> None:
    this = caller()
    server.answer = lambda _: (200, b"{}", {"X-MBX-ORDER-COUNT-10S": "100"})
    this.call(poster, ORDER)
    with pytest.raises(Limited):
        this.call(poster, ORDER)
    this.learn(12_000, ((10, 200),))
    this.call(poster, ORDER)


def test_no_answer_is_unanswered_and_shows_no_signature(server: Server, poster: Poster) -> None:
    server.answer = lambda _: None
    with pytest.raises(Unanswered) as caught:
        caller().call(poster, ORDER)
    assert "signature" not in str(caught.value)
    assert caught.value.__suppress_context__
    server.answer = lambda _: (200, b"{}", {})
    assert caller().call(poster, ORDER).status == 200  # on a new connection


def test_a_server_that_is_slow_is_unanswered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        poster = Poster(Endpoint.read(f"http://127.0.0.1:{mute.getsockname()[1]}"), 0.2)
        with pytest.raises(Unanswered, match="TimeoutError"):
            caller().call(poster, ORDER)
        poster.close()


def test_nobody_there_is_not_sent_and_without_a_key_nothing_is_signed(server: Server, poster: Poster) -> None:
    with pytest.raises(NotSent):
        caller().call(Poster(Endpoint.read("http://127.0.0.1:9"), 1.0), ORDER)
    blind = Caller(SPOT, None)
    with pytest.raises(NotSent, match="market data alone"):
        blind.call(poster, ORDER)
    assert not server.asked
    assert blind.call(poster, Call(method="GET", path="/x", signed=False, keyed=False)).status == 200


@pytest.mark.parametrize("address", ["ftp://host", "host:80", "http://", "http://h:99999", "http://h/path"])
def test_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError):
        Endpoint.read(address)
    assert Endpoint.read("https://host").stream == "wss://host:443"
    assert Endpoint.read("http://[::1]:80").stream == "ws://[::1]:80"
