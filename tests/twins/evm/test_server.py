"""The twin's server as clients meet it: JSON-RPC's forms, questions, websockets, faults, the universe.

The parts: `quarterdeck.twins.evm.rpc`, `quarterdeck.twins.evm.questions`, `quarterdeck.twins.evm.filters`,
`quarterdeck.twins.evm.subscriptions`, `quarterdeck.twins.evm.faults`, `quarterdeck.twins.evm.flow`.
"""

import json
import urllib.request
from collections.abc import Iterator

import pytest
from eth_abi.abi import decode
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from quarterdeck.venues.evm.universe import decode_universe
from tests.twins.evm.serving import ANN, BOB, ETHER, GWEI, NodeError, Twin, data_of, running

SYNC = "0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1"
SWAP = "0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822"


@pytest.fixture
def twin() -> Iterator[Twin]:
    with running(seed=5) as twin:
        yield twin


def rpc(twin: Twin, body: object) -> object:
    status, raw = twin.post("/", body)
    assert status == 200
    return json.loads(raw) if raw else None


def hear(line: ClientConnection) -> dict[str, object]:
    return json.loads(line.recv(timeout=20))


def subscribe(line: ClientConnection, *words: object) -> str:
    line.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": words}))
    return str(hear(line)["result"])


def test_forms_of_json_rpc(twin: Twin) -> None:
    one = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}
    assert rpc(twin, one) == {"jsonrpc": "2.0", "id": 1, "result": "0x7a69"}
    batch = [
        one,
        {"jsonrpc": "2.0", "id": "b", "method": "eth_nothing"},
        {"jsonrpc": "2.0", "method": "eth_chainId"},
        5,
    ]
    first, second, third = rpc(twin, batch)
    assert first["result"] == "0x7a69"
    assert second["error"] == {"code": -32601, "message": "the method eth_nothing does not exist/is not available"}
    assert third["error"]["code"] == -32600
    assert rpc(twin, b"{nonsense")["error"]["code"] == -32700
    assert rpc(twin, [])["error"]["code"] == -32600
    assert rpc(twin, {"jsonrpc": "2.0", "method": "eth_chainId"}) is None


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("eth_getBalance", []),
        ("eth_getBalance", ["0x12"]),
        ("eth_getBalance", ["0x" + "11" * 20, "newest"]),
        ("eth_call", ["0x"]),
        ("eth_getTransactionReceipt", ["0x12"]),
        ("eth_getLogs", [{"topics": ["0x12"]}]),
        ("eth_call", [{"to": "0x" + "11" * 20}, "latest", {"0x" + "11" * 20: {"balance": "0x1"}}]),
    ],
)
def test_what_cannot_be_read_is_said(twin: Twin, method: str, words: list[object]) -> None:
    with pytest.raises(NodeError) as refused:
        twin.ask(method, *words)
    assert refused.value.code == -32602


def test_a_revert_is_told_with_its_reason_and_data(twin: Twin) -> None:
    token = twin.universe()["tokens"][1]["address"]
    data = data_of("transfer(address,uint256)", ["address", "uint256"], [BOB.address, 1])
    for method in ("eth_call", "eth_estimateGas"):
        with pytest.raises(NodeError) as refused:
            twin.ask(method, {"from": ANN.address, "to": token, "data": "0x" + data.hex()})
        assert refused.value.code == 3
        assert refused.value.message == "execution reverted: ERC20: transfer amount exceeds balance"
        assert decode(["string"], bytes.fromhex(refused.value.data[10:])) == ("ERC20: transfer amount exceeds balance",)


def test_estimates_are_enough_and_not_much_more(twin: Twin) -> None:
    wrapped = twin.universe()["tokens"][0]["address"]
    asked = {"from": ANN.address, "to": wrapped, "data": "0x" + data_of("deposit()").hex(), "value": hex(ETHER)}
    gas = int(twin.ask("eth_estimateGas", asked), 16)
    digest = twin.send(ANN, to=wrapped, data=data_of("deposit()"), value=ETHER, gas=gas)
    twin.mine()
    receipt = twin.receipt(digest)
    assert int(receipt["status"], 16) == 1
    assert int(receipt["gasUsed"], 16) <= gas <= int(receipt["gasUsed"], 16) * 66 // 64 + 1
    assert int(twin.ask("eth_estimateGas", {"from": ANN.address, "to": BOB.address}), 16) == 21_000


def test_other_code_for_the_time_of_a_question(twin: Twin) -> None:
    pair = twin.universe()["pools"][0]["address"]
    asked = {"to": pair, "data": "0x" + data_of("kept()").hex()}
    before, code = twin.ask("eth_call", asked), twin.ask("eth_getCode", pair)
    assert int(twin.ask("eth_call", asked, "latest", {pair: {"code": "0x602a60005260206000f3"}}), 16) == 42
    assert twin.ask("eth_call", asked) == before
    assert twin.ask("eth_getCode", pair) == code
    twin.mine(3)
    assert twin.ask("eth_call", asked) == before


def test_logs_are_found_by_address_topic_and_block(twin: Twin) -> None:
    twin.mine(8)
    every = twin.ask("eth_getLogs", {"fromBlock": "0x1", "toBlock": "latest"})
    syncs = twin.ask("eth_getLogs", {"fromBlock": "0x1", "topics": [[SYNC]]})
    assert syncs == [log for log in every if log["topics"][0] == SYNC]
    assert len(syncs) > 2
    one = syncs[-1]
    asked = {"fromBlock": "0x1", "address": [one["address"]], "topics": [[SYNC, SWAP]]}
    both = twin.ask("eth_getLogs", asked)
    assert {log["topics"][0] for log in both} == {SYNC, SWAP}
    assert {log["address"] for log in both} == {one["address"]}
    there = twin.ask("eth_getLogs", {"blockHash": one["blockHash"]})
    assert there == [log for log in every if log["blockHash"] == one["blockHash"]]
    assert [int(log["logIndex"], 16) for log in there] == list(range(len(there)))
    held = decode(["uint112", "uint112"], bytes.fromhex(one["data"][2:]))
    data = "0x" + data_of("getReserves()").hex()
    now = twin.ask("eth_call", {"to": one["address"], "data": data}, {"blockHash": one["blockHash"]})
    assert decode(["uint112", "uint112", "uint32"], bytes.fromhex(now[2:]))[:2] == held


