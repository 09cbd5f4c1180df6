"""A strategy without a plan: it asks for every kind of order, at any moment, and takes it back or changes its mind.

It is seeded, and as every strategy it is a function of what it sees: the same desk asks for the same things again.
"""

from typing import Any, Final

import msgspec

from quarterdeck.kernel.vocabulary import Side
from quarterdeck.strategies.contract import Place, PythonStrategy
from quarterdeck.strategies.views import DeskView, Fill, Quote

__all__ = ["Chaos", "Dice", "chaos"]

_MASK: Final = 2**64 - 1
_OPEN_MOST: Final = 10  # working orders of one strategy, about


class _Memory(msgspec.Struct):
    asked: int = 0


class Dice:
    """Numbers that follow from a seed: splitmix64 (Steele, Lea, Flood, 2014)."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def below(self, sides: int) -> int:
        """Returns a number from 0 to sides - 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return (mixed ^ (mixed >> 31)) % sides


class Chaos(PythonStrategy):
    """Acts at most quotes, and at some fills. `seed` and `spree` (per cent of quotes it acts at) are its class's."""

    kind = "chaos"
    seed = 0
    spree = 60

    def __init__(self, parameters: Any, place: Place) -> None:
        super().__init__(parameters, place)
        self.memory = _Memory()

    def _dice(self, time_ns: int) -> Dice:
        self.memory.asked += 1
        place = self.place.strategy + 1
        return Dice(self.seed * 1_000_003 + time_ns * 31 + place * 7_919 + self.memory.asked)

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        dice = self._dice(quote.time_ns)
        if dice.below(100) >= self.spree:
            return
        for _ in range(1 + dice.below(3)):
            deed = dice.below(100)
            if deed < 62:
                self._order(desk, quote, dice)
            elif deed < 98:
                self._change(desk, quote, dice, cancel=deed < 80)
            else:
                desk.cancel_all(quote.instrument if dice.below(2) else -1)

    def on_fill(self, desk: DeskView, fill: Fill) -> None:
        dice = self._dice(fill.time_ns)
        held = desk.position(fill.instrument)
        if dice.below(5) == 0 and held != 0:
            ask = desk.sell if held > 0 else desk.buy
            ask(fill.instrument, 1 + dice.below(abs(held)), reduce_only=dice.below(2) == 0)

    def _order(self, desk: DeskView, quote: Quote, dice: Dice) -> None:
        instrument, held = quote.instrument, desk.position(quote.instrument)
        side = Side.BUY if dice.below(2) else Side.SELL
        lots = 1 + dice.below(12) if dice.below(8) else 1 + dice.below(40)
        form = dice.below(100)
        ask = desk.buy if side is Side.BUY else desk.sell
        touch = quote.bid if side is Side.BUY else quote.ask
        if form < 14:
            ask(instrument, lots, reduce_only=dice.below(4) == 0)
        elif form < 24 and held != 0:
            closing = Side.SELL if held > 0 else Side.BUY
            away = closing * (2 + dice.below(40))
            desk.stop(instrument, closing, quote.bid + away, 1 + dice.below(abs(held)))
        elif form < 40:
            ask(instrument, lots, touch - side * dice.below(20), post_only=True)
        elif form < 52 and held != 0:
            closer = desk.sell if held > 0 else desk.buy
            away = (1 if held > 0 else -1) * (dice.below(30) - 8)
            closer(instrument, 1 + dice.below(2 * abs(held)), quote.bid + away, reduce_only=True)
        else:
            ask(instrument, lots, touch - side * (dice.below(30) - 10))

    def _change(self, desk: DeskView, quote: Quote, dice: Dice, *, cancel: bool) -> None:
        orders = sorted(desk.open_orders())
        if not orders:
            return
        order = orders[dice.below(len(orders))]
        if cancel or len(orders) > _OPEN_MOST:
            desk.cancel(order.order_id)
        elif order.instrument == quote.instrument:
            price = order.price + dice.below(21) - 10 if order.price else 0
            desk.replace(order.order_id, price, order.filled + 1 + dice.below(15))


def chaos(seed: int, spree: int) -> type[Chaos]:
    """Returns the strategy of one run."""
    return type("Chaos", (Chaos,), {"seed": seed, "spree": spree})
