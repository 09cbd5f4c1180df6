"""The breaker of the running desk, as the runbook's scripts import it."""

from quarterdeck.ops.attempts.breaker import CircuitBreaker, get_circuit_breaker
from quarterdeck.ops.attempts.place import speak_plainly

__all__ = ["CircuitBreaker", "get_circuit_breaker"]

speak_plainly()
