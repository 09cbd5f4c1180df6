"""All pools of a chain by token: the edges that a cycle may take, and which of them a block has changed.

An edge is one direction through one pool. Its marginal rate (what the first unit buys, after the fee) stands here as a
logarithm in a flat array, so the screen can walk thousands of them in compiled code.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.arbitrage.pools import Pool
from quarterdeck.errors import DataError

__all__ = ["NO_RATE", "Market"]

NO_RATE: Final = -1e300  # the logarithm of a rate that is not there


class Market:
    """Pools and their edges. The set of pools is fixed; `replace` gives some of them their new state.

    `edge_*` are parallel arrays: pool, places in its tokens, tokens as numbers, logarithm of the rate. Edges are sorted
    by (source token, target token); `pair_first[p]..pair_first[p+1]` are those of one pair of tokens, and
    `token_first[t]..token_first[t+1]` the pairs that leave a token.
    """

    def __init__(self, pools: Sequence[Pool]) -> None:
        self.pools = list(pools)
        self.places = {pool.address: place for place, pool in enumerate(self.pools)}
        if len(self.places) < len(self.pools):
            raise DataError("pools", "an address stands there twice")
        self.tokens = tuple(sorted({token for pool in self.pools for token in pool.tokens}))
        self.numbers = {token: number for number, token in enumerate(self.tokens)}
        rows = sorted(
            (self.numbers[first], self.numbers[second], place, source, target)
            for place, pool in enumerate(self.pools)
            for source, first in enumerate(pool.tokens)
            for target, second in enumerate(pool.tokens)
            if source != target
        )
        table = np.array(rows, np.int64).reshape(-1, 5)
        columns = [np.ascontiguousarray(column) for column in table.T]
        self.edge_from, self.edge_to, self.edge_pool, self.edge_source, self.edge_target = columns
        self.edge_log = np.full(len(rows), NO_RATE)
        self._index()
        self._edges_of: list[list[int]] = [[] for _ in self.pools]
        for edge, place in enumerate(cast(list[int], self.edge_pool.tolist())):
            self._edges_of[place].append(edge)
        self._rate(range(len(self.pools)))

    def replace(self, pools: Iterable[Pool]) -> NDArray[np.int64]:
        """Puts in the new state of some pools; returns their edges. DataError for a pool that is not there."""
        touched: list[int] = []
        for pool in pools:
            place = self.places.get(pool.address)
            if place is None or self.pools[place].tokens != pool.tokens:
                raise DataError("pools", f"{pool.address} is none of the market's: make a market that has it")
            self.pools[place] = pool
            touched.append(place)
        self._rate(touched)
        return self.edges_of(touched)

    def edges_of(self, places: Iterable[int]) -> NDArray[np.int64]:
        """The edges through some pools, ascending."""
        return np.array(sorted(edge for place in places for edge in self._edges_of[place]), np.int64)

    def _rate(self, places: Iterable[int]) -> None:
        for place in places:
            pool = self.pools[place]
            for edge in self._edges_of[place]:
                _, rate = pool.quote(int(self.edge_source[edge]), int(self.edge_target[edge]), 0.0)
                self.edge_log[edge] = math.log(rate) if rate > 0.0 else NO_RATE

    def _index(self) -> None:
        tokens = len(self.tokens)
        pairs = self.edge_from * tokens + self.edge_to
        begins = np.flatnonzero(np.diff(pairs, prepend=-1))
        self.pair_first = np.array([*begins.tolist(), len(pairs)], np.int64)
        self.pair_from = np.ascontiguousarray(self.edge_from[begins])
        self.pair_to = np.ascontiguousarray(self.edge_to[begins])
        self.token_first = np.searchsorted(self.pair_from, np.arange(tokens + 1)).astype(np.int64)
        # the pairs that arrive at each token, by where they come from
        arriving = np.lexsort((self.pair_from, self.pair_to)).astype(np.int64)
        self.arriving = arriving
        self.arriving_first = np.searchsorted(self.pair_to[arriving], np.arange(tokens + 1)).astype(np.int64)
