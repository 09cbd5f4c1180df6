"""What is tested: `quarterdeck.venues.binance.listing`: every fill is found, whatever part of a full list is given.

The venue here is a list of fills and orders that answers as the documented interface does. Of more rows than a list
holds it gives the first, the last or any: its documentation does not say which.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.venues.binance import listing, requests
from quarterdeck.venues.binance.answers import AnswerReader
from quarterdeck.venues.binance.listing import FundingLister, Lister, Turned
from quarterdeck.venues.binance.markets import SPOT, USDM, Market
from quarterdeck.venues.binance.reader import Reader
from quarterdeck.venues.binance.requests import Call, Encoder
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import AskFills, FillsAnswer, Lost, TradeReport, Unsent
from quarterdeck.venues.posting import Reply
from tests.venues.binance.builders import MARKETS, TAG, TIME, order, raw, trade, universe

LIMIT = 5
Pick = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
PICKS: dict[str, Pick] = {
    "first": lambda rows: rows[:LIMIT],
    "last": lambda rows: rows[-LIMIT:],
    "any": lambda rows: sorted(random.Random(5).sample(rows, min(LIMIT, len(rows))), key=lambda row: row["id"]),
}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of five rows: the bound is the only thing that differs."""
    monkeypatch.setattr(listing, "ROWS_MAX", LIMIT)
    monkeypatch.setattr(requests, "ROWS_MAX", LIMIT)


class Books:
    """What the venue has, and how often it was asked for what."""

    def __init__(self, market: Market, rows: list[dict[str, Any]], pick: Pick) -> None:
        self.market, self.rows, self.pick = market, rows, pick
        self.asked: dict[str, int] = {}
        self.missing: set[int] = set()
        self.failing: Reply | None = None

    def ask(self, call: Call) -> Reply:
        told: dict[str, Any] = dict(call.parameters)
        self.asked[call.path] = self.asked.get(call.path, 0) + 1
        if self.failing is not None:
            return self.failing
        if call.path == self.market.paths.order:
            if told["orderId"] in self.missing:
                return Reply(400, raw({"code": -2013, "msg": "Order does not exist."}))
            return Reply(200, raw(order(symbol=told["symbol"], orderId=told["orderId"], status="FILLED")))
        rows = [row for row in self.rows if row["symbol"] == told["symbol"]]
        if "fromId" in told:
            return Reply(200, raw([row for row in rows if row["id"] >= told["fromId"]][: told["limit"]]))
        assert told["endTime"] - told["startTime"] < self.market.window_ms
        found = [row for row in rows if told["startTime"] <= row["time"] <= told["endTime"]]
        return Reply(200, raw(self.pick(found) if len(found) > told["limit"] else found))


def lister(market: Market) -> Lister:
    listed = universe(market)
    reader = Reader(listed, TAG)
    return Lister(market, listed, Encoder(market, listed, TAG), AnswerReader(listed, reader), reader)


def whole(market: Market, books: Books, since_ms: int, now_ms: int) -> list[TradeReport]:
    """All fills, asked for as a desk does: from where each part ended."""
    fills: dict[tuple[int, int], TradeReport] = {}
    since_ns, this = since_ms * 10**6, lister(market)
    for _ in range(400):
        answer = this.fills(AskFills(request_id=1, since_ns=since_ns), books.ask, now_ms)
        assert isinstance(answer, FillsAnswer)
        assert answer.until_ns >= since_ns
        assert [one.venue_time_ns for one in answer.fills] == sorted(one.venue_time_ns for one in answer.fills)
        fills.update({(one.instrument, one.trade_id): one for one in answer.fills})
        if not answer.more:
            return list(fills.values())
        assert answer.until_ns > since_ns
        since_ns = answer.until_ns + 1
    raise AssertionError("it never ended")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(MARKETS)),
    st.sampled_from(sorted(PICKS)),
    st.lists(st.tuples(st.sampled_from(["BTCUSDT", "ETHUSDT"]), st.integers(0, 3_000)), max_size=60),
)
def test_every_fill_is_found(name: str, pick: str, made: list[tuple[str, int]]) -> None:
    rows = [
        trade(symbol=symbol, id=number + 1, orderId=number % 7 + 1, time=TIME + at, price="30000", qty="0.01")
        for number, (symbol, at) in enumerate(sorted(made, key=lambda one: one[1]))
    ]
    crowded = {at for _, at in made if sum(one[1] == at for one in made) >= LIMIT}
    books = Books(MARKETS[name], rows, PICKS["first"] if crowded else PICKS[pick])
    found = whole(MARKETS[name], books, TIME, TIME + 10_000)
    assert len(found) == len(rows)
    assert {one.order_id for one in found} <= {77}


