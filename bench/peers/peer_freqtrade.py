"""freqtrade backtesting (W1), spot, feather data directory, exchange markets mocked (no network)."""

import logging
import shutil
from pathlib import Path

import freqtrade
import pandas as pd
from freqtrade.enums import RunMode
from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting

import spec as S
from common import Clock, main, work_dir

PAIR = "BTC/USDT"
MARKET = {
    "id": "BTCUSDT",
    "symbol": PAIR,
    "base": "BTC",
    "quote": "USDT",
    "baseId": "BTC",
    "quoteId": "USDT",
    "active": True,
    "type": "spot",
    "spot": True,
    "margin": False,
    "swap": False,
    "future": False,
    "option": False,
    "contract": False,
    "linear": None,
    "inverse": None,
    "settle": None,
    "settleId": None,
    "contractSize": None,
    "expiry": None,
    "expiryDatetime": None,
    "strike": None,
    "optionType": None,
    "taker": S.W1_FEE,
    "maker": S.W1_FEE,
    "percentage": True,
    "tierBased": False,
    "precision": {"price": S.TICK, "amount": 1e-8},
    "limits": {
        "amount": {"min": 1e-8, "max": None},
        "price": {"min": None, "max": None},
        "cost": {"min": 1.0, "max": None},
        "leverage": {"min": None, "max": None},
    },
    "info": {},
}

STRATEGY = """
from freqtrade.strategy import IStrategy
import spec as S


class Sma(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "1m"
    minimal_roi = {"0": 1000.0}
    stoploss = -0.99
    startup_candle_count = S.W1_SLOW
    use_exit_signal = True
    process_only_new_candles = True

    def populate_indicators(self, df, metadata):
        df["fast"] = df["close"].rolling(S.W1_FAST).mean()
        df["slow"] = df["close"].rolling(S.W1_SLOW).mean()
        return df

    def populate_entry_trend(self, df, metadata):
        df.loc[df["fast"] > df["slow"], "enter_long"] = 1
        return df

    def populate_exit_trend(self, df, metadata):
        df.loc[df["fast"] < df["slow"], "exit_long"] = 1
        return df

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, min_stake,
                            max_stake, leverage, entry_tag, side, **kw):
        return current_rate * S.W1_SIZE
"""


def load_markets(self, reload=False):
    """In place of the network call of Exchange._load_async_markets."""
    for api in (self._api, self._api_async):
        api.set_markets({PAIR: dict(MARKET)})


def w1(d, n):
    logging.disable(logging.WARNING)
    base = Path(work_dir()) / "freqtrade"
    shutil.rmtree(base, ignore_errors=True)
    for sub in ("data", "strategies", "backtest_results"):
        (base / sub).mkdir(parents=True)
    (base / "strategies" / "sma.py").write_text(STRATEGY)
    with Clock() as prep:
        df = pd.DataFrame({"date": pd.to_datetime(d["ts"], utc=True).astype("datetime64[ms, UTC]")})
        for k in ("open", "high", "low", "close", "volume"):
            df[k] = d[k]
        df.to_feather(base / "data" / "BTC_USDT-1m.feather", compression_level=9, compression="lz4")
        del df
    Exchange._load_async_markets = load_markets
    config = {
        "runmode": RunMode.BACKTEST,
        "strategy": "Sma",
        "strategy_path": str(base / "strategies"),
        "user_data_dir": base,
        "datadir": base / "data",
        "exportdirectory": base / "backtest_results",
        "exportfilename": base / "backtest_results",
        "export": "none",
        "dataformat_ohlcv": "feather",
        "dataformat_trades": "feather",
        "timeframe": "1m",
        "max_open_trades": 1,
        "stake_currency": "USDT",
        "stake_amount": 10_000.0,
        "dry_run": True,
        "dry_run_wallet": S.CASH,
        "tradable_balance_ratio": 1.0,
        "fee": S.W1_FEE,
        "trading_mode": "spot",
        "margin_mode": "",
        "original_config": {},
        "entry_pricing": {"price_side": "same", "use_order_book": False, "order_book_top": 1},
        "exit_pricing": {"price_side": "same", "use_order_book": False, "order_book_top": 1},
        "unfilledtimeout": {"entry": 10, "exit": 10, "unit": "minutes", "exit_timeout_count": 0},
        "pairlists": [{"method": "StaticPairList"}],
        "backtest_cache": "none",
        "internals": {},
        "exchange": {
            "name": "binance",
            "key": "",
            "secret": "",
            "enable_ws": False,
            "pair_whitelist": [PAIR],
            "pair_blacklist": [],
        },
    }
    with Clock() as run:
        bt = Backtesting(config)
        data, timerange = bt.load_bt_data()
        bt.backtest_one_strategy(bt.strategylist[0], data, timerange)
    tr = bt.all_bt_content["Sma"]["results"]
    forced = tr["exit_reason"] == "force_exit"
    # A position left open is force-closed by freqtrade at the last candle's open:
    # undo that fill and its fee, and mark the position to the last close instead.
    undo = (tr["amount"] * (tr["close_rate"] * S.W1_FEE + d["close"][-1] - tr["close_rate"]))[forced]
    eq = S.CASH + float(tr["profit_abs"].sum()) + float(undo.sum())
    return {
        "run": run,
        "prep": prep,
        "fills": 2 * len(tr) - int(forced.sum()),
        "equity": round(eq, 6),
        "position": int(forced.sum()),
    }


if __name__ == "__main__":
    main("freqtrade", freqtrade.__version__, {"W1": w1})
