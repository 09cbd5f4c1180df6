"""CONFIGURE events: the only way in which instruments, limits and thresholds come to be. Journals carry their own."""

from quarterdeck.kernel.bounds import equity_fits
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.ledger import account_equity, sum_equity
from quarterdeck.kernel.records import (
    ACCOUNTS,
    INSTRUMENTS,
    METRICS,
    MONEY_MAX,
    NO_LIMIT,
    RATE_BUCKETS,
    STRATEGIES,
    VENUES,
    Event,
    State,
)
from quarterdeck.kernel.vocabulary import (
    BreakerStage,
    BreakerTerm,
    DeskLimit,
    InstrumentKind,
    InstrumentLimit,
    InstrumentTerm,
    MetricTerm,
    Reason,
    StrategyLimit,
    Table,
    VenueLimit,
)

__all__ = ["apply_setting", "check_change", "check_setting"]

_COUNTS = (INSTRUMENTS, STRATEGIES, VENUES, ACCOUNTS)
# Rows (a capacity) and columns of each table, in the order of `Table`.
_ROWS = (1, INSTRUMENTS, INSTRUMENTS, STRATEGIES, VENUES, 1, 1, METRICS, ACCOUNTS)
_COLUMNS = (
    len(_COUNTS),
    len(InstrumentTerm),
    len(InstrumentLimit),
    len(StrategyLimit),
    len(VenueLimit),
    len(DeskLimit),
    len(BreakerTerm),
    len(MetricTerm),
    2,
)
_WINDOW_BUCKETS = RATE_BUCKETS - 1
_SECOND_NS = 1_000_000_000


@compiled
def check_setting(event: Event) -> int:
    """The reason to refuse a setting, or NONE."""
    table, row, column, setting = event["table"], event["row"], event["column"], event["setting"]
    if not 0 <= table < len(_ROWS):
        return Reason.INDEX_OUT_OF_RANGE.value
    if not 0 <= row < _ROWS[table] or not 0 <= column < _COLUMNS[table]:
        return Reason.INDEX_OUT_OF_RANGE.value
    if not (-NO_LIMIT if _may_be_negative(table, column) else 0) <= setting <= NO_LIMIT:
        return Reason.VALUE_OUT_OF_RANGE.value
    if table == Table.COUNTS and not 0 <= setting <= _COUNTS[column]:
        return Reason.INDEX_OUT_OF_RANGE.value
    if table == Table.INSTRUMENT_TERM:
        return _check_term(column, setting)
    if table == Table.ACCOUNT_VENUE and not 0 <= setting < (VENUES if column == 0 else MONEY_MAX):
        return Reason.INDEX_OUT_OF_RANGE.value
    return Reason.NONE.value


@compiled
def _may_be_negative(table: int, column: int) -> bool:
    if table == Table.INSTRUMENT_TERM:
        fee = column == InstrumentTerm.MAKER_FEE_PPB or column == InstrumentTerm.TAKER_FEE_PPB
        return fee or column == InstrumentTerm.PRICE_EXPONENT or column == InstrumentTerm.QUANTITY_EXPONENT
    return table == Table.DESK_LIMIT and (column == DeskLimit.EQUITY_FLOOR or column == DeskLimit.DAY_OFFSET_NS)


@compiled
def check_change(state: State, event: Event) -> int:
    """The reason to refuse a setting that is sound but would pull the ground from under what is there, or NONE.

    Rows are never taken away, and what money is counted in does not change while any of it is at stake.
    """
    table, row, column, setting = event["table"], event["row"], event["column"], event["setting"]
    if table == Table.COUNTS:
        counts = (state["instruments_count"], state["strategies_count"], state["venues_count"], state["accounts_count"])
        return Reason.NONE.value if setting >= counts[column] else Reason.VALUE_OUT_OF_RANGE.value
    if table == Table.INSTRUMENT_TERM and column <= InstrumentTerm.VALUE:
        instrument = state["instruments"][row]
        net = instrument["net"]
        idle = net["quantity"] == 0 and net["buy_lots"] == 0 and net["sell_lots"] == 0
        idle = idle and _nobody_holds(state, row)
        return Reason.NONE.value if idle or instrument["terms"][column] == setting else Reason.VALUE_OUT_OF_RANGE.value
    if table == Table.ACCOUNT_VENUE and column == 1:
        account = state["accounts"][row]
        empty = account["unrealised"] == 0 and account_equity(account) == 0
        if not empty and (setting == 0 or not equity_fits(state, account, 0.0, setting)):
            return Reason.VALUE_OUT_OF_RANGE.value
    return Reason.NONE.value


