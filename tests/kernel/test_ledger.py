"""The ledger: every posting has its opposite, every figure has an independent witness in exact fractions."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from quarterdeck.kernel.layout import allocate, record_dtype
from quarterdeck.kernel.ledger import move_position
from quarterdeck.kernel.records import MONEY_MAX, Position
from quarterdeck.kernel.vocabulary import (
    EventKind,
    Flag,
    InstrumentKind,
    InstrumentTerm,
    LedgerAccount,
    Reason,
    Table,
)
from tests.kernel.desks import DEPOSIT, LOT, PRICE, SECOND, VALUE, Desk, refused, warned
from tests.kernel.invariants import check, check_net_is_the_sum

POSITION = record_dtype(Position)
KINDS = tuple(kind for kind in InstrumentKind if kind != InstrumentKind.CYCLE)  # what can be held
PAID_IN_FULL = tuple(kind for kind in KINDS if kind != InstrumentKind.PERPETUAL)


@dataclass
class Witness:
    """Average cost in fractions of money: no rounding anywhere."""

    lots: int = 0
    cost: Fraction = field(default_factory=Fraction)
    realised: Fraction = field(default_factory=Fraction)

    def fill(self, signed: int, paid: Fraction) -> None:
        if self.lots * signed >= 0:
            self.lots += signed
            self.cost += paid if signed > 0 else -paid
            return
        each = paid / abs(signed)
        closing = min(abs(signed), abs(self.lots))
        average = self.cost / self.lots
        self.realised += (each - average) * closing * (1 if self.lots > 0 else -1)
        sign = 1 if signed > 0 else -1
        self.cost += average * closing * sign
        self.lots += closing * sign
        opened = abs(signed) - closing
        self.lots += opened * sign
        self.cost += each * opened * sign


FILLS = st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 2**30)), min_size=1, max_size=25)


@given(FILLS)
def test_average_cost_agrees_with_exact_fractions(fills: list[tuple[int, int]]) -> None:
    positions: Any = allocate(POSITION)
    own, witness, paid_in = positions[0], Witness(), 0
    for number, (signed, price) in enumerate(fills, start=1):
        paid = abs(signed) * price
        move_position(own, 1 if signed > 0 else -1, abs(signed), paid)
        witness.fill(signed, Fraction(paid))
        paid_in += paid if signed > 0 else -paid
        assert own["quantity"] == witness.lots
        # Each fill rounds by less than one unit of money.
        assert abs(int(own["cost"]) - witness.cost) <= number
        assert abs(int(own["realised"]) - witness.realised) <= number
        # What was paid is either in the position or realised: exact, whatever was rounded.
        assert int(own["cost"]) - int(own["realised"]) == paid_in
        assert own["quantity"] != 0 or own["cost"] == 0


@given(
    st.sampled_from(KINDS),
    st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(-20, 20).filter(bool), st.integers(9_000, 11_000), st.integers(-900, 2_000)
        ),
        min_size=1,
        max_size=20,
    ),
)
@settings(max_examples=25)
def test_any_fills_keep_the_books(kind: InstrumentKind, fills: list[tuple[int, int, int, int]]) -> None:
    desk = Desk()
    desk.term(InstrumentTerm.KIND, kind)
    desk.trade_id = 10
    cash = Fraction(DEPOSIT)
    held = fees = 0
    for number, (strategy, signed, price, fee) in enumerate(fills):
        flags = Flag.SELL if signed < 0 else 0
        desk.event(
            EventKind.FILL,
            strategy=strategy,
            price=price,
            quantity=abs(signed),
            trade_id=100 + number,
            fee=fee,
            flags=flags,
        )
        cash -= signed * price * VALUE + fee
        held += signed
        fees += fee
        check(desk.state)
        check_net_is_the_sum(desk.state)
    desk.quote(9_500)
    # Whatever the books say in between: equity is what was paid in, less what was paid out, plus what is held.
    assert desk.equity() == cash + held * 9_500 * VALUE
    assert desk.posting(LedgerAccount.FEES) + desk.posting(LedgerAccount.REBATES) == fees
    assert desk.net()["fees"] == fees
    check(desk.state)


@pytest.mark.parametrize("kind", PAID_IN_FULL, ids=lambda kind: kind.name)
def test_what_is_paid_in_full_turns_cash_into_inventory(kind: InstrumentKind) -> None:
    desk = Desk()
    desk.term(InstrumentTerm.KIND, kind)
    desk.hold(10)
    assert desk.posting(LedgerAccount.INVENTORY) == 10 * LOT
    assert desk.posting(LedgerAccount.CASH) == DEPOSIT - 10 * LOT
    desk.hold(-4, PRICE + 100)
    assert desk.posting(LedgerAccount.INVENTORY) == 6 * LOT
    assert desk.posting(LedgerAccount.CASH) == DEPOSIT - 6 * LOT + 4 * 100 * VALUE
    assert desk.posting(LedgerAccount.REALISED) == -4 * 100 * VALUE


def test_what_is_margined_moves_cash_by_results_only() -> None:
    desk = Desk()
    desk.hold(10)
    assert (desk.posting(LedgerAccount.INVENTORY), desk.posting(LedgerAccount.CASH)) == (0, DEPOSIT)
    desk.hold(-10, PRICE - 7)
    assert desk.posting(LedgerAccount.CASH) == DEPOSIT - 10 * 7 * VALUE


def test_fees_and_rebates_have_their_own_accounts() -> None:
    desk = Desk()
    order_id = desk.order(1, 10)
    desk.fill(order_id, 4, fee=300)
    desk.fill(order_id, 6, fee=-100)
    assert (desk.posting(LedgerAccount.FEES), desk.posting(LedgerAccount.REBATES)) == (300, -100)
    assert (desk.net()["fees"], desk.position()["fees"], desk.order_of(order_id)["fee"]) == (200, 200, 200)
    assert desk.state["strategies"][0]["realised_day"] == -200
    check(desk.state)


# funding


@pytest.mark.parametrize(
    ("lots", "rate", "amount"),
    [
        (10, 100_000, -10_000),
        (-10, 100_000, 10_000),
        (10, -100_000, 10_000),
        (-10, -100_000, -10_000),
        (3, 33_333, -1_000),  # 999.99 paid: rounded up
        (-3, 33_333, 999),  # 999.99 received: rounded down
        (10, 0, 0),
        (0, 100_000, 0),
    ],
)
def test_funding_settles_on_the_net_position_rounded_against_us(lots: int, rate: int, amount: int) -> None:
    desk = Desk()
    if lots:
        desk.hold(lots)
    desk.event(EventKind.FUNDING, rate=rate, flags=Flag.SETTLE)
    # A notional of 10 lots is 1e8 units.
    assert desk.posting(LedgerAccount.FUNDING) == -amount
    assert desk.equity() == DEPOSIT + amount
    assert desk.net()["funding"] == desk.position()["funding"] == amount
    check(desk.state)


def test_funding_without_settle_is_only_a_rate() -> None:
    desk = Desk()
    desk.hold(10)
    before = desk.equity()
    desk.event(EventKind.FUNDING, rate=100_000)
    assert (desk.equity(), desk.state["instruments"][0]["funding_ppb"]) == (before, 100_000)


@given(st.lists(st.integers(-30, 30), min_size=3, max_size=3), st.integers(-(10**7), 10**7))
@settings(max_examples=30)
def test_funding_shares_sum_to_the_payment(lots: list[int], amount: int) -> None:
    desk = Desk()
    for strategy, held in enumerate(lots):
        if held:
            desk.hold(held, strategy=strategy)
    desk.event(EventKind.FUNDING_PAYMENT, amount=amount)
    shares = [int(desk.position(strategy)["funding"]) for strategy in range(3)]
    assert desk.net()["funding"] == amount
    assert sum(shares) == (amount if sum(lots) else 0)
    if sum(lots):
        for held, share in zip(lots, shares, strict=True):
            assert abs(share - Fraction(amount * held, sum(lots))) <= 3
    check(desk.state)


# capital and corporate facts: no result, no drawdown


def marks(desk: Desk) -> tuple[int, int]:
    """(loss of the day, fall from the peak)."""
    state = desk.state
    return int(state["equity_day"] - state["equity"]), int(state["equity_peak"] - state["equity"])


@pytest.mark.parametrize("amount", [DEPOSIT, -DEPOSIT // 2, 1, -1])
def test_a_transfer_is_no_result(amount: int) -> None:
    desk = Desk()
    desk.hold(10)
    desk.quote(PRICE - 50)
    before = marks(desk)
    desk.event(EventKind.TRANSFER, row=0, amount=amount)
    assert marks(desk) == before == (500 * VALUE, 500 * VALUE)
    assert desk.posting(LedgerAccount.CAPITAL) == -DEPOSIT - amount
    check(desk.state)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("lots", [5, -5])
def test_an_adopted_position_is_no_result(kind: InstrumentKind, lots: int) -> None:
    desk = Desk()
    desk.term(InstrumentTerm.KIND, kind)
    desk.event(EventKind.POSITION_ADOPTED, strategy=1, price=PRICE - 200, quantity=lots)
    assert (desk.position(1)["quantity"], desk.net()["quantity"]) == (lots, lots)
    assert desk.position(1)["cost"] == lots * (PRICE - 200) * VALUE
    assert marks(desk) == (0, 0)
    desk.quote(PRICE - 100)
    assert marks(desk)[0] == lots * 100 * VALUE
    check(desk.state)
    check_net_is_the_sum(desk.state)


def test_a_split_changes_shares_and_nothing_else() -> None:
    desk = Desk()
    desk.term(InstrumentTerm.KIND, InstrumentKind.EQUITY)
    desk.quote(70_000)
    desk.hold(10, 70_000, strategy=0)
    desk.hold(3, 70_000, strategy=1)
    cost, equity = int(desk.net()["cost"]), desk.equity()
    order_id = desk.order(-1, 3, 70_100)
    said = desk.event(EventKind.SPLIT, numerator=7, denominator=1)
    assert [desk.position(strategy)["quantity"] for strategy in (0, 1)] == [70, 21]
    assert (desk.net()["quantity"], desk.net()["cost"]) == (91, cost)
    assert (desk.state["instruments"][0]["mark_half_ticks"], desk.equity()) == (20_000, equity)
    assert marks(desk) == (0, 0)
    assert [int(action["order_id"]) for action in said] == [order_id], "its price was meant for old shares"
    check(desk.state)


def test_a_split_keeps_what_no_strategy_owns() -> None:
    desk = Desk()
    desk.event(EventKind.FILL, strategy=-1, price=PRICE, quantity=4, trade_id=50)
    desk.event(EventKind.SPLIT, numerator=3, denominator=1)
    assert desk.net()["quantity"] == 12


def test_a_reverse_split_that_leaves_nothing_closes_the_position_at_a_loss() -> None:
    desk = Desk()
    desk.term(InstrumentTerm.KIND, InstrumentKind.EQUITY)
    desk.hold(3, strategy=0)
    desk.hold(25, strategy=1)
    desk.event(EventKind.SPLIT, numerator=1, denominator=10)
    assert (desk.position(0)["quantity"], desk.position(0)["cost"]) == (0, 0)
    assert desk.position(0)["realised"] == -3 * LOT
    assert desk.net()["quantity"] == 2
    check(desk.state)


def test_a_new_tick_size_is_no_result() -> None:
    desk = Desk()
    desk.hold(10)
    order_id = desk.order(-1, 5, PRICE + 20)
    stop = desk.order(-1, 5, 0, trigger_price=PRICE - 30, order_type=2, flags=Flag.REDUCE_ONLY | Flag.PROTECTIVE)
    equity = desk.equity()
    # A tick becomes a tenth: ten times the ticks, a tenth of the value.
    desk.event(EventKind.TICK_SIZE_CHANGE, numerator=10, denominator=1, aux=VALUE // 10)
    assert desk.equity() == equity
    assert desk.order_of(order_id)["price"] == 10 * (PRICE + 20)
    assert desk.order_of(stop)["trigger_price"] == 10 * (PRICE - 30)
    assert marks(desk) == (0, 0)
    check(desk.state)


@pytest.mark.parametrize("kind", [EventKind.SPLIT, EventKind.TICK_SIZE_CHANGE], ids=lambda kind: kind.name)
@pytest.mark.parametrize(("numerator", "denominator"), [(0, 1), (1, 0), (-7, 1), (7, -1), (2**20, 1), (1, 2**62)])
def test_an_impossible_ratio_is_refused(kind: EventKind, numerator: int, denominator: int) -> None:
    said = Desk().event(kind, numerator=numerator, denominator=denominator, aux=VALUE)
    assert refused(said) == Reason.VALUE_OUT_OF_RANGE


def test_a_split_that_would_leave_no_price_is_refused() -> None:
    desk = Desk()
    desk.hold(1)
    assert refused(desk.event(EventKind.SPLIT, numerator=2**19, denominator=1)) == Reason.OVERFLOW


def test_a_charge_goes_to_its_account() -> None:
    desk = Desk()
    for column in range(LedgerAccount.FEES, LedgerAccount.BORROW + 1):
        if column == LedgerAccount.CAPITAL:
            continue
        desk.event(EventKind.CHARGE, row=0, amount=100 + column, column=column)
        assert desk.posting(column) == 100 + column
    assert refused(desk.event(EventKind.CHARGE, row=0, amount=1, column=LedgerAccount.CASH)) == (
        Reason.INDEX_OUT_OF_RANGE
    )
    check(desk.state)


# several purses

RATE = 1_250_000_000


def two_purses() -> Desk:
    """The second instrument is settled in a currency that is worth 1.25 of the desk's money."""
    desk = Desk(counts=(2, 3, 1, 2))
    desk.set(Table.INSTRUMENT_TERM, 1, InstrumentTerm.ACCOUNT, 1)
    desk.event(EventKind.CURRENCY_RATE, row=1, rate=RATE)
    desk.event(EventKind.TRANSFER, row=1, amount=DEPOSIT)
    return desk


