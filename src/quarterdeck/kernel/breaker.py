"""The account-wide kill switch: staged and hysteretic, as decision tables.

    NORMAL -> REDUCED -> COOLDOWN (drawdown, or a graded metric) -> RECOVERY_1..4 -> NORMAL
                         KILLED (a person, or too many trips in a day): stays until a person resumes

In COOLDOWN and KILLED the size multiplier is zero: no entries, and every order but protective ones is cancelled.
COOLDOWN ends when its time is over AND the drawdown from the best equity since the kill is small enough; entering
recovery re-bases the peak that the trip measures from, since a flat desk could never win back an old peak.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.arithmetic import mul_div_floor, ppm_of
from quarterdeck.kernel.commands import cancel_scope
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.emission import emit, notice
from quarterdeck.kernel.layout import Records, word
from quarterdeck.kernel.records import METRICS, NO_LIMIT, Event, State
from quarterdeck.kernel.vocabulary import (
    BreakerStage,
    BreakerTerm,
    EventKind,
    Metric,
    MetricLevel,
    MetricTerm,
    Reason,
)

__all__ = [
    "CAUSES",
    "GRADE_CLEAR",
    "GRADE_KILL",
    "GRADE_RAISED",
    "KILL_COMMAND",
    "RESUME_COMMAND",
    "STAGES",
    "TIMER",
    "TRIP",
    "breaker_open",
    "grade_metric",
    "resume_breaker",
    "step_breaker",
    "watch_drawdown",
    "watch_timers",
]

# Causes: the columns of the stage table.
TRIP, GRADE_KILL, GRADE_RAISED, GRADE_CLEAR, TIMER, KILL_COMMAND, RESUME_COMMAND = (word(cause) for cause in range(7))
_NOBODY = word(-1)
_ALL = word(-1)
_KILLED = word(Reason.KILLED)
_NO_REASON = word(Reason.NONE)
_DRAWDOWN = word(Reason.EQUITY_DRAWDOWN)
_RISK = word(Reason.RISK_MANAGEMENT)
_DAILY_DRAWDOWN = word(Metric.DAILY_DRAWDOWN)
CAUSES: Final = ("TRIP", "GRADE_KILL", "GRADE_RAISED", "GRADE_CLEAR", "TIMER", "KILL_COMMAND", "RESUME_COMMAND")

_N, _D, _K, _C = BreakerStage.NORMAL, BreakerStage.REDUCED, BreakerStage.KILLED, BreakerStage.COOLDOWN
_1, _2, _3, _4 = BreakerStage.RECOVERY_1, BreakerStage.RECOVERY_2, BreakerStage.RECOVERY_3, BreakerStage.RECOVERY_4

# fmt: off
# A breach during recovery demotes by one stage; from the first one it goes back to the cooldown. Only a person ends
# KILLED, and even then recovery starts at the first stage.
STAGES: Final = {
    # stage TRIP GRADE_KILL GRADE_RAISED GRADE_CLEAR TIMER KILL_COMMAND RESUME_COMMAND
    _N:    (_C,  _C,        _D,          _N,         _N,   _K,          _N),
    _D:    (_C,  _C,        _D,          _N,         _D,   _K,          _D),
    _K:    (_K,  _K,        _K,          _K,         _K,   _K,          _1),
    _C:    (_C,  _C,        _C,          _C,         _1,   _K,          _C),
    _1:    (_C,  _C,        _C,          _1,         _2,   _K,          _1),
    _2:    (_C,  _C,        _1,          _2,         _3,   _K,          _2),
    _3:    (_C,  _C,        _2,          _3,         _4,   _K,          _3),
    _4:    (_C,  _C,        _3,          _4,         _N,   _K,          _4),
}
# fmt: on


def _stage_table() -> NDArray[np.int64]:
    return np.array([STAGES[stage] for stage in BreakerStage], np.int64)


_NEXT_STAGE: Final = _stage_table()


@compiled
def breaker_open(state: State) -> bool:
    """Whether entries are blocked by the stage."""
    return state["breaker"]["multiplier_ppm"] == 0


@compiled
def _multiplier(state: State, stage: int) -> int:
    terms = state["breaker"]["terms"]
    if stage == BreakerStage.NORMAL:
        return 1_000_000
    if stage == BreakerStage.REDUCED:
        return terms[BreakerTerm.REDUCED_PPM]
    if stage >= BreakerStage.RECOVERY_1:
        return terms[BreakerTerm.RECOVERY_1_PPM + stage - BreakerStage.RECOVERY_1]
    return 0


@compiled
def _enter(state: State, actions: Records[Event], stage: int, reason: int, person: int) -> None:
    breaker = state["breaker"]
    before = breaker["stage"]
    breaker["stage"] = stage
    breaker["stage_ns"] = state["time_ns"]
    breaker["multiplier_ppm"] = _multiplier(state, stage)
    state["equity_high"] = -NO_LIMIT  # the thresholds change with the stage
    action = notice(state, actions, EventKind.BREAKER_CHANGE, _ALL, _ALL, reason)
    action["person"] = person
    action["price"] = before
    action["quantity"] = stage
    action["order_id"] = breaker["multiplier_ppm"]
    action["trigger_price"] = state["equity"]
    if stage == BreakerStage.KILLED or stage == BreakerStage.COOLDOWN:
        breaker["killed_ns"] = state["time_ns"]
        breaker["recovery_peak"] = state["equity"]
        breaker["cooldown_ns"] = state["time_ns"] + breaker["terms"][BreakerTerm.COOLDOWN_NS]
        cancel_scope(state, actions, _ALL, _ALL, False, _KILLED)
    elif stage == BreakerStage.RECOVERY_1 and before < BreakerStage.RECOVERY_1:
        breaker["peak"] = state["equity"]


@compiled
def step_breaker(state: State, actions: Records[Event], cause: int, reason: int, person: int) -> None:
    """Takes one step of the stage table."""
    breaker = state["breaker"]
    following = _NEXT_STAGE[breaker["stage"], cause]
    if following == breaker["stage"]:
        return
    if following == BreakerStage.COOLDOWN:
        breaker["trips_day"] += 1
        if breaker["trips_day"] > breaker["terms"][BreakerTerm.TRIPS_PER_DAY]:
            following = BreakerStage.KILLED.value
    _enter(state, actions, following, reason, person)


@compiled
def resume_breaker(state: State, actions: Records[Event], person: int) -> None:
    """A person lets a KILLED desk into recovery. A running cooldown is not cut short."""
    step_breaker(state, actions, RESUME_COMMAND, _NO_REASON, person)


@compiled
def watch_drawdown(state: State, actions: Records[Event]) -> None:
    """Follows the peaks and trips on the drawdown. Called whenever equity has changed.

    Between `equity_low` and `equity_high` nothing can happen, so that a quote costs two comparisons.
    """
    equity = state["equity"]
    if state["equity_low"] < equity <= state["equity_high"]:
        return
    breaker = state["breaker"]
    state["equity_peak"] = max(state["equity_peak"], equity)
    breaker["recovery_peak"] = max(breaker["recovery_peak"], equity)
    breaker["peak"] = max(breaker["peak"], equity)
    if breaker["peak"] > 0 and equity <= _trip_level(state):
        step_breaker(state, actions, TRIP, _DRAWDOWN, _NOBODY)
    grade = breaker["grades"][Metric.DAILY_DRAWDOWN]
    if grade["level"] == MetricLevel.NORMAL and state["equity_day"] > 0 and equity <= _day_level(state):
        loss = state["equity_day"] - equity
        share = mul_div_floor(loss, 1_000_000, state["equity_day"])
        grade_metric(state, actions, _DAILY_DRAWDOWN, share)
    state["equity_high"] = min(state["equity_peak"], breaker["peak"])
    if breaker["stage"] == BreakerStage.COOLDOWN:
        state["equity_high"] = min(state["equity_high"], breaker["recovery_peak"])
    state["equity_low"] = max(_trip_level(state), _day_level(state))


@compiled
def _trip_level(state: State) -> int:
    """Equity at or below which the drawdown from the breaker's peak is larger than the trip."""
    breaker = state["breaker"]
    return breaker["peak"] - ppm_of(max(0, breaker["peak"]), breaker["terms"][BreakerTerm.DRAWDOWN_TRIP_PPM]) - 1


