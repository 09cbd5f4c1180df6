"""What the loader makes of recorded markets."""

from pathlib import Path

import numpy as np
import pytest

from quarterdeck.errors import DataError
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market import load, load_capture

pytestmark = pytest.mark.market

# file -> rows, events, tick, lot
TRADABLE = {
    "binance_spot_BTCUSDT_20240808_bbo": (28040, 28040, "0.01", "0.00001"),
    "binance_spot_BTCUSDT_20240808_depth": (126090, 126074, "0.01", "0.000001"),
    "binance_spot_BTCUSDT_20240808_trades": (9757, 9757, "0.01", "0.00001"),
    "binance_spot_BTCUSDT_5m_2024": (71769, 71769, "0.01", "0.000001"),
    "binance_spot_ETHUSDT_5m_2024": (71769, 71769, "0.01", "0.0001"),
    "binance_spot_XRPETH_1m_201910": (2469, 2469, "0.00000001", "1"),
    "binance_spot_XRPETH_201910_trades": (12477, 12477, "0.00000001", "1"),
    "binance_spot_XRPUSDT_5m_2024": (72028, 72028, "0.0001", "1"),
    "binance_usdm_BTCUSDT_20240808_bbo": (66089, 66089, "0.1", "0.001"),
    "binance_usdm_BTCUSDT_20240808_depth": (445521, 445263, "0.1", "0.001"),
    "binance_usdm_BTCUSDT_20240808_trades": (21313, 21313, "0.1", "0.001"),
    "binance_usdm_XRPUSDT_5m_202111": (1999, 1999, "0.0001", "0.1"),
    "bybit_linear_XRPUSDT_20241201_ob500": (3966, 3967, "0.0001", "1"),
    "us_equity_AAPL_1d": (5849, 5849, "0.0001", "1"),
    "us_equity_AAPL_201406_1m_quote": (2512, 2512, "0.01", "1"),
    "us_equity_AAPL_201406_1m_trade": (2303, 2303, "0.01", "1"),
    "us_equity_QQQ_1d": (3964, 3964, "0.0001", "1"),
    "us_equity_SPY_1d": (5849, 5849, "0.0001", "1"),
    "us_equity_SPY_20131007_ticks": (250601, 250601, "0.01", "1"),
    "us_equity_SPY_201310_1m_quote": (4557, 4557, "0.01", "1"),
    "us_equity_SPY_201310_1m_trade": (4128, 4128, "0.01", "1"),
}
REFUSED = {
    "binance_usdm_XRPUSDT_funding_8h_202111": "holds funding rates only",
    "us_equity_20stocks_adjclose_1d_1989_2018": r"name one with column = \.\.\. \(GOOG, AAPL",
}


def test_every_recorded_file_has_its_place(market_data: Path) -> None:
    assert {path.stem for path in market_data.glob("*.parquet")} == TRADABLE.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", TRADABLE)
def test_a_file_loads_whole_and_in_order(market_data: Path, name: str) -> None:
    data = load(market_data / f"{name}.parquet")
    rows, count, tick, lot = TRADABLE[name]
    assert (data.sources[0].rows, len(data.events)) == (rows, count)
    assert (f"{data.instrument.tick:f}", f"{data.instrument.lot:f}") == (tick, lot)
    assert data.quality.rows_refused == 0
    assert np.all(np.diff(data.events["time_ns"]) >= 0)
    assert np.all(data.events["kind"] > 0)


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_traded_is_refused_by_name(market_data: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"{name}.*{REFUSED[name]}"):
        load(market_data / f"{name}.parquet")


def test_trades_add_up_to_the_bar_that_another_person_recorded(market_data: Path) -> None:
    trades = load(market_data / "binance_spot_BTCUSDT_20240808_trades.parquet")
    bars = load(market_data / "binance_spot_BTCUSDT_5m_2024.parquet")
    begin = 1_723_161_300_000_000_000  # 2024-08-08T23:55:00Z
    bar = bars.events[bars.events["venue_time_ns"] == begin][0]
    within = (trades.events["venue_time_ns"] >= begin) & (trades.events["venue_time_ns"] < bar["time_ns"])
    prices, lots = trades.events["price"][within], trades.events["quantity"][within]
    assert [int(bar[name]) for name in ("open", "high", "low", "close")] == [
        int(prices[0]),
        int(prices.max()),
        int(prices.min()),
        int(prices[-1]),
    ]
    assert bars.instrument.lots_to_quantity(int(bar["volume"])) == trades.instrument.lots_to_quantity(int(lots.sum()))


