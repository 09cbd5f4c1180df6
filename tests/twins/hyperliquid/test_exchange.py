"""What is tested: `quarterdeck.twins.hyperliquid.exchange` with its accounts, books, feeds and listings:
`quarterdeck.twins.hyperliquid.accounts`, `quarterdeck.twins.hyperliquid.books`, `quarterdeck.twins.feed`,
`quarterdeck.twins.hyperliquid.listings` and `quarterdeck.twins.hyperliquid.admission`.
"""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market.events import blank_events, join_events
from quarterdeck.twins.feed import GeneratedFeed, RecordedFeed
from quarterdeck.twins.hyperliquid.accounts import UNITS, Account, text
from quarterdeck.twins.hyperliquid.admission import OrderRefused, admit, read_order, wire_number
from quarterdeck.twins.hyperliquid.exchange import TwinExchange
from quarterdeck.twins.hyperliquid.listings import default_listings
from quarterdeck.twins.positions import Position

START = 1_700_000_000 * 10**9
XRP = 2


def market() -> TwinExchange:
    """An exchange whose XRP market is 1.1999 (500) at 1.2001 (300), with 1.2002 (1,000) behind."""
    exchange = TwinExchange(default_listings(START), START)
    levels = [(1_199_900, 500, 0), (1_200_100, 300, Flag.SELL), (1_200_200, 1_000, Flag.SELL | Flag.LAST)]
    tell(exchange, levels)
    return exchange


def tell(exchange: TwinExchange, levels: list[tuple[int, int, int]], kind: EventKind = EventKind.LEVEL) -> None:
    events = blank_events(len(levels), kind, XRP)
    events["time_ns"] = exchange.now_ns + 1_000_000
    for place, (price, lots, flags) in enumerate(levels):
        events["price"][place], events["quantity"][place], events["flags"][place] = price, lots, flags
        events["trade_id"][place] = place + 1 if kind is EventKind.TRADE else 0
    exchange.take(events)


def marked(exchange: TwinExchange, ticks: int) -> None:
    events = blank_events(1, EventKind.MARK, XRP)
    events["time_ns"], events["mark"] = exchange.now_ns + 1_000_000, ticks
    exchange.take(events)


def order(
    exchange: TwinExchange, account: Account, side: str, size: str, price: str, tif: str = "Gtc", **more: Any
) -> Any:
    wire = {"a": XRP, "b": side == "buy", "p": price, "s": size, "r": False, "t": {"limit": {"tif": tif}}, **more}
    made = read_order(exchange, wire)
    admit(exchange, account, made)
    error = exchange.enter(account, made)
    return error or made


