"""`quarterdeck.kernel.settings`: every setting lands where it says; none pulls the ground from under the kernel."""

import pytest

from quarterdeck.kernel.records import ACCOUNTS, INSTRUMENTS, METRICS, NO_LIMIT, STRATEGIES, VENUES
from quarterdeck.kernel.vocabulary import (
    BreakerTerm,
    DeskLimit,
    EventKind,
    InstrumentKind,
    InstrumentLimit,
    InstrumentTerm,
    MetricTerm,
    Reason,
    StrategyLimit,
    Table,
    VenueLimit,
)
from tests.kernel.desks import Desk, refused

ROWS = {
    Table.COUNTS: 1,
    Table.INSTRUMENT_TERM: INSTRUMENTS,
    Table.INSTRUMENT_LIMIT: INSTRUMENTS,
    Table.STRATEGY_LIMIT: STRATEGIES,
    Table.VENUE_LIMIT: VENUES,
    Table.DESK_LIMIT: 1,
    Table.BREAKER_TERM: 1,
    Table.METRIC_TERM: METRICS,
    Table.ACCOUNT_VENUE: ACCOUNTS,
}
COLUMNS = {
    Table.COUNTS: 4,
    Table.INSTRUMENT_TERM: len(InstrumentTerm),
    Table.INSTRUMENT_LIMIT: len(InstrumentLimit),
    Table.STRATEGY_LIMIT: len(StrategyLimit),
    Table.VENUE_LIMIT: len(VenueLimit),
    Table.DESK_LIMIT: len(DeskLimit),
    Table.BREAKER_TERM: len(BreakerTerm),
    Table.METRIC_TERM: len(MetricTerm),
    Table.ACCOUNT_VENUE: 2,
}


def cell(desk: Desk, table: Table, row: int, column: int) -> int:
    state = desk.state
    found = {
        Table.INSTRUMENT_TERM: lambda: state["instruments"][row]["terms"][column],
        Table.INSTRUMENT_LIMIT: lambda: state["instruments"][row]["limits"][column],
        Table.STRATEGY_LIMIT: lambda: state["strategies"][row]["limits"][column],
        Table.VENUE_LIMIT: lambda: state["venues"][row]["limits"][column],
        Table.DESK_LIMIT: lambda: state["limits"][column],
        Table.BREAKER_TERM: lambda: state["breaker"]["terms"][column],
        Table.METRIC_TERM: lambda: state["breaker"]["grades"][row]["terms"][column],
        Table.ACCOUNT_VENUE: lambda: state["accounts"][row]["rate_ppb" if column else "venue"],
        Table.COUNTS: lambda: state[("instruments", "strategies", "venues", "accounts")[column] + "_count"],
    }
    return int(found[table]())


@pytest.mark.parametrize("table", Table, ids=lambda table: table.name)
def test_every_cell_of_a_table_can_be_set_and_nothing_else_moves(table: Table) -> None:
    for row in {0, ROWS[table] - 1}:
        for column in range(COLUMNS[table]):
            desk = Desk(deposit=0)
            setting = 1 if table != Table.COUNTS else cell(desk, table, 0, column)
            assert desk.set(table, row, column, setting) == []
            assert cell(desk, table, row, column) == setting


@pytest.mark.parametrize("table", Table, ids=lambda table: table.name)
def test_an_index_outside_its_table_is_refused(table: Table) -> None:
    desk = Desk()
    for row, column in ((-1, 0), (ROWS[table], 0), (0, -1), (0, COLUMNS[table]), (2**62, 0), (0, -(2**63))):
        assert refused(desk.set(table, row, column, 0)) == Reason.INDEX_OUT_OF_RANGE


@pytest.mark.parametrize("table", [-1, len(Table), 2**40, -(2**63)])
def test_a_table_that_is_not_there_is_refused(table: int) -> None:
    assert refused(Desk().set(table, 0, 0, 0)) == Reason.INDEX_OUT_OF_RANGE


