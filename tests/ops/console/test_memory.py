"""What the console remembers of a desk, and its door.

What is tested: `quarterdeck.ops.console.memory`, `quarterdeck.ops.console.door`, and the forms of
`quarterdeck.ops.console.signing_in`.
"""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.ops.console.door import Door, Words, cookie_line
from quarterdeck.ops.console.memory import Console, DeskMemory, time_of
from quarterdeck.ops.console.serving import Address
from quarterdeck.ops.console.signing_in import form_values, sign_in_page
from quarterdeck.ops.desks import Desks, SeenDesk
from tests.desk.builders import desk_folder
from tests.ops.console.builders import EVIL, NOW_NS, desk_figures


def fill_line(trade: int) -> bytes:
    words = {
        "event": "ORDER_FILLED", "time": "2026-01-01T00:00:00Z", "sequence": 9, "order_id": "1-1", "strategy": "SCALP",
        "instrument": "XRP", "side": "BUY", "price": "1.2", "quantity": "20", "fee": "0.01", "liquidity": "maker",
        "trade_id": trade, "level": "info", "desk": "xrpliquid",
    }  # fmt: skip
    return msgspec.json.encode(words) + b"\n"


def test_fills_are_heard_once_from_the_log_and_its_past(tmp_path: Path) -> None:
    desk = SeenDesk(desk_folder(tmp_path))
    logs = desk.place.logs
    logs.mkdir()
    (logs / "trading.log").write_bytes(fill_line(1) + fill_line(1))
    held = DeskMemory(desk, lambda _: None)
    held.turn()
    assert [one.trade_id for one in held.fills] == ["1"]
    with (logs / "trading.log").open("ab") as log:
        log.write(fill_line(2) + b'{"event":"ORDER_FILL')
    (logs / "error.log").write_bytes(b'{"event":"ANOMALY","level":"error","time":"2026-01-01T00:00:00Z","of":"FILL"}\n')
    held.turn()
    assert held.fills_heard == 2
    assert [one.event for one in held.newest("error")] == ["ANOMALY"]
    assert {one.event for one in held.newest()} == {"ORDER_FILLED", "ANOMALY"}
    held.close()


def test_a_desk_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    def look(_: SeenDesk) -> Any:
        raise DeskError("another version")

    held = DeskMemory(SeenDesk(desk_folder(tmp_path)), look)
    held.turn()
    assert (held.figures, held.problem) == (None, "another version")
    held.close()


def test_moments_are_kept_a_second_apart(tmp_path: Path) -> None:
    times = iter((0, 500_000_000, 1_000_000_000, 1_500_000_000))
    desk_folder(tmp_path)
    desks = Desks.load([tmp_path])
    console = Console(desks, lambda _: desk_figures(time_ns=NOW_NS + next(times)))
    for _ in range(4):
        console.turn()
    assert [one.time_ns - NOW_NS for one in console.memories["xrpliquid"].moments] == [0, 1_000_000_000]
    assert console.turns == 4
    console.close()
    desks.close()


def test_times_of_logs_are_read_with_their_zone() -> None:
    assert time_of("2026-01-01T00:00:00Z") == 1_767_225_600_000_000_000
    assert time_of("2026-01-01T00:00:00") == 0
    assert time_of(None) == 0


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"public")]})
    await send({"type": "http.response.body", "body": b"in"})


@pytest.mark.parametrize(
    ("path", "cookie", "headers", "status"),
    [
        ("/", "", {}, 303),
        ("/", "quarterdeck_session=wrong", {}, 303),
        ("/", "quarterdeck_session=right", {}, 200),
        ("/", 'broken="', {}, 303),
        ("/sign-in", "", {}, 200),
        ("/_nicegui_ws/socket.io/", "", {}, 401),
        ("/", "quarterdeck_session=right", {"origin": "http://elsewhere.example"}, 403),
        ("/", "quarterdeck_session=right", {"origin": "null"}, 403),
        ("/", "quarterdeck_session=right", {"origin": "http://here.example"}, 200),
        ("/", "quarterdeck_session=right", {"sec-fetch-site": "cross-site"}, 403),
        ("/", "quarterdeck_session=right", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
    ],
)
def test_who_passes_the_door(path: str, cookie: str, headers: dict[str, str], status: int) -> None:
    door = Door(answer, lambda secret, _: secret == "right", secure=True)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(door)
        async with httpx.AsyncClient(transport=transport, base_url="http://here.example") as client:
            return await client.get(path, headers={"cookie": cookie, **headers})

    said = asyncio.run(ask())
    assert said.status_code == status
    assert said.headers["x-frame-options"] == "DENY"
    assert "max-age" in said.headers["strict-transport-security"]
    if status == 200:
        assert said.headers["cache-control"] == "no-store"


def test_a_socket_of_nobody_is_closed() -> None:
    door = Door(answer, lambda *_: False, secure=False)
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/_nicegui_ws/socket.io/", "headers": [], "client": ("127.0.0.1", 1)}
    asyncio.run(door(scope, receive, send))
    assert said == [{"type": "websocket.close", "code": 4401, "reason": "sign in first"}]


def test_words_are_one_sessions_and_one_purposes() -> None:
    words = Words()
    word = words.of("session", "sign-out")
    assert words.right("session", "sign-out", word)
    assert not words.right("another", "sign-out", word)
    assert not words.right("session", "sign-in", word)
    assert not words.right("session", "sign-out", "wörd")
    assert not Words().right("session", "sign-out", word)


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites() -> None:
    assert cookie_line("s", secure=True) == "quarterdeck_session=s; Path=/; HttpOnly; SameSite=Strict; Secure"
    assert cookie_line("", secure=False).endswith("Max-Age=0")


def test_the_sign_in_form_shows_nothing_as_markup_that_was_typed() -> None:
    page = sign_in_page("word", EVIL, EVIL)
    assert EVIL not in page
    assert "&lt;img" in page
    assert form_values(b"person=a&password=b&other=c") == {"person": "a", "password": "b"}
    assert form_values(b"person=" + b"a" * 5_000) == {}


def test_what_is_typed_crosses_no_network_unencrypted(tmp_path: Path) -> None:
    Address("127.0.0.1", 8003).check()
    Address("::1", 8003).check()
    Address("192.0.2.1", 8003, tmp_path / "c.pem", tmp_path / "k.pem").check()
    assert Address("::1", 8003).url == "http://[::1]:8003"
    for host, certificate in (("192.0.2.1", None), ("nowhere", None), ("127.0.0.1", tmp_path / "c.pem")):
        with pytest.raises(ConfigError):
            Address(host, 8003, certificate).check()
