"""What a desk's figures say, as metrics."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from quarterdeck.desk.publishing import BUCKETS, bucket_seconds
from quarterdeck.kernel.vocabulary import BreakerStage, MetricLevel, Reason
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.metrics.page import Page

__all__ = ["add_figures", "result_of"]

_LENGTHS_FROM: Final = 10
_REDUCED: Final = frozenset({BreakerStage.REDUCED.name, *(f"RECOVERY_{step}" for step in range(1, 5))})
_VENUE_BREAKER: Final = {"closed": 0, "open": 1, "half-open": 2}
_Sample = tuple[str, Any, *tuple[str, ...]]


def result_of(found: DeskFigures) -> Decimal:
    """The desk's result since its journal's begin."""
    return found.realised + found.unrealised - found.fees + found.funding


def add_figures(page: Page, found: DeskFigures, now_ns: int) -> None:
    """Adds all that the figures say; `now_ns` is this machine's time."""
    for part in (_money, _runbooks, _process, _breaker, _rails, _positions, _feeds, _strategies, _venues, _journal):
        for name, value, *labels in part(found):
            page.add(name, found.desk, value, *labels)
    page.add("quarterdeck_shown_age_seconds", found.desk, max(0, now_ns - found.shown_ns) / 1e9)
    _add_lengths(page, "quarterdeck_loop_turn_seconds", found.desk, found.turns)
    _add_lengths(page, "risk_check_latency_seconds", found.desk, found.checked)
    for venue, kinds in found.latency.items():
        for kind, counts in kinds.items():
            _add_lengths(page, "broker_api_latency_seconds", found.desk, counts, venue, kind)


def _add_lengths(page: Page, name: str, desk: str, counts: Sequence[int], *labels: str) -> None:
    """Adds what a desk counts by powers of two of nanoseconds; below a microsecond it is one bucket."""
    if len(counts) == BUCKETS + 1:
        bounds = [bucket_seconds(bucket) for bucket in range(_LENGTHS_FROM, BUCKETS)]
        page.histogram(
            name, desk, bounds, [sum(counts[: _LENGTHS_FROM + 1]), *counts[_LENGTHS_FROM + 1 :]], None, *labels
        )


def _money(found: DeskFigures) -> Iterator[_Sample]:
    held = len({position.instrument for position in found.positions})
    for name in ("hat_manifesto_portfolio_value", "portfolio_value_usd", "equity_usd"):
        yield name, found.equity
    for name in ("hat_manifesto_daily_pnl", "daily_pnl_usd"):
        yield name, found.pnl_day
    for name in ("hat_manifesto_active_positions", "position_count"):
        yield name, held
    for name in ("hat_manifesto_position_value", "exposure_usd"):
        yield name, found.exposure
    yield "hat_manifesto_total_pnl", result_of(found)
    yield "hat_manifesto_drawdown", found.drawdown
    yield "buying_power_usd", found.buying_power
    yield "portfolio_heat", found.heat
    yield "cash_usd", found.cash
    yield "pnl_realized_total", found.realised - found.fees + found.funding - found.gas - found.premium
    yield "pnl_unrealized_total", found.unrealised
    yield "quarterdeck_fees_total", found.fees
    yield "quarterdeck_funding_total", found.funding


def _runbooks(found: DeskFigures) -> Iterator[_Sample]:
    judges = found.alive and not found.failure and not found.breaker.locked and found.breaker.multiplier > 0
    yield "risk_service_status", judges
    yield "trading_enabled", found.trading
    state = 2 if not found.breaker.multiplier else 1 if found.breaker.stage in _REDUCED else 0
    yield "breaker_state", state
    purses = [rail for rail in found.rails if rail.rail == Reason.BUYING_POWER.name]
    equity = sum((rail.limit for rail in purses), Decimal(0))
    if equity > 0:
        yield "hat_manifesto_margin_ratio", sum((rail.use for rail in purses), Decimal(0)) / equity


