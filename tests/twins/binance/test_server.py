"""What is tested: the twin's server: who signed, limits, faults, REST beside the websocket API, streams, by
`quarterdeck.twins.binance.gate`, `quarterdeck.twins.binance.endpoints`, `quarterdeck.twins.binance.signatures`,
`quarterdeck.twins.binance.limits`, `quarterdeck.twins.binance.spot`, `quarterdeck.twins.binance.futures`,
`quarterdeck.twins.binance.shapes`, `quarterdeck.twins.binance.market`, `quarterdeck.twins.binance.streams`,
`quarterdeck.twins.binance.websocket_api` and `quarterdeck.twins.binance.command`.
"""

import hashlib
import hmac
import http.client
import json
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from quarterdeck.errors import ConfigError
from quarterdeck.market.loading import load
from quarterdeck.twins.binance.accounts import Account
from quarterdeck.twins.binance.command import SECRETS_VARIABLE, read_keys
from quarterdeck.twins.binance.limits import OrderLimits, WeightLimits
from quarterdeck.twins.binance.parameters import Parameters
from quarterdeck.twins.binance.refusals import Refused
from quarterdeck.twins.binance.server import Funds
from quarterdeck.twins.binance.signatures import check_time
from quarterdeck.twins.binance.streams import parse_stream
from tests.twins.binance.serving import KEYS, MONEY, SECRETS, Twin, running

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
HALVES = {"/api/v3": "/api/v3/openOrders", "/fapi/v1": "/fapi/v1/allOpenOrders"}


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with running() as served:
        yield served


