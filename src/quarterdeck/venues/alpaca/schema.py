"""Alpaca's JSON and MessagePack, as far as they are read here: typed records that one pass of msgspec fills and checks.

Names are the venue's. What is not named is skipped. A `Figure` is a decimal text; a number is taken for its text.
"""

from typing import Literal, TypeAlias

import msgspec
from msgspec.msgpack import Ext

__all__ = [
    "DATA_KINDS_IGNORED",
    "Account",
    "Activity",
    "Asset",
    "Authorization",
    "AuthorizationData",
    "CalendarDay",
    "Clock",
    "DataBar",
    "DataError",
    "DataMessage",
    "DataQuote",
    "DataStatus",
    "DataSubscription",
    "DataSuccess",
    "DataTrade",
    "Figure",
    "Listening",
    "ListeningData",
    "Order",
    "Position",
    "Problem",
    "StreamError",
    "StreamErrorData",
    "StreamMessage",
    "TradeUpdate",
    "TradeUpdates",
    "WireSide",
]

Figure: TypeAlias = str | int | float | None
WireSide = Literal["buy", "sell", "sell_short"]


class _Wire(msgspec.Struct, gc=False, frozen=True):
    """Immutable."""


# REST.


class Problem(_Wire, frozen=True):
    """The body of a refusal."""

    message: str = ""
    code: int = 0


class Account(_Wire, frozen=True):
    status: str
    cash: Figure
    currency: str = "USD"
    trading_blocked: bool = False
    account_blocked: bool = False
    trade_suspended_by_user: bool = False
    shorting_enabled: bool = True


class Asset(_Wire, frozen=True):
    """Increments are named for some assets alone."""

    symbol: str
    status: str
    tradable: bool
    asset_class: str = msgspec.field(name="class", default="us_equity")
    shortable: bool = False
    fractionable: bool = False
    min_order_size: Figure = None
    min_trade_increment: Figure = None
    price_increment: Figure = None


class Clock(_Wire, frozen=True):
    timestamp: str
    is_open: bool
    next_open: str
    next_close: str


class CalendarDay(_Wire, frozen=True):
    """A day on which the market trades, its hours in the exchanges' zone: "09:30"."""

    date: str
    open: str
    close: str


class Position(_Wire, frozen=True):
    symbol: str
    qty: Figure
    side: str
    cost_basis: Figure
    avg_entry_price: Figure = None


class Order(_Wire, frozen=True):
    """An order; `qty` is missing where it is for an amount of money."""

    id: str
    client_order_id: str
    symbol: str
    side: WireSide
    status: str
    qty: Figure = None
    filled_qty: Figure = None
    limit_price: Figure = None
    stop_price: Figure = None
    submitted_at: str | None = None
    updated_at: str | None = None
    replaced_by: str | None = None
    legs: list["Order"] | None = None


class Activity(_Wire, frozen=True):
    """A row of account/activities/FILL. Its id is "TIME::EXECUTION", the execution that trade_updates told."""

    id: str
    order_id: str
    symbol: str
    side: WireSide
    price: Figure
    qty: Figure
    transaction_time: str
    cum_qty: Figure = None


# /stream: JSON in binary frames.


class AuthorizationData(_Wire, frozen=True):
    status: str


class Authorization(_Wire, frozen=True, tag_field="stream", tag="authorization"):
    data: AuthorizationData


class ListeningData(_Wire, frozen=True):
    streams: list[str] | None = None
    error: str = ""


class Listening(_Wire, frozen=True, tag_field="stream", tag="listening"):
    data: ListeningData


class TradeUpdate(_Wire, frozen=True):
    """`execution_id`, `price` and `qty` say of a fill what it was; other events have an execution of no use here."""

    event: str
    order: Order
    timestamp: str | None = None
    execution_id: str | None = None
    price: Figure = None
    qty: Figure = None


class TradeUpdates(_Wire, frozen=True, tag_field="stream", tag="trade_updates"):
    data: TradeUpdate


class StreamErrorData(_Wire, frozen=True):
    code: int = 0
    message: str = ""


class StreamError(_Wire, frozen=True, tag_field="stream", tag="error"):
    data: StreamErrorData


StreamMessage: TypeAlias = Authorization | Listening | TradeUpdates | StreamError


# The data stream: MessagePack. Names are one letter on this wire.


class DataSuccess(_Wire, frozen=True, tag_field="T", tag="success"):
    msg: str


class DataError(_Wire, frozen=True, tag_field="T", tag="error"):
    code: int = 0
    msg: str = ""


class DataSubscription(_Wire, frozen=True, tag_field="T", tag="subscription"):
    trades: list[str] = []
    quotes: list[str] = []
    bars: list[str] = []
    statuses: list[str] = []


class DataTrade(_Wire, frozen=True, tag_field="T", tag="t"):
    symbol: str = msgspec.field(name="S")
    trade_id: int = msgspec.field(name="i")
    price: float = msgspec.field(name="p")
    size: float = msgspec.field(name="s")
    time: Ext = msgspec.field(name="t")
    conditions: list[str] | None = msgspec.field(name="c", default=None)


class DataQuote(_Wire, frozen=True, tag_field="T", tag="q"):
    symbol: str = msgspec.field(name="S")
    bid: float = msgspec.field(name="bp")
    bid_size: float = msgspec.field(name="bs")
    ask: float = msgspec.field(name="ap")
    ask_size: float = msgspec.field(name="as")
    time: Ext = msgspec.field(name="t")


class DataBar(_Wire, frozen=True, tag_field="T", tag="b"):
    """A minute; `time` is its beginning."""

    symbol: str = msgspec.field(name="S")
    open: float = msgspec.field(name="o")
    high: float = msgspec.field(name="h")
    low: float = msgspec.field(name="l")
    close: float = msgspec.field(name="c")
    volume: float = msgspec.field(name="v")
    time: Ext = msgspec.field(name="t")


class DataStatus(_Wire, frozen=True, tag_field="T", tag="s"):
    """Trading in a symbol was halted or goes on: the code is the tape's own."""

    symbol: str = msgspec.field(name="S")
    code: str = msgspec.field(name="sc")
    text: str = msgspec.field(name="sm", default="")
    reason: str = msgspec.field(name="rm", default="")


class _Correction(_Wire, frozen=True, tag_field="T", tag="c"):
    """Sent with every subscription to trades: a correction of one that was told."""


class _CancelError(_Wire, frozen=True, tag_field="T", tag="x"):
    """Sent with every subscription to trades: one that was told is void."""


class _Bands(_Wire, frozen=True, tag_field="T", tag="l"):
    """Limit up, limit down."""


DATA_KINDS_IGNORED = (_Correction, _CancelError, _Bands)
DataMessage: TypeAlias = (
    DataSuccess
    | DataError
    | DataSubscription
    | DataTrade
    | DataQuote
    | DataBar
    | DataStatus
    | _Correction
    | _CancelError
    | _Bands
)
