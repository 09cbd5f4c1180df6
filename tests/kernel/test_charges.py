"""Cycles hold nothing, and charges move what they earn and cost: each cell of what is applied, repeated and refused.

What is tested: `quarterdeck.kernel.charges`, `quarterdeck.kernel.trades`, and cycles in the ledger and the rails.
"""

from typing import Any

import pytest

from quarterdeck.kernel.records import MONEY_MAX, NO_LIMIT, QUANTITY_MAX, TRADES
from quarterdeck.kernel.vocabulary import (
    Decision,
    DeskLimit,
    EventKind,
    Flag,
    InstrumentKind,
    InstrumentLimit,
    InstrumentTerm,
    LedgerAccount,
    OrderStatus,
    OrderType,
    Reason,
    StrategyLimit,
    Table,
    TimeInForce,
    VenueLimit,
)
from tests.kernel.desks import DEPOSIT, SECOND, Desk, decided, of_kind, refused, submitted
from tests.kernel.invariants import check, check_net_is_the_sum

RATE = 2_500_000_000
SETTABLE = range(LedgerAccount.REALISED, LedgerAccount.BORROW + 1)
AT_ONCE = {"time_in_force": TimeInForce.IOC, "price": 1}
BORROWED = 1_000


def charge(desk: Desk, amount: int, trade_id: int = 1, **words: int) -> list[Any]:
    words = {"column": LedgerAccount.GAS, "row": 0, "strategy": -1, "venue_time_ns": desk.now, **words}
    return desk.event(EventKind.CHARGE, amount=amount, trade_id=trade_id, **words)


def cycling(**words: int) -> Desk:
    """Instrument 0 is a cycle, one unit of money a lot; nothing of the deposit is needed for it."""
    desk = Desk(deposit=words.pop("deposit", DEPOSIT), quoted=False)
    desk.term(InstrumentTerm.KIND, InstrumentKind.CYCLE)
    desk.term(InstrumentTerm.VALUE, 1)
    desk.term(InstrumentTerm.INITIAL_MARGIN_PPM, 1_000_000)
    desk.term(InstrumentTerm.SHORT_ALLOWED, 0)
    desk.quote(1)
    return desk


# charges


@pytest.mark.parametrize("column", SETTABLE, ids=lambda column: LedgerAccount(column).name)
@pytest.mark.parametrize("amount", [70, -70])
def test_a_charge_moves_cash_once_however_often_it_is_told(column: int, amount: int) -> None:
    desk = Desk()
    for _ in range(3):
        assert charge(desk, amount, column=column) == []
    before = -DEPOSIT if column == LedgerAccount.CAPITAL else 0
    assert (desk.posting(column), desk.posting(LedgerAccount.CASH)) == (before + amount, DEPOSIT - amount)
    assert desk.equity() == DEPOSIT - amount
    assert desk.state["reasons"][Reason.DUPLICATE_TRADE] == 2
    check(desk.state)


def test_purse_account_and_id_together_are_one_charge() -> None:
    desk = Desk(counts=(2, 3, 1, 2))
    for row in (0, 1):
        for column in (LedgerAccount.GAS, LedgerAccount.PREMIUM):
            for trade_id in (7, 8):
                charge(desk, 10, trade_id, row=row, column=column)
    assert [desk.posting(LedgerAccount.CASH, row) for row in (0, 1)] == [DEPOSIT - 40, -40]


def test_a_fill_with_the_same_id_is_another_thing() -> None:
    desk = Desk()
    charge(desk, 10, 7)
    order = desk.order(1, 1)
    desk.fill(order, 1, trade_id=7)
    assert desk.status(order) is OrderStatus.FILLED
    assert desk.posting(LedgerAccount.GAS) == 10


