"""hftbacktest, numba strategy on ROIVectorMarketDepth (W2 only)."""

import math

import hftbacktest
import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.binding import event_dtype
from numba import njit

import spec as S
from common import Clock, main

ALPHA, EVERY, EDGE, MAXPOS, SCALE, SIZE = (S.W2_ALPHA, S.W2_EVERY, S.W2_EDGE, S.W2_MAXPOS, S.PX_SCALE, float(S.W2_SIZE))


def events(d):
    """L1 quotes as depth updates: an old best level is removed before the new one is set.

    exch_ts = ts - 1 ns, local_ts = ts: the exchange (and its fills) come before
    the strategy sees the quote, as in the other peers.
    """
    n = d["ts"].size
    ch = lambda a: np.concatenate(([True], a[1:] != a[:-1]))
    bpx, apx = ch(d["bid"]), ch(d["ask"])
    badd, aadd = bpx | ch(d["bsz"]), apx | ch(d["asz"])
    badd |= ~(badd | aadd)
    bdel, adel = bpx.copy(), apx.copy()
    bdel[0] = adel[0] = False
    mask = np.stack((bdel, adel, badd, aadd), axis=1)
    off = np.cumsum(mask.ravel()).reshape(n, 4) - 1
    e = np.zeros(int(mask.sum()) + 1, dtype=event_dtype)
    prev = lambda a: np.concatenate((a[:1], a[:-1]))
    base = DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT
    for j, (side, px, qty) in enumerate(
        (
            (BUY_EVENT, prev(d["bid"]), None),
            (SELL_EVENT, prev(d["ask"]), None),
            (BUY_EVENT, d["bid"], d["bsz"]),
            (SELL_EVENT, d["ask"], d["asz"]),
        )
    ):
        m = mask[:, j]
        at = off[m, j]
        e["ev"][at] = base | side
        e["px"][at] = px[m]
        e["local_ts"][at] = d["ts"][m]
        if qty is not None:
            e["qty"][at] = qty[m]
    # sentinel: wait_next_feed reports the end of data in place of the last feed
    e[-1] = e[-2]
    e["local_ts"][-1] += 1_000_000_000
    e["exch_ts"] = e["local_ts"] - 1
    return e


@njit
def strategy(hbt, n):
    depth = hbt.depth(0)
    ema = 0.0
    orders = cancels = calls = 0
    oid = 1
    b_id = a_id = 0
    b = a = 0
    for k in range(n):
        if hbt.wait_next_feed(False, 1_000_000_000_000_000) != 2:
            break
        calls += 1
        b, a = depth.best_bid_tick, depth.best_ask_tick
        mid = (b / SCALE + a / SCALE) * 0.5
        ema = mid if k == 0 else ema + ALPHA * (mid - ema)
        if k % EVERY != EVERY - 1:
            continue
        hbt.clear_inactive_orders(0)
        live = hbt.orders(0)
        if b_id in live:
            hbt.cancel(0, b_id, False)
            cancels += 1
        if a_id in live:
            hbt.cancel(0, a_id, False)
            cancels += 1
        pos = hbt.position(0)
        e = ema * SCALE
        if pos < MAXPOS:
            b_id = oid
            oid += 1
            hbt.submit_buy_order(0, b_id, min(b, math.floor(e) - EDGE) / SCALE, SIZE, GTX, LIMIT, False)
            orders += 1
        if pos > -MAXPOS:
            a_id = oid
            oid += 1
            hbt.submit_sell_order(0, a_id, max(a, math.ceil(e) + EDGE) / SCALE, SIZE, GTX, LIMIT, False)
            orders += 1
    return orders, cancels, calls, (b / SCALE + a / SCALE) * 0.5


def build(e):
    asset = (
        BacktestAsset()
        .data(e)
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(S.W2_FEE, S.W2_FEE)
        .tick_size(S.TICK)
        .lot_size(1.0)
        .roi_lb(500.0)
        .roi_ub(1500.0)
    )
    return ROIVectorMarketDepthBacktest([asset])


def w2(d, n):
    small = {k: v[:2000] for k, v in d.items()}
    with Clock() as jit:
        hbt = build(events(small))
        strategy(hbt, 2000)
        hbt.close()
    with Clock() as prep:
        e = events(d)
    with Clock() as run:  # building the engine included
        hbt = build(e)
        orders, cancels, calls, mid = strategy(hbt, n)
    st = hbt.state_values(0)
    eq = S.CASH + st.balance + st.position * mid - st.fee
    res = {
        "run": run,
        "prep": prep,
        "fills": int(st.num_trades),
        "orders": orders,
        "cancels": cancels,
        "equity": round(float(eq), 6),
        "position": float(st.position),
        "on_tick_calls": calls,
        "feed_events": int(e.size),
        "jit_s": round(jit.wall, 2),
    }
    hbt.close()
    return res


if __name__ == "__main__":
    main("hftbacktest", hftbacktest.__version__, {"W2": w2})
