"""What is tested: `quarterdeck.venues.alpaca.answers` and `quarterdeck.venues.alpaca.reader`."""

from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import OrderStatus, Reason, Side
from quarterdeck.venues.alpaca.answers import Reply, refusal
from quarterdeck.venues.alpaca.numbers import identity_number
from quarterdeck.venues.alpaca.reader import execution_of
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import AskOrders, Balance, Holding, Lost, Refused, Taken, TradeReport, Unsent
from tests.venues.alpaca.builders import (
    CLIENT_ID,
    EXECUTION,
    OURS,
    THEIRS,
    TIME_NS,
    WHOLE,
    Parts,
    activity,
    cancel,
    good,
    order,
    place,
    problem,
    raw,
)


def test_a_placed_order_is_taken_under_its_number() -> None:
    parts = Parts()
    answer = parts.answers.placed(place(), good(order(filled_qty="30", status="partially_filled")))
    assert answer == Taken(request_id=1, venue_order_id=identity_number(OURS), filled=30)
    assert parts.registry.identity(77, 0) == OURS


def test_an_order_that_is_rejected_at_once_is_refused() -> None:
    answer = Parts().answers.placed(place(), good(order(status="rejected")))
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.VENUE_REJECTED


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", raw(order(client_order_id="other")), raw(order(symbol="MSFT")),
     raw(order(qty="1e99")), raw(order(filled_qty="101")), raw(order(status="vanished")), raw(order(qty="0.5"))],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_put_aside(body: bytes) -> None:
    with pytest.raises(BadMessage, match="order answer"):
        Parts().answers.placed(place(), Reply(200, body))


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        (problem(422, 40010001, "client_order_id must be unique"), (Refused, Reason.DUPLICATE_ORDER)),
        (problem(403, 40310000, "insufficient buying power"), (Refused, Reason.BUYING_POWER)),
        (problem(403, 40310100, "trade denied due to pattern day trading"), (Refused, Reason.TRADING_DISABLED)),
        (problem(429, 42910000, "rate limit exceeded"), (Unsent, Reason.MESSAGE_RATE_EXCEEDED)),
        (Reply(504, b"<html>gateway</html>"), (Lost, None)),
        (Reply(500, raw({"code": 50010000, "message": "internal server error"})), (Lost, None)),
        (Reply(403, b"\xff" * 300), (Refused, Reason.TRADING_DISABLED)),
    ],
)
def test_refusals_of_an_order(reply: Reply, wanted: tuple[type, Reason | None]) -> None:
    answer: Any = refusal(place(), reply)
    assert type(answer) is wanted[0]
    assert wanted[1] is None or answer.reason is wanted[1]
    assert answer.text.startswith(f"HTTP {reply.status}: ")
    assert len(answer.text) <= 200


def test_a_question_that_was_refused_may_be_asked_again() -> None:
    assert isinstance(refusal(AskOrders(request_id=1), problem(403, 40310000, "no")), Lost)
    assert isinstance(refusal(AskOrders(request_id=1), problem(429, 0, "no")), Unsent)
    gone: Any = refusal(cancel(), problem(422, 42210000, 'order is already in "filled" state'))
    assert isinstance(gone, Refused)
    assert gone.reason is Reason.UNKNOWN_ORDER


def test_a_code_that_nobody_knows_counts_against_the_venue() -> None:
    answer = refusal(place(), problem(418, 7, "?"))
    assert isinstance(answer, Refused)
    assert answer.error


def test_open_orders_have_their_legs_with_them() -> None:
    stop = order(id=THEIRS, client_order_id="leg", type="stop", stop_price="170", limit_price=None, side="sell")
    parts = Parts()
    rows, reports = parts.answers.orders(
        good([order(legs=[stop]), order(id="x", client_order_id="else", symbol="MSFT")])
    )
    assert len(rows) == 2
    first, second = reports
    assert (first.order_id, first.strategy, first.price, first.quantity, first.status) == (
        77, 3, 18_025, 100, OrderStatus.ACCEPTED,
    )  # fmt: skip
    assert (second.order_id, second.strategy, second.side, second.trigger_price) == (0, -1, Side.SELL, 17_000)
    assert second.venue_order_id == identity_number(THEIRS)
    assert parts.registry.whose("x") == (0, -1)


