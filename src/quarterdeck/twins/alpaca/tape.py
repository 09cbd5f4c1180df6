"""One stock as the public sees it: the outside book with the accounts' orders in it, prints, quotes and bars.

History begins with the twin: what a bar, a trade or a quote says has happened here. Only the close of the day before is
put, at the price where the flow begins. The latest 20,000 trades and quotes and 50,000 minutes are kept.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from quarterdeck.kernel.vocabulary import Flag
from quarterdeck.twins.alpaca.accounts import Order
from quarterdeck.twins.alpaca.listings import LOTS, TICKS, Listing

__all__ = ["MINUTE_NS", "Bar", "Row", "Tape", "bar_row", "merge_bars"]

MINUTE_NS: Final = 60_000_000_000
_TRADES: Final = 20_000
_QUOTES: Final = 20_000
_BARS: Final = 50_000

Row = dict[str, Any]  # "t" is nanoseconds; a codec writes it as its own kind of time


def _shares(lots: int) -> int | float:
    return lots // LOTS if lots % LOTS == 0 else lots / LOTS


def _dollars(ticks: int) -> float:
    return ticks / TICKS


@dataclass(slots=True)
class Bar:
    """Prices in ticks, volume in lots, `value` is the sum of price times lots."""

    start_ns: int
    open: int
    high: int
    low: int
    close: int
    lots: int = 0
    count: int = 0
    value: int = 0

    def add(self, ticks: int, lots: int) -> None:
        """Takes a trade."""
        self.high, self.low, self.close = max(self.high, ticks), min(self.low, ticks), ticks
        self.lots += lots
        self.count += 1
        self.value += ticks * lots


def bar_row(bar: Bar) -> Row:
    """Returns a bar as the venue writes it."""
    average = bar.value / bar.lots / TICKS if bar.lots else _dollars(bar.close)
    return {
        "t": bar.start_ns, "o": _dollars(bar.open), "h": _dollars(bar.high), "l": _dollars(bar.low),
        "c": _dollars(bar.close), "v": _shares(bar.lots), "n": bar.count, "vw": round(average, 6),
    }  # fmt: skip


def merge_bars(bars: Iterable[Bar], start_ns: int) -> Bar:
    """Returns one bar of several. They must not be none."""
    parts = list(bars)
    whole = Bar(start_ns, parts[0].open, max(one.high for one in parts), min(one.low for one in parts), parts[-1].close)
    whole.lots, whole.count = sum(one.lots for one in parts), sum(one.count for one in parts)
    whole.value = sum(one.value for one in parts)
    return whole


@dataclass(slots=True)
class Tape:
    """The outside book is told by `level`; accounts' orders are handed in by whoever holds them."""

    listing: Listing
    last: int = 0  # ticks
    last_close: int = 0
    bids: dict[int, int] = field(default_factory=dict[int, int])
    asks: dict[int, int] = field(default_factory=dict[int, int])
    trades: deque[Row] = field(default_factory=lambda: deque(maxlen=_TRADES))
    quotes: deque[Row] = field(default_factory=lambda: deque(maxlen=_QUOTES))
    bars: deque[Bar] = field(default_factory=lambda: deque(maxlen=_BARS))
    day: Bar | None = None
    previous_day: Bar | None = None
    _day_ns: int = 0
    _minute: Bar | None = None
    _told: tuple[int, int, int, int] = (0, 0, 0, 0)

    # The book.

    def level(self, ticks: int, lots: int, flags: int) -> None:
        """Takes a level as it now is."""
        side = self.asks if flags & Flag.SELL else self.bids
        if lots:
            side[ticks] = lots
        else:
            side.pop(ticks, None)

    def clear(self) -> None:
        """Forgets the outside book."""
        self.bids.clear()
        self.asks.clear()

    def touch(self, orders: Iterable[Order] = ()) -> tuple[int, int, int, int]:
        """Returns best bid and ask in ticks and their lots; 0 where there is none.

        What the outside offers at an order's price, or better, that order has taken already: it is not shown.
        """
        own: list[dict[int, int]] = [{}, {}]
        for order in orders:
            if order.listing is self.listing and order.limit:
                side = own[0 if order.side > 0 else 1]
                side[order.limit] = side.get(order.limit, 0) + order.left
        highest, lowest = max(own[0], default=0), min(own[1], default=2**62)
        bid = max(highest, max((one for one in self.bids if one < lowest), default=0))
        ask = min(lowest, min((one for one in self.asks if one > highest), default=2**62))
        bid_lots = own[0].get(bid, 0) + self.bids.get(bid, 0)
        ask_lots = own[1].get(ask, 0) + self.asks.get(ask, 0)
        return bid, ask % 2**62, bid_lots, ask_lots

    def quote(self, time_ns: int, orders: Iterable[Order]) -> Row | None:
        """Returns a new quote where the touch has changed since the last one, and keeps it."""
        touch = self.touch(orders)
        if touch == self._told:
            return None
        self._told = touch
        bid, ask, bid_lots, ask_lots = touch
        code = self.listing.code
        row: Row = {
            "t": time_ns, "ax": code if ask else "", "ap": _dollars(ask), "as": _shares(ask_lots),
            "bx": code if bid else "", "bp": _dollars(bid), "bs": _shares(bid_lots), "c": ["R"],
            "z": self.listing.tape,
        }  # fmt: skip
        self.quotes.append(row)
        return row

    # Trades and bars.

    def print(self, time_ns: int, ticks: int, lots: int, trade_id: int) -> Row:
        """Takes a trade; returns it as the venue writes it."""
        conditions = ["@"] if lots >= 100 * LOTS else ["@", "I"]  # an odd lot
        row: Row = {
            "t": time_ns, "x": self.listing.code, "p": _dollars(ticks), "s": _shares(lots), "c": conditions,
            "i": trade_id, "z": self.listing.tape,
        }  # fmt: skip
        self.trades.append(row)
        self.last = ticks
        start_ns = time_ns // MINUTE_NS * MINUTE_NS
        if self._minute is None:
            self._minute = Bar(start_ns, ticks, ticks, ticks, ticks)
        self._minute.add(ticks, lots)
        if self.day is None:
            self.day = Bar(self._day_ns, ticks, ticks, ticks, ticks)
        self.day.add(ticks, lots)
        return row

    def begin_day(self, start_ns: int) -> None:
        """A new session: the day's bar begins with its first trade."""
        self.previous_day, self.day = self.day or self.previous_day, None
        self._day_ns = start_ns

    def end_minute(self, now_ns: int) -> Bar | None:
        """Returns the minute's bar when its minute is over, and keeps it."""
        bar = self._minute
        if bar is None or now_ns < bar.start_ns + MINUTE_NS:
            return None
        self._minute = None
        self.bars.append(bar)
        return bar

    def day_row(self) -> Row | None:
        """Returns the day's bar so far, None before its first trade."""
        return bar_row(self.day) if self.day is not None else None
