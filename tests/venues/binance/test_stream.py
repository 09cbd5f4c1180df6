"""What is tested: `quarterdeck.venues.binance.stream`: each message of the websockets as what the desk is told."""

from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderStatus, Reason, Side
from quarterdeck.venues.binance.markets import SPOT, USDM, Market
from quarterdeck.venues.binance.reader import Reader
from quarterdeck.venues.binance.stream import MESSAGE_BYTES_MAX, StreamReader, stream_names
from quarterdeck.venues.messages import FillsNews, MarketData, OrderNews
from tests.venues.binance.builders import (
    AGG_TRADE,
    BOOK_TICKER,
    MARK,
    MARKETS,
    TAG,
    TIME,
    diff,
    market_data,
    raw,
    report,
    snapshot,
    streamed,
    traded,
    universe,
)

NS = TIME * 10**6


class Streams:
    """A reader, what it put aside, and the books that it wants."""

    def __init__(self, market: Market) -> None:
        self.bad: list[tuple[str, str]] = []
        self.wanted: list[int] = []
        listed = universe(market)
        self.reader = StreamReader(
            listed, Reader(listed, TAG), lambda kind, _, why: self.bad.append((kind, why)), self.wanted.append
        )

    def events(self, name: str, data: Any) -> Any:
        messages = self.reader.read(raw(market_data(name, data)))
        if not messages:
            return []
        (message,) = messages
        assert isinstance(message, MarketData)
        return message.events


def test_names_are_split_over_the_addresses() -> None:
    btc = universe(USDM).by_index[2]
    assert stream_names(btc, depth=True) == (
        ["btcusdt@bookTicker", "btcusdt@depth@100ms"],
        ["btcusdt@aggTrade", "btcusdt@markPrice@1s"],
    )
    assert stream_names(universe(SPOT).by_index[2], depth=False) == (["btcusdt@bookTicker"], ["btcusdt@aggTrade"])


@pytest.mark.parametrize("name", MARKETS)
def test_a_trade(name: str) -> None:
    streams = Streams(MARKETS[name])
    (event,) = streams.events("btcusdt@aggTrade", AGG_TRADE)
    assert (event["kind"], event["instrument"], event["flags"]) == (EventKind.TRADE, 2, Flag.SELL)
    assert (event["price"], event["quantity"], event["trade_id"], event["venue_time_ns"]) == (300_001, 5, 5933014, NS)
    event["time_ns"] = 5  # a desk stamps what it gets
    (event,) = streams.events("btcusdt@aggTrade", AGG_TRADE | {"m": False})
    assert event["flags"] == 0
    assert streams.reader.newest_ns == NS
    assert not streams.bad


def test_a_quote() -> None:
    streams = Streams(USDM)
    (event,) = streams.events("btcusdt@bookTicker", BOOK_TICKER | {"T": TIME, "E": TIME + 1, "e": "bookTicker"})
    assert (event["kind"], event["bid"], event["ask"]) == (EventKind.QUOTE, 300_000, 300_001)
    assert (event["bid_quantity"], event["ask_quantity"], event["venue_time_ns"]) == (31_210, 40_660, NS)
    assert event["update_id"] == 400900217
    spot = Streams(SPOT)
    spot.events("btcusdt@aggTrade", AGG_TRADE)
    (event,) = spot.events("btcusdt@bookTicker", BOOK_TICKER)
    assert event["venue_time_ns"] == NS  # it says no time: the newest that was seen
    (event,) = spot.events("btcusdt@bookTicker", BOOK_TICKER | {"b": "0.00000000", "B": "0.00000000"})
    assert (event["bid"], event["ask"]) == (0, 300_001)


def test_a_mark_and_a_rate_that_has_changed() -> None:
    streams = Streams(USDM)
    mark, funding = streams.events("btcusdt@markPrice@1s", MARK)
    assert (mark["kind"], mark["mark"], mark["venue_time_ns"]) == (EventKind.MARK, 300_001, NS)
    assert (funding["kind"], funding["rate"]) == (EventKind.FUNDING, 381_670)
    assert len(streams.events("btcusdt@markPrice@1s", MARK)) == 1
    assert streams.events("btcusdt@markPrice@1s", MARK | {"r": "-0.0001"})[1]["rate"] == -100_000
    assert streams.events("btcusdt@markPrice@1s", MARK | {"r": ""})[1]["rate"] == 0


