"""Signed bytes to a transaction: legacy (EIP-155), with access list (EIP-2930), with two fees (EIP-1559)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, cast

from eth_account import Account
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from rlp.exceptions import DecodingError

from quarterdeck.twins.evm.refusals import Refused
from quarterdeck.twins.evm.words import from_rlp

__all__ = ["Transaction", "decoded", "intrinsic_gas"]

_LEGACY, _LISTED, _TWO_FEES = 0, 1, 2
_LENGTHS: Final = {_LEGACY: 9, _LISTED: 11, _TWO_FEES: 12}
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # EIP-2
_BASE_GAS, _CREATE_GAS, _WORD_GAS = 21_000, 32_000, 2
_ZERO_GAS, _BYTE_GAS = 4, 16
_LIST_ADDRESS_GAS, _LIST_SLOT_GAS = 2_400, 1_900
_CODE_BYTES_MAX: Final = 49_152  # EIP-3860


@dataclass(frozen=True)
class Transaction:
    """One transaction. Addresses are lower case; `to` None makes a contract. `access`: (address, its slots)."""

    kind: int
    chain_id: int | None
    nonce: int
    max_fee_wei: int
    priority_fee_wei: int
    gas: int
    to: str | None
    value: int
    data: bytes
    access: tuple[tuple[str, tuple[bytes, ...]], ...]
    v: int
    r: int
    s: int
    raw: bytes = field(repr=False)
    sender: str

    @cached_property
    def hash(self) -> str:
        return f"0x{keccak(self.raw).hex()}"

    @property
    def cost(self) -> int:
        """The most that it can cost its sender."""
        return self.gas * self.max_fee_wei + self.value

    def tip(self, base_fee_wei: int) -> int:
        """What the miner gets for a unit of gas."""
        return min(self.priority_fee_wei, self.max_fee_wei - base_fee_wei)

    def price(self, base_fee_wei: int) -> int:
        """What a unit of gas costs in a block of that base fee."""
        return base_fee_wei + self.tip(base_fee_wei)

    def shape(self, block: tuple[str, int, int, int] | None) -> dict[str, Any]:
        """As geth shows it. `block`: hash, number, place and base fee of where it was mined."""
        shown: dict[str, Any] = {
            "hash": self.hash,
            "type": hex(self.kind),
            "nonce": hex(self.nonce),
            "from": to_checksum_address(self.sender),
            "to": to_checksum_address(self.to) if self.to else None,
            "value": hex(self.value),
            "gas": hex(self.gas),
            "gasPrice": hex(self.price(block[3]) if block else self.max_fee_wei),
            "input": f"0x{self.data.hex()}",
            "v": hex(self.v),
            "r": hex(self.r),
            "s": hex(self.s),
            "blockHash": block[0] if block else None,
            "blockNumber": hex(block[1]) if block else None,
            "transactionIndex": hex(block[2]) if block else None,
        }
        if self.chain_id is not None:
            shown["chainId"] = hex(self.chain_id)
        if self.kind == _TWO_FEES:
            shown["maxFeePerGas"] = hex(self.max_fee_wei)
            shown["maxPriorityFeePerGas"] = hex(self.priority_fee_wei)
        if self.kind != _LEGACY:
            shown["yParity"] = hex(self.v)
            shown["accessList"] = [
                {"address": address, "storageKeys": [f"0x{slot.hex()}" for slot in slots]}
                for address, slots in self.access
            ]
        return shown


def decoded(raw: bytes) -> Transaction:
    """Reads a signed transaction and recovers its sender. Raises Refused."""
    kind = raw[0] if raw and raw[0] < 0x80 else _LEGACY
    if kind not in _LENGTHS:
        raise Refused("transaction type not supported")
    try:
        words = from_rlp(raw[1:] if kind else raw)
    except DecodingError as error:
        raise Refused(f"rlp: {error}") from error
    if not isinstance(words, list) or len(words) != _LENGTHS[kind]:
        raise Refused("rlp: the transaction has not the fields of its type")
    try:
        return _read(kind, raw, cast(list[Any], words))
    except (
        ValueError,
        TypeError,
        BadSignature,
        ValidationError,
    ) as error:  # a list where bytes are due, a signature of nobody
        raise Refused(f"invalid sender: {error}") from error


def _read(kind: int, raw: bytes, words: list[Any]) -> Transaction:
    chain_id = _number(words.pop(0)) if kind else None
    nonce = _number(words.pop(0))
    tip = _number(words.pop(0))
    cap = _number(words.pop(0)) if kind == _TWO_FEES else tip
    gas, to, value, data = _number(words[0]), cast(bytes, words[1]), _number(words[2]), cast(bytes, words[3])
    access = _access(words[4]) if kind else ()
    v, r, s = (_number(word) for word in words[-3:])
    if kind == _LEGACY and v >= 35:
        chain_id = (v - 35) // 2
    if s > _HALF_ORDER or len(to) not in {0, 20}:
        raise Refused("invalid sender: invalid transaction v, r, s values" if len(to) in {0, 20} else "rlp: bad to")
    sender = cast(str, Account.recover_transaction(raw)).lower()
    return Transaction(
        kind=kind, chain_id=chain_id, nonce=nonce, max_fee_wei=cap, priority_fee_wei=tip, gas=gas,
        to=f"0x{to.hex()}" if to else None, value=value, data=data, access=access, v=v, r=r, s=s, raw=raw,
        sender=sender,
    )  # fmt: skip


def _number(word: bytes) -> int:
    if word[:1] == b"\0" or len(word) > 32:
        raise ValueError("a number is written with leading zeros or over 32 bytes")
    return int.from_bytes(word)


def _access(words: Sequence[Any]) -> tuple[tuple[str, tuple[bytes, ...]], ...]:
    return tuple((f"0x{address.hex()}", tuple(slots)) for address, slots in words)


def intrinsic_gas(data: bytes, create: bool, access: Sequence[tuple[str, Sequence[bytes]]] = ()) -> int:
    """What a transaction costs before its first instruction: yellow paper, EIP-2028, EIP-2930, EIP-3860."""
    zeros = data.count(0)
    gas = _BASE_GAS + zeros * _ZERO_GAS + (len(data) - zeros) * _BYTE_GAS
    if create:
        if len(data) > _CODE_BYTES_MAX:
            raise Refused(f"max initcode size exceeded: code size {len(data)}, limit {_CODE_BYTES_MAX}")
        gas += _CREATE_GAS + (len(data) + 31) // 32 * _WORD_GAS
    return gas + sum(_LIST_ADDRESS_GAS + len(slots) * _LIST_SLOT_GAS for _, slots in access)
