"""A relay and a builder for tests: it believes only signed requests, and puts bundles into anvil's blocks."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import rlp
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils import keccak

from quarterdeck.venues.evm.bundles import SIGNATURE_HEADER
from tests.venues.evm.anvil import Anvil, Refused


class Builder:
    """Takes bundles from who it knows. `build` mines the next block with those that are for it."""

    def __init__(self, node: Anvil, known: str) -> None:
        self.node, self.known = node, known
        self.bundles: list[tuple[int, list[str]]] = []
        self.asked: list[str] = []
        self.error: str = ""  # the answer to every bundle
        self.silent = False  # it breaks the line instead
        builder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if builder.silent:
                    self.close_connection = True
                    return
                status, said = builder.answer(body, self.headers.get(SIGNATURE_HEADER, ""))
                raw = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, body: bytes, header: str) -> tuple[int, dict[str, Any]]:
        asked = json.loads(body)
        who, _, signature = header.partition(":")
        text = encode_defunct(text="0x" + keccak(body).hex())
        if who != self.known or Account.recover_message(text, signature=signature) != self.known:
            return 403, {
                "jsonrpc": "2.0",
                "id": asked["id"],
                "error": {"code": -32600, "message": "signature is wrong"},
            }
        self.asked.append(asked["method"])
        if self.error:
            return 200, {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32000, "message": self.error}}
        words = asked["params"][0]
        if asked["method"] == "eth_callBundle":
            result: Any = {"results": [self._simulated(raw) for raw in words["txs"]]}
        else:
            self.bundles.append((int(words["blockNumber"], 16), words["txs"]))
            result = {"bundleHash": "0x" + keccak(text="".join(words["txs"])).hex()}
        return 200, {"jsonrpc": "2.0", "id": asked["id"], "result": result}

    def build(self) -> None:
        """One block, with the bundles that are for it."""
        target = self.node.number() + 1
        for block, raws in self.bundles:
            if block == target:
                with contextlib.suppress(Refused):  # what cannot be mined now is left out
                    for raw in raws:
                        self.node.rpc("eth_sendRawTransaction", raw)
        self.node.mine()

    def _simulated(self, raw: str) -> dict[str, Any]:
        fields = rlp.decode(bytes.fromhex(raw.removeprefix("0x02")))
        call = {
            "from": Account.recover_transaction(raw),
            "to": "0x" + fields[5].hex(),
            "data": "0x" + fields[7].hex(),
            "gas": hex(int.from_bytes(fields[4], "big")),
        }
        said: dict[str, Any] = {"txHash": "0x" + keccak(bytes.fromhex(raw[2:])).hex(), "gasUsed": 21_000}
        try:
            self.node.rpc("eth_call", call, "latest")
        except Refused as refused:
            said["error"] = f"execution reverted: {refused}"
        return said
