"""What each kind of price does to the mark, to the age of the data and to what is held.

What is tested: `quarterdeck.kernel.marks`.
"""

import pytest

from quarterdeck.kernel.vocabulary import EventKind, InstrumentLimit, Reason
from tests.kernel.desks import PRICE, SECOND, VALUE, Desk, refused
from tests.kernel.invariants import check


def mark(desk: Desk) -> int:
    return int(desk.state["instruments"][0]["mark_half_ticks"])


def test_a_quote_marks_at_its_middle_in_half_ticks() -> None:
    desk = Desk()
    desk.event(EventKind.QUOTE, bid=PRICE, ask=PRICE + 1)
    assert mark(desk) == 2 * PRICE + 1


@pytest.mark.parametrize(("bid", "ask"), [(0, PRICE), (PRICE, 0), (0, 0)])
def test_a_one_sided_quote_leaves_the_mark_and_is_no_fresh_price(bid: int, ask: int) -> None:
    desk = Desk()
    before = int(desk.state["instruments"][0]["data_ns"])
    assert desk.event(EventKind.QUOTE, bid=bid, ask=ask, after=SECOND) == []
    assert (mark(desk), int(desk.state["instruments"][0]["data_ns"])) == (2 * PRICE, before)


def test_a_venues_own_mark_is_believed_over_its_quotes() -> None:
    desk = Desk()
    desk.event(EventKind.MARK, mark=PRICE + 30)
    desk.quote(PRICE - 30, after=SECOND)
    assert mark(desk) == 2 * (PRICE + 30)
    assert int(desk.state["instruments"][0]["data_ns"]) == desk.now, "the data is fresh all the same"


def test_a_trade_marks_only_where_there_is_no_quote() -> None:
    desk = Desk()
    desk.event(EventKind.TRADE, price=PRICE + 9, quantity=1)
    assert mark(desk) == 2 * PRICE
    bare = Desk(quoted=False)
    bare.event(EventKind.TRADE, price=PRICE + 9, quantity=1)
    assert mark(bare) == 2 * (PRICE + 9)


def test_a_bar_marks_at_its_close() -> None:
    desk = Desk()
    desk.event(EventKind.BAR, open=PRICE, high=PRICE + 9, low=PRICE - 9, close=PRICE + 5, volume=3)
    assert mark(desk) == 2 * (PRICE + 5)
    assert desk.state["instruments"][0]["last"] == PRICE + 5


def test_book_events_are_the_venues_business() -> None:
    desk = Desk()
    before = desk.state["instruments"].tobytes()
    for kind in (EventKind.LEVEL, EventKind.BOOK_CLEAR):
        assert desk.event(kind, price=PRICE, quantity=5) == []
    assert desk.state["instruments"].tobytes() == before


BAD = (
    (EventKind.QUOTE, {"bid": PRICE + 1, "ask": PRICE}, Reason.CROSSED_QUOTE),
    (EventKind.QUOTE, {"bid": -1, "ask": PRICE}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.QUOTE, {"bid": 1, "ask": -1}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.QUOTE, {"bid": 1, "ask": 2, "bid_quantity": -1}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.QUOTE, {"bid": 1, "ask": 2, "ask_quantity": 2**42}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.TRADE, {"price": 0, "quantity": 1}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.TRADE, {"price": 1, "quantity": 0}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.MARK, {"mark": 0}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.MARK, {"mark": -5}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.BAR, {"open": 5, "high": 9, "low": 0, "close": 5}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.BAR, {"open": 5, "high": 9, "low": 6, "close": 7}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.BAR, {"open": 5, "high": 9, "low": 4, "close": 10}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.BAR, {"open": 5, "high": 9, "low": 4, "close": 5, "volume": -1}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.FUNDING, {"rate": 10**9}, Reason.VALUE_OUT_OF_RANGE),
    (EventKind.FUNDING, {"rate": -(2**63)}, Reason.VALUE_OUT_OF_RANGE),
)


@pytest.mark.parametrize(("kind", "words", "reason"), BAD)
def test_a_price_that_cannot_be_is_refused_by_name(kind: EventKind, words: dict[str, int], reason: Reason) -> None:
    desk = Desk()
    before = desk.state["instruments"].tobytes()
    assert refused(desk.event(kind, **words)) == reason
    assert desk.state["instruments"].tobytes() == before
    assert desk.state["reasons"][reason] == 1


def test_equity_follows_the_mark() -> None:
    desk = Desk()
    desk.hold(10, strategy=0)
    desk.hold(-4, strategy=1)
    equity = desk.equity()
    for price in (PRICE + 5, PRICE - 17, PRICE):
        desk.quote(price)
        assert desk.equity() == equity + 6 * (price - PRICE) * VALUE
        check(desk.state)


def test_half_a_unit_of_value_is_rounded_down() -> None:
    desk = Desk()
    desk.event(EventKind.TICK_SIZE_CHANGE, numerator=1, denominator=1, aux=1)
    desk.hold(-1)
    equity = desk.equity()
    desk.event(EventKind.QUOTE, bid=PRICE, ask=PRICE + 1)
    assert desk.equity() == equity - 1


def test_the_first_price_is_the_periods_reference() -> None:
    desk = Desk()
    assert desk.state["instruments"][0]["limits"][InstrumentLimit.COLLAR_PERIOD_NS] > desk.now
    assert desk.state["instruments"][0]["collar_price"] == 2 * PRICE
