"""Reports: what a venue says is a fact, applied once; what cannot be is said aloud and stops that instrument only.

What is tested: `quarterdeck.kernel.reports`.
"""

import pytest

from quarterdeck.kernel.vocabulary import Decision, EventKind, Flag, OrderFlag, OrderStatus, Reason
from tests.kernel.desks import PRICE, Desk, decided, of_kind, refused, spoken
from tests.kernel.invariants import check

LOTS = 10


def test_an_acceptance_brings_the_venues_own_id() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.report(EventKind.ORDER_ACCEPTED, order_id, venue_order_id=4711)
    assert desk.order_of(order_id)["venue_order_id"] == 4711
    (cancel,) = of_kind(desk.event(EventKind.CANCEL_REQUEST, order_id=order_id), EventKind.CANCEL)
    assert cancel["tag"] == 4711


def test_a_replacement_may_bring_a_new_venue_id_and_keeps_the_old_one_otherwise() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.report(EventKind.ORDER_ACCEPTED, order_id, venue_order_id=1)
    desk.report(EventKind.ORDER_REPLACED, order_id, price=PRICE, quantity=LOTS, venue_order_id=2)
    desk.report(EventKind.ORDER_REPLACED, order_id, price=PRICE, quantity=LOTS, venue_order_id=0)
    assert desk.order_of(order_id)["venue_order_id"] == 2


def test_an_order_sums_what_it_was_filled_at() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.fill(order_id, 4, PRICE - 1, fee=7)
    desk.fill(order_id, 6, PRICE - 3, fee=-2)
    order = desk.order_of(order_id)
    assert (order["filled"], order["filled_cost"], order["fee"]) == (10, 4 * (PRICE - 1) + 6 * (PRICE - 3), 5)
    assert desk.status(order_id) == OrderStatus.FILLED


def test_a_replacement_to_what_is_filled_already_ends_the_order() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.fill(order_id, 4)
    desk.report(EventKind.ORDER_REPLACED, order_id, price=PRICE, quantity=4)
    assert desk.status(order_id) == OrderStatus.FILLED
    assert (desk.net()["buy_lots"], desk.state["open_count"]) == (0, 0)
    check(desk.state)


def test_a_stop_keeps_no_price_through_a_replacement() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS, 0, order_type=2, trigger_price=PRICE + 5)
    assert desk.report(EventKind.ORDER_REPLACED, order_id, price=0, quantity=3) == []
    assert (desk.order_of(order_id)["price"], desk.order_of(order_id)["quantity"]) == (0, 3)


@pytest.mark.parametrize(("price", "quantity"), [(-1, 1), (2**42, 1), (PRICE, 0), (PRICE, -1), (PRICE, 2**42)])
def test_a_replacement_that_cannot_be_is_refused(price: int, quantity: int) -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    said = desk.report(EventKind.ORDER_REPLACED, order_id, price=price, quantity=quantity)
    assert refused(said) == Reason.VALUE_OUT_OF_RANGE


@pytest.mark.parametrize("trade_id", [0, -1, -(2**63)])
def test_a_fill_needs_a_trade_id(trade_id: int) -> None:
    said = Desk().event(EventKind.FILL, price=PRICE, quantity=1, trade_id=trade_id)
    assert refused(said) == Reason.VALUE_OUT_OF_RANGE


def test_a_fill_of_an_order_goes_to_the_strategy_that_asked() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS, strategy=2)
    desk.fill(order_id, LOTS, strategy=0)
    assert [int(desk.position(strategy)["quantity"]) for strategy in range(3)] == [0, 0, LOTS]


def test_an_anomaly_stops_entries_on_its_instrument_only() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS, instrument=1)
    desk.report(EventKind.ORDER_REJECTED, order_id, instrument=1)
    said = desk.report(EventKind.ORDER_ACCEPTED, order_id, instrument=1)
    assert spoken(said) == [("ANOMALY", "IMPOSSIBLE_REPORT")]
    assert decided(desk.ask(1, 1, instrument=1))[2] == Reason.UNRECONCILED
    assert decided(desk.ask(1, 1, instrument=0))[0] == Decision.APPROVED


@pytest.mark.parametrize("instrument", [-1, 2, 3, 4, 1_000, 32_767, -32_768])
def test_a_report_that_names_no_instrument_touches_no_other(instrument: int) -> None:
    """Reports of an order need not name its instrument, and nobody has checked the word when they do."""
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.report(EventKind.ORDER_REJECTED, order_id, instrument=instrument)
    desk.report(EventKind.ORDER_ACCEPTED, order_id, instrument=instrument)
    desk.report(EventKind.ORDER_ACCEPTED, 999, instrument=instrument)
    assert [int(entry["unreconciled"]) for entry in desk.state["instruments"]] == [1, 0, 0, 0]
    check(desk.state)


def test_an_unknown_order_may_be_canceled_again() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.event(EventKind.CANCEL_REQUEST, order_id=order_id)
    desk.report(EventKind.ORDER_UNKNOWN, order_id)
    assert not desk.order_of(order_id)["flags"] & OrderFlag.CANCEL_PENDING
    assert len(desk.event(EventKind.CANCEL_REQUEST, order_id=order_id)) == 1


