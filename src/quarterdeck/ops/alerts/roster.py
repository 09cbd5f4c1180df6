"""Who is told: channels by severity, by who is on call, and by how long nobody has acknowledged. Pure functions."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from quarterdeck.config.ops import ChannelSettings, EscalationStep, Shift
from quarterdeck.ops.alerts.model import Alert, Severity, State

__all__ = ["due_steps", "first_channels", "on_call"]

_CALLED_FOR: Final = (Severity.P0, Severity.P1, Severity.P2)  # who is on call is not woken for less
_MINUTE_NS: Final = 60_000_000_000


def on_call(shifts: Sequence[Shift], now_ns: int) -> list[Shift]:
    """The shifts that a time lies in. One from a later to an earlier hour goes over midnight, from the day it names."""
    now = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
    today, yesterday = now.weekday(), (now.weekday() - 1) % 7
    found: list[Shift] = []
    for shift in shifts:
        over = shift.from_hour >= shift.to_hour
        begun = today in shift.days and shift.from_hour <= now.hour and (over or now.hour < shift.to_hour)
        if begun or (over and yesterday in shift.days and now.hour < shift.to_hour):
            found.append(shift)
    return found


def first_channels(
    channels: Sequence[ChannelSettings], shifts: Sequence[Shift], severity: Severity, now_ns: int
) -> list[str]:
    """The channels that hear of it at once; each once."""
    said = [one.name for one in channels if severity.value in one.severities]
    if severity in _CALLED_FOR:
        said += [name for shift in on_call(shifts, now_ns) for name in shift.channels]
    return _once(said)


def due_steps(steps: Sequence[EscalationStep], alert: Alert, now_ns: int) -> list[EscalationStep]:
    """The steps that are due and not taken yet, lowest first: of its severity, and nobody has acknowledged it."""
    if alert.state is not State.FIRING:
        return []
    waited = now_ns - alert.fired_ns
    due = [
        step
        for step in steps
        if step.level > alert.level
        and alert.severity.value in step.severities
        and waited >= step.after_minutes * _MINUTE_NS
    ]
    return sorted(due, key=lambda step: step.level)


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
