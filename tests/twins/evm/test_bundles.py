"""Private transactions: signed as Flashbots asks, tried before they are sent, mined at the top of a block or not."""

import json
from collections.abc import Iterator

import pytest

from quarterdeck.twins.evm.bundles import check_signature
from quarterdeck.twins.evm.refusals import Refused
from tests.twins.evm.serving import ANN, BOB, GWEI, NodeError, Twin, data_of, running, signature


@pytest.fixture
def twin() -> Iterator[Twin]:
    with running(seed=5) as twin:
        yield twin


def failing(twin: Twin, **changes: object) -> str:
    """A transfer of what its sender has not."""
    token = twin.universe()["tokens"][1]["address"]
    data = data_of("transfer(address,uint256)", ["address", "uint256"], [BOB.address, 1])
    return twin.signed(ANN, to=token, data=data, value=0, gas=100_000, **changes)


def test_a_bundle_is_mined_first_in_its_block_and_is_never_public(twin: Twin) -> None:
    nonce = twin.nonce(ANN)
    bundle = {"txs": [twin.signed(ANN, nonce=nonce), twin.signed(BOB)], "blockNumber": "0x2"}
    tried = twin.ask("eth_callBundle", bundle | {"stateBlockNumber": "latest"}, signer=BOB)
    assert tried["totalGasUsed"] == 42_000
    assert int(tried["coinbaseDiff"]) == 42_000 * GWEI
    sent = twin.ask("eth_sendBundle", bundle, signer=BOB)
    assert sent == {"bundleHash": tried["bundleHash"]}
    hashes = [one["txHash"] for one in tried["results"]]
    assert twin.ask("eth_getTransactionByHash", hashes[0]) is None
    assert twin.nonce(ANN, "pending") == nonce
    twin.mine()
    assert twin.receipt(hashes[0]) is None
    twin.mine()
    assert twin.ask("eth_getBlockByNumber", "0x2", False)["transactions"][:2] == hashes
    twin.fault("reorg", 1)
    assert twin.receipt(hashes[0]) is None


def test_a_bundle_with_a_revert_is_not_mined_unless_it_may(twin: Twin) -> None:
    nonce = twin.nonce(ANN)
    bad = failing(twin, nonce=nonce)
    tried = twin.ask("eth_callBundle", {"txs": [bad], "blockNumber": "0x1"}, signer=ANN)
    assert tried["results"][0]["error"] == "execution reverted"
    assert tried["results"][0]["revert"] == "ERC20: transfer amount exceeds balance"
    twin.ask("eth_sendBundle", {"txs": [bad], "blockNumber": "0x1"}, signer=ANN)
    twin.mine()
    assert twin.nonce(ANN) == nonce
    digest = tried["results"][0]["txHash"]
    allowed = {"txs": [bad], "blockNumber": "0x2", "revertingTxHashes": [digest]}
    twin.ask("eth_sendBundle", allowed, signer=ANN)
    twin.mine()
    assert int(twin.receipt(digest)["status"], 16) == 0
    assert twin.nonce(ANN) == nonce + 1


def test_bundles_for_other_blocks_and_of_other_states_are_refused(twin: Twin) -> None:
    twin.mine()
    raw = twin.signed(ANN)
    for number in ("0x1", "0x100"):
        with pytest.raises(NodeError, match="is not one of the next"):
            twin.ask("eth_sendBundle", {"txs": [raw], "blockNumber": number}, signer=ANN)
    with pytest.raises(NodeError, match="does not fit the state"):
        twin.ask("eth_callBundle", {"txs": [twin.signed(ANN, nonce=50)], "blockNumber": "0x2"}, signer=ANN)
    with pytest.raises(NodeError, match="signed transactions are wanted"):
        twin.ask("eth_sendBundle", {"txs": [], "blockNumber": "0x2"}, signer=ANN)


def test_the_signature_is_verified(twin: Twin) -> None:
    with pytest.raises(NodeError, match="no flashbots signature"):
        twin.ask("eth_sendBundle", {"txs": [twin.signed(ANN)], "blockNumber": "0x1"})
    body = json.dumps({"a": 1}).encode()
    good = signature(ANN, body)
    check_signature(good, body)
    for header, text in (
        (good, body + b" "),
        (good.replace(ANN.address, BOB.address), body),
        (good[:-2], body),
        (ANN.address, body),
        (f"{ANN.address}:0x{'00' * 65}", body),
    ):
        with pytest.raises(Refused, match="invalid flashbots signature"):
            check_signature(header, text)
