"""backtrader, Cerebro with a pandas feed (W1). Observers off, preload + runonce (its fastest default)."""

import backtrader as bt
import pandas as pd

import spec as S
from common import Clock, main


class Sma(bt.Strategy):
    def __init__(self):
        self.fast = bt.ind.SMA(self.data.close, period=S.W1_FAST)
        self.slow = bt.ind.SMA(self.data.close, period=S.W1_SLOW)
        self.fills = 0

    def notify_order(self, order):
        if order.status == order.Completed:
            self.fills += 1

    def next(self):
        want = self.fast[0] > self.slow[0]
        if want != (self.position.size > 0):
            (self.buy if want else self.sell)(size=S.W1_SIZE)


def w1(d, n):
    with Clock() as prep:
        df = pd.DataFrame({k: d[k] for k in ("open", "high", "low", "close", "volume")}, index=pd.to_datetime(d["ts"]))
        cer = bt.Cerebro(stdstats=False)
        cer.broker.setcash(S.CASH)
        cer.broker.setcommission(commission=S.W1_FEE)
        cer.adddata(bt.feeds.PandasData(dataname=df, timeframe=bt.TimeFrame.Minutes))
        cer.addstrategy(Sma)
    with Clock() as run:
        st = cer.run()[0]
    return {
        "run": run,
        "prep": prep,
        "fills": st.fills,
        "equity": round(cer.broker.getvalue(), 6),
        "position": st.position.size,
    }


if __name__ == "__main__":
    main("backtrader", bt.__version__, {"W1": w1})
