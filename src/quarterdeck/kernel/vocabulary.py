"""The words of the kernel: what an event, an order, a rail and a stage can be.

Every number here is written into journals. A member is never renumbered or reused; a new one takes a new number.
"""

from enum import IntEnum

__all__ = [
    "ACTION_KIND_MIN",
    "BreakerStage",
    "BreakerTerm",
    "ConnectionState",
    "Decision",
    "DeskLimit",
    "Effect",
    "EventKind",
    "Flag",
    "InstrumentKind",
    "InstrumentLimit",
    "InstrumentTerm",
    "LedgerAccount",
    "Metric",
    "MetricLevel",
    "MetricTerm",
    "OnBreach",
    "OrderFlag",
    "OrderStatus",
    "OrderType",
    "Reason",
    "Report",
    "SessionMode",
    "Side",
    "StrategyLimit",
    "Table",
    "TimeInForce",
    "VenueLimit",
]

ACTION_KIND_MIN = 128  # kinds from here on are what the kernel says; they are never journaled


class EventKind(IntEnum):
    """What a 64-byte record says. The fields each kind uses are listed in `records.Event`."""

    NONE = 0  # a page of zeros is not an event

    # market data
    QUOTE = 1
    TRADE = 2
    LEVEL = 3
    BOOK_CLEAR = 4
    BAR = 5
    MARK = 6
    FUNDING = 7

    # what a strategy or an operator asks for
    ORDER_REQUEST = 20
    CANCEL_REQUEST = 21
    CANCEL_ALL_REQUEST = 22
    REPLACE_REQUEST = 23

    # what a venue reports of an order
    ORDER_ACCEPTED = 30
    ORDER_REJECTED = 31
    FILL = 32
    ORDER_CANCELED = 33
    ORDER_EXPIRED = 34
    ORDER_UNKNOWN = 35
    ORDER_NOT_FOUND = 36
    ORDER_REPLACED = 37
    CANCEL_REJECTED = 38
    REPLACE_REJECTED = 39
    ORDER_ADOPTED = 40

    # what a venue reports of the account, and corporate facts
    CONNECTION = 50
    VENUE_RESULT = 51
    BALANCE = 52
    POSITION_ADOPTED = 53
    TRANSFER = 54
    FUNDING_PAYMENT = 55
    CHARGE = 56
    SPLIT = 57
    TICK_SIZE_CHANGE = 58
    DELISTING = 59
    CURRENCY_RATE = 60
    RECONCILIATION = 61
    RECONCILED = 62

    # operator commands; who, from where and why ride in the continuation slots
    PAUSE = 70
    RESUME = 71
    KILL = 72
    FLATTEN = 73
    LOCK = 74
    UNLOCK = 75
    THROTTLE_RESET = 76
    CONFIGURE = 77
    ACKNOWLEDGE = 78

    # time, session, measurements
    CLOCK = 90
    SESSION_START = 91
    SESSION_END = 92
    METRIC = 93

    # the journal's own
    SEAL = 110
    CONTINUATION = 111
    NOTE = 112

    # actions: what the kernel says; never journaled, always rebuilt by replay
    SUBMIT = 128
    CANCEL = 129
    REPLACE = 130
    DECISION = 131
    WARNING = 132
    BREAKER_CHANGE = 133
    METRIC_CHANGE = 134
    ANOMALY = 135
    REFUSED = 136
    LIQUIDATION = 137
    THROTTLED = 138
    FLATTENED = 139


class Flag(IntEnum):
    """Bits of an event's `flags`. A bit means one thing for one group of kinds."""

    SELL = 1  # side of an order, a fill, a book level; the aggressor's side of a trade
    # orders and requests
    POST_ONLY = 2
    REDUCE_ONLY = 4
    PROTECTIVE = 8  # a stop that guards a position: a kill leaves it working unless told otherwise
    # fills
    MAKER = 16
    LIQUIDATED = 64  # the venue closed a position by force
    # market data
    LAST = 32  # the last record of a batch: the book is whole again
    SETTLE = 64  # FUNDING: the kernel computes and posts the payment (simulated venue)
    # VENUE_RESULT: the answer was an error; ANOMALY etc.
    ERROR = 128


