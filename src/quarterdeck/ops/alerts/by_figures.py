"""What a look at a desk's figures says: each function yields the cases that hold now. Pure functions of figures."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from quarterdeck.config import DeskConfig
from quarterdeck.config.ops import Thresholds
from quarterdeck.ops.alerts.by_event import killed_stage
from quarterdeck.ops.alerts.model import Case, Severity
from quarterdeck.ops.alerts.windows import DeskMemory
from quarterdeck.ops.figures import DeskFigures, RailFigures
from quarterdeck.strategies.sessions import sessions_of

__all__ = ["LOOKS", "Look", "Patience", "Sight", "loss_severity", "patience_of"]

_TOLD_ELSEWHERE: Final = ("STALE_DATA", "VENUE_BREAKER_OPEN", "ALERTS_UNACKNOWLEDGED")
_SAMPLES_MIN: Final = 20  # orders or fills, below which a share says nothing
_GRADES: Final = {"WARNING": Severity.P3, "CRITICAL": Severity.P2, "KILLED": Severity.P1}
_EXCHANGE_OF_EQUITIES: Final = "XNYS"
_ROUNDS_MISSED: Final = 3  # of the desk's own rounds of reconciliation
_LARGE: Final = Decimal(10_000)
_MODERATE: Final = Decimal(1_000)


class Patience(msgspec.Struct, frozen=True):
    """What a desk's own settings allow beyond the thresholds: seconds of its own time, and instruments that rest.

    A paced desk's prices and rounds come more slowly, and a closed exchange has no prices.
    """

    feed_s: dict[str, float] = {}
    reconcile_s: float = 0.0
    closed: frozenset[str] = frozenset()


class Sight(msgspec.Struct, frozen=True):
    """One look at one desk."""

    figures: DeskFigures
    memory: DeskMemory
    limits: Thresholds
    patience: Patience = Patience()


Look: TypeAlias = Callable[[Sight], Iterator[Case]]


def loss_severity(loss: Decimal) -> Severity:
    """By the runbook's levels: over 10,000 is P0, 1,000 to 10,000 is P1, less is P2."""
    return Severity.P0 if loss > _LARGE else Severity.P1 if loss >= _MODERATE else Severity.P2


def patience_of(config: DeskConfig, figures: DeskFigures) -> Patience:
    """What the desk's configuration allows at the time of its figures."""
    feeds = list(zip(config.instruments, figures.feeds, strict=False))
    equities = frozenset(feed.instrument for one, feed in feeds if one.kind == "equity")
    rests = bool(equities) and sessions_of(_EXCHANGE_OF_EQUITIES).at(figures.time_ns) is None
    return Patience(
        {feed.instrument: float(one.limits.stale_ms) / 1e3 for one, feed in feeds},
        float(_ROUNDS_MISSED * config.reconciliation.every_s),
        equities if rests else frozenset[str](),
    )


def _dead(sight: Sight) -> Iterator[Case]:
    figures = sight.figures
    if not figures.alive and not figures.stopping:
        yield Case("desk", "the desk died: it shows itself no more and did not end in order")


def _stopped(sight: Sight) -> Iterator[Case]:
    if sight.figures.failure:
        yield Case("desk", f"trading stopped: {sight.figures.failure}")


def _halted(sight: Sight) -> Iterator[Case]:
    figures = sight.figures
    if figures.trading or figures.stopping or killed_stage(figures.breaker.stage) or figures.breaker.locked:
        return
    severity = Severity.P3 if figures.paused else Severity.P1  # who paused it knows that it rests
    yield Case("desk", "no entries: " + ("; ".join(figures.holding_back) or "the desk does not trade"), severity)


def _kill_switch(sight: Sight) -> Iterator[Case]:
    breaker = sight.figures.breaker
    if killed_stage(breaker.stage):
        yield Case("desk", f"kill switch: {breaker.stage}, {breaker.trips_today} trips today")


def _reduced(sight: Sight) -> Iterator[Case]:
    if sight.figures.breaker.stage == "REDUCED":
        yield Case("desk", f"breaker REDUCED: size x {sight.figures.breaker.multiplier:f}")


def _locked(sight: Sight) -> Iterator[Case]:
    if sight.figures.breaker.locked:
        yield Case("desk", "emergency lock: every order is stopped, even reducing ones")


def _graded(sight: Sight) -> Iterator[Case]:
    for metric, level in sight.figures.breaker.grades.items():
        if level in _GRADES:
            yield Case(metric, f"{metric} is {level}", _GRADES[level])


def _unprotected(sight: Sight) -> Iterator[Case]:
    figures = sight.figures
    if killed_stage(figures.breaker.stage) or figures.breaker.locked:
        for one in figures.positions:
            if not one.protected:
                said = f"{one.quantity:f} {one.instrument} of {one.strategy} without a stop while the desk is killed"
                yield Case(f"{one.strategy} {one.instrument}", said)


