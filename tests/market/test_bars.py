"""quarterdeck.market.bars on small files."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from quarterdeck.errors import ConfigError, DataError
from quarterdeck.kernel.vocabulary import EventKind, InstrumentKind
from quarterdeck.market import load
from tests.market.builders import MINUTE_MS, START_MS, bars, names, write

MINUTE_NS = MINUTE_MS * 1_000_000
START_NS = START_MS * 1_000_000


def test_a_bar_is_known_at_its_close_and_carries_its_open(tmp_path: Path) -> None:
    data = load(write(tmp_path / "demo_XRPUSDT_1m.parquet", bars(3)))
    assert names(data.events, "kind") == [EventKind.BAR] * 3
    assert names(data.events, "venue_time_ns") == [START_NS + MINUTE_NS * index for index in range(3)]
    assert names(data.events, "time_ns") == [START_NS + MINUTE_NS * (index + 1) for index in range(3)]
    assert names(data.events, "open") == [10000, 10001, 10002]
    assert names(data.events, "high") == [10005, 10006, 10007]
    assert names(data.events, "low") == [9995, 9996, 9997]
    assert names(data.events, "close") == [10002, 10003, 10004]
    assert names(data.events, "volume") == [10, 11, 12]
    assert (data.instrument.symbol, data.instrument.base, data.instrument.quote) == ("XRPUSDT", "XRP", "USDT")
    assert (data.instrument.tick, data.instrument.lot) == (Decimal("0.01"), Decimal(1))
    assert data.instrument.kind is InstrumentKind.SPOT
    assert (data.kind, data.sources[0].rows, len(data.sources[0].sha256)) == ("bars", 3, 64)
    assert data.quality.rows_refused == 0


def test_times_at_the_close_are_told_by_option(tmp_path: Path) -> None:
    data = load(write(tmp_path / "x.csv", bars(3)), bar_time="close")
    assert names(data.events, "time_ns")[0] == START_NS
    assert names(data.events, "venue_time_ns")[0] == START_NS - MINUTE_NS


def test_dates_are_whole_days_and_weekends_are_no_gap(tmp_path: Path) -> None:
    days = ["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-10"]
    table = {**bars(4), "date": days}
    del table["ts"]
    data = load(write(tmp_path / "x_1d.csv", table))
    assert names(data.events, "venue_time_ns")[0] == 1_704_326_400 * 10**9
    assert names(data.events, "time_ns")[0] == 1_704_412_800 * 10**9
    gap = next(finding for finding in data.quality.files[0].findings if finding.name == "gap")
    assert (gap.count, gap.first_row) == (1, 4)


# what the row holds instead -> what it is called
BAD_ROWS = [
    ("open", float("nan"), "no_number"),
    ("close", None, "no_number"),
    ("high", float("inf"), "infinite"),
    ("low", 0.0, "zero_price"),
    ("low", -1.0, "negative_price"),
    ("volume", -5.0, "negative_quantity"),
    ("volume", float("nan"), "no_number"),
    ("high", 50.0, "high_below_low"),
    ("open", 1000.0, "open_outside_range"),
    ("close", 50.0, "close_outside_range"),
    ("ts", None, "no_time"),
    ("ts", START_MS - MINUTE_MS, "time_backwards"),
    ("close", 1e12, "price_too_large"),
    ("volume", 1e13, "quantity_too_large"),
]


@pytest.mark.parametrize(("column", "value", "name"), BAD_ROWS)
def test_a_bad_row_is_left_out_counted_and_named(tmp_path: Path, column: str, value: object, name: str) -> None:
    table = bars(200)
    table[column][7] = value
    data = load(write(tmp_path / "x.parquet", table), tick="0.01", lot=1)  # type: ignore[arg-type]
    assert len(data.events) == 199
    finding = next(one for one in data.quality.files[0].findings if one.name == name)
    assert (finding.count, finding.first_row, finding.refused) == (1, 8, True)
    assert data.quality.rows_refused == 1
    assert np.all(np.diff(data.events["time_ns"]) > 0)


def test_gaps_duplicates_overlaps_and_empty_bars_are_reported_and_stay(tmp_path: Path) -> None:
    table = bars(20)
    table["ts"] = [START_MS + MINUTE_MS * index + (180_000 if index > 10 else 0) for index in range(20)]
    table["ts"][5] = table["ts"][4]
    table["volume"][3] = 0.0
    data = load(write(tmp_path / "x.parquet", table))
    found = {finding.name: finding for finding in data.quality.files[0].findings}
    assert len(data.events) == 20
    assert (found["duplicate"].count, found["duplicate"].first_row) == (1, 6)
    assert (found["zero_volume"].count, found["zero_volume"].first_row) == (1, 4)
    assert (found["gap"].count, found["gap"].first_row) == (2, 7)
    assert "4 bars missing" in found["gap"].detail


def test_bars_that_repeat_themselves_are_reported_as_stale(tmp_path: Path) -> None:
    table = bars(30)
    for name in ("open", "high", "low", "close"):
        table[name][10:24] = [table[name][9]] * 14
    stale = next(one for one in load(write(tmp_path / "x.csv", table)).quality.files[0].findings if one.name == "stale")
    assert (stale.count, stale.first_row) == (1, 11)


def test_a_file_that_runs_backwards_is_refused(tmp_path: Path) -> None:
    table = {name: values[::-1] for name, values in bars(10).items()}
    with pytest.raises(DataError, match="row 2: time goes backwards in most rows: sort"):
        load(write(tmp_path / "x.csv", table))


def test_volumes_finer_than_a_lot_are_rounded_down_and_counted(tmp_path: Path) -> None:
    table = bars(5)
    table["volume"][2] = 1.123456789
    data = load(write(tmp_path / "x.parquet", table))
    assert data.instrument.lot == Decimal("1e-8")
    assert names(data.events, "volume")[2] == 112_345_678
    assert data.quality.count("quantity_rounded_down") == 1


def test_prices_off_a_given_tick_are_refused_or_rounded_as_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", bars(10))
    with pytest.raises(DataError, match=r"row 2: no row can be used: off_grid .* give the tick"):
        load(path, tick="0.25")
    data = load(path, tick="0.25", off_grid="round")
    assert names(data.events, "open") == [400] * 10
    assert data.quality.count("price_rounded") > 0


def test_prices_without_a_grid_ask_for_a_tick(tmp_path: Path) -> None:
    table = bars(5)
    table["close"] = [value * 1.0000000123456 for value in table["close"]]  # type: ignore[operator]
    path = write(tmp_path / "x.parquet", table)
    with pytest.raises(DataError, match="close has more than 10 decimals"):
        load(path)
    assert len(load(path, tick="0.01", off_grid="round").events) == 5


def test_one_bar_alone_asks_for_its_interval(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", bars(1))
    with pytest.raises(DataError, match="give the interval"):
        load(path)
    assert names(load(path, interval_ns=MINUTE_NS).events, "time_ns") == [START_NS + MINUTE_NS]


def test_quote_bars_become_the_quote_at_their_close(tmp_path: Path) -> None:
    table: dict[str, list[object]] = {"ts": bars(3)["ts"]}
    for side, price in (("bid", 10.0), ("ask", 10.1)):
        for part, offset in (("open", 0.0), ("high", 0.2), ("low", -0.2), ("close", 0.05)):
            table[f"{side}_{part}"] = [round(price + offset, 2)] * 3
        table[f"{side}_size"] = [100, 200, 300]
    table["bid_close"][2] = 10.2  # above the ask's close, 10.15
    data = load(write(tmp_path / "x.parquet", table))
    assert names(data.events, "kind") == [EventKind.QUOTE] * 2
    assert names(data.events, "bid") == [1005] * 2
    assert names(data.events, "ask") == [1015] * 2
    assert names(data.events, "ask_quantity") == [100, 200]
    assert names(data.events, "time_ns")[0] == START_NS + MINUTE_NS
    assert data.quality.count("crossed_quote") == 1


def test_a_table_of_tickers_asks_which_one(tmp_path: Path) -> None:
    days = ["2024-01-03", "2024-01-04", "2024-01-05"]
    path = write(tmp_path / "x.csv", {"date": days, "AAPL": [1.5, 1.6, 1.7], "GE": [None, 2.1, 2.2]})
    with pytest.raises(DataError, match=r"no one instrument: name one with column = \.\.\. \(AAPL, GE\)"):
        load(path)
    data = load(path, column="GE")
    assert data.instrument.symbol == "GE"
    assert names(data.events, "open") == names(data.events, "close") == [21, 22]
    assert (data.quality.count("close_only"), data.quality.count("no_number")) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"tick": "0"}, "tick"),
        ({"lot": "x"}, "lot"),
        ({"columns": {"prize": "open"}}, "prize"),
        ({"splits": [("2024-01-01T00:00:00", 2, 1)]}, "time"),
        ({"splits": [("2024-01-01T00:00:00Z", 0, 1)]}, "numerator"),
    ],
)
def test_an_impossible_argument_is_refused(tmp_path: Path, arguments: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path / "x.csv", bars(5)), **arguments)  # type: ignore[arg-type]
    assert caught.value.key == key


def test_prices_too_fine_and_too_large_to_count_ask_for_a_tick(tmp_path: Path) -> None:
    table: dict[str, list[object]] = {
        "ts": bars(3)["ts"],
        **{name: [60_000.12345678] * 3 for name in ("o", "h", "l", "c")},
    }
    with pytest.raises(DataError, match=r"row 1: o uses 8 decimals and is more ticks .* give a coarser tick"):
        load(write(tmp_path / "x.csv", table))


def test_one_absurd_price_or_volume_bends_no_grid(tmp_path: Path) -> None:
    table = bars(200)
    table["high"][5], table["volume"][9] = 1e200, 1e200
    data = load(write(tmp_path / "x.parquet", table))
    assert (data.instrument.tick, data.instrument.lot, len(data.events)) == (Decimal("0.01"), Decimal(1), 198)
