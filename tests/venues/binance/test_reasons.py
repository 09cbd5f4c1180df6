"""What is tested: `quarterdeck.venues.binance.reasons`: which word of the venue means what, cell by cell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.vocabulary import OrderStatus, Reason
from quarterdeck.venues.binance.reasons import Verdict, judge, status_of

REFUSED, UNREAD, VENUE, UNKNOWN = Verdict.REFUSED, Verdict.UNREAD, Verdict.VENUE, Verdict.UNKNOWN
TABLE = [
    # status, code, text, why, verdict
    (400, -2010, "Account has insufficient balance for requested action.", Reason.BUYING_POWER, REFUSED),
    (400, -2010, "Order would immediately match and take.", Reason.POST_ONLY_WOULD_CROSS, REFUSED),
    (400, -2010, "Duplicate order sent.", Reason.DUPLICATE_ORDER, REFUSED),
    (400, -2010, "Market is closed.", Reason.SYMBOL_LOCKED, VENUE),
    (400, -2010, "Something new.", Reason.VENUE_REJECTED, REFUSED),
    (400, -2011, "Unknown order sent.", Reason.UNKNOWN_ORDER, REFUSED),
    (400, -2013, "Order does not exist.", Reason.UNKNOWN_ORDER, REFUSED),
    (401, -2015, "Invalid API-key, IP, or permissions for action.", Reason.TRADING_DISABLED, REFUSED),
    (400, -2019, "Margin is insufficient.", Reason.BUYING_POWER, REFUSED),
    (400, -2022, "ReduceOnly Order is rejected.", Reason.REDUCE_ONLY_WOULD_INCREASE, REFUSED),
    (400, -5022, "Due to the order could not be executed as maker, ...", Reason.POST_ONLY_WOULD_CROSS, REFUSED),
    (400, -4164, "Order's notional must be no smaller than 5", Reason.NOTIONAL_TOO_SMALL, REFUSED),
    (400, -4131, "The counterparty's best price does not meet the PERCENT_PRICE", Reason.PRICE_COLLAR, REFUSED),
    (400, -4014, "Price not increased by tick size.", Reason.ORDER_SHAPE_INVALID, REFUSED),
    (400, -4116, "ClientOrderId is duplicated.", Reason.DUPLICATE_ORDER, REFUSED),
    (400, -1013, "Market is closed.", Reason.SYMBOL_LOCKED, VENUE),
    (400, -4141, "Symbol is closed.", Reason.SYMBOL_LOCKED, VENUE),
    (400, -1013, "Filter failure: NOTIONAL", Reason.NOTIONAL_TOO_SMALL, REFUSED),
    (400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE", Reason.PRICE_COLLAR, REFUSED),
    (400, -1013, "Filter failure: PRICE_FILTER", Reason.ORDER_SHAPE_INVALID, REFUSED),
    (400, -1013, "Filter failure: LOT_SIZE", Reason.ORDER_SHAPE_INVALID, REFUSED),
    (400, -1021, "Timestamp for this request is outside of the recvWindow.", Reason.STALE_DATA, REFUSED),
    (400, -1022, "Signature for this request is not valid.", Reason.TRADING_DISABLED, REFUSED),
    (400, -1111, "Precision is over the maximum defined for this asset.", Reason.ORDER_SHAPE_INVALID, REFUSED),
    (400, -1121, "Invalid symbol.", Reason.SYMBOL_NOT_ALLOWED, REFUSED),
    (
        400,
        -1015,
        "Too many new orders; current limit is 50 orders per 10 SECOND.",
        Reason.MESSAGE_RATE_EXCEEDED,
        UNREAD,
    ),
    (429, -1003, "Too many requests; current limit is ...", Reason.MESSAGE_RATE_EXCEEDED, UNREAD),
    (418, -1003, "Way too many requests; IP banned until 1", Reason.MESSAGE_RATE_EXCEEDED, UNREAD),
    (418, 0, "", Reason.MESSAGE_RATE_EXCEEDED, UNREAD),
    (403, 0, "<html>", Reason.MESSAGE_RATE_EXCEEDED, UNREAD),
    (503, -1008, "Server is currently overloaded with other requests.", Reason.MESSAGE_RATE_EXCEEDED, UNREAD),
    # nobody knows
    (400, -1006, "An unexpected response was received. Execution status unknown.", Reason.VENUE_REJECTED, UNKNOWN),
    (400, -1007, "Timeout waiting for response from backend server.", Reason.VENUE_REJECTED, UNKNOWN),
    (408, -1007, "Timeout waiting for response from backend server.", Reason.VENUE_REJECTED, UNKNOWN),
    (503, 0, "Unknown error, please check your request or try again later.", Reason.VENUE_REJECTED, UNKNOWN),
    (500, -2010, "Duplicate order sent.", Reason.VENUE_REJECTED, UNKNOWN),
    (502, 0, "<html>Bad gateway", Reason.VENUE_REJECTED, UNKNOWN),
    (408, 0, "", Reason.VENUE_REJECTED, UNKNOWN),
    (302, 0, "", Reason.VENUE_REJECTED, UNKNOWN),
    (400, -1000, "An unknown error occurred while processing the request.", Reason.VENUE_REJECTED, UNKNOWN),
    # it counts against the venue
    (400, -1016, "This service is no longer available.", Reason.TRADING_DISABLED, VENUE),
    (400, -9999, "A code that was never seen", Reason.VENUE_REJECTED, VENUE),
    (404, 0, "", Reason.VENUE_REJECTED, VENUE),
]


@pytest.mark.parametrize(("status", "code", "text", "reason", "verdict"), TABLE)
def test_a_refusal(status: int, code: int, text: str, reason: Reason, verdict: Verdict) -> None:
    found = judge(status, code, text)
    assert (found.reason, found.verdict) == (reason, verdict)


@given(st.integers(500, 599), st.integers(-9_999, 0), st.text(max_size=60))
def test_a_servers_failure_never_says_that_nothing_happened_but_for_overload(status: int, code: int, text: str) -> None:
    verdict = judge(status, code, text).verdict
    assert verdict is UNKNOWN or (verdict is UNREAD and code in {-1003, -1008, -1015, -1034})


@given(st.integers(300, 599), st.integers(-9_999, 9_999), st.text(max_size=60))
def test_any_refusal_has_a_meaning(status: int, code: int, text: str) -> None:
    assert judge(status, code, text).reason is not Reason.NONE


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ("NEW", OrderStatus.ACCEPTED, Reason.NONE),
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED, Reason.NONE),
        ("FILLED", OrderStatus.FILLED, Reason.NONE),
        ("CANCELED", OrderStatus.CANCELED, Reason.NONE),
        ("PENDING_CANCEL", OrderStatus.ACCEPTED, Reason.NONE),
        ("REJECTED", OrderStatus.REJECTED, Reason.VENUE_REJECTED),
        ("EXPIRED", OrderStatus.EXPIRED, Reason.NONE),
        ("EXPIRED_IN_MATCH", OrderStatus.CANCELED, Reason.SELF_MATCH),
    ],
)
def test_where_an_order_stands(word: str, status: OrderStatus, reason: Reason) -> None:
    assert status_of(word) == (status, reason)


def test_a_word_never_seen_is_no_status() -> None:
    with pytest.raises(ValueError, match="no order status"):
        status_of("GONE")
