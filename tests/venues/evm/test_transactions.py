"""Transactions on a real node: sent, mined, lost, stuck, replaced, cancelled, taken; and what a death leaves."""

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.errors import DataError, RpcRefused, TransactionRefused
from quarterdeck.venues.evm.fees import Fees
from quarterdeck.venues.evm.store import Purpose
from tests.venues.evm.anvil import ACCOUNTS, Anvil
from tests.venues.evm.sending import (
    FEES,
    GAS,
    GWEI,
    LOGS_OR_REVERTS,
    Clock,
    Desk,
    Position,
    broken,
    call,
    kinds,
    pooled,
    raw_of,
)

ROOT = Path(__file__).resolve().parents[3]
US, OTHER = ACCOUNTS[0], ACCOUNTS[1]
PLAN = 77


@pytest.fixture
def node() -> Generator[Anvil, None, None]:
    with Anvil("--no-mining") as one:
        yield one


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(node: Anvil, tmp_path: Path, clock: Clock) -> Generator[Desk, None, None]:
    one = Desk(node, tmp_path, clock)
    yield one
    one.end()


def deployed(node: Anvil) -> str:
    node.rpc("evm_setAutomine", True)
    address = node.deploy(LOGS_OR_REVERTS, sender=OTHER)
    node.rpc("evm_setAutomine", False)
    return address


def foreign(node: Anvil, **words: Any) -> str:
    """Somebody else sends with our key."""
    asked = {"from": US, "to": OTHER, "gas": hex(GAS), **words}
    return str(node.rpc("eth_sendTransaction", asked))


def count(node: Anvil) -> int:
    return int(node.rpc("eth_getTransactionCount", US, "latest"), 16)


def test_a_call_is_sent_and_told_with_its_receipt(node: Anvil, desk: Desk) -> None:
    target = deployed(node)
    good = desk.transactions.submit(call(target), 1, PLAN, FEES)
    bad = desk.transactions.submit(call(target, b"\1"), 2, PLAN + 1, FEES)
    assert (good.nonce, bad.nonce, good.known, good.private) == (0, 1, True, False)
    assert desk.poll() == []
    before = int(node.rpc("eth_getBalance", US, "latest"), 16)
    included, reverted = desk.mined()
    assert kinds([included, reverted]) == ["Included", "Reverted"]
    assert (included.order_id, included.plan, included.hash, included.nonce) == (1, PLAN, good.hash, 0)
    block = node.head()
    assert (included.receipt.block, included.receipt.block_hash) == (int(block["number"], 16), block["hash"])
    assert included.at_ns == int(block["timestamp"], 16) * 10**9
    assert [(log.address.lower(), log.topics, log.data) for log in included.receipt.logs] == [
        (target.lower(), (), "0x")
    ]
    assert (reverted.order_id, reverted.receipt.success, reverted.receipt.logs) == (2, False, ())
    paid = included.receipt.gas_wei + reverted.receipt.gas_wei
    assert before - int(node.rpc("eth_getBalance", US, "latest"), 16) == paid
    assert desk.poll() == []
    assert not desk.transactions.waits(1)


def test_an_outcome_is_told_until_it_is_settled(node: Anvil, tmp_path: Path, clock: Clock) -> None:
    first = Desk(node, tmp_path, clock)
    first.transactions.submit(call(OTHER), 1, PLAN, FEES)
    node.mine()
    told = first.poll(settle=False)
    assert kinds(told) == ["Included"]
    assert first.poll(settle=False) == told
    first.end()
    second = Desk(node, tmp_path, clock)
    assert second.poll() == told
    assert second.poll() == []
    assert second.transactions.history(1) == told
    second.end()


def test_confirmations_are_waited_for(node: Anvil, tmp_path: Path, clock: Clock) -> None:
    desk = Desk(node, tmp_path, clock, confirmations=3)
    desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert [kinds(desk.mined()) for _ in range(4)] == [[], [], ["Included"], []]
    desk.end()


