"""Profit and loss of the desk's attempts, as the runbook's scripts import it."""

from quarterdeck.ops.attempts.accounting import Accounting, get_accounting
from quarterdeck.ops.attempts.place import speak_plainly

__all__ = ["Accounting", "get_accounting"]

speak_plainly()
