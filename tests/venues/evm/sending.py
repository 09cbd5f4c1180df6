"""What the tests of transactions share: a node that mines when it is told, and an account that sends there."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from quarterdeck.errors import RpcFailed
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.bundles import Relay
from quarterdeck.venues.evm.endpoints import Endpoint, Request
from quarterdeck.venues.evm.fees import Fees
from quarterdeck.venues.evm.store import Store
from quarterdeck.venues.evm.transactions import Call, Settings, Transactions
from quarterdeck.venues.evm.wallet import Wallet
from tests.venues.evm.anvil import ACCOUNTS, CHAIN_ID, KEYS, Anvil

GWEI = 10**9
GAS = 100_000
FEES = Fees(4 * GWEI, 2 * GWEI, 40 * GWEI)
# Without calldata it logs nothing of no topic, with some it reverts: 36 6008 57 5f5f a0 00 5b 5f5f fd
LOGS_OR_REVERTS = bytes.fromhex("6b366008575f5fa0005b5f5ffd5f52600c6014f3")

Hook = Callable[[str, Any], None]


class Position:
    """A head, as `poll` wants it."""

    def __init__(self, block: dict[str, Any]) -> None:
        self.number, self.time_s = int(block["number"], 16), int(block["timestamp"], 16)


class Clock:
    """Nanoseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_ns = 1_800_000_000 * 10**9

    def __call__(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        self.now_ns += int(seconds * 10**9)


class Line(Access):
    """Our own access, on which a test can stand: `before` and `after` see each single question.

    `late` names a method that the node answers by `lately`: it has not made its receipts yet, or lags behind.
    """

    before: Hook | None = None
    after: Hook | None = None
    late = ""
    lately: Any = None

    def ask_many(self, requests: Sequence[Request]) -> list[Any]:
        answers = super().ask_many(requests)
        methods = [method for method, _ in requests]
        return [self.lately if method == self.late else answer for method, answer in zip(methods, answers, strict=True)]

    def ask(self, method: str, params: Sequence[Any] = ()) -> Any:
        if self.before is not None:
            self.before(method, params)
        answer = super().ask(method, params)
        if self.after is not None:
            self.after(method, params)
        return answer


class Desk:
    """One process that sends from an account, as far as the store is concerned."""

    def __init__(self, node: Anvil, folder: Path, clock: Clock, relay: Relay | None = None, **settings: Any) -> None:
        self.node = node
        self.line = Line([Endpoint(node.url)], CHAIN_ID)
        self.store = Store.open(folder, CHAIN_ID, ACCOUNTS[0])
        self.transactions = Transactions(
            self.line, Wallet(KEYS[0]), self.store, Settings(chain_id=CHAIN_ID, **settings), relay, clock
        )

    def end(self) -> None:
        self.store.close()
        self.line.close()

    def poll(self, *, settle: bool = True) -> list[Any]:
        """All news at the node's head."""
        outcomes = self.transactions.poll(Position(self.node.head()))
        if settle:
            for one in outcomes:
                self.transactions.settle(one.number)
        return outcomes

    def mined(self, blocks: int = 1) -> list[Any]:
        self.node.mine(blocks)
        return self.poll()


def broken(method: str = "eth_sendRawTransaction") -> Hook:
    """The line breaks at that question."""

    def hook(asked: str, _: Any) -> None:
        if asked == method:
            raise RpcFailed("the line broke")

    return hook


def kinds(outcomes: Sequence[Any]) -> list[str]:
    return [type(one).__name__ for one in outcomes]


def call(to: str, data: bytes = b"", gas_limit: int = GAS) -> Call:
    return Call(to, data, 0, gas_limit)


def pooled(node: Anvil) -> set[str]:
    """Hashes in the node's pool."""
    said = node.rpc("txpool_content")
    return {
        one["hash"]
        for part in ("pending", "queued")
        for several in said[part].values()
        for one in several.values()
    }  # fmt: skip


def raw_of(node: Anvil, hash_: str) -> dict[str, Any]:
    found = node.rpc("eth_getTransactionByHash", hash_)
    assert isinstance(found, dict), hash_
    return found
