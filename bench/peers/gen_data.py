"""Writes the synthetic data and the expected results. Needs numpy only.

python gen_data.py            -> $BENCH_WORK/data/{w1,w2}_*.npy, expected.json

Uses RandomState (frozen stream) and integer ticks, so the bytes are the same
with any numpy; expected.json carries a sha256 over them.
"""

import hashlib
import json
import math
import sys
import time

import numpy as np

import spec as S
from common import data_dir

W1_COLS = ("ts", "open", "high", "low", "close", "volume")
W2_COLS = ("ts", "bid", "ask", "bsz", "asz")


def gen_w1(n):
    r = np.random.RandomState(S.SEED)
    step = np.rint(r.randn(n) * 50.0).astype(np.int64).tolist()
    # Falling at first: every engine starts flat whatever its own warm-up rule is.
    step[: S.W1_QUIET] = [-abs(x) - 1 for x in step[: S.W1_QUIET]]
    up = np.rint(np.abs(r.randn(n)) * 20.0).astype(np.int64)
    dn = np.rint(np.abs(r.randn(n)) * 20.0).astype(np.int64)
    vol = r.randint(100, 10_001, size=n).astype(np.int64)
    c0 = 1000 * S.PX_SCALE
    close = [0] * n
    c = c0
    s10 = s30 = 0
    f, s = S.W1_FAST, S.W1_SLOW
    prev = None
    for i in range(n):
        c += step[i] - (c - c0) // 10_000  # weak pull to 1000.00
        t10 = s10 + c - (close[i - f] if i >= f else 0)
        t30 = s30 + c - (close[i - s] if i >= s else 0)
        if i >= s - 1:
            m = s // f
            # No exact SMA tie, so float rounding can not flip a signal; and no
            # signal change on the very last bar (some engines could not fill it).
            while m * t10 == t30 or (i == n - 1 and (m * t10 > t30) != prev):
                d = 1 if prev or prev is None else -1
                c += d
                t10 += d
                t30 += d
            prev = m * t10 > t30
        close[i] = c
        s10, s30 = t10, t30
    close = np.array(close, dtype=np.int64)
    open_ = np.empty_like(close)
    open_[0] = c0
    open_[1:] = close[:-1]  # open[i+1] == close[i]
    high = np.maximum(open_, close) + up
    low = np.minimum(open_, close) - dn
    ts = S.W1_START_NS + np.arange(n, dtype=np.int64) * S.W1_STEP_NS
    p = lambda a: a / float(S.PX_SCALE)
    return dict(zip(W1_COLS, (ts, p(open_), p(high), p(low), p(close), vol.astype(np.float64)), strict=True))


