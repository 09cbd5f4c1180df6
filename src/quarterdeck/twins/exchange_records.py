"""The practice exchange's own words: what is traded there, an order, a trade, an account, and why it says no.

Whole ticks, whole lots, whole money units, UTC nanoseconds. Nothing here is shared with the desks that trade there: a
mistake in their vocabulary must not be a mistake in this one too.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

__all__ = ["Force", "Holder", "Kind", "Listing", "News", "Order", "Position", "Quote", "Side", "Status", "Trade", "Why"]


class Side(IntEnum):
    BUY = 1
    SELL = -1


class Kind(StrEnum):
    LIMIT = "limit"
    MARKET = "market"
    STOP = "stop"  # market once the trigger is reached
    STOP_LIMIT = "stop_limit"


class Force(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    DAY = "day"  # ends at the next midnight UTC


class Status(StrEnum):
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Why(StrEnum):
    """Why something was refused, or an order ended before it was filled."""

    NONE = "none"
    DUPLICATE = "duplicate"  # this account used the client id before, whatever came of it
    MALFORMED = "malformed"
    TOO_LATE = "too_late"  # past the request's own expiry
    UNKNOWN_ORDER = "unknown_order"
    CLOSED_ORDER = "closed_order"  # canceled, filled or expired already
    WOULD_CROSS = "would_cross"  # post-only
    NOTHING_TO_REDUCE = "nothing_to_reduce"  # reduce-only
    NO_LIQUIDITY = "no_liquidity"  # what is left of a market, IOC or FOK order
    ALREADY_FILLED = "already_filled"  # an amendment below what is filled
    HALTED = "halted"
    RATE_LIMIT = "rate_limit"
    ASKED = "asked"  # canceled because its owner asked for it
    DAY_END = "day_end"


@dataclass(frozen=True, slots=True)
class Listing:
    """What is traded: `value` is money units of one tick of one lot, `purse` the currency that settles it.

    A margined instrument moves cash only by results and fees, any other by its whole price.
    """

    value: int
    purse: int = 0
    margined: bool = False
    maker_fee_ppb: int = 0
    taker_fee_ppb: int = 0


@dataclass(slots=True)
class Quote:
    """The market outside the accounts: best prices in ticks and what is offered there; 0: nothing."""

    bid: int = 0
    ask: int = 0
    bid_lots: int = 0
    ask_lots: int = 0


@dataclass(slots=True, eq=False)
class Order:
    """One order of one account. Closed orders are kept for ever."""

    venue_order_id: int
    client_id: str
    account: int
    instrument: int
    side: int
    kind: Kind
    force: Force
    price: int
    trigger_price: int
    quantity: int
    post_only: bool
    reduce_only: bool
    updated_ns: int
    filled: int = 0
    status: Status = Status.ACCEPTED
    why: Why = Why.NONE
    priority: int = 0  # its place in time among orders of one price
    waiting: bool = False  # a stop whose trigger was not reached
    cancel_ns: int = 0  # when a cancel that was noted takes effect; 0: none

    @property
    def open(self) -> bool:
        return self.status is Status.ACCEPTED or self.status is Status.PARTIALLY_FILLED

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled


@dataclass(frozen=True, slots=True)
class Trade:
    """One side of one trade. `fee` in money units of the listing's purse, negative for a rebate."""

    trade_id: int
    venue_order_id: int
    client_id: str
    account: int
    instrument: int
    side: int
    price: int
    quantity: int
    fee: int
    maker: bool
    time_ns: int


@dataclass(slots=True)
class Position:
    """Signed lots, and what they cost in money units with the same sign."""

    quantity: int = 0
    cost: int = 0


@dataclass(slots=True)
class Holder:
    """All that an account has, and all that it ever did."""

    cash: list[int]
    positions: list[Position]
    orders: dict[str, Order] = field(default_factory=dict[str, Order])  # by client id, closed ones too
    open_orders: dict[int, Order] = field(default_factory=dict[int, Order])  # by venue order id, oldest first
    trades: list[Trade] = field(default_factory=list[Trade])  # oldest first
    second: int = 0  # in which requests are counted
    requests: int = 0


@dataclass(frozen=True, slots=True)
class News:
    """What changed for one account: its trades in order, and its orders as they now are."""

    account: int
    trades: tuple[Trade, ...]
    orders: tuple[Order, ...]
