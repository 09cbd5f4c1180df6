"""Offers for gas stay within every bound, and a replacement is one that nodes take."""

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import TransactionRefused
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.endpoints import Endpoint
from quarterdeck.venues.evm.fees import FeeLimits, FeeMarket, Fees, Market, bumped
from tests.venues.evm.anvil import ACCOUNTS, CHAIN_ID, Anvil

GWEI = 10**9
PRICES = st.integers(0, 10**14)


@pytest.fixture(scope="module")
def node() -> Generator[Anvil, None, None]:
    with Anvil() as one:
        yield one


@pytest.fixture(scope="module")
def access(node: Anvil) -> Generator[Access, None, None]:
    one = Access([Endpoint(node.url)], CHAIN_ID)
    yield one
    one.close()


@pytest.fixture(scope="module")
def market(access: Access) -> FeeMarket:
    return FeeMarket(access, FeeLimits())


@given(base=PRICES, tip=PRICES, gas=st.integers(21_000, 30_000_000), budget=st.integers(0, 10**21))
def test_no_offer_is_above_a_bound(market: FeeMarket, base: int, tip: int, gas: int, budget: int) -> None:
    try:
        fees = market.quote(gas, budget, Market(base, tip))
    except TransactionRefused:
        floor = base + market.limits.min_tip_wei
        assert floor > market.limits.max_gas_price_wei or gas * floor > budget
        return
    assert gas * fees.ceiling_wei <= budget
    assert fees.ceiling_wei <= market.limits.max_gas_price_wei
    assert base + min(fees.priority_fee_wei, market.limits.min_tip_wei) <= fees.max_fee_wei <= fees.ceiling_wei
    assert fees.priority_fee_wei <= tip


@given(fees=st.tuples(PRICES, PRICES, PRICES).map(sorted), base=PRICES, tip=PRICES)
def test_a_replacement_offers_an_eighth_more_of_both(market: FeeMarket, fees: list[int], base: int, tip: int) -> None:
    old = Fees(fees[1], fees[0], fees[2])
    try:
        new = market.raised(old, Market(base, tip))
    except TransactionRefused:
        assert max(bumped(old.max_fee_wei), base + market.limits.min_tip_wei) > old.ceiling_wei
        return
    assert new.max_fee_wei * 8 >= old.max_fee_wei * 9
    assert new.priority_fee_wei * 8 >= old.priority_fee_wei * 9
    assert new.max_fee_wei <= new.ceiling_wei == old.ceiling_wei


def test_the_market_is_what_the_chain_says(node: Anvil, market: FeeMarket) -> None:
    for _ in range(3):
        node.send(ACCOUNTS[1], maxFeePerGas=hex(9 * GWEI), maxPriorityFeePerGas=hex(3 * GWEI))
    seen = market.look()
    node.mine()
    assert seen.base_fee_wei == int(node.head()["baseFeePerGas"], 16)
    assert seen.tip_wei == 3 * GWEI
    assert seen.max_fee_wei == 2 * seen.base_fee_wei + 3 * GWEI


def test_an_empty_chain_tips_the_least_and_a_greedy_one_the_most(access: Access) -> None:
    limits = FeeLimits(min_tip_wei=5, max_tip_wei=GWEI)
    with Anvil() as fresh:
        line = Access([Endpoint(fresh.url)], CHAIN_ID)
        assert FeeMarket(line, limits).look().tip_wei == 5
        line.close()
    assert FeeMarket(access, limits).look().tip_wei == GWEI


def test_what_is_too_dear_says_which_bound_it_breaks(market: FeeMarket) -> None:
    with pytest.raises(TransactionRefused, match=r"gas costs 200.1 gwei at least, above the limit of 150 gwei"):
        market.quote(100_000, 10**20, Market(200 * GWEI, GWEI))
    with pytest.raises(
        TransactionRefused, match=r"above 10 gwei, what a budget of 1000000000000000 wei leaves for 100000"
    ):
        market.quote(100_000, 10**15, Market(20 * GWEI, GWEI))


@pytest.mark.parametrize(("wei", "more"), [(0, 1), (1, 2), (8, 9), (9, 11), (10**9, 1_125_000_000)])
def test_an_eighth_more_is_rounded_up(wei: int, more: int) -> None:
    assert bumped(wei) == more


def test_fees_that_do_not_rise_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="fees must rise from tip to maximum to ceiling: 3, 2, 5 wei"):
        Fees(2, 3, 5)
