"""Resting orders in price-time priority, and the stops that wait for a price."""

from bisect import bisect_left, insort
from itertools import takewhile

from quarterdeck.twins.exchange_records import Order, Quote, Side

__all__ = ["Book", "quoted"]

_Entry = tuple[int, int, Order]  # worse prices are larger; later orders are larger


def quoted(quote: Quote, side: int) -> tuple[int, int]:
    """Returns (price, lots) of the outside market that a taker of `side` meets; price 0: nothing is offered."""
    price, lots = (quote.ask, quote.ask_lots) if side == Side.BUY else (quote.bid, quote.bid_lots)
    return (price, lots) if lots > 0 else (0, 0)


class Book:
    """The resting orders of one instrument."""

    def __init__(self) -> None:
        self.quote = Quote()
        self._resting: dict[int, list[_Entry]] = {Side.BUY: [], Side.SELL: []}
        self._stops: list[_Entry] = []
        self._clock = 0

    def rest(self, order: Order) -> None:
        """Enters an order behind all others of its price; one that was in the book must have been taken out."""
        self._clock += 1
        order.priority = self._clock
        insort(self._resting[order.side], _entry(order), key=_key)

    def wait(self, order: Order) -> None:
        """Lets a stop wait for its trigger, in the order of arrival."""
        self._clock += 1
        order.priority = self._clock
        order.waiting = True
        self._stops.append((0, order.priority, order))

    def drop(self, order: Order) -> None:
        """Takes an order out, wherever it is."""
        if order.waiting:
            self._stops = [entry for entry in self._stops if entry[2] is not order]
            order.waiting = False
            return
        entries = self._resting[order.side]
        place = bisect_left(entries, _key(_entry(order)), key=_key)
        if place < len(entries) and entries[place][2] is order:
            del entries[place]

    def opposite(self, order: Order) -> list[Order]:
        """Other accounts' orders that this one may meet, best first."""
        return [entry[2] for entry in self._resting[-order.side] if entry[2].account != order.account]

    def crossed(self, side: int, price: int) -> list[Order]:
        """Resting orders of `side` that the outside market's opposite price reaches, best first."""
        if price <= 0:
            return []
        return [e[2] for e in takewhile(lambda entry: side * (entry[2].price - price) >= 0, self._resting[side])]

    def triggered(self) -> list[Order]:
        """Stops whose trigger the outside market has reached, oldest first."""
        quote = self.quote
        return [
            order
            for _, _, order in self._stops
            if (
                0 < order.trigger_price <= quote.ask if order.side == Side.BUY else 0 < quote.bid <= order.trigger_price
            )
        ]

    @property
    def has_stops(self) -> bool:
        """Whether any stop waits for its price."""
        return bool(self._stops)

    def sides(self) -> tuple[list[Order], list[Order]]:
        """Returns the resting (bids, asks), best first."""
        return [e[2] for e in self._resting[Side.BUY]], [e[2] for e in self._resting[Side.SELL]]


def _entry(order: Order) -> _Entry:
    return -order.side * order.price, order.priority, order


def _key(entry: _Entry) -> tuple[int, int]:
    return entry[0], entry[1]