def test_an_adopted_order_without_a_free_slot_is_said() -> None:
    desk = Desk()
    while desk.ask(1, 1)[0]["decision"] != Decision.REJECTED:
        pass
    said = desk.event(EventKind.ORDER_ADOPTED, price=PRICE, quantity=1)
    assert spoken(said) == [("ANOMALY", "ORDER_TABLE_FULL")]


def test_the_venues_word_on_cash_is_kept_and_changes_no_book() -> None:
    desk = Desk()
    before = desk.state["accounts"][0]["postings"].tobytes()
    desk.event(EventKind.BALANCE, row=0, amount=123)
    assert (desk.state["accounts"][0]["venue_cash"], desk.state["accounts"][0]["venue_cash_ns"]) == (123, desk.now)
    assert desk.state["accounts"][0]["postings"].tobytes() == before


def test_a_sell_fill_is_a_sell() -> None:
    desk = Desk()
    desk.event(EventKind.FILL, price=PRICE, quantity=2, trade_id=5, flags=Flag.SELL | Flag.MAKER)
    assert desk.net()["quantity"] == -2


def test_an_order_of_our_own_that_the_journal_had_lost_keeps_its_id() -> None:
    desk = Desk()
    lost = (int(desk.state["epoch"]) << 40) + 7_000
    assert desk.event(EventKind.ORDER_ADOPTED, price=PRICE, quantity=4, order_id=lost, venue_order_id=9) == []
    assert (desk.status(lost), desk.order_of(lost)["venue_order_id"]) == (OrderStatus.ACCEPTED, 9)
    desk.fill(lost, 4)
    assert desk.status(lost) == OrderStatus.FILLED
    check(desk.state)


def test_an_order_of_a_session_to_come_cannot_be_adopted() -> None:
    desk = Desk()
    foreign = (int(desk.state["epoch"]) + 1) << 40
    said = desk.event(EventKind.ORDER_ADOPTED, price=PRICE, quantity=1, order_id=foreign)
    assert refused(said) == Reason.VALUE_OUT_OF_RANGE


def test_an_adopted_order_takes_no_slot_that_is_open() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    said = desk.event(EventKind.ORDER_ADOPTED, price=PRICE, quantity=1, order_id=order_id)
    assert spoken(said) == [("ANOMALY", "ORDER_TABLE_FULL")]
    assert desk.order_of(order_id)["quantity"] == LOTS


def test_the_time_up_to_which_fills_are_known_never_goes_back() -> None:
    desk = Desk()
    for told, known in ((50, 50), (40, 50), (60, 60)):
        desk.event(EventKind.RECONCILED, instrument=0, value=told)
        assert desk.state["venues"][0]["reconciled_ns"] == known


def test_a_fill_from_before_the_desk_took_its_account_over_is_refused() -> None:
    desk = Desk()
    desk.event(EventKind.RECONCILED, instrument=0, value=1_000)
    old = {"price": PRICE, "quantity": 2, "trade_id": 5}
    assert refused(desk.event(EventKind.FILL, venue_time_ns=1_000, **old)) == Reason.TRADE_TOO_OLD
    desk.event(EventKind.RECONCILED, instrument=0, value=5_000)
    desk.event(EventKind.FILL, venue_time_ns=1_001, **old)
    assert desk.net()["quantity"] == 2


def test_a_funding_payment_told_twice_is_posted_once() -> None:
    desk = Desk()
    before = int(desk.state["equity"])
    desk.event(EventKind.FUNDING_PAYMENT, amount=70, venue_time_ns=500)
    assert refused(desk.event(EventKind.FUNDING_PAYMENT, amount=70, venue_time_ns=500)) == Reason.DUPLICATE_TRADE
    desk.event(EventKind.FUNDING_PAYMENT, amount=70, venue_time_ns=501)
    desk.event(EventKind.FUNDING_PAYMENT, amount=70)  # a venue without a time: nobody can tell
    assert int(desk.state["equity"]) - before == 210


def test_a_fill_of_a_larger_quantity_that_was_asked_for_is_no_anomaly() -> None:
    """The venue took the replacement and filled of it; its answer is still on its way."""
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.event(EventKind.REPLACE_REQUEST, order_id=order_id, price=PRICE, quantity=LOTS + 5)
    assert desk.fill(order_id, LOTS) == []
    assert desk.status(order_id) == OrderStatus.PARTIALLY_FILLED
    assert desk.fill(order_id, 2) == []
    desk.report(EventKind.ORDER_REPLACED, order_id, price=PRICE, quantity=LOTS + 5)
    assert desk.order_of(order_id)["working_lots"] == 3
    desk.fill(order_id, 3)
    assert desk.status(order_id) == OrderStatus.FILLED
    check(desk.state)


def test_a_filled_order_whose_replacement_was_refused_is_filled() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.event(EventKind.REPLACE_REQUEST, order_id=order_id, price=PRICE, quantity=LOTS + 5)
    desk.fill(order_id, LOTS)
    desk.report(EventKind.REPLACE_REJECTED, order_id)
    assert (desk.status(order_id), desk.state["open_count"]) == (OrderStatus.FILLED, 0)
    check(desk.state)


def test_more_than_was_ever_asked_for_is_an_anomaly() -> None:
    desk = Desk()
    order_id = desk.order(1, LOTS)
    desk.event(EventKind.REPLACE_REQUEST, order_id=order_id, price=PRICE, quantity=LOTS + 5)
    assert spoken(desk.fill(order_id, LOTS + 6)) == [("ANOMALY", "OVERFILL")]
