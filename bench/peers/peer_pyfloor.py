"""Floor for W3: the same steps in plain Python on one asyncio loop, nothing of an engine.

direct: event -> strategy -> risk check -> submit as plain calls.
queues: three asyncio.Queue hops between them (the shape of an actor-style live engine).
"""

import asyncio
import platform
from time import perf_counter_ns as now

import spec as S
from common import feed_from_thread, main, w3_quote, w3_stats


class Strategy:
    def __init__(self, risk):
        self.ema, self.risk = 1000.0, risk

    def on_tick(self, k, bid, ask):
        self.ema += S.W2_ALPHA * ((bid + ask) * 0.5 - self.ema)
        self.risk(k, min(bid, self.ema) - 1.0, 1, bid)


def ok(px, qty, bid):
    return 0 < px < 10_000 and 0 < qty <= 100 and px * qty < S.CASH and abs(px - bid) < 100


async def run(kind, total, t0, t3):
    loop = asyncio.get_running_loop()
    end = loop.create_future()
    tasks = []
    if kind == "direct":

        def risk(k, px, qty, bid):
            if ok(px, qty, bid):
                t3[k] = now()

        entry = Strategy(risk).on_tick
    else:
        q1, q2, q3 = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()
        st = Strategy(lambda *m: q2.put_nowait(m))

        async def data():
            while True:
                st.on_tick(*await q1.get())

        async def risk():
            while True:
                k, px, qty, bid = await q2.get()
                if ok(px, qty, bid):
                    q3.put_nowait(k)

        async def execute():
            while True:
                k = await q3.get()
                t3[k] = now()

        tasks = [asyncio.create_task(f()) for f in (data, risk, execute)]
        entry = lambda *m: q1.put_nowait(m)

    def inject(k):
        bid, ask = w3_quote(k)
        t0[k] = now()
        entry(k, bid, ask)

    feed_from_thread(loop, inject, total, lambda: end.set_result(None))
    await end
    for t in tasks:
        t.cancel()


def w3(_, n):
    res = {}
    for kind in ("direct", "queues"):
        total = n + S.W3_WARM
        t0, t3 = [0] * total, [0] * total
        asyncio.run(run(kind, total, t0, t3))
        res[kind + "_us"] = w3_stats(t0, t3, S.W3_WARM)
    res["tick_to_submit_us"] = res["direct_us"]
    return res


if __name__ == "__main__":
    main("pyfloor", platform.python_version(), {"W3": w3})
