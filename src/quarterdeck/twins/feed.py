"""The market around the twin, as one stream of events in the order of time: generated, or replayed from a file."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market.events import Events, join_events, merge_events, take_events
from quarterdeck.market.orderflow import OrderFlow, OrderFlowTerms

__all__ = ["Feed", "GeneratedFeed", "Listing", "RecordedFeed"]

_CHUNK: Final = 256


class Listing(Protocol):
    """What a feed must know of a market: a step of its flow is `step` ticks, a lot of it `lots` of the market's."""

    @property
    def index(self) -> int:
        """The kernel's instrument."""
        ...

    @property
    def terms(self) -> OrderFlowTerms:
        """Of its flow."""
        ...

    @property
    def seed(self) -> int:
        """Added to the twin's. Markets of one seed and equal terms move together."""
        ...

    @property
    def step(self) -> int:
        """Ticks of one step of the flow."""
        ...

    @property
    def lots(self) -> int:
        """Lots of one lot of the flow, or of the record."""
        ...


class Feed(Protocol):
    """Market events by kernel instrument, in ticks and lots of the listings."""

    def next_ns(self) -> int:
        """Returns the time of the next event; a time never reached when there is none."""
        ...

    def take(self, until_ns: int) -> Events:
        """Returns the events up to that time."""
        ...


class GeneratedFeed:
    """Every listing's own seeded flow."""

    def __init__(self, listings: Sequence[Listing], seed: int) -> None:
        self._listings = listings
        self._flows = [OrderFlow(one.terms, seed=seed + one.seed) for one in listings]
        self._waiting = [self._more(place) for place in range(len(listings))]

    def _more(self, place: int) -> Events:
        """The flow's next events, on the listing's grid."""
        listing, events = self._listings[place], self._flows[place].take(_CHUNK)
        kinds = events["kind"]
        priced = (kinds == EventKind.TRADE) | (kinds == EventKind.LEVEL)
        events["price"][priced] *= listing.step
        events["quantity"][priced] *= listing.lots
        events["mark"][kinds == EventKind.MARK] *= listing.step
        return events

    def next_ns(self) -> int:
        """Returns the time of the next event."""
        return min(int(events["time_ns"][0]) for events in self._waiting)

    def take(self, until_ns: int) -> Events:
        """Returns the events up to that time, of all listings."""
        parts: list[Events] = []
        for place, waiting in enumerate(self._waiting):
            events = waiting
            while int(events["time_ns"][-1]) <= until_ns:
                events = join_events([events, self._more(place)])
            cut = int(np.searchsorted(events["time_ns"], until_ns, "right"))
            parts.append(take_events(events, np.arange(cut)))
            self._waiting[place] = take_events(events, np.arange(cut, len(events)))
        return merge_events(parts)


class RecordedFeed:
    """Recorded events, moved in time so that the first one comes at `start_ns`, for one listing."""

    def __init__(self, events: Events, start_ns: int, listing: Listing) -> None:
        self._events = take_events(events, np.arange(len(events)))
        self._events["instrument"] = listing.index
        kinds = self._events["kind"]
        sized = (kinds == EventKind.TRADE) | (kinds == EventKind.LEVEL)
        self._events["quantity"][sized] *= listing.lots
        quoted = kinds == EventKind.QUOTE
        self._events["bid_quantity"][quoted] *= listing.lots
        self._events["ask_quantity"][quoted] *= listing.lots
        if len(events):
            shift = start_ns - int(events["time_ns"][0])
            self._events["time_ns"] += shift
        self._done = 0

    def next_ns(self) -> int:
        """Returns the time of the next event; 2**62 after the last."""
        return int(self._events["time_ns"][self._done]) if self._done < len(self._events) else 2**62

    def take(self, until_ns: int) -> Events:
        """Returns the events up to that time."""
        first = self._done
        self._done = max(first, int(np.searchsorted(self._events["time_ns"], until_ns, "right")))
        return take_events(self._events, np.arange(first, self._done))
