"""What a check found: one line each, with the way out where something is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Finding", "Findings", "Level"]


class Level(StrEnum):
    """How it stands. A FAIL makes the command's exit code 1."""

    OK = "ok"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it stands and why, and what to do about it."""

    level: Level
    what: str
    why: str
    way: str = ""

    def line(self) -> str:
        way = f" -> {self.way}" if self.way else ""
        return f"{self.level:<4}  {self.what}: {' '.join(self.why.split())}{way}"


@dataclass(slots=True)
class Findings:
    """All that a check found, in the order in which it looked."""

    found: list[Finding] = field(default_factory=list[Finding])

    def ok(self, what: str, why: str) -> None:
        """Notes that something is as it should be."""
        self.found.append(Finding(Level.OK, what, why))

    def warn(self, what: str, why: str, way: str) -> None:
        """Notes what a person should know, and may leave as it is."""
        self.found.append(Finding(Level.WARN, what, why, way))

    def fail(self, what: str, why: str, way: str = "") -> None:
        """Notes what must be put right."""
        self.found.append(Finding(Level.FAIL, what, why, way))

    def note(self, level: Level, what: str, why: str, way: str = "") -> None:
        """Notes a finding of that level."""
        self.found.append(Finding(level, what, why, "" if level is Level.OK else way))

    def extend(self, more: Sequence[Finding]) -> None:
        """Adds what another check found."""
        self.found.extend(more)

    @property
    def exit_code(self) -> int:
        """1 when anything failed."""
        return int(any(one.level is Level.FAIL for one in self.found))

    def as_dict(self) -> dict[str, object]:
        """Returns plain types only, for JSON."""
        findings = [{"level": one.level, "what": one.what, "why": one.why, "way": one.way} for one in self.found]
        return {"ok": not self.exit_code, "findings": findings}

    def lines(self) -> list[str]:
        """Returns the findings for people, and their count."""
        counts = ", ".join(f"{sum(one.level is level for one in self.found)} {level}" for level in Level)
        return [*(one.line() for one in self.found), counts]
