"""Regime: follows a trend on a perpetual, and a spot pair beside it, while a hidden Markov filter sees calm.

The market is in one of three hidden states, told apart by how far prices move in a bar: calm, lively, turbulent. What
is seen is z, the bar's return over the root mean square of the last returns (`volatility_bars`); in a state z is normal
with mean 0 and that state's deviation. The filter is the forward recursion (Rabiner, 1989) alone:

    p(state now | bars so far)  ~  normal(z; 0, deviation) * sum(p(state before) * chance of the change)

A state once filtered is never looked at again, so nothing of the future is in it. The parameters stand in the
configuration, fitted on past bars; the desk's README says on which.

| the filter and the trend | perpetual | spot |
|---|---|---|
| turbulent with a chance of `turbulent_max` or more | flat | flat |
| else a trend upwards | long | long |
| else a trend downwards | short | flat |
| else | as before while the trend keeps its sign, then flat | the same |

The trend is the distance of a fast from a slow average of closes in true ranges: `enter` begins, below `leave` ends.
Bars are made of the perpetual's middle price.
"""

import math
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import InstrumentKind
from quarterdeck.strategies.contract import Parameters, Place, PythonStrategy
from quarterdeck.strategies.steering import Course, Manner, steer
from quarterdeck.strategies.views import Bar, DeskView, Quote

__all__ = ["STATES", "STRATEGY", "Regime", "RegimeMemory", "RegimeParameters", "filtered", "shrinking"]

STATES: Final = ("calm", "lively", "turbulent")

_SECOND_NS: Final = 1_000_000_000
_NEVER: Final = -(2**62)
_HALVINGS: Final = 20
_Z_MAX: Final = 12.0  # farther out a bar says no more than this
Positive = Annotated[float, Meta(gt=0, le=1e9)]
Chance = Annotated[float, Meta(gt=0, lt=1)]
Bars = Annotated[int, Meta(ge=2, le=10_000)]