def test_a_taker_walks_the_book_and_pays_the_fee() -> None:
    exchange = market()
    ann = exchange.fund("0xAnn", Decimal(1_000))
    made = order(exchange, ann, "buy", "400", "1.2002")
    assert (made.status, made.left) == ("filled", 0)
    assert [(fill["px"], fill["sz"], fill["crossed"]) for fill in ann.fills] == [
        ("1.2001", "300.0", True),
        ("1.2002", "100.0", True),
    ]
    paid = 300 * 1_200_100 * 100 + 100 * 1_200_200 * 100
    fees = sum(int(Decimal(fill["fee"]) * UNITS) for fill in ann.fills)
    assert fees == pytest.approx(paid * 45 // 100_000, abs=2)
    assert ann.cash == 1_000 * UNITS - fees
    assert (ann.position(XRP).lots, ann.position(XRP).cost) == (400, paid)


def test_rest_of_an_order_rests_and_is_filled_by_a_trade() -> None:
    exchange = market()
    ann = exchange.fund("0xann", Decimal(1_000))
    made = order(exchange, ann, "buy", "1500", "1.2001")
    assert (made.status, made.left) == ("open", 1_200)
    assert exchange.books[XRP].touch(exchange.resting())[0] == 1_200_100  # the public sees it
    tell(exchange, [(1_200_000, 200, Flag.SELL)], EventKind.TRADE)
    assert made.left == 1_000
    assert ann.fills[-1]["crossed"] is False
    exchange.cancel(ann, made)
    assert made.status == "canceled"


def test_two_accounts_share_a_trade() -> None:
    exchange = market()
    ann, bob = exchange.fund("0xann", Decimal(1_000)), exchange.fund("0xbob", Decimal(1_000))
    resting = order(exchange, ann, "buy", "100", "1.2", "Alo")
    exchange.take_news()
    taking = order(exchange, bob, "sell", "100", "1.2", "Ioc")
    assert (resting.status, taking.status) == ("filled", "filled")
    assert ann.fills[-1]["tid"] == bob.fills[-1]["tid"]
    news = exchange.take_news()
    assert [row["sz"] for _, row in news.trades] == ["100.0"]  # told once
    assert (ann.position(XRP).lots, bob.position(XRP).lots) == (100, -100)


def test_own_orders_do_not_meet() -> None:
    exchange = market()
    ann = exchange.fund("0xann", Decimal(1_000))
    resting = order(exchange, ann, "buy", "100", "1.2", "Alo")
    order(exchange, ann, "sell", "100", "1.2", "Ioc")
    assert resting.status == "selfTradeCanceled"
    assert all(fill["px"] == "1.1999" for fill in ann.fills)


def test_post_only_and_ioc_are_refused_in_words() -> None:
    exchange = market()
    ann = exchange.fund("0xann", Decimal(1_000))
    said = order(exchange, ann, "buy", "100", "1.2001", "Alo")
    assert said == "Post only order would have immediately matched, bbo was 1.1999@1.2001."
    assert "could not immediately match" in order(exchange, ann, "buy", "100", "1.2", "Ioc")
    assert not ann.orders
    assert not ann.cloids


def test_reduce_only_shrinks_with_the_position() -> None:
    exchange = market()
    ann = exchange.fund("0xann", Decimal(1_000))
    order(exchange, ann, "buy", "100", "1.2001")
    closing = order(exchange, ann, "sell", "100", "1.3", "Alo", r=True)
    order(exchange, ann, "sell", "100", "1.19", "Ioc")
    tell(exchange, [(1_300_100, 500, 0)], EventKind.TRADE)
    assert closing.status == "reduceOnlyCanceled"
    assert ann.position(XRP).lots == 0


@pytest.mark.parametrize(
    ("kind", "side", "trigger", "before", "after"),
    [
        ("sl", "sell", "1.19", 1_195_000, 1_190_000),
        ("tp", "sell", "1.21", 1_205_000, 1_210_000),
    ],
)
def test_triggers_wait_for_the_mark(kind: str, side: str, trigger: str, before: int, after: int) -> None:
    exchange = market()
    ann = exchange.fund("0xann", Decimal(1_000))
    order(exchange, ann, "buy", "100", "1.2001")
    terms = {"trigger": {"isMarket": True, "triggerPx": trigger, "tpsl": kind}}
    waiting = order(exchange, ann, side, "100", "1.1", r=True, t=terms)
    marked(exchange, before)
    assert waiting.status == "open"
    marked(exchange, after)
    assert waiting.status == "filled"
    assert ann.position(XRP).lots == 0


def test_funding_moves_cash_from_longs_to_shorts() -> None:
    exchange = market()
    ann, bob = exchange.fund("0xann", Decimal(1_000)), exchange.fund("0xbob", Decimal(1_000))
    order(exchange, ann, "buy", "100", "1.2001")
    order(exchange, bob, "sell", "100", "1.1999")
    before = ann.cash, bob.cash
    events = blank_events(1, EventKind.FUNDING, XRP)
    events["time_ns"], events["rate"] = exchange.now_ns + 1, 12_500
    exchange.take(events)
    paid = 100 * exchange.books[XRP].mark * 100 * 12_500 // 10**9
    assert before[0] - ann.cash == pytest.approx(paid, abs=1)
    assert bob.cash - before[1] == pytest.approx(paid, abs=1)
    assert len(exchange.take_news().fundings) == 2


def test_an_account_below_its_maintenance_margin_is_liquidated() -> None:
    exchange = market()
    ann = exchange.fund("0xann", Decimal(20))
    order(exchange, ann, "buy", "300", "1.2001")
    waiting = order(exchange, ann, "buy", "10", "1.1")
    tell(exchange, [(1_199_900, 0, 0), (1_120_000, 5_000, Flag.LAST)])
    marked(exchange, 1_120_000)
    assert waiting.status == "liquidatedCanceled"
    assert ann.position(XRP).lots == 0
    assert ann.fills[-1]["liquidation"]["liquidatedUser"] == "0xann"


def test_margin_and_balance_are_held_by_orders() -> None:
    exchange = market()
    ann = exchange.fund("0xann", Decimal(100))
    order(exchange, ann, "buy", "1000", "1.1")
    with pytest.raises(OrderRefused, match="Insufficient margin"):
        order(exchange, ann, "buy", "1000", "1.1")
    exchange.fund("0xann", Decimal(0), Decimal(100))
    order(exchange, ann, "buy", "80", "1.1", a=10_000)
    with pytest.raises(OrderRefused, match="Insufficient spot balance"):
        order(exchange, ann, "buy", "80", "1.1", a=10_000)


def test_accounts_have_a_number_at_the_kernel() -> None:
    exchange = market()
    for number in range(4):
        exchange.fund(f"0x{number}", Decimal(1))
    with pytest.raises(ValueError, match="larger capacity"):
        exchange.fund("0x9", Decimal(1))


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(10, 400), st.integers(-30, 30)), max_size=12))
def test_money_is_accounted_for(asked: list[tuple[str, int, int]]) -> None:
    """What accounts have is what they brought, less fees, plus what the outside market lost: to the last unit."""
    exchange = market()
    accounts = [exchange.fund("0xann", Decimal(10_000)), exchange.fund("0xbob", Decimal(10_000))]
    for place, (side, size, away) in enumerate(asked):
        account = accounts[place % 2]
        order(exchange, account, side, str(size), f"{Decimal(12_000 + away).scaleb(-4).normalize():f}")
    for account in accounts:
        cash, lots, cost = 10_000 * UNITS, 0, 0
        for fill in account.fills:
            size, price = int(Decimal(fill["sz"])), int(Decimal(fill["px"]) * 10**6)
            side = 1 if fill["side"] == "B" else -1
            lots += side * size
            cost += side * size * price * 100
            cash -= int(Decimal(fill["fee"]) * UNITS)
        held = account.position(XRP)
        assert held.lots == lots
        assert account.cash - held.cost == cash - cost
        assert account.cash == cash + int(sum(Decimal(fill["closedPnl"]) for fill in account.fills) * UNITS)


