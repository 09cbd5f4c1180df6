"""Latency, outcomes and anomalies of the desk's attempts, as the runbook's scripts import it."""

from quarterdeck.ops.attempts.observing import Metrics, get_metrics
from quarterdeck.ops.attempts.place import speak_plainly

__all__ = ["Metrics", "get_metrics"]

speak_plainly()
