"""What the chain does: fees, what the miner takes, replacements, states of the past, a branch that wins.

The parts: `quarterdeck.twins.evm.chain`, `quarterdeck.twins.evm.pool`, `quarterdeck.twins.evm.admission`.
"""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from quarterdeck.twins.evm.blocks import next_base_fee
from quarterdeck.twins.evm.machine import BLOCK_GAS_MAX
from quarterdeck.twins.evm.words import to_rlp
from tests.twins.evm.serving import ANN, BOB, ETHER, GWEI, NodeError, Twin, data_of, running


@pytest.fixture
def twin() -> Iterator[Twin]:
    with running(seed=5) as twin:
        yield twin


@pytest.fixture
def quiet() -> Iterator[Twin]:
    with running(seed=5, traded=False) as twin:
        yield twin


def test_base_fee_follows_the_standard() -> None:
    target = BLOCK_GAS_MAX // 2
    assert next_base_fee(8_000, target) == 8_000
    assert next_base_fee(8_000, BLOCK_GAS_MAX) == 9_000
    assert next_base_fee(8_000, 0) == 7_000
    assert next_base_fee(1, target + 1) == 2


def test_same_seed_and_same_requests_give_the_same_chain() -> None:
    heads = []
    for _ in range(2):
        with running(seed=9) as twin:
            twin.mine(5)
            twin.send(ANN)
            twin.mine(5)
            twin.fault("reorg", 3)
            twin.mine(2)
            heads.append(twin.ask("eth_getBlockByNumber", "latest", False))
    assert heads[0] == heads[1]
    with running(seed=10) as twin:
        twin.mine(13)
        assert twin.ask("eth_getBlockByNumber", "latest", False)["hash"] != heads[0]["hash"]


def test_miner_takes_the_higher_tip_first_and_nonces_in_order(quiet: Twin) -> None:
    first = quiet.send(ANN, maxPriorityFeePerGas=GWEI)
    second = quiet.send(ANN, maxPriorityFeePerGas=3 * GWEI)
    other = quiet.send(BOB, maxPriorityFeePerGas=2 * GWEI)
    quiet.mine()
    assert quiet.ask("eth_getBlockByNumber", "latest", False)["transactions"] == [other, first, second]


def test_a_gap_waits_and_pending_counts_what_has_no_gap(quiet: Twin) -> None:
    nonce = quiet.nonce(ANN)
    later = quiet.send(ANN, nonce=nonce + 1)
    quiet.mine()
    assert quiet.receipt(later) is None
    assert quiet.nonce(ANN, "pending") == nonce
    quiet.send(ANN, nonce=nonce)
    assert quiet.nonce(ANN, "pending") == nonce + 2
    quiet.mine()
    assert int(quiet.receipt(later)["status"], 16) == 1
    assert quiet.nonce(ANN) == nonce + 2


