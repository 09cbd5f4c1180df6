"""What a revert says, in words for people: from its bytes, from a node's trace, from a replay where there is no trace.

What is tested: `quarterdeck.venues.evm.reverts`. That it agrees with the proof on real failures is in `test_proof`.
"""

import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from eth_abi import encode
from eth_utils import keccak

from quarterdeck.errors import RpcRefused
from quarterdeck.venues.evm.access import Access, Endpoint
from quarterdeck.venues.evm.reverts import explain, explain_halt, refused, why
from quarterdeck.venues.evm.universe import LenderKind
from tests.venues.evm.anvil import CHAIN_ID
from tests.venues.evm.proven import OWNER
from tests.venues.evm.stage import Stage, stage

TOKEN = "0x" + "ab" * 20


def words(signature: str, *values: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return keccak(text=signature)[:4] + encode(types, values)


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"", "", "without a word"),
        (words("Error(string)", "UniswapV2: K"), "Error", "the pair got less than its product needs (UniswapV2: K)"),
        (words("Error(string)", "BAL#528"), "Error", "the Vault has less than was borrowed (BAL#528)"),
        (words("Error(string)", "BAL#999"), "Error", "BAL#999"),
        (words("Error(string)", "91"), "Error", "Aave lends this token no flash loans (91)"),
        (words("Error(string)", "IIA"), "Error", "the Uniswap V3 pool was paid too little (IIA)"),
        (words("Error(string)", "not the owner"), "Error", "not the owner"),
        (words("Error(string)", ""), "Error", "an error without words"),
        (words("Panic(uint256)", 0x11), "Panic", "a number overflowed or fell below zero (panic 0x11)"),
        (words("Panic(uint256)", 0x77), "Panic", "a panic of its compiler (panic 0x77)"),
        (words("WrongPremium(uint256,uint256)", 9, 5), "WrongPremium", "premium of 9, the proof had reckoned with 5"),
        (words("StepPaidTooLittle(uint256,uint256,uint256)", 1, 7, 8), "StepPaidTooLittle", "swap 2 paid 7, less than"),
        (words("WrongTransfer(address,uint256,uint256)", TOKEN, 99, 100), "WrongTransfer", f"{TOKEN} moved 99"),
        (words("ProfitTooSmall(int256,uint256)", -3, 5), "ProfitTooSmall", "would have earned -3, the minimum was 5"),
        (words("WrongAmountAsked(int256,uint256)", 5, 6), "WrongAmountAsked", "asked for 5 where 6 went in"),
        (words("ReserveFrozen(uint256)", 1), "0x" + keccak(text="ReserveFrozen(uint256)")[:4].hex(), "not known here"),
        (words("Error(string)", "x")[:20], "", "words that cannot be read"),
        (words("WrongPremium(uint256,uint256)", 9, 5)[:40], "", "words that cannot be read"),
        (b"\x08", "0x08", "not known here"),
    ],
)  # fmt: skip
def test_bytes(data: bytes, name: str, said: str) -> None:
    reason = explain(data)
    assert reason.name == name
    assert said in reason.text


def test_what_the_machine_says() -> None:
    for text in ("Halt { reason: OutOfGas(Basic), gas_used: 36815 }", "out of gas", "intrinsic gas too low"):
        assert explain_halt(text).name == "OutOfGas"
    assert explain_halt("Transaction(GasPriceLessThanBasefee)").name == "GasPriceLessThanBasefee"
    assert "InvalidFEOpcode" in explain_halt("Halt { reason: InvalidFEOpcode, gas_used: 9 }").text


def test_what_a_node_says() -> None:
    data = "0x" + words("ProfitTooSmall(int256,uint256)", 1, 2).hex()
    assert refused(RpcRefused(3, "execution reverted", data)).values == (1, 2)
    assert refused(RpcRefused(3, "execution reverted", {"data": data})).values == (1, 2)
    assert refused(RpcRefused(3, "execution reverted")).text == explain(b"").text
    assert refused(RpcRefused(-32000, "out of gas")).name == "OutOfGas"


@pytest.fixture(scope="module")
def built() -> Iterator[Stage]:
    with stage() as made:
        yield made


@pytest.fixture
def on(built: Stage) -> Iterator[Stage]:
    with built.bench.street.trying():
        yield built


@pytest.fixture
def plain(built: Stage) -> Iterator[Access]:
    """The same node, as one that offers no traces."""
    port = built.bench.node.port

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = json.loads(body)
            if str(asked["method"]).startswith("debug_"):
                error = {"code": -32601, "message": "the method does not exist"}
                said = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": error}).encode()
            else:
                line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                line.request("POST", "/", body, {"Content-Type": "application/json"})
                said = line.getresponse().read()
                line.close()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        access = Access([Endpoint(f"http://127.0.0.1:{server.server_port}")], CHAIN_ID)
        yield access
        access.close()
        server.shutdown()
        thread.join()


def failures(on: Stage) -> Iterator[tuple[str, LenderKind, int]]:
    """(what it is, lender, gas) of calls that revert."""
    for kind in on.found:
        yield "ProfitTooSmall", kind, 6_000_000
        for gas in (30_000, 100_000, 200_000):
            yield "OutOfGas", kind, gas


def test_a_replay_says_what_a_trace_says(on: Stage, plain: Access) -> None:
    for name, kind, gas in failures(on):
        receipt = on.sent(on.call(kind, minimum=10**30, gas=gas))
        assert not receipt.success
        said = why(on.bench.access, receipt)
        if name == "ProfitTooSmall":
            assert said.name == name
            assert why(plain, receipt) == said
        else:
            assert said.name == name, (kind, gas, said)


def test_out_of_gas_is_found_without_a_trace(on: Stage, plain: Access) -> None:
    for _, kind, gas in failures(on):
        if gas < 10**6:
            assert why(plain, on.sent(on.call(kind, gas=gas))).name == "OutOfGas"
            on.bench.street.wire.ask("evm_mine")


def test_without_a_trace_a_move_in_the_same_block_is_said_as_such(on: Stage, plain: Access) -> None:
    """The replay runs on the state in front of the block, where the gap still was."""
    call, street = on.call("aave-v3"), on.bench.street
    first = {"from": OWNER, "to": call.to, "data": "0x" + call.data.hex(), "gas": hex(call.gas_limit)}
    names = [street.wire.ask("eth_sendTransaction", first) for _ in range(2)]
    street.wire.ask("evm_mine")
    receipts = [on.bench.receipt(name) for name in names]
    assert [receipt.success for receipt in receipts] == [True, False]
    assert why(plain, receipts[1]).name == "Moved"
    assert why(on.bench.access, receipts[1]).name == "StepPaidTooLittle"
