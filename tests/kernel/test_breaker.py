"""The kill switch: its stage table and metric levels walked, and what it does to orders and to time."""

from itertools import product
from typing import Any

import pytest

from quarterdeck.kernel.breaker import CAUSES, STAGES, step_breaker
from quarterdeck.kernel.vocabulary import (
    BreakerStage,
    BreakerTerm,
    Decision,
    EventKind,
    Flag,
    Metric,
    MetricLevel,
    MetricTerm,
    OrderType,
    Reason,
)
from tests.kernel.desks import (
    BREAKER_TERMS,
    DAY,
    DEPOSIT,
    HOUR,
    MINUTE,
    PRICE,
    SECOND,
    VALUE,
    Desk,
    canceled,
    decided,
    of_kind,
    spoken,
)
from tests.kernel.invariants import check

EVERYTHING = {"strategy": -1, "instrument": -1}
LOTS = 10_000  # all of the deposit, at PRICE
TRIP_PPM = 50_000  # 500 ticks on LOTS
STAGE_PPM = {
    BreakerStage.NORMAL: 1_000_000,
    BreakerStage.REDUCED: 500_000,
    BreakerStage.KILLED: 0,
    BreakerStage.COOLDOWN: 0,
    BreakerStage.RECOVERY_1: 250_000,
    BreakerStage.RECOVERY_2: 500_000,
    BreakerStage.RECOVERY_3: 750_000,
    BreakerStage.RECOVERY_4: 1_000_000,
}
RECOVERY = tuple(stage for stage in BreakerStage if stage >= BreakerStage.RECOVERY_1)


def stage(desk: Desk) -> BreakerStage:
    return BreakerStage(int(desk.state["breaker"]["stage"]))


def level(desk: Desk, metric: Metric = Metric.VOLATILITY) -> MetricLevel:
    return MetricLevel(int(desk.state["breaker"]["grades"][metric]["level"]))


def tripping() -> Desk:
    desk = Desk()
    desk.term(BreakerTerm.DRAWDOWN_TRIP_PPM, TRIP_PPM)
    return desk


def tripped() -> Desk:
    """A desk that lost 5% and a little, closed its position and waits."""
    desk = tripping()
    desk.hold(LOTS)
    desk.quote(PRICE - 501)
    assert stage(desk) == BreakerStage.COOLDOWN
    desk.fill(desk.order(-1, LOTS, PRICE - 501), LOTS, PRICE - 501)
    return desk


def measure(desk: Desk, value_ppm: int, after: int = 0, metric: Metric = Metric.VOLATILITY) -> list[Any]:
    return desk.event(EventKind.METRIC, metric=metric, value=value_ppm, after=after)


@pytest.mark.parametrize(("before", "cause"), list(product(BreakerStage, range(len(CAUSES)))))
def test_stage_table(before: BreakerStage, cause: int) -> None:
    desk = Desk()
    breaker = desk.state["breaker"]
    breaker["stage"] = before
    desk.state["emitted"] = 0
    step_breaker(desk.state, desk.actions, cause, Reason.RISK_MANAGEMENT, 7)  # pyright: ignore[reportArgumentType] arrays of records
    following = STAGES[before][cause]
    assert stage(desk) == following
    assert desk.state["emitted"] == (following != before)
    if following != before:
        assert breaker["multiplier_ppm"] == STAGE_PPM[following]
        change = desk.actions[0]
        assert (change["kind"], change["price"], change["quantity"]) == (EventKind.BREAKER_CHANGE, before, following)
        assert breaker["trips_day"] == (following == BreakerStage.COOLDOWN)


def test_the_table_never_lets_anything_but_a_person_out_of_killed() -> None:
    for cause, name in enumerate(CAUSES):
        expected = BreakerStage.RECOVERY_1 if name == "RESUME_COMMAND" else BreakerStage.KILLED
        assert STAGES[BreakerStage.KILLED][cause] == expected


def test_the_drawdown_trips_just_above_its_share() -> None:
    desk = tripping()
    desk.hold(LOTS)
    desk.quote(PRICE - 500)
    assert stage(desk) == BreakerStage.NORMAL
    said = desk.quote(PRICE - 501)
    assert spoken(said) == [("BREAKER_CHANGE", "EQUITY_DRAWDOWN")]
    assert decided(desk.ask(1, 1)) == (Decision.REJECTED, 0, Reason.BREAKER_OPEN)


