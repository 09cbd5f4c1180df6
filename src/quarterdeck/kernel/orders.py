"""The table of orders: slots, the dense list of open ones, and what they count in the positions."""

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.lifecycle import is_open
from quarterdeck.kernel.records import INSTRUMENTS, ORDERS, Order, Position, State
from quarterdeck.kernel.vocabulary import OrderFlag, OrderStatus, OrderType, Reason, TimeInForce

__all__ = ["SEQUENCE_BITS", "close_order", "find_order", "new_order", "remaining", "set_working", "take_slot"]

SEQUENCE_BITS = 40


@compiled
def find_order(state: State, order_id: int) -> int:
    """Slot of the order, or -1 when the table does not hold it (any more)."""
    if order_id <= 0:
        return -1
    slot = order_id % ORDERS
    return slot if state["orders"][slot]["id"] == order_id else -1


@compiled
def take_slot(state: State) -> int:
    """Draws the next order id whose slot is free and returns the id; 0 when every slot is open.

    An id is (epoch, sequence): the epoch is raised at every start, so no id is ever issued twice. Ids whose slot
    still holds an open order are passed over, which is why ids may have gaps.
    """
    if state["open_count"] >= ORDERS:
        return 0
    sequence = state["order_sequence"]
    for _ in range(ORDERS):
        sequence += 1
        order_id = (state["epoch"] << SEQUENCE_BITS) | sequence
        if not is_open(state["orders"][order_id % ORDERS]["status"]):
            state["order_sequence"] = sequence
            return order_id
    return 0


@compiled
def _open_order(state: State, slot: int) -> None:
    """Enters an order into the list of open ones."""
    place = state["open_count"]
    state["open_orders"][place] = slot
    state["orders"][slot]["open_index"] = place
    state["open_count"] = place + 1


@compiled
def close_order(state: State, slot: int) -> None:
    """Takes an order from the list of open ones and releases what it counted."""
    order = state["orders"][slot]
    set_working(state, order, 0)
    order["flags"] &= ~(OrderFlag.CANCEL_PENDING | OrderFlag.REPLACE_PENDING) & 0xFF
    last = state["open_count"] - 1
    moved = state["open_orders"][last]
    place = order["open_index"]
    state["open_orders"][place] = moved
    state["orders"][moved]["open_index"] = place
    state["open_orders"][last] = 0
    state["open_count"] = last
    order["open_index"] = -1


@compiled
def new_order(state: State, order_id: int, instrument: int, strategy: int, side: int, lots: int) -> Order:
    """Enters a SUBMITTED limit order into its slot. It counts nothing until `set_working` is called on its terms."""
    slot = order_id % ORDERS
    order = state["orders"][slot]
    order["id"] = order_id
    order["venue_order_id"] = 0
    order["tag"] = 0
    order["price"] = 0
    order["trigger_price"] = 0
    order["quantity"] = lots
    order["filled"] = 0
    order["filled_cost"] = 0
    order["fee"] = 0
    order["replace_price"] = 0
    order["replace_quantity"] = 0
    order["created_ns"] = state["time_ns"]
    order["updated_ns"] = state["time_ns"]
    order["working_lots"] = 0
    order["instrument"] = instrument
    order["strategy"] = strategy
    order["person"] = -1
    order["reason"] = Reason.NONE
    order["status"] = OrderStatus.SUBMITTED
    order["order_type"] = OrderType.LIMIT
    order["time_in_force"] = TimeInForce.GTC
    order["flags"] = 0
    order["side"] = side
    order["triggered"] = 0
    _open_order(state, slot)
    return order


@compiled
def remaining(order: Order) -> int:
    """Lots not filled yet."""
    return order["quantity"] - order["filled"]


@compiled
def _count(position: Position, order: Order, lots: int) -> None:
    if order["side"] > 0:
        position["buy_lots"] += lots
    else:
        position["sell_lots"] += lots
    if order["flags"] & OrderFlag.REDUCING:
        position["reduce_lots"] += lots
    if order["flags"] & OrderFlag.PROTECTIVE and order["order_type"] >= OrderType.STOP:
        position["stop_lots"] += lots
        position["stop_cost"] += lots * order["trigger_price"]


@compiled
def set_working(state: State, order: Order, lots: int) -> None:
    """Makes the order count `lots` in its strategy's position and in the account's net position."""
    change = lots - order["working_lots"]
    if change == 0:
        return
    _count(state["positions"][order["strategy"] * INSTRUMENTS + order["instrument"]], order, change)
    _count(state["instruments"][order["instrument"]]["net"], order, change)
    order["working_lots"] = lots