@compiled
def _nobody_holds(state: State, instrument: int) -> bool:
    """Strategies may hold against each other while the account's net position is flat."""
    for strategy in range(state["strategies_count"]):
        if state["positions"][strategy * INSTRUMENTS + instrument]["quantity"] != 0:
            return False
    return True


@compiled
def _check_term(column: int, setting: int) -> int:
    """Terms that are indices or divisors must be sound before anything uses them."""
    if column == InstrumentTerm.KIND and not 0 <= setting <= InstrumentKind.CYCLE:
        return Reason.VALUE_OUT_OF_RANGE.value
    if column == InstrumentTerm.VENUE and not 0 <= setting < VENUES:
        return Reason.INDEX_OUT_OF_RANGE.value
    if column == InstrumentTerm.ACCOUNT and not 0 <= setting < ACCOUNTS:
        return Reason.INDEX_OUT_OF_RANGE.value
    if column == InstrumentTerm.VALUE and not 0 < setting < 2**50:
        return Reason.VALUE_OUT_OF_RANGE.value
    if (column == InstrumentTerm.MAKER_FEE_PPB or column == InstrumentTerm.TAKER_FEE_PPB) and abs(setting) > 10**9:
        return Reason.VALUE_OUT_OF_RANGE.value
    if column == InstrumentTerm.TICK_MANTISSA and not 0 < setting < 2**20:
        return Reason.VALUE_OUT_OF_RANGE.value
    return Reason.NONE.value


@compiled
def _set_count(state: State, column: int, setting: int) -> None:
    if column == 0:
        state["instruments_count"] = setting
    elif column == 1:
        state["strategies_count"] = setting
    elif column == 2:
        state["venues_count"] = setting
    else:
        state["accounts_count"] = setting
    state["order_rate"]["bucket_ns"] = 60 * _SECOND_NS // _WINDOW_BUCKETS + 1
    # Every row, counted or not: an instrument may name a venue or a purse before it is counted.
    for venue in range(VENUES):
        state["venues"][venue]["messages"]["bucket_ns"] = _SECOND_NS // _WINDOW_BUCKETS + 1
        state["venues"][venue]["results"]["bucket_ns"] = 60 * _SECOND_NS // _WINDOW_BUCKETS + 1
        state["venues"][venue]["errors"]["bucket_ns"] = 60 * _SECOND_NS // _WINDOW_BUCKETS + 1
    for account in range(ACCOUNTS):
        if state["accounts"][account]["rate_ppb"] == 0:
            state["accounts"][account]["rate_ppb"] = 1_000_000_000
    if state["breaker"]["stage"] == BreakerStage.NORMAL:
        state["breaker"]["multiplier_ppm"] = 1_000_000


@compiled
def apply_setting(state: State, event: Event) -> None:
    """Sets one figure that `check_setting` let pass. It takes effect at the next event."""
    table, row, column, setting = event["table"], event["row"], event["column"], event["setting"]
    state["equity_high"] = -NO_LIMIT
    state["equity_housed"] = -NO_LIMIT
    state["slack"] = 0
    state["day_end_ns"] = 0
    if table == Table.COUNTS:
        _set_count(state, column, setting)
    elif table == Table.INSTRUMENT_TERM:
        state["instruments"][row]["terms"][column] = setting
    elif table == Table.INSTRUMENT_LIMIT:
        state["instruments"][row]["limits"][column] = setting
    elif table == Table.STRATEGY_LIMIT:
        state["strategies"][row]["limits"][column] = setting
    elif table == Table.VENUE_LIMIT:
        state["venues"][row]["limits"][column] = setting
    elif table == Table.DESK_LIMIT:
        state["limits"][column] = setting
    elif table == Table.BREAKER_TERM:
        state["breaker"]["terms"][column] = setting
    elif table == Table.METRIC_TERM:
        state["breaker"]["grades"][row]["terms"][column] = setting
    elif column == 0:
        state["accounts"][row]["venue"] = setting
    else:
        state["accounts"][row]["rate_ppb"] = setting
        state["equity"] = sum_equity(state)
