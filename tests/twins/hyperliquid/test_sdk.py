"""What is tested: the twin, `quarterdeck.twins.hyperliquid.server`, by the venue's official Python SDK, unmodified."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.error import ClientError
from hyperliquid.utils.types import Cloid

from tests.twins.hyperliquid.serving import ADDRESSES, KEYS, Twin, running, still_market

GTC: Any = {"limit": {"tif": "Gtc"}}
ALO: Any = {"limit": {"tif": "Alo"}}
IOC: Any = {"limit": {"tif": "Ioc"}}
ANN = ADDRESSES["ann"]


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with running() as served:
        yield served


@pytest.fixture(scope="module")
def info(twin: Twin) -> Info:
    return Info(twin.address, skip_ws=True)


@pytest.fixture(scope="module")
def exchange(twin: Twin) -> Exchange:
    """Ann's account, signed for by her agent."""
    return Exchange(Account.from_key(KEYS["agent"]), twin.address, account_address=ANN)


def status(answer: Any) -> Any:
    assert answer["status"] == "ok", answer
    (one,) = answer["response"]["data"]["statuses"]
    return one


def test_markets_are_listed(info: Info) -> None:
    assert info.name_to_asset("XRP") == 2
    assert info.name_to_asset("XRP/USDC") == 10_000
    assert info.asset_to_sz_decimals == {10_000: 2, 0: 5, 1: 4, 2: 0}
    meta, contexts = info.meta_and_asset_ctxs()
    assert len(meta["universe"]) == len(contexts) == 3
    assert set(info.all_mids()) == {"BTC", "ETH", "XRP", "XRP/USDC"}
    bids, asks = info.l2_snapshot("XRP")["levels"]
    assert len(bids) == len(asks) == 20
    assert float(bids[0]["px"]) < float(asks[0]["px"])


def test_place_look_up_modify_cancel(info: Info, exchange: Exchange) -> None:
    cloid = Cloid.from_int(7)
    oid = status(exchange.order("XRP", True, 100, 1.0, GTC, cloid=cloid))["resting"]["oid"]
    assert oid in {row["oid"] for row in info.open_orders(ANN)}
    assert info.query_order_by_cloid(ANN, cloid)["order"]["status"] == "open"
    assert info.query_order_by_oid(ANN, oid)["order"]["order"]["cloid"] == cloid.to_raw()
    changed = status(exchange.modify_order(cloid, "XRP", True, 120, 1.05, GTC, cloid=cloid))["resting"]["oid"]
    assert changed > oid
    assert info.query_order_by_oid(ANN, oid)["order"]["status"] == "canceled"
    assert info.query_order_by_cloid(ANN, cloid)["order"]["order"]["origSz"] == "120.0"
    assert status(exchange.cancel_by_cloid("XRP", cloid)) == "success"
    assert "never placed" in status(exchange.cancel_by_cloid("XRP", cloid))["error"]
    assert "never placed" in status(exchange.cancel("XRP", changed))["error"]
    assert info.query_order_by_oid(ANN, 5)["status"] == "unknownOid"


def test_batch_of_orders(exchange: Exchange) -> None:
    rows: list[Any] = [
        {"coin": "XRP", "is_buy": True, "sz": 50, "limit_px": price, "order_type": GTC, "reduce_only": False}
        for price in (1.0, 1.01, 1.23456)
    ]
    statuses = exchange.bulk_orders(rows)["response"]["data"]["statuses"]
    assert ["resting" in one for one in statuses] == [True, True, False]
    named: Any = [{"coin": "XRP", "oid": one["resting"]["oid"]} for one in statuses[:2]]
    assert exchange.bulk_cancel(named)["response"]["data"]["statuses"] == ["success", "success"]


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (("XRP", True, 100, 1.23456, GTC), "Price must be divisible by tick size. asset=2"),
        (("BTC", True, 0.01, 59_000.5, GTC), "Price must be divisible by tick size. asset=0"),
        (("XRP", True, 5, 1.0, GTC), "Order must have minimum value of $10. asset=2"),
        (("XRP/USDC", True, 5, 1.0, GTC), "Order must have minimum value of 10 USDC. asset=10000"),
        (("XRP", True, 10_000_000, 1.0, GTC), "Insufficient margin to place order. asset=2"),
        (("XRP/USDC", False, 5_000, 1.5, GTC), "Insufficient spot balance asset=10000"),
        (("XRP", True, 100, 1.9, ALO), "Post only order would have immediately matched, bbo was "),
        (("XRP", True, 100, 1.0, IOC), "Order could not immediately match against any resting orders. asset=2"),
        (("XRP", True, 100, 1.0, GTC, True), "Reduce only order would increase position. asset=2"),
        (("XRP", True, 1.5, 100.0, GTC), "Order has invalid size. asset=2"),
    ],
)
def test_refusals_in_the_venues_words(exchange: Exchange, terms: Any, words: str) -> None:
    assert status(exchange.order(*terms))["error"].startswith(words)


