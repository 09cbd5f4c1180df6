"""What is tested: `quarterdeck.venues.binance.limits`: rates are kept to, and room for cancels is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.venues.binance.limits import CANCELS_SHUT, RateLimiter


def test_orders_leave_room_for_cancels_and_questions_for_orders() -> None:
    limiter = RateLimiter(600)
    asked = sum(limiter.admit(10, 0.0, question=True) == 0 for _ in range(100))
    placed = sum(limiter.admit(10, 0.0) == 0 for _ in range(100))
    cancelled = sum(limiter.admit(10, 0.0, urgent=True) == 0 for _ in range(100))
    assert (asked, placed, cancelled) == (40, 10, 10)
    assert limiter.spent == 600
    assert limiter.admit(10, 59.0, urgent=True) == pytest.approx(1.0)
    assert limiter.admit(10, 60.0) == 0.0


def test_new_orders_are_counted_for_themselves() -> None:
    limiter = RateLimiter(6_000, ((10, 3), (60, 5)))
    assert [limiter.admit(1, 0.0, order=True) for _ in range(4)] == [0, 0, 0, 10]
    assert [limiter.admit(1, 10.0, order=True) for _ in range(3)] == [0, 0, 50]
    assert limiter.admit(1, 10.0, urgent=True) == 0  # a cancel is none
    limiter.learn(1_200, ((60, 6), (86_400, 1_000)))
    assert limiter.admit(1, 10.0, order=True) == 0
    assert limiter.reserve == 200


def test_what_the_venue_counted_counts() -> None:
    """Somebody else calls from this address."""
    limiter = RateLimiter(600, ((10, 100),))
    limiter.counted({"x-mbx-used-weight-1m": "590", "x-mbx-order-count-10s": "100", "x-mbx-used-weight": "1"}, 5.0)
    assert limiter.spent == 590
    assert limiter.admit(1, 5.0) == 60.0
    assert limiter.admit(1, 5.0, urgent=True) == 0.0
    assert limiter.admit(1, 65.0, order=True) == 0.0
    limiter.counted({"x-mbx-used-weight-1m": "0"}, 65.0)  # a new minute there: what we sent is still ours
    assert limiter.spent == 1
    for odd in ("", "-5", "1e9", "9" * 12, "²"):
        limiter.counted({"x-mbx-used-weight-1m": odd, "x-mbx-order-count-": odd, "x-mbx-order-count-99999s": odd}, 65.0)
    assert limiter.spent == 1


def test_after_429_a_few_cancels_alone() -> None:
    limiter = RateLimiter(6_000)
    limiter.rebuked(429, "30", 100.0)
    assert limiter.admit(1, 101.0) == 29.0
    assert limiter.admit(1, 101.0, question=True) == 29.0
    assert [limiter.admit(1, 101.0, urgent=True) for _ in range(CANCELS_SHUT + 1)] == [0.0] * CANCELS_SHUT + [29.0]
    assert limiter.admit(1, 130.0) == 0.0
    limiter.rebuked(429, "", 200.0)  # without a word of how long
    assert limiter.admit(1, 201.0, urgent=True) == 0.0
    assert limiter.admit(1, 201.0) == 9.0


def test_after_418_nothing() -> None:
    limiter = RateLimiter(6_000)
    limiter.rebuked(418, "120", 0.0)
    assert limiter.admit(1, 20.0, urgent=True) == 100.0
    assert limiter.admit(1, 120.0, urgent=True) == 0.0
    limiter.rebuked(418, "999999999", 200.0)
    assert limiter.admit(1, 200.0) <= 3 * 86_400


@given(
    st.lists(
        st.tuples(st.floats(0, 5), st.integers(1, 60), st.sampled_from(["order", "urgent", "question", "plain"])),
        max_size=200,
    )
)
def test_no_window_ever_holds_more_than_its_most(calls: list[tuple[float, int, str]]) -> None:
    limiter, now_s, taken = RateLimiter(300, ((10, 7),)), 0.0, list[tuple[float, int, str]]()
    for wait_s, weight, kind in calls:
        now_s += wait_s
        flags = {kind: True} if kind != "plain" else {}
        waits_s = limiter.admit(weight, now_s, **flags)
        assert waits_s >= 0
        if waits_s == 0:
            taken.append((now_s, weight, kind))
            assert sum(weight for at, weight, _ in taken if at > now_s - 60) <= 300
            assert sum(kind == "order" for at, _, kind in taken if at > now_s - 10) <= 7
