"""Every recorded price file is traded, twice with the same digest, or refused by name."""

from pathlib import Path

import pytest

from quarterdeck.errors import DataError
from quarterdeck.market import Split
from quarterdeck.research import DataRequest, fit_desk, render_page, run_backtest
from quarterdeck.research.command import parse_splits
from tests.research.builders import desk, run

REFUSED = {
    "binance_usdm_XRPUSDT_funding_8h_202111": "funding rates only",
    "us_equity_20stocks_adjclose_1d_1989_2018": "a column of closes for each ticker",
}
FILES = (
    "binance_spot_BTCUSDT_20240808_bbo", "binance_spot_BTCUSDT_20240808_depth", "binance_spot_BTCUSDT_20240808_trades",
    "binance_spot_BTCUSDT_5m_2024", "binance_spot_ETHUSDT_5m_2024", "binance_spot_XRPETH_1m_201910",
    "binance_spot_XRPETH_201910_trades", "binance_spot_XRPUSDT_5m_2024", "binance_usdm_BTCUSDT_20240808_bbo",
    "binance_usdm_BTCUSDT_20240808_depth", "binance_usdm_BTCUSDT_20240808_trades", "binance_usdm_XRPUSDT_5m_202111",
    "bybit_linear_XRPUSDT_20241201_ob500", "us_equity_AAPL_1d", "us_equity_AAPL_201406_1m_quote",
    "us_equity_AAPL_201406_1m_trade", "us_equity_QQQ_1d", "us_equity_SPY_1d", "us_equity_SPY_20131007_ticks",
    "us_equity_SPY_201310_1m_quote", "us_equity_SPY_201310_1m_trade",
)  # fmt: skip

pytestmark = pytest.mark.market


def test_no_file_is_forgotten(market_data: Path) -> None:
    assert {path.stem for path in market_data.glob("*.parquet")} == {*FILES, *REFUSED}


@pytest.mark.parametrize("name", FILES)
def test_a_price_file_is_traded_and_twice_the_same(market_data: Path, name: str) -> None:
    path = market_data / f"{name}.parquet"
    first, second = run(path), run(path)
    assert first.digest == second.digest
    assert first.events > 0
    assert first.refused_events == 0
    assert sum(one.pnl for one in first.strategies) == first.pnl
    assert "<svg" in render_page(first)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_traded_is_refused_by_name(market_data: Path, name: str) -> None:
    with pytest.raises(DataError, match=REFUSED[name]) as caught:
        run(market_data / f"{name}.parquet")
    assert name in str(caught.value)


def test_one_ticker_of_the_wide_table_is_traded_when_it_is_named(market_data: Path) -> None:
    result = run(market_data / "us_equity_20stocks_adjclose_1d_1989_2018.parquet", column="GE", off_grid="round")
    assert result.instrument.symbol == "GE"
    assert result.events > 7000


def test_funding_joins_its_bars(market_data: Path) -> None:
    names = ("binance_usdm_XRPUSDT_5m_202111", "binance_usdm_XRPUSDT_funding_8h_202111")
    request = DataRequest(paths=tuple(market_data / f"{name}.parquet" for name in names))
    result = run_backtest(fit_desk(desk(), request))
    bars = run(market_data / f"{names[0]}.parquet")
    assert result.events > bars.events
    assert result.funding != 0
    assert bars.funding == 0
    assert result.digest != bars.digest


def test_the_aapl_split_is_told_when_missing_and_harmless_when_given(market_data: Path) -> None:
    path = market_data / "us_equity_AAPL_201406_1m_trade.parquet"
    told = run(path)
    splits: tuple[Split, ...] = parse_splits(["2014-06-09T00:00:00-04:00=7:1"])
    given = run(path, splits=splits)
    assert any("suspected split" in note for note in told.notes)
    assert given.notes == ()
    assert given.events == told.events + 1
    assert given.max_drawdown < told.max_drawdown
