"""Random markets of the four kinds of pools, around fair prices."""

import math
import random

from quarterdeck.arbitrage.concentrated import ConcentratedPool
from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.stable import StablePool
from quarterdeck.arbitrage.ticks import sqrt_ratio_at
from quarterdeck.arbitrage.weighted import WeightedPool

ONE = 10**18


def market(chance: random.Random, tokens: int, pools: int, spread: float) -> list[Pool]:
    """So many pools of two random tokens each; their prices are off the fair ones by up to `spread`."""
    values = [math.exp(chance.gauss(0.0, 1.0)) for _ in range(tokens)]
    made: list[Pool] = []
    for number in range(pools):
        first, second = chance.sample(range(tokens), 2)
        fair = values[first] / values[second] * math.exp(chance.uniform(-spread, spread))
        made.append(make_pool(chance, number, (f"t{first}", f"t{second}"), fair))
    return made


def make_pool(chance: random.Random, number: int, tokens: tuple[str, str], price: float) -> Pool:
    """One pool of a random kind. `price`: units of the second token for one of the first."""
    size, kind = chance.randrange(10**20, 10**23), chance.randrange(4)
    if kind == 0:
        return ConstantProductPool(f"v2-{number}", tokens, (size, int(size * price)))
    if kind == 1:
        return _concentrated(chance, number, tokens, price)
    if kind == 2:
        weight = chance.choice((2, 5, 8))
        balances = (size, int(size * price * (10 - weight) / weight))
        weights = (weight * ONE // 10, (10 - weight) * ONE // 10)
        return WeightedPool(f"w-{number}", tokens, balances, weights, (ONE, ONE), 3 * 10**15)
    balances = (size, int(size * price * chance.uniform(0.8, 1.2)))
    return StablePool(f"s-{number}", tokens, balances, (ONE, int(ONE / price)), 200_000, 4 * 10**14)


def _concentrated(chance: random.Random, number: int, tokens: tuple[str, str], price: float) -> ConcentratedPool:
    spacing = 60
    tick = math.floor(math.log(price) / math.log(1.0001))
    begin = tick // spacing * spacing
    nets: dict[int, int] = {}
    liquidity = 0
    for width, share in ((10, 50), (40, 30), (300, 20)):
        part = chance.randrange(1, 100) * ONE * share
        nets[begin - width * spacing] = part
        nets[begin + width * spacing] = -part
        liquidity += part
    price_now = sqrt_ratio_at(tick) + 12345
    return ConcentratedPool(
        f"v3-{number}", tokens, 3000, spacing, price_now, tick, liquidity, tuple(sorted(nets.items()))
    )
