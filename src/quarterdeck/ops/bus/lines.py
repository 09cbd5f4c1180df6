"""From a desk's log lines to topics: a table, and what follows from several lines together.

A line becomes one event with the whole line as its data. What is derived (an order is filled, is closed, cost so much
against its price) is an event of its own without the key "event", so that nobody counts a line twice.
"""

import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

import msgspec

from quarterdeck.ops.bus.events import BusEvent

__all__ = ["LINE_TOPICS", "LineReader", "OrderMemory", "event_of_line", "time_ns_of", "topic_of"]

_BPS: Final = 10_000
_REMEMBERED_MAX: Final = 20_000
_SECOND_NS: Final = 1_000_000_000
LINE_TOPICS: Final = MappingProxyType(
    {
        "SIGNAL_GENERATED": "signal.generated",
        "RISK_DECISION": "risk.decision",
        "RISK_BLOCK": "risk.rejected",
        "ORDER_SUBMITTED": "order.submitted",
        "ORDER_FILLED": "trade.fill",
        "ORDER_ACCEPTED": "order.state",
        "ORDER_REPLACED": "order.state",
        "ORDER_UNKNOWN": "order.state",
        "CANCEL_REJECTED": "order.state",
        "REPLACE_REJECTED": "order.state",
        "ORDER_REJECTED": "order.closed",
        "ORDER_CANCELED": "order.closed",
        "ORDER_EXPIRED": "order.closed",
        "ORDER_NOT_FOUND": "order.closed",
        "FUNDING_PAYMENT": "funding.payment",
        "BREAKER_CHANGE": "risk.violation",
        "METRIC_CHANGE": "risk.violation",
        "WARNING": "risk.violation",
        "LIQUIDATION": "risk.violation",
        "THROTTLED": "risk.violation",
        "FLATTENED": "command.given",
        "COMMAND": "command.given",
        "CONNECTION": "health.state",
        "DISK_LOW": "health.state",
        "TRADING_STOPPED": "health.state",
        "BACKUP_DONE": "health.state",
        "BACKUP_FAILED": "health.state",
        "BACKUP_OFF": "health.state",
        "RECONCILED": "reconcile.completed",
        "RECONCILIATION_AGREES": "reconcile.completed",
        "RECONCILIATION_DIFFERENCE": "reconcile.difference",
    }
)
_BEGINNINGS: Final = (("COMMAND_", "command.given"), ("SESSION_", "desk.session"), ("RISK_", "risk.violation"))


def topic_of(line: Mapping[str, Any]) -> str:
    """The topic of a line: by its event's name, then by how that begins; an error nobody named is desk.error."""
    event = str(line.get("event", ""))
    named = LINE_TOPICS.get(event) or next((topic for begin, topic in _BEGINNINGS if event.startswith(begin)), None)
    return named or ("desk.error" if line.get("level") == "error" else "health.state")


def time_ns_of(line: Mapping[str, Any]) -> int:
    """UTC nanoseconds: of the desk's own time where the line has one, else of when it was written; 0: neither."""
    text = str(line.get("time") or line.get("logged") or "")
    head, _, fraction = text.rstrip("Z").partition(".")
    try:
        seconds = int(datetime.fromisoformat(f"{head}+00:00").timestamp())
        return seconds * _SECOND_NS + int(fraction[:9].ljust(9, "0"))
    except ValueError:
        return 0


def event_of_line(line: Mapping[str, Any], desk: str) -> BusEvent:
    """The event of one line. Its id is desk:sequence:event:check, the same whenever the line is read."""
    found = line.get("sequence")
    sequence = found if isinstance(found, int) else 0
    check = zlib.crc32(msgspec.json.encode(line))
    name = f"{desk}:{sequence}:{line.get('event', '')}:{check:08x}"
    return BusEvent(name, topic_of(line), desk, time_ns_of(line), sequence, line)


class OrderMemory(msgspec.Struct):
    """What is remembered of an order that works: figures as texts. `worst` is None for one without a price."""

    quantity: str
    price: str | None
    filled: str = "0"
    value: str = "0"  # price times quantity of its fills


class LineReader:
    """Reads one desk's lines into events; remembers the orders that work, the newest 20,000 of them."""

    def __init__(self, desk: str, orders: Mapping[str, OrderMemory] | None = None) -> None:
        self._desk = desk
        self.orders: OrderedDict[str, OrderMemory] = OrderedDict(orders or {})

    def events(self, line: Mapping[str, Any]) -> Iterator[BusEvent]:
        """Yields the line's own event, then what follows from it."""
        base = event_of_line(line, self._desk)
        yield base
        event, order_id = str(line.get("event", "")), str(line.get("order_id", ""))
        if event == "ORDER_SUBMITTED":
            self._remember(order_id, OrderMemory(str(line.get("quantity")), _text(line.get("price"))))
        elif event == "ORDER_REPLACED" and order_id in self.orders:
            self.orders[order_id].quantity = str(line.get("quantity"))
            self.orders[order_id].price = _text(line.get("price"))
        elif event == "ORDER_FILLED" and order_id in self.orders:
            yield from self._filled(line, base, order_id)
        elif base.topic == "order.closed":
            self.orders.pop(order_id, None)

    def _remember(self, order_id: str, order: OrderMemory) -> None:
        self.orders[order_id] = order
        while len(self.orders) > _REMEMBERED_MAX:
            self.orders.popitem(last=False)

    def _filled(self, line: Mapping[str, Any], base: BusEvent, order_id: str) -> Iterator[BusEvent]:
        order = self.orders[order_id]
        try:
            quantity, price = Decimal(str(line.get("quantity"))), Decimal(str(line.get("price")))
            whole, limit = Decimal(order.quantity), None if order.price is None else Decimal(order.price)
        except InvalidOperation:
            return  # a line without figures: nothing can be derived from it
        shared = {key: line.get(key) for key in ("order_id", "instrument", "strategy", "side")}
        if limit:
            worse = (price - limit) if line.get("side") == "BUY" else (limit - price)
            cost = {**shared, "expected": str(limit), "price": str(price), "slippage_bps": float(worse / limit * _BPS)}
            yield _derived(base, "exec.slippage", cost)
        filled, value = Decimal(order.filled) + quantity, Decimal(order.value) + quantity * price
        order.filled, order.value = str(filled), str(value)
        if filled >= whole > 0:
            del self.orders[order_id]
            done = {**shared, "quantity": str(filled), "average_price": str(value / filled), "status": "FILLED"}
            yield _derived(base, "order.filled", done)
            yield _derived(base, "order.closed", done)


def _derived(base: BusEvent, topic: str, data: Mapping[str, Any]) -> BusEvent:
    return BusEvent(f"{base.id}:{topic}", topic, base.desk, base.time_ns, base.sequence, data)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