def test_open_and_close_a_position(info: Info, exchange: Exchange) -> None:
    before = float(info.user_state(ANN)["marginSummary"]["accountValue"])
    assert exchange.update_leverage(5, "XRP")["status"] == "ok"
    filled = status(exchange.market_open("XRP", True, 200))["filled"]
    assert filled["totalSz"] == "200"
    (row,) = info.user_state(ANN)["assetPositions"]
    assert (row["position"]["szi"], row["position"]["leverage"]["value"]) == ("200.0", 5)
    assert status(exchange.market_close("XRP"))["filled"]["totalSz"] == "200"
    assert info.user_state(ANN)["assetPositions"] == []
    closing, opening = info.user_fills(ANN)[:2]
    assert (opening["dir"], closing["dir"], closing["crossed"]) == ("Open Long", "Close Long", True)
    assert info.user_fills_by_time(ANN, opening["time"])[-1]["tid"] == closing["tid"]
    paid = sum(float(fill["fee"]) for fill in (opening, closing))
    after = float(info.user_state(ANN)["marginSummary"]["accountValue"])
    assert after == pytest.approx(before + float(closing["closedPnl"]) - paid, abs=1e-6)


def test_spot(info: Info, exchange: Exchange) -> None:
    price = round(float(info.all_mids()["XRP/USDC"]) * 1.02, 4)
    bought = status(exchange.order("XRP/USDC", True, 50, price, IOC))["filled"]
    assert bought["totalSz"] == "50"
    balances = {row["coin"]: float(row["total"]) for row in info.spot_user_state(ANN)["balances"]}
    assert balances["XRP"] == pytest.approx(50 * (1 - 0.0007), abs=1e-7)  # the fee is paid in what was bought
    assert info.user_fills(ANN)[0]["feeToken"] == "XRP"


def test_two_accounts_trade_with_each_other() -> None:
    with running(recorded=still_market()) as twin:
        ann = Exchange(Account.from_key(KEYS["agent"]), twin.address, account_address=ANN)
        bob = Exchange(Account.from_key(KEYS["bob"]), twin.address)
        resting = status(ann.order("XRP", True, 60, 1.2, ALO))["resting"]["oid"]
        assert status(bob.order("XRP", False, 60, 1.19, IOC))["filled"]["avgPx"] == "1.2"
        (mine,), (theirs,) = (ann.info.user_fills(ADDRESSES[name]) for name in ("ann", "bob"))
        assert (mine["oid"], mine["tid"]) == (resting, theirs["tid"])
        assert (mine["crossed"], theirs["crossed"]) == (False, True)
        assert (mine["fee"], theirs["fee"]) == ("0.0108", "0.0324")  # 1.5 and 4.5 bps


