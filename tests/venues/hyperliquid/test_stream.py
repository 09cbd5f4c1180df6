"""What is tested: `quarterdeck.venues.hyperliquid.stream`, `quarterdeck.venues.hyperliquid.lineage` and the schema,
`quarterdeck.venues.hyperliquid.schema`.
"""

from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderStatus, Reason
from quarterdeck.venues.hyperliquid.lineage import Lineage
from quarterdeck.venues.hyperliquid.reader import Reader
from quarterdeck.venues.hyperliquid.schema import OrderUpdate
from quarterdeck.venues.hyperliquid.stream import GREETING, StreamReader
from quarterdeck.venues.messages import FillsNews, FundingNews, FundingReport, MarketData, OrderNews
from tests.venues.hyperliquid.builders import TAG, USER, amend, fill, raw, universe, update

TIME = 1_700_000_000_000
NS = TIME * 1_000_000


class Line:
    """A stream reader, and what it put aside."""

    def __init__(self) -> None:
        self.bad: list[str] = []
        self.lineage = Lineage()
        self.reader = StreamReader(universe(), Reader(universe(), TAG), self.lineage, self.put_aside)

    def put_aside(self, kind: str, raw: bytes, why: str) -> None:
        assert len(why) <= 200
        assert isinstance(raw, bytes)
        self.bad.append(kind)

    def hear(self, channel: str, data: Any) -> Any:
        return self.reader.read(raw({"channel": channel, "data": data}))

    def events(self, channel: str, data: Any) -> Any:
        (message,) = self.hear(channel, data)
        assert isinstance(message, MarketData)
        return message.events


@pytest.fixture
def line() -> Line:
    return Line()


def paid(amount: int, time_ns: int) -> FundingReport:
    return FundingReport(instrument=2, amount=amount, venue_time_ns=time_ns)


def trade(**changes: Any) -> dict[str, Any]:
    return {
        "coin": "XRP", "side": "A", "px": "1.2345", "sz": "100", "hash": "0x0", "time": TIME, "tid": 7,
        "users": ["0xa", "0xb"], **changes,
    }  # fmt: skip


def test_trades_keep_the_venues_time_and_id(line: Line) -> None:
    events = line.events("trades", [trade(), trade(side="B", tid=8, coin="@3", sz="1.25"), trade(coin="BTC")])
    assert events["kind"].tolist() == [EventKind.TRADE] * 2
    assert events["instrument"].tolist() == [2, 5]
    assert events["price"].tolist() == [1_234_500, 1_234_500]
    assert events["quantity"].tolist() == [100, 125]
    assert events["trade_id"].tolist() == [7, 8]
    assert events["flags"].tolist() == [Flag.SELL, 0]
    assert events["venue_time_ns"].tolist() == [NS, NS]
    events["time_ns"] = 5  # the desk stamps them
    assert line.reader.newest_ns == NS
    assert line.hear("trades", []) == ()


def test_best_bid_and_offer(line: Line) -> None:
    bbo = [{"px": "1.2344", "sz": "10", "n": 2}, {"px": "1.2346", "sz": "20", "n": 1}]
    events = line.events("bbo", {"coin": "XRP", "time": TIME, "bbo": bbo})
    assert (int(events["bid"][0]), int(events["ask"][0])) == (1_234_400, 1_234_600)
    assert (int(events["bid_quantity"][0]), int(events["ask_quantity"][0])) == (10, 20)
    assert line.reader.touch == {2: (1_234_400, 1_234_600)}
    events = line.events("bbo", {"coin": "XRP", "time": TIME, "bbo": [None, bbo[1]]})
    assert (int(events["bid"][0]), int(events["ask"][0])) == (0, 1_234_600)


def test_book_is_cleared_and_told_whole(line: Line) -> None:
    levels = [
        [{"px": "1.2344", "sz": "10", "n": 2}, {"px": "1.2343", "sz": "5", "n": 1}],
        [{"px": "1.2346", "sz": "20", "n": 1}],
    ]
    events = line.events("l2Book", {"coin": "XRP", "time": TIME, "levels": levels})
    assert events["kind"].tolist() == [EventKind.BOOK_CLEAR, *[EventKind.LEVEL] * 3]
    assert events["price"].tolist() == [0, 1_234_400, 1_234_300, 1_234_600]
    assert events["flags"].tolist() == [0, 0, 0, Flag.SELL | Flag.LAST]


