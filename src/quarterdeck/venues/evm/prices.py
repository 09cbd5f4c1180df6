"""What tokens are worth in each other, as the chain's own pools trade them now.

Of all pools that trade a pair the middle marginal price is taken: one pool out of line, which is what this desk looks
for, does not move it. A token that no pool trades with the wrapped coin, or through one other token, has no price.
"""

import math
from collections.abc import Iterator
from statistics import median
from typing import Final, cast

from quarterdeck.arbitrage.market import NO_RATE, Market

__all__ = ["Prices"]

_HALF: Final = 0.5


class Prices:
    """Prices at one moment: units of the wrapped coin for one unit of a token. Floats: they judge, they pay nobody."""

    def __init__(self, market: Market, wrapped: str) -> None:
        self._worth: dict[str, float] = {wrapped: 1.0}
        direct = dict(_pairs(market))
        for _ in range(2):
            known = dict(self._worth)
            for token in market.tokens:
                if token in known:
                    continue
                found = [known[other] * direct[token, other] for other in known if (token, other) in direct]
                if found:
                    self._worth[token] = median(found)

    def of(self, token: str) -> float | None:
        """What one unit of a token is worth; None: no pool says."""
        return self._worth.get(token)

    def convert(self, amount: float, token: str, into: str) -> float | None:
        """Units of `into` that so many units of `token` are worth; None where one of them has no price."""
        worth, other = self.of(token), self.of(into)
        return None if worth is None or not other else amount * worth / other


def _pairs(market: Market) -> Iterator[tuple[tuple[str, str], float]]:
    """For each pair of tokens the middle price, between selling and buying so that the fee is in neither."""
    rates: dict[tuple[int, int], list[float]] = {}
    for edge, log in enumerate(cast(list[float], market.edge_log.tolist())):
        if log > NO_RATE:
            rates.setdefault((int(market.edge_from[edge]), int(market.edge_to[edge])), []).append(log)
    for (source, target), logs in rates.items():
        back = rates.get((target, source))
        if back is not None:
            yield (market.tokens[source], market.tokens[target]), math.exp(_HALF * (median(logs) - median(back)))
