"""[ledger]: how closely the ledger and a venue's own statement must agree."""

from decimal import Decimal
from typing import Annotated

from quarterdeck.config.figures import BasisPoints, Settings, Within

__all__ = ["Ledger"]


class Ledger(Settings):
    """[ledger]: what the daily reconciliation lets pass. Sizes always agree exactly."""

    price_tolerance_bps: BasisPoints = Decimal(0)
    """By how much a fill's price may differ, of the price."""
    fee_tolerance_bps: BasisPoints = Decimal("0.01")
    """By how much a fill's fee may differ, of the fill's notional."""
    statement_timeout_s: Annotated[int, Within("1", "3600", "seconds that a venue has for its whole statement")] = 60
