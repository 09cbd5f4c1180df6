"""Attacks on the executor: each of them fails.

The contract under test is `contracts/executor.vy`; the attackers are in `hostile/`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.arbitrage.chain import ME
from tests.contracts.floor import (
    AAVE,
    CONCENTRATED,
    LENDERS,
    PAIR,
    RUN,
    STRANGER,
    VAULT,
    Floor,
    Reverted,
    Words,
    hostile,
    packed,
)
from tests.contracts.scene import ONE, Scene, scene_of

Call = tuple[str, Sequence[Any]]
NAMES = dict(zip(LENDERS, ("pair", "concentrated", "vault", "aave"), strict=True))
EMPTY = b"\0" * 32


@dataclass
class Stage:
    """A scene whose first or second token is the attacker's; the route borrows the first."""

    scene: Scene
    token: str

    def run_with_hook(self, kind: int, target: str, call: Call) -> None:
        """The token makes a call at each of its transfers. All of them fail, and the run earns what it should."""
        floor, one = self.scene.floor, self.scene.found[kind]
        for early in (False, True):
            with floor.trying():
                floor.call(self.token, "hook", ["address", "bytes", "bool"], [target, packed(*call), early])
                assert floor.run(floor.words(kind, one)) == one.profit
                assert floor.call(self.token, "fired", [], [], ["uint256"])[0] >= 2
                assert floor.call(self.token, "succeeded", [], [], ["uint256"])[0] == 0
                assert [floor.held(token, floor.executor) for token in one.route] == [0] * 3


@pytest.fixture(scope="module", params=("borrowed", "passed"))
def stage(request: pytest.FixtureRequest) -> Stage:
    floor = Floor()
    bad, good = floor.deploy(hostile("token")), floor.token()
    floor.lend(bad)
    return Stage(scene_of(floor, *((bad, good) if request.param == "borrowed" else (good, bad))), bad)