def test_a_charge_without_an_id_is_posted_each_time_and_nobodys() -> None:
    """As it always was: journals of earlier versions have such, with whatever stands in the other words."""
    desk = Desk()
    for _ in range(2):
        desk.event(EventKind.CHARGE, row=0, amount=5, column=LedgerAccount.BORROW, strategy=2, instrument=99)
    assert desk.posting(LedgerAccount.BORROW) == 10
    assert not desk.state["strategies"]["realised_day"].any()
    assert int(desk.state["trade_cursor"]) == 0


@pytest.mark.parametrize(
    ("rate", "amount", "result"), [(10**9, 70, -70), (10**9, -70, 70), (RATE, 70, -175), (RATE, -3, 7)]
)
def test_a_charge_counts_in_its_strategys_day_in_desk_money(rate: int, amount: int, result: int) -> None:
    desk = Desk()
    desk.event(EventKind.CURRENCY_RATE, row=0, rate=rate)
    charge(desk, amount, strategy=1)
    charge(desk, amount, strategy=1)
    charge(desk, amount, 2)  # nobody's
    assert desk.state["strategies"]["realised_day"][:3].tolist() == [0, result, 0]


def test_what_charges_cost_stops_the_strategys_entries() -> None:
    desk = Desk()
    desk.limit(StrategyLimit.MAX_DAILY_LOSS, 100)
    charge(desk, 99, strategy=0)
    assert decided(desk.ask(1, 1))[0] is Decision.APPROVED
    charge(desk, 1, 2, strategy=0)
    assert decided(desk.ask(1, 1))[2] is Reason.DAILY_LOSS


