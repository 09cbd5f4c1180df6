"""Random markets of real contracts: two tokens are pegged to each other, the others are worth what chance says."""

import math
import random

from quarterdeck.arbitrage.pools import Pool
from tests.contracts.floor import Floor

ONE = 10**18
FEES = ((500, 10), (3000, 60), (10_000, 200))


def market(floor: Floor, chance: random.Random, most_tokens: int = 8, most_pools: int = 20) -> list[Pool]:
    """Pools of two tokens each, off the fair price by up to 5 %."""
    count = chance.randrange(2, most_tokens + 1)
    values = {floor.token(): 1.0 if number < 2 else math.exp(chance.gauss(0.0, 1.0)) for number in range(count)}
    tokens = list(values)
    # Fewer tokens, fewer pools: what the market is about are cycles, and these need pools that share tokens.
    pools = [
        _pool(floor, chance, values, *chance.sample(tokens, 2)) for _ in range(chance.randrange(4, 5 + most_pools // 2))
    ]
    if chance.random() < 0.2:
        pools += [_pool(floor, chance, values, *chance.sample(tokens, 2)) for _ in range(most_pools // 2)]
    return pools


def _pool(floor: Floor, chance: random.Random, values: dict[str, float], first: str, second: str) -> Pool:
    price = values[first] / values[second] * math.exp(chance.uniform(-0.05, 0.05))
    size, kind = chance.randrange(10**20, 10**23), chance.randrange(4)
    if values[first] == values[second] and chance.random() < 0.5:
        kind = 3
    elif kind == 3:
        kind = chance.randrange(3)
    if kind == 0:
        return floor.pair(first, second, size, int(size * price))
    if kind == 1:
        return concentrated(floor, chance, first, second, price)
    if kind == 2:
        weight = chance.choice((2, 5, 8))
        balances = {first: size, second: int(size * price * (10 - weight) / weight)}
        weights = {first: weight * ONE // 10, second: (10 - weight) * ONE // 10}
        return floor.weighted(balances, weights, chance.choice((10**15, 3 * 10**15)))
    return floor.stable(
        {first: size, second: int(size * chance.uniform(0.3, 3.0))}, chance.choice((20, 200)), 4 * 10**14
    )


def concentrated(floor: Floor, chance: random.Random, first: str, second: str, price: float) -> Pool:
    """Three ranges around the price, which is that of the first token in units of the second."""
    if int(first, 16) > int(second, 16):
        price = 1 / price
    fee, spacing = chance.choice(FEES)
    tick = math.floor(math.log(price) / math.log(1.0001))
    begin = tick // spacing * spacing
    ranges = [
        (begin - width * spacing, begin + width * spacing, chance.randrange(1, 100) * ONE * share)
        for width, share in ((10, 50), (40, 30), (300, 20))
    ]
    return floor.ticks(first, second, fee, spacing, tick, ranges)
