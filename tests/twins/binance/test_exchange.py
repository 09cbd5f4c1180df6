"""What is tested: `quarterdeck.twins.binance.exchange` with accounts, books, margin and what accounts are told:
`quarterdeck.twins.binance.accounts`, `quarterdeck.twins.binance.books`, `quarterdeck.twins.binance.margin`,
`quarterdeck.twins.binance.reports`, `quarterdeck.twins.binance.listings`, and orders as they are admitted:
`quarterdeck.twins.binance.admission`, `quarterdeck.twins.binance.parameters`, `quarterdeck.twins.binance.refusals`; and
`quarterdeck.twins.outside`, what the outside market shows beside them.
"""

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market.events import blank_events
from quarterdeck.twins.binance.accounts import UNITS, Account, Order
from quarterdeck.twins.binance.admission import futures_order, spot_order
from quarterdeck.twins.binance.exchange import TwinExchange
from quarterdeck.twins.binance.listings import default_listings, regrid
from quarterdeck.twins.binance.parameters import Parameters
from quarterdeck.twins.binance.refusals import Refused
from quarterdeck.twins.feed import GeneratedFeed
from quarterdeck.twins.matching import ACCOUNTS_MAX

HOUR_NS = 3_600_000_000_000
START = 1_700_000_000 * 10**9 // HOUR_NS * HOUR_NS + HOUR_NS // 2
SPOT, SWAP = 0, 1  # BTCUSDT
USDT = 500_000


def market() -> TwinExchange:
    """An exchange whose BTC markets are 60000 (1) at 60001 (2), with 60010 (5) behind."""
    exchange = TwinExchange(default_listings(START), START)
    for index in (SPOT, SWAP):
        tell(exchange, index, [("60000", "1", 0), ("60001", "2", Flag.SELL), ("60010", "5", Flag.SELL | Flag.LAST)])
    return exchange


def tell(
    exchange: TwinExchange, index: int, rows: list[tuple[str, str, int]], kind: EventKind = EventKind.LEVEL
) -> None:
    events = blank_events(len(rows), kind, index)
    events["time_ns"] = exchange.now_ns + 1_000_000
    listing = exchange.listings[index]
    for place, (price, quantity, flags) in enumerate(rows):
        events["price"][place] = int(Decimal(price) / listing.tick)
        events["quantity"][place] = int(Decimal(quantity) / listing.lot)
        events["flags"][place] = flags
    exchange.take(events)


def marked(exchange: TwinExchange, price: str) -> None:
    events = blank_events(1, EventKind.MARK, SWAP)
    events["time_ns"] = exchange.now_ns + 1_000_000
    events["mark"] = int(Decimal(price) / exchange.listings[SWAP].tick)
    exchange.take(events)


def opened(exchange: TwinExchange, name: str = "ann", **spot: str) -> Account:
    account = exchange.open_account(name, "secret")
    for asset, amount in {"USDT": str(USDT), "BTC": "2", **spot}.items():
        account.add(asset, int(Decimal(amount) * UNITS))
    account.wallet = USDT * UNITS
    return account


def order(exchange: TwinExchange, account: Account, side: str, quantity: str, price: str = "", **more: str) -> Order:
    """Admits and enters: a limit order where there is a price. `market="futures"` for the other half."""
    futures = more.pop("market", "spot") == "futures"
    words = {"symbol": "BTCUSDT", "side": side, "type": "MARKET", "quantity": quantity}
    if price:
        words |= {"type": "LIMIT", "price": price, "timeInForce": "GTC"}
    words |= more
    if words["type"] == "LIMIT_MAKER":
        words.pop("timeInForce")
    made = (futures_order if futures else spot_order)(exchange, account, Parameters(words))
    exchange.enter(account, made)
    return made


def _orders(exchange: TwinExchange) -> list[dict[str, Any]]:
    return [
        event for _, _, event in exchange.take_news().private if event["e"] in {"executionReport", "ORDER_TRADE_UPDATE"}
    ]