def expect_w1(d, n):
    """Plain Python, integer ticks: the yardstick of correctness.

    equity_next_close: the same fills, each at the next bar's close (zipline's rule).
    """
    close = np.rint(d["close"][:n] * S.PX_SCALE).astype(np.int64).tolist()
    f, s = S.W1_FAST, S.W1_SLOW
    s10 = s30 = 0
    pos = fills = 0
    cash_t, fee_t = 0, 0  # in ticks
    cash_n, fee_n = 0, 0
    for i, c in enumerate(close):
        s10 += c - (close[i - f] if i >= f else 0)
        s30 += c - (close[i - s] if i >= s else 0)
        if i < s - 1 or i == n - 1:
            continue
        want = 1 if s10 * (s // f) > s30 else 0
        if want != pos:
            cash_t -= (want - pos) * c
            fee_t += c
            cash_n -= (want - pos) * close[i + 1]
            fee_n += close[i + 1]
            pos = want
            fills += 1
    eq = lambda c, f: round(S.CASH + (c + pos * close[-1]) / S.PX_SCALE - f / S.PX_SCALE * S.W1_FEE, 6)
    return {
        "n": n,
        "fills": fills,
        "equity": eq(cash_t, fee_t),
        "position": pos,
        "equity_next_close": eq(cash_n, fee_n),
    }


def gen_w2(n):
    r = np.random.RandomState(S.SEED + 1)
    u = r.randint(0, 1000, size=n).tolist()
    sz = r.randint(1, 101, size=n).tolist()
    sz2 = r.randint(1, 101, size=n).tolist()
    gap = r.randint(1_000, 20_000_000, size=n).astype(np.int64)  # mean 10 ms
    ts = S.W2_START_NS + np.cumsum(gap)
    bid = [0] * n
    ask = [0] * n
    bsz = [0] * n
    asz = [0] * n
    b = 1000 * S.PX_SCALE
    a = b + 1
    bs = as_ = 10
    for k in range(n):
        x = u[k]
        if x < 60:  # both sides up
            b += 1
            a += 1
            bs = sz[k]
            as_ = sz2[k]
        elif x < 120:  # both sides down
            b -= 1
            a -= 1
            bs = sz[k]
            as_ = sz2[k]
        elif x < 140:  # ask widens or narrows
            a = a + 1 if a - b < 2 else a - 1
            as_ = sz[k]
        elif x < 160:  # bid widens or narrows
            b = b - 1 if a - b < 2 else b + 1
            bs = sz[k]
        elif x < 580:
            bs = sz[k]
        else:
            as_ = sz[k]
        bid[k] = b
        ask[k] = a
        bsz[k] = bs
        asz[k] = as_
    f = lambda v: np.array(v, dtype=np.float64)
    return dict(zip(W2_COLS, (ts, f(bid) / S.PX_SCALE, f(ask) / S.PX_SCALE, f(bsz), f(asz)), strict=True))


def expect_w2(d, n):
    bid = np.rint(d["bid"][:n] * S.PX_SCALE).astype(np.int64).tolist()
    ask = np.rint(d["ask"][:n] * S.PX_SCALE).astype(np.int64).tolist()
    bf, af = d["bid"][:n].tolist(), d["ask"][:n].tolist()
    ema = 0.0
    pos = fills = orders = cancels = 0
    cash_t = fee_t = 0
    ob = oa = 0  # resting prices in ticks, 0 = none
    for k in range(n):
        if ob and ask[k] <= ob:
            pos += 1
            cash_t -= ob
            fee_t += ob
            fills += 1
            ob = 0
        if oa and bid[k] >= oa:
            pos -= 1
            cash_t += oa
            fee_t += oa
            fills += 1
            oa = 0
        mid = (bf[k] + af[k]) * 0.5
        ema = mid if k == 0 else ema + S.W2_ALPHA * (mid - ema)
        if k % S.W2_EVERY == S.W2_EVERY - 1:
            cancels += (ob > 0) + (oa > 0)
            ob = oa = 0
            e = ema * S.PX_SCALE
            if pos < S.W2_MAXPOS:
                ob = min(bid[k], math.floor(e) - S.W2_EDGE)
                orders += 1
            if pos > -S.W2_MAXPOS:
                oa = max(ask[k], math.ceil(e) + S.W2_EDGE)
                orders += 1
    eq = S.CASH + (cash_t - fee_t * S.W2_FEE + pos * (bid[-1] + ask[-1]) * 0.5) / S.PX_SCALE
    return {"n": n, "orders": orders, "cancels": cancels, "fills": fills, "equity": round(eq, 6), "position": pos}


def main():
    t = time.time()
    out = data_dir()
    out.mkdir(parents=True, exist_ok=True)
    exp = {}
    for name, n, gen, expect in (("w1", S.W1_N, gen_w1, expect_w1), ("w2", S.W2_N, gen_w2, expect_w2)):
        d = gen(n)
        h = hashlib.sha256()
        for k, v in d.items():
            np.save(out / f"{name}_{k}.npy", v)
            h.update(np.ascontiguousarray(v).tobytes())
        sizes = [n, n // 10] + ([m // 1440 * 1440 for m in (n, n // 10)] if name == "w1" else [])
        exp[name.upper()] = {str(m): expect(d, m) for m in sizes}
        exp[name.upper()]["sha256"] = h.hexdigest()
    (out / "expected.json").write_text(json.dumps(exp, indent=1))
    print(json.dumps(exp), f"{time.time() - t:.1f}s", file=sys.stderr)


if __name__ == "__main__":
    main()
