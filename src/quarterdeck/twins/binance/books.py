"""One market as the public sees it: the outside book with the accounts' resting orders in it, mark, last trade, bars.

Every change of a level has a number, one more than the one before it, as the venue's update ids have. A `Window` is
one rate of a diff stream: it collects which levels changed since it last spoke.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from quarterdeck.kernel.vocabulary import Flag
from quarterdeck.twins.binance.listings import Listing
from quarterdeck.twins.outside import Outside, Place

__all__ = ["MINUTE_MS", "Bar", "Book", "Window"]

MINUTE_MS: Final = 60_000
_BARS: Final = 60 * 24 * 7
Level = tuple[int, int]


@dataclass(slots=True)
class Bar:
    """Trades of one minute or of several. Lots; money in units."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    lots: int = 0
    paid: int = 0
    taker_lots: int = 0
    taker_paid: int = 0
    first: int = 0  # trade numbers
    last: int = 0

    def add(self, later: "Bar") -> None:
        """Takes in a bar that follows."""
        self.high, self.low, self.close = max(self.high, later.high), min(self.low, later.low), later.close
        self.lots += later.lots
        self.paid += later.paid
        self.taker_lots += later.taker_lots
        self.taker_paid += later.taker_paid
        self.last = later.last


@dataclass(slots=True)
class Window:
    """Levels that changed since the window last spoke: (1 for bids or -1, price)."""

    interval_ms: int
    last_id: int
    due_ms: int
    changed: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])


class Book:
    """The outside book is told by `level`; accounts' orders by `rest`, which counts what of them rests at a price."""

    def __init__(self, listing: Listing, start_ms: int = 0) -> None:
        self.listing = listing
        self._outside = Outside()
        self._own: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.update_id = start_ms * 1_000  # numbers go on where an earlier twin of the same market cannot have come
        self.mark = listing.terms.price_ticks * listing.step
        self.first = self.last = self.mark
        self.marked = False  # somebody tells marks: else they are the middle of the book
        self.trades = start_ms  # the number of the latest trade
        self.bars: dict[int, Bar] = {}
        self.windows: dict[int, Window] = {}

    # What changes it.

    def level(self, price: int, lots: int, flags: int) -> None:
        """Takes an outside level as it now is."""
        self._change(self._outside.level(price, lots, flags))

    def clear(self) -> None:
        """Forgets the outside book."""
        self._change(self._outside.clear())

    def quote(self, bid: Level, ask: Level) -> None:
        """Takes best prices and lots for the whole outside book; a price of 0: there is none."""
        self._outside.endless = True
        self.clear()
        for (price, lots), flags in ((bid, 0), (ask, int(Flag.SELL))):
            if price:
                self.level(price, lots, flags)
        self.mark_by_touch()

    def take(self, side: int, lots: int) -> None:
        """Hides what accounts have taken of an outside side, until `restore`."""
        self._change(self._outside.take(side, lots))

    def restore(self) -> None:
        """Shows it again: the outside book has changed."""
        self._change(self._outside.restore())

    def rest(self, side: int, price: int, lots: int) -> None:
        """Adds to what accounts have resting at a price; negative lots take away."""
        own = self._own[side]
        own[price] = own.get(price, 0) + lots
        if own[price] <= 0:
            del own[price]
        self._change([(side, price)])

    def _change(self, places: list[Place]) -> None:
        self.update_id += len(places)
        for window in self.windows.values():
            window.changed.update(places)

    def print(self, price: int, lots: int, paid: int, now_ms: int, *, sold: bool) -> int:
        """Notes a trade whose taker bought, or `sold`; returns its number."""
        self.trades += 1
        self.last = price
        minute = now_ms // MINUTE_MS * MINUTE_MS
        new = Bar(
            minute, price, price, price, price, lots, paid, 0 if sold else lots, 0 if sold else paid, self.trades,
            self.trades,
        )  # fmt: skip
        bar = self.bars.get(minute)
        if bar is None:
            self.bars[minute] = new
            if len(self.bars) > _BARS:
                del self.bars[next(iter(self.bars))]
        else:
            bar.add(new)
        return self.trades

    # What it shows.

    def lots_at(self, side: int, price: int) -> int:
        """Returns what waits at a price, of whoever."""
        return self._outside.lots(side, price) + self._own[side].get(price, 0)

    def side(self, side: int, depth: int) -> list[Level]:
        """Returns (price, lots), best first."""
        prices = sorted({*self._outside.prices(side), *self._own[side]}, reverse=side > 0)[:depth]
        return [(price, self.lots_at(side, price)) for price in prices]

    def touch(self) -> tuple[Level, Level]:
        """Returns the best bid and ask as (price, lots), zeros where there is none."""
        bids, asks = self.side(1, 1), self.side(-1, 1)
        return bids[0] if bids else (0, 0), asks[0] if asks else (0, 0)

    def best(self, side: int) -> int:
        """Returns the best price of a side, 0 where there is none."""
        levels = self.side(side, 1)
        return levels[0][0] if levels else 0

    def merged(self, minutes: int, start_ms: int, end_ms: int, limit: int) -> list[Bar]:
        """Returns bars of so many minutes that open from `start_ms` to `end_ms`, oldest first, the newest `limit`."""
        width = minutes * MINUTE_MS
        opens = dict.fromkeys(minute // width * width for minute in self.bars)
        wanted = [one for one in opens if start_ms <= one <= end_ms][-limit:]
        return [bar for one in wanted if (bar := self.bar_at(one, minutes))]

    def bar_at(self, open_ms: int, minutes: int) -> Bar | None:
        """Returns the bar that opens then; None where nothing was traded in it."""
        found: Bar | None = None
        for minute in range(open_ms, open_ms + minutes * MINUTE_MS, MINUTE_MS):
            one = self.bars.get(minute)
            if one is None:
                continue
            if found is None:
                found = replace(one, open_ms=open_ms)
            else:
                found.add(one)
        return found

    def window(self, interval_ms: int, now_ms: int) -> Window:
        """Returns the window of a rate; one that is new begins at the book as it is."""
        if interval_ms not in self.windows:
            self.windows[interval_ms] = Window(interval_ms, self.update_id, now_ms + interval_ms)
        return self.windows[interval_ms]

    def price_text(self, ticks: int) -> str:
        """Returns a price as this half of the venue writes it."""
        value = self.listing.instrument.ticks_to_price(ticks)
        return f"{value:f}" if self.listing.futures else f"{value:.8f}"

    def lots_text(self, lots: int) -> str:
        """Returns a quantity as this half of the venue writes it."""
        value = self.listing.instrument.lots_to_quantity(lots)
        return f"{value:f}" if self.listing.futures else f"{value:.8f}"

    def rows(self, side: int, depth: int) -> list[list[str]]:
        """Returns levels as the venue writes them."""
        return [[self.price_text(price), self.lots_text(lots)] for price, lots in self.side(side, depth)]

    def mark_by_touch(self) -> None:
        """Takes the middle of the book, or the last trade, for the mark where nobody tells marks."""
        bid, ask = self.best(1), self.best(-1)
        if not self.marked:
            self.mark = (bid + ask) // 2 if bid and ask else self.last

    def average(self) -> Decimal:
        """Returns the price that filters look at: the mark of a perpetual, the last trade of a spot pair."""
        return self.listing.instrument.ticks_to_price(self.mark if self.listing.futures else self.last)
