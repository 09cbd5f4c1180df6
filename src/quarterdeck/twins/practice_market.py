"""The market around a practice exchange: a seeded walk of quotes. It shows no real market.

Each quote steps the bid by -1, 0 or 1 of the instrument's own steps, leaning back to where it began; the spread is 1 to
3 steps, and quantities are up to a few hundred coins.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from quarterdeck.twins.exchange_records import Quote

__all__ = ["Walk", "walks_of"]

_FIRST_STEPS: Final = 12_000  # where a price begins, in steps
_STEP: Final = Decimal("0.0001")  # a step where the tick is finer
_PULL: Final = 400  # steps from home at which it is twice as likely to turn back
_LOTS: Final = 300


@dataclass(slots=True)
class Walk:
    """One instrument's price. `step` in ticks, `unit` in lots."""

    row: int
    step: int
    unit: int
    bid: int = _FIRST_STEPS  # in steps

    def next(self, chance: random.Random) -> Quote:
        """Returns the next quote."""
        away = (self.bid - _FIRST_STEPS) / (3 * _PULL)
        draw = chance.random()
        self.bid += (draw < 1 / 3 - away) - (draw > 2 / 3 - away)
        spread = 1 + int(3 * chance.random())
        lots = self.unit * (1 + int(_LOTS * chance.random())), self.unit * (1 + int(_LOTS * chance.random()))
        return Quote(self.bid * self.step, (self.bid + spread) * self.step, *lots)

    def resume(self, bid: int) -> None:
        """Goes on from a bid that the exchange remembers."""
        if bid > 0:
            self.bid = bid // self.step


def walks_of(terms: Sequence[tuple[Decimal, Decimal]]) -> list[Walk]:
    """Returns a walk for each (tick, lot), in the exchange's order."""
    return [Walk(row, max(1, int(_STEP / tick)), max(1, int(1 / lot))) for row, (tick, lot) in enumerate(terms)]
