"""zipline-reloaded, minute bundle on a 24/7 calendar (W1, whole days only).

zipline fills a market order at the NEXT bar's close (not its open), so the
equity differs from the other peers by design; the number of fills does not.
"""

import os
import shutil
import warnings
from collections import deque

from common import Clock, main, work_dir

ROOT = work_dir() / "zipline"
os.environ["ZIPLINE_ROOT"] = str(ROOT)
warnings.filterwarnings("ignore")

import pandas as pd
import zipline
from zipline import run_algorithm
from zipline.api import order, set_commission, set_slippage, symbol
from zipline.data.bundles import ingest, register
from zipline.finance import commission, slippage
from zipline.utils.calendar_utils import get_calendar

import spec as S

DAY = 1440


def bundle(df):
    def go(
        environ,
        asset_db_writer,
        minute_bar_writer,
        daily_bar_writer,
        adjustment_writer,
        calendar,
        start_session,
        end_session,
        cache,
        show_progress,
        output_dir,
    ):
        first, last = df.index[0].tz_localize(None).normalize(), df.index[-1].tz_localize(None).normalize()
        asset_db_writer.write(
            equities=pd.DataFrame(
                {
                    "symbol": ["BTC"],
                    "asset_name": ["BTC"],
                    "start_date": [first],
                    "end_date": [last],
                    "exchange": ["SIM"],
                }
            ),
            exchanges=pd.DataFrame({"exchange": ["SIM"], "canonical_name": ["SIM"], "country_code": ["US"]}),
        )
        minute_bar_writer.write([(0, df)])
        day = df.resample("1D").agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
        day.index = day.index.tz_localize(None)
        daily_bar_writer.write([(0, day)])
        adjustment_writer.write()

    return go


def initialize(ctx):
    ctx.a = symbol("BTC")
    ctx.w = deque(maxlen=S.W1_SLOW)
    ctx.long = False
    set_commission(us_equities=commission.PerDollar(cost=S.W1_FEE))
    set_slippage(us_equities=slippage.NoSlippage())


def handle_data(ctx, data):
    w = ctx.w
    w.append(data.current(ctx.a, "close"))
    if len(w) < S.W1_SLOW:
        return
    want = sum(list(w)[-S.W1_FAST :]) / S.W1_FAST > sum(w) / S.W1_SLOW
    if want != ctx.long:
        order(ctx.a, S.W1_SIZE if want else -S.W1_SIZE)
        ctx.long = want


def w1(d, n):
    n = n // DAY * DAY
    shutil.rmtree(ROOT, ignore_errors=True)
    with Clock() as prep:
        df = pd.DataFrame(
            {k: d[k][:n] for k in ("open", "high", "low", "close", "volume")},
            index=pd.to_datetime(d["ts"][:n], utc=True),
        )
        first, last = (df.index[i].tz_localize(None).normalize() for i in (0, -1))
        register("bench", bundle(df), calendar_name="24/7", start_session=first, end_session=last, minutes_per_day=DAY)
        ingest("bench", show_progress=False)
    days = pd.date_range(first, last, freq="1D", tz="UTC")
    with Clock() as run:
        perf = run_algorithm(
            start=first,
            end=last,
            initialize=initialize,
            handle_data=handle_data,
            capital_base=S.CASH,
            data_frequency="minute",
            bundle="bench",
            trading_calendar=get_calendar("24/7"),
            benchmark_returns=pd.Series(0.0, index=days),
        )
    return {
        "run": run,
        "prep": prep,
        "n": n,
        "fills": int(sum(len(t) for t in perf["transactions"])),
        "equity": round(float(perf["portfolio_value"].iloc[-1]), 6),
        "equity_rule": "equity_next_close",
    }


if __name__ == "__main__":
    main("zipline", zipline.__version__, {"W1": w1})
