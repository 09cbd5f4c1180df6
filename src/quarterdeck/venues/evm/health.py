"""How well something that we depend on does: an endpoint of a chain, a lender.

    healthy --> degraded      two failures in a row, a tenth of the last ones failed, or it is slow
    any     --> unhealthy     three failures in a row, half of the last ones failed, or it was caught in a lie
    unhealthy --> healthy     after as many good probes in a row; one bad one and the count begins again
    any     <-> offline       a person says so, both ways

Healthy and degraded ones are used. Only real questions are counted, so what comes back has been seen to work.
"""

import threading
import time
from collections import deque
from enum import StrEnum
from typing import Any, Final

__all__ = ["Health", "Status"]

_EMA_SHARE: Final = 0.3  # of the newest latency
_WINDOW: Final = 50  # last answers and failures that the error rate is of
_ENOUGH: Final = 20  # of them, before half of them failed means anything
_DEGRADED_RATE, _UNHEALTHY_RATE = 0.1, 0.5
_ERROR_CHARACTERS: Final = 200


class Status(StrEnum):
    """As the runbooks name them."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    OFFLINE = "offline"


class Health:
    """`failures` in a row take it out, `probes` good ones in a row bring it back. Any thread may call."""

    def __init__(self, *, failures: int = 3, probes: int = 3, slow_ms: float = 1_000.0) -> None:
        if failures < 1 or probes < 1:
            raise ValueError(f"{failures} failures and {probes} probes: both must be 1 or more")
        self._failures_max, self._probes_needed, self._slow_ms = failures, probes, slow_ms
        self._turn = threading.Lock()
        self._recent: deque[bool] = deque(maxlen=_WINDOW)
        self._asked = self._failed = self._in_a_row = self._good_probes = 0
        self._latency_ms: float | None = None
        self._error = ""
        self._out = self._offline = False
        self._since_s = time.time()

    def note(self, ok: bool, latency_ms: float | None = None, error: str = "", *, probe: bool = True) -> None:
        """One question was answered or failed. With `probe=False` an answer does not count towards a return."""
        with self._turn:
            before = self._status()
            self._asked += 1
            self._recent.append(ok)
            if ok:
                self._answered(latency_ms, probe)
            else:
                self._failed += 1
                self._in_a_row += 1
                self._good_probes = 0
                self._error = error[:_ERROR_CHARACTERS]
                half = len(self._recent) >= _ENOUGH and self._error_rate() >= _UNHEALTHY_RATE
                self._out = self._out or half or self._in_a_row >= self._failures_max
            self._stamp(before)

    def condemn(self, reason: str) -> None:
        """Caught in a lie: out at once, whatever else it answers."""
        with self._turn:
            before = self._status()
            self._error = reason[:_ERROR_CHARACTERS]
            self._out, self._good_probes = True, 0
            self._stamp(before)

    def online(self) -> None:
        """A person brings it back: what was counted is forgotten."""
        with self._turn:
            before = self._status()
            self._offline = False
            self._begin_anew()
            self._stamp(before)

    def offline(self) -> None:
        """A person takes it out, until a person brings it back."""
        with self._turn:
            before = self._status()
            self._offline = True
            self._stamp(before)

    @property
    def status(self) -> Status:
        with self._turn:
            return self._status()

    @property
    def usable(self) -> bool:
        """Whether it may be used: healthy or degraded."""
        return not (self._out or self._offline)

    @property
    def latency_ms(self) -> float | None:
        """The moving average of its answers; None before the first."""
        return self._latency_ms

    @property
    def last_error(self) -> str:
        """Of the last failure or lie; empty if there was none."""
        return self._error

    def shown(self) -> dict[str, Any]:
        """As `get_provider_status` of the runbooks has it. Rates are of the last answers; None where there are none."""
        with self._turn:
            rate = self._error_rate() if self._recent else None
            return {
                "status": str(self._status()),
                "success_rate": None if rate is None else round(1 - rate, 4),
                "error_rate": None if rate is None else round(rate, 4),
                "consecutive_failures": self._in_a_row,
                "last_error": self._error or None,
                "latency_ms": None if self._latency_ms is None else round(self._latency_ms, 3),
                "total_requests": self._asked,
                "total_failures": self._failed,
                "good_probes": self._good_probes,
                "probes_needed": self._probes_needed,
                "since_s": round(self._since_s, 3),
            }

    def _answered(self, latency_ms: float | None, probe: bool) -> None:
        self._in_a_row = 0
        if latency_ms is not None:
            last = self._latency_ms
            self._latency_ms = latency_ms if last is None else last + _EMA_SHARE * (latency_ms - last)
        if self._out and probe:
            self._good_probes += 1
            if self._good_probes >= self._probes_needed:
                self._begin_anew()

    def _begin_anew(self) -> None:
        self._out = False
        self._in_a_row = self._good_probes = 0
        self._recent.clear()

    def _error_rate(self) -> float:
        return self._recent.count(False) / len(self._recent) if self._recent else 0.0

    def _status(self) -> Status:
        if self._offline:
            return Status.OFFLINE
        if self._out:
            return Status.UNHEALTHY
        often = self._recent.count(False) >= 2 and self._error_rate() > _DEGRADED_RATE
        slow = self._latency_ms is not None and self._latency_ms > self._slow_ms
        return Status.DEGRADED if often or slow or self._in_a_row >= 2 else Status.HEALTHY

    def _stamp(self, before: Status) -> None:
        if self._status() is not before:
            self._since_s = time.time()
