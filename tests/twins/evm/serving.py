"""A twin in a thread of the test's process, reached over real sockets; blocks come when a test asks for them."""

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak

from quarterdeck.twins.evm.server import TwinOptions, TwinServer

ETHER, GWEI = 10**18, 10**9
ANN, BOB = (Account.from_key(keccak(text=name)) for name in ("ann", "bob"))
START_S = 1_700_000_000


class NodeError(Exception):
    """What the node said no with."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.code, self.message, self.data = error["code"], error["message"], error.get("data")
        super().__init__(f"{self.code}: {self.message}")


class Twin:
    """A running twin."""

    def __init__(self, server: TwinServer) -> None:
        self.server = server
        self.address = f"http://127.0.0.1:{server.port}"
        self.line = f"ws://127.0.0.1:{server.port}"

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request("POST", path, body if isinstance(body, bytes) else json.dumps(body), headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ask(self, method: str, *words: Any, signer: Any = None) -> Any:
        """One call. NodeError where it is refused."""
        body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": words}).encode()
        headers = {} if signer is None else {"X-Flashbots-Signature": signature(signer, body)}
        status, raw = self.post("/", body, headers)
        assert status == 200, raw
        answer = json.loads(raw)
        if "error" in answer:
            raise NodeError(answer["error"])
        assert answer["id"] == 7
        return answer["result"]

    def tell(self, **words: Any) -> dict[str, Any]:
        status, raw = self.post("/twin", words)
        assert status == 200, raw
        return json.loads(raw)

    def mine(self, blocks: int = 1) -> int:
        return self.tell(mine=blocks)["block"]

    def fault(self, fault: str, amount: int = 1) -> None:
        self.tell(fault=fault, amount=amount)

    def nonce(self, account: Any, block: str = "latest") -> int:
        return int(self.ask("eth_getTransactionCount", account.address, block), 16)

    def send(self, account: Any, **changes: Any) -> str:
        return self.ask("eth_sendRawTransaction", self.signed(account, **changes))

    def signed(self, account: Any, **changes: Any) -> str:
        """A payment of one gwei to nobody, but for what is changed."""
        words = {
            "type": 2,
            "chainId": 31_337,
            "nonce": changes["nonce"] if "nonce" in changes else self.nonce(account, "pending"),
            "to": "0x" + "77" * 20,
            "value": GWEI,
            "data": b"",
            "gas": 21_000,
            "maxFeePerGas": 40 * GWEI,
            "maxPriorityFeePerGas": GWEI,
        } | changes
        return (
            "0x"
            + account.sign_transaction(
                {key: value for key, value in words.items() if value is not None}
            ).raw_transaction.hex()
        )

    def receipt(self, digest: str) -> Any:
        return self.ask("eth_getTransactionReceipt", digest)

    def universe(self) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request("GET", "/twin/universe")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


def signature(account: Any, body: bytes) -> str:
    """As Flashbots asks for it."""
    message = encode_defunct(text="0x" + keccak(body).hex())
    return f"{account.address}:0x{account.sign_message(message).signature.hex()}"


def data_of(signature_: str, types: Sequence[str] = (), values: Sequence[Any] = ()) -> bytes:
    return keccak(text=signature_)[:4] + encode(types, values)


@contextlib.contextmanager
def running(**options: Any) -> Iterator[Twin]:
    """A twin with two funded accounts; the first one's is the executor."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="twin")
    thread.start()
    funds = {ANN.address.lower(): 100 * ETHER, BOB.address.lower(): ETHER}
    server = TwinServer(TwinOptions(**{"funds": funds, "block_s": 0, "start_s": START_S, **options}))
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(120)
        yield Twin(server)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