def _drawdown(sight: Sight) -> Iterator[Case]:
    figures, limits = sight.figures, sight.limits
    if figures.drawdown > limits.drawdown_share:
        critical = figures.drawdown > limits.drawdown_critical_share
        said = f"drawdown {figures.drawdown:.2%} of the peak {figures.equity_peak:,.2f} {figures.base_currency}"
        yield Case("desk", said, Severity.P1 if critical else Severity.P2)


def _daily_loss(sight: Sight) -> Iterator[Case]:
    figures = sight.figures
    begin, loss = figures.equity - figures.pnl_day, -figures.pnl_day
    if loss > 0 and begin > 0 and loss >= sight.limits.daily_loss_share * begin:
        said = f"today's loss is {loss:,.2f} {figures.base_currency}, {loss / begin:.2%} of the day's begin"
        yield Case("desk", said, min(loss_severity(loss), Severity.P1))


def _hourly_loss(sight: Sight) -> Iterator[Case]:
    hourly = sight.memory.hourly
    if hourly is not None and -hourly > sight.limits.hourly_loss:
        said = f"{-hourly:,.2f} {sight.figures.base_currency} lost within an hour"
        yield Case("desk", said, loss_severity(-hourly))


def _large_loss(sight: Sight) -> Iterator[Case]:
    fell = sight.memory.fell
    if fell > sight.limits.loss_large:
        said = f"{fell:,.2f} {sight.figures.base_currency} realised as a loss at once"
        yield Case("desk", said, min(loss_severity(fell), Severity.P1))


def _own_rails(sight: Sight) -> Iterator[RailFigures]:
    """The limits about which no other rule says more."""
    return (rail for rail in sight.figures.rails if rail.rail not in _TOLD_ELSEWHERE)


def _rails_near(sight: Sight) -> Iterator[Case]:
    for rail in _own_rails(sight):
        if rail.share < 1 and (rail.warned or rail.share >= float(sight.limits.limit_share)):
            yield Case(f"{rail.rail} {rail.scope}", f"{rail.rail} of {rail.scope}: {rail.share:.0%} of the limit used")


def _rails_reached(sight: Sight) -> Iterator[Case]:
    for rail in _own_rails(sight):
        if rail.share >= 1:
            said = f"{rail.rail} of {rail.scope}: {rail.use:f} of {rail.limit:f} {rail.unit}"
            yield Case(f"{rail.rail} {rail.scope}", said)


def _unacknowledged(sight: Sight) -> Iterator[Case]:
    count = sight.figures.unacknowledged
    if count:
        yield Case("desk", f"{count} warnings of the rails wait for a person: quarterdeck acknowledge")


def _venue_down(sight: Sight) -> Iterator[Case]:
    waiting = set(sight.figures.venues_waiting)
    for venue in sight.figures.venues:
        if not venue.connected or venue.name in waiting:
            yield Case(venue.name, f"venue {venue.name}: no connection that can be traded on")


def _venue_breaker(sight: Sight) -> Iterator[Case]:
    for venue in sight.figures.venues:
        if venue.error_breaker != "closed":
            yield Case(venue.name, f"circuit breaker of {venue.name} is {venue.error_breaker}")


def _venue_errors(sight: Sight) -> Iterator[Case]:
    for venue in sight.figures.venues:
        if venue.error_rate is not None and venue.error_rate > float(sight.limits.reject_share):
            yield Case(venue.name, f"{venue.error_rate:.0%} of {venue.name}'s answers are errors")


def _feed_stale(sight: Sight) -> Iterator[Case]:
    for feed in sight.figures.feeds:
        allowed_s = max(float(sight.limits.feed_age_s), sight.patience.feed_s.get(feed.instrument, 0.0))
        if feed.age_s is not None and feed.age_s > allowed_s and feed.instrument not in sight.patience.closed:
            said = f"no price of {feed.instrument} for {feed.age_s:.0f} s"
            yield Case(feed.instrument, said, facts={"venue": feed.venue})


def _unknown_orders(sight: Sight) -> Iterator[Case]:
    if sight.figures.unknown_orders:
        yield Case("desk", f"{sight.figures.unknown_orders} orders whose fate is not known")


def _differences(sight: Sight) -> Iterator[Case]:
    for one in sight.figures.differences:
        where = one.get("instrument") or one.get("account")
        if not one.get("foreign_orders"):
            yield Case(str(where), f"{where} differs from its venue", facts=dict(one))


def _strangers(sight: Sight) -> Iterator[Case]:
    names = sorted(str(one.get("instrument")) for one in sight.figures.differences if one.get("foreign_orders"))
    if names:
        yield Case("account", f"orders that this desk did not send work at the venue: {', '.join(names)}")


def _reconcile_old(sight: Sight) -> Iterator[Case]:
    allowed_s = max(float(sight.limits.reconcile_age_s), sight.patience.reconcile_s)
    for venue in sight.figures.venues:
        if venue.reconciled_age_s is not None and venue.reconciled_age_s > allowed_s:
            yield Case(venue.name, f"{venue.name} was last reconciled {venue.reconciled_age_s:.0f} s ago")


