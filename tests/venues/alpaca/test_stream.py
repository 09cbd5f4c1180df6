"""What is tested: `quarterdeck.venues.alpaca.stream` and `quarterdeck.venues.alpaca.news`."""

from typing import Any

import pytest
from msgspec.msgpack import Ext

from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderStatus, Reason, Side
from quarterdeck.venues.alpaca.news import NewsReader
from quarterdeck.venues.alpaca.numbers import identity_number
from quarterdeck.venues.alpaca.schema import Authorization, DataError, DataSubscription, DataSuccess, Listening
from quarterdeck.venues.alpaca.stream import MESSAGE_BYTES_MAX, DataReader
from quarterdeck.venues.messages import FillsNews, MarketData, OrderNews
from quarterdeck.venues.quarantine import Quarantine
from tests.venues.alpaca.builders import (
    EXECUTION,
    FINE,
    OURS,
    TIME_NS,
    WHOLE,
    Parts,
    activity,
    bar,
    filled,
    good,
    packed,
    quote,
    raw,
    stamp,
    status,
    trade,
    universe,
    update,
)


class Data:
    """A reader of the data stream and what it put aside."""

    def __init__(self) -> None:
        self.quarantine = Quarantine("alpaca", lambda _: None)
        self.reader = DataReader(universe(), self.quarantine.hold)

    def events(self, *rows: Any) -> list[dict[str, int]]:
        found = self.reader.read(packed(*rows))
        assert len(found) <= 1
        if not found:
            return []
        assert isinstance(found[0], MarketData)
        events = found[0].events
        return [{name: int(row[name]) for name in events.dtype.names} for row in events]


class News:
    """A reader of the account's stream and what it put aside."""

    def __init__(self) -> None:
        self.parts = Parts()
        self.quarantine = Quarantine("alpaca", lambda _: None)
        self.reader = NewsReader(self.parts.reader, self.quarantine.hold)

    def read(self, value: Any) -> tuple[Any, ...]:
        return self.reader.read(raw(value))


def test_a_quote() -> None:
    data = Data()
    (event,) = data.events(quote())
    assert (event["kind"], event["instrument"], event["venue_time_ns"]) == (EventKind.QUOTE, WHOLE, TIME_NS)
    assert (event["bid"], event["ask"], event["bid_quantity"], event["ask_quantity"]) == (18_024, 18_026, 300, 200)
    assert data.reader.touch == {WHOLE: (18_024, 18_026)}
    (fine,) = data.events(quote(S="SPY", bp=600.0001, ap=0.0, bs=1.5, **{"as": 0}))
    assert (fine["instrument"], fine["bid"], fine["bid_quantity"]) == (FINE, 6_000_001, 15_000)
    assert (fine["ask"], fine["ask_quantity"]) == (0, 0)


def test_trades_take_the_side_of_the_quote_that_they_are_nearer_to() -> None:
    data = Data()
    events = data.events(trade(p=1.0, i=1), quote(), trade(), trade(p=180.24, i=2), trade(p=180.25, i=3))
    told = [(one["price"], bool(one["flags"] & Flag.SELL), one["trade_id"]) for one in events if one["kind"] == 2]
    assert told == [(100, False, 1), (18_026, False, 96_921), (18_024, True, 2), (18_025, False, 3)]
    assert events[0]["quantity"] == 100


def test_trades_that_are_not_of_this_moment_or_less_than_a_lot_are_left_out() -> None:
    data = Data()
    assert data.events(trade(c=["@", "Z"]), trade(c=["W"]), trade(s=0.4), trade(S="MSFT")) == []
    assert len(data.events(trade(c=["@", "I"]), trade(c=None), trade(c=[]), trade(p=180.2549))) == 4
    assert data.quarantine.total == 0


def test_a_bar() -> None:
    (event,) = Data().events(bar())
    assert event["kind"] == EventKind.BAR
    prices = tuple(event[name] for name in ("open", "high", "low", "close", "volume"))
    assert prices == (18_020, 18_050, 18_010, 18_040, 12_345)


