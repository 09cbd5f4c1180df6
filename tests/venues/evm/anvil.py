"""A real Ethereum node for tests: anvil, which npm brings, on a port of its own.

    with Anvil() as node:
        node.mine(3)
        node.rpc("eth_blockNumber")

What it mines is the same on every node that was started with the same options and mined at the same times, so two nodes
can be two endpoints of one chain.
"""

import atexit
import fcntl
import http.client
import itertools
import json
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from eth_utils import to_checksum_address

__all__ = ["ACCOUNTS", "BEGIN_S", "CHAIN_ID", "KEYS", "Anvil", "Refused", "binary"]

HERE = Path(__file__).resolve().parent / "node"
MODULES = HERE / "node_modules"
CHAIN_ID = 31337
BEGIN_S = 1_700_000_000  # the time of block 0
PATIENCE_S = 30.0
GAS = hex(30_000_000)

# anvil's own accounts ("test test test ... junk"), each with 10,000 ETH: public keys to nothing.
KEYS = (
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
)
ACCOUNTS = (
    "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
)


class Refused(Exception):
    """The node answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.code, self.data = error.get("code"), error.get("data")
        super().__init__(error.get("message", ""))


def binary() -> Path:
    """Where anvil is; brought where it is missing. One process does, the others wait."""
    wanted = (HERE / "package-lock.json").read_text()
    said = MODULES / ".installed"
    with (HERE / ".gitignore").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (said.exists() and said.read_text() == wanted):
            npm = shutil.which("npm")
            assert npm is not None, "the node of the tests comes by npm: install Node.js"
            words = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
            subprocess.run([npm, *words], cwd=HERE, check=True, capture_output=True)
            said.write_text(wanted)
    return MODULES / "@foundry-rs/anvil-linux-amd64/bin/anvil"


def _drain(output: IO[str]) -> None:
    """Reads what nobody needs: a full pipe would hold the node up."""
    with output:
        for _ in output:
            pass


class Anvil:
    """One node. `options` are anvil's own; a block is mined with each transaction unless they say otherwise."""

    def __init__(self, *options: str, chain_id: int = CHAIN_ID, begin_s: int = BEGIN_S, port: int = 0) -> None:
        self.options = (*options, "--chain-id", str(chain_id), "--timestamp", str(begin_s))
        self.port = port  # 0: any, and the same one again after a restart
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[str] | None = None

    # Its life.

    def start(self) -> Self:
        """Begins a new chain, on the port that it had before."""
        assert self._process is None, "it runs already"
        words = ("--hardfork", "cancun", "--host", "127.0.0.1", "--port", str(self.port), *self.options)
        self._process = subprocess.Popen(
            [binary(), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        atexit.register(self.stop)
        lines = list[str]()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            lines.append(line)
            if found := re.match(r"Listening on 127\.0\.0\.1:(\d+)", line):
                self.port = int(found.group(1))
                threading.Thread(target=_drain, args=[self._process.stdout], daemon=True).start()
                return self
        raise AssertionError("anvil ended: " + "".join(lines))

    def stop(self) -> None:
        """Kills it: what it mined is gone. Nothing happens where it does not run."""
        atexit.unregister(self.stop)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def end(self) -> None:
        """Asks it to end, and waits: with --state it writes down first what it knows."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        self.stop()

    def restart(self) -> None:
        """A new chain from block 0, at the same address."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """It takes connections and answers nothing more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on with what it was asked meanwhile."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def ws_url(self) -> str:
        return f"ws://{self.address}"

    # What it is asked.

    def rpc(self, method: str, *params: Any) -> Any:
        """One question. Refused where it says no."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        asked = {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": params}
        try:
            line.request("POST", "/", json.dumps(asked), {"Content-Type": "application/json"})
            said = json.loads(line.getresponse().read())
        finally:
            line.close()
        if "error" in said:
            raise Refused(said["error"])
        return said["result"]

    def number(self) -> int:
        """Of the newest block."""
        return int(self.rpc("eth_blockNumber"), 16)

    def head(self) -> dict[str, Any]:
        """The newest block as the node tells it."""
        block = self.rpc("eth_getBlockByNumber", "latest", False)
        assert isinstance(block, dict)
        return block

    def mine(self, blocks: int = 1, at_s: int | None = None) -> None:
        """Mines blocks: now, or the first one at a time in seconds and each other one 12 s later."""
        for index in range(blocks):
            self.rpc("evm_mine", *([] if at_s is None else [hex(at_s + 12 * index)]))

    def snapshot(self) -> str:
        return str(self.rpc("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Back to a snapshot, which is used up by it. To websockets this is a chain that goes back."""
        assert self.rpc("evm_revert", snapshot)

    def reorg(self, depth: int) -> None:
        """The last `depth` blocks become others (empty ones)."""
        self.rpc("anvil_reorg", depth, [])

    def send(
        self, to: str | None, data: bytes = b"", *, value: int = 0, sender: str = ACCOUNTS[0], **words: Any
    ) -> dict[str, Any]:
        """A transaction of one of its accounts, mined. The receipt, whether it succeeded or not."""
        asked = {"from": sender, "data": "0x" + data.hex(), "value": hex(value), "gas": GAS, **words}
        number = self.rpc("eth_sendTransaction", asked | ({"to": to} if to else {}))
        until = time.monotonic() + PATIENCE_S
        while (receipt := self.rpc("eth_getTransactionReceipt", number)) is None:
            assert time.monotonic() < until, "it was not mined: with --no-mining call rpc() and mine()"
            time.sleep(0.002)  # it is mined a moment after it was taken
        assert isinstance(receipt, dict)
        return receipt

    def deploy(self, creation: bytes, *, sender: str = ACCOUNTS[0]) -> str:
        """A contract of this creation code, with the constructor's arguments behind it. Its checksummed address."""
        receipt = self.send(None, creation, sender=sender)
        assert receipt["status"] == "0x1", "the constructor reverted"
        return str(to_checksum_address(receipt["contractAddress"]))
