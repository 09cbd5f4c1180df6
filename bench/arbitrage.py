"""What a block offers, among ten thousand pools: ours beside networkx' Bellman-Ford.

    python bench/arbitrage.py [--pools 10000] [--touched 100] [--blocks 30] [--spread 0.0012]

One block touches some of the pools; ours returns every profitable cycle of at most three swaps through them, each with
the input that earns the most, in exact integers. The peer answers less: whether there is a negative cycle anywhere
(`find_negative_cycle`), and one such cycle. Both begin with the market built, and are told the new states.
"""

import argparse
import contextlib
import json
import math
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import networkx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.discovery import Discovery
from quarterdeck.arbitrage.market import NO_RATE, Market
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.sizing import Loan
from tests.arbitrage.markets import make_pool

HUBS = 5


def pools_of(chance: random.Random, count: int, spread: float) -> list[Pool]:
    """Three in four pools pair a hub with some token, as on a real chain."""
    tokens = count // 5
    values = [math.exp(chance.gauss(0.0, 1.0)) for _ in range(tokens)]
    made: list[Pool] = []
    for number in range(count):
        first = chance.randrange(HUBS if chance.random() < 0.75 else tokens)
        second = chance.randrange(tokens - 1)
        second += second >= first
        fair = values[first] / values[second] * math.exp(chance.gauss(0.0, spread))
        made.append(make_pool(chance, number, (f"t{first}", f"t{second}"), fair))
    return made


def touched(chance: random.Random, pools: list[Pool], count: int) -> list[Pool]:
    """The new states of some pools: constant products move, the others are merely looked at again."""
    changed: list[Pool] = []
    for pool in chance.sample(pools, count):
        if isinstance(pool, ConstantProductPool):
            held = int(pool.reserves[0] * math.exp(chance.gauss(0.0, 0.003)))
            changed.append(ConstantProductPool(pool.address, pool.tokens, (held, pool.reserves[1])))
        else:
            changed.append(type(pool)(**{name: getattr(pool, name) for name in pool.__dataclass_fields__}))
    return changed


def graph_of(market: Market) -> "networkx.DiGraph[int]":
    """The best rate of each pair of tokens."""
    graph: networkx.DiGraph[int] = networkx.DiGraph()
    rows = zip(market.edge_from.tolist(), market.edge_to.tolist(), market.edge_log.tolist(), strict=True)
    for source, target, log in rows:
        if log > NO_RATE and (not graph.has_edge(source, target) or graph[source][target]["weight"] > -log):
            graph.add_edge(source, target, weight=-log)
    return graph


def peer(market: Market, start: int) -> float:
    """Seconds of one search for a negative cycle, graph included."""
    begin = time.perf_counter()
    with contextlib.suppress(networkx.NetworkXError):  # it found none
        networkx.find_negative_cycle(graph_of(market), start)
    return time.perf_counter() - begin


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--pools", type=int, default=10_000)
    words.add_argument("--touched", type=int, default=100)
    words.add_argument("--blocks", type=int, default=30)
    words.add_argument("--spread", type=float, default=0.0012)
    words.add_argument("--seed", type=int, default=3)
    said = words.parse_args()
    chance = random.Random(said.seed)
    pools = pools_of(chance, said.pools, said.spread)
    market = Market(pools)
    degrees = sorted(Counter(token for pool in pools for token in pool.tokens).values())
    kinds = Counter(type(pool).__name__ for pool in pools)
    discovery = Discovery({f"t{hub}": Loan(9) for hub in range(HUBS)}, 3)
    whole = discovery.find(market)
    print(f"pools {said.pools}, tokens {len(market.tokens)}; kinds {dict(kinds)}")
    print(f"token degrees: median {degrees[len(degrees) // 2]}, largest {degrees[-5:]}")
    print(f"whole market: {whole.screened} cycles screened, {len(whole.opportunities)} earn something")
    ours: list[float] = []
    theirs: list[float] = []
    found: list[int] = []
    for block in range(said.blocks):
        changed = touched(chance, market.pools, said.touched)
        begin = time.perf_counter()
        finding = discovery.find(market, changed)
        ours.append(time.perf_counter() - begin)
        found.append(len(finding.opportunities))
        if block % 5 == 0:
            theirs.append(peer(market, 0))
    print(f"profitable cycles a block: median {statistics.median(found)}, most {max(found)}")
    mine, other = statistics.median(ours) * 1e3, statistics.median(theirs) * 1e3
    print(f"ours: median {mine:.1f} ms, worst {max(ours) * 1e3:.1f} ms (target 20 ms)")
    print(f"networkx find_negative_cycle: median {other:.0f} ms; {other / mine:.0f}x")
    print(json.dumps({"ok": True, "block_ms": round(mine, 2), "worst_ms": round(max(ours) * 1e3, 2), "peer_ms": other}))


if __name__ == "__main__":
    main()
