"""A window on the kernel's table of orders: what the desk's other parts look up, and nothing they could change."""

from typing import Any, NamedTuple, cast

from quarterdeck.errors import DeskError
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.orders import SEQUENCE_BITS
from quarterdeck.kernel.records import ORDERS, State
from quarterdeck.kernel.vocabulary import OrderFlag, OrderStatus

__all__ = ["LocalOrder", "OrderTable"]


class LocalOrder(NamedTuple):
    """An order as the kernel holds it."""

    order_id: int
    venue_order_id: int
    instrument: int
    strategy: int
    side: int
    price: int
    trigger_price: int
    quantity: int
    filled: int
    status: OrderStatus
    order_type: int
    time_in_force: int
    flags: int
    created_ns: int
    updated_ns: int

    @property
    def open(self) -> bool:
        return OrderStatus.SUBMITTED <= self.status <= OrderStatus.UNKNOWN

    @property
    def cancel_pending(self) -> bool:
        return self.flags & OrderFlag.CANCEL_PENDING != 0

    @property
    def replace_pending(self) -> bool:
        return self.flags & OrderFlag.REPLACE_PENDING != 0


class OrderTable:
    """Reads the orders of one state."""

    def __init__(self, states: Records[State]) -> None:
        self._state: Any = states[0]
        self._orders: Any = cast(Any, states)["orders"][0]
        self._fields = [self._orders[name] for name in LocalOrder._fields if name != "order_id"]
        self._ids = self._orders["id"]
        self._open: Any = cast(Any, states)["open_orders"][0]

    def find(self, order_id: int) -> LocalOrder | None:
        """Returns the order; None when the table does not hold it (any more)."""
        slot = order_id % ORDERS
        if order_id <= 0 or int(self._ids[slot]) != order_id:
            return None
        words = [int(field[slot]) for field in self._fields]
        order = LocalOrder(order_id, *cast(Any, words))
        return order._replace(status=OrderStatus(order.status))

    def has_room_for(self, order_id: int) -> bool:
        """Whether an order could be entered under that id: its slot holds no open order."""
        status = int(self._orders["status"][order_id % ORDERS])
        return not OrderStatus.SUBMITTED <= status <= OrderStatus.UNKNOWN

    def check_epoch(self, order_id: int) -> None:
        """DeskError: an order of a session to come, so the journal here is older than what this desk has done."""
        epoch = order_id >> SEQUENCE_BITS
        if epoch > int(self._state["epoch"]):
            raise DeskError(
                f"the venue knows order {order_id} of this desk's session {epoch}, this one is {self._state['epoch']}: "
                "the journal is not the newest; restore it, or write the session's number into data/epoch"
            )

    def open_ids(self) -> list[int]:
        """Returns the ids of all open orders."""
        slots = self._open[: int(self._state["open_count"])]
        return [int(self._ids[slot]) for slot in slots]
