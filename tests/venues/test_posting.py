"""What is tested: `quarterdeck.venues.posting`, against a server that keeps the bytes it gets."""

import socket
import threading
from collections.abc import Iterator

import pytest

from quarterdeck.venues.posting import Endpoint, NotSent, Poster, Reply, Unanswered

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Used: 7\r\n\r\nok"
LAST = b"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"


class Server:
    """Answers each request with the next of its answers, and hangs up after CUT and LAST."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.heard: list[bytes] = []
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection:
                self.connections += 1
                while raw := connection.recv(65_536):
                    if raw == b"end":
                        return
                    self.heard.append(raw)
                    answer = self.answers.pop(0)
                    connection.sendall(answer)
                    if answer in {CUT, LAST}:
                        break

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"end")
            self._thread.join(10)
        self._listening.close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def poster(server: Server) -> Iterator[Poster]:
    made = Poster(Endpoint.read(f"http://127.0.0.1:{server.port}"), 5.0, ("x-used",))
    yield made
    made.close()


def test_requests_as_they_go_out(server: Server, poster: Poster) -> None:
    server.answers = [WHOLE] * 3
    assert poster.call("POST", "/info", {"Content-Type": "application/json"}, b"{}") == Reply(
        200, b"ok", {"x-used": "7"}
    )
    poster.call("GET", "/time?a=1", {})
    poster.call("DELETE", "/order", {"X-KEY": "k"})
    host = f"Host: 127.0.0.1:{server.port}".encode()
    assert server.heard == [
        b"POST /info HTTP/1.1\r\n" + host + b"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        b"Accept-Encoding: identity\r\n\r\n{}",
        b"GET /time?a=1 HTTP/1.1\r\n" + host + b"\r\nAccept-Encoding: identity\r\n\r\n",
        b"DELETE /order HTTP/1.1\r\n" + host + b"\r\nX-KEY: k\r\nContent-Length: 0\r\n"
        b"Accept-Encoding: identity\r\n\r\n",
    ]
    assert server.connections == 1


@pytest.mark.parametrize("first", [LAST, CUT])
def test_a_connection_that_ends_is_made_anew(server: Server, poster: Poster, first: bytes) -> None:
    server.answers = [first, WHOLE]
    assert poster.call("GET", "/", {}).body in {b"no", b"ok"}
    assert poster.call("GET", "/", {}).body == b"ok"
    assert server.connections == 2


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "/a\x00", "/ä"])
def test_nothing_goes_out_that_would_leave_its_line(server: Server, poster: Poster, target: str) -> None:
    with pytest.raises(Unanswered, match="ValueError"):
        poster.call("GET", target, {})
    with pytest.raises(Unanswered, match="ValueError"):
        poster.call("GET", "/", {"X": target + "\n"})
    assert not server.heard


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NotSent):
        Poster(Endpoint.read(f"http://127.0.0.1:{port}"), 1.0).call("GET", "/", {})


@pytest.mark.parametrize(
    ("address", "authority", "stream"),
    [
        ("https://api.example.com", "api.example.com", "wss://api.example.com:443"),
        ("http://127.0.0.1:80", "127.0.0.1", "ws://127.0.0.1:80"),
        ("https://[::1]:8443", "[::1]:8443", "wss://[::1]:8443"),
    ],
)
def test_addresses(address: str, authority: str, stream: str) -> None:
    endpoint = Endpoint.read(address)
    assert (endpoint.authority, endpoint.stream) == (authority, stream)
