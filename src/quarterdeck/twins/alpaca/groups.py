"""Brackets, one-cancels-other and one-triggers-other: how the orders of a group depend on one another.

| what happens                              | what follows                                                         |
|-------------------------------------------|----------------------------------------------------------------------|
| the entry is filled                       | its exits begin: the limit is new, the stop of a pair stays held      |
| an exit of a pair is filled, or triggered | the other is canceled                                                |
| an exit of a pair is filled in part       | the other shrinks to what is left                                    |
| any of them ends otherwise                | the others of the group end                                          |
"""

from typing import Protocol

from quarterdeck.twins.alpaca.accounts import Order

__all__ = ["Market", "activate_exits", "end_group", "keep_pair"]


class Market(Protocol):
    """The exchange as a group sees it."""

    def work(self, order: Order) -> None:
        """Puts an order to work."""
        ...

    def announce(self, order: Order) -> None:
        """Tells that it is new."""
        ...

    def cancel(self, order: Order, status: str = "canceled") -> None:
        """Ends it."""
        ...


def activate_exits(market: Market, order: Order) -> None:
    """An entry has been filled: its exits begin."""
    if order.pair is not None:
        return  # an exit itself
    for leg in order.legs:
        if leg.status != "held":
            continue
        if leg.pair is None or leg.kind == "limit":
            market.announce(leg)
        market.work(leg)


def keep_pair(market: Market, order: Order) -> None:
    """An exit has traded: its pair ends with it, or shrinks with it."""
    pair = order.pair
    if pair is None or not pair.open:
        return
    if order.left == 0:
        order.pair = pair.pair = None
        market.cancel(pair)
    else:
        pair.lots = pair.filled + order.left


def end_group(market: Market, order: Order) -> None:
    """An order has ended unfilled: so do its exits and its pair."""
    pair, order.pair = order.pair, None
    if pair is not None:
        pair.pair = None
        market.cancel(pair)
    for leg in order.legs:
        if not leg.triggered:  # a stop that was triggered ended the order itself
            market.cancel(leg)
