"""What holds whatever happens: no lot from nowhere, no price worse than asked, no order lost, no queue below zero."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.kernel.market_records import DataSource, OrderList, QueueModel
from quarterdeck.kernel.queues import power_share
from quarterdeck.kernel.records import INSTRUMENTS, NO_LIMIT
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderType, TimeInForce
from tests.kernel.simulated_venue import SimulatedVenue

prices = st.integers(90, 110)
lots = st.integers(0, 20)
quotes = st.tuples(st.just("quote"), prices, st.integers(0, 4), lots, lots)
events = st.one_of(
    quotes,
    st.tuples(st.just("trade"), prices, st.integers(1, 20), st.sampled_from(("buyer", "seller"))),
    st.tuples(st.just("bar"), prices, st.integers(0, 6), st.integers(0, 6), lots),
    st.tuples(st.just("level"), prices, lots, st.booleans(), st.booleans()),
)
requests = st.tuples(
    st.just("order"),
    st.integers(1, 12),
    st.booleans(),
    prices,
    st.integers(1, 20),
    st.sampled_from(tuple(OrderType)),
    st.sampled_from(tuple(TimeInForce)),
    st.sampled_from((0, 0, 0, int(Flag.POST_ONLY), int(Flag.REDUCE_ONLY))),
    st.integers(0, 1),
)
others = st.one_of(
    st.tuples(st.just("cancel"), st.integers(1, 12), st.integers(0, 1)),
    st.tuples(st.just("replace"), st.integers(1, 12), prices, st.integers(1, 25), st.integers(0, 1)),
)
lives = st.lists(st.one_of(events, requests, requests, others), max_size=60)
venues = st.fixed_dictionaries(
    {
        "displayed": st.booleans(),
        "impact_ticks": st.sampled_from((0, 2)),
        "bar_touch": st.booleans(),
        "participation_ppm": st.sampled_from((0, 300_000)),
        "queue_model": st.sampled_from(tuple(QueueModel)),
        "queue_power": st.integers(1, 3),
    }
)


class Watcher:
    """Plays a life and checks every report against what was asked for."""

    def __init__(self, **named: Any) -> None:
        self.venue = SimulatedVenue(**named)
        self.asked: dict[tuple[int, int], Any] = {}  # (account, order id) -> what was asked
        self.open: dict[tuple[int, int], dict[str, int]] = {}
        self.held: dict[int, int] = {}

    def play(self, step: tuple[Any, ...]) -> None:
        venue = self.venue
        before = len(venue.raw)
        name, *rest = step
        if name == "quote":
            bid, spread, bid_lots, ask_lots = rest
            venue.quote(bid, bid + spread, bid_lots, ask_lots)
        elif name == "trade":
            venue.trade(*rest)
        elif name == "bar":
            middle, up, down, volume = rest
            venue.bar(middle, middle + up, middle - down, middle + up // 2, volume)
        elif name == "level":
            price, size, sells, last = rest
            flags = (Flag.SELL if sells else 0) | (Flag.LAST if last else 0)
            venue.event(EventKind.LEVEL, 0, flags, price=price + (11 if sells else -11), quantity=size)
        elif name == "order":
            self.order(*rest)
        elif name == "cancel":
            venue.cancel(rest[0], account=rest[1])
        else:
            order_id, price, total, account = rest
            venue.replace(order_id, price, total, account=account)
        for report in venue.raw[before:]:
            self.check(report)
        self.check_lists()

    def order(
        self, order_id: int, sells: bool, price: int, size: int, order_type: int, tif: int, flags: int, account: int
    ) -> None:
        taken = self.venue.request(
            EventKind.SUBMIT,
            order_id,
            price=0 if order_type in (OrderType.MARKET, OrderType.STOP) else price,
            trigger=price,
            lots=size,
            order_type=OrderType(order_type),
            tif=TimeInForce(tif),
            flags=flags | (Flag.SELL if sells else 0),
            account=account,
        )
        assert taken == 0
        priced = order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
        terms = {"side": -1 if sells else 1, "limit": price if priced else 0, "left": size, "tif": tif, "flags": flags}
        self.asked.setdefault((account, order_id), []).append({**terms, "filled": 0, "total": size})
        self.venue.tick()

    def check(self, report: Any) -> None:
        kind = EventKind(int(report["kind"]))
        key = (int(report["check"]), int(report["order_id"]))
        if kind == EventKind.ORDER_ACCEPTED:
            assert key not in self.open
            self.open[key] = self.asked[key][-1]
        elif kind in (EventKind.ORDER_CANCELED, EventKind.ORDER_EXPIRED):
            del self.open[key]
        elif kind == EventKind.ORDER_REPLACED:
            order = self.open[key]
            order["left"] += int(report["quantity"]) - order["total"]
            order["total"] = int(report["quantity"])
            order["limit"] = int(report["price"]) if order["limit"] else 0
            assert order["left"] > 0
        elif kind == EventKind.FILL:
            self.check_fill(key, report)

    def check_fill(self, key: tuple[int, int], report: Any) -> None:
        order = self.open[key]
        size, price = int(report["quantity"]), int(report["price"])
        assert 0 < size <= order["left"]
        assert bool(report["flags"] & Flag.SELL) == (order["side"] < 0)
        if order["limit"]:
            assert (order["limit"] - price) * order["side"] >= 0
        if order["flags"] & Flag.POST_ONLY:
            assert report["flags"] & Flag.MAKER
        held = self.held.get(key[0], 0)
        if order["flags"] & Flag.REDUCE_ONLY:
            assert held * order["side"] < 0
            assert size <= abs(held)
        self.held[key[0]] = held + order["side"] * size
        order["left"] -= size
        if order["left"] == 0:
            del self.open[key]

    def check_lists(self) -> None:
        """The venue's own lists agree with its reports and with each other."""
        market = self.venue.market
        listing = market["listings"][0]
        seen = []
        for place in (OrderList.BUY, OrderList.SELL, OrderList.STOP_BUY, OrderList.STOP_SELL, OrderList.OPENING):
            slot, before, key = int(listing["heads"][place]), 0, 2**62
            while slot:
                order = market["orders"][slot]
                assert (order["place"], order["preceding"]) == (place, before)
                assert 0 < order["remaining"] <= order["quantity"]
                assert order["queue_ahead"] >= 0
                assert order["key"] <= key
                seen.append((int(order["account"]), int(order["order_id"])))
                before, slot, key = slot, int(order["following"]), int(order["key"])
        assert sorted(seen) == sorted(self.open)
        assert market["open_count"] == len(seen)
        heads = [market["orders"][int(slot)] for slot in listing["heads"]]
        assert listing["best_buy"] == (heads[0]["price"] if listing["heads"][0] else 0)
        assert listing["best_sell"] == (heads[1]["price"] if listing["heads"][1] else NO_LIMIT)
        assert listing["first_stop_buy"] == (heads[2]["trigger_price"] if listing["heads"][2] else NO_LIMIT)
        assert listing["first_stop_sell"] == (heads[3]["trigger_price"] if listing["heads"][3] else -1)
        for account, held in self.held.items():
            assert market["positions"][account * INSTRUMENTS] == held