def reports(exchange: TwinExchange) -> list[tuple[str, str]]:
    """Execution and status of each order event since the last call."""
    rows = [one if one["e"] == "executionReport" else one["o"] for one in _orders(exchange)]
    return [(row["x"], row["X"]) for row in rows]


def test_spot_taker_walks_the_book_and_pays_in_what_he_bought() -> None:
    exchange = market()
    ann = opened(exchange)
    made = order(exchange, ann, "BUY", "3")
    assert (made.status, made.left) == ("FILLED", 0)
    paid = (2 * 60_001 + 60_010) * UNITS
    assert ann.balance("USDT") == USDT * UNITS - paid
    assert [(fill.fee, fill.fee_asset) for fill in ann.fills] == [(2 * UNITS // 1_000, "BTC"), (UNITS // 1_000, "BTC")]
    assert ann.balance("BTC") == 5 * UNITS - 3 * UNITS // 1_000
    assert reports(exchange) == [("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED"), ("TRADE", "FILLED")]


def test_spot_seller_pays_in_money_and_anybody_in_bnb_while_there_is_any() -> None:
    exchange = market()
    ann = opened(exchange)
    order(exchange, ann, "SELL", "0.5")
    assert (ann.fills[-1].fee, ann.fills[-1].fee_asset) == (30 * UNITS, "USDT")
    ann.add("BNB", UNITS)
    order(exchange, ann, "SELL", "0.5")
    bnb = 30 * UNITS * 3 * UNITS // (4 * exchange.bnb_price())
    assert (ann.fills[-1].fee, ann.fills[-1].fee_asset) == (bnb, "BNB")
    assert ann.balance("BNB") == UNITS - bnb
    ann.burn = False
    order(exchange, ann, "BUY", "0.5")
    assert ann.fills[-1].fee_asset == "BTC"


def test_resting_order_is_in_the_book_holds_money_and_is_filled_by_a_trade() -> None:
    exchange = market()
    ann = opened(exchange)
    made = order(exchange, ann, "BUY", "0.5", "60000.5")
    assert exchange.books[SPOT].touch()[0] == (6_000_050, 50_000)
    assert ann.locked("USDT") == 3_000_025 * UNITS // 100
    tell(exchange, SPOT, [("60000.5", "0.2", Flag.SELL)], EventKind.TRADE)
    assert (made.status, made.filled) == ("PARTIALLY_FILLED", 20_000)
    assert exchange.books[SPOT].touch()[0] == (6_000_050, 30_000)
    assert ann.fills[-1].maker
    exchange.cancel(ann, made)
    assert (made.status, ann.locked("USDT")) == ("CANCELED", 0)
    assert exchange.books[SPOT].touch()[0] == (6_000_000, 100_000)
    assert reports(exchange) == [("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED"), ("CANCELED", "CANCELED")]


def test_trade_of_others_is_told_once_and_with_what_it_left() -> None:
    exchange = market()
    ann = opened(exchange)
    order(exchange, ann, "BUY", "0.1", "60000.5")
    exchange.take_news()
    tell(exchange, SPOT, [("60000.5", "0.3", Flag.SELL)], EventKind.TRADE)
    trades = exchange.take_news().trades
    assert [(one.lots, one.sold) for one in trades] == [(10_000, True), (20_000, True)]
    assert trades[1].number == trades[0].number + 1
    assert ann.fills[-1].number == trades[0].number


def test_two_accounts_share_a_trade() -> None:
    exchange = market()
    ann, bob = opened(exchange), opened(exchange, "bob")
    order(exchange, ann, "BUY", "0.1", "60000.5")
    exchange.take_news()
    order(exchange, bob, "SELL", "0.1", "60000.5", timeInForce="IOC")
    assert ann.fills[-1].number == bob.fills[-1].number
    assert [one.lots for one in exchange.take_news().trades] == [10_000]


@pytest.mark.parametrize(
    ("mode", "resting", "taking"),
    [
        ("EXPIRE_MAKER", "EXPIRED_IN_MATCH", "FILLED"),
        ("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
    ],
)
@pytest.mark.parametrize("half", ["spot", "futures"])
def test_own_orders_do_not_meet(mode: str, resting: str, taking: str, half: str) -> None:
    exchange = market()
    ann = opened(exchange)
    far = order(exchange, ann, "BUY", "0.1", "59000", market=half)
    near = order(exchange, ann, "BUY", "0.1", "60000.5", market=half)
    made = order(exchange, ann, "SELL", "0.1", market=half, selfTradePreventionMode=mode)
    assert (far.status, near.status, made.status) == ("NEW", resting, taking)


def test_what_expires_and_what_is_refused() -> None:
    exchange = market()
    ann = opened(exchange)
    assert order(exchange, ann, "BUY", "0.1", "59999", timeInForce="IOC").status == "EXPIRED"
    assert order(exchange, ann, "BUY", "1.5", "60001", timeInForce="FOK").status == "FILLED"
    assert order(exchange, ann, "BUY", "0.6", "60001", timeInForce="FOK").status == "EXPIRED"
    for half, code, size, words in (
        ("spot", -2010, "0.1", {"type": "LIMIT_MAKER"}),
        ("futures", -5022, "0.1", {"timeInForce": "GTX"}),
        ("futures", -5021, "9", {"timeInForce": "FOK"}),
    ):
        with pytest.raises(Refused) as caught:
            order(exchange, ann, "BUY", size, "60001", market=half, **words)
        assert caught.value.code == code
    assert not ann.working


def test_futures_position_fee_and_result() -> None:
    exchange = market()
    ann = opened(exchange)
    order(exchange, ann, "BUY", "0.1", market="futures")
    fee = 60_001 * UNITS // 10 * 5 // 10_000
    assert ann.wallet == USDT * UNITS - fee
    order(exchange, ann, "SELL", "0.1", market="futures", reduceOnly="true")
    assert ann.position(SWAP).lots == 0
    assert ann.fills[-1].result == -UNITS // 10
    assert [row["incomeType"] for row in ann.income] == ["COMMISSION", "REALIZED_PNL", "COMMISSION"]
    with pytest.raises(Refused, match="ReduceOnly"):
        order(exchange, ann, "SELL", "0.1", market="futures", reduceOnly="true")


def test_margin_is_held_by_positions_and_orders() -> None:
    exchange = market()
    ann = opened(exchange)
    order(exchange, ann, "BUY", "0.1", market="futures")
    order(exchange, ann, "BUY", "0.2", "50000", market="futures")
    order(exchange, ann, "SELL", "0.1", "62000", market="futures", reduceOnly="true")
    held = 60_000.5 * 0.1 / 20 + 50_000 * 0.2 / 20
    free = exchange.margin.worth(ann) - exchange.margin.available(ann)
    assert free / UNITS == pytest.approx(held, abs=1e-6)
    order(exchange, ann, "BUY", "190", "50000", market="futures")
    with pytest.raises(Refused) as caught:
        order(exchange, ann, "BUY", "10", "50000", market="futures")
    assert caught.value.code == -2019


def test_reduce_only_ends_with_the_position() -> None:
    exchange = market()
    ann = opened(exchange)
    order(exchange, ann, "BUY", "0.1", market="futures")
    closing = order(exchange, ann, "SELL", "0.1", "61000", market="futures", reduceOnly="true", timeInForce="GTX")
    order(exchange, ann, "SELL", "0.1", market="futures")
    tell(exchange, SWAP, [("61001", "5", 0)], EventKind.TRADE)
    assert closing.status == "EXPIRED"
    assert ann.position(SWAP).lots == 0


def test_amended_order_keeps_what_is_filled() -> None:
    exchange = market()
    ann = opened(exchange)
    made = order(exchange, ann, "BUY", "0.5", "60000.5", market="futures")
    tell(exchange, SWAP, [("60000.5", "0.2", Flag.SELL)], EventKind.TRADE)
    exchange.take_news()
    exchange.amend(ann, made, 600_000, 400)
    assert (made.status, made.left, made.size) == ("PARTIALLY_FILLED", 200, 400)
    assert exchange.books[SWAP].lots_at(1, 600_000) == 1_200
    assert exchange.books[SWAP].lots_at(1, 600_005) == 0
    assert reports(exchange) == [("AMENDMENT", "PARTIALLY_FILLED")]
    exchange.amend(ann, made, 600_010, 500)
    assert (made.status, made.left) == ("FILLED", 0)


def test_funding_comes_every_eighth_hour() -> None:
    exchange = market()
    ann, bob = opened(exchange), opened(exchange, "bob")
    order(exchange, ann, "BUY", "0.1", market="futures")
    order(exchange, bob, "SELL", "0.1", market="futures")
    before = ann.wallet, bob.wallet
    for hour in range(1, 17):
        events = blank_events(1, EventKind.FUNDING, SWAP)
        events["time_ns"], events["rate"] = (START // HOUR_NS + hour) * HOUR_NS, 12_500
        exchange.take(events)
    paid = 2 * (exchange.books[SWAP].mark * 100 * exchange.listings[SWAP].instrument.value * 100_000 // 10**9)
    assert before[0] - ann.wallet == pytest.approx(paid, abs=2)
    assert bob.wallet - before[1] == pytest.approx(paid, abs=2)
    assert [row[0] // 3_600_000 % 8 for row in exchange.fundings[SWAP]] == [0, 0]


def test_account_below_its_maintenance_margin_is_liquidated() -> None:
    exchange = market()
    ann = opened(exchange)
    ann.wallet, ann.leverage[SWAP] = 1_000 * UNITS, 100
    order(exchange, ann, "BUY", "1", market="futures")
    waiting = order(exchange, ann, "BUY", "0.01", "58000", market="futures")
    marked(exchange, "59100")
    assert waiting.status == "CANCELED"
    assert ann.position(SWAP).lots == 0
    assert ann.fills[-1].order.liquidation
    assert ann.fills[-1].order.client_id.startswith("autoclose-")


REFUSALS = [
    ("spot", {"symbol": "DOGEUSDT"}, -1121),
    ("spot", {"side": "UP"}, -1117),
    ("spot", {"type": "STOP_LOSS"}, -1116),
    ("spot", {"timeInForce": "GTX"}, -1115),
    ("spot", {"price": "60000.001"}, -1013),
    ("spot", {"price": "60000.000000001"}, -1111),
    ("spot", {"price": "1"}, -1013),
    ("spot", {"price": "-1"}, -1013),
    ("spot", {"price": "1e4"}, -1100),
    ("spot", {"price": "nan"}, -1100),
    ("spot", {"quantity": ""}, -1102),
    ("spot", {"quantity": "0.000001"}, -1013),
    ("spot", {"quantity": "0.00001"}, -1013),
    ("spot", {"quantity": "0"}, -1013),
    ("spot", {"quantity": "10000"}, -1013),
    ("spot", {"quantity": "8.9"}, -2010),
    ("spot", {"side": "SELL", "quantity": "2.1"}, -2010),
    ("spot", {"type": "MARKET"}, -1106),
    ("spot", {"newClientOrderId": "a b"}, -1100),
    ("spot", {"newClientOrderId": "x" * 37}, -1100),
    ("spot", {"selfTradePreventionMode": "SOMETIMES"}, -1173),
    ("futures", {"symbol": "DOGEUSDT"}, -1121),
    ("futures", {"type": "STOP_MARKET"}, -4120),
    ("futures", {"type": "FUNNY"}, -1116),
    ("futures", {"positionSide": "LONG"}, -4061),
    ("futures", {"timeInForce": "GTD"}, -1115),
    ("futures", {"price": "59000.05"}, -4014),
    ("futures", {"price": "0"}, -4001),
    ("futures", {"price": "70000"}, -4016),
    ("futures", {"side": "SELL", "price": "50000"}, -4024),
    ("futures", {"quantity": "0.0001"}, -1111),
    ("futures", {"quantity": "0"}, -4003),
    ("futures", {"quantity": "2000"}, -4005),
    ("futures", {"quantity": "0.001"}, -4164),
    ("futures", {"quantity": "900"}, -2019),
    ("futures", {"reduceOnly": "true"}, -2022),
    ("futures", {"reduceOnly": "maybe"}, -1130),
    ("futures", {"newClientOrderId": "x" * 37}, -4015),
]


@pytest.mark.parametrize(("half", "changes", "code"), REFUSALS)
def test_orders_are_refused_with_the_venues_codes(half: str, changes: dict[str, str], code: int) -> None:
    exchange = market()
    ann = opened(exchange)
    with pytest.raises(Refused) as caught:
        order(exchange, ann, **{"side": "BUY", "quantity": "0.1", "price": "59000", "market": half, **changes})
    assert caught.value.code == code
    assert not ann.orders


@pytest.mark.parametrize(("half", "code"), [("spot", -2010), ("futures", -4116)])
def test_client_ids_are_unique_among_open_orders(half: str, code: int) -> None:
    exchange = market()
    ann = opened(exchange)
    terms = {"market": half, "newClientOrderId": "mine"}
    first = order(exchange, ann, "BUY", "0.1", "59000", **terms)
    with pytest.raises(Refused) as caught:
        order(exchange, ann, "BUY", "0.1", "59000", **terms)
    assert caught.value.code == code
    exchange.cancel(ann, first)
    again = order(exchange, ann, "BUY", "0.1", "59000", **terms)
    assert ann.find(exchange.listings[first.listing.index], None, "mine") is again


def test_money_amount_buys_what_the_book_gives() -> None:
    exchange = market()
    ann = opened(exchange)
    words = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "6000.1"}
    made = spot_order(exchange, ann, Parameters(words))
    exchange.enter(ann, made)
    assert (made.status, made.filled) == ("FILLED", 10_000)


def test_halted_market_takes_no_orders() -> None:
    exchange = market()
    ann = opened(exchange)
    exchange.halted = True
    for half in ("spot", "futures"):
        with pytest.raises(Refused, match="closed"):
            order(exchange, ann, "BUY", "0.1", "59000", market=half)


def test_accounts_have_a_number_at_the_kernel() -> None:
    exchange = market()
    for number in range(ACCOUNTS_MAX):
        exchange.open_account(str(number), "secret")
    with pytest.raises(ValueError, match="larger capacity"):
        exchange.open_account("late", "secret")
    assert "secret" not in repr(next(iter(exchange.accounts.values())))


def test_replayed_market_has_the_records_grid() -> None:
    listings = default_listings(START)
    changed = regrid(listings[SWAP], listings[SPOT].instrument)
    assert (changed.tick, changed.lot, changed.step, changed.lots) == (Decimal("0.01"), Decimal("0.00001"), 1, 1)
    assert changed.instrument.taker_fee_bps == 5


def test_market_without_marks_is_marked_by_its_book() -> None:
    exchange = market()
    assert exchange.listings[SWAP].instrument.ticks_to_price(exchange.books[SWAP].mark) == Decimal("60000.5")
    marked(exchange, "61000")
    tell(exchange, SWAP, [("60002", "1", Flag.SELL | Flag.LAST)])
    assert exchange.listings[SWAP].instrument.ticks_to_price(exchange.books[SWAP].mark) == 61_000


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 5),
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([1, -1]), st.integers(-3, 3), st.integers(1, 60)),
        min_size=3,
        max_size=12,
    ),
)
def test_book_is_never_crossed(seed: int, asked: list[tuple[int, int, int, int]]) -> None:
    """Own orders rest where they took others' away, and the flow comes through them: nobody ever sees bid meet ask."""
    listings = default_listings(START)
    exchange, feed = TwinExchange(listings, START), GeneratedFeed(listings, seed)
    exchange.take(feed.take(START))
    accounts = [opened(exchange), opened(exchange, "bob")]
    for step, (index, side, away, size) in enumerate(asked):
        listing, book = exchange.listings[index], exchange.books[index]
        price = (book.best(-side) + side * away * listing.step) * listing.tick
        half, name = ("futures" if listing.futures else "spot"), "BUY" if side > 0 else "SELL"
        with contextlib.suppress(Refused):
            order(
                exchange,
                accounts[step % 2],
                name,
                f"{size * listing.lots * listing.lot * 100:f}",
                f"{price:f}",
                market=half,
            )
        for until in (START + step * 10**9, START + step * 10**9 + 5 * 10**8):
            for one in exchange.books:
                assert 0 < one.best(1) < one.best(-1)
            exchange.take(feed.take(until))


def test_what_was_taken_is_shown_again_when_the_book_changes() -> None:
    exchange = market()
    ann = opened(exchange)
    order(exchange, ann, "BUY", "2.5", "60001")
    assert exchange.books[SPOT].touch() == ((6_000_100, 50_000), (6_001_000, 500_000))
    tell(exchange, SPOT, [("59999", "1", Flag.LAST)])
    assert not ann.working  # the offer that the flow still makes has met the rest
    assert exchange.books[SPOT].touch() == ((6_000_000, 100_000), (6_000_100, 150_000))


ASKED = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL"]),
        st.sampled_from(["spot", "futures"]),
        st.integers(2, 900),
        st.integers(-20, 20),
        st.sampled_from(["GTC", "IOC", "FOK", "cancel", "market"]),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None)
