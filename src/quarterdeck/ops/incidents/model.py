"""What an incident is, how bad, and how quickly the runbooks want it answered. Times are UTC nanoseconds."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

import msgspec

from quarterdeck.errors import OpsError
from quarterdeck.ops.alerts.model import Severity

__all__ = [
    "NOTE_KINDS",
    "Action",
    "Entry",
    "Incident",
    "IncidentState",
    "Phase",
    "phases",
    "severity_of",
]

NOTE_KINDS: Final = ("note", "impact", "cause", "mitigation", "resolution", "lesson", "prevention")
"""What a note is about; the first cause ends the investigation, each goes to its chapter of the post-mortem."""
_WORDS: Final = {"CRITICAL": Severity.P1, "HIGH": Severity.P2, "MEDIUM": Severity.P3, "LOW": Severity.P4}
_FRIDAY: Final = 4

# Minutes after detection. P0, P1 and P2 are hat-manifesto's; P3 is intraday's "MEDIUM (< 2 hours)"; its "LOW (next
# business day)" has no number of minutes.
_TARGETS: Final[Mapping[Severity, Mapping[str, int]]] = {
    Severity.P0: {"response": 5, "investigation": 15, "recovery": 30},
    Severity.P1: {"response": 5, "investigation": 15, "recovery": 30},
    Severity.P2: {"response": 10, "recovery": 60},
    Severity.P3: {"response": 120},
    Severity.P4: {},
}


class IncidentState(StrEnum):
    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident. `alert` is the number of the alert that it was opened from; `desk` "": of the ops plane itself."""

    id: int
    title: str
    severity: Severity
    desk: str
    alert: int | None
    state: IncidentState
    detected_ns: int
    opened_ns: int
    opened_by: str
    acknowledged_ns: int | None
    acknowledged_by: str
    investigated_ns: int | None
    mitigated_ns: int | None
    resolved_ns: int | None
    resolved_by: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a timeline. `sequence` is the journal's record, None where it has none."""

    time_ns: int
    source: str  # log, alert, person
    what: str  # the log line's event, or a note's kind
    text: str
    person: str = ""
    sequence: int | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is to be done, by somebody, until a day."""

    id: int
    incident: int
    text: str
    owner: str
    due: str  # a date, or nothing
    made_ns: int
    done_ns: int | None
    done_by: str


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One clock. `target_s` None: the runbooks name none; `elapsed_s` is until its end, or until now."""

    name: Literal["response", "investigation", "recovery"]
    target_s: float | None
    elapsed_s: float
    verdict: Literal["met", "missed", "running", "overdue", "no target"]


def severity_of(word: str) -> Severity:
    """Reads P0 to P4, or CRITICAL, HIGH, MEDIUM, LOW, which are P1 to P4. OpsError: it is none of them."""
    said = word.strip().upper()
    if said in _WORDS:
        return _WORDS[said]
    try:
        return Severity(said)
    except ValueError:
        raise OpsError(f"a severity {word!r} is not known: P0 to P4, or CRITICAL, HIGH, MEDIUM, LOW") from None


def phases(incident: Incident, now_ns: int) -> tuple[Phase, ...]:
    """How long each phase took or takes, against its target. All count from the detection."""
    ended = {
        "response": incident.acknowledged_ns,
        "investigation": incident.investigated_ns,
        "recovery": incident.resolved_ns,
    }
    found: list[Phase] = []
    for name in ("response", "investigation", "recovery"):
        end_ns = ended[name]
        elapsed_s = ((now_ns if end_ns is None else end_ns) - incident.detected_ns) / 1e9
        target_s = _target_s(incident, name)
        found.append(
            Phase(name=name, target_s=target_s, elapsed_s=elapsed_s, verdict=_verdict(target_s, elapsed_s, end_ns))
        )
    return tuple(found)


def _target_s(incident: Incident, name: str) -> float | None:
    minutes = _TARGETS[incident.severity].get(name)
    if minutes is not None:
        return minutes * 60.0
    if incident.severity is Severity.P4 and name == "response":
        return (_business_day_end_ns(incident.detected_ns) - incident.detected_ns) / 1e9
    return None


def _verdict(
    target_s: float | None, elapsed_s: float, end_ns: int | None
) -> Literal["met", "missed", "running", "overdue", "no target"]:
    if target_s is None:
        return "no target"
    if end_ns is None:
        return "running" if elapsed_s <= target_s else "overdue"
    return "met" if elapsed_s <= target_s else "missed"


def _business_day_end_ns(time_ns: int) -> int:
    """The end of the next business day after a time, Monday to Friday, in UTC."""
    day = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).replace(hour=0, minute=0, second=0)
    day += timedelta(days=1)
    while day.weekday() > _FRIDAY:
        day += timedelta(days=1)
    return int((day + timedelta(days=1)).timestamp()) * 1_000_000_000
