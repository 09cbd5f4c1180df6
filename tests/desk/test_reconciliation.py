"""A statement against the books, while trading goes on. What is tested: `quarterdeck.desk.reconciliation`."""

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from quarterdeck.desk.reconciliation import Books, Difference, RecentFills, Suspicions
from quarterdeck.kernel.account import new_state
from quarterdeck.kernel.vocabulary import InstrumentKind, InstrumentTerm, LedgerAccount, Side
from quarterdeck.venues.messages import AccountAnswer, Balance, ChargeReport, Holding, TradeReport

NOW = 10**18
FILLS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(Side), st.integers(1, 9), st.integers(0, 50)), max_size=20
)


def trade(number: int, instrument: int, side: Side, lots: int, time_ns: int) -> TradeReport:
    return TradeReport(
        trade_id=number, order_id=1, strategy=0, venue_order_id=1, instrument=instrument, side=side, price=100,
        quantity=lots, fee=0, maker=True, venue_time_ns=time_ns,
    )  # fmt: skip


def books_after(fills: list[tuple[int, Side, int, int]]) -> tuple[Books, RecentFills]:
    """What a desk holds that knows all these fills."""
    states, recent = new_state(), RecentFills()
    for number, (instrument, side, lots, time_ns) in enumerate(fills, start=1):
        states[0]["instruments"][instrument]["net"]["quantity"] += side * lots
        for _ in range(1 + number % 2):  # some are told twice
            recent.add(trade(number, instrument, side, lots, NOW + time_ns), NOW)
    states[0]["accounts"][0]["postings"][LedgerAccount.CASH] = 700
    return Books(states, 0, (0, 1), (0,)), recent


def statement(
    fills: list[tuple[int, Side, int, int]], at: int, *, extra: int = 0, inclusive: bool = True
) -> AccountAnswer:
    """What the venue held at a time: with the fills of that very nanosecond, or without."""
    held = [0, 0]
    for instrument, side, lots, time_ns in fills:
        if time_ns < at or (inclusive and time_ns == at):
            held[instrument] += side * lots
    held[0] += extra
    holdings = tuple(Holding(instrument=i, quantity=lots, price=0) for i, lots in enumerate(held) if lots)
    return AccountAnswer(
        request_id=1, holdings=holdings, balances=(Balance(account=0, cash=700),), venue_time_ns=NOW + at
    )


@given(fills=FILLS, at=st.integers(0, 50), inclusive=st.booleans())
def test_trading_meanwhile_is_no_difference(
    fills: list[tuple[int, Side, int, int]], at: int, *, inclusive: bool
) -> None:
    books, recent = books_after(fills)
    assert books.differences(statement(fills, at, inclusive=inclusive), recent, frozenset(), {}) == []


@given(fills=FILLS, at=st.integers(0, 50), extra=st.integers(-40, 40))
def test_a_position_that_differs_is_found_whatever_is_traded(
    fills: list[tuple[int, Side, int, int]], at: int, extra: int
) -> None:
    """Unless it is just what was traded at that very nanosecond: then the next round tells."""
    assume(extra != 0)
    assume(extra != -sum(side * lots for instrument, side, lots, time_ns in fills if instrument == 0 and time_ns == at))
    books, recent = books_after(fills)
    found = books.differences(statement(fills, at, extra=extra), recent, frozenset(), {})
    assert [difference for difference in found if difference.account < 0] == [Difference(0, -1, extra)]


@given(fills=FILLS)
def test_a_missed_fill_is_found(fills: list[tuple[int, Side, int, int]]) -> None:
    assume(fills)
    books, recent = books_after(fills[:-1])
    instrument, side, lots, _ = fills[-1]
    found = books.differences(statement(fills, 51), recent, frozenset(), {})
    assert found == [Difference(instrument, -1, side * lots)]


def test_without_the_venues_time_only_what_was_quiet_is_compared() -> None:
    books, recent = books_after([(0, Side.BUY, 5, 1)])
    timeless = AccountAnswer(request_id=1, holdings=(), balances=(Balance(account=0, cash=1),))
    assert books.differences(timeless, recent, frozenset(), {}) == []
    assert books.differences(timeless, recent, frozenset((0, 1)), {}) == [Difference(0, -1, -5)]


def test_cash_is_compared_where_positions_agree() -> None:
    books, recent = books_after([])
    timeless = AccountAnswer(request_id=1, holdings=(), balances=(Balance(account=0, cash=1),))
    assert books.differences(timeless, recent, frozenset((0, 1)), {}) == [Difference(-1, 0, -699)]


