"""The life cycle table walked cell by cell, and what stands beside it: fills, trade ids, order ids."""

from itertools import product
from typing import Any

import pytest

from quarterdeck.kernel.lifecycle import EFFECT, LIFE_CYCLE, NEXT_STATUS, is_open, next_status
from quarterdeck.kernel.orders import remaining
from quarterdeck.kernel.records import ORDERS, TRADES
from quarterdeck.kernel.vocabulary import (
    Decision,
    Effect,
    EventKind,
    Flag,
    OrderFlag,
    OrderStatus,
    Reason,
    Report,
)
from tests.kernel.desks import PRICE, Desk, canceled, decided, of_kind, refused, spoken, submitted
from tests.kernel.invariants import check, check_net_is_the_sum

LOTS = 10
PART = 4
STATUSES = tuple(status for status in OrderStatus if status >= OrderStatus.SUBMITTED)
KIND_OF = {
    Report.ACCEPTED: EventKind.ORDER_ACCEPTED,
    Report.CANCELED: EventKind.ORDER_CANCELED,
    Report.REJECTED: EventKind.ORDER_REJECTED,
    Report.EXPIRED: EventKind.ORDER_EXPIRED,
    Report.UNKNOWN: EventKind.ORDER_UNKNOWN,
    Report.NOT_FOUND: EventKind.ORDER_NOT_FOUND,
    Report.REPLACED: EventKind.ORDER_REPLACED,
    Report.CANCEL_REJECTED: EventKind.CANCEL_REJECTED,
    Report.REPLACE_REJECTED: EventKind.REPLACE_REJECTED,
}
# The way to each status: the reports an order of LOTS gets after it was submitted.
WAY = {
    OrderStatus.SUBMITTED: (),
    OrderStatus.ACCEPTED: (Report.ACCEPTED,),
    OrderStatus.PARTIALLY_FILLED: (Report.ACCEPTED, Report.PARTIAL_FILL),
    OrderStatus.UNKNOWN: (Report.UNKNOWN,),
    OrderStatus.FILLED: (Report.FULL_FILL,),
    OrderStatus.CANCELED: (Report.CANCELED,),
    OrderStatus.REJECTED: (Report.REJECTED,),
    OrderStatus.EXPIRED: (Report.EXPIRED,),
}


def tell(desk: Desk, order_id: int, report: Report) -> list[Any]:
    order = desk.order_of(order_id)
    if report == Report.PARTIAL_FILL:
        return desk.fill(order_id, min(PART, max(1, int(remaining(order)) - 1)))
    if report == Report.FULL_FILL:
        return desk.fill(order_id, max(1, int(remaining(order))))
    words = {"price": PRICE - 7, "quantity": LOTS + 5} if report == Report.REPLACED else {}
    return desk.report(KIND_OF[report], order_id, **words)


def order_in(status: OrderStatus) -> tuple[Desk, int]:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    for report in WAY[status]:
        tell(desk, order_id, report)
    assert desk.status(order_id) == status
    return desk, order_id


def test_the_table_has_every_cell() -> None:
    assert set(LIFE_CYCLE) == set(product(STATUSES, Report))


def test_the_arrays_are_the_table() -> None:
    for (status, report), (following, effect) in LIFE_CYCLE.items():
        assert (NEXT_STATUS[status, report], EFFECT[status, report]) == (following, effect)
    for status in (OrderStatus.NONE, OrderStatus.NEW):
        assert (EFFECT[status] == Effect.ANOMALY).all()


@pytest.mark.parametrize("status", STATUSES, ids=lambda status: status.name)
def test_open_is_what_may_still_trade(status: OrderStatus) -> None:
    closed = (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED)
    assert is_open(status) == (status not in closed)


