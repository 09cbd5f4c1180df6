"""Everything that can be wrong, in one table: its severity, its threshold, and the runbook rows that it answers to.

What a rule looks at is in `by_event`, `by_figures` and `by_machine`; a rule may be in several: the event tells it at
once, the figures say that it still holds, and that it is over.

`for_s`     how long a look must find it before it fires; an event fires at once
`quiet_s`   None: it ends when looks no longer find it, or an event says so. A number: nothing says that it is over,
            so it ends when it was not repeated for that long and, from P0 to P2, a person has acknowledged it
`lives`     looks count only while the desk lives: once it died nothing is known, once it ended in order it is over
`always`    a silence of every rule does not hold it back, only one that names it
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from quarterdeck.ops.alerts.model import Severity

__all__ = ["INHIBITIONS", "RULES", "Rule", "inhibitors"]

_HOUR_S: Final = 3600.0
P0, P1, P2, P3, P4 = Severity


class Rule(msgspec.Struct, frozen=True):
    name: str
    severity: Severity
    title: str
    runbooks: str
    threshold: str = ""
    for_s: float = 0.0
    quiet_s: float | None = None
    lives: bool = True
    always: bool = False


_TABLE: Final = (
    # the desk itself
    Rule("desk-dead", P0, "A desk died", "hat-manifesto P1 system down; quant-arbitrage P0 service down", lives=False),
    Rule("trading-stopped", P0, "Trading stopped", "quant-arbitrage P0 data loss; hat-manifesto P1 trading halted",
         for_s=5, lives=False, always=True),
    Rule("trading-halted", P1, "No entries", "hat-manifesto P1 trading halted; intraday orders not executing",
         for_s=30),
    Rule("unseen", P3, "A desk cannot show itself", "intraday MEDIUM metrics collection issues", quiet_s=_HOUR_S),
    Rule("figures-unreadable", P2, "A desk's figures cannot be read", "hmm-ops missing metrics", lives=False),
    Rule("log-not-rolled", P3, "A log was not rolled", "quant-arbitrage weekly log rotation", quiet_s=_HOUR_S),
    Rule("anomaly", P3, "Something that cannot be", "quant-arbitrage anomaly detected", quiet_s=_HOUR_S),
    Rule("standby", P2, "No standby", "hat-manifesto hot standby", for_s=30),
    # people and switches
    Rule("kill-switch", P1, "Kill switch",
         "xrpliquid kill-switch activation; quant-arbitrage circuit breaker triggered", lives=False),
    Rule("breaker-reduced", P2, "Breaker reduced", "hat-manifesto P2 risk exposure", lives=False),
    Rule("graded-metric", P2, "Graded metric", "hat-manifesto P2 risk exposure", lives=False),
    Rule("emergency-lock", P0, "Emergency lock", "quant-arbitrage emergency shutdown activated", lives=False,
         always=True),
    Rule("emergency-command", P2, "Emergency command", "hat-manifesto P1 activate kill-switch", quiet_s=_HOUR_S),
    Rule("unprotected", P1, "Position without a stop", "intraday verify all positions are protected", for_s=10,
         lives=False),
    Rule("throttled", P3, "Strategy throttled", "quant-arbitrage rate limit hit", lives=False),
    # money
    Rule("drawdown", P2, "Drawdown", "xrpliquid large drawdown (> 3%), max drawdown < 5%", "drawdown_share"),
    Rule("daily-loss", P1, "Daily loss", "intraday CRITICAL large unexpected losses", "daily_loss_share"),
    Rule("hourly-loss", P2, "Hourly loss", "quant-arbitrage P&L (hourly) < -$100", "hourly_loss"),
    Rule("large-loss", P1, "Large loss", "quant-arbitrage large loss (> $500)", "loss_large", quiet_s=_HOUR_S),
    Rule("liquidation", P0, "Liquidation", "intraday CRITICAL large unexpected losses", quiet_s=_HOUR_S, always=True),
    # limits
    Rule("limit-near", P3, "Limit nearly used", "hat-manifesto risk review", "limit_share"),
    Rule("limit-reached", P2, "Limit reached", "intraday HIGH risk limits breached"),
    Rule("limit-refusal", P2, "Refused by an account-wide limit", "intraday HIGH risk limits breached", quiet_s=900),
    Rule("refusal-burst", P2, "Many refusals", "hmm-ops orders rejected", "refusals_per_minute", quiet_s=300),
    Rule("rate-limit", P3, "Rate limit hit", "quant-arbitrage rate limit hit", quiet_s=600),
    Rule("warnings-waiting", P3, "Warnings wait for a person", "hat-manifesto P3 monitoring alerts", lives=False),
    # venues, orders, feeds
    Rule("venue-down", P2, "Venue connection lost", "intraday HIGH broker connection lost", for_s=10),
    Rule("venue-breaker", P1, "Venue circuit breaker", "quant-arbitrage circuit breaker: open"),
    Rule("venue-errors", P2, "Venue errors", "quant-arbitrage high error rate (> 10%)", "reject_share"),
    Rule("feed-stale", P2, "Stale feed", "hat-manifesto check for data gaps", "feed_age_s"),
    Rule("unknown-orders", P2, "Orders of unknown fate", "intraday HIGH orders not executing", "unknown_order_s",
         lives=False),
    Rule("difference", P1, "Differs from the venue", "hat-manifesto position reconciliation", lives=False, always=True),
    Rule("foreign-orders", P0, "Orders of somebody else", "intraday CRITICAL unauthorized trades", lives=False,
         always=True),
    Rule("reconcile-old", P2, "Not reconciled", "xrpliquid daily reconciliation", "reconcile_age_s"),
    Rule("order-rejects", P2, "Orders rejected", "quant-arbitrage high error rate (> 10%); hmm-ops orders rejected",
         "reject_share"),
    Rule("low-success", P2, "Low success rate", "quant-arbitrage success rate < 70%", "success_share"),
    Rule("failed-per-hour", P2, "Failed orders", "quant-arbitrage failed trades > 10/hour", "failed_per_hour"),
    Rule("failed-in-a-row", P2, "Consecutive failures", "quant-arbitrage consecutive failures", "failed_in_a_row"),
    Rule("slippage", P2, "Unusual slippage", "quant-arbitrage unusual slippage (> 5%)", "slippage_bps",
         quiet_s=_HOUR_S),
    Rule("maker-share", P3, "Few maker fills", "xrpliquid maker ratio > 60%", "maker_share"),
    # speed
    Rule("latency-p95", P3, "Latency", "xrpliquid p95 latency < 100ms", "latency_p95_ms"),
    Rule("latency-high", P2, "High latency", "xrpliquid high latency (> 200ms); hmm-ops high latency",
         "latency_high_ms"),
    Rule("response-slow", P2, "Slow responses", "quant-arbitrage response time > 2000ms", "response_ms"),
    Rule("loop-slow", P3, "Slow loop", "intraday MEDIUM performance degradation", "latency_p95_ms", for_s=30),
    Rule("signal-rate", P4, "Many signals", "hmm-ops scaling threshold 500 signals/minute", "signals_per_minute"),
    # the machine
    Rule("disk-low", P1, "Disk nearly full", "hat-manifesto system health: disk usage"),
    Rule("disk-free", P2, "Little room on the disk", "xrpliquid check disk space", "disk_free_share", lives=False),
    Rule("memory", P2, "Memory", "hmm-ops memory > 2GB", "memory_mib"),
    Rule("backup-failed", P2, "Backup failed", "hat-manifesto daily automated backups", lives=False),
    Rule("backup-old", P2, "Old backup", "hat-manifesto RPO", "backup_age_hours", lives=False),
    Rule("capture-stale", P2, "Data capture fails", "xrpliquid data capture failures", "capture_age_s", lives=False),
    Rule("component", P2, "Health component", "hat-manifesto system health", "clock_offset_ms", for_s=10, lives=False),
    # the ops plane
    Rule("locked-out", P1, "Sign-ins locked out", "quant-arbitrage security breach; intraday system compromised",
         quiet_s=_HOUR_S, always=True),
    Rule("expiring", P3, "A key or token expires", "hat-manifesto API keys rotated monthly", lives=False),
    Rule("channel-failed", P2, "An alert channel fails", "hmm-ops Telegram silent", lives=False, always=True),
    Rule("plane-trouble", P2, "Trouble in the ops plane", "intraday MEDIUM metrics collection issues", quiet_s=600,
         always=True),
    Rule("alerts-overflow", P2, "More findings than are kept", "quant-arbitrage monitoring alerts", quiet_s=_HOUR_S,
         always=True),
)  # fmt: skip
RULES: Final[dict[str, Rule]] = {rule.name: rule for rule in _TABLE}

INHIBITIONS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    # while the first stands at a desk, the others of that desk are not told: they follow from it
    ("desk-dead", tuple(rule.name for rule in _TABLE if rule.lives and rule.quiet_s is None)),
    ("desk-dead", ("component", "figures-unreadable", "backup-old")),
    ("trading-stopped", ("trading-halted", "feed-stale", "venue-down", "reconcile-old", "desk-dead")),
    ("venue-down", ("feed-stale", "reconcile-old", "venue-errors", "unknown-orders", "trading-halted")),
    ("kill-switch", ("trading-halted", "breaker-reduced", "limit-refusal", "refusal-burst")),
    ("emergency-lock", ("trading-halted", "limit-refusal", "refusal-burst")),
    ("disk-low", ("disk-free", "trading-halted")),
    ("foreign-orders", ("difference",)),
    ("response-slow", ("latency-high", "latency-p95")),
    ("latency-high", ("latency-p95",)),
    ("low-success", ("order-rejects",)),
    ("limit-refusal", ("refusal-burst",)),
    ("daily-loss", ("hourly-loss",)),
)


def inhibitors(rule: str) -> Iterator[str]:
    """The rules that hold this one back where they stand at the same desk."""
    return (source for source, held in INHIBITIONS if rule in held)
