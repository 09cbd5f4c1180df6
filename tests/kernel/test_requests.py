"""Requests: what is approved becomes an order that says who asked and why; only its owner can change it.

What is tested: `quarterdeck.kernel.requests`.
"""

import pytest

from quarterdeck.kernel.vocabulary import (
    Decision,
    EventKind,
    Flag,
    OrderFlag,
    OrderStatus,
    OrderType,
    Reason,
    TimeInForce,
)
from tests.kernel.desks import PRICE, Desk, canceled, decided, of_kind, refused, spoken, submitted
from tests.kernel.invariants import check

LOTS = 10


def test_an_order_carries_what_was_asked_and_by_whom() -> None:
    desk = Desk()
    said = desk.ask(
        -1,
        LOTS,
        PRICE + 3,
        strategy=2,
        instrument=1,
        order_type=OrderType.STOP_LIMIT,
        trigger_price=PRICE + 5,
        time_in_force=TimeInForce.DAY,
        reason=Reason.SIGNAL_ENTRY,
        person=42,
        tag=77,
    )
    assert spoken(said) == [("DECISION", "NONE"), ("SUBMIT", "SIGNAL_ENTRY")]
    decision, submit = said
    order = desk.order_of(int(submit["order_id"]))
    for record in (decision, submit, order):
        assert (record["price"], record["trigger_price"] if record is not decision else PRICE + 5) == (
            PRICE + 3,
            PRICE + 5,
        )
        assert (record["strategy"], record["instrument"], record["person"], record["tag"]) == (2, 1, 42, 77)
        assert (record["order_type"], record["time_in_force"]) == (OrderType.STOP_LIMIT, TimeInForce.DAY)
    assert (decision["order_id"], decision["quantity"], decision["trigger_price"]) == (submit["order_id"], LOTS, LOTS)
    assert (order["reason"], order["created_ns"], order["side"]) == (Reason.SIGNAL_ENTRY, desk.now, -1)
    assert submit["flags"] & Flag.SELL
    assert desk.status(int(submit["order_id"])) == OrderStatus.SUBMITTED


def test_a_refused_request_leaves_no_trace_but_its_count() -> None:
    desk = Desk()
    desk.event(EventKind.PAUSE, strategy=-1, instrument=-1)
    before = desk.state.copy()
    assert submitted(desk.ask(1, 1)) == []
    after = desk.state.copy()
    before["events"], before["kinds"] = after["events"], after["kinds"]
    before["reasons"][Reason.TRADING_DISABLED] += 1
    assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize(
    "kind", [EventKind.ORDER_REQUEST, EventKind.CANCEL_REQUEST, EventKind.REPLACE_REQUEST], ids=lambda kind: kind.name
)
@pytest.mark.parametrize("strategy", [-1, 3, 99])
def test_a_strategy_that_is_not_there_is_refused(kind: EventKind, strategy: int) -> None:
    assert refused(Desk().event(kind, strategy=strategy, price=PRICE, quantity=1)) == Reason.INDEX_OUT_OF_RANGE


def test_a_cancel_is_said_once_and_passes_every_rail() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.event(EventKind.LOCK)
    desk.report(EventKind.CANCEL_REJECTED, order_id)
    assert canceled(desk.event(EventKind.CANCEL_REQUEST, order_id=order_id)) == [order_id]
    assert desk.event(EventKind.CANCEL_REQUEST, order_id=order_id) == [], "it is under way"
    desk.report(EventKind.CANCEL_REJECTED, order_id)
    assert canceled(desk.event(EventKind.CANCEL_REQUEST, order_id=order_id)) == [order_id]


@pytest.mark.parametrize("kind", [EventKind.CANCEL_REQUEST, EventKind.REPLACE_REQUEST], ids=lambda kind: kind.name)
def test_only_ones_own_open_orders_can_be_changed(kind: EventKind) -> None:
    desk = Desk()
    mine, closed = desk.order(1, LOTS), desk.order(1, LOTS)
    desk.report(EventKind.ORDER_CANCELED, closed)
    for words in (
        {"order_id": mine, "strategy": 1},
        {"order_id": closed},
        {"order_id": 12345},
        {"order_id": -1},
        {"order_id": 0},
        {"order_id": -(2**63)},
    ):
        said = desk.event(kind, price=PRICE, quantity=LOTS, **words)
        assert spoken(said) == [("DECISION", "UNKNOWN_ORDER")]
        assert said[0]["decision"] == Decision.REJECTED
    check(desk.state)


