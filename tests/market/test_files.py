"""quarterdeck.market.files and quarterdeck.market.quality: reading, and saying what was read."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from quarterdeck.errors import DataError
from quarterdeck.market import load
from tests.market.builders import START_MS, bars, names, write


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.jsonl"])
def test_every_format_gives_the_same_events(tmp_path: Path, name: str) -> None:
    expected = load(write(tmp_path / "reference.parquet", bars(50))).events.tobytes()
    assert load(write(tmp_path / name, bars(50))).events.tobytes() == expected


def test_packed_files_are_read(tmp_path: Path) -> None:
    plain = write(tmp_path / "x.csv", bars(50))
    lines = write(tmp_path / "y.jsonl", bars(50))
    expected = load(plain).events.tobytes()
    (tmp_path / "z.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (tmp_path / "z.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    pl.read_csv(plain).write_csv(tmp_path / "z.csv.zst", compression="zstd")
    for name in ("z.csv.gz", "z.jsonl.gz", "z.csv.zst"):
        assert load(tmp_path / name).events.tobytes() == expected, name


def test_decimal_columns_are_exact(tmp_path: Path) -> None:
    table = bars(3)
    frame = pl.DataFrame(
        {name: values if name == "ts" else [str(value) for value in values] for name, values in table.items()}
    )
    wide = frame.with_columns(pl.col(name).str.to_decimal(scale=18) for name in frame.columns if name != "ts")
    wide.write_parquet(tmp_path / "x.parquet")
    assert load(tmp_path / "x.parquet").events.tobytes() == load(write(tmp_path / "y.parquet", table)).events.tobytes()


@pytest.mark.parametrize(
    "ts",
    [
        [START_MS // 1000 + 60 * index for index in range(3)],
        [START_MS + 60_000 * index for index in range(3)],
        [(START_MS + 60_000 * index) * 1000 for index in range(3)],
        [(START_MS + 60_000 * index) * 1_000_000 for index in range(3)],
        [START_MS / 1000 + 60.0 * index for index in range(3)],
        ["2023-11-14T22:14:00Z", "2023-11-14T22:15:00Z", "2023-11-14T22:16:00Z"],
        ["2023-11-14 23:14:00+01:00", "2023-11-14 23:15:00+01:00", "2023-11-14 23:16:00+01:00"],
        ["2023-11-14T22:14:00.000000-00:00", "2023-11-14T22:15:00.000000-00:00", "2023-11-14T22:16:00.000000-00:00"],
    ],
)
@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.jsonl"])
def test_times_are_read_in_any_unit_and_zone(tmp_path: Path, ts: list[object], name: str) -> None:
    data = load(write(tmp_path / name, {**bars(3), "ts": ts}))
    assert names(data.events, "venue_time_ns") == [(START_MS + 60_000 * index) * 1_000_000 for index in range(3)]


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_times_without_a_zone_are_refused_until_it_is_named(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, {**bars(2), "ts": ["2023-11-14 17:14:00", "2023-11-14 17:15:00"]})
    with pytest.raises(DataError, match="have no zone: name it"):
        load(path)
    data = load(path, timezone="America/New_York")
    assert names(data.events, "venue_time_ns")[0] == START_MS * 1_000_000
    with pytest.raises(DataError, match="is not known"):
        load(path, timezone="Mars/Olympus")


def test_columns_are_known_by_other_names_or_by_mapping(tmp_path: Path) -> None:
    expected = load(write(tmp_path / "reference.csv", bars(5))).events.tobytes()
    renamed = dict(zip(("Timestamp", "Open", "HIGH", "Low Price", "c", "Vol"), bars(5).values(), strict=True))
    assert load(write(tmp_path / "x.csv", renamed)).events.tobytes() == expected
    strange = dict(zip(("a", "b", "d", "e", "f", "g"), bars(5).values(), strict=True))
    mapping = dict(zip(("time", "open", "high", "low", "close", "volume"), strange, strict=True))
    assert load(write(tmp_path / "y.csv", strange), columns=mapping).events.tobytes() == expected


def test_a_text_that_is_no_number_costs_its_row(tmp_path: Path) -> None:
    table = bars(5)
    table["open"][2] = "n/a"
    data = load(write(tmp_path / "x.csv", {name: [str(value) for value in values] for name, values in table.items()}))
    assert len(data.events) == 4
    assert data.quality.count("no_number") == 1


# the file's name and bytes -> the row and the words of the error
BROKEN = [
    ("x.csv", b"", None, "is empty"),
    ("x.csv", b"ts,open,high,low,close\n", None, "has no rows"),
    ("x.csv", b"1,2,3,4,5\n6,7,8,9,10\n", None, "has no header line"),
    ("x.csv", b"ts,open,high,low\n1700000000,1,1,1\n", None, "for bars the columns close are missing"),
    ("x.csv", b"open,high,low,close\n1,1,1,1\n", None, "has no column of times"),
    ("x.csv", b"ts,open,high,low,close\n1700000000,1,1,1,1\n1700000060,1,1,1,1,9\n", 2, "more fields than the header"),
    ("x.csv", b"ts,open,high,low,close\n1700000000,0,0,0,0\n1700000060,0,0,0,0\n", 1, "no row can be used: zero_price"),
    ("x.csv", b"ts,open,high,low,close\nyesterday,1,1,1,1\n", 1, "holds no times"),
    ("x.csv", b"name,colour\nred,blue\n", None, "is no table of prices"),
    ("x.parquet", b"PAR1 and then nothing", None, "is not a whole Parquet file"),
    ("x.parquet", b"\x00\xff" * 100, None, "is not a whole Parquet file"),
    ("x.jsonl", b'{"ts": 1}\n{"ts": \n', 2, "is not JSON lines"),
    ("x.csv.gz", b"\x1f\x8b\x08\x00 broken", None, "is not a whole CSV file"),
    ("x.jsonl.gz", b"\x1f\x8b\x08\x00 broken", None, "is not"),
    ("x.txt", b"hello", None, "is of no known format"),
]


@pytest.mark.parametrize(("name", "content", "row", "words"), BROKEN)
def test_a_broken_file_is_refused_by_name_and_row(
    tmp_path: Path, name: str, content: bytes, row: int | None, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        load(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (caught.value.row, caught.value.exit_code) == (row, 2)


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", bars(500))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="is not a whole Parquet file"):
        load(path)


def test_a_missing_file_and_an_empty_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load(tmp_path / "none.csv")
    with pytest.raises(DataError, match="holds no data file"):
        load(tmp_path)
    with pytest.raises(DataError, match="no file was named"):
        load([])


def test_a_directory_of_consecutive_files_is_one_stream(tmp_path: Path) -> None:
    table = bars(20)
    write(tmp_path / "XRPUSDT_1m_202301.csv", {name: values[:10] for name, values in table.items()})
    write(tmp_path / "XRPUSDT_1m_202302.csv", {name: values[10:] for name, values in table.items()})
    (tmp_path / "README.md").write_text("no data", encoding="utf-8")
    data = load(tmp_path)
    assert len(data.sources) == 2
    assert names(data.events, "open") == list(range(10000, 10020))


def test_files_that_overlap_or_differ_in_interval_are_refused(tmp_path: Path) -> None:
    first = write(tmp_path / "XRPUSDT_1m.csv", bars(20))
    with pytest.raises(DataError, match=r"tells of times that .* tells of too"):
        load([first, write(tmp_path / "XRPUSDT_1m_202302.csv", bars(10))])
    with pytest.raises(DataError, match=r"has bars of 5 min and .* of 1 min|has bars of 1 min and .* of 5 min"):
        load([first, write(tmp_path / "XRPUSDT_5m.csv", bars(5, interval_ms=300_000))])


def test_a_directory_of_several_instruments_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "XRPUSDT_1m.csv", bars(5))
    write(tmp_path / "BTCUSDT_1m.csv", bars(5))
    with pytest.raises(DataError, match=r"2 instruments .*BTCUSDT, XRPUSDT.*load one at a time"):
        load(tmp_path)


def test_quality_is_plain_data_and_lines_for_people(tmp_path: Path) -> None:
    table = bars(10)
    table["open"][3] = -1.0
    quality = load(write(tmp_path / "x.parquet", table)).quality
    assert json.loads(json.dumps(quality.as_dict()))["rows_refused"] == 1
    assert any("refused negative_price x1, first at row 4" in line for line in quality.lines())
    assert quality.count("negative_price") == 1


def test_names_that_differ_in_case_only_are_not_guessed(tmp_path: Path) -> None:
    times = [START_MS + index for index in range(3)]
    path = write(tmp_path / "x.jsonl", {"t": [7, 8, 9], "p": ["1.5"] * 3, "q": ["2"] * 3, "T": times, "m": [True] * 3})
    with pytest.raises(DataError, match="has no column of times"):
        load(path)
    data = load(path, columns={"time": "T", "trade_id": "t"})
    assert names(data.events, "trade_id") == [7, 8, 9]
    assert names(data.events, "time_ns")[0] == START_MS * 1_000_000