BAD = (
    (Table.COUNTS, 0, INSTRUMENTS + 1, Reason.INDEX_OUT_OF_RANGE),
    (Table.COUNTS, 0, 1, Reason.VALUE_OUT_OF_RANGE),  # there are two already
    (Table.INSTRUMENT_TERM, InstrumentTerm.KIND, len(InstrumentKind), Reason.VALUE_OUT_OF_RANGE),
    (Table.INSTRUMENT_TERM, InstrumentTerm.VENUE, VENUES, Reason.INDEX_OUT_OF_RANGE),
    (Table.INSTRUMENT_TERM, InstrumentTerm.ACCOUNT, ACCOUNTS, Reason.INDEX_OUT_OF_RANGE),
    (Table.INSTRUMENT_TERM, InstrumentTerm.VALUE, 0, Reason.VALUE_OUT_OF_RANGE),
    (Table.INSTRUMENT_TERM, InstrumentTerm.VALUE, 2**50, Reason.VALUE_OUT_OF_RANGE),
    (Table.INSTRUMENT_TERM, InstrumentTerm.TICK_MANTISSA, 0, Reason.VALUE_OUT_OF_RANGE),
    (Table.INSTRUMENT_TERM, InstrumentTerm.TAKER_FEE_PPB, 10**9 + 1, Reason.VALUE_OUT_OF_RANGE),
    (Table.INSTRUMENT_TERM, InstrumentTerm.INITIAL_MARGIN_PPM, -1, Reason.VALUE_OUT_OF_RANGE),
    (Table.INSTRUMENT_LIMIT, InstrumentLimit.MAX_LOTS, -1, Reason.VALUE_OUT_OF_RANGE),
    (Table.DESK_LIMIT, DeskLimit.MAX_EXPOSURE, NO_LIMIT + 1, Reason.VALUE_OUT_OF_RANGE),
    (Table.DESK_LIMIT, DeskLimit.EQUITY_FLOOR, -NO_LIMIT - 1, Reason.VALUE_OUT_OF_RANGE),
    (Table.BREAKER_TERM, BreakerTerm.DRAWDOWN_TRIP_PPM, -1, Reason.VALUE_OUT_OF_RANGE),
    (Table.ACCOUNT_VENUE, 0, VENUES, Reason.INDEX_OUT_OF_RANGE),
)


@pytest.mark.parametrize(("table", "column", "setting", "reason"), BAD)
def test_an_unsound_setting_is_refused(table: Table, column: int, setting: int, reason: Reason) -> None:
    desk = Desk()
    before = cell(desk, table, 0, column)
    assert refused(desk.set(table, 0, column, setting)) == reason
    assert cell(desk, table, 0, column) == before


@pytest.mark.parametrize(
    "column", [InstrumentTerm.KIND, InstrumentTerm.VENUE, InstrumentTerm.ACCOUNT, InstrumentTerm.VALUE]
)
def test_what_money_is_counted_in_does_not_change_while_it_is_at_stake(column: InstrumentTerm) -> None:
    desk = Desk(counts=(2, 3, 2, 2))
    present = cell(desk, Table.INSTRUMENT_TERM, 0, column)
    other = present + 1 if column != InstrumentTerm.KIND else InstrumentKind.SPOT
    for stake in ("position", "order", "offset"):
        busy = Desk(counts=(2, 3, 2, 2))
        if stake == "order":
            busy.order(1, 1)
        else:
            busy.hold(3, strategy=0)
        if stake == "offset":
            busy.hold(-3, strategy=1)
        assert refused(busy.set(Table.INSTRUMENT_TERM, 0, column, other)) == Reason.VALUE_OUT_OF_RANGE, stake
        assert refused(busy.set(Table.INSTRUMENT_TERM, 0, column, present)) == Reason.NONE
    assert refused(desk.set(Table.INSTRUMENT_TERM, 0, column, other)) == Reason.NONE


def test_the_rate_of_a_purse_that_holds_something_cannot_become_nothing() -> None:
    desk = Desk()
    assert refused(desk.set(Table.ACCOUNT_VENUE, 0, 1, 0)) == Reason.VALUE_OUT_OF_RANGE
    assert refused(desk.set(Table.ACCOUNT_VENUE, 0, 1, 2 * 10**9)) == Reason.NONE
    assert desk.equity() == 2 * sum(desk.state["accounts"][0]["postings"][:2])


def test_nothing_trades_before_it_is_configured() -> None:
    """A state that knows nothing refuses every index, and a counted row without limits admits nothing."""
    desk = Desk(counts=(3, 3, 1, 1))
    desk.set(Table.COUNTS, 0, 0, 4)
    desk.quote(100, instrument=3)
    said = desk.ask(1, 1, 100, instrument=3)
    assert said[-1]["decision"] == 0
    assert refused(Desk().event(EventKind.QUOTE, instrument=2, bid=1, ask=2)) == Reason.INDEX_OUT_OF_RANGE
