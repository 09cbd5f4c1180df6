"""web3.py as it comes, on the twin: reading, and a flash arbitrage that earns what our integers say.

The market is of `quarterdeck.twins.evm.market`, its contracts are built by `quarterdeck.twins.evm.building`.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from web3 import Web3
from web3.logs import DISCARD

from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.discovery import Discovery, Opportunity
from quarterdeck.arbitrage.market import Market
from quarterdeck.arbitrage.sizing import Loan
from tests.twins.evm.serving import ANN, BOB, ETHER, GWEI, START_S, Twin, running


def view(name: str, *returns: str, takes: str = "") -> dict[str, Any]:
    inputs = [{"name": "holder", "type": takes}] if takes else []
    outputs = [{"name": f"out{place}", "type": kind} for place, kind in enumerate(returns)]
    return {"type": "function", "name": name, "inputs": inputs, "outputs": outputs, "stateMutability": "view"}


def parts(words: str) -> list[dict[str, str]]:
    """Names and types: "uint8 kind, address lender"."""
    return [dict(zip(("type", "name"), one.split(), strict=True)) for one in words.split(", ")]


SYNC = {
    "type": "event",
    "name": "Sync",
    "anonymous": False,
    "inputs": [{**one, "indexed": False} for one in parts("uint112 reserve0, uint112 reserve1")],
}
PAIR = [
    view("token0", "address"),
    view("token1", "address"),
    view("getReserves", "uint112", "uint112", "uint32"),
    SYNC,
]
TOKEN = [view("balanceOf", "uint256", takes="address")]
LOAN = parts("uint8 kind, address lender, address token, uint256 amount, uint256 premium, uint256 kept")
STEP = parts(
    "uint8 kind, address pool, bytes32 identity, address source, address target, uint256 minimum, uint256 kept"
)
EXECUTOR = [
    {
        "type": "function", "name": "run", "stateMutability": "nonpayable",
        "outputs": [{"type": "uint256", "name": ""}],
        "inputs": [
            {"name": "loan", "type": "tuple", "components": LOAN},
            {"name": "steps", "type": "tuple[]", "components": STEP},
            {"name": "minimum_profit", "type": "uint256"},
        ],
    },
]  # fmt: skip


@pytest.fixture
def twin() -> Iterator[Twin]:
    with running(seed=11) as twin:
        yield twin


def connected(twin: Twin) -> Web3:
    node = Web3(Web3.HTTPProvider(twin.address))
    assert node.is_connected()
    return node


def pools_of(node: Web3, universe: Any) -> list[ConstantProductPool]:
    """The twin's pairs as our own objects, read from the chain."""
    found = []
    for one in universe["pools"]:
        functions = node.eth.contract(address=one["address"], abi=PAIR).functions
        tokens, held = (functions.token0().call(), functions.token1().call()), functions.getReserves().call()
        found.append(ConstantProductPool(one["address"], tokens, (held[0], held[1]), one["kept"]))
    return found


