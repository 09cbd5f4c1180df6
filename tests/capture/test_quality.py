"""What is tested: `quarterdeck.capture.quality`, `quarterdeck.capture.books`, `quarterdeck.capture.reading`."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.capture.books import BookCheck
from quarterdeck.capture.catalogue import Catalogue
from quarterdeck.capture.days import Day
from quarterdeck.capture.gaps import Gap
from quarterdeck.capture.quality import Heard, inspect_day
from quarterdeck.capture.reading import read_groups, read_lines
from quarterdeck.capture.rows import Rows
from quarterdeck.market.events import Events
from quarterdeck.market.quality import Quality
from tests.capture.builders import DAY, NOON, SECOND, book, catalogue, quote, trade, words_of


def inspected(
    folder: Path, *parts: list[Events], known: Catalogue | None = None, gaps: tuple[Gap, ...] = ()
) -> Quality:
    """The quality of a day of these parts, each of which begins a second after the one before."""
    known = known or catalogue()
    rows = Rows(folder, known)
    for number, part in enumerate(parts):
        rows.add(words_of(*part, arrived=NOON + number * SECOND), number + 1)
        rows.write()
    return inspect_day(Day(folder, DAY), known, gaps)


def found(quality: Quality) -> dict[str, tuple[int, int | None]]:
    """Every finding that is not of an instrument as a whole."""
    return {
        f"{one.kind} {finding.name}": (finding.count, finding.first_row)
        for one in quality.files
        for finding in one.findings
    }


CASES: list[tuple[str, list[list[Events]], dict[str, tuple[int, int | None]]]] = [
    (
        "nothing",
        [[trade(1, 1, 1, at_ns=5), trade(1, 1, 2, at_ns=5), quote(1, 2), quote(1, 3), book({1: 1}, {2: 1})]],
        {},
    ),
    ("a trade twice", [[trade(1, 1, 7), trade(1, 1, 8)], [trade(1, 1, 7)]], {"trades duplicate": (1, 3)}),
    ("a quote twice", [[quote(1, 2, at_ns=3)], [quote(1, 2, at_ns=3)]], {"quotes duplicate": (1, 2)}),
    ("time goes back", [[trade(1, 1, 1, at_ns=9)], [trade(1, 1, 2, at_ns=8)]], {"trades disorder": (1, 2)}),
    ("crossed", [[quote(1, 2), quote(3, 2)]], {"quotes crossed": (1, 2)}),
    ("locked", [[quote(2, 2)]], {"quotes locked": (1, 1)}),
    ("one side is no cross", [[quote(0, 2), quote(3, 0)]], {}),
    ("a crossed book", [[book({1: 1}, {2: 1}), book({3: 1}, {2: 1})]], {"levels crossed": (1, 6)}),
    ("a locked book", [[book({2: 1}, {2: 1})]], {"levels locked": (1, 3)}),
    (
        "crossed by a change in a later part",
        [[book({5: 1}, {8: 1, 9: 1})], [book({9: 1}, {}, whole=False)], [book({9: 0}, {}, whole=False)]],
        {"levels crossed": (1, 5)},
    ),
    (
        "crossed only within a message",
        [[book({5: 1}, {8: 1})], [book({9: 1, 7: 2}, {8: 0, 10: 1}, whole=False)]],
        {},
    ),
]


@pytest.mark.parametrize(("case", "parts", "expected"), CASES, ids=[case[0] for case in CASES])
def test_what_is_wrong_is_counted_with_its_first_row(
    tmp_path: Path, case: str, parts: list[list[Events]], expected: dict[str, tuple[int, int | None]]
) -> None:
    assert found(inspected(tmp_path, *parts)) == expected


@pytest.mark.parametrize(("kind", "expected"), [("binance", {"trades missing": (2, 2)}), ("hyperliquid", {})])
def test_ids_are_missing_only_where_the_venue_counts_them(
    tmp_path: Path, kind: str, expected: dict[str, tuple[int, int | None]]
) -> None:
    parts = [trade(1, 1, 7), trade(1, 1, 9), trade(1, 1, 11)]
    assert found(inspected(tmp_path, parts, known=catalogue(kind=kind))) == expected


def test_each_instrument_is_looked_at_by_itself(tmp_path: Path) -> None:
    known = catalogue(("0.01", "1"), ("0.5", "0.1"))
    mixed = [trade(1, 1, 7, at_ns=9), trade(1, 1, 7, at_ns=8, instrument=1), quote(9, 10), quote(1, 2, instrument=1)]
    quality = inspected(tmp_path, mixed, mixed[:1], known=known)
    assert found(quality) == {"trades duplicate": (1, 2)}
    assert {(one.file, one.kind, one.rows) for one in quality.files} == {
        ("v", "line", 0), ("I0@v", "instrument", 3), ("I1@v", "instrument", 2), ("I0@v", "trades", 2),
        ("I1@v", "trades", 1), ("I0@v", "quotes", 1), ("I1@v", "quotes", 1),
    }  # fmt: skip


def test_a_silence_longer_than_the_instruments_own_is_stale(tmp_path: Path) -> None:
    rows = Rows(tmp_path, catalogue())
    for number, at in enumerate((0, 4, 8, 14, 14.05)):
        rows.add(words_of(quote(1, 2 + number), arrived=NOON + int(at * SECOND)), number + 1)
    rows.write()
    quality = inspect_day(Day(tmp_path, DAY), catalogue(), ())
    assert found(quality) == {"instrument stale": (1, None)}
    assert quality.files[1].facts == {"longest_silence_s": 5.9}
    assert quality.files[2].facts["longest_silence_ms"] == "6000.000"


def test_arrival_that_goes_back_is_told(tmp_path: Path) -> None:
    rows = Rows(tmp_path, catalogue())
    rows.add(np.concatenate([words_of(quote(1, 2), arrived=NOON + 5), words_of(quote(1, 3), arrived=NOON)]), 2)
    rows.write()
    assert found(inspect_day(Day(tmp_path, DAY), catalogue(), ())) == {"quotes arrival_disorder": (1, 2)}


def test_gaps_are_the_lines(tmp_path: Path) -> None:
    gaps = (Gap("v", NOON, NOON + 2 * SECOND, "why"), Gap("other", NOON, NOON + SECOND, "why"))
    quality = inspected(tmp_path, [quote(1, 2)], gaps=gaps)
    assert found(quality) == {"line gap": (1, None)}
    assert quality.files[0].facts == {"seconds_without": 2.0}
    assert read_lines(Day(tmp_path, DAY)) == []


def test_a_day_without_events_is_a_report_too(tmp_path: Path) -> None:
    assert [one.kind for one in inspect_day(Day(tmp_path, DAY), catalogue(), ()).files] == ["line"]
    assert list(read_groups(Day(tmp_path, DAY), "trades")) == []
    assert Heard().quality("I0@v", SECOND).findings == ()


LEVELS = st.lists(
    st.tuples(st.integers(0, 9), st.booleans(), st.booleans(), st.integers(0, 9), st.booleans()), max_size=60
)


@given(LEVELS, st.integers(1, 7))
def test_a_book_is_followed_as_a_plain_one_is(rows: list[tuple[int, bool, bool, int, bool]], step: int) -> None:
    """Against two sets, in pieces of any size."""
    check = BookCheck(np.arange(10))
    for start in range(0, len(rows), step):
        prices, present, asks, clears, lasts = (np.array(one) for one in zip(*rows[start : start + step], strict=True))
        check.take(prices, present, asks, clears == 0, lasts)
    bids, offers, crossed, locked = set[int](), set[int](), list[int](), list[int]()
    for number, (price, present, ask, clear, last) in enumerate(rows, 1):
        if clear == 0:
            bids.clear()
            offers.clear()
        else:
            side = offers if ask else bids
            (side.add if present else side.discard)(price)
        if last and bids and offers:
            if max(bids) > min(offers):
                crossed.append(number)
            elif max(bids) == min(offers):
                locked.append(number)
    assert (check.crossed, check.crossed_row) == (len(crossed), crossed[0] if crossed else 0)
    assert (check.locked, check.locked_row) == (len(locked), locked[0] if locked else 0)
    assert check.messages == sum(row[4] for row in rows)
