"""Pools from the chain: everything that `arbitrage` computes with, read at one block.

Each kind is a loader: it says what it wants to know, is told, and says what it wants to know then. All pools go through
their stages together, so a load of any number of pools is as many round trips as the longest loader has stages, which
is three (Uniswap V3: the pool, the words of its bitmap of ticks, the ticks).

What cannot be used is refused by name. A pool of Balancer that is paused, or whose rates cannot be had, is kept with
nothing in it: a swap would revert, and later it may not.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, cast

from quarterdeck.arbitrage.arithmetic import mul_down
from quarterdeck.arbitrage.concentrated import ConcentratedPool
from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.stable import AMPLIFICATION_UNITS, StablePool
from quarterdeck.arbitrage.ticks import MAX_TICK
from quarterdeck.arbitrage.weighted import WeightedPool, scaling
from quarterdeck.errors import SwapRefused
from quarterdeck.venues.evm.reading import Call, Node, Values, checksummed, read
from quarterdeck.venues.evm.universe import (
    BalancerStable,
    BalancerWeighted,
    ListedPool,
    Token,
    UniswapV2,
    UniswapV3,
    Universe,
)

__all__ = ["Kept", "Loaded", "emptied", "load_pools"]

_WORD: Final = 256
_NOBODY: Final = "0x" + "00" * 20
_SWAP: Final = "queryBatchSwap(uint8,(bytes32,uint256,uint256,uint256,bytes)[],address[],(address,bool,address,bool))"


@dataclass(frozen=True, slots=True)
class Kept:
    """A pool, and what its logs need besides.

    `gross`: the liquidity that begins or ends at each initialised tick; a tick is there as long as it has some, even
    where what begins and what ends are equal. `moving`: it changes with time, without a log, so it is read anew with
    each block.
    """

    listed: ListedPool
    pool: Pool
    gross: Mapping[int, int] | None = None
    moving: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """Pools by their addresses, and why others cannot be used."""

    kept: dict[str, Kept]
    refused: dict[str, str]


class _Unusable(Exception):
    """Why a pool cannot be used."""


_Asked: TypeAlias = Sequence[Call]
_Told: TypeAlias = list[Values | None]
_Loader: TypeAlias = Generator[_Asked, _Told, Kept]


@dataclass(slots=True)
class _Clock:
    """The block's time, which the first answer brings."""

    time_s: int = 0


def load_pools(
    node: Node, universe: Universe, listed: Sequence[ListedPool], block_hash: str, *, compare: bool = True
) -> Loaded:
    """Reads pools at a block, all at once.

    `compare` asks Balancer's Vault for one swap of each of its pools, and refuses a pool that answers otherwise than we
    compute. ChainError: the node does not have that block, or nobody answered.
    """
    clock, loaded = _Clock(), Loaded({}, {})
    loaders = [(pool, _loader(pool, universe, clock, compare)) for pool in listed]
    asked: list[tuple[ListedPool, _Loader, _Asked]] = [(pool, loader, next(loader)) for pool, loader in loaders]
    while asked:
        calls = [call for _, _, each in asked for call in each]
        clock.time_s, told = read(node, block_hash, calls)
        begin, still = 0, list[tuple[ListedPool, _Loader, _Asked]]()
        for pool, loader, each in asked:
            mine, begin = told[begin : begin + len(each)], begin + len(each)
            try:
                still.append((pool, loader, loader.send(mine)))
            except StopIteration as done:
                loaded.kept[pool.address] = cast(Kept, done.value)
            except (_Unusable, SwapRefused) as error:
                loaded.refused[pool.address] = str(error)
        asked = still
    kept = {pool.address: loaded.kept[pool.address] for pool in listed if pool.address in loaded.kept}
    return Loaded(kept, loaded.refused)


def emptied(kept: Kept) -> Kept:
    """The pool with nothing in it."""
    if isinstance(kept.pool, WeightedPool | StablePool):
        return replace(kept, pool=replace(kept.pool, balances=(0,) * len(kept.pool.tokens)), moving=True)
    return kept


def _loader(listed: ListedPool, universe: Universe, clock: _Clock, compare: bool) -> _Loader:
    if isinstance(listed, UniswapV2):
        return _uniswap_v2(listed, universe)
    if isinstance(listed, UniswapV3):
        return _uniswap_v3(listed, universe)
    return _balancer(listed, universe, clock, compare)