@pytest.mark.parametrize("name", MARKETS)
def test_a_long_time_is_asked_for_in_spans(name: str) -> None:
    market = MARKETS[name]
    rows = [trade(id=day + 1, time=TIME + day * 86_400_000) for day in range(20)]
    books = Books(market, rows, PICKS["last"])
    assert len(whole(market, books, TIME, TIME + 20 * 86_400_000)) == 20
    assert books.asked[market.paths.order] == 1  # one order, asked for once


def test_more_in_one_millisecond_than_a_list_holds() -> None:
    rows = [trade(id=number + 1, time=TIME + 5) for number in range(23)] + [trade(id=90, time=TIME + 6)]
    assert len(whole(SPOT, Books(SPOT, rows, PICKS["first"]), TIME, TIME + 1_000)) == 24
    rows = [trade(id=number + 1, time=TIME + 5) for number in range(LIMIT * 70)]
    with pytest.raises(BadMessage):
        whole(SPOT, Books(SPOT, rows, PICKS["first"]), TIME, TIME + 1_000)


def test_an_order_that_is_not_there_any_more_is_nobodys() -> None:
    books = Books(SPOT, [trade()], PICKS["first"])
    books.missing.add(28)
    (fill,) = whole(SPOT, books, TIME, TIME + 1_000)
    assert (fill.order_id, fill.strategy, fill.venue_order_id) == (0, -1, 28)


def test_the_end_lags_behind_now() -> None:
    books = Books(SPOT, [], PICKS["first"])
    answer = lister(SPOT).fills(AskFills(request_id=1, since_ns=TIME * 10**6), books.ask, TIME + 5_000)
    assert (answer.until_ns, answer.more) == ((TIME + 4_001) * 10**6 - 1, False)
    early = lister(SPOT).fills(AskFills(request_id=1, since_ns=TIME * 10**6 + 3), books.ask, TIME - 9)
    assert early.until_ns == TIME * 10**6 + 3


@pytest.mark.parametrize(("status", "kind"), [(429, Unsent), (502, Lost), (503, Lost)])
def test_a_question_among_them_that_fails(status: int, kind: type) -> None:
    books = Books(SPOT, [trade()], PICKS["first"])
    books.failing = Reply(status, b"{}")
    with pytest.raises(Turned) as caught:
        lister(SPOT).fills(AskFills(request_id=1, since_ns=TIME * 10**6), books.ask, TIME + 5_000)
    assert isinstance(caught.value.answer, kind)


@pytest.mark.parametrize("count", [0, 3, 5, 6, 23])
def test_every_payment_is_found(count: int) -> None:
    rows = [
        {
            "symbol": "BTCUSDT",
            "incomeType": "FUNDING_FEE",
            "income": "1",
            "asset": "USDT",
            "time": TIME + hour * 3_600_000,
        }
        for hour in range(count)
    ]
    listed = universe(USDM)

    def ask(call: Call) -> Reply:
        told: dict[str, Any] = dict(call.parameters)
        return Reply(200, raw([row for row in rows if row["time"] >= told["startTime"]][: told["limit"]]))

    funding = FundingLister(Encoder(USDM, listed, TAG), AnswerReader(listed, Reader(listed, TAG)))
    paid = funding.payments(AskFills(request_id=1, since_ns=(TIME + 60_000) * 10**6), ask)
    assert [one.venue_time_ns for one in paid] == [row["time"] * 10**6 for row in rows]  # a little earlier, too
    with pytest.raises(Turned):
        funding.payments(AskFills(request_id=1, since_ns=0), lambda _: Reply(500, b""))
