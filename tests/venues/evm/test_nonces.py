"""The next nonce, the missing ones, and who has one."""

from collections.abc import Generator

import pytest

from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.endpoints import Endpoint
from quarterdeck.venues.evm.nonces import Taker, choose, find_taker, gaps
from tests.venues.evm.anvil import ACCOUNTS, CHAIN_ID, Anvil


@pytest.mark.parametrize(
    ("count", "pending", "taken", "next_one", "missing"),
    [
        (0, 0, set(), 0, []),
        (5, 5, set(), 5, []),
        (5, 5, {3, 4}, 5, []),
        (5, 7, {5, 6}, 7, []),
        (5, 5, {5, 6}, 7, []),  # the node has lost its pool, we have not
        (5, 5, {6, 7}, 5, [5]),
        (5, 6, {6, 7}, 8, []),  # somebody else waits at 5
        (5, 6, {5, 8}, 6, [6, 7]),
        (5, 9, {5, 6}, 9, []),  # somebody else waits at 7 and 8
    ],
)
def test_nonces(count: int, pending: int, taken: set[int], next_one: int, missing: list[int]) -> None:
    assert choose(count, pending, taken) == next_one
    assert gaps(count, pending, taken) == missing


@pytest.fixture(scope="module")
def node() -> Generator[Anvil, None, None]:
    with Anvil() as one:
        yield one


def test_who_has_a_nonce_is_found_among_many_blocks(node: Anvil) -> None:
    hashes = []
    for blocks in (3, 150, 0, 40):
        hashes.append(node.send(ACCOUNTS[2], sender=ACCOUNTS[1])["transactionHash"])
        node.send(ACCOUNTS[1], sender=ACCOUNTS[2])
        node.mine(blocks)
    line = Access([Endpoint(node.url)], CHAIN_ID)
    head = node.number()
    found = [find_taker(line, ACCOUNTS[1], nonce, head) for nonce in range(5)]
    line.close()
    assert found[0] is None  # further back than a node must remember
    assert found[4] is None  # nobody
    assert [one.hash for one in found[2:4] if one] == hashes[2:]
    assert found[3] == Taker(hashes[3], head - 41)
