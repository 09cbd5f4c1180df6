"""What is tested: the twin's server: keys, limits, faults, history and streams, by `quarterdeck.twins.alpaca.server`,
`quarterdeck.twins.alpaca.routes`, `quarterdeck.twins.alpaca.limits`, `quarterdeck.twins.alpaca.history`,
`quarterdeck.twins.alpaca.tape`, `quarterdeck.twins.alpaca.streams`, `quarterdeck.twins.alpaca.rehearsal` and
`quarterdeck.twins.alpaca.command`.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from quarterdeck.errors import ConfigError
from quarterdeck.twins.alpaca.command import read_credentials, read_start
from quarterdeck.twins.alpaca.figures import instant, read_instant
from quarterdeck.twins.alpaca.limits import RateLimits
from quarterdeck.twins.alpaca.server import Credentials
from quarterdeck.twins.alpaca.tape import MINUTE_NS, Bar, merge_bars
from tests.twins.alpaca.serving import ANN, BOB, HEADERS, MORNING, Twin, at, running

DEADLINE_S = 30


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with running(speed=60.0, connections=20) as served:
        yield served


@pytest.fixture(autouse=True)
def _whole(twin: Twin) -> Iterator[None]:
    yield
    twin.fault("clear")


def wait_for(done: Callable[[], Any]) -> Any:
    ends = time.monotonic() + DEADLINE_S
    while not (found := done()):
        assert time.monotonic() < ends
        time.sleep(0.01)
    return found


# Keys and limits.


@pytest.mark.parametrize(
    ("path", "headers", "status", "body"),
    [
        ("/v2/account", {}, 401, {"message": "unauthorized."}),
        ("/v2/account", {**HEADERS, "APCA-API-SECRET-KEY": "x"}, 401, {"message": "unauthorized."}),
        ("/v2/account", {**HEADERS, "APCA-API-KEY-ID": BOB.key}, 401, {"message": "unauthorized."}),
        ("/v2/stocks/snapshots?symbols=SPY", {}, 401, {"message": "unauthorized."}),
        ("/v2/stocks/snapshots?symbols=SPY", {"APCA-API-KEY-ID": ANN.key}, 403, {"message": "forbidden."}),
        ("/v2/weather", HEADERS, 404, {"code": 40410000, "message": "endpoint not found"}),
    ],
)
def test_who_may_ask(twin: Twin, path: str, headers: dict[str, str], status: int, body: Any) -> None:
    assert twin.call("GET", path, headers=headers)[:2] == (status, body)


def test_two_hundred_requests_a_minute() -> None:
    with running(requests_per_minute=3) as small:
        wait_for(lambda: time.time() % 60 < 57)  # not over the end of a minute
        answers = [small.call("GET", "/v2/clock") for _ in range(4)]
        assert [status for status, _, _ in answers] == [200, 200, 200, 429]
        assert answers[3][1] == {"code": 42910000, "message": "rate limit exceeded"}
        assert [headers["X-RateLimit-Remaining"] for _, _, headers in answers] == ["2", "1", "0", "0"]
        assert int(answers[3][2]["X-RateLimit-Reset"]) > time.time()
        assert small.call("GET", "/v2/stocks/snapshots?symbols=SPY")[0] == 200  # counted apart


def test_limits_begin_anew_each_minute() -> None:
    limits = RateLimits(2)
    assert [limits.admit("a", 61)[0] for _ in range(3)] == [True, True, False]
    assert limits.admit("b", 61)[0]
    assert limits.admit("a", 120) == (
        True,
        {"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "180"},
    )


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_none(twin: Twin, body: bytes) -> None:
    status, answer, _ = twin.call("POST", "/v2/orders", body)
    assert (status, answer["code"]) == (400, 40010000)


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v2/orders/7", 422, "order_id is missing"),
        ("DELETE", "/v2/orders/00000000-0000-0000-0000-000000000000", 404, "order not found for 0000"),
        ("GET", "/v2/orders:by_client_order_id?client_order_id=x", 404, "order not found for x"),
        ("GET", "/v2/assets/ZZZZ", 404, "asset not found for ZZZZ"),
        ("GET", "/v2/positions/ZZZZ", 404, "symbol not found: ZZZZ"),
        ("DELETE", "/v2/positions/SPY", 404, "position does not exist"),
        ("GET", "/v2/calendar?start=then", 422, "invalid start"),
    ],
)
def test_what_is_not_there(twin: Twin, method: str, path: str, status: int, words: str) -> None:
    answer = twin.call(method, path)
    assert (answer[0], answer[1]["message"][: len(words)]) == (status, words)


def test_a_cancel_has_no_body(twin: Twin) -> None:
    status, row = twin.order(type="limit", limit_price="150", time_in_force="gtc")
    assert status == 200
    assert twin.call("DELETE", f"/v2/orders/{row['id']}")[:2] == (204, None)
    assert twin.ask(f"/v2/orders/{row['id']}")["status"] == "canceled"
    status, answer, _ = twin.call("DELETE", f"/v2/orders/{row['id']}")
    assert (status, answer) == (422, {"code": 42210000, "message": 'order is already in "canceled" state'})
    assert twin.call("DELETE", "/v2/orders")[:2] == (207, [])


def test_secrets_are_not_shown(twin: Twin) -> None:
    _, answer, _ = twin.call("POST", "/twin", {})
    shown = json.dumps(answer) + repr(ANN) + twin.do(lambda server: repr(list(server.exchange.accounts.values())))
    assert ANN.secret not in shown
    assert answer["open"] is True


# Faults.


def test_faults(twin: Twin) -> None:
    terms = {"type": "limit", "limit_price": "150", "time_in_force": "gtc"}
    twin.fault("fail")
    with pytest.raises(json.JSONDecodeError):
        twin.call("GET", "/v2/clock")
    twin.fault("reject")
    assert twin.order(**terms)[0] == 403
    twin.fault("drop-acks")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        twin.order(client_order_id="not acknowledged", **terms)
    assert twin.ask("/v2/orders:by_client_order_id?client_order_id=not%20acknowledged")["status"] == "new"
    twin.fault("delay", 300)
    began = time.monotonic()
    twin.ask("/v2/clock")
    assert time.monotonic() - began >= 0.3
    twin.fault("clear")
    twin.fault("halt")
    assert twin.order(**terms)[1]["message"] == "trading is halted for AAPL"
    twin.fault("clear")
    assert twin.order(**terms)[0] == 200
    assert twin.call("POST", "/twin", {"fault": "flood"})[0] == 400
    twin.call("DELETE", "/v2/orders")


def test_money_may_be_brought(twin: Twin) -> None:
    before = float(twin.ask("/v2/account")["cash"])
    assert twin.call("POST", "/twin", {"fund": ANN.key, "dollars": "5"})[0] == 200
    assert float(twin.ask("/v2/account")["cash"]) == pytest.approx(before + 5)
    assert twin.call("POST", "/twin", {"fund": "nobody"})[0] == 400


# History.


def test_history_in_pages(twin: Twin) -> None:
    wait_for(lambda: len(twin.ask("/v2/stocks/bars?symbols=MSFT&timeframe=1Min")["bars"].get("MSFT", [])) >= 2)
    until = twin.ask("/v2/stocks/quotes/latest?symbols=SPY")["quotes"]["SPY"]["t"]
    since = instant(read_instant(until) - 2 * MINUTE_NS)  # no more than a page of any test machine's twin has
    span = f"start={since}&end={until}"
    for sort in ("asc", "desc"):
        whole = twin.ask(f"/v2/stocks/quotes?symbols=MSFT,SPY&limit=10000&sort={sort}&{span}")
        assert whole["next_page_token"] is None
        pages: dict[str, list[Any]] = {"MSFT": [], "SPY": []}
        token, calls = "", 0
        while token is not None:
            page = twin.ask(f"/v2/stocks/quotes?symbols=SPY,MSFT&limit=37&sort={sort}&{span}&page_token={token}")
            assert sum(map(len, page["quotes"].values())) <= 37
            for symbol, rows in page["quotes"].items():
                pages[symbol] += rows
            token, calls = page["next_page_token"], calls + 1
        assert pages == whole["quotes"]
        assert calls > 2
        times = [row["t"] for row in pages["SPY"]]
        assert sorted(times, key=read_instant, reverse=sort == "desc") == times
    assert all(row["ap"] > row["bp"] for row in whole["quotes"]["SPY"])


@pytest.mark.parametrize(
    "query",
    [
        "bars?symbols=SPY", "bars?symbols=SPY&timeframe=60Min", "bars?symbols=SPY&timeframe=0Min",
        "bars?timeframe=1Min", "trades?symbols=spy", "trades?symbols=SPY&limit=0", "trades?symbols=SPY&start=then",
        "trades?symbols=SPY&start=2026-11-20&end=2026-11-18", "trades?symbols=SPY&page_token=zzz",
    ],
)  # fmt: skip
def test_questions_that_are_none(twin: Twin, query: str) -> None:
    status, body, _ = twin.call("GET", f"/v2/stocks/{query}")
    assert (status, list(body)) == (400, ["message"])


def test_bars_say_what_was_traded(twin: Twin) -> None:
    found = wait_for(lambda: twin.ask("/v2/stocks/bars?symbols=NVDA&timeframe=1Min")["bars"].get("NVDA"))
    bar = found[-1]
    trades = twin.ask(f"/v2/stocks/trades?symbols=NVDA&start={bar['t']}&limit=10000")["trades"]["NVDA"]
    inside = [row for row in trades if row["t"][:16] == bar["t"][:16]]
    prices = [row["p"] for row in inside]
    assert (bar["o"], bar["h"], bar["l"], bar["c"]) == (prices[0], max(prices), min(prices), prices[-1])
    assert (bar["n"], bar["v"]) == (len(inside), sum(row["s"] for row in inside))
    assert bar["vw"] == pytest.approx(sum(row["p"] * row["s"] for row in inside) / bar["v"], abs=1e-5)
    day = twin.ask("/v2/stocks/bars?symbols=NVDA&timeframe=1Day&start=2026-11-19")["bars"]["NVDA"]
    assert [row["t"] for row in day] == ["2026-11-19T05:00:00Z", "2026-11-20T05:00:00Z"]
    assert "ZZZZ" not in twin.ask("/v2/stocks/trades/latest?symbols=NVDA,ZZZZ")["trades"]


def test_bars_are_joined() -> None:
    first, second = Bar(0, 5, 9, 4, 8, 10, 2, 70), Bar(MINUTE_NS, 8, 8, 3, 3, 5, 1, 20)
    assert merge_bars([first, second], 0) == Bar(0, 5, 9, 3, 3, 15, 3, 90)


# Streams.


def listen(twin: Twin, feed: str = "iex", *, json_codec: bool = True, **options: Any) -> ClientConnection:
    codec = "application/json" if json_codec else "application/msgpack"
    headers = {"Content-Type": codec, **options.pop("headers", {})}
    line = connect(f"{twin.sockets}/v2/{feed}", additional_headers=headers, open_timeout=20, close_timeout=1, **options)
    assert hear(line) == [{"T": "success", "msg": "connected"}]
    return line


def hear(line: ClientConnection) -> Any:
    raw = line.recv(timeout=DEADLINE_S)
    return json.loads(raw) if isinstance(raw, str) else msgspec.msgpack.decode(raw)


def say(line: ClientConnection, **message: Any) -> Any:
    line.send(json.dumps(message))
    while True:
        rows = hear(line)
        if rows[0]["T"] in {"success", "error", "subscription"}:
            return rows[0]


def login(line: ClientConnection, who: Credentials = ANN) -> ClientConnection:
    assert say(line, action="auth", key=who.key, secret=who.secret) == {"T": "success", "msg": "authenticated"}
    return line


def ended(line: ClientConnection) -> bool:
    try:
        while True:
            line.recv(timeout=DEADLINE_S)
    except (ConnectionClosed, WebSocketException):
        return True


def test_errors_of_the_data_stream(twin: Twin) -> None:
    with listen(twin) as line:
        assert say(line, action="subscribe", trades=["AAPL"])["code"] == 401
        for broken in ("{", "[]", '{"action":"fly"}', '{"action":"auth"}', "x" * 100):
            line.send(broken)
            assert hear(line) == [{"T": "error", "code": 400, "msg": "invalid syntax"}]
        login(line)
        assert say(line, action="auth", key=ANN.key, secret=ANN.secret)["code"] == 403
        assert say(line, action="subscribe", trades=["aapl"])["code"] == 400
        assert say(line, action="subscribe", trades="AAPL")["code"] == 400
        assert say(line, action="subscribe", orderbooks=["AAPL"])["code"] == 410
        many = [f"A{chr(65 + place // 26)}{chr(65 + place % 26)}" for place in range(31)]
        assert say(line, action="subscribe", quotes=many)["code"] == 405
        shown = say(line, action="subscribe", bars=many[:30])
        assert (shown["bars"], shown["quotes"]) == (many[:30], [])


def test_wrong_keys_end_the_line(twin: Twin) -> None:
    with listen(twin) as line:
        said = say(line, action="auth", key=ANN.key, secret="guess")
        assert said == {"T": "error", "code": 402, "msg": "auth failed"}
        assert ended(line)
    with listen(twin, "boats") as line:
        assert say(line, action="auth", key=ANN.key, secret=ANN.secret)["code"] == 409
        assert ended(line)


def test_keys_may_come_with_the_handshake(twin: Twin) -> None:
    with listen(twin, headers=HEADERS) as line:
        assert hear(line) == [{"T": "success", "msg": "authenticated"}]
        assert say(line, action="subscribe", statuses=["*"])["statuses"] == ["*"]


def test_one_connection_for_each_key_and_feed() -> None:
    with running() as single, listen(single) as first, listen(single) as second, listen(single, "sip") as third:
        login(first)
        assert say(second, action="auth", key=ANN.key, secret=ANN.secret)["code"] == 406
        assert ended(second)
        login(third)
        with listen(single) as fourth:
            login(fourth, BOB)
        first.close()  # it has said goodbye, so its place is free
        with listen(single) as fifth:
            login(fifth)


def test_who_does_not_say_who_he_is_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quarterdeck.twins.alpaca.server._AUTHENTICATE_S", 0.3)
    with running() as short, listen(short) as line:
        assert hear(line) == [{"T": "error", "code": 404, "msg": "auth timeout"}]
        assert ended(line)


def test_subscriptions_add_up(twin: Twin) -> None:
    with login(listen(twin)) as line:
        first = say(line, action="subscribe", trades=["AAPL"], dailyBars=["*"])
        assert (first["corrections"], first["cancelErrors"], first["updatedBars"]) == (["AAPL"], ["AAPL"], [])
        second = say(line, action="subscribe", trades=["SPY"], quotes=["SPY"])
        assert (second["trades"], second["dailyBars"]) == (["AAPL", "SPY"], ["*"])
        third = say(line, action="unsubscribe", trades=["AAPL"], dailyBars=["*"])
        assert (third["trades"], third["dailyBars"], third["corrections"]) == (["SPY"], [], ["SPY"])


@pytest.mark.parametrize("json_codec", [True, False])
def test_rows_of_every_channel(twin: Twin, json_codec: bool) -> None:
    line = listen(twin, json_codec=json_codec)
    encode: Any = json.dumps if json_codec else msgspec.msgpack.encode
    seen: dict[str, Any] = {}
    with line:
        line.send(encode({"action": "auth", "key": ANN.key, "secret": ANN.secret}))
        channels = {name: ["*"] for name in ("trades", "quotes", "bars", "dailyBars", "statuses")}
        line.send(encode({"action": "subscribe", **channels}))
        twin.fault("halt")
        ends = time.monotonic() + DEADLINE_S
        while not {"t", "q", "b", "d", "s"} <= seen.keys():
            assert time.monotonic() < ends, sorted(seen)
            for row in hear(line):
                seen[row["T"]] = row
            if "s" in seen:
                twin.fault("clear")
    assert {"S", "i", "x", "p", "s", "c", "z", "t"} <= seen["t"].keys()
    assert {"S", "bx", "bp", "bs", "ax", "ap", "as", "c", "z", "t"} <= seen["q"].keys()
    assert {"S", "o", "h", "l", "c", "v", "n", "vw", "t"} <= seen["b"].keys()
    assert seen["s"]["sc"] in {"H", "T"}
    kind = str if json_codec else datetime  # a msgpack timestamp is a time by itself
    assert all(isinstance(row["t"], kind) for row in seen.values() if "t" in row)


def test_the_test_stream_never_closes() -> None:
    with running(start_ns=at("2026-11-21T12:00")) as closed:  # a Saturday
        assert closed.ask("/v2/clock")["is_open"] is False
        with login(listen(closed, "test")) as line:
            assert say(line, action="subscribe", quotes=["FAKEPACA"])["quotes"] == ["FAKEPACA"]
            (row,) = hear(line)[:1]
            assert (row["T"], row["S"]) == ("q", "FAKEPACA")
            assert row["ap"] > row["bp"]


def updates(twin: Twin, who: Credentials = ANN) -> ClientConnection:
    line = connect(f"{twin.sockets}/stream", open_timeout=20)
    line.send(json.dumps({"action": "authenticate", "data": {"key_id": who.key, "secret_key": who.secret}}))
    return line


def heard(line: ClientConnection) -> Any:
    raw = line.recv(timeout=DEADLINE_S)
    assert isinstance(raw, bytes)  # binary frames of JSON
    return json.loads(raw)


def test_trade_updates(twin: Twin) -> None:
    with updates(twin) as line, updates(twin, BOB) as other:
        for one in (line, other):
            assert heard(one) == {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}
            one.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates", "weather"]}}))
            assert heard(one) == {"stream": "listening", "data": {"streams": ["trade_updates"]}}
        twin.order(type="limit", limit_price="150", time_in_force="gtc", client_order_id="told")
        told = [heard(line) for _ in range(2)]
        assert [one["data"]["event"] for one in told] == ["pending_new", "new"]
        assert {one["data"]["order"]["client_order_id"] for one in told} == {"told"}
        twin.call("DELETE", "/v2/orders")
        assert [heard(line)["data"]["event"] for _ in range(2)] == ["pending_cancel", "canceled"]
        line.send(json.dumps({"action": "listen", "data": {"streams": []}}))
        assert heard(line)["data"] == {"streams": []}
        line.send("nonsense")
        assert heard(line)["stream"] == "error"
        with pytest.raises(TimeoutError):
            other.recv(timeout=0.2)  # nobody hears of another's orders


def test_updates_are_for_those_who_are_known(twin: Twin) -> None:
    with updates(twin, Credentials(ANN.key, "guess")) as line:
        assert heard(line)["data"]["status"] == "unauthorized"
        line.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        assert heard(line) == {"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}}


def test_cut_and_garbled_lines(twin: Twin) -> None:
    with updates(twin) as line:
        heard(line)
        twin.fault("disconnect")
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=DEADLINE_S)
    twin.fault("garble", 1)
    with updates(twin) as line, pytest.raises(json.JSONDecodeError):
        heard(line)


# The command.


def test_the_start_is_in_new_york_unless_it_says_where() -> None:
    assert read_start("2026-11-20T09:35") == read_start("2026-11-20T14:35+00:00") == MORNING
    assert read_start(None) == 0
    with pytest.raises(ConfigError, match="--start"):
        read_start("soon")


def test_keys_come_from_the_environment_or_are_made() -> None:
    pair = {"APCA_API_KEY_ID": "k", "APCA_API_SECRET_KEY": "s"}
    assert read_credentials(pair, "5") == (Credentials("k", "s", "5"), False)
    assert read_credentials({"ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s"}, "5")[0].secret == "s"
    made, new = read_credentials({}, "5")
    assert new
    assert made.secret != read_credentials({}, "5")[0].secret
    with pytest.raises(ConfigError, match="APCA_API_SECRET_KEY"):
        read_credentials({"APCA_API_KEY_ID": "k"}, "5")
    with pytest.raises(ConfigError, match="--cash"):
        read_credentials(pair, "much")
