"""The practice exchange's wire format, as a desk sees it: one JSON object per message, named by its `type`.

Orders go by client id; instruments and purses are the exchange's own row numbers. Every figure has bounds, so that no
message can bring in what the kernel does not hold.
"""

from typing import Annotated, Final, TypeAlias

import msgspec

from quarterdeck.kernel.vocabulary import OrderStatus, OrderType, Reason, Side, TimeInForce

__all__ = [
    "FORCES",
    "KINDS",
    "REASONS",
    "STATUSES",
    "WireAccount",
    "WireAmend",
    "WireAnswer",
    "WireAskAccount",
    "WireAskFills",
    "WireAskOrder",
    "WireAskOrders",
    "WireBusy",
    "WireCancel",
    "WireFill",
    "WireFills",
    "WireFillsNews",
    "WireOrder",
    "WireOrderAnswer",
    "WireOrderNews",
    "WireOrders",
    "WirePlace",
    "WireQuotes",
    "WireRefused",
    "WireTaken",
]

Row = Annotated[int, msgspec.Meta(ge=0, lt=2**15)]
Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Ticks = Annotated[int, msgspec.Meta(ge=0, lt=2**42)]
Lots = Annotated[int, msgspec.Meta(ge=0, lt=2**42)]
Signed = Annotated[int, msgspec.Meta(gt=-(2**42), lt=2**42)]
Money = Annotated[int, msgspec.Meta(gt=-(2**60), lt=2**60)]
Time = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
Text = Annotated[str, msgspec.Meta(max_length=200)]

KINDS: Final = {
    OrderType.LIMIT: "limit",
    OrderType.MARKET: "market",
    OrderType.STOP: "stop",
    OrderType.STOP_LIMIT: "stop_limit",
}
FORCES: Final = {TimeInForce.GTC: "gtc", TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok", TimeInForce.DAY: "day"}
STATUSES: Final = {
    "accepted": OrderStatus.ACCEPTED,
    "partially_filled": OrderStatus.PARTIALLY_FILLED,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "rejected": OrderStatus.REJECTED,
    "expired": OrderStatus.EXPIRED,
}
# What the exchange gives as the reason of a refusal or an end; anything else is VENUE_REJECTED.
REASONS: Final = {
    "none": Reason.NONE,
    "asked": Reason.NONE,
    "duplicate": Reason.DUPLICATE_ORDER,
    "too_late": Reason.STALE_DATA,
    "malformed": Reason.ORDER_SHAPE_INVALID,
    "unknown_order": Reason.UNKNOWN_ORDER,
    "closed_order": Reason.UNKNOWN_ORDER,
    "would_cross": Reason.POST_ONLY_WOULD_CROSS,
    "nothing_to_reduce": Reason.REDUCE_ONLY_WOULD_INCREASE,
    "no_liquidity": Reason.NO_LIQUIDITY,
    "day_end": Reason.SESSION_CLOSED,
}


class _Wire(msgspec.Struct, frozen=True, gc=False, tag_field="type", kw_only=True):
    """One message. The tag is the class's name without `Wire`."""


def _tag(name: str) -> str:
    return name.removeprefix("Wire")


class WirePlace(_Wire, frozen=True, tag=_tag):
    request_id: int
    client_id: str
    instrument: int
    side: int
    kind: str
    force: str
    price: int
    trigger_price: int
    quantity: int
    post_only: bool
    reduce_only: bool
    expires_ns: int


class WireCancel(_Wire, frozen=True, tag=_tag):
    request_id: int
    client_id: str
    venue_order_id: int


class WireAmend(_Wire, frozen=True, tag=_tag):
    request_id: int
    client_id: str
    venue_order_id: int
    price: int
    trigger_price: int
    quantity: int
    expires_ns: int


class WireAskOrder(_Wire, frozen=True, tag=_tag):
    request_id: int
    client_id: str
    venue_order_id: int


class WireAskOrders(_Wire, frozen=True, tag=_tag):
    request_id: int


class WireAskFills(_Wire, frozen=True, tag=_tag):
    request_id: int
    since_ns: int


class WireAskAccount(_Wire, frozen=True, tag=_tag):
    request_id: int


class WireOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An order as the exchange sees it."""

    client_id: Text
    venue_order_id: Id
    instrument: Row
    side: Side
    price: Ticks
    trigger_price: Ticks
    quantity: Lots
    filled: Lots
    status: Text
    why: Text
    reduce_only: bool
    time_ns: Time


class WireFill(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One fill."""

    trade_id: Annotated[int, msgspec.Meta(gt=0, le=2**63 - 1)]
    client_id: Text
    venue_order_id: Id
    instrument: Row
    side: Side
    price: Annotated[int, msgspec.Meta(gt=0, lt=2**42)]
    quantity: Annotated[int, msgspec.Meta(gt=0, lt=2**42)]
    fee: Money
    maker: bool
    time_ns: Time


class WireTaken(_Wire, frozen=True, tag=_tag):
    request_id: Id
    venue_order_id: Id
    filled: Lots
    final: bool


class WireRefused(_Wire, frozen=True, tag=_tag):
    request_id: Id
    why: Text
    error: bool


class WireBusy(_Wire, frozen=True, tag=_tag):
    """Asked too often: the request was not read."""

    request_id: Id


class WireOrderAnswer(_Wire, frozen=True, tag=_tag):
    request_id: Id
    order: WireOrder | None


class WireOrders(_Wire, frozen=True, tag=_tag):
    request_id: Id
    orders: tuple[WireOrder, ...]


class WireFills(_Wire, frozen=True, tag=_tag):
    request_id: Id
    fills: tuple[WireFill, ...]
    until_ns: Annotated[int, msgspec.Meta(ge=-1, lt=2**62)]
    more: bool


class WireAccount(_Wire, frozen=True, tag=_tag):
    """`holdings`: (instrument, signed lots, average price in ticks, paid for them); `balances`: (purse, cash)."""

    request_id: Id
    holdings: tuple[tuple[Row, Signed, Ticks, Money], ...]
    balances: tuple[tuple[Row, Money], ...]
    time_ns: Time


class WireOrderNews(_Wire, frozen=True, tag=_tag):
    orders: tuple[WireOrder, ...]


class WireFillsNews(_Wire, frozen=True, tag=_tag):
    fills: tuple[WireFill, ...]


class WireQuotes(_Wire, frozen=True, tag=_tag):
    """(instrument, bid, ask, bid lots, ask lots), all of one moment."""

    quotes: tuple[tuple[Row, Ticks, Ticks, Lots, Lots], ...]
    time_ns: Time


WireAnswer: TypeAlias = (
    WireTaken
    | WireRefused
    | WireBusy
    | WireOrderAnswer
    | WireOrders
    | WireFills
    | WireAccount
    | WireOrderNews
    | WireFillsNews
    | WireQuotes
)