def _uniswap_v2(listed: UniswapV2, universe: Universe) -> _Loader:
    first, second, reserves = yield [
        Call(listed.address, "token0()", returns=("address",)),
        Call(listed.address, "token1()", returns=("address",)),
        Call(listed.address, "getReserves()", returns=("uint112", "uint112", "uint32")),
    ]
    tokens = _known([_one(first, listed, "token0"), _one(second, listed, "token1")], universe)
    held = _all(reserves, listed, "getReserves")
    pool = ConstantProductPool(listed.address, _addresses(tokens), (held[0], held[1]), listed.kept)
    return Kept(listed, pool)


def _uniswap_v3(listed: UniswapV3, universe: Universe) -> _Loader:
    address = listed.address
    first, second, fee, spacing, slot, liquidity = yield [
        Call(address, "token0()", returns=("address",)),
        Call(address, "token1()", returns=("address",)),
        Call(address, "fee()", returns=("uint24",)),
        Call(address, "tickSpacing()", returns=("int24",)),
        Call(address, "slot0()", returns=("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool")),
        Call(address, "liquidity()", returns=("uint128",)),
    ]
    tokens = _known([_one(first, listed, "token0"), _one(second, listed, "token1")], universe)
    step, now = int(_one(spacing, listed, "tickSpacing")), _all(slot, listed, "slot0")
    last = MAX_TICK // step // _WORD
    places = range(-last - 1, last + 1)
    words = yield [Call(address, "tickBitmap(int16)", (place,)) for place in places]
    begun = [
        (place * _WORD + bit) * step
        for place, word in zip(places, words, strict=True)
        for bit in _bits(int(_one(word, listed, "tickBitmap")))
    ]
    returns = ("uint128", "int128")  # the rest of what `ticks` answers is of no interest
    told = yield [Call(address, "ticks(int24)", (tick,), returns) for tick in begun]
    liquidities = [_all(each, listed, "ticks") for each in told]
    nets = tuple((tick, int(each[1])) for tick, each in zip(begun, liquidities, strict=True))
    pool = ConcentratedPool(
        address, _addresses(tokens), int(_one(fee, listed, "fee")), step, int(now[0]), int(now[1]),
        int(_one(liquidity, listed, "liquidity")), nets,
    )  # fmt: skip
    return Kept(listed, pool, {tick: int(each[0]) for tick, each in zip(begun, liquidities, strict=True)})


def _balancer(
    listed: BalancerWeighted | BalancerStable, universe: Universe, clock: _Clock, compare: bool
) -> _Loader:  # fmt: skip
    vault = universe.vault or _NOBODY  # a universe with such pools has one
    common = [
        Call(vault, "getPoolTokens(bytes32)", (_identity(listed),), ("address[]", "uint256[]", "uint256")),
        Call(vault, "getPausedState()", returns=("bool", "uint256", "uint256")),
        Call(listed.address, "getPausedState()", returns=("bool", "uint256", "uint256")),
        Call(listed.address, "getSwapFeePercentage()"),
    ]
    if isinstance(listed, BalancerWeighted):
        kept = yield from _weighted(listed, universe, common)
    else:
        kept = yield from _stable(listed, universe, common, clock)
    pool = cast(WeightedPool | StablePool, kept.pool)
    if not compare or not all(pool.balances):
        return kept
    amount = pool.balances[0] // 1000 + 1
    steps, funds = [(_identity(listed), 0, 1, amount, b"")], (_NOBODY, False, _NOBODY, False)
    (moved,) = yield [Call(vault, _SWAP, (0, steps, pool.tokens[:2], funds), ("int256[]",))]
    theirs = -int(moved[0][1]) if moved else 0
    try:
        ours = pool.amount_out(0, 1, amount)
    except SwapRefused:
        ours = 0
    if ours != theirs:
        raise _Unusable(
            f"pool {listed.address} is no {listed.kind} as we compute it: for {amount} it pays {theirs}, not {ours}"
        )
    return kept


def _weighted(
    listed: BalancerWeighted, universe: Universe, common: list[Call]
) -> Generator[_Asked, _Told, Kept]:  # fmt: skip
    held, stopped, paused, fee, weights = yield [
        *common,
        Call(listed.address, "getNormalizedWeights()", returns=("uint256[]",)),
    ]
    addresses, balances, _ = _all(held, listed, "getPoolTokens")
    tokens = _known(list(addresses), universe)
    closed = bool(_one(stopped, listed, "the Vault's getPausedState")) or bool(_one(paused, listed, "getPausedState"))
    pool = WeightedPool(
        listed.address, _addresses(tokens), tuple(balances), tuple(_one(weights, listed, "getNormalizedWeights")),
        tuple(scaling(token.decimals) for token in tokens), int(_one(fee, listed, "getSwapFeePercentage")),
    )  # fmt: skip
    kept = Kept(listed, pool)
    return emptied(kept) if closed else kept


