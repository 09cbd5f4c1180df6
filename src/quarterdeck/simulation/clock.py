"""Simulated time: one true time, which nobody in the simulation can see, and each host's own two clocks."""

import heapq
from collections.abc import Callable
from typing import Final

__all__ = ["START_NS", "HostClock", "Timeline"]

START_NS: Final = 1_700_000_000_000_000_000
_PPB: Final = 1_000_000_000

Action = Callable[[], None]


class Timeline:
    """What will happen, in order of true time; of two things at one time, the one that was planned first."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self._planned: list[tuple[int, int, str, Action]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._planned)

    def at(self, time_ns: int, name: str, action: Action) -> None:
        """Plans an action; one that is late happens now. `name` is what a trace calls it."""
        self._count += 1
        heapq.heappush(self._planned, (max(time_ns, self.now_ns), self._count, name, action))

    def after(self, delay_ns: int, name: str, action: Action) -> None:
        self.at(self.now_ns + delay_ns, name, action)

    def next(self) -> tuple[str, Action]:
        """Lets time pass until the next thing is due, and returns it."""
        self.now_ns, _, name, action = heapq.heappop(self._planned)
        return name, action


class HostClock:
    """A host's wall clock, which may be wrong and jump, and its monotonic clock, which only runs a little off.

    `drift_ppb` is how much faster than true time both run.
    """

    def __init__(self, timeline: Timeline, *, boot_ns: int, offset_ns: int, drift_ppb: int) -> None:
        self._timeline = timeline
        self._boot_ns = boot_ns
        self._drift_ppb = drift_ppb
        self.offset_ns = offset_ns

    def monotonic(self) -> int:
        elapsed = self._timeline.now_ns - START_NS
        return self._boot_ns + elapsed + elapsed * self._drift_ppb // _PPB

    def wall(self) -> int:
        elapsed = self._timeline.now_ns - START_NS
        return START_NS + elapsed + elapsed * self._drift_ppb // _PPB + self.offset_ns

    def jump(self, by_ns: int) -> None:
        """Steps the wall clock, as an operator or a bad time server does."""
        self.offset_ns += by_ns
