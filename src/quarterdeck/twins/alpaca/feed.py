"""The market around the twin: an order flow or a record, moved into the hours in which the market trades."""

from quarterdeck.market.events import Events
from quarterdeck.twins.alpaca.calendar import Calendar
from quarterdeck.twins.feed import Feed

__all__ = ["SessionFeed"]

_NEVER = 2**62


class SessionFeed:
    """A feed in active time, told in real time: it stands still between sessions."""

    def __init__(self, feed: Feed, calendar: Calendar) -> None:
        self._feed, self._calendar = feed, calendar

    def next_ns(self) -> int:
        """Returns the time of the next event; a time never reached when there is none."""
        active_ns = self._feed.next_ns()
        return _NEVER if active_ns >= _NEVER else self._calendar.market_time(active_ns)

    def take(self, until_ns: int) -> Events:
        """Returns the events up to that time."""
        events = self._feed.take(self._calendar.active_ns(until_ns))
        if len(events):
            for name in ("time_ns", "venue_time_ns"):
                events[name] = self._calendar.market_ns(events[name])
        return events