@compiled
def _day_level(state: State) -> int:
    """Equity at or below which the day's loss reaches the daily drawdown metric's trigger."""
    grade = state["breaker"]["grades"][Metric.DAILY_DRAWDOWN]
    return state["equity_day"] - ppm_of(max(0, state["equity_day"]), grade["terms"][MetricTerm.TRIGGER_PPM])


@compiled
def _highest_level(state: State) -> int:
    highest = 0
    for metric in range(METRICS):
        highest = max(highest, state["breaker"]["grades"][metric]["level"])
    return highest


@compiled
def _graded_level(state: State, metric: int) -> int:
    """The level a metric belongs on now: up by trigger and escalation time, down by reset and cooldown."""
    grade = state["breaker"]["grades"][metric]
    level = grade["level"]
    now = state["time_ns"]
    if grade["value_ppm"] >= grade["terms"][MetricTerm.TRIGGER_PPM]:
        if level == MetricLevel.NORMAL:
            tripped_out = grade["trips_day"] >= grade["terms"][MetricTerm.TRIPS_PER_DAY]
            return MetricLevel.KILLED.value if tripped_out else MetricLevel.WARNING.value
        escalated = now - grade["level_ns"] >= grade["terms"][MetricTerm.ESCALATION_NS]
        if escalated and level < MetricLevel.KILLED:
            return level + 1
    elif grade["value_ppm"] <= grade["terms"][MetricTerm.RESET_PPM] and now >= grade["cooldown_ns"]:
        return MetricLevel.NORMAL.value
    return level


