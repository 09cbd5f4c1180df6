"""vectorbt, Portfolio.from_signals (W1). No event loop: the whole strategy is arrays."""

import pandas as pd
import vectorbt as vbt

import spec as S
from common import Clock, main


def backtest(close):
    fast = vbt.MA.run(close, S.W1_FAST).ma
    slow = vbt.MA.run(close, S.W1_SLOW).ma
    pf = vbt.Portfolio.from_signals(
        close, fast > slow, fast < slow, size=S.W1_SIZE, fees=S.W1_FEE, init_cash=S.CASH, freq="1min"
    )
    return int(pf.orders.count()), float(pf.final_value()), float(pf.assets().iloc[-1])


def w1(d, n):
    with Clock() as prep:
        close = pd.Series(d["close"], index=pd.to_datetime(d["ts"]))
    with Clock() as jit:
        backtest(close.iloc[:2000])
    with Clock() as run:
        fills, eq, pos = backtest(close)
    return {
        "run": run,
        "prep": prep,
        "fills": fills,
        "equity": round(eq, 6),
        "position": pos,
        "jit_s": round(jit.wall, 2),
    }


if __name__ == "__main__":
    main("vectorbt", vbt.__version__, {"W1": w1})
