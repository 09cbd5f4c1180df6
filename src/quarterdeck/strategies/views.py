"""What a plain Python strategy sees: events as named tuples, and the desk through whose eyes it looks.

Prices are ticks, quantities lots, times UTC nanoseconds, as in the kernel. A named tuple is built in C, which keeps a
Python strategy at well under a microsecond per event before its own work.
"""

import struct
from collections.abc import Iterator
from itertools import repeat
from typing import Any, Final, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import StrategyError
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import EVENT, INSTRUMENTS, STATE, State
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderFlag, OrderType, Reason, Side, TimeInForce
from quarterdeck.strategies.asking import ASKS

__all__ = [
    "Bar",
    "DeskView",
    "EventView",
    "Fill",
    "Funding",
    "Mark",
    "OpenOrder",
    "OrderUpdate",
    "Quote",
    "Trade",
    "view_of",
    "views_of",
]


class Quote(NamedTuple):
    """Best bid and ask."""

    time_ns: int
    instrument: int
    bid: int
    ask: int
    bid_quantity: int
    ask_quantity: int


class Trade(NamedTuple):
    """A trade between others. `side` is the aggressor's."""

    time_ns: int
    instrument: int
    price: int
    quantity: int
    side: int


class Bar(NamedTuple):
    """A finished bar. `time_ns` is its close, `open_time_ns` its open."""

    time_ns: int
    instrument: int
    open_time_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class Mark(NamedTuple):
    """The venue's mark price."""

    time_ns: int
    instrument: int
    price: int


class Funding(NamedTuple):
    """A funding rate, in parts per billion of notional; positive: longs pay."""

    time_ns: int
    instrument: int
    rate_ppb: int


class Fill(NamedTuple):
    """An own fill. `fee` is in money units, negative for a rebate."""

    time_ns: int
    instrument: int
    order_id: int
    price: int
    quantity: int
    side: int
    fee: int
    maker: bool


class OrderUpdate(NamedTuple):
    """What the venue said of an own order, fills apart."""

    time_ns: int
    order_id: int
    kind: EventKind


EventView: TypeAlias = Quote | Trade | Bar | Mark | Funding | Fill | OrderUpdate


class OpenOrder(NamedTuple):
    """An own open order."""

    order_id: int
    instrument: int
    side: int
    price: int
    quantity: int
    filled: int
    tag: int
    cancel_pending: bool


_PLAIN: Final = {
    EventKind.QUOTE: (Quote, ("time_ns", "instrument", "bid", "ask", "bid_quantity", "ask_quantity")),
    EventKind.BAR: (
        Bar,
        ("time_ns", "instrument", "venue_time_ns", "open", "high", "low", "close", "volume"),
    ),
    EventKind.MARK: (Mark, ("time_ns", "instrument", "mark")),
    EventKind.FUNDING: (Funding, ("time_ns", "instrument", "rate")),
}
_new = cast(Any, tuple).__new__  # named tuples without a Python call for each
_UPDATES: Final = frozenset(range(EventKind.ORDER_ACCEPTED, EventKind.ORDER_ADOPTED + 1)) - {int(EventKind.FILL)}


def view_of(event: Any) -> EventView | None:
    """Returns one event as a strategy sees it; None for what strategies do not see."""
    kind = int(event["kind"])
    if kind in _PLAIN:
        view, fields = _PLAIN[EventKind(kind)]
        return cast(EventView, view(*(int(event[field]) for field in fields)))
    side = int(Side.SELL) if event["flags"] & Flag.SELL else int(Side.BUY)
    time_ns, instrument = int(event["time_ns"]), int(event["instrument"])
    if kind == EventKind.TRADE:
        return Trade(time_ns, instrument, int(event["price"]), int(event["quantity"]), side)
    if kind == EventKind.FILL:
        maker = bool(event["flags"] & Flag.MAKER)
        price, quantity = int(event["price"]), int(event["quantity"])
        return Fill(time_ns, instrument, int(event["order_id"]), price, quantity, side, int(event["fee"]), maker)
    if kind in _UPDATES:
        return OrderUpdate(time_ns, int(event["order_id"]), EventKind(kind))
    return None


