"""The proof before sending: the very transaction, run whole on the newest state, to the last unit and the last gas.

Runs in a process of its own (`prover`): see there why. A node that fails or says nothing in time is left, and the next
one is asked; where none is left there is no proof, and so no transaction.

Source of the gas given back: EIP-3529. A transaction needs more than it pays, since that comes back at its end only.
"""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, cast

from quarterdeck.errors import AllDown, DataError
from quarterdeck.venues.evm import prover
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.executor import Executor, Ran
from quarterdeck.venues.evm.receipts import Log
from quarterdeck.venues.evm.reverts import GAS_MAY_SAY, Reason, explain, explain_halt, out_of_gas
from quarterdeck.venues.evm.transactions import Call

__all__ = ["At", "Failed", "Proof", "Proven"]

_SPEC: Final = "CANCUN"
_BLOCK_S: Final = 12
_TIMEOUT_S: Final = 5.0
_PLENTY: Final = 30_000_000  # of gas: what still ends the same way does not end for lack of it
_NO_RUN: Final = Reason("NoRun", (), "it ran and the executor reported nothing: is that the executor?")


class At(Protocol):
    """The head that a proof is about."""

    @property
    def number(self) -> int: ...
    @property
    def hash(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Proven:
    """It would run in the block after `block`: what the executor would report, and what gas it would cost.

    `gas` is what is paid for, `gas_needed` what it must have, because a part comes back at the end.
    """

    block: int
    block_hash: str
    ran: Ran
    gas: int
    gas_needed: int


@dataclass(frozen=True, slots=True)
class Failed:
    """It would revert in the block after `block`."""

    block: int
    block_hash: str
    reason: Reason


class Proof:
    """Proves transactions of one sender. Any thread may ask; one is proven after the other.

    `block_s`: how much later than its parent the next block is taken to be. `close` ends the process.
    """

    def __init__(
        self, access: Access, executor: Executor, sender: str, *, block_s: int = _BLOCK_S, timeout_s: float = _TIMEOUT_S
    ) -> None:
        self._access, self._executor, self._sender = access, executor, sender
        self._block_s, self._timeout_s = block_s, timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def warm(self) -> None:
        """Starts the process, which takes its time to load, before anybody waits for it."""
        with self._lock:
            self._started()

    def simulate(self, call: Call, head: At, gas_price_wei: int = 0) -> Proven | Failed:
        """Runs it in the block after `head`; with a price, the sender must be able to pay for all of its gas.

        AllDown: no node gave the state in time. DataError: no node has that block.
        """
        block = self._block(head)
        job = {
            "chain_id": self._access.chain_id,
            "block_hash": head.hash,
            "number": int(block["number"], 16) + 1,
            "time_s": int(block["timestamp"], 16) + self._block_s,
            "base_fee_wei": _next_base_fee_wei(block),
            "miner": block["miner"],
            "random": "00" * 32,
            "block_gas": int(block["gasLimit"], 16),
            "spec": _SPEC,
            "sender": self._sender,
            "target": call.to,
            "data": call.data.hex(),
            "value_wei": call.value,
            "gas": call.gas_limit,
            "gas_price_wei": gas_price_wei,
            "timeout_s": self._timeout_s,
        }
        said = self._run(job)
        if "output" not in said:
            return Failed(head.number, head.hash, self._reason(job, said))
        logs = [Log(log["address"], tuple(log["topics"]), log["data"]) for log in said["logs"]]
        ran = self._executor.ran(logs)
        if ran is None or ran.profit != int(said["output"] or "0", 16):
            return Failed(head.number, head.hash, _NO_RUN)
        gas, refunded = int(said["gas"]), int(said["refunded"])
        return Proven(head.number, head.hash, ran, gas, gas + refunded)

    def close(self) -> None:
        """Ends the process; the next question would start another one."""
        with self._lock:
            self._end()

    def _block(self, head: At) -> dict[str, Any]:
        block = self._access.ask("eth_getBlockByHash", [head.hash, False])
        if block is None:
            raise DataError(
                "proof", f"the node does not have block {head.number} ({head.hash}): wait for its next head"
            )
        return cast("dict[str, Any]", block)

    def _reason(self, job: dict[str, Any], said: dict[str, Any]) -> Reason:
        if "halted" in said:
            halted = explain_halt(said["halted"])
            return out_of_gas(job["gas"]) if halted.name == "OutOfGas" else halted
        reason = explain(bytes.fromhex(said["reverted"]))
        if reason.name not in GAS_MAY_SAY:
            return reason
        more = self._run({**job, "gas": max(job["gas"], min(_PLENTY, job["block_gas"])), "gas_price_wei": 0})
        same = more.get("reverted") == said["reverted"]
        return reason if same else out_of_gas(job["gas"])

    def _run(self, job: dict[str, Any]) -> dict[str, Any]:
        reasons: list[str] = []
        with self._lock:
            for url in self._access.fork_urls():
                said = self._told({**job, "url": url})
                if "failed" not in said:
                    return said
                reasons.append(said["failed"])
        words = "; ".join(reasons) or "none may be asked"
        raise AllDown(f"no node gave the state for a proof ({words}): nothing is sent without one")

    def _told(self, job: dict[str, Any]) -> dict[str, Any]:
        """{"failed": why} of a node that cannot serve, or of a process that ended over it."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            return cast("dict[str, Any]", json.loads(line))
        code = process.wait()
        self._end()
        if code == -signal.SIGALRM:
            return {"failed": f"a node gave no answer in {self._timeout_s:g} s"}
        return {"failed": f"the prover ended with code {code}"}

    def _started(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            words = [sys.executable, str(Path(prover.__file__))]
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _quietly(pipe.close)


def _quietly(close: Callable[[], None]) -> None:
    """Closes a pipe whose other end is gone: what could not be written is of no interest any more."""
    try:
        close()
    except BrokenPipeError:
        return


def _next_base_fee_wei(block: dict[str, Any]) -> int:
    """EIP-1559: by at most an eighth up or down, as the block was fuller or emptier than half."""
    fee, used, half = (int(block.get(name, "0x0"), 16) for name in ("baseFeePerGas", "gasUsed", "gasLimit"))
    half //= 2
    if not half or used == half:
        return fee
    moved = fee * abs(used - half) // half // 8
    return fee + max(1, moved) if used > half else max(0, fee - moved)
