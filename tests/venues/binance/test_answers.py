"""What is tested: `quarterdeck.venues.binance.answers` and `quarterdeck.venues.binance.reader`: what came back, as the
desk's answers; `quarterdeck.venues.binance.schema`.
"""

from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import OrderStatus, Reason, Side
from quarterdeck.venues.binance.answers import AnswerReader
from quarterdeck.venues.binance.markets import SPOT, USDM, Market
from quarterdeck.venues.binance.reader import Owner, Reader
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import (
    AccountAnswer,
    AskAccount,
    AskOrder,
    AskOrders,
    Holding,
    Lost,
    OrderAnswer,
    OrdersAnswer,
    Refused,
    Taken,
    Unsent,
)
from quarterdeck.venues.posting import Reply
from tests.venues.binance.builders import MARKETS, TAG, TIME, cancel, order, place, raw, trade, universe

ASK_ORDER = AskOrder(request_id=4, order_id=77, venue_order_id=0, instrument=2, strategy=3)
ASK_ORDERS = AskOrders(request_id=5)
ASK_ACCOUNT = AskAccount(request_id=6)


def reading(market: Market) -> tuple[AnswerReader, Reader]:
    reader = Reader(universe(market), TAG)
    return AnswerReader(universe(market), reader), reader


def failed(status: int, code: int = 0, text: str = "") -> Reply:
    return Reply(status, raw({"code": code, "msg": text}))


@pytest.mark.parametrize("name", MARKETS)
def test_an_order_that_was_taken(name: str) -> None:
    answers, reader = reading(MARKETS[name])
    answer = answers.acted(place(), Reply(200, raw(order(executedQty="0.04", status="PARTIALLY_FILLED"))))
    assert answer == Taken(request_id=1, venue_order_id=28, filled=40)
    assert reader.owner(2, 28) == Owner(77, 3)


def test_a_cancelled_spot_order_is_known_by_its_first_id() -> None:
    body = order(clientOrderId="cancelMyOrder1", origClientOrderId=order()["clientOrderId"], status="CANCELED")
    assert reading(SPOT)[0].acted(cancel(), Reply(200, raw(body))) == Taken(request_id=2, venue_order_id=28, filled=0)
    waits = order(status="PENDING_CANCEL")
    assert reading(SPOT)[0].acted(cancel(), Reply(200, raw(waits))).final is False  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        (failed(400, -2010, "Account has insufficient balance for requested action."), (Refused, Reason.BUYING_POWER)),
        (failed(400, -1021, "Timestamp for this request is outside of the recvWindow."), (Refused, Reason.STALE_DATA)),
        (failed(429, -1003, "Too many requests"), (Unsent, Reason.MESSAGE_RATE_EXCEEDED)),
        (failed(503, -1008, "Server is currently overloaded"), (Unsent, Reason.MESSAGE_RATE_EXCEEDED)),
        (failed(400, -1007, "Timeout waiting for response from backend server."), (Lost, None)),
        (failed(502), (Lost, None)),
        (Reply(504, b"<html>gateway</html>"), (Lost, None)),
    ],
)
def test_an_order_that_was_not(reply: Reply, wanted: tuple[Any, Reason | None]) -> None:
    for market in MARKETS.values():
        for request in (place(), cancel()):
            answer: Any = reading(market)[0].acted(request, reply)
            assert isinstance(answer, wanted[0])
            assert getattr(answer, "reason", None) == wanted[1]
            assert answer.request_id == request.request_id
            assert answer.text


def test_an_answer_about_another_order_is_no_answer() -> None:
    for body in (order(clientOrderId="other"), order(symbol="XRPUSDT"), order(orderId=0), {"orderId": 1}, []):
        with pytest.raises(BadMessage):
            reading(SPOT)[0].acted(place(), Reply(200, raw(body)))
        with pytest.raises(BadMessage):
            reading(SPOT)[0].order(ASK_ORDER, Reply(200, raw(body)))


def test_not_there_is_one_code_alone() -> None:
    answers = reading(USDM)[0]
    assert answers.order(ASK_ORDER, failed(400, -2013, "Order does not exist.")) == OrderAnswer(
        request_id=4, order=None
    )
    for reply in (failed(500, -2013), failed(400, -2011), failed(404), failed(400, -1021), Reply(200, b"")):
        try:
            assert isinstance(answers.order(ASK_ORDER, reply), Lost)
        except BadMessage:
            assert reply.status == 200
    assert isinstance(answers.order(ASK_ORDER, failed(429)), Unsent)
    assert isinstance(answers.orders(ASK_ORDERS, [Reply(200, b"[]"), failed(401, -2015)]), Lost)
    assert isinstance(answers.account(ASK_ACCOUNT, failed(400, -1021), TIME, {}), Lost)


@pytest.mark.parametrize("name", MARKETS)
def test_open_orders(name: str) -> None:
    rows = [order(), order(orderId=29, clientOrderId="by hand", side="SELL"), order(symbol="XRPUSDT")]
    answer = reading(MARKETS[name])[0].orders(ASK_ORDERS, [Reply(200, raw(rows[:1])), Reply(200, raw(rows[1:]))])
    assert isinstance(answer, OrdersAnswer)
    ours, foreign = answer.orders
    assert (ours.order_id, ours.strategy, ours.status, ours.price, ours.quantity) == (
        77,
        3,
        OrderStatus.ACCEPTED,
        300_005,
        100,
    )
    assert (foreign.order_id, foreign.strategy, foreign.side) == (0, -1, Side.SELL)
    assert ours.venue_time_ns == (TIME + 5) * 10**6


