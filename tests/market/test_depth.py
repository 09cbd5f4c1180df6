"""quarterdeck.market.depth on small files."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market import MarketData, load
from tests.market.builders import START_MS

# (sequence, first id, last id, previous last id, snapshot, side, price, quantity)
Row = tuple[int, int, int, int, bool, str, float, float]


def depth(path: Path, rows: Sequence[Row]) -> MarketData:
    columns = [
        "seq",
        "first_update_id",
        "final_update_id",
        "prev_final_update_id",
        "is_snapshot",
        "side",
        "price",
        "qty",
    ]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    frame.with_columns((pl.col("seq") * 1000 + START_MS).alias("ts")).write_parquet(path / "v_XRP_depth.parquet")
    return load(path / "v_XRP_depth.parquet")


def told(data: MarketData) -> list[tuple[int, str, int, int, bool]]:
    """Returns (second, what, price, quantity, last) of each event."""
    return [
        (
            int(event["time_ns"]) // 10**9 - START_MS // 1000,
            "clear" if event["kind"] == EventKind.BOOK_CLEAR else "ask" if event["flags"] & Flag.SELL else "bid",
            int(event["price"]),
            int(event["quantity"]),
            bool(event["flags"] & Flag.LAST),
        )
        for event in data.events
    ]


SNAPSHOT: list[Row] = [
    (3, 0, 20, 0, True, "b", 1.0, 5),
    (3, 0, 20, 0, True, "b", 0.9, 6),
    (3, 0, 20, 0, True, "a", 1.1, 7),
]


def test_a_snapshot_clears_the_book_and_a_message_ends_with_last(tmp_path: Path) -> None:
    changes: list[Row] = [
        (4, 21, 22, 20, False, "b", 1.0, 0),
        (4, 21, 22, 20, False, "a", 1.1, 9),
        (5, 23, 23, 22, False, "a", 1.2, 1),
    ]
    assert told(depth(tmp_path, [*SNAPSHOT, *changes])) == [
        (3, "clear", 0, 0, False),
        (3, "bid", 10, 5, False),
        (3, "bid", 9, 6, False),
        (3, "ask", 11, 7, True),
        (4, "bid", 10, 0, False),
        (4, "ask", 11, 9, True),
        (5, "ask", 12, 1, True),
    ]


def test_changes_newer_than_a_fetched_snapshot_follow_it_and_older_ones_do_not(tmp_path: Path) -> None:
    early: list[Row] = [(1, 18, 19, 17, False, "b", 0.8, 1), (2, 20, 21, 19, False, "b", 0.7, 2)]
    after: list[Row] = [(4, 22, 23, 21, False, "a", 1.2, 1)]
    data = depth(tmp_path, [*early, *SNAPSHOT, *after])
    assert told(data) == [
        (3, "clear", 0, 0, False),
        (3, "bid", 10, 5, False),
        (3, "bid", 9, 6, False),
        (3, "ask", 11, 7, False),
        (3, "bid", 7, 2, True),
        (4, "ask", 12, 1, True),
    ]
    assert (data.quality.count("before_snapshot"), data.quality.count("update_id_break")) == (2, 0)


def test_a_second_snapshot_begins_the_book_anew(tmp_path: Path) -> None:
    again: list[Row] = [
        (5, 0, 30, 0, True, "b", 1.0, 3),
        (5, 0, 30, 0, True, "a", 1.3, 4),
        (6, 31, 31, 30, False, "a", 1.2, 1),
    ]
    data = depth(tmp_path, [*SNAPSHOT, (4, 21, 30, 20, False, "a", 1.1, 0), *again])
    assert [what for _, what, *_ in told(data)] == ["clear", "bid", "bid", "ask", "ask", "clear", "bid", "ask", "ask"]
    assert [last for *_, last in told(data)] == [False, False, False, True, True, False, False, True, True]


def test_missing_changes_are_reported(tmp_path: Path) -> None:
    changes: list[Row] = [(4, 21, 22, 20, False, "b", 1.0, 1), (5, 25, 26, 24, False, "b", 1.0, 2)]
    found = {one.name: one for one in depth(tmp_path, [*SNAPSHOT, *changes]).quality.files[0].findings}
    assert (found["update_id_break"].count, found["update_id_break"].first_row) == (1, 5)


def test_crossed_and_locked_books_are_reported(tmp_path: Path) -> None:
    changes: list[Row] = [
        (4, 21, 21, 20, False, "b", 1.1, 1),
        (5, 22, 22, 21, False, "b", 1.2, 1),
        (6, 23, 23, 22, False, "b", 1.2, 0),
        (7, 24, 24, 23, False, "a", 1.1, 0),
    ]
    found = {one.name: one for one in depth(tmp_path, [*SNAPSHOT, *changes]).quality.files[0].findings}
    assert (found["crossed_book"].count, found["crossed_book"].first_row) == (1, 5)
    assert (found["locked_book"].count, found["locked_book"].first_row) == (2, 4)


def test_a_file_without_a_snapshot_is_taken_as_it_is(tmp_path: Path) -> None:
    data = depth(tmp_path, [(4, 21, 21, 20, False, "b", 1.1, 1), (5, 22, 22, 21, False, "a", 1.2, 1)])
    assert told(data) == [(4, "bid", 11, 1, True), (5, "ask", 12, 1, True)]
    assert data.quality.count("no_snapshot") == 1


def test_a_bad_level_is_refused_and_its_message_still_ends(tmp_path: Path) -> None:
    changes: list[Row] = [(4, 21, 22, 20, False, "b", 1.0, 2), (4, 21, 22, 20, False, "x", 1.1, 9)]
    data = depth(tmp_path, [*SNAPSHOT, *changes])
    assert told(data)[-1] == (4, "bid", 10, 2, True)
    assert data.quality.count("no_side") == 1