class RegimeParameters(Parameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What regime can be told. `deviations` and `stay` are of the three states, in the order of `STATES`."""

    deviations: list[float]
    """Of z in each state, rising."""
    stay: list[float]
    """The chance that a state lasts for another bar; the other two share the rest."""
    notional: Positive = 400.0
    """Full size of the perpetual's leg, in the quote currency."""
    spot_notional: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    """Full size of the spot leg; 0: none."""
    bar_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 15
    fast_bars: Bars = 8
    slow_bars: Bars = 24
    range_bars: Bars = 14
    volatility_bars: Bars = 240
    turbulent_max: Chance = 0.5
    enter: Positive = 0.6
    leave: Annotated[float, Meta(ge=0, le=1e9)] = 0.1
    stop_bps: Annotated[float, Meta(ge=0, lt=5_000)] = 100.0
    """What the perpetual may lose of its price; 0: there is no stop."""
    stop_at_venue: bool = True
    """Whether that stop stands at the venue. Where the venue takes none it is kept by the desk while it runs."""
    patience_seconds: Positive = 20.0
    retry_seconds: Positive = 2.0


class RegimeMemory(msgspec.Struct):
    """All that regime remembers. Prices are in ticks of the perpetual."""

    chances: list[float]
    courses: list[Course]  # perpetual, spot
    bars: int = 0
    begin_ns: int = _NEVER  # of the bar in the making
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    ended: float = 0.0
    fast: float = 0.0
    slow: float = 0.0
    range: float = 0.0
    square: float = 0.0  # mean square of returns


def shrinking(x: float) -> float:
    """Returns exp(x) for x <= 0 as (1 + x / 2**20) ** 2**20, which every machine computes to the same bits.

    Libraries' exponentials differ in the last bit. The relative error is below x * x / 2**20.
    """
    power = max(0.0, 1.0 + x / 2**_HALVINGS)
    for _ in range(_HALVINGS):
        power *= power
    return power


def filtered(chances: list[float], z: float, deviations: list[float], stay: list[float]) -> list[float]:
    """Returns the chances of the states after one more bar: one step of the forward recursion. They sum to 1."""
    z = max(-_Z_MAX, min(_Z_MAX, z))
    others = len(chances) - 1
    left = sum(chance * (1 - lasts) for chance, lasts in zip(chances, stay, strict=True)) / others
    joint: list[float] = []
    for chance, lasts, deviation in zip(chances, stay, deviations, strict=True):
        before = chance * lasts + left - chance * (1 - lasts) / others
        joint.append(before * shrinking(-0.5 * (z / deviation) ** 2) / deviation)
    whole = sum(joint)
    if whole <= 0:
        return chances  # farther out than the numbers reach: it says nothing
    return [max(one / whole, 1e-9) for one in joint]


class Regime(PythonStrategy):
    """Filters, and steers a perpetual and a spot pair of the same base."""

    kind: ClassVar[str] = "regime"
    parameters_type: ClassVar[type[Parameters]] = RegimeParameters
    memory: RegimeMemory
    parameters: RegimeParameters

    def __init__(self, parameters: Any, place: Place) -> None:
        super().__init__(parameters, place)
        self._check(place)
        told = self.parameters
        spots = [one.kind is InstrumentKind.SPOT for one in place.specifications]
        legs = sorted(range(len(spots)), key=spots.__getitem__)  # the perpetual first
        self.legs = tuple(place.instruments[leg] for leg in legs)
        self._listings = tuple(place.specifications[leg] for leg in legs)
        self._width_ns = told.bar_seconds * _SECOND_NS
        patience, retry = int(told.patience_seconds * _SECOND_NS), int(told.retry_seconds * _SECOND_NS)
        self._manners = (
            Manner(stop=told.stop_bps / 10_000, stop_at_venue=told.stop_at_venue, patience_ns=patience, retry_ns=retry),
            Manner(stop=0.0, patience_ns=patience, retry_ns=retry),
        )
        self.memory = RegimeMemory(chances=[1 / len(STATES)] * len(STATES), courses=[Course() for _ in legs])

    def _check(self, place: Place) -> None:
        told, file, key = self.parameters, place.config.file, f"strategies[{place.name}]"
        kinds = sorted(one.kind for one in place.specifications)
        wanted = ([InstrumentKind.PERPETUAL], [InstrumentKind.SPOT, InstrumentKind.PERPETUAL])
        if kinds not in wanted:
            found = [one.symbol for one in place.specifications]
            raise ConfigError(file, f"{key}.instruments", found, "a perpetual, alone or with a spot pair")
        deviations, stay = told.deviations, told.stay
        rising = all(low < high for low, high in zip([0.0, *deviations], deviations, strict=False))
        if len(deviations) != len(STATES) or not rising:
            allowed = f"{len(STATES)} rising numbers above 0: of {', '.join(STATES)}"
            raise ConfigError(file, f"{key}.parameters.deviations", deviations, allowed)
        if len(stay) != len(STATES) or not all(0 < one < 1 for one in stay):
            raise ConfigError(file, f"{key}.parameters.stay", stay, f"{len(STATES)} chances between 0 and 1")
        if told.fast_bars >= told.slow_bars:
            allowed = f"below slow_bars ({told.slow_bars})"
            raise ConfigError(file, f"{key}.parameters.fast_bars", told.fast_bars, allowed)

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        """Sees a touch."""
        if quote.bid <= 0 or quote.ask <= 0 or quote.instrument not in self.legs:
            return
        if quote.instrument == self.legs[0]:
            middle = (quote.bid + quote.ask) / 2
            self._end_bar(desk, quote.time_ns)
            self._add(quote.time_ns, middle, middle, middle)
        self._steer(desk, self.legs.index(quote.instrument), quote.time_ns)

    def on_bar(self, desk: DeskView, bar: Bar) -> None:
        """Sees a bar of somebody else's making."""
        if bar.instrument not in self.legs:
            return
        if bar.instrument == self.legs[0]:
            self._end_bar(desk, bar.open_time_ns)
            self._add(bar.open_time_ns, bar.high, bar.low, bar.close)
            self._end_bar(desk, bar.time_ns)
        self._steer(desk, self.legs.index(bar.instrument), bar.time_ns)

    def _steer(self, desk: DeskView, leg: int, now_ns: int) -> None:
        course, manner = self.memory.courses[leg], self._manners[leg]
        steer(desk, self.legs[leg], self._listings[leg], course, manner, now_ns)

    def _add(self, time_ns: int, high: float, low: float, close: float) -> None:
        memory = self.memory
        if memory.begin_ns == _NEVER:
            memory.begin_ns = time_ns // self._width_ns * self._width_ns
            memory.high, memory.low = high, low
        memory.high, memory.low, memory.close = max(memory.high, high), min(memory.low, low), close

    def _end_bar(self, desk: DeskView, time_ns: int) -> None:
        memory = self.memory
        if memory.begin_ns == _NEVER or time_ns < memory.begin_ns + self._width_ns:
            return
        memory.begin_ns = _NEVER
        self._estimate()
        self._choose(desk)

    def _estimate(self) -> None:
        """Takes the bar that ended into every estimate. z is made with the volatility of the bars before it."""
        memory, told = self.memory, self.parameters
        before, close = memory.ended, memory.close
        memory.bars += 1
        memory.ended = close
        if memory.bars == 1:
            memory.fast = memory.slow = close
            return
        change = close / before - 1
        if memory.bars > told.slow_bars and memory.square > 0:
            z = change / math.sqrt(memory.square)
            memory.chances = filtered(memory.chances, z, told.deviations, told.stay)
        memory.square += (change * change - memory.square) / min(memory.bars - 1, told.volatility_bars)
        reach = max(memory.high, before) - min(memory.low, before)
        memory.range += (reach - memory.range) / min(memory.bars - 1, told.range_bars)
        memory.fast += (close - memory.fast) * 2 / (told.fast_bars + 1)
        memory.slow += (close - memory.slow) * 2 / (told.slow_bars + 1)

    @property
    def trend(self) -> float:
        """The averages' distance in true ranges; 0 before they are full."""
        memory = self.memory
        if memory.bars <= self.parameters.slow_bars or memory.range <= 0:
            return 0.0
        return (memory.fast - memory.slow) / memory.range

    def _choose(self, desk: DeskView) -> None:
        """Sets both targets by the table above."""
        memory, told = self.memory, self.parameters
        trend, turbulent = self.trend, memory.chances[-1] >= told.turbulent_max
        for leg, course in enumerate(memory.courses):
            if course.waits_for(trend):
                continue
            if turbulent:
                course.target = 0
            elif course.target:
                if (trend if course.target > 0 else -trend) < told.leave:
                    course.target = 0
            elif abs(trend) >= told.enter and desk.position(self.legs[leg]) == 0 and (leg == 0 or trend > 0):
                course.target = self._lots(leg) if trend > 0 else -self._lots(leg)

    def _lots(self, leg: int) -> int:
        """Full size of a leg, less the chance of turbulence. The legs share a base, so the perpetual's price serves."""
        listing, money = self._listings[leg], (self.parameters.notional, self.parameters.spot_notional)[leg]
        price = float(self._listings[0].tick) * self.memory.ended
        share = 1 - self.memory.chances[-1]
        return int(money * share / (price * float(listing.lot * listing.multiplier)))


STRATEGY = Regime
