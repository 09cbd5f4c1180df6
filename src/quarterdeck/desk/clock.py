"""The desk's one clock: receive time, in UTC nanoseconds, that never goes backwards.

It runs by the monotonic clock and is drawn towards the wall clock by at most 500 parts per million, as NTP slews, so a
step of the wall clock never becomes a step of the desk.
"""

import time
from collections.abc import Callable
from typing import Final

__all__ = ["DeskClock"]

_SECOND_NS: Final = 1_000_000_000
_SLEW: Final = 2_000  # one part in that many


class DeskClock:
    """A clock that begins at the wall clock's time, or at `floor_ns` when that is later.

    With a `speed` other than 1 desk time passes that much faster. That clock, and one that is not `steered`, asks for
    the wall clock's time only once.
    """

    def __init__(
        self,
        floor_ns: int = 0,
        speed: float = 1.0,
        *,
        steered: bool = True,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.speed = speed
        self._steered = steered and speed == 1.0
        self._wall, self._monotonic = wall, monotonic
        self._base = max(wall(), floor_ns)
        self._mark = monotonic()
        self._last = self._base

    def now(self) -> int:
        """Returns the desk's time; never less than what it returned before."""
        elapsed = self._monotonic() - self._mark
        if elapsed >= _SECOND_NS:
            self._settle(elapsed)
            elapsed = 0
        self._last = max(self._last, self._base + int(elapsed * self.speed))
        return self._last

    def _settle(self, elapsed: int) -> None:
        self._mark += elapsed
        self._base += int(elapsed * self.speed)
        if not self._steered:
            return
        most = elapsed // _SLEW
        self._base += max(-most, min(most, self._wall() - self._base))
