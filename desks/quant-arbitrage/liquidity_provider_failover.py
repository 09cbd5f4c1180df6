"""The desk's lenders and nodes, as the runbook's scripts import it."""

from quarterdeck.ops.attempts.place import speak_plainly
from quarterdeck.ops.attempts.providers import Failover, get_failover

__all__ = ["Failover", "get_failover"]

speak_plainly()
