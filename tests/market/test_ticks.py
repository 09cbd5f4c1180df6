"""quarterdeck.market.ticks on small files."""

from pathlib import Path

import pytest

from quarterdeck.errors import DataError
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market import load, load_capture
from tests.market.builders import START_MS, names, write

START_NS = START_MS * 1_000_000


def quotes(count: int) -> dict[str, list[object]]:
    return {
        "seq": [2 * index for index in range(count)],
        "local_ts_ns": [START_NS + 1_000_000 * index for index in range(count)],
        "event_ts_ms": [START_MS + 1300 + index for index in range(count)],
        "update_id": [100 + index for index in range(count)],
        "bid_price": [1.2345] * count,
        "bid_qty": [10.5] * count,
        "ask_price": [1.2346] * count,
        "ask_qty": [7.0] * count,
    }


def trades(count: int) -> dict[str, list[object]]:
    return {
        "seq": [2 * index + 1 for index in range(count)],
        "local_ts_ns": [START_NS + 1_000_000 * index + 500_000 for index in range(count)],
        "event_ts_ms": [START_MS + 1300 + index for index in range(count)],
        "trade_id": [500 + index for index in range(count)],
        "price": [1.2346] * count,
        "qty": [0.5] * count,
        "buyer_is_maker": [index % 2 == 0 for index in range(count)],
    }


def test_a_quote_keeps_both_clocks_and_its_update_id(tmp_path: Path) -> None:
    data = load(write(tmp_path / "x.parquet", quotes(3)))
    assert names(data.events, "kind") == [EventKind.QUOTE] * 3
    assert names(data.events, "time_ns")[1] == START_NS + 1_000_000
    assert names(data.events, "venue_time_ns")[1] == (START_MS + 1301) * 1_000_000
    assert (names(data.events, "bid")[0], names(data.events, "ask")[0]) == (12345, 12346)
    assert (names(data.events, "bid_quantity")[0], names(data.events, "ask_quantity")[0]) == (105, 70)
    assert names(data.events, "update_id") == [100, 101, 102]


def test_clocks_that_disagree_are_reported(tmp_path: Path) -> None:
    quality = load(write(tmp_path / "x.parquet", quotes(3))).quality
    assert quality.files[0].facts["clock_offset_ns"] == {
        "min": -1_300_000_000,
        "median": -1_300_000_000,
        "max": -1_300_000_000,
    }
    assert quality.count("clock_offset") == 3


def test_crossed_quotes_are_refused_and_locked_ones_reported(tmp_path: Path) -> None:
    table = quotes(5)
    table["bid_price"][2] = 1.2347
    table["bid_price"][3] = 1.2346
    data = load(write(tmp_path / "x.parquet", table))
    assert len(data.events) == 4
    assert (data.quality.count("crossed_quote"), data.quality.count("locked_quote")) == (1, 1)


def test_silence_and_repeated_ids_are_reported(tmp_path: Path) -> None:
    table = quotes(50)
    table["local_ts_ns"][30:] = [value + 60_000_000_000 for value in table["local_ts_ns"][30:]]  # type: ignore[operator]
    table["update_id"][9] = 108
    found = {finding.name: finding for finding in load(write(tmp_path / "x.parquet", table)).quality.files[0].findings}
    assert (found["silence"].count, found["silence"].first_row) == (1, 31)
    assert (found["duplicate_update_id"].count, found["duplicate_update_id"].first_row) == (1, 10)


def test_a_trade_says_who_was_the_aggressor(tmp_path: Path) -> None:
    data = load(write(tmp_path / "x.parquet", trades(4)))
    assert names(data.events, "kind") == [EventKind.TRADE] * 4
    assert names(data.events, "flags") == [Flag.SELL, 0, Flag.SELL, 0]
    assert names(data.events, "trade_id") == [500, 501, 502, 503]
    assert names(data.events, "quantity") == [5] * 4


