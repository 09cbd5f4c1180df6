"""Physical-limit reference: one plain @njit loop per workload, no engine at all."""

import math

import numba
from numba import njit

import spec as S
from common import Clock, main

FAST, SLOW, W1_FEE, CASH = S.W1_FAST, S.W1_SLOW, S.W1_FEE, S.CASH
ALPHA, EVERY, EDGE, MAXPOS, W2_FEE, SCALE = S.W2_ALPHA, S.W2_EVERY, S.W2_EDGE, S.W2_MAXPOS, S.W2_FEE, S.PX_SCALE


@njit
def w1(close):
    n = close.size
    s10 = s30 = 0.0
    pos = 0
    fills = 0
    cash = CASH
    for i in range(n):
        c = close[i]
        s10 += c - (close[i - FAST] if i >= FAST else 0.0)
        s30 += c - (close[i - SLOW] if i >= SLOW else 0.0)
        if i < SLOW - 1 or i == n - 1:
            continue
        want = 1 if s10 / FAST > s30 / SLOW else 0
        if want != pos:
            cash -= (want - pos) * c + c * W1_FEE
            pos = want
            fills += 1
    return fills, cash + pos * close[-1], pos


@njit
def w2(bid, ask):
    n = bid.size
    ema = 0.0
    pos = 0
    fills = orders = cancels = 0
    cash = CASH
    ob = oa = 0.0
    for k in range(n):
        b, a = bid[k], ask[k]
        if ob > 0.0 and a <= ob:
            pos += 1
            cash -= ob + ob * W2_FEE
            fills += 1
            ob = 0.0
        if oa > 0.0 and b >= oa:
            pos -= 1
            cash += oa - oa * W2_FEE
            fills += 1
            oa = 0.0
        mid = (b + a) * 0.5
        ema = mid if k == 0 else ema + ALPHA * (mid - ema)
        if k % EVERY == EVERY - 1:
            cancels += (ob > 0.0) + (oa > 0.0)
            ob = oa = 0.0
            e = ema * SCALE
            if pos < MAXPOS:
                ob = min(round(b * SCALE), math.floor(e) - EDGE) / SCALE
                orders += 1
            if pos > -MAXPOS:
                oa = max(round(a * SCALE), math.ceil(e) + EDGE) / SCALE
                orders += 1
    return fills, orders, cancels, cash + pos * (bid[-1] + ask[-1]) * 0.5, pos


def run_w1(d, n):
    with Clock() as jit:
        w1(d["close"][:1000])
    with Clock() as c:
        fills, eq, pos = w1(d["close"])
    return {"run": c, "fills": fills, "equity": round(eq, 6), "position": pos, "jit_s": round(jit.wall, 2)}


def run_w2(d, n):
    with Clock() as jit:
        w2(d["bid"][:1000], d["ask"][:1000])
    with Clock() as c:
        fills, orders, cancels, eq, pos = w2(d["bid"], d["ask"])
    return {
        "run": c,
        "fills": fills,
        "orders": orders,
        "cancels": cancels,
        "equity": round(eq, 6),
        "position": pos,
        "jit_s": round(jit.wall, 2),
    }


if __name__ == "__main__":
    main("numba", numba.__version__, {"W1": run_w1, "W2": run_w2})
