"""What holds entries back: a sentence for each thing, and whether the desk as a whole may enter."""

from collections.abc import Iterator
from typing import Final

from quarterdeck.desk.status import standing
from quarterdeck.kernel.vocabulary import DeskLimit
from quarterdeck.ops.reading.statement import Statement

__all__ = ["desk_holds", "part_holds"]

_PPM: Final = 1_000_000


def desk_holds(of: Statement, alive: bool) -> list[str]:
    """What holds the whole desk back. The first words are those of `quarterdeck status`."""
    words, name = of.words, of.names.desk
    found: list[str] = []
    if not alive:
        return [f"the desk is not running: `quarterdeck run {name}` starts it"]
    if words.get("failure"):
        found.append(f"trading has stopped: {words['failure']}")
    if words.get("stopping"):
        found.append("the desk winds down")
    waiting = words.get("venues_waiting") or ()
    if not words.get("recovered", True):
        found.append(f"it is recovering: {', '.join(map(str, waiting)) or 'its venues'} has not answered all yet")
    whole = of.state["paused"] or of.state["breaker"]["locked"] or not of.state["breaker"]["multiplier_ppm"]
    if whole:
        found += standing(of.states, of.names)
    return found + list(_capital(of))


def _capital(of: Statement) -> Iterator[str]:
    """The thresholds of `_capital_gate` and `_standing_gate` that concern every entry."""
    limits, peak = of.limits, of.whole("equity_peak")
    if of.whole("equity_day") - of.equity >= limits[DeskLimit.MAX_DAILY_LOSS]:
        yield "the daily loss limit is reached: entries go on with the next trading day"
    fall = peak - of.equity
    if fall > 0 and fall >= max(0, peak) * limits[DeskLimit.MAX_DRAWDOWN_PPM] // _PPM:
        yield "the drawdown limit is reached: a person must raise it"
    if of.equity <= limits[DeskLimit.EQUITY_FLOOR]:
        yield "equity is at its floor: a person must lower it"
    if of.whole("unacknowledged") >= limits[DeskLimit.MAX_UNACKNOWLEDGED]:
        yield "too many warnings stand unacknowledged: `quarterdeck acknowledge` clears them"
    if not of.whole("session"):
        yield "no session is open"


def part_holds(of: Statement) -> list[str]:
    """What holds back a strategy, an instrument or a venue while the others go on."""
    state, names = of.state, of.names
    found: list[str] = []
    if not (state["paused"] or state["breaker"]["locked"]) and state["breaker"]["multiplier_ppm"]:
        found += standing(of.states, names)
    pairs = [pair for pair, held in of.positions.items() if held.paused]
    found += [
        f"entries are paused for {names.strategies.label(strategy)} in {names.instruments.label(row)}"
        for strategy, row in pairs
    ]
    for market in of.markets:
        if market.unreconciled:
            found.append(f"{market.name} differs from its venue: no entries there until it agrees or is adopted")
    for row in range(of.whole("venues_count")):
        venue, name = state["venues"][row], names.venues.label(row)
        if not venue["connected"]:
            found.append(f"{name} is not connected")
        if venue["error_open"] & 1:
            found.append(f"{name} answers with too many errors: its breaker is open")
    for row in range(of.whole("strategies_count")):
        if state["strategies"][row]["throttled"]:
            found.append(f"{names.strategies.label(row)} asked too often: `quarterdeck throttle-reset` lets it go on")
    if state["flattening"]:
        found.append("positions are being closed")
    return found
