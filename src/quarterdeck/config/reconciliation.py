"""[reconciliation]: how a desk at a real venue asks, how long it waits, and how often both sides are compared."""

from decimal import Decimal
from typing import Annotated

from quarterdeck.config.figures import Money, Settings, Within

__all__ = ["Reconciliation"]


class Reconciliation(Settings):
    """[reconciliation]: patience with a venue."""

    every_s: Annotated[int, Within("1", "3600", "seconds between two comparisons with the venue")] = 30
    request_ms: Annotated[int, Within("50", "60000", "milliseconds that a request may take effect within")] = 1_000
    retry_ms: Annotated[int, Within("10", "60000", "milliseconds before a question is asked again")] = 250
    overlap_ms: Annotated[
        int, Within("0", "600000", "milliseconds of fills asked for twice: a venue's list may lag")
    ] = 2_000
    cash_tolerance: Money = Decimal(0)
    """By how much the venue's cash may differ, in the purse's own currency."""
