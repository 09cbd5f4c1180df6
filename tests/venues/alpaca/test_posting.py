"""What is tested: `quarterdeck.venues.alpaca.posting` and `quarterdeck.venues.alpaca.client`: the official client as it
is used here, on servers that fail.
"""

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.venues.alpaca.keys import Keys
from quarterdeck.venues.alpaca.posting import NotSent, Poster, Unanswered, stream_address
from quarterdeck.venues.alpaca.requests import Call, cancel_call, clock_call, order_call

KEYS = Keys("PKTEST", "sEcReT")
PLACE = Call(method="POST", path="/orders", fields={"symbol": "AAPL", "qty": "1"})


class Server:
    """A loopback server. `answer` takes a request's handler and writes what it likes; `seen` are the requests."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Callable[[Any], None] = lambda handler: reply(handler, 200, b"{}")
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                outer.seen.append((self.command, self.path, dict(self.headers), body))
                outer.answer(self)

            do_GET = do_POST = do_DELETE = handle_one  # noqa: N815 - the library's names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Nothing is written."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def reply(handler: Any, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def hang_up(handler: Any) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    yield served
    served.close()


@pytest.fixture
def poster(server: Server) -> Iterator[Poster]:
    poster = Poster(server.address, KEYS, 2.0)
    yield poster
    poster.close()


def test_calls_are_the_official_clients(server: Server, poster: Poster) -> None:
    headers = {"X_RateLimit_Limit": "200", "X_RateLimit_Remaining": "150", "X_RateLimit_Reset": "1795188660"}
    server.answer = lambda handler: reply(handler, 200, b'{"a":1}', **headers)
    said = poster.call(PLACE)
    assert (said.status, said.body, said.limit, said.left, said.resets_s) == (200, b'{"a":1}', 200, 150, 1_795_188_660)
    poster.call(order_call("", "an id"))
    poster.call(cancel_call("x"))
    (post, get, delete) = server.seen
    assert post[:2] == ("POST", "/v2/orders")
    assert json.loads(post[3]) == {"symbol": "AAPL", "qty": "1"}
    assert (post[2]["APCA-API-KEY-ID"], post[2]["APCA-API-SECRET-KEY"]) == ("PKTEST", "sEcReT")
    assert post[2]["User-Agent"].startswith("APCA-PY/")
    assert get[:2] == ("GET", "/v2/orders:by_client_order_id?client_order_id=an+id")
    assert delete[:2] == ("DELETE", "/v2/orders/x")


@pytest.mark.parametrize("status", [400, 403, 404, 422, 429, 500, 502, 503, 504])
def test_whatever_is_answered_is_returned_and_nothing_is_sent_again(
    server: Server, poster: Poster, status: int
) -> None:
    server.answer = lambda handler: reply(handler, status, b'{"code":1,"message":"no"}')
    began_s = time.monotonic()
    assert poster.call(PLACE).status == status
    assert len(server.seen) == 1
    assert time.monotonic() - began_s < 10  # the client would have waited 3 s before each of 3 more


def test_an_answer_without_headers_or_body(server: Server, poster: Poster) -> None:
    server.answer = lambda handler: reply(handler, 204, b"", X_RateLimit_Limit="many")
    said = poster.call(cancel_call("x"))
    assert (said.status, said.body, said.limit, said.left, said.resets_s, said.good) == (204, b"", 0, 0, 0, True)


def test_a_redirect_is_not_followed(server: Server, poster: Poster) -> None:
    server.answer = lambda handler: reply(handler, 307, b"", Location=f"{server.address}/v2/elsewhere")
    assert poster.call(PLACE).status == 307
    assert len(server.seen) == 1


def short(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")
    hang_up(handler)


def silent(handler: Any) -> None:
    time.sleep(30.0)
    hang_up(handler)


@pytest.mark.parametrize("answer", [hang_up, short, silent])
def test_what_was_sent_and_not_answered_is_unknown(
    server: Server, poster: Poster, answer: Callable[[Any], None]
) -> None:
    server.answer = answer
    began_s = time.monotonic()
    with pytest.raises(Unanswered) as caught:
        poster.call(PLACE)
    assert len(server.seen) == 1
    assert time.monotonic() - began_s < 20  # nobody waits for ever
    assert "sEcReT" not in str(caught.value)
    server.answer = lambda handler: reply(handler, 200, b"{}")
    assert poster.call(clock_call()).good  # over a new connection


def test_nobody_there_is_not_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        poster = Poster(f"http://127.0.0.1:{taken.getsockname()[1]}", KEYS, 2.0)
        with pytest.raises(NotSent, match="no connection"):
            poster.call(PLACE)
        poster.close()


@pytest.mark.parametrize(
    ("address", "stream"),
    [("http://127.0.0.1:8901", "ws://127.0.0.1:8901/stream"), ("https://api.example", "wss://api.example/stream")],
)
def test_the_streams_address_is_beside(address: str, stream: str) -> None:
    assert stream_address(address, "/stream") == stream


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1:8901", "ftp://127.0.0.1", "http://:1", "http://h:99999", "http://h/v2"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="address"):
        stream_address(address, "/stream")
