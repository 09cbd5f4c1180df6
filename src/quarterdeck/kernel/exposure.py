"""What is at stake: exposure with every working order counted at once, portfolio heat, margin.

The exposure of a position is the larger of what it becomes when all its working buys fill and when all its working
sells fill, at the mark. Gross figures sum these over instruments. All results are in desk money unless said.

A cycle's working order counts in every exposure with what it borrows. It has no heat and takes no margin: the loan is
given back in the transaction that took it, and all that an attempt can lose is its gas.
"""

from quarterdeck.kernel.arithmetic import capped_sum, mul_div_floor, notional_fits, ppb_of, ppm_of
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.records import INSTRUMENTS, MONEY_MAX, NO_LIMIT, QUANTITY_MAX, Instrument, Position, State
from quarterdeck.kernel.vocabulary import InstrumentKind, InstrumentLimit, InstrumentTerm

__all__ = [
    "desk_exposure",
    "heat",
    "initial_margin",
    "lots_for",
    "maintenance_margin",
    "notional_of",
    "strategy_exposure",
    "to_desk_money",
    "venue_exposure",
    "worst_lots",
]


@compiled
def worst_lots(position: Position) -> int:
    """The largest size that the position can reach by orders already working, in lots >= 0."""
    return max(
        abs(position["quantity"] + position["buy_lots"]),
        abs(position["quantity"] - position["sell_lots"]),
    )


@compiled
def to_desk_money(state: State, instrument: Instrument, amount: int) -> int:
    """Converts from the instrument's settlement currency."""
    rate = state["accounts"][instrument["terms"][InstrumentTerm.ACCOUNT]]["rate_ppb"]
    return amount if rate == 1_000_000_000 else ppb_of(amount, rate)


@compiled
def notional_of(state: State, instrument: Instrument, lots: int, half_ticks: int) -> int:
    """Desk money of `lots` >= 0 at a price in half ticks; MONEY_MAX when it is larger than the kernel admits."""
    value = instrument["terms"][InstrumentTerm.VALUE]
    if not notional_fits(half_ticks, lots, value):
        return MONEY_MAX
    return min(MONEY_MAX, to_desk_money(state, instrument, half_ticks * lots * value // 2))


@compiled
def lots_for(state: State, instrument: Instrument, money: int, half_ticks: int) -> int:
    """The most lots whose notional at this price stays within `money` >= 0."""
    if money >= NO_LIMIT // 2:
        return QUANTITY_MAX
    if not notional_fits(half_ticks, 1, instrument["terms"][InstrumentTerm.VALUE]):
        return 0
    worth = half_ticks * instrument["terms"][InstrumentTerm.VALUE]
    rate = state["accounts"][instrument["terms"][InstrumentTerm.ACCOUNT]]["rate_ppb"]
    own = money
    if rate != 1_000_000_000:
        if rate <= 0:
            return 0
        own = mul_div_floor(money, 1_000_000_000, rate)
    return min(own, MONEY_MAX) * 2 // worth if worth > 0 else 0


@compiled
def venue_exposure(state: State, venue: int) -> int:
    """Gross exposure of one venue."""
    total = 0
    for index in range(state["instruments_count"]):
        instrument = state["instruments"][index]
        if instrument["terms"][InstrumentTerm.VENUE] == venue:
            lots = worst_lots(instrument["net"])
            total = capped_sum(total, notional_of(state, instrument, lots, instrument["mark_half_ticks"]))
    return total


@compiled
def desk_exposure(state: State) -> int:
    """Gross exposure of the desk."""
    total = 0
    for index in range(state["instruments_count"]):
        instrument = state["instruments"][index]
        lots = worst_lots(instrument["net"])
        if lots:
            total = capped_sum(total, notional_of(state, instrument, lots, instrument["mark_half_ticks"]))
    return total


@compiled
def strategy_exposure(state: State, strategy: int, side: int) -> int:
    """Exposure of one strategy: gross (side 0), or only its long (1) or short (-1) reach."""
    total = 0
    for index in range(state["instruments_count"]):
        own = state["positions"][strategy * INSTRUMENTS + index]
        lots = worst_lots(own)
        if side > 0:
            lots = max(0, own["quantity"] + own["buy_lots"])
        elif side < 0:
            lots = max(0, own["sell_lots"] - own["quantity"])
        if lots:
            instrument = state["instruments"][index]
            total = capped_sum(total, notional_of(state, instrument, lots, instrument["mark_half_ticks"]))
    return total


@compiled
def _position_heat(state: State, instrument: Instrument, position: Position) -> int:
    lots = worst_lots(position)
    if lots == 0 or instrument["terms"][InstrumentTerm.KIND] == InstrumentKind.CYCLE:
        return 0
    mark = instrument["mark_half_ticks"]
    stop_ppm = instrument["limits"][InstrumentLimit.DEFAULT_STOP_PPM]
    covered = min(position["stop_lots"], lots)
    loss = 0
    if covered > 0:
        average = 2 * position["stop_cost"] // position["stop_lots"]
        distance = mark - average if position["quantity"] >= 0 else average - mark
        loss = notional_of(state, instrument, covered, max(0, distance))
    return capped_sum(loss, ppm_of(notional_of(state, instrument, lots - covered, mark), stop_ppm))


@compiled
def heat(state: State) -> int:
    """Loss if every stop is hit, of positions and working entries; without a stop the instrument's stated distance."""
    total = 0
    for strategy in range(state["strategies_count"]):
        for index in range(state["instruments_count"]):
            position = state["positions"][strategy * INSTRUMENTS + index]
            total = capped_sum(total, _position_heat(state, state["instruments"][index], position))
    return total


@compiled
def _margin(state: State, account: int, term: int, working: bool) -> int:
    total = 0
    for index in range(state["instruments_count"]):
        instrument = state["instruments"][index]
        terms = instrument["terms"]
        if terms[InstrumentTerm.ACCOUNT] != account or terms[InstrumentTerm.KIND] == InstrumentKind.CYCLE:
            continue
        lots = worst_lots(instrument["net"]) if working else abs(instrument["net"]["quantity"])
        value = terms[InstrumentTerm.VALUE]
        if not notional_fits(instrument["mark_half_ticks"], lots, value):
            return MONEY_MAX
        worth = lots * instrument["mark_half_ticks"] * value // 2
        total = capped_sum(total, ppm_of(worth, terms[term]))
    return total


@compiled
def initial_margin(state: State, account: int) -> int:
    """Initial margin of a purse for positions and working orders, in its own currency."""
    return _margin(state, account, InstrumentTerm.INITIAL_MARGIN_PPM, True)


@compiled
def maintenance_margin(state: State, account: int) -> int:
    """Maintenance margin of a purse for its positions, in its own currency."""
    return _margin(state, account, InstrumentTerm.MAINTENANCE_MARGIN_PPM, False)
