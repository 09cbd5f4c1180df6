"""Funding arbitrage, hedged: short the perpetual and hold as much spot while funding pays more than it all costs.

    expected = average funding rate * funding intervals in `horizon_hours`
    cost     = taker fees of four legs (in and out, perpetual and spot) + `slippage_bps` of each
    opens    when expected - cost >= `edge_bps`, and the rate is at least the desk's `funding_rate_threshold`
    unwinds  when expected - (fees and slippage of the two closing legs) < `exit_edge_bps`

What opening cost is spent by then, so it does not count in whether to stay. Both legs are asked for at once; where one
is still missing after `leg_seconds`, both are closed again and nothing is opened for `pause_minutes`.

It needs prices of both instruments, no older than `fresh_seconds`; where only one is shown it does nothing.
"""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import InstrumentKind, Reason
from quarterdeck.market.instruments import Instrument
from quarterdeck.strategies.contract import Parameters, Place, PythonStrategy
from quarterdeck.strategies.views import Bar, DeskView, Funding, Quote

__all__ = ["STRATEGY", "FundingArbitrage", "FundingArbitrageParameters", "FundingMemory"]

_SECOND_NS = 1_000_000_000
_NEVER = -(2**62)
Positive = Annotated[float, Meta(gt=0, le=1e6)]