@given(ASKED)
def test_money_is_accounted_for(asked: list[tuple[str, str, int, int, str]]) -> None:
    """What accounts have is what they brought and what each fill says, to the last unit; nothing stays locked."""
    exchange = market()
    accounts = [opened(exchange), opened(exchange, "bob")]
    refused: set[int] = set()
    for place, (side, half, size, away, what) in enumerate(asked):
        account = accounts[place % 2]
        try:
            if what == "cancel":
                for one in list(account.working.values()):
                    exchange.cancel(account, one)
            elif what == "market":
                order(exchange, account, side, f"{size / 1_000:.3f}", market=half)
            else:
                order(exchange, account, side, f"{size / 1_000:.3f}", str(60_000 + away), market=half, timeInForce=what)
        except Refused as refusal:
            refused.add(refusal.code)
    assert refused <= {-2010, -2019, -5021, -4164}
    for account in accounts:
        for one in list(account.working.values()):
            assert one.open
            exchange.cancel(account, one)
        assert not account.locked("USDT")
        assert not account.locked("BTC")
        check_money(account)
    assert all(book.lots_at(side, price) >= 0 for book in exchange.books for side in (1, -1) for price in range(3))


def check_money(account: Account) -> None:
    """Adds up what the account's fills say."""
    spot = {"USDT": USDT * UNITS, "BTC": 2 * UNITS}
    wallet, lots, cost = USDT * UNITS, 0, 0
    for fill in account.fills:
        side = fill.order.side
        if fill.order.listing.futures:
            lots, cost = lots + side * fill.lots, cost + side * fill.paid
            wallet -= fill.fee
            continue
        spot["BTC"] += side * fill.lots * fill.order.listing.unit
        spot["USDT"] -= side * fill.paid
        spot[fill.fee_asset] -= fill.fee
    assert account.spot == spot
    held = account.position(SWAP)
    assert held.lots == lots
    assert account.wallet - held.cost == wallet - cost