def test_an_order_is_signed_for_once(node: Anvil, desk: Desk) -> None:
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert desk.transactions.submit(call(OTHER, b"other"), 1, PLAN, FEES) == sent
    desk.mined()
    assert desk.transactions.submit(call(OTHER), 1, PLAN, FEES) == sent
    assert (pooled(node), count(node)) == (set(), 1)


def test_eight_threads_get_eight_nonces_in_a_row(node: Anvil, desk: Desk) -> None:
    gate = threading.Barrier(8)

    def submit(order_id: int) -> int:
        gate.wait()
        return desk.transactions.submit(call(OTHER), order_id, PLAN, FEES).nonce

    with ThreadPoolExecutor(8) as threads:
        nonces = list(threads.map(submit, range(1, 9)))
    assert sorted(nonces) == list(range(8))
    outcomes = desk.mined()
    assert kinds(outcomes) == ["Included"] * 8
    assert {one.order_id for one in outcomes} == set(range(1, 9))


def test_what_the_node_refuses_did_not_leave_and_frees_its_nonce(node: Anvil, desk: Desk) -> None:
    with pytest.raises(TransactionRefused, match=r"nonce 0 was refused: .*intrinsic gas"):
        desk.transactions.submit(call(OTHER, gas_limit=20_000), 1, PLAN, FEES)
    with pytest.raises(TransactionRefused, match="order 1 was refused before"):
        desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert desk.transactions.find(1) is None
    assert desk.transactions.submit(call(OTHER), 2, PLAN, FEES).nonce == 0
    assert kinds(desk.mined()) == ["Included"]


@pytest.mark.parametrize("arrived", [False, True])
def test_a_line_that_breaks_leaves_it_open_until_the_next_head(node: Anvil, desk: Desk, arrived: bool) -> None:
    setattr(desk.line, "after" if arrived else "before", broken())
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert not sent.known
    desk.line.after = desk.line.before = None
    assert (sent.hash in pooled(node)) == arrived
    assert desk.poll() == []
    assert pooled(node) == {sent.hash}
    known = desk.transactions.find(1)
    assert known is not None
    assert known.known
    assert [one.hash for one in desk.mined()] == [sent.hash]


def test_a_line_that_never_came_about_frees_the_nonce(node: Anvil, desk: Desk) -> None:
    desk.poll()

    def hang_up(method: str, _: Any) -> None:
        if method == "eth_sendRawTransaction":
            node.stop()

    desk.line.before = hang_up
    with pytest.raises(TransactionRefused, match="no endpoint of chain 31337 answers"):
        desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert not desk.transactions.waits(1)


DEATH = """
import os, signal, sys
from pathlib import Path
from tests.venues.evm.anvil import Anvil
from tests.venues.evm.sending import FEES, Clock, Desk, call

node = Anvil()
node.port = int(sys.argv[1])
desk = Desk(node, Path(sys.argv[2]), Clock())

def die(method, _):
    if method == "eth_sendRawTransaction":
        os.kill(os.getpid(), signal.SIGKILL)

setattr(desk.line, sys.argv[3], die)
desk.transactions.submit(call(sys.argv[4]), 1, 77, FEES)
"""