@pytest.mark.parametrize(("status", "report"), list(product(STATUSES, Report)), ids=lambda word: word.name)
def test_cell(status: OrderStatus, report: Report) -> None:
    following, effect = LIFE_CYCLE[status, report]
    desk, order_id = order_in(status)
    order = desk.order_of(order_id)
    filled, working, held = int(order["filled"]), int(order["working_lots"]), int(desk.net()["quantity"])
    assert working == (LOTS - filled if is_open(status) else 0)

    said = tell(desk, order_id, report)

    expected = following
    if filled and status != following == OrderStatus.REJECTED:
        expected = OrderStatus.CANCELED
    # A full fill of an order that is full is an overfill; the table's cell is what the fill finds.
    assert desk.status(order_id) == expected
    moved = int(desk.net()["quantity"]) - held
    fills = report in {Report.PARTIAL_FILL, Report.FULL_FILL}
    assert moved == int(order["filled"]) - filled
    assert (moved > 0) == fills, "positions move by fills, and by nothing else"
    working_after = int(order["working_lots"])
    if effect in {Effect.CLOSE, Effect.FILL_AND_CLOSE}:
        assert working_after == 0
        assert order["open_index"] == -1
    elif effect == Effect.FILL:
        assert working_after == working - moved
    elif effect == Effect.AMEND:
        assert (order["price"], order["quantity"], working_after) == (PRICE - 7, LOTS + 5, LOTS + 5 - filled)
    else:
        assert working_after == working
    odd = effect == Effect.ANOMALY or (fills and int(order["filled"]) > LOTS)
    assert bool(of_kind(said, EventKind.ANOMALY)) == odd
    assert bool(desk.state["instruments"][0]["unreconciled"]) == odd
    assert int(desk.net()["buy_lots"]) == working_after
    check(desk.state)
    check_net_is_the_sum(desk.state)


@pytest.mark.parametrize("report", Report, ids=lambda report: report.name)
def test_working_lots_are_released_once(report: Report) -> None:
    """Every way to close an order, then the same report and every other one again."""
    for first in (Report.FULL_FILL, Report.CANCELED, Report.REJECTED, Report.EXPIRED):
        desk = Desk()
        other = desk.order(1, 3)
        order_id = desk.order(1, LOTS, PRICE - 1)
        tell(desk, order_id, Report.PARTIAL_FILL)
        tell(desk, order_id, first)
        tell(desk, order_id, report)
        assert int(desk.net()["buy_lots"]) == 3
        assert desk.state["open_count"] == 1
        assert desk.order_of(other)["open_index"] == 0
        check(desk.state)


@pytest.mark.parametrize(
    ("status", "report", "filled", "expected"),
    [
        (OrderStatus.UNKNOWN, Report.ACCEPTED, 0, OrderStatus.ACCEPTED),
        (OrderStatus.UNKNOWN, Report.ACCEPTED, 3, OrderStatus.PARTIALLY_FILLED),
        (OrderStatus.UNKNOWN, Report.NOT_FOUND, 3, OrderStatus.CANCELED),
        (OrderStatus.UNKNOWN, Report.REJECTED, 3, OrderStatus.CANCELED),
        (OrderStatus.ACCEPTED, Report.REJECTED, 0, OrderStatus.REJECTED),
        (OrderStatus.REJECTED, Report.REJECTED, 3, OrderStatus.REJECTED),
    ],
)
def test_rules_beside_the_table(status: int, report: int, filled: int, expected: int) -> None:
    assert next_status(status, report, filled) == expected


def test_unknown_stays_counted_until_the_venue_has_spoken_twice() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    for kind in (EventKind.ORDER_UNKNOWN, EventKind.ORDER_UNKNOWN):
        desk.report(kind, order_id)
        assert (desk.status(order_id), int(desk.net()["buy_lots"])) == (OrderStatus.UNKNOWN, LOTS)
    desk.report(EventKind.ORDER_NOT_FOUND, order_id)
    assert (desk.status(order_id), int(desk.net()["buy_lots"])) == (OrderStatus.REJECTED, 0)


def test_the_first_not_found_only_makes_it_unknown() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.report(EventKind.ORDER_NOT_FOUND, order_id)
    assert (desk.status(order_id), int(desk.net()["buy_lots"])) == (OrderStatus.UNKNOWN, LOTS)
    desk.report(EventKind.ORDER_NOT_FOUND, order_id)
    assert desk.status(order_id) == OrderStatus.REJECTED


