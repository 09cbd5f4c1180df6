"""The floor of the executor's tests, real contracts and all, on a node of its own instead of in the process.

ME is impersonated: anvil signs for it. What is only read is asked for; everything else is a transaction that is mined
before the next line runs.
"""

import contextlib
import http.client
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address

from tests.arbitrage.chain import ME, Chain
from tests.contracts.floor import Floor, Reverted, packed

READS = ("balanceOf", "allowance", "get", "token", "paused", "owner", "fee", "liquidity", "slot0")
GAS = hex(30_000_000)


class Refused(Exception):
    """The node said no: its words, and the bytes of the revert where there were some."""

    def __init__(self, error: dict[str, Any]) -> None:
        data = error.get("data")
        self.data = bytes.fromhex(data[2:]) if isinstance(data, str) and data.startswith("0x") else b""
        super().__init__(error.get("message", ""))


class Wire:
    """JSON-RPC over one kept connection."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._line = http.client.HTTPConnection(split.hostname or "127.0.0.1", split.port, timeout=30)
        self._numbers = itertools.count(1)

    def close(self) -> None:
        self._line.close()

    def ask(self, method: str, *params: Any) -> Any:
        asked = {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": list(params)}
        self._line.request("POST", "/", json.dumps(asked), {"Content-Type": "application/json"})
        said = json.loads(self._line.getresponse().read())
        if "error" in said:
            raise Refused(said["error"])
        return said["result"]


def checked(kind: str, value: Any) -> Any:
    """Addresses as the universe writes them."""
    if kind == "address[]":
        return tuple(map(to_checksum_address, value))
    return to_checksum_address(value) if kind == "address" else value


class Node(Chain):
    """`Chain`, at a node."""

    wire: Wire
    by_hand = False

    def __init__(self) -> None:
        if self.by_hand:
            self.wire.ask("evm_setAutomine", False)
        self.wire.ask("anvil_setBalance", ME, hex(10**30))

    def transact(self, sender: str, target: str | None, data: bytes, **words: Any) -> dict[str, Any]:
        """The receipt of a mined transaction, whether it succeeded or not."""
        sent = {"from": sender, "data": "0x" + data.hex(), "gas": GAS, **words} | ({"to": target} if target else {})
        if not self.by_hand:
            receipt = self.wire.ask("eth_sendTransactionSync", sent)
        else:
            name = self.wire.ask("eth_sendTransaction", sent)
            self.wire.ask("evm_mine")
            receipt = self.wire.ask("eth_getTransactionReceipt", name)
        assert isinstance(receipt, dict)
        return receipt

    def deploy(self, code: bytes, types: Sequence[str] = (), values: Sequence[Any] = ()) -> str:
        receipt = self.transact(ME, None, code + encode(types, values))
        assert receipt["status"] == "0x1", "the constructor reverted"
        return str(to_checksum_address(receipt["contractAddress"]))

    def call(
        self, contract: str, name: str, types: Sequence[str], values: Sequence[Any], returns: Sequence[str] = ()
    ) -> Any:
        data = keccak(text=f"{name}({','.join(types)})")[:4] + encode(types, values)
        said = b""
        if returns:
            words = {"from": ME, "to": contract, "data": "0x" + data.hex(), "gas": GAS}
            said = bytes.fromhex(self.wire.ask("eth_call", words, "latest")[2:])
        if not returns or not name.startswith(READS):
            receipt = self.transact(ME, contract, data)
            assert receipt["status"] == "0x1", f"{name} reverted"
        if not returns:
            return None
        return tuple(checked(kind, value) for kind, value in zip(returns, decode(returns, said), strict=True))

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        before = self.wire.ask("evm_snapshot")
        try:
            yield
        finally:
            assert self.wire.ask("evm_revert", before)


class Street(Floor, Node):
    """`Floor`, at a node: pools made here are answered as our own objects at their state on the chain."""

    def __init__(self, url: str, *, by_hand: bool = False) -> None:
        """`by_hand`: each transaction is followed by an order to mine it, since what mines by itself may miss one
        that comes right after a revert to a snapshot."""
        self.url, self.by_hand = url, by_hand
        self.wire = Wire(url)
        super().__init__()

    def send(self, sender: str, contract: str, signature: str, values: Sequence[Any] = ()) -> bytes:
        """Runs it, and answers what it returned. Reverted where it reverts, and then no transaction was sent."""
        data = packed(signature, values)
        words = {"from": sender, "to": contract, "data": "0x" + data.hex(), "gas": GAS}
        try:
            said = self.wire.ask("eth_call", words, "latest")
        except Refused as error:
            raise Reverted(error.data) from error
        assert self.transact(sender, contract, data)["status"] == "0x1"
        return bytes.fromhex(said[2:])

    def head(self) -> tuple[int, str]:
        """Number and hash of the newest block."""
        block = self.wire.ask("eth_getBlockByNumber", "latest", False)
        return int(block["number"], 16), str(block["hash"])
