"""Trading sessions of an exchange, from its published calendar: a pure function of a time, no clock is read.

Holidays, early closes and daylight saving come from exchange_calendars. The calendar is made for the fixed years
`FIRST` to `LAST`, so that the day on which it is made changes nothing.
"""

import warnings
from bisect import bisect_right
from functools import cache
from typing import Any, Final, NamedTuple, cast

from quarterdeck.errors import ConfigError

__all__ = ["FIRST", "LAST", "Session", "Sessions", "sessions_of"]

FIRST: Final = "1998-01-01"
LAST: Final = "2035-12-31"


class Session(NamedTuple):
    """One trading day: UTC nanoseconds of its open and its close, and its number in the calendar."""

    number: int
    open_ns: int
    close_ns: int


class Sessions:
    """All sessions of one exchange."""

    def __init__(self, opens: list[int], closes: list[int]) -> None:
        self._opens, self._closes = opens, closes

    def __len__(self) -> int:
        return len(self._opens)

    def latest(self, time_ns: int) -> Session:
        """Returns the last session that had begun by that time; the first of all before that."""
        number = max(0, bisect_right(self._opens, time_ns) - 1)
        return Session(number, self._opens[number], self._closes[number])

    def at(self, time_ns: int) -> Session | None:
        """Returns the session that is open at that time, its close not included; None between two."""
        number = bisect_right(self._opens, time_ns) - 1
        if number < 0 or time_ns >= self._closes[number]:
            return None
        return Session(number, self._opens[number], self._closes[number])


@cache
def sessions_of(exchange: str) -> Sessions:
    """Returns an exchange's sessions by its market identifier code, such as XNYS. ConfigError for an unknown one."""
    import exchange_calendars  # noqa: PLC0415 - brings pandas; only desks of exchanges that close need it

    library = cast(Any, exchange_calendars)
    try:
        with warnings.catch_warnings():  # what the library asks of pandas is not ours to change
            warnings.simplefilter("ignore", DeprecationWarning)
            calendar = library.get_calendar(exchange, start=FIRST, end=LAST)
    except library.errors.InvalidCalendarName as error:
        allowed = "a market identifier code that exchange_calendars knows, such as XNYS"
        raise ConfigError("calendar", "exchange", exchange, allowed) from error
    opens, closes = ([int(one) for one in column.astype("datetime64[ns, UTC]").astype("int64")]
                     for column in (calendar.opens, calendar.closes))  # fmt: skip
    return Sessions(opens, closes)
