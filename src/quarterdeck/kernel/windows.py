"""Sliding windows of counts, in buckets. A window counts at least what happened in it, never less."""

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.records import RATE_BUCKETS, RateWindow

__all__ = ["window_add", "window_clear", "window_total"]


@compiled
def window_total(window: RateWindow, now_ns: int) -> int:
    """Count over the last RATE_BUCKETS - 1 whole buckets and the current one. `bucket_ns` must be set."""
    bucket = now_ns // window["bucket_ns"]
    steps = bucket - window["bucket"]
    if steps <= 0:
        return window["total"]
    if steps >= RATE_BUCKETS:
        for place in range(RATE_BUCKETS):
            window["counts"][place] = 0
        window["total"] = 0
    else:
        for step in range(1, steps + 1):
            place = (window["bucket"] + step) % RATE_BUCKETS
            window["total"] -= window["counts"][place]
            window["counts"][place] = 0
    window["bucket"] = bucket
    return window["total"]


@compiled
def window_add(window: RateWindow, now_ns: int) -> None:
    """Counts one more at `now_ns`."""
    window_total(window, now_ns)
    window["counts"][window["bucket"] % RATE_BUCKETS] += 1
    window["total"] += 1


@compiled
def window_clear(window: RateWindow) -> None:
    """Forgets what was counted."""
    for place in range(RATE_BUCKETS):
        window["counts"][place] = 0
    window["total"] = 0
