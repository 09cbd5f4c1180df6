"""Many questions to contracts at one block: one batch, each answered or refused by itself.

A block is named by its hash, so an answer cannot come from another branch of the chain: a node that does not have this
very block says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol, TypeAlias

from eth_abi.abi import decode as decode_abi
from eth_abi.abi import encode as encode_abi
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from quarterdeck.errors import ChainError, RpcRefused

__all__ = ["Answer", "Call", "Node", "Request", "Values", "checksummed", "read", "refused_by_contract"]

Request: TypeAlias = tuple[str, Sequence[Any]]
Answer: TypeAlias = Any  # what JSON-RPC answers, or the RpcRefused that stands for it
Values: TypeAlias = tuple[Any, ...]

_REVERTED: Final = 3  # geth's code of a call that reverted
_CONTRACTS_WORDS: Final = ("revert", "opcode", "out of gas", "outofgas", "stack under", "stack over", "invalidjump")


class Node(Protocol):
    """Who answers: `access.Access`."""

    def ask_many(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer for each question; an RpcRefused stands where the node refused one."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """A question to a contract. `signature` is as in "balanceOf(address)", `returns` the types of its answer."""

    target: str
    signature: str
    values: Values = ()
    returns: tuple[str, ...] = ("uint256",)

    @property
    def data(self) -> bytes:
        """Selector and arguments."""
        selector, types = _parsed(self.signature)
        return selector + encode_abi(types, self.values)

    def request(self, block_hash: str, code: Mapping[str, str] | None = None) -> Request:
        """The question as JSON-RPC; `code` stands at some addresses in place of what is there."""
        params: list[Any] = [{"to": self.target, "data": "0x" + self.data.hex()}, {"blockHash": block_hash}]
        if code:
            params.append({address: {"code": each} for address, each in code.items()})
        return "eth_call", params

    def answered(self, answer: Answer) -> Values | None:
        """The values of an answer; None: the contract reverted, or there is none that answers so.

        Raises RpcRefused where it was the node that refused.
        """
        if isinstance(answer, RpcRefused):
            if refused_by_contract(answer):
                return None
            raise answer
        try:
            return tuple(decode_abi(self.returns, bytes.fromhex(str(answer).removeprefix("0x"))))
        except DecodingError:
            return None


def read(node: Node, block_hash: str, calls: Sequence[Call]) -> tuple[int, list[Values | None]]:
    """Asks all in one go. Returns the block's time in seconds, and the values; None as `Call.answered` says.

    ChainError: the node does not have the block; its subclasses: nobody answered.
    """
    requests = [("eth_getBlockByHash", [block_hash, False]), *(call.request(block_hash) for call in calls)]
    header, *answers = node.ask_many(requests)
    if isinstance(header, RpcRefused):
        raise header
    if header is None:
        raise ChainError(f"the node does not have block {block_hash}: ask again at the next head")
    return int(header["timestamp"], 16), [
        call.answered(answer) for call, answer in zip(calls, answers, strict=True)
    ]  # fmt: skip


def refused_by_contract(refused: RpcRefused) -> bool:
    """Whether it was the contract that refused a call, not the node."""
    said = str(refused).lower()
    return refused.code == _REVERTED or any(word in said for word in _CONTRACTS_WORDS)


def checksummed(address: str) -> str:
    return str(to_checksum_address(address))


@lru_cache(maxsize=256)
def _parsed(signature: str) -> tuple[bytes, tuple[str, ...]]:
    inside = signature[signature.index("(") + 1 : -1]
    types, depth, word = list[str](), 0, ""
    for letter in inside:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            types.append(word)
            word = ""
        else:
            word += letter
    return keccak(text=signature)[:4], (*types, word) if word else ()
