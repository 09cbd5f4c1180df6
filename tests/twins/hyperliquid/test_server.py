"""What is tested: the twin's server: signatures, nonces, limits, faults and subscriptions, by
`quarterdeck.twins.hyperliquid.actions`, `quarterdeck.twins.hyperliquid.limits`, `quarterdeck.twins.faults`,
`quarterdeck.twins.hyperliquid.information`, `quarterdeck.twins.hyperliquid.subscriptions` and
`quarterdeck.twins.hyperliquid.command`.
"""

import json
import time
import urllib.error
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from quarterdeck.errors import ConfigError
from quarterdeck.twins.faults import Fault, Faults
from quarterdeck.twins.hyperliquid.accounts import UNITS, Account
from quarterdeck.twins.hyperliquid.command import read_agents, read_funds
from quarterdeck.twins.hyperliquid.limits import AddressLimits, WeightLimits, weight_of
from quarterdeck.venues.hyperliquid.signing import Signer
from tests.twins.hyperliquid.serving import ADDRESSES, KEYS, Twin, running

ANN = ADDRESSES["ann"].lower()


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with running() as served:
        yield served


@pytest.fixture(autouse=True)
def _whole(twin: Twin) -> Iterator[None]:
    yield
    twin.fault("clear")


def wire(**changes: Any) -> dict[str, Any]:
    return {"a": 2, "b": True, "p": "1", "s": "100", "r": False, "t": {"limit": {"tif": "Gtc"}}, **changes}


def envelope(action: dict[str, Any], key: str = "agent", nonce: int = 0, **more: Any) -> dict[str, Any]:
    number = nonce or time.time_ns() // 1_000_000 + next(NONCES)
    signature = Signer(KEYS[key], mainnet=more.pop("mainnet", False)).sign(action, number, more.get("expiresAfter"))
    return {"action": action, "nonce": number, "signature": signature, "vaultAddress": None, **more}


NONCES = iter(range(1, 10_000))


def order_action(**changes: Any) -> dict[str, Any]:
    return {"type": "order", "orders": [wire(**changes)], "grouping": "na"}


def placed(answer: Any) -> bool:
    return answer["status"] == "ok" and "resting" in answer["response"]["data"]["statuses"][0]


def test_an_action_is_taken_as_it_was_signed(twin: Twin) -> None:
    assert placed(twin.post("/exchange", envelope(order_action())))
    assert placed(twin.post("/exchange", envelope(order_action(), mainnet=True)))  # both networks' signatures


@pytest.mark.parametrize(
    "tamper",
    [
        lambda body: body["action"]["orders"][0].update(s="101"),
        lambda body: body["action"]["orders"][0].update(b=False),
        lambda body: body.update(nonce=body["nonce"] + 1),
        lambda body: body.update(expiresAfter=body["nonce"] + 60_000),
        lambda body: body["action"].update(grouping="normalTpsl"),
        lambda body: body["signature"].update(v=55 - body["signature"]["v"]),
    ],
)
def test_what_was_changed_after_signing_is_nobodys(twin: Twin, tamper: Any) -> None:
    body = envelope(order_action())
    tamper(body)
    said = twin.post("/exchange", body)
    assert said["status"] == "err"
    assert said["response"].endswith("does not exist.")


def test_trailing_zeros_are_signed_as_other_bytes(twin: Twin) -> None:
    assert twin.post("/exchange", envelope(order_action(p="1.0")))["status"] == "err"


def test_nonces(twin: Twin) -> None:
    now = time.time_ns() // 1_000_000
    body = envelope(order_action(), nonce=now - 5_000)
    assert placed(twin.post("/exchange", body))
    assert twin.post("/exchange", body)["response"] == f"Invalid nonce: duplicate nonce {now - 5_000}"
    early = twin.post("/exchange", envelope(order_action(), nonce=now - 3 * 86_400_000))
    assert early["response"].startswith("Invalid nonce: nonce too low")
    late = twin.post("/exchange", envelope(order_action(), nonce=now + 2 * 86_400_000))
    assert late["response"].startswith("Invalid nonce: nonce too high")