@pytest.fixture(autouse=True)
def _whole(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "twin" in request.fixturenames:
        served: Twin = request.getfixturevalue("twin")
        served.fault("clear")
        for path in HALVES.values():
            served.signed("DELETE", path, symbol="BTCUSDT")


# Who asks.


def stamp() -> dict[str, int]:
    """The time of a request that may take long on a busy machine."""
    return {"timestamp": time.time_ns() // 1_000_000, "recvWindow": 60_000}


def signed_words(secret: str, **values: Any) -> str:
    words = urlencode({**stamp(), **values})
    return f"{words}&signature={hmac.new(secret.encode(), words.encode(), hashlib.sha256).hexdigest()}"


@pytest.mark.parametrize("path", ["/api/v3/order", "/fapi/v1/order"])
def test_query_and_body_are_signed_as_one(twin: Twin, path: str) -> None:
    query, body = urlencode(ORDER), urlencode({"price": "59000", **stamp()})
    signature = hmac.new(SECRETS["ann"].encode(), (query + body).encode(), hashlib.sha256).hexdigest()
    assert twin.ask("POST", f"{path}?{query}", f"{body}&signature={signature}", KEYS["ann"]).status == 200
    assert twin.ask("POST", f"{path}?{query}&signature={signature}", body, KEYS["ann"]).status == 200
    answer = twin.ask("POST", f"{path}?{query}", f"{body}&more=1&signature={signature}", KEYS["ann"])
    assert (answer.status, answer.body["code"]) == (400, -1022)


@pytest.mark.parametrize("path", ["/api/v3/account", "/fapi/v3/account"])
@pytest.mark.parametrize(
    ("key", "words", "status", "code"),
    [
        ("", signed_words(SECRETS["ann"]), 401, -2014),
        ("short", signed_words(SECRETS["ann"]), 401, -2014),
        ("c" * 64, signed_words(SECRETS["ann"]), 401, -2015),
        (KEYS["bob"], "", 400, -1022),
        (KEYS["ann"], "timestamp=1", 400, -1021),
        (KEYS["ann"], "signature=0", 400, -1102),
        (KEYS["ann"], f"timestamp={10**14}", 400, -1021),
        (KEYS["ann"], "timestamp=x", 400, -1100),
        (KEYS["ann"], "recvWindow=60001", 400, -1131),
    ],
)
def test_strangers_are_refused(twin: Twin, path: str, key: str, words: str, status: int, code: int) -> None:
    now = f"timestamp={time.time_ns() // 1_000_000}"
    sent = words or signed_words(SECRETS["ann"])
    sent = f"{sent}&{now}" if sent.startswith("recv") else sent
    answer = twin.ask("GET", f"{path}?{sent}", key=key)
    assert (answer.status, answer.body["code"]) == (status, code)


def test_time_of_a_request() -> None:
    now = 1_700_000_000_000
    for sent, window in ((now, "5000"), (now - 5_000, "5000"), (now + 999, "1"), ((now - 4_999) * 1_000, "5000.5")):
        check_time(Parameters({"timestamp": str(sent), "recvWindow": window}), now)
    for sent in (now - 5_001, now + 1_000):
        with pytest.raises(Refused) as caught:
            check_time(Parameters({"timestamp": str(sent)}), now)
        assert caught.value.code == -1021


def test_ed25519_signs_by_rest_and_logs_on() -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    key = "e" * 64
    with running(keys={key: Funds(secret=pem, spot=MONEY)}) as served:
        words = urlencode(stamp())
        signature = quote(b64encode(private.sign(words.encode())).decode(), safe="")
        assert served.ask("GET", f"/api/v3/account?{words}&signature={signature}", key=key).status == 200
        assert (
            served.ask("GET", f"/api/v3/account?{words}&omitZeroBalances=true&signature={signature}", key=key).body[
                "code"
            ]
            == -1022
        )
        assert served.ask("GET", f"/api/v3/account?{words}&signature=AAAA", key=key).body["code"] == -1022
        with connect(f"{served.line}/ws-api/v3") as line:
            params: dict[str, Any] = {"apiKey": key, **stamp()}
            words = urlencode(sorted(params.items()))
            params["signature"] = b64encode(private.sign(words.encode())).decode()
            assert call(line, "session.logon", params)["result"]["apiKey"] == key
            assert call(line, "account.status", stamp())["result"]["accountType"] == "SPOT"
            assert call(line, "userDataStream.subscribe", {})["result"] == {"subscriptionId": 0}
            assert call(line, "session.logout", {})["result"]["apiKey"] is None
            assert call(line, "account.status", stamp())["error"]["code"] == -2014


def test_a_key_that_may_withdraw_says_so() -> None:
    keys = {KEYS["ann"]: Funds(secret=SECRETS["ann"], may_withdraw=True)}
    with running(keys=keys) as served:
        assert served.signed("GET", "/sapi/v1/account/apiRestrictions").body["enableWithdrawals"] is True
        assert served.signed("GET", "/api/v3/account").body["canWithdraw"] is True


def test_secrets_are_in_no_repr() -> None:
    assert "hush" not in repr(Funds(secret="hush"))


# Limits and faults.


def test_weights_of_an_address() -> None:
    with running(weight_budget=45) as served:
        headers = served.ask("GET", "/api/v3/exchangeInfo").headers
        assert (headers["x-mbx-used-weight"], headers["x-mbx-used-weight-1m"]) == ("20", "20")
        codes = [served.ask("GET", "/api/v3/exchangeInfo") for _ in range(70)]
        assert [one.status for one in codes][:2] in ([200, 429], [200, 200])  # a minute may have passed
        assert 418 in {one.status for one in codes}
        assert {one.body["code"] for one in codes if one.status != 200} == {-1003}
        assert served.ask("GET", "/fapi/v1/time").status == 200  # the other half has its own


def test_weight_limits_by_the_minute() -> None:
    limits, now = WeightLimits(futures=False, budget=10), 60_000
    assert limits.spend("a", 10, now) == 10
    with pytest.raises(Refused) as caught:
        limits.spend("a", 1, now + 59_999)
    assert caught.value.status == 429
    assert limits.spend("b", 1, now) == 1
    assert limits.spend("a", 1, now + 60_000) == 1
    for _ in range(25):
        with pytest.raises(Refused) as caught:
            limits.spend("a", 10, now + 60_001)
    assert caught.value.status == 418


def test_order_limits_by_the_interval() -> None:
    limits, account = OrderLimits(futures=False), Account("k", "s", 0)
    for _ in range(100):
        limits.count(account, 10_000)
    with pytest.raises(Refused, match="100 orders per 10 SECOND") as caught:
        limits.count(account, 19_999)
    assert (caught.value.code, caught.value.status) == (-1015, 429)
    limits.count(account, 20_000)
    assert limits.headers(account, 20_000) == {"X-MBX-ORDER-COUNT-10s": "1", "X-MBX-ORDER-COUNT-1d": "101"}
    OrderLimits(futures=True).count(account, 19_999)  # counted apart


def test_order_counts_are_in_the_headers(twin: Twin) -> None:
    headers = twin.signed("POST", "/fapi/v1/order", "bob", **ORDER, price="59000").headers
    assert int(headers["x-mbx-order-count-10s"]) >= 1
    assert int(headers["x-mbx-order-count-1m"]) >= 1
    twin.signed("DELETE", "/fapi/v1/allOpenOrders", "bob", symbol="BTCUSDT")


@pytest.mark.parametrize("base", HALVES)
def test_faults(twin: Twin, base: str) -> None:
    twin.fault("reject")
    assert twin.signed("POST", f"{base}/order", **ORDER, price="59000").body["code"] == -2010
    twin.fault("fail")
    assert twin.ask("GET", f"{base}/time").status == 502
    twin.fault("delay", 300)
    began = time.monotonic()
    twin.get(f"{base}/time")
    assert time.monotonic() - began >= 0.3
    twin.fault("clear")
    twin.fault("drop-acks")
    with pytest.raises((http.client.HTTPException, OSError)):
        twin.signed("POST", f"{base}/order", **ORDER, price="59000", newClientOrderId="lost")
    found = twin.signed("GET", f"{base}/order", symbol="BTCUSDT", origClientOrderId="lost")
    assert found.body["status"] == "NEW"
    twin.fault("halt")
    assert "closed" in twin.signed("POST", f"{base}/order", **ORDER, price="59000").body["msg"]
    assert twin.get(f"{base}/exchangeInfo")["symbols"][0]["status"] != "TRADING"


def test_operator_is_told_what_is_wrong(twin: Twin) -> None:
    for body in ('{"fault": "fly"}', '{"fund": "nobody"}', "{", '{"fund": "x", "amount": "many"}'):
        assert twin.ask("POST", "/twin", body).status == 400


# Requests.


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v3/nothing", -5000),
        ("/api/v3/depth", -1102),
        ("/api/v3/depth?symbol=DOGE", -1121),
        ("/api/v3/depth?symbol=BTCUSDT&limit=-1", -1130),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=7", -4021),
        ("/api/v3/klines?symbol=BTCUSDT&interval=7m", -1120),
        ("/api/v3/exchangeInfo?symbols=[1", -1130),
        ("/api/v3/exchangeInfo?symbols=[%22DOGE%22]", -1121),
    ],
)
def test_questions_that_are_none(twin: Twin, path: str, code: int) -> None:
    answer = twin.ask("GET", path)
    assert answer.status >= 400
    assert answer.body["code"] == code


