"""Which fields of a record mean something, for each kind: what `journal cat` shows, and nothing else.

The same place of a record carries another name for each kind; this table says which name to read. It follows the
docstring of `kernel.records.Event`.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from quarterdeck.kernel.vocabulary import (
    BreakerStage,
    BreakerTerm,
    ConnectionState,
    Decision,
    DeskLimit,
    EventKind,
    Flag,
    InstrumentLimit,
    InstrumentTerm,
    LedgerAccount,
    Metric,
    MetricLevel,
    MetricTerm,
    OrderType,
    Reason,
    SessionMode,
    StrategyLimit,
    Table,
    TimeInForce,
    VenueLimit,
)

__all__ = ["COLUMN_WORDS", "FIELDS", "REQUEST_KINDS", "SIDED_KINDS", "Field", "flag_names"]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a record says: the name it is shown by, the record's column, and the words of its numbers."""

    name: str
    column: str
    words: type[IntEnum] | None = None


def _plain(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, name) for name in names)


_REASON: Final = Field("reason", "reason", Reason)
_WHY: Final = (_REASON, Field("person", "person"))
_WHERE: Final = _plain("instrument", "strategy")
_VENUE: Final = (Field("venue", "instrument"),)
_ACCOUNT: Final = (Field("account", "row"),)
_TERMS: Final = (Field("order_type", "order_type", OrderType), Field("time_in_force", "time_in_force", TimeInForce))
_ASKED: Final = (*_WHERE, *_plain("price", "quantity", "trigger_price", "tag"), *_TERMS, *_WHY)
_SENT: Final = (*_WHERE, *_plain("order_id", "price", "quantity", "trigger_price", "tag"), *_TERMS, *_WHY)
_REPORTED: Final = (*_WHERE, *_plain("order_id"))
_REJECTED: Final = (*_REPORTED, Field("reason", "value", Reason))
_COMMANDED: Final = (*_WHERE, *_WHY)
_NOTICED: Final = (*_WHERE, _REASON)

