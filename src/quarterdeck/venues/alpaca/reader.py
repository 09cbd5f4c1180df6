"""Orders and fills of the venue as the desk's reports, shared by the answers and the news."""

from quarterdeck.kernel.vocabulary import OrderStatus, Side
from quarterdeck.venues.alpaca.numbers import identity_number, nanoseconds
from quarterdeck.venues.alpaca.reasons import status_of
from quarterdeck.venues.alpaca.registry import Registry
from quarterdeck.venues.alpaca.schema import Activity, Figure, Order, TradeUpdate
from quarterdeck.venues.alpaca.universe import Listed, Universe
from quarterdeck.venues.messages import OrderReport, TradeReport

__all__ = ["Reader", "execution_of"]


def execution_of(activity_id: str) -> str:
    """Returns the execution that an activity's id names, "TIME::EXECUTION": what trade_updates calls execution_id."""
    return activity_id.rpartition("::")[2]


class Reader:
    """Reads orders and fills of one account; every order that it reads is in the registry from then on."""

    def __init__(self, universe: Universe, registry: Registry) -> None:
        self._universe, self._registry = universe, registry

    def order(self, order: Order) -> OrderReport | None:
        """Returns an order's report; None where the desk does not trade the symbol. Raises ValueError."""
        number, order_id, strategy = self._registry.saw(order.id, order.client_order_id)
        listed = self._universe.of_symbol(order.symbol)
        if listed is None:
            return None
        ours = order_id > 0
        filled = self._lots(listed, order.filled_qty, exact=ours) if order.filled_qty is not None else 0
        # A foreign order may be for an amount of money, and of sizes and prices that a desk in whole shares has no
        # figures for: what it does to the position is told by its fills.
        quantity = self._lots(listed, order.qty, exact=ours) if order.qty is not None else filled
        if quantity < 0 or not 0 <= filled <= quantity:
            raise ValueError(f"order {order.id[:40]!r}: {filled} lots of {quantity} are filled")
        status, reason = status_of(order.status)
        if status is OrderStatus.ACCEPTED and filled:
            status = OrderStatus.PARTIALLY_FILLED
        moment = order.updated_at or order.submitted_at
        return OrderReport(
            order_id=order_id, strategy=strategy, venue_order_id=number, instrument=listed.index,
            side=_side(order.side), price=_price(listed, order.limit_price),
            trigger_price=_price(listed, order.stop_price), quantity=quantity, filled=filled, status=status,
            reason=reason, venue_time_ns=nanoseconds(moment) if moment else 0,
        )  # fmt: skip

    def news(self, update: TradeUpdate) -> TradeReport | None:
        """Returns the fill that an update tells of; None where the desk does not trade it. Raises ValueError."""
        order = update.order
        number, order_id, strategy = self._registry.saw(order.id, order.client_order_id)
        listed = self._universe.of_symbol(order.symbol)
        if listed is None:
            return None
        if not update.execution_id or not update.timestamp:
            raise ValueError(f"a fill of order {order.id[:40]!r} without its execution or its time")
        moment = nanoseconds(update.timestamp)
        who = number, order_id, strategy
        return _fill(listed, update.execution_id, who, _side(order.side), update.price, update.qty, moment)

    def activity(self, row: Activity) -> TradeReport | None:
        """Returns the fill in a row; None where the desk does not trade the symbol. Raises ValueError.

        Whose it is says the registry: a row names its order by the venue's id alone.
        """
        listed = self._universe.of_symbol(row.symbol)
        if listed is None:
            return None
        order_id, strategy = self._registry.whose(row.order_id) or (0, -1)
        who = identity_number(row.order_id), order_id, strategy
        moment = nanoseconds(row.transaction_time)
        return _fill(listed, execution_of(row.id), who, _side(row.side), row.price, row.qty, moment)

    @staticmethod
    def _lots(listed: Listed, value: Figure, *, exact: bool) -> int:
        return listed.lots(value) if exact else listed.near_lots(value)


def _fill(
    listed: Listed, execution: str, who: tuple[int, int, int], side: Side, price: Figure, size: Figure, moment_ns: int
) -> TradeReport:
    """A fill at whole ticks. There is no commission: its fee is what the price has beyond the tick."""
    ticks, lots = listed.near_ticks(price), listed.lots(size)
    if lots <= 0 or ticks <= 0:
        raise ValueError(f"a fill of {size!r:.40} at {price!r:.40}")
    number, order_id, strategy = who
    return TradeReport(
        trade_id=identity_number(execution), order_id=order_id, strategy=strategy, venue_order_id=number,
        instrument=listed.index, side=side, price=ticks, quantity=lots,
        fee=side * (listed.worth(price, size) - listed.worth_of(ticks, lots)), maker=False, venue_time_ns=moment_ns,
    )  # fmt: skip


def _side(word: str) -> Side:
    return Side.BUY if word == "buy" else Side.SELL


def _price(listed: Listed, value: Figure) -> int:
    return 0 if value is None else listed.near_ticks(value)
