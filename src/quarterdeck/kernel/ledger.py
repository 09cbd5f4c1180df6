"""Positions at average cost and the double-entry ledger of each purse.

Every posting is a pair, so the accounts of a purse sum to zero at any time. A fully paid instrument (spot, equity,
token) turns cash into inventory at cost; a margined one (perpetual) moves cash only when a result is realised.
Equity of a purse is cash + inventory + unrealised, for both. A fill of a cycle leaves nothing behind and moves nothing:
what an atomic arbitrage earned and paid comes as charges.
"""

from quarterdeck.kernel.arithmetic import mul_div_floor, ppb_of
from quarterdeck.kernel.compiled import compiled, inlined
from quarterdeck.kernel.records import ACCOUNTS, INSTRUMENTS, Account, Instrument, Position, State
from quarterdeck.kernel.vocabulary import InstrumentKind, InstrumentTerm, LedgerAccount

__all__ = [
    "account_equity",
    "move_position",
    "post",
    "post_fee",
    "post_fill",
    "post_funding",
    "revalue",
    "sum_equity",
    "value_of",
]


@compiled
def post(account: Account, debit: int, credit: int, amount: int) -> None:
    """Moves `amount` from the `credit` account to the `debit` account of one purse."""
    account["postings"][debit] += amount
    account["postings"][credit] -= amount


@compiled
def account_equity(account: Account) -> int:
    """Equity of a purse in its own currency."""
    return (
        account["postings"][LedgerAccount.CASH] + account["postings"][LedgerAccount.INVENTORY] + account["unrealised"]
    )


@compiled
def sum_equity(state: State) -> int:
    """Equity of the desk, in desk money."""
    total = 0
    for index in range(ACCOUNTS):
        account = state["accounts"][index]
        equity = account_equity(account)
        total += equity if account["rate_ppb"] == 1_000_000_000 else ppb_of(equity, account["rate_ppb"])
    return total


@inlined
def value_of(instrument: Instrument, lots: int) -> int:
    """Value of signed lots at the mark, in the settlement currency. Half a unit is rounded down."""
    return lots * instrument["mark_half_ticks"] * instrument["terms"][InstrumentTerm.VALUE] // 2


@inlined
def revalue(state: State, index: int) -> None:
    """Brings the unrealised result of the net position, its purse and the desk's equity to the present mark."""
    instrument = state["instruments"][index]
    net = instrument["net"]
    worth = value_of(instrument, net["quantity"]) - net["cost"] if net["quantity"] != 0 else 0
    change = worth - instrument["unrealised"]
    if change == 0:
        return
    instrument["unrealised"] = worth
    account = state["accounts"][instrument["terms"][InstrumentTerm.ACCOUNT]]
    account["unrealised"] += change
    if account["rate_ppb"] == 1_000_000_000:
        state["equity"] += change
        if state["moved"] < state["slack"]:
            state["moved"] += abs(change)
    else:
        state["equity"] = sum_equity(state)
        state["slack"] = 0


@compiled
def move_position(position: Position, side: int, lots: int, paid: int) -> int:
    """Applies a fill of `lots` > 0 for `paid` > 0 money to a position at average cost; returns the realised result.

    A fill that crosses zero closes the old position first and opens the rest at the fill's own price.
    """
    quantity = position["quantity"]
    if quantity == 0 or (quantity > 0) == (side > 0):
        position["quantity"] = quantity + side * lots
        position["cost"] += side * paid
        return 0
    held = abs(quantity)
    closing = min(lots, held)
    paid_closing = paid if closing == lots else mul_div_floor(paid, closing, lots)
    released = mul_div_floor(abs(position["cost"]), closing, held)
    if position["cost"] < 0:
        released = -released
    realised = -side * paid_closing - released
    position["quantity"] = quantity + side * lots
    position["cost"] += side * (paid - paid_closing) - released
    position["realised"] += realised
    return realised


@compiled
def post_fill(state: State, index: int, strategy: int, side: int, lots: int, paid: int) -> None:
    """Moves the strategy's and the net position and posts the net one's money."""
    instrument = state["instruments"][index]
    account = state["accounts"][instrument["terms"][InstrumentTerm.ACCOUNT]]
    net = instrument["net"]
    if instrument["terms"][InstrumentTerm.KIND] == InstrumentKind.CYCLE:
        net["fills"] += 1
        if strategy >= 0:
            state["positions"][strategy * INSTRUMENTS + index]["fills"] += 1
        return
    cost_before = net["cost"]
    realised = move_position(net, side, lots, paid)
    net["fills"] += 1
    post(account, LedgerAccount.CASH, LedgerAccount.REALISED, realised)
    if instrument["terms"][InstrumentTerm.KIND] != InstrumentKind.PERPETUAL:
        post(account, LedgerAccount.INVENTORY, LedgerAccount.CASH, net["cost"] - cost_before)
    if strategy >= 0:
        own = state["positions"][strategy * INSTRUMENTS + index]
        state["strategies"][strategy]["realised_day"] += move_position(own, side, lots, paid)
        own["fills"] += 1


@compiled
def post_fee(state: State, index: int, strategy: int, fee: int) -> None:
    """Posts a trading fee (negative: a rebate) of an instrument."""
    instrument = state["instruments"][index]
    account = state["accounts"][instrument["terms"][InstrumentTerm.ACCOUNT]]
    ledger_account = LedgerAccount.FEES.value if fee >= 0 else LedgerAccount.REBATES.value
    post(account, ledger_account, LedgerAccount.CASH, fee)
    instrument["net"]["fees"] += fee
    if strategy >= 0:
        state["positions"][strategy * INSTRUMENTS + index]["fees"] += fee
        state["strategies"][strategy]["realised_day"] -= fee


@compiled
def post_funding(state: State, index: int, amount: int) -> None:
    """Posts a funding payment (positive: received) and shares it among the strategies by their positions.

    What the integer shares leave over goes to the largest holder, so that the shares sum to the payment.
    """
    instrument = state["instruments"][index]
    account = state["accounts"][instrument["terms"][InstrumentTerm.ACCOUNT]]
    post(account, LedgerAccount.CASH, LedgerAccount.FUNDING, amount)
    net = instrument["net"]
    net["funding"] += amount
    if net["quantity"] == 0:
        return
    left = amount
    largest = -1
    for strategy in range(state["strategies_count"]):
        own = state["positions"][strategy * INSTRUMENTS + index]
        if own["quantity"] == 0:
            continue
        share = mul_div_floor(abs(amount), abs(own["quantity"]), abs(net["quantity"]))
        if (amount < 0) != ((own["quantity"] < 0) != (net["quantity"] < 0)):
            share = -share
        own["funding"] += share
        state["strategies"][strategy]["realised_day"] += share
        left -= share
        if largest < 0 or abs(own["quantity"]) > abs(state["positions"][largest * INSTRUMENTS + index]["quantity"]):
            largest = strategy
    if largest >= 0:
        state["positions"][largest * INSTRUMENTS + index]["funding"] += left
        state["strategies"][largest]["realised_day"] += left
