"""CONFIGURE events: the only way in which instruments, limits and thresholds come to be. Journals carry their own."""

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.records import ACCOUNTS, INSTRUMENTS, METRICS, NO_LIMIT, RATE_BUCKETS, STRATEGIES, VENUES, Event, State
from quarterdeck.kernel.vocabulary import (
    BreakerStage,
    BreakerTerm,
    DeskLimit,
    InstrumentLimit,
    InstrumentTerm,
    Metric,
    MetricTerm,
    Reason,
    StrategyLimit,
    Table,
    VenueLimit,
)

__all__ = ["apply_setting", "check_setting"]

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
    if abs(setting) > NO_LIMIT:
        return Reason.VALUE_OUT_OF_RANGE.value
    if table == Table.COUNTS and not 0 <= setting <= _COUNTS[column]:
        return Reason.INDEX_OUT_OF_RANGE.value
    if table == Table.INSTRUMENT_TERM:
        return _check_term(column, setting)
    if table == Table.ACCOUNT_VENUE and not 0 <= setting < (VENUES if column == 0 else NO_LIMIT):
        return Reason.INDEX_OUT_OF_RANGE.value
    return Reason.NONE.value


@compiled
def _check_term(column: int, setting: int) -> int:
    """Terms that are indices or divisors must be sound before anything uses them."""
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
    for venue in range(state["venues_count"]):
        state["venues"][venue]["messages"]["bucket_ns"] = _SECOND_NS // _WINDOW_BUCKETS + 1
        state["venues"][venue]["results"]["bucket_ns"] = 60 * _SECOND_NS // _WINDOW_BUCKETS + 1
        state["venues"][venue]["errors"]["bucket_ns"] = 60 * _SECOND_NS // _WINDOW_BUCKETS + 1
    for account in range(state["accounts_count"]):
        if state["accounts"][account]["rate_ppb"] == 0:
            state["accounts"][account]["rate_ppb"] = 1_000_000_000
    if state["breaker"]["stage"] == BreakerStage.NORMAL:
        state["breaker"]["multiplier_ppm"] = 1_000_000


@compiled
def apply_setting(state: State, event: Event) -> None:
    """Sets one figure that `check_setting` let pass. It takes effect at the next event."""
    table, row, column, setting = event["table"], event["row"], event["column"], event["setting"]
    state["equity_high"] = -NO_LIMIT
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