@pytest.mark.parametrize(("word", "flag"), [("buy", 0), ("SELL", 1), ("B", 0), ("A", 1), ("bid", 0), ("ask", 1)])
def test_sides_are_known_by_their_words(tmp_path: Path, word: str, flag: int) -> None:
    table = {**trades(2), "side": [word, word]}
    del table["buyer_is_maker"]
    assert names(load(write(tmp_path / "x.csv", table)).events, "flags") == [flag, flag]


def test_a_side_that_is_none_is_refused(tmp_path: Path) -> None:
    table = {**trades(3), "side": ["buy", "both", "sell"]}
    del table["buyer_is_maker"]
    data = load(write(tmp_path / "x.csv", table))
    assert names(data.events, "flags") == [0, 1]
    assert data.quality.count("no_side") == 1


def test_missing_sides_follow_the_tick_rule_and_are_reported(tmp_path: Path) -> None:
    table = trades(6)
    del table["buyer_is_maker"]
    table["price"] = [1.0, 1.1, 1.1, 1.0, 1.0, 1.2]
    data = load(write(tmp_path / "x.csv", table))
    assert names(data.events, "flags") == [0, 0, 0, 1, 1, 0]
    assert data.quality.count("side_inferred") == 6


def test_trade_id_gaps_repeats_and_disorder_are_reported(tmp_path: Path) -> None:
    table = trades(6)
    table["trade_id"] = [500, 501, 501, 505, 504, 505]
    quality = load(write(tmp_path / "x.csv", table)).quality
    assert {name: quality.count(name) for name in ("duplicate_trade_id", "trade_id_gap", "trade_id_backwards")} == {
        "duplicate_trade_id": 1,
        "trade_id_gap": 1,
        "trade_id_backwards": 1,
    }


def test_quantities_of_both_signs_are_refused(tmp_path: Path) -> None:
    table = {**trades(4), "qty": [1.0, -1.0, 2.0, -2.0]}
    with pytest.raises(DataError, match="row 2: qty is negative in many rows"):
        load(write(tmp_path / "x.csv", table))


def test_suspicious_prints_are_refused_unless_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", {**trades(4), "suspicious": [False, True, False, False]})
    data = load(path)
    assert (len(data.events), data.quality.count("suspicious")) == (3, 1)
    kept = load(path, keep_suspicious=True)
    assert (len(kept.events), kept.quality.rows_refused) == (4, 0)


def test_trades_of_nothing_are_refused(tmp_path: Path) -> None:
    data = load(write(tmp_path / "x.csv", {**trades(3), "qty": [1, 0, 2]}))
    assert (names(data.events, "quantity"), data.quality.count("zero_quantity")) == ([1, 2], 1)


def test_parts_of_a_capture_merge_in_order_of_arrival_on_one_grid(tmp_path: Path) -> None:
    write(tmp_path / "v_XRPUSDT_bbo.parquet", quotes(3))
    write(tmp_path / "v_XRPUSDT_trades.parquet", {**trades(3), "price": [1.23461, 1.2346, 1.2346]})
    data = load_capture(tmp_path / "v_XRPUSDT")
    assert names(data.events, "kind") == [EventKind.QUOTE, EventKind.TRADE] * 3
    assert names(data.events, "bid")[0] == 123450
    assert names(data.events, "price")[1] == 123461
    assert data.kind == "quotes + trades"


def test_arrival_that_contradicts_the_clock_is_no_capture(tmp_path: Path) -> None:
    first = write(tmp_path / "v_XRPUSDT_bbo.parquet", quotes(3))
    second = write(tmp_path / "v_XRPUSDT_trades.parquet", {**trades(3), "seq": [100, 1, 2]})
    with pytest.raises(DataError, match="disagree"):
        load([first, second])


def test_a_capture_without_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "v_XRPUSDT_bbo.parquet", quotes(3))
    with pytest.raises(DataError, match="no data file has a name that begins so"):
        load_capture(tmp_path / "w")
