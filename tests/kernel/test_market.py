"""The simulated venue from outside: reports, latencies, fees, bounds, and what it refuses."""

from typing import Any

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.layout import allocate
from quarterdeck.kernel.market import market_apply, new_market
from quarterdeck.kernel.market_records import EVENT_REPORTS, INBOX, MARKET_REPORTS, MarketCount
from quarterdeck.kernel.records import EVENT, ORDERS
from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentTerm, TimeInForce
from tests.kernel.simulated_venue import MAKER_PPB, TAKER_PPB, VALUE, SimulatedVenue


def test_a_fill_says_all_that_the_account_needs() -> None:
    venue = SimulatedVenue()
    venue.quote(99, 101)
    venue.sell(7, 3)
    venue.quote(90, 95)
    accepted, fill = venue.raw
    assert accepted["kind"] == EventKind.ORDER_ACCEPTED
    assert (accepted["order_id"], accepted["venue_order_id"]) == (7, 1)
    assert (fill["order_id"], fill["price"], fill["quantity"], fill["trade_id"]) == (7, 99, 3, 1)
    assert fill["flags"] == Flag.SELL
    assert (fill["time_ns"], fill["venue_time_ns"]) == (venue.now, venue.now)
    assert (fill["instrument"], fill["strategy"], fill["check"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("terms", "price", "lots", "maker", "fee"),
    [
        ({}, 100, 1, True, 100 * VALUE * MAKER_PPB // 10**9),
        ({InstrumentTerm.MAKER_FEE_PPB: 1}, 100, 1, True, 1),  # a fee is rounded up
        ({InstrumentTerm.MAKER_FEE_PPB: -15_000}, 100, 1, True, -1),  # a rebate of 1.5 is rounded down
        ({}, 101, 3, False, -(-303 * VALUE * TAKER_PPB // 10**9)),
    ],
)
def test_fees_are_rounded_against_the_trader(
    terms: dict[InstrumentTerm, int], price: int, lots: int, maker: bool, fee: int
) -> None:
    venue = SimulatedVenue(terms)
    venue.quote(99, 101)
    venue.buy(1, lots, price)
    venue.tick()
    venue.quote(98, 100)
    fill = venue.raw[-1]
    assert (fill["kind"], fill["fee"]) == (EventKind.FILL, fee)
    assert bool(fill["flags"] & Flag.MAKER) == maker


def test_the_trades_of_a_market_have_ids_of_their_own() -> None:
    venue = SimulatedVenue(displayed=True, impact_ticks=1)
    venue.quote(99, 103, 5, 5)
    venue.sell(1, 4, 101)
    venue.buy(2, 20, account=1)
    venue.tick()
    fills = [record for record in venue.raw if record["kind"] == EventKind.FILL]
    # The first two are the two sides of one trade between accounts.
    assert [(int(fill["order_id"]), int(fill["trade_id"]), int(fill["check"])) for fill in fills] == [
        (1, 1, 0), (2, 1, 1), (2, 2, 1), (2, 3, 1), (2, 4, 1), (2, 5, 1),
    ]  # fmt: skip


def test_a_request_waits_for_its_order_latency() -> None:
    venue = SimulatedVenue()
    venue.quote(99, 101)
    venue.buy(1, 5, due=venue.now + 3)
    assert venue.quote(100, 102) == []
    assert venue.quote(101, 103) == []
    assert venue.quote(110, 112) == [("ACCEPTED", 1), ("FILL", 1, 103, 5, "taker")] if venue.raw == [] else True
    assert [record["kind"] for record in venue.raw] == [EventKind.ORDER_ACCEPTED, EventKind.FILL]


def test_requests_are_executed_in_order_of_arrival() -> None:
    venue = SimulatedVenue()
    venue.quote(99, 101)
    venue.buy(1, 5, 98, due=venue.now + 2)
    venue.buy(2, 5, 98, due=venue.now + 1)
    venue.buy(3, 5, 98, due=venue.now + 1)
    assert venue.tick() == [("ACCEPTED", 2), ("ACCEPTED", 3)]
    assert venue.tick() == [("ACCEPTED", 1)]


def test_reports_wait_for_the_response_latency_and_keep_their_venue_time() -> None:
    venue = SimulatedVenue(response_latency_ns=3)
    venue.quote(99, 101)
    venue.buy(1, 5)
    happened = venue.now + 1
    told: list[Any] = []
    for _ in range(3):
        told += venue.tick()
    assert told == []
    assert venue.tick() == [("ACCEPTED", 1), ("FILL", 1, 101, 5, "taker")]
    assert [int(record["venue_time_ns"]) for record in venue.raw] == [happened, happened]
    assert [int(record["time_ns"]) for record in venue.raw] == [happened + 3, happened + 3]


def test_reports_that_the_ring_cannot_hold_are_told_early_and_never_lost() -> None:
    venue = SimulatedVenue(response_latency_ns=10**9)
    venue.quote(99, 101)
    taken = told = 0
    for turn in range(3 * EVENT_REPORTS // 50):
        taken += sum(venue.buy(turn * 50 + place + 1, 1) == 0 for place in range(50))
        told += len(venue.tick())
    held = int(venue.market["outbox_count"])
    inside = int(venue.market["inbox_count"])
    assert told + held == 2 * (taken - inside)
    assert venue.market["counts"][MarketCount.REPORTS_EARLY] == told > 0


def test_a_full_inbox_takes_no_more_and_says_so() -> None:
    venue = SimulatedVenue()
    assert [venue.buy(number + 1, 1, 98) for number in range(INBOX + 2)] == [0] * INBOX + [1, 1]
    assert venue.market["counts"][MarketCount.INBOX_FULL] == 2


def test_a_full_order_table_rejects() -> None:
    venue = SimulatedVenue()
    venue.quote(99, 101)
    for number in range(ORDERS + 1):
        venue.buy(number + 1, 1, 98)
    told = venue.tick()
    assert told[-1] == ("REJECTED", ORDERS + 1, "ORDER_TABLE_FULL")
    assert len(told) == ORDERS + 1
    venue.cancel(5)
    venue.buy(ORDERS + 2, 1, 98)
    assert venue.tick() == [("CANCELED", 5, "NONE"), ("ACCEPTED", ORDERS + 2)]


def test_every_order_can_fill_at_one_event() -> None:
    venue = SimulatedVenue()
    venue.quote(99, 101)
    for number in range(ORDERS):
        venue.buy(number + 1, 1, 90 + number % 9)
    venue.tick()
    told = venue.quote(80, 85)
    assert len(told) == ORDERS
    assert [price for _, _, price, _, _ in told] == sorted((90 + n % 9 for n in range(ORDERS)), reverse=True)
    assert venue.market["open_count"] == 0


def test_too_small_an_array_for_reports_does_nothing() -> None:
    markets = new_market()
    before = markets[0]["counts"].copy()  # type: ignore[attr-defined] # a numpy row
    assert market_apply(markets, allocate(EVENT), 0, allocate(EVENT, MARKET_REPORTS - 1)) == -1
    assert market_apply(markets, allocate(EVENT), 1, allocate(EVENT, MARKET_REPORTS)) == -1
    assert (before == markets[0]["counts"]).all()


@pytest.mark.parametrize(
    "words",
    [
        {"kind": EventKind.QUOTE, "bid": -1, "ask": 5},
        {"kind": EventKind.QUOTE, "bid": 7, "ask": 5},
        {"kind": EventKind.QUOTE, "bid": 4, "ask": 2**43},
        {"kind": EventKind.QUOTE, "bid": 4, "ask": 5, "bid_quantity": -1},
        {"kind": EventKind.TRADE, "price": 0, "quantity": 1},
        {"kind": EventKind.TRADE, "price": 5, "quantity": 0},
        {"kind": EventKind.LEVEL, "price": 0, "quantity": 1},
        {"kind": EventKind.LEVEL, "price": 5, "quantity": -1},
        {"kind": EventKind.BAR, "open": 5, "high": 4, "low": 3, "close": 3},
        {"kind": EventKind.QUOTE, "instrument": 99, "bid": 4, "ask": 5},
        {"kind": EventKind.QUOTE, "instrument": -1, "bid": 4, "ask": 5},
        {"kind": EventKind.SPLIT, "numerator": 0, "denominator": 1},
        {"kind": EventKind.CONFIGURE, "table": 1, "row": 99, "column": 0},
    ],
)
def test_figures_that_cannot_be_are_counted_and_change_nothing(words: dict[str, int]) -> None:
    venue = SimulatedVenue()
    venue.quote(4, 5)
    before = venue.market["listings"].tobytes()
    assert venue.event(**words) == []  # type: ignore[arg-type] # the kind is among the words
    assert venue.market["counts"][MarketCount.REFUSED] == 1
    assert venue.market["listings"].tobytes() == before


@pytest.mark.parametrize("terms", [{"instrument": 99}, {"instrument": -1}, {"account": -1}, {"account": 99}])
def test_a_request_from_or_for_nowhere_is_not_taken(terms: dict[str, int]) -> None:
    assert SimulatedVenue().buy(1, 5, 98, **terms) == 1


def test_minimum_lots_and_notional_bind_all_but_reduce_only_orders() -> None:
    venue = SimulatedVenue({InstrumentTerm.MIN_LOTS: 3, InstrumentTerm.MIN_NOTIONAL: 500 * VALUE})
    venue.quote(99, 101)
    venue.buy(1, 2, 100)
    venue.buy(2, 4, 100)
    venue.buy(3, 5, 100)
    venue.buy(4, 1, 100, flags=int(Flag.REDUCE_ONLY))
    assert venue.tick() == [
        ("REJECTED", 1, "ORDER_SHAPE_INVALID"), ("REJECTED", 2, "NOTIONAL_TOO_SMALL"), ("ACCEPTED", 3), ("ACCEPTED", 4),
    ]  # fmt: skip


def test_the_venue_keeps_each_account_s_position() -> None:
    venue = SimulatedVenue()
    venue.quote(99, 101)
    venue.buy(1, 5)
    venue.sell(2, 3, account=1)
    venue.tick()
    venue.event(EventKind.POSITION_ADOPTED, 1, quantity=-4)
    instruments = len(venue.market["listings"])
    held = venue.market["positions"].reshape(-1, instruments)
    assert (held[0, 0], held[1, 0], held[0, 1]) == (5, -3, -4)


def test_a_tick_size_change_cancels_orders_and_scales_the_value_of_a_tick() -> None:
    venue = SimulatedVenue()
    venue.quote(99, 101)
    venue.buy(1, 5, 98)
    venue.tick()
    assert venue.event(EventKind.TICK_SIZE_CHANGE, numerator=10, denominator=1) == [("CANCELED", 1, "NONE")]
    assert venue.market["listings"][0]["terms"][InstrumentTerm.VALUE] == VALUE // 10


def test_instruments_do_not_mix() -> None:
    venue = SimulatedVenue()
    venue.quote(99, 101)
    venue.quote(9, 11, instrument=1)
    venue.buy(1, 5, 100)
    venue.buy(2, 5, 10, instrument=1, tif=TimeInForce.DAY)
    venue.tick()
    assert venue.quote(8, 10, instrument=1) == [("FILL", 2, 10, 5, "maker")]
    assert venue.market["open_count"] == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [("queue_power", 4), ("queue_power", 0), ("response_latency_ns", -1), ("participation_ppm", 1_000_001)],
)
def test_a_setting_out_of_range_is_named(setting: str, value: int) -> None:
    with pytest.raises(ConfigError, match=setting):
        new_market(**{setting: value})  # type: ignore[arg-type] # all these settings are integers