def killed(node: Anvil, folder: Path, moment: str) -> None:
    """A process that is killed just `before` or just `after` it sends."""
    words = [sys.executable, "-c", DEATH, str(node.port), str(folder), moment, OTHER]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    ended = subprocess.run(words, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_while_it_sends_sends_the_same_bytes_again(
    node: Anvil, tmp_path: Path, clock: Clock, moment: str
) -> None:
    killed(node, tmp_path, moment)
    assert len(pooled(node)) == (moment == "after")
    desk = Desk(node, tmp_path, clock)
    there = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert not there.known
    assert desk.poll() == []
    assert pooled(node) == {there.hash}
    assert [(one.order_id, one.hash) for one in desk.mined()] == [(1, there.hash)]
    assert count(node) == 1
    desk.end()


def test_what_never_left_and_is_too_old_is_cancelled(node: Anvil, tmp_path: Path, clock: Clock) -> None:
    killed(node, tmp_path, "before")
    clock.pass_s(61)
    desk = Desk(node, tmp_path, clock)
    (resent,) = desk.poll()
    assert (resent.order_id, resent.cancels) == (1, True)
    assert pooled(node) == {resent.sent.hash}
    spent, dropped = desk.mined()
    assert kinds([spent, dropped]) == ["Spent", "Dropped"]
    assert (spent.order_id, spent.receipt.gas_used, dropped.closes) == (1, 21_000, True)
    desk.end()


def test_all_that_never_left_is_cancelled_whoever_is_next_in_line(node: Anvil, desk: Desk, clock: Clock) -> None:
    desk.line.before = broken()
    for order_id in (1, 2):
        desk.transactions.submit(call(OTHER), order_id, PLAN, FEES)
    desk.line.before = None
    clock.pass_s(61)
    assert [(one.order_id, one.cancels) for one in desk.poll()] == [(1, True), (2, True)]
    assert kinds(desk.mined()) == ["Spent", "Dropped"] * 2


def test_a_restart_between_send_and_receipt_finds_the_receipt(node: Anvil, tmp_path: Path, clock: Clock) -> None:
    first = Desk(node, tmp_path, clock)
    sent = first.transactions.submit(call(OTHER), 1, PLAN, FEES)
    first.end()
    node.mine(2)
    second = Desk(node, tmp_path, clock)
    assert second.transactions.find(1) == sent
    (included,) = second.poll()
    assert (included.hash, included.receipt.block) == (sent.hash, 1)
    second.end()


def test_a_stuck_transaction_is_replaced_by_an_eighth_more_and_at_last_cancelled(
    node: Anvil, tmp_path: Path, clock: Clock
) -> None:
    desk = Desk(node, tmp_path, clock, replacements_max=2)
    sent = [desk.transactions.submit(call(OTHER), 1, PLAN, FEES)]
    behind = desk.transactions.submit(call(OTHER), 2, PLAN, FEES)
    clock.pass_s(59)
    assert desk.poll() == []
    for cancels in (False, False, True):
        clock.pass_s(61)
        (resent,) = desk.poll()
        assert (resent.order_id, resent.replaces, resent.cancels) == (1, sent[-1].hash, cancels)
        old, new = (raw_of(node, one) if one in pooled(node) else None for one in (sent[-1].hash, resent.hash))
        assert old is None
        assert new is not None
        for name in ("max_fee_wei", "priority_fee_wei"):
            assert getattr(resent.sent, name) * 8 >= getattr(sent[-1], name) * 9
        sent.append(resent.sent)
    assert {one.nonce for one in sent} == {0}
    assert pooled(node) == {sent[-1].hash, behind.hash}
    outcomes = desk.mined()
    assert kinds(outcomes) == ["Spent", "Dropped", "Dropped", "Dropped", "Included"]
    assert [one.closes for one in outcomes[1:4]] == [False, False, True]
    assert outcomes[-1].order_id == 2
    desk.end()


def test_a_replacement_that_is_mined_is_its_order(node: Anvil, desk: Desk) -> None:
    old = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    new = desk.transactions.replace(1)
    included, dropped = desk.mined()
    assert (desk.transactions.signed(old.hash), desk.transactions.signed("0x")) == (old, None)
    assert (included.order_id, included.hash, dropped.hash, dropped.by, dropped.closes) == (
        1, new.hash, old.hash, new.hash, False,
    )  # fmt: skip
    with pytest.raises(TransactionRefused, match="nothing was replaced"):
        desk.transactions.replace(1)


@pytest.mark.parametrize("arrived", [False, True])
@pytest.mark.parametrize("cancels", [False, True])
def test_what_replaced_it_is_told_by_the_next_head_when_nobody_knew(
    node: Anvil, desk: Desk, cancels: bool, arrived: bool
) -> None:
    old = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    setattr(desk.line, "after" if arrived else "before", broken())
    new = desk.transactions.cancel(1) if cancels else desk.transactions.replace(1)
    desk.line.before = desk.line.after = None
    assert new is not None
    assert not new.known
    (resent,) = desk.poll()
    assert (resent.hash, resent.replaces, resent.cancels, resent.sent.known) == (new.hash, old.hash, cancels, True)
    assert (desk.poll(), pooled(node)) == ([], {new.hash})


def test_at_its_ceiling_a_stuck_transaction_is_cancelled_and_said(node: Anvil, desk: Desk, clock: Clock) -> None:
    desk.transactions.submit(call(OTHER), 1, PLAN, Fees(4 * GWEI, GWEI, 4 * GWEI))
    clock.pass_s(61)
    trouble, resent = desk.poll()
    assert (trouble.kind, resent.cancels) == ("capped", True)
    assert "above its ceiling of 4 gwei" in trouble.text
    assert kinds(desk.mined()) == ["Spent", "Dropped"]


def test_a_cancel_takes_the_nonce(node: Anvil, desk: Desk) -> None:
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    cancel = desk.transactions.cancel(1)
    assert cancel is not None
    assert (cancel.nonce, desk.transactions.cancel(1)) == (sent.nonce, None)
    assert raw_of(node, cancel.hash)["to"].lower() == US.lower()
    spent, dropped = desk.mined()
    assert (spent.hash, dropped.hash, dropped.by, dropped.closes) == (cancel.hash, sent.hash, cancel.hash, True)
    assert desk.transactions.cancel(1) is None
    assert not desk.transactions.waits(1)


def test_a_cancel_that_comes_too_late_costs_nothing(node: Anvil, desk: Desk) -> None:
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    node.mine()
    with pytest.raises(TransactionRefused, match="nonce too low"):
        desk.transactions.cancel(1)
    assert [(type(one).__name__, one.hash) for one in desk.poll()] == [("Included", sent.hash)]


def test_a_nonce_taken_by_another_user_of_the_key_is_found_and_named(node: Anvil, desk: Desk) -> None:
    desk.poll()
    desk.line.before = broken()
    ours = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    desk.line.before = None
    theirs = foreign(node)
    node.mine(3)
    dropped, trouble = desk.poll()
    assert (dropped.hash, dropped.by, dropped.closes) == (ours.hash, theirs, True)
    assert (trouble.kind, trouble.hash) == ("foreign", theirs)
    assert "this desk did not sign" in trouble.text
    assert desk.poll() == []
    assert desk.transactions.submit(call(OTHER), 2, PLAN, FEES).nonce == 1


def test_a_nonce_taken_at_the_very_moment_is_refused_and_the_next_one_is_free(node: Anvil, desk: Desk) -> None:
    desk.poll()
    theirs: list[str] = []

    def overtake(method: str, _: Any) -> None:
        if method == "eth_sendRawTransaction" and not theirs:
            theirs.append(foreign(node))
            node.mine()

    desk.line.before = overtake
    with pytest.raises(TransactionRefused, match="nonce too low"):
        desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    (trouble,) = desk.poll()
    assert (trouble.kind, trouble.hash) == ("foreign", theirs[0])
    assert desk.transactions.submit(call(OTHER), 2, PLAN, FEES).nonce == 1
    assert kinds(desk.mined()) == ["Included"]


def test_a_receipt_that_is_late_is_waited_for_and_no_stranger_is_blamed(node: Anvil, desk: Desk) -> None:
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    desk.line.late = "eth_getTransactionReceipt"
    assert [desk.mined() for _ in range(3)] == [[], [], []]
    desk.line.late = ""
    assert [(type(one).__name__, one.hash) for one in desk.mined()] == [("Included", sent.hash)]


def test_a_receipt_of_another_branch_or_of_a_later_head_does_not_count(node: Anvil, desk: Desk) -> None:
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    before = Position(node.head())
    node.mine()
    assert desk.transactions.poll(before) == []
    real = node.rpc("eth_getTransactionReceipt", sent.hash)
    desk.line.late, desk.line.lately = "eth_getTransactionReceipt", {**real, "blockHash": "0x" + "12" * 32}
    assert desk.poll() == []
    desk.line.late = ""
    assert kinds(desk.poll()) == ["Included"]


def test_a_stranger_who_only_uses_the_key_is_said_once(node: Anvil, desk: Desk) -> None:
    desk.poll()
    theirs = [foreign(node), foreign(node)]
    outcomes = desk.mined()
    assert [(one.kind, one.hash) for one in outcomes] == [("foreign", one) for one in theirs]
    assert desk.mined() == []


def test_a_waiting_transaction_of_a_stranger_is_left_alone_and_its_gap_filled_when_it_goes(
    node: Anvil, desk: Desk
) -> None:
    desk.poll()
    theirs = foreign(node)
    ours = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert ours.nonce == 1
    assert desk.poll() == []
    assert pooled(node) == {theirs, ours.hash}
    node.rpc("anvil_dropTransaction", theirs)
    assert desk.poll() == []
    assert len(pooled(node)) == 2
    spent, included = desk.mined()
    assert (spent.order_id, spent.nonce, spent.receipt.gas_used) == (0, 0, 21_000)
    assert (included.order_id, included.nonce) == (1, 1)


def test_a_gap_that_cannot_be_filled_is_said_and_tried_again_later(node: Anvil, desk: Desk, clock: Clock) -> None:
    desk.poll()
    theirs = foreign(node)
    ours = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    node.rpc("anvil_dropTransaction", theirs)
    node.rpc("anvil_setBalance", US, "0x0")
    (trouble,) = [one for one in desk.poll() if one.hash != ours.hash]
    assert (trouble.kind, trouble.nonce) == ("refused", 0)
    assert "nonce 0 is missing and holds up those behind it" in trouble.text
    for passed, signed in ((1, 1), (1, 1), (60, 2)):
        clock.pass_s(passed)
        assert [one for one in desk.poll() if one.hash != ours.hash] == []
        assert sum(row.purpose is Purpose.FILL for row in desk.store.watched()) == signed


def test_a_reorg_of_three_blocks_is_taken_back_and_told_where_it_lands(node: Anvil, desk: Desk) -> None:
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    (first,) = desk.mined(3)
    node.reorg(3)
    assert count(node) == 0
    (orphaned,) = desk.poll()
    assert (orphaned.order_id, orphaned.hash) == (1, sent.hash)
    assert (orphaned.block, orphaned.block_hash) == (first.receipt.block, first.receipt.block_hash)
    assert pooled(node) == {sent.hash}
    (second,) = desk.mined()
    assert (second.hash, second.receipt.block) == (sent.hash, 4)
    assert second.receipt.block_hash != first.receipt.block_hash
    assert count(node) == 1
    assert [one.number for one in desk.transactions.history(1)] == [first.number, orphaned.number, second.number]


def test_a_reorg_before_it_counted_is_nobodys_news(node: Anvil, tmp_path: Path, clock: Clock) -> None:
    desk = Desk(node, tmp_path, clock, confirmations=4)
    desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert desk.mined(3) == []
    node.reorg(3)
    assert desk.poll() == []
    assert kinds(desk.mined(4)) == ["Included"]
    desk.end()


def test_a_cancel_that_a_reorg_undoes_lets_the_order_be_mined_after_all(node: Anvil, desk: Desk) -> None:
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    cancel = desk.transactions.cancel(1)
    assert cancel is not None
    assert kinds(desk.mined()) == ["Spent", "Dropped"]
    raw = desk.store.of_order(1)[0].raw
    node.reorg(1)
    node.rpc("eth_sendRawTransaction", "0x" + raw.hex())
    node.mine()
    outcomes = desk.poll()
    assert kinds(outcomes) == ["Orphaned", "Included", "Dropped"]
    assert [one.hash for one in outcomes] == [cancel.hash, sent.hash, cancel.hash]


def test_a_chain_that_was_killed_and_came_back_is_sent_what_it_forgot(tmp_path: Path, clock: Clock) -> None:
    node = Anvil("--no-mining", "--state", str(tmp_path / "chain.json")).start()
    desk = Desk(node, tmp_path, clock)
    old = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert kinds(desk.mined(2)) == ["Included"]
    waiting = [desk.transactions.submit(call(OTHER), order_id, PLAN, FEES) for order_id in (2, 3)]
    node.end()
    node.start()
    assert pooled(node) == set()
    assert desk.poll() == []
    assert pooled(node) == {one.hash for one in waiting}
    assert [one.order_id for one in desk.mined()] == [2, 3]
    assert (count(node), old.nonce) == (3, 0)
    desk.end()
    node.stop()


def test_another_chain_is_refused(node: Anvil, tmp_path: Path, clock: Clock) -> None:
    desk = Desk(node, tmp_path, clock)
    desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    desk.end()
    with Anvil("--no-mining", begin_s=1_600_000_000) as other:
        stranger = Desk(other, tmp_path, clock)
        with pytest.raises(DataError, match="it is of the chain that began with block"):
            stranger.poll()
        assert pooled(other) == set()
        stranger.end()


def test_a_transaction_is_on_the_medium_before_it_leaves(node: Anvil, desk: Desk) -> None:
    seen: list[Any] = []

    def look(method: str, params: Any) -> None:
        if method == "eth_sendRawTransaction":
            seen.append(next(row for row in desk.store.watched() if params[0] == "0x" + row.raw.hex()))

    desk.line.before = look
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    cancel = desk.transactions.cancel(1)
    assert cancel is not None
    assert [(row.hash, row.purpose, row.sent_ns) for row in seen] == [
        (sent.hash, Purpose.ORDER, 0),
        (cancel.hash, Purpose.CANCEL, 0),
    ]


def test_without_a_medium_nothing_leaves(node: Anvil, desk: Desk) -> None:
    desk.poll()
    desk.store._base.execute("PRAGMA query_only = 1")
    with pytest.raises(DataError, match="attempt to write a readonly database; nothing was written"):
        desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert pooled(node) == set()
    desk.store._base.execute("PRAGMA query_only = 0")
    assert desk.transactions.submit(call(OTHER), 1, PLAN, FEES).nonce == 0


def test_a_medium_that_fails_after_it_left_does_not_say_that_nothing_left(node: Anvil, desk: Desk) -> None:
    desk.poll()

    def fail(method: str, _: Any) -> None:
        if method == "eth_sendRawTransaction":
            desk.store._base.execute("PRAGMA query_only = 1")

    desk.line.after = fail
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert (sent.known, pooled(node)) == (False, {sent.hash})
    desk.store._base.execute("PRAGMA query_only = 0")
    assert [one.hash for one in desk.mined()] == [sent.hash]


def test_what_is_stuck_and_refused_is_tried_again_no_sooner_than_it_was_stuck(
    node: Anvil, desk: Desk, clock: Clock
) -> None:
    desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    node.rpc("anvil_setBalance", US, hex(21_000 * 4 * GWEI))
    for passed, signed in ((61, 3), (1, 3), (1, 3), (60, 5)):  # a replacement and a cancel each time
        clock.pass_s(passed)
        desk.poll()
        assert len(desk.store.of_order(1)) == signed
    assert [one.kind for one in desk.transactions.history(1)] == ["capped"]
    node.rpc("anvil_setBalance", US, hex(10**18))
    assert kinds(desk.mined()) == ["Included"]


def test_a_refusal_of_one_endpoint_counts_only_if_no_other_took_it(node: Anvil, desk: Desk) -> None:
    numbers = itertools.count()

    def refuse(method: str, _: Any) -> None:
        if method == "eth_sendRawTransaction" and next(numbers) == 0:
            raise RpcRefused(-32000, "insufficient funds")

    desk.line.after = refuse
    sent = desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    assert sent.known
    assert [one.hash for one in desk.mined()] == [sent.hash]


def test_deep_transactions_are_left_alone(node: Anvil, tmp_path: Path, clock: Clock) -> None:
    desk = Desk(node, tmp_path, clock, final_blocks=5)
    desk.transactions.submit(call(OTHER), 1, PLAN, FEES)
    desk.mined()
    assert len(desk.store.watched()) == 1
    desk.mined(4)
    assert desk.store.watched() == []
    desk.line.late, desk.line.lately = "eth_getTransactionCount", "0x0"  # a node that lags behind
    late = desk.transactions.submit(call(OTHER), 2, PLAN, FEES)
    assert late.nonce == 1
    assert desk.poll() == []
    assert pooled(node) == {late.hash}
    desk.end()
