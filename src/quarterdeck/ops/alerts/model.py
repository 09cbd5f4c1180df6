"""What rules find and what people are told of: severities, states, findings, alerts and notices."""

from enum import StrEnum
from typing import Any, Protocol

import msgspec

__all__ = ["Alert", "Case", "Event", "Finding", "Notice", "NoticeKind", "Severity", "State", "fingerprint"]


class Severity(StrEnum):
    """P0 is the worst. The runbooks' CRITICAL, HIGH, MEDIUM and LOW are P1 to P4."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


class State(StrEnum):
    """FIRING -> ACKNOWLEDGED -> RESOLVED; what was never acknowledged may be RESOLVED too."""

    FIRING = "FIRING"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"


class NoticeKind(StrEnum):
    """Why people are told."""

    FIRING = "FIRING"
    REPEAT = "REPEAT"
    ESCALATION = "ESCALATION"
    RESOLVED = "RESOLVED"
    SUPPRESSED = "SUPPRESSED"
    HEARTBEAT = "HEARTBEAT"
    TEST = "TEST"


class Event(Protocol):
    """What rules need of a bus's event. `time_ns` is the desk's time, `data` the log line's fields."""

    @property
    def id(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def desk(self) -> str: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def data(self) -> Any: ...


class Case(msgspec.Struct, frozen=True):
    """What one look of a rule found, or (`clears`) that it is over. `severity` None: the rule's own."""

    subject: str
    summary: str
    severity: Severity | None = None
    facts: dict[str, Any] = {}
    clears: bool = False


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A case of a rule at a desk. `event_ns` and `event_id` are of the event that told of it; 0 and "" of a look."""

    rule: str
    desk: str
    subject: str
    severity: Severity
    summary: str
    facts: dict[str, Any] = {}
    clears: bool = False
    sequence: int = 0
    event_ns: int = 0
    event_id: str = ""
    count: int = 1

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.rule, self.desk, self.subject)


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as it is kept. Times are UTC nanoseconds of this machine, but `event_ns`, which is the desk's.

    `told_ns` None: nobody was told yet; `held` says why. `level` is the highest escalation step that was told.
    """

    id: int
    rule: str
    desk: str
    subject: str
    severity: Severity
    state: State
    summary: str
    facts: dict[str, Any]
    sequence: int
    event_ns: int
    event_id: str
    count: int
    fired_ns: int
    last_ns: int
    told_ns: int | None
    held: str
    level: int
    acknowledged_ns: int | None
    acknowledged_by: str
    note: str
    resolved_ns: int | None
    resolved_by: str

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.rule, self.desk, self.subject)

    @property
    def group(self) -> str:
        """Alerts of one rule at one desk are told together, and limited together."""
        return f"{self.rule}|{self.desk}"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One telling. `suppressed` is how many of its group were not told before it."""

    id: int = 0
    kind: NoticeKind
    severity: Severity
    time_ns: int
    title: str
    alerts: tuple[Alert, ...] = ()
    level: int = 0
    on_call: tuple[str, ...] = ()
    suppressed: int = 0
    facts: dict[str, Any] = {}


def fingerprint(rule: str, desk: str, subject: str) -> str:
    """What tells alerts apart: at most one that is not resolved has it."""
    return f"{rule}|{desk}|{subject}"
