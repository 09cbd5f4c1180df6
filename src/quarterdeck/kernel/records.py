"""The one binary vocabulary: the event and the account state.

Prices are whole ticks, quantities whole lots, money whole units of its currency (by default 1e-8 of it), rates parts
per million (ppm) or billion (ppb), times UTC nanoseconds. Everything is a signed 64-bit integer unless it is smaller.
"""

from typing import Annotated, Final, TypedDict

import numpy as np

from quarterdeck.kernel.capacity import CAPACITY
from quarterdeck.kernel.layout import Records, record_dtype
from quarterdeck.kernel.vocabulary import (
    BreakerTerm,
    DeskLimit,
    InstrumentLimit,
    InstrumentTerm,
    LedgerAccount,
    Metric,
    MetricTerm,
    Reason,
    StrategyLimit,
    VenueLimit,
)

__all__ = [
    "ACCOUNTS",
    "ACTIONS",
    "EVENT",
    "INSTRUMENTS",
    "METRICS",
    "MONEY_MAX",
    "NO_LIMIT",
    "ORDERS",
    "PRICE_MAX",
    "QUANTITY_MAX",
    "RATE_BUCKETS",
    "STATE",
    "STATE_SCHEMA",
    "STRATEGIES",
    "TRADES",
    "VENUES",
    "Account",
    "Breaker",
    "Event",
    "Grade",
    "Instrument",
    "Order",
    "Position",
    "RateWindow",
    "State",
    "Strategy",
    "Trade",
    "Venue",
]

INSTRUMENTS: Final = CAPACITY.instruments
STRATEGIES: Final = CAPACITY.strategies
VENUES: Final = CAPACITY.venues
ACCOUNTS: Final = CAPACITY.accounts
ORDERS: Final = CAPACITY.orders
TRADES: Final = CAPACITY.trades

NO_LIMIT: Final = 2**62  # larger than any figure the kernel admits
MONEY_MAX: Final = 2**60
PRICE_MAX: Final = 2**42
QUANTITY_MAX: Final = 2**42
METRICS: Final = len(Metric)
STATE_SCHEMA: Final = 4
# One event never says more: every order canceled, every position flattened, closed and liquidated, and a few words.
ACTIONS: Final = ORDERS + 3 * STRATEGIES * INSTRUMENTS + 64
RATE_BUCKETS: Final = 64

I8 = Annotated[int, "i8"]
I4 = Annotated[int, "i4"]
I2 = Annotated[int, "i2"]
U2 = Annotated[int, "u2"]
U1 = Annotated[int, "u1"]


