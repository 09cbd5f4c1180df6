"""One chain through several real nodes that die, freeze, lag, lie and come back."""

import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_account import Account
from eth_utils import keccak

from quarterdeck.errors import AllDown, RpcFailed, RpcRefused
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.endpoints import Endpoint
from quarterdeck.venues.evm.health import Status
from tests.venues.evm.anvil import ACCOUNTS, BEGIN_S, CHAIN_ID, KEYS, Anvil
from tests.venues.evm.gate import Gate, until

PROBE_S = 0.02
NOBODY = "http://127.0.0.1:9"
# Without calldata it answers 7, with some it reverts with the reason "no": 36 600b 57 6007 5f52 6020 5f f3 5b ..
SEVEN = bytes.fromhex("60075f5260205ff3")
NO = bytes.fromhex("62461bcd60e51b5f526020600452600260245261" + "6e6f" + "60f01b60445260645ffd")


def creation(runtime: bytes) -> bytes:
    """The code that leaves `runtime` behind."""
    return bytes([0x60, len(runtime), 0x80, 0x60, 0x09, 0x5F, 0x39, 0x5F, 0xF3]) + runtime


@pytest.fixture
def nodes() -> Iterator[tuple[Anvil, Anvil]]:
    """Two nodes with the same five blocks."""
    with Anvil() as first, Anvil() as second:
        for node in (first, second):
            node.mine(5, BEGIN_S + 12)
        yield first, second


def opened(*urls: str, **words: Any) -> Access:
    return Access([Endpoint(url, timeout_s=words.pop("timeout_s", 5.0)) for url in urls], CHAIN_ID, **words)


def signed(nonce: int) -> str:
    words = {"to": ACCOUNTS[1], "value": 1, "gas": 21_000, "nonce": nonce, "chainId": CHAIN_ID}
    fees = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9}
    return "0x" + Account.sign_transaction(words | fees, KEYS[0]).raw_transaction.hex()


def test_one_of_two_dies_amid_work_and_returns(nodes: tuple[Anvil, Anvil]) -> None:
    first, second = nodes
    said = list[str]()
    answered, failures, over = [0], list[Exception](), threading.Event()
    with opened(first.url, second.url, probe_s=PROBE_S, say=said.append) as access:
        assert access.current is not None
        assert access.current.name == first.address

        def work() -> None:
            while not over.is_set():
                try:
                    assert access.ask("eth_getBlockByNumber", ["0x3", False])["number"] == "0x3"
                    answered[0] += 1
                except Exception as error:  # noqa: BLE001 - whatever it is, the test names it
                    failures.append(error)

        worker = threading.Thread(target=work)
        worker.start()
        until(lambda: answered[0] > 20)
        first.stop()
        until(lambda: access.current is access.endpoints[1], "the second one takes over")
        before = answered[0]
        until(lambda: answered[0] > before + 20)
        first.start()
        until(lambda: "stale" in access.endpoints[0].health.last_error, "its chain is at block 0 now")
        assert access.current is access.endpoints[1]
        first.mine(5, BEGIN_S + 12)
        until(lambda: access.current is access.endpoints[0], "the first one returns")
        over.set()
        worker.join()
    assert failures == []
    assert any(line == f"chain endpoint {second.address} is asked now" for line in said)
    assert f"chain endpoint {first.address} is asked now" in said[-2:]


def test_return_takes_truthful_answers_in_a_row(nodes: tuple[Anvil, Anvil]) -> None:
    first, second = nodes
    access = opened(first.url, second.url, probe_s=3600)  # nobody probes but the test
    endpoint = access.endpoints[0]
    first.stop()
    for _ in range(3):
        assert access.ask("eth_blockNumber", []) == "0x5"  # the second one answers
    assert endpoint.health.status is Status.DEGRADED, "two failures, and the second one is asked first"
    with pytest.raises(RpcFailed, match="no connection"):
        endpoint.newest(probe=True)
    assert endpoint.health.status is Status.UNHEALTHY
    first.start()
    first.mine(5, BEGIN_S + 12)
    for good in range(3):
        assert not endpoint.health.usable, good
        endpoint.newest(probe=True)
    assert access.current is endpoint
    access.close()


def test_all_down_names_each_reason_and_no_secret(nodes: tuple[Anvil, Anvil]) -> None:
    first, _ = nodes
    access = opened(f"{NOBODY}/v3/secret", first.url, probe_s=3600)
    access.offline(first.address)
    with pytest.raises(AllDown, match=r"127\.0\.0\.1:9: no connection; .* offline: taken out") as raised:
        access.ask("eth_blockNumber", [])
    assert "secret" not in str(raised.value)
    assert "secret" not in json.dumps(access.status())
    access.online(first.address)
    assert access.ask("eth_blockNumber", []) == "0x5"
    access.close()


