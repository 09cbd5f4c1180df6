"""What a block offers: cycles through the pools that it changed, their best inputs, and what is left after costs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from quarterdeck.arbitrage.market import Market
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.screen import screen
from quarterdeck.arbitrage.sizing import Hop, Loan, best_input, profit, returned

__all__ = ["Discovery", "Finding", "Opportunity", "hops_of"]


def _free(_token: str, _hops: int) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A cycle that earns something: what goes in, what comes back, and what is left, in whole units of `token`."""

    token: str
    hops: tuple[Hop, ...]
    amount: int
    returned: int
    owed: int
    cost: int  # gas and margin

    @property
    def profit(self) -> int:
        """What is left after the loan and the costs."""
        return self.returned - self.owed - self.cost

    @property
    def route(self) -> tuple[str, ...]:
        """The tokens that it passes, from `token` back to it."""
        return (*(hop.pool.tokens[hop.source] for hop in self.hops), self.token)

    @property
    def pools(self) -> tuple[str, ...]:
        return tuple(hop.pool.address for hop in self.hops)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found. `certain`: the screen left no cycle, which proves that nothing is to be earned.

    `unfunded` counts cycles that pass no token with a loan, `unprofitable` those that the exact integers refused.
    """

    opportunities: tuple[Opportunity, ...]
    screened: int
    unfunded: int
    unprofitable: int

    @property
    def certain(self) -> bool:
        return self.screened == 0


@dataclass(frozen=True, slots=True)
class Discovery:
    """How to look: `loans` says in which tokens one can borrow, `cost` what so many swaps cost in it."""

    loans: Mapping[str, Loan]
    length: int = 3
    cost: Callable[[str, int], int] = _free

    def find(self, market: Market, changed: Iterable[Pool] | None = None) -> Finding:
        """Looks at the whole market, or only at cycles through pools whose new state is `changed`; best first."""
        edges = market.edges_of(range(len(market.pools))) if changed is None else market.replace(changed)
        cycles = screen(market, edges, self.length)
        found: list[Opportunity] = []
        unfunded = 0
        for cycle in cycles:
            hops = hops_of(market, cycle)
            tokens = [hop.pool.tokens[hop.source] for hop in hops]
            begin = next((place for place, token in enumerate(tokens) if token in self.loans), None)
            if begin is None:
                unfunded += 1
                continue
            opportunity = self._weigh(tokens[begin], (*hops[begin:], *hops[:begin]))
            if opportunity is not None:
                found.append(opportunity)
        found.sort(key=lambda one: -one.profit)
        return Finding(tuple(found), len(cycles), unfunded, len(cycles) - unfunded - len(found))

    def _weigh(self, token: str, hops: tuple[Hop, ...]) -> Opportunity | None:
        loan = self.loans[token]
        amount = best_input(hops, loan)
        if not amount:
            return None
        cost = self.cost(token, len(hops))
        gained = profit(hops, amount, loan)
        if gained is None or gained <= cost:
            return None
        return Opportunity(token, hops, amount, returned(hops, amount), loan.owed(amount), cost)


def hops_of(market: Market, cycle: Sequence[int]) -> tuple[Hop, ...]:
    """The swaps of a cycle of edges."""
    return tuple(
        Hop(market.pools[int(market.edge_pool[e])], int(market.edge_source[e]), int(market.edge_target[e]))
        for e in cycle
    )