def views_of(events: NDArray[np.void]) -> Iterator[EventView | None]:
    """Yields a batch of events as strategies see them, in order. A batch of one plain kind is built column by column.

    One at a time: thousands of live tuples would keep the garbage collector busier than the strategies.
    """
    kinds = np.unique(events["kind"])
    if len(kinds) == 1 and int(kinds[0]) in _PLAIN:
        view, fields = _PLAIN[EventKind(int(kinds[0]))]
        columns = (cast(list[int], events[field].tolist()) for field in fields)
        return cast(Iterator[EventView], map(_new, repeat(view), zip(*columns, strict=True)))
    return (view_of(event) for event in events)


def _word(*path: str | int) -> int:
    """Index of a 64-bit field of the state, counted in words."""
    layout, offset = STATE, 0
    for step in path:
        if isinstance(step, int):
            base, _ = cast(Any, layout).subdtype
            layout, offset = base, offset + step * base.itemsize
        else:
            field = cast(Any, layout.fields)[step]
            layout, offset = field[0], offset + field[1]
    assert offset % 8 == 0
    return offset // 8


_ASK: Final = struct.Struct("<qHHhBxBBhhHqqqqq")
# Plain numbers: a member of an enum is looked up each time it is named.
_ORDER: Final = int(EventKind.ORDER_REQUEST)
_CANCEL: Final = int(EventKind.CANCEL_REQUEST)
_CANCEL_ALL: Final = int(EventKind.CANCEL_ALL_REQUEST)
_REPLACE: Final = int(EventKind.REPLACE_REQUEST)
_SELL: Final = int(Flag.SELL)
_POST_ONLY: Final = int(Flag.POST_ONLY)
_REDUCE_ONLY: Final = int(Flag.REDUCE_ONLY)
_GUARD: Final = int(Flag.REDUCE_ONLY | Flag.PROTECTIVE)
_ENTRY: Final = int(Reason.SIGNAL_ENTRY)
_STOP_LOSS: Final = int(Reason.STOP_LOSS)
# Order type and time in force as they stand side by side in a request.
_MARKET: Final = int(OrderType.MARKET) | int(TimeInForce.IOC) << 8
_LIMIT: Final = int(OrderType.LIMIT) | int(TimeInForce.GTC) << 8
_STOP: Final = int(OrderType.STOP) | int(TimeInForce.GTC) << 8
_ORDER_WORDS: Final = STATE["orders"].base.itemsize // 8
_ORDER_FIELDS: Final = {name: _word("orders", 0, name) for name in ("id", "price", "quantity", "filled", "tag")}
_TIME: Final = _word("time_ns")
_EQUITY: Final = _word("equity")
_OPEN_COUNT: Final = _word("open_count")
_OPEN_ORDERS: Final = _word("open_orders")
_MULTIPLIER: Final = _word("breaker", "multiplier_ppm")


