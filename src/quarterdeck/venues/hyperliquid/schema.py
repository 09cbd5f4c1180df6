"""Hyperliquid's JSON, as far as it is read here: typed records that one pass of msgspec fills and checks.

Names are the venue's. What is not named is skipped. Numbers that are money, prices or sizes are texts on this wire.
"""

from typing import Literal, TypeAlias

import msgspec

__all__ = [
    "AssetMeta",
    "AssetPosition",
    "BasicOrder",
    "BboData",
    "BookData",
    "ClearinghouseState",
    "Context",
    "ContextData",
    "ExchangeReply",
    "Fill",
    "FillLiquidation",
    "FillsData",
    "FundingEntry",
    "FundingRow",
    "FundingsData",
    "Liquidation",
    "MarginSummary",
    "Meta",
    "OrderStatusReply",
    "OrderUpdate",
    "Position",
    "SpotBalance",
    "SpotMeta",
    "SpotPair",
    "SpotState",
    "SpotToken",
    "StreamMessage",
    "Subscribed",
    "UserData",
    "UserRole",
    "WireBbo",
    "WireBook",
    "WireContext",
    "WireFills",
    "WireFundings",
    "WireLevel",
    "WireLevels",
    "WireOrders",
    "WirePong",
    "WireRefusal",
    "WireSide",
    "WireSpotContext",
    "WireSubscribed",
    "WireTrade",
    "WireTrades",
    "WireUser",
]

WireSide = Literal["A", "B"]  # ask, bid: who sells, who buys


class _Wire(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """Immutable, camel case on the wire."""


# Lists of what is traded.


class AssetMeta(_Wire, frozen=True):
    name: str
    sz_decimals: int
    max_leverage: int = 1
    is_delisted: bool = False


class Meta(_Wire, frozen=True):
    """Perpetuals. An asset's id is its place in the list."""

    universe: list[AssetMeta]


class SpotToken(_Wire, frozen=True):
    name: str
    sz_decimals: int
    index: int


class SpotPair(_Wire, frozen=True):
    """A pair's asset id is 10,000 + index; `name` is the coin of its messages."""

    name: str
    tokens: tuple[int, int]
    index: int


class SpotMeta(_Wire, frozen=True):
    tokens: list[SpotToken]
    universe: list[SpotPair]


# Orders and fills.


class BasicOrder(_Wire, frozen=True):
    """An order in orderUpdates, openOrders and orderStatus; the latter two know more of it."""

    coin: str
    side: WireSide
    limit_px: str
    sz: str  # what is not filled
    oid: int
    timestamp: int
    orig_sz: str = ""
    cloid: str | None = None
    reduce_only: bool = False
    is_trigger: bool = False
    trigger_px: str = "0"
    tif: str | None = None


class OrderUpdate(_Wire, frozen=True):
    order: BasicOrder
    status: str
    status_timestamp: int


class OrderStatusReply(_Wire, frozen=True):
    status: str
    order: OrderUpdate | None = None


class FillLiquidation(_Wire, frozen=True):
    liquidated_user: str = ""


class Fill(_Wire, frozen=True):
    coin: str
    px: str
    sz: str
    side: WireSide
    time: int
    oid: int
    tid: int
    crossed: bool  # took liquidity
    fee: str
    fee_token: str = "USDC"
    cloid: str | None = None
    liquidation: FillLiquidation | None = None


# The account.


class Position(_Wire, frozen=True):
    coin: str
    szi: str
    unrealized_pnl: str
    entry_px: str | None = None
    position_value: str | None = None  # at the mark, without a sign


class AssetPosition(_Wire, frozen=True):
    position: Position


class MarginSummary(_Wire, frozen=True):
    account_value: str


class ClearinghouseState(_Wire, frozen=True):
    asset_positions: list[AssetPosition]
    margin_summary: MarginSummary
    time: int


class SpotBalance(_Wire, frozen=True):
    coin: str
    total: str
    token: int = -1
    entry_ntl: str = "0"


class SpotState(_Wire, frozen=True):
    balances: list[SpotBalance]


class FundingRow(_Wire, frozen=True):
    """A payment; `time` is 0 where it stands beside the row."""

    coin: str
    usdc: str
    time: int = 0
    szi: str = "0"
    funding_rate: str = "0"


class FundingEntry(_Wire, frozen=True):
    """A row of userFunding."""

    time: int
    delta: FundingRow


class UserRole(_Wire, frozen=True):
    role: str
    data: dict[str, str] | None = None


class ExchangeReply(_Wire, frozen=True):
    """`response` is a text where `status` is "err"."""

    status: str
    response: msgspec.Raw


# The websocket. Each message says its channel first.


class WireTrade(_Wire, frozen=True):
    coin: str
    side: WireSide  # the aggressor's
    px: str
    sz: str
    time: int
    tid: int


class WireLevel(_Wire, frozen=True):
    px: str
    sz: str


WireLevels: TypeAlias = tuple[list[WireLevel], list[WireLevel]]


class BookData(_Wire, frozen=True):
    """`levels` is a WireLevels that is still text: see `venues.levels`."""

    coin: str
    time: int
    levels: msgspec.Raw


class BboData(_Wire, frozen=True):
    coin: str
    time: int
    bbo: tuple[WireLevel | None, WireLevel | None]


class Context(_Wire, frozen=True):
    mark_px: str
    funding: str = "0"


class ContextData(_Wire, frozen=True):
    coin: str
    ctx: Context


class FillsData(_Wire, frozen=True):
    user: str
    fills: list[Fill]
    is_snapshot: bool = False


class FundingsData(_Wire, frozen=True):
    user: str
    fundings: list[FundingRow]
    is_snapshot: bool = False


class Liquidation(_Wire, frozen=True):
    lid: int


class UserData(_Wire, frozen=True):
    fills: list[Fill] | None = None
    funding: FundingRow | None = None
    liquidation: Liquidation | None = None


class _Channel(_Wire, frozen=True, tag_field="channel"):
    """A message of the websocket."""


class WireTrades(_Channel, frozen=True, tag="trades"):
    data: list[WireTrade]


class WireBook(_Channel, frozen=True, tag="l2Book"):
    data: BookData


class WireBbo(_Channel, frozen=True, tag="bbo"):
    data: BboData


class WireContext(_Channel, frozen=True, tag="activeAssetCtx"):
    data: ContextData


class WireSpotContext(_Channel, frozen=True, tag="activeSpotAssetCtx"):
    data: ContextData


class WireOrders(_Channel, frozen=True, tag="orderUpdates"):
    data: list[OrderUpdate]


class WireFills(_Channel, frozen=True, tag="userFills"):
    data: FillsData


class WireFundings(_Channel, frozen=True, tag="userFundings"):
    data: FundingsData


class WireUser(_Channel, frozen=True, tag="user"):
    data: UserData


class Subscribed(_Wire, frozen=True):
    method: str
    subscription: dict[str, msgspec.Raw]


class WireSubscribed(_Channel, frozen=True, tag="subscriptionResponse"):
    data: Subscribed


class WirePong(_Channel, frozen=True, tag="pong"):
    pass


class WireRefusal(_Channel, frozen=True, tag="error"):
    data: str


StreamMessage: TypeAlias = (
    WireTrades
    | WireBook
    | WireBbo
    | WireContext
    | WireSpotContext
    | WireOrders
    | WireFills
    | WireFundings
    | WireUser
    | WireSubscribed
    | WirePong
    | WireRefusal
)
