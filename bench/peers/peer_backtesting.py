"""backtesting.py (W1). Its run() includes the statistics it always computes."""

import os

os.environ.setdefault("TQDM_DISABLE", "1")
import backtesting
import pandas as pd
from backtesting import Backtest, Strategy

import spec as S
from common import Clock, main


def sma(x, n):
    return pd.Series(x).rolling(n).mean()


class Sma(Strategy):
    def init(self):
        self.fast = self.I(sma, self.data.Close, S.W1_FAST)
        self.slow = self.I(sma, self.data.Close, S.W1_SLOW)

    def next(self):
        want = self.fast[-1] > self.slow[-1]
        if want and not self.position:
            self.buy(size=S.W1_SIZE)
        elif not want and self.position:
            self.position.close()


def w1(d, n):
    with Clock() as prep:
        df = pd.DataFrame(
            {k.capitalize(): d[k] for k in ("open", "high", "low", "close", "volume")}, index=pd.to_datetime(d["ts"])
        )
        b = Backtest(df, Sma, cash=S.CASH, commission=S.W1_FEE, finalize_trades=False)
    with Clock() as run:
        st = b.run()
    closed = int(st["# Trades"])
    pos = int(bool(st["_strategy"].position))
    return {
        "run": run,
        "prep": prep,
        "fills": 2 * closed + pos,
        "equity": round(float(st["Equity Final [$]"]), 6),
        "position": pos,
    }


if __name__ == "__main__":
    main("backtesting", backtesting.__version__, {"W1": w1})
