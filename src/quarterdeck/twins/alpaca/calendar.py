"""The sessions of the New York Stock Exchange, and what part of one a moment is.

| phase   | from            | to                       | who trades                              |
|---------|-----------------|--------------------------|-----------------------------------------|
| pre     | 04:00           | the open, 09:30          | limit orders with `extended_hours`      |
| regular | the open        | the close, 16:00 or 13:00 | everybody                              |
| post    | the close       | 20:00, or 17:00          | limit orders with `extended_hours`      |
| closed  | otherwise       |                          | nobody                                  |

The outside market moves in the first three. Its own time, `active_ns`, stands still while the fourth lasts.
"""

import warnings
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import ConfigError

__all__ = ["NEW_YORK", "Calendar", "Phase", "Session", "new_york"]

NEW_YORK: Final = ZoneInfo("America/New_York")
_FIRST: Final = "2024-01-01"
_LAST: Final = "2029-12-31"
_NS_PER_S: Final = 1_000_000_000
_USUAL_CLOSE: Final = time(16)
_ACTIVE_BEGINS: Final = _NS_PER_S  # an order flow begins after 0


class Phase(StrEnum):
    """Parts of a day."""

    PRE = "pre"
    REGULAR = "regular"
    POST = "post"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day; times in UTC nanoseconds."""

    day: date
    pre_ns: int
    open_ns: int
    close_ns: int
    post_ns: int  # the end of all trading

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Where its phases begin, and its end."""
        return self.pre_ns, self.open_ns, self.close_ns, self.post_ns


def new_york(time_ns: int) -> datetime:
    """Returns the moment on New York's clocks, to the microsecond."""
    return datetime.fromtimestamp(time_ns // _NS_PER_S, NEW_YORK) + timedelta(microseconds=time_ns % _NS_PER_S // 1_000)


def _ns(day: date, at: time) -> int:
    return int(datetime.combine(day, at, NEW_YORK).timestamp()) * _NS_PER_S


class Calendar:
    """All sessions from 2024 to 2029, by the rules of `exchange_calendars`."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it uses what a later pandas will not have
            known: Any = cast(Any, exchange_calendars).get_calendar("XNYS", start=_FIRST, end=_LAST)
            rows: Any = zip(known.schedule.index, known.schedule["open"], known.schedule["close"], strict=True)
            self.sessions = [self._session(day.date(), opens, closes) for day, opens, closes in rows]
        self._bounds = [bound for session in self.sessions for bound in session.bounds]
        self._posts = [session.post_ns for session in self.sessions]

    @staticmethod
    def _session(day: date, opens: Any, closes: Any) -> Session:
        open_ns, close_ns = int(opens.timestamp()) * _NS_PER_S, int(closes.timestamp()) * _NS_PER_S
        usual = new_york(close_ns).time() >= _USUAL_CLOSE
        return Session(day, _ns(day, time(4)), open_ns, close_ns, _ns(day, time(20 if usual else 17)))

    def check(self, time_ns: int) -> None:
        """Raises ConfigError for a moment outside the years that it knows."""
        if not self.sessions[0].pre_ns <= time_ns < self.sessions[-1].pre_ns:
            raise ConfigError("twin", "start", new_york(time_ns).isoformat(), f"{_FIRST} to {_LAST}")

    # What a moment is.

    def phase(self, time_ns: int) -> Phase:
        """Returns the phase of a moment."""
        place = bisect_right(self._bounds, time_ns)
        return (Phase.CLOSED, Phase.PRE, Phase.REGULAR, Phase.POST)[place % 4]

    def next_change_ns(self, time_ns: int) -> int:
        """Returns when the next phase begins, after this moment."""
        return self._bounds[bisect_right(self._bounds, time_ns)]

    def session(self, time_ns: int) -> Session:
        """Returns the session that goes on, or the next one."""
        return self.sessions[bisect_right(self._posts, time_ns)]

    def previous(self, time_ns: int) -> Session:
        """Returns the session before that one."""
        return self.sessions[max(bisect_right(self._posts, time_ns) - 1, 0)]

    def good_for(self, time_ns: int, *, extended: bool) -> Session:
        """Returns the session that a day order of this moment is for."""
        session = self.session(time_ns)
        ends = session.post_ns if extended else session.close_ns
        return session if time_ns < ends else self.session(session.post_ns)

    def next_open_ns(self, time_ns: int) -> int:
        """Returns the next open after this moment."""
        session = self.session(time_ns)
        return session.open_ns if time_ns < session.open_ns else self.session(session.post_ns).open_ns

    def next_close_ns(self, time_ns: int) -> int:
        """Returns the next close after this moment."""
        session = self.session(time_ns)
        return session.close_ns if time_ns < session.close_ns else self.session(session.post_ns).close_ns

    def between(self, first: date, last: date) -> list[Session]:
        """Returns the sessions from one day to another, both inclusive."""
        return [session for session in self.sessions if first <= session.day <= last]

    def days_back(self, day: date, count: int) -> list[date]:
        """Returns the latest `count` session days up to `day`, inclusive."""
        days = [session.day for session in self.sessions]
        end = bisect_right(days, day)
        return days[max(end - count, 0) : end]

    # The outside market's time.

    @cached_property
    def _active(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each session begins, in real time and in active time."""
        begins = np.array([session.pre_ns for session in self.sessions], np.int64)
        lengths = np.array([session.post_ns - session.pre_ns for session in self.sessions], np.int64)
        return begins, np.concatenate(([0], np.cumsum(lengths)[:-1])) + _ACTIVE_BEGINS

    def active_ns(self, time_ns: int) -> int:
        """Returns the outside market's time of a moment."""
        begins, active = self._active
        place = max(int(np.searchsorted(begins, time_ns, "right")) - 1, 0)
        session = self.sessions[place]
        return int(active[place]) + min(max(time_ns, session.pre_ns), session.post_ns) - session.pre_ns

    def market_ns(self, active_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the moments of these active times; the end of a session, not the beginning of the next."""
        begins, active = self._active
        place = np.maximum(np.searchsorted(active, active_ns, "left") - 1, 0)
        return begins[place] + (active_ns - active[place])

    def market_time(self, active_ns: int) -> int:
        """Returns the moment of one active time."""
        return int(self.market_ns(np.array([active_ns], np.int64))[0])

    def day_start_ns(self, time_ns: int) -> int:
        """Returns midnight in New York before a moment."""
        return _ns(new_york(time_ns).date(), time(0))
