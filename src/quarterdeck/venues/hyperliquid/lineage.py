"""Which of the venue's orders is ours now: a change of price or size ends one there and opens another under a new id.

The venue's modify is a cancel and a place. Both orders carry the same client order id, the cancel of the old one is
told as any cancel is, and the new one counts its size from nothing. Here the two are one order again:

| told of            | while              | becomes                                                       |
|--------------------|--------------------|---------------------------------------------------------------|
| an older id        | at any time        | nothing: it was replaced                                      |
| the present id, it | an amend is out    | held back until the amend is answered: it may be half of it   |
| was cancelled      |                    |                                                               |
| a newer id         | at any time        | the present id; what was filled before is added to its figures |

A fill that happens while an amend travels is traded by the old order and not known when the new one is sized: that much
may trade beyond the total asked for. A reduce-only order cannot, the venue cuts it. And none of this outlives the
process. So the venue's capabilities say that it cannot amend; whoever sends an Amend all the same gets this.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import msgspec

from quarterdeck.kernel.vocabulary import OrderStatus
from quarterdeck.venues.messages import Amend, OrderReport, TradeReport

__all__ = ["Lineage"]

_ORDERS_MAX: Final = 8_192
_TRADES_MAX: Final = 256


@dataclass(slots=True)
class _Row:
    """One order of ours. `venue_order_id` is the newest known, `carried` what its forerunners filled."""

    venue_order_id: int = 0
    strategy: int = -1
    carried: int = 0
    filled: int = 0
    amending: bool = False
    held: OrderReport | None = None
    trades: set[int] = field(default_factory=set[int])
    traded: int = 0


class Lineage:
    """Remembers the latest few thousand orders. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: OrderedDict[int, _Row] = OrderedDict()
        self._owners: OrderedDict[int, tuple[int, int]] = OrderedDict()  # the venue's ids to (order id, strategy)

    def _own(self, venue_order_id: int, order_id: int, strategy: int) -> None:
        self._owners[venue_order_id] = (order_id, strategy)
        if len(self._owners) > _ORDERS_MAX:
            self._owners.popitem(last=False)

    def _row(self, order_id: int) -> _Row:
        row = self._rows.get(order_id)
        if row is None:
            row = self._rows[order_id] = _Row()
            if len(self._rows) > _ORDERS_MAX:
                self._rows.popitem(last=False)
        return row

    def saw_fill(self, fill: TradeReport) -> TradeReport:
        """Notes a fill, of which a repeat changes nothing; returns it under our id where only the venue's is told.

        The venue writes the client order id into most fills, and promises it for none.
        """
        with self._lock:
            if not fill.order_id:
                order_id, strategy = self._owners.get(fill.venue_order_id, (0, -1))
                if not order_id:
                    return fill
                fill = msgspec.structs.replace(fill, order_id=order_id, strategy=strategy)
            row = self._row(fill.order_id)
            if fill.trade_id not in row.trades and len(row.trades) < _TRADES_MAX:
                row.trades.add(fill.trade_id)
                row.traded += fill.quantity
                row.filled = max(row.filled, row.traded)
            return fill

    def placed(self, order_id: int, strategy: int, venue_order_id: int, filled: int) -> None:
        """Notes the answer to a new order: its id there (0: not told), and what was filled of it (-1: not told)."""
        with self._lock:
            row = self._row(order_id)
            if venue_order_id:
                self._own(venue_order_id, order_id, strategy)
            row.venue_order_id = max(row.venue_order_id, venue_order_id)
            row.filled = max(row.filled, filled)

    def whole(self, report: OrderReport) -> OrderReport:
        """Returns the report of an order that was asked about, its forerunners' fills added."""
        if not report.order_id:
            return report
        with self._lock:
            row = self._row(report.order_id)
            return report if report.venue_order_id < row.venue_order_id else self._adopt(row, report)

    def _adopt(self, row: _Row, report: OrderReport) -> OrderReport:
        """Takes a report of the present or a newer id into the row."""
        self._own(report.venue_order_id, report.order_id, report.strategy)
        if report.venue_order_id > row.venue_order_id:
            row.carried = row.filled if row.venue_order_id else 0
            row.venue_order_id = report.venue_order_id
        if row.carried:
            filled = report.filled if report.filled < 0 else report.filled + row.carried
            status = OrderStatus.PARTIALLY_FILLED if report.status is OrderStatus.ACCEPTED else report.status
            report = msgspec.structs.replace(
                report, quantity=report.quantity + row.carried, filled=filled, status=status
            )
        row.filled = max(row.filled, report.filled)
        return report

    def saw_order(self, report: OrderReport) -> OrderReport | None:
        """Returns the report as one of the whole order; None for one that is to be passed over or held back."""
        if not report.order_id:
            return report
        with self._lock:
            row = self._row(report.order_id)
            if report.venue_order_id < row.venue_order_id:
                return None
            report = self._adopt(row, report)
            if row.amending and report.status is OrderStatus.CANCELED:
                row.held = report
                return None
            return report

    def begin_amend(self, request: Amend) -> int:
        """An amend goes out. Returns how many lots of the order are known to be filled."""
        with self._lock:
            row = self._row(request.order_id)
            row.amending, row.held, row.strategy = True, None, request.strategy
            row.venue_order_id = max(row.venue_order_id, request.venue_order_id)
            return row.filled

    def end_amend(self, order_id: int, venue_order_id: int) -> OrderReport | None:
        """An amend was answered: by the new id, or 0 when it did not take. Returns a cancel held back for it."""
        with self._lock:
            row = self._row(order_id)
            held, row.held, row.amending = row.held, None, False
            if venue_order_id > row.venue_order_id:
                row.carried, row.venue_order_id = row.filled, venue_order_id
                self._own(venue_order_id, order_id, row.strategy)
                return None
            return None if venue_order_id else held