def test_replacement_needs_a_tenth_more_of_both_fees(quiet: Twin) -> None:
    nonce = quiet.nonce(ANN)
    old = quiet.send(ANN, nonce=nonce, maxFeePerGas=30 * GWEI, maxPriorityFeePerGas=GWEI)
    for cap, tip in ((33 * GWEI - 1, 2 * GWEI), (40 * GWEI, GWEI * 11 // 10 - 1)):
        with pytest.raises(NodeError, match="replacement transaction underpriced"):
            quiet.send(ANN, nonce=nonce, maxFeePerGas=cap, maxPriorityFeePerGas=tip)
    new = quiet.send(ANN, nonce=nonce, maxFeePerGas=33 * GWEI, maxPriorityFeePerGas=GWEI * 11 // 10)
    quiet.mine()
    assert quiet.receipt(new) is not None
    assert quiet.ask("eth_getTransactionByHash", old) is None


REFUSALS = [
    ({"nonce": 0}, "nonce too low: next nonce 1, tx nonce 0"),
    ({"chainId": 1}, "invalid sender: invalid chain id for signer: have 1 want 31337"),
    ({"gas": 20_999}, "intrinsic gas too low: gas 20999, minimum needed 21000"),
    ({"gas": BLOCK_GAS_MAX + 1}, "exceeds block gas limit"),
    ({"value": 1000 * ETHER}, "insufficient funds for gas * price + value: balance"),
    ({"maxFeePerGas": GWEI}, "max fee per gas less than block base fee: address"),
    ({"maxPriorityFeePerGas": 41 * GWEI}, "max priority fee per gas higher than max fee per gas"),
    (
        {"type": None, "chainId": None, "maxFeePerGas": None, "maxPriorityFeePerGas": None, "gasPrice": 40 * GWEI},
        "only replay-protected (EIP-155) transactions allowed over RPC",
    ),
]


@pytest.mark.parametrize(("changes", "words"), REFUSALS)
def test_what_a_node_refuses_it_says_in_geths_words(quiet: Twin, changes: dict[str, int], words: str) -> None:
    with pytest.raises(NodeError) as refused:
        quiet.send(ANN, **changes)
    assert refused.value.code == -32_000
    assert refused.value.message.startswith(words)
    assert quiet.tell()["waiting"] == 0


def test_the_same_again_is_known_and_garbage_is_not_taken(quiet: Twin) -> None:
    raw = quiet.signed(ANN)
    quiet.ask("eth_sendRawTransaction", raw)
    with pytest.raises(NodeError, match="already known"):
        quiet.ask("eth_sendRawTransaction", raw)
    for bad in ("0x", "0x02", "0x03aa", raw[:-2], raw[:6] + "ff" + raw[8:]):
        with pytest.raises(NodeError):
            quiet.ask("eth_sendRawTransaction", bad)


def test_legacy_and_listed_transactions_are_mined(quiet: Twin) -> None:
    legacy = quiet.send(ANN, type=None, maxFeePerGas=None, maxPriorityFeePerGas=None, gasPrice=40 * GWEI)
    listed = quiet.send(
        ANN, type=1, maxFeePerGas=None, maxPriorityFeePerGas=None, gasPrice=40 * GWEI, gas=30_000,
        accessList=[{"address": "0x" + "66" * 20, "storageKeys": ["0x" + "00" * 32]}],
    )  # fmt: skip
    quiet.mine()
    for digest, kind in ((legacy, 0), (listed, 1)):
        assert int(quiet.receipt(digest)["type"], 16) == kind
        assert int(quiet.receipt(digest)["status"], 16) == 1


def test_a_sender_makes_contracts_where_his_nonce_says(quiet: Twin) -> None:
    code = bytes.fromhex("602a60005260206000f3")  # answers 42
    creation = bytes.fromhex("69" + code.hex() + "600052600a6016f3")
    quiet.send(ANN)
    digest = quiet.send(ANN, to="", data=creation, gas=200_000, value=0)
    quiet.mine()
    made = quiet.receipt(digest)["contractAddress"]
    assert quiet.ask("eth_getCode", made) == "0x" + code.hex()
    assert int(quiet.ask("eth_call", {"to": made}), 16) == 42
    nonce = int(quiet.ask("eth_getTransactionByHash", digest)["nonce"], 16)
    assert made == to_checksum_address(keccak(to_rlp([bytes.fromhex(ANN.address[2:]), nonce]))[12:])


def test_states_of_the_past_are_as_they_were(twin: Twin) -> None:
    pairs = [one["address"] for one in twin.universe()["pools"]]
    data = "0x" + data_of("getReserves()").hex()

    def state(block: object) -> list[str]:
        called = [twin.ask("eth_call", {"to": pair, "data": data}, block) for pair in pairs]
        return called + [twin.ask("eth_getStorageAt", pair, "0x8", block) for pair in pairs]

    seen = []
    for _ in range(6):
        twin.mine()
        head = twin.ask("eth_getBlockByNumber", "latest", False)
        seen.append((head["number"], head["hash"], state("latest")))
    assert len({tuple(words) for _, _, words in seen}) > 1
    for number, digest, words in [*reversed(seen), *seen]:
        assert state(number) == state({"blockNumber": number}) == state({"blockHash": digest}) == words
    twin.mine(130)
    with pytest.raises(NodeError, match="historical state"):
        twin.ask("eth_call", {"to": pairs[0], "data": data}, seen[0][0])


def test_what_is_asked_changes_no_gas(twin: Twin) -> None:
    with running(seed=5) as other:
        pairs = [one["address"] for one in other.universe()["pools"]]
        for _ in range(4):
            for pair in pairs:
                other.ask("eth_call", {"to": pair, "data": "0x" + data_of("getReserves()").hex()})
                other.ask("eth_getCode", pair)
            other.mine()
        twin.mine(4)
        assert twin.tell()["hash"] == other.tell()["hash"]


def test_a_branch_that_wins_takes_blocks_back_and_brings_transactions_again(twin: Twin) -> None:
    twin.mine(4)
    balance = twin.ask("eth_getBalance", ANN.address)
    digest = twin.send(ANN)
    twin.mine(3)
    before = twin.receipt(digest)
    assert twin.ask("eth_getBalance", ANN.address) != balance
    twin.fault("reorg", 3)
    assert int(twin.ask("eth_blockNumber"), 16) == 8
    after = twin.receipt(digest)
    assert int(before["blockNumber"], 16) == 5
    assert int(after["blockNumber"], 16) == 6
    assert after["blockHash"] != before["blockHash"]
    assert twin.ask("eth_getBlockByHash", before["blockHash"], False)["number"] == "0x5"
    with pytest.raises(NodeError, match="not available"):
        twin.ask("eth_getBalance", ANN.address, {"blockHash": before["blockHash"]})
    blocks = [twin.ask("eth_getBlockByNumber", hex(number), True) for number in range(9)]
    assert all(block["parentHash"] == parent["hash"] for parent, block in pairwise(blocks))
    mined = [sent["hash"] for block in blocks for sent in block["transactions"]]
    assert len(mined) == len(set(mined))
    assert twin.ask("eth_getBalance", ANN.address, "0x4") == balance


def test_a_reorg_deeper_than_the_chain_is_refused(quiet: Twin) -> None:
    quiet.mine(2)
    status, raw = quiet.post("/twin", {"fault": "reorg", "amount": 3})
    assert status == 400
    assert b"depth 3" in raw