REFUSED: tuple[tuple[dict[str, int], Reason], ...] = (
    ({"column": LedgerAccount.CASH}, Reason.INDEX_OUT_OF_RANGE),
    ({"column": LedgerAccount.INVENTORY}, Reason.INDEX_OUT_OF_RANGE),
    ({"column": LedgerAccount.BORROW + 1}, Reason.INDEX_OUT_OF_RANGE),
    ({"column": -(2**62)}, Reason.INDEX_OUT_OF_RANGE),
    ({"row": 1}, Reason.INDEX_OUT_OF_RANGE),
    ({"row": -1}, Reason.INDEX_OUT_OF_RANGE),
    ({"strategy": 3}, Reason.INDEX_OUT_OF_RANGE),
    ({"strategy": -2}, Reason.INDEX_OUT_OF_RANGE),
    ({"trade_id": -1}, Reason.VALUE_OUT_OF_RANGE),
    ({"amount": MONEY_MAX // 2}, Reason.OVERFLOW),
    ({"amount": -(MONEY_MAX // 2)}, Reason.OVERFLOW),
    ({"amount": -(2**63)}, Reason.OVERFLOW),
)


@pytest.mark.parametrize(("words", "reason"), REFUSED)
def test_a_charge_that_cannot_be_is_refused_and_forgotten(words: dict[str, int], reason: Reason) -> None:
    desk = Desk()
    assert refused(charge(desk, **{"amount": 5, **words})) is reason
    assert desk.posting(LedgerAccount.CASH) == DEPOSIT
    assert int(desk.state["trade_cursor"]) == 0


def test_a_charge_that_the_purse_cannot_count_is_refused() -> None:
    desk = Desk()
    step = MONEY_MAX // 2 - 1
    taken = [refused(charge(desk, step, number, column=LedgerAccount.PREMIUM)) for number in range(1, 6)]
    assert taken[:2] == [Reason.NONE, Reason.NONE]
    assert taken[-1] is Reason.OVERFLOW
    check(desk.state)


def test_a_charge_from_before_the_desk_opened_or_of_a_forgotten_time_is_too_old() -> None:
    desk = Desk()
    desk.event(EventKind.RECONCILED, value=1_000)
    assert refused(charge(desk, 5, 1, venue_time_ns=1_000)) is Reason.TRADE_TOO_OLD
    assert charge(desk, 5, 1, venue_time_ns=1_001) == []
    assert charge(desk, 5, 2, venue_time_ns=0) == [], "no time told"
    for number in range(TRADES):
        charge(desk, 1, 10 + number, venue_time_ns=2_000 + number)
    assert refused(charge(desk, 5, 1, venue_time_ns=1_001)) is Reason.TRADE_TOO_OLD
    assert refused(charge(desk, 5, 9, venue_time_ns=1_001)) is Reason.TRADE_TOO_OLD
    check(desk.state)


def test_opposite_charges_leave_nothing() -> None:
    """A reorganised chain: what was booked is taken back under ids of its own, told twice or not."""
    desk = Desk()
    before = [int(posting) for posting in desk.state["accounts"][0]["postings"]]
    for sign, first in ((1, 1), (-1, 100)):
        for _ in range(2):
            charge(desk, sign * -500, first, column=LedgerAccount.REALISED, strategy=0)
            charge(desk, sign * 20, first, column=LedgerAccount.PREMIUM, strategy=0)
            charge(desk, sign * 30, first, column=LedgerAccount.GAS, strategy=0)
    assert [int(posting) for posting in desk.state["accounts"][0]["postings"]] == before
    assert int(desk.state["strategies"][0]["realised_day"]) == 0


# cycles


def test_a_cycle_closes_its_order_and_moves_nothing() -> None:
    desk = cycling()
    before = [int(posting) for posting in desk.state["accounts"][0]["postings"]]
    order = desk.order(1, BORROWED, **AT_ONCE)
    assert int(desk.net()["buy_lots"]) == BORROWED
    desk.fill(order, BORROWED, 1)
    assert desk.status(order) is OrderStatus.FILLED
    net = desk.net()
    assert [int(net[name]) for name in ("quantity", "cost", "realised", "buy_lots", "fills")] == [0, 0, 0, 0, 1]
    assert int(desk.position()["fills"]) == 1
    assert [int(posting) for posting in desk.state["accounts"][0]["postings"]] == before
    assert int(desk.state["instruments"][0]["unrealised"]) == 0
    desk.fill(order, BORROWED, 1, trade_id=1)  # told again
    assert int(desk.net()["fills"]) == 1
    check(desk.state)
    check_net_is_the_sum(desk.state)


SHAPES: tuple[tuple[dict[str, int], bool], ...] = (
    ({}, True),
    ({"time_in_force": TimeInForce.FOK}, True),
    ({"time_in_force": TimeInForce.GTC}, False),
    ({"time_in_force": TimeInForce.DAY}, False),
    ({"flags": Flag.SELL}, False),
    ({"flags": Flag.POST_ONLY}, False),
    ({"order_type": OrderType.MARKET, "price": 0}, False),
    ({"order_type": OrderType.STOP_LIMIT, "trigger_price": 1}, False),
)


@pytest.mark.parametrize(("words", "fits"), SHAPES)
def test_a_cycle_is_bought_at_once_or_not_at_all(words: dict[str, int], fits: bool) -> None:
    terms = {**AT_ONCE, **words}
    said = cycling().ask(1, BORROWED, **terms)
    expected = (
        (Decision.APPROVED, BORROWED, Reason.NONE) if fits else (Decision.REJECTED, 0, Reason.ORDER_SHAPE_INVALID)
    )
    assert decided(said) == expected


LIMITS: tuple[tuple[Any, Reason], ...] = (
    (InstrumentLimit.MAX_LOTS, Reason.QUANTITY_TOO_LARGE),
    (InstrumentLimit.MAX_NOTIONAL, Reason.NOTIONAL_TOO_LARGE),
    (InstrumentLimit.MAX_EXPOSURE, Reason.EXPOSURE_SYMBOL_CAP),
    (StrategyLimit.MAX_EXPOSURE, Reason.EXPOSURE_STRATEGY_CAP),
    (VenueLimit.MAX_EXPOSURE, Reason.EXPOSURE_VENUE_CAP),
    (DeskLimit.MAX_EXPOSURE, Reason.EXPOSURE_TOTAL_CAP),
)


@pytest.mark.parametrize(("limit", "reason"), LIMITS)
def test_what_a_cycle_borrows_counts_while_it_is_on_its_way(limit: Any, reason: Reason) -> None:
    desk = cycling()
    desk.limit(limit, BORROWED)
    assert decided(desk.ask(1, BORROWED + 1, **AT_ONCE)) == (Decision.REJECTED, 0, reason)
    order = desk.order(1, BORROWED, **AT_ONCE)
    if reason not in {Reason.QUANTITY_TOO_LARGE, Reason.NOTIONAL_TOO_LARGE}:  # those are of one order
        assert decided(desk.ask(1, 1, **AT_ONCE))[2] is reason
    desk.report(EventKind.ORDER_CANCELED, order)
    desk.order(1, BORROWED, **AT_ONCE)


def test_a_loan_needs_no_capital_takes_no_position_and_has_no_heat() -> None:
    desk = cycling(deposit=1)
    desk.limit(InstrumentLimit.MAX_LONG_LOTS, 0)
    desk.limit(InstrumentLimit.MAX_SHORT_LOTS, 0)
    desk.limit(DeskLimit.HEAT_PPM, 1)
    order = desk.order(1, QUANTITY_MAX - 1, **AT_ONCE)
    # Nor does it take anybody else's room: instrument 1 is a perpetual in the same purse.
    desk.term(InstrumentTerm.INITIAL_MARGIN_PPM, 1_000_000, 1)
    desk.event(EventKind.TRANSFER, row=0, amount=DEPOSIT)
    desk.limit(DeskLimit.HEAT_PPM, NO_LIMIT)
    desk.quote(100, instrument=1)
    assert decided(desk.ask(1, 10, 100, instrument=1))[0] is Decision.APPROVED
    assert desk.status(order) is OrderStatus.SUBMITTED
    check(desk.state)


def test_nothing_of_a_cycle_can_be_taken_over() -> None:
    said = cycling().event(EventKind.POSITION_ADOPTED, price=1, quantity=5)
    assert refused(said) is Reason.VALUE_OUT_OF_RANGE


def test_a_head_without_a_plan_keeps_the_price_young() -> None:
    """A locked quote of one tick is what a cycle has; no lots in it is a block without a plan."""
    desk = cycling()
    desk.limit(InstrumentLimit.STALE_NS, 20 * SECOND)
    desk.now += 15 * SECOND
    assert desk.event(EventKind.QUOTE, bid=1, ask=1) == []
    desk.now += 15 * SECOND
    desk.order(1, BORROWED, **AT_ONCE)
    desk.now += 6 * SECOND
    assert decided(desk.ask(1, BORROWED, **AT_ONCE))[2] is Reason.STALE_DATA
    desk.event(EventKind.QUOTE, bid=1, ask=1, ask_quantity=5)
    desk.order(1, 5, **AT_ONCE)


def test_a_kill_calls_attempts_back_and_a_flatten_has_nothing_to_close() -> None:
    desk = cycling()
    order = desk.order(1, BORROWED, **AT_ONCE)
    said = desk.event(EventKind.KILL, instrument=-1, strategy=-1)
    assert [int(one["order_id"]) for one in of_kind(said, EventKind.CANCEL)] == [order]
    assert not submitted(desk.event(EventKind.FLATTEN, instrument=-1, strategy=-1))


def test_what_it_is_does_not_change_while_attempts_are_on_their_way() -> None:
    desk = cycling()
    desk.order(1, BORROWED, **AT_ONCE)
    said = desk.set(Table.INSTRUMENT_TERM, 0, InstrumentTerm.KIND, InstrumentKind.SPOT)
    assert refused(said) is Reason.VALUE_OUT_OF_RANGE
