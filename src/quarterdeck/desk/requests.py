"""Requests made of what the kernel wants done: its actions in the venues' words."""

from typing import Any

from quarterdeck.desk.table import LocalOrder
from quarterdeck.kernel.vocabulary import Flag, OrderType, Side, TimeInForce
from quarterdeck.venues.messages import Amend, Place

__all__ = ["amend_of", "place_of"]


def place_of(action: Any, request_id: int, expires_ns: int) -> Place:
    """Returns the request for a new order; `expires_ns` in the venue's time."""
    flags = int(action["flags"])
    return Place(
        request_id=request_id,
        order_id=int(action["order_id"]),
        strategy=int(action["strategy"]),
        instrument=int(action["instrument"]),
        side=Side.SELL if flags & Flag.SELL else Side.BUY,
        price=int(action["price"]),
        trigger_price=int(action["trigger_price"]),
        quantity=int(action["quantity"]),
        order_type=OrderType(int(action["order_type"])),
        time_in_force=TimeInForce(int(action["time_in_force"])),
        post_only=flags & Flag.POST_ONLY != 0,
        reduce_only=flags & Flag.REDUCE_ONLY != 0,
        expires_ns=expires_ns,
        tag=int(action["tag"]),
    )


def amend_of(order: LocalOrder, action: Any, request_id: int, expires_ns: int) -> Amend:
    """Returns the request for an order's new price and quantity; `expires_ns` in the venue's time."""
    flags = int(action["flags"])
    return Amend(
        request_id=request_id,
        order_id=order.order_id,
        venue_order_id=order.venue_order_id,
        instrument=order.instrument,
        strategy=order.strategy,
        side=Side(order.side),
        price=int(action["price"]),
        trigger_price=order.trigger_price,
        quantity=int(action["quantity"]),
        order_type=OrderType(order.order_type),
        time_in_force=TimeInForce(order.time_in_force),
        post_only=flags & Flag.POST_ONLY != 0,
        reduce_only=flags & Flag.REDUCE_ONLY != 0,
        expires_ns=expires_ns,
    )
