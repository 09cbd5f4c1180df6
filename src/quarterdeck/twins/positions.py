"""A margined position at its average cost, exact in money units: what every twin of a margined venue books."""

from dataclasses import dataclass

__all__ = ["Position"]


@dataclass(slots=True)
class Position:
    """Signed lots, and what they cost in units with the same sign."""

    lots: int = 0
    cost: int = 0

    def move(self, side: int, lots: int, paid: int) -> int:
        """Trades `lots` for `paid` units; returns the result of what was closed."""
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