def test_mark_and_a_new_funding_rate(line: Line) -> None:
    context = {"funding": "0.0000125", "markPx": "1.23456", "oraclePx": "1.2", "openInterest": "1"}
    events = line.events("activeAssetCtx", {"coin": "XRP", "ctx": context})
    assert events["kind"].tolist() == [EventKind.MARK, EventKind.FUNDING]
    assert int(events["mark"][0]) == 1_234_560
    assert int(events["rate"][1]) == 12_500
    assert len(line.events("activeAssetCtx", {"coin": "XRP", "ctx": context})) == 1
    spot = line.events("activeSpotAssetCtx", {"coin": "@3", "ctx": {"markPx": "1.2", "dayNtlVlm": "1"}})
    assert spot["kind"].tolist() == [EventKind.MARK]


def test_orders_become_news(line: Line) -> None:
    rows = [update("open"), update("filled", sz="0.0", oid=5002, cloid=None), update("open", coin="BTC")]
    (news,) = line.hear("orderUpdates", rows)
    assert isinstance(news, OrderNews)
    first, second = news.orders
    assert (first.order_id, first.status, first.filled) == (77, OrderStatus.ACCEPTED, 0)
    assert (second.order_id, second.status, second.filled) == (0, OrderStatus.FILLED, 100)
    (ended,) = line.hear("orderUpdates", [update("reduceOnlyCanceled", sz="30")])[0].orders
    assert (ended.status, ended.filled, ended.reason) == (OrderStatus.CANCELED, 70, Reason.REDUCE_ONLY_WOULD_INCREASE)


def test_fills_become_news_and_their_snapshot_does_not(line: Line) -> None:
    (news,) = line.hear("userFills", {"user": USER, "fills": [fill()]})
    assert isinstance(news, FillsNews)
    assert (news.fills[0].trade_id, news.fills[0].order_id, news.fills[0].quantity) == (99, 77, 40)
    assert line.hear("userFills", {"user": USER, "isSnapshot": True, "fills": [fill(tid=1)]}) == ()


def test_funding_is_told_oldest_first_of_a_snapshot_too(line: Line) -> None:
    row = {"time": TIME, "coin": "XRP", "usdc": "-0.5", "szi": "100", "fundingRate": "0.0000125"}
    later = {**row, "time": TIME + 3_600_000, "usdc": "0.25"}
    first, second = paid(-50_000_000, NS), paid(25_000_000, NS + 3_600 * 10**9)
    assert line.hear("userFundings", {"user": USER, "fundings": [later]}) == (FundingNews(payments=(second,)),)
    snapshot = {"user": USER, "isSnapshot": True, "fundings": [later, row, {**row, "coin": "BTC"}]}
    assert line.hear("userFundings", snapshot) == (FundingNews(payments=(first, second)),)
    assert line.hear("userFundings", {"user": USER, "isSnapshot": True, "fundings": []}) == ()


def test_what_says_nothing_is_passed_over(line: Line) -> None:
    subscription = {"method": "subscribe", "subscription": {"type": "trades", "coin": "XRP"}}
    assert line.hear("subscriptionResponse", subscription) == ()
    assert line.reader.read(b'{"channel":"pong"}') == ()
    assert line.reader.read(GREETING) == ()
    assert line.hear("user", {"fills": [fill()]}) == ()
    assert not line.bad
    line.hear("error", "Already subscribed")
    line.hear("user", {"liquidation": {"lid": 5, "liquidator": "0x0"}})
    assert len(line.reader.said) == 2


