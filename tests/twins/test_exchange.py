"""The practice exchange. What is tested: `quarterdeck.twins.exchange`, `.exchange_books` and `.exchange_records`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from quarterdeck.twins.exchange import Change, PracticeExchange, Ticket
from quarterdeck.twins.exchange_books import quoted
from quarterdeck.twins.exchange_records import Force, Kind, Listing, Quote, Side, Status, Why

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
START = 20_000 * DAY
SPOT = Listing(value=10, purse=0, maker_fee_ppb=-100_000, taker_fee_ppb=500_000)
PERPETUAL = Listing(value=7, purse=1, margined=True, maker_fee_ppb=200_000, taker_fee_ppb=500_000)


def exchange_of(accounts: int = 2, **options: int) -> PracticeExchange:
    exchange = PracticeExchange([SPOT, PERPETUAL], **options)
    for _ in range(accounts):
        exchange.open_account([1_000_000, 1_000_000])
    exchange.quote(START, 0, Quote(99, 101, 10, 10))
    exchange.quote(START, 1, Quote(990, 1010, 10, 10))
    exchange.take_news()
    return exchange


def limit(client_id: str, side: int, price: int, quantity: int, **more: object) -> Ticket:
    fields: dict[str, object] = {"instrument": 0, "kind": Kind.LIMIT, **more}
    return Ticket(client_id=client_id, side=side, price=price, quantity=quantity, **fields)  # pyright: ignore[reportArgumentType] a test's shorthand


def market(client_id: str, side: int, quantity: int, **more: object) -> Ticket:
    return limit(client_id, side, 0, quantity, kind=Kind.MARKET, force=Force.IOC, **more)


def test_an_order_inside_the_spread_rests_and_trades_with_the_next_account_at_its_own_price() -> None:
    exchange = exchange_of()
    why, bid = exchange.place(START, 0, limit("a", Side.BUY, 100, 5))
    assert (why, bid.status) == (Why.NONE, Status.ACCEPTED)
    _, ask = exchange.place(START + 1, 1, limit("a", Side.SELL, 98, 7))
    assert (bid.status, bid.filled) == (Status.FILLED, 5)
    assert (ask.status, ask.filled) == (Status.FILLED, 7), "the rest met the outside bid at 99"
    prices = [(trade.price, trade.quantity, trade.maker) for trade in exchange.holders[1].trades]
    assert prices == [(100, 5, False), (99, 2, False)]


def test_better_prices_first_then_earlier_orders() -> None:
    exchange = exchange_of(accounts=4)
    for account, price in ((0, 100), (1, 100), (2, 100)):
        exchange.place(START + account, account, limit("a", Side.BUY, price, 2))
    exchange.amend(START + 5, 0, Change(price=0, quantity=1), "a")  # less: keeps its place
    exchange.amend(START + 6, 1, Change(price=0, quantity=3), "a")  # more: goes behind
    exchange.place(START + 9, 3, limit("a", Side.SELL, 100, 4))
    assert [holder.orders["a"].filled for holder in exchange.holders[:3]] == [1, 1, 2]


@pytest.mark.parametrize(
    ("ticket", "why"),
    [
        (limit("b", Side.BUY, 101, 1, post_only=True), Why.WOULD_CROSS),
        (limit("b", Side.BUY, 100, 1, reduce_only=True), Why.NOTHING_TO_REDUCE),
        (limit("b", Side.BUY, 101, 11, force=Force.FOK), Why.NO_LIQUIDITY),
        (limit("b", Side.BUY, 101, 11, expires_ns=START - 1), Why.TOO_LATE),
        (limit("a", Side.BUY, 90, 1), Why.DUPLICATE),
        (limit("b", Side.BUY, 0, 1), Why.MALFORMED),
        (limit("b", Side.BUY, 2**42, 1), Why.MALFORMED),
        (limit("b", Side.BUY, 90, 0), Why.MALFORMED),
        (limit("b", 0, 90, 1), Why.MALFORMED),
        (limit("b", Side.BUY, 90, 1, instrument=2), Why.MALFORMED),
        (limit("b", Side.BUY, 90, 1, trigger_price=3), Why.MALFORMED),
        (limit("b", Side.BUY, 90, 1, post_only=True, force=Force.IOC), Why.MALFORMED),
        (limit("", Side.BUY, 90, 1), Why.MALFORMED),
    ],
)
def test_refusals(ticket: Ticket, why: Why) -> None:
    exchange = exchange_of()
    exchange.place(START, 0, limit("a", Side.BUY, 90, 1))
    exchange.take_news()
    before = list(exchange.holders[0].cash)
    assert exchange.place(START, 0, ticket)[0] is why
    assert (exchange.holders[0].cash, exchange.take_news()) == (before, [])


def test_a_client_id_is_used_up_by_what_was_refused_or_closed_and_belongs_to_one_account() -> None:
    exchange = exchange_of()
    exchange.place(START, 0, limit("a", Side.BUY, 101, 1, post_only=True))
    assert exchange.find(0, "a").status is Status.REJECTED
    exchange.place(START, 0, limit("b", Side.BUY, 90, 1))
    exchange.cancel(START, 0, "b")
    for client_id in "ab":
        assert exchange.place(START + DAY, 0, limit(client_id, Side.BUY, 90, 1))[0] is Why.DUPLICATE
        assert exchange.place(START + DAY, 1, limit(client_id, Side.BUY, 90, 1))[0] is Why.NONE


@pytest.mark.parametrize("kind", [Kind.STOP, Kind.STOP_LIMIT])
def test_a_stop_waits_for_its_price_then_acts(kind: Kind) -> None:
    exchange = exchange_of()
    exchange.place(START, 0, market("in", Side.BUY, 4))
    price = 95 if kind is Kind.STOP_LIMIT else 0
    stop = limit("stop", Side.SELL, price, 4, kind=kind, trigger_price=97, reduce_only=True)
    _, order = exchange.place(START, 0, stop)
    exchange.quote(START + 1, 0, Quote(98, 100, 10, 10))
    assert order.waiting
    exchange.quote(START + 2, 0, Quote(94, 96, 3, 3))
    if kind is Kind.STOP:
        assert (order.status, order.filled, order.why) == (Status.CANCELED, 3, Why.NO_LIQUIDITY)
    else:
        assert (order.status, order.filled) == (Status.ACCEPTED, 0)
        exchange.quote(START + 3, 0, Quote(96, 99, 10, 10))
        assert order.status is Status.FILLED


def test_reduce_only_never_turns_a_position_round() -> None:
    exchange = exchange_of()
    exchange.place(START, 0, market("in", Side.BUY, 4))
    exchange.place(START, 0, limit("out", Side.SELL, 103, 9, reduce_only=True))
    exchange.quote(START + 1, 0, Quote(105, 106, 50, 50))
    order = exchange.find(0, "out")
    assert (order.filled, exchange.holders[0].positions[0].quantity) == (4, 0)
    exchange.quote(START + 2, 0, Quote(106, 107, 50, 50))
    assert (order.status, order.why) == (Status.CANCELED, Why.NOTHING_TO_REDUCE)


def test_a_noted_cancel_takes_effect_later_and_a_fill_may_come_first() -> None:
    exchange = exchange_of(cancel_delay_ns=SECOND)
    for client_id in "ab":
        exchange.place(START, 0, limit(client_id, Side.BUY, 98 if client_id == "a" else 90, 1))
        why, order = exchange.cancel(START, 0, client_id)
        assert why is Why.NONE
        assert order.open
    exchange.quote(START + 1, 0, Quote(95, 96, 10, 10))
    exchange.advance(START + SECOND)
    assert [exchange.find(0, name).status for name in "ab"] == [Status.FILLED, Status.CANCELED]


def test_day_orders_end_with_the_day_and_a_halt_refuses_all_but_cancels() -> None:
    exchange = exchange_of()
    exchange.place(START, 0, limit("day", Side.BUY, 90, 1, force=Force.DAY))
    exchange.place(START, 0, limit("gtc", Side.BUY, 98, 1))
    exchange.halted = True
    assert exchange.place(START, 0, limit("new", Side.BUY, 90, 1))[0] is Why.HALTED
    assert exchange.amend(START, 0, Change(price=91, quantity=1), "day")[0] is Why.HALTED
    exchange.quote(START + 1, 0, Quote(90, 92, 5, 5))
    assert exchange.find(0, "gtc").filled == 0
    exchange.resume(START + 2)
    assert exchange.find(0, "gtc").filled == 1
    exchange.advance(START + DAY)
    assert exchange.find(0, "day").status is Status.EXPIRED
    assert exchange.cancel(START + DAY, 0, "day")[0] is Why.CLOSED_ORDER
    assert exchange.cancel(START + DAY, 0, "nobody")[0] is Why.UNKNOWN_ORDER


def test_requests_are_counted_by_the_second() -> None:
    exchange = exchange_of(requests_per_second=2)
    assert [exchange.admit(START, 0) for _ in range(3)] == [True, True, False]
    assert exchange.admit(START, 1)
    assert exchange.admit(START + SECOND, 0)


def test_fills_come_in_parts_that_never_cut_through_one_moment() -> None:
    exchange = exchange_of()
    for moment in (1, 2, 2, 2, 3):
        exchange.place(START + moment, 0, market(f"{moment}{len(exchange.holders[0].trades)}", Side.BUY, 1))
    parts, since, more = [], START, True
    while more:
        trades, until, more = exchange.fills(START + 9, 0, since, 2)
        parts.append(len(trades))
        assert all(since <= trade.time_ns <= until for trade in trades)
        since = until + 1
    assert parts == [4, 1]
    assert until == START + 8, "this very moment is not over"


def test_time_does_not_run_backwards() -> None:
    exchange = exchange_of()
    with pytest.raises(ValueError, match="backwards"):
        exchange.advance(START - 1)


@pytest.mark.parametrize("instrument", [0, 1])
@settings(max_examples=150)
@given(trades=st.lists(st.tuples(st.sampled_from((1, -1)), st.integers(1, 9), st.integers(900, 1100)), max_size=12))
def test_cash_is_what_was_paid_and_got(instrument: int, trades: list[tuple[int, int, int]]) -> None:
    """Of a paid instrument cash is simply the sum; of a margined one the sum, less what the open position cost."""
    exchange = exchange_of()
    before = sum(exchange.holders[0].cash)
    paid = fees = 0
    for number, (side, lots, price) in enumerate(trades):
        exchange.quote(START, instrument, Quote(price, price + 1, 100, 100))
        exchange.place(START, 0, market(str(number), side, lots, instrument=instrument))
    value = exchange.listings[instrument].value
    for trade in exchange.holders[0].trades:
        paid += trade.side * trade.quantity * trade.price * value
        fees += trade.fee
    position = exchange.holders[0].positions[instrument]
    assert position.quantity == sum(side * lots for side, lots, _ in trades)
    open_cost = position.cost if instrument == 1 else 0
    assert sum(exchange.holders[0].cash) == before - paid - fees + open_cost
    if position.quantity == 0:
        assert position.cost == 0


class Traders(RuleBasedStateMachine):
    """Three accounts and an outside market do what they like; the exchange stays an exchange."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = exchange_of(accounts=3)
        self.now = START
        self.number = 0
        self.seen: set[int] = set()

    def _tick(self) -> int:
        self.now += 1
        return self.now

    @rule(
        account=st.integers(0, 2),
        side=st.sampled_from((1, -1)),
        price=st.integers(94, 106),
        lots=st.integers(1, 9),
        force=st.sampled_from(Force),
        post_only=st.booleans(),
        reduce_only=st.booleans(),
    )
    def place(self, account: int, side: int, price: int, lots: int, force: Force, **flags: bool) -> None:
        self.number += 1
        bid, ask = self.exchange.books[0].sides()
        best = {1: [o for o in ask if o.account != account], -1: [o for o in bid if o.account != account]}[side]
        queue = [order for order in best if order.price == best[0].price] if best else []
        before = [order.filled for order in queue]
        touch, _ = quoted(self.exchange.books[0].quote, side)
        ticket = limit(str(self.number), side, price, lots, force=force, **flags)
        count = len(self.exchange.holders[account].trades)
        _, order = self.exchange.place(self._tick(), account, ticket)
        trades = self.exchange.holders[account].trades[count:]
        assert all(side * (price - trade.price) >= 0 for trade in trades), "never worse than the limit"
        assert trades == sorted(trades, key=lambda trade: side * trade.price), "best prices first"
        if trades:
            offers = [o.price for o in best[:1]] + ([touch] if touch else [])
            assert trades[0].price == (min(offers) if side > 0 else max(offers)), "nobody better is passed over"
        gained = [order.filled - was for order, was in zip(queue, before, strict=True)]
        reached = [place for place, lots in enumerate(gained) if lots > 0]
        for place in range(reached[-1] if reached else 0):
            assert not queue[place].open, "whoever came first is served whole first"
        if order is not None and force is Force.FOK and not flags["reduce_only"]:
            assert order.filled in (0, lots)

    @rule(account=st.integers(0, 2), which=st.integers(0, 50), price=st.integers(94, 106), lots=st.integers(1, 9))
    def amend(self, account: int, which: int, price: int, lots: int) -> None:
        orders = self.exchange.open_orders(account)
        if orders:
            named = orders[which % len(orders)].client_id
            self.exchange.amend(self._tick(), account, Change(price=price, quantity=lots), named)

    @rule(account=st.integers(0, 2), which=st.integers(0, 50))
    def cancel(self, account: int, which: int) -> None:
        orders = self.exchange.open_orders(account)
        if orders:
            self.exchange.cancel(self._tick(), account, orders[which % len(orders)].client_id)

    @rule(
        account=st.integers(0, 2), side=st.sampled_from((1, -1)), trigger=st.integers(94, 106), lots=st.integers(1, 9)
    )
    def stop(self, account: int, side: int, trigger: int, lots: int) -> None:
        self.number += 1
        stop = limit(str(self.number), side, 0, lots, kind=Kind.STOP, trigger_price=trigger)
        self.exchange.place(self._tick(), account, stop)

    @rule(bid=st.integers(95, 104), spread=st.integers(1, 3), lots=st.integers(0, 20))
    def quote(self, bid: int, spread: int, lots: int) -> None:
        self.exchange.quote(self._tick(), 0, Quote(bid, bid + spread, lots, lots))

    @invariant()
    def every_order_is_what_its_fills_are(self) -> None:
        told: dict[tuple[int, int], int] = {}
        for holder in self.exchange.holders:
            for trade in holder.trades:
                key = trade.account, trade.venue_order_id
                told[key] = told.get(key, 0) + trade.quantity
        for account, holder in enumerate(self.exchange.holders):
            for order in holder.orders.values():
                assert told.get((account, order.venue_order_id), 0) == order.filled <= order.quantity
                assert order.open == (order.venue_order_id in holder.open_orders)
                assert (order.status is Status.FILLED) == (order.filled == order.quantity)

    @invariant()
    def trade_ids_are_unique_and_rise(self) -> None:
        for holder in self.exchange.holders:
            ids = [trade.trade_id for trade in holder.trades]
            assert ids == sorted(set(ids))
        assert sum(len(holder.trades) for holder in self.exchange.holders) == len(
            {trade.trade_id for holder in self.exchange.holders for trade in holder.trades}
        )

    @invariant()
    def no_two_accounts_cross(self) -> None:
        bids, asks = self.exchange.books[0].sides()
        assert not [1 for b in bids for a in asks if b.account != a.account and b.price >= a.price and executable(b, a)]

    @invariant()
    def the_news_tell_every_trade_once(self) -> None:
        for news in self.exchange.take_news():
            for trade in news.trades:
                assert trade.trade_id not in self.seen
                self.seen.add(trade.trade_id)
        assert len(self.seen) == sum(len(holder.trades) for holder in self.exchange.holders)


def executable(*orders: object) -> bool:
    return not any(getattr(order, "reduce_only", False) for order in orders)


TestTraders = Traders.TestCase
TestTraders.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