def words_of(best: Opportunity, lender: ConstantProductPool, less: int = 0) -> tuple[Any, Any, int]:
    """What `run` is told. The lender's premium is what its product demands: ceil(amount * 1000 / kept) - amount."""
    premium = -(-best.amount * 1000 // lender.kept) - best.amount
    steps, amount = [], best.amount
    for hop in best.hops:
        amount = hop.pool.amount_out(hop.source, hop.target, amount)
        tokens = hop.pool.tokens
        steps.append((1, hop.pool.address, bytes(32), tokens[hop.source], tokens[hop.target], amount, hop.pool.kept))
    return (1, lender.address, best.token, best.amount, premium, lender.kept), steps, best.profit - less


def opportunity(twin: Twin, node: Web3) -> tuple[Opportunity, ConstantProductPool]:
    """The best of the first block that offers one, borrowed from a pair that is not on its way."""
    universe = twin.universe()
    for _ in range(60):
        pools = pools_of(node, universe)
        loans = {token["address"]: Loan(3, 997) for token in universe["tokens"]}
        for best in Discovery(loans).find(Market(pools)).opportunities:
            for lender in pools:
                if best.token in lender.tokens and lender.kept == 997 and lender.address not in best.pools:
                    return best, lender
        twin.mine()
    raise AssertionError("the flow opened no gap in 60 blocks")


def test_reads_blocks_fees_and_balances(twin: Twin) -> None:
    twin.mine(3)
    node = connected(twin)
    assert node.eth.chain_id == 31_337
    assert node.eth.get_balance(BOB.address) == ETHER
    blocks = [node.eth.get_block(number, True) for number in range(4)]
    assert blocks[0]["timestamp"] == START_S
    assert [block["parentHash"] for block in blocks[1:]] == [block["hash"] for block in blocks[:-1]]
    assert node.eth.get_block("latest")["hash"] == blocks[-1]["hash"]
    history = node.eth.fee_history(3, "latest", [10, 50])
    assert history["baseFeePerGas"][:3] == [block["baseFeePerGas"] for block in blocks[1:]]
    assert node.eth.gas_price > blocks[-1]["baseFeePerGas"]
    for sent in blocks[-1]["transactions"]:
        receipt = node.eth.get_transaction_receipt(sent["hash"])
        assert receipt["blockHash"] == blocks[-1]["hash"]
        assert receipt["status"] == 1
        assert node.eth.get_transaction(sent["hash"])["from"] == receipt["from"]


def test_flash_arbitrage_earns_what_the_integers_say(twin: Twin) -> None:
    node = connected(twin)
    best, lender = opportunity(twin, node)
    executor = node.eth.contract(address=twin.universe()["executor"], abi=EXECUTOR)
    held = node.eth.contract(address=best.token, abi=TOKEN).functions.balanceOf(ANN.address)
    before, ether = held.call(), node.eth.get_balance(ANN.address)
    run = executor.functions.run(*words_of(best, lender))
    assert run.call({"from": ANN.address}) == best.profit
    words = run.build_transaction(
        {"from": ANN.address, "nonce": node.eth.get_transaction_count(ANN.address), "maxPriorityFeePerGas": 5 * GWEI}
    )
    digest = node.eth.send_raw_transaction(ANN.sign_transaction(words).raw_transaction)
    twin.mine()
    receipt = node.eth.wait_for_transaction_receipt(digest, timeout=5)
    assert receipt["status"] == 1
    assert receipt["transactionIndex"] == 0
    assert held.call() - before == best.profit > 0
    assert ether - node.eth.get_balance(ANN.address) == receipt["gasUsed"] * receipt["effectiveGasPrice"]
    said = node.eth.contract(abi=PAIR).events.Sync().process_receipt(receipt, errors=DISCARD)
    changed = {log["address"] for log in said}
    assert changed == {*best.pools, lender.address}


def test_what_comes_late_reverts_and_costs_its_gas(twin: Twin) -> None:
    node = connected(twin)
    best, lender = opportunity(twin, node)
    executor = node.eth.contract(address=twin.universe()["executor"], abi=EXECUTOR)
    run = executor.functions.run(*words_of(best, lender))
    nonce, ether = node.eth.get_transaction_count(ANN.address), node.eth.get_balance(ANN.address)
    fields = {"from": ANN.address, "gas": 900_000, "maxPriorityFeePerGas": 5 * GWEI}
    words = [run.build_transaction({**fields, "nonce": nonce + place}) for place in (0, 1)]
    digests = [node.eth.send_raw_transaction(ANN.sign_transaction(one).raw_transaction) for one in words]
    twin.mine()
    receipts = [node.eth.get_transaction_receipt(digest) for digest in digests]
    assert [receipt["status"] for receipt in receipts] == [1, 0]
    paid = sum(receipt["gasUsed"] * receipt["effectiveGasPrice"] for receipt in receipts)
    assert ether - node.eth.get_balance(ANN.address) == paid
