"""Every rail: loose it lets an order pass, tight it refuses that very order for that very reason."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from quarterdeck.kernel.rails import significant_price_ok
from quarterdeck.kernel.records import ORDERS
from quarterdeck.kernel.vocabulary import (
    Decision,
    DeskLimit,
    EventKind,
    Flag,
    InstrumentLimit,
    InstrumentTerm,
    OnBreach,
    OrderFlag,
    OrderType,
    Reason,
    SessionMode,
    StrategyLimit,
    TimeInForce,
    VenueLimit,
)
from tests.kernel.desks import (
    DEPOSIT,
    HOUR,
    LOT,
    MARKET,
    PRICE,
    SECOND,
    VALUE,
    Desk,
    canceled,
    decided,
    of_kind,
    spoken,
    submitted,
    warned,
)
from tests.kernel.invariants import check

LOTS = 10
Change = Callable[[Desk], Any]


@dataclass(frozen=True)
class Rail:
    """How to tighten one rail so that it refuses a buy of LOTS at PRICE. `fits`: what a size rail still admits."""

    reason: Reason
    tighten: Change
    fits: int | None = None
    words: dict[str, int] = field(default_factory=dict)
    mode: SessionMode = SessionMode.BACKTEST
    before: Change = lambda _: None

    def __str__(self) -> str:
        return self.reason.name


def limit(column: Any, setting: int) -> Change:
    return lambda desk: desk.limit(column, setting)


def term(column: Any, setting: int) -> Change:
    return lambda desk: desk.term(column, setting)


def told(kind: EventKind, **words: int) -> Change:
    return lambda desk: desk.event(kind, **words)


def lose(desk: Desk) -> None:
    """Loses 100 ticks on 10 lots."""
    desk.hold(LOTS)
    desk.quote(PRICE - 100)
    desk.fill(desk.order(-1, LOTS, **MARKET), LOTS, PRICE - 100)
    desk.quote(PRICE)


LOSS = LOTS * 100 * VALUE


def venue_errors(desk: Desk) -> None:
    desk.limit(VenueLimit.ERROR_RATE_PPM, 500_000)
    for _ in range(4):
        desk.event(EventKind.VENUE_RESULT, flags=Flag.ERROR)


def throttle(desk: Desk) -> None:
    desk.limit(StrategyLimit.MAX_EXECUTIONS, 1)
    desk.order(1, 1)


def one_warning(desk: Desk) -> None:
    desk.limit(DeskLimit.MAX_UNACKNOWLEDGED, 1)
    desk.report(EventKind.ORDER_REJECTED, 12345, instrument=1)


def twice(desk: Desk) -> None:
    desk.limit(InstrumentLimit.DUPLICATE_WINDOW_NS, SECOND)
    desk.order(1, LOTS)


def count_an_order(column: Any) -> Change:
    def change(desk: Desk) -> None:
        desk.limit(column, 1)
        desk.order(1, 1)

    return change


def stale(desk: Desk) -> None:
    desk.limit(InstrumentLimit.STALE_NS, SECOND)
    desk.clock(SECOND + 1)


def drift(desk: Desk) -> None:
    """The mark wanders away from the period's reference; the order stays near the mark."""
    desk.limit(InstrumentLimit.COLLAR_PERIOD_PPM, 10_000)
    desk.quote(PRICE + 200)


def no_price(desk: Desk) -> None:
    """As before the first quote."""
    desk.state["instruments"][0]["mark_half_ticks"] = 0


