"""What a scenario can come to, and the two ways in which it stops before its end."""

from enum import StrEnum

import msgspec

from quarterdeck.errors import QuarterdeckError

__all__ = ["Failed", "Finding", "NotApplicable", "Outcome"]


class Outcome(StrEnum):
    """A scenario's end."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"
    NOT_RUN = "not run"


class Failed(QuarterdeckError):
    """The venue did not do what a desk relies on. The text says what it did."""


class NotApplicable(QuarterdeckError):
    """The scenario cannot be made here. The text says who declares so, or what is missing."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario's row: `why` is what was seen, or what is wrong."""

    name: str
    outcome: Outcome
    why: str
    took_ms: int
