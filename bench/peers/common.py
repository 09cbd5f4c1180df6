"""Shared by run.py, gen_data.py and every peer_*.py. Standard library + (lazily) numpy."""

import json
import os
import platform
import resource
import sys
import time
from pathlib import Path

import spec as S


def work_dir():
    return Path(os.environ.get("BENCH_WORK", "/tmp/bench-work"))


def data_dir():
    return work_dir() / "data"


def load(work, n=None):
    """Dict of numpy columns, first n rows."""
    import numpy as np

    cols = {"W1": ("ts", "open", "high", "low", "close", "volume"), "W2": ("ts", "bid", "ask", "bsz", "asz")}[work]
    return {c: np.load(data_dir() / f"{work.lower()}_{c}.npy")[:n] for c in cols}


def expected(work, n):
    return json.loads((data_dir() / "expected.json").read_text()).get(work, {}).get(str(n))


def rss_mb():
    """Peak RSS of this process so far, MiB (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


class Clock:
    """Wall and CPU seconds; CPU covers all threads of this process."""

    def __enter__(self):
        self.w0, self.c0 = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *a):
        self.wall = time.perf_counter() - self.w0
        self.cpu = time.process_time() - self.c0


def check(work, n, res):
    """Adds ok=True/False where the expected result for this n is known."""
    e = expected(work, n)
    if e is None:
        res.pop("equity_rule", None)
        return
    bad = []
    for k in ("fills", "orders", "cancels", "position"):
        if k in e and k in res and abs(res[k] - e[k]) > 1e-9:
            bad.append(f"{k} {res[k]} != {e[k]}")
    want = e.get(res.pop("equity_rule", "equity"))
    if "equity" in res and abs(res["equity"] - want) > 0.01:
        bad.append(f"equity {res['equity']} != {want}")
    res["ok"] = not bad
    if bad:
        res["diff"] = bad


def feed_from_thread(loop, inject, total, done):
    """Calls inject(k) on the loop, woken from outside like a socket read would, then done().

    Not a timer of the same loop: the loop would run it together with an
    engine's own polling timer and hide the polling delay.
    """
    import threading

    def body():
        time.sleep(0.3)
        for k in range(total):
            loop.call_soon_threadsafe(inject, k)
            time.sleep(S.w3_gap(k))
        time.sleep(0.1)
        loop.call_soon_threadsafe(done)

    threading.Thread(target=body, daemon=True).start()


def w3_quote(k):
    px = 100_000 + (k * 7919) % 50
    return px / 100, (px + 1) / 100


def w3_stats(t_from, t_to, skip):
    """p50/p99/min in microseconds of t_to - t_from, without the warm-up and lost events."""
    v = sorted((b - a) / 1e3 for a, b in zip(t_from[skip:], t_to[skip:], strict=True) if a and b)
    at = lambda q: round(v[min(len(v) - 1, int(q * len(v)))], 1)
    return {"n": len(v), "p50": at(0.5), "p99": at(0.99), "min": round(v[0], 1)}


def main(peer, version, works):
    """Entry of a peer script: peer_x.py WORK N. Prints one JSON line on stdout.

    works: {"W1": fn(data, n) -> dict}. fn returns at least {"run": Clock} and
    may return "prep": Clock (conversion of the arrays to the engine's own
    objects) plus the results to cross-check.
    """
    work, n = sys.argv[1], int(sys.argv[2])
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the engine prints goes to stderr
    load1 = os.getloadavg()[0]
    data = load(work, n) if work in ("W1", "W2") else None
    base = rss_mb()
    res = works[work](data, n)
    peak = rss_mb()
    n = res.pop("n", n)  # a peer may have taken fewer events
    run, prep = res.pop("run", None), res.pop("prep", None)
    line = {"peer": peer, "version": version, "work": work, "n": n}
    if run is not None:
        line["run_s"] = round(run.wall, 5)
        line["run_cpu_s"] = round(run.cpu, 5)
        line["events_per_s"] = round(n / run.wall)
        if prep is not None:
            line["prep_s"] = round(prep.wall, 4)
            line["events_per_s_incl_prep"] = round(n / (run.wall + prep.wall))
    line["peak_rss_mb"] = round(peak)
    line["base_rss_mb"] = round(base)
    check(work, n, res)
    line.update(res)
    line["load1"] = round(load1, 2)
    line["python"] = platform.python_version()
    print(json.dumps(line), file=out, flush=True)