@pytest.mark.parametrize("prefix", ["binance_usdm_BTCUSDT_20240808", "binance_spot_BTCUSDT_20240808"])
def test_the_book_of_a_capture_is_its_best_quotes_at_every_common_update(market_data: Path, prefix: str) -> None:
    data = load_capture(market_data / prefix)
    assert np.all(np.diff(data.events["time_ns"]) >= 0)
    assert data.quality.count("crossed_book") == data.quality.count("update_id_break") == 0
    books: list[dict[int, int]] = [{}, {}]
    quotes = data.events[data.events["kind"] == int(EventKind.QUOTE)]
    names = ("bid", "ask", "bid_quantity", "ask_quantity")
    told = {int(quote["update_id"]): tuple(int(quote[name]) for name in names) for quote in quotes}
    compared = 0
    for event in data.events[:150_000]:
        if event["kind"] == EventKind.LEVEL:
            book = books[int(event["flags"]) & int(Flag.SELL)]
            book.pop(int(event["price"]), None)
            if event["quantity"]:
                book[int(event["price"])] = int(event["quantity"])
            if event["flags"] & int(Flag.LAST) and int(event["update_id"]) in told:
                bid, ask = max(books[0]), min(books[1])
                assert (bid, ask, books[0][bid], books[1][ask]) == told[int(event["update_id"])]
                compared += 1
    assert compared > 100


def test_the_funding_of_a_perpetual_joins_its_bars(market_data: Path) -> None:
    data = load(
        market_data / "binance_usdm_XRPUSDT_5m_202111.parquet",
        funding=market_data / "binance_usdm_XRPUSDT_funding_8h_202111.parquet",
    )
    fundings = data.events[data.events["kind"] == int(EventKind.FUNDING)]
    assert (len(fundings), data.quality.count("outside_prices")) == (12, 79)
    assert int(fundings[0]["rate"]) == 100_000
    assert np.all(np.diff(data.events["time_ns"]) >= 0)


# file -> days on which the share really was split
SPLITS = {
    "us_equity_AAPL_1d": ["2000-06-21", "2005-02-28", "2014-06-09", "2020-08-31"],
    "us_equity_QQQ_1d": ["2000-03-20"],
    "us_equity_SPY_1d": [],
    "us_equity_AAPL_201406_1m_trade": ["2014-06-09"],
    "us_equity_AAPL_201406_1m_quote": ["2014-06-09"],
    "binance_spot_BTCUSDT_5m_2024": [],
}


@pytest.mark.parametrize("name", SPLITS)
def test_the_real_splits_are_suspected_and_no_other(market_data: Path, name: str) -> None:
    findings = load(market_data / f"{name}.parquet").quality.files[0].findings
    suspected = [one.detail.split(" before ")[1][:10] for one in findings if one.name == "suspected_split"]
    assert suspected == SPLITS[name]


def test_the_split_of_apple_is_an_event_before_its_first_bar(market_data: Path) -> None:
    data = load(market_data / "us_equity_AAPL_201406_1m_trade.parquet", splits=[("2014-06-09T00:00:00-04:00", 7, 1)])
    at = int(np.argmax(data.events["kind"] == int(EventKind.SPLIT)))
    assert (int(data.events[at]["numerator"]), int(data.events[at]["denominator"])) == (7, 1)
    assert int(data.events[at - 1]["close"]) == 64_570
    assert int(data.events[at + 1]["close"]) == 9_242
    assert data.quality.count("suspected_split") == 0


def test_a_ticker_of_the_wide_table_is_close_only_bars(market_data: Path) -> None:
    data = load(market_data / "us_equity_20stocks_adjclose_1d_1989_2018.parquet", column="FB")
    assert data.quality.count("close_only") == len(data.events) == 1483
    assert data.quality.count("no_number") == 7126 - 1483
