"""Blocks, receipts and logs: how they look and what their hashes are.

A header's hash is the real one: Keccak of its RLP. Three of its words are not roots of tries, which the twin does not
keep, but hashes: of the transactions' hashes, of the receipts, and of the parent's state word with these.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from quarterdeck.twins.evm.machine import BLOCK_GAS_MAX, Log, Scene
from quarterdeck.twins.evm.transactions import Transaction
from quarterdeck.twins.evm.words import to_rlp

__all__ = ["ZERO_HASH", "Block", "Receipt", "next_base_fee"]

ZERO_HASH: Final = "0x" + "00" * 32
_NO_UNCLES: Final = keccak(to_rlp([]))
_NO_TRIE: Final = keccak(to_rlp(b""))
_BLOOM_BITS: Final = 2048
_ELASTICITY, _CHANGE_DENOMINATOR = 2, 8  # EIP-1559


def next_base_fee(base_fee_wei: int, gas_used: int) -> int:
    """The base fee of the block after one with these: EIP-1559."""
    target = BLOCK_GAS_MAX // _ELASTICITY
    if gas_used == target:
        return base_fee_wei
    change = base_fee_wei * abs(gas_used - target) // target // _CHANGE_DENOMINATOR
    return base_fee_wei + max(change, 1) if gas_used > target else base_fee_wei - change


def _bloom(logs: Sequence[Log]) -> int:
    """The yellow paper's: three bits for each address and topic."""
    bits = 0
    for log in logs:
        for text in (log.address, *log.topics):
            digest = keccak(bytes.fromhex(text[2:]))
            for place in (0, 2, 4):
                bits |= 1 << (int.from_bytes(digest[place : place + 2]) % _BLOOM_BITS)
    return bits


@dataclass(frozen=True)
class Receipt:
    """A transaction in a block. `first_log` counts over the block."""

    transaction: Transaction
    success: bool
    gas_used: int
    gas_before: int
    price_wei: int
    logs: tuple[Log, ...]
    first_log: int
    created: str | None

    @cached_property
    def digest(self) -> bytes:
        words = [self.transaction.hash, str(self.success), str(self.gas_used)]
        words += [f"{log.address}{log.topics}{log.data.hex()}" for log in self.logs]
        return keccak(text="|".join(words))


@dataclass(frozen=True)
class Block:
    """One block. `extra` is what its miner wrote: two branches differ by it."""

    number: int
    parent: str
    time_s: int
    base_fee_wei: int
    miner: str
    extra: bytes
    parent_state: bytes
    receipts: tuple[Receipt, ...] = field(repr=False)

    @property
    def scene(self) -> Scene:
        return Scene(self.number, self.time_s, self.base_fee_wei, self.miner)

    @cached_property
    def gas_used(self) -> int:
        return sum(one.gas_used for one in self.receipts)

    @cached_property
    def bloom(self) -> int:
        return _bloom([log for one in self.receipts for log in one.logs])

    @cached_property
    def _roots(self) -> tuple[bytes, bytes, bytes]:
        """Words for state, transactions and receipts."""
        if not self.receipts:
            return keccak(self.parent_state), _NO_TRIE, _NO_TRIE
        sent = keccak(b"".join(bytes.fromhex(one.transaction.hash[2:]) for one in self.receipts))
        done = keccak(b"".join(one.digest for one in self.receipts))
        return keccak(self.parent_state + sent + done), sent, done

    @property
    def state(self) -> bytes:
        return self._roots[0]

    @cached_property
    def _rlp(self) -> bytes:
        state, sent, done = self._roots
        return to_rlp(
            [
                bytes.fromhex(self.parent[2:]), _NO_UNCLES, bytes.fromhex(self.miner[2:]), state, sent, done,
                self.bloom.to_bytes(_BLOOM_BITS // 8), 0, self.number, BLOCK_GAS_MAX, self.gas_used, self.time_s,
                self.extra, bytes(32), bytes(8), self.base_fee_wei,
            ]
        )  # fmt: skip

    @cached_property
    def hash(self) -> str:
        return f"0x{keccak(self._rlp).hex()}"

    def header(self) -> dict[str, Any]:
        """As a subscriber to newHeads sees it."""
        state, sent, done = self._roots
        return {
            "number": hex(self.number),
            "hash": self.hash,
            "parentHash": self.parent,
            "nonce": "0x" + "00" * 8,
            "mixHash": ZERO_HASH,
            "sha3Uncles": f"0x{_NO_UNCLES.hex()}",
            "logsBloom": f"0x{self.bloom:0{_BLOOM_BITS // 4}x}",
            "stateRoot": f"0x{state.hex()}",
            "transactionsRoot": f"0x{sent.hex()}",
            "receiptsRoot": f"0x{done.hex()}",
            "miner": to_checksum_address(self.miner),
            "difficulty": "0x0",
            "extraData": f"0x{self.extra.hex()}",
            "gasLimit": hex(BLOCK_GAS_MAX),
            "gasUsed": hex(self.gas_used),
            "timestamp": hex(self.time_s),
            "baseFeePerGas": hex(self.base_fee_wei),
        }

    def shape(self, whole: bool) -> dict[str, Any]:
        """As eth_getBlock answers it, with whole transactions or their hashes."""
        sent = [self.transaction(place) if whole else one.transaction.hash for place, one in enumerate(self.receipts)]
        sizes = len(self._rlp) + sum(len(one.transaction.raw) for one in self.receipts)
        return self.header() | {"size": hex(sizes), "totalDifficulty": "0x0", "uncles": [], "transactions": sent}

    def transaction(self, place: int) -> dict[str, Any]:
        """The transaction at a place, as geth shows it."""
        return self.receipts[place].transaction.shape((self.hash, self.number, place, self.base_fee_wei))

    def receipt(self, place: int) -> dict[str, Any]:
        """The receipt at a place, as geth shows it."""
        one = self.receipts[place]
        sent = one.transaction
        return {
            "transactionHash": sent.hash,
            "transactionIndex": hex(place),
            "blockHash": self.hash,
            "blockNumber": hex(self.number),
            "from": to_checksum_address(sent.sender),
            "to": to_checksum_address(sent.to) if sent.to else None,
            "contractAddress": to_checksum_address(one.created) if one.created else None,
            "cumulativeGasUsed": hex(one.gas_before + one.gas_used),
            "gasUsed": hex(one.gas_used),
            "effectiveGasPrice": hex(one.price_wei),
            "status": hex(one.success),
            "type": hex(sent.kind),
            "logsBloom": f"0x{_bloom(one.logs):0{_BLOOM_BITS // 4}x}",
            "logs": list(self.logs(place)),
        }

    def logs(self, place: int, removed: bool = False) -> list[dict[str, Any]]:
        """What a transaction's contracts said, as geth shows it."""
        one = self.receipts[place]
        return [
            {
                "address": to_checksum_address(log.address),
                "topics": list(log.topics),
                "data": f"0x{log.data.hex()}",
                "blockNumber": hex(self.number),
                "blockHash": self.hash,
                "transactionHash": one.transaction.hash,
                "transactionIndex": hex(place),
                "logIndex": hex(one.first_log + index),
                "removed": removed,
            }
            for index, log in enumerate(one.logs)
        ]
