"""Who may do what with the executor, and what a pause and an old token change.

The contract under test is `contracts/executor.vy`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from quarterdeck.arbitrage.discovery import Discovery
from quarterdeck.arbitrage.market import Market
from tests.arbitrage.chain import ME, NOBODY
from tests.contracts.floor import LOANS, PAIR, RUN, STRANGER, SUCCESSOR, Floor, Reverted, hostile, packed
from tests.contracts.scene import ONE, Scene, scene_of

OFFER, TAKE, PAUSE, SWEEP = "offer_ownership(address)", "take_ownership()", "set_paused(bool)", "sweep(address)"


@pytest.fixture(scope="module")
def built() -> Scene:
    floor = Floor()
    return scene_of(floor, floor.token(), floor.token())


@pytest.fixture
def scene(built: Scene) -> Iterator[Scene]:
    """Each test has the executor as it was deployed."""
    with built.floor.trying():
        yield built


def refused(scene: Scene, sender: str, signature: str, values: Sequence[Any] = ()) -> str:
    with pytest.raises(Reverted) as said:
        scene.floor.send(sender, scene.floor.executor, signature, values)
    return str(said.value.values[0])


def owner(scene: Scene) -> str:
    return str(scene.floor.call(scene.floor.executor, "owner", [], [], ["address"])[0])


def test_only_the_owner_may(scene: Scene) -> None:
    floor, token = scene.floor, scene.found[PAIR].token
    floor.give(token, floor.executor, ONE)
    puppet = floor.deploy(hostile("puppet"))
    calls = {RUN: floor.words(PAIR, scene.found[PAIR]), SWEEP: [token], PAUSE: [True], OFFER: [STRANGER]}
    for signature, values in calls.items():
        for stranger in (STRANGER, SUCCESSOR, NOBODY):
            assert refused(scene, stranger, signature, values) == "not the owner"
        inner = [floor.executor, packed(signature, values)]
        with pytest.raises(Reverted, match="not the owner"):
            floor.send(ME, puppet, "go(address,bytes)", inner)  # the owner's own call, through a contract
    assert refused(scene, STRANGER, TAKE) == "not the successor"
    assert refused(scene, ME, TAKE) == "not the successor"
    assert owner(scene) == ME
    assert floor.held(token, floor.executor) == ONE
    assert not floor.call(floor.executor, "paused", [], [], ["bool"])[0]


def test_ownership_takes_two_steps(scene: Scene) -> None:
    floor, executor = scene.floor, scene.floor.executor
    floor.send(ME, executor, OFFER, [STRANGER])
    floor.send(ME, executor, OFFER, [SUCCESSOR])  # thought better of
    assert owner(scene) == ME
    assert refused(scene, STRANGER, TAKE) == "not the successor"
    assert refused(scene, SUCCESSOR, PAUSE, [True]) == "not the owner"
    floor.send(SUCCESSOR, executor, TAKE)
    assert owner(scene) == SUCCESSOR
    assert refused(scene, SUCCESSOR, TAKE) == "not the successor"
    assert refused(scene, ME, SWEEP, [scene.found[PAIR].token]) == "not the owner"
    before = floor.held(scene.found[PAIR].token, SUCCESSOR)
    gained = floor.run(floor.words(PAIR, scene.found[PAIR]), SUCCESSOR)
    assert floor.held(scene.found[PAIR].token, SUCCESSOR) - before == gained == scene.found[PAIR].profit


def test_an_offer_can_be_withdrawn(scene: Scene) -> None:
    scene.floor.send(ME, scene.floor.executor, OFFER, [SUCCESSOR])
    scene.floor.send(ME, scene.floor.executor, OFFER, [NOBODY])
    assert refused(scene, SUCCESSOR, TAKE) == "not the successor"


def test_a_paused_executor_sweeps_and_does_not_run(scene: Scene) -> None:
    floor, one = scene.floor, scene.found[PAIR]
    floor.give(one.token, floor.executor, 5 * ONE)
    floor.send(ME, floor.executor, PAUSE, [True])
    assert scene.refused(floor.words(PAIR, one)).values == ("paused",)
    assert refused(scene, STRANGER, SWEEP, [one.token]) == "not the owner"
    before = floor.held(one.token, ME)
    floor.send(ME, floor.executor, SWEEP, [one.token])
    assert (floor.held(one.token, ME) - before, floor.held(one.token, floor.executor)) == (5 * ONE, 0)
    floor.send(ME, floor.executor, PAUSE, [False])
    assert floor.run(floor.words(PAIR, one)) == one.profit


def test_a_token_that_answers_nothing_is_a_token(scene: Scene) -> None:
    """Its loan, a swap of it in a pair, and a sweep."""
    floor = scene.floor
    first, second = floor.deploy(hostile("mute")), floor.deploy(hostile("mute"))
    pools = [floor.pair(first, second, 1000 * ONE, size) for size in (1000 * ONE, 1100 * ONE)]
    floor.lenders[PAIR, first] = floor.pair(first, floor.ballast, 10**24, 10**24).address
    (one,) = Discovery({first: LOANS[PAIR]}).find(Market(pools)).opportunities
    assert floor.run(floor.words(PAIR, one)) == one.profit == floor.held(first, ME)
    floor.give(second, floor.executor, ONE)
    floor.send(ME, floor.executor, SWEEP, [second])
    assert floor.held(second, ME) == ONE


def test_ether_and_unknown_words_are_not_taken(scene: Scene) -> None:
    for words, value in ((b"", 1), (b"", 0), (b"\x12\x34\x56\x78", 0)):
        with pytest.raises(RuntimeError, match="Revert"):
            scene.floor.evm.message_call(ME, scene.floor.executor, calldata=words, value=value)
