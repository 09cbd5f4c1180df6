"""Each limit refuses just what is over it, with its code and figures.

What is tested: `quarterdeck.venues.evm.limits`.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from quarterdeck.arbitrage.concentrated import ConcentratedPool
from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.discovery import Opportunity
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.sizing import Hop
from quarterdeck.arbitrage.stable import StablePool
from quarterdeck.arbitrage.ticks import sqrt_ratio_at
from quarterdeck.arbitrage.weighted import WeightedPool
from quarterdeck.venues.evm.limits import AttemptLimits, judge_money, judge_route

ONE = 10**18
WIDE = AttemptLimits(pool_share=Decimal(1), slippage=Decimal("0.99"), price_impact=Decimal("0.99"))
POOLS: list[Pool] = [
    ConstantProductPool("0xpair", ("a", "b"), (1000 * ONE, 1000 * ONE), 1000),
    ConcentratedPool("0xticks", ("a", "b"), 0, 10, sqrt_ratio_at(0), 0, 10**22, ((-1000, 10**22), (1000, -(10**22)))),
    WeightedPool("0xweighted", ("a", "b"), (1000 * ONE, 1000 * ONE), (ONE // 2, ONE // 2), (ONE, ONE), 0),
    StablePool("0xstable", ("a", "b"), (1000 * ONE, 1000 * ONE), (ONE, ONE), 200_000, 0),
]


def through(pool: Pool, amount: int) -> Opportunity:
    return Opportunity("a", (Hop(pool, 0, 1),), amount, 0, 0, 0)


def test_a_constant_product_pool_by_its_formula() -> None:
    """A tenth of the reserve in, an eleventh out: the price was 1, the swap's is 10/11, the next one (10/11)^2."""
    found, reserve = through(POOLS[0], 100 * ONE), Decimal(1) / 11
    for limit, figure, code in (
        ("pool_share", reserve, "POOL_SHARE"),
        ("slippage", reserve, "SLIPPAGE"),
        ("price_impact", 1 - (Decimal(10) / 11) ** 2, "PRICE_IMPACT"),
    ):
        above, below = figure + Decimal("1e-6"), figure - Decimal("1e-6")
        assert judge_route(found, replace(WIDE, **{limit: above})) == ()
        (refusal,) = judge_route(found, replace(WIDE, **{limit: below}))
        assert refusal.code == code
        assert f"pool 0xpair: {float(figure) * 100:.2f} %" in refusal.text
        assert f"at most {float(below) * 100:g} %" in str(refusal)


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.address)
def test_every_kind_of_pool_is_held_to_its_share(pool: Pool) -> None:
    """A small swap passes all limits, one of a third of the pool none of the share."""
    assert judge_route(through(pool, ONE), AttemptLimits()) == ()
    held = 1000 * ONE if pool.address != "0xticks" else pool.most_in(0)
    codes = {refusal.code for refusal in judge_route(through(pool, held * 29 // 100), AttemptLimits())}
    strict = replace(WIDE, pool_share=Decimal("0.1"))
    assert [one.code for one in judge_route(through(pool, held * 29 // 100), strict)] == ["POOL_SHARE"]
    assert codes <= {"POOL_SHARE", "SLIPPAGE", "PRICE_IMPACT"}


def worth(token: str, amount: float) -> float | None:
    return {"dollar": amount / 1e6, "ether": 2000 * amount / 1e18}.get(token)


def judged(profit: int, gas_wei: int, limits: AttemptLimits, token: str = "dollar") -> list[str]:
    said = judge_money(limits, worth, token=token, profit=profit, wrapped="ether", gas_wei=gas_wei)
    return [refusal.code for refusal in said]


def test_money() -> None:
    """20 dollars of profit, 6 of gas: 12 are left after a margin of a tenth."""
    limits, profit, gas_wei = AttemptLimits(), 20_000_000, 3 * 10**15
    assert judged(profit, gas_wei, limits) == []
    assert judged(profit, gas_wei, replace(limits, minimum_profit=Decimal("12.01"))) == ["MINIMUM_PROFIT"]
    assert judged(profit, gas_wei, replace(limits, minimum_profit=Decimal("11.99"))) == []
    assert judged(profit, gas_wei, replace(limits, gas_share=Decimal("0.29"))) == ["GAS_SHARE"]
    assert judged(profit, gas_wei, replace(limits, max_gas_cost=Decimal("5.99"))) == ["GAS_COST"]
    assert judged(profit, gas_wei, replace(limits, safety_margin=Decimal("0.21"))) == ["MINIMUM_PROFIT"]
    assert judged(10**12, 10**17, limits) == ["GAS_COST"]
    assert judged(-1, 0, limits) == ["GAS_SHARE", "MINIMUM_PROFIT"]


def test_without_a_price_nothing_is_sent() -> None:
    (refusal,) = judge_money(AttemptLimits(), worth, token="odd", profit=1, wrapped="ether", gas_wei=1)
    assert refusal.code == "NO_PRICE"
    assert "odd" in refusal.text
    said = judge_money(AttemptLimits(), worth, token="dollar", profit=10**9, wrapped="coin", gas_wei=1)
    assert "coin" in said[0].text
