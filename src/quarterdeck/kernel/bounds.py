"""What fits into the kernel: figures are looked at before an event may move them, so that no sum ever wraps.

Every event moves a figure by less than MONEY_MAX, and is refused when the figure already stands at MONEY_MAX or when
the equity it leads to would. MONEY_MAX is an eighth of what 64 bits hold.
"""

from quarterdeck.kernel.arithmetic import notional_fits
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.ledger import account_equity
from quarterdeck.kernel.records import INSTRUMENTS, MONEY_MAX, QUANTITY_MAX, Account, Instrument, Position, State
from quarterdeck.kernel.vocabulary import InstrumentTerm

__all__ = [
    "amount_fits",
    "capital_fits",
    "charge_fits",
    "equity_fits",
    "fill_fits",
    "funding_fits",
    "mark_fits",
    "rescaling_fits",
]

_MONEY_MAX_F = float(MONEY_MAX)


@compiled
def amount_fits(amount: int) -> bool:
    """Whether one event may move this much: less than half of MONEY_MAX either way."""
    return -(MONEY_MAX // 2) < amount < MONEY_MAX // 2


@compiled
def _stands(figure: int) -> bool:
    return -MONEY_MAX < figure < MONEY_MAX


@compiled
def _postings_stand(account: Account) -> bool:
    largest = 0
    for posting in account["postings"]:
        largest = max(largest, abs(posting))
    return largest < MONEY_MAX


@compiled
def _position_stands(position: Position) -> bool:
    return (
        amount_fits(position["cost"])
        and _stands(position["realised"])
        and _stands(position["fees"])
        and _stands(position["funding"])
    )


@compiled
def equity_fits(state: State, account: Account, change: float, rate_ppb: int) -> bool:
    """Whether the equity of a purse after `change` fits at that rate, and the desk's with it."""
    before = float(account_equity(account))
    after = before + change
    now = before * float(account["rate_ppb"]) * 1e-9
    then = after * float(rate_ppb) * 1e-9
    desk = float(state["equity"]) - now + then
    return abs(after) < _MONEY_MAX_F and abs(then) < _MONEY_MAX_F and abs(desk) < _MONEY_MAX_F


@compiled
def mark_fits(state: State, instrument: Instrument, half_ticks: int) -> bool:
    """Whether the net position can be valued at this mark."""
    net = instrument["net"]
    lots = net["quantity"]
    if lots == 0:
        return True
    value = instrument["terms"][InstrumentTerm.VALUE]
    if not notional_fits(half_ticks, lots, value):
        return False
    worth = float(half_ticks) * float(lots) * float(value) * 0.5
    change = worth - float(net["cost"]) - float(instrument["unrealised"])
    account = state["accounts"][instrument["terms"][InstrumentTerm.ACCOUNT]]
    return equity_fits(state, account, change, account["rate_ppb"])


@compiled
def _holds(position: Position, lots: int, half_ticks: int, value: int) -> bool:
    size = abs(position["quantity"]) + lots
    return size < QUANTITY_MAX and notional_fits(half_ticks, size, value) and _position_stands(position)


@compiled
def fill_fits(state: State, index: int, strategy: int, price: int, lots: int) -> bool:
    """Whether `lots` > 0 at `price`, on either side, fit into the net position, the strategy's and the purse."""
    instrument = state["instruments"][index]
    value = instrument["terms"][InstrumentTerm.VALUE]
    half_ticks = max(2 * price, instrument["mark_half_ticks"])
    account = state["accounts"][instrument["terms"][InstrumentTerm.ACCOUNT]]
    if not (_holds(instrument["net"], lots, half_ticks, value) and _postings_stand(account)):
        return False
    if strategy >= 0:
        own = state["positions"][strategy * INSTRUMENTS + index]
        if not (_holds(own, lots, half_ticks, value) and _stands(state["strategies"][strategy]["realised_day"])):
            return False
    # The position may gain or lose on the spot what lies between the fill's price and the mark.
    gap = float(abs(2 * price - instrument["mark_half_ticks"])) * float(lots) * float(value) * 0.5
    rate_ppb = account["rate_ppb"]
    return equity_fits(state, account, gap, rate_ppb) and equity_fits(state, account, -gap, rate_ppb)


@compiled
def capital_fits(state: State, account: Account, amount: int) -> bool:
    """Whether a posting of `amount` fits into a purse, and the marks that results are measured from can move along."""
    if not (_postings_stand(account) and _stands(state["equity_peak"]) and _stands(state["equity_day"])):
        return False
    return amount_fits(amount) and equity_fits(state, account, float(amount), account["rate_ppb"])


@compiled
def charge_fits(state: State, account: Account, strategy: int, amount: int) -> bool:
    """Whether a charge of `amount` fits into a purse and, where it is somebody's, into the strategy's day."""
    if not (amount_fits(amount) and _postings_stand(account)):
        return False
    if strategy >= 0 and not _stands(state["strategies"][strategy]["realised_day"]):
        return False
    return equity_fits(state, account, -float(amount), account["rate_ppb"])


@compiled
def funding_fits(state: State, index: int, amount: float) -> bool:
    """Whether a funding payment fits into the purse and each strategy's share of it into the strategy."""
    instrument = state["instruments"][index]
    account = state["accounts"][instrument["terms"][InstrumentTerm.ACCOUNT]]
    net = instrument["net"]
    if not (_postings_stand(account) and _stands(net["funding"])):
        return False
    for strategy in range(state["strategies_count"]):
        own = state["positions"][strategy * INSTRUMENTS + index]
        share = abs(amount) * abs(float(own["quantity"])) / max(1.0, abs(float(net["quantity"])))
        stands = _stands(own["funding"]) and _stands(state["strategies"][strategy]["realised_day"])
        if not stands or share >= _MONEY_MAX_F / 8.0:
            return False
    return equity_fits(state, account, amount, account["rate_ppb"])


@compiled
def rescaling_fits(state: State, index: int, lots_up: float, price_up: float, value: int) -> bool:
    """Whether every position in an instrument fits once lots, prices and the value of a tick are others.

    A price that would become nothing does not fit either: what is held would seem worthless.
    """
    instrument = state["instruments"][index]
    half_ticks = float(instrument["mark_half_ticks"]) * price_up
    if 0.0 < half_ticks < 1.0 or half_ticks >= 2.0 * QUANTITY_MAX:
        return False
    largest = abs(float(instrument["net"]["quantity"]))
    for strategy in range(state["strategies_count"]):
        largest = max(largest, abs(float(state["positions"][strategy * INSTRUMENTS + index]["quantity"])))
    largest *= lots_up
    if largest >= float(QUANTITY_MAX) or largest * half_ticks * float(value) >= _MONEY_MAX_F:
        return False
    change = abs(float(instrument["net"]["quantity"])) * lots_up * half_ticks * float(value)
    account = state["accounts"][instrument["terms"][InstrumentTerm.ACCOUNT]]
    rate_ppb = account["rate_ppb"]
    fits = equity_fits(state, account, change, rate_ppb) and equity_fits(state, account, -change, rate_ppb)
    return fits and _postings_stand(account)