def test_both_halves_list_what_they_check(twin: Twin) -> None:
    spot, futures = (twin.get(f"{base}/exchangeInfo")["symbols"][0] for base in HALVES)
    assert [one["filterType"] for one in spot["filters"]][:2] == ["PRICE_FILTER", "LOT_SIZE"]
    assert (spot["filters"][0]["tickSize"], spot["filters"][1]["stepSize"]) == ("0.01000000", "0.00001000")
    assert (futures["filters"][0]["tickSize"], futures["filters"][1]["stepSize"]) == ("0.10", "0.001")
    assert (futures["pricePrecision"], futures["quantityPrecision"]) == (1, 3)
    assert futures["contractType"] == "PERPETUAL"


def test_open_orders_hold_balances_and_are_told_by_number_and_name(twin: Twin) -> None:
    free = balance(twin)
    placed = twin.signed("POST", "/api/v3/order", **ORDER, price="59000", newClientOrderId="mine").body
    assert (placed["status"], placed["fills"]) == ("NEW", [])
    assert free - balance(twin) == pytest.approx(590)
    by_name = twin.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="mine").body
    assert by_name == twin.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"]).body
    neither = twin.signed("GET", "/api/v3/order", symbol="BTCUSDT")
    assert neither.body["code"] == -1102
    gone = twin.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"], newClientOrderId="c1")
    assert (gone.body["status"], gone.body["clientOrderId"], gone.body["origClientOrderId"]) == (
        "CANCELED", "c1", "mine",
    )  # fmt: skip
    assert twin.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").body["code"] == -2011
    assert twin.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=1).body["code"] == -2013


