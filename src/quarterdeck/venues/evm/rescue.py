"""Taking everything away from a key that others may have: first what moves tokens, last the coin that pays for it.

    sweep      what the executor holds goes to its owner, this wallet
    transfer   every token of the universe goes to the safe address
    revoke     every allowance that the wallet has given becomes zero
    drain      all of the coin goes to the safe address, less the gas of that transfer

Each is a transaction of its own that is waited for. One that fails is told and does not stop the others, but the coin
stays while something before it failed, because the next try needs it for gas. Gas is offered far above the market: who
else has the key is as fast.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from quarterdeck.errors import ChainError
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.universe import Universe
from quarterdeck.venues.evm.wallet import Wallet

__all__ = ["Done", "Rescue"]

_APPROVAL: Final = "0x" + keccak(text="Approval(address,address,uint256)").hex()
_GWEI: Final = 10**9
_ROOM: Final = (3, 2)  # of gas over what the node estimates
_LOOK_S: Final = 0.2


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """One step and what became of it. `problem` is empty where it stands in a block and did not revert."""

    what: str
    to: str
    amount: str
    hash: str = ""
    block: int = 0
    problem: str = ""


class Rescue:
    """One wallet on one chain. ChainError where the chain does not answer at all."""

    def __init__(
        self,
        access: Access,
        wallet: Wallet,
        universe: Universe,
        safe: str,
        *,
        wait_s: float = 180.0,
        told: Callable[[Done], None] = lambda _: None,
    ) -> None:
        self._access, self._wallet, self._universe, self._safe = access, wallet, universe, safe
        self._wait_s, self._told = wait_s, told
        self._done: list[Done] = []

    def run(self) -> list[Done]:
        """Does all of it; returns what was done, in order."""
        universe = self._universe
        if self._code(universe.executor):
            for token in universe.tokens:
                held = self._held(token.address, universe.executor)
                if held:
                    data = _data("sweep(address)", ["address"], [token.address])
                    self._step(f"sweep {token.symbol} from the executor", universe.executor, data, held)
        for token in universe.tokens:
            held = self._held(token.address, self._wallet.address)
            if held:
                data = _data("transfer(address,uint256)", ["address", "uint256"], [self._safe, held])
                self._step(f"transfer {token.symbol}", token.address, data, held)
        for token, spender in self._spenders():
            data = _data("approve(address,uint256)", ["address", "uint256"], [spender, 0])
            self._step(f"revoke the allowance of {spender}", token, data, 0)
        if not any(done.problem for done in self._done):
            self._drain()
        return list(self._done)

    def _step(self, what: str, to: str, data: bytes, amount: int) -> None:
        try:
            gas = int(str(self._access.ask("eth_estimateGas", [self._asked(to, data)])), 16) * _ROOM[0] // _ROOM[1]
            fee = self._fee()
            done = self._send(what, to, data, 0, gas, fee, fee // 4, amount)
        except ChainError as error:
            done = Done(what=what, to=to, amount=str(amount), problem=str(error))
        self._done.append(done)
        self._told(done)

    def _drain(self) -> None:
        """All of the coin. The tip is the whole price, so that nothing is left of what was offered."""
        what, coin = f"drain {self._universe.native}", self._coin()
        try:
            gas = int(str(self._access.ask("eth_estimateGas", [self._asked(self._safe, b"")])), 16)
            fee = self._fee()
            value = coin - gas * fee
            if value <= 0:
                return
            done = self._send(what, self._safe, b"", value, gas, fee, fee, value)
        except ChainError as error:
            done = Done(what=what, to=self._safe, amount=str(coin), problem=str(error))
        self._done.append(done)
        self._told(done)

    def _send(self, what: str, to: str, data: bytes, value: int, gas: int, fee: int, tip: int, amount: int) -> Done:
        """Signs, sends, and waits for the block."""
        nonce = int(str(self._access.ask("eth_getTransactionCount", [self._wallet.address, "pending"])), 16)
        signed = self._wallet.sign(
            {
                "type": 2, "chainId": self._universe.chain_id, "nonce": nonce, "to": to, "data": data, "value": value,
                "gas": gas, "maxFeePerGas": fee, "maxPriorityFeePerGas": tip,
            }
        )  # fmt: skip
        self._access.ask("eth_sendRawTransaction", ["0x" + signed.raw.hex()])
        ends_s = time.monotonic() + self._wait_s
        while time.monotonic() < ends_s:
            receipt: Any = self._access.ask("eth_getTransactionReceipt", [signed.hash])
            if receipt is not None:
                problem = "" if int(receipt["status"], 16) == 1 else "it reverted"
                block = int(receipt["blockNumber"], 16)
                return Done(what=what, to=to, amount=str(amount), hash=signed.hash, block=block, problem=problem)
            time.sleep(_LOOK_S)
        problem = f"no block took it within {self._wait_s:g} s; it still may"
        return Done(what=what, to=to, amount=str(amount), hash=signed.hash, problem=problem)

    def _asked(self, to: str, data: bytes) -> dict[str, str]:
        return {"from": self._wallet.address, "to": to, "data": "0x" + data.hex()}

    def _fee(self) -> int:
        """Three times the base fee, and a tip above everybody's."""
        block: Any = self._access.ask("eth_getBlockByNumber", ["latest", False])
        return 3 * int(block["baseFeePerGas"], 16) + 5 * _GWEI

    def _coin(self) -> int:
        return int(str(self._access.ask("eth_getBalance", [self._wallet.address, "latest"])), 16)

    def _code(self, address: str) -> bool:
        return str(self._access.ask("eth_getCode", [address, "latest"])) not in ("0x", "")

    def _held(self, token: str, holder: str) -> int:
        data = _data("balanceOf(address)", ["address"], [holder])
        return int(str(self._access.ask("eth_call", [self._asked(token, data), "latest"])), 16)

    def _spenders(self) -> list[tuple[str, str]]:
        """Who may still move something of the wallet's, by all approvals that it ever gave."""
        owner = "0x" + self._wallet.address[2:].lower().rjust(64, "0")
        tokens = [token.address for token in self._universe.tokens]
        asked = {"fromBlock": "0x0", "toBlock": "latest", "address": tokens, "topics": [_APPROVAL, owner]}
        logs: Any = self._access.ask("eth_getLogs", [asked])
        given = dict.fromkeys((str(log["address"]), "0x" + str(log["topics"][2])[-40:]) for log in logs)
        return [(token, spender) for token, spender in given if self._allowed(token, spender)]

    def _allowed(self, token: str, spender: str) -> bool:
        words = ["address", "address"], [self._wallet.address, spender]
        data = _data("allowance(address,address)", *words)
        return int(str(self._access.ask("eth_call", [self._asked(token, data), "latest"])), 16) > 0


def _data(signature: str, kinds: list[str], values: list[Any]) -> bytes:
    return keccak(text=signature)[:4] + encode(kinds, values)
