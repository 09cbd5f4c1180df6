"""basana, asyncio backtesting exchange (W1). Decimal throughout, as the library asks."""

import asyncio
import datetime
from collections import deque
from decimal import Decimal
from importlib.metadata import version

import basana as bs
from basana.backtesting import exchange as bx
from basana.backtesting import fees, liquidity
from basana.core import event

import spec as S
from common import Clock, feed_from_thread, main, w3_quote, w3_stats

PAIR = bs.Pair("BTC", "USDT")


class MemorySource(event.EventSource):
    def __init__(self, events):
        super().__init__()
        self.q = deque(events)

    def pop(self):
        return self.q.popleft() if self.q else None


class Sma:
    def __init__(self, exch):
        self.exch = exch
        self.win = deque(maxlen=S.W1_SLOW)
        self.long = False
        self.orders = 0

    async def on_bar(self, ev):
        w = self.win
        w.append(ev.bar.close)
        if len(w) < S.W1_SLOW:
            return
        want = sum(list(w)[-S.W1_FAST :]) / S.W1_FAST > sum(w) / S.W1_SLOW
        if want != self.long:
            op = bs.OrderOperation.BUY if want else bs.OrderOperation.SELL
            await self.exch.create_market_order(op, PAIR, Decimal(S.W1_SIZE))
            self.long = want
            self.orders += 1


def w1(d, n):
    with Clock() as prep:
        minute = datetime.timedelta(minutes=1)
        t = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        evs = []
        D = lambda x: Decimal(f"{x:.2f}")
        for o, h, low, c, v in zip(*(d[k].tolist() for k in ("open", "high", "low", "close", "volume")), strict=True):
            evs.append(bs.BarEvent(t + minute, bs.Bar(t, PAIR, D(o), D(h), D(low), D(c), D(v), minute)))
            t += minute
        src = MemorySource(evs)
        del evs

    async def go():
        disp = bs.backtesting_dispatcher()
        exch = bx.Exchange(
            disp,
            {"USDT": Decimal(str(S.CASH))},
            liquidity_strategy_factory=liquidity.InfiniteLiquidity,
            fee_strategy=fees.Percentage(Decimal(str(S.W1_FEE * 100))),
            default_pair_info=bs.PairInfo(0, 8),
        )
        st = Sma(exch)
        exch.subscribe_to_bar_events(PAIR, st.on_bar)
        exch.add_bar_source(src)
        await disp.run()
        bal = await exch.get_balances()
        base = bal["BTC"].total if "BTC" in bal else Decimal(0)
        return st.orders, float(bal["USDT"].total), float(base)

    with Clock() as run:
        orders, cash, pos = asyncio.run(go())
    return {
        "run": run,
        "prep": prep,
        "fills": orders,
        "equity": round(cash + pos * float(d["close"][-1]), 6),
        "position": pos,
    }


def w3(_, n):
    """Realtime dispatcher -> strategy -> trivial risk check -> dummy submit (basana has no offline live exchange).

    The dispatcher polls: when idle it sleeps idle_sleep = 1 ms, which is most of the number.
    """
    from time import perf_counter_ns as now

    total = n + S.W3_WARM
    t0, t3 = [0] * total, [0] * total

    class Tick(event.Event):
        def __init__(self, when, k, bid, ask):
            super().__init__(when)
            self.k, self.bid, self.ask = k, bid, ask

    async def go():
        disp = bs.realtime_dispatcher()
        src = event.FifoQueueEventSource()
        st = {"ema": 1000.0}

        async def submit(k, px):
            t3[k] = now()

        async def on_tick(ev):
            st["ema"] += S.W2_ALPHA * ((ev.bid + ev.ask) * 0.5 - st["ema"])
            px = min(ev.bid, st["ema"]) - 1.0
            if 0 < px < 10_000 and abs(px - ev.bid) < 100:
                await submit(ev.k, px)

        def inject(k):
            ev = Tick(bs.utc_now(), k, *w3_quote(k))
            t0[k] = now()
            src.push(ev)

        disp.subscribe(src, on_tick)
        feed_from_thread(asyncio.get_running_loop(), inject, total, disp.stop)
        await disp.run(stop_signals=[])

    asyncio.run(go())
    return {"tick_to_submit_us": w3_stats(t0, t3, S.W3_WARM)}


if __name__ == "__main__":
    main("basana", version("basana"), {"W1": w1, "W3": w3})