@pytest.mark.parametrize(
    ("stream", "data", "kind"),
    [
        ("btcusdt@aggTrade", AGG_TRADE | {"q": "0"}, "trade"),
        ("btcusdt@aggTrade", AGG_TRADE | {"a": 0}, "trade"),
        ("btcusdt@aggTrade", AGG_TRADE | {"s": "ETHUSDT"}, "trade"),
        ("btcusdt@aggTrade", AGG_TRADE | {"p": "30000.15"}, "wrong figure"),
        ("btcusdt@aggTrade", AGG_TRADE | {"T": -5}, "wrong figure"),
        ("btcusdt@aggTrade", AGG_TRADE | {"m": "no"}, "wrong type"),
        ("btcusdt@bookTicker", BOOK_TICKER | {"b": "30000.10"}, "crossed quote"),
        ("btcusdt@markPrice@1s", MARK | {"p": "0"}, "mark"),
        ("btcusdt@markPrice@1s", MARK | {"r": "1e9"}, "wrong figure"),
        ("btcusdt@markPrice@1s", MARK | {"r": "5"}, "funding rate"),
        ("btcusdt@depth@100ms", diff(5, 4), "depth"),
        ("btcusdt@depth@100ms", diff(1, 2, 0) | {"b": [["1"]]}, "wrong type"),
        ("btcusdt@depth@100ms", diff(1, 2, 0, b=[["30000.00", "-1"]]), "wrong figure"),
        ("btcusdt@depth@100ms", diff(1, 2), "depth"),  # futures without pu
        ("xrpusdt@aggTrade", AGG_TRADE, "unknown stream"),
        ("", {}, "unknown stream"),
    ],
)
def test_what_makes_no_sense_is_put_aside(stream: str, data: Any, kind: str) -> None:
    streams = Streams(USDM)
    assert len(streams.events(stream, data)) == 0
    assert [one[0] for one in streams.bad] == [kind]


def test_an_oversized_message_is_put_aside() -> None:
    streams = Streams(SPOT)
    assert streams.reader.read(b" " * (MESSAGE_BYTES_MAX + 1)) == ()
    assert streams.reader.read_account(b" " * (MESSAGE_BYTES_MAX + 1)) == ()
    assert {one[0] for one in streams.bad} == {"oversized message"}


def test_a_book_is_joined_to_its_snapshot_and_fetched_anew_after_a_gap() -> None:
    streams = Streams(SPOT)
    name = "btcusdt@depth@100ms"
    assert len(streams.events(name, diff(96, 101))) == 0  # it waits
    assert len(streams.events(name, diff(102, 102, b=[["29999.90", "0.000"]], a=[]))) == 0
    (message,) = streams.reader.take_snapshot(2, raw(snapshot(100)))
    assert isinstance(message, MarketData)
    clear, *levels = message.events
    assert clear["kind"] == EventKind.BOOK_CLEAR
    assert {one["kind"] for one in levels} == {EventKind.LEVEL}
    told = [(int(one["price"]), int(one["quantity"]), bool(one["flags"] & Flag.SELL)) for one in levels]
    assert told == [
        (299_999, 4_000, False), (300_002, 12_000, True), (300_003, 1_000, True), (300_000, 10_000, False),
        (300_002, 0, True), (299_999, 0, False),
    ]  # fmt: skip
    assert [bool(one["flags"] & Flag.LAST) for one in levels] == [False, False, True, False, True, True]
    (bid, ask) = streams.events(name, diff(103, 104))
    assert (bid["update_id"], ask["flags"]) == (104, Flag.SELL | Flag.LAST)
    assert streams.wanted == []
    (gone,) = streams.events(name, diff(106, 107))  # 105 is missing
    assert gone["kind"] == EventKind.BOOK_CLEAR
    assert streams.wanted == [2]
    assert streams.reader.take_snapshot(2, raw(snapshot(104))) == ()  # older than the gap
    assert streams.wanted == [2, 2]
    assert len(streams.reader.take_snapshot(2, raw(snapshot(106)))) == 1
    assert len(streams.events(name, diff(108, 109))) == 2
    assert not streams.bad


def test_a_snapshot_that_cannot_be_read_is_wanted_again() -> None:
    streams = Streams(SPOT)
    for body in (
        b"",
        b"{}",
        raw(snapshot(-1)),
        raw(snapshot(5, bids=[["30000.05", "1"]])),
        raw(snapshot(5, asks=[["1"]])),
    ):
        assert streams.reader.take_snapshot(2, body) == ()
    assert streams.wanted == [2] * 5
    assert len(streams.bad) == 5


