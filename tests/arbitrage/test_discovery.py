"""Cycles against brute force: none that earns is missed, none is found twice, and no other input earns more.

What is tested: `quarterdeck.arbitrage.discovery`, `quarterdeck.arbitrage.screen`, `quarterdeck.arbitrage.sizing`,
`quarterdeck.arbitrage.market` and `quarterdeck.arbitrage.pools`.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.discovery import Discovery, Opportunity
from quarterdeck.arbitrage.market import Market
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.screen import screen
from quarterdeck.arbitrage.sizing import Hop, Loan, best_input, profit
from quarterdeck.errors import DataError
from tests.arbitrage.markets import market

LOAN = Loan(9)
GRID = [int(10 ** (step / 6)) for step in range(60, 150)]


def cycles(pools: list[Pool], length: int) -> Iterator[tuple[Hop, ...]]:
    """Every cycle, from each of its tokens, that takes no pool and no token twice."""
    for count in range(2, length + 1):
        for chosen in itertools.permutations(pools, count):
            for start in chosen[0].tokens:
                token, hops = start, list[Hop]()
                for pool in chosen:
                    if token not in pool.tokens:
                        break
                    source = pool.tokens.index(token)
                    hops.append(Hop(pool, source, 1 - source))
                    token = pool.tokens[1 - source]
                if len(hops) == count and token == start and len({h.pool.tokens[h.source] for h in hops}) == count:
                    yield tuple(hops)


def name(hops: tuple[Hop, ...]) -> frozenset[tuple[str, int]]:
    return frozenset((hop.pool.address, hop.source) for hop in hops)


@pytest.mark.parametrize("number", range(12))
def test_no_cycle_that_earns_is_missed(number: int, seed: int) -> None:
    chance = random.Random(seed + number)
    pools = market(chance, chance.randrange(2, 7), chance.randrange(4, 12), 0.02)
    tokens = {token for pool in pools for token in pool.tokens}
    finding = Discovery(dict.fromkeys(tokens, LOAN), 3).find(Market(pools))
    found = {name(one.hops): one for one in finding.opportunities}
    assert len(found) == len(finding.opportunities), "a cycle was found twice"
    for hops in cycles(pools, 3):
        most = max((profit(hops, amount, LOAN) or 0, amount) for amount in GRID)
        if most[0] > 0:
            assert name(hops) in found, f"{most[0]} of {name(hops)} was missed"
    for one in finding.opportunities:
        check_best(one)
        assert one.profit == one.returned - one.owed > 0
        assert one.route[0] == one.route[-1]


def check_best(one: Opportunity) -> None:
    for amount in {one.amount * part // 1000 for part in (500, 900, 990, 999, 1001, 1010, 1100, 2000)} | set(GRID):
        gained = profit(one.hops, amount, LOAN)
        assert gained is None or gained <= one.profit + max(3, one.profit // 10**9), (amount, one.amount)


def test_four_swaps_are_searched_too(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(4):
        pools = market(chance, 4, 7, 0.03)
        tokens = {token for pool in pools for token in pool.tokens}
        finding = Discovery(dict.fromkeys(tokens, LOAN), 4).find(Market(pools))
        found = {name(one.hops) for one in finding.opportunities}
        for hops in cycles(pools, 4):
            if max(profit(hops, amount, LOAN) or 0 for amount in GRID) > 0:
                assert name(hops) in found


def test_only_cycles_through_what_changed_are_looked_at_again(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(10):
        pools = market(chance, 5, 12, 0.01)
        tokens = {token for pool in pools for token in pool.tokens}
        discovery, kept = Discovery(dict.fromkeys(tokens, LOAN)), Market(pools)
        discovery.find(kept)
        shifted = [
            ConstantProductPool(one.address, one.tokens, (one.reserves[0] * 101 // 100, one.reserves[1]))
            for one in pools
            if isinstance(one, ConstantProductPool) and chance.random() < 0.5
        ]
        again = discovery.find(kept, shifted)
        after = [next((new for new in shifted if new.address == pool.address), pool) for pool in pools]
        whole = discovery.find(Market(after))
        touched = {pool.address for pool in shifted}
        expected = Counter(name(one.hops) for one in whole.opportunities if touched & set(one.pools))
        assert Counter(name(one.hops) for one in again.opportunities) == expected


def test_an_empty_screen_is_a_proof() -> None:
    pools: list[Pool] = [ConstantProductPool(f"p{n}", ("a", "b"), (10**20, 2 * 10**20)) for n in range(3)]
    finding = Discovery({"a": Loan()}).find(Market(pools))
    assert finding.certain
    assert not finding.opportunities


def test_a_cycle_without_a_lender_is_counted_and_not_offered() -> None:
    pools: list[Pool] = [
        ConstantProductPool("cheap", ("a", "b"), (10**20, 2 * 10**20)),
        ConstantProductPool("dear", ("a", "b"), (10**20, 10**20)),
    ]
    finding = Discovery({"c": Loan()}).find(Market(pools))
    assert (len(finding.opportunities), finding.unfunded, finding.certain) == (0, 1, False)


def test_gas_is_taken_off_and_a_lender_has_only_so_much() -> None:
    cheap = ConstantProductPool("cheap", ("a", "b"), (10**20, 2 * 10**20))
    dear = ConstantProductPool("dear", ("a", "b"), (10**20, 10**20))
    hops = (Hop(cheap, 0, 1), Hop(dear, 1, 0))
    free = best_input(hops, Loan())
    assert best_input(hops, Loan(available=free // 2)) == free // 2
    gained = profit(hops, free, Loan())
    assert gained is not None
    found = Discovery({"a": Loan()}, cost=lambda _, swaps: gained // 2 * swaps).find(Market([cheap, dear]))
    assert not [one for one in found.opportunities if one.profit < 0]
    assert found.unprofitable == 1 - len(found.opportunities)


def test_what_is_owed_is_rounded_as_the_lender_rounds() -> None:
    assert Loan(5).owed(1) == 2  # up
    assert Loan(5, nearest=True).owed(1) == 1
    assert Loan(5, nearest=True).owed(1000) == 1001  # half of a unit and more is one
    assert Loan().owed(10**30) == 10**30


def test_bad_words_are_refused_by_name() -> None:
    pool = ConstantProductPool("p", ("a", "b"), (10, 10))
    with pytest.raises(DataError, match="twice"):
        Market([pool, pool])
    kept = Market([pool])
    with pytest.raises(DataError, match="none of the market's"):
        kept.replace([ConstantProductPool("q", ("a", "b"), (10, 10))])
    with pytest.raises(DataError, match="2 to 4"):
        screen(kept, kept.edges_of([0]), 5)
