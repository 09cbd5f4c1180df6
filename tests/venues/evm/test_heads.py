"""Every block once and in order, whatever becomes of streams, endpoints and blocks."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.endpoints import Endpoint
from quarterdeck.venues.evm.heads import Head, Heads
from tests.venues.evm.anvil import BEGIN_S, CHAIN_ID, Anvil
from tests.venues.evm.gate import Gate, until

PROBE_S = 0.02
POLL_S = 0.02
QUIET_S = 0.1


@pytest.fixture
def node() -> Iterator[Anvil]:
    with Anvil() as node:
        node.mine(5, BEGIN_S + 12)
        yield node


class Told:
    """What a listener knows of the chain: it applies what it is told, and refuses what does not fit."""

    def __init__(self, access: Access, **words: Any) -> None:
        self.chain: list[Head] = []
        self.reorgs: list[tuple[tuple[Head, ...], tuple[Head, ...]]] = []
        self.owed: list[Head] = []
        self.said: list[str] = []
        self.problem = ""
        words = {"poll_s": POLL_S, "quiet_s": QUIET_S, "say": self.said.append} | words
        self.heads = Heads(access, self.on_head, self.on_reorg, **words)

    def on_head(self, head: Head) -> None:
        if self.chain and head.parent != self.chain[-1].hash:
            self.problem = self.problem or f"{head} after {self.chain[-1]}"
        if self.owed and self.owed.pop(0) != head:
            self.problem = self.problem or f"{head} was not announced"
        self.chain.append(head)

    def on_reorg(self, orphaned: tuple[Head, ...], new: tuple[Head, ...]) -> None:
        told = orphaned[-len(self.chain) :]  # it knows blocks from before it began to tell
        if self.chain and tuple(self.chain[-len(told) :]) != told:
            self.problem = self.problem or f"{orphaned} were never told"
        self.chain = self.chain[: -len(told)]
        self.reorgs.append((orphaned, new))
        self.owed = list(new)

    def numbers(self) -> list[int]:
        return [head.number for head in self.chain]

    def reaches(self, node: Anvil) -> None:
        """Waits until the newest block of a node has been told, and everything before it."""
        newest = node.head()["hash"]
        until(lambda: self.problem or (self.chain and self.chain[-1].hash == newest), f"{self.numbers()} {newest}")
        assert self.problem == ""
        assert not self.owed

    def __enter__(self) -> "Told":
        self.heads.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.heads.close()

    def comes_from(self, source: str) -> None:
        """Waits until heads come from there, and the first one has been told."""
        until(lambda: self.chain and self.heads.status()["source"] == source, f"{source}: {self.heads.status()}")


def opened(*endpoints: Endpoint, **words: Any) -> Access:
    return Access(endpoints, CHAIN_ID, **({"probe_s": PROBE_S} | words))


def test_blocks_are_streamed(node: Anvil) -> None:
    with opened(Endpoint(node.url)) as access, Told(access, quiet_s=3600) as told:
        told.comes_from("websocket")
        told.reaches(node)
        node.mine(20)
        told.reaches(node)
        assert told.numbers() == list(range(5, 26))
        newest, block = told.heads.newest, node.head()
        assert newest == Head.read(block)
        assert newest is not None
        assert newest.base_fee_wei == int(block["baseFeePerGas"], 16)
        assert newest.time_s == int(block["timestamp"], 16)
    assert told.reorgs == []


@pytest.mark.parametrize("depth", [1, 3, 5])
@pytest.mark.parametrize("streamed", [True, False])
def test_reorganisation_is_told_with_what_is_gone_and_what_came(node: Anvil, depth: int, streamed: bool) -> None:
    ws_url = node.ws_url if streamed else "ws://127.0.0.1:9"
    with opened(Endpoint(node.url, ws_url)) as access, Told(access) as told:
        if streamed:
            told.comes_from("websocket")
        told.reaches(node)
        node.mine(2)
        told.reaches(node)
        before = [Head.read(node.rpc("eth_getBlockByNumber", hex(number), False)) for number in range(8)]
        node.reorg(depth)
        told.reaches(node)
        after = [Head.read(node.rpc("eth_getBlockByNumber", hex(number), False)) for number in range(8)]
        # A look may come while anvil is at it, so there may be more than one. Those that were told are what counts.
        gone = {head.number: head for orphaned, _ in reversed(told.reorgs) for head in orphaned}
        assert [gone[number] for number in sorted(gone)] == before[8 - depth :]
        assert told.chain[-min(depth, 3) :] == after[-min(depth, 3) :]
        came = {head.number: head for _, new in told.reorgs for head in new} | {
            each.number: each for each in told.chain
        }
        assert [came[number] for number in range(8 - depth, 8)] == after[8 - depth :]
        node.mine(1)
        told.reaches(node)


def test_shorter_branch_is_a_reorganisation(node: Anvil) -> None:
    with opened(Endpoint(node.url)) as access, Told(access) as told:
        told.comes_from("websocket")
        back = node.snapshot()
        node.mine(4)
        told.reaches(node)
        node.revert(back)
        node.mine(1)
        told.reaches(node)
        (orphaned, new) = told.reorgs[0]
        assert [head.number for head in orphaned] == [6, 7, 8, 9]
        assert [head.number for head in new] == [6]


def test_stream_that_is_cut_gives_way_to_asking_and_comes_again(node: Anvil) -> None:
    with Gate(node.port) as gate, opened(Endpoint(node.url, gate.ws_url)) as access, Told(access) as told:
        told.comes_from("websocket")
        node.mine(2)
        told.reaches(node)
        gate.shut()
        told.comes_from("polling")
        node.mine(3)
        told.reaches(node)
        gate.open()
        told.comes_from("websocket")
        node.mine(2)
        told.reaches(node)
        assert told.numbers() == list(range(5, 13))
        assert told.heads.status()["streams"] == 2
        assert told.reorgs == []
        assert any("its websocket was closed" in line for line in told.said)


def test_stream_that_falls_silent_is_noticed(node: Anvil) -> None:
    with Anvil() as deaf, opened(Endpoint(node.url, deaf.ws_url)) as access, Told(access) as told:
        told.comes_from("websocket")  # of the same chain, but nothing is mined there
        node.mine(2)
        told.reaches(node)
        until(lambda: any("is silent, and has not told block 7" in line for line in told.said), str(told.said))


def test_stream_of_another_chain_takes_the_endpoint_out(node: Anvil) -> None:
    with Anvil(chain_id=5) as stranger, opened(Endpoint(node.url, stranger.ws_url), probe_s=3600) as access:
        with Told(access) as told:
            until(lambda: access.current is None)
        assert "its websocket is of chain 0x5" in access.endpoints[0].health.last_error
        assert told.reorgs == []


def test_endpoint_that_dies_hands_over_without_a_gap(node: Anvil) -> None:
    with Anvil() as second:
        second.mine(5, BEGIN_S + 12)
        with opened(Endpoint(node.url), Endpoint(second.url)) as access, Told(access) as told:
            told.comes_from("websocket")
            told.reaches(node)
            for each in (node, second):
                each.mine(2, BEGIN_S + 72)
            told.reaches(node)
            node.stop()
            second.mine(3, BEGIN_S + 96)
            told.reaches(second)
            assert told.numbers() == list(range(5, 11))
            told.comes_from("websocket")
            assert access.current is access.endpoints[1]
        assert told.reorgs == []


def test_long_gap_is_filled_and_a_longer_one_is_jumped(node: Anvil) -> None:
    access = opened(Endpoint(node.url, "ws://127.0.0.1:9"), probe_s=3600)
    told = Told(access, gap_max=40)
    heads = told.heads
    heads._look()
    node.mine(40)
    heads._look()
    assert told.numbers() == list(range(5, 46))
    assert told.problem == ""
    told.chain.clear()
    node.mine(41)
    heads._look()
    assert told.numbers() == [86]
    assert told.reorgs == []
    assert "blocks 46 to 85 are left out" in told.said[-1]
    node.reorg(30)  # what lies below the jump was remembered
    told.chain = [Head.read(node.rpc("eth_getBlockByNumber", "0x0", False))] * 30
    heads._look()
    assert len(told.reorgs) == 1
    assert [head.number for head in told.reorgs[0][0]] == list(range(57, 87))
    access.close()


def test_chain_that_shares_nothing_is_a_lie_until_it_is_said_again(node: Anvil) -> None:
    with Anvil(begin_s=BEGIN_S + 1) as liar:
        liar.mine(7, BEGIN_S + 12)
        access = opened(Endpoint(node.url), Endpoint(liar.url), probe_s=3600)
        told = Told(access)
        heads = told.heads
        heads._look()
        access.offline(node.address)
        heads._look()
        assert "is of a chain that has none of the last 6 blocks" in access.endpoints[1].health.last_error
        assert told.reorgs == []
        access.online(node.address)
        node.mine(1)
        heads._look()
        assert told.numbers() == [5, 6], "the truth goes on"
        access.offline(node.address)
        for _ in range(2):  # said, and after its return said again
            access.online(liar.address)
            heads._look()
        ((orphaned, new),) = told.reorgs
        assert [head.number for head in orphaned] == [0, 1, 2, 3, 4, 5, 6]
        assert new == ()
        assert heads.newest == Head.read(liar.head())
        access.close()


def test_threads_end_with_it(node: Anvil) -> None:
    before = threading.active_count()
    with opened(Endpoint(node.url)) as access, Told(access) as told:
        told.comes_from("websocket")
        told.reaches(node)
    assert threading.active_count() == before
    told.heads.close()  # a second time does nothing
