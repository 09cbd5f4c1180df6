"""A desk fitted to data: what becomes the data's, what stays the desk's, and what is said of it."""

from decimal import Decimal
from pathlib import Path

import pytest

from quarterdeck.errors import ConfigError, DataError
from quarterdeck.research import DataRequest, fit_desk
from tests.research.builders import desk, wandering_bars, write


def bars(path: Path, name: str, count: int = 60, *, factor: float = 1.0, places: int = 4) -> Path:
    columns = wandering_bars(count)
    for key in ("open", "high", "low", "close"):
        columns[key] = [round(factor * value, places) for value in columns[key]]  # type: ignore[operator] # numbers
    return write(path / name, columns)


def test_data_of_a_desks_instrument_is_taken_on_its_own_grid(tmp_path: Path) -> None:
    fitted = fit_desk(desk("momentum"), DataRequest(paths=(bars(tmp_path, "hyperliquid_XRP_5m.parquet"),)))
    assert fitted.changes == ()
    assert fitted.data.instrument.tick == Decimal("0.000001")
    assert fitted.config.instruments == desk().instruments
    assert fitted.config.desk.mode == "backtest"


def test_a_live_desk_is_tried_at_a_simulated_venue(tmp_path: Path) -> None:
    practised = desk("momentum").venues[0].model_copy(update={"kind": "practice", "address": "practice.sock"})
    settings = desk("momentum").desk.model_copy(update={"mode": "live"})
    live = desk("momentum").model_copy(update={"venues": (practised,), "desk": settings})
    fitted = fit_desk(live, DataRequest(paths=(bars(tmp_path, "hyperliquid_XRP_5m.parquet"),)))
    assert [(venue.kind, venue.address) for venue in fitted.config.venues] == [("simulated", None)]


def test_data_of_anything_else_stands_in_for_the_first_instrument(tmp_path: Path) -> None:
    before = desk().instruments[0]
    path = bars(tmp_path, "binance_spot_BTCUSDT_5m.parquet", factor=100_000, places=2)
    fitted = fit_desk(desk("momentum", "maker"), DataRequest(paths=(path,)))
    after = fitted.config.instruments[0]
    assert (after.symbol, after.base, after.quote, after.kind) == ("BTCUSDT", "BTC", "USDC", "perpetual")
    assert after.significant_figures == 0
    assert (after.maker_fee_bps, after.taker_fee_bps) == (before.maker_fee_bps, before.taker_fee_bps)
    assert after.limits.max_notional == before.limits.max_notional
    assert [one.instruments for one in fitted.config.strategies] == [("BTCUSDT",), ("BTCUSDT",)]
    assert any("BTCUSDT stands in for XRP" in change for change in fitted.changes)


def test_a_lot_worth_more_than_an_order_is_made_finer(tmp_path: Path) -> None:
    path = bars(tmp_path, "us_equity_ABC_5m.parquet", factor=1000, places=1)
    fitted = fit_desk(desk("momentum"), DataRequest(paths=(path,)))
    lot = fitted.config.instruments[0].lot
    assert lot * 600 <= desk().instruments[0].limits.max_notional / 100
    assert fit_desk(desk("momentum"), DataRequest(paths=(path,), lot="1")).config.instruments[0].lot == 1


def test_an_explicit_instrument_keeps_its_name_and_grid(tmp_path: Path) -> None:
    path = bars(tmp_path, "binance_spot_XRPUSDT_5m.parquet")
    fitted = fit_desk(desk(), DataRequest(paths=(path,), instrument="XRP/USDC"))
    assert fitted.instrument == 1
    assert set(fitted.data.events["instrument"].tolist()) == {1}
    assert fitted.config.instruments == desk().instruments
    named = fit_desk(desk("momentum"), DataRequest(paths=(path,), instrument="XRP", tick="0.0001", lot="10"))
    assert (named.config.instruments[0].symbol, named.config.instruments[0].lot) == ("XRP", 10)


def test_a_fine_grid_makes_the_money_finer(tmp_path: Path) -> None:
    path = bars(tmp_path, "sim_TINYUSDT_5m.parquet", factor=0.0001, places=8)
    fitted = fit_desk(desk("momentum"), DataRequest(paths=(path,), lot="0.001"))
    assert fitted.config.exponent("USDC") == 11
    assert any("3 decimal places finer" in change for change in fitted.changes)


@pytest.mark.parametrize("name", ["my data (1).csv", "été.csv", "USDC.csv"])
def test_any_file_name_makes_a_symbol(tmp_path: Path, name: str) -> None:
    fitted = fit_desk(desk("momentum"), DataRequest(paths=(bars(tmp_path, name),)))
    assert fitted.config.instruments[0].base != fitted.config.instruments[0].quote


def test_times_outside_are_left_out_and_an_empty_span_is_refused(tmp_path: Path) -> None:
    path = bars(tmp_path, "sim_ABCUSDT_5m.csv")
    whole = fit_desk(desk(), DataRequest(paths=(path,))).data.events["time_ns"]
    begin, end = int(whole[10]), int(whole[20])
    part = fit_desk(desk(), DataRequest(paths=(path,), begin_ns=begin, end_ns=end)).data.events["time_ns"]
    assert (len(part), part[0], part[-1]) == (11, begin, end)
    with pytest.raises(DataError, match="nothing between"):
        fit_desk(desk(), DataRequest(paths=(path,), begin_ns=int(whole[-1]) + 1))


def test_an_unknown_instrument_or_strategy_is_named_with_those_there_are(tmp_path: Path) -> None:
    path = bars(tmp_path, "sim_ABCUSDT_5m.csv")
    with pytest.raises(ConfigError, match="XRP/USDC@hyperliquid"):
        fit_desk(desk(), DataRequest(paths=(path,), instrument="DOGE"))
    with pytest.raises(ConfigError, match=r"momentum \(BUY\)"):
        desk("astrology")


def test_strategies_are_chosen_by_kind_or_name() -> None:
    assert [one.name for one in desk("momentum", "SCALP").strategies] == ["BUY", "SCALP"]
    assert len(desk().strategies) == 3