def test_the_drawdown_is_measured_from_the_peak() -> None:
    desk = tripping()
    desk.hold(LOTS)
    desk.quote(PRICE + 1_000)
    desk.quote(PRICE + 450)
    assert stage(desk) == BreakerStage.NORMAL
    desk.quote(PRICE + 449)
    assert stage(desk) == BreakerStage.COOLDOWN


def test_recovery_climbs_by_stages_and_needs_its_dwell() -> None:
    desk = tripped()
    assert desk.clock(HOUR - SECOND) == []
    for number, following in enumerate((*RECOVERY, BreakerStage.NORMAL)):
        if number:
            assert of_kind(desk.clock(10 * MINUTE - SECOND), EventKind.BREAKER_CHANGE) == []
        (change,) = of_kind(desk.clock(SECOND), EventKind.BREAKER_CHANGE)
        assert (change["quantity"], stage(desk)) == (following, following)
        desk.quote(PRICE)
        lots = STAGE_PPM[following] * 100 // 10**6
        decision = Decision.APPROVED if lots == 100 else Decision.MODIFIED
        reason = Reason.NONE if lots == 100 else Reason.RISK_MANAGEMENT
        assert decided(desk.ask(1, 100)) == (decision, lots, reason)
    check(desk.state)


def test_a_killed_flat_desk_recovers_though_it_never_wins_back_its_peak() -> None:
    desk = tripped()
    for _ in range(6):
        desk.clock(HOUR)
    assert stage(desk) == BreakerStage.NORMAL
    assert desk.equity() < DEPOSIT
    assert desk.state["breaker"]["peak"] == desk.equity()
    assert desk.state["equity_peak"] == DEPOSIT


def test_the_cooldown_does_not_end_while_equity_keeps_falling() -> None:
    desk = tripping()
    desk.hold(LOTS)
    desk.quote(PRICE - 501)
    desk.quote(PRICE - 900)  # 4.2% below the best equity since the kill
    desk.clock(2 * HOUR)
    assert stage(desk) == BreakerStage.COOLDOWN
    desk.quote(PRICE - 600)
    desk.clock(SECOND)
    assert stage(desk) == BreakerStage.RECOVERY_1


def test_a_new_breach_in_recovery_goes_back_to_the_cooldown() -> None:
    desk = tripped()
    desk.clock(HOUR)
    desk.quote(PRICE)
    desk.event(EventKind.POSITION_ADOPTED, quantity=1_000, price=PRICE)
    desk.quote(PRICE - 6_000)
    assert stage(desk) == BreakerStage.COOLDOWN
    assert desk.state["breaker"]["trips_day"] == 2


def test_a_critical_metric_demotes_by_one_stage_and_holds_promotion() -> None:
    desk = tripped()
    desk.term(MetricTerm.TRIGGER_PPM, 100_000, Metric.VOLATILITY)
    desk.clock(HOUR)
    desk.clock(10 * MINUTE)
    assert stage(desk) == BreakerStage.RECOVERY_2
    measure(desk, 100_000)
    desk.clock(MINUTE)
    assert (level(desk), stage(desk)) == (MetricLevel.CRITICAL, BreakerStage.RECOVERY_1)
    desk.term(MetricTerm.ESCALATION_NS, DAY, Metric.VOLATILITY)
    desk.clock(20 * MINUTE)
    assert stage(desk) == BreakerStage.RECOVERY_1
    measure(desk, 0)
    desk.clock(SECOND)
    assert stage(desk) == BreakerStage.RECOVERY_2


def test_too_many_trips_in_a_day_kill_until_a_person_resumes() -> None:
    desk = tripping()
    desk.term(BreakerTerm.TRIPS_PER_DAY, 1)
    desk.hold(LOTS)
    desk.quote(PRICE - 501)
    desk.clock(HOUR)
    assert stage(desk) == BreakerStage.RECOVERY_1
    desk.quote(PRICE - 1_100)
    assert stage(desk) == BreakerStage.KILLED
    desk.clock(3 * DAY)
    assert stage(desk) == BreakerStage.KILLED
    desk.event(EventKind.RESUME, person=7, **EVERYTHING)
    assert stage(desk) == BreakerStage.RECOVERY_1


