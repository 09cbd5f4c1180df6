"""quarterdeck.market.splits on small files."""

from pathlib import Path

import pytest

from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market import Split, load
from tests.market.builders import bars, names, write

NIGHT_MS = 16 * 3600 * 1000


def two_sessions(path: Path, ratio: float) -> Path:
    table = bars(20)
    for name in ("open", "high", "low", "close"):
        table[name][10:] = [round(value / ratio, 2) for value in table[name][10:]]  # type: ignore[operator]
    table["ts"][10:] = [value + NIGHT_MS for value in table["ts"][10:]]  # type: ignore[operator]
    return write(path / "x.csv", table)


@pytest.mark.parametrize(
    ("ratio", "shares"), [(7.0, "7:1"), (2.01, "2:1"), (1.5, "3:2"), (0.1, "1:10"), (20.3, "20:1")]
)
def test_a_jump_over_night_by_a_ratio_of_shares_is_reported_and_not_repaired(
    tmp_path: Path, ratio: float, shares: str
) -> None:
    data = load(two_sessions(tmp_path, ratio))
    found = next(one for one in data.quality.files[0].findings if one.name == "suspected_split")
    assert found.first_row == 11
    assert found.detail.startswith(f"{shares} before 2023-11-15T14:24:00Z")
    assert set(names(data.events, "kind")) == {EventKind.BAR}


@pytest.mark.parametrize("ratio", [1.0, 1.1, 1.25, 1.75, 2.2])
def test_a_jump_that_is_no_ratio_of_shares_is_not(tmp_path: Path, ratio: float) -> None:
    assert load(two_sessions(tmp_path, ratio)).quality.count("suspected_split") == 0


def test_a_jump_within_a_session_is_not(tmp_path: Path) -> None:
    table = bars(20)
    for name in ("open", "high", "low", "close"):
        table[name][10:] = [round(value / 2, 2) for value in table[name][10:]]  # type: ignore[operator]
    assert load(write(tmp_path / "x.csv", table)).quality.count("suspected_split") == 0


@pytest.mark.parametrize("time", ["2023-11-15T00:00:00-05:00", "2023-11-15T14:24:00Z", 1_700_058_240_000_000_000])
def test_a_given_split_stands_before_the_first_bar_of_its_day_and_explains_the_jump(
    tmp_path: Path, time: str | int
) -> None:
    data = load(two_sessions(tmp_path, 7.0), splits=[(time, 7, 1)])
    kinds = names(data.events, "kind")
    assert kinds.index(EventKind.SPLIT) == 10
    assert len(kinds) == 21
    assert (names(data.events, "numerator")[10], names(data.events, "denominator")[10]) == (7, 1)
    assert names(data.events, "time_ns") == sorted(names(data.events, "time_ns"))
    assert data.quality.count("suspected_split") == 0


def test_splits_outside_the_data_are_left_out(tmp_path: Path) -> None:
    data = load(two_sessions(tmp_path, 1.0), splits=[Split(0, 2, 1), Split(2**61, 3, 1)])
    assert EventKind.SPLIT not in names(data.events, "kind")