def test_a_new_connection_begins_with_no_book() -> None:
    streams = Streams(SPOT)
    streams.reader.take_snapshot(2, raw(snapshot(100)))
    assert len(streams.events("btcusdt@depth@100ms", diff(101, 101))) == 2
    streams.reader.begin_anew(TIME + 5)
    assert streams.reader.newest_ns == NS + 5 * 10**6
    assert len(streams.events("btcusdt@depth@100ms", diff(102, 102))) == 0


@pytest.mark.parametrize("name", MARKETS)
def test_news_of_an_order(name: str) -> None:
    streams = Streams(MARKETS[name])
    (news,) = streams.reader.read_account(raw(streamed(MARKETS[name], report())))
    assert isinstance(news, OrderNews)
    (told,) = news.orders
    assert (told.order_id, told.strategy, told.venue_order_id, told.instrument) == (77, 3, 28, 2)
    assert (told.status, told.side, told.price, told.quantity, told.filled) == (
        OrderStatus.ACCEPTED,
        Side.BUY,
        300_005,
        100,
        0,
    )
    fills, news = streams.reader.read_account(raw(streamed(MARKETS[name], traded())))
    assert isinstance(fills, FillsNews)
    assert isinstance(news, OrderNews)
    (fill,) = fills.fills
    assert (fill.trade_id, fill.order_id, fill.quantity, fill.price, fill.fee) == (99, 77, 40, 300_005, 48_000_800)
    assert (fill.maker, fill.venue_time_ns, fill.liquidation) == (False, (TIME + 8) * 10**6, False)
    assert (news.orders[0].status, news.orders[0].filled) == (OrderStatus.PARTIALLY_FILLED, 40)
    assert not streams.bad


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"x": "CANCELED", "X": "CANCELED", "C": "(ours)", "c": "web_1"}, OrderStatus.CANCELED, Reason.NONE),
        ({"x": "EXPIRED", "X": "EXPIRED"}, OrderStatus.EXPIRED, Reason.NONE),
        ({"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH"}, OrderStatus.CANCELED, Reason.SELF_MATCH),
        ({"x": "REJECTED", "X": "REJECTED", "r": "INSUFFICIENT_BALANCES"}, OrderStatus.REJECTED, Reason.VENUE_REJECTED),
    ],
)
def test_how_an_order_ends(changes: dict[str, Any], status: OrderStatus, reason: Reason) -> None:
    streams = Streams(SPOT)
    if "C" in changes:
        changes = changes | {"C": report()["c"]}
    (news,) = streams.reader.read_account(raw(streamed(SPOT, report(**changes))))
    assert isinstance(news, OrderNews)
    assert (news.orders[0].order_id, news.orders[0].status, news.orders[0].reason) == (77, status, reason)


def test_other_messages_of_the_account() -> None:
    streams = Streams(USDM)
    change = {"e": "ACCOUNT_UPDATE", "E": TIME, "T": TIME, "a": {"m": "ORDER", "B": [], "P": []}}
    for message in (change, {"e": "ACCOUNT_CONFIG_UPDATE", "E": TIME}, {"e": "TRADE_LITE"}, {"e": "MARGIN_CALL"}):
        assert streams.reader.read_account(raw(message)) == ()
    assert not streams.reader.funding_due
    streams.reader.read_account(raw(change | {"a": {"m": "FUNDING_FEE", "B": [{"a": "USDT", "bc": "-1"}], "P": []}}))
    assert streams.reader.funding_due
    assert not streams.reader.over
    streams.reader.read_account(raw({"e": "listenKeyExpired", "E": TIME, "listenKey": "x"}))
    assert "listenKeyExpired" in streams.reader.over
    assert streams.reader.read_account(raw(streamed(USDM, report(s="XRPUSDT")))) == ()
    assert not streams.bad
    streams.reader.read_account(raw({"e": "SOMETHING_NEW"}))
    streams.reader.read_account(raw({"id": 5, "status": 200}))
    assert [one[0] for one in streams.bad] == ["unknown account message"] * 2
    spot = Streams(SPOT)
    spot.reader.read_account(raw({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": TIME}}))
    spot.reader.read_account(raw({"subscriptionId": 0, "event": {"e": "outboundAccountPosition", "E": TIME, "B": []}}))
    assert spot.reader.over
    assert not spot.bad
