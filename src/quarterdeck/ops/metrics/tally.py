"""What the lines of a desk's logs come to: a document of counts, places in the logs, and orders under way.

One line is taken once: the places stand in the same document as the counts, and both are stored together.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from decimal import Decimal
from math import sqrt
from typing import Any, Final

import msgspec

from quarterdeck.market.times import parse_time
from quarterdeck.ops.metrics.catalogue import LATENCY_BUCKETS_S
from quarterdeck.ops.tails import Place

__all__ = [
    "SLIPPAGE_BUCKETS_BPS",
    "Histogram",
    "Holding",
    "Returns",
    "Tally",
    "Underway",
    "labels_of",
    "severity_of",
]

SLIPPAGE_BUCKETS_BPS: Final = (
    -50.0, -20.0, -10.0, -5.0, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0,
)  # fmt: skip
_ORDERS_MAX: Final = 50_000  # under way; the oldest are forgotten first
_SEPARATOR: Final = "\x1f"
_RETURNS_MIN: Final = 30
_HOURS_OF_A_YEAR: Final = 24 * 365
_CRITICAL: Final = (
    "BREAKER_OPEN", "DAILY_LOSS", "EMERGENCY_LOCK", "EQUITY_DRAWDOWN", "EQUITY_FLOOR", "LIQUIDATED", "OVERFLOW",
    "PORTFOLIO_HEAT", "BREAKER_CHANGE", "LIQUIDATION", "TRADING_STOPPED", "DISK_LOW", "COMMAND_KILL", "COMMAND_FLATTEN",
    "COMMAND_LOCK",
)  # fmt: skip
_INFORMATION: Final = ("TRADING_DISABLED", "NOTIONAL_TOO_SMALL", "NOT_REDUCING", "DUPLICATE_ORDER", "FLATTENED")
_RISK_EVENTS: Final = (
    "WARNING", "ANOMALY", "REFUSED", "BREAKER_CHANGE", "METRIC_CHANGE", "LIQUIDATION", "THROTTLED", "FLATTENED",
    "RECONCILIATION_DIFFERENCE", "DISK_LOW", "TRADING_STOPPED", "COMMAND_KILL", "COMMAND_FLATTEN", "COMMAND_LOCK",
)  # fmt: skip


def severity_of(word: str) -> str:
    """info, warning or critical, for a Reason's name or an event's."""
    return "critical" if word in _CRITICAL else "info" if word in _INFORMATION else "warning"


class Histogram(msgspec.Struct):
    """Counts of each bucket (not cumulative; the last is of all above) and the sum of what was observed."""

    counts: list[int]
    sum: float = 0.0


class Underway(msgspec.Struct):
    """An order that has not ended."""

    time_ns: int
    symbol: str
    side: str
    strategy: str
    quantity: Decimal
    filled: Decimal = Decimal(0)
    accepted: bool = False
    middle: Decimal | None = None


class Holding(msgspec.Struct):
    """A position as its fills tell it: signed quantity and what was paid for it."""

    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)


class Returns(msgspec.Struct):
    """Hourly results as shares of equity: the newest sample, and mean and spread of all (Welford 1962)."""

    hour: int
    result: float
    equity: float
    count: int = 0
    mean: float = 0.0
    squares: float = 0.0  # sum of squared distances from the mean

    def sample(self, hour: int, result: float, equity: float) -> None:
        """Takes the result since the journal's begin; only two hours that follow each other make a return."""
        if hour == self.hour + 1 and self.equity > 0:
            share = (result - self.result) / self.equity
            self.count += 1
            step = share - self.mean
            self.mean += step / self.count
            self.squares += step * (share - self.mean)
        self.hour, self.result, self.equity = hour, result, equity

    @property
    def sharpe(self) -> float | None:
        """For a year of hours, without a riskless rate; None of fewer than _RETURNS_MIN returns, or equal ones."""
        if self.count < _RETURNS_MIN or self.squares <= 0:
            return None
        return self.mean / sqrt(self.squares / (self.count - 1)) * sqrt(_HOURS_OF_A_YEAR)


class Tally(msgspec.Struct):
    """The document. `counters` and `histograms`: name -> labels (joined) -> figure."""

    places: dict[str, Place] = {}
    counters: dict[str, dict[str, int]] = {}
    histograms: dict[str, dict[str, Histogram]] = {}
    orders: dict[str, Underway] = {}
    holdings: dict[str, Holding] = {}
    returns: dict[str, Returns] = {}  # of each strategy, and of the desk: ""

    def count(self, name: str, *labels: str, by: int = 1) -> None:
        """Adds to a counter."""
        rows = self.counters.setdefault(name, {})
        key = _SEPARATOR.join(labels)
        rows[key] = rows.get(key, 0) + by

    def observe(self, name: str, value: float, *labels: str, buckets: tuple[float, ...] = LATENCY_BUCKETS_S) -> None:
        """Adds one observation to a histogram, in the buckets' unit."""
        rows = self.histograms.setdefault(name, {})
        key = _SEPARATOR.join(labels)
        if key not in rows:
            rows[key] = Histogram([0] * (len(buckets) + 1))
        rows[key].counts[bisect_left(buckets, value)] += 1
        rows[key].sum += value

    def sample(self, name: str, hour: int, result: float, equity: float) -> bool:
        """Notes a result once in an hour of the desk's time; returns whether it was new."""
        known = self.returns.get(name)
        if known is None:
            self.returns[name] = Returns(hour, result, equity)
            return True
        if hour <= known.hour:
            return False
        known.sample(hour, result, equity)
        return True

    def take(self, line: Mapping[str, Any]) -> None:
        """Takes one line of trading.log or system.log; most kinds say nothing."""
        event = str(line.get("event"))
        taker = _TAKERS.get(event)
        if taker is not None:
            try:
                taker(self, line)
            except (KeyError, TypeError, ValueError, ArithmeticError):  # of another version: counted, and told so
                self.count("quarterdeck_log_lines_unreadable_total")
        if event in _RISK_EVENTS:
            self.count("hat_manifesto_risk_events_total", severity_of(event), event.lower())