FIELDS: Final[dict[EventKind, tuple[Field, ...]]] = {
    EventKind.NONE: (),
    EventKind.QUOTE: _plain("instrument", "bid", "ask", "bid_quantity", "ask_quantity", "update_id"),
    EventKind.TRADE: _plain("instrument", "price", "quantity", "trade_id"),
    EventKind.LEVEL: _plain("instrument", "price", "quantity", "update_id"),
    EventKind.BOOK_CLEAR: _plain("instrument", "update_id"),
    EventKind.BAR: _plain("instrument", "open", "high", "low", "close", "volume"),
    EventKind.MARK: _plain("instrument", "mark"),
    EventKind.FUNDING: (Field("instrument", "instrument"), Field("rate_ppb", "rate")),
    EventKind.ORDER_REQUEST: _ASKED,
    EventKind.CANCEL_REQUEST: (*_WHERE, *_plain("order_id"), *_WHY),
    EventKind.CANCEL_ALL_REQUEST: _COMMANDED,
    EventKind.REPLACE_REQUEST: (*_WHERE, *_plain("order_id", "price", "quantity"), *_WHY),
    EventKind.ORDER_ACCEPTED: (*_REPORTED, *_plain("venue_order_id")),
    EventKind.ORDER_REJECTED: _REJECTED,
    EventKind.FILL: (*_REPORTED, *_plain("price", "quantity", "trade_id", "fee")),
    EventKind.ORDER_CANCELED: _REPORTED,
    EventKind.ORDER_EXPIRED: _REPORTED,
    EventKind.ORDER_UNKNOWN: _REPORTED,
    EventKind.ORDER_NOT_FOUND: _REPORTED,
    EventKind.ORDER_REPLACED: (*_REPORTED, *_plain("price", "quantity", "venue_order_id")),
    EventKind.CANCEL_REJECTED: _REPORTED,
    EventKind.REPLACE_REJECTED: _REPORTED,
    EventKind.ORDER_ADOPTED: (*_WHERE, *_plain("price", "quantity", "venue_order_id")),
    EventKind.CONNECTION: (*_VENUE, Field("connection", "value", ConnectionState)),
    EventKind.VENUE_RESULT: _VENUE,
    EventKind.BALANCE: (*_ACCOUNT, *_plain("amount")),
    EventKind.POSITION_ADOPTED: (*_WHERE, *_plain("price", "quantity")),
    EventKind.TRANSFER: (*_ACCOUNT, *_plain("amount")),
    EventKind.FUNDING_PAYMENT: (*_WHERE, *_plain("amount")),
    EventKind.CHARGE: (
        *(*_WHERE, *_ACCOUNT, *_plain("amount"), Field("ledger_account", "column", LedgerAccount)),
        *(*_plain("trade_id"), Field("order_id", "tag")),
    ),
    EventKind.SPLIT: _plain("instrument", "numerator", "denominator"),
    EventKind.TICK_SIZE_CHANGE: (*_plain("instrument", "numerator", "denominator"), Field("value", "aux")),
    EventKind.DELISTING: _plain("instrument"),
    EventKind.RECONCILIATION: (*_WHERE, Field("differs", "value")),
    EventKind.RECONCILED: (Field("venue", "instrument"), Field("until_ns", "value")),
    EventKind.CURRENCY_RATE: (*_ACCOUNT, Field("rate_ppb", "rate")),
    EventKind.PAUSE: _COMMANDED,
    EventKind.RESUME: _COMMANDED,
    EventKind.KILL: _COMMANDED,
    EventKind.FLATTEN: _COMMANDED,
    EventKind.LOCK: _COMMANDED,
    EventKind.UNLOCK: _COMMANDED,
    EventKind.THROTTLE_RESET: _COMMANDED,
    EventKind.CONFIGURE: (Field("table", "table", Table), *_plain("row", "column", "setting")),
    EventKind.ACKNOWLEDGE: (Field("person", "person"),),
    EventKind.CLOCK: (),
    EventKind.SESSION_START: (*_plain("epoch"), Field("mode", "value", SessionMode)),
    EventKind.SESSION_END: (),
    EventKind.METRIC: (Field("metric", "metric", Metric), Field("value_ppm", "value")),
    EventKind.SEAL: (),
    EventKind.CONTINUATION: (),
    EventKind.NOTE: (),
    EventKind.SUBMIT: _SENT,
    EventKind.CANCEL: (*_WHERE, *_plain("order_id"), Field("venue_order_id", "tag"), *_WHY),
    EventKind.REPLACE: (*_WHERE, *_plain("order_id", "price", "quantity"), *_WHY),
    EventKind.DECISION: (
        *(*_WHERE, *_plain("order_id", "price"), Field("decision", "decision", Decision)),
        *(Field("quantity_approved", "quantity"), Field("quantity_asked", "trigger_price"), *_plain("tag")),
        *(*_TERMS, *_WHY),
    ),
    EventKind.WARNING: (*_plain("instrument"), _REASON, Field("used", "price"), Field("limit", "quantity")),
    EventKind.BREAKER_CHANGE: (
        *(Field("stage_before", "price", BreakerStage), Field("stage", "quantity", BreakerStage)),
        *(Field("multiplier_ppm", "order_id"), Field("equity", "trigger_price"), *_WHY),
    ),
    EventKind.METRIC_CHANGE: (
        *(Field("metric", "price", Metric), Field("level", "quantity", MetricLevel), Field("value_ppm", "order_id")),
    ),
    EventKind.ANOMALY: (*_NOTICED, Field("reported", "price", EventKind), *_plain("order_id", "quantity")),
    EventKind.REFUSED: (_REASON, Field("refused", "price", EventKind), *_plain("order_id")),
    EventKind.LIQUIDATION: (*_NOTICED, *_plain("quantity")),
    EventKind.THROTTLED: (*_plain("strategy"), _REASON),
    EventKind.FLATTENED: (*_WHERE, Field("person", "person")),
}

# In these the bit SELL is a side; a record without it is a BUY.
SIDED_KINDS: Final = frozenset(
    {
        *(EventKind.TRADE, EventKind.LEVEL, EventKind.ORDER_REQUEST, EventKind.FILL, EventKind.ORDER_ADOPTED),
        *(EventKind.SUBMIT, EventKind.DECISION, EventKind.LIQUIDATION),
    }
)

# In these the bit that LIQUIDATED and SETTLE share means SETTLE.
_SETTLED_KINDS: Final = frozenset({EventKind.FUNDING, EventKind.SESSION_START})

# In these the place of the venue's time carries order type, time in force, reason and person.
REQUEST_KINDS: Final = frozenset(
    kind for kind, fields in FIELDS.items() if any(field.column in {"order_type", "reason"} for field in fields)
)

# What the column of a CONFIGURE event counts, for each table.
COLUMN_WORDS: Final[dict[Table, type[IntEnum]]] = {
    Table.INSTRUMENT_TERM: InstrumentTerm,
    Table.INSTRUMENT_LIMIT: InstrumentLimit,
    Table.STRATEGY_LIMIT: StrategyLimit,
    Table.VENUE_LIMIT: VenueLimit,
    Table.DESK_LIMIT: DeskLimit,
    Table.BREAKER_TERM: BreakerTerm,
    Table.METRIC_TERM: MetricTerm,
}


def flag_names(kind: EventKind, flags: int) -> list[str]:
    """Returns the names of the bits of an event's `flags`, lowest first."""
    names = {flag.value: flag.name for flag in Flag}
    names[Flag.SETTLE] = "SETTLE" if kind in _SETTLED_KINDS else "LIQUIDATED"
    return [names[bit] for bit in sorted(names) if flags & bit]
