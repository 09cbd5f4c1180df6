"""Sliding counts: never less than what happened in the window, and nothing of what lies well before it."""

from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from quarterdeck.kernel.layout import allocate, record_dtype
from quarterdeck.kernel.records import RATE_BUCKETS, RateWindow
from quarterdeck.kernel.windows import window_add, window_clear, window_total

BUCKET = 1_000
WHOLE = (RATE_BUCKETS - 1) * BUCKET


def window() -> Any:
    windows: Any = allocate(record_dtype(RateWindow))
    windows[0]["bucket_ns"] = BUCKET
    return windows[0]


@given(st.lists(st.integers(0, 3 * WHOLE), min_size=1, max_size=60).map(sorted), st.integers(0, 3 * WHOLE))
def test_it_never_counts_too_few_and_hardly_too_many(times: list[int], later: int) -> None:
    counted = window()
    for time in times:
        window_add(counted, time)
    now = times[-1] + later
    total = window_total(counted, now)
    within = sum(time > now - WHOLE for time in times)
    nearly = sum(time > now - WHOLE - BUCKET for time in times)
    assert within <= total <= nearly
    assert total == sum(counted["counts"])


def test_a_long_silence_empties_it() -> None:
    counted = window()
    for _ in range(5):
        window_add(counted, 500)
    assert window_total(counted, 500 + WHOLE) == 5
    assert window_total(counted, 500 + WHOLE + BUCKET) == 0
    assert not counted["counts"].any()


def test_a_time_before_the_current_bucket_is_counted_in_it() -> None:
    counted = window()
    window_add(counted, 10 * BUCKET)
    window_add(counted, 9 * BUCKET)
    assert window_total(counted, 0) == 2


def test_clear_forgets() -> None:
    counted = window()
    window_add(counted, 10 * BUCKET)
    window_clear(counted)
    assert window_total(counted, 10 * BUCKET) == 0
    assert not counted["counts"].any()
