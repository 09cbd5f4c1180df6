"""One desk, by what it shows of itself: each function judges one component of its figures."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

from quarterdeck.config import DeskConfig
from quarterdeck.config.ops import Thresholds
from quarterdeck.kernel.vocabulary import BreakerStage
from quarterdeck.ops.figures import DeskFigures, VenueFigures
from quarterdeck.ops.health.components import Found, Status
from quarterdeck.strategies.sessions import sessions_of

__all__ = ["desk_components", "process", "standby_lag"]

_EXCHANGE_OF_EQUITIES: Final = "XNYS"
_UNHEALTHY_TIMES: Final = 10  # a feed that is so many times older than it may be is gone
_STOPPED: Final = (BreakerStage.KILLED.name, BreakerStage.COOLDOWN.name)
_STANDBY_RECORD: Final = re.compile(r"at record (\d+)")
_ROUNDS_MISSED: Final = 3.0  # of comparisons, before they are missed
_STANDBY_LAG_RECORDS: Final = 100_000


def process(found: DeskFigures | None) -> Found:
    """Whether its process lives and trades, by the copies of its state that it lays ten times a second."""
    if found is None:
        return Found(Status.UNHEALTHY, "it has not run yet: `quarterdeck run` starts it", {})
    shown_s = max(0.0, (time.time_ns() - found.shown_ns) / 1e9)
    details: dict[str, object] = {
        "pid": found.pid, "mode": found.mode, "epoch": found.epoch, "shown_age_s": round(shown_s, 3),
        "trading": found.trading, "holding_back": list(found.holding_back), "loop_p99_s": found.loop_p99_s,
    }  # fmt: skip
    if found.failure:
        return Found(Status.UNHEALTHY, f"trading has stopped: {found.failure}", details)
    if not found.alive:
        return Found(Status.UNHEALTHY, f"it is not running: it showed itself {shown_s:,.0f} s ago", details)
    if found.stopping:
        return Found(Status.DEGRADED, "it winds down", details)
    return Found(Status.HEALTHY, "it runs", details)


def _recovery(found: DeskFigures) -> Found:
    details = {"recovered": found.recovered, "venues_waiting": list(found.venues_waiting)}
    if found.recovered:
        return Found(Status.HEALTHY, "recovered: every venue has answered what was open", details)
    said = ", ".join(found.venues_waiting) or "its venues"
    return Found(Status.DEGRADED, f"not recovered yet: {said} has not answered all", details)


def _venue(venue: VenueFigures, waiting: bool) -> Found:
    details: dict[str, object] = {
        "connected": venue.connected, "error_breaker": venue.error_breaker, "error_rate": venue.error_rate,
        "messages_per_s": venue.messages_per_s, "waiting": waiting,
    }  # fmt: skip
    if not venue.connected:
        return Found(Status.UNHEALTHY, "not connected: entries there wait", details)
    if venue.error_breaker == "open":
        return Found(Status.DEGRADED, "connected, and too many of its answers are errors", details)
    if waiting:
        return Found(Status.DEGRADED, "connected, and it has not answered all that was asked", details)
    return Found(Status.HEALTHY, "connected", details)


def _feed(found: DeskFigures, config: DeskConfig, allowed_s: float) -> Found:
    """The age of each instrument's newest price. An exchange that is closed gives none, and that is no fault.

    An instrument may be older where its own limit says so: the desk then trades on it still.
    """
    ages: dict[str, object] = {}
    old: list[str] = []
    gone = 0
    for instrument, feed in zip(config.instruments, found.feeds, strict=False):
        ages[feed.instrument] = None if feed.age_s is None else round(feed.age_s, 3)
        if instrument.kind == "equity" and sessions_of(_EXCHANGE_OF_EQUITIES).at(found.time_ns) is None:
            continue
        own_s = max(allowed_s, float(instrument.limits.stale_ms) / 1e3)
        if feed.age_s is None or feed.age_s > own_s:
            old.append(feed.instrument)
            gone += feed.age_s is None or feed.age_s > _UNHEALTHY_TIMES * own_s
    details = {"age_s": ages, "allowed_s": allowed_s}
    if not old:
        return Found(Status.HEALTHY, "prices are fresh", details)
    status = Status.UNHEALTHY if gone == len(found.feeds) else Status.DEGRADED
    return Found(status, f"no new price for more than {allowed_s:g} s: {', '.join(old)}", details)


def _risk(found: DeskFigures) -> Found:
    """The rails and the breaker; a desk that they stop is safe, and somebody should look."""
    breaker = found.breaker
    near = [f"{rail.rail} ({rail.scope})" for rail in found.rails if rail.warned]
    details: dict[str, object] = {
        "stage": breaker.stage, "multiplier": str(breaker.multiplier), "locked": breaker.locked,
        "trading": found.trading, "unacknowledged": found.unacknowledged, "near_limit": near,
        "heat": str(found.heat), "drawdown": str(found.drawdown), "grades": dict(breaker.grades),
    }  # fmt: skip
    if breaker.locked or breaker.stage in _STOPPED:
        said = "the desk is locked" if breaker.locked else f"the breaker is open ({breaker.stage})"
        return Found(Status.DEGRADED, f"{said}: no entries", details)
    if found.holding_back:
        return Found(Status.DEGRADED, found.holding_back[0], details)
    if near:
        return Found(Status.DEGRADED, f"near the limit: {', '.join(near)}", details)
    return Found(Status.HEALTHY, f"every rail passes orders; breaker {breaker.stage}", details)


def _orders(found: DeskFigures) -> Found:
    details = {"open": found.open_orders, "unknown": found.unknown_orders}
    if found.unknown_orders:
        said = f"the fate of {found.unknown_orders} orders is not known: their venue is asked"
        return Found(Status.DEGRADED, said, details)
    return Found(Status.HEALTHY, f"{found.open_orders} orders are open", details)


def _journal(found: DeskFigures, config: DeskConfig, journal: Path) -> Found:
    """How far the medium is behind what was laid, and how large the journal is. OSError: there is none."""
    behind = max(0, found.sequence - found.durable_sequence)
    sizes = [path.stat().st_size for path in journal.iterdir() if path.is_file()]
    details: dict[str, object] = {
        "records": found.sequence, "records_not_durable": behind, "bytes": sum(sizes), "files": len(sizes),
        "fsync": config.journal.fsync,
    }  # fmt: skip
    if found.failure:
        return Found(Status.UNHEALTHY, found.failure, details)
    if found.disk_low:
        return Found(Status.UNHEALTHY, "the disk is nearly full: entries have stopped", details)
    if config.journal.fsync != "os" and behind > config.journal.block_records:
        return Found(Status.DEGRADED, f"{behind:,} records are not on the medium yet", details)
    return Found(Status.HEALTHY, f"{found.sequence:,} records", details)


def _reconciliation(found: DeskFigures, allowed_s: float) -> Found:
    """Whether the venues and the desk agree, and since when every fill is known."""
    ages = {venue.name: venue.reconciled_age_s for venue in found.venues}
    details: dict[str, object] = {"age_s": ages, "allowed_s": allowed_s, "differences": list(found.differences)}
    if found.differences:
        return Found(Status.DEGRADED, f"{len(found.differences)} differences with the venues stand", details)
    old = [name for name, age in ages.items() if age is None or age > allowed_s]
    if old:
        return Found(Status.DEGRADED, f"not compared for more than {allowed_s:g} s: {', '.join(old)}", details)
    return Found(Status.HEALTHY, "the venues agree", details)


def _standby_lags(found: DeskFigures) -> dict[str, int]:
    """By how many records each standby is behind, by its name."""
    told = cast(dict[str, str], (found.lease or {}).get("standbys") or {})
    places = {name: _STANDBY_RECORD.search(word) for name, word in told.items()}
    return {name: max(0, found.sequence - int(place[1])) for name, place in places.items() if place is not None}


def standby_lag(found: DeskFigures) -> int | None:
    """By how many records the nearest standby is behind; None where nobody stands by."""
    return min(_standby_lags(found).values(), default=None)


def _standby(found: DeskFigures) -> Found:
    lease, lags = found.lease or {}, _standby_lags(found)
    details: dict[str, object] = {**lease, "lag_records": lags}
    if lease.get("trouble"):
        return Found(Status.DEGRADED, f"the lease: {lease['trouble']}", details)
    if not lags:
        return Found(Status.DEGRADED, "this desk holds a lease, and nobody stands by", details)
    nearest = min(lags.values())
    if nearest > _STANDBY_LAG_RECORDS:
        return Found(Status.DEGRADED, f"the nearest standby is {nearest:,} records behind", details)
    return Found(Status.HEALTHY, f"{len(lags)} standing by, {nearest:,} records behind", details)


def desk_components(
    found: DeskFigures, config: DeskConfig, journal: Path, thresholds: Thresholds
) -> Iterator[tuple[str, Callable[[], Found]]]:
    """Yields the components of a desk that has run, by name, each to be looked at."""
    live = found.mode == "live"
    yield "process", lambda: process(found)
    yield "recovery", lambda: _recovery(found)
    for venue in found.venues:
        yield f"venue:{venue.name}", lambda venue=venue: _venue(venue, venue.name in found.venues_waiting)
    yield "feed", lambda: _feed(found, config, float(thresholds.feed_age_s))
    yield "risk", lambda: _risk(found)
    yield "orders", lambda: _orders(found)
    yield "journal", lambda: _journal(found, config, journal)
    if live:  # a simulated venue is part of the desk
        allowed_s = max(float(thresholds.reconcile_age_s), _ROUNDS_MISSED * config.reconciliation.every_s)
        yield "reconciliation", lambda: _reconciliation(found, allowed_s)
    if found.lease is not None:
        yield "standby", lambda: _standby(found)
