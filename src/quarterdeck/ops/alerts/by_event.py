"""What one event of a desk says at once: a table from the names of log lines to cases. Pure functions of data."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from quarterdeck.config.ops import Thresholds
from quarterdeck.ops.alerts.model import Case, Event, Severity
from quarterdeck.ops.alerts.windows import DeskMemory, decimal_of

__all__ = ["EVENT_RULES", "Judge", "judge_event", "killed_stage"]

Data: TypeAlias = Mapping[str, Any]
Judge: TypeAlias = Callable[[Data, Thresholds, DeskMemory], Case | None]
_ACCOUNT_WIDE: Final = ("DAILY_LOSS", "EQUITY_DRAWDOWN", "EQUITY_FLOOR", "PORTFOLIO_HEAT")
_RATE: Final = ("ORDER_RATE_EXCEEDED", "MESSAGE_RATE_EXCEEDED")
_GRADES: Final = {"WARNING": Severity.P3, "CRITICAL": Severity.P2, "KILLED": Severity.P1}


def killed_stage(stage: str) -> bool:
    """Whether the kill switch stands there: nothing may be entered."""
    return stage in {"KILLED", "COOLDOWN"}


def _kill_switch(data: Data, _: Thresholds, __: DeskMemory) -> Case | None:
    stage, before = str(data.get("stage")), str(data.get("before"))
    if killed_stage(stage):
        why = f"{stage} because of {data.get('reason')}, equity {data.get('equity')}"
        return Case("desk", f"kill switch: {why}; it was {before}", facts=dict(data))
    return Case("desk", f"kill switch: {before} -> {stage}", clears=True) if killed_stage(before) else None


def _reduced(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    stage = str(data.get("stage"))
    said = f"breaker {stage}: size x {data.get('multiplier')}, because of {data.get('reason')}"
    return Case("desk", said, facts=dict(data), clears=stage != "REDUCED")


def _graded(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    metric, level = str(data.get("metric")), str(data.get("level"))
    said = f"{metric} is {level} at {data.get('value')}"
    return Case(metric, said, _GRADES.get(level), dict(data), clears=level not in _GRADES)


def _locked(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    return Case("desk", f"emergency lock by {data.get('person')}: every order is stopped", facts=dict(data))


def _unlocked(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    return Case("desk", f"unlocked by {data.get('person')}", clears=True)


def _emergency(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    verb = str(data.get("event", "")).removeprefix("COMMAND_").lower()
    scope = f"strategy {data.get('strategy')}, instrument {data.get('instrument')}"
    return Case(verb, f"{verb} by {data.get('person')} ({scope})", facts=dict(data))


def _connection(data: Data, _: Thresholds, memory: DeskMemory) -> Case | None:
    venue, up = str(data.get("venue")), data.get("state") == "UP"
    if not up and memory.stopping:
        return None  # a desk that ends in order takes its lines down
    return Case(venue, f"venue {venue}: {'connected' if up else 'connection lost'}", facts=dict(data), clears=up)


def _difference(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    name = str(data.get("instrument"))
    said = f"{name} differs from its venue: entries are stopped there until both agree or a person adopts"
    return Case(name, said, facts=dict(data))


def _agrees(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    return Case(str(data.get("instrument")), f"{data.get('instrument')} agrees with its venue", clears=True)


def _stranger(data: Data, _: Thresholds, __: DeskMemory) -> Case | None:
    found: list[Any] = list(data.get("differences") or [])
    names = sorted({str(one.get("instrument")) for one in found if one.get("foreign_orders")})
    if not names:
        return None
    return Case("account", f"orders that this desk did not send work at the venue: {', '.join(names)}")


def _stopped(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    return Case("desk", f"trading stopped: {data.get('error')}", facts=dict(data))


def _opened(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    return Case("desk", f"session {data.get('epoch')} opened", clears=True)


def _disk(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    return Case("desk", f"entries stopped, the disk is nearly full: {data.get('why')}", facts=dict(data))


def _backup(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    return Case("desk", f"backup failed: {data.get('error')}", facts=dict(data))


def _backed_up(_data: Data, _: Thresholds, __: DeskMemory) -> Case:
    return Case("desk", "backup done", clears=True)


def _trouble(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    return Case(str(data.get("event")), f"{data.get('event')}: {data.get('error')}", facts=dict(data))


def _odd(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    subject = f"{data.get('reason')} {data.get('instrument')}"
    said = f"{data.get('event')} of {data.get('of')}: {data.get('reason')}, order {data.get('order_id')}"
    return Case(subject, said, facts=dict(data))


def _liquidated(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    name = str(data.get("instrument"))
    return Case(name, f"the venue closed {name} by force: {data.get('reason')}", facts=dict(data))


def _throttled(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    name = str(data.get("strategy"))
    return Case(name, f"strategy {name} asked for too many executions and is held until a person resets it")


def _unthrottled(data: Data, _: Thresholds, __: DeskMemory) -> Case:
    return Case(str(data.get("strategy")), "throttle reset", clears=True)


def _limit(data: Data, _: Thresholds, __: DeskMemory) -> Case | None:
    reason = str(data.get("reason"))
    if reason not in _ACCOUNT_WIDE:
        return None
    said = f"an order was refused by {reason}: {data.get('side')} {data.get('quantity')} {data.get('instrument')}"
    return Case(reason, said, facts=dict(data))


def _rate(data: Data, _: Thresholds, __: DeskMemory) -> Case | None:
    reason = str(data.get("reason"))
    return Case(reason, f"rate limit hit: {reason} by {data.get('strategy')}") if reason in _RATE else None


def _refusals(_data: Data, limits: Thresholds, memory: DeskMemory) -> Case | None:
    count = memory.blocked.total(memory.now_ns)
    if count <= limits.refusals_per_minute:
        return None
    return Case("desk", f"{count} orders refused by the rails within a minute", facts={"count": count})


def _in_a_row(_data: Data, limits: Thresholds, memory: DeskMemory) -> Case | None:
    count = memory.failed_in_a_row
    if count < limits.failed_in_a_row:
        return None
    return Case("desk", f"{count} orders in a row were rejected by the venue", facts={"count": count})


def _slippage(data: Data, limits: Thresholds, _: DeskMemory) -> Case | None:
    slipped = decimal_of(data.get("slippage_bps"))
    if slipped is None or slipped < limits.slippage_bps:
        return None
    name = str(data.get("instrument"))
    return Case(name, f"slippage {slipped:f} bps on {name}", facts=dict(data))


EVENT_RULES: Final[Mapping[str, tuple[tuple[str, Judge], ...]]] = {
    "BREAKER_CHANGE": (("kill-switch", _kill_switch), ("breaker-reduced", _reduced)),
    "METRIC_CHANGE": (("graded-metric", _graded),),
    "COMMAND_LOCK": (("emergency-lock", _locked),),
    "COMMAND_UNLOCK": (("emergency-lock", _unlocked),),
    "COMMAND_KILL": (("emergency-command", _emergency),),
    "COMMAND_FLATTEN": (("emergency-command", _emergency),),
    "CONNECTION": (("venue-down", _connection),),
    "RECONCILIATION_DIFFERENCE": (("difference", _difference), ("foreign-orders", _stranger)),
    "RECONCILIATION_AGREES": (("difference", _agrees),),
    "TRADING_STOPPED": (("trading-stopped", _stopped),),
    "SESSION_OPENED": (("trading-stopped", _opened), ("desk-dead", _opened)),
    "DISK_LOW": (("disk-low", _disk),),
    "BACKUP_FAILED": (("backup-failed", _backup),),
    "BACKUP_DONE": (("backup-failed", _backed_up),),
    "NOT_SHOWN": (("unseen", _trouble),),
    "LOG_NOT_ROLLED": (("log-not-rolled", _trouble),),
    "ANOMALY": (("anomaly", _odd),),
    "REFUSED": (("anomaly", _odd),),
    "LIQUIDATION": (("liquidation", _liquidated),),
    "THROTTLED": (("throttled", _throttled),),
    "COMMAND_THROTTLE_RESET": (("throttled", _unthrottled),),
    "RISK_BLOCK": (("limit-refusal", _limit), ("rate-limit", _rate), ("refusal-burst", _refusals)),
    "ORDER_REJECTED": (("failed-in-a-row", _in_a_row),),
}
_BY_TOPIC: Final[Mapping[str, tuple[tuple[str, Judge], ...]]] = {"exec.slippage": (("slippage", _slippage),)}


def judge_event(event: Event, limits: Thresholds, memory: DeskMemory) -> Iterator[tuple[str, Case]]:
    """Yields what an event says, as (rule, case). The memory has heard it already."""
    data: Data = event.data
    for table, key in ((EVENT_RULES, str(data.get("event", ""))), (_BY_TOPIC, event.topic)):
        for rule, judge in table.get(key, ()):
            case = judge(data, limits, memory)
            if case is not None:
                yield rule, case