def test_halts_are_said_and_end() -> None:
    data = Data()
    assert data.events(status("H"), status("E")) == []
    assert data.reader.halted == {WHOLE}
    data.events(status("T"), status("T"), status("H", S="MSFT"))
    assert data.reader.halted == set()
    assert len(data.reader.said) == 2
    assert "halted (Trading Halted; For information)" in data.reader.said[0]


def test_what_keeps_the_line_is_kept() -> None:
    data = Data()
    greeting = {"T": "success", "msg": "connected"}
    subscribed = {"T": "subscription", "trades": ["AAPL"], "quotes": [], "bars": [], "lulds": []}
    data.events(greeting, {"T": "error", "code": 402, "msg": "auth failed"}, subscribed, {"T": "l"}, {"T": "c"})
    assert data.reader.controls == [
        DataSuccess("connected"), DataError(402, "auth failed"), DataSubscription(trades=["AAPL"]),
    ]  # fmt: skip
    for _ in range(1_000):
        data.events(greeting)
    assert len(data.reader.controls) < 100


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (quote(bp=180.27), "crossed or locked quote"),
        (quote(bp=180.26), "crossed or locked quote"),
        (quote(ap=-1.0), "price"),
        (quote(bp=float("nan")), "wrong figure"),
        (quote(bp=float("inf")), "wrong figure"),
        (quote(bp=1e300), "price"),
        (quote(bs=-5), "size"),
        (quote(bs=1e30), "size"),
        (quote(bp="180"), "wrong type"),
        (quote(t="2026-11-20T15:30:00Z"), "wrong type"),
        (quote(t=Ext(5, b"\0" * 8)), "wrong figure"),
        (trade(i=0), "trade"),
        (trade(i=2**63), "trade"),
        (trade(p=0.0), "trade"),
        (bar(h=180.0), "bar"),
        (bar(l=0.0), "bar"),
        ({"T": "zz", "S": "AAPL"}, "unknown message"),
        ({"S": "AAPL"}, "wrong type"),
        (17, "wrong type"),
    ],
)
def test_a_bad_row_is_put_aside_and_the_good_ones_are_told(row: Any, kind: str) -> None:
    data = Data()
    events = data.events(quote(), row, trade())
    assert [event["kind"] for event in events] == [EventKind.QUOTE, EventKind.TRADE]
    assert dict(data.quarantine.counts) == {kind: 1}


@pytest.mark.parametrize(
    ("message", "kind"),
    [(b"", "not a list of messages"), (b"\xff", "not a list of messages"), (b'[{"T":"q"}]', "not a list of messages"),
     (b"\x80", "not a list of messages"), (b"\0" * (MESSAGE_BYTES_MAX + 1), "oversized message")],
)  # fmt: skip
def test_a_message_that_is_none_is_put_aside(message: bytes, kind: str) -> None:
    data = Data()
    assert data.reader.read(message) == ()
    assert dict(data.quarantine.counts) == {kind: 1}


def test_a_fill_is_told_before_what_it_made_of_the_order() -> None:
    news = News()
    fills, orders = news.read(filled())
    assert isinstance(fills, FillsNews)
    assert isinstance(orders, OrderNews)
    (fill,), (order,) = fills.fills, orders.orders
    assert (fill.trade_id, fill.quantity, fill.price, fill.side) == (identity_number(EXECUTION), 40, 18_025, Side.BUY)
    assert (fill.order_id, fill.strategy, fill.venue_order_id, fill.fee) == (77, 3, identity_number(OURS), 0)
    assert (order.status, order.filled, order.quantity) == (OrderStatus.PARTIALLY_FILLED, 40, 100)


