"""The orders that the simulated venue holds: slots, sorted lists and the way from an order id to its slot.

Each instrument has lists in price-time order, so the first order that a price does not reach ends every search, and
the heads' prices are kept in the listing, where the next event compares them without looking at any order.
"""

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.market_records import Listing, Market, OrderList, RestingOrder
from quarterdeck.kernel.records import NO_LIMIT, ORDERS

__all__ = ["enlist", "find_slot", "free_order", "list_key", "new_order", "reset_heads", "unlist"]

_HASH = 40_503  # spreads accounts whose order ids run alike


@compiled
def reset_heads(listing: Listing) -> None:
    """Makes the heads' prices those of empty lists."""
    listing["best_buy"] = 0
    listing["best_sell"] = NO_LIMIT
    listing["first_stop_buy"] = NO_LIMIT
    listing["first_stop_sell"] = -1


@compiled
def _bucket(account: int, order_id: int) -> int:
    return (order_id + account * _HASH) % ORDERS


@compiled
def find_slot(market: Market, account: int, order_id: int) -> int:
    """Slot of an order; 0 when the venue does not hold it."""
    if order_id <= 0:
        return 0
    slot = market["buckets"][_bucket(account, order_id)]
    for _ in range(ORDERS):
        if slot == 0:
            return 0
        order = market["orders"][slot]
        if order["order_id"] == order_id and order["account"] == account:
            return slot
        slot = order["chain"]
    return 0


@compiled
def new_order(market: Market, account: int, order_id: int) -> int:
    """Takes a slot and returns it; 0 when all are taken. The caller fills in the terms."""
    slot = market["free_slot"]
    if slot != 0:
        market["free_slot"] = market["orders"][slot]["chain"]
    elif market["used_slots"] < ORDERS:
        slot = market["used_slots"] + 1
        market["used_slots"] = slot
    else:
        return 0
    market["open_count"] += 1
    market["venue_order_sequence"] += 1
    order = market["orders"][slot]
    order["order_id"] = order_id
    order["account"] = account
    order["venue_order_id"] = market["venue_order_sequence"]
    order["queue_ahead"] = 0.0
    order["level_lots"] = -1
    order["level_traded"] = 0
    order["held_event"] = 0
    order["place"] = OrderList.NONE
    order["following"] = 0
    order["preceding"] = 0
    order["chain"] = 0
    if order_id > 0:
        bucket = _bucket(account, order_id)
        order["chain"] = market["buckets"][bucket]
        market["buckets"][bucket] = slot
    return slot


@compiled
def free_order(market: Market, slot: int) -> None:
    """Gives a slot back; the order leaves its list."""
    unlist(market, slot)
    order = market["orders"][slot]
    if order["order_id"] > 0:
        bucket = _bucket(int(order["account"]), order["order_id"])
        at = market["buckets"][bucket]
        if at == slot:
            market["buckets"][bucket] = order["chain"]
        else:
            for _ in range(ORDERS):
                following = market["orders"][at]["chain"]
                if following == slot:
                    market["orders"][at]["chain"] = order["chain"]
                    break
                at = following
    order["remaining"] = 0
    order["order_id"] = 0
    order["chain"] = market["free_slot"]
    market["free_slot"] = slot
    market["open_count"] -= 1


@compiled
def list_key(order: RestingOrder, place: int) -> int:
    """The order's sort key in a list; larger comes first."""
    if place == OrderList.BUY:
        return order["price"]
    if place == OrderList.SELL:
        return -order["price"]
    if place == OrderList.STOP_BUY:
        return -order["trigger_price"]
    if place == OrderList.STOP_SELL:
        return order["trigger_price"]
    return 0


@compiled
def _note_head(market: Market, listing: Listing, place: int) -> None:
    head = listing["heads"][place]
    order = market["orders"][head]
    if place == OrderList.BUY:
        listing["best_buy"] = order["price"] if head != 0 else 0
    elif place == OrderList.SELL:
        listing["best_sell"] = order["price"] if head != 0 else NO_LIMIT
    elif place == OrderList.STOP_BUY:
        listing["first_stop_buy"] = order["trigger_price"] if head != 0 else NO_LIMIT
    elif place == OrderList.STOP_SELL:
        listing["first_stop_sell"] = order["trigger_price"] if head != 0 else -1


@compiled
def enlist(market: Market, slot: int, place: int) -> None:
    """Enters an order into a list, behind all whose key is at least its own."""
    order = market["orders"][slot]
    listing = market["listings"][order["instrument"]]
    key = list_key(order, place)
    before = 0
    after = listing["heads"][place]
    for _ in range(ORDERS):
        if after == 0 or market["orders"][after]["key"] < key:
            break
        before = after
        after = market["orders"][after]["following"]
    order["key"] = key
    order["place"] = place
    order["preceding"] = before
    order["following"] = after
    if after != 0:
        market["orders"][after]["preceding"] = slot
    if before != 0:
        market["orders"][before]["following"] = slot
    else:
        listing["heads"][place] = slot
        _note_head(market, listing, place)


@compiled
def unlist(market: Market, slot: int) -> None:
    """Takes an order from its list, if it is in one."""
    order = market["orders"][slot]
    place = order["place"]
    if place == OrderList.NONE:
        return
    listing = market["listings"][order["instrument"]]
    before = order["preceding"]
    after = order["following"]
    if after != 0:
        market["orders"][after]["preceding"] = before
    if before != 0:
        market["orders"][before]["following"] = after
    else:
        listing["heads"][place] = after
        _note_head(market, listing, place)
    order["place"] = OrderList.NONE
    order["preceding"] = 0
    order["following"] = 0
