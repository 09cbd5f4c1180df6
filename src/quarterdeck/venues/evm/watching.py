"""All pools of a desk, kept block by block from the chain's logs.

One head is one `eth_getLogs`, for all pools, by the block's hash: its answer is of this block and no other. Only what a
log does not tell whole is read anew (one more round trip; two where a pool has rates), as is a pool that changes with
time: one whose amplification is on its way, or whose tokens have rates.

Every step remembers the pools that it replaced. A head whose parent is an earlier step takes the steps above that back;
where the parent is none of them (blocks were missed, or a branch is longer than one block), the newest step that the
node still has on its chain is looked for, and the logs from there come in one go. A branch older than all steps, or a
gap too long for logs, loads everything anew. So the pools after any sequence of heads are those of a fresh load, and an
error in the middle leaves them as they were.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from quarterdeck.arbitrage.pools import Pool
from quarterdeck.errors import ChainError, RpcRefused
from quarterdeck.venues.evm.changes import TOPICS, Log, after, read_log
from quarterdeck.venues.evm.pools import Kept, emptied, load_pools
from quarterdeck.venues.evm.reading import Answer, Node, Request
from quarterdeck.venues.evm.tokens import refused_pools
from quarterdeck.venues.evm.universe import BalancerStable, BalancerWeighted, Universe

__all__ = ["Block", "PoolSet"]

STEPS_MAX: Final = 64
GAP_MAX: Final = 1024
_RANGE: Final = 128  # blocks that one eth_getLogs asks for
_ADDRESSES_MAX: Final = 1000  # more are asked for by topic alone, and sorted out here


class Block(Protocol):
    """A block as `heads.Head` says it."""

    @property
    def number(self) -> int: ...
    @property
    def hash(self) -> str: ...
    @property
    def parent(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Step:
    """A head that the pools stood at, and what they were before it."""

    number: int
    hash: str
    replaced: Mapping[str, Kept]


class PoolSet:
    """The pools of a universe at one head. `refused` says by address why others are not among them."""

    def __init__(self, node: Node, universe: Universe) -> None:
        self.refused: dict[str, str] = {}
        self._node = node
        self._universe = universe
        self._kept: dict[str, Kept] = {}
        self._names: dict[str, str] = {}
        self._steps: list[_Step] = []

    @property
    def pools(self) -> list[Pool]:
        """All pools as they are at the head."""
        return [kept.pool for kept in self._kept.values()]

    @property
    def head(self) -> tuple[int, str]:
        """Number and hash of the block that the pools stand at; ChainError before the first load."""
        if not self._steps:
            raise ChainError("no pool has been loaded: load them at a head first")
        return self._steps[-1].number, self._steps[-1].hash

    def load(self, head: Block) -> list[Pool]:
        """Reads all pools at a head, and tries their tokens. ChainError: the node does not have it; nothing changed."""
        loaded = load_pools(self._node, self._universe, self._universe.pools, head.hash)
        refused = loaded.refused | refused_pools(self._node, self._universe, loaded.kept, head.hash)
        self._kept = {address: kept for address, kept in loaded.kept.items() if address not in refused}
        self._names = {
            each.listed.identity: address
            for address, each in self._kept.items()
            if isinstance(each.listed, BalancerWeighted | BalancerStable)
        }
        self.refused = refused
        self._steps = [_Step(head.number, head.hash, {})]
        return self.pools

    def advance(self, head: Block) -> list[Pool] | None:
        """Goes to a head, on whatever branch it is. Returns the pools that are not as they were.

        None: all were loaded anew, and `pools` may be others than before. What changes without a log (a token that
        begins to rebase or to take a fee) shows in a load only, so one belongs into every few hundred blocks.

        ChainError: the node does not have that head, or not the same one all the time; the pools are as they were, and
        the next head will do.
        """
        if head.hash == self.head[1]:
            return []
        place = self._place_of(head.parent)
        if place is not None:
            logs = self._logs_of(head)
        else:
            place = self._common(head)
            logs = None if place is None else self._logs_between(self._steps[place].number, head)
            if place is None or logs is None:
                self.load(head)
                return None
        begun = self._back_to(place)
        view, touched = self._applied(begun, logs)
        stale = {address for address, kept in view.items() if kept is None}
        stale |= {address for address in self._kept if (view.get(address) or self._kept[address]).moving}
        settled = begun | {address: kept for address, kept in view.items() if kept is not None}
        settled |= self._read_anew(stale, head)
        replaced = {address: begun.get(address, self._kept[address]) for address in touched | stale}
        changed = [address for address, kept in settled.items() if kept.pool != self._kept[address].pool]
        self._kept.update(settled)
        self._steps = [*self._steps[: place + 1], _Step(head.number, head.hash, replaced)][-STEPS_MAX:]
        return [self._kept[address].pool for address in changed]

    # Where the head hangs.

    def _place_of(self, block_hash: str) -> int | None:
        for place in range(len(self._steps) - 1, -1, -1):
            if self._steps[place].hash == block_hash:
                return place
        return None

    def _common(self, head: Block) -> int | None:
        """The newest step that the node has on the chain below a head."""
        places = [place for place, step in enumerate(self._steps) if step.number < head.number]
        numbers = [self._steps[place].number for place in places]
        known = self._surely(head, [("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        for place, header in zip(reversed(places), reversed(known), strict=True):
            if header is not None and header["hash"] == self._steps[place].hash:
                return place
        return None

    def _surely(self, head: Block, requests: Sequence[Request]) -> list[Any]:
        """Answers by block number, of a node that had `head` on its chain before and after them."""
        question: Request = ("eth_getBlockByNumber", [hex(head.number), False])
        first, *between, last = _given(self._node.ask_many([question, *requests, question]))
        if any(header is None or header["hash"] != head.hash for header in (first, last)):
            raise _absent(head)
        return between

    # What happened since.

    def _logs_of(self, head: Block) -> list[Log]:
        """The logs of one block. Of a block that they do not have, some nodes say that it has none."""
        asked: Sequence[Request] = (
            ("eth_getBlockByHash", [head.hash, False]),
            ("eth_getLogs", [{"blockHash": head.hash, **self._filter()}]),
        )
        header, logs = _given(self._node.ask_many(asked))
        if header is None:
            raise _absent(head)
        return sorted((read_log(log) for log in logs), key=lambda log: log.place)

    def _logs_between(self, number: int, head: Block) -> list[Log] | None:
        """The logs of the blocks above a number, up to a head; None: too many, for us or for the node."""
        if head.number - number > GAP_MAX:
            return None
        asked: list[Request] = []
        for begin in range(number + 1, head.number + 1, _RANGE):
            end = min(begin + _RANGE - 1, head.number)
            asked.append(("eth_getLogs", [{"fromBlock": hex(begin), "toBlock": hex(end), **self._filter()}]))
        try:
            logs = [log for answer in self._surely(head, asked) for log in answer]
        except RpcRefused:  # nodes bound what one question may bring
            return None
        return sorted((read_log(log) for log in logs), key=lambda log: log.place)

    def _filter(self) -> dict[str, Any]:
        addresses = [*self._kept, *([self._universe.vault] if self._universe.vault else [])]
        topics: dict[str, Any] = {"topics": [list(TOPICS)]}
        return topics if len(addresses) > _ADDRESSES_MAX else {"address": addresses} | topics

    def _of(self, log: Log) -> Iterable[str]:
        """The pools that a log may change."""
        if log.address in self._kept:
            return (log.address,)
        if log.address != self._universe.vault:
            return ()
        if len(log.topics) == 1:  # the Vault's own pause has no topic of a pool: it is all of them
            return self._names.values()
        name = self._names.get(log.topics[1])
        return () if name is None else (name,)

    # What that makes of the pools.

    def _back_to(self, place: int) -> dict[str, Kept]:
        """What pools were at a step, as far as they are not now as they were then."""
        begun: dict[str, Kept] = {}
        for step in reversed(self._steps[place + 1 :]):
            begun.update(step.replaced)
        return begun

    def _applied(self, begun: Mapping[str, Kept], logs: Iterable[Log]) -> tuple[dict[str, Kept | None], set[str]]:
        """Pools after the logs (None: to be read anew), beginning with `begun`; and those that had one."""
        view: dict[str, Kept | None] = dict(begun)
        touched = set[str]()
        for log in logs:
            for address in self._of(log):
                kept = view.get(address, self._kept[address])
                touched.add(address)
                view[address] = None if kept is None else after(kept, log)
        return view, touched

    def _read_anew(self, addresses: set[str], head: Block) -> dict[str, Kept]:
        if not addresses:
            return {}
        listed = [self._kept[address].listed for address in sorted(addresses)]
        loaded = load_pools(self._node, self._universe, listed, head.hash, compare=False)
        return loaded.kept | {address: emptied(self._kept[address]) for address in loaded.refused}


def _given(answers: Sequence[Answer]) -> Sequence[Answer]:
    for answer in answers:
        if isinstance(answer, RpcRefused):
            raise answer
    return answers


def _absent(head: Block) -> ChainError:
    return ChainError(f"the node does not have block {head.number} as {head.hash}: ask again at the next head")
