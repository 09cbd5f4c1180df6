"""The outside market's book as the public sees it: what it offers, less what accounts have just taken of it.

The kernel lets nobody take the same lots twice: what a book showed and orders took is gone until the book changes
again. `take` and `restore` follow it, so that a twin never shows an order beside the offer that filled it.
"""

from collections.abc import Iterable

from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.twins.matching import Report

__all__ = ["Outside", "Place", "taken_lots"]

Place = tuple[int, int]  # (1 for bids or -1, price)


class Outside:
    """Levels by side and price. Every method returns the places whose lots it changed."""

    def __init__(self) -> None:
        self._levels: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self._taken: dict[Place, int] = {}
        self.endless = False  # told by its best prices alone: there the kernel takes any quantity

    def level(self, price: int, lots: int, flags: int) -> list[Place]:
        """Takes a level as it now is."""
        side = -1 if flags & Flag.SELL else 1
        if lots:
            self._levels[side][price] = lots
        else:
            self._levels[side].pop(price, None)
        return [(side, price)]

    def clear(self) -> list[Place]:
        """Forgets everything."""
        changed = [(side, price) for side, levels in self._levels.items() for price in levels]
        for levels in self._levels.values():
            levels.clear()
        self._taken.clear()
        return changed

    def take(self, side: int, lots: int) -> list[Place]:
        """Hides lots of a side, the best first."""
        changed: list[Place] = []
        for price in [] if self.endless else self.prices(side):
            part = min(lots, self.lots(side, price))
            if part > 0:
                self._taken[side, price] = self._taken.get((side, price), 0) + part
                changed.append((side, price))
                lots -= part
            if lots <= 0:
                break
        return changed

    def restore(self) -> list[Place]:
        """Shows again what was hidden: the book has changed."""
        changed = list(self._taken)
        self._taken.clear()
        return changed

    def lots(self, side: int, price: int) -> int:
        """Returns what is offered at a price."""
        there = self._levels[side].get(price, 0)
        return max(0, there - self._taken[side, price]) if (side, price) in self._taken else there

    def prices(self, side: int) -> list[int]:
        """Returns the prices at which something is offered, best first."""
        return [one for one in sorted(self._levels[side], reverse=side > 0) if self.lots(side, one)]


def taken_lots(reports: Iterable[Report], *, traded: bool) -> dict[int, int]:
    """Returns what reports took of the outside book, by account's order id.

    A trade between accounts takes nothing of it, and neither does a trade of the outside market (`traded`) that met
    resting orders.
    """
    fills = [one for one in reports if one.kind == EventKind.FILL]
    makers = {one.trade_id for one in fills if one.maker}
    takers = {one.trade_id for one in fills if not one.maker}
    found: dict[int, int] = {}
    for one in fills:
        met = makers if not one.maker else takers
        if one.trade_id not in met and not (one.maker and traded):
            found[one.order_id] = found.get(one.order_id, 0) + one.lots
    return found