def labels_of(key: str) -> list[str]:
    """The labels that `count` and `observe` joined."""
    return key.split(_SEPARATOR)


def _signal(tally: Tally, line: Mapping[str, Any]) -> None:
    tally.count("quarterdeck_signals_total", line["strategy"])


def _blocked(tally: Tally, line: Mapping[str, Any]) -> None:
    severity = severity_of(line["reason"])
    tally.count("risk_blocks_total", line["reason"], line["instrument"], severity)
    tally.count("hat_manifesto_risk_events_total", severity, "risk_block")


def _submitted(tally: Tally, line: Mapping[str, Any]) -> None:
    symbol, side, strategy = line["instrument"], line["side"], line["strategy"]
    tally.count("orders_submitted_total", symbol, side, strategy)
    middle = line.get("mid")
    tally.orders[line["order_id"]] = Underway(
        parse_time(line["time"]), symbol, side, strategy, Decimal(line["quantity"]),
        middle=None if middle is None else Decimal(middle),
    )  # fmt: skip
    while len(tally.orders) > _ORDERS_MAX:
        del tally.orders[next(iter(tally.orders))]


def _since(order: Underway, line: Mapping[str, Any]) -> float:
    return max(0, parse_time(line["time"]) - order.time_ns) / 1e9


def _accepted(tally: Tally, line: Mapping[str, Any]) -> None:
    order = tally.orders.get(line["order_id"])
    if order is None or order.accepted:
        return
    order.accepted = True
    took_s = _since(order, line)
    tally.observe("order_submit_latency_seconds", took_s, order.symbol, order.side)
    tally.observe("submit_to_ack_ms", took_s)


def _replaced(tally: Tally, line: Mapping[str, Any]) -> None:
    order = tally.orders.get(line["order_id"])
    if order is not None:
        order.quantity = Decimal(line["quantity"])


def _filled(tally: Tally, line: Mapping[str, Any]) -> None:
    side, strategy = line["side"], line["strategy"]
    price, quantity = Decimal(line["price"]), Decimal(line["quantity"])
    tally.count("hat_manifesto_trades_total", strategy, side, str(line["liquidity"] == "maker").lower())
    _close(tally, strategy, line["instrument"], quantity if side == "BUY" else -quantity, price, Decimal(line["fee"]))
    order = tally.orders.get(line["order_id"])
    if order is None:
        return
    if not order.filled:
        tally.observe("fill_latency_ms", _since(order, line))
    if order.middle:
        worse = (price - order.middle) * (1 if side == "BUY" else -1)
        bps = float(worse / order.middle) * 10_000
        tally.observe("hat_manifesto_slippage_bps", bps, buckets=SLIPPAGE_BUCKETS_BPS)
    order.filled += quantity
    if order.filled >= order.quantity:
        tally.count("orders_filled_total", order.symbol, order.side)
        tally.observe("hat_manifesto_execution_latency_seconds", _since(order, line))
        del tally.orders[line["order_id"]]


def _close(tally: Tally, strategy: str, symbol: str, quantity: Decimal, price: Decimal, fee: Decimal) -> None:
    """Moves the position at average cost; a fill that reduces it has won, or lost, after its own fee."""
    held = tally.holdings.setdefault(f"{strategy}{_SEPARATOR}{symbol}", Holding())
    before = held.quantity
    if before == 0 or (before > 0) == (quantity > 0):
        held.quantity += quantity
        held.cost += quantity * price
        return
    closing = min(abs(quantity), abs(before)) * (1 if quantity > 0 else -1)
    released = held.cost * abs(closing) / abs(before)
    won = -closing * price - released - fee > 0
    tally.count("quarterdeck_closed_fills_total", strategy, "won" if won else "lost")
    rest = quantity - closing
    held.quantity = before + quantity
    held.cost = rest * price if rest else held.cost - released
    if held.quantity == 0:
        held.cost = Decimal(0)


def _rejected(tally: Tally, line: Mapping[str, Any]) -> None:
    tally.count("orders_rejected_total", line["instrument"], line["reason"])
    tally.orders.pop(line["order_id"], None)


def _canceled(tally: Tally, line: Mapping[str, Any]) -> None:
    tally.count("orders_canceled_total", line["instrument"])
    tally.orders.pop(line["order_id"], None)


def _expired(tally: Tally, line: Mapping[str, Any]) -> None:
    tally.count("orders_expired_total", line["instrument"])
    tally.orders.pop(line["order_id"], None)


_TAKERS: Final[Mapping[str, Callable[[Tally, Mapping[str, Any]], None]]] = {
    "SIGNAL_GENERATED": _signal,
    "RISK_BLOCK": _blocked,
    "ORDER_SUBMITTED": _submitted,
    "ORDER_ACCEPTED": _accepted,
    "ORDER_REPLACED": _replaced,
    "ORDER_FILLED": _filled,
    "ORDER_REJECTED": _rejected,
    "ORDER_CANCELED": _canceled,
    "ORDER_EXPIRED": _expired,
}