class Side(IntEnum):
    BUY = 1
    SELL = -1


class OrderType(IntEnum):
    LIMIT = 0
    MARKET = 1
    STOP = 2  # market once the trigger is reached
    STOP_LIMIT = 3


class TimeInForce(IntEnum):
    GTC = 0
    IOC = 1
    FOK = 2
    DAY = 3


class OrderFlag(IntEnum):
    """Bits of an order's `flags`; the low ones are the request's own."""

    POST_ONLY = 2
    REDUCE_ONLY = 4
    PROTECTIVE = 8
    CANCEL_PENDING = 16
    REPLACE_PENDING = 32
    ADOPTED = 64
    REDUCING = 128  # passed the rails as exposure-reducing


class OrderStatus(IntEnum):
    """Where an order stands. NONE is an empty slot."""

    NONE = 0
    NEW = 1  # asked for, not decided yet (never seen outside the kernel)
    SUBMITTED = 2
    ACCEPTED = 3
    PARTIALLY_FILLED = 4
    UNKNOWN = 5  # its fate is not known until the venue says
    FILLED = 6
    CANCELED = 7
    REJECTED = 8
    EXPIRED = 9


class Report(IntEnum):
    """What is reported of an order: the columns of the life cycle table."""

    ACCEPTED = 0
    PARTIAL_FILL = 1
    FULL_FILL = 2
    CANCELED = 3
    REJECTED = 4
    EXPIRED = 5
    UNKNOWN = 6
    NOT_FOUND = 7
    REPLACED = 8
    CANCEL_REJECTED = 9
    REPLACE_REJECTED = 10


class Effect(IntEnum):
    """What a report does beside the new status: the second half of a life cycle cell."""

    NOTHING = 0  # a repeat of what is known
    ADVANCE = 1  # the order goes on working
    FILL = 2  # a position changes; the order goes on working
    FILL_AND_CLOSE = 3  # a position changes; the order's working quantity is released
    CLOSE = 4  # the order's working quantity is released
    LATE_FILL = 5  # a fill of an order that was closed: the position changes, the close was early
    AMEND = 6  # price and quantity change
    CLEAR_PENDING = 7  # a cancel or replace did not take; the order goes on working
    ANOMALY = 8  # cannot be: said aloud, nothing changes


class Decision(IntEnum):
    REJECTED = 0
    APPROVED = 1
    MODIFIED = 2


