"""`quarterdeck backtest`: what it writes and prints, and what it refuses without writing anything."""

import json
from pathlib import Path

import pytest

from quarterdeck.errors import ConfigError, QuarterdeckError, StrategyError
from quarterdeck.journal import verify
from quarterdeck.research import BacktestOptions, backtest_command
from tests.research.builders import DESK, Columns, wandering_bars, write

REQUIRED = (
    "digest", "events", "orders", "fills", "rejected", "fees", "equity_final", "return_pct", "max_drawdown_pct",
    "sharpe", "seconds", "quality", "instrument", "strategies", "source_hash", "journal",
)  # fmt: skip


def options(data: Path, out: Path, **more: object) -> BacktestOptions:
    return BacktestOptions(desk=str(DESK), data=[str(data)], out=str(out), **more)  # type: ignore[arg-type] # any field


def test_json_is_one_object_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "sim_ABCUSDT_5m.csv", wandering_bars(300))
    folder = backtest_command(options(path, tmp_path / "out", json=True))
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert set(REQUIRED) <= set(found)
    assert printed.err == ""
    assert found == json.loads((folder / "result.json").read_text())
    assert isinstance(found["equity_final"], str)
    assert found["journal"] == str(folder / "journal")
    assert folder.name.endswith(found["digest"][:8])


def test_the_folder_holds_result_page_and_a_good_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "sim_ABCUSDT_5m.csv", wandering_bars(300))
    folder = backtest_command(options(path, tmp_path / "out"))
    assert {item.name for item in folder.iterdir()} == {"result.json", "page.html", "journal"}
    assert verify(folder / "journal").exit_code == 0
    assert [item.name for item in (tmp_path / "out").iterdir()] == [folder.name]
    assert "equity" in capsys.readouterr().out


def test_a_second_run_has_a_folder_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "sim_ABCUSDT_5m.csv", wandering_bars(60))
    folders = {backtest_command(options(path, tmp_path / "out", journal=False)) for _ in range(3)}
    assert len(folders) == 3
    assert not any((folder / "journal").exists() for folder in folders)


def bars(**changed: dict[int, object]) -> Columns:
    columns = wandering_bars(60)
    for name, cells in changed.items():
        for place, value in cells.items():
            columns[name][place] = value
    return columns


def _missing(path: Path) -> Path:
    return path / "nowhere.parquet"


def _empty(path: Path) -> Path:
    (path / "empty.csv").write_bytes(b"")
    return path / "empty.csv"


def _no_rows(path: Path) -> Path:
    (path / "header.csv").write_text("ts,open,high,low,close,volume\n")
    return path / "header.csv"


def _corrupt(path: Path) -> Path:
    whole = write(path / "bars.parquet", wandering_bars(60)).read_bytes()
    (path / "bars.parquet").write_bytes(whole[: len(whole) // 2])
    return path / "bars.parquet"


def _extension(path: Path) -> Path:
    (path / "bars.xlsx").write_bytes(b"PK")
    return path / "bars.xlsx"


def _columns(path: Path) -> Path:
    columns = wandering_bars(60)
    return write(path / "bars.csv", {"ts": columns["ts"], "colour": columns["close"]})


BAD = {
    "missing file": (_missing, "nowhere.parquet: does not exist"),
    "empty file": (_empty, "empty.csv: is empty"),
    "no rows": (_no_rows, "header.csv: has no rows"),
    "corrupt parquet": (_corrupt, "bars.parquet: is not a whole Parquet file"),
    "wrong extension": (_extension, "bars.xlsx: is of no known format"),
    "missing columns": (_columns, "bars.csv:"),
    "NaN price": ({"close": {7: float("nan")}}, "bars.csv, row 8: no_number in 1 row"),
    "no price": ({"open": {3: None}}, "bars.csv, row 4: no_number in 1 row"),
    "negative price": ({"low": {9: -0.5}}, "bars.csv, row 10: negative_price in 1 row"),
    "zero price": ({"low": {9: 0.0}}, "bars.csv, row 10: zero_price in 1 row"),
    "infinite price": ({"high": {2: float("inf")}}, "bars.csv, row 3: infinite in 1 row"),
    "high below low": ({"high": {5: 0.01}}, "bars.csv, row 6: high_below_low in 1 row"),
    "time backwards": ({"ts": {20: 1_704_067_200_001}}, "bars.csv, row 21: time_backwards in 1 row"),
    "no time": ({"ts": {4: None}}, "bars.csv, row 5: no_time in 1 row"),
    "negative volume": ({"volume": {11: -5}}, "bars.csv"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_is_refused_by_file_and_row_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    made, message = BAD[name]
    (tmp_path / "data").mkdir()
    path = made(tmp_path / "data") if callable(made) else write(tmp_path / "data" / "bars.csv", bars(**made))
    with pytest.raises(QuarterdeckError) as caught:
        backtest_command(options(path, tmp_path / "out" / "deep"))
    assert caught.value.exit_code == 2
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [item.name for item in tmp_path.iterdir()] == ["data"]


def test_bad_rows_can_be_left_out_and_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "bars.csv", bars(close={7: float("nan"), 9: -1}))
    backtest_command(options(path, tmp_path / "out", skip_bad_rows=True, json=True))
    found = json.loads(capsys.readouterr().out)
    assert found["events"] == 58
    assert found["quality"]["rows_refused"] == 2
    assert {one["name"] for one in found["quality"]["files"][0]["findings"]} >= {"no_number", "negative_price"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"splits": ["2014-06-09=7"]}, "TIME=NEW:OLD"),
        ({"splits": ["2014-06-09T09:30:00=7:1"]}, "with its zone"),
        ({"columns": "open"}, "role=column"),
        ({"columns": "colour=open"}, "one of"),
        ({"begin": "yesterday"}, "a date"),
        ({"tick": "-1"}, "positive"),
        ({"strategies": ["astrology"]}, "momentum"),
        ({"instrument": "DOGE"}, "XRP@hyperliquid"),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
    ],
)
def test_an_impossible_argument_is_named_with_what_is_allowed(
    tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    path = write(tmp_path / "sim_ABCUSDT_5m.csv", {**wandering_bars(60), "ts": ["2024-01-01 00:00:00"] * 60})
    if "timezone" not in changed:
        write(path, wandering_bars(60))
    with pytest.raises(QuarterdeckError, match=message) as caught:
        backtest_command(options(path, tmp_path / "out", **changed))
    assert caught.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_a_run_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "sim_ABCUSDT_5m.csv", wandering_bars(60))

    def broken(*_: object) -> None:
        raise StrategyError("strategy BUY asked for too much")

    monkeypatch.setattr("quarterdeck.runtime.engine.SimulatedEngine._feed_compiled", broken)
    with pytest.raises(StrategyError):
        backtest_command(options(path, tmp_path / "out" / "deep"))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "sim_ABCUSDT_5m.csv", wandering_bars(60))
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="a folder to write in"):
        backtest_command(options(path, tmp_path / "file" / "out"))