def test_schedule_cancel(info: Info, exchange: Exchange, twin: Twin) -> None:
    assert "at least 5 seconds" in exchange.schedule_cancel(int(time.time() * 1000) + 1_000)["response"]
    oid = status(exchange.order("XRP", True, 100, 1.0, GTC))["resting"]["oid"]
    assert exchange.schedule_cancel(int(time.time() * 1000) + 60_000)["status"] == "ok"
    assert exchange.schedule_cancel(None)["status"] == "ok"
    assert exchange.schedule_cancel(int(time.time() * 1000) + 60_000)["status"] == "ok"
    twin.do(lambda inner: setattr(inner.accounts[ANN.lower()], "cancel_at_ms", int(time.time() * 1000)))
    info.open_orders(ANN)
    assert info.query_order_by_oid(ANN, oid)["order"]["status"] == "scheduledCancel"


def test_wrong_key_is_refused(twin: Twin) -> None:
    thief = Exchange(Account.from_key(KEYS["thief"]), twin.address, account_address=ANN)
    said = thief.order("XRP", True, 100, 1.0, GTC)
    assert said == {"status": "err", "response": f"User or API Wallet {ADDRESSES['thief'].lower()} does not exist."}


def test_agent_is_approved_by_its_master_alone(info: Info, twin: Twin) -> None:
    bob = Exchange(Account.from_key(KEYS["bob"]), twin.address)
    answer, key = bob.approve_agent("desk")
    assert answer["status"] == "ok"
    agent = Exchange(Account.from_key(key), twin.address, account_address=ADDRESSES["bob"])
    assert "resting" in status(agent.order("XRP", True, 100, 1.0, GTC))
    assert info.user_role(agent.wallet.address) == {"role": "agent", "data": {"user": ADDRESSES["bob"].lower()}}
    assert info.user_role(ADDRESSES["bob"]) == {"role": "user"}
    assert agent.approve_agent("another")[0]["status"] == "err"


def test_expired_action_is_refused(exchange: Exchange) -> None:
    exchange.set_expires_after(int(time.time() * 1000) - 1)
    try:
        assert exchange.order("XRP", True, 100, 1.0, GTC) == {"status": "err", "response": "Action already expired"}
    finally:
        exchange.set_expires_after(None)


def test_unknown_question_is_an_error_of_the_client(info: Info) -> None:
    with pytest.raises(ClientError) as caught:
        info.post("/info", {"type": "weather"})
    assert caught.value.status_code == 422


def test_streams(twin: Twin, exchange: Exchange) -> None:
    listening = Info(twin.address)
    heard: dict[str, list[Any]] = {}

    def note(kind: str) -> Callable[[Any], None]:
        rows = heard.setdefault(kind, [])
        return rows.append

    try:
        for kind in ("trades", "l2Book", "bbo", "activeAssetCtx"):
            subscription: Any = {"type": kind, "coin": "XRP"}
            listening.subscribe(subscription, note(kind))
        for kind in ("orderUpdates", "userFills", "userEvents", "userFundings"):
            subscription = {"type": kind, "user": ANN}
            listening.subscribe(subscription, note(kind))
        wait_for(lambda: bool(heard["userFills"]) and bool(heard["bbo"]))
        assert heard["userFills"][0]["data"]["isSnapshot"]
        assert heard["userFills"][0]["data"]["user"] == ANN.lower()
        oid = status(exchange.market_open("XRP", True, 30))["filled"]["oid"]
        wait_for(lambda: all(heard[kind] for kind in ("trades", "l2Book", "activeAssetCtx", "orderUpdates")))
        wait_for(lambda: any(row["oid"] == oid for one in heard["userFills"][1:] for row in one["data"]["fills"]))
        assert any(row["oid"] == oid for one in heard["userEvents"] for row in one["data"]["fills"])
        ends = [row["status"] for one in heard["orderUpdates"] for row in one["data"] if row["order"]["oid"] == oid]
        assert ends[-1] == "filled"
        price = next(row for one in heard["userFills"][1:] for row in one["data"]["fills"] if row["oid"] == oid)["px"]
        wait_for(lambda: any(row["px"] == price for one in heard["trades"] for row in one["data"]))
    finally:
        listening.disconnect_websocket()
        if listening.ws_manager is not None:
            listening.ws_manager.join(10)


def wait_for(done: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not done():
        assert time.monotonic() < ends
        time.sleep(0.01)
