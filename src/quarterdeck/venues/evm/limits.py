"""The limits that one attempt is held to, each with its reason code and figures.

    POOL_SHARE       one swap takes more than its share of what a pool holds
    SLIPPAGE         a swap's own price is too far from the pool's price before it
    PRICE_IMPACT     a swap moves a pool's price too far
    NO_PRICE         nobody can say what the token, or the gas, is worth
    GAS_COST         the gas costs too much
    GAS_SHARE        the gas costs too great a share of the profit before it
    MINIMUM_PROFIT   too little is left after premium, gas and margin

Amounts that are compared with a limit in base money are floats: they judge, they pay nobody.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.discovery import Opportunity
from quarterdeck.arbitrage.sizing import Hop
from quarterdeck.arbitrage.stable import StablePool
from quarterdeck.arbitrage.weighted import WeightedPool

__all__ = ["AttemptLimits", "Refusal", "Worth", "judge_money", "judge_route"]

Worth: TypeAlias = Callable[[str, float], float | None]
"""What so many units of a token are worth, in whole base money; None where no pool says."""

_PERCENT: Final = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLimits:
    """As `[venues.chain]` of desk.toml says them: shares of one, and base money."""

    pool_share: Decimal = Decimal("0.3")
    slippage: Decimal = Decimal("0.03")
    price_impact: Decimal = Decimal("0.05")
    max_gas_cost: Decimal = Decimal(100)
    gas_share: Decimal = Decimal("0.5")
    safety_margin: Decimal = Decimal("0.1")
    minimum_profit: Decimal = Decimal(10)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an attempt is not sent."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


def judge_route(found: Opportunity, limits: AttemptLimits) -> tuple[Refusal, ...]:
    """What the swaps of a cycle do to their pools, against the limits; empty: nothing too much."""
    refusals: list[Refusal] = []
    amount = found.amount
    for hop in found.hops:
        paid = hop.pool.amount_out(hop.source, hop.target, amount)
        refusals.extend(_judge_swap(hop, amount, paid, limits))
        amount = paid
    return tuple(refusals)


def judge_money(
    limits: AttemptLimits, worth: Worth, *, token: str, profit: int, wrapped: str, gas_wei: int
) -> tuple[Refusal, ...]:
    """What an attempt earns after the premium and what its gas costs, against the limits; empty: it may be sent."""
    earned, gas = worth(token, profit), worth(wrapped, gas_wei)
    if earned is None or gas is None:
        return (Refusal("NO_PRICE", f"no pool says what {token if earned is None else wrapped} is worth"),)
    refusals: list[Refusal] = []
    if gas > limits.max_gas_cost:
        refusals.append(Refusal("GAS_COST", f"gas of {gas:.2f}, at most {limits.max_gas_cost}"))
    if gas > earned * float(limits.gas_share):
        share = f"{gas:.2f} of gas for {earned:.2f} of profit"
        refusals.append(Refusal("GAS_SHARE", f"{share}, at most {limits.gas_share:.0%} of it"))
    left = earned * (1.0 - float(limits.safety_margin)) - gas
    if left < limits.minimum_profit:
        words = f"{left:.2f} is left after gas and a margin of {limits.safety_margin:.0%}"
        refusals.append(Refusal("MINIMUM_PROFIT", f"{words}, at least {limits.minimum_profit}"))
    return tuple(refusals)


def _judge_swap(hop: Hop, amount: int, paid: int, limits: AttemptLimits) -> Iterator[Refusal]:
    pool = hop.pool
    _, begun = pool.quote(hop.source, hop.target, 0.0)
    _, ended = pool.quote(hop.source, hop.target, float(amount))
    held = _held(hop)
    for code, figure, limit, what in (
        ("POOL_SHARE", paid / held if held else 1.0, limits.pool_share, "of what it holds would be taken"),
        ("SLIPPAGE", 1.0 - paid / (amount * begun) if begun else 1.0, limits.slippage, "lost to the swap's own size"),
        ("PRICE_IMPACT", 1.0 - ended / begun if begun else 1.0, limits.price_impact, "is what its price would move"),
    ):
        if figure > limit:
            percent = f"{figure * _PERCENT:.2f} % {what}, at most {float(limit) * _PERCENT:g} %"
            yield Refusal(code, f"pool {pool.address}: {percent}")


def _held(hop: Hop) -> float:
    """What the pool could pay at most."""
    pool = hop.pool
    if isinstance(pool, ConstantProductPool):
        return float(pool.reserves[hop.target])
    if isinstance(pool, WeightedPool | StablePool):
        return float(pool.balances[hop.target])
    return pool.quote(hop.source, hop.target, float(pool.most_in(hop.source)))[0]
