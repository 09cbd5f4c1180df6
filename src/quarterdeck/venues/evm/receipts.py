"""What became of transactions: read from the chain at one head, and told as outcomes.

A receipt counts when its block is the one that the chain has at that height; a node may still remember another. What
was told of a block that is no longer on the chain is taken back by Orphaned.

    Included   the order's transaction stands in a block, deep enough, and it did what it should
    Reverted   it stands there and did nothing but cost its gas
    Spent      a transaction of ours that is nobody's order (a cancel, a filled gap) stands there: it cost its gas
    Dropped    this transaction can no longer be mined: another one has its nonce
    Orphaned   the block of one that was told is gone
    Resent     another transaction for the same nonce left, of the same order
    Trouble    nothing happened to an order, but a person should know
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

import msgspec

from quarterdeck.errors import RpcRefused
from quarterdeck.venues.evm.access import Access

__all__ = [
    "Dropped",
    "Facts",
    "Included",
    "Log",
    "Orphaned",
    "Outcome",
    "Receipt",
    "Resent",
    "Reverted",
    "SentTx",
    "Spent",
    "Trouble",
    "gather",
    "read_receipt",
    "said",
]

_NS_PER_S: Final = 1_000_000_000


class Log(msgspec.Struct, frozen=True, gc=False):
    """An event of a contract, as the receipt has it: hexadecimal, 0x first."""

    address: str
    topics: tuple[str, ...]
    data: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction in a block. `at_ns` is the block's own time."""

    hash: str
    block: int
    block_hash: str
    at_ns: int
    success: bool
    gas_used: int
    gas_price_wei: int
    logs: tuple[Log, ...]

    @property
    def gas_wei(self) -> int:
        """What was paid, in wei; a blob's gas is not in it, because we send none."""
        return self.gas_used * self.gas_price_wei


class SentTx(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that was signed for an order, and that left unless `known` is False: then nobody knows yet."""

    order_id: int
    plan: int
    hash: str
    nonce: int
    gas_limit: int
    max_fee_wei: int
    priority_fee_wei: int
    private: bool
    block: int
    at_ns: int
    known: bool


class _Outcome(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """`number` rises with each outcome of a store and acknowledges it; `order_id` is 0 where it is of no order."""

    number: int = 0
    order_id: int
    plan: int
    hash: str
    nonce: int
    at_ns: int


class Included(_Outcome, frozen=True):
    """The order is done."""

    receipt: Receipt


class Reverted(_Outcome, frozen=True):
    """The order is over: it did nothing and cost its gas."""

    receipt: Receipt


class Spent(_Outcome, frozen=True):
    """A cancel (of `order_id`) or a filled gap was mined: whether it succeeded is of no interest, its gas is."""

    receipt: Receipt


class Dropped(_Outcome, frozen=True):
    """`by` is what has the nonce now. `closes`: the order is over; else it goes on in another transaction."""

    reason: str
    by: str
    closes: bool


class Orphaned(_Outcome, frozen=True):
    """What was told of this transaction in this block did not happen, or will happen again elsewhere."""

    block: int
    block_hash: str


class Resent(_Outcome, frozen=True):
    """What left instead: the same order with higher fees, or the transfer to ourselves that cancels it."""

    sent: SentTx
    replaces: str
    cancels: bool


class Trouble(_Outcome, frozen=True):
    """One sentence for the log. `kind`: foreign, capped, refused."""

    kind: str
    text: str


Outcome: TypeAlias = Included | Reverted | Spent | Dropped | Orphaned | Resent | Trouble


@dataclass(frozen=True, slots=True)
class Facts:
    """What one node said at one head.

    `count` transactions of ours are in the chain's newest state, `settled` of them deep enough to count (None: the node
    has forgotten that state), `pending` with those that wait in the node's pool. `canonical` has the hash and the time
    in nanoseconds of the block at each height that was asked for, None where the node has none. `known` are hashes that
    the node has, mined or waiting.
    """

    head: int
    at_ns: int
    count: int
    settled: int | None
    pending: int
    receipts: Mapping[str, Receipt]
    canonical: Mapping[int, tuple[str, int] | None]
    known: frozenset[str]


def said(answer: Any) -> Any:
    """One answer of a batch; RpcRefused where the node refused it."""
    if isinstance(answer, RpcRefused):
        raise answer
    return answer


def gather(
    access: Access, address: str, hashes: Sequence[str], heights: Sequence[int], head: tuple[int, int], depth: int
) -> Facts:
    """Asks all that is needed in two batches. `head`: its number and its time (ns); `depth`: blocks until it counts."""
    number, at_ns = head
    deep = max(number - depth + 1, 0)
    asked: list[tuple[str, list[Any]]] = [
        ("eth_getTransactionCount", [address, "latest"]),
        ("eth_getTransactionCount", [address, "pending"]),
        ("eth_getTransactionCount", [address, hex(deep)]),
        *(("eth_getTransactionReceipt", [one]) for one in hashes),
        *(("eth_getTransactionByHash", [one]) for one in hashes),
    ]
    answers = access.ask_many(asked)
    settled = None if isinstance(answers[2], RpcRefused) else int(answers[2], 16)
    found = {
        one: cast(dict[str, Any], answer)
        for one, answer in zip(hashes, map(said, answers[3 : 3 + len(hashes)]), strict=True)
        if answer and answer.get("blockNumber")
    }
    known = frozenset(one for one, answer in zip(hashes, map(said, answers[3 + len(hashes) :]), strict=True) if answer)
    wanted = sorted({*heights, *(int(one["blockNumber"], 16) for one in found.values())})
    blocks = access.ask_many([("eth_getBlockByNumber", [hex(one), False]) for one in wanted]) if wanted else []
    canonical = {
        height: (str(block["hash"]).lower(), int(block["timestamp"], 16) * _NS_PER_S) if block else None
        for height, block in zip(wanted, map(said, blocks), strict=True)
    }
    receipts: dict[str, Receipt] = {}
    for one, answer in found.items():
        block = canonical.get(int(answer["blockNumber"], 16))
        if block is not None and int(answer["blockNumber"], 16) <= number:
            receipt = read_receipt(answer, block[1])
            if receipt.block_hash == block[0]:
                receipts[one] = receipt
    count, pending = (int(said(one), 16) for one in answers[:2])
    return Facts(number, at_ns, count, settled, pending, receipts, canonical, known)


def read_receipt(answer: Mapping[str, Any], at_ns: int) -> Receipt:
    """A node's answer to `eth_getTransactionReceipt`, in a block of that time."""
    return Receipt(
        hash=str(answer["transactionHash"]).lower(),
        block=int(answer["blockNumber"], 16),
        block_hash=str(answer["blockHash"]).lower(),
        at_ns=at_ns,
        success=int(answer["status"], 16) == 1,
        gas_used=int(answer["gasUsed"], 16),
        gas_price_wei=int(answer["effectiveGasPrice"], 16),
        logs=tuple(Log(str(one["address"]), tuple(one["topics"]), str(one["data"])) for one in answer["logs"]),
    )
