"""What is not told: silences from one time to another, and maintenance windows that come again. All times are UTC."""

import re
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from quarterdeck.errors import OpsError
from quarterdeck.ops.alerts.model import Alert
from quarterdeck.ops.alerts.rules import RULES

__all__ = ["RUNBOOK_WINDOWS", "Recurrence", "Silence", "recurrence"]

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FORM: Final = re.compile(
    r"(?P<every>daily|weekly|monthly|quarterly)(?: (?P<first>first-)?(?P<day>[a-z]+))?"
    r" (?P<from>\d{1,2}):(?P<from_minute>\d{2})-(?P<to>\d{1,2}):(?P<to_minute>\d{2})"
)
_QUARTERS: Final = (1, 4, 7, 10)
_DAY_MINUTES: Final = 24 * 60
_ALLOWED: Final = (
    '"daily 22:00-23:00", "weekly sunday 02:00-04:00", "monthly first-sunday 01:00-03:00" or '
    '"quarterly first-sunday 00:00-06:00", in UTC'
)
RUNBOOK_WINDOWS: Final = {
    # hat-manifesto, "Scheduled Maintenance"
    "weekly": "weekly sunday 02:00-04:00",
    "monthly": "monthly first-sunday 01:00-03:00",
    "quarterly": "quarterly first-sunday 00:00-06:00",
}


class Recurrence(msgspec.Struct, frozen=True):
    """A window that comes again: every day, on a weekday, or on the first such day of a month or a quarter."""

    every: str
    weekday: int | None
    from_minute: int
    to_minute: int

    def active(self, now_ns: int) -> bool:
        """Whether the time lies in it. A window may go over midnight: it belongs to the day on which it begins."""
        now = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
        minute = now.hour * 60 + now.minute
        if self.from_minute < self.to_minute:
            return self.from_minute <= minute < self.to_minute and self._day(now)
        return (minute >= self.from_minute and self._day(now)) or (
            minute < self.to_minute and self._day(now - timedelta(days=1))
        )

    def _day(self, now: datetime) -> bool:
        if self.weekday is not None and now.weekday() != self.weekday:
            return False
        first = now.day <= len(_DAYS)
        return {
            "daily": True,
            "weekly": True,
            "monthly": first,
            "quarterly": first and now.month in _QUARTERS,
        }[self.every]


def recurrence(text: str) -> Recurrence:
    """Reads a window; "weekly", "monthly", "quarterly" alone are the runbook's. OpsError says what may be."""
    said = RUNBOOK_WINDOWS.get(text.strip().lower(), text.strip().lower())
    found = _FORM.fullmatch(said)
    if found is None or (found["day"] is not None and found["day"] not in _DAYS):
        raise OpsError(f"a window {text!r} is not known: write {_ALLOWED}")
    every, dated = found["every"], found["day"] is not None
    if dated == (every == "daily") or bool(found["first"]) != (every in {"monthly", "quarterly"}):
        raise OpsError(f"a window {text!r} is not known: write {_ALLOWED}")
    begin = int(found["from"]) * 60 + int(found["from_minute"])
    end = int(found["to"]) * 60 + int(found["to_minute"])
    if not (begin < _DAY_MINUTES and 0 < end <= _DAY_MINUTES and begin != end):
        raise OpsError(f"a window {text!r} has no such hours: write {_ALLOWED}")
    return Recurrence(every, _DAYS.index(found["day"]) if dated else None, begin, end)


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """What is held back, by whom and why. Patterns are of shells; `every` "": once, from begin_ns until end_ns.

    `id` 0: it stands in ops.toml.
    """

    id: int = 0
    rule: str = "*"
    desk: str = "*"
    subject: str = "*"
    every: str = ""
    begin_ns: int = 0
    end_ns: int = 0  # 0: without an end
    person: str
    reason: str
    created_ns: int = 0
    lifted_ns: int | None = None
    lifted_by: str = ""

    def active(self, now_ns: int) -> bool:
        """Whether it holds something back at that time."""
        if self.lifted_ns is not None or now_ns < self.begin_ns or (self.end_ns and now_ns >= self.end_ns):
            return False
        return not self.every or recurrence(self.every).active(now_ns)

    def over(self, now_ns: int) -> bool:
        return self.lifted_ns is not None or bool(self.end_ns and now_ns >= self.end_ns)

    def covers(self, alert: Alert) -> bool:
        """Whether it is meant. What must always be told is silenced only by its name."""
        rule = RULES.get(alert.rule)
        if self.rule == "*" and rule is not None and rule.always:
            return False
        pairs = ((alert.rule, self.rule), (alert.desk, self.desk), (alert.subject, self.subject))
        return all(fnmatchcase(value, pattern) for value, pattern in pairs)
