"""Our integers against the real contracts, to the last unit, and the same refusals.

What is tested: `quarterdeck.arbitrage.constant_product`, `quarterdeck.arbitrage.concentrated`,
`quarterdeck.arbitrage.weighted`, `quarterdeck.arbitrage.stable`, `quarterdeck.arbitrage.powers`,
`quarterdeck.arbitrage.arithmetic` and
`quarterdeck.arbitrage.ticks`.
"""

import random

import pytest

from quarterdeck.arbitrage.concentrated import ConcentratedPool
from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.stable import StablePool
from quarterdeck.arbitrage.ticks import MAX_SQRT_RATIO, MIN_SQRT_RATIO, sqrt_ratio_at, tick_at
from quarterdeck.arbitrage.weighted import WeightedPool, scaling
from quarterdeck.errors import SwapRefused
from tests.arbitrage.chain import BALANCER, ME, NOBODY, Chain, artifact, compiled

UNISWAP_2 = "@uniswap/v2-core/build/UniswapV2Factory.json"
UNISWAP_3 = "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"


def ours(pool: Pool, source: int, target: int, amount: int) -> int | None:
    try:
        return pool.amount_out(source, target, amount)
    except SwapRefused:
        return None


def sorted_tokens(chain: Chain, decimals: list[int]) -> list[tuple[str, int]]:
    return sorted(((chain.token(each), each) for each in decimals), key=lambda one: int(one[0], 16))


def test_a_constant_product_pool_pays_what_the_pair_lets_go(seed: int) -> None:
    """The pair itself computes no output: it takes any that keeps its product, and refuses one unit more."""
    chance, chain = random.Random(seed), Chain()
    factory = chain.deploy(artifact(UNISWAP_2), ["address"], [ME])
    compared = 0
    for _ in range(12):
        (first, _), (second, _) = sorted_tokens(chain, [18, 18])
        pair = chain.call(factory, "createPair", ["address", "address"], [first, second], ["address"])[0]
        for token in (first, second):
            chain.give(token, pair, int(10 ** chance.uniform(4, 30)))
        chain.call(pair, "mint", ["address"], [ME])
        for _ in range(12):
            reserves = chain.call(pair, "getReserves", [], [], ["uint112", "uint112", "uint32"])[:2]
            pool = ConstantProductPool(pair, (first, second), reserves)
            source = chance.randrange(2)
            amount = int(reserves[source] * 10 ** chance.uniform(-8, 1)) + 1
            out = ours(pool, source, 1 - source, amount)
            if out is None:
                continue
            compared += 1
            chain.give((first, second)[source], pair, amount)
            types = ["uint256", "uint256", "address", "bytes"]
            more, exact = out + 1, out
            with chain.trying(), pytest.raises(RuntimeError, match="Revert"):
                chain.call(pair, "swap", types, [*((0, more) if source == 0 else (more, 0)), ME, b""])
            chain.call(pair, "swap", types, [*((0, exact) if source == 0 else (exact, 0)), ME, b""])
    assert compared > 60


