"""Telling people about the desk, as the runbook's scripts import it."""

from quarterdeck.ops.attempts.alerting import Alerting, get_alerting
from quarterdeck.ops.attempts.place import speak_plainly

__all__ = ["Alerting", "get_alerting"]

speak_plainly()
