"""What is tested: `quarterdeck.venues.hyperliquid.reasons`."""

import pytest

from quarterdeck.kernel.vocabulary import OrderStatus, Reason
from quarterdeck.venues.hyperliquid.reasons import Verdict, judge, judge_status, status_of

BBO = "Post only order would have immediately matched, bbo was 1.2@1.3. asset=1"


@pytest.mark.parametrize(
    ("text", "reason", "verdict"),
    [
        ("Price must be divisible by tick size. asset=1", Reason.ORDER_SHAPE_INVALID, Verdict.REFUSED),
        ("Order must have minimum value of $10. asset=1", Reason.NOTIONAL_TOO_SMALL, Verdict.REFUSED),
        ("Order must have minimum value of 10 USDC.", Reason.NOTIONAL_TOO_SMALL, Verdict.REFUSED),
        ("Insufficient margin to place order. asset=1", Reason.BUYING_POWER, Verdict.REFUSED),
        ("Reduce only order would increase position. asset=1", Reason.REDUCE_ONLY_WOULD_INCREASE, Verdict.REFUSED),
        (BBO, Reason.POST_ONLY_WOULD_CROSS, Verdict.REFUSED),
        ("Order could not immediately match against any resting orders.", Reason.NO_LIQUIDITY, Verdict.REFUSED),
        ("Order was never placed, already canceled, or filled.", Reason.UNKNOWN_ORDER, Verdict.REFUSED),
        ("Too many cumulative requests sent (3 > 2)", Reason.MESSAGE_RATE_EXCEEDED, Verdict.UNREAD),
        ("Invalid nonce: duplicate nonce 5", Reason.VENUE_REJECTED, Verdict.VENUE),
        ("User or API Wallet 0xab does not exist.", Reason.TRADING_DISABLED, Verdict.REFUSED),
        ("Error placing new order during modify: margin", Reason.VENUE_REJECTED, Verdict.UNKNOWN),
        ("Something the venue thought of last night", Reason.VENUE_REJECTED, Verdict.VENUE),
    ],
)
def test_text_has_a_reason_and_a_verdict(text: str, reason: Reason, verdict: Verdict) -> None:
    assert judge(text) == (reason, verdict)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (429, Verdict.UNREAD),
        (422, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (408, Verdict.UNKNOWN),
        (500, Verdict.UNKNOWN),
        (502, Verdict.UNKNOWN),
        (302, Verdict.UNKNOWN),
    ],
)
def test_http_status_has_a_verdict(status: int, verdict: Verdict) -> None:
    assert judge_status(status) is verdict


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("open", OrderStatus.ACCEPTED),
        ("triggered", OrderStatus.ACCEPTED),
        ("filled", OrderStatus.FILLED),
        ("canceled", OrderStatus.CANCELED),
        ("scheduledCancel", OrderStatus.CANCELED),
        ("newSortOfCanceled", OrderStatus.CANCELED),
        ("badAloPxRejected", OrderStatus.REJECTED),
        ("newSortOfRejected", OrderStatus.REJECTED),
    ],
)
def test_word_has_a_status(word: str, status: OrderStatus) -> None:
    assert status_of(word)[0] is status


def test_unknown_word_is_refused() -> None:
    with pytest.raises(ValueError, match="no order status"):
        status_of("sleeping")
