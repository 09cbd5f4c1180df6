"""What is tested: `quarterdeck.venues.alpaca.limits`: the venue never has to say 429, and cancels always find room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.venues.alpaca.limits import BUDGET, RESERVE, RateLimiter


def spend(limiter: RateLimiter, now_s: float, **kind: bool) -> int:
    """How many requests of a kind go out at once."""
    count = 0
    while not limiter.admit(now_s, **kind):
        count += 1
        assert count <= 10 * BUDGET
    return count


def test_what_each_kind_may_use() -> None:
    limiter = RateLimiter()
    assert spend(limiter, 0.0, question=True) == BUDGET - RESERVE - BUDGET // 5
    assert spend(limiter, 1.0) == BUDGET // 5
    assert spend(limiter, 2.0, urgent=True) == RESERVE
    wait_s = limiter.admit(3.0, urgent=True)
    assert 0 < wait_s <= 57.0
    assert limiter.admit(3.0 + wait_s, urgent=True) == 0


def test_what_the_venue_says_counts() -> None:
    limiter = RateLimiter()
    limiter.learn(200, RESERVE + 2, 30.0, 0.0)  # somebody else spends from the same account
    assert spend(limiter, 1.0) == 2
    assert spend(limiter, 1.0, urgent=True) == RESERVE
    assert spend(limiter, 31.0) == BUDGET - RESERVE - (2 + RESERVE)  # its minute is over, ours is not
    limiter.learn(1_000, 900, 60.0, 100.0)
    assert limiter.budget == 1_000
    assert spend(limiter, 100.0) == 900 - RESERVE


@pytest.mark.parametrize("said", [(0, 0, 30.0), (200, 201, 30.0), (200, 5, -1.0), (200, 5, 4_000.0), (10**9, 5, 30.0)])
def test_headers_that_make_no_sense_change_nothing(said: tuple[int, int, float]) -> None:
    limiter = RateLimiter()
    limiter.learn(*said, now_s=0.0)
    assert (limiter.budget, spend(limiter, 0.0)) == (BUDGET, BUDGET - RESERVE)


def test_after_a_rebuke_cancels_alone_go_out() -> None:
    limiter = RateLimiter()
    limiter.rebuked(0.0)
    assert limiter.admit(5.0) == 5.0
    assert limiter.admit(5.0, urgent=True) == 0
    assert limiter.admit(10.0) == 0
    with pytest.raises(ValueError, match="leaves nothing"):
        RateLimiter(10, 10)


@given(st.lists(st.tuples(st.floats(0, 20), st.sampled_from(["order", "cancel", "question"])), max_size=600))
def test_no_minute_has_more_than_the_budget(asked: list[tuple[float, str]]) -> None:
    limiter, now_s, sent = RateLimiter(20, 5), 0.0, []
    for wait_s, kind in asked:
        now_s += wait_s
        before = [at for at in sent if at > now_s - 60.0]
        if not limiter.admit(now_s, urgent=kind == "cancel", question=kind == "question"):
            sent.append(now_s)
            assert len(before) < 20
            assert kind == "cancel" or len(before) < 15
        else:
            assert len(before) >= {"cancel": 20, "order": 15, "question": 11}[kind]
