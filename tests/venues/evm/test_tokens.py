"""Tokens that do not do what they are told are found, and their pools refused by name; plain ones are not.

What is tested: `quarterdeck.venues.evm.tokens`, with real pools of all kinds around them.
"""

from collections.abc import Iterator

import pytest

from quarterdeck.arbitrage.pools import Pool
from quarterdeck.venues.evm.watching import PoolSet
from tests.contracts.floor import hostile
from tests.venues.evm.quarter import ONE, Quarter, built, quarter_of

SIZE = 10**22


@pytest.fixture(scope="module")
def quarter(seed: int) -> Iterator[Quarter]:
    with quarter_of(seed) as one:
        yield one


def odd(quarter: Quarter, index: int = ONE) -> str:
    return quarter.deploy(built("odd"), ["uint256"], [index])


def watched(quarter: Quarter, tokens: list[str], pools: list[Pool]) -> PoolSet:
    one = PoolSet(quarter.wires, quarter.universe(tokens, pools))
    one.load(quarter.block())
    return one


def around(quarter: Quarter, token: str, plain: str) -> list[Pool]:
    """A token in a pool of each kind."""
    both = {token: SIZE, plain: SIZE}
    return [
        quarter.pair(token, plain, SIZE, SIZE),
        quarter.ticks(token, plain, 3000, 60, 0, ((-600, 600, SIZE),)),
        quarter.weighted(both, {token: ONE // 2, plain: ONE // 2}, 10**15),
        quarter.stable(both, 200, 10**15),
    ]


def test_plain_tokens_old_and_new_are_taken(quarter: Quarter) -> None:
    """Also one whose transfers answer nothing, a pool that holds only one of its tokens, and a gift of dust."""
    plain, mute = quarter.token(), quarter.deploy(hostile("mute"))
    pair = quarter.pair(plain, quarter.token(), SIZE, SIZE)
    above = quarter.ticks(*pair.tokens, 3000, 60, 0, ((60, 600, SIZE),))
    quarter.give(plain, pair.address, SIZE // 2000)
    pools = watched(quarter, list(pair.tokens), [pair, above])
    assert pools.pools == [pair, above]
    assert not pools.refused
    silent = watched(quarter, [plain, mute], [quarter.pair(plain, mute, SIZE, SIZE)])
    (reason,) = silent.refused.values()
    assert "does not say its decimals" in reason


def test_a_fee_on_transfer_is_found_and_all_pools_of_the_token_are_refused(quarter: Quarter) -> None:
    plain, token = quarter.token(), quarter.deploy(hostile("token"))
    made = around(quarter, token, plain)
    good = quarter.pair(plain, quarter.token(), SIZE, SIZE)
    quarter.tell(token, "keep(uint256)", 1)  # a ten-thousandth part
    pools = watched(quarter, [plain, token, *{*good.tokens} - {plain}], [*made, good])
    assert pools.pools == [good]
    for pool, kind in zip(made, ("uniswap-v2", "uniswap-v3", "balancer-weighted", "balancer-stable"), strict=True):
        said = pools.refused[pool.address]
        assert said.startswith(f"{kind} pool {pool.address}: its token T1 takes a fee of transfers")


def test_a_fee_that_only_sellers_pay_is_found(quarter: Quarter) -> None:
    plain, token = quarter.token(), odd(quarter)
    pair = quarter.pair(token, plain, SIZE, SIZE)
    quarter.tell(token, "tax(address)", pair.address)
    said = watched(quarter, [plain, token], [pair]).refused[pair.address]
    assert "of 10000000000000000001 sent 10000000000000000001 left and 10000000000000000001 arrived" in said
    assert "on the way back 10000000000000000001 and 9000000000000000001" in said


def test_a_rebasing_token_is_found_by_where_its_balance_stands(quarter: Quarter) -> None:
    plain, token = quarter.token(), odd(quarter, ONE // 10)
    ticks = quarter.ticks(token, plain, 3000, 60, 0, ((-600, 600, SIZE),))
    pools = watched(quarter, [plain, token], [ticks])
    assert "its token T1 rebases: what it says of a balance stands nowhere" in pools.refused[ticks.address]


@pytest.mark.parametrize(
    ("index", "said"), [(2 * ONE, "T1 takes a fee of transfers, or rounds"), (ONE // 2, "rebases")]
)
def test_a_token_that_begins_to_rebase_is_found_by_the_next_load(quarter: Quarter, index: int, said: str) -> None:
    plain, token = quarter.token(), odd(quarter)
    pair, good = quarter.pair(token, plain, SIZE, SIZE), quarter.pair(plain, quarter.token(), SIZE, SIZE)
    pools = watched(quarter, [plain, token, *{*good.tokens} - {plain}], [pair, good])
    assert pools.pools == [pair, good]
    quarter.tell(token, "rebase(uint256)", index)
    assert pools.advance(quarter.block()) == []
    assert pools.load(quarter.block()) == [good]
    assert said in pools.refused[pair.address]


def test_a_gift_that_somebody_may_take_out_looks_like_a_rebase(quarter: Quarter) -> None:
    plain, other = quarter.token(), quarter.token()
    pair = quarter.pair(plain, other, SIZE, SIZE)
    quarter.give(plain, pair.address, SIZE // 900)
    said = watched(quarter, [plain, other], [pair]).refused[pair.address]
    assert said.endswith(
        f"its token T0 rebases, or somebody gave some: {SIZE} are counted, {SIZE + SIZE // 900} are there"
    )


def test_a_token_of_other_decimals_than_the_universe_says_is_refused(quarter: Quarter) -> None:
    plain, token = quarter.token(), quarter.token(6)
    pair = quarter.pair(token, plain, SIZE, 10**10)
    said = watched(quarter, [plain, token], [pair]).refused[pair.address]
    assert said.endswith("its token T1 has 6 decimals, the universe says 18")