def balance(twin: Twin) -> float:
    rows = twin.signed("GET", "/api/v3/account").body["balances"]
    return float(next(row["free"] for row in rows if row["asset"] == "USDT"))


@pytest.mark.parametrize(
    ("mode", "cancel", "price", "status", "results"),
    [
        ("STOP_ON_FAILURE", "good", "58000", 200, ("SUCCESS", "SUCCESS")),
        ("STOP_ON_FAILURE", "bad", "58000", 400, ("FAILURE", "NOT_ATTEMPTED")),
        ("ALLOW_FAILURE", "bad", "58000", 409, ("FAILURE", "SUCCESS")),
        ("ALLOW_FAILURE", "good", "1", 409, ("SUCCESS", "FAILURE")),
        ("ALLOW_FAILURE", "bad", "1", 400, ("FAILURE", "FAILURE")),
    ],
)
def test_cancel_replace(twin: Twin, mode: str, cancel: str, price: str, status: int, results: tuple[str, str]) -> None:
    placed = twin.signed("POST", "/api/v3/order", **ORDER, price="59000").body
    named = {"cancelOrderId": placed["orderId"] if cancel == "good" else 1, "cancelReplaceMode": mode}
    answer = twin.signed("POST", "/api/v3/order/cancelReplace", **ORDER, price=price, **named)
    said = answer.body if status == 200 else answer.body["data"]
    assert (answer.status, said["cancelResult"], said["newOrderResult"]) == (status, *results)


def test_futures_settings_and_batches(twin: Twin) -> None:
    assert twin.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=126).body["code"] == -4028
    assert twin.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=50).body["leverage"] == 50
    assert twin.signed("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="CROSSED").body["code"] == -4046
    assert twin.signed("GET", "/fapi/v1/positionSide/dual").body == {"dualSidePosition": False}
    assert twin.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="false").body["code"] == -4059
    assert twin.signed("GET", "/fapi/v1/leverageBracket").body[0]["brackets"][0]["maintMarginRatio"] == 0.004
    rows = json.dumps([{**ORDER, "price": "59000"}, {**ORDER, "price": "59000.05"}, {**ORDER, "price": "58000"}])
    first, second, third = twin.signed("POST", "/fapi/v1/batchOrders", batchOrders=rows).body
    assert (first["status"], second["code"], third["status"]) == ("NEW", -4014, "NEW")
    numbers = json.dumps([first["orderId"], 1])
    gone, unknown = twin.signed("DELETE", "/fapi/v1/batchOrders", symbol="BTCUSDT", orderIdList=numbers).body
    assert (gone["status"], unknown["code"]) == ("CANCELED", -2011)
    change = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.01", "orderId": third["orderId"]}
    assert twin.signed("PUT", "/fapi/v1/order", **change, price="58000").body["code"] == -5027
    assert twin.signed("PUT", "/fapi/v1/order", **change, price="58001").body["price"] == "58001.00"


