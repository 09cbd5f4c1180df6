"""Prices and sizes that the venue's rules allow, for compiled strategies."""

from quarterdeck.kernel.breaker import breaker_open
from quarterdeck.kernel.commands import paused
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.exposure import lots_for
from quarterdeck.kernel.records import Instrument, State
from quarterdeck.kernel.vocabulary import InstrumentLimit, InstrumentTerm, StrategyLimit

__all__ = ["entries_open", "least_lots", "price_above", "price_below", "price_step"]


@compiled
def price_step(instrument: Instrument, ticks: int) -> int:
    """The step, in ticks, that a price of about `ticks` must be a multiple of.

    A price has at most so many significant figures, whole numbers apart (Hyperliquid's documentation, "Tick and lot
    size"). Where that rule holds a tick is a power of ten, as `market.instruments` sees to.
    """
    figures = instrument["terms"][InstrumentTerm.SIGNIFICANT_FIGURES]
    coarsest = -instrument["terms"][InstrumentTerm.PRICE_EXPONENT]
    step = 1
    if figures <= 0:
        return step
    digits = 0
    rest = abs(ticks)
    while rest > 0:
        rest //= 10
        digits += 1
    for _ in range(min(digits - figures, coarsest)):
        step *= 10
    return step


@compiled
def price_below(instrument: Instrument, ticks: int) -> int:
    """The highest allowed price that is not above `ticks` > 0."""
    return ticks - ticks % price_step(instrument, ticks)


@compiled
def price_above(instrument: Instrument, ticks: int) -> int:
    """The lowest allowed price that is not below `ticks` > 0."""
    step = price_step(instrument, ticks)
    return (ticks + step - 1) // step * step


@compiled
def least_lots(state: State, instrument: Instrument, half_ticks: int) -> int:
    """The fewest lots of an order that the desk and the venue take at this price."""
    least = max(instrument["limits"][InstrumentLimit.MIN_NOTIONAL], instrument["terms"][InstrumentTerm.MIN_NOTIONAL])
    return max(instrument["terms"][InstrumentTerm.MIN_LOTS], 1 + lots_for(state, instrument, least, half_ticks))


@compiled
def entries_open(state: State, strategy: int, instrument: int) -> bool:
    """Whether asking for an entry makes sense at all: nothing is paused, killed or throttled."""
    standing = state["strategies"][strategy]
    if standing["throttled"] or not standing["limits"][StrategyLimit.ENABLED]:
        return False
    if breaker_open(state) or state["breaker"]["locked"]:
        return False
    return bool(state["session"]) and not paused(state, strategy, instrument)
