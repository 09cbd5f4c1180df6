"""What is tested: `quarterdeck.backup.retention`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.backup.retention import expired, kept_backups
from tests.backup.builders import DAY_NS, NOW_NS, policy

MONDAY_NS = 1_799_625_600_000_000_000  # 2027-01-11, a Monday, midnight UTC
HOUR_NS = DAY_NS // 24

POLICIES = st.builds(
    policy, keep_days=st.integers(1, 40), keep_daily=st.integers(1, 40), keep_weekly=st.integers(1, 20)
)
AGES = st.lists(st.integers(-DAY_NS, 400 * DAY_NS), max_size=60)


@given(settings=POLICIES, ages=AGES)
def test_nothing_young_goes_and_the_newest_never(settings: object, ages: list[int]) -> None:
    times = [NOW_NS - age for age in ages]
    kept = kept_backups(times, NOW_NS, settings)  # type: ignore[arg-type] # hypothesis builds it untyped
    for place, age in enumerate(ages):
        if age <= settings.keep_days * DAY_NS:  # type: ignore[attr-defined] # as above
            assert place in kept
    if times:
        assert any(times[place] == max(times) for place in kept)
    assert kept <= set(range(len(times)))


@given(settings=POLICIES, ages=AGES)
def test_retention_is_settled_once(settings: object, ages: list[int]) -> None:
    times = [NOW_NS - age for age in ages]
    kept = sorted(kept_backups(times, NOW_NS, settings))  # type: ignore[arg-type] # hypothesis builds it untyped
    left = [times[place] for place in kept]
    assert kept_backups(left, NOW_NS, settings) == set(range(len(left)))  # type: ignore[arg-type] # as above


def test_each_of_the_latest_days_and_weeks_keeps_its_newest() -> None:
    now = MONDAY_NS + 9 * DAY_NS + 12 * HOUR_NS
    times = [MONDAY_NS + day * DAY_NS + hour * HOUR_NS for day in range(-60, 10) for hour in (1, 7)]
    kept = kept_backups(times, now, policy(keep_days=1, keep_daily=3, keep_weekly=4))
    days = sorted((times[place] - MONDAY_NS) / DAY_NS for place in kept)
    sundays = (-8 + 7 / 24, -1 + 7 / 24, 6 + 7 / 24)  # of three weeks; the fourth is this one
    latest = (7 + 7 / 24, 8 + 7 / 24, 9 + 1 / 24, 9 + 7 / 24)  # three days, and everything of the last 24 hours
    assert days == pytest.approx([*sundays, *latest])


@pytest.mark.parametrize(
    ("age_ns", "gone"),
    [(-DAY_NS, False), (0, False), (3 * DAY_NS, False), (3 * DAY_NS + 1, True), (400 * DAY_NS, True)],
)
def test_what_is_as_old_as_the_policy_stays(age_ns: int, gone: bool) -> None:
    assert expired(NOW_NS - age_ns, NOW_NS, 3) is gone
