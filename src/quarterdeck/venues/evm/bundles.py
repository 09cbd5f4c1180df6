"""Private transactions: bundles for a relay, which no pool shows before they are mined.

A relay takes JSON-RPC over HTTP, signed: the header X-Flashbots-Signature holds the sender's address and its EIP-191
signature of the hexadecimal keccak-256 of the very bytes that are sent (Flashbots, "RPC endpoint", authentication). A
bundle is for one block; it is mined there whole, or nowhere, and it costs nothing when it is not.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import requests
from eth_utils.crypto import keccak

from quarterdeck.errors import RpcFailed, RpcRefused
from quarterdeck.venues.evm.wallet import Wallet

__all__ = ["SIGNATURE_HEADER", "Called", "Relay"]

SIGNATURE_HEADER: Final = "X-Flashbots-Signature"
_INVALID: Final = -32600
_ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Called:
    """One transaction of a bundle as the relay simulated it. `error` is empty when it did not revert."""

    hash: str
    gas_used: int
    error: str


class _Error(msgspec.Struct):
    code: int = _INVALID
    message: str = ""


class _Answer(msgspec.Struct):
    result: Any = msgspec.UNSET
    error: _Error | str | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)


class Relay:
    """One relay, HOST:PORT. `wallet` says who we are there; it need not be the one that pays. Any thread may call."""

    def __init__(self, address: str, wallet: Wallet, timeout_s: float = 2.0) -> None:
        self.address = address
        self._wallet, self._timeout_s = wallet, timeout_s
        self._numbers = itertools.count(1)

    def send_bundle(self, raws: Sequence[bytes], target: int) -> str:
        """Offers signed transactions, in this order, for the block `target`. Returns the bundle's hash.

        RpcRefused: the relay said no. RpcFailed: nobody knows whether it has it.
        """
        words = {"txs": [f"0x{raw.hex()}" for raw in raws], "blockNumber": hex(target)}
        answer = self._ask("eth_sendBundle", words)
        try:
            return str(answer["bundleHash"])
        except (KeyError, TypeError):
            return ""  # it took the bundle all the same

    def call_bundle(self, raws: Sequence[bytes], target: int) -> tuple[Called, ...]:
        """Has the relay simulate transactions in the block `target`, on the newest state. Raises as `send_bundle`."""
        words = {"txs": [f"0x{raw.hex()}" for raw in raws], "blockNumber": hex(target), "stateBlockNumber": "latest"}
        answer = self._ask("eth_callBundle", words)
        try:
            return tuple(
                Called(str(one["txHash"]).lower(), int(one["gasUsed"]), _reverted(one)) for one in answer["results"]
            )
        except (KeyError, TypeError, ValueError):
            raise RpcFailed(f"relay {self.address}: its answer to eth_callBundle is none") from None

    def _ask(self, method: str, words: dict[str, Any]) -> Any:
        asked = {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": [words]}
        body = msgspec.json.encode(asked)
        signature = self._wallet.sign_text(f"0x{keccak(body).hex()}")
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: f"{self._wallet.address}:{signature}"}
        try:
            with requests.Session() as session:
                session.trust_env = False  # no proxy of the environment sees what is private
                answer = session.post(f"http://{self.address}", data=body, headers=headers, timeout=self._timeout_s)
                content = answer.content[:_ANSWER_BYTES_MAX]
        except requests.RequestException as error:
            raise RpcFailed(f"relay {self.address}: {method} was not answered: {type(error).__name__}") from None
        return _result(self.address, method, answer.status_code, content)


def _result(address: str, method: str, status: int, content: bytes) -> Any:
    """What a relay's answer says; a refusal says so in JSON, whatever its status."""
    try:
        said = _ANSWER.decode(content)
    except msgspec.MsgspecError:
        said = _Answer()
    if said.error is not None:
        error = _Error(message=said.error) if isinstance(said.error, str) else said.error
        raise RpcRefused(error.code, f"relay {address}: {method}: {error.message}")
    if 400 <= status < 500:
        raise RpcRefused(_INVALID, f"relay {address}: {method}: HTTP {status}")
    if status != 200 or said.result is msgspec.UNSET:
        raise RpcFailed(f"relay {address}: {method}: HTTP {status} without a result")
    return said.result


def _reverted(one: dict[str, Any]) -> str:
    """A relay names what failed by `error`, and by `revert` where the contract gave a reason."""
    return " ".join(str(one[name]) for name in ("error", "revert") if one.get(name))
