"""How fast attempts went, how they ended, and which of them were out of the ordinary.

    detection      found by discovery -> its transaction left: proof, limits and signing
    execution      left -> stands in a block
    confirmation   stands in a block -> counts for the desk
    total          found -> counts

Moments are the desk's own, a block's to the second: what comes out below zero is within that second, and is zero.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, TypedDict

import numpy as np

from quarterdeck.ops.attempts.accounting import Accounting, get_accounting
from quarterdeck.ops.attempts.money import Usd, share
from quarterdeck.ops.attempts.trades import Trade

__all__ = ["Anomaly", "Metrics", "get_metrics", "latency"]

PROFIT_MAX: Final = Usd(1000)
GAS_MAX: Final = Usd(200)
SLIPPAGE_MAX_PERCENT: Final = 5
DURATION_MAX_S: Final = 60
_RECENT: Final = 50
_PERCENTILES: Final = (50, 95, 99)


class Anomaly(TypedDict):
    """One trade that was out of the ordinary, and the figure that says so."""

    type: str
    value: str
    trade_id: str
    timestamp: str


class Metrics:
    """What can be observed of a desk's attempts."""

    def __init__(self, accounting: Accounting) -> None:
        self._accounting = accounting

    def get_metrics_summary(self, period: str = "today") -> dict[str, Any]:
        """Latency in milliseconds, outcomes, money and anomalies of a period; anomalies newest first."""
        trades = self._accounting.of_period(period)
        summary = self._accounting.get_pnl_summary(period)
        anomalies = self.get_anomalies(period)
        return {
            "period": period,
            "latency": latency(trades),
            "outcomes": {
                "total": len(trades),
                "successful": summary["successful_trades"],
                "failed": summary["failed_trades"],
                "refused": summary["refused_attempts"],
                "success_rate": summary["success_rate"],
            },
            "pnl": {"gross_usd": summary["gross_profit_usd"], "net_usd": summary["net_profit_usd"]},
            "gas": {
                "total_usd": summary["total_costs"]["gas_usd"],
                "average_gwei": _mean([float(trade.gas_price_gwei) for trade in trades]),
                "used": sum(trade.gas_used for trade in trades),
            },
            "protocols": _protocols(trades),
            "anomalies": {"total": len(anomalies), "recent": anomalies[:_RECENT]},
        }

    def get_anomalies(self, period: str = "today") -> list[Anomaly]:
        """Everything above a threshold, the newest first."""
        return [one for trade in reversed(self._accounting.of_period(period)) for one in _anomalies(trade)]

    def get_failed_trades(self, period: str = "today") -> list[dict[str, str]]:
        """What reverted, and why, as it was decoded when it happened; the newest first."""
        return [
            {"trade_id": trade.trade_id, "timestamp": trade.timestamp, "revert_reason": trade.revert_reason}
            for trade in reversed(self._accounting.of_period(period))
            if not trade.success
        ]


def latency(trades: Sequence[Trade]) -> dict[str, dict[str, float | None]]:
    """Average and percentiles of each part of the way, in milliseconds; None without trades."""
    parts: dict[str, list[float]] = {"detection": [], "execution": [], "confirmation": [], "total": []}
    for trade in trades:
        parts["detection"].append(_ms(trade.detected_ns, trade.sent_ns))
        parts["execution"].append(_ms(trade.sent_ns, trade.included_ns))
        parts["confirmation"].append(_ms(trade.included_ns, trade.time_ns))
        parts["total"].append(_ms(trade.detected_ns, trade.time_ns))
    return {name: _spread(values) for name, values in parts.items()}


@lru_cache(maxsize=8)
def _opened(accounting: Accounting) -> Metrics:
    return Metrics(accounting)


def get_metrics() -> Metrics:
    """The metrics of the desk that is meant: QUARTERDECK_DESK's, or the current directory's."""
    return _opened(get_accounting())


def _anomalies(trade: Trade) -> list[Anomaly]:
    found: list[tuple[str, str]] = []
    duration_s = _ms(trade.detected_ns, trade.time_ns) / 1e3
    if abs(trade.net_profit_usd) > PROFIT_MAX:
        found.append(("unusual_profit", f"${trade.net_profit_usd:.2f}"))
    if trade.gas_cost_usd > GAS_MAX:
        found.append(("high_gas", f"${trade.gas_cost_usd:.2f}"))
    if trade.slippage_percent is not None and trade.slippage_percent > SLIPPAGE_MAX_PERCENT:
        found.append(("high_slippage", f"{trade.slippage_percent:.2f}%"))
    if duration_s > DURATION_MAX_S:
        found.append(("slow_execution", f"{duration_s:.1f} s"))
    return [
        Anomaly(type=kind, value=value, trade_id=trade.trade_id, timestamp=trade.timestamp) for kind, value in found
    ]


def _protocols(trades: Sequence[Trade]) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[Trade]] = defaultdict(list)
    for trade in trades:
        groups[trade.protocol].append(trade)
    return {
        name: {
            "trades": len(group),
            "success_rate": share(sum(trade.success for trade in group), len(group)),
            "net_usd": sum((trade.net_profit_usd for trade in group), Usd(0)).cents(),
            "gas_usd": sum((trade.gas_cost_usd for trade in group), Usd(0)).cents(),
        }
        for name, group in sorted(groups.items())
    }


def _ms(begin_ns: int, end_ns: int) -> float:
    return max(0, end_ns - begin_ns) / 1e6


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return {"avg": None, **{f"p{percent}": None for percent in _PERCENTILES}}
    figures = np.percentile(np.array(values), _PERCENTILES)
    return {
        "avg": round(_mean(values), 3),
        **{f"p{percent}": round(float(figure), 3) for percent, figure in zip(_PERCENTILES, figures, strict=True)},
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