GATES = (
    Rail(Reason.TRADING_DISABLED, told(EventKind.PAUSE, strategy=-1, instrument=-1)),
    Rail(Reason.TRADING_DISABLED, told(EventKind.PAUSE, strategy=0, instrument=-1)),
    Rail(Reason.TRADING_DISABLED, told(EventKind.PAUSE, strategy=-1, instrument=0)),
    Rail(Reason.TRADING_DISABLED, told(EventKind.PAUSE, strategy=0, instrument=0)),
    Rail(Reason.TRADING_DISABLED, told(EventKind.SESSION_END)),
    Rail(Reason.BREAKER_OPEN, told(EventKind.KILL, strategy=-1, instrument=-1)),
    Rail(Reason.STRATEGY_DISABLED, limit(StrategyLimit.ENABLED, 0)),
    Rail(Reason.REPEATED_EXECUTION, throttle),
    Rail(Reason.SYMBOL_NOT_ALLOWED, limit(InstrumentLimit.ALLOWED, 0)),
    Rail(Reason.SYMBOL_NOT_ALLOWED, told(EventKind.DELISTING)),
    Rail(Reason.SYMBOL_LOCKED, limit(InstrumentLimit.LOCKED, 1)),
    Rail(Reason.UNRECONCILED, told(EventKind.RECONCILIATION, value=1)),
    Rail(Reason.VENUE_DISCONNECTED, told(EventKind.CONNECTION, value=0)),
    Rail(Reason.VENUE_BREAKER_OPEN, venue_errors),
    Rail(Reason.ALERTS_UNACKNOWLEDGED, one_warning, mode=SessionMode.PAPER),
    Rail(Reason.ALERTS_UNACKNOWLEDGED, one_warning, mode=SessionMode.LIVE),
    Rail(Reason.DAILY_LOSS, limit(DeskLimit.MAX_DAILY_LOSS, LOSS), before=lose),
    Rail(Reason.DAILY_LOSS, limit(StrategyLimit.MAX_DAILY_LOSS, LOSS), before=lose),
    Rail(Reason.EQUITY_DRAWDOWN, limit(DeskLimit.MAX_DRAWDOWN_PPM, LOSS * 10**6 // DEPOSIT), before=lose),
    Rail(Reason.EQUITY_FLOOR, limit(DeskLimit.EQUITY_FLOOR, DEPOSIT)),
    Rail(Reason.ORDER_RATE_EXCEEDED, count_an_order(DeskLimit.ORDERS_PER_MINUTE)),
    Rail(Reason.MESSAGE_RATE_EXCEEDED, count_an_order(VenueLimit.MESSAGES_PER_SECOND)),
    Rail(Reason.PRICE_UNAVAILABLE, no_price),
    Rail(Reason.STALE_DATA, stale),
    Rail(Reason.PRICE_COLLAR, limit(InstrumentLimit.COLLAR_PPM, 10_000), words={"price": PRICE + 101}),
    Rail(Reason.PRICE_COLLAR_PERIOD, drift, words={"price": PRICE + 200}),
    Rail(Reason.DUPLICATE_ORDER, twice),
    Rail(Reason.SELF_MATCH, lambda desk: desk.order(-1, 1)),
    Rail(Reason.NOTIONAL_TOO_SMALL, limit(InstrumentLimit.MIN_NOTIONAL, LOTS * LOT + 1)),
    Rail(Reason.NOTIONAL_TOO_SMALL, term(InstrumentTerm.MIN_NOTIONAL, LOTS * LOT + 1)),
    Rail(Reason.BUYING_POWER, term(InstrumentTerm.SHORT_ALLOWED, 0), words={"side": -1}),
)
FITS = 7
SIZES = (
    Rail(Reason.QUANTITY_TOO_LARGE, limit(InstrumentLimit.MAX_LOTS, FITS), FITS),
    Rail(Reason.NOTIONAL_TOO_LARGE, limit(InstrumentLimit.MAX_NOTIONAL, FITS * LOT), FITS),
    Rail(Reason.POSITION_LIMIT, limit(InstrumentLimit.MAX_LONG_LOTS, FITS), FITS),
    Rail(Reason.POSITION_LIMIT, limit(InstrumentLimit.MAX_SHORT_LOTS, FITS), FITS, {"side": -1}),
    Rail(Reason.EXPOSURE_SYMBOL_CAP, limit(InstrumentLimit.MAX_EXPOSURE, FITS * LOT), FITS),
    Rail(Reason.EXPOSURE_STRATEGY_CAP, limit(StrategyLimit.MAX_EXPOSURE, FITS * LOT), FITS),
    Rail(Reason.EXPOSURE_STRATEGY_CAP, limit(StrategyLimit.MAX_LONG_EXPOSURE, FITS * LOT), FITS),
    Rail(Reason.EXPOSURE_STRATEGY_CAP, limit(StrategyLimit.MAX_SHORT_EXPOSURE, FITS * LOT), FITS, {"side": -1}),
    Rail(Reason.EXPOSURE_VENUE_CAP, limit(VenueLimit.MAX_EXPOSURE, FITS * LOT), FITS),
    Rail(Reason.EXPOSURE_TOTAL_CAP, limit(DeskLimit.MAX_EXPOSURE, FITS * LOT), FITS),
    # Seven lots with a stop assumed 5% away risk 0.35 lots of a desk of 10,000: 35 ppm.
    Rail(Reason.PORTFOLIO_HEAT, limit(DeskLimit.HEAT_PPM, 35), FITS),
    # Full margin at 1,428 times the deposit's share: 10,000 lots / 1,428 = 7.
    Rail(Reason.BUYING_POWER, term(InstrumentTerm.INITIAL_MARGIN_PPM, 1_420_000_000), FITS),
)
BY_COUNT = {
    Reason.DUPLICATE_ORDER,
    Reason.SELF_MATCH,
    Reason.REPEATED_EXECUTION,
    Reason.ORDER_RATE_EXCEEDED,
    Reason.MESSAGE_RATE_EXCEEDED,
}
EVERY_ORDER = {
    Reason.ORDER_SHAPE_INVALID,
    Reason.EMERGENCY_LOCK,
    Reason.NOT_REDUCING,
    Reason.ORDER_TABLE_FULL,
}


def ask(desk: Desk, rail: Rail, lots: int = LOTS) -> list[Any]:
    words = dict(rail.words)
    return desk.ask(words.pop("side", 1), lots, words.pop("price", PRICE), **words)


@pytest.mark.parametrize("rail", GATES + SIZES, ids=str)
def test_rail(rail: Rail) -> None:
    loose = Desk(mode=rail.mode)
    rail.before(loose)
    assert decided(ask(loose, rail)) == (Decision.APPROVED, LOTS, Reason.NONE)
    check(loose.state)

    tight = Desk(mode=rail.mode)
    rail.before(tight)
    rail.tighten(tight)
    counted = int(tight.state["reasons"][rail.reason])
    said = ask(tight, rail)
    assert decided(said) == (Decision.REJECTED, 0, rail.reason)
    assert submitted(said) == []
    assert int(tight.state["reasons"][rail.reason]) == counted + 1
    check(tight.state)


@pytest.mark.parametrize("rail", SIZES, ids=str)
def test_size_rail_cuts_when_told_to(rail: Rail) -> None:
    desk = Desk()
    desk.limit(DeskLimit.ON_BREACH, OnBreach.REDUCE)
    rail.tighten(desk)
    said = ask(desk, rail)
    assert decided(said) == (Decision.MODIFIED, rail.fits, rail.reason)
    (submit,) = of_kind(said, EventKind.SUBMIT)
    assert submit["quantity"] == rail.fits
    assert of_kind(said, EventKind.DECISION)[0]["trigger_price"] == LOTS, "what was asked"
    if rail.reason in {Reason.QUANTITY_TOO_LARGE, Reason.NOTIONAL_TOO_LARGE}:
        return  # of one order, not of what stands
    assert decided(ask(desk, rail, 1))[::2] == (Decision.REJECTED, rail.reason), "it counts at once, before any fill"
    check(desk.state)


@pytest.mark.parametrize("rail", SIZES, ids=str)
def test_size_rail_admits_exactly_its_limit(rail: Rail) -> None:
    desk = Desk()
    rail.tighten(desk)
    assert rail.fits
    assert decided(ask(desk, rail, rail.fits))[0] == Decision.APPROVED
    other = Desk()
    rail.tighten(other)
    assert decided(ask(other, rail, rail.fits + 1))[0] == Decision.REJECTED


@pytest.mark.parametrize("rail", GATES + SIZES, ids=str)
@pytest.mark.parametrize("flags", [0, Flag.REDUCE_ONLY], ids=["plain", "reduce-only"])
def test_a_reducing_order_passes_every_entry_gate(rail: Rail, flags: int) -> None:
    desk = Desk(mode=rail.mode)
    rail.before(desk)
    side = -rail.words.get("side", 1)
    desk.hold(-side * LOTS * 2)
    if rail.reason not in BY_COUNT:
        rail.tighten(desk)
    else:
        desk.limit(InstrumentLimit.DUPLICATE_WINDOW_NS, HOUR)
        desk.order(-side, 1)
        desk.limit(StrategyLimit.MAX_EXECUTIONS, 0)
        desk.limit(DeskLimit.ORDERS_PER_MINUTE, 0)
        desk.limit(VenueLimit.MESSAGES_PER_SECOND, 0)
    said = desk.ask(side, LOTS, flags=flags)
    assert decided(said) == (Decision.APPROVED, LOTS, Reason.NONE)
    assert desk.order_of(submitted(said)[0])["flags"] & OrderFlag.REDUCING


def test_every_rail_reason_has_a_case() -> None:
    rails = {reason for reason in Reason if Reason.NONE < reason <= Reason.ALERTS_UNACKNOWLEDGED}
    assert rails == {rail.reason for rail in GATES + SIZES} | EVERY_ORDER


def test_emergency_lock_stops_even_what_reduces_and_says_so() -> None:
    desk = Desk()
    desk.hold(LOTS)
    desk.event(EventKind.LOCK)
    for flags in (0, Flag.REDUCE_ONLY):
        assert decided(desk.ask(-1, LOTS, flags=flags)) == (Decision.REJECTED, 0, Reason.EMERGENCY_LOCK)
    desk.event(EventKind.UNLOCK)
    assert decided(desk.ask(-1, LOTS))[0] == Decision.APPROVED


def test_an_order_that_would_flip_the_position_is_an_entry() -> None:
    desk = Desk()
    desk.hold(LOTS)
    desk.event(EventKind.PAUSE, strategy=-1, instrument=-1)
    assert decided(desk.ask(-1, LOTS + 1)) == (Decision.REJECTED, 0, Reason.TRADING_DISABLED)
    assert decided(desk.ask(-1, LOTS)) == (Decision.APPROVED, LOTS, Reason.NONE)


def test_only_the_strategys_own_position_can_be_reduced() -> None:
    desk = Desk()
    desk.hold(LOTS, strategy=1)
    desk.event(EventKind.PAUSE, strategy=-1, instrument=-1)
    assert decided(desk.ask(-1, LOTS, strategy=0))[2] == Reason.TRADING_DISABLED
    assert decided(desk.ask(-1, LOTS, strategy=1))[0] == Decision.APPROVED


def test_reduce_only_is_cut_to_what_is_left_to_reduce() -> None:
    desk = Desk()
    assert decided(desk.ask(-1, 5, flags=Flag.REDUCE_ONLY)) == (Decision.REJECTED, 0, Reason.NOT_REDUCING)
    desk.hold(LOTS)
    desk.order(-1, 4)
    assert decided(desk.ask(-1, LOTS, flags=Flag.REDUCE_ONLY)) == (Decision.MODIFIED, 6, Reason.NOT_REDUCING)
    assert decided(desk.ask(-1, 1, flags=Flag.REDUCE_ONLY)) == (Decision.REJECTED, 0, Reason.NOT_REDUCING)
    assert int(desk.position()["reduce_lots"]) == LOTS


def test_reduce_only_is_not_passed_on_where_the_account_as_a_whole_would_grow() -> None:
    """Another strategy holds the other way: what reduces one enlarges the account, and the venue would refuse it."""
    desk = Desk()
    desk.hold(LOTS, strategy=0)
    desk.hold(-3 * LOTS, strategy=1)
    said = desk.ask(-1, LOTS, flags=Flag.REDUCE_ONLY)
    (submit,) = of_kind(said, EventKind.SUBMIT)
    assert not submit["flags"] & Flag.REDUCE_ONLY


def working_reduce(desk: Desk) -> tuple[int, int]:
    own = desk.position()
    return int(own["reduce_lots"]), abs(int(own["quantity"]))


def test_working_reduce_orders_shrink_with_the_position() -> None:
    desk = Desk()
    desk.hold(LOTS)
    stop = desk.order(-1, LOTS, 0, trigger_price=PRICE - 50, order_type=OrderType.STOP, flags=Flag.REDUCE_ONLY)
    said = desk.event(EventKind.FILL, order_id=777, price=PRICE, quantity=4, trade_id=900, flags=Flag.SELL)
    (replace,) = of_kind(said, EventKind.REPLACE)
    assert (replace["order_id"], replace["quantity"]) == (stop, 6)
    desk.report(EventKind.ORDER_REPLACED, stop, price=0, quantity=6)
    assert working_reduce(desk) == (6, 6)
    check(desk.state)


def test_a_second_shrink_waits_for_the_answer_to_the_first() -> None:
    desk = Desk()
    desk.hold(LOTS)
    order_id = desk.order(-1, LOTS, PRICE + 50)
    desk.event(EventKind.FILL, order_id=777, price=PRICE, quantity=4, trade_id=900, flags=Flag.SELL)
    assert not of_kind(
        desk.event(EventKind.FILL, order_id=777, price=PRICE, quantity=3, trade_id=901, flags=Flag.SELL),
        EventKind.REPLACE,
    )
    said = desk.report(EventKind.ORDER_REPLACED, order_id, price=PRICE + 50, quantity=6)
    (replace,) = of_kind(said, EventKind.REPLACE)
    assert replace["quantity"] == 3
    desk.report(EventKind.ORDER_REPLACED, order_id, price=PRICE + 50, quantity=3)
    assert working_reduce(desk) == (3, 3)


def test_a_refused_shrink_is_canceled() -> None:
    desk = Desk()
    desk.hold(LOTS)
    order_id = desk.order(-1, LOTS, PRICE + 50)
    desk.event(EventKind.FILL, order_id=777, price=PRICE, quantity=4, trade_id=900, flags=Flag.SELL)
    assert canceled(desk.report(EventKind.REPLACE_REJECTED, order_id)) == [order_id]


def test_working_reduce_orders_go_with_the_position() -> None:
    desk = Desk()
    desk.hold(LOTS)
    first, second = desk.order(-1, 6, PRICE + 50), desk.order(-1, 4, PRICE + 60)
    said = desk.event(EventKind.FILL, order_id=777, price=PRICE, quantity=LOTS, trade_id=900, flags=Flag.SELL)
    assert canceled(said) == [first, second]
    for order_id in (first, second):
        desk.report(EventKind.ORDER_CANCELED, order_id)
    assert working_reduce(desk) == (0, 0)


# warnings


@pytest.mark.parametrize(
    "rail", [rail for rail in SIZES if rail.reason > Reason.QUANTITY_TOO_LARGE and not rail.words], ids=str
)
def test_a_size_rail_warns_once_at_its_share_and_again_after_it_fell(rail: Rail) -> None:
    desk = Desk()
    rail.tighten(desk)
    for _ in range(2):
        said = desk.ask(1, 5)
        assert warned(said) == [], "five of seven are below four fifths"
        orders = submitted(said)
        said = desk.ask(1, 1)
        assert warned(said) == [rail.reason], "six of seven are above four fifths"
        orders += submitted(said)
        said = desk.ask(1, 1)
        assert warned(said) == []
        orders += submitted(said)
        for order_id in orders:
            desk.report(EventKind.ORDER_CANCELED, order_id)


def test_the_order_rate_warns_once_at_its_share_and_again_after_it_fell() -> None:
    desk = Desk()
    desk.limit(DeskLimit.ORDERS_PER_MINUTE, 10)
    for _ in range(2):
        words = [warned(desk.ask(1, 1)) for _ in range(10)]
        assert words == [[]] * 7 + [[Reason.ORDER_RATE_EXCEEDED]] + [[]] * 2
        assert decided(desk.ask(1, 1))[2] == Reason.ORDER_RATE_EXCEEDED
        desk.clock(61 * SECOND)
        desk.quote(PRICE)


@pytest.mark.parametrize(
    ("column", "setting", "reason"),
    [
        (DeskLimit.MAX_DAILY_LOSS, LOSS, Reason.DAILY_LOSS),
        (DeskLimit.MAX_DRAWDOWN_PPM, LOSS * 10**6 // DEPOSIT, Reason.EQUITY_DRAWDOWN),
    ],
)
def test_losses_warn_once_at_their_share_and_again_after_they_fell(
    column: DeskLimit, setting: int, reason: Reason
) -> None:
    desk = Desk()
    desk.limit(column, setting)
    desk.hold(LOTS)
    for _ in range(2):
        assert warned(desk.quote(PRICE - 79) + desk.clock(SECOND)) == []
        assert warned(desk.quote(PRICE - 81) + desk.clock(SECOND)) == [reason]
        assert warned(desk.quote(PRICE - 85) + desk.clock(SECOND)) == []
        desk.quote(PRICE)
        desk.clock(SECOND)


# the shape of an order

LIMIT, STOP, STOP_LIMIT = OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT
BAD_SHAPES: tuple[dict[str, int], ...] = (
    {"lots": 0},
    {"lots": -1},
    {"lots": 2**42},
    {"lots": 2},
    {"price": 0},
    {"price": -5},
    {"price": 2**42},
    {"order_type": OrderType.MARKET},
    {"order_type": 4},
    {"time_in_force": 4},
    {"trigger_price": 1},
    {"order_type": STOP, "price": 0},
    {"order_type": STOP, "trigger_price": PRICE},
    {"order_type": STOP_LIMIT},
    {"order_type": STOP_LIMIT, "price": 0, "trigger_price": PRICE},
    {"order_type": STOP_LIMIT, "trigger_price": -1},
    {"flags": Flag.POST_ONLY, "time_in_force": TimeInForce.IOC},
    {"flags": Flag.POST_ONLY, "time_in_force": TimeInForce.FOK},
    {"flags": Flag.POST_ONLY, **MARKET},
    {"flags": Flag.PROTECTIVE},
)


@pytest.mark.parametrize("words", BAD_SHAPES, ids=str)
def test_what_is_no_order_is_refused(words: dict[str, int]) -> None:
    desk = Desk()
    desk.term(InstrumentTerm.MIN_LOTS, 3)
    desk.hold(2 * LOTS)
    asked = {"lots": LOTS, "price": PRICE, **words}
    for side in (1, -1):
        decision = decided(desk.ask(side, asked["lots"], **{k: v for k, v in asked.items() if k != "lots"}))
        assert decision == (Decision.REJECTED, 0, Reason.ORDER_SHAPE_INVALID)
    check(desk.state)


@pytest.mark.parametrize(
    ("price", "exponent", "mantissa", "figures", "allowed"),
    [
        (12345, -2, 1, 5, True),
        (123456, -2, 1, 5, False),
        (123450, -2, 1, 5, True),
        (123456, 0, 1, 5, True),  # whole numbers are always allowed
        (12345600, -2, 1, 5, True),
        (123456, -2, 1, 0, True),  # no such rule
        (24691, -2, 5, 5, False),  # 1234.55
        (1, -6, 1, 5, True),
    ],
)
def test_significant_figures(price: int, exponent: int, mantissa: int, figures: int, allowed: bool) -> None:
    assert significant_price_ok(price, exponent, mantissa, figures) == allowed


def test_a_price_off_the_significant_grid_is_refused() -> None:
    desk = Desk()
    desk.term(InstrumentTerm.SIGNIFICANT_FIGURES, 3)
    desk.term(InstrumentTerm.PRICE_EXPONENT, -4)
    assert decided(desk.ask(1, 1, 10_010))[2] == Reason.ORDER_SHAPE_INVALID
    assert decided(desk.ask(1, 1, 10_100))[0] == Decision.APPROVED


# particular rules


def test_messages_count_submits_replaces_and_cancels() -> None:
    desk = Desk()
    desk.limit(VenueLimit.MESSAGES_PER_SECOND, 3)
    order_id = desk.order(1, 1)
    desk.event(EventKind.REPLACE_REQUEST, order_id=order_id, price=PRICE - 1, quantity=1)
    desk.report(EventKind.ORDER_REPLACED, order_id, price=PRICE - 1, quantity=1)
    desk.event(EventKind.CANCEL_REQUEST, order_id=order_id)
    assert int(desk.state["venues"][0]["messages"]["total"]) == 3
    assert decided(desk.ask(1, 1))[2] == Reason.MESSAGE_RATE_EXCEEDED


def test_the_cancel_reserve_is_kept_from_entries_only() -> None:
    desk = Desk()
    desk.limit(VenueLimit.MESSAGES_PER_SECOND, 5)
    desk.limit(VenueLimit.CANCEL_RESERVE, 4)
    desk.hold(1)
    assert decided(desk.ask(1, 1))[2] == Reason.MESSAGE_RATE_EXCEEDED
    assert decided(desk.ask(-1, 1))[0] == Decision.APPROVED


def test_a_weight_is_a_share_and_never_enlarges() -> None:
    desk = Desk()
    desk.limit(StrategyLimit.WEIGHT_PPM, 2_000_000)
    assert decided(desk.ask(1, LOTS)) == (Decision.APPROVED, LOTS, Reason.NONE)
    desk.limit(StrategyLimit.WEIGHT_PPM, 500_000)
    assert decided(desk.ask(1, LOTS)) == (Decision.MODIFIED, LOTS // 2, Reason.RISK_MANAGEMENT)


def test_a_replacement_is_judged_whole() -> None:
    desk = Desk()
    desk.limit(InstrumentLimit.MAX_LOTS, LOTS)
    desk.limit(InstrumentLimit.MAX_NOTIONAL, LOTS * (LOT + 100 * VALUE))
    desk.limit(InstrumentLimit.MIN_NOTIONAL, 5 * LOT)
    order_id = desk.order(1, LOTS)
    replace = EventKind.REPLACE_REQUEST
    assert decided(desk.event(replace, order_id=order_id, price=PRICE, quantity=LOTS + 1))[2] == (
        Reason.QUANTITY_TOO_LARGE
    )
    assert decided(desk.event(replace, order_id=order_id, price=PRICE + 101, quantity=LOTS))[2] == (
        Reason.NOTIONAL_TOO_LARGE
    )
    assert decided(desk.event(replace, order_id=order_id, price=PRICE, quantity=4))[2] == Reason.NOTIONAL_TOO_SMALL
    assert decided(desk.event(replace, order_id=order_id, price=PRICE + 100, quantity=LOTS))[0] == Decision.APPROVED
    check(desk.state)


def test_a_growing_replacement_counts_at_once_and_meets_the_caps() -> None:
    desk = Desk()
    desk.limit(InstrumentLimit.MAX_LONG_LOTS, 15)
    order_id = desk.order(1, LOTS)
    said = desk.event(EventKind.REPLACE_REQUEST, order_id=order_id, price=PRICE, quantity=16)
    assert decided(said)[2] == Reason.POSITION_LIMIT
    said = desk.event(EventKind.REPLACE_REQUEST, order_id=order_id, price=PRICE, quantity=15)
    assert decided(said) == (Decision.APPROVED, 15, Reason.NONE)
    assert int(desk.net()["buy_lots"]) == 15
    assert decided(desk.ask(1, 1))[2] == Reason.POSITION_LIMIT
    desk.report(EventKind.REPLACE_REJECTED, order_id)
    assert int(desk.net()["buy_lots"]) == LOTS


def test_buying_power_counts_the_fee() -> None:
    desk = Desk(deposit=LOTS * LOT)
    desk.term(InstrumentTerm.INITIAL_MARGIN_PPM, 1_000_000)
    assert decided(desk.ask(1, LOTS))[2] == Reason.BUYING_POWER
    assert decided(desk.ask(1, LOTS - 1))[0] == Decision.APPROVED


def test_a_stop_takes_the_heat_out_of_a_position() -> None:
    desk = Desk()
    desk.limit(DeskLimit.HEAT_PPM, 40)
    desk.hold(7)
    assert decided(desk.ask(1, 2))[2] == Reason.PORTFOLIO_HEAT
    desk.order(-1, 7, 0, trigger_price=PRICE - 100, order_type=STOP, flags=Flag.REDUCE_ONLY | Flag.PROTECTIVE)
    assert decided(desk.ask(1, 2))[0] == Decision.APPROVED


def test_the_venue_breaker_lets_one_probe_through() -> None:
    desk = Desk()
    venue_errors(desk)
    assert decided(desk.ask(1, 1))[2] == Reason.VENUE_BREAKER_OPEN
    desk.clock(10 * SECOND)
    # An answer to something else is no answer to the probe.
    desk.event(EventKind.VENUE_RESULT)
    assert decided(desk.ask(1, 1))[0] == Decision.APPROVED
    assert decided(desk.ask(1, 1))[2] == Reason.VENUE_BREAKER_OPEN
    desk.event(EventKind.VENUE_RESULT)
    desk.event(EventKind.VENUE_RESULT)
    assert decided(desk.ask(1, 1))[0] == Decision.APPROVED, "old errors do not open it again"


def test_a_failed_probe_opens_the_venue_breaker_again() -> None:
    desk = Desk()
    venue_errors(desk)
    desk.clock(10 * SECOND)
    desk.order(1, 1)
    desk.event(EventKind.VENUE_RESULT, flags=Flag.ERROR)
    assert decided(desk.ask(1, 1))[2] == Reason.VENUE_BREAKER_OPEN
    desk.clock(9 * SECOND)
    assert decided(desk.ask(1, 1))[2] == Reason.VENUE_BREAKER_OPEN
    desk.clock(2 * SECOND)
    assert decided(desk.ask(1, 1))[0] == Decision.APPROVED


def test_the_throttle_is_opened_by_a_person_only() -> None:
    desk = Desk()
    desk.limit(StrategyLimit.MAX_EXECUTIONS, 3)
    words = [spoken(desk.ask(1, 1)) for _ in range(3)]
    assert [("THROTTLED", "REPEATED_EXECUTION") in word for word in words] == [False, False, True]
    desk.clock(HOUR)
    assert decided(desk.ask(1, 1))[2] == Reason.REPEATED_EXECUTION
    assert decided(desk.ask(1, 1, strategy=1))[0] == Decision.APPROVED
    desk.event(EventKind.THROTTLE_RESET, person=7)
    assert decided(desk.ask(1, 1))[0] == Decision.APPROVED


def test_executions_are_counted_by_window() -> None:
    desk = Desk()
    desk.limit(StrategyLimit.MAX_EXECUTIONS, 3)
    for _ in range(8):
        assert decided(desk.ask(1, 1, after=31 * SECOND))[0] == Decision.APPROVED


def test_the_period_collars_reference_moves_with_the_period() -> None:
    desk = Desk()
    desk.limit(InstrumentLimit.COLLAR_PERIOD_NS, HOUR)
    desk.limit(InstrumentLimit.COLLAR_PERIOD_PPM, 10_000)
    desk.quote(PRICE + 200)
    assert decided(desk.ask(1, 1, PRICE + 200))[2] == Reason.PRICE_COLLAR_PERIOD
    desk.quote(PRICE + 200, after=HOUR)
    assert decided(desk.ask(1, 1, PRICE + 200))[0] == Decision.APPROVED


def test_shorts_of_an_instrument_without_them_only_sell_what_is_there() -> None:
    desk = Desk()
    desk.term(InstrumentTerm.SHORT_ALLOWED, 0)
    desk.hold(LOTS)
    assert decided(desk.ask(-1, LOTS + 1))[2] == Reason.BUYING_POWER
    assert decided(desk.ask(-1, LOTS))[0] == Decision.APPROVED


def test_the_events_array_of_a_full_desk_holds_what_is_said() -> None:
    """A kill of a full table says the most a single event says of orders."""
    desk = Desk()
    ids = {desk.order(1, 1) for _ in range(ORDERS)}
    said = desk.event(EventKind.KILL, strategy=-1, instrument=-1)
    assert set(canceled(said)) == ids
    assert len(said) < len(desk.actions)
