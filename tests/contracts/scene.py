"""One gap that everybody can see, and the balances of all who could win or lose by it."""

from dataclasses import dataclass

import pytest

from quarterdeck.arbitrage.discovery import Discovery, Opportunity
from quarterdeck.arbitrage.market import Market
from tests.arbitrage.chain import ME
from tests.contracts.floor import LENDERS, LOANS, PAIR, STRANGER, Floor, Reverted, Words

ONE = 10**18


@dataclass
class Scene:
    """A floor with a gap between a pair and a concentrated pool, and who could have won or lost by it."""

    floor: Floor
    found: dict[int, Opportunity]
    holders: tuple[str, ...]

    def balances(self) -> list[int]:
        tokens = self.found[PAIR].route
        return [self.floor.held(token, holder) for token in tokens for holder in self.holders]

    def refused(self, words: Words, sender: str = ME) -> Reverted:
        """Why; and nothing has moved, nothing is allowed."""
        before = self.balances()
        with pytest.raises(Reverted) as said:
            self.floor.run(words, sender)
        assert self.balances() == before
        for token in self.found[PAIR].route:
            for spender in (self.floor.vault, self.floor.aave.pool):
                assert self.floor.allowed(token, spender) == 0
        return said.value


def scene_of(floor: Floor, first: str, second: str) -> Scene:
    pools = [
        floor.pair(first, second, 1000 * ONE, 1000 * ONE),
        floor.ticks(first, second, 500, 10, 800, ((-10_000, 10_000, 10_000 * ONE),)),
    ]
    floor.lend(first)
    found = {}
    for kind in LENDERS:
        (best,) = Discovery({first: LOANS[kind]}).find(Market(pools)).opportunities
        found[kind] = best
    lenders = [floor.lenders[kind, first] for kind in LENDERS]
    return Scene(floor, found, (ME, STRANGER, floor.executor, *lenders, *(pool.address for pool in pools)))
