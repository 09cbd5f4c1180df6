"""What is tested: `quarterdeck.venues.hyperliquid.answers` and `quarterdeck.venues.hyperliquid.reader`."""

from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import OrderStatus, Reason, Side
from quarterdeck.venues.hyperliquid.answers import AnswerReader
from quarterdeck.venues.hyperliquid.reader import Reader
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import (
    AccountAnswer,
    AskAccount,
    AskFills,
    AskOrder,
    AskOrders,
    Balance,
    FundingNews,
    Holding,
    Lost,
    OrderAnswer,
    Refused,
    Request,
    Taken,
    Unsent,
)
from quarterdeck.venues.posting import Reply
from tests.venues.hyperliquid.builders import TAG, acted, amend, cancel, fill, order, place, raw, refused, universe

ASK = AskOrder(request_id=1, order_id=77, venue_order_id=0, instrument=2, strategy=3)


def read(request: Request, *bodies: bytes, status: int = 200, venue_ns: int = 0) -> Any:
    reader = AnswerReader(universe(), Reader(universe(), TAG))
    bodies = (*bodies, b"[]") if isinstance(request, AskFills) and len(bodies) == 1 else bodies  # nothing was paid
    return reader.read(request, [Reply(status, body) for body in bodies], venue_ns)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ({"resting": {"oid": 5001}}, Taken(request_id=1, venue_order_id=5001)),
        ({"resting": {"oid": 5001, "cloid": "0x1"}}, Taken(request_id=1, venue_order_id=5001)),
        (
            {"filled": {"totalSz": "40", "avgPx": "1.23", "oid": 5001}},
            Taken(request_id=1, venue_order_id=5001, filled=40),
        ),
        ("waitingForTrigger", Taken(request_id=1)),
        (
            {"error": "Insufficient margin to place order. asset=1"},
            Refused(request_id=1, reason=Reason.BUYING_POWER, text="Insufficient margin to place order. asset=1"),
        ),
        (
            {"error": "Too many cumulative requests sent"},
            Unsent(request_id=1, text="Too many cumulative requests sent", reason=Reason.MESSAGE_RATE_EXCEEDED),
        ),
    ],
)
def test_what_became_of_a_place(status: Any, answer: object) -> None:
    assert read(place(), acted(status)) == answer


def test_what_became_of_a_cancel_and_an_amend() -> None:
    assert read(cancel(), acted("success")) == Taken(request_id=2, venue_order_id=5001)
    missing = "Order was never placed, already canceled, or filled."
    assert read(cancel(), acted({"error": missing})) == Refused(request_id=2, reason=Reason.UNKNOWN_ORDER, text=missing)
    assert read(amend(), acted({"resting": {"oid": 5002}})) == Taken(request_id=3, venue_order_id=5002)
    assert isinstance(read(amend(), refused("Error placing new order during modify: no margin")), Lost)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, refused("Invalid nonce: duplicate nonce 1"), Refused),
        (429, b"null", Unsent),
        (422, b"Failed to deserialize the JSON body into the target type", Refused),
        (500, b"", Lost),
        (502, b"<html>bad gateway</html>", Lost),
    ],
)
def test_whole_action_refused(status: int, body: bytes, kind: type) -> None:
    assert isinstance(read(place(), body, status=status), kind)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{", b'{"status":"ok"}', acted(), acted(1), acted({}, {}), acted({"filled": {}}),
        acted([]),
        acted({"resting": {"oid": "5"}}), acted({"resting": {"oid": -5}}), acted({"error": 5}), acted("asleep"),
        raw({"status": "err", "response": {"a": 1}}), b"[" * 100_000, b"\xff\xfe",
    ],
)  # fmt: skip
def test_nonsense_is_a_bad_message(body: bytes) -> None:
    with pytest.raises(BadMessage):
        read(place(), body)


def test_an_order_asked_about() -> None:
    told = {"order": order(sz="60", reduceOnly=True, tif="Gtc"), "status": "open", "statusTimestamp": 1_700_000_000_600}
    answer = read(ASK, raw({"status": "order", "order": told}))
    assert isinstance(answer, OrderAnswer)
    assert answer.order is not None
    assert (answer.order.order_id, answer.order.strategy, answer.order.venue_order_id) == (77, 3, 5001)
    assert (answer.order.status, answer.order.filled, answer.order.quantity) == (OrderStatus.PARTIALLY_FILLED, 40, 100)
    assert (answer.order.price, answer.order.side, answer.order.reduce_only) == (1_234_500, Side.BUY, True)
    assert answer.order.venue_time_ns == 1_700_000_000_600_000_000
    assert read(ASK, raw({"status": "unknownOid"})) == OrderAnswer(request_id=1, order=None)


def test_an_answer_about_another_order_is_bad() -> None:
    told = {"order": order(cloid=None), "status": "open", "statusTimestamp": 1}
    with pytest.raises(BadMessage):
        read(ASK, raw({"status": "order", "order": told}))


def test_open_orders_of_others_are_foreign_and_of_other_coins_left_out() -> None:
    rows = [order(), order(cloid=None, oid=6), order(coin="BTC", oid=7), order(isTrigger=True, triggerPx="1.3", oid=8)]
    answer = read(AskOrders(request_id=4), raw(rows))
    assert [one.order_id for one in answer.orders] == [77, 0, 77]
    assert [one.strategy for one in answer.orders] == [3, -1, 3]
    assert [one.trigger_price for one in answer.orders] == [0, 0, 1_300_000]