@pytest.fixture(params=LENDERS, ids=NAMES.values())
def kind(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def callbacks(scene: Scene, kind: int = PAIR) -> list[Call]:
    """Every callback, with the words that the lender itself would say."""
    one, executor = scene.found[kind], scene.floor.executor
    premium = scene.floor.words(kind, one)[0][4]
    return [
        ("uniswapV2Call(address,uint256,uint256,bytes)", [executor, one.amount, 0, b""]),
        ("uniswapV3FlashCallback(uint256,uint256,bytes)", [premium, 0, b""]),
        ("uniswapV3SwapCallback(int256,int256,bytes)", [one.amount, -1, b""]),
        ("uniswapV3SwapCallback(int256,int256,bytes)", [-1, one.amount, b""]),
        ("receiveFlashLoan(address[],uint256[],uint256[],bytes)", [[one.token], [one.amount], [premium], b""]),
        ("executeOperation(address,uint256,uint256,address,bytes)", [one.token, one.amount, premium, executor, b""]),
    ]


def loans(scene: Scene, token: str, amount: int) -> dict[int, tuple[str, Call]]:
    """What makes each lender call the executor though nobody there has asked."""
    floor, executor = scene.floor, scene.floor.executor
    sides = {}
    for kind in (PAIR, CONCENTRATED):
        first = floor.call(floor.lenders[kind, token], "token0", [], [], ["address"])[0] == token
        sides[kind] = (amount, 0) if first else (0, amount)
    return {
        PAIR: (floor.lenders[PAIR, token],
               ("swap(uint256,uint256,address,bytes)", [*sides[PAIR], executor, b"1"])),
        CONCENTRATED: (floor.lenders[CONCENTRATED, token],
                       ("flash(address,uint256,uint256,bytes)", [executor, *sides[CONCENTRATED], b""])),
        VAULT: (floor.vault, ("flashLoan(address,address[],uint256[],bytes)", [executor, [token], [amount], b""])),
        AAVE: (floor.aave.pool,
               ("flashLoanSimple(address,address,uint256,bytes,uint16)", [executor, token, amount, b"", 0])),
    }  # fmt: skip


def test_no_callback_is_taken_when_nothing_flies(stage: Stage) -> None:
    """From a stranger, from the owner, from a contract. That lenders are no exception is the next test."""
    scene, floor = stage.scene, stage.scene.floor
    before = scene.balances()
    for signature, values in callbacks(scene):
        for sender in (STRANGER, ME):
            with pytest.raises(Reverted) as said:
                floor.send(sender, floor.executor, signature, values)
            assert said.value.values == ("callback not awaited",)
        with pytest.raises(Reverted, match="callback not awaited"):
            floor.send(STRANGER, stage.token, "go(address,bytes)", [floor.executor, packed(signature, values)])
    assert scene.balances() == before


def test_a_loan_that_a_stranger_takes_in_our_name_is_refused(stage: Stage, kind: int) -> None:
    """The real lender calls, with tokens that would pay: idle, the executor takes nothing.

    A Uniswap V3 pool calls back whoever asked, not whom the tokens go to: there the stranger cannot even try.
    """
    scene, floor = stage.scene, stage.scene.floor
    one = scene.found[kind]
    lender, call = loans(scene, one.token, one.amount)[kind]
    with floor.trying():
        floor.give(one.token, floor.executor, 10 * one.amount)
        before = scene.balances()
        with pytest.raises(Reverted, match=r"^\(\)$" if kind == CONCENTRATED else "callback not awaited"):
            floor.send(STRANGER, lender, *call)
        assert scene.balances() == before


def test_a_token_that_calls_back_in_flight_gets_nowhere(stage: Stage, kind: int) -> None:
    """As itself, and through a contract of its own."""
    floor = stage.scene.floor
    puppet = floor.deploy(hostile("puppet"))
    for signature, values in callbacks(stage.scene, kind):
        stage.run_with_hook(kind, floor.executor, (signature, values))
        through = ("go(address,bytes)", [floor.executor, packed(signature, values)])
        stage.run_with_hook(kind, puppet, through)


def test_another_lender_that_is_made_to_call_in_flight_gets_nowhere(stage: Stage, kind: int) -> None:
    """Real lenders, the one that lends to us among them: Aave's pool has no lock, and its initiator tells."""
    for token in {stage.token, stage.scene.found[kind].token}:
        amount = stage.scene.found[kind].amount
        for lender, call in loans(stage.scene, token, amount).values():
            stage.run_with_hook(kind, lender, call)


def test_a_token_that_owns_the_executor_cannot_enter_it_twice(stage: Stage, kind: int) -> None:
    """The attacker is the owner itself, so that only the lock is left; and the same call works when nothing flies."""
    floor, one = stage.scene.floor, stage.scene.found[kind]
    words = floor.words(kind, one)
    inner: list[Call] = [
        (RUN, words), ("sweep(address)", [one.token]), ("set_paused(bool)", [True]),
        ("offer_ownership(address)", [STRANGER]),
    ]  # fmt: skip
    for signature, values in inner:
        with floor.trying():
            floor.send(ME, floor.executor, "offer_ownership(address)", [stage.token])
            floor.send(STRANGER, stage.token, "go(address,bytes)", [floor.executor, packed("take_ownership()", [])])
            with floor.trying():
                floor.send(STRANGER, stage.token, "go(address,bytes)", [floor.executor, packed(signature, values)])
            inside = [floor.executor, packed(signature, values), False]
            floor.call(stage.token, "hook", ["address", "bytes", "bool"], inside)
            before = floor.held(one.token, stage.token)
            floor.send(STRANGER, stage.token, "go(address,bytes)", [floor.executor, packed(RUN, words)])
            assert floor.held(one.token, stage.token) - before == one.profit
            assert floor.call(stage.token, "fired", [], [], ["uint256"])[0] >= 2
            assert floor.call(stage.token, "succeeded", [], [], ["uint256"])[0] == 0


@pytest.fixture(scope="module")
def honest() -> Scene:
    floor = Floor()
    return scene_of(floor, floor.token(), floor.token())


@pytest.fixture
def scene(honest: Scene) -> Iterator[Scene]:
    with honest.floor.trying():
        yield honest


def rogue(scene: Scene, name: str) -> tuple[str, str, str]:
    """A rogue pool of the scene's tokens with plenty of both, and these tokens: the borrowed one first."""
    one = scene.found[PAIR]
    first, second = one.route[:2]
    ordered = sorted((first, second), key=lambda token: int(token, 16))
    pool = scene.floor.deploy(hostile(name), ["address", "address"], ordered)
    for token in (first, second):
        scene.floor.give(token, pool, 10**30)
    return pool, first, second


def through(scene: Scene, pool: str, first: str, second: str, kind: int = CONCENTRATED) -> Words:
    """Borrow one, swap it in the rogue pool, and what it pays back in the honest pair."""
    loan = (VAULT, scene.floor.vault, first, ONE, ONE // 10**4, 0)
    pair = next(address for address in scene.found[PAIR].pools if address == scene.holders[-2])
    return loan, [(kind, pool, EMPTY, first, second, 0, 997), (PAIR, pair, EMPTY, second, first, 0, 997)], 1


BEHAVIOUR = ["uint256", "int256", "int256", "uint256", "uint256"]  # times, more, other, pays, says
SWAPS = {
    "asks twice": ((2, 0, 0, 2 * ONE, 2 * ONE), "callback not awaited"),
    "never asks": ((0, 0, 0, 2 * ONE, 2 * ONE), "pool did not call back"),
    "asks for more": ((1, 1, 0, 2 * ONE, 2 * ONE), "WrongAmountAsked"),
    "asks for all": ((1, 10**24, 0, 2 * ONE, 2 * ONE), "WrongAmountAsked"),
    "asks for less": ((1, -1, 0, 2 * ONE, 2 * ONE), "WrongAmountAsked"),
    "asks for both": ((1, 0, 1, 2 * ONE, 2 * ONE), "WrongAmountAsked"),
    "pays nothing": ((1, 0, 0, 0, 2 * ONE), "WrongTransfer"),
    "pays less than it says": ((1, 0, 0, 2 * ONE - 1, 2 * ONE), "WrongTransfer"),
    "pays more than it says": ((1, 0, 0, 2 * ONE + 1, 2 * ONE), "WrongTransfer"),
}


@pytest.mark.parametrize("what", SWAPS)
def test_a_rogue_pool_gets_nothing(scene: Scene, what: str) -> None:
    behaviour, reason = SWAPS[what]
    pool, first, second = rogue(scene, "pool")
    scene.floor.give(first, scene.floor.executor, 10**24)  # what it would like to have
    scene.floor.give(second, scene.floor.executor, 10**24)
    scene.floor.call(pool, "behave", BEHAVIOUR, [1, 0, 0, 2 * ONE, 2 * ONE])
    with scene.floor.trying():
        assert scene.floor.run(through(scene, pool, first, second)) > 0, "behaving, it is a pool"
    scene.floor.call(pool, "behave", BEHAVIOUR, behaviour)
    assert reason in str(scene.refused(through(scene, pool, first, second)))


def test_a_pool_that_pays_less_than_the_proof_said_is_refused(scene: Scene) -> None:
    pool, first, second = rogue(scene, "pool")
    scene.floor.call(pool, "behave", BEHAVIOUR, [1, 0, 0, 2 * ONE, 2 * ONE])
    loan, (step, last), minimum = through(scene, pool, first, second)
    said = scene.refused((loan, [(*step[:5], 2 * ONE + 1, 0), last], minimum))
    assert (said.name, said.values) == ("StepPaidTooLittle", (0, 2 * ONE, 2 * ONE + 1))


def test_another_pool_that_calls_while_one_is_awaited_gets_nowhere(scene: Scene) -> None:
    """The awaited pool lets another contract call first; then it asks itself, and is paid once."""
    floor = scene.floor
    pool, first, second = rogue(scene, "pool")
    floor.call(pool, "behave", BEHAVIOUR, [1, 0, 0, 2 * ONE, 2 * ONE])
    puppet = floor.deploy(hostile("puppet"))
    for signature, values in callbacks(scene):
        asked = [ONE if value == scene.found[PAIR].amount else value for value in values]
        with floor.trying():
            inner = packed("go(address,bytes)", [floor.executor, packed(signature, asked)])
            floor.call(pool, "hook", ["address", "bytes"], [puppet, inner])
            assert floor.run(through(scene, pool, first, second)) > 0
            assert floor.call(pool, "fired", [], [], ["uint256"])[0] == 1
            assert floor.call(pool, "succeeded", [], [], ["uint256"])[0] == 0


FLASHES = {
    "calls twice": ((2, 5, 0, 0, 0), "callback not awaited"),
    "never calls": ((0, 5, 0, 0, 0), "lender did not call back"),
    "asks for more": ((1, 6, 0, 0, 0), "WrongPremium"),
    "asks for less": ((1, 4, 0, 0, 0), "WrongPremium"),
    "asks for the other token too": ((1, 5, 1, 0, 0), "WrongPremium"),
}


@pytest.mark.parametrize("what", FLASHES)
def test_a_rogue_lender_gets_nothing(scene: Scene, what: str) -> None:
    behaviour, reason = FLASHES[what]
    pool, first, _ = rogue(scene, "pool")
    one = scene.found[VAULT]
    _, steps, minimum = scene.floor.words(VAULT, one)
    words = (CONCENTRATED, pool, first, one.amount, 5, 0), steps, minimum
    scene.floor.call(pool, "behave", BEHAVIOUR, [1, 5, 0, 0, 0])
    with scene.floor.trying():
        assert scene.floor.run(words) == one.returned - one.amount - 5, "behaving, it is a lender"
    scene.floor.give(first, scene.floor.executor, 10**24)
    scene.floor.call(pool, "behave", BEHAVIOUR, behaviour)
    assert reason in str(scene.refused(words))


def test_a_lender_that_calls_as_another_kind_gets_nowhere(scene: Scene) -> None:
    """It is awaited and has lent; still only its own kind's callback is taken."""
    floor, one = scene.floor, scene.found[VAULT]
    pool, first, _ = rogue(scene, "pool")
    _, steps, minimum = floor.words(VAULT, one)
    words = (CONCENTRATED, pool, first, one.amount, 5, 997), steps, minimum
    floor.call(pool, "behave", BEHAVIOUR, [1, 5, 0, 0, 0])
    for signature, values in callbacks(scene, VAULT):
        if "FlashCallback" in signature:
            continue
        said = [5 if value == floor.words(VAULT, one)[0][4] else value for value in values]
        said = [[5] if value == [floor.words(VAULT, one)[0][4]] else value for value in said]
        with floor.trying():
            floor.call(pool, "hook", ["address", "bytes"], [floor.executor, packed(signature, said)])
            assert floor.run(words) == one.returned - one.amount - 5
            assert floor.call(pool, "fired", [], [], ["uint256"])[0] == 1
            assert floor.call(pool, "succeeded", [], [], ["uint256"])[0] == 0


PAIRS = {
    "calls twice": ((2, 0, ME), "callback not awaited"),
    "never calls": ((0, 0, ME), "lender did not call back"),
    "lends less": ((1, 1, ME), "WrongTransfer"),
    "says that somebody else asked": ((1, 0, STRANGER), "loan not asked for"),
}


@pytest.mark.parametrize("what", PAIRS)
def test_a_rogue_pair_that_lends_gets_nothing(scene: Scene, what: str) -> None:
    (times, short, sender), reason = PAIRS[what]
    pair, first, _ = rogue(scene, "pair")
    one, types = scene.found[PAIR], ["uint256", "uint256", "address"]
    loan, steps, minimum = scene.floor.words(PAIR, one)
    words = (PAIR, pair, *loan[2:]), steps, minimum
    scene.floor.give(first, scene.floor.executor, 10**24)
    asked = STRANGER if sender == STRANGER else scene.floor.executor
    scene.floor.call(pair, "behave", types, [1, 0, scene.floor.executor])
    with scene.floor.trying():
        assert scene.floor.run(words) == one.profit, "behaving, it is a lender"
    scene.floor.call(pair, "behave", types, [times, short, asked])
    assert reason in str(scene.refused(words))


@pytest.mark.parametrize(("times", "short", "reason"), [(1, 0, "callback not awaited"), (0, 1, "WrongTransfer")])
def test_a_rogue_pair_on_the_way_gets_nothing(scene: Scene, times: int, short: int, reason: str) -> None:
    """It calls back though nobody asked for that, or pays less than its product says."""
    pair, first, second = rogue(scene, "pair")
    for token in (first, second):
        scene.floor.give(token, scene.floor.executor, 10**24)
    scene.floor.call(pair, "behave", ["uint256", "uint256", "address"], [times, short, ME])
    assert reason in str(scene.refused(through(scene, pair, first, second, PAIR)))
