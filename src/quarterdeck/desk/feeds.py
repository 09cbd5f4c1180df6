"""Where a paper desk's market comes from: generated order flow, or recorded data. Both give what is due by a time."""

from decimal import Decimal
from typing import Final, Protocol

import numpy as np

from quarterdeck.config import DeskConfig
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import State
from quarterdeck.kernel.vocabulary import EventKind, InstrumentKind
from quarterdeck.market import (
    Events,
    Instrument,
    OrderFlow,
    OrderFlowTerms,
    blank_events,
    merge_events,
    take_events,
)
from quarterdeck.runtime.opening import market_instruments

__all__ = ["Feed", "GeneratedFeed", "RecordedFeed"]

_FOLLOW_NS: Final = 20_000_000  # how late a second listing of the same coin follows the first
_CHUNK: Final = 1024
_STEP: Final = Decimal("0.0001")  # prices begin near 1.2 where the tick is finer, else at 12,000 ticks
_FIRST: Final = 12_000
_ANNOUNCED_NS: Final = 30_000_000_000  # once the market is under way
_FUNDING_PPB: Final = 120_000  # of notional for an hour: longs crowd, as in a rising market


class Feed(Protocol):
    """A source of market events in order of time."""

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        ...

    def take(self, until_ns: int, most: int) -> Events:
        """Returns the next events, at most `most`, whose time is not after `until_ns`."""
        ...


class RecordedFeed:
    """Recorded events, at their own times."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._times = events["time_ns"].copy()
        self._next = 0

    @property
    def ended(self) -> bool:
        return self._next >= len(self._times)

    def take(self, until_ns: int, most: int) -> Events:
        stop = int(np.searchsorted(self._times, until_ns, "right"))
        first, self._next = self._next, max(self._next, min(stop, self._next + most))
        return self._events[first : self._next]


class GeneratedFeed:
    """A market of the desk's own: the same seed and start make the same one. It shows no real market.

    Each coin has one order flow, at its first instrument; other instruments of the coin follow that one's quotes with a
    wider spread. A desk that continues goes on at the prices it knew (`states`).
    """

    def __init__(self, config: DeskConfig, seed: int, start_ns: int, states: Records[State] | None = None) -> None:
        self._coins = [
            _Coin(indices, market_instruments(config), seed + number, start_ns, states)
            for number, indices in enumerate(_by_coin(config))
        ]
        self._held = blank_events(0, EventKind.QUOTE)

    @property
    def ended(self) -> bool:
        return False

    def take(self, until_ns: int, most: int) -> Events:
        fresh = [events for coin in self._coins for events in coin.until(until_ns)]
        if fresh:
            self._held = merge_events([self._held, *fresh])
        due = int(np.searchsorted(self._held["time_ns"], until_ns, "right"))
        count = min(due, most)
        taken, self._held = self._held[:count], self._held[count:]
        return taken


def _by_coin(config: DeskConfig) -> list[list[int]]:
    coins: dict[str, list[int]] = {}
    for index, instrument in enumerate(config.instruments):
        coins.setdefault(instrument.base, []).append(index)
    return list(coins.values())


class _Coin:
    def __init__(
        self,
        indices: list[int],
        instruments: tuple[Instrument, ...],
        seed: int,
        start_ns: int,
        states: Records[State] | None,
    ) -> None:
        self._lead = indices[0]
        self._instruments = instruments
        self._followers = indices[1:]
        lead = instruments[self._lead]
        self._step = max(1, int(_STEP / lead.tick))
        self._lots = max(1, int(1 / lead.lot))
        known = 0 if states is None else int(states[0]["instruments"][self._lead]["mark_half_ticks"]) // 2
        first = known // self._step
        terms = OrderFlowTerms(
            start_ns=start_ns,
            price_ticks=first if 2_000 < first < 90_000 else _FIRST,
            instrument=self._lead,
            funding_rate_ppb=_FUNDING_PPB if lead.kind == InstrumentKind.PERPETUAL else 0,
        )
        self._announced = terms.funding_rate_ppb == 0
        self._flow = OrderFlow(terms, seed=seed)
        self._time_ns = start_ns

    def until(self, time_ns: int) -> list[Events]:
        """What the coin's instruments say up to a time, and somewhat beyond it."""
        parts: list[Events] = []
        if not self._announced:
            self._announced = True
            parts.append(self._announcement())
        while self._time_ns <= time_ns:
            events = self._flow.take(_CHUNK)
            self._time_ns = int(events["time_ns"][-1])
            self._scale(events)
            parts.append(events)
            parts.extend(self._follow(events, index) for index in self._followers)
        return parts

    def _announcement(self) -> Events:
        """The funding rate that the running hour is heading for: a venue says it all the time, not only on the hour."""
        funding = blank_events(1, EventKind.FUNDING, self._lead)
        funding["time_ns"] = funding["venue_time_ns"] = self._time_ns + _ANNOUNCED_NS
        funding["rate"] = _FUNDING_PPB
        return funding

    def _scale(self, events: Events) -> None:
        """From the flow's own steps to the instrument's ticks and lots."""
        quotes, trades = events["kind"] == EventKind.QUOTE, events["kind"] == EventKind.TRADE
        priced = quotes | trades | (events["kind"] == EventKind.MARK)
        events["price"][priced] *= self._step
        events["ask"][quotes] *= self._step
        events["quantity"][trades] *= self._lots
        for side in ("bid_quantity", "ask_quantity"):
            events[side][quotes] *= self._lots

    def _follow(self, events: Events, index: int) -> Events:
        lead, own = self._instruments[self._lead], self._instruments[index]
        quotes = take_events(events, events["kind"] == EventKind.QUOTE)
        ratio = lead.tick / own.tick
        step = max(1, int(_STEP / own.tick))
        quotes["instrument"] = index
        quotes["time_ns"] += _FOLLOW_NS
        quotes["bid"] = np.floor(quotes["bid"] * float(ratio) / step).astype(np.int64) * step - step
        quotes["ask"] = np.ceil(quotes["ask"] * float(ratio) / step).astype(np.int64) * step + step
        lots = max(1, int(1 / own.lot))
        for side in ("bid_quantity", "ask_quantity"):
            quotes[side] = quotes[side] // self._lots * lots // 2 + 1
        return quotes