class DeskView:
    """What one strategy may read of the desk, and how it asks. What it asks is decided by the rails, not here."""

    def __init__(self, states: Records[State], strategy: int) -> None:
        self.strategy = strategy
        self.asks: NDArray[np.void] = np.zeros(ASKS, EVENT)
        self.count = 0
        self._states: Any = states
        self._words = memoryview(cast(Any, states)).cast("B").cast("q")
        self._out = memoryview(cast(Any, self.asks.view(np.uint64))).cast("B")
        self._own = [_word("positions", strategy * INSTRUMENTS + index) for index in range(INSTRUMENTS)]
        self._instruments = [_word("instruments", index) for index in range(INSTRUMENTS)]
        self._places = {
            name: _word("instruments", 0, name) - _word("instruments", 0) for name in ("bid", "ask", "mark_half_ticks")
        }

    @property
    def time_ns(self) -> int:
        """The desk's time."""
        return self._words[_TIME]

    @property
    def equity(self) -> int:
        """Equity of the desk, in desk money units."""
        return self._words[_EQUITY]

    @property
    def multiplier_ppm(self) -> int:
        """The size that the breaker allows, in parts per million of full size."""
        return self._words[_MULTIPLIER]

    def position(self, instrument: int) -> int:
        """The strategy's own position, in signed lots."""
        return self._words[self._own[instrument]]

    def bid(self, instrument: int) -> int:
        """Best bid in ticks; 0 when there is none."""
        return self._words[self._instruments[instrument] + self._places["bid"]]

    def ask(self, instrument: int) -> int:
        """Best ask in ticks; 0 when there is none."""
        return self._words[self._instruments[instrument] + self._places["ask"]]

    def mark_half_ticks(self, instrument: int) -> int:
        """The price positions are valued at, in half ticks; 0 when none is known."""
        return self._words[self._instruments[instrument] + self._places["mark_half_ticks"]]

    def open_orders(self, instrument: int = -1) -> Iterator[OpenOrder]:
        """The strategy's open orders in one instrument, or (-1) in all, in no particular order."""
        orders = self._states[0]["orders"]
        words = self._words
        for place in range(words[_OPEN_COUNT]):
            slot = words[_OPEN_ORDERS + place]
            order = orders[slot]
            if order["strategy"] != self.strategy or instrument not in (-1, order["instrument"]):
                continue
            at = slot * _ORDER_WORDS
            number = {name: words[at + first] for name, first in _ORDER_FIELDS.items()}
            pending = bool(order["flags"] & OrderFlag.CANCEL_PENDING)
            yield OpenOrder(
                number["id"],
                int(order["instrument"]),
                int(order["side"]),
                number["price"],
                number["quantity"],
                number["filled"],
                number["tag"],
                pending,
            )

    def buy(
        self,
        instrument: int,
        quantity: int,
        price: int | None = None,
        *,
        post_only: bool = False,
        reduce_only: bool = False,
        tag: int = 0,
        reason: int = _ENTRY,
    ) -> None:
        """Asks to buy `quantity` lots: a limit order (GTC) at `price` ticks, or a market order (IOC) without one."""
        flags = (_POST_ONLY if post_only else 0) | (_REDUCE_ONLY if reduce_only else 0)
        if price is None:
            self._ask(_ORDER, flags, instrument, _MARKET, reason, 0, quantity, 0, tag)
        else:
            self._ask(_ORDER, flags, instrument, _LIMIT, reason, price, quantity, 0, tag)

    def sell(
        self,
        instrument: int,
        quantity: int,
        price: int | None = None,
        *,
        post_only: bool = False,
        reduce_only: bool = False,
        tag: int = 0,
        reason: int = _ENTRY,
    ) -> None:
        """Asks to sell; see `buy`."""
        flags = _SELL | (_POST_ONLY if post_only else 0) | (_REDUCE_ONLY if reduce_only else 0)
        if price is None:
            self._ask(_ORDER, flags, instrument, _MARKET, reason, 0, quantity, 0, tag)
        else:
            self._ask(_ORDER, flags, instrument, _LIMIT, reason, price, quantity, 0, tag)

    def stop(self, instrument: int, side: Side, trigger: int, quantity: int, *, tag: int = 0) -> None:
        """Asks for a protective stop: a reduce-only market order once `trigger` ticks are reached."""
        flags = _GUARD | (_SELL if side == Side.SELL else 0)
        self._ask(_ORDER, flags, instrument, _STOP, _STOP_LOSS, 0, quantity, trigger, tag)

    def cancel(self, order_id: int) -> None:
        """Asks to cancel an own order."""
        self._ask(_CANCEL, 0, -1, 0, 0, 0, 0, 0, 0, order_id)

    def cancel_all(self, instrument: int = -1) -> None:
        """Asks to cancel all own orders of an instrument, or (-1) of all, protective ones too."""
        self._ask(_CANCEL_ALL, 0, instrument, 0, 0, 0, 0, 0, 0)

    def replace(self, order_id: int, price: int, quantity: int) -> None:
        """Asks to give an own order another price and another total quantity."""
        self._ask(_REPLACE, 0, -1, 0, 0, price, quantity, 0, 0, order_id)

    def _ask(
        self,
        kind: int,
        flags: int,
        instrument: int,
        terms: int,
        reason: int,
        price: int,
        quantity: int,
        trigger: int,
        tag: int,
        order_id: int = 0,
    ) -> None:
        count = self.count
        if count >= ASKS:
            raise StrategyError(
                f"strategy {self.strategy} asked for more than {ASKS} things at one event: ask for less"
            )
        _ASK.pack_into(
            self._out, count * 64,
            0, terms, reason, -1, 0, kind, flags, instrument, self.strategy, 0, price, quantity, order_id, trigger, tag,
        )  # fmt: skip
        self.count = count + 1


assert _ASK.size == EVENT.itemsize
