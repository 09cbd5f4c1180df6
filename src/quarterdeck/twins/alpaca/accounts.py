"""An account of the twin: cash, positions, orders, activities. Money is whole units of 1e-10 USD."""

from collections import deque
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from quarterdeck.twins.alpaca.listings import Listing

__all__ = ["CLOSED", "Account", "Order", "Position"]

CLOSED: Final = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
_HISTORY: Final = 20_000


@dataclass(slots=True, eq=False)
class Order:
    """One order. `ticket` is the kernel's id of it while it works there; each time that it is sent it gets a new one.

    `pair` is the other exit of a bracket or of a one-cancels-other: what ends one ends both.
    """

    id: str
    client_order_id: str
    listing: Listing
    side: int
    kind: str  # market, limit, stop, stop_limit, trailing_stop
    tif: str
    lots: int
    created_ns: int
    limit: int = 0  # ticks
    stop: int = 0
    notional: Decimal | None = None
    trail_price: int = 0  # ticks
    trail_percent: Decimal | None = None
    hwm: int = 0
    extended: bool = False
    order_class: str = "simple"
    status: str = "pending_new"
    updated_ns: int = 0
    filled: int = 0  # lots
    paid: int = 0  # units
    stamps: dict[str, int] = field(default_factory=dict[str, int])  # filled_at and so on, in ns
    replaced_by: str | None = None
    replaces: str | None = None
    legs: list["Order"] = field(default_factory=list["Order"])
    parent: "Order | None" = None
    pair: "Order | None" = None
    good_for: date | None = None  # of a day order
    ticket: int = 0
    triggered: bool = False
    opens: bool = True  # or it closes

    @property
    def open(self) -> bool:
        """Whether anything may still happen to it."""
        return self.status not in CLOSED

    @property
    def left(self) -> int:
        """Lots that are not filled."""
        return self.lots - self.filled

    @property
    def waits_for_price(self) -> bool:
        """Whether it is a stop that has not been triggered."""
        return self.kind in {"stop", "stop_limit", "trailing_stop"} and not self.triggered

    def reached(self, ticks: int) -> bool:
        """Whether a trade at this price triggers it."""
        return ticks >= self.stop if self.side > 0 else ticks <= self.stop

    def follow(self, ticks: int) -> None:
        """Moves a trailing stop behind the best price that it has seen."""
        if self.kind != "trailing_stop":
            return
        better = ticks < self.hwm if self.side > 0 else ticks > self.hwm
        if better or not self.hwm:
            self.hwm = ticks
        trail = self.trail_price or int(self.hwm * (self.trail_percent or 0) / 100)
        self.stop = self.hwm + self.side * trail


@dataclass(slots=True)
class Position:
    """Signed lots, and what they cost in units with the same sign."""

    lots: int = 0
    cost: int = 0

    def move(self, side: int, lots: int, paid: int) -> int:
        """Trades `lots`, no more than closes it where it is on the other side, for `paid`; returns the result."""
        held = abs(self.lots)
        if self.lots * side >= 0:
            self.lots += side * lots
            self.cost += side * paid
            return 0
        closing = min(lots, held)
        paid_closing = paid * closing // lots
        # A part of the cost is cut towards zero on both sides alike.
        part = abs(self.cost) * closing // held
        released = self.cost if closing == held else part if self.cost > 0 else -part
        self.lots += side * lots
        self.cost += side * (paid - paid_closing) - released
        return -side * paid_closing - released


@dataclass(slots=True, eq=False)
class Account:
    """One account. `number` is the kernel's. The secret is never shown."""

    key: str
    secret: str = field(repr=False)
    id: str
    number: int
    cash: int
    created_ns: int
    last_equity: int = 0
    positions: dict[int, Position] = field(default_factory=dict[int, Position])
    orders: dict[str, Order] = field(default_factory=dict[str, Order])
    by_client: dict[str, Order] = field(default_factory=dict[str, Order])
    activities: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    opened_today: dict[int, int] = field(default_factory=dict[int, int])  # signed lots by instrument
    day_trades: list[date] = field(default_factory=list[date])

    def position(self, index: int) -> Position:
        """Returns the position in a stock, an empty one where there is none."""
        return self.positions.setdefault(index, Position())

    def open_orders(self, index: int | None = None) -> list[Order]:
        """Returns what is open, of one stock or of all, in the order of arrival."""
        return [one for one in self.orders.values() if one.open and index in {None, one.listing.index}]

    def held_for_orders(self, index: int, side: int) -> int:
        """Returns the lots that closing orders of this side hold; the two exits of a pair hold them once."""
        held = 0
        for order in self.open_orders(index):
            sleeping = order.parent is not None and order.parent.open and order.pair is not order.parent
            second = order.pair is not None and order.pair.open and order.kind != "limit"
            if order.side == side and not order.opens and not sleeping and not second:
                held += order.left
        return held