def test_each_purse_counts_at_its_rate() -> None:
    desk = two_purses()
    assert desk.equity() == DEPOSIT + DEPOSIT * 5 // 4
    desk.hold(8, instrument=1)
    desk.quote(PRICE + 100, instrument=1)
    assert desk.equity() == DEPOSIT + (DEPOSIT + 800 * VALUE) * 5 // 4
    assert int(desk.state["accounts"][0]["unrealised"]) == 0
    check(desk.state)


def test_a_new_rate_is_a_result() -> None:
    desk = two_purses()
    before = desk.equity()
    desk.event(EventKind.CURRENCY_RATE, row=1, rate=RATE * 2)
    assert desk.equity() - before == DEPOSIT * 5 // 4
    check(desk.state)


@pytest.mark.parametrize("rate", [0, -1, 2**50, 2**62])
def test_an_impossible_rate_is_refused(rate: int) -> None:
    assert refused(two_purses().event(EventKind.CURRENCY_RATE, row=1, rate=rate)) == Reason.VALUE_OUT_OF_RANGE


def test_a_rate_under_which_the_purse_does_not_fit_is_refused() -> None:
    desk = two_purses()
    assert refused(desk.event(EventKind.CURRENCY_RATE, row=1, rate=2**50 - 1)) == Reason.NONE
    desk.event(EventKind.TRANSFER, row=1, amount=MONEY_MAX // 2**18)
    assert refused(desk.event(EventKind.TRANSFER, row=1, amount=MONEY_MAX // 4)) == Reason.OVERFLOW
    check(desk.state)


# a simulated venue liquidates


def test_a_purse_below_its_maintenance_margin_is_liquidated() -> None:
    desk = Desk(simulated=True, deposit=100 * LOT)
    desk.term(InstrumentTerm.MAINTENANCE_MARGIN_PPM, 50_000)
    desk.hold(1_000)
    kinds = [action["kind"] for action in desk.quote(PRICE - 470) + desk.clock(SECOND)]
    assert EventKind.LIQUIDATION not in kinds
    said = desk.quote(PRICE - 530) + desk.clock(SECOND)
    (action,) = [action for action in said if action["kind"] == EventKind.LIQUIDATION]
    assert (action["quantity"], bool(action["flags"] & Flag.SELL), warned(said)) == (1_000, True, [])