def test_a_fill_has_one_trade_id_wherever_it_is_told() -> None:
    news = News()
    (fill,) = news.read(filled())[0].fills
    answers = news.parts.answers
    (row,) = answers.activities(good([activity()]))
    assert answers.fill(row) == fill
    (other,) = answers.activities(good([activity(id="20261120103000123::another")]))
    told = answers.fill(other)
    assert told is not None
    assert told.trade_id != fill.trade_id


@pytest.mark.parametrize(
    ("event", "word", "wanted"),
    [
        ("new", "new", OrderStatus.ACCEPTED),
        ("pending_new", "pending_new", OrderStatus.ACCEPTED),
        ("canceled", "canceled", OrderStatus.CANCELED),
        ("expired", "expired", OrderStatus.EXPIRED),
        ("done_for_day", "done_for_day", OrderStatus.ACCEPTED),
        ("rejected", "rejected", OrderStatus.REJECTED),
        ("replaced", "replaced", OrderStatus.CANCELED),
        ("pending_cancel", "pending_cancel", OrderStatus.ACCEPTED),
        ("order_cancel_rejected", "new", OrderStatus.ACCEPTED),
        ("something_new", "held", OrderStatus.ACCEPTED),
    ],
)
def test_what_became_of_an_order(event: str, word: str, wanted: OrderStatus) -> None:
    (orders,) = News().read(update(event, status=word))
    assert orders.orders[0].status is wanted
    assert orders.orders[0].venue_time_ns == TIME_NS
    assert (orders.orders[0].reason is Reason.NONE) == (word not in {"rejected", "replaced"})


def test_events_other_than_fills_make_no_trade_of_their_execution() -> None:
    (orders,) = News().read(update("new", price="180.25", qty_now="40"))
    assert isinstance(orders, OrderNews)


def test_a_fill_is_told_even_where_its_order_cannot_be() -> None:
    news = News()
    (fills,) = news.read(filled(status="vanished"))
    assert isinstance(fills, FillsNews)
    assert dict(news.quarantine.counts) == {"wrong figure": 1}


def test_a_fill_that_was_taken_back_is_said() -> None:
    news = News()
    news.read(update("trade_bust", status="filled", filled_qty="100"))
    assert "took back a fill of AAPL" in news.reader.said[0]


def test_symbols_of_others_are_noted_and_not_told() -> None:
    news = News()
    assert news.read(filled(symbol="MSFT")) == ()
    assert news.parts.registry.whose(OURS) == (77, 3)


def test_what_keeps_the_account_line_is_kept() -> None:
    news = News()
    news.read({"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}})
    news.read({"stream": "listening", "data": {"streams": ["trade_updates"]}})
    first, second = news.reader.controls
    assert isinstance(first, Authorization)
    assert first.data.status == "authorized"
    assert isinstance(second, Listening)
    assert second.data.streams == ["trade_updates"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"stream": "prices", "data": {}}, "unknown stream"),
        ({"stream": "trade_updates", "data": {}}, "wrong type"),
        ({"stream": "trade_updates", "data": None}, "wrong type"),
        (update("new", qty="1e99"), "wrong figure"),
        (filled(execution_id=None), "wrong figure"),
        (filled(timestamp="soon"), "wrong figure"),
        (filled(price=None), "wrong figure"),
        (filled(qty_now="0.5"), "wrong figure"),
        (update("new", side="both"), "wrong type"),
        (update("new", id=""), "wrong figure"),
        ("text", "wrong type"),
    ],
)
def test_bad_news_is_put_aside(value: Any, kind: str) -> None:
    news = News()
    assert news.read(value) == ()
    assert dict(news.quarantine.counts) == {kind: 1}


def test_what_is_no_json_is_put_aside() -> None:
    news = News()
    for message in (b"", b"{", b"\xff\xfe", b" " * (MESSAGE_BYTES_MAX + 1)):
        assert news.reader.read(message) == ()
    assert dict(news.quarantine.counts) == {"not JSON": 3, "oversized message": 1}
    assert stamp().code == -1
