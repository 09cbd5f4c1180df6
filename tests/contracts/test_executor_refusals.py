"""Where the proof no longer holds the executor reverts, says why, and nothing has changed.

The contract under test is `contracts/executor.vy`.
"""

import pytest

from tests.arbitrage.chain import ME
from tests.contracts.floor import (
    AAVE,
    CONCENTRATED,
    LENDERS,
    LOANS,
    PAIR,
    STRANGER,
    VAULT,
    Floor,
    hostile,
)
from tests.contracts.scene import ONE, Scene, scene_of


@pytest.fixture(scope="module")
def scene() -> Scene:
    floor = Floor()
    return scene_of(floor, floor.token(), floor.token())


@pytest.fixture(params=LENDERS, ids=("pair", "concentrated", "vault", "aave"))
def kind(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_what_follows_is_about_a_run_that_earns(scene: Scene, kind: int) -> None:
    with scene.floor.trying():
        assert scene.floor.run(scene.floor.words(kind, scene.found[kind])) == scene.found[kind].profit > ONE


def test_one_unit_more_than_there_is_is_refused(scene: Scene, kind: int) -> None:
    one = scene.found[kind]
    said = scene.refused(scene.floor.words(kind, one, one.profit + 1))
    assert (said.name, said.values) == ("ProfitTooSmall", (one.profit, one.profit + 1))


@pytest.mark.parametrize("off", [-1, 1])
def test_a_premium_that_the_proof_did_not_know_is_refused(scene: Scene, kind: int, off: int) -> None:
    loan, steps, minimum = scene.floor.words(kind, scene.found[kind], 0)
    said = scene.refused(((*loan[:4], loan[4] + off, loan[5]), steps, minimum))
    assert (said.name, said.values) == ("WrongPremium", (loan[4], loan[4] + off))


def test_a_pair_that_keeps_more_than_was_said_is_refused(scene: Scene) -> None:
    """999 for 997: the premium agrees with that, and the pair asks for the rest."""
    one = scene.found[PAIR]
    loan, steps, minimum = scene.floor.words(PAIR, one, 0)
    premium = -(-one.amount * 1000 // 999) - one.amount
    assert "K" in scene.refused(((*loan[:4], premium, 999), steps, minimum)).values[0]


def test_a_state_that_moved_after_the_proof_is_refused(scene: Scene, kind: int) -> None:
    """Somebody swaps in front of us; the steps' minimum says it, and without it the minimum profit does."""
    floor, one = scene.floor, scene.found[kind]
    hop = one.hops[0]
    pair = next(hop.pool for hop in one.hops if hop.pool.address == scene.holders[-2])
    source = one.hops[0].source if hop.pool is pair else one.hops[1].source
    with floor.trying():
        floor.give(pair.tokens[source], pair.address, 2 * ONE)
        out = pair.amount_out(source, 1 - source, 2 * ONE)
        types = ["uint256", "uint256", "address", "bytes"]
        floor.call(pair.address, "swap", types, [*((0, out) if source == 0 else (out, 0)), STRANGER, b""])
        assert scene.refused(floor.words(kind, one)).name == "StepPaidTooLittle"
        said = scene.refused(floor.words(kind, one, slack=one.amount))
        assert said.name == "ProfitTooSmall"
        assert said.values[0] < one.profit == said.values[1]


def test_a_route_that_loses_is_refused_even_where_any_profit_would_do(scene: Scene, kind: int) -> None:
    """The other way round the cycle; and what lies in the executor does not make up for it."""
    floor, one = scene.floor, scene.found[kind]
    loan, steps, _ = floor.words(kind, one, slack=10**30)
    turned = [(*step[:3], step[4], step[3], 0, step[6]) for step in reversed(steps)]
    said = scene.refused((loan, turned, 0))
    assert said.name == "ProfitTooSmall"
    assert said.values[0] < 0
    with floor.trying():
        floor.give(one.token, floor.executor, 10**30)
        assert scene.refused((loan, turned, 0)).name == "ProfitTooSmall"


def test_what_lay_there_before_lies_there_after(scene: Scene, kind: int) -> None:
    floor, one = scene.floor, scene.found[kind]
    with floor.trying():
        for token in one.route[:2]:
            floor.give(token, floor.executor, 7 * ONE)
        before = floor.held(one.token, ME)
        assert floor.run(floor.words(kind, one)) == one.profit == floor.held(one.token, ME) - before
        assert [floor.held(token, floor.executor) for token in one.route[:2]] == [7 * ONE] * 2


def test_a_lender_without_enough_is_refused(scene: Scene, kind: int) -> None:
    loan, steps, _ = scene.floor.words(kind, scene.found[kind])
    scene.refused(((*loan[:3], 10**32, *loan[4:]), steps, 0))


def test_more_than_a_concentrated_pool_takes_is_refused(scene: Scene) -> None:
    """It would take a part only, and the rest would stay behind."""
    floor, one = scene.floor, scene.found[AAVE]
    amount = 10**25
    loan, steps, _ = floor.words(AAVE, one)
    premium = LOANS[AAVE].owed(amount) - amount
    first = next(step for step in steps if step[0] == CONCENTRATED)
    back = next(step for step in steps if step[0] == PAIR)
    route = [(*first[:3], one.token, one.route[1], 0, 0), (*back[:3], one.route[1], one.token, 0, 997)]
    assert scene.refused(((*loan[:3], amount, premium, 0), route, 0)).name == "WrongAmountAsked"


def test_words_that_make_no_route_are_refused_by_name(scene: Scene) -> None:
    floor, one = scene.floor, scene.found[VAULT]
    loan, steps, minimum = floor.words(VAULT, one)
    first, last = steps
    cases = {
        "route of less than two steps": (loan, [first], minimum),
        "route is broken": (loan, [last, first], minimum),
        "route does not return": (loan, [first, last, first], minimum),
        "no such kind of step": (loan, [(9, *first[1:]), last], minimum),
        "not the Vault": (loan, [(VAULT, *first[1:]), last], minimum),
        "nothing to borrow": ((*loan[:3], 0, *loan[4:]), steps, minimum),
        "no such kind of lender": ((7, floor.lenders[PAIR, one.token], *loan[2:]), steps, minimum),
        "lender has no such token": (
            (PAIR, floor.pair(floor.token(), floor.ballast, ONE, ONE).address, *loan[2:]),
            steps,
            minimum,
        ),
    }
    for reason, words in cases.items():
        assert scene.refused(words).values == (reason,)
    stray = (VAULT, floor.lenders[PAIR, one.token], *loan[2:])
    assert scene.refused((stray, steps, minimum)).values == ("not the Vault",)


def test_a_token_that_keeps_a_part_of_a_transfer_is_refused(kind: int) -> None:
    """Whether it is what is borrowed or what is passed on the way."""
    floor = Floor()
    strange = [floor.deploy(hostile("token")) for _ in range(2)]
    scene = scene_of(floor, *strange)
    one = scene.found[kind]
    for token in strange:
        with floor.trying():
            floor.call(token, "keep", ["uint256"], [1])
            said = scene.refused(floor.words(kind, one, 0, slack=10**30))
            assert said.name in {"WrongTransfer", "Error"}, "the executor, or the pool that got too little"
    assert floor.run(floor.words(kind, one)) == one.profit, "it was the part kept, not the token"