class Event(TypedDict):
    """64 bytes. Five payload words carry other names for each kind; the names share their place.

    | word | offset | names                                                                       |
    |------|--------|-----------------------------------------------------------------------------|
    | 0    | 24     | price, bid, open, amount, rate, table, mark, epoch, metric, numerator       |
    | 1    | 32     | quantity, ask, high, row, denominator, value                                |
    | 2    | 40     | order_id, bid_quantity, low, column, aux                                    |
    | 3    | 48     | trigger_price, ask_quantity, close, trade_id, venue_order_id, setting, tag2 |
    | 4    | 56     | tag, fee, volume, update_id                                                 |

    A request has no venue time; its place carries order_type, time_in_force, reason and person.

    | kind               | fields                                                                              |
    |--------------------|-------------------------------------------------------------------------------------|
    | QUOTE              | bid, ask, bid_quantity, ask_quantity, update_id                                     |
    | TRADE              | price, quantity, trade_id; SELL when the aggressor sold                             |
    | LEVEL              | price, quantity (0 removes), update_id; SELL for the ask side; LAST ends a batch    |
    | BAR                | open, high, low, close, volume; venue_time_ns is the bar's open, time_ns its close  |
    | MARK               | mark                                                                                |
    | FUNDING            | rate (ppb of notional; positive: longs pay); SETTLE when the kernel posts it        |
    | ORDER_REQUEST      | price, quantity, trigger_price, tag, order_type, time_in_force, reason, person      |
    | CANCEL_REQUEST     | order_id, reason, person                                                            |
    | CANCEL_ALL_REQUEST | instrument (-1: all) of the strategy (-1: all), reason, person                      |
    | REPLACE_REQUEST    | order_id, price, quantity (the new total), reason, person                           |
    | ORDER_ACCEPTED     | order_id, venue_order_id                                                            |
    | ORDER_REJECTED     | order_id, value (a Reason)                                                          |
    | FILL               | order_id, price, quantity, trade_id, fee; SELL, MAKER; instrument, strategy         |
    | ORDER_CANCELED ... | order_id                                                                            |
    | ORDER_REPLACED     | order_id, price, quantity (the new total), venue_order_id                           |
    | ORDER_ADOPTED      | price, quantity, venue_order_id; SELL, REDUCE_ONLY ...; order_id when it is our own |
    | CONNECTION         | instrument is the venue; value is a ConnectionState                                 |
    | VENUE_RESULT       | instrument is the venue; ERROR                                                      |
    | BALANCE            | row is the account, amount what the venue says its cash is                          |
    | POSITION_ADOPTED   | price (average), quantity (signed lots)                                             |
    | TRANSFER           | row is the account, amount (negative: a withdrawal)                                 |
    | FUNDING_PAYMENT    | amount (positive: received)                                                         |
    | CHARGE             | row is the account, amount paid (negative: received), column is a LedgerAccount     |
    |                    | (REALISED to BORROW); trade_id above 0: applied once, strategy's, tag is the order  |
    | SPLIT              | numerator new shares for denominator old ones                                       |
    | TICK_SIZE_CHANGE   | numerator/denominator: old ticks * numerator / denominator are the new ticks; value |
    | RECONCILIATION     | value: 1 differs from the venue, 0 agrees again                                     |
    | RECONCILED         | instrument is the venue; value: its own time up to which every fill is known; the   |
    |                    | first one says when the desk took over what was there                               |
    | CURRENCY_RATE      | row is the account, rate (ppb: desk money units per unit of the currency)           |
    | PAUSE ... FLATTEN  | strategy (-1: all), instrument (-1: all), reason, person; PROTECTIVE                |
    | CONFIGURE          | table, row, column, setting                                                         |
    | SESSION_START      | epoch, value (a SessionMode); SETTLE when the venue is simulated                    |
    | METRIC             | metric, value (ppm)                                                                 |
    | ACKNOWLEDGE        | person: every warning said so far has been seen                                     |
    | SUBMIT ... REPLACE | as the request, with order_id                                                       |
    | DECISION           | as the request, order_id; quantity approved, trigger_price: lots asked; decision    |
    """

    time_ns: I8
    venue_time_ns: I8
    order_type: U1
    time_in_force: U1
    reason: U2
    person: I2
    decision: U1
    kind: U1
    flags: U1
    instrument: I2
    strategy: I2
    check: U2
    price: I8
    bid: I8
    open: I8
    amount: I8
    rate: I8
    table: I8
    mark: I8
    epoch: I8
    metric: I8
    numerator: I8
    quantity: I8
    ask: I8
    high: I8
    row: I8
    denominator: I8
    value: I8
    order_id: I8
    bid_quantity: I8
    low: I8
    column: I8
    aux: I8
    trigger_price: I8
    ask_quantity: I8
    close: I8
    trade_id: I8
    venue_order_id: I8
    setting: I8
    tag: I8
    fee: I8
    volume: I8
    update_id: I8


_EVENT_PLACES: Final = {
    0: ("time_ns",),
    8: ("venue_time_ns", "order_type"),
    9: ("time_in_force",),
    10: ("reason",),
    12: ("person",),
    14: ("decision",),
    16: ("kind",),
    17: ("flags",),
    18: ("instrument",),
    20: ("strategy",),
    22: ("check",),
    24: ("price", "bid", "open", "amount", "rate", "table", "mark", "epoch", "metric", "numerator"),
    32: ("quantity", "ask", "high", "row", "denominator", "value"),
    40: ("order_id", "bid_quantity", "low", "column", "aux"),
    48: ("trigger_price", "ask_quantity", "close", "trade_id", "venue_order_id", "setting"),
    56: ("tag", "fee", "volume", "update_id"),
}


