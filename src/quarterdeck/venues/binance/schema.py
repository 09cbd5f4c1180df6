"""Binance's JSON, as far as it is read here: typed records that one pass of msgspec fills and checks.

Names are the venue's: whole words in its answers, single letters on its streams. What is not named is skipped. Money,
prices and sizes are texts on this wire. One record serves spot and futures where they differ only by what is left out.
"""

from typing import Any, Literal

import msgspec

__all__ = [
    "AccountOrder",
    "AccountTrade",
    "AccountUpdate",
    "AggTrade",
    "BookTicker",
    "Combined",
    "DepthDiff",
    "ExchangeInfo",
    "Failure",
    "Filter",
    "FuturesAccount",
    "FuturesAsset",
    "FuturesPosition",
    "Income",
    "ListenKey",
    "MarkPrice",
    "OrderTradeUpdate",
    "RateLimit",
    "Restrictions",
    "Said",
    "ServerTime",
    "Snapshot",
    "SpotAccount",
    "SpotBalance",
    "StreamOrder",
    "SymbolInfo",
    "Ticker",
    "WireSide",
    "WsAnswer",
]

WireSide = Literal["BUY", "SELL"]


class _Wire(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """Immutable, camel case on the wire."""


class _Letters(msgspec.Struct, gc=False, frozen=True):
    """Immutable, single letters on the wire."""


# Answers.


class ServerTime(_Wire, frozen=True):
    server_time: int


class Failure(_Wire, frozen=True):
    """What is said instead of an answer."""

    code: int = 0
    msg: str = ""


class Filter(_Wire, frozen=True):
    """One rule of a symbol; each `filterType` has fields of its own."""

    filter_type: str
    tick_size: str = ""
    step_size: str = ""
    min_qty: str = ""
    max_qty: str = ""
    min_notional: str = ""  # spot
    notional: str = ""  # futures


class SymbolInfo(_Wire, frozen=True):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[Filter]
    contract_type: str = ""
    margin_asset: str = ""


class RateLimit(_Wire, frozen=True):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class ExchangeInfo(_Wire, frozen=True):
    symbols: list[SymbolInfo]
    rate_limits: list[RateLimit] = []
    server_time: int = 0


class Snapshot(_Wire, frozen=True):
    """A whole book: lists of [price, size] that are still text. Futures say when, spot does not."""

    last_update_id: int
    bids: msgspec.Raw
    asks: msgspec.Raw
    event_time: int = msgspec.field(default=0, name="E")


class Ticker(_Wire, frozen=True):
    """Best prices; "0.00000000" where nobody offers."""

    bid_price: str
    ask_price: str


class AccountOrder(_Wire, frozen=True):
    """An order in an answer. Of a cancelled spot order, `orig_client_order_id` is the one that was placed."""

    symbol: str
    order_id: int
    client_order_id: str
    price: str
    orig_qty: str
    executed_qty: str
    status: str
    side: WireSide
    stop_price: str = "0"
    reduce_only: bool = False
    orig_client_order_id: str = ""
    time: int = 0
    update_time: int = 0
    transact_time: int = 0


class AccountTrade(_Wire, frozen=True):
    """A fill in an answer: it does not say the client's order id. Spot says isBuyer and isMaker, futures the others."""

    symbol: str
    id: int
    order_id: int
    price: str
    qty: str
    commission: str
    commission_asset: str
    time: int
    is_buyer: bool | None = None
    is_maker: bool | None = None
    buyer: bool | None = None
    maker: bool | None = None


class SpotBalance(_Wire, frozen=True):
    asset: str
    free: str
    locked: str


class SpotAccount(_Wire, frozen=True):
    balances: list[SpotBalance]
    update_time: int = 0
    can_trade: bool = True


class FuturesAsset(_Wire, frozen=True):
    asset: str
    wallet_balance: str
    update_time: int = 0


class FuturesPosition(_Wire, frozen=True):
    """`position_amt` and `notional` are signed as the position is."""

    symbol: str
    position_amt: str
    unrealized_profit: str
    notional: str
    position_side: str = "BOTH"
    update_time: int = 0


class FuturesAccount(_Wire, frozen=True):
    assets: list[FuturesAsset]
    positions: list[FuturesPosition]


class Income(_Wire, frozen=True):
    income_type: str
    income: str
    asset: str
    time: int
    symbol: str = ""


class ListenKey(_Wire, frozen=True):
    listen_key: str


class Restrictions(_Wire, frozen=True):
    """What a key may do."""

    enable_withdrawals: bool
    enable_reading: bool = True
    enable_futures: bool = False
    enable_spot_and_margin_trading: bool = False


# Market streams.


class Combined(_Wire, frozen=True):
    """What /stream wraps each message in. An answer to a subscription has neither."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


class AggTrade(_Letters, frozen=True):
    """Fills of one taker order at one price."""

    s: str
    a: int  # its id
    p: str
    q: str
    T: int  # when it traded
    m: bool  # the buyer was the maker: the aggressor sold


class BookTicker(_Letters, frozen=True):
    """Best bid and ask. Spot says no time; a side that nobody offers has a size of 0."""

    u: int
    s: str
    b: str
    B: str
    a: str
    A: str
    T: int = 0
    E: int = 0


class DepthDiff(_Letters, frozen=True):
    """Levels that have changed; a size of 0 takes one away. `pu` is the last `u` before it (futures).

    `b` and `a` are lists of [price, size] that are still text: see `venues.levels`.
    """

    s: str
    E: int
    U: int
    u: int
    b: msgspec.Raw
    a: msgspec.Raw
    pu: int = -1
    T: int = 0


class MarkPrice(_Letters, frozen=True):
    s: str
    E: int
    p: str
    r: str = ""  # funding; empty where the symbol pays none


# The account's own stream.


class Said(msgspec.Struct, gc=False, frozen=True):
    """What kind of message it is. Spot wraps them in `event`, with a number in front."""

    e: str = ""
    event: msgspec.Raw = msgspec.Raw(b"")
    id: Any = None


class StreamOrder(msgspec.Struct, gc=False, frozen=True):
    """An execution report: spot's whole message, and the `o` of futures' ORDER_TRADE_UPDATE."""

    s: str
    c: str
    S: WireSide
    q: str
    p: str
    x: str  # what happened: NEW, CANCELED, REPLACED, REJECTED, TRADE, EXPIRED, ...
    X: str  # where it stands
    i: int
    l: str  # noqa: E741 - the venue's own letter: what was filled by this
    z: str  # what is filled in all
    L: str  # at which price
    T: int
    t: int = 0  # the trade's id
    m: bool = False
    n: str | None = None  # the fee
    N: str | None = None  # in what
    C: str = ""  # spot: the placed order's id where `c` is its cancel's
    r: str = ""
    P: str = "0"  # spot's trigger price
    sp: str = "0"  # futures'
    R: bool = False


class OrderTradeUpdate(msgspec.Struct, gc=False, frozen=True):
    o: StreamOrder
    E: int
    T: int = 0


class _Change(msgspec.Struct, gc=False, frozen=True):
    m: str = ""


class AccountUpdate(msgspec.Struct, gc=False, frozen=True):
    """Why the account has changed; FUNDING_FEE does not say of which instrument."""

    a: _Change
    E: int = 0
    T: int = 0


class WsAnswer(msgspec.Struct, gc=False, frozen=True):
    """An answer of the websocket API."""

    status: int
    id: Any = None
    error: Failure | None = None