def test_cancel_all_reaches_its_scope() -> None:
    desk = Desk()
    orders = {(s, i): desk.order(1, 1, strategy=s, instrument=i) for s in (0, 1) for i in (0, 1)}
    all_of = lambda **words: canceled(desk.event(EventKind.CANCEL_ALL_REQUEST, **words))  # noqa: E731
    assert all_of(strategy=0, instrument=1) == [orders[0, 1]]
    assert all_of(strategy=0, instrument=-1) == [orders[0, 0]]
    assert all_of(strategy=-1, instrument=-1) == [orders[1, 0], orders[1, 1]]


def test_a_replacement_counts_the_larger_until_it_is_answered() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    said = desk.event(EventKind.REPLACE_REQUEST, order_id=order_id, price=PRICE - 2, quantity=4, reason=70)
    (replace,) = of_kind(said, EventKind.REPLACE)
    assert (replace["price"], replace["quantity"], replace["reason"]) == (PRICE - 2, 4, Reason.SIGNAL_ENTRY)
    order = desk.order_of(order_id)
    assert (order["price"], order["quantity"], desk.net()["buy_lots"]) == (PRICE, LOTS, LOTS)
    desk.report(EventKind.ORDER_REPLACED, order_id, price=PRICE - 2, quantity=4)
    assert (order["price"], order["quantity"], desk.net()["buy_lots"]) == (PRICE - 2, 4, 4)
    assert not order["flags"] & OrderFlag.REPLACE_PENDING
    check(desk.state)


@pytest.mark.parametrize("pending", ["cancel", "replace", "unknown"])
def test_an_order_whose_fate_is_open_cannot_be_replaced(pending: str) -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    words = {"order_id": order_id, "price": PRICE - 1, "quantity": LOTS}
    if pending == "cancel":
        desk.event(EventKind.CANCEL_REQUEST, order_id=order_id)
    elif pending == "replace":
        desk.event(EventKind.REPLACE_REQUEST, **words)
    else:
        desk.report(EventKind.ORDER_UNKNOWN, order_id)
    assert spoken(desk.event(EventKind.REPLACE_REQUEST, **words)) == [("DECISION", "IMPOSSIBLE_REPORT")]


def test_a_replacement_to_no_more_than_is_filled_is_no_order() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.fill(order_id, 4)
    for quantity in (4, 3, 0, -1):
        said = desk.event(EventKind.REPLACE_REQUEST, order_id=order_id, price=PRICE, quantity=quantity)
        assert decided(said)[::2] == (Decision.REJECTED, Reason.ORDER_SHAPE_INVALID)


def test_a_reducing_order_can_move_and_shrink_when_entries_are_stopped() -> None:
    desk = Desk()
    desk.hold(LOTS)
    order_id = desk.order(-1, LOTS, PRICE + 50)
    desk.event(EventKind.PAUSE, strategy=-1, instrument=-1)
    words = {"order_id": order_id, "price": PRICE + 1}
    said = desk.event(EventKind.REPLACE_REQUEST, quantity=LOTS + 5, **words)
    assert decided(said) == (Decision.MODIFIED, LOTS, Reason.NOT_REDUCING)
    desk.report(EventKind.ORDER_REPLACED, order_id, price=PRICE + 1, quantity=LOTS)
    assert decided(desk.event(EventKind.REPLACE_REQUEST, quantity=3, **words)) == (Decision.APPROVED, 3, Reason.NONE)
    check(desk.state)


def test_a_lock_stops_replacements_too() -> None:
    desk = Desk()
    desk.hold(LOTS)
    order_id = desk.order(-1, LOTS, PRICE + 50)
    desk.state["breaker"]["locked"] = 1
    said = desk.event(EventKind.REPLACE_REQUEST, order_id=order_id, price=PRICE + 1, quantity=LOTS)
    assert decided(said)[::2] == (Decision.REJECTED, Reason.EMERGENCY_LOCK)


def test_stops_too_large_to_be_summed_are_refused() -> None:
    desk = Desk()
    desk.quote(1)
    desk.event(EventKind.POSITION_ADOPTED, price=1, quantity=2**40)
    words = {"order_type": OrderType.STOP, "flags": Flag.REDUCE_ONLY | Flag.PROTECTIVE}
    assert decided(desk.ask(-1, 2**40, 0, trigger_price=2**41, **words))[2] == Reason.OVERFLOW
    assert decided(desk.ask(-1, 2**40, 0, trigger_price=1, **words))[0] == Decision.APPROVED
    check(desk.state)
