"""One market as the public sees it: the outside book with the accounts' resting orders in it, mark, day's volume."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from quarterdeck.twins.hyperliquid.accounts import UNITS, Order, text
from quarterdeck.twins.hyperliquid.listings import Listing
from quarterdeck.twins.outside import Outside

__all__ = ["Book"]

_DEPTH: Final = 20


class Book:
    """The outside book is told by `level`; accounts' orders are handed in by whoever holds them."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.outside = Outside()
        self.mark = listing.terms.price_ticks * listing.step
        self.first = self.mark
        self.funding_ppb = listing.terms.funding_rate_ppb
        self.volume = 0  # units
        self.lots = 0

    def level(self, price: int, lots: int, flags: int) -> None:
        """Takes a level as it now is."""
        self.outside.level(price, lots, flags)

    def clear(self) -> None:
        """Forgets the outside book."""
        self.outside.clear()

    def count(self, price: int, lots: int) -> None:
        """Notes a trade."""
        self.volume += price * lots * self.listing.instrument.value
        self.lots += lots

    def levels(self, orders: Iterable[Order], depth: int = _DEPTH) -> tuple[list[tuple[int, int, int]], ...]:
        """Returns (bids, asks), best first, as (price, lots, orders)."""
        outside = self.outside
        sides: list[dict[int, list[int]]] = [
            {price: [lots, 1 + lots % 7] for price in outside.prices(side) if (lots := outside.lots(side, price))}
            for side in (1, -1)
        ]
        for order in orders:
            if order.listing.index == self.listing.index and order.left and order.price:
                row = sides[0 if order.side > 0 else 1].setdefault(order.price, [0, 0])
                row[0] += order.left
                row[1] += 1
        best = [sorted(sides[0], reverse=True)[:depth], sorted(sides[1])[:depth]]
        return tuple([(price, *sides[place][price]) for price in best[place]] for place in range(2))  # type: ignore[misc] # rows have two figures

    def touch(self, orders: Iterable[Order]) -> tuple[int, int]:
        """Returns the best bid and ask, 0 where there is none."""
        bids, asks = self.levels(orders, 1)
        return bids[0][0] if bids else 0, asks[0][0] if asks else 0

    def wire_levels(self, orders: Iterable[Order], depth: int = _DEPTH) -> list[list[dict[str, Any]]]:
        """Returns both sides as the venue writes them."""
        instrument = self.listing.instrument
        return [
            [
                {
                    "px": text(instrument.ticks_to_price(price)),
                    "sz": text(instrument.lots_to_quantity(lots)),
                    "n": count,
                }
                for price, lots, count in side
            ]
            for side in self.levels(orders, depth)
        ]

    def context(self, orders: Iterable[Order], open_lots: int) -> dict[str, Any]:
        """Returns the asset's context: mark, oracle, funding, day's volume."""
        instrument = self.listing.instrument
        bid, ask = self.touch(orders)
        mid = text(instrument.ticks_to_price(bid + ask) / 2) if bid and ask else None
        mark = text(instrument.ticks_to_price(self.mark))
        common: dict[str, Any] = {
            "dayNtlVlm": text(Decimal(self.volume) / UNITS), "markPx": mark, "midPx": mid,
            "prevDayPx": text(instrument.ticks_to_price(self.first)),
            "dayBaseVlm": text(instrument.lots_to_quantity(self.lots)),
        }  # fmt: skip
        if self.listing.spot:
            supply = "100000000000.0"
            return {**common, "circulatingSupply": supply, "totalSupply": supply, "coin": self.listing.coin}
        impact = [text(instrument.ticks_to_price(price)) for price in (bid, ask)] if bid and ask else None
        return {
            **common, "funding": text(Decimal(self.funding_ppb).scaleb(-9)), "oraclePx": mark, "premium": "0.0",
            "openInterest": text(instrument.lots_to_quantity(open_lots)), "impactPxs": impact,
        }  # fmt: skip
