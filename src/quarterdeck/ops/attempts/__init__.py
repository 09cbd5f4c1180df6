"""Attempts on a chain as their operators look at them: accounting, the breaker, lenders, latency, alerts.

Everything is read from a desk's journal, from what it shows, and from its node; everything that is done is done by the
running desk, told over its control socket. Each module is what a module of the same purpose in the desk's folder says
again: `circuit_breaker`, `pnl_accounting`, `liquidity_provider_failover`, `observability`, `alerting`.
"""

from quarterdeck.ops.attempts.accounting import get_accounting
from quarterdeck.ops.attempts.alerting import get_alerting
from quarterdeck.ops.attempts.breaker import get_circuit_breaker
from quarterdeck.ops.attempts.observing import get_metrics
from quarterdeck.ops.attempts.providers import get_failover

__all__ = ["get_accounting", "get_alerting", "get_circuit_breaker", "get_failover", "get_metrics"]