def test_late_fill_of_a_canceled_order_moves_the_position() -> None:
    desk, order_id = order_in(OrderStatus.CANCELED)
    desk.fill(order_id, PART)
    assert (desk.status(order_id), int(desk.net()["quantity"])) == (OrderStatus.CANCELED, PART)
    desk.fill(order_id, LOTS - PART)
    assert (desk.status(order_id), int(desk.net()["quantity"])) == (OrderStatus.FILLED, LOTS)
    assert int(desk.net()["buy_lots"]) == 0


def test_overfill_is_booked_and_stops_entries_until_reconciled() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    said = desk.fill(order_id, LOTS + 3)
    assert spoken(said) == [("ANOMALY", "OVERFILL")]
    assert (int(desk.net()["quantity"]), int(desk.net()["buy_lots"])) == (LOTS + 3, 0)
    assert decided(desk.ask(1, 1)) == (Decision.REJECTED, 0, Reason.UNRECONCILED)
    desk.event(EventKind.RECONCILIATION, value=0)
    assert decided(desk.ask(1, 1)) == (Decision.APPROVED, 1, Reason.NONE)


def test_a_repeated_trade_id_is_applied_once() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.fill(order_id, PART, trade_id=77)
    before = int(desk.net()["quantity"])
    assert desk.fill(order_id, PART, trade_id=77) == []
    assert int(desk.net()["quantity"]) == before == PART
    assert int(desk.state["reasons"][Reason.DUPLICATE_TRADE]) == 1


def test_one_trade_id_on_two_sides_or_instruments_is_two_trades() -> None:
    """Both sides of one trade may be ours, and venues number trades per instrument."""
    desk = Desk()
    buy, sell = desk.order(1, LOTS, PRICE - 1), desk.order(-1, LOTS, PRICE + 1)
    other = desk.order(1, LOTS, instrument=1)
    for order_id in (buy, sell, other):
        desk.fill(order_id, PART, trade_id=5)
    assert (int(desk.net(0)["fills"]), int(desk.net(1)["fills"])) == (2, 1)


def test_trade_ids_are_remembered_around_the_ring() -> None:
    desk = Desk()
    order_id = desk.order(1, 10 * TRADES)
    for trade_id in range(1, TRADES + 40):
        desk.fill(order_id, 1, trade_id=trade_id * 1_000_003, venue_time_ns=1000 + trade_id)
    held = int(desk.net()["quantity"])
    assert held == TRADES + 39
    # Every id still in the ring is known; nothing moves.
    for trade_id in range(40, TRADES + 40):
        assert desk.fill(order_id, 1, trade_id=trade_id * 1_000_003, venue_time_ns=1000 + trade_id) == []
    # What has left it may be a repeat: the kernel refuses to guess.
    assert int(desk.state["trade_horizon_ns"]) == 1000 + 39
    said = desk.fill(order_id, 1, trade_id=1 * 1_000_003, venue_time_ns=1001)
    assert refused(said) == Reason.TRADE_TOO_OLD
    assert int(desk.net()["quantity"]) == held
    check(desk.state)


def test_a_repeat_at_the_horizon_is_not_booked_again() -> None:
    """The trade that was forgotten last carries exactly the horizon's time."""
    desk = Desk()
    order_id = desk.order(1, 10 * TRADES)
    for trade_id in range(1, TRADES + 2):
        desk.fill(order_id, 1, trade_id=trade_id, venue_time_ns=500)
    held = int(desk.net()["quantity"])
    desk.fill(order_id, 1, trade_id=1, venue_time_ns=500)
    assert int(desk.net()["quantity"]) == held


@pytest.mark.parametrize("kind", list(KIND_OF.values()), ids=lambda kind: kind.name)
def test_a_report_of_an_unknown_order_is_said_and_changes_no_order(kind: EventKind) -> None:
    desk = Desk()
    desk.order(1, LOTS)
    orders = desk.state["orders"].tobytes()
    said = desk.report(kind, 12345, price=PRICE, quantity=1)
    assert spoken(said) == [("ANOMALY", "UNKNOWN_ORDER")]
    assert desk.state["orders"].tobytes() == orders


