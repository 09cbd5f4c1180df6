"""What the executor is told and what it reports, beside the words of its own tests; and how it is compiled.

What is tested: `quarterdeck.venues.evm.executor`.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address

from quarterdeck.arbitrage.discovery import Opportunity
from quarterdeck.arbitrage.sizing import Hop
from quarterdeck.arbitrage.weighted import WeightedPool
from quarterdeck.errors import ConfigError, DataError
from quarterdeck.venues.evm.executor import (
    RAN,
    RUN,
    Executor,
    Ran,
    creation_code,
    deploy_data,
    executor_source,
)
from quarterdeck.venues.evm.lenders import Offer
from quarterdeck.venues.evm.receipts import Log
from quarterdeck.venues.evm.universe import Lender, LenderKind
from tests.arbitrage.chain import ME
from tests.contracts.floor import LENDERS, LOANS, PAIR, STEPS, Floor, packed
from tests.contracts.floor import RUN as RUN_OF_TESTS
from tests.contracts.scene import ONE, Scene, scene_of
from tests.venues.evm.proven import KINDS


@pytest.fixture(scope="module")
def scene() -> Scene:
    floor = Floor()
    return scene_of(floor, floor.token(), floor.token())


@pytest.fixture(scope="module")
def executor(scene: Scene) -> Executor:
    return Executor(scene.floor.executor, scene.floor.vault, {})


def offer_of(scene: Scene, number: int) -> Offer:
    token = scene.found[number].token
    name: LenderKind = KINDS[number]
    lender = Lender(name=name, kind=name, address=scene.floor.lenders[number, token])
    return Offer(lender, token, LOANS[number], 997 if number == PAIR else 0)


@pytest.mark.parametrize("number", LENDERS)
def test_it_is_told_what_its_own_tests_tell_it_and_earns_as_much(scene: Scene, executor: Executor, number: int) -> None:
    floor, one = scene.floor, scene.found[number]
    data = executor.encode(one, offer_of(scene, number), one.profit)
    loan, steps, minimum = floor.words(number, one)
    ours = [(*step[:-1], step[-1] if step[0] == PAIR else 0) for step in steps]
    assert data == packed(RUN_OF_TESTS, (loan, ours, minimum))
    assert RUN == RUN_OF_TESTS
    with floor.trying():
        said = floor.evm.message_call(ME, floor.executor, calldata=data)
        floor.evm.reset_transient_storage()
        assert int.from_bytes(said) == one.profit > ONE
        assert floor.evm.result is not None
        log = floor.evm.result.logs[-1]
        logs = [Log(log.address, tuple(log.topics), "0x" + log.data[1].hex())]
        lender = to_checksum_address(offer_of(scene, number).lender.address)
        token = to_checksum_address(one.token)
        assert executor.ran(logs) == Ran(token, lender, one.amount, one.owed - one.amount, one.profit)


def test_slippage_is_taken_off_each_step(scene: Scene, executor: Executor) -> None:
    one, amounts = scene.found[PAIR], list[int]()
    amount = one.amount
    for hop in one.hops:
        amount = hop.pool.amount_out(hop.source, hop.target, amount)
        amounts.append(amount)
    data = executor.encode(one, offer_of(scene, PAIR), 7, 30_000)
    _, steps, minimum = decode(["(uint8,address,address,uint256,uint256,uint256)", STEPS, "uint256"], data[4:])
    assert [step[5] for step in steps] == [amount - amount * 3 // 100 for amount in amounts]
    assert minimum == 7


def test_the_vault_stands_for_its_pools(scene: Scene) -> None:
    first, second = scene.found[PAIR].route[:2]
    pool = WeightedPool("0x" + "aa" * 20, (first, second), (10**21, 2 * 10**21), (ONE // 2,) * 2, (ONE, ONE), 10**15)
    hops = (Hop(pool, 0, 1), scene.found[PAIR].hops[1])
    one = Opportunity(first, hops, 10**18, 10**18, 10**18, 0)
    identity = b"\x07" * 32
    knows = Executor(scene.floor.executor, scene.floor.vault, {pool.address: identity})
    offer = replace(offer_of(scene, PAIR), token=first)
    _, steps, _ = decode(
        ["(uint8,address,address,uint256,uint256,uint256)", STEPS, "uint256"], knows.encode(one, offer, 0, 999_999)[4:]
    )
    assert steps[0][:3] == (3, scene.floor.vault.lower(), identity)
    with pytest.raises(DataError, match=f"pool {pool.address} has no identity"):
        Executor(scene.floor.executor, scene.floor.vault, {}).encode(one, offer, 0)


def test_words_that_cannot_be_meant_are_refused(scene: Scene, executor: Executor) -> None:
    one, offer = scene.found[PAIR], offer_of(scene, PAIR)
    with pytest.raises(DataError, match="the cycle needs"):
        executor.encode(one, replace(offer, token=one.route[1]), 0)
    with pytest.raises(DataError, match="1 steps"):
        executor.encode(replace(one, hops=one.hops[:1]), offer, 0)
    for minimum, slippage in ((-1, 0), (0, -1), (0, 1_000_000)):
        with pytest.raises(DataError, match="below 0 or too large"):
            executor.encode(one, offer, minimum, slippage)


def test_what_is_no_report_of_this_executor_is_none(executor: Executor) -> None:
    assert keccak(text="Ran(address,address,uint256,uint256,uint256)").hex() == RAN[2:]
    other = Log("0x" + "99" * 20, (RAN, "0x" + "00" * 32, "0x" + "00" * 32), "0x" + "00" * 96)
    assert (
        executor.ran([other, Log(executor.address, (), "0x"), Log(executor.address, ("0x" + "11" * 32,), "0x")]) is None
    )


def test_it_is_compiled_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = tmp_path / "small.vy"
    source.write_text("# pragma version ~=0.4.3\n@external\ndef one() -> uint256:\n    return 1\n")
    code = creation_code(source)
    kept = list((tmp_path / "quarterdeck" / "contracts").iterdir())
    assert [bytes.fromhex(file.read_text()) for file in kept] == [code]
    kept[0].write_text("60016002")
    creation_code.cache_clear()
    assert creation_code(source) == bytes.fromhex("60016002"), "what is kept is taken"
    source.write_text("# pragma version ~=0.4.3\n@external\ndef two() -> uint256:\n    return 2\n")
    creation_code.cache_clear()
    assert creation_code(source) not in {code, bytes.fromhex("60016002")}, "another source is another code"
    bad = tmp_path / "bad.vy"
    bad.write_text("def broken(\n")
    with pytest.raises(ConfigError, match=r"what Vyper compiles; it said: .*SyntaxException"):
        creation_code(bad)


def test_the_source_is_beside_src_or_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = executor_source()
    assert source.name == "executor.vy"
    monkeypatch.setenv("QUARTERDECK_CONTRACTS", str(source.parent))
    assert executor_source() == source
    vault = "0x" + "ee" * 20
    assert deploy_data(vault) == creation_code(source) + encode(["address"], [vault])
    assert deploy_data(None)[-32:] == bytes(32)
    monkeypatch.setenv("QUARTERDECK_CONTRACTS", str(tmp_path))
    with pytest.raises(ConfigError, match=r"a folder that holds executor\.vy"):
        executor_source()
