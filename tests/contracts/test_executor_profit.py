"""What Discovery predicts is what the executor earns on the real contracts, to the last unit, from every lender.

The contract under test is `contracts/executor.vy`.
"""

import random

import pytest

from quarterdeck.arbitrage.discovery import Discovery, Opportunity
from quarterdeck.arbitrage.market import Market
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.stable import StablePool
from quarterdeck.arbitrage.weighted import WeightedPool
from tests.arbitrage.chain import ME
from tests.contracts.floor import LENDERS, LOANS, VAULT, Floor, Reverted
from tests.contracts.markets import market

MARKETS = 26  # in each of PARTS
PARTS = 8


def found_for(kind: int, pools: list[Pool]) -> list[Opportunity]:
    """The Vault is locked while it lends: a cycle that it pays for cannot swap in it."""
    usable = [pool for pool in pools if kind != VAULT or not isinstance(pool, WeightedPool | StablePool)]
    if not usable:
        return []
    tokens = {token for pool in usable for token in pool.tokens}
    return list(Discovery(dict.fromkeys(tokens, LOANS[kind]), 3).find(Market(usable)).opportunities)


def check(floor: Floor, kind: int, one: Opportunity) -> None:
    """One opportunity, run, and run again: the second time it is gone."""
    words = floor.words(kind, one)
    before = floor.held(one.token, ME)
    assert floor.run(words) == one.profit
    assert floor.held(one.token, ME) - before == one.profit
    for token in one.route:
        assert floor.held(token, floor.executor) == 0
        for spender in (floor.vault, floor.aave.pool, *one.pools):
            assert floor.allowed(token, spender) == 0
    with pytest.raises(Reverted):
        floor.run(words)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_predicted_profit_is_the_profit_on_the_chain(part: int, seed: int) -> None:
    chance, floor = random.Random(seed + part), Floor()
    earned = dict.fromkeys(LENDERS, 0)
    kinds: set[str] = set()
    with_gap = 0
    for _ in range(5 * MARKETS):
        if with_gap == MARKETS:
            break
        pools = market(floor, chance)
        found = {kind: found_for(kind, pools) for kind in LENDERS}
        with_gap += any(found.values())
        for kind, opportunities in found.items():
            for one in {0, chance.randrange(len(opportunities))} if opportunities else set[int]():
                floor.lend(opportunities[one].token)
                with floor.trying():
                    check(floor, kind, opportunities[one])
                earned[kind] += 1
                kinds |= {type(hop.pool).__name__ for hop in opportunities[one].hops}
    assert with_gap == MARKETS
    assert min(earned.values()) >= MARKETS // 3, earned
    assert kinds == {"ConstantProductPool", "ConcentratedPool", "WeightedPool", "StablePool"}


def test_the_vault_cannot_lend_for_a_swap_in_itself(seed: int) -> None:
    """Its reentrancy lock refuses: such a cycle needs another lender."""
    chance, floor = random.Random(seed), Floor()
    for _ in range(50):
        pools = market(floor, chance, 3, 8)
        found = [
            one for one in found_for(LENDERS[0], pools)
            if any(isinstance(hop.pool, WeightedPool | StablePool) for hop in one.hops)
        ]  # fmt: skip
        if found:
            break
    floor.lend(found[0].token)
    with pytest.raises(Reverted, match="BAL#400"):
        floor.run(floor.words(VAULT, found[0], 0))
