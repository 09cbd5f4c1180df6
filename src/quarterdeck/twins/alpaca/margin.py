"""What an account is worth and may still spend.

By the venue's page on orders: an account of 2,000 USD or more may spend twice its equity less what its positions need
(half of their value); a smaller one its cash. Open orders that open or add reduce it at once; a short sale counts at
its limit or 3% above the ask, whichever is more.
"""

from typing import Final

from quarterdeck.twins.alpaca.accounts import Account, Order
from quarterdeck.twins.alpaca.listings import UNITS
from quarterdeck.twins.alpaca.tape import Tape

__all__ = ["Valuation", "order_cost"]

_MARGIN_FROM: Final = 2_000 * UNITS


class Valuation:
    """An account at the last prices, in units."""

    def __init__(self, account: Account, tapes: list[Tape]) -> None:
        values = {index: held.lots * tapes[index].last for index, held in account.positions.items() if held.lots}
        self.long = sum(value for value in values.values() if value > 0)
        self.short = sum(value for value in values.values() if value < 0)
        self.equity = account.cash + self.long + self.short
        self.multiplier = 2 if self.equity >= _MARGIN_FROM else 1
        self.initial_margin = (self.long - self.short) // 2 if self.multiplier == 2 else self.long - self.short
        self.maintenance_margin = (self.long - self.short) * 3 // 10
        ordered = sum(order_cost(order, tapes) for order in account.open_orders() if order.opens)
        free = (self.equity - self.initial_margin) * 2 if self.multiplier == 2 else account.cash + self.short * 2
        self.buying_power = max(free - ordered, 0)
        self.cash_power = max(min(account.cash, self.equity) - ordered, 0)


def order_cost(order: Order, tapes: list[Tape]) -> int:
    """Returns what an order that opens takes from the buying power, in units."""
    if order.parent is not None:
        return 0  # an exit
    if order.notional is not None and not order.lots:
        return int(order.notional * UNITS)
    tape = tapes[order.listing.index]
    ask = tape.touch()[1] or tape.last
    named = order.limit or order.stop
    if order.side > 0:
        return order.left * (named or ask)
    return order.left * max(named if order.kind == "limit" else 0, ask * 103 // 100)