def test_position_at_average_cost() -> None:
    held = Position()
    assert held.move(1, 100, 1_000) == 0
    assert (held.move(-1, 40, 480), held.lots, held.cost) == (80, 60, 600)
    assert (held.move(-1, 60, 540), held.lots, held.cost) == (-60, 0, 0)
    held.move(-1, 10, 100)
    assert (held.move(1, 25, 200), held.lots, held.cost) == (20, 15, 120)  # 10 closed at 8, 15 opened at 8


@given(st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 50), st.integers(1, 1_000)), max_size=20))
def test_position_realises_exactly(trades: list[tuple[int, int, int]]) -> None:
    held, result, paid = Position(), 0, 0
    for side, lots, price in trades:
        result += held.move(side, lots, lots * price)
        paid += side * lots * price
        assert (held.cost == 0) or held.lots
    assert result == held.cost - paid


def test_same_seed_same_market() -> None:
    feeds = [GeneratedFeed(default_listings(START), seed) for seed in (5, 5, 6)]
    first, again, other = (feed.take(START + 60 * 10**9) for feed in feeds)
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert (np.diff(first["time_ns"]) >= 0).all()
    assert feeds[0].next_ns() > START + 60 * 10**9
    perpetual, spot = (first[first["instrument"] == index] for index in (2, 3))
    trades = [one[one["kind"] == EventKind.TRADE] for one in (perpetual, spot)]
    assert (trades[0]["price"] == trades[1]["price"]).all()  # the pair follows the perpetual
    assert (trades[0]["quantity"] * 100 == trades[1]["quantity"]).all()


def test_recorded_market_begins_now() -> None:
    quotes = blank_events(2, EventKind.QUOTE)
    quotes["time_ns"], quotes["bid"], quotes["ask"] = [5, 1_005], [1_200_000, 1_200_100], [1_200_200, 1_200_300]
    quotes["bid_quantity"] = quotes["ask_quantity"] = 7
    listing = default_listings(START)[3]
    feed = RecordedFeed(join_events([quotes]), START, listing)
    exchange = market()
    exchange.take(feed.take(START + 999))
    assert feed.next_ns() == START + 1_000
    assert exchange.books[3].touch([]) == (1_200_000, 1_200_200)
    assert exchange.books[3].outside.lots(1, 1_200_000) == 700
    assert len(feed.take(START + 1_000)) == 1
    assert feed.next_ns() == 2**62
    assert int(quotes["time_ns"][0]) == 5  # the record is not touched


@pytest.mark.parametrize(("value", "said"), [("1.50", "1.5"), ("100", "100"), ("0.10", "0.1"), ("1e2", "100")])
def test_figures_as_they_are_hashed(value: str, said: str) -> None:
    assert wire_number(value) == said


@pytest.mark.parametrize("value", [1.5, None, "", "x", "nan", "inf"])
def test_what_is_no_figure(value: Any) -> None:
    with pytest.raises(ValueError, match=r"figure|text"):
        wire_number(value)


def test_figures_as_the_venue_writes_them() -> None:
    assert [text(Decimal(value)) for value in ("12", "0", "1.50", "1E+3")] == ["12.0", "0.0", "1.5", "1000.0"]
