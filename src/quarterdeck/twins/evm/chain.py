"""Blocks in a row: what a block takes in, what a branch that wins takes back, and the state at any of the last blocks.

The machine stands at one block. To look at an older one it goes back mark by mark; to return, the blocks are run again
and must use the same gas.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from eth_utils.crypto import keccak

from quarterdeck.twins.evm.admission import check_form, check_state
from quarterdeck.twins.evm.blocks import ZERO_HASH, Block, Receipt, next_base_fee
from quarterdeck.twins.evm.machine import BLOCK_GAS_MAX, Machine, Ran, Scene
from quarterdeck.twins.evm.pool import Pool
from quarterdeck.twins.evm.refusals import Refused
from quarterdeck.twins.evm.transactions import Transaction

__all__ = ["HISTORY_BLOCKS", "Bundle", "Chain"]

HISTORY_BLOCKS: Final = 128  # as geth keeps states
_BUNDLE_BLOCKS_AHEAD_MAX: Final = 100
_BUNDLES_MAX: Final = 100
_MINERS: Final = ("0x" + "c0" * 20, "0x" + "c1" * 20)
_BASE_FEE_WEI: Final = 12 * 10**9


@dataclass(frozen=True, slots=True)
class Bundle:
    """Transactions that are mined together at the top of one block, or not at all. Times are of the block."""

    transactions: tuple[Transaction, ...]
    number: int
    may_revert: frozenset[str] = frozenset()
    time_min_s: int = 0
    time_max_s: int = 2**63

    @property
    def hash(self) -> str:
        return f"0x{keccak(b''.join(bytes.fromhex(one.hash[2:]) for one in self.transactions)).hex()}"


@dataclass(slots=True)
class _Filling:
    """A block that is being made."""

    scene: Scene
    receipts: list[Receipt] = field(default_factory=list[Receipt])
    gas: int = 0
    logs: int = 0

    def add(self, sent: Transaction, ran: Ran) -> None:
        price = sent.price(self.scene.base_fee_wei)
        self.receipts.append(
            Receipt(sent, ran.success, ran.gas_used, self.gas, price, ran.logs, self.logs, ran.created)
        )
        self.gas += ran.gas_used
        self.logs += len(ran.logs)


class Chain:
    """One chain. `holding` says whose transactions the miner passes over for now."""

    def __init__(self, chain_id: int, machine: Machine, genesis_s: int, seconds: float, seed: int) -> None:
        self.chain_id, self.machine, self.pool = chain_id, machine, Pool()
        self._genesis_s, self._seconds = genesis_s, seconds
        self._at = 0
        self._bundles: list[Bundle] = []
        self._private: set[str] = set()
        self.holding: Callable[[str], bool] = lambda _: False
        genesis = Block(0, ZERO_HASH, genesis_s, _BASE_FEE_WEI, _MINERS[0], f"seed {seed}".encode(), keccak(b""), ())
        self.blocks = [genesis]
        self._by_hash = {genesis.hash: genesis}
        self._places: dict[str, tuple[int, int]] = {}

    # Looking.

    @property
    def head(self) -> Block:
        return self.blocks[-1]

    @property
    def base_fee_wei(self) -> int:
        """Of the next block."""
        return next_base_fee(self.head.base_fee_wei, self.head.gas_used)

    def next_scene(self) -> Scene:
        """What the next block puts around its transactions."""
        number = self.head.number + 1
        return Scene(number, self._time_s(number), self.base_fee_wei, _MINERS[0])

    def _time_s(self, number: int) -> int:
        return max(self.blocks[number - 1].time_s, self._genesis_s + int(number * self._seconds))

    def by_hash(self, digest: str) -> Block | None:
        """Returns a block, also one that was orphaned."""
        return self._by_hash.get(digest)

    def is_canonical(self, block: Block) -> bool:
        """Whether it is in the row."""
        return block.number < len(self.blocks) and self.blocks[block.number] is block

    def mined(self, digest: str) -> tuple[Block, int] | None:
        """Returns where a transaction is."""
        place = self._places.get(digest)
        return None if place is None else (self.blocks[place[0]], place[1])

    def stand(self, number: int) -> None:
        """Takes the machine to the state after a block. Raises Refused: too long ago."""
        if self._at - number > self.machine.marks or number < 0:
            raise Refused(f"historical state {self.blocks[number].hash} is not available")
        while self._at > number:
            self.machine.back()
            self._at -= 1
        while self._at < number:
            block = self.blocks[self._at + 1]
            self.machine.mark()
            self.machine.look(block.scene)
            for receipt in block.receipts:
                again = self._run(receipt.transaction, block.scene)
                same = (again.gas_used, again.success, again.created, again.logs)
                assert same == (receipt.gas_used, receipt.success, receipt.created, receipt.logs), "it ran differently"
            self._at += 1
        self.machine.look(self.blocks[number].scene)

    @contextmanager
    def on_next(self) -> Generator[None]:
        """The state after the head, in the scene of the next block; what happens there did not happen."""
        self.stand(self.head.number)
        with self.machine.trying():
            self.machine.look(self.next_scene())
            yield
        self.machine.look(self.head.scene)

    # What comes in.

    def admit(self, sent: Transaction) -> None:
        """Takes a transaction into the pool. Raises Refused."""
        if sent.hash in self._places:
            raise Refused("already known")
        check_form(sent, self.chain_id, self.base_fee_wei)
        self.stand(self.head.number)
        nonce = self.machine.nonce(sent.sender)
        last = self.pool.next_nonce(sent.sender, nonce)
        others = [self.pool.at(sent.sender, at) for at in range(nonce, last) if at != sent.nonce]
        waiting = sum(one.cost for one in others if one is not None)
        check_state(sent, nonce, self.machine.balance(sent.sender), waiting)
        self.pool.add(sent)

    def admit_bundle(self, bundle: Bundle) -> None:
        """Keeps a bundle for its block. Raises Refused."""
        ahead = bundle.number - self.head.number
        if not 0 < ahead <= _BUNDLE_BLOCKS_AHEAD_MAX:
            raise Refused(f"block {bundle.number} is not one of the next {_BUNDLE_BLOCKS_AHEAD_MAX}")
        if len(self._bundles) >= _BUNDLES_MAX:
            raise Refused("too many bundles wait")
        self._bundles.append(bundle)

    def forget(self) -> None:
        """Lets everything go that waits."""
        self.pool.clear()
        self._bundles.clear()

    # What becomes of it.

    def _run(self, sent: Transaction, scene: Scene) -> Ran:
        """Runs a transaction for good: its fee is taken and its nonce is used."""
        price = sent.price(scene.base_fee_wei)
        ran = self.machine.call(sent.sender, sent.to, sent.data, value=sent.value, gas=sent.gas, price_wei=price)
        self.machine.pay(sent.sender, scene.miner, ran.gas_used, price, sent.tip(scene.base_fee_wei))
        self.machine.set_nonce(sent.sender, sent.nonce + 1)
        return ran

    def _fits(self, sent: Transaction, filling: _Filling) -> bool:
        machine = self.machine
        return (
            sent.max_fee_wei >= filling.scene.base_fee_wei
            and filling.gas + sent.gas <= BLOCK_GAS_MAX
            and machine.nonce(sent.sender) == sent.nonce
            and machine.balance(sent.sender) >= sent.cost
        )

    def run_together(self, bundle: Bundle, scene: Scene) -> list[Ran]:
        """Runs a bundle for as long as it may go on; fewer results than transactions: it is not mined."""
        filling, done = _Filling(scene), list[Ran]()
        for sent in bundle.transactions:
            if not self._fits(sent, filling):
                break
            ran = self._run(sent, scene)
            filling.add(sent, ran)
            done.append(ran)
            if not ran.success and sent.hash not in bundle.may_revert:
                break
        return done

    def _will_do(self, bundle: Bundle, filling: _Filling) -> bool:
        scene = filling.scene
        if not bundle.time_min_s <= scene.time_s <= bundle.time_max_s:
            return False
        with self.machine.trying():
            done = self.run_together(bundle, scene)
        gas = sum(sent.gas for sent in bundle.transactions)
        return (
            len(done) == len(bundle.transactions)
            and filling.gas + gas <= BLOCK_GAS_MAX
            and all(
                ran.success or sent.hash in bundle.may_revert
                for sent, ran in zip(bundle.transactions, done, strict=True)
            )
        )

    def mine(self, *, branch: int = 0, empty: bool = False) -> Block:
        """Makes the next block. `branch` names its miner; an `empty` one takes nothing in."""
        self.stand(self.head.number)
        scene = self.next_scene()
        scene = Scene(scene.number, scene.time_s, scene.base_fee_wei, _MINERS[branch])
        filling = _Filling(scene)
        self.machine.mark()
        self.machine.look(scene)
        if not empty:
            self._take_bundles(filling)
            self._take_waiting(filling)
        parent, extra = self.head, f"branch {branch}".encode() if branch else b"quarterdeck"
        block = Block(
            scene.number, parent.hash, scene.time_s, scene.base_fee_wei, scene.miner, extra, parent.state,
            tuple(filling.receipts),
        )  # fmt: skip
        self.blocks.append(block)
        self._by_hash[block.hash] = block
        self._places |= {one.transaction.hash: (block.number, place) for place, one in enumerate(block.receipts)}
        self._at = block.number
        if self.machine.marks > HISTORY_BLOCKS:
            self.machine.forget()
        self._bundles = [one for one in self._bundles if one.number > block.number]
        self.pool.tidy(self.machine.nonce)
        return block

    def _take_bundles(self, filling: _Filling) -> None:
        for bundle in self._bundles:
            if bundle.number == filling.scene.number and self._will_do(bundle, filling):
                for sent in bundle.transactions:
                    filling.add(sent, self._run(sent, filling.scene))
                    self._private.add(sent.hash)

    def _take_waiting(self, filling: _Filling) -> None:
        passed = {sender for sender in self.pool.senders() if self.holding(sender)}
        while (sent := self.pool.best(filling.scene.base_fee_wei, self.machine.nonce, passed)) is not None:
            if self._fits(sent, filling):
                filling.add(sent, self._run(sent, filling.scene))
                self.pool.remove(sent)
            else:
                passed.add(sent.sender)

    def reorganise(self, depth: int) -> tuple[Sequence[Block], Sequence[Block]]:
        """Another branch wins, one block longer: what was mined waits again, and is left out of its first block.

        What came in a bundle was never public, so the other branch never hears of it. Returns what was orphaned and
        what is new. Raises Refused: deeper than there are states.
        """
        self.stand(self.head.number)
        if not 0 < depth <= min(self.machine.marks, self.head.number):
            raise Refused(f"a reorg of depth {depth} is not possible: 1 to {self.machine.marks} blocks can be undone")
        orphaned = self.blocks[-depth:]
        for _ in orphaned:
            self.machine.back()
        del self.blocks[-depth:]
        self._at = self.head.number
        for block in orphaned:
            for receipt in block.receipts:
                sent = receipt.transaction
                del self._places[sent.hash]
                if sent.hash not in self._private and self.pool.at(sent.sender, sent.nonce) is None:
                    self.pool.add(sent)
        new = [self.mine(branch=1, empty=place == 0) for place in range(depth + 1)]
        return orphaned, new
