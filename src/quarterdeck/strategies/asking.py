"""How a strategy asks: it writes request records. The rails decide what becomes of them.

Each function writes request number `count` and returns count + 1. A strategy that asks for more than the array holds
goes on counting without writing, which its host takes as a broken contract.
"""

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.emission import blank
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import Event
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderType, Reason, TimeInForce

__all__ = ["ASKS", "ask_at_once", "ask_cancel", "ask_cancel_all", "ask_limit", "ask_market", "ask_replace", "ask_stop"]

ASKS = 64  # requests that one strategy may make at one event


@compiled
def _ask(asks: Records[Event], count: int, kind: int, instrument: int, reason: int) -> int:
    if count < len(asks):
        ask = asks[count]
        blank(ask)
        ask["kind"] = kind
        ask["instrument"] = instrument
        ask["reason"] = reason
        ask["person"] = -1
    return count + 1


@compiled
def _order(asks: Records[Event], count: int, instrument: int, side: int, lots: int, flags: int, reason: int) -> bool:
    _ask(asks, count, EventKind.ORDER_REQUEST.value, instrument, reason)
    if count >= len(asks):
        return False
    asks[count]["quantity"] = lots
    asks[count]["flags"] = flags | Flag.SELL if side < 0 else flags
    return True


@compiled
def ask_limit(
    asks: Records[Event], count: int, instrument: int, side: int, ticks: int, lots: int, flags: int, reason: int
) -> int:
    """Asks for a limit order (GTC). `side` is 1 or -1, `flags` are of Flag: POST_ONLY, REDUCE_ONLY."""
    if _order(asks, count, instrument, side, lots, flags, reason):
        asks[count]["price"] = ticks
        asks[count]["order_type"] = OrderType.LIMIT
        asks[count]["time_in_force"] = TimeInForce.GTC
    return count + 1


@compiled
def ask_at_once(
    asks: Records[Event], count: int, instrument: int, side: int, ticks: int, lots: int, tag: int, reason: int
) -> int:
    """Asks for a limit order that trades at once or is gone (IOC), with a tag that goes with it to the venue."""
    if _order(asks, count, instrument, side, lots, 0, reason):
        asks[count]["price"] = ticks
        asks[count]["order_type"] = OrderType.LIMIT
        asks[count]["time_in_force"] = TimeInForce.IOC
        asks[count]["tag"] = tag
    return count + 1


@compiled
def ask_market(asks: Records[Event], count: int, instrument: int, side: int, lots: int, flags: int, reason: int) -> int:
    """Asks for a market order (IOC)."""
    if _order(asks, count, instrument, side, lots, flags, reason):
        asks[count]["order_type"] = OrderType.MARKET
        asks[count]["time_in_force"] = TimeInForce.IOC
    return count + 1


@compiled
def ask_stop(asks: Records[Event], count: int, instrument: int, side: int, trigger: int, lots: int, reason: int) -> int:
    """Asks for a protective stop: reduce-only, at the market once `trigger` is reached. A kill leaves it working."""
    flags = Flag.REDUCE_ONLY | Flag.PROTECTIVE
    if _order(asks, count, instrument, side, lots, flags, reason):
        asks[count]["trigger_price"] = trigger
        asks[count]["order_type"] = OrderType.STOP
        asks[count]["time_in_force"] = TimeInForce.GTC
    return count + 1


@compiled
def ask_cancel(asks: Records[Event], count: int, order_id: int, reason: int) -> int:
    """Asks to cancel one of the strategy's own orders."""
    _ask(asks, count, EventKind.CANCEL_REQUEST.value, -1, reason)
    if count < len(asks):
        asks[count]["order_id"] = order_id
    return count + 1


@compiled
def ask_cancel_all(asks: Records[Event], count: int, instrument: int) -> int:
    """Asks to cancel the strategy's open orders in one instrument (-1: in all), protective ones too."""
    return _ask(asks, count, EventKind.CANCEL_ALL_REQUEST.value, instrument, Reason.NONE.value)


@compiled
def ask_replace(asks: Records[Event], count: int, order_id: int, ticks: int, lots: int, reason: int) -> int:
    """Asks to give an own order another price and another total quantity."""
    _ask(asks, count, EventKind.REPLACE_REQUEST.value, -1, reason)
    if count < len(asks):
        asks[count]["order_id"] = order_id
        asks[count]["price"] = ticks
        asks[count]["quantity"] = lots
    return count + 1