def test_foreign_orders_may_be_of_any_size() -> None:
    told = [
        order(client_order_id="by hand", qty=None, notional="500", filled_qty="2.7"),
        order(id="y", client_order_id="by hand", qty="0.5", limit_price="180.251"),
    ]
    money, part = Parts().answers.orders(good(told))[1]
    assert (money.quantity, money.filled, money.status) == (2, 2, OrderStatus.PARTIALLY_FILLED)
    assert (part.quantity, part.price) == (0, 18_025)


def test_legs_without_an_end_are_put_aside() -> None:
    deep = order()
    for _ in range(40):
        deep = order(legs=[deep])
    with pytest.raises(BadMessage, match="legs of legs"):
        Parts().answers.orders(good([deep]))


def test_positions_are_signed_and_cost_what_was_paid() -> None:
    rows = [
        {"symbol": "AAPL", "qty": "-5", "side": "short", "cost_basis": "-901.25", "avg_entry_price": "180.25"},
        {"symbol": "SPY", "qty": "1.5", "side": "long", "cost_basis": "900.125", "avg_entry_price": "600.083333"},
        {"symbol": "MSFT", "qty": "0.123456789123", "side": "long", "cost_basis": "1"},
    ]
    assert Parts().answers.positions(good(rows)) == (
        Holding(instrument=2, quantity=-5, price=18_025, cost=-90_125_000_000),
        Holding(instrument=5, quantity=15_000, price=6_000_833, cost=90_012_500_000),
    )
    with pytest.raises(BadMessage, match="positions answer"):
        Parts().answers.positions(good([{**rows[0], "qty": "-5.5"}]))


def test_the_purse_has_the_accounts_cash() -> None:
    account, balances = Parts().answers.account(good({"status": "ACTIVE", "cash": "-1234.56789"}))
    assert account.status == "ACTIVE"
    assert balances == (Balance(account=0, cash=-123_456_789_000),)


def test_an_activity_is_the_fill_that_the_stream_told() -> None:
    parts = Parts()
    parts.registry.saw(OURS, CLIENT_ID)
    (row,) = parts.answers.activities(good([activity()]))
    assert parts.answers.fill(row) == TradeReport(
        trade_id=identity_number(EXECUTION), order_id=77, strategy=3, venue_order_id=identity_number(OURS),
        instrument=WHOLE, side=Side.BUY, price=18_025, quantity=40, fee=0, maker=False, venue_time_ns=TIME_NS,
    )  # fmt: skip
    assert execution_of(row.id) == EXECUTION
    (other,) = parts.answers.activities(good([activity(symbol="MSFT")]))
    assert parts.answers.fill(other) is None


@pytest.mark.parametrize(
    ("side", "price", "ticks", "fee"),
    [
        ("buy", "180.2512", 18_025, 40 * 12 * 10**4),  # paid more than 180.25
        ("buy", "180.2488", 18_025, -40 * 12 * 10**4),
        ("sell", "180.2512", 18_025, -40 * 12 * 10**4),  # received more
        ("sell_short", "180.2488", 18_025, 40 * 12 * 10**4),
    ],
)
def test_what_a_fill_has_beyond_its_tick_is_its_fee(side: str, price: str, ticks: int, fee: int) -> None:
    parts = Parts()
    (row,) = parts.answers.activities(good([activity(side=side, price=price)]))
    fill = parts.answers.fill(row)
    assert fill is not None
    assert (fill.price, fill.fee) == (ticks, fee)
    value = 10**6  # of one tick of one lot
    exact = round(float(price) * 40 * 10**8)
    assert fill.side * fill.price * fill.quantity * value + fill.fee == fill.side * exact


@pytest.mark.parametrize(
    "changes", [{"qty": "0"}, {"qty": "-1"}, {"qty": "0.5"}, {"price": "0"}, {"transaction_time": "soon"}, {"id": "::"}]
)
def test_a_fill_that_cannot_be_is_put_aside(changes: dict[str, str]) -> None:
    parts = Parts()
    (row,) = parts.answers.activities(good([activity(**changes)]))
    with pytest.raises(BadMessage, match="activities answer"):
        parts.answers.fill(row)
