"""What is tested: `quarterdeck.ops.alerts.silences`: windows that come again, and what a silence covers."""

from datetime import UTC, datetime

import pytest

from quarterdeck.errors import OpsError
from quarterdeck.ops.alerts.silences import Silence, recurrence


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        (
            "weekly",
            ("2026-11-22T02:00", "2026-11-22T03:59", "2026-11-29T02:30"),
            ("2026-11-22T04:00", "2026-11-23T02:30"),
        ),
        ("monthly", ("2026-11-01T01:00", "2026-12-06T02:59"), ("2026-11-08T01:00", "2026-11-01T00:59")),
        ("quarterly", ("2027-01-03T00:00", "2026-10-04T05:59"), ("2026-11-01T01:00", "2026-10-04T06:00")),
        ("daily 22:00-23:00", ("2026-11-21T22:30",), ("2026-11-21T23:00", "2026-11-21T21:59")),
        (
            "Weekly Saturday 23:00-01:00",
            ("2026-11-21T23:30", "2026-11-22T00:59"),
            ("2026-11-21T00:30", "2026-11-22T23:30"),
        ),
        ("daily 00:00-24:00", ("2026-11-21T00:00", "2026-11-21T23:59"), ()),
    ],
)
def test_windows(window: str, inside: tuple[str, ...], outside: tuple[str, ...]) -> None:
    when = recurrence(window)
    assert all(when.active(ns(one)) for one in inside)
    assert not any(when.active(ns(one)) for one in outside)


@pytest.mark.parametrize(
    "window",
    [
        "", "sunday", "weekly 02:00-04:00", "weekly first-sunday 02:00-04:00", "monthly sunday 02:00-04:00",
        "daily sunday 02:00-04:00", "weekly someday 02:00-04:00", "weekly sunday 02:00-02:00",
        "weekly sunday 25:00-26:00", "weekly sunday 2-4",
    ],
)  # fmt: skip
def test_windows_that_are_none(window: str) -> None:
    with pytest.raises(OpsError, match="write"):
        recurrence(window)


def test_a_window_may_have_an_end() -> None:
    silence = Silence(every="daily 00:00-24:00", begin_ns=10, end_ns=20, person="operator-1", reason="work")
    assert [silence.active(at) for at in (9, 10, 19, 20)] == [False, True, True, False]
    assert [silence.over(at) for at in (19, 20)] == [False, True]