class Reason(IntEnum):
    """Why: one enum for rails, policies, metrics, logs and the API."""

    NONE = 0
    # rails
    TRADING_DISABLED = 1
    SYMBOL_NOT_ALLOWED = 2
    ORDER_SHAPE_INVALID = 3
    NOTIONAL_TOO_SMALL = 4
    NOTIONAL_TOO_LARGE = 5
    QUANTITY_TOO_LARGE = 6
    PRICE_COLLAR = 7
    PRICE_COLLAR_PERIOD = 8
    PRICE_UNAVAILABLE = 9
    STALE_DATA = 10
    EXPOSURE_SYMBOL_CAP = 11
    EXPOSURE_VENUE_CAP = 12
    EXPOSURE_TOTAL_CAP = 13
    EXPOSURE_STRATEGY_CAP = 14
    POSITION_LIMIT = 15
    PORTFOLIO_HEAT = 16
    DAILY_LOSS = 17
    EQUITY_DRAWDOWN = 18
    EQUITY_FLOOR = 19
    ORDER_RATE_EXCEEDED = 20
    MESSAGE_RATE_EXCEEDED = 21
    DUPLICATE_ORDER = 22
    SELF_MATCH = 23
    REPEATED_EXECUTION = 24
    VENUE_BREAKER_OPEN = 25
    BUYING_POWER = 26
    SYMBOL_LOCKED = 27
    EMERGENCY_LOCK = 28
    BREAKER_OPEN = 29
    STRATEGY_DISABLED = 30
    VENUE_DISCONNECTED = 31
    ORDER_TABLE_FULL = 32
    NOT_REDUCING = 33
    UNRECONCILED = 34
    ALERTS_UNACKNOWLEDGED = 35
    # refusals of an event
    OVERFLOW = 50
    TIME_BACKWARDS = 51
    INDEX_OUT_OF_RANGE = 52
    VALUE_OUT_OF_RANGE = 53
    UNKNOWN_KIND = 54
    UNKNOWN_ORDER = 55
    CROSSED_QUOTE = 56
    DUPLICATE_TRADE = 57
    TRADE_TOO_OLD = 58
    OVERFILL = 59
    IMPOSSIBLE_REPORT = 60
    # why an order was asked for, or ended
    SIGNAL_ENTRY = 70
    SIGNAL_EXIT = 71
    STOP_LOSS = 72
    TAKE_PROFIT = 73
    FUNDING_ARBITRAGE = 74
    RISK_MANAGEMENT = 75
    PORTFOLIO_REBALANCE = 76
    EMERGENCY_EXIT = 77
    MANUAL_OVERRIDE = 78
    KILLED = 79
    POST_ONLY_WOULD_CROSS = 80
    NO_LIQUIDITY = 81
    REDUCE_ONLY_WOULD_INCREASE = 82
    LIQUIDATED = 83
    SESSION_CLOSED = 84
    VENUE_REJECTED = 85


class InstrumentKind(IntEnum):
    """What is traded. Of a CYCLE nothing is held after a fill: an atomic arbitrage, whose money moves by charges."""

    SPOT = 0
    PERPETUAL = 1
    EQUITY = 2
    TOKEN = 3
    CYCLE = 4


class InstrumentTerm(IntEnum):
    """What an instrument is: columns of `Instrument.terms`."""

    KIND = 0
    VENUE = 1
    ACCOUNT = 2  # the purse (venue, currency) that settles it
    VALUE = 3  # money units of one tick of one lot, multiplier included
    MAKER_FEE_PPB = 4  # of notional; negative is a rebate
    TAKER_FEE_PPB = 5
    MIN_NOTIONAL = 6  # the venue's own, money units
    MIN_LOTS = 7
    SIGNIFICANT_FIGURES = 8  # of a price; 0: no such rule
    INITIAL_MARGIN_PPM = 9  # of notional; 1,000,000 is fully paid
    MAINTENANCE_MARGIN_PPM = 10
    SHORT_ALLOWED = 11
    LISTED = 12
    PRICE_EXPONENT = 13  # of one tick: a price is ticks * mantissa * 10**exponent; for people, never for decisions
    QUANTITY_EXPONENT = 14
    TICK_MANTISSA = 15
    LOT_MANTISSA = 16


class InstrumentLimit(IntEnum):
    """Columns of `Instrument.limits`."""

    ALLOWED = 0  # 0: restricted list
    LOCKED = 1  # 1: no entries
    MIN_NOTIONAL = 2
    MAX_NOTIONAL = 3
    MAX_LOTS = 4
    COLLAR_PPM = 5
    COLLAR_PERIOD_PPM = 6
    COLLAR_PERIOD_NS = 7
    STALE_NS = 8
    MAX_EXPOSURE = 9
    MAX_LONG_LOTS = 10
    MAX_SHORT_LOTS = 11
    DUPLICATE_WINDOW_NS = 12
    DEFAULT_STOP_PPM = 13  # the loss distance that heat assumes where no stop stands


class StrategyLimit(IntEnum):
    """Columns of `Strategy.limits`."""

    ENABLED = 0
    MAX_EXPOSURE = 1  # the strategy's quota
    MAX_LONG_EXPOSURE = 2
    MAX_SHORT_EXPOSURE = 3
    WEIGHT_PPM = 4  # share of full size that it may use
    MAX_EXECUTIONS = 5  # entries asked for within the window before it must be re-enabled by a person
    EXECUTIONS_WINDOW_NS = 6
    MAX_DAILY_LOSS = 7


