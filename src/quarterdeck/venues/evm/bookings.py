"""What one event on the chain does to the desk's money: charges whose sums are the chain's balances, rounded down.

A purse counts units that may be coarser than the chain's. Each charge is the difference of two rounded totals, the
purse's exact total before and after, so what rounding leaves over never adds up: the purse is always the chain's
balance, rounded down. A premium is rounded up, against us, and what the swaps earned is the rest.

| event                    | charges                                                |
|--------------------------|--------------------------------------------------------|
| included                 | REALISED (received), PREMIUM (paid), GAS, and one fill |
| included and reverted    | GAS                                                    |
| a cancel, a filled gap   | GAS                                                    |
| its block is orphaned    | the opposite of what was charged for it there          |
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from quarterdeck.kernel.vocabulary import LedgerAccount, Side
from quarterdeck.venues.evm.attempts import Attempt, Booking
from quarterdeck.venues.evm.executor import Ran
from quarterdeck.venues.evm.terms import ChainTerms, Purse
from quarterdeck.venues.messages import ChargeReport, TradeReport

__all__ = ["Mined", "book_mined", "book_orphaned", "news_id"]

_PAR = 1  # one unit is paid for one unit borrowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """A transaction of ours in a block. `ran` is what the executor reports of it; None: it did nothing.

    `outcome` is its number in the transactions' store, `time_ns` when it counted. `order` None: it was no attempt's.
    """

    outcome: int
    order: Attempt | None
    hash: str
    block_hash: str
    time_ns: int
    gas_wei: int
    ran: Ran | None = None

    @property
    def profit(self) -> int:
        return 0 if self.ran is None else self.ran.profit

    @property
    def premium(self) -> int:
        return 0 if self.ran is None else self.ran.premium


def news_id(*parts: object) -> int:
    """A trade id for the kernel: above 0, below 2**62, the same for the same words."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 2 or 1


def book_mined(terms: ChainTerms, totals: Mapping[str, int], mined: Mined, remark: str) -> Booking:
    """Books a transaction that stands in a block. `totals`: what each currency comes to before it, exactly."""
    order, moved = mined.order, {terms.gas.currency: -mined.gas_wei}
    paid: list[tuple[Purse, LedgerAccount, int]] = []
    cycle = terms.cycles.get(mined.ran.token) if mined.ran is not None and order is not None else None
    if cycle is not None:
        purse = cycle.purse  # of what came, whatever was asked for
        premium = purse.ceil(mined.premium)
        moved[purse.currency] = mined.profit
        paid.append((purse, LedgerAccount.REALISED, _paid(purse, totals, mined.profit) - premium))
        paid.append((purse, LedgerAccount.PREMIUM, premium))
    paid.append((terms.gas, LedgerAccount.GAS, _paid(terms.gas, totals, -mined.gas_wei)))
    charges = tuple(
        ChargeReport(
            account=purse.account, ledger_account=account, amount=amount,
            trade_id=news_id("charge", mined.outcome, mined.hash), strategy=-1 if order is None else order.strategy,
            instrument=-1 if order is None else order.instrument, order_id=0 if order is None else order.order_id,
            venue_time_ns=mined.time_ns,
        )
        for purse, account, amount in paid
        if amount
    )  # fmt: skip
    return Booking(
        outcome=mined.outcome, order_id=0 if order is None else order.order_id, hash=mined.hash,
        block_hash=mined.block_hash, time_ns=mined.time_ns, remark=remark, charges=charges,
        fill=_fill(order, mined) if mined.ran is not None and order is not None else None,
        moved={currency: str(change) for currency, change in moved.items()},
    )  # fmt: skip


def book_orphaned(
    terms: ChainTerms, totals: Mapping[str, int], earlier: Booking, outcome: int, time_ns: int, remark: str
) -> Booking:
    """Takes back what was booked for a transaction in a block that is no longer on the chain."""
    back = {currency: -int(change) for currency, change in earlier.moved.items()}
    like = earlier.charges[0] if earlier.charges else None
    charges: list[ChargeReport] = []
    for purse in (purse for purse in terms.purses.values() if purse.currency in back):
        owed = _paid(purse, totals, back[purse.currency])
        opposite = {one.ledger_account: -one.amount for one in earlier.charges if one.account == purse.account}
        first = LedgerAccount.REALISED if purse.token else LedgerAccount.GAS
        opposite[first] = opposite.get(first, 0) + owed - sum(opposite.values())  # rounding does otherwise this time
        charges.extend(
            ChargeReport(
                account=purse.account, ledger_account=account, amount=amount,
                trade_id=news_id("charge", outcome, earlier.hash), strategy=-1 if like is None else like.strategy,
                instrument=-1 if like is None else like.instrument, order_id=earlier.order_id, venue_time_ns=time_ns,
            )
            for account, amount in opposite.items()
            if amount
        )  # fmt: skip
    return Booking(
        outcome=outcome, order_id=earlier.order_id, hash=earlier.hash, block_hash=earlier.block_hash, time_ns=time_ns,
        remark=remark, charges=tuple(charges), fill=None,
        moved={currency: str(change) for currency, change in back.items()},
    )  # fmt: skip


def _paid(purse: Purse, totals: Mapping[str, int], change: int) -> int:
    """Whole units that an exact change takes out of a purse (negative: that it brings)."""
    before = totals[purse.currency]
    return purse.floor(before) - purse.floor(before + change)


def _fill(order: Attempt, mined: Mined) -> TradeReport:
    """An order is filled once, wherever its transaction lands: a second inclusion is a repeat of this one."""
    return TradeReport(
        trade_id=news_id("fill", order.order_id), order_id=order.order_id, strategy=order.strategy,
        venue_order_id=news_id("order", order.order_id), instrument=order.instrument, side=Side.BUY, price=_PAR,
        quantity=order.quantity, fee=0, maker=False, venue_time_ns=mined.time_ns,
    )  # fmt: skip