@given(cash=st.integers(-1000, 1000), paid=st.integers(-500, 500), moved=st.integers(-500, 500))
def test_how_a_result_is_split_between_cash_and_cost_is_no_difference(cash: int, paid: int, moved: int) -> None:
    """The order of the fills decides it; what is left of both is the same."""
    states = new_state()
    terms = states[0]["instruments"][0]["terms"]
    terms[InstrumentTerm.KIND], terms[InstrumentTerm.VALUE] = InstrumentKind.PERPETUAL, 10
    states[0]["instruments"][0]["net"]["quantity"] = 2
    states[0]["instruments"][0]["net"]["cost"] = paid + moved
    states[0]["accounts"][0]["postings"][LedgerAccount.CASH] = cash + moved
    books = Books(states, 0, (0,), (0,))
    holding = Holding(instrument=0, quantity=2, price=0, cost=paid)
    balances = (Balance(account=0, cash=cash),)
    answer = AccountAnswer(request_id=1, holdings=(holding,), balances=balances, venue_time_ns=NOW)
    assert books.differences(answer, RecentFills(), frozenset(), {}) == []
    richer = msgspec.structs.replace(answer, balances=(Balance(account=0, cash=cash + 3),))
    assert books.differences(richer, RecentFills(), frozenset(), {}) == [Difference(-1, 0, 3)]


def test_cash_within_the_tolerance_agrees_and_is_left_alone_while_trading() -> None:
    fills = [(0, Side.BUY, 5, 10)]
    books, recent = books_after(fills)
    poorer = AccountAnswer(
        request_id=1,
        holdings=(Holding(instrument=0, quantity=5, price=0),),
        balances=(Balance(account=0, cash=690),),
        venue_time_ns=NOW + 11,
    )
    assert books.differences(poorer, recent, frozenset(), {0: 10}) == []
    assert books.differences(poorer, recent, frozenset(), {0: 9}) == [Difference(-1, 0, -10)]
    recent.add(trade(99, 1, Side.BUY, 1, NOW + 12), NOW)
    assert [found for found in books.differences(poorer, recent, frozenset(), {}) if found.account >= 0] == []


def test_a_cycle_holds_nothing_and_charges_after_a_statement_are_taken_off_it() -> None:
    """A fill of a cycle is no position, nor a reason not to compare the purse: charges say what it moved, and when."""
    states = new_state()
    states[0]["instruments"][0]["terms"][InstrumentTerm.KIND] = InstrumentKind.CYCLE
    states[0]["accounts"][0]["postings"][LedgerAccount.CASH] = 1_000
    books, recent = Books(states, 0, (0,), (0,)), RecentFills()
    recent.add(trade(1, 0, Side.BUY, 500, NOW + 20), NOW)
    for trade_id, amount in ((1, -90), (1, -90), (2, 30)):
        recent.add_charge(
            ChargeReport(
                account=0,
                ledger_account=LedgerAccount.GAS,
                amount=amount,
                trade_id=trade_id,
                strategy=0,
                instrument=0,
                order_id=1,
                venue_time_ns=NOW + 10 * trade_id,
            )
        )

    def excess(cash: int, time_ns: int) -> list[Difference]:
        balances = (Balance(account=0, cash=cash),)
        answer = AccountAnswer(request_id=1, holdings=(), balances=balances, venue_time_ns=time_ns)
        return books.differences(answer, recent, frozenset(), {})

    for cash, time_ns in ((940, NOW + 9), (940, NOW + 10), (1_030, NOW + 10), (1_030, NOW + 15), (1_000, NOW + 20)):
        assert excess(cash, time_ns) == [], (cash, time_ns - NOW)
    assert excess(1_000, NOW + 9) == [Difference(-1, 0, 60)]
    assert excess(1_001, NOW + 30) == [Difference(-1, 0, 1)]


def test_a_difference_counts_when_two_rounds_in_a_row_see_it() -> None:
    one, other = Difference(0, -1, 3), Difference(1, -1, -2)
    suspicions = Suspicions()
    suspicions.take([one])
    assert suspicions.confirmed == frozenset()
    suspicions.take([other])
    assert suspicions.confirmed == frozenset()
    suspicions.take([one, other])
    assert suspicions.confirmed == {other}
    suspicions.take([one, other])
    assert suspicions.confirmed == {one, other}
    suspicions.take([])
    assert suspicions.confirmed == suspicions.seen == frozenset()


def test_old_fills_are_forgotten_in_time() -> None:
    recent = RecentFills()
    recent.add(trade(1, 0, Side.BUY, 5, NOW), NOW)
    recent.add(trade(2, 0, Side.BUY, 7, NOW + 121 * 10**9), NOW + 5)
    assert recent.lots_after(0, 0) == (7, 0)
    assert recent.heard_since(NOW + 5) == {0}
    assert recent.heard_since(NOW + 6) == frozenset()
