"""What is tested: `quarterdeck.venues.alpaca.reasons`, row by row."""

import pytest

from quarterdeck.kernel.vocabulary import OrderStatus, Reason
from quarterdeck.venues.alpaca.reasons import HALTS, RESUMPTIONS, Verdict, judge, status_of

REFUSED, UNREAD, VENUE, UNKNOWN = Verdict.REFUSED, Verdict.UNREAD, Verdict.VENUE, Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("status", "code", "text", "reason", "verdict"),
    [
        (401, 40110000, "request is not authorized", Reason.TRADING_DISABLED, REFUSED),
        (403, 40310000, "insufficient buying power", Reason.BUYING_POWER, REFUSED),
        (403, 40310000, "insufficient day trading buying power", Reason.BUYING_POWER, REFUSED),
        (403, 40310000, "insufficient qty available for order (requested: 5, available: 0)", Reason.POSITION_LIMIT,
         REFUSED),
        (403, 40310000, "potential wash trade detected. use complex orders", Reason.SELF_MATCH, REFUSED),
        (403, 40310000, "account is not allowed to short", Reason.POSITION_LIMIT, REFUSED),
        (403, 40310000, "account is restricted to liquidation only", Reason.TRADING_DISABLED, REFUSED),
        (403, 40310000, "words that nobody saw yet", Reason.VENUE_REJECTED, REFUSED),
        (403, 40310100, "trade denied due to pattern day trading protection", Reason.TRADING_DISABLED, REFUSED),
        (403, 0, "forbidden.", Reason.TRADING_DISABLED, REFUSED),
        (404, 40410000, "order not found for 61e69015", Reason.UNKNOWN_ORDER, REFUSED),
        (422, 40010001, "client_order_id must be unique", Reason.DUPLICATE_ORDER, REFUSED),
        (422, 42210000, "client_order_id must be unique", Reason.DUPLICATE_ORDER, REFUSED),
        (422, 40010001, "us_equity orders not allowed for account", Reason.TRADING_DISABLED, REFUSED),
        (422, 40010001, "qty is required", Reason.ORDER_SHAPE_INVALID, REFUSED),
        (422, 42210000, 'order is already in "filled" state', Reason.UNKNOWN_ORDER, REFUSED),
        (422, 42210000, 'asset "XYZ" is not tradable', Reason.SYMBOL_NOT_ALLOWED, REFUSED),
        (422, 42210000, "asset \"XYZ\" cannot be sold short", Reason.POSITION_LIMIT, REFUSED),
        (422, 42210000, "invalid limit_price 180.251. sub-penny increment does not fulfill minimum pricing criteria",
         Reason.ORDER_SHAPE_INVALID, REFUSED),
        (422, 42210000, "cost basis must be >= minimal amount of order 1", Reason.NOTIONAL_TOO_SMALL, REFUSED),
        (429, 42910000, "rate limit exceeded", Reason.MESSAGE_RATE_EXCEEDED, UNREAD),
        (429, 0, "too many requests.", Reason.MESSAGE_RATE_EXCEEDED, UNREAD),
        (400, 40010000, "request body format is invalid", Reason.ORDER_SHAPE_INVALID, REFUSED),
        (418, 0, "", Reason.VENUE_REJECTED, VENUE),
        (408, 0, "", Reason.VENUE_REJECTED, UNKNOWN),
        (500, 50010000, "internal server error occurred", Reason.VENUE_REJECTED, UNKNOWN),
        (502, 0, "<html>", Reason.VENUE_REJECTED, UNKNOWN),
        (504, 0, "gateway timeout", Reason.VENUE_REJECTED, UNKNOWN),
        (302, 0, "", Reason.VENUE_REJECTED, UNKNOWN),
    ],
)  # fmt: skip
def test_every_row(status: int, code: int, text: str, reason: Reason, verdict: Verdict) -> None:
    assert judge(status, code, text) == (reason, verdict)
    assert judge(status, code, text.upper()) == (reason, verdict)


def test_orders_stand_where_the_venues_word_says() -> None:
    ends = {
        "filled": OrderStatus.FILLED, "canceled": OrderStatus.CANCELED, "expired": OrderStatus.EXPIRED,
        "rejected": OrderStatus.REJECTED, "replaced": OrderStatus.CANCELED,
    }  # fmt: skip
    works = (
        "new", "accepted", "pending_new", "accepted_for_bidding", "held", "partially_filled", "stopped", "suspended",
        "pending_cancel", "pending_replace", "pending_review", "done_for_day", "calculated",
    )  # fmt: skip
    assert {word: status_of(word)[0] for word in ends} == ends
    assert {status_of(word) for word in works} == {(OrderStatus.ACCEPTED, Reason.NONE)}
    with pytest.raises(ValueError, match="no order status"):
        status_of("vanished")


def test_a_halt_is_not_its_own_end() -> None:
    assert HALTS.isdisjoint(RESUMPTIONS)