def test_trips_are_counted_by_day() -> None:
    desk = tripping()
    desk.term(BreakerTerm.TRIPS_PER_DAY, 1)
    desk.hold(LOTS)
    for fall in (501, 1_100, 1_700):
        desk.quote(PRICE - fall)
        assert stage(desk) == BreakerStage.COOLDOWN
        desk.clock(DAY)
        assert stage(desk) == BreakerStage.RECOVERY_1
        assert desk.state["breaker"]["trips_day"] == 0


def test_deposits_and_withdrawals_are_no_drawdown() -> None:
    desk = tripping()
    assert desk.event(EventKind.TRANSFER, row=0, amount=-DEPOSIT // 2) == []
    assert stage(desk) == BreakerStage.NORMAL
    desk.hold(LOTS)
    desk.quote(PRICE - 251)
    assert stage(desk) == BreakerStage.COOLDOWN


def test_a_resume_does_not_cut_a_cooldown_short() -> None:
    desk = tripped()
    desk.event(EventKind.RESUME, **EVERYTHING)
    assert stage(desk) == BreakerStage.COOLDOWN


def protected() -> tuple[Desk, int, int, int]:
    """A desk that holds LOTS with an entry, a plain exit and a protective stop at work."""
    desk = tripping()
    desk.hold(LOTS)
    entry = desk.order(1, 5, PRICE - 10)
    plain = desk.order(-1, 5, PRICE + 10, flags=Flag.REDUCE_ONLY)
    flags = Flag.REDUCE_ONLY | Flag.PROTECTIVE
    stop = desk.order(-1, 900, 0, trigger_price=PRICE - 50, order_type=OrderType.STOP, flags=flags)
    return desk, entry, plain, stop


def test_a_kill_cancels_all_but_protection() -> None:
    desk, entry, plain, stop = protected()
    said = desk.event(EventKind.KILL, person=7, **EVERYTHING)
    assert canceled(said) == [entry, plain]
    (change,) = of_kind(said, EventKind.BREAKER_CHANGE)
    assert (stage(desk), change["person"]) == (BreakerStage.KILLED, 7)
    assert canceled(desk.event(EventKind.KILL, flags=Flag.PROTECTIVE, **EVERYTHING)) == [stop]


def test_a_trip_cancels_all_but_protection() -> None:
    desk, entry, plain, _ = protected()
    assert canceled(desk.quote(PRICE - 501)) == [entry, plain]


def test_a_cancel_that_did_not_take_is_tried_again_each_second() -> None:
    desk, entry, plain, _ = protected()
    desk.event(EventKind.KILL, **EVERYTHING)
    assert canceled(desk.clock(SECOND)) == []
    desk.report(EventKind.CANCEL_REJECTED, entry)
    assert canceled(desk.clock(SECOND // 2)) == []
    assert canceled(desk.clock(SECOND)) == [entry]
    desk.report(EventKind.ORDER_UNKNOWN, plain)
    assert canceled(desk.clock(SECOND)) == [plain]


def test_exits_pass_a_killed_desk() -> None:
    desk = tripping()
    desk.hold(LOTS)
    desk.event(EventKind.KILL, **EVERYTHING)
    assert decided(desk.ask(-1, LOTS))[0] == Decision.APPROVED


# metrics


def graded() -> Desk:
    desk = Desk()
    desk.term(MetricTerm.TRIGGER_PPM, 100_000, Metric.VOLATILITY)
    return desk


def test_a_metric_climbs_by_trigger_and_time_and_the_breaker_follows() -> None:
    desk = graded()
    assert measure(desk, 99_999) == []
    assert spoken(measure(desk, 100_000)) == [("METRIC_CHANGE", "RISK_MANAGEMENT")]
    assert (level(desk), stage(desk)) == (MetricLevel.WARNING, BreakerStage.NORMAL)
    desk.clock(MINUTE - SECOND)
    assert level(desk) == MetricLevel.WARNING
    desk.clock(SECOND)
    assert (level(desk), stage(desk)) == (MetricLevel.CRITICAL, BreakerStage.REDUCED)
    desk.quote(PRICE)
    assert decided(desk.ask(1, 100)) == (Decision.MODIFIED, 50, Reason.RISK_MANAGEMENT)
    desk.clock(MINUTE)
    assert (level(desk), stage(desk)) == (MetricLevel.KILLED, BreakerStage.COOLDOWN)


def test_a_metric_resets_below_its_reset_and_after_its_cooldown_only() -> None:
    desk = graded()
    measure(desk, 100_000)
    measure(desk, 10_001, after=SECOND)
    desk.clock(2 * MINUTE)
    assert level(desk) == MetricLevel.WARNING, "between reset and trigger it stays where it is"
    measure(desk, 10_000)
    assert level(desk) == MetricLevel.NORMAL
    measure(desk, 100_000)
    measure(desk, 0, after=SECOND)
    assert level(desk) == MetricLevel.WARNING, "the cooldown still runs"
    desk.clock(MINUTE)
    assert level(desk) == MetricLevel.NORMAL


def test_a_reduced_desk_is_normal_again_once_no_metric_is_critical() -> None:
    desk = graded()
    measure(desk, 100_000)
    desk.clock(MINUTE)
    assert stage(desk) == BreakerStage.REDUCED
    measure(desk, 0, after=SECOND)
    desk.clock(MINUTE)
    assert stage(desk) == BreakerStage.NORMAL


def test_a_metric_that_tripped_too_often_kills_at_once() -> None:
    desk = graded()
    for _ in range(3):
        measure(desk, 100_000)
        assert level(desk) == MetricLevel.WARNING
        measure(desk, 0, after=SECOND)
        desk.clock(MINUTE)
    measure(desk, 100_000)
    assert (level(desk), stage(desk)) == (MetricLevel.KILLED, BreakerStage.COOLDOWN)


def test_metrics_grade_on_their_own() -> None:
    desk = Desk()
    for metric in Metric:
        desk.term(MetricTerm.TRIGGER_PPM, 100_000, metric)
    measure(desk, 200_000)
    assert [level(desk, metric) for metric in Metric] == [
        MetricLevel.WARNING if metric == Metric.VOLATILITY else MetricLevel.NORMAL for metric in Metric
    ]


def test_the_days_loss_is_a_metric() -> None:
    desk = Desk()
    desk.term(MetricTerm.TRIGGER_PPM, 30_000, Metric.DAILY_DRAWDOWN)
    desk.hold(LOTS)
    desk.quote(PRICE - 299)
    assert level(desk, Metric.DAILY_DRAWDOWN) == MetricLevel.NORMAL
    desk.quote(PRICE - 300)
    assert level(desk, Metric.DAILY_DRAWDOWN) == MetricLevel.WARNING


def test_the_largest_position_is_a_metric() -> None:
    desk = Desk()
    desk.term(MetricTerm.TRIGGER_PPM, 100_000, Metric.POSITION_SIZE)
    desk.hold(999)
    desk.clock(SECOND)
    assert level(desk, Metric.POSITION_SIZE) == MetricLevel.NORMAL
    desk.hold(1)
    desk.clock(SECOND)
    assert level(desk, Metric.POSITION_SIZE) == MetricLevel.WARNING


def test_the_venues_errors_are_a_metric() -> None:
    desk = Desk()
    desk.term(MetricTerm.TRIGGER_PPM, 250_000, Metric.API_ERRORS)
    for _ in range(6):
        desk.event(EventKind.VENUE_RESULT)
    desk.event(EventKind.VENUE_RESULT, flags=Flag.ERROR)
    assert level(desk, Metric.API_ERRORS) == MetricLevel.NORMAL
    desk.event(EventKind.VENUE_RESULT, flags=Flag.ERROR)
    assert level(desk, Metric.API_ERRORS) == MetricLevel.WARNING


def test_every_threshold_is_a_setting() -> None:
    assert set(BREAKER_TERMS) == set(BreakerTerm)
    assert VALUE * PRICE * 10_000 == DEPOSIT