def _disk_low(sight: Sight) -> Iterator[Case]:
    if sight.figures.disk_low:
        yield Case("desk", "entries stopped: the disk is nearly full")


def _backup_failed(sight: Sight) -> Iterator[Case]:
    error = sight.figures.backup.get("error")
    if error:
        yield Case("desk", f"backup failed: {error}")


def _standby(sight: Sight) -> Iterator[Case]:
    lease = sight.figures.lease
    if lease is None:
        return
    if lease.get("trouble"):
        yield Case("desk", f"standby: {lease['trouble']}")
    elif not lease.get("standbys"):
        yield Case("desk", "no standby follows the desk: a fail-over would have nobody to go to")


def _throttled(sight: Sight) -> Iterator[Case]:
    for one in sight.figures.strategies:
        if one.throttled:
            yield Case(one.name, f"strategy {one.name} is held until a person resets its throttle")


def _rejects(sight: Sight) -> Iterator[Case]:
    ended = sight.memory.ended.within(sight.memory.now_ns)
    if len(ended) >= _SAMPLES_MIN and sum(ended) / len(ended) > float(sight.limits.reject_share):
        yield Case("desk", f"{sum(ended) / len(ended):.0%} of {len(ended)} orders were rejected within five minutes")


def _success(sight: Sight) -> Iterator[Case]:
    ended = sight.memory.ended.within(sight.memory.now_ns)
    if len(ended) >= _SAMPLES_MIN and 1 - sum(ended) / len(ended) < float(sight.limits.success_share):
        yield Case("desk", f"only {1 - sum(ended) / len(ended):.0%} of {len(ended)} orders were accepted")


def _failed_per_hour(sight: Sight) -> Iterator[Case]:
    failed = sight.memory.failed.total(sight.memory.now_ns)
    if failed > sight.limits.failed_per_hour:
        yield Case("desk", f"{failed} orders were rejected within an hour")


def _in_a_row(sight: Sight) -> Iterator[Case]:
    count = sight.memory.failed_in_a_row
    if count >= sight.limits.failed_in_a_row:
        yield Case("desk", f"{count} orders in a row were rejected by the venue")


def _slower_than(name: str) -> Look:
    def look(sight: Sight) -> Iterator[Case]:
        slow = sight.memory.accept_ms.percentile(0.95, sight.memory.now_ns, _SAMPLES_MIN)
        limit = getattr(sight.limits, name)
        if slow is not None and slow > limit:
            yield Case("desk", f"submit to accepted: p95 {slow:.1f} ms, over {limit:f} ms")

    return look


def _loop_slow(sight: Sight) -> Iterator[Case]:
    slow = sight.figures.loop_p99_s
    if slow is not None and slow * 1000 > sight.limits.latency_p95_ms:
        yield Case("desk", f"one turn of the loop in a hundred takes more than {slow * 1000:.0f} ms")


def _makers(sight: Sight) -> Iterator[Case]:
    fills = sight.memory.makers.within(sight.memory.now_ns)
    if len(fills) >= _SAMPLES_MIN and sum(fills) / len(fills) < float(sight.limits.maker_share):
        yield Case("desk", f"maker share {sum(fills) / len(fills):.0%} of {len(fills)} fills within an hour")


def _signals(sight: Sight) -> Iterator[Case]:
    rate = sight.memory.signals_per_minute
    if rate is not None and rate > sight.limits.signals_per_minute:
        yield Case("desk", f"{rate:.0f} signals per minute")


LOOKS: Final[dict[str, Look]] = {
    "desk-dead": _dead,
    "trading-stopped": _stopped,
    "trading-halted": _halted,
    "kill-switch": _kill_switch,
    "breaker-reduced": _reduced,
    "emergency-lock": _locked,
    "graded-metric": _graded,
    "unprotected": _unprotected,
    "drawdown": _drawdown,
    "daily-loss": _daily_loss,
    "hourly-loss": _hourly_loss,
    "large-loss": _large_loss,
    "limit-near": _rails_near,
    "limit-reached": _rails_reached,
    "warnings-waiting": _unacknowledged,
    "venue-down": _venue_down,
    "venue-breaker": _venue_breaker,
    "venue-errors": _venue_errors,
    "feed-stale": _feed_stale,
    "unknown-orders": _unknown_orders,
    "difference": _differences,
    "foreign-orders": _strangers,
    "reconcile-old": _reconcile_old,
    "disk-low": _disk_low,
    "backup-failed": _backup_failed,
    "standby": _standby,
    "throttled": _throttled,
    "order-rejects": _rejects,
    "low-success": _success,
    "failed-per-hour": _failed_per_hour,
    "failed-in-a-row": _in_a_row,
    "latency-p95": _slower_than("latency_p95_ms"),
    "latency-high": _slower_than("latency_high_ms"),
    "response-slow": _slower_than("response_ms"),
    "loop-slow": _loop_slow,
    "maker-share": _makers,
    "signal-rate": _signals,
}
