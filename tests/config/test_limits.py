"""What holds a desk back where nothing is written: finite, and by the operator's table."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from quarterdeck.config.figures import Settings
from quarterdeck.config.limits import (
    Breaker,
    BreakerMetrics,
    DeskLimits,
    Grading,
    InstrumentLimits,
    StrategyLimits,
    VenueLimits,
)

# trigger, reset, cooldown s, trips per day, escalation s
METRICS = {
    "daily_drawdown": ("0.05", "0.02", 3600, 3, 300),
    "position_size": ("0.15", "0.10", 1800, 5, 60),
    "volatility": ("0.30", "0.20", 7200, 2, 600),
    "api_errors": ("0.10", "0.05", 900, 10, 30),
}


def figures(table: Settings) -> Iterator[tuple[str, Decimal | int]]:
    for key in type(table).model_fields:
        value: object = getattr(table, key)
        if isinstance(value, Decimal | int) and not isinstance(value, bool):
            yield key, value


@pytest.mark.parametrize("table", [DeskLimits, InstrumentLimits, StrategyLimits, VenueLimits, Breaker])
def test_every_default_is_finite(table: type[Settings]) -> None:
    found = dict(figures(table()))
    assert found
    assert all(Decimal(figure).is_finite() for figure in found.values())


def test_the_graded_metrics_are_the_operators_table() -> None:
    assert set(BreakerMetrics.model_fields) == set(METRICS)
    for name, row in METRICS.items():
        grading: Grading = getattr(Breaker().metrics, name)
        found = (grading.trigger, grading.reset, grading.cooldown_s, grading.max_per_day, grading.escalation_s)
        assert found == tuple(Decimal(figure) for figure in row)


def test_the_kill_switch_is_the_operators_table() -> None:
    breaker = Breaker()
    assert (breaker.drawdown_trip, breaker.drawdown_recovery) == (Decimal("0.03"), Decimal("0.01"))
    assert breaker.cooldown_hours == 24
    assert [float(stage) for stage in breaker.stages] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(("start", "minutes"), [("00:00", 0), ("09:30", 570), ("23:59", 1439)])
def test_the_day_begins_when_it_says(start: str, minutes: int) -> None:
    assert DeskLimits(day_start=start).day_offset_minutes == minutes


@pytest.mark.parametrize("start", ["", "9:30", "24:00", "12:60", "12-30", "١٢:٠٠", "12:00\n", "12:00:00"])
def test_no_time_of_day_is_refused(start: str) -> None:
    with pytest.raises(ValueError, match="HH:MM"):
        DeskLimits(day_start=start)
