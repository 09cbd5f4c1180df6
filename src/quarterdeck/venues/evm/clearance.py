"""From a cycle that was found to a transaction that may be sent, or the reason why it may not.

    cycle on the newest pools -> limits of the route -> calldata -> proof on the newest head -> fees -> limits in money
    -> proof of the very transaction, with its own gas and price -> is that head still the newest one?

A head that came meanwhile makes all of it begin again, so what is sent was proven on the state that is the newest when
it leaves. Gas is proven twice: with plenty first, to know what the transaction needs, and then with just that and a
margin, which is what is sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from quarterdeck.arbitrage.discovery import Opportunity
from quarterdeck.errors import TransactionRefused
from quarterdeck.venues.evm.executor import MILLION, Executor
from quarterdeck.venues.evm.fees import FeeMarket, Fees
from quarterdeck.venues.evm.lenders import Offer
from quarterdeck.venues.evm.limits import AttemptLimits, Refusal, Worth, judge_money, judge_route
from quarterdeck.venues.evm.proof import At, Failed, Proof, Proven
from quarterdeck.venues.evm.transactions import Call

__all__ = ["Clearance", "Cleared", "Cycle"]

Cycle: TypeAlias = tuple[Opportunity, Offer]
_PLENTY_OF_GAS: Final = 6_000_000
_GAS_MARGIN: Final = 8  # an eighth more: a call inside gets at most 63 of 64 parts of what is left
_TRIES_MAX: Final = 3  # heads that come during a proof; after that the chain is faster than we are


@dataclass(frozen=True, slots=True)
class Cleared:
    """What may be sent, with which fees, and its proof at the newest head."""

    call: Call
    fees: Fees
    found: Opportunity
    offer: Offer
    proven: Proven


class Clearance:
    """Clears attempts. `worth` prices tokens in base money, `wrapped` is the token of the chain's own coin."""

    def __init__(
        self,
        executor: Executor,
        proof: Proof,
        market: FeeMarket,
        limits: AttemptLimits,
        *,
        wrapped: str,
        worth: Worth,
        newest: Callable[[], At],
    ) -> None:
        self._executor, self._proof, self._market, self._limits = executor, proof, market, limits
        self._wrapped, self._worth, self._newest = wrapped, worth, newest

    def clear(self, renew: Callable[[], Cycle | None]) -> Cleared | Refusal:
        """Goes through all of it; the first reason ends it.

        `renew` gives the cycle as the newest pools and terms have it, None where it earns too little there. ChainError:
        the chain could not be asked, so nothing is known and nothing may be sent.
        """
        for _ in range(_TRIES_MAX):
            head = self._newest()
            cycle = renew()
            if cycle is None:
                return Refusal("GONE", f"at block {head.number} it no longer earns what it costs")
            try:
                said = self._at(head, *cycle)
            except TransactionRefused as error:
                said = Refusal("GAS_PRICE", str(error))
            if self._newest().hash == head.hash:
                return said
        return Refusal("OUTRUN", f"{_TRIES_MAX} blocks came while it was proven: nothing is sent on an old state")

    def _at(self, head: At, found: Opportunity, offer: Offer) -> Cleared | Refusal:
        for refusal in judge_route(found, self._limits):
            return refusal
        slippage = int(self._limits.slippage * MILLION)
        data = self._executor.encode(found, offer, max(1, found.cost), slippage)
        first = self._prove(Call(self._executor.address, data, 0, _PLENTY_OF_GAS), head, found)
        if isinstance(first, Refusal):
            return first
        call = Call(self._executor.address, data, 0, first.gas_needed + first.gas_needed // _GAS_MARGIN)
        budget_wei = self._budget_wei(found.token, first.ran.profit)
        if budget_wei is None:
            return Refusal("NO_PRICE", f"no pool says what {found.token} is worth in gas")
        fees = self._market.quote(call.gas_limit, budget_wei)
        gas_wei = first.gas * fees.max_fee_wei
        for refusal in judge_money(
            self._limits,
            self._worth,
            token=found.token,
            profit=first.ran.profit,
            wrapped=self._wrapped,
            gas_wei=gas_wei,
        ):
            return refusal
        proven = self._prove(call, head, found, fees.max_fee_wei)
        return proven if isinstance(proven, Refusal) else Cleared(call, fees, found, offer, proven)

    def _prove(self, call: Call, head: At, found: Opportunity, gas_price_wei: int = 0) -> Proven | Refusal:
        said = self._proof.simulate(call, head, gas_price_wei)
        if isinstance(said, Failed):
            return Refusal("PROOF", f"it would revert: {said.reason}")
        computed = found.returned - found.owed
        if said.ran.profit != computed:
            words = f"it would earn {said.ran.profit}, not the {computed} that was computed"
            return Refusal("MOVED", f"{words}: a pool moved, or is not what it is taken for")
        return said

    def _budget_wei(self, token: str, profit: int) -> int | None:
        """The most that gas may cost: its share of the profit, and the limit in base money; None without a price."""
        earned, coin = self._worth(token, profit), self._worth(self._wrapped, 1.0)
        if earned is None or not coin:
            return None
        most = min(Decimal(earned) * self._limits.gas_share, self._limits.max_gas_cost)
        return max(0, int(most / Decimal(coin)))
