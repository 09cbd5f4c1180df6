"""An account of the twin: one API key, a spot wallet and a USD-M wallet. Money is whole units of 1e-8."""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from quarterdeck.twins.binance.listings import BNB, USDT, Listing
from quarterdeck.twins.positions import Position

__all__ = ["UNITS", "Account", "Fill", "Order", "eight", "plain"]

UNITS: Final = 10**8
_HISTORY: Final = 20_000
_LEVERAGE: Final = 20


def eight(units: int) -> str:
    """Returns units of 1e-8 as the venue writes money: always eight decimals."""
    return f"{Decimal(units).scaleb(-8):.8f}"


def plain(value: Decimal) -> str:
    """Returns a figure without an exponent and without trailing zeros, as the futures write it."""
    return f"{value.normalize():f}" if value else "0"


@dataclass(slots=True, eq=False)
class Order:
    """One order. `oid` is the kernel's order id too; `price` 0: at any price."""

    oid: int
    client_id: str
    listing: Listing
    side: int
    kind: str  # LIMIT, MARKET, LIMIT_MAKER
    tif: str  # GTC, IOC, FOK, GTX
    price: int
    size: int
    left: int
    reduce_only: bool
    time_ms: int
    stp: str
    status: str = "NEW"
    update_ms: int = 0
    paid: int = 0  # units of the quote
    quote_units: int = 0  # of a market order that was asked for by its money
    liquidation: bool = False
    cancel_id: str = ""  # what the cancel was called by whoever asked for it
    resting: int = 0  # lots that the book shows of it, at `resting_price`
    resting_price: int = 0
    fills: list["Fill"] = field(default_factory=list["Fill"])

    @property
    def open(self) -> bool:
        """Whether it works."""
        return self.status in {"NEW", "PARTIALLY_FILLED"}

    @property
    def filled(self) -> int:
        """Lots."""
        return self.size - self.left


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One trade of an account. `number` is the public trade's; money in units, the fee in units of its asset."""

    order: Order
    number: int
    price: int
    lots: int
    paid: int
    fee: int
    fee_asset: str
    maker: bool
    time_ms: int
    result: int = 0  # realised, of a perpetual


@dataclass(slots=True, eq=False)
class Account:
    """One API key. `number` is the kernel's account."""

    key: str
    secret: str  # or an Ed25519 public key in PEM
    number: int
    spot: dict[str, int] = field(default_factory=dict[str, int])  # units by asset, what orders hold among them
    wallet: int = 0  # of the futures, units of USDT
    positions: dict[int, Position] = field(default_factory=dict[int, Position])
    leverage: dict[int, int] = field(default_factory=dict[int, int])
    margin_types: dict[int, str] = field(default_factory=dict[int, str])
    orders: dict[int, Order] = field(default_factory=dict[int, Order])
    working: dict[int, Order] = field(default_factory=dict[int, Order])
    fills: deque[Fill] = field(default_factory=lambda: deque(maxlen=_HISTORY))  # of both markets
    income: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    burn: bool = True  # spot fees in BNB, while there is any
    may_withdraw: bool = False
    update_ms: int = 0
    listen_key: str = ""
    listen_until_ms: int = 0
    countdowns: dict[int, int] = field(default_factory=dict[int, int])  # listing to the real time of its end, ms
    order_times_ms: deque[int] = field(default_factory=deque[int])
    order_times_futures_ms: deque[int] = field(default_factory=deque[int])

    def __repr__(self) -> str:
        """Says who, without the secret."""
        return f"Account({self.key[:4]}..., {self.number})"

    def open_orders(self, *, futures: bool, listing: Listing | None = None) -> list[Order]:
        """Returns what works in one of the venue's halves, oldest first."""
        return [
            one
            for one in self.working.values()
            if one.listing.futures == futures and (listing is None or one.listing is listing)
        ]

    def find(self, listing: Listing, oid: int | None, client_id: str | None) -> Order | None:
        """Returns an order by the venue's number, else the newest by the client's."""
        if oid is not None:
            order = self.orders.get(oid)
            return order if order and order.listing is listing else None
        for order in reversed(self.orders.values()):
            if order.client_id == client_id and order.listing is listing:
                return order
        return None

    def position(self, index: int) -> Position:
        """Returns the position in a perpetual, an empty one where there is none."""
        return self.positions.setdefault(index, Position())

    def leverage_of(self, listing: Listing) -> int:
        """Returns the leverage that was set, 20 without."""
        return self.leverage.get(listing.index, _LEVERAGE)

    def balance(self, asset: str) -> int:
        """Returns all that there is of an asset in the spot wallet."""
        return self.spot.get(asset, 0)

    def locked(self, asset: str) -> int:
        """Returns what working spot orders hold of an asset."""
        held = 0
        for order in self.working.values():
            listing = order.listing
            if listing.futures:
                continue
            if order.side > 0 and asset == USDT:
                held += order.left * order.price * listing.instrument.value
            elif order.side < 0 and asset == listing.base:
                held += order.left * listing.unit
        return held

    def free(self, asset: str) -> int:
        """Returns what orders may still use of an asset."""
        return self.balance(asset) - self.locked(asset)

    def add(self, asset: str, units: int) -> None:
        """Moves a spot balance."""
        self.spot[asset] = self.balance(asset) + units

    def pays_in_bnb(self, units: int) -> bool:
        """Whether a spot fee of so many units of BNB is paid in it: it is switched on, and there are enough."""
        return self.burn and self.free(BNB) >= units > 0