def test_a_fill_of_an_unknown_order_is_booked_and_said() -> None:
    desk = Desk()
    said = desk.event(EventKind.FILL, order_id=999, price=PRICE, quantity=3, trade_id=1, strategy=1)
    assert spoken(said) == [("ANOMALY", "UNKNOWN_ORDER")]
    assert (int(desk.net()["quantity"]), int(desk.position(1)["quantity"])) == (3, 3)
    assert int(desk.state["fills_unmatched"]) == 1
    check(desk.state)


def test_a_fill_on_the_wrong_side_is_booked_as_it_is_and_said() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    said = desk.fill(order_id, 2, flags=Flag.SELL)
    assert spoken(said) == [("ANOMALY", "IMPOSSIBLE_REPORT")]
    assert (int(desk.net()["quantity"]), int(desk.net()["buy_lots"])) == (-2, LOTS)


def test_liquidation_fills_are_expected_to_have_no_order() -> None:
    desk = Desk()
    desk.hold(5)
    flags = Flag.SELL | Flag.LIQUIDATED
    said = desk.event(EventKind.FILL, price=PRICE, quantity=5, trade_id=900, flags=flags)
    assert (said, int(desk.net()["quantity"])) == ([], 0)


def test_order_ids_are_deterministic_and_name_their_session() -> None:
    first, second = Desk(), Desk()
    ids = [first.order(1, 1) for _ in range(5)]
    assert ids == [second.order(1, 1) for _ in range(5)] == [(1 << 40) + n for n in range(1, 6)]
    first.event(EventKind.SESSION_END)
    first.event(EventKind.SESSION_START, epoch=2)
    # The five orders of the first session still hold their slots.
    assert first.order(1, 1) == (2 << 40) + 6


@pytest.mark.parametrize("epoch", [0, 1, -1, 2**22])
def test_a_session_never_goes_back_to_an_epoch(epoch: int) -> None:
    assert refused(Desk().event(EventKind.SESSION_START, epoch=epoch)) == Reason.VALUE_OUT_OF_RANGE


def test_ids_pass_over_slots_that_are_still_open() -> None:
    desk = Desk()
    stays = desk.order(1, 1)
    seen = {stays}
    for _ in range(3 * ORDERS):
        order_id = desk.order(1, 1)
        assert order_id not in seen
        assert order_id % ORDERS != stays % ORDERS
        seen.add(order_id)
        desk.report(EventKind.ORDER_CANCELED, order_id)
    assert desk.status(stays) == OrderStatus.SUBMITTED
    check(desk.state)


def test_a_full_table_refuses_and_frees_with_the_first_close() -> None:
    desk = Desk()
    ids = [desk.order(1, 1) for _ in range(ORDERS)]
    assert decided(desk.ask(1, 1)) == (Decision.REJECTED, 0, Reason.ORDER_TABLE_FULL)
    desk.report(EventKind.ORDER_CANCELED, ids[17])
    assert submitted(desk.ask(1, 1))[0] % ORDERS == ids[17] % ORDERS
    check(desk.state)


def test_an_adopted_order_counts_at_once_and_can_be_canceled() -> None:
    desk = Desk()
    desk.event(EventKind.ORDER_ADOPTED, price=PRICE, quantity=6, venue_order_id=4711, flags=Flag.SELL)
    order_id = (1 << 40) + 1
    order = desk.order_of(order_id)
    assert (desk.status(order_id), int(order["venue_order_id"])) == (OrderStatus.ACCEPTED, 4711)
    assert order["flags"] & OrderFlag.ADOPTED
    assert int(desk.net()["sell_lots"]) == 6
    assert canceled(desk.event(EventKind.CANCEL_REQUEST, order_id=order_id)) == [order_id]
    desk.fill(order_id, 6)
    assert int(desk.net()["quantity"]) == -6
    check(desk.state)