def _stable(
    listed: BalancerStable, universe: Universe, common: list[Call], clock: _Clock
) -> Generator[_Asked, _Told, Kept]:  # fmt: skip
    held, stopped, paused, fee, amplification, factors, providers = yield [
        *common,
        Call(listed.address, "getAmplificationParameter()", returns=("uint256", "bool", "uint256")),
        Call(listed.address, "getScalingFactors()", returns=("uint256[]",)),
        Call(listed.address, "getRateProviders()", returns=("address[]",)),
    ]
    addresses, balances, _ = _all(held, listed, "getPoolTokens")
    own = listed.address.lower()
    places = [place for place, address in enumerate(addresses) if address != own]  # its own share is not traded
    tokens = _known([addresses[place] for place in places], universe)
    closed = bool(_one(stopped, listed, "the Vault's getPausedState")) or bool(_one(paused, listed, "getPausedState"))
    level, updating, units = _all(amplification, listed, "getAmplificationParameter")
    if units != AMPLIFICATION_UNITS:
        raise _Unusable(f"pool {listed.address} counts its amplification in {units}, not in {AMPLIFICATION_UNITS}")
    scales = [int(_one(factors, listed, "getScalingFactors")[place]) for place in places]
    rated = {} if providers is None else {place: each for place, each in enumerate(providers[0]) if int(each, 16)}
    rated = {index: rated[place] for index, place in enumerate(places) if place in rated}
    if rated:
        rates = yield from _rates(listed, tokens, rated, clock)
        closed = closed or None in rates.values()
        scales = [
            mul_down(scaling(token.decimals), rates.get(index) or scales[index]) if index in rated else scales[index]
            for index, token in enumerate(tokens)
        ]
    pool = StablePool(
        listed.address, _addresses(tokens), tuple(int(balances[place]) for place in places), tuple(scales),
        int(level), int(_one(fee, listed, "getSwapFeePercentage")),
    )  # fmt: skip
    kept = Kept(listed, pool, moving=bool(updating) or bool(rated))
    return emptied(kept) if closed else kept


def _rates(
    listed: BalancerStable, tokens: Sequence[Token], rated: Mapping[int, str], clock: _Clock
) -> Generator[_Asked, _Told, dict[int, int | None]]:
    """What each token with a rate provider is worth in a swap at this block; None: it cannot be had.

    The pool remembers a rate until it expires; the first swap after that asks the provider anew.
    """
    told = yield [
        call
        for index, provider in rated.items()
        for call in (
            Call(listed.address, "getTokenRateCache(address)", (tokens[index].address,), ("uint256",) * 4),
            Call(provider, "getRate()"),
        )
    ]
    rates = dict[int, int | None]()
    for number, index in enumerate(rated):
        remembered, asked = told[2 * number], told[2 * number + 1]
        rate, _, _, expires = _all(remembered, listed, "getTokenRateCache")
        rates[index] = int(rate) if clock.time_s <= expires else int(asked[0]) if asked else None
    return rates


def _known(addresses: Sequence[str], universe: Universe) -> list[Token]:
    known = universe.by_address
    tokens = [checksummed(address) for address in addresses]
    for token in tokens:
        if token not in known:
            raise _Unusable(f"its token {token} is not in the universe: list it there")
    return [known[token] for token in tokens]


def _addresses(tokens: Sequence[Token]) -> tuple[str, ...]:
    return tuple(token.address for token in tokens)


def _all(values: Values | None, listed: ListedPool, name: str) -> Values:
    if values is None:
        raise _Unusable(f"there is no {listed.kind} pool at {listed.address}: {name} has no answer")
    return values


def _one(values: Values | None, listed: ListedPool, name: str) -> Any:
    return _all(values, listed, name)[0]


def _identity(listed: BalancerWeighted | BalancerStable) -> bytes:
    return bytes.fromhex(listed.identity.removeprefix("0x"))


def _bits(word: int) -> list[int]:
    places = list[int]()
    while word:
        low = word & -word
        places.append(low.bit_length() - 1)
        word ^= low
    return places
