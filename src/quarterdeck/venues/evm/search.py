"""What each head offers: cycles through the pools that it changed, who lends for them, and what costs leave of them.

    pools' new state -> screen and exact integers -> the lender that leaves the most -> limits that need no proof

What gas costs is taken off in the token that is borrowed, at the chain's own prices; so is a margin. A token without a
price is not borrowed: nobody could say what its gas is.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from quarterdeck.arbitrage.discovery import Discovery, Finding, Opportunity
from quarterdeck.arbitrage.market import Market
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.records import Leg, Proposed, encode
from quarterdeck.arbitrage.sizing import Hop, profit, returned
from quarterdeck.venues.evm.heads import Head
from quarterdeck.venues.evm.lenders import Lenders, Offer
from quarterdeck.venues.evm.limits import AttemptLimits, judge_route
from quarterdeck.venues.evm.prices import Prices
from quarterdeck.venues.evm.terms import ChainTerms
from quarterdeck.venues.evm.universe import Universe

__all__ = ["Plan", "Search"]

_BASE_GAS: Final = 160_000  # of a flash loan that swaps nothing
_HOP_GAS: Final = 130_000  # more than most swaps take: the proof counts the real gas
_PLANS_MAX: Final = 4_096
_PER_BLOCK: Final = 20  # bits of a plan's number that count within a block


@dataclass(frozen=True, slots=True)
class Plan:
    """One cycle that may be asked for by its number. `gas` is what it may take, `base_profit` what is left in base."""

    number: int
    opportunity: Opportunity
    offer: Offer
    head: Head
    gas: int
    base_profit: float
    detected_ns: int

    @property
    def minimum_profit(self) -> int:
        """What must be left of the token for the attempt to have paid for itself."""
        return max(1, self.opportunity.cost)

    def record(self) -> str:
        """The plan for the journal, exactly."""
        found, amount, legs = self.opportunity, self.opportunity.amount, list[Leg]()
        for hop in found.hops:
            paid = hop.pool.amount_out(hop.source, hop.target, amount)
            source, target = hop.pool.tokens[hop.source], hop.pool.tokens[hop.target]
            legs.append(Leg(hop.pool.address, type(hop.pool).__name__, source, target, str(amount), str(paid)))
            amount = paid
        return encode(
            Proposed(
                plan=self.number, block=self.head.number, at_ns=self.detected_ns, token=found.token,
                lender=self.offer.lender.address, lender_kind=self.offer.lender.kind, amount=str(found.amount),
                premium=str(found.owed - found.amount), returned=str(found.returned), gas=self.gas,
                cost=str(found.cost), legs=tuple(legs),
            )
        )  # fmt: skip


class Search:
    """The market of one chain and the plans that it has offered. One thread uses it."""

    def __init__(
        self,
        universe: Universe,
        terms: ChainTerms,
        lenders: Lenders,
        base: str,
        length: int,
        limits: AttemptLimits,
    ) -> None:
        """`base`: the address of the token that the desk's base currency is; `length`: of a cycle, in swaps."""
        self._universe, self._terms, self._lenders, self._limits = universe, terms, lenders, limits
        self._base, self._length = base, length
        self._decimals = {token.address: token.decimals for token in universe.tokens}
        self._plans: OrderedDict[int, Plan] = OrderedDict()
        self._gas_price_wei = 0
        self._number = 0
        self.market: Market | None = None
        self.prices: Prices | None = None
        self.finding: Finding | None = None

    def begin(self, pools: Sequence[Pool]) -> None:
        """Takes a whole market, as a node holds it now."""
        self.market = Market(pools)

    def look(self, head: Head, changed: Sequence[Pool] | None, gas_price_wei: int) -> list[Plan]:
        """Takes the pools that a head changed (None: look at all); returns what it offers, best first."""
        market = self.market
        assert market is not None, "begin comes first"
        detected_ns = time.time_ns()
        self._gas_price_wei = gas_price_wei
        if changed is not None and not changed:
            self.finding = None
            return []
        self.prices = None  # of the new state, which find puts in
        tokens = [token for token in self._terms.cycles if token in market.numbers]
        self._lenders.refresh(tokens, head.hash)
        discovery = Discovery(self._lenders.loans(), self._length)
        self.finding = finding = discovery.find(market, changed)
        self.prices = Prices(market, self._universe.wrapped)
        plans: list[Plan] = []
        for found in finding.opportunities:
            fitted = self._lenders.fit(found, self._cost)
            if fitted is not None:
                plan = self._plan(head, *fitted, detected_ns)
                if plan is not None:
                    plans.append(plan)
        plans.sort(key=lambda plan: -plan.base_profit)
        return self._numbered(head, plans)

    def find(self, number: int) -> Plan | None:
        """The plan with a number, if it is not long ago."""
        return self._plans.get(number)

    def renew(self, plan: Plan, most: int) -> Plan | None:
        """The plan on the newest pools with at most `most` borrowed; None where it no longer earns its costs."""
        market = self.market
        assert market is not None, "begin comes first"
        if any(hop.pool.address not in market.places for hop in plan.opportunity.hops):
            return None  # one of its pools was left out since
        hops = tuple(
            Hop(market.pools[market.places[hop.pool.address]], hop.source, hop.target) for hop in plan.opportunity.hops
        )
        amount = min(plan.opportunity.amount, most)
        gained = profit(hops, amount, plan.offer.loan)
        cost = self._cost(plan.opportunity.token, len(hops))
        if amount < 1 or gained is None or gained <= cost:
            return None
        owed = plan.offer.loan.owed(amount)
        found = Opportunity(plan.opportunity.token, hops, amount, returned(hops, amount), owed, cost)
        base_profit = self.worth(found.token, _after(gained, self._limits) - cost)
        if base_profit is None or base_profit < float(self._limits.minimum_profit):
            return None
        return replace(plan, opportunity=found, base_profit=base_profit)

    def worth(self, token: str, amount: float) -> float | None:
        """What an amount of a token's units is worth, in whole base currency; None where no pool says."""
        if self.prices is None:
            return None
        units = self.prices.convert(amount, token, self._base)
        return None if units is None else units / 10 ** self._decimals[self._base]

    def worths(self) -> dict[int, float]:
        """By account, what whole units of the purses' currencies are worth in whole base currency."""
        found: dict[int, float] = {}
        for account, purse in self._terms.purses.items():
            token = purse.token or self._universe.wrapped
            worth = self.worth(token, 10.0**purse.decimals)
            if worth is not None and token != self._base:
                found[account] = worth
        return found

    def gas_in(self, token: str, gas_wei: int) -> int | None:
        """What gas costs in units of a token, rounded up."""
        units = None if self.prices is None else self.prices.convert(gas_wei, self._universe.wrapped, token)
        return None if units is None else math.ceil(units)

    def _cost(self, token: str, swaps: int) -> int:
        cost = self.gas_in(token, (_BASE_GAS + _HOP_GAS * swaps) * self._gas_price_wei)
        return 2**255 if cost is None else cost

    def _plan(self, head: Head, found: Opportunity, offer: Offer, detected_ns: int) -> Plan | None:
        if found.token not in self._terms.cycles:
            return None
        gained = found.returned - found.owed
        base_profit = self.worth(found.token, _after(gained, self._limits) - found.cost)
        if base_profit is None or base_profit < float(self._limits.minimum_profit):
            return None
        if judge_route(found, self._limits):
            return None
        gas = _BASE_GAS + _HOP_GAS * len(found.hops)
        return Plan(0, found, offer, head, gas, base_profit, detected_ns)

    def _numbered(self, head: Head, plans: Sequence[Plan]) -> list[Plan]:
        """Gives each plan a number above all before it: also where a block of the same height came before."""
        numbered: list[Plan] = []
        for plan in plans:
            self._number = max(self._number, head.number << _PER_BLOCK) + 1
            numbered.append(replace(plan, number=self._number))
            self._plans[self._number] = numbered[-1]
        while len(self._plans) > _PLANS_MAX:
            self._plans.popitem(last=False)
        return numbered


def _after(gained: int, limits: AttemptLimits) -> int:
    """What counts of a profit: all but the margin."""
    return gained - math.ceil(gained * limits.safety_margin)
