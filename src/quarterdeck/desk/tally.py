"""What a session counts for its summary: orders, fills, refusals by reason, and how far equity fell."""

from collections import Counter

from quarterdeck.desk.narrative import Line
from quarterdeck.kernel.vocabulary import Decision

__all__ = ["Tally"]


class Tally:
    """Counts of one session. Money is in desk money units."""

    def __init__(self) -> None:
        self.orders = 0
        self.modified = 0
        self.fills = 0
        self.rejected: Counter[str] = Counter()
        self.refused_by_venue: Counter[str] = Counter()
        self.peak = 0
        self.drawdown = 0  # the largest fall below the peak
        self.drawdown_share = 0.0

    def take(self, line: Line) -> None:
        """Counts a line."""
        if line.event == "ORDER_SUBMITTED":
            self.orders += 1
        elif line.event == "ORDER_FILLED":
            self.fills += 1
        elif line.event == "RISK_BLOCK":
            self.rejected[str(line.fields["reason"])] += 1
        elif line.event == "ORDER_REJECTED":
            self.refused_by_venue[str(line.fields["reason"])] += 1
        elif line.event == "RISK_DECISION" and line.fields["decision"] == Decision.MODIFIED.name:
            self.modified += 1

    def see_equity(self, equity: int) -> None:
        """Follows equity from one look to the next."""
        self.peak = max(self.peak, equity)
        fall = self.peak - equity
        if fall > self.drawdown:
            self.drawdown = fall
            self.drawdown_share = fall / self.peak
