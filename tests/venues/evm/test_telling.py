"""What a block offers, as quotes: plans that do not meet, empty where there is none; and what currencies are worth.

What is tested: `quarterdeck.venues.evm.telling` and `quarterdeck.venues.evm.prices`.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.discovery import Opportunity
from quarterdeck.arbitrage.market import Market
from quarterdeck.arbitrage.sizing import Hop, Loan
from quarterdeck.kernel.records import QUANTITY_MAX
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.venues.evm.heads import Head
from quarterdeck.venues.evm.lenders import Offer
from quarterdeck.venues.evm.prices import Prices
from quarterdeck.venues.evm.search import Plan
from quarterdeck.venues.evm.telling import apart, quotes, rates
from quarterdeck.venues.evm.universe import Lender
from tests.venues.evm.books import LENDER, TERMS, USDC, WETH

HEAD = Head(9, "0x1", "0x0", 1_700_000_000, 1)
DAI, LINK = "0x" + "55" * 20, "0x" + "66" * 20


def plan(number: int, pools: list[int], token: str = WETH, amount: int = 10**18) -> Plan:
    hops = tuple(Hop(ConstantProductPool(f"0x{pool:040x}", (USDC, WETH), (1, 1)), 0, 1) for pool in pools)
    offer = Offer(Lender(name="one", kind="aave-v3", address=LENDER), token, Loan(), 0)
    return Plan(number, Opportunity(token, hops, amount, 1, 1, 0), offer, HEAD, 1, 1.0, 1)


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), max_size=12))
def test_no_two_that_are_offered_meet_in_a_pool_and_none_is_left_out_for_nothing(routes: list[list[int]]) -> None:
    plans = [plan(number, route) for number, route in enumerate(routes, 1)]
    chosen = apart(plans)
    taken: set[str] = set()
    for one in plans:
        pools = set(one.opportunity.pools)
        assert (one in chosen) == (not pools & taken), "the better one first"
        if one in chosen:
            taken |= pools


def test_a_plan_is_quoted_in_lots_rounded_up_and_a_cycle_without_one_is_empty() -> None:
    events = quotes(TERMS, [plan(7, [1], amount=10**10 + 1), plan(8, [2], amount=10**40)], 5).events
    rows = [tuple(int(row[name]) for name in ("instrument", "ask_quantity", "update_id")) for row in events]
    assert rows == [(1, 2, 7), (1, QUANTITY_MAX - 1, 8), (0, 0, 0)]
    assert set(events["kind"]) == {EventKind.QUOTE}
    assert (events["bid"] == 1).all()
    assert (events["ask"] == 1).all()
    assert (events["bid_quantity"] == events["ask_quantity"]).all()
    assert (events["venue_time_ns"] == 5).all()


def test_rates_are_of_the_purses_own_units() -> None:
    said = rates({1: 300.0, 2: 300.5}, TERMS.purses, 6, 5)
    assert said is not None
    rows = {int(row["row"]): int(row["rate"]) for row in said.events}
    assert rows == {1: 3 * 10**9, 2: 3_005 * 10**6}
    assert rates({}, TERMS.purses, 6, 5) is None
    assert rates({1: 1e-30, 2: 1e30}, TERMS.purses, 6, 5) is None, "what the kernel could not multiply by is not told"


def pair(number: int, tokens: tuple[str, str], reserves: tuple[int, int]) -> ConstantProductPool:
    return ConstantProductPool(f"0x{number:040x}", tokens, reserves)


def test_prices_are_the_middle_of_all_pools_and_go_through_one_other_token() -> None:
    market = Market(
        [
            pair(1, (USDC, WETH), (3_000 * 10**6, 10**18)),
            pair(2, (USDC, WETH), (2_990 * 10**6, 10**18)),
            pair(3, (USDC, WETH), (9_000 * 10**6, 10**18)),  # out of line
            pair(4, (DAI, USDC), (10**18, 10**6)),
            pair(5, (LINK, "0x" + "77" * 20), (10**18, 10**6)),  # leads nowhere
        ]
    )
    prices = Prices(market, WETH)
    assert prices.convert(10**18, WETH, USDC) == pytest.approx(3_000 * 10**6)
    assert prices.convert(3_000 * 10**18, DAI, WETH) == pytest.approx(10**18)
    assert prices.of(WETH) == 1.0
    assert prices.of(LINK) is None
    assert prices.convert(1, LINK, WETH) is None
    assert prices.convert(1, WETH, LINK) is None
