"""The parts of a desk's figures: positions, purses, feeds, strategies, venues, the breaker, the loop's turns."""

from collections.abc import Sequence
from typing import Any, Final

from quarterdeck.desk.publishing import bucket_seconds
from quarterdeck.kernel.vocabulary import (
    BreakerStage,
    BreakerTerm,
    EventKind,
    InstrumentKind,
    InstrumentTerm,
    LedgerAccount,
    Metric,
    MetricLevel,
    StrategyLimit,
)
from quarterdeck.ops.figures import (
    BreakerFigures,
    FeedFigures,
    PositionFigures,
    PurseFigures,
    StrategyFigures,
    VenueFigures,
)
from quarterdeck.ops.reading.stakes import notional, window_count
from quarterdeck.ops.reading.statement import Market, Statement, is_set, ppm, scaled

__all__ = ["breaker", "feeds", "positions", "purses", "quantile", "strategies", "venues"]

_SECOND_NS: Final = 1_000_000_000
_ERROR_BREAKER: Final = ("closed", "open", "half-open", "half-open")


def _age_s(now_ns: int, then_ns: int) -> float | None:
    return max(0, now_ns - then_ns) / _SECOND_NS if then_ns else None


def positions(of: Statement) -> tuple[PositionFigures, ...]:
    """What is not flat, by strategy and instrument. Raises IndexError for a state of more instruments than it has."""
    found: list[PositionFigures] = []
    for (strategy, row), held in sorted(of.positions.items()):
        if held.quantity == 0:
            continue
        market = of.markets[row]
        worth = market.worth(held.quantity)
        found.append(
            PositionFigures(
                strategy=of.names.strategies.label(strategy),
                instrument=market.name,
                venue=of.names.venues.label(market.venue),
                quantity=market.quantity(held.quantity),
                average_price=market.average(held.cost, held.quantity),
                mark_price=market.mark,
                value=of.money(market.desk_units(worth)),
                unrealised=of.money(market.desk_units(worth - held.cost)),
                realised=of.money(market.desk_units(held.realised)),
                protected=held.stop_lots >= abs(held.quantity),
            )
        )
    return tuple(found)


def purses(of: Statement) -> tuple[PurseFigures, ...]:
    """One for each account of the desk."""
    found: list[PurseFigures] = []
    for row, account in enumerate(of.config.accounts[: of.whole("accounts_count")]):
        record = of.state["accounts"][row]
        found.append(
            PurseFigures(
                name=of.names.accounts.label(row),
                currency=account.currency,
                cash=scaled(int(record["postings"][LedgerAccount.CASH]), -account.exponent),
                venue_cash=scaled(int(record["venue_cash"]), -account.exponent) if record["venue_cash_ns"] else None,
            )
        )
    return tuple(found)


def feeds(of: Statement) -> tuple[FeedFigures, ...]:
    """One for each instrument."""
    funding_heard = int(of.state["kinds"][EventKind.FUNDING]) > 0
    return tuple(_feed(of, market, funding_heard) for market in of.markets)


def _feed(of: Statement, market: Market, funding_heard: bool) -> FeedFigures:
    funded = funding_heard and market.terms[InstrumentTerm.KIND] == InstrumentKind.PERPETUAL
    return FeedFigures(
        instrument=market.name,
        venue=of.names.venues.label(market.venue),
        bid=market.price_or_none(market.bid),
        ask=market.price_or_none(market.ask),
        mark=market.mark,
        age_s=_age_s(of.time_ns, market.data_ns),
        funding_rate=scaled(market.funding_ppb, -9) if funded else None,
        unreconciled=bool(market.unreconciled),
        paused=bool(market.paused),
        exposure=of.money(notional(market, abs(market.net.quantity), market.mark_half_ticks)),
    )


def strategies(of: Statement) -> tuple[StrategyFigures, ...]:
    """One for each strategy; money is summed over its instruments at their currencies' present rates."""
    return tuple(_strategy(of, row) for row in range(of.whole("strategies_count")))


def _strategy(of: Statement, row: int) -> StrategyFigures:
    record = of.state["strategies"][row]
    sums = {"realised": 0, "unrealised": 0, "fees": 0, "funding": 0, "exposure": 0, "fills": 0}
    for (strategy, place), held in of.positions.items():
        if strategy != row:
            continue
        market = of.markets[place]
        sums["realised"] += market.desk_units(held.realised)
        sums["unrealised"] += market.desk_units(market.worth(held.quantity) - held.cost) if held.quantity else 0
        sums["fees"] += market.desk_units(held.fees)
        sums["funding"] += market.desk_units(held.funding)
        sums["exposure"] += notional(market, abs(held.quantity), market.mark_half_ticks)
        sums["fills"] += held.fills
    fills = sums.pop("fills")
    return StrategyFigures(
        name=of.names.strategies.label(row),
        paused=bool(record["paused"]),
        throttled=bool(record["throttled"]),
        enabled=bool(record["limits"][StrategyLimit.ENABLED]),
        weight=ppm(int(record["limits"][StrategyLimit.WEIGHT_PPM])),
        realised_day=of.money(int(record["realised_day"])),
        fills=fills,
        **{name: of.money(units) for name, units in sums.items()},
    )


def venues(of: Statement) -> tuple[VenueFigures, ...]:
    """One for each venue."""
    return tuple(_venue(of, row) for row in range(of.whole("venues_count")))


def _venue(of: Statement, row: int) -> VenueFigures:
    record = of.state["venues"][row]
    answers = window_count(record["results"], of.time_ns)
    errors = window_count(record["errors"], of.time_ns)
    exposure = sum(
        notional(market, abs(market.net.quantity), market.mark_half_ticks)
        for market in of.markets
        if market.venue == row
    )
    return VenueFigures(
        name=of.names.venues.label(row),
        connected=bool(record["connected"]),
        error_breaker=_ERROR_BREAKER[int(record["error_open"]) & 3],
        error_rate=errors / answers if answers else None,
        messages_per_s=float(window_count(record["messages"], of.time_ns)),
        exposure=of.money(exposure),
        reconciled_age_s=_age_s(of.time_ns, int(record["reconciled_ns"])),
    )


def breaker(of: Statement) -> BreakerFigures:
    """The kill switch: its stage, and the levels of the graded metrics."""
    record: Any = of.state["breaker"]
    stage, trip = BreakerStage(int(record["stage"])), int(record["terms"][BreakerTerm.DRAWDOWN_TRIP_PPM])
    return BreakerFigures(
        stage=stage.name,
        multiplier=ppm(int(record["multiplier_ppm"])),
        locked=bool(record["locked"]),
        since_ns=int(record["stage_ns"]) or None,
        killed_ns=int(record["killed_ns"]) or None,
        cooldown_until_ns=int(record["cooldown_ns"]) if stage is BreakerStage.COOLDOWN else None,
        trips_today=int(record["trips_day"]),
        drawdown_limit=ppm(trip) if is_set(trip) else None,
        grades={
            metric.name.lower(): MetricLevel(int(record["grades"][metric]["level"])).name.lower() for metric in Metric
        },
    )


def quantile(turns: Sequence[int], share: float) -> float | None:
    """The seconds that this share of the loop's turns did not exceed, to a factor of two; None without any turn."""
    total, seen = sum(turns), 0
    for bucket, count in enumerate(turns):
        seen += count
        if total and seen >= share * total:
            return bucket_seconds(bucket)
    return None