def _event_dtype() -> "np.dtype[np.void]":
    packed = record_dtype(Event)
    place = {name: offset for offset, names in _EVENT_PLACES.items() for name in names}
    names = list(Event.__annotations__)
    formats = [packed[name] for name in names]
    return np.dtype({"names": names, "formats": formats, "offsets": [place[n] for n in names], "itemsize": 64})


class RateWindow(TypedDict):
    """Counts in a sliding window of RATE_BUCKETS - 1 whole buckets and the current one: never under-counts."""

    bucket_ns: I8
    bucket: I8  # number of the current bucket since the epoch
    total: I8
    counts: Annotated[list[int], "i8", RATE_BUCKETS]


class Account(TypedDict):
    """A purse: one currency at one venue. Postings sum to zero."""

    venue: I8
    rate_ppb: I8  # desk money units per unit of this currency, in parts per billion
    unrealised: I8
    venue_cash: I8  # what the venue last said
    venue_cash_ns: I8
    postings: Annotated[list[int], "i8", len(LedgerAccount)]


class Position(TypedDict):
    """Signed lots at average cost, and the orders working on it. Of a strategy, or of the account as a whole (net)."""

    quantity: I8
    cost: I8  # money paid for `quantity`, signed as it is
    realised: I8
    fees: I8
    funding: I8
    buy_lots: I8  # working, all orders
    sell_lots: I8
    reduce_lots: I8  # working and reduce-only
    stop_lots: I8  # working protective stops
    stop_cost: I8  # sum of trigger ticks * lots of those
    fills: I8
    last_request_ns: I8
    last_request_price: I8
    last_request_quantity: I8
    flattening: I8
    paused: I8


class Instrument(TypedDict):
    """What is known of one instrument, and the account's net position in it."""

    terms: Annotated[list[int], "i8", len(InstrumentTerm)]
    limits: Annotated[list[int], "i8", len(InstrumentLimit)]
    bid: I8
    ask: I8
    bid_quantity: I8
    ask_quantity: I8
    last: I8
    mark_half_ticks: I8  # what positions are valued at: the venue's mark, else mid, else last; twice its ticks
    mark_given_ns: I8  # a venue that gives marks is believed over its quotes
    data_ns: I8  # receive time of the newest price
    collar_price: I8  # the period's reference
    collar_ns: I8
    funding_ppb: I8
    funding_paid_ns: I8  # the venue's time of the newest payment
    unreconciled: I8
    paused: I8
    warned: I8  # bit per Reason whose use is above the warning share
    unrealised: I8
    net: Annotated[Position, Position]


class Strategy(TypedDict):
    """One strategy's standing."""

    limits: Annotated[list[int], "i8", len(StrategyLimit)]
    executions: I8  # entries in the present window
    executions_ns: I8  # when that window began
    throttled: I8
    paused: I8
    realised_day: I8  # realised less fees plus funding, since the day began
    warned: I8


class Venue(TypedDict):
    """One venue's standing."""

    limits: Annotated[list[int], "i8", len(VenueLimit)]
    connected: I8
    error_open: I8  # 0 closed, 1 open, 2 half open: one entry may probe, 3 the probe is out
    error_until_ns: I8
    opened_ns: I8  # the venue's time at which the desk took over what the account held: older fills are in that
    reconciled_ns: I8  # the venue's time up to which every fill is known
    messages: Annotated[RateWindow, RateWindow]
    results: Annotated[RateWindow, RateWindow]
    errors: Annotated[RateWindow, RateWindow]
    warned: I8