def test_a_nonce_below_the_hundred_highest_is_too_low() -> None:
    account = Account("0x1", 0, 0)
    now = 1_700_000_000_000
    for nonce in range(now, now + 200, 2):
        assert not account.refuse_nonce(nonce, now)
    assert not account.refuse_nonce(now + 101, now)  # between them, unused
    assert "too low" in account.refuse_nonce(now - 1, now)
    assert "duplicate" in account.refuse_nonce(now + 198, now)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": 5},
        {"action": {"type": "fly"}, "nonce": 1, "signature": {}},
        {"type": "l2Book"},
        {"type": "userFills"},
    ],
)
def test_what_cannot_be_read_is_422(twin: Twin, body: Any) -> None:
    for path in ("/exchange", "/info"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            twin.post(path, body)
        assert caught.value.code == 422
        caught.value.close()


def test_signature_that_is_none(twin: Twin) -> None:
    body = envelope(order_action())
    body["signature"] = {"r": "0x0", "s": "0x0", "v": 27}
    assert twin.post("/exchange", body)["status"] == "err"


def test_duplicate_client_id(twin: Twin) -> None:
    action = order_action(c="0x" + "ab" * 16)
    assert placed(twin.post("/exchange", envelope(action)))
    (status,) = twin.post("/exchange", envelope(action))["response"]["data"]["statuses"]
    assert status == {"error": "Duplicate cloid. asset=2"}


def test_modify_is_refused_whole(twin: Twin) -> None:
    action = {"type": "modify", "oid": 5, "order": wire()}
    assert twin.post("/exchange", envelope(action)) == {
        "status": "err",
        "response": "Cannot modify canceled or filled order",
    }


def test_weights_of_an_address() -> None:
    with running(weight_budget=25) as served:
        served.info("meta")
        served.info("allMids")
        with pytest.raises(urllib.error.HTTPError) as caught:
            served.info("meta")
        assert (caught.value.code, caught.value.read()) == (429, b"null")


def test_weights() -> None:
    assert weight_of("/info", {"type": "l2Book"}) == 2
    assert weight_of("/info", {"type": "userRole"}) == 60
    assert weight_of("/exchange", {"action": {"orders": [1] * 79}}) == 2
    assert weight_of("/exchange", {"action": {"type": "scheduleCancel"}}) == 1
    limits = WeightLimits(10)
    assert limits.admit("a", 10, 0)
    assert not limits.admit("a", 1, 59_999)
    assert limits.admit("b", 1, 59_999)
    assert limits.admit("a", 1, 60_000)


def test_requests_of_an_account_by_its_volume() -> None:
    limits, account = AddressLimits(2), Account("0x1", 0, 0)
    now = 1_700_000_000_000
    assert not limits.refuse(account, now, cancel=False, count=2)
    assert not limits.refuse(account, now, cancel=False, count=1)  # one in ten seconds goes through
    said = limits.refuse(account, now + 1, cancel=False, count=1)
    assert said.startswith("Too many cumulative requests sent (4 > 2) for cumulative volume traded $0.00.")
    assert not limits.refuse(account, now + 1, cancel=True, count=1)  # cancels have twice as many
    account.volume = 5 * UNITS
    assert not limits.refuse(account, now + 1, cancel=False, count=1)


def test_faults_count_down() -> None:
    faults = Faults()
    faults.set(Fault.REJECT, 2)
    assert [faults.take(Fault.REJECT) for _ in range(3)] == [True, True, False]
    faults.set(Fault.DELAY, 250)
    assert faults.delay_s == 0.25
    faults.set(Fault.CLEAR, 0)
    assert faults.delay_s == 0.0


def test_delay(twin: Twin) -> None:
    twin.fault("delay", 300)
    began = time.monotonic()
    assert placed(twin.post("/exchange", envelope(order_action())))
    assert time.monotonic() - began >= 0.3


def test_operator_is_told_what_is_wrong(twin: Twin) -> None:
    for body in ({"fault": "fly"}, {"agent": "0x1", "master": "0x2"}, {"fund": "0x1", "usdc": "many"}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            twin.post("/twin", body)
        assert caught.value.code == 400
        caught.value.close()


# The websocket.


def line(twin: Twin) -> ClientConnection:
    connection = connect(twin.address.replace("http", "ws") + "/ws")
    assert connection.recv(10) == "Websocket connection established."
    return connection


def ask(connection: ClientConnection, message: Any) -> None:
    connection.send(message if isinstance(message, str) else json.dumps(message))


def hear(connection: ClientConnection, channel: str) -> Any:
    while True:
        message = json.loads(connection.recv(20))
        if message["channel"] == channel:
            return message.get("data")


def test_subscribe_and_unsubscribe(twin: Twin) -> None:
    with line(twin) as connection:
        ask(connection, {"method": "ping"})
        assert hear(connection, "pong") is None
        subscription = {"type": "userFills", "user": ADDRESSES["ann"]}
        ask(connection, {"method": "subscribe", "subscription": subscription})
        said = hear(connection, "subscriptionResponse")
        assert said["subscription"]["user"] == ANN
        assert hear(connection, "userFills")["isSnapshot"]
        ask(connection, {"method": "subscribe", "subscription": subscription})
        assert hear(connection, "error").startswith("Already subscribed")
        ask(connection, {"method": "unsubscribe", "subscription": subscription})
        assert hear(connection, "subscriptionResponse")["method"] == "unsubscribe"
        ask(connection, {"method": "unsubscribe", "subscription": subscription})
        assert hear(connection, "error").startswith("Already unsubscribed")


@pytest.mark.parametrize(
    "message",
    [
        "{", "5", {"method": "dance"}, {"method": "subscribe"},
        {"method": "subscribe", "subscription": {"type": "trades"}},
        {"method": "subscribe", "subscription": {"type": "trades", "coin": "DOGE"}},
        {"method": "subscribe", "subscription": {"type": "weather"}},
    ],
)  # fmt: skip
def test_nonsense_is_answered_by_an_error(twin: Twin, message: Any) -> None:
    with line(twin) as connection:
        ask(connection, message)
        assert hear(connection, "error")
        ask(connection, {"method": "ping"})
        hear(connection, "pong")


def test_actions_over_the_websocket(twin: Twin) -> None:
    with line(twin) as connection:
        request = {"type": "action", "payload": envelope(order_action())}
        ask(connection, {"method": "post", "id": 7, "request": request})
        said = hear(connection, "post")
        assert said["id"] == 7
        assert placed(said["response"]["payload"])
        ask(connection, {"method": "post", "id": 8, "request": {"type": "info", "payload": {"type": "allMids"}}})
        assert "XRP" in hear(connection, "post")["response"]["payload"]["data"]


def test_books_and_trades_tell_the_same_market(twin: Twin) -> None:
    with line(twin) as connection:
        for kind in ("l2Book", "bbo", "trades", "activeAssetCtx", "allMids"):
            ask(connection, {"method": "subscribe", "subscription": {"type": kind, "coin": "XRP"}})
        book, best = hear(connection, "l2Book"), hear(connection, "bbo")
        assert len(book["levels"][0]) == 20
        assert float(best["bbo"][0]["px"]) < float(best["bbo"][1]["px"])
        trade = hear(connection, "trades")[0]
        assert trade["side"] in {"A", "B"}
        assert float(hear(connection, "activeAssetCtx")["ctx"]["markPx"]) > 0


def test_a_line_that_is_cut(twin: Twin) -> None:
    with line(twin) as connection:
        twin.fault("disconnect")
        with pytest.raises(ConnectionClosed):
            hear(connection, "nothing that is ever said")


def test_market_of_another_speed() -> None:
    with running(speed=60.0) as served:
        first = served.info("exchangeStatus")["time"]
        time.sleep(0.2)
        assert served.info("exchangeStatus")["time"] - first >= 12_000
        assert placed(served.post("/exchange", envelope(order_action())))  # signed in real time


# The command line's words.


def test_funds_and_agents_are_read() -> None:
    address, agent = ADDRESSES["ann"], ADDRESSES["agent"]
    assert read_funds([address, f"{ADDRESSES['bob']}=5.5"]) == {address: "10000", ADDRESSES["bob"]: "5.5"}
    assert read_agents([f"{agent}={address.lower()}"], {address: "1"}) == {agent: address.lower()}
    for text in ("0x1", f"{address}=lots", f"{address}=-1"):
        with pytest.raises(ConfigError):
            read_funds([text])
    with pytest.raises(ConfigError):
        read_agents([f"{agent}={ADDRESSES['bob']}"], {address: "1"})
    assert Decimal("5.5") > 5
