"""How far a venue's clock is from the desk's, as far as answered requests can tell."""

from collections import deque
from typing import Final

__all__ = ["ClockOffset"]

_SAMPLES: Final = 8
_MARGIN_NS: Final = 20_000_000  # what both clocks may drift apart between two samples


class ClockOffset:
    """The venue looked at its clock between our question and its answer: that bounds the offset on both sides.

    The offset is the venue's time less the desk's, in nanoseconds. The narrowest of the latest samples counts.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=_SAMPLES)
        self._best: tuple[int, int] | None = None

    @property
    def known(self) -> bool:
        return self._best is not None

    @property
    def middle_ns(self) -> int:
        """The best guess; 0 before the first sample."""
        return 0 if self._best is None else (self._best[0] + self._best[1]) // 2

    def sample(self, sent_ns: int, received_ns: int, venue_ns: int) -> None:
        """Takes the venue's time from an answer that was asked for at `sent_ns` and came at `received_ns`."""
        self._samples.append((venue_ns - received_ns, venue_ns - sent_ns))
        self._best = min(self._samples, key=lambda bounds: bounds[1] - bounds[0])

    def venue_time(self, desk_ns: int) -> int:
        """Returns the venue's time at a time of the desk, as the best guess."""
        return desk_ns + self.middle_ns

    def surely_past(self, venue_ns: int) -> int | None:
        """Returns when, by the desk's clock, the venue's has surely passed `venue_ns`; None: nobody can say."""
        return None if self._best is None else venue_ns - self._best[0] + _MARGIN_NS
