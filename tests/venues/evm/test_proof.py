"""What is proven is what happens; what would not happen is refused before it is sent, and says why, as the chain does.

What is tested: `quarterdeck.venues.evm.proof`, `quarterdeck.venues.evm.prover` and, on real receipts,
`quarterdeck.venues.evm.reverts`.
"""

import socket
from collections.abc import Iterator

import pytest

from quarterdeck.errors import AllDown, DataError
from quarterdeck.venues.evm.proof import Failed, Proof, Proven
from quarterdeck.venues.evm.reverts import Reason, why
from quarterdeck.venues.evm.transactions import Call
from quarterdeck.venues.evm.universe import LenderKind
from tests.venues.evm.proven import OWNER, Head
from tests.venues.evm.stage import ALL, ONE, Stage, stage


@pytest.fixture(scope="module")
def built() -> Iterator[Stage]:
    with stage() as made:
        yield made


@pytest.fixture
def on(built: Stage) -> Iterator[Stage]:
    """Each test has the gap as it was made."""
    with built.bench.street.trying():
        yield built


@pytest.fixture(params=ALL)
def kind(request: pytest.FixtureRequest) -> LenderKind:
    name: LenderKind = request.param
    return name


def refused(on: Stage, call: Call) -> Reason:
    """Not proven, and sent all the same it reverts, with the same reason; nobody has anything more after it."""
    token = on.found["aave-v3"].token
    said = on.proof.simulate(call, on.head)
    assert isinstance(said, Failed), said
    before = on.bench.street.held(token, OWNER)
    receipt = on.sent(call)
    assert not receipt.success
    assert receipt.gas_used > 21_000
    assert on.bench.street.held(token, OWNER) == before
    assert why(on.bench.access, receipt) == said.reason
    return said.reason


def test_what_is_proven_happens_to_the_last_unit_and_gas(on: Stage, kind: LenderKind) -> None:
    one = on.found[kind]
    first = on.proof.simulate(on.call(kind), on.head)
    assert isinstance(first, Proven)
    call = on.call(kind, gas=first.gas_needed + first.gas_needed // 8)
    proven = on.proof.simulate(call, on.head, 10**9)
    assert isinstance(proven, Proven)
    assert proven.ran.profit == one.profit > ONE
    receipt = on.sent(call)
    assert receipt.success
    assert on.executor.ran(receipt.logs) == proven.ran
    assert receipt.gas_used == proven.gas == first.gas


def test_what_was_earned_is_not_there_again(on: Stage, kind: LenderKind) -> None:
    call = on.call(kind)
    assert on.sent(call).success
    assert refused(on, call).name in {"StepPaidTooLittle", "Error"}
    loose = on.call(kind, minimum=0, slippage=900_000)
    said = refused(on, loose)
    assert said.name == "ProfitTooSmall"
    assert said.values[0] < 0


def test_somebody_in_front_of_us(on: Stage, kind: LenderKind) -> None:
    """Proven, and then the state moves: the newest state refuses it, and so does the chain."""
    call, loose = on.call(kind), on.call(kind, slippage=500_000)
    assert isinstance(on.proof.simulate(call, on.head), Proven)
    on.front_run()
    said = refused(on, call)
    assert said.name == "StepPaidTooLittle"
    assert "moved after the proof" in said.text
    said = refused(on, loose)
    assert said.name == "ProfitTooSmall"
    assert 0 < said.values[0] < said.values[1] == on.found[kind].profit


def test_one_unit_more_than_there_is(on: Stage, kind: LenderKind) -> None:
    said = refused(on, on.call(kind, minimum=on.found[kind].profit + 1))
    assert (said.name, said.values) == ("ProfitTooSmall", (on.found[kind].profit, on.found[kind].profit + 1))


@pytest.mark.parametrize("share", [3, 10, 40, 70])
def test_too_little_gas(on: Stage, kind: LenderKind, share: int) -> None:
    proven = on.proof.simulate(on.call(kind), on.head)
    assert isinstance(proven, Proven)
    call = on.call(kind, gas=max(30_000, proven.gas_needed * share // 100))
    said = on.proof.simulate(call, on.head)
    assert isinstance(said, Failed)
    assert said.reason.name == "OutOfGas"
    receipt = on.sent(call)
    assert not receipt.success
    assert why(on.bench.access, receipt) == said.reason


def test_less_gas_than_any_transaction_takes_is_not_even_run(on: Stage) -> None:
    said = on.proof.simulate(on.call("aave-v3", gas=20_000), on.head)
    assert isinstance(said, Failed)
    assert said.reason.name == "OutOfGas"


def test_a_premium_that_changed_after_the_plan(on: Stage) -> None:
    street = on.bench.street
    call = on.call("aave-v3")
    street.call(street.aave.configurator, "updateFlashloanPremiumTotal", ["uint128"], [9])
    said = refused(on, call)
    assert said.name == "WrongPremium"
    one = on.found["aave-v3"]
    assert said.values == (on.offer("aave-v3").loan.owed(one.amount) - one.amount, one.owed - one.amount)


def test_an_account_that_cannot_pay_for_its_gas(on: Stage) -> None:
    said = on.proof.simulate(on.call("aave-v3"), on.head, 10**27)
    assert isinstance(said, Failed)
    assert said.reason.name == "LackOfFundForMaxFee"


def test_nobody_else_may_run_it(on: Stage) -> None:
    stranger = Proof(on.bench.access, on.executor, "0x" + "22" * 20)
    said = stranger.simulate(on.call("aave-v3"), on.head)
    stranger.close()
    assert isinstance(said, Failed)
    assert "not the owner" in said.reason.text


def test_a_node_that_is_silent_or_gone_is_left_for_the_next(on: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it takes the line and then says nothing: that hangs the machine, and its process ends by its alarm."""
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as gone:
        places = [f"http://127.0.0.1:{one.getsockname()[1]}" for one in (silent, gone)]
        gone.close()
        monkeypatch.setattr(on.bench.access, "fork_urls", lambda: [*places, on.bench.node.url])
        proof = Proof(on.bench.access, on.executor, OWNER, timeout_s=1.5)
        said = proof.simulate(on.call("aave-v3"), on.head)
        assert isinstance(said, Proven)
        monkeypatch.setattr(on.bench.access, "fork_urls", lambda: places)
        lost = Proof(on.bench.access, on.executor, OWNER, timeout_s=0.5)
        with pytest.raises(
            AllDown, match=r"no answer in 0\.5 s; a node did not give the state.*nothing is sent"
        ) as error:
            lost.simulate(on.call("aave-v3"), on.head)
        assert "127.0.0.1" not in str(error.value), "an address may have a key in it"
        for one in (proof, lost):
            one.close()


def test_a_prover_that_dies_is_started_again(on: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    call, head = on.call("aave-v3"), on.head
    with monkeypatch.context() as patched:
        patched.setattr(on.bench.access, "fork_urls", lambda: ["no address"])
        with pytest.raises(AllDown, match="the prover ended with code 1"):
            on.proof.simulate(call, head)
    assert isinstance(on.proof.simulate(call, head), Proven)


def test_a_block_that_the_node_does_not_have(on: Stage) -> None:
    with pytest.raises(DataError, match="does not have block 7"):
        on.proof.simulate(on.call("aave-v3"), Head(7, "0x" + "77" * 32, 0))