BOOK = {"coin": "XRP", "time": TIME, "levels": [[{"px": "1", "sz": "1"}], [{"px": "1", "sz": "1"}]]}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "wrong type"),
        (raw({"channel": "news", "data": 1}), "unknown channel"),
        (raw({"channel": "trades", "data": {}}), "wrong type"),
        (raw({"channel": "trades", "data": [trade(px=1.5)]}), "wrong type"),
        (raw({"channel": "trades", "data": [trade(px="1.2345678")]}), "wrong figure"),
        (raw({"channel": "trades", "data": [trade(px="-1")]}), "wrong figure"),
        (raw({"channel": "trades", "data": [trade(side="X")]}), "wrong type"),
        (raw({"channel": "trades", "data": [trade(time=10**17)]}), "wrong figure"),
        (raw({"channel": "trades", "data": [trade(tid=0)]}), "trade"),
        (raw({"channel": "trades", "data": [trade(sz="0")]}), "trade"),
        (raw({"channel": "trades", "data": [trade(tid=10**30)]}), "trade"),
        (raw({"channel": "l2Book", "data": BOOK}), "crossed book"),
        (raw({"channel": "activeAssetCtx", "data": {"coin": "XRP", "ctx": {"markPx": "0"}}}), "mark"),
        (
            raw({"channel": "activeAssetCtx", "data": {"coin": "XRP", "ctx": {"markPx": "1", "funding": "1e-5"}}}),
            "funding rate",
        ),
        (raw({"channel": "orderUpdates", "data": [update("asleep")]}), "wrong figure"),
        (raw({"channel": "orderUpdates", "data": [update("open", sz="200")]}), "wrong figure"),
        (raw({"channel": "userFills", "data": {"user": USER, "fills": [fill(tid=0)]}}), "wrong figure"),
        (b" " * (4 * 1024 * 1024 + 1), "oversized message"),
        (b"[" * 100_000, "wrong type"),
    ],
)
def test_nonsense_is_put_aside(line: Line, message: bytes, kind: str) -> None:
    assert line.reader.read(message) == ()
    assert line.bad == [kind]


def report(line: Line, status: str, **changes: Any) -> Any:
    import msgspec

    told = msgspec.convert(update(status, **changes), OrderUpdate)
    whole = Reader(universe(), TAG).order(told.order, told.status, told.status_timestamp)
    assert whole is not None
    return line.lineage.saw_order(whole)


def test_amended_order_is_one_order(line: Line) -> None:
    assert report(line, "open").venue_order_id == 5001
    line.hear("userFills", {"user": USER, "fills": [fill(), fill()]})  # told twice
    assert line.lineage.begin_amend(amend()) == 40
    assert report(line, "canceled", sz="60") is None  # held: it may be half of the amend
    new = report(line, "open", oid=5002, sz="80", origSz="80")
    assert (new.quantity, new.filled, new.status) == (120, 40, OrderStatus.PARTIALLY_FILLED)
    assert line.lineage.end_amend(77, 5002) is None
    assert report(line, "canceled", sz="60") is None  # the old one's, late
    done = report(line, "filled", oid=5002, sz="0.0", origSz="80")
    assert (done.quantity, done.filled) == (120, 120)


def test_cancel_held_back_is_told_when_the_amend_did_not_take(line: Line) -> None:
    report(line, "open")
    line.lineage.begin_amend(amend())
    assert report(line, "canceled") is None
    held = line.lineage.end_amend(77, 0)
    assert held is not None
    assert held.status is OrderStatus.CANCELED
    assert line.lineage.end_amend(77, 0) is None


def test_orders_of_others_pass_as_they_are(line: Line) -> None:
    assert report(line, "canceled", cloid=None).status is OrderStatus.CANCELED
    assert report(line, "open", cloid=None, oid=1).venue_order_id == 1


def test_fill_without_our_id_is_found_by_the_venues(line: Line) -> None:
    unnamed = {"user": USER, "fills": [fill(cloid=None)]}
    assert line.hear("userFills", unnamed)[0].fills[0].order_id == 0
    line.hear("orderUpdates", [update("open")])
    (found,) = line.hear("userFills", unnamed)[0].fills
    assert (found.order_id, found.strategy) == (77, 3)
    line.lineage.placed(78, 4, 6001, -1)
    (found,) = line.hear("userFills", {"user": USER, "fills": [fill(cloid=None, oid=6001)]})[0].fills
    assert (found.order_id, found.strategy) == (78, 4)
    line.lineage.begin_amend(amend(order_id=78, strategy=4, venue_order_id=6001))
    line.lineage.end_amend(78, 6002)
    (found,) = line.hear("userFills", {"user": USER, "fills": [fill(cloid=None, oid=6002)]})[0].fills
    assert (found.order_id, found.strategy) == (78, 4)
