"""What one log of a pool, or of Balancer's Vault, does to the pool as we keep it.

Uniswap V2 tells its reserves; V3 where a swap ended and what a mint or burn put between two ticks (of a swap, flash,
collect or change of the protocol's share nothing else touches what the next swap pays); the Vault tells what came and
went. What a log does not tell whole (an amplification that begins to move, a pause) is read anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from eth_abi.abi import decode as decode_abi
from eth_utils.crypto import keccak

from quarterdeck.arbitrage.concentrated import ConcentratedPool
from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.stable import StablePool
from quarterdeck.arbitrage.weighted import WeightedPool
from quarterdeck.venues.evm.pools import Kept
from quarterdeck.venues.evm.reading import checksummed

__all__ = ["TOPICS", "Log", "after", "read_log"]


@dataclass(frozen=True, slots=True)
class Log:
    """A log. `place` orders it: its block's number, its own index there."""

    address: str
    topics: tuple[str, ...]
    data: bytes
    place: tuple[int, int]

    def signed(self, word: int) -> int:
        return int.from_bytes(self.data[32 * word : 32 * word + 32], signed=True)

    def unsigned(self, word: int) -> int:
        return int.from_bytes(self.data[32 * word : 32 * word + 32])


def read_log(log: Mapping[str, Any]) -> Log:
    """A log as JSON-RPC has it."""
    return Log(
        checksummed(log["address"]),
        tuple(str(topic).lower() for topic in log["topics"]),
        bytes.fromhex(str(log["data"]).removeprefix("0x")),
        (int(log["blockNumber"], 16), int(log["logIndex"], 16)),
    )


def after(kept: Kept, log: Log) -> Kept | None:
    """The pool after a log; itself where it says nothing to it, None: read it anew."""
    change = _CHANGES.get(log.topics[0]) if log.topics else None
    return kept if change is None else change(kept, log)


def _topic(signature: str) -> str:
    return "0x" + keccak(text=signature).hex()


def _synced(kept: Kept, log: Log) -> Kept | None:
    if not isinstance(kept.pool, ConstantProductPool):
        return kept
    return replace(kept, pool=replace(kept.pool, reserves=(log.unsigned(0), log.unsigned(1))))


def _initialized(kept: Kept, log: Log) -> Kept | None:
    if not isinstance(kept.pool, ConcentratedPool):
        return kept
    return replace(kept, pool=replace(kept.pool, sqrt_price=log.unsigned(0), tick=log.signed(1)))


def _swapped(kept: Kept, log: Log) -> Kept | None:
    if not isinstance(kept.pool, ConcentratedPool):
        return kept
    pool = replace(kept.pool, sqrt_price=log.unsigned(2), liquidity=log.unsigned(3), tick=log.signed(4))
    return replace(kept, pool=pool)


def _minted(kept: Kept, log: Log) -> Kept | None:
    return _moved(kept, log, log.unsigned(1))


def _burnt(kept: Kept, log: Log) -> Kept | None:
    return _moved(kept, log, -log.unsigned(0))


def _moved(kept: Kept, log: Log, liquidity: int) -> Kept | None:
    """So much liquidity more between two ticks."""
    pool = kept.pool
    if not isinstance(pool, ConcentratedPool) or kept.gross is None or not liquidity:
        return kept
    lower, upper = (_tick(topic) for topic in log.topics[2:4])
    gross, nets = dict(kept.gross), dict(pool.ticks)
    for tick, net in ((lower, liquidity), (upper, -liquidity)):
        gross[tick] = gross.get(tick, 0) + liquidity
        nets[tick] = nets.get(tick, 0) + net
        if not gross[tick]:
            del gross[tick], nets[tick]
    inside = pool.liquidity + (liquidity if lower <= pool.tick < upper else 0)
    return replace(kept, pool=replace(pool, liquidity=inside, ticks=tuple(sorted(nets.items()))), gross=gross)


def _exchanged(kept: Kept, log: Log) -> Kept | None:
    came, went = (_address(topic) for topic in log.topics[2:4])
    return _balanced(kept, {came: log.unsigned(0), went: -log.unsigned(1)})


def _joined(kept: Kept, log: Log) -> Kept | None:
    """What came (negative: went) of each token, less what the Vault's fees took of the pool."""
    tokens, deltas, fees = decode_abi(["address[]", "int256[]", "uint256[]"], log.data)
    return _balanced(
        kept, {checksummed(token): delta - fee for token, delta, fee in zip(tokens, deltas, fees, strict=True)}
    )


def _managed(kept: Kept, log: Log) -> Kept | None:
    return _balanced(kept, {_address(log.topics[3]): log.signed(0) + log.signed(1)})


def _balanced(kept: Kept, deltas: Mapping[str, int]) -> Kept | None:
    pool = kept.pool
    if kept.moving or not isinstance(pool, WeightedPool | StablePool):
        return kept  # a moving one is read anew anyway
    balances = [held + deltas.get(token, 0) for token, held in zip(pool.tokens, pool.balances, strict=True)]
    return replace(kept, pool=replace(pool, balances=tuple(balances)))


def _priced(kept: Kept, log: Log) -> Kept | None:
    if kept.moving or not isinstance(kept.pool, WeightedPool | StablePool):
        return kept
    return replace(kept, pool=replace(kept.pool, fee=log.unsigned(0)))


def _anew(_kept: Kept, _log: Log) -> Kept | None:
    return None


def _tick(topic: str) -> int:
    return int.from_bytes(bytes.fromhex(topic[2:]), signed=True)


def _address(topic: str) -> str:
    return checksummed("0x" + topic[-40:])


_CHANGES: Final[Mapping[str, Callable[[Kept, Log], Kept | None]]] = {
    _topic(signature): change
    for signature, change in (
        ("Sync(uint112,uint112)", _synced),
        ("Initialize(uint160,int24)", _initialized),
        ("Swap(address,address,int256,int256,uint160,uint128,int24)", _swapped),
        ("Mint(address,address,int24,int24,uint128,uint256,uint256)", _minted),
        ("Burn(address,int24,int24,uint128,uint256,uint256)", _burnt),
        ("Swap(bytes32,address,address,uint256,uint256)", _exchanged),
        ("PoolBalanceChanged(bytes32,address,address[],int256[],uint256[])", _joined),
        ("PoolBalanceManaged(bytes32,address,address,int256,int256)", _managed),
        ("SwapFeePercentageChanged(uint256)", _priced),
        ("AmpUpdateStarted(uint256,uint256,uint256,uint256)", _anew),
        ("AmpUpdateStopped(uint256)", _anew),
        ("TokenRateProviderSet(uint256,address,uint256)", _anew),
        ("PausedStateChanged(bool)", _anew),
    )
}
TOPICS: Final = tuple(_CHANGES)
"""The first topics of all logs that change a pool."""
