"""Runs peers on workloads, one fresh process per run, one JSON line per run on stdout.

python run.py --setup                               venvs from requirements/ + data
python run.py --peer nautilus --work W1             one run
python run.py --peer nautilus,numba --work W2 --repeat 5     interleaved: a b a b ...
python run.py --all --repeat 3 --save out.jsonl     everything, interleaved, then a summary
python run.py --summary out.jsonl                   table from saved lines

Standard library only. Venvs, data and scratch are under $BENCH_WORK (default
/tmp/bench-work). A further project joins by a peer_<name>.py here and a line in
VENV, or with BENCH_PY_<NAME>=<its python interpreter>. A peer with several ways to do
a work is asked for one as name:variant; it finds the variant in $BENCH_VARIANT.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from pathlib import Path

import spec as S
from common import data_dir, work_dir

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
VENV = {
    "numba": "hft",
    "membw": "hft",
    "hftbacktest": "hft",
    "nautilus": "nautilus",
    "backtrader": "classic",
    "backtesting": "classic",
    "basana": "classic",
    "pyfloor": "classic",
    "vectorbt": "vectorbt",
    "freqtrade": "freqtrade",
    "zipline": "zipline",
    "quarterdeck": REPOSITORY / ".venv",
}
WORKS = {
    "numba": "W1 W2",
    "membw": "W1 W2",
    "hftbacktest": "W2",
    "nautilus": "W1 W2 W3",
    "backtrader": "W1",
    "backtesting": "W1",
    "basana": "W1 W3",
    "pyfloor": "W3",
    "vectorbt": "W1",
    "freqtrade": "W1",
    "zipline": "W1",
    "quarterdeck": "W1 W2 W3",
    "quarterdeck:python": "W2",
}
N = {"W1": S.W1_N, "W2": S.W2_N, "W3": S.W3_N}


def python(peer):
    """Interpreter of a peer. A venv that is not one of ours under $BENCH_WORK is given as a path."""
    own = os.environ.get("BENCH_PY_" + peer.upper())
    if not own and peer not in VENV:
        sys.exit(f"no venv known for {peer}: set BENCH_PY_{peer.upper()}")
    return own or str(work_dir() / "venvs" / VENV[peer] / "bin" / "python")


def setup(names):
    for name in names:
        d = work_dir() / "venvs" / name
        wanted = HERE / "requirements" / f"{name}.txt"
        stamp = d / ".installed"
        if stamp.exists() and stamp.read_text() == wanted.read_text():
            continue
        if not (d / "bin" / "python").exists():
            venv.create(d, with_pip=True)
        subprocess.check_call(
            [str(d / "bin" / "python"), "-m", "pip", "install", "-qq", "-r", str(wanted)], stdout=sys.stderr
        )
        stamp.write_text(wanted.read_text())
    need_data()


def need_data():
    if not (data_dir() / "expected.json").exists():
        py = next(p for p in (python(x) for x in ("numba", "backtrader", "nautilus")) if Path(p).exists())
        subprocess.check_call([py, "gen_data.py"], cwd=HERE, env=env())


def env(variant=""):
    e = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", BENCH_WORK=str(work_dir()), BENCH_VARIANT=variant)
    if not os.environ.get("BENCH_THREADS"):
        e.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", NUMBA_NUM_THREADS="1", POLARS_MAX_THREADS="1")
    return e


def one(peer, work, n, timeout):
    name, _, variant = peer.partition(":")
    try:
        p = subprocess.run(
            [python(name), str(HERE / f"peer_{name}.py"), work, str(n)],
            cwd=HERE,
            env=env(variant),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        line = p.stdout.strip().splitlines()[-1] if p.stdout.strip() else ""
        if p.returncode == 0 and line:
            return json.loads(line) | {"peer": peer}
        err = p.stderr.strip().splitlines()
        return {"peer": peer, "work": work, "n": n, "error": err[-1] if err else f"rc {p.returncode}"}
    except subprocess.TimeoutExpired:
        return {"peer": peer, "work": work, "n": n, "error": f"over {timeout} s"}


def summary(lines):
    groups = {}
    for r in lines:
        groups.setdefault((r["work"], r["peer"], r["n"]), []).append(r)
    med = statistics.median
    print(
        f"{'work':4} {'peer':12} {'version':11} {'runs':4} {'events/s med':>13} {'best':>13} {'worst':>13} "
        f"{'incl prep':>12} {'cpu med s':>9} {'peak MiB':>8}  result"
    )
    key = lambda kv: (kv[0][0], -med([r.get("events_per_s", 0) for r in kv[1]]))
    for (work, peer, _), rs in sorted(groups.items(), key=key):
        good = [r for r in rs if "error" not in r]
        if not good:
            print(f"{work:4} {peer:12} {'-':11} {len(rs):4} {rs[0].get('error')}")
            continue
        g = good[0]
        if work == "W3":
            t = [r["tick_to_submit_us"] for r in good]
            print(
                f"{work:4} {peer:12} {g['version']:11} {len(good):4} tick->submit us: p50 {med(x['p50'] for x in t)}, "
                f"p99 {med(x['p99'] for x in t)}, min {min(x['min'] for x in t)}"
            )
            continue
        ev = [r["events_per_s"] for r in good]
        inc = [r["events_per_s_incl_prep"] for r in good if "events_per_s_incl_prep" in r]
        res = " ".join(f"{k}={g[k]}" for k in ("orders", "fills", "equity", "gb_per_s") if k in g)
        print(
            f"{work:4} {peer:12} {g['version']:11} {len(good):4} {med(ev):13,.0f} {max(ev):13,.0f} {min(ev):13,.0f} "
            f"{med(inc) if inc else 0:12,.0f} {med(r['run_cpu_s'] for r in good):9.3f} "
            f"{med(r['peak_rss_mb'] for r in good):8.0f}  {res} ok={g.get('ok')}"
        )


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--setup", nargs="*", metavar="VENV", help="create these venvs (all when none named) and the data")
    a.add_argument("--peer", help="one name or several with commas")
    a.add_argument("--work", help="W1, W2, W3 or several with commas; default: all the peer has")
    a.add_argument("--all", action="store_true")
    a.add_argument("--n", type=int, help="fewer events (results are checked for the full and the tenth size)")
    a.add_argument("--quick", action="store_true", help="a tenth of the events")
    a.add_argument("--repeat", type=int, default=1)
    a.add_argument("--timeout", type=float, default=900)
    a.add_argument("--save", help="append the JSON lines to this file too")
    a.add_argument("--summary", nargs="?", const="", metavar="FILE", help="table; of FILE when named")
    o = a.parse_args()
    if o.setup is not None:
        setup(o.setup or sorted({v for v in VENV.values() if isinstance(v, str)}))
        return
    if o.summary:
        summary([json.loads(x) for x in Path(o.summary).read_text().splitlines() if x.strip()])
        return
    peers = list(WORKS) if o.all else (o.peer or a.error("--peer or --all")).split(",")
    works = o.work.split(",") if o.work else ["W1", "W2", "W3"]
    jobs = [(p, w) for w in works for p in peers if w in WORKS.get(p, "W1 W2 W3").split()]
    need_data()
    lines = []
    for _ in range(o.repeat):
        for p, w in jobs:
            r = one(p, w, min(o.n or N[w], N[w]) // (10 if o.quick else 1), o.timeout)
            lines.append(r)
            print(json.dumps(r), flush=True)
            if o.save:
                with Path(o.save).open("a") as fh:
                    fh.write(json.dumps(r) + "\n")
    if o.summary is not None or (o.all and o.repeat > 1):
        summary(lines)


if __name__ == "__main__":
    main()
