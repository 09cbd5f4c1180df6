"""Messages as event records: each word stands where the kernel reads it. What is tested: `quarterdeck.desk.reports`."""

import numpy as np
import pytest

from quarterdeck.desk.reports import Reports
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderStatus, Reason, Side
from quarterdeck.venues.messages import OrderReport, TradeReport


def only(reports: Reports) -> np.void:
    (record,) = np.frombuffer(reports.take(), EVENT)
    return record


@pytest.fixture
def reports() -> Reports:
    made = Reports()
    made.at(77)
    return made


def words(record: np.void, *names: str) -> tuple[int, ...]:
    return tuple(int(record[name]) for name in names)


def test_a_fill(reports: Reports) -> None:
    fill = TradeReport(
        trade_id=9, order_id=1, strategy=0, venue_order_id=5, instrument=2, side=Side.SELL, price=100, quantity=3,
        fee=-4, maker=True, venue_time_ns=60,
    )  # fmt: skip
    reports.fill(fill, 8, 1)
    record = only(reports)
    assert words(record, "kind", "time_ns", "venue_time_ns", "instrument", "strategy") == (EventKind.FILL, 77, 60, 2, 1)
    assert words(record, "price", "quantity", "order_id", "trade_id", "fee") == (100, 3, 8, 9, -4)
    assert record["flags"] == Flag.SELL | Flag.MAKER


def test_an_adopted_order(reports: Reports) -> None:
    order = OrderReport(
        order_id=11, strategy=-1, venue_order_id=5, instrument=1, side=Side.SELL, price=0, trigger_price=42, quantity=6,
        filled=2, status=OrderStatus.PARTIALLY_FILLED, reduce_only=True,
    )  # fmt: skip
    reports.adopt(order)
    record = only(reports)
    assert words(record, "price", "quantity", "order_id", "venue_order_id", "strategy") == (42, 6, 11, 5, 0)
    assert record["flags"] == Flag.SELL | Flag.REDUCE_ONLY


def test_reports_of_an_order(reports: Reports) -> None:
    reports.order(EventKind.ORDER_REPLACED, 3, 1, 2, price=50, value=7, venue_order_id=12)
    assert words(only(reports), "order_id", "instrument", "strategy", "price", "quantity", "venue_order_id") == (
        3, 1, 2, 50, 7, 12,
    )  # fmt: skip
    reports.order(EventKind.ORDER_REJECTED, 3, 1, 2, value=Reason.BUYING_POWER)
    assert words(only(reports), "value") == (Reason.BUYING_POWER,)


def test_what_the_venue_says_of_the_account(reports: Reports) -> None:
    reports.balance(2, 1_000)
    assert words(only(reports), "kind", "row", "amount") == (EventKind.BALANCE, 2, 1_000)
    reports.transfer(1, -5)
    assert words(only(reports), "kind", "row", "amount") == (EventKind.TRANSFER, 1, -5)
    reports.position(1, 0, 99, -7)
    assert words(only(reports), "kind", "instrument", "price", "quantity") == (EventKind.POSITION_ADOPTED, 1, 99, -7)
    reports.connection(1, up=True)
    assert words(only(reports), "kind", "instrument", "value") == (EventKind.CONNECTION, 1, 1)
    reports.result(1, error=True)
    assert words(only(reports), "kind", "instrument", "flags") == (EventKind.VENUE_RESULT, 1, Flag.ERROR)
    reports.difference(3, differs=True)
    assert words(only(reports), "kind", "instrument", "value") == (EventKind.RECONCILIATION, 3, 1)
    reports.reconciled(1, 123)
    assert words(only(reports), "kind", "instrument", "value") == (EventKind.RECONCILED, 1, 123)


def test_the_desks_own_request(reports: Reports) -> None:
    reports.cancel_all(Reason.SESSION_CLOSED)
    record = only(reports)
    assert words(record, "kind", "instrument", "strategy", "reason", "person") == (
        EventKind.CANCEL_ALL_REQUEST, -1, -1, Reason.SESSION_CLOSED, 0,
    )  # fmt: skip


def test_taking_empties(reports: Reports) -> None:
    reports.clock()
    assert len(reports) == 1
    assert len(reports.take()) == EVENT.itemsize
    assert reports.take() == b""
