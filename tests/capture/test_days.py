"""What is tested: `quarterdeck.capture.days` and `quarterdeck.capture.rows`."""

from pathlib import Path

import duckdb
import numpy as np
import pytest
from pyarrow import parquet

from quarterdeck.capture.days import Day, day_of, days_in
from quarterdeck.capture.rows import Rows
from tests.capture.builders import DAY, MIDNIGHT, NEXT_DAY, NOON, book, catalogue, quote, trade, words_of


def trades_of(folder: Path, day: str = "*") -> list[tuple[object, ...]]:
    """What DuckDB reads in one line."""
    query = "select trade_id, price from read_parquet(?) order by time_ns, trade_id"
    return duckdb.execute(query, [f"{folder}/{day}/trades*.parquet"]).fetchall()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_days() -> None:
    assert (day_of(NOON), day_of(MIDNIGHT - 1), day_of(MIDNIGHT)) == (DAY, DAY, NEXT_DAY)


def test_parts_are_readable_at_once_and_become_one_file(tmp_path: Path) -> None:
    rows = Rows(tmp_path, catalogue())
    for part in range(3):
        rows.add(words_of(trade(100 + part, 1, part + 1), quote(1, 2)), 10 * (part + 1))
        rows.write()
    day = Day(tmp_path, DAY)
    assert days_in(tmp_path) == [DAY]
    assert [path.name for path in day.parts("trades")] == [
        "trades.000000000010.parquet", "trades.000000000020.parquet", "trades.000000000030.parquet",
    ]  # fmt: skip
    before = trades_of(tmp_path)
    assert [row[0] for row in before] == [1, 2, 3]
    assert day.open
    day.fold()
    assert not day.open
    assert names(day.folder) == ["quotes.parquet", "trades.parquet"]
    assert trades_of(tmp_path) == before
    assert day.through("trades") == rows.exported == 30
    facts = parquet.ParquetFile(day.folder / "trades.parquet").metadata
    assert facts.row_group(0).column(5).compression == "ZSTD"


def test_a_folded_day_takes_more_parts(tmp_path: Path) -> None:
    rows = Rows(tmp_path, catalogue())
    day = Day(tmp_path, DAY)
    for part in range(3):
        rows.add(words_of(trade(100, 1, part + 1)), part + 1)
        rows.write()
        day.fold()
        assert [row[0] for row in trades_of(tmp_path)] == list(range(1, part + 2))
    assert names(day.folder) == ["trades.parquet"]


def test_events_go_to_the_day_they_came_on(tmp_path: Path) -> None:
    rows = Rows(tmp_path, catalogue())
    rows.add(words_of(*(trade(1, 1, at + 1) for at in range(4)), arrived=MIDNIGHT - 2_000_000), 4)
    rows.write()
    assert [row[0] for row in trades_of(tmp_path, DAY)] == [1, 2]
    assert [row[0] for row in trades_of(tmp_path, NEXT_DAY)] == [3, 4]
    assert rows.written == {DAY, NEXT_DAY}


def test_a_death_between_the_fold_and_its_end_doubles_nothing(tmp_path: Path) -> None:
    rows = Rows(tmp_path, catalogue())
    rows.add(words_of(trade(1, 1, 1)), 1)
    rows.write()
    day = Day(tmp_path, DAY)
    part = day.parts("trades")[0]
    kept = part.read_bytes()
    day.fold()
    part.write_bytes(kept)  # the fold died before it took the part away
    (day.folder / "trades.parquet.unfinished").write_bytes(kept[:100])
    rows.add(words_of(trade(1, 1, 2)), 2)
    rows.write()
    day.tidy()
    assert names(day.folder) == ["trades.000000000002.parquet", "trades.parquet"]
    assert [row[0] for row in trades_of(tmp_path)] == [1, 2]


def test_rows_that_a_table_has_already_are_not_written_again(tmp_path: Path) -> None:
    words = words_of(trade(1, 1, 1), quote(1, 2), trade(1, 1, 2), quote(1, 3))
    rows = Rows(tmp_path, catalogue())
    rows.add(words, 4)
    rows.write()
    Day(tmp_path, DAY).parts("quotes")[0].unlink()  # it died after the first table
    (tmp_path / "exported").unlink()
    rows = Rows(tmp_path, catalogue())
    assert rows.exported == 0
    more = np.concatenate([words, words_of(trade(1, 1, 3), arrived=NOON + 10**9)])
    rows.recover(more, 0)
    rows.write()
    assert [row[0] for row in trades_of(tmp_path)] == [1, 2, 3]
    assert len(parquet.read_table(Day(tmp_path, DAY).parts("quotes")[0])) == 2
    assert rows.exported == 5


def test_a_day_on_which_the_decimals_changed_is_one_file(tmp_path: Path) -> None:
    for through, steps in ((1, ("0.01", "1")), (2, ("0.0001", "0.5"))):
        rows = Rows(tmp_path, catalogue(steps))
        rows.add(words_of(trade(12_345, 3, through), arrived=NOON + through), through)
        rows.write()
    Day(tmp_path, DAY).fold()
    assert [(number, str(price)) for number, price in trades_of(tmp_path)] == [(1, "123.4500"), (2, "1.2345")]


def test_a_book_of_many_rows_keeps_its_order(tmp_path: Path) -> None:
    rows = Rows(tmp_path, catalogue())
    for part in range(4):
        books = [book({100 - part: 1}, {101 + number: 2 for number in range(20)}) for _ in range(50)]
        rows.add(words_of(*books, arrived=NOON + part * 10**9), part + 1)
        rows.write()
    before = parquet.read_table([str(path) for path in Day(tmp_path, DAY).files("levels")]).to_pylist()
    Day(tmp_path, DAY).fold()
    assert parquet.read_table(Day(tmp_path, DAY).files("levels")[0]).to_pylist() == before


@pytest.mark.parametrize("name", ["2025-13-01", "2025-1-1", "journal", "20250101"])
def test_other_folders_are_no_days(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert days_in(tmp_path) == []