def test_fills_oldest_first_and_until_when() -> None:
    rows = [fill(tid=2, time=1_700_000_000_900), fill(tid=1), fill(coin="BTC", tid=3)]
    answer = read(AskFills(request_id=5, since_ns=0), raw(rows))
    assert [one.trade_id for one in answer.fills] == [1, 2]
    assert answer.until_ns == 1_700_000_000_900_000_000
    assert not answer.more
    assert (answer.fills[0].fee, answer.fills[0].maker, answer.fills[0].quantity) == (740_700, True, 40)
    none = read(AskFills(request_id=5, since_ns=7), b"[]", venue_ns=1_700_000_000_000_000_000)
    assert (none.fills, none.until_ns) == ((), 1_700_000_000_000_000_000)


def test_full_page_of_fills_leaves_its_last_millisecond_for_the_next() -> None:
    first = 1_700_000_000_000
    rows = [fill(tid=number + 1, time=first + number // 3) for number in range(2000)]
    answer = read(AskFills(request_id=5, since_ns=0), raw(rows))
    last = max(row["time"] for row in rows)
    assert answer.more
    assert answer.until_ns == last * 1_000_000 - 1
    assert len(answer.fills) == sum(row["time"] < last for row in rows)
    crowd = [fill(tid=number + 1, time=first) for number in range(2000)]
    answer = read(AskFills(request_id=5, since_ns=0), raw(crowd))
    assert (len(answer.fills), answer.until_ns) == (2000, (first + 1) * 1_000_000 - 1)


def payment(hours: int, coin: str = "XRP", usdc: str = "-0.5") -> dict[str, Any]:
    delta = {"type": "funding", "coin": coin, "usdc": usdc, "szi": "100", "fundingRate": "0.0000125", "nSamples": None}
    return {"time": 1_700_000_000_000 + hours * 3_600_000, "hash": "0x0", "delta": delta}


def funding(rows: list[dict[str, Any]]) -> FundingNews | None:
    reader = AnswerReader(universe(), Reader(universe(), TAG))
    return reader.funding([Reply(200, b"[]"), Reply(200, raw(rows))])


def test_funding_comes_with_the_fills_oldest_first() -> None:
    told = funding([payment(2, usdc="0.25"), payment(1), payment(1, coin="BTC")])
    assert told is not None
    assert [(one.instrument, one.amount) for one in told.payments] == [(2, -50_000_000), (2, 25_000_000)]
    assert told.payments[0].venue_time_ns == payment(1)["time"] * 1_000_000
    assert funding([payment(1, coin="BTC")]) is None
    with pytest.raises(BadMessage, match="userFunding"):
        funding([payment(1, usdc="a lot")])


def test_a_full_page_of_funding_ends_the_part() -> None:
    hours = [payment(hour) for hour in range(500)]
    answer = read(AskFills(request_id=5, since_ns=0), raw([fill(time=payment(900)["time"])]), raw(hours))
    assert (answer.more, answer.until_ns) == (True, hours[-1]["time"] * 1_000_000 - 1)
    answer = read(AskFills(request_id=5, since_ns=0), raw([fill()]), raw(hours[:-1]))
    assert (answer.more, answer.until_ns) == (False, fill()["time"] * 1_000_000)


def test_spot_fee_in_tokens_is_valued_at_the_price() -> None:
    rows = [
        fill(coin="@3", sz="12.5", px="2", fee="0.0125", feeToken="XRP"),
        fill(coin="@3", sz="1", fee="-0.5", tid=5),
    ]
    answer = read(AskFills(request_id=5, since_ns=0), raw(rows))
    assert [one.fee for one in answer.fills] == [-50_000_000, 2_500_000]
    assert [one.instrument for one in answer.fills] == [5, 5]


def state(**changes: Any) -> dict[str, Any]:
    position = {"coin": "XRP", "szi": "-25.0", "entryPx": "1.2", "unrealizedPnl": "-3.5", "leverage": {"value": 3}}
    return {
        "assetPositions": [{"type": "oneWay", "position": position}],
        "marginSummary": {"accountValue": "9996.5", "totalRawUsd": "1"},
        "time": 1_700_000_000_000,
        **changes,
    }


def test_account_is_holdings_and_cash() -> None:
    spot = {
        "balances": [{"coin": "USDC", "token": 0, "total": "50.5"}, {"coin": "XRP", "token": 7, "total": "3.14159"}]
    }
    answer = read(AskAccount(request_id=6), raw(state()), raw(spot))
    assert isinstance(answer, AccountAnswer)
    assert answer.holdings == (
        Holding(instrument=2, quantity=-25, price=1_200_000),
        Holding(instrument=5, quantity=314, price=0),
    )
    assert answer.balances == (Balance(account=0, cash=10_000 * 10**8), Balance(account=1, cash=5_050_000_000))
    assert answer.venue_time_ns == 1_700_000_000_000_000_000


@pytest.mark.parametrize(("size", "value", "result", "cost"), [("-25", "33.5", "-3.5", -30), ("25", "33.5", "3.5", 30)])
def test_what_a_position_cost_is_its_value_less_its_result(size: str, value: str, result: str, cost: int) -> None:
    """The average price is rounded by the venue; this is not."""
    position = {"coin": "XRP", "szi": size, "entryPx": "1.2", "unrealizedPnl": result, "positionValue": value}
    answer = read(AskAccount(request_id=6), raw(state(assetPositions=[{"position": position}])), raw({"balances": []}))
    assert [one.cost for one in answer.holdings] == [cost * 10**8]


def test_a_question_not_answered() -> None:
    assert isinstance(read(AskAccount(request_id=6), b"null", b"null", status=429), Unsent)
    assert isinstance(read(AskAccount(request_id=6), b"", b"", status=503), Lost)
    with pytest.raises(BadMessage):
        read(AskAccount(request_id=6), raw(state(time=-1)), raw({"balances": []}))
