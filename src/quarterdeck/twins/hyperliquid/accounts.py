"""An account of the twin: cash, positions, spot balances, orders, fills. Money is whole units of 1e-8 USDC."""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from quarterdeck.twins.hyperliquid.listings import USDC, Listing
from quarterdeck.twins.positions import Position

__all__ = ["UNITS", "Account", "Order", "Trigger", "text"]

UNITS: Final = 10**8
_NONCES: Final = 100
_HISTORY: Final = 20_000


def text(value: Decimal) -> str:
    """Returns a figure as the venue writes it: never an exponent, always a decimal ("12.0")."""
    plain = f"{value.normalize():f}"
    return plain if "." in plain else f"{plain}.0"


@dataclass(frozen=True, slots=True)
class Trigger:
    """A take-profit or stop-loss order waits for the mark price."""

    price: int
    market: bool
    kind: str  # "tp" or "sl"

    def reached(self, mark: int, side: int) -> bool:
        """Whether the mark has come to it: a stop-loss sells when the price falls, a take-profit when it rises."""
        upward = (side > 0) == (self.kind == "sl")
        return mark >= self.price if upward else mark <= self.price


@dataclass(slots=True, eq=False)
class Order:
    """One order. `oid` is the kernel's order id too."""

    oid: int
    cloid: str | None
    listing: Listing
    side: int
    price: int
    size: int
    left: int
    tif: str
    reduce_only: bool
    time_ms: int
    trigger: Trigger | None = None
    status: str = "open"
    status_ms: int = 0
    builder_tenths: int = 0  # of a basis point, of each fill
    liquidation: bool = False

    @property
    def open(self) -> bool:
        """Whether it works, or waits for its trigger."""
        return self.status == "open" or (self.status == "triggered" and self.left > 0)


@dataclass(slots=True, eq=False)
class Account:
    """One address. `number` is the kernel's account."""

    address: str
    number: int
    cash: int
    positions: dict[int, Position] = field(default_factory=dict[int, Position])
    tokens: dict[str, int] = field(default_factory=dict[str, int])  # units of 1e-8 by name, USDC among them
    token_costs: dict[str, int] = field(default_factory=dict[str, int])
    leverage: dict[int, int] = field(default_factory=dict[int, int])
    orders: dict[int, Order] = field(default_factory=dict[int, Order])
    cloids: dict[str, int] = field(default_factory=dict[str, int])  # to the newest oid
    fills: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    fundings: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    nonces: list[int] = field(default_factory=list[int])  # the highest ones, ascending
    agents: dict[str, str] = field(default_factory=dict[str, str])  # address to name
    builders: dict[str, str] = field(default_factory=dict[str, str])
    volume: int = 0
    requests: int = 0
    last_limited_ms: int = 0
    cancel_at_ms: int = 0
    cancels_triggered: int = 0

    def open_orders(self) -> list[Order]:
        """Returns what works or waits, newest first, as the venue lists it."""
        return [order for order in reversed(self.orders.values()) if order.open]

    def find(self, oid: int | str) -> Order | None:
        """Returns an order by the venue's number or the client's id."""
        key = self.cloids.get(oid.lower(), 0) if isinstance(oid, str) else oid
        return self.orders.get(key)

    def refuse_nonce(self, nonce: int, now_ms: int) -> str:
        """Takes a nonce; returns why not, in the venue's words, or an empty text."""
        least, most = now_ms - 2 * 86_400_000, now_ms + 86_400_000
        if nonce > most:
            return f"Invalid nonce: nonce too high {nonce} > {most}"
        if nonce in self.nonces:
            return f"Invalid nonce: duplicate nonce {nonce}"
        if len(self.nonces) >= _NONCES:
            least = max(least, self.nonces[0])
        if nonce < least:
            return f"Invalid nonce: nonce too low {nonce} < {least}"
        self.nonces = sorted([*self.nonces, nonce])[-_NONCES:]
        return ""

    def position(self, index: int) -> Position:
        """Returns the position in a perpetual, an empty one where there is none."""
        return self.positions.setdefault(index, Position())

    def token(self, name: str) -> int:
        """Returns a spot balance."""
        return self.tokens.get(name, 0)

    @property
    def spot_usdc(self) -> int:
        """USDC of the spot wallet, which is not the perpetuals' margin."""
        return self.token(USDC)
