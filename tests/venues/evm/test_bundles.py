"""Private transactions: signed for the relay, offered block by block, public only where that is allowed."""

from collections.abc import Generator
from pathlib import Path

import pytest

from quarterdeck.errors import RpcFailed, RpcRefused, TransactionRefused
from quarterdeck.venues.evm.bundles import Relay
from quarterdeck.venues.evm.wallet import Wallet
from tests.venues.evm.anvil import ACCOUNTS, KEYS, Anvil
from tests.venues.evm.relaying import Builder
from tests.venues.evm.sending import FEES, LOGS_OR_REVERTS, Clock, Desk, call, kinds, pooled

US, OTHER = ACCOUNTS[0], ACCOUNTS[1]
PLAN = 5
SEARCHER = Wallet(KEYS[2])  # who we are at the relay is not who pays


@pytest.fixture
def node() -> Generator[Anvil, None, None]:
    with Anvil("--no-mining") as one:
        yield one


@pytest.fixture
def builder(node: Anvil) -> Generator[Builder, None, None]:
    with Builder(node, SEARCHER.address) as one:
        yield one


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(node: Anvil, builder: Builder, tmp_path: Path, clock: Clock) -> Generator[Desk, None, None]:
    one = Desk(node, tmp_path, clock, Relay(builder.address, SEARCHER))
    yield one
    one.end()


def test_a_bundle_is_offered_for_the_next_blocks_and_never_seen_in_the_pool(builder: Builder, desk: Desk) -> None:
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert (sent.private, sent.known, pooled(desk.node)) == (True, True, set())
    assert builder.asked == ["eth_callBundle", *["eth_sendBundle"] * 3]
    assert [target for target, _ in builder.bundles] == [1, 2, 3]
    assert desk.poll() == []
    builder.build()
    (included,) = desk.poll()
    assert (included.order_id, included.hash, included.receipt.block) == (1, sent.hash, 1)


def test_a_bundle_that_no_block_took_is_over_and_frees_its_nonce(builder: Builder, desk: Desk) -> None:
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert [desk.mined() for _ in range(2)] == [[], []]
    (dropped,) = desk.mined()
    assert (dropped.hash, dropped.reason, dropped.closes) == (sent.hash, "no block up to 3 took its bundle", True)
    assert (pooled(desk.node), desk.transactions.waits(1)) == (set(), False)
    again = desk.transactions.submit(call(OTHER), 2, PLAN, FEES)
    assert again.nonce == sent.nonce
    builder.build()
    assert [(type(one).__name__, one.order_id) for one in desk.poll()] == [("Included", 2)]


def test_a_bundle_that_leaked_is_told_and_what_took_its_nonce_is_dropped(builder: Builder, desk: Desk) -> None:
    leaked = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert kinds(desk.mined(3)) == ["Dropped"]
    later = desk.transactions.submit(call(OTHER), 2, PLAN, FEES)
    desk.node.rpc("eth_sendRawTransaction", builder.bundles[0][1][0])
    included, dropped = desk.mined()
    assert (included.order_id, included.hash) == (1, leaked.hash)
    assert (dropped.order_id, dropped.hash, dropped.by, dropped.closes) == (2, later.hash, leaked.hash, True)
    assert dropped.reason == "order 1 has its nonce 0"


def test_what_the_relay_sees_revert_is_not_offered(node: Anvil, builder: Builder, desk: Desk) -> None:
    node.rpc("evm_setAutomine", True)
    target = node.deploy(LOGS_OR_REVERTS, sender=OTHER)
    node.rpc("evm_setAutomine", False)
    with pytest.raises(TransactionRefused, match="relay's simulation failed: execution reverted"):
        desk.transactions.submit(call(target, b"\1"), 1, PLAN, FEES)
    assert builder.bundles == []
    assert desk.transactions.submit(call(target), 2, PLAN, FEES).nonce == 0


def test_a_wrong_signature_is_refused_and_nothing_left(builder: Builder, node: Anvil, tmp_path: Path) -> None:
    desk = Desk(node, tmp_path, Clock(), Relay(builder.address, Wallet(KEYS[1])), simulate_bundles=False)
    with pytest.raises(TransactionRefused, match="signature is wrong"):
        desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert (builder.bundles, pooled(node)) == ([], set())
    desk.end()


@pytest.mark.parametrize("fallback", [False, True])
def test_the_public_has_it_only_if_that_is_configured(
    builder: Builder, node: Anvil, tmp_path: Path, fallback: bool
) -> None:
    builder.error = "no more bundles"
    desk = Desk(node, tmp_path, Clock(), Relay(builder.address, SEARCHER), public_fallback=fallback)
    if fallback:
        sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
        assert (sent.private, pooled(node)) == (False, {sent.hash})
        assert kinds(desk.mined()) == ["Included"]
    else:
        with pytest.raises(TransactionRefused, match="no more bundles"):
            desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
        assert pooled(node) == set()
    desk.end()


def test_after_its_blocks_the_public_has_it_where_configured(builder: Builder, node: Anvil, tmp_path: Path) -> None:
    desk = Desk(node, tmp_path, Clock(), Relay(builder.address, SEARCHER), public_fallback=True)
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    (resent,) = desk.mined(3)
    assert (resent.hash, resent.sent.private, resent.cancels, pooled(node)) == (sent.hash, False, False, {sent.hash})
    assert kinds(desk.mined()) == ["Included"]
    desk.end()


def test_a_cancelled_bundle_is_offered_no_further_and_never_public(
    builder: Builder, node: Anvil, tmp_path: Path
) -> None:
    desk = Desk(node, tmp_path, Clock(), Relay(builder.address, SEARCHER), public_fallback=True)
    desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert desk.transactions.cancel(1) is None
    assert desk.mined(2) == []
    (dropped,) = desk.mined()
    assert (dropped.closes, pooled(node)) == (True, set())
    desk.end()


def test_a_relay_that_breaks_off_leaves_it_open_until_it_answers(builder: Builder, desk: Desk) -> None:
    builder.silent = True
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert (sent.private, sent.known, builder.bundles) == (True, False, [])
    builder.silent = False
    assert desk.mined() == []
    assert [target for target, _ in builder.bundles] == [2, 3]
    builder.build()
    assert kinds(desk.poll()) == ["Included"]


def test_what_a_relay_says_is_sorted_into_no_and_unknown(builder: Builder) -> None:
    relay = Relay(builder.address, SEARCHER)
    assert relay.send_bundle([b"\2"], 1).startswith("0x")
    builder.error = "too late"
    with pytest.raises(RpcRefused, match="eth_sendBundle: too late"):
        relay.send_bundle([b"\2"], 1)
    builder.silent = True
    with pytest.raises(RpcFailed, match="was not answered: ConnectionError"):
        relay.send_bundle([b"\2"], 1)