@pytest.mark.parametrize(
    "changes",
    [{"executedQty": "0.2"}, {"executedQty": "-0.1"}, {"status": "GONE"}, {"origQty": "0.0005"}, {"updateTime": -1}],
)
def test_an_order_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(BadMessage):
        reading(SPOT)[0].orders(ASK_ORDERS, [Reply(200, raw([order(**changes)]))])


def test_fills_are_whose_their_order_is() -> None:
    answers, reader = reading(USDM)
    rows = answers.trades(Reply(200, raw([trade(), trade(id=100, commission="0.00001", commissionAsset="BNB")])))
    first = reader.fill(rows[0])
    assert first is not None
    assert (first.order_id, first.fee, first.maker, first.quantity) == (0, 48_000_800, False, 40)
    answers.own(Reply(200, raw(order())))
    second = reader.fill(rows[1])
    assert second is not None
    assert (second.order_id, second.strategy, second.fee) == (77, 3, 0)
    assert reader.fees_elsewhere == {"BNB"}
    forced = order(orderId=31, clientOrderId="autoclose-1700000000000000")
    answers.own(Reply(200, raw(forced)))
    liquidated = reader.fill(answers.trades(Reply(200, raw([trade(orderId=31)])))[0])
    assert liquidated is not None
    assert liquidated.liquidation


def test_a_spot_fee_in_the_coin_is_valued_at_the_price() -> None:
    answers, reader = reading(SPOT)
    (row,) = answers.trades(Reply(200, raw([trade(commission="0.00004", commissionAsset="BTC")])))
    fill = reader.fill(row)
    assert fill is not None
    assert fill.fee == 120_002_000


def test_a_fill_that_does_not_say_who_bought() -> None:
    answers, reader = reading(SPOT)
    (row,) = answers.trades(Reply(200, raw([trade(isBuyer=None, buyer=None)])))
    with pytest.raises(ValueError, match="who bought"):
        reader.fill(row)


def test_a_spot_account() -> None:
    body = {
        "updateTime": TIME + 3, "canTrade": True,
        "balances": [
            {"asset": "USDT", "free": "100.50000000", "locked": "10.00000000"},
            {"asset": "BTC", "free": "0.10049990", "locked": "0.00100010"},
            {"asset": "BNB", "free": "3.0", "locked": "0"},
        ],
    }  # fmt: skip
    answer = reading(SPOT)[0].account(ASK_ACCOUNT, Reply(200, raw(body)), TIME, {2: 300_000})
    assert isinstance(answer, AccountAnswer)
    assert answer.holdings == (Holding(instrument=2, quantity=101, price=300_000),)  # the dust is left out
    assert [(one.account, one.cash) for one in answer.balances] == [(0, 11_050_000_000)]
    assert answer.venue_time_ns == (TIME + 3) * 10**6
    body["updateTime"] = TIME - 9
    quiet = reading(SPOT)[0].account(ASK_ACCOUNT, Reply(200, raw(body)), TIME, {2: 300_000})
    assert isinstance(quiet, AccountAnswer)
    assert quiet.venue_time_ns == TIME * 10**6


def test_a_pairs_price() -> None:
    answers, btc = reading(SPOT)[0], universe(SPOT).by_index[2]
    body = {"symbol": "BTCUSDT", "bidPrice": "30000.10000000", "bidQty": "1", "askPrice": "30000.20", "askQty": "1"}
    assert answers.price(btc, Reply(200, raw(body))) == 300_001
    assert answers.price(btc, Reply(200, raw(body | {"bidPrice": "0.00000000"}))) == 300_002
    assert answers.price(btc, failed(500)) == 0
    for bad in ({}, body | {"bidPrice": "x"}, []):
        with pytest.raises(BadMessage):
            answers.price(btc, Reply(200, raw(bad)))


def position(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.100", "unrealizedProfit": "-10.00000000",
        "notional": "-3010.00000000", "updateTime": TIME + 2, **changes,
    }  # fmt: skip


def test_a_futures_account() -> None:
    body = {
        "assets": [
            {"asset": "USDT", "walletBalance": "500.25", "updateTime": TIME + 4},
            {"asset": "BNB", "walletBalance": "1"},
        ],
        "positions": [position(), position(symbol="ETHUSDT", positionAmt="0.00"), position(symbol="XRPUSDT")],
    }  # fmt: skip
    answer = reading(USDM)[0].account(ASK_ACCOUNT, Reply(200, raw(body)), TIME, {2: 300_000})
    assert isinstance(answer, AccountAnswer)
    assert answer.holdings == (Holding(instrument=2, quantity=-100, price=300_000, cost=-300_000_000_000),)
    assert [(one.account, one.cash) for one in answer.balances] == [(0, 50_025_000_000)]
    assert answer.venue_time_ns == (TIME + 4) * 10**6
    body["positions"] = [position(positionSide="LONG")]
    with pytest.raises(BadMessage, match="one-way mode"):
        reading(USDM)[0].account(ASK_ACCOUNT, Reply(200, raw(body)), TIME, {2: 300_000})


def test_funding() -> None:
    row: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "incomeType": "FUNDING_FEE",
        "income": "1",
        "asset": "USDT",
        "time": TIME,
    }
    rows = [
        row | {"income": "-0.37500000", "time": TIME + 9, "tranId": 2},
        row,
        row | {"symbol": "XRPUSDT"},
        row | {"symbol": "", "incomeType": "TRANSFER"},
    ]
    payments, count, latest_ms = reading(USDM)[0].funding(Reply(200, raw(rows)))
    assert [(one.instrument, one.amount) for one in payments] == [(2, 100_000_000), (2, -37_500_000)]
    assert (count, latest_ms) == (4, TIME + 9)
    with pytest.raises(BadMessage):
        reading(USDM)[0].funding(Reply(200, raw([rows[0] | {"asset": "BNB"}])))