def test_other_chain_is_never_believed(nodes: tuple[Anvil, Anvil]) -> None:
    first, second = nodes
    access = opened(first.url, second.url, probe_s=3600)
    assert access.ask("eth_blockNumber", []) == "0x5"
    port = first.port
    first.stop()
    with Anvil(chain_id=5, port=port) as stranger:
        stranger.mine(9)
        assert access.ask("eth_blockNumber", []) == "0x5", "at the same address, over a new connection"
        assert access.endpoints[0].health.last_error == f"it is of chain 5, not of {CHAIN_ID}"
        assert access.current is access.endpoints[1]
        with pytest.raises(RpcFailed, match="of chain 5"):
            access.endpoints[0].newest(probe=True)
    access.close()


def test_node_that_lags_is_taken_out_and_returns_when_it_has_caught_up(nodes: tuple[Anvil, Anvil]) -> None:
    lagging, second = nodes
    with opened(lagging.url, second.url, probe_s=PROBE_S) as access:
        second.mine(3, BEGIN_S + 72)
        until(lambda: access.status()[lagging.address]["lag_blocks"] == 3)
        assert access.current is access.endpoints[0], "three blocks are allowed"
        second.mine(1, BEGIN_S + 108)
        until(lambda: access.current is access.endpoints[1])
        assert (
            access.endpoints[0].health.last_error == f"stale: block 5 is its newest, {second.address} was at 9 before"
        )
        lagging.mine(4, BEGIN_S + 72)
        until(lambda: access.current is access.endpoints[0])


def test_head_that_goes_back_is_a_lie_unless_it_is_a_reorganisation(nodes: tuple[Anvil, Anvil]) -> None:
    first, second = nodes
    access = opened(first.url, second.url, probe_s=3600)
    endpoint = access.endpoints[0]
    before = first.snapshot()
    first.mine(1, BEGIN_S + 72)
    assert endpoint.newest()["number"] == "0x6"
    first.reorg(1)
    endpoint.newest()
    assert endpoint.health.usable, "another block of the same number"
    first.revert(before)
    with pytest.raises(RpcFailed, match="went back from 6 to 5 without a reorganisation"):
        access.endpoints[0].newest()
    endpoint.newest()  # told as it is, and no probe
    assert access.current is access.endpoints[1]
    access.close()


def test_frozen_node_costs_one_wait_and_is_left(nodes: tuple[Anvil, Anvil]) -> None:
    first, second = nodes
    with opened(first.url, second.url, probe_s=PROBE_S, timeout_s=0.3) as access:
        first.freeze()
        assert access.ask("eth_blockNumber", []) == "0x5"
        until(lambda: access.current is access.endpoints[1])
        assert access.endpoints[0].health.last_error == "no answer in 0.3 s"
        first.thaw()
        until(lambda: access.current is access.endpoints[0])


def test_batch_keeps_order_and_refusals_stand_in_their_places(nodes: tuple[Anvil, Anvil]) -> None:
    access = opened(nodes[0].url)
    asked: list[tuple[str, list[Any]]] = [
        ("eth_nonsense", []) if index % 7 == 3 else ("eth_getBlockByNumber", [hex(index % 6), False])
        for index in range(1_101)
    ]
    for index, answer in enumerate(access.ask_many(asked)):
        if index % 7 == 3:
            assert isinstance(answer, RpcRefused)
            assert answer.code == -32601
        else:
            assert answer["number"] == hex(index % 6)
    assert access.ask_many([]) == []
    access.close()


def test_contracts_are_called_in_one_batch_and_by_web3(nodes: tuple[Anvil, Anvil]) -> None:
    seven, no = (nodes[0].deploy(creation(code)) for code in (SEVEN, NO))
    with opened(nodes[0].url, probe_s=PROBE_S) as access:
        said = access.call_many([(seven, b""), (no, b""), (seven, b"\x01")], nodes[0].number())
        assert said[0] == said[2] == (7).to_bytes(32)
        assert isinstance(said[1], RpcRefused)
        assert said[1].code == 3
        abi = [{"type": "function", "name": "get", "inputs": [], "stateMutability": "view",
                "outputs": [{"name": "", "type": "uint256"}]}]  # fmt: skip
        assert access.w3.eth.contract(address=seven, abi=abi).functions.get().call() == 7
        with access.w3.batch_requests() as batch:
            batch.add(access.w3.eth.get_block(3))
            batch.add(access.w3.eth.get_balance(ACCOUNTS[2]))
            block, balance = batch.execute()
        assert (block["number"], balance) == (3, 10**22)


def test_transaction_whose_line_breaks_goes_on_with_the_same_bytes(nodes: tuple[Anvil, Anvil]) -> None:
    first, second = nodes
    raw = signed(0)
    name = "0x" + keccak(bytes.fromhex(raw[2:])).hex()
    with Gate(first.port) as gate:
        access = opened(gate.url, second.url, probe_s=3600)
        access.ask("eth_blockNumber", [])
        gate.mute = True
        assert access.ask("eth_sendRawTransaction", [raw]) == name
        for node in nodes:
            until(lambda node=node: node.rpc("eth_getTransactionReceipt", name) is not None, "both have it")
        access.close()