def test_a_concentrated_pool_pays_what_the_contract_pays(seed: int) -> None:
    chance, chain = random.Random(seed), Chain()
    factory, hand = chain.deploy(artifact(UNISWAP_3)), chain.deploy(compiled("hand"))
    compared = refused = 0
    for _ in range(16):
        (first, _), (second, _) = sorted_tokens(chain, [18, 18])
        chain.give(first, hand)
        chain.give(second, hand)
        fee, spacing = chance.choice(((500, 10), (3000, 60), (10000, 200)))
        pool = chain.call(factory, "createPool", ["address", "address", "uint24"], [first, second, fee], ["address"])[0]
        middle = chance.randrange(-200_000, 200_000)
        chain.call(pool, "initialize", ["uint160"], [sqrt_ratio_at(middle) + chance.randrange(10**6)])
        nets = _provide(chance, chain, hand, pool, middle // spacing * spacing, spacing)
        for _ in range(12):
            slot = ["uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool"]
            price, tick, *_ = chain.call(pool, "slot0", [], [], slot)
            assert tick_at(price) == tick
            liquidity = chain.call(pool, "liquidity", [], [], ["uint128"])[0]
            mine = ConcentratedPool(
                pool, (first, second), fee, spacing, price, tick, liquidity, tuple(sorted(nets.items()))
            )
            source, amount = chance.randrange(2), int(10 ** chance.uniform(0, 26))
            out = ours(mine, source, 1 - source, amount)
            limit = MIN_SQRT_RATIO + 1 if source == 0 else MAX_SQRT_RATIO - 1
            words = ["address", "bool", "int256", "uint160"], [pool, source == 0, amount, limit]
            if out is None or chance.random() < 0.5:
                with chain.trying():
                    moved = chain.call(hand, "swap", *words, ["int256", "int256"])
            else:
                moved = chain.call(hand, "swap", *words, ["int256", "int256"])
            taken, paid = (moved[0], -moved[1]) if source == 0 else (moved[1], -moved[0])
            assert out == (paid if taken == amount and paid > 0 else None)
            compared += 1
            refused += out is None
    assert 0 < refused < compared // 2


def _provide(chance: random.Random, chain: Chain, hand: str, pool: str, middle: int, spacing: int) -> dict[int, int]:
    nets: dict[int, int] = {}
    for _ in range(chance.randrange(1, 8)):
        lower, upper = middle - chance.randrange(400) * spacing, middle + chance.randrange(1, 400) * spacing
        if chance.random() < 0.3:
            lower = middle + chance.randrange(-500, 500) * spacing
            upper = lower + chance.randrange(1, 300) * spacing
        liquidity = chance.randrange(10**14, 10**22)
        chain.call(hand, "mint", ["address", "int24", "int24", "uint128"], [pool, lower, upper, liquidity])
        nets[lower] = nets.get(lower, 0) + liquidity
        nets[upper] = nets.get(upper, 0) - liquidity
    return nets


@pytest.mark.parametrize("kind", ["weighted", "stable"])
def test_a_balancer_pool_pays_what_the_vault_pays(kind: str, seed: int) -> None:
    chance, chain = random.Random(seed), Chain()
    vault, factory = _vault(chain, kind)
    compared = 0
    for _ in range(10):
        chosen = sorted_tokens(chain, [chance.choice((6, 8, 18)) for _ in range(chance.randrange(2, 5))])
        tokens, decimals = [token for token, _ in chosen], [each for _, each in chosen]
        fee = chance.choice((10**12, 3 * 10**15, 10**16, 123456789012345))
        pool = (_weighted if kind == "weighted" else _stable)(chance, chain, vault, factory, tokens, decimals, fee)
        for _ in range(30):
            source, target = chance.sample(range(len(tokens)), 2)
            amount = int(pool.balances[source] * 10 ** chance.uniform(-9, 0.3))
            if not amount:
                continue
            assert ours(pool, source, target, amount) == _asked(
                chain, vault, pool.address, tokens, source, target, amount
            )
            compared += 1
    assert compared > 150


def _vault(chain: Chain, kind: str) -> tuple[str, str]:
    authorizer = chain.deploy(artifact(f"{BALANCER}/20210418-authorizer/artifact/Authorizer.json"), ["address"], [ME])
    vault = chain.deploy(
        artifact(f"{BALANCER}/20210418-vault/artifact/Vault.json"),
        ["address", "address", "uint256", "uint256"], [authorizer, chain.token(), 0, 0],
    )  # fmt: skip
    fees = chain.deploy(
        artifact(f"{BALANCER}/20220725-protocol-fee-percentages-provider/artifact/ProtocolFeePercentagesProvider.json"),
        ["address", "uint256", "uint256"], [vault, 10**18, 10**18],
    )  # fmt: skip
    path = {
        "weighted": "20230206-weighted-pool-v3/artifact/WeightedPoolFactory.json",
        "stable": "20230206-composable-stable-pool-v3/artifact/ComposableStablePoolFactory.json",
    }[kind]
    words = ["address", "address", "string", "string"]
    return vault, chain.deploy(artifact(f"{BALANCER}/{path}"), words, [vault, fees, "one", "one"])


def _weighted(
    chance: random.Random, chain: Chain, vault: str, factory: str, tokens: list[str], decimals: list[int], fee: int
) -> WeightedPool:
    cuts = [chance.randrange(2, 20) for _ in tokens]
    weights = [10**18 * cut // sum(cuts) for cut in cuts]
    weights[0] += 10**18 - sum(weights)
    types = ["string", "string", "address[]", "uint256[]", "address[]", "uint256", "address"]
    values = ["w", "w", tokens, weights, [NOBODY] * len(tokens), fee, ME]
    pool = chain.call(factory, "create", types, values, ["address"])[0]
    balances = [int(10 ** chance.uniform(3, 9) * 10**each) for each in decimals]
    held = _join(chain, vault, pool, tokens, balances)
    return WeightedPool(pool, tuple(tokens), held, tuple(weights), tuple(map(scaling, decimals)), fee)


def _stable(
    chance: random.Random, chain: Chain, vault: str, factory: str, tokens: list[str], decimals: list[int], fee: int
) -> StablePool:
    amplification, count = chance.choice((5, 100, 200, 2000)), len(tokens)
    types = ["string", "string", "address[]", "uint256", "address[]", "uint256[]", "bool[]", "uint256", "address"]
    values = ["s", "s", tokens, amplification, [NOBODY] * count, [0] * count, [False] * count, fee, ME]
    pool = chain.call(factory, "create", types, values, ["address"])[0]
    size = 10 ** chance.uniform(3, 8)
    balances = [int(size * chance.uniform(0.4, 2.5) * 10**each) for each in decimals]
    held = _join(chain, vault, pool, tokens, balances)
    return StablePool(pool, tuple(tokens), held, tuple(map(scaling, decimals)), amplification * 1000, fee)


def _join(chain: Chain, vault: str, pool: str, tokens: list[str], balances: list[int]) -> tuple[int, ...]:
    from eth_abi import encode

    identity = chain.call(pool, "getPoolId", [], [], ["bytes32"])[0]
    listed = chain.call(vault, "getPoolTokens", ["bytes32"], [identity], ["address[]", "uint256[]", "uint256"])[0]
    for token in tokens:
        chain.give(token, ME)
        chain.call(token, "approve", ["address", "uint256"], [vault, 10**60])
    amounts = [0 if token == pool else balances[tokens.index(token)] for token in listed]
    most = [2**112 - 1 if token == pool else amount for token, amount in zip(listed, amounts, strict=True)]
    words = encode(["uint256", "uint256[]"], [0, amounts])
    types = ["bytes32", "address", "address", "(address[],uint256[],bytes,bool)"]
    chain.call(vault, "joinPool", types, [identity, ME, ME, (list(listed), most, words, False)])
    now = chain.call(vault, "getPoolTokens", ["bytes32"], [identity], ["address[]", "uint256[]", "uint256"])
    return tuple(now[1][list(now[0]).index(token)] for token in tokens)


def _asked(chain: Chain, vault: str, pool: str, tokens: list[str], source: int, target: int, amount: int) -> int | None:
    identity = chain.call(pool, "getPoolId", [], [], ["bytes32"])[0]
    types = ["uint8", "(bytes32,uint256,uint256,uint256,bytes)[]", "address[]", "(address,bool,address,bool)"]
    swaps, funds = [(identity, 0, 1, amount, b"")], (ME, False, ME, False)
    try:
        moved = chain.call(
            vault, "queryBatchSwap", types, [0, swaps, [tokens[source], tokens[target]], funds], ["int256[]"]
        )
    except RuntimeError:
        return None
    return -moved[0][1] or None
