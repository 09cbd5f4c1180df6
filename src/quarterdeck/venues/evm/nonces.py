"""Nonces of one account: which one is next, which are missing, and who has one that we thought was ours.

An account's transactions are mined in the order of their nonces, so one that is missing holds up all behind it. The
next nonce is the lowest that neither the chain, nor the node's pool, nor the store has; a gap is one below the store's
highest that nothing waits at. What the pool has and the store does not is somebody else's, with our key: it is left.
"""

from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck.errors import RpcRefused
from quarterdeck.venues.evm.access import Access

__all__ = ["Taker", "choose", "find_taker", "gaps"]

_STATES_KEPT: Final = 120  # a full node answers for the states of 128 blocks


@dataclass(frozen=True, slots=True)
class Taker:
    """The transaction that has a nonce, and the height of its block."""

    hash: str
    block: int


def choose(count: int, pending: int, taken: Set[int]) -> int:
    """The nonce of a new transaction. `count` are mined, `pending` with those in the pool, `taken` are ours."""
    nonce = max(count, 0)
    while nonce in taken or nonce < pending:
        nonce += 1
    return nonce


def gaps(count: int, pending: int, taken: Set[int]) -> list[int]:
    """Nonces that hold up others of ours and that nobody has, in order."""
    first = max(count, pending)
    return [nonce for nonce in range(first, max(taken, default=first)) if nonce not in taken]


def find_taker(access: Access, address: str, nonce: int, head: int) -> Taker | None:
    """Finds the mined transaction of an account with that nonce, at or below `head`. None: the node has forgotten it.

    The account's count is above `nonce` from that transaction's block on, so the block is found by halving.
    """
    low, high = max(head - _STATES_KEPT, 0), head
    try:
        if low > 0 and _count(access, address, low) > nonce:
            return None
        while low < high:
            middle = (low + high) // 2
            if _count(access, address, middle) > nonce:
                high = middle
            else:
                low = middle + 1
        block: Any = access.ask("eth_getBlockByNumber", [hex(high), True])
    except RpcRefused:  # a state that it no longer has
        return None
    transactions: list[Any] = block["transactions"] if block else []
    for one in transactions:
        if str(one["from"]).lower() == address.lower() and int(one["nonce"], 16) == nonce:
            return Taker(str(one["hash"]).lower(), high)
    return None


def _count(access: Access, address: str, block: int) -> int:
    return int(access.ask("eth_getTransactionCount", [address, hex(block)]), 16)