@settings(max_examples=150)
@given(venues, lives)
def test_reports_agree_with_what_was_asked_and_with_the_lists(named: dict[str, Any], life: list[Any]) -> None:
    watcher = Watcher(**named)
    for step in life:
        watcher.play(step)


@settings(max_examples=100)
@given(venues, lives)
def test_a_fok_order_trades_whole_or_not_at_all(named: dict[str, Any], life: list[Any]) -> None:
    watcher = Watcher(**named)
    for step in life:
        watcher.play(step)
        for key, order in watcher.open.items():
            assert order["tif"] != TimeInForce.FOK or order["left"] == order["total"], key


@settings(max_examples=100)
@given(lives)
def test_a_resting_limit_never_stands_where_a_quote_has_reached_it(life: list[Any]) -> None:
    watcher = Watcher()
    listing = watcher.venue.market["listings"][0]
    for step in life:
        watcher.play(step)
        if listing["source"] == DataSource.QUOTES and step[0] == "quote":
            assert listing["ask"] == 0 or listing["best_buy"] < listing["ask"]
            assert listing["bid"] == 0 or listing["best_sell"] > listing["bid"]


@settings(max_examples=100)
@given(lives)
def test_displayed_quantity_bounds_what_one_quote_gives(life: list[Any]) -> None:
    watcher = Watcher(displayed=True)
    venue = watcher.venue
    listing = venue.market["listings"][0]
    for step in life:
        before = len(venue.raw)
        watcher.play(step)
        if listing["source"] != DataSource.QUOTES or step[0] != "quote":
            continue
        bought = sum(
            int(report["quantity"])
            for report in venue.raw[before:]
            if report["kind"] == EventKind.FILL and report["flags"] & Flag.MAKER and not report["flags"] & Flag.SELL
            and report["price"] >= listing["ask"]
        )  # fmt: skip
        crossing = sum(
            report["kind"] == EventKind.FILL and not report["flags"] & Flag.MAKER for report in venue.raw[before:]
        )
        assert bought <= step[4] or crossing
        assert listing["taken_asks"] <= step[4]
        assert listing["taken_bids"] <= step[3]


@settings(max_examples=100)
@given(st.lists(st.one_of(quotes, requests), max_size=40))
def test_nothing_fills_at_a_price_that_no_quote_offers(life: list[Any]) -> None:
    watcher = Watcher()
    listing = watcher.venue.market["listings"][0]
    for step in life:
        before = len(watcher.venue.raw)
        touch = (int(listing["bid"]), int(listing["ask"]))
        watcher.play(step)
        fills = [report for report in watcher.venue.raw[before:] if report["kind"] == EventKind.FILL]
        ids = [int(report["trade_id"]) for report in fills]
        for report in fills:
            if ids.count(int(report["trade_id"])) == 2:
                continue  # a trade between the two accounts
            sold = bool(report["flags"] & Flag.SELL)
            offered = {touch[0 if sold else 1], int(listing["bid" if sold else "ask"])} - {0}
            assert any((price - report["price"]) * (1 if sold else -1) >= 0 for price in offered)


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.integers(1, 3))
def test_the_share_behind_is_a_share(front: float, back: float, power: int) -> None:
    share = power_share(front, back, power)
    assert 0.0 <= share <= 1.0
    assert share >= 0.5 or back <= front


def test_more_behind_means_less_lost_ahead() -> None:
    shares = [power_share(10.0, back, 3) for back in (0.0, 5.0, 10.0, 20.0, 100.0)]
    assert shares == sorted(shares)
    assert (shares[0], shares[2]) == (0.0, 0.5)
    assert power_share(0.0, 0.0, 3) == 1.0
