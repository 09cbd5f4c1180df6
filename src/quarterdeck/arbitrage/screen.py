"""Every cycle whose marginal rates leave a profit, found in compiled code; where none is left, none can earn anything.

A pool never pays a better rate than its marginal one at no input, so the product of these bounds what a cycle returns
for any input. Rates are floats: each is right to a few units in the last place, the sum of at most LENGTH_MAX
logarithms to less than SLACK; so a cycle below -SLACK earns nothing, and the exact integers decide about the others.

A cycle is reported once: from the changed edge in it that has the lowest number. It takes no pool twice and passes no
token twice.
"""

from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.arbitrage.market import NO_RATE, Market
from quarterdeck.errors import DataError
from quarterdeck.kernel.compiled import compiled

__all__ = ["LENGTH_MAX", "SLACK", "screen"]

LENGTH_MAX: Final = 4
SLACK: Final = 1e-12
_FIRST_ROOM: Final = 4096


def screen(market: Market, changed: NDArray[np.int64], length: int = 3) -> list[tuple[int, ...]]:
    """Returns the cycles of 2 to `length` edges through a changed one that may earn something, best first.

    An empty list is a certificate: through these edges nothing is to be earned. DataError for another length.
    """
    if not 2 <= length <= LENGTH_MAX:
        raise DataError("cycles", f"a length of {length}: 2 to {LENGTH_MAX} edges are searched")
    flags = np.zeros(len(market.edge_log), np.uint8)
    flags[changed] = 1
    best = _best_logs(market)
    room = _FIRST_ROOM
    while True:
        found = np.empty((room, LENGTH_MAX), np.int64)
        worth = np.empty(room)
        arrays = (
            market.edge_from, market.edge_to, market.edge_pool, market.edge_log, market.pair_first, market.pair_from,
            market.pair_to, market.token_first, market.arriving, market.arriving_first, best,
        )  # fmt: skip
        scratch = np.full(len(market.tokens), -1, np.int64)
        count = int(cast(Any, _cycles)(*arrays, np.sort(changed), flags, length, scratch, found, worth))
        if count <= room:
            break
        room = 2 * count
    order = np.argsort(-worth[:count], kind="stable")
    return [tuple(edge for edge in found[row].tolist() if edge >= 0) for row in order.tolist()]


def _best_logs(market: Market) -> NDArray[np.float64]:
    """The best rate of each pair of tokens: what its other pools cannot exceed."""
    if not len(market.edge_log):
        return np.empty(0)
    return np.maximum.reduceat(market.edge_log, market.pair_first[:-1])


@compiled
def _keep(
    edge_pool: Any, flags: Any, found: Any, worth: Any, count: int, total: float, e0: int, e1: int, e2: int, e3: int
) -> int:
    """Writes a cycle down unless a pool stands in it twice, or another changed edge will report it."""
    edges = (e0, e1, e2, e3)
    for place in range(1, 4):
        edge = edges[place]
        if edge < 0:
            continue
        if flags[edge] and edge < e0:
            return count
        for other in range(place):
            if edge_pool[edges[other]] == edge_pool[edge]:
                return count
    if count < len(worth):
        found[count, 0], found[count, 1], found[count, 2], found[count, 3] = e0, e1, e2, e3
        worth[count] = total
    return count + 1


@compiled
def _cycles(
    edge_from: Any, edge_to: Any, edge_pool: Any, edge_log: Any, pair_first: Any, pair_from: Any, pair_to: Any,
    token_first: Any, arriving: Any, arriving_first: Any, best: Any, changed: Any, flags: Any, length: int,
    home: Any, found: Any, worth: Any,
) -> int:  # fmt: skip
    """Counts the cycles and writes down those that there is room for. `home[t]`: the pair that leads from t back."""
    count = 0
    for row in range(len(changed)):
        e0 = changed[row]
        if edge_log[e0] <= NO_RATE:
            continue
        begin, first = edge_from[e0], edge_to[e0]
        for place in range(arriving_first[begin], arriving_first[begin + 1]):
            home[pair_from[arriving[place]]] = arriving[place]
        back = home[first]
        if back >= 0:
            for e1 in range(pair_first[back], pair_first[back + 1]):
                total = edge_log[e0] + edge_log[e1]
                if total > -SLACK:
                    count = _keep(edge_pool, flags, found, worth, count, total, e0, e1, -1, -1)
        if length >= 3:
            for pair in range(token_first[first], token_first[first + 1]):
                second = pair_to[pair]
                if second == begin:
                    continue
                back = home[second]
                reach = edge_log[e0] + best[pair]
                if back >= 0 and reach + best[back] > -SLACK:
                    for e1 in range(pair_first[pair], pair_first[pair + 1]):
                        for e2 in range(pair_first[back], pair_first[back + 1]):
                            total = edge_log[e0] + edge_log[e1] + edge_log[e2]
                            if total > -SLACK:
                                count = _keep(edge_pool, flags, found, worth, count, total, e0, e1, e2, -1)
                if length >= 4:
                    for onward in range(token_first[second], token_first[second + 1]):
                        third = pair_to[onward]
                        back = home[third]
                        if back < 0 or third in (begin, first):
                            continue
                        if reach + best[onward] + best[back] <= -SLACK:
                            continue
                        for e1 in range(pair_first[pair], pair_first[pair + 1]):
                            for e2 in range(pair_first[onward], pair_first[onward + 1]):
                                for e3 in range(pair_first[back], pair_first[back + 1]):
                                    total = edge_log[e0] + edge_log[e1] + edge_log[e2] + edge_log[e3]
                                    if total > -SLACK:
                                        count = _keep(edge_pool, flags, found, worth, count, total, e0, e1, e2, e3)
        for place in range(arriving_first[begin], arriving_first[begin + 1]):
            home[pair_from[arriving[place]]] = -1
    return count
