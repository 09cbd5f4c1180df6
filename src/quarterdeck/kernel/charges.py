"""Charges: money that leaves a purse, or comes into it, without a fill.

One with a `trade_id` is a fact of the venue's that may be told again: it is applied once, counts in its strategy's
result of the day, and is refused when it is too old to be known from a repeat, all as a fill is. One without is a
figure of its own each time, and nobody's.
"""

from quarterdeck.kernel.arithmetic import ppb_of
from quarterdeck.kernel.bounds import charge_fits
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.ledger import post
from quarterdeck.kernel.records import Event, State
from quarterdeck.kernel.trades import charge_side, seen_trade
from quarterdeck.kernel.vocabulary import LedgerAccount, Reason

__all__ = ["apply_charge", "check_charge"]


@compiled
def check_charge(state: State, event: Event) -> int:
    """The reason to refuse a charge before anything is touched, or NONE. Its purse is a known one."""
    account = state["accounts"][event["row"]]
    if not LedgerAccount.REALISED <= event["column"] <= LedgerAccount.BORROW:
        return Reason.INDEX_OUT_OF_RANGE.value
    if event["trade_id"] == 0:
        return Reason.NONE.value if charge_fits(state, account, -1, event["amount"]) else Reason.OVERFLOW.value
    if event["trade_id"] < 0:
        return Reason.VALUE_OUT_OF_RANGE.value
    if not -1 <= event["strategy"] < state["strategies_count"]:
        return Reason.INDEX_OUT_OF_RANGE.value
    if not charge_fits(state, account, int(event["strategy"]), event["amount"]):
        return Reason.OVERFLOW.value
    opened_ns = state["venues"][account["venue"]]["opened_ns"]
    if 0 < event["venue_time_ns"] <= max(state["trade_horizon_ns"], opened_ns):
        return Reason.TRADE_TOO_OLD.value
    return Reason.NONE.value


@compiled
def apply_charge(state: State, event: Event) -> None:
    """Posts a charge that `check_charge` let pass, unless it was posted before."""
    account = state["accounts"][event["row"]]
    column, amount, trade_id = event["column"], event["amount"], event["trade_id"]
    if trade_id != 0:
        if seen_trade(state, trade_id, event["row"], charge_side(column), event["venue_time_ns"]):
            state["reasons"][Reason.DUPLICATE_TRADE] += 1
            return
        if event["strategy"] >= 0:
            rate_ppb = account["rate_ppb"]
            paid = amount if rate_ppb == 1_000_000_000 else ppb_of(amount, rate_ppb)
            state["strategies"][event["strategy"]]["realised_day"] -= paid
    post(account, column, LedgerAccount.CASH, amount)