def test_countdown_cancels_and_is_taken_back(twin: Twin) -> None:
    twin.signed("POST", "/fapi/v1/order", **ORDER, price="59000", newClientOrderId="dead")
    twin.signed("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=60_000)
    twin.signed("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=0)
    assert len(twin.signed("GET", "/fapi/v1/openOrders", symbol="BTCUSDT").body) == 1
    twin.signed("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=1)
    deadline = time.monotonic() + 30
    while twin.signed("GET", "/fapi/v1/openOrders", symbol="BTCUSDT").body:
        assert time.monotonic() < deadline
    found = twin.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="dead").body
    assert found["status"] == "CANCELED"


def test_trades_by_number_and_time(twin: Twin) -> None:
    for _ in range(3):
        assert twin.signed("POST", "/api/v3/order", symbol="ETHUSDT", side="BUY", type="MARKET", quantity="0.01").body[
            "status"
        ] == "FILLED"  # fmt: skip
    rows = twin.signed("GET", "/api/v3/myTrades", symbol="ETHUSDT").body
    assert len(rows) == 3
    for words, wanted in (
        ({"fromId": rows[1]["id"]}, rows[1:]),
        ({"limit": 2}, rows[1:]),
        ({"startTime": rows[0]["time"], "limit": 2}, rows[:2]),
        ({"orderId": rows[2]["orderId"]}, rows[2:]),
        ({"endTime": rows[0]["time"] - 1}, []),
    ):
        assert twin.signed("GET", "/api/v3/myTrades", symbol="ETHUSDT", **words).body == wanted
    assert twin.signed("GET", "/api/v3/myTrades", symbol="ETHUSDT", fromId=1, startTime=1).body["code"] == -1128
    wide = twin.signed("GET", "/api/v3/myTrades", symbol="ETHUSDT", startTime=1, endTime=10**8)
    assert wide.body["code"] == -1127
    orders = twin.signed("GET", "/api/v3/allOrders", symbol="ETHUSDT", orderId=rows[1]["orderId"]).body
    assert [one["orderId"] for one in orders] == [row["orderId"] for row in rows[1:]]


def test_market_of_another_speed() -> None:
    with running(speed=60.0) as served:
        first = served.get("/fapi/v1/premiumIndex", symbol="BTCUSDT")["time"]
        time.sleep(0.3)
        assert served.get("/fapi/v1/premiumIndex", symbol="BTCUSDT")["time"] - first >= 15_000
        assert abs(served.get("/api/v3/time")["serverTime"] - time.time() * 1_000) < 30_000
        assert served.signed("POST", "/api/v3/order", **ORDER, price="59000").status == 200
        bars = served.get("/api/v3/klines", symbol="BTCUSDT", interval="1m")
        assert all(float(bar[3]) <= float(bar[4]) <= float(bar[2]) for bar in bars)


# Streams.


def call(line: ClientConnection, method: str, params: Any) -> Any:
    line.send(json.dumps({"id": "x", "method": method, "params": params}))
    while True:
        message = json.loads(line.recv(20))
        if message.get("id") == "x":
            return message


def hear(line: ClientConnection, kind: str) -> Any:
    while True:
        message = json.loads(line.recv(30))
        data = message.get("data", message.get("event", message))
        if data.get("e") == kind:
            return data


@pytest.mark.parametrize(
    ("name", "futures", "known"),
    [
        ("btcusdt@trade", False, True),
        ("btcusdt@depth", False, True),
        ("btcusdt@depth@100ms", False, True),
        ("btcusdt@depth@250ms", False, False),
        ("btcusdt@depth@500ms", True, True),
        ("btcusdt@depth20@100ms", False, True),
        ("btcusdt@depth7", False, False),
        ("btcusdt@kline_1m", False, True),
        ("btcusdt@kline_7m", False, False),
        ("btcusdt@markPrice@1s", True, True),
        ("btcusdt@markPrice", False, False),
        ("BTCUSDT@trade", False, False),
        ("dogeusdt@trade", False, False),
        ("", False, False),
    ],
)
def test_names_of_streams(name: str, futures: bool, known: bool) -> None:
    assert (parse_stream(name, futures, {"btcusdt": 0}) is not None) is known


@pytest.mark.parametrize("path", ["/ws", "/public/ws"])
def test_subscribe_list_and_unsubscribe(twin: Twin, path: str) -> None:
    with connect(twin.line + path) as line:
        assert call(line, "SUBSCRIBE", ["btcusdt@bookTicker", "nothing@ever"])["result"] is None
        assert call(line, "LIST_SUBSCRIPTIONS", [])["result"] == ["btcusdt@bookTicker", "nothing@ever"]
        assert call(line, "UNSUBSCRIBE", ["btcusdt@bookTicker"])["result"] is None
        assert call(line, "LIST_SUBSCRIPTIONS", [])["result"] == ["nothing@ever"]


def test_nonsense_is_answered_by_an_error(twin: Twin) -> None:
    with connect(f"{twin.line}/ws") as line:
        for message, code in (("{", 3), ('{"method": "DANCE", "id": 1}', 2), ('{"method": "SUBSCRIBE", "id": 1}', 2)):
            line.send(message)
            assert json.loads(line.recv(20))["error"]["code"] == code


def test_who_talks_too_much_is_cut(twin: Twin) -> None:
    def babble(line: ClientConnection) -> None:
        for number in range(200):
            line.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
            line.recv(20)

    with connect(f"{twin.line}/ws") as line, pytest.raises(ConnectionClosed):
        babble(line)


def test_streams_by_address_raw_and_wrapped(twin: Twin) -> None:
    with connect(f"{twin.line}/ws/btcusdt@depth5@100ms/btcusdt@trade") as line:
        book = json.loads(line.recv(30))
        assert len(book["bids"]) == 5 or book["e"] == "trade"
    with connect(f"{twin.line}/public/stream?streams=btcusdt@bookTicker/btcusdt@depth@100ms") as line:
        message = json.loads(line.recv(30))
        assert message["stream"] in {"btcusdt@bookTicker", "btcusdt@depth@100ms"}
        assert message["data"]["s"] == "BTCUSDT"
    with connect(f"{twin.line}/market/ws/btcusdt@markPrice@1s/btcusdt@aggTrade/btcusdt@kline_1m") as line:
        assert float(hear(line, "markPriceUpdate")["p"]) > 0
        assert hear(line, "aggTrade")["a"] > 0
        assert hear(line, "kline")["k"]["i"] == "1m"


def test_a_stream_of_another_category_is_silent(twin: Twin) -> None:
    with connect(f"{twin.line}/market/ws/btcusdt@depth@100ms") as line, pytest.raises(TimeoutError):
        line.recv(1)


@pytest.mark.parametrize("half", ["spot", "futures"])
def test_streamed_depth_joins_the_snapshot_and_keeps_equal_to_the_book(twin: Twin, half: str) -> None:
    """The procedure that the venue documents, over a few seconds in which own orders come and go, too."""
    base, path = ("/api/v3", "/ws") if half == "spot" else ("/fapi/v1", "/public/ws")
    with connect(f"{twin.line}{path}/btcusdt@depth@100ms") as line:
        buffered = [hear(line, "depthUpdate")]
        snapshot = twin.get(f"{base}/depth", symbol="BTCUSDT", limit=1000)
        last = snapshot["lastUpdateId"]
        for number in range(12):
            twin.signed("POST", f"{base}/order", **ORDER, price=str(59_000 + number % 3))
            buffered.append(hear(line, "depthUpdate"))
        while buffered[-1]["u"] <= last:
            buffered.append(hear(line, "depthUpdate"))
    sides = {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}
    before = None
    for one in buffered:
        if before is not None:
            assert one["U"] == before["u"] + 1
            assert half == "spot" or one["pu"] == before["u"]
        before = one
        if one["u"] <= last:
            continue
        assert one["U"] <= last + 1
        last = one["u"]
        for side, levels in sides.items():
            levels.update(one[side])
            for price in [price for price, quantity in levels.items() if float(quantity) == 0]:
                del levels[price]
    assert before is not None
    bids, asks = sorted(map(float, sides["b"])), sorted(map(float, sides["a"]))
    assert bids[-1] < asks[0]
    assert {59_000.0, 59_001.0, 59_002.0} <= set(bids)


@pytest.mark.parametrize("half", ["spot", "futures"])
def test_user_stream_tells_of_orders_and_money(twin: Twin, half: str) -> None:
    base = "/api/v3" if half == "spot" else "/fapi/v1"
    with user_stream(twin, half) as line:
        twin.signed("POST", f"{base}/order", **ORDER, price="59000", newClientOrderId=f"told-{half}")
        kind = "executionReport" if half == "spot" else "ORDER_TRADE_UPDATE"
        new = hear(line, kind)
        new = new if half == "spot" else new["o"]
        assert (new["c"], new["x"], new["X"]) == (f"told-{half}", "NEW", "NEW")
        twin.signed("DELETE", f"{base}/order", symbol="BTCUSDT", origClientOrderId=f"told-{half}")
        gone = hear(line, kind)
        gone = gone if half == "spot" else gone["o"]
        assert gone["C" if half == "spot" else "c"] == f"told-{half}"
        twin.signed("POST", f"{base}/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
        money = hear(line, "outboundAccountPosition" if half == "spot" else "ACCOUNT_UPDATE")
        assert {one["a"] for one in (money["B"] if half == "spot" else money["a"]["B"])} >= {"USDT"}


def user_stream(twin: Twin, half: str) -> ClientConnection:
    if half == "futures":
        key = twin.ask("POST", "/fapi/v1/listenKey", key=KEYS["ann"]).body["listenKey"]
        assert twin.ask("PUT", "/fapi/v1/listenKey", key=KEYS["ann"]).status == 200
        return connect(f"{twin.line}/private/ws?listenKey={key}")
    line = connect(f"{twin.line}/ws-api/v3")
    params: dict[str, Any] = {"apiKey": KEYS["ann"], **stamp()}
    words = urlencode(sorted(params.items()))
    params["signature"] = hmac.new(SECRETS["ann"].encode(), words.encode(), hashlib.sha256).hexdigest()
    assert call(line, "userDataStream.subscribe.signature", params)["result"] == {"subscriptionId": 0}
    again = call(line, "userDataStream.subscribe.signature", params)
    assert again["error"]["code"] == -2035
    return line


def test_listen_key_that_ended_is_told(twin: Twin) -> None:
    key = twin.ask("POST", "/fapi/v1/listenKey", key=KEYS["bob"]).body["listenKey"]
    with connect(f"{twin.line}/private/ws?listenKey={key}") as line:

        def end(exchange: Any) -> None:
            exchange.accounts[KEYS["bob"]].listen_until_ms = 1

        twin.do(end)
        assert hear(line, "listenKeyExpired")["listenKey"] == key
    assert twin.ask("PUT", "/fapi/v1/listenKey", key=KEYS["bob"]).body["code"] == -1125


def test_websocket_api_answers_as_rest_does(twin: Twin) -> None:
    with connect(f"{twin.line}/ws-api/v3") as line:
        said = call(line, "depth", {"symbol": "BTCUSDT", "limit": 5})
        assert (said["status"], len(said["result"]["bids"])) == (200, 5)
        assert said["rateLimits"][0]["count"] > 0
        assert call(line, "order.place", {**ORDER, "price": "59000"})["error"]["code"] == -2014
        assert call(line, "fly", {})["error"]["code"] == -1000
        line.send("{")
        assert json.loads(line.recv(20))["error"]["code"] == -1135
    with connect(f"{twin.line}/ws-fapi/v1") as line:
        assert call(line, "userDataStream.start", {"apiKey": KEYS["ann"]})["result"]["listenKey"]


def test_a_line_that_is_cut(twin: Twin) -> None:
    with connect(f"{twin.line}/ws") as line:
        twin.fault("disconnect")
        with pytest.raises(ConnectionClosed):
            line.recv(20)


# A record in place of the generated market, and the command line's words.


def test_replayed_market(tmp_path: Path) -> None:
    rows = ["time,bid,bid_size,ask,ask_size"]
    rows += [f"{1_700_000_000_000 + 50 * n},{20_000 + n % 7}.5,3,{20_001 + n % 7}.5,2" for n in range(200)]
    file = tmp_path / "BTCUSDT_bbo.csv"
    file.write_text("\n".join(rows) + "\n")
    data = load(file)
    with running(recorded=data.events, grid=data.instrument) as served:
        time.sleep(0.3)
        for base in HALVES:
            bid = float(served.get(f"{base}/ticker/bookTicker", symbol="BTCUSDT")["bidPrice"])
            assert 20_000 <= bid <= 20_008
        assert float(served.get("/fapi/v1/premiumIndex", symbol="BTCUSDT")["markPrice"]) < 20_010


def test_keys_are_read_and_their_secrets_are_not_asked_for_on_the_command_line(tmp_path: Path) -> None:
    said: list[str] = []
    file = tmp_path / "secrets"
    file.write_text(f"{KEYS['bob']}=from-file\n")
    environment = {SECRETS_VARIABLE: f"{KEYS['ann']}=from-environment"}
    texts = [f"{KEYS['ann']}=USDT:5,futures:7", KEYS["bob"], "new"]
    keys = read_keys(texts, said.append, environment, file)
    ann, bob, made = keys.values()
    assert (ann.secret, dict(ann.spot), ann.futures) == ("from-environment", {"USDT": "5"}, "7")
    assert (bob.secret, bob.futures) == ("from-file", "10000")
    assert len(said) == 1
    assert made.secret in said[0]
    for text in ("short=USDT:1", f"{KEYS['ann']}=USDT", f"{KEYS['ann']}=USDT:-1", f"{KEYS['ann']}=USDT:lots"):
        with pytest.raises(ConfigError):
            read_keys([text], said.append, environment)
    with pytest.raises(ConfigError):
        read_keys([], said.append, {}, tmp_path / "nowhere")