def _process(found: DeskFigures) -> Iterator[_Sample]:
    yield "quarterdeck_up", found.alive
    yield "quarterdeck_desk_info", 1, found.mode, found.base_currency
    yield "quarterdeck_start_time_seconds", None if found.started_ns is None else found.started_ns / 1e9
    yield "quarterdeck_recovered", found.recovered
    yield "quarterdeck_epoch", found.epoch
    yield "quarterdeck_paused", found.paused
    yield "quarterdeck_stopped", bool(found.failure)
    yield "quarterdeck_open_orders", found.open_orders
    yield "quarterdeck_unknown_orders", found.unknown_orders
    yield "quarterdeck_unacknowledged_warnings", found.unacknowledged
    yield "quarterdeck_reconciliation_differences", len(found.differences)
    for kind, count in found.counts.items():
        yield "quarterdeck_events_total", count, kind
    for reason, count in found.reasons.items():
        yield "quarterdeck_refusals_total", count, reason


def _breaker(found: DeskFigures) -> Iterator[_Sample]:
    breaker = found.breaker
    for stage in BreakerStage:
        yield "quarterdeck_breaker_stage", stage.name == breaker.stage, stage.name
    yield "quarterdeck_breaker_multiplier", breaker.multiplier
    yield "quarterdeck_breaker_trips_today", breaker.trips_today
    yield "quarterdeck_locked", breaker.locked
    for metric, level in breaker.grades.items():
        yield "quarterdeck_metric_level", MetricLevel[level.upper()], metric


def _rails(found: DeskFigures) -> Iterator[_Sample]:
    for rail in found.rails:
        yield "quarterdeck_rail_use", rail.use, rail.rail, rail.scope, rail.unit
        yield "quarterdeck_rail_limit", rail.limit, rail.rail, rail.scope, rail.unit
        yield "quarterdeck_rail_use_ratio", rail.share, rail.rail, rail.scope
        yield "quarterdeck_rail_warned", rail.warned, rail.rail, rail.scope


def _positions(found: DeskFigures) -> Iterator[_Sample]:
    for position in found.positions:
        labels = position.strategy, position.instrument
        yield "quarterdeck_position_quantity", position.quantity, *labels
        yield "quarterdeck_position_unprotected", not position.protected, *labels


def _feeds(found: DeskFigures) -> Iterator[_Sample]:
    for feed in found.feeds:
        yield "position_value_usd", feed.exposure, feed.instrument
        yield "hat_manifesto_funding_rate", feed.funding_rate, feed.instrument
        yield "quarterdeck_feed_age_seconds", feed.age_s, feed.instrument, feed.venue
        yield "quarterdeck_mark_price", feed.mark, feed.instrument, feed.venue
        yield "quarterdeck_unreconciled", feed.unreconciled, feed.instrument
    for venue in found.venues:
        ages = [feed.age_s for feed in found.feeds if feed.venue == venue.name and feed.age_s is not None]
        yield "market_data_lag_seconds", max(ages, default=None), venue.name


def _strategies(found: DeskFigures) -> Iterator[_Sample]:
    for one in found.strategies:
        result = one.realised + one.unrealised - one.fees + one.funding
        yield "hat_manifesto_strategy_pnl", result, one.name
        yield "quarterdeck_fills_total", one.fills, one.name
        yield "quarterdeck_strategy_weight", one.weight, one.name
        yield "quarterdeck_strategy_throttled", one.throttled, one.name
        yield "quarterdeck_strategy_exposure", one.exposure, one.name


def _venues(found: DeskFigures) -> Iterator[_Sample]:
    for venue in found.venues:
        yield "broker_connection_status", found.alive and venue.connected, venue.name
        yield "venue_error_rate_pct", None if venue.error_rate is None else 100 * venue.error_rate, venue.name
        yield "reconcile_lag_seconds", venue.reconciled_age_s, venue.name
        yield "quarterdeck_venue_messages_per_second", venue.messages_per_s, venue.name
        yield "quarterdeck_venue_breaker", _VENUE_BREAKER[venue.error_breaker], venue.name


def _journal(found: DeskFigures) -> Iterator[_Sample]:
    yield "quarterdeck_journal_records_total", found.sequence
    yield "quarterdeck_journal_lag_records", max(0, found.sequence - found.durable_sequence)
    yield "quarterdeck_disk_low", found.disk_low