class VenueLimit(IntEnum):
    """Columns of `Venue.limits`."""

    MAX_EXPOSURE = 0
    MESSAGES_PER_SECOND = 1
    CANCEL_RESERVE = 2  # messages per second that only cancels and reducing orders may use
    ERROR_RATE_PPM = 3
    ERROR_SAMPLES_MIN = 4
    ERROR_COOLDOWN_NS = 5


class DeskLimit(IntEnum):
    """Columns of `State.limits`."""

    MAX_EXPOSURE = 0
    HEAT_PPM = 1
    MAX_DAILY_LOSS = 2
    MAX_DRAWDOWN_PPM = 3
    EQUITY_FLOOR = 4
    ORDERS_PER_MINUTE = 5
    ON_BREACH = 6
    WARNING_PPM = 7
    DAY_OFFSET_NS = 8  # when the trading day begins, after 00:00 UTC
    MAX_UNACKNOWLEDGED = 9  # warnings that may stand unacknowledged before entries stop


class OnBreach(IntEnum):
    """What a size limit does with an order that is too large."""

    REJECT = 0
    REDUCE = 1


class BreakerStage(IntEnum):
    NORMAL = 0
    REDUCED = 1
    KILLED = 2  # killed by a person or a breach that needs one: stays until resumed
    COOLDOWN = 3  # killed by the drawdown; the clock runs
    RECOVERY_1 = 4
    RECOVERY_2 = 5
    RECOVERY_3 = 6
    RECOVERY_4 = 7


class BreakerTerm(IntEnum):
    """Columns of `State.breaker_terms`."""

    DRAWDOWN_TRIP_PPM = 0
    DRAWDOWN_RECOVERY_PPM = 1
    COOLDOWN_NS = 2
    DWELL_NS = 3
    REDUCED_PPM = 4  # size multiplier of the REDUCED stage
    RECOVERY_1_PPM = 5
    RECOVERY_2_PPM = 6
    RECOVERY_3_PPM = 7
    RECOVERY_4_PPM = 8
    TRIPS_PER_DAY = 9


class Metric(IntEnum):
    """Graded metrics: each climbs levels on its own."""

    DAILY_DRAWDOWN = 0
    POSITION_SIZE = 1
    VOLATILITY = 2
    API_ERRORS = 3


class MetricTerm(IntEnum):
    """Columns of `State.metric_terms`, one row per metric."""

    TRIGGER_PPM = 0
    RESET_PPM = 1
    COOLDOWN_NS = 2
    TRIPS_PER_DAY = 3
    ESCALATION_NS = 4


class MetricLevel(IntEnum):
    NORMAL = 0
    WARNING = 1
    CRITICAL = 2
    KILLED = 3


class LedgerAccount(IntEnum):
    """Double-entry accounts of one purse. Assets are positive; income and capital are negative when earned."""

    CASH = 0
    INVENTORY = 1
    REALISED = 2
    FEES = 3
    REBATES = 4
    FUNDING = 5
    CAPITAL = 6
    ADJUSTMENT = 7
    GAS = 8
    PREMIUM = 9
    BORROW = 10


class SessionMode(IntEnum):
    BACKTEST = 0
    PAPER = 1
    LIVE = 2


class ConnectionState(IntEnum):
    DOWN = 0
    UP = 1


class Table(IntEnum):
    """What a CONFIGURE event sets: `row` and `column` are indices into it."""

    COUNTS = 0
    INSTRUMENT_TERM = 1
    INSTRUMENT_LIMIT = 2
    STRATEGY_LIMIT = 3
    VENUE_LIMIT = 4
    DESK_LIMIT = 5
    BREAKER_TERM = 6
    METRIC_TERM = 7
    ACCOUNT_VENUE = 8
