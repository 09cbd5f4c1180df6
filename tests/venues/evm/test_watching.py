"""Pools kept by logs are those of a fresh load, and pay what the real contracts pay, whatever the chain does.

What is tested: `quarterdeck.venues.evm.watching`, `quarterdeck.venues.evm.changes`, `quarterdeck.venues.evm.pools` and
`quarterdeck.venues.evm.reading`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from eth_abi import encode
from eth_utils import keccak, to_checksum_address

from quarterdeck.arbitrage.market import Market
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.stable import StablePool
from quarterdeck.arbitrage.weighted import WeightedPool
from quarterdeck.errors import ChainError, RpcRefused, SwapRefused
from quarterdeck.venues.evm import watching
from quarterdeck.venues.evm.changes import after, read_log
from quarterdeck.venues.evm.endpoints import Request
from quarterdeck.venues.evm.pools import Kept
from quarterdeck.venues.evm.universe import BalancerWeighted, Universe
from quarterdeck.venues.evm.watching import PoolSet
from tests.arbitrage.chain import ME, artifact
from tests.contracts.floor import UNISWAP_2, UNISWAP_3
from tests.venues.evm.quarter import MINT, ONE, Block, Quarter, Wires, built, quarter_of


@pytest.fixture(scope="module")
def quarter(seed: int) -> Iterator[Quarter]:
    with quarter_of(seed) as one:
        yield one


@pytest.fixture
def wires(quarter: Quarter) -> Wires:
    quarter.wires.trips.clear()
    return quarter.wires


def ours(pool: Pool, source: int, target: int, amount: int) -> int | None:
    try:
        return pool.amount_out(source, target, amount)
    except SwapRefused:
        return None


def fresh(wires: Wires, universe: Universe, head: Block) -> list[Pool]:
    return PoolSet(wires, universe).load(head)


def test_after_any_sequence_the_pools_are_those_of_a_fresh_load(quarter: Quarter, wires: Wires) -> None:
    """Random swaps, mints, burns, joins, exits, fees; blocks missed; the chain goes back by one to seven blocks."""
    chance = quarter.chance
    tokens, made = quarter.market(2)
    universe = quarter.universe(tokens, made)
    pools = PoolSet(wires, universe)
    assert pools.load(quarter.block()) == made
    assert not pools.refused
    seen, compared, back = list[Any](), 0, 0
    for _ in range(60):
        if chance.random() < 0.25 and seen:
            place = chance.randrange(max(0, len(seen) - 3), len(seen))
            quarter.go_back(seen[place])
            back, seen = back + 1, seen[:place]
        seen.append(quarter.remember())
        touched = [chance.choice(made) for _ in range(chance.choice((1, 1, 2, 3)))]
        for pool in touched:
            quarter.happen(pool)
        head, before = quarter.block(), {pool.address: pool for pool in pools.pools}
        changed = pools.advance(head)
        assert changed is not None
        assert pools.head == (head.number, head.hash)
        assert pools.pools == (now := fresh(wires, universe, head))
        assert {pool.address for pool in changed} == {pool.address for pool in now if before[pool.address] != pool}
        for pool in changed:
            source, target = chance.sample(range(len(pool.tokens)), 2)
            amount = int(10 ** chance.uniform(4, 23))
            assert ours(pool, source, target, amount) == quarter.paid(pool, source, target, amount)
            compared += 1
    assert compared > 40
    assert back > 2


def test_a_reorganisation_of_three_blocks_is_taken_back_without_a_load(quarter: Quarter, wires: Wires) -> None:
    tokens, made = quarter.market(1)
    universe = quarter.universe(tokens, made)
    pools = PoolSet(wires, universe)
    pools.load(quarter.block())
    fork = quarter.remember()
    begun = pools.pools
    for pool in made[:3]:
        quarter.happen(pool)
        while not pools.advance(quarter.block()):  # some things change nothing, as a burn of nothing
            quarter.happen(pool)
    assert pools.pools != begun
    quarter.go_back(fork)
    quarter.wire.ask("evm_mine")
    orphaned = quarter.block()
    wires.trips.clear()
    changed = pools.advance(orphaned)  # the first block of the other branch: its parent is known
    assert changed is not None
    assert len(wires.trips) == 1
    assert pools.pools == begun
    assert {pool.address for pool in changed} == {pool.address for pool in made[:3]}
    for _ in range(3):
        quarter.happen(made[3])
    head = quarter.block()
    pools.advance(head)
    assert pools.pools == fresh(wires, universe, head)


def test_what_changes_with_time_is_read_anew(quarter: Quarter, wires: Wires) -> None:
    """An amplification on its way, rates that expire, a pause: none of it is told by a log as it happens."""
    tokens, _ = quarter.market(0)
    provider = quarter.deploy(built("rate"), ["uint256"], [11 * ONE // 10])
    plain = quarter.stable(dict.fromkeys(tokens[:3], 10**22), 100, 10**15)
    rated = quarter.stable_rated(dict.fromkeys(tokens[:2], 10**22), {tokens[0]: provider}, 3600)
    universe = quarter.universe(tokens, [plain, rated])
    pools = PoolSet(wires, universe)
    pools.load(quarter.block())
    assert not pools.refused

    def look() -> list[StablePool]:
        head = quarter.block()
        pools.advance(head)
        now = pools.pools
        assert now == fresh(wires, universe, head)
        for pool in now:
            assert ours(pool, 0, 1, 10**18) == quarter.paid(pool, 0, 1, 10**18)
        return [pool for pool in now if isinstance(pool, StablePool)]

    (_, first), later = look(), quarter.at(3 * 86400)
    quarter.tell(provider, "change(uint256)", 12 * ONE // 10)
    quarter.tell(plain.address, "startAmplificationParameterUpdate(uint256,uint256)", 150, later)
    levels, scales = set[int](), {first.scales}
    for _ in range(4):
        quarter.mine_after(50_000)
        now = look()
        levels.add(now[0].amplification)
        scales.add(now[1].scales)
    assert len(levels) == 4
    assert len(scales) == 2
    quarter.govern(plain.address, "pause()")
    assert look()[0].balances == (0, 0, 0)
    Market(pools.pools)  # a pool with nothing in it is no trouble there
    quarter.govern(plain.address, "unpause()")
    assert look()[0].balances == plain.balances


def test_a_block_that_touches_a_hundred_pools_is_one_round_trip(quarter: Quarter, wires: Wires) -> None:
    tokens, made = quarter.pairs(15)
    universe = quarter.universe(tokens, made)
    pools = PoolSet(wires, universe)
    pools.load(quarter.block())
    assert not pools.refused
    with quarter.one_block():
        for pool in made:
            quarter.push(pool.tokens[0], "mint(address,uint256)", pool.address, 10**18)
            quarter.push(pool.address, "sync()")
    head = quarter.block()
    wires.trips.clear()
    assert len(pools.advance(head) or ()) == len(made) == 105
    assert wires.trips == [["eth_getBlockByHash", "eth_getLogs"]]
    assert pools.pools == fresh(wires, universe, head)


def test_a_gap_is_filled_by_logs_or_where_it_is_too_long_by_a_load(
    quarter: Quarter, wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "GAP_MAX", 200)
    tokens, made = quarter.market(1)
    universe = quarter.universe(tokens, made)
    pools = PoolSet(wires, universe)
    pools.load(quarter.block())
    for blocks, trips in ((150, 2), (201, 7)):
        quarter.wire.ask("anvil_mine", hex(blocks))
        for pool in made:
            quarter.happen(pool)
        wires.trips.clear()
        head = quarter.block()
        assert (pools.advance(head) is None) == (blocks > 200)
        assert len(wires.trips) == trips
        assert pools.pools == fresh(wires, universe, head)


def test_pools_that_hold_nothing_yet_are_kept_until_they_do(quarter: Quarter, wires: Wires) -> None:
    tokens, made = quarter.market(1)
    both = list(made[2].tokens[:2])  # somebody must hold them, or they cannot be tried
    pair = quarter.call(
        quarter.deploy(artifact(UNISWAP_2), ["address"], [ME]), "createPair", ["address"] * 2, both, ["address"]
    )[0]
    types = ["address", "address", "uint24"]
    ticks = quarter.call(quarter.deploy(artifact(UNISWAP_3)), "createPool", types, [*both, 500], ["address"])[0]
    listed = [{"kind": "uniswap-v2", "address": pair}, {"kind": "uniswap-v3", "address": ticks}]
    universe = quarter.universe(tokens, made)
    universe = quarter.universe(tokens, made, pools=[*msgspec.to_builtins(universe.pools), *listed])
    pools = PoolSet(wires, universe)
    empty = pools.load(quarter.block())[len(made) :]
    assert not pools.refused
    assert [ours(pool, 0, 1, 10**18) for pool in empty] == [None, None]
    Market(pools.pools)
    quarter.tell(ticks, "initialize(uint160)", 2**96)
    quarter.tell(quarter.hand, MINT, ticks, -100, 100, 10**22)
    for token in both:
        quarter.tell(token, "transfer(address,uint256)", pair, 10**20)
    quarter.tell(pair, "mint(address)", ME)
    head = quarter.block()
    assert {pool.address for pool in pools.advance(head) or ()} == {pair, ticks}
    assert pools.pools == fresh(wires, universe, head)
    for pool in pools.pools[len(made) :]:
        assert ours(pool, 0, 1, 10**18) == quarter.paid(pool, 0, 1, 10**18) is not None


def test_what_an_asset_manager_takes_and_gains_is_counted() -> None:
    """By the Vault's own description of its log; no factory here gives a pool such a manager."""
    identity = "0x" + "cd" * 20 + "00" * 12
    listed = BalancerWeighted(address="0x" + "cd" * 20, identity=identity)
    tokens = tuple(to_checksum_address("0x" + digit * 40) for digit in "ab")
    kept = Kept(listed, WeightedPool(listed.address, tokens, (1000, 2000), (ONE // 2, ONE // 2), (ONE, ONE), 10**15))
    log = read_log(
        {
            "address": "0x" + "ee" * 20,
            "topics": [
                "0x" + keccak(text="PoolBalanceManaged(bytes32,address,address,int256,int256)").hex(),
                identity, "0x" + "00" * 12 + "11" * 20, "0x" + "00" * 12 + "bb" * 20,
            ],
            "data": "0x" + encode(["int256", "int256"], [-500, 507]).hex(),
            "blockNumber": "0x10",
            "logIndex": "0x2",
        }
    )  # fmt: skip
    now = after(kept, log)
    assert now is not None
    assert now.pool == replace(kept.pool, balances=(1000, 2007))


class Short(Wires):
    """A node that has lost its blocks where `broken`, and gives no logs of several blocks."""

    broken = False

    def ask_many(self, requests: Sequence[Request]) -> list[Any]:
        given = super().ask_many(requests)
        for place, (method, params) in enumerate(requests):
            if self.broken and method == "eth_getBlockByNumber":
                given[place] = None
            if method == "eth_getLogs" and "fromBlock" in params[0]:
                given[place] = RpcRefused(-32005, "query returned more than 10000 results")
        return given


def test_a_node_that_does_not_have_the_head_changes_nothing(quarter: Quarter, request: pytest.FixtureRequest) -> None:
    tokens, made = quarter.market(1)
    node = Short(quarter.url)
    request.addfinalizer(node.close)
    pools = PoolSet(node, quarter.universe(tokens, made))
    begun, head = pools.load(quarter.block()), pools.head
    for pool in made:
        quarter.happen(pool)
    node.broken = True
    with pytest.raises(ChainError, match="ask again at the next head"):
        pools.advance(quarter.block())
    unknown = Block(head[0] + 1, "0x" + "12" * 32, head[1])
    with pytest.raises(ChainError):
        pools.advance(unknown)
    assert (pools.pools, pools.head) == (begun, head)
    node.broken = False
    assert pools.advance(quarter.block()) is None
    assert pools.pools == fresh(quarter.wires, quarter.universe(tokens, made), quarter.block())


def test_a_pool_that_is_none_is_refused_by_name(quarter: Quarter, wires: Wires) -> None:
    tokens, made = quarter.market(1)
    pair, ticks, weighted, stable = made
    other = quarter.pair(quarter.token(), tokens[0], 10**20, 10**20)
    identities = {pool: "0x" + identity.hex() for pool, identity in quarter.identities.items()}
    mistaken = [
        {"kind": "uniswap-v3", "address": pair.address},
        {"kind": "uniswap-v2", "address": ticks.address},
        {"kind": "balancer-stable", "address": weighted.address, "identity": identities[weighted.address]},
        {"kind": "balancer-weighted", "address": stable.address, "identity": identities[stable.address]},
        {"kind": "uniswap-v2", "address": other.address},
        {"kind": "uniswap-v2", "address": "0x" + "77" * 20},
    ]
    pools = PoolSet(wires, quarter.universe(tokens, [], pools=mistaken))
    assert pools.load(quarter.block()) == []
    said = pools.refused
    assert said[pair.address] == f"there is no uniswap-v3 pool at {pair.address}: tickSpacing has no answer"
    assert said[ticks.address] == f"there is no uniswap-v2 pool at {ticks.address}: getReserves has no answer"
    assert "getAmplificationParameter has no answer" in said[weighted.address]
    assert "is not in the universe" in said[stable.address]
    assert "is not in the universe: list it there" in said[other.address]
    assert "there is no uniswap-v2 pool at 0x7777" in said["0x" + "77" * 20]
