"""A market of its own: a seeded model of order flow for the demo, the twins and tests. It shows no real market.

A queue-reactive book in the manner of Huang, Lehalle and Rosenbaum (2015), with trades that excite one another
(Hawkes, 1971) and two regimes of activity:

- Trades and changes of the book arrive at random, each trade raising the rate of the next ones for a while.
- A trade takes from the best queue. An empty queue moves the price by a tick; others quote into a wide spread again.
- Signs of trades persist, and the side that trades leads the price: order-flow imbalance moves it.
- A calm and a turbulent regime alternate, so that volatility clusters; the turbulent one has the wider spread.

All randomness is numpy's PCG64 of the seed, drawn in blocks of fixed size: the stream is the same for any chunk size.
The loop uses no transcendental function (decays are 1 / (1 + x)), so every machine makes the same stream.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Final

import numpy as np

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.layout import Records, allocate
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentKind
from quarterdeck.market.events import Events, blank_events, join_events, take_events
from quarterdeck.market.flowstep import (
    DRAWS,
    EVENTS_PER_STEP_MAX,
    FLOW,
    FLOW_TERMS,
    LEVELS_MAX,
    Flow,
    FlowTerms,
    simulate_steps,
)
from quarterdeck.market.instruments import Instrument

__all__ = ["OrderFlow", "OrderFlowTerms", "xrp_perpetual"]

_BLOCK_STEPS: Final = 1024
_HOUR_NS: Final = 3_600_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFlowTerms:
    """The model's parameters. Rates are per second of the calm regime; the defaults look like a liquid perpetual."""

    start_ns: int = 1_704_067_200_000_000_000  # 2024-01-01T00:00:00Z
    price_ticks: int = 12_000  # the first bid
    quote_rate: float = 8.0  # changes of the book
    trade_rate: float = 0.6  # trades that nothing excited
    excitation: float = 1.0  # what one trade adds to the rate of trades
    excitation_decay: float = 2.0  # how fast that fades; above `excitation`, or trades would run away
    calm_seconds: float = 300.0  # mean length of the calm regime
    turbulent_seconds: float = 90.0  # mean length of the turbulent regime
    turbulence: float = 3.5  # how many times more happens in it
    depletion: float = 0.08  # chance that a change of the book takes a best price away
    narrowing: float = 0.75  # chance that a change of the book is a quote into a wide spread
    spread_max: int = 8  # ticks
    queue_lots: float = 6_000.0  # mean quantity at a best price
    trade_lots: float = 900.0  # mean quantity of a trade
    flow_weight: float = 0.12  # how much one trade's sign tells of the next
    flow_seconds: float = 3.0  # how long that lasts
    reversion: float = 0.3  # pull towards the first price: a chance of 0.3 more at twice the price
    mark_seconds: float = 1.0
    funding_rate_ppb: int = 12_500  # of notional for an hour: 0.01% for eight
    levels: int = 1  # 1: quotes; more: book levels a side instead
    floor: int = 1_000  # ticks: the price stays within
    ceiling: int = 99_000  # at most 99,999 where prices have five significant figures
    instrument: int = 0

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name not in {"funding_rate_ppb", "instrument", "reversion", "excitation"} and not value > 0:
                raise ConfigError("order flow", one.name, value, "more than 0")
        self._require("levels", self.levels <= LEVELS_MAX, f"1 to {LEVELS_MAX}")
        self._require("floor", self.floor + self.levels < self.price_ticks, "below the first price less the levels")
        self._require("ceiling", self.price_ticks + 1 < self.ceiling, "above the first price")
        self._require("spread_max", self.spread_max >= 2, "2 ticks or more")
        self._require("excitation", 0 <= self.excitation < self.excitation_decay, "from 0 to below excitation_decay")
        self._require("narrowing", self.narrowing <= 1, "a chance, at most 1")
        self._require("depletion", self.depletion <= 1, "a chance, at most 1")
        self._require("flow_weight", self.flow_weight <= 1, "at most 1")

    def _require(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise ConfigError("order flow", name, getattr(self, name), allowed)


class OrderFlow:
    """A stream of market events without end. Equal terms and seed give the equal stream, in any chunks.

    With `levels` 1 the book is told by QUOTE events, else by a BOOK_CLEAR and LEVEL events; TRADE, MARK (each
    `mark_seconds`) and FUNDING events (SETTLE, on the hour) come with either. Raises ConfigError for a negative seed.
    """

    def __init__(self, terms: OrderFlowTerms | None = None, *, seed: int = 1) -> None:
        if seed < 0:
            raise ConfigError("order flow", "seed", seed, "0 or more")
        self.terms = terms or OrderFlowTerms()
        self.seed = seed
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._flows: Records[Flow] = allocate(FLOW)
        self._compiled_terms: Records[FlowTerms] = allocate(FLOW_TERMS)
        for name in FlowTerms.__annotations__:
            source = "price_ticks" if name == "anchor" else name
            self._compiled_terms[0][name] = getattr(self.terms, source)
        self._rest = self._begin()

    def take(self, count: int) -> Events:
        """Returns the next `count` events, shape (count,) of EVENT."""
        parts, held = [self._rest], len(self._rest)
        while held < count:
            parts.append(self._block())
            held += len(parts[-1])
        events = join_events(parts)
        self._rest = take_events(events, np.arange(count, len(events)))
        return take_events(events, np.arange(count))

    def chunks(self, size: int) -> Iterator[Events]:
        """Yields the stream in chunks of `size` events, for ever."""
        while True:
            yield self.take(size)

    def _block(self) -> Events:
        out: Events = allocate(EVENT, _BLOCK_STEPS * EVENTS_PER_STEP_MAX)
        uniforms = self._random.random((_BLOCK_STEPS, DRAWS))
        exponentials = self._random.standard_exponential((_BLOCK_STEPS, 3))
        count = simulate_steps(self._flows, self._compiled_terms, uniforms, exponentials, out)
        return take_events(out, np.arange(count))

    def _begin(self) -> Events:
        """Sets the model to its start and returns the events that tell of it."""
        terms, flow = self.terms, self._flows[0]
        flow["time_ns"] = terms.start_ns
        flow["mark_ns"] = terms.start_ns + int(terms.mark_seconds * 1e9)
        flow["funding_ns"] = (terms.start_ns // _HOUR_NS + 1) * _HOUR_NS
        flow["bid"], flow["ask"] = terms.price_ticks, terms.price_ticks + 1
        flow["mark"] = terms.price_ticks + 0.5
        draws = self._random.standard_exponential((2, LEVELS_MAX))
        for place in range(terms.levels):
            flow["bids"][place] = 1 + int(terms.queue_lots * (1 + place) * draws[0, place])
            flow["asks"][place] = 1 + int(terms.queue_lots * (1 + place) * draws[1, place])
        return self._first_quote() if terms.levels == 1 else self._first_book()

    def _first_quote(self) -> Events:
        flow, quote = self._flows[0], blank_events(1, EventKind.QUOTE, self.terms.instrument)
        quote["time_ns"] = quote["venue_time_ns"] = flow["time_ns"]
        quote["bid"], quote["ask"] = flow["bid"], flow["ask"]
        quote["bid_quantity"], quote["ask_quantity"] = flow["bids"][0], flow["asks"][0]
        return quote

    def _first_book(self) -> Events:
        flow, levels = self._flows[0], self.terms.levels
        clear = blank_events(1, EventKind.BOOK_CLEAR, self.terms.instrument)
        book = blank_events(2 * levels, EventKind.LEVEL, self.terms.instrument)
        clear["time_ns"] = clear["venue_time_ns"] = flow["time_ns"]
        book["time_ns"] = book["venue_time_ns"] = flow["time_ns"]
        behind = np.arange(levels)
        book["price"] = np.concatenate((flow["bid"] - behind, flow["ask"] + behind))
        book["quantity"] = np.concatenate((flow["bids"][:levels], flow["asks"][:levels]))
        book["flags"][levels:] = int(Flag.SELL)
        book["flags"][-1] |= int(Flag.LAST)
        return join_events([clear, book])


def xrp_perpetual(venue: str = "simulated") -> Instrument:
    """Returns the instrument that the default terms are made for: an XRP perpetual under Hyperliquid's price rule.

    Fees are 1.5 bps maker and 4.5 bps taker, the venue's base tier; a tick is 0.0001 USDC, a lot 1 XRP.
    """
    return Instrument(
        symbol="XRP", venue=venue, kind=InstrumentKind.PERPETUAL, base="XRP", quote="USDC",
        tick=Decimal("0.0001"), lot=Decimal(1), maker_fee_bps=Decimal("1.5"), taker_fee_bps=Decimal("4.5"),
        min_notional=Decimal(10), significant_figures=5, initial_margin=Decimal("0.05"),
        maintenance_margin=Decimal("0.025"), short_allowed=True,
    )  # fmt: skip