@compiled
def grade_metric(state: State, actions: Records[Event], metric: int, value_ppm: int) -> None:
    """Takes a metric's new value, moves its level and lets the breaker follow: CRITICAL reduces, KILLED trips."""
    grade = state["breaker"]["grades"][metric]
    grade["value_ppm"] = value_ppm
    before = grade["level"]
    level = _graded_level(state, metric)
    if level == before:
        return
    grade["level"] = level
    grade["level_ns"] = state["time_ns"]
    state["slack"] = 0
    if level > before:
        grade["cooldown_ns"] = state["time_ns"] + grade["terms"][MetricTerm.COOLDOWN_NS]
        action = notice(state, actions, EventKind.METRIC_CHANGE, _ALL, _ALL, _RISK)
    else:
        action = emit(state, actions, EventKind.METRIC_CHANGE)
    action["price"] = metric
    action["quantity"] = level
    action["order_id"] = value_ppm
    if before == MetricLevel.NORMAL:
        grade["trips_day"] += 1
        state["breaker"]["raised"] += 1
    elif level == MetricLevel.NORMAL:
        state["breaker"]["raised"] -= 1
    if level == MetricLevel.KILLED:
        step_breaker(state, actions, GRADE_KILL, _RISK, _NOBODY)
    elif level == MetricLevel.CRITICAL:
        step_breaker(state, actions, GRADE_RAISED, _RISK, _NOBODY)
    elif _highest_level(state) < MetricLevel.CRITICAL:
        step_breaker(state, actions, GRADE_CLEAR, _NO_REASON, _NOBODY)


@compiled
def watch_timers(state: State, actions: Records[Event]) -> None:
    """Lets time act: escalation of metrics, the end of the cooldown, the dwell of each recovery stage."""
    breaker = state["breaker"]
    for metric in range(METRICS if breaker["raised"] else 0):
        value = breaker["grades"][metric]["value_ppm"]
        if metric == Metric.DAILY_DRAWDOWN and state["equity_day"] > 0:
            value = mul_div_floor(max(0, state["equity_day"] - state["equity"]), 1_000_000, state["equity_day"])
        if breaker["grades"][metric]["level"] > MetricLevel.NORMAL:
            grade_metric(state, actions, metric, value)
    now = state["time_ns"]
    if breaker["stage"] == BreakerStage.COOLDOWN:
        fall = breaker["recovery_peak"] - state["equity"]
        allowed = ppm_of(max(0, breaker["recovery_peak"]), breaker["terms"][BreakerTerm.DRAWDOWN_RECOVERY_PPM])
        if now >= breaker["cooldown_ns"] and fall <= allowed and _highest_level(state) < MetricLevel.KILLED:
            step_breaker(state, actions, TIMER, _NO_REASON, _NOBODY)
    elif breaker["stage"] >= BreakerStage.RECOVERY_1:
        # While a metric stands at CRITICAL nothing is promoted: NORMAL would be more than REDUCED allows.
        dwelt = now - breaker["stage_ns"] >= breaker["terms"][BreakerTerm.DWELL_NS]
        if dwelt and _highest_level(state) < MetricLevel.CRITICAL:
            step_breaker(state, actions, TIMER, _NO_REASON, _NOBODY)