class FundingArbitrageParameters(Parameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What it can be told."""

    notional: Positive = 350.0
    """Of each leg, in the quote currency."""
    horizon_hours: Positive = 168.0
    """How long a position is meant to be held: what it costs is spread over so much funding."""
    interval_hours: Positive = 1.0
    """Time between two payments of funding: an hour at Hyperliquid."""
    rates: Annotated[int, Meta(ge=1, le=10_000)] = 8
    """The expected rate is the mean of so many of the latest."""
    edge_bps: Annotated[float, Meta(ge=5, le=10_000)] = 5.0
    exit_edge_bps: Annotated[float, Meta(ge=-10_000, le=10_000)] = 0.0
    slippage_bps: Annotated[float, Meta(ge=0, le=1_000)] = 2.0
    """Expected for each leg."""
    leg_seconds: Positive = 10.0
    retry_seconds: Positive = 1.0
    pause_minutes: Positive = 60.0
    fresh_seconds: Positive = 10.0


class FundingMemory(msgspec.Struct):
    """All that it remembers."""

    seen_ns: list[int]  # newest price of perpetual and spot
    asked_ns: list[int]
    rates: list[int] = []  # ppb, the latest last
    target: int = 0  # lots of the perpetual to be short
    uneven_ns: int = 0  # since when the legs are not equal; 0: they are
    resume_ns: int = _NEVER


class FundingArbitrage(PythonStrategy):
    """Short perpetual against long spot."""

    kind: ClassVar[str] = "funding_arbitrage"
    parameters_type: ClassVar[type[Parameters]] = FundingArbitrageParameters
    memory: FundingMemory
    parameters: FundingArbitrageParameters

    def __init__(self, parameters: Any, place: Place) -> None:
        super().__init__(parameters, place)
        self.memory = FundingMemory(seen_ns=[_NEVER, _NEVER], asked_ns=[_NEVER, _NEVER])
        perpetual, spot = self._pair(place)
        self.legs = (place.instruments[perpetual], place.instruments[spot])
        terms = (place.specifications[perpetual], place.specifications[spot])
        self._hedge = self._spot_lots(place, *terms)
        self._lot_ticks = self.parameters.notional / float(terms[0].tick * terms[0].lot * terms[0].multiplier)
        self._leg_bps = sum(float(one.taker_fee_bps) + self.parameters.slippage_bps for one in terms)
        trading = place.config.trading_parameters
        self._rate_min_ppb = int(trading.funding_rate_threshold * 1_000_000_000) if trading else 0

    def _pair(self, place: Place) -> tuple[int, int]:
        kinds = [one.kind for one in place.specifications]
        bases = {(one.base, one.quote) for one in place.specifications}
        if sorted(kinds) != [InstrumentKind.SPOT, InstrumentKind.PERPETUAL] or len(bases) != 1:
            key, found = f"strategies[{place.name}].instruments", [one.symbol for one in place.specifications]
            raise ConfigError(place.config.file, key, found, "a perpetual and a spot pair of the same currencies")
        return kinds.index(InstrumentKind.PERPETUAL), kinds.index(InstrumentKind.SPOT)

    def _spot_lots(self, place: Place, perpetual: Instrument, spot: Instrument) -> int:
        """Spot lots that hedge one lot of the perpetual."""
        lots = perpetual.lot * perpetual.multiplier / spot.lot
        if lots != int(lots):
            key = f"strategies[{place.name}].instruments"
            allowed = f"a perpetual whose lot is a whole number of lots of {spot.symbol} ({spot.lot})"
            raise ConfigError(place.config.file, key, str(perpetual.lot), allowed)
        return int(lots)

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        """Sees a price."""
        if quote.bid > 0 and quote.ask > 0:
            self._price(desk, quote.instrument, quote.time_ns)

    def on_bar(self, desk: DeskView, bar: Bar) -> None:
        """Sees a price."""
        self._price(desk, bar.instrument, bar.time_ns)

    def on_funding(self, desk: DeskView, funding: Funding) -> None:
        """Sees a rate of the perpetual."""
        if funding.instrument == self.legs[0]:
            rates = [*self.memory.rates, funding.rate_ppb]
            self.memory.rates = rates[-self.parameters.rates :]
            self._choose(desk, funding.time_ns)

    def _price(self, desk: DeskView, instrument: int, time_ns: int) -> None:
        if instrument in self.legs:
            self.memory.seen_ns[self.legs.index(instrument)] = time_ns
            self._choose(desk, time_ns)
            self._watch_legs(desk, time_ns)
            self._trade(desk, time_ns)

    @property
    def expected_bps(self) -> float:
        """Funding that a short earns over the horizon."""
        rates = self.memory.rates
        if not rates:
            return 0.0
        return sum(rates) / len(rates) / 100_000 * self.parameters.horizon_hours / self.parameters.interval_hours

    def _choose(self, desk: DeskView, time_ns: int) -> None:
        """Opens when it pays, unwinds when it does not pay to stay."""
        memory, told = self.memory, self.parameters
        if memory.target > 0:
            if self.expected_bps - self._leg_bps < told.exit_edge_bps:
                memory.target = 0
            return
        price = desk.mark_half_ticks(self.legs[0])
        fresh = all(time_ns - seen <= told.fresh_seconds * _SECOND_NS for seen in memory.seen_ns)
        flat = not any(desk.position(leg) for leg in self.legs)
        if not (fresh and flat and price > 0 and time_ns >= memory.resume_ns and desk.multiplier_ppm > 0):
            return
        rich = len(memory.rates) > 0 and sum(memory.rates) >= self._rate_min_ppb * len(memory.rates)
        if rich and self.expected_bps - 2 * self._leg_bps >= told.edge_bps:
            memory.target = int(self._lot_ticks * 2 / price)

    def _watch_legs(self, desk: DeskView, time_ns: int) -> None:
        """Gives up a position of which one leg has been missing for too long."""
        memory, told = self.memory, self.parameters
        perpetual, spot = (desk.position(leg) for leg in self.legs)
        if -perpetual * self._hedge == spot:
            memory.uneven_ns = 0
        elif memory.uneven_ns == 0:
            memory.uneven_ns = time_ns
        elif memory.target > 0 and time_ns - memory.uneven_ns >= told.leg_seconds * _SECOND_NS:
            memory.target = 0
            memory.resume_ns = time_ns + int(told.pause_minutes * 60 * _SECOND_NS)

    def _trade(self, desk: DeskView, time_ns: int) -> None:
        """Asks for what is missing of each leg, or is too much of it."""
        memory = self.memory
        wanted = (-memory.target, memory.target * self._hedge)
        for place, leg in enumerate(self.legs):
            gap = wanted[place] - desk.position(leg)
            waits = time_ns - memory.asked_ns[place] < self.parameters.retry_seconds * _SECOND_NS
            if gap == 0 or waits or any(desk.open_orders(leg)):
                continue
            memory.asked_ns[place] = time_ns
            ask = desk.buy if gap > 0 else desk.sell
            ask(leg, abs(gap), reduce_only=memory.target == 0, reason=Reason.FUNDING_ARBITRAGE)


STRATEGY = FundingArbitrage
