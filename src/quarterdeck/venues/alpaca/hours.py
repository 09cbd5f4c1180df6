"""When the market is open, by the venue's own clock and calendar.

The venue takes orders at night and holds them until the next session: what an intraday desk decided on would be traded
at prices that it never saw. So an order that is not reduce-only is refused here while the market is closed. One that
takes a position down passes: held until the opening is better than not held.
"""

import threading
from dataclasses import dataclass
from typing import Final

from quarterdeck.venues.alpaca.numbers import nanoseconds, offset_ns
from quarterdeck.venues.alpaca.schema import CalendarDay, Clock

__all__ = ["MarketHours", "Session"]

_ASK_EVERY_S: Final = 15.0
_ASK_AT_EDGE_S: Final = 1.0
_SPEED_MAX: Final = 1_000.0
_SPEED_FROM_S: Final = 1.0  # two readings closer than that say nothing of how fast the clock runs


@dataclass(frozen=True, slots=True)
class Session:
    """One day's hours, in UTC nanoseconds."""

    opens_ns: int
    closes_ns: int


class MarketHours:
    """The latest reading of the clock, and where it must stand by now. Any thread may use it.

    `now_s` is any clock that does not go back. A twin's market may run faster than the wall: its speed is measured.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_s = self._asked_s = 0.0
        self._venue_ns = self._opens_ns = self._closes_ns = 0
        self._open = False
        self._speed = 1.0
        self.session: Session | None = None  # today's, or the next one's

    def take(self, clock: Clock, now_s: float) -> bool:
        """Takes a reading; returns whether the market opened or closed since the one before. Raises ValueError."""
        venue_ns, opens_ns, closes_ns = map(nanoseconds, (clock.timestamp, clock.next_open, clock.next_close))
        with self._lock:
            passed_s, first = now_s - self._read_s, self._venue_ns == 0
            if not first and passed_s >= _SPEED_FROM_S:
                self._speed = min(max((venue_ns - self._venue_ns) / (passed_s * 1e9), 0.0), _SPEED_MAX)
            changed = first or self._open != clock.is_open
            self._venue_ns, self._opens_ns, self._closes_ns = venue_ns, opens_ns, closes_ns
            self._open, self._read_s = clock.is_open, now_s
        return changed

    def take_day(self, day: CalendarDay, clock: Clock) -> None:
        """Takes the calendar's hours of a day; they are in the zone that the clock is told in. Raises ValueError."""
        away_ns = offset_ns(clock.next_close)
        opens_ns, closes_ns = (nanoseconds(f"{day.date}T{text}:00Z") - away_ns for text in (day.open, day.close))
        self.session = Session(opens_ns, closes_ns)

    def open_now(self, now_s: float) -> bool:
        """Whether the market is open, by the latest reading and the time that has passed since; False before it."""
        with self._lock:
            venue_ns = self._now_ns(now_s)
            return self._open if not self._passed(venue_ns) else not self._open

    def venue_ns(self, now_s: float) -> int:
        """The venue's time; 0 before the first reading."""
        with self._lock:
            return self._now_ns(now_s) if self._venue_ns else 0

    @property
    def read_ns(self) -> int:
        """The venue's time at the latest reading; 0 before the first."""
        return self._venue_ns

    def due(self, now_s: float) -> bool:
        """Whether the clock is to be read again; it is then taken as asked for."""
        with self._lock:
            edge = self._passed(self._now_ns(now_s))
            due = now_s - self._asked_s >= (_ASK_AT_EDGE_S if edge else _ASK_EVERY_S)
            self._asked_s = now_s if due else self._asked_s
            return due

    def _now_ns(self, now_s: float) -> int:
        return self._venue_ns + int((now_s - self._read_s) * 1e9 * self._speed)

    def _passed(self, venue_ns: int) -> bool:
        """Whether the reading's next opening or closing, whichever it waits for, has come."""
        edge_ns = self._closes_ns if self._open else self._opens_ns
        return 0 < edge_ns <= venue_ns
