"""Long lives of one account on a chain that forgets, breaks lines and takes blocks back; at the end every wei is told.

What is booked from outcomes alone must be what the chain says: the account's balance and its nonces, to the last unit.
"""

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from quarterdeck.errors import TransactionRefused
from quarterdeck.venues.evm.bundles import Relay
from quarterdeck.venues.evm.fees import Fees
from quarterdeck.venues.evm.receipts import Dropped, Included, Orphaned, Resent, Reverted, Spent, Trouble
from quarterdeck.venues.evm.wallet import Wallet
from tests.venues.evm.anvil import ACCOUNTS, KEYS, Anvil
from tests.venues.evm.relaying import Builder
from tests.venues.evm.sending import GWEI, LOGS_OR_REVERTS, Clock, Desk, broken, call

US, OTHER = ACCOUNTS[0], ACCOUNTS[1]
SEARCHER = Wallet(KEYS[2])
STEPS = 80
ROUNDS_MAX = 40  # until all is quiet


class Life:
    """One account, what was asked for, and the books kept from what is told."""

    def __init__(self, node: Anvil, folder: Path, chance: random.Random, builder: Builder | None) -> None:
        self.builder = builder
        self.node, self.folder, self.chance, self.clock = node, folder, chance, Clock()
        self.target = node.deploy(LOGS_OR_REVERTS, sender=OTHER)
        node.rpc("evm_setAutomine", False)
        self.begin_wei, self.floor = self.balance(), node.number()
        self.orders = 0
        self.refused: set[int] = set()
        self.booked = 0
        self.standing: dict[tuple[str, str], tuple[int, int]] = {}  # by hash and block: order and gas
        self.over: dict[int, str] = {}
        self.desk = self.fresh()

    def balance(self) -> int:
        return int(self.node.rpc("eth_getBalance", US, "latest"), 16)

    def fresh(self) -> Desk:
        if self.builder is None:
            return Desk(self.node, self.folder, self.clock, replacements_max=1)
        relay = Relay(self.builder.address, SEARCHER)
        return Desk(self.node, self.folder, self.clock, relay, replacements_max=1, public_fallback=True)

    # What happens to it.

    def submit(self) -> None:
        self.orders += 1
        data = self.chance.choice([b"", b"\1"])
        fees = Fees(3 * GWEI, GWEI, self.chance.choice([3, 30]) * GWEI)
        try:
            self.desk.transactions.submit(call(self.target, data), self.orders, self.orders, fees)
        except TransactionRefused:
            self.refused.add(self.orders)

    def broken(self) -> None:
        setattr(self.desk.line, self.chance.choice(["before", "after"]), broken())
        if self.builder is not None:
            self.builder.silent = True
        self.submit()
        self.desk.line.before = self.desk.line.after = None
        if self.builder is not None:
            self.builder.silent = False

    def restart(self) -> None:
        self.desk.end()
        self.desk = self.fresh()

    def mine(self) -> None:
        for _ in range(self.chance.randint(1, 2)):
            if self.builder is None or self.chance.random() < 0.5:
                self.node.mine()
            else:
                self.builder.build()

    def reorg(self) -> None:
        depth = min(self.chance.randint(1, 3), self.node.number() - self.floor)
        if depth:
            self.node.reorg(depth)

    def forget(self) -> None:
        self.node.rpc("anvil_dropAllTransactions")

    def wait(self) -> None:
        self.clock.pass_s(61)

    def change(self) -> None:
        change = self.chance.choice([self.desk.transactions.cancel, self.desk.transactions.replace])
        with contextlib.suppress(TransactionRefused):  # mined already, cancelled already, or at its ceiling
            change(self.chance.randint(1, max(self.orders, 1)))

    def poll(self) -> None:
        for one in self.desk.poll(settle=False):
            if one.number > self.booked:
                self.book(one)
            if self.chance.random() < 0.9:  # else it is told once more
                self.desk.transactions.settle(one.number)

    def book(self, one: object) -> None:
        assert isinstance(one, Included | Reverted | Spent | Dropped | Orphaned | Resent | Trouble)
        assert one.number == self.booked + 1
        self.booked = one.number
        if isinstance(one, Included | Reverted | Spent):
            key = (one.hash, one.receipt.block_hash)
            assert key not in self.standing
            self.standing[key] = (0 if isinstance(one, Spent) else one.order_id, one.receipt.gas_wei)
        elif isinstance(one, Orphaned):
            del self.standing[one.hash, one.block_hash]
        elif isinstance(one, Dropped) and one.closes:
            self.over[one.order_id] = one.reason
        elif isinstance(one, Trouble):
            assert one.kind in {"capped", "refused"}, one.text


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("life", range(4))
def test_every_wei_and_every_order_is_told(life: int, private: bool, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed * 1_000 + life)
    with contextlib.ExitStack() as all_of_it:
        node = all_of_it.enter_context(Anvil())
        builder = all_of_it.enter_context(Builder(node, SEARCHER.address)) if private else None
        one = Life(node, tmp_path, chance, builder)
        happenings: list[Callable[[], None]] = [
            one.submit, one.submit, one.submit, one.broken, one.restart, one.mine, one.mine, one.reorg, one.reorg,
            one.forget, one.forget, one.wait, one.wait, one.change, one.change, *[one.poll] * 5,
        ]  # fmt: skip
        for _ in range(STEPS):
            chance.choice(happenings)()
        for _ in range(ROUNDS_MAX):
            one.poll()
            if not any(one.desk.transactions.waits(order) for order in range(1, one.orders + 1)):
                break
            one.mine()
        one.poll()
        gas = sum(wei for _, wei in one.standing.values())
        assert one.begin_wei - one.balance() == gas
        assert int(node.rpc("eth_getTransactionCount", US, "latest"), 16) == len(one.standing)
        done = [order for order, _ in one.standing.values() if order]
        assert len(done) == len(set(done)), "an order was done twice"
        for order in range(1, one.orders + 1):
            assert (order in done) + (order in one.refused) + (order in one.over and order not in done) == 1, order
        one.desk.end()