class Order(TypedDict):
    """One order. Its slot is `id % ORDERS`; a closed order stays until its slot is needed."""

    id: I8
    venue_order_id: I8
    tag: I8
    price: I8  # ticks; 0 for a market order
    trigger_price: I8
    quantity: I8
    filled: I8
    filled_cost: I8  # sum of ticks * lots
    fee: I8
    replace_price: I8
    replace_quantity: I8
    created_ns: I8
    updated_ns: I8
    working_lots: I8  # what it counts in the positions' working lots
    open_index: I8  # place in State.open_orders while it is open
    instrument: I2
    strategy: I2
    person: I2
    reason: U2
    status: U1
    order_type: U1
    time_in_force: U1
    flags: U1
    side: Annotated[int, "i1"]
    triggered: U1
    spare: U2


class Trade(TypedDict):
    """A trade id that was seen. Zero is an empty slot."""

    trade_id: I8
    instrument: I8
    side: I8
    venue_time_ns: I8


class Grade(TypedDict):
    """Where one graded metric stands."""

    terms: Annotated[list[int], "i8", len(MetricTerm)]
    value_ppm: I8
    level: I8
    level_ns: I8  # since when
    cooldown_ns: I8  # until when the level is held
    trips_day: I8


class Breaker(TypedDict):
    """The account-wide kill switch."""

    terms: Annotated[list[int], "i8", len(BreakerTerm)]
    stage: I8
    stage_ns: I8
    killed_ns: I8
    cooldown_ns: I8  # until when
    multiplier_ppm: I8
    peak: I8  # equity that the trip's drawdown is measured from
    recovery_peak: I8  # equity peak since the kill
    trips_day: I8
    raised: I8  # graded metrics above NORMAL
    locked: I8
    grades: Annotated[Records[Grade], Grade, len(Metric)]


class State(TypedDict):
    """All that the kernel knows: one flat block. Its bytes are the snapshot; their SHA-256 is the digest."""

    schema: I8
    time_ns: I8
    events: I8  # applied so far
    epoch: I8
    order_sequence: I8
    mode: I8
    simulated: I8
    session: I8  # 1 while a session runs
    instruments_count: I8
    strategies_count: I8
    venues_count: I8
    accounts_count: I8
    paused: I8
    flattening: I8
    equity: I8  # desk money
    equity_peak: I8
    equity_low: I8  # above this and up to equity_high no threshold can be met: a quote costs two comparisons
    equity_high: I8
    equity_day: I8  # at the day's begin, transfers of the day added
    housekeeping_ns: I8  # when timers are looked at next
    day_end_ns: I8
    equity_housed: I8  # equity when losses and margins were last looked at
    moved: I8  # by how much in all, up and down, marks have moved equity since then
    slack: I8  # while they have moved it by less, no loss, margin or position can have met or left its limit
    emitted: I8  # actions written by the present event; 0 between events
    unacknowledged: I8  # warnings and anomalies that no person has acknowledged
    day: I8
    refused: I8
    fills_unmatched: I8  # fills of orders the table no longer holds
    trade_cursor: I8
    trade_horizon_ns: I8  # venue time of the newest trade id forgotten
    open_count: I8
    warned: I8
    limits: Annotated[list[int], "i8", len(DeskLimit)]
    reasons: Annotated[list[int], "i8", 96]  # how often each Reason was given
    kinds: Annotated[list[int], "i8", 128]  # how many events of each kind
    order_rate: Annotated[RateWindow, RateWindow]
    breaker: Annotated[Breaker, Breaker]
    venues: Annotated[Records[Venue], Venue, VENUES]
    accounts: Annotated[Records[Account], Account, ACCOUNTS]
    strategies: Annotated[Records[Strategy], Strategy, STRATEGIES]
    instruments: Annotated[Records[Instrument], Instrument, INSTRUMENTS]
    positions: Annotated[Records[Position], Position, STRATEGIES * INSTRUMENTS]
    orders: Annotated[Records[Order], Order, ORDERS]
    open_orders: Annotated[list[int], "i8", ORDERS]  # slots of open orders, dense
    trades: Annotated[Records[Trade], Trade, TRADES]
    trade_index: Annotated[list[int], "i8", 2 * TRADES]  # hash table into `trades`, +1; 0 is empty


EVENT: Final = _event_dtype()
STATE: Final = record_dtype(State)

assert EVENT.itemsize == 64
assert max(Reason) < 96