def test_subscribers_hear_heads_and_logs_and_what_a_reorg_takes_back(twin: Twin) -> None:
    with connect(twin.line) as heads, connect(twin.line + "/ws") as logs:
        name = subscribe(heads, "newHeads")
        subscribe(logs, "logs", {"topics": [SYNC]})
        twin.mine(6)
        heard = [hear(heads)["params"] for _ in range(6)]
        assert {one["subscription"] for one in heard} == {name}
        chain = [one["result"] for one in heard]
        assert [int(head["number"], 16) for head in chain] == [1, 2, 3, 4, 5, 6]
        assert [head["parentHash"] for head in chain[1:]] == [head["hash"] for head in chain[:-1]]
        known = twin.ask("eth_getLogs", {"fromBlock": "0x1", "topics": [SYNC]})
        assert [hear(logs)["params"]["result"] for _ in known] == known
        twin.fault("reorg", 6)
        branch = [hear(heads)["params"]["result"] for _ in range(7)]
        assert branch[0]["parentHash"] == chain[0]["parentHash"]
        assert int(branch[-1]["number"], 16) == 7
        gone = [hear(logs)["params"]["result"] for _ in known]
        assert all(log["removed"] for log in gone)
        assert sorted(log["transactionHash"] for log in gone) == sorted(log["transactionHash"] for log in known)
        heads.send(json.dumps({"jsonrpc": "2.0", "id": 2, "method": "eth_unsubscribe", "params": [name]}))
        assert hear(heads)["result"] is True
        assert twin.tell()["sessions"] == 2
        twin.fault("disconnect")
        with pytest.raises(ConnectionClosed):
            heads.recv(timeout=20)


def test_a_node_may_lie(twin: Twin) -> None:
    twin.mine(3)
    twin.fault("stale")
    digest = twin.send(ANN)
    twin.mine(2)
    assert twin.ask("eth_blockNumber") == "0x3"
    assert twin.receipt(digest) is None
    assert twin.ask("eth_getBlockByNumber", "0x4", False) is None
    assert twin.ask("eth_getBalance", ANN.address) == hex(100 * ETHER)
    twin.fault("stale", 0)
    assert twin.ask("eth_blockNumber") == "0x5"
    assert twin.receipt(digest)["blockNumber"] == "0x4"
    twin.fault("chain-id", 1)
    assert (twin.ask("eth_chainId"), twin.ask("net_version")) == ("0x1", "1")
    twin.fault("clear")
    assert twin.ask("eth_chainId") == "0x7a69"


def test_transactions_are_held_lost_and_forgotten(twin: Twin) -> None:
    twin.fault("hold")
    stuck = twin.send(ANN)
    twin.mine(3)
    assert twin.receipt(stuck) is None
    assert twin.ask("eth_getTransactionByHash", stuck)["blockNumber"] is None
    twin.fault("hold", 0)
    twin.mine()
    assert twin.receipt(stuck)["blockNumber"] == "0x4"
    twin.fault("lose")
    lost = twin.send(ANN)
    assert twin.ask("eth_getTransactionByHash", lost) is None
    twin.send(ANN)
    twin.fault("forget")
    assert twin.tell()["waiting"] == 0


def test_answers_fail_and_connections_break_when_told(twin: Twin) -> None:
    twin.fault("fail")
    assert twin.post("/", {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"})[0] == 502
    twin.fault("reject")
    with pytest.raises(NodeError, match="takes no transactions"):
        twin.send(ANN)
    twin.fault("drop-acks")
    raw = twin.signed(ANN)
    with pytest.raises(ConnectionError):
        twin.ask("eth_sendRawTransaction", raw)
    with pytest.raises(NodeError, match="already known"):
        twin.ask("eth_sendRawTransaction", raw)
    assert twin.post("/twin", {"fault": "nonsense"})[0] == 400


def test_the_universe_is_what_a_desk_reads(twin: Twin) -> None:
    with urllib.request.urlopen(f"{twin.address}/twin/universe", timeout=30) as answer:
        raw = answer.read()
    universe = decode_universe(raw, "the twin")
    assert universe.chain_id == 31_337
    assert len(universe.pools) == 12
    executor = json.loads(raw)["executor"]
    owner = twin.ask("eth_call", {"to": executor, "data": "0x" + data_of("owner()").hex()})
    assert owner[-40:] == ANN.address[2:].lower()
    assert twin.nonce(ANN) == 1


def test_the_flow_opens_gaps_and_keeps_the_fee_near_its_anchor() -> None:
    with running(seed=6) as twin:
        twin.mine(80)
        heads = [twin.ask("eth_getBlockByNumber", hex(number), False) for number in range(1, 81)]
        fees = [int(head["baseFeePerGas"], 16) / GWEI for head in heads]
        assert 6 < min(fees) <= max(fees) < 24
        swaps = twin.ask("eth_getLogs", {"fromBlock": "0x1", "topics": [SWAP]})
        assert len({log["blockNumber"] for log in swaps}) > 40
        assert len({log["address"] for log in swaps}) == 12
