"""The twin's own contracts (`quarterdeck.twins.evm.market`) hold what a pair holds, to the last unit."""

from collections.abc import Iterator

import pytest
from eth_abi.abi import decode

from quarterdeck.arbitrage.constant_product import ConstantProductPool
from tests.twins.evm.serving import ANN, ETHER, NodeError, Twin, data_of, running

SWAP = "swap(uint256,uint256,address,bytes)"


@pytest.fixture
def twin() -> Iterator[Twin]:
    with running(seed=8, traded=False) as twin:
        yield twin


def view(twin: Twin, to: str, signature: str, *returns: str) -> tuple:
    said = twin.ask("eth_call", {"to": to, "data": "0x" + data_of(signature).hex()})
    return decode(returns, bytes.fromhex(said[2:]))


def pools(twin: Twin) -> list[ConstantProductPool]:
    """Our own objects of the pairs that hold wrapped ether."""
    universe, found = twin.universe(), []
    for one in universe["pools"]:
        tokens = tuple(view(twin, one["address"], f"token{place}()", "address")[0] for place in (0, 1))
        reserves = view(twin, one["address"], "getReserves()", "uint112", "uint112", "uint32")[:2]
        if universe["wrapped"].lower() in tokens:
            found.append(ConstantProductPool(one["address"], tokens, reserves, one["kept"]))
    return found


@pytest.mark.parametrize("amount", [10**14 + 7, ETHER // 3, 10 * ETHER])
def test_a_pair_pays_what_our_integers_say_and_not_one_unit_more(twin: Twin, amount: int) -> None:
    wrapped = twin.universe()["wrapped"]
    found = pools(twin)
    assert {pool.kept for pool in found} == {997, 998}
    twin.send(ANN, to=wrapped, data=data_of("deposit()"), value=amount * len(found), gas=100_000)
    for pool in found:
        pay = data_of("transfer(address,uint256)", ["address", "uint256"], [pool.address, amount])
        twin.send(ANN, to=wrapped, data=pay, value=0, gas=100_000)
    twin.mine()
    for pool in found:
        source = pool.tokens.index(wrapped.lower())
        bought = pool.amount_out(source, 1 - source, amount)

        def swap(paid: int, pair: ConstantProductPool = pool, first: int = source) -> str:
            sides = [paid, 0] if first == 1 else [0, paid]
            data = data_of(SWAP, ["uint256", "uint256", "address", "bytes"], [*sides, ANN.address, b""])
            return twin.ask("eth_call", {"from": ANN.address, "to": pair.address, "data": "0x" + data.hex()})

        assert swap(bought) == "0x"
        with pytest.raises(NodeError, match="UniswapV2: K"):
            swap(bought + 1)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (1, 0, "UniswapV2: INSUFFICIENT_INPUT_AMOUNT"),
        (0, 0, "UniswapV2: INSUFFICIENT_OUTPUT_AMOUNT"),
        (2**111, 0, "UniswapV2: INSUFFICIENT_LIQUIDITY"),
    ],
)
def test_what_is_not_paid_for_is_not_given(twin: Twin, first: int, second: int, words: str) -> None:
    data = data_of(SWAP, ["uint256", "uint256", "address", "bytes"], [first, second, ANN.address, b""])
    with pytest.raises(NodeError, match=words):
        twin.ask("eth_call", {"from": ANN.address, "to": pools(twin)[0].address, "data": "0x" + data.hex()})


def test_reserves_lie_in_slot_eight_as_in_the_original(twin: Twin) -> None:
    for pool in pools(twin):
        slot = int(twin.ask("eth_getStorageAt", pool.address, "0x8"), 16)
        assert (slot % 2**112, slot >> 112 & 2**112 - 1) == pool.reserves