def test_fate_of_a_transaction_is_unknown_when_no_other_endpoint_takes_it(nodes: tuple[Anvil, Anvil]) -> None:
    first, second = nodes
    second.send(ACCOUNTS[1], value=1)  # so the second one refuses nonce 0, which says nothing of the first one
    with Gate(first.port) as gate:
        access = opened(gate.url, second.url, probe_s=3600)
        access.ask("eth_blockNumber", [])
        gate.mute = True
        with pytest.raises(RpcFailed, match="whether the transaction is out is not known") as raised:
            access.ask("eth_sendRawTransaction", [signed(0)])
        assert not isinstance(raised.value, AllDown)
        assert "nonce too low" in str(raised.value)
        until(lambda: first.number() == 6, "it was out")
        gate.mute = False
        with pytest.raises(RpcRefused, match="nonce too low"):
            access.ask("eth_sendRawTransaction", [signed(0)])
        access.close()


def test_nothing_left_when_nobody_was_reached() -> None:
    access = opened(NOBODY, probe_s=3600)
    with pytest.raises(AllDown, match="no connection"):
        access.ask("eth_sendRawTransaction", [signed(0)])
    access.close()


def test_transaction_that_a_node_has_is_taken() -> None:
    with Anvil("--no-mining") as node:
        access = opened(node.url)
        raw = signed(0)
        assert access.ask("eth_sendRawTransaction", [raw]) == access.ask("eth_sendRawTransaction", [raw])
        access.close()


def test_what_is_no_question_is_not_repeated(nodes: tuple[Anvil, Anvil]) -> None:
    first, second = nodes
    with Gate(first.port) as gate:
        access = opened(gate.url, second.url, probe_s=3600)
        access.ask("eth_blockNumber", [])
        gate.mute = True
        with pytest.raises(RpcFailed, match="the connection broke"):
            access.ask("evm_mine", [])
        assert (first.number(), second.number()) == (6, 5)
        gate.shut()
        access.ask("evm_mine", [])  # no connection: it cannot have arrived
        assert (first.number(), second.number()) == (6, 6)
        access.close()


Body = Callable[[list[int]], Any]


@contextlib.contextmanager
def scripted(status: int, body: Body) -> Iterator[Endpoint]:
    """An endpoint that answers what it is told to: `body` makes it of the ids that were asked."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = body([each["id"] for each in asked] if isinstance(asked, list) else [asked["id"]])
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}")
        yield endpoint
        endpoint.close()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (200, lambda _: b"<html>", "its answer is not JSON-RPC"),
        (200, lambda _: {"result": 7}, "its answer is not JSON-RPC"),
        (200, lambda ids: [{"id": ids[0], "result": 1}], "its answer is not JSON-RPC"),
        (200, lambda ids: [{"id": [each], "result": each} for each in ids], "its answer is not JSON-RPC"),
        (200, lambda ids: [{"id": 0, "result": each} for each in ids], "its answer is not JSON-RPC"),
        (200, lambda ids: [{"id": each} for each in ids], "its answer is not JSON-RPC"),
        (503, lambda _: b"", "HTTP 503"),
        (302, lambda _: b"", "TooManyRedirects"),
        (
            200,
            lambda ids: [{"id": each, "error": {"code": -32005, "message": "slow down"}} for each in ids],
            "it takes no more questions for now: slow down",
        ),
        (200, lambda ids: [{"id": each, "result": "0xzz"} for each in ids], "it does not say its chain's id"),
    ],
)
def test_nonsense_is_a_failure(status: int, body: Body, problem: str) -> None:
    with scripted(status, body) as endpoint, pytest.raises(RpcFailed, match=problem):
        endpoint.ask_many([("eth_blockNumber", []), ("eth_chainId", [])])


def test_answers_are_matched_by_their_ids() -> None:
    with scripted(200, lambda ids: [{"id": each, "result": hex(each)} for each in reversed(ids)]) as endpoint:
        assert endpoint.ask_many([("eth_chainId", [])] * 3) == ["0x0", "0x1", "0x2"]


def test_batch_that_is_refused_in_one_word_is_refused_in_each_place() -> None:
    refused = {"id": None, "error": {"code": -32600, "message": "too many"}}
    with scripted(200, lambda ids: refused if len(ids) > 1 else [{"id": 0, "result": "0x1"}]) as endpoint:
        answers = endpoint.ask_many([("eth_chainId", [])] * 3)
        assert [each.message for each in answers] == ["too many"] * 3


def test_threads_end_with_it(nodes: tuple[Anvil, Anvil]) -> None:
    before = threading.active_count()
    with opened(nodes[0].url, nodes[1].url, probe_s=PROBE_S):
        assert threading.active_count() == before + 2
    assert threading.active_count() == before
