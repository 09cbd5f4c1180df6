"""The store's own rules, whatever code asks it to break them."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from quarterdeck.errors import DataError
from quarterdeck.venues.evm.receipts import Included, Log, Receipt, Trouble
from quarterdeck.venues.evm.store import Purpose, Row, Store

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT = "0x" + "aB" * 20


def row(hash_: str, nonce: int, order_id: int, purpose: Purpose = Purpose.ORDER, **words: Any) -> Row:
    return Row(
        hash=hash_, nonce=nonce, order_id=order_id, plan=9, purpose=purpose, recipient=ACCOUNT, data=b"\0\1",
        value=str(10**30), gas_limit=100_000, max_fee_wei=10**18, priority_fee_wei=1, ceiling_wei=10**18, raw=b"\2\3",
        replaces="", private=False, last_target=0, head=1, written_ns=5, **words,
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store, None, None]:
    one = Store.open(tmp_path, 1, ACCOUNT)
    yield one
    one.close()


def test_a_row_comes_back_as_it_was(store: Store) -> None:
    one = row("0x1", 0, 1)
    store.enter(one)
    assert store.watched() == store.of_order(1) == [one]
    changed = replace(
        one, private=True, last_target=4, unwanted=True, sent_ns=7, freed=True, block=8, block_hash="0x9", told=True,
        taken_by="0x3", closed=True,
    )  # fmt: skip
    store.apply([changed])
    assert (store.find("0x1"), store.watched()) == (changed, [])


def test_an_order_enters_once(store: Store) -> None:
    store.enter(row("0x1", 0, 1))
    with pytest.raises(DataError, match=r"signed\.order_id; nothing was written"):
        store.enter(row("0x2", 1, 1))
    store.enter(row("0x3", 0, 1, Purpose.REPLACEMENT))
    store.enter(row("0x4", 0, 1, Purpose.CANCEL))
    assert len(store.of_order(1)) == 3


def test_a_nonce_has_one_purpose_until_it_is_free(store: Store) -> None:
    store.enter(row("0x1", 0, 1))
    for purpose, order_id in ((Purpose.ORDER, 2), (Purpose.FILL, 0)):
        with pytest.raises(DataError, match=r"signed\.nonce"):
            store.enter(row("0x2", 0, order_id, purpose))
    store.apply([replace(row("0x1", 0, 1), freed=True)])
    store.enter(row("0x2", 0, 2))


def test_all_of_a_commit_or_nothing(store: Store) -> None:
    store.enter(row("0x1", 0, 1))
    store.enter(row("0x2", 1, 2))
    trouble = Trouble(order_id=0, plan=0, hash="", nonce=0, at_ns=1, kind="capped", text="x")
    freed, clash = replace(row("0x1", 0, 1), freed=True), replace(trouble, order_id=2**70)
    with pytest.raises((DataError, OverflowError)):
        store.apply([freed], [trouble, clash])
    assert store.unsettled() == []
    assert not store.watched()[0].freed
    store.apply([freed], [trouble])
    assert store.unsettled() == [replace(trouble, number=1)]


def test_outcomes_come_back_exactly_and_until_they_are_settled(store: Store) -> None:
    receipt = Receipt(
        hash="0x1", block=2**40, block_hash="0x2", at_ns=2**60, success=True, gas_used=30_000_000,
        gas_price_wei=10**13, logs=(Log("0x3", ("0x4", "0x5"), "0x"),),
    )  # fmt: skip
    one = Included(order_id=2**50, plan=2**60, hash="0x1", nonce=3, at_ns=2**60, receipt=receipt)
    store.apply([], [one, one])
    assert store.unsettled() == [replace(one, number=1), replace(one, number=2)]
    store.settle(1)
    assert store.unsettled() == [replace(one, number=2)]
    assert store.history(2**50) == [replace(one, number=1), replace(one, number=2)]
    assert receipt.gas_wei == 30_000_000 * 10**13


def test_a_second_process_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="another process sends this account's transactions"):
        Store.open(tmp_path, 1, ACCOUNT)
    Store.open(tmp_path, 2, ACCOUNT).close()


def test_a_file_is_of_one_chain(store: Store) -> None:
    store.bind("0xa")
    store.bind("0xa")
    with pytest.raises(DataError, match="began with block 0xa, and this one began with 0xb"):
        store.bind("0xb")


def test_every_commit_waits_for_the_medium(store: Store) -> None:
    with store.commit() as base:
        assert base.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    with sqlite3.connect(store.path) as other:
        assert other.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    other.close()


WRITER = """
import os, signal, sys
from pathlib import Path
from quarterdeck.venues.evm.store import Store
from tests.venues.evm.test_store import ACCOUNT, row

store = Store.open(Path(sys.argv[1]), 1, ACCOUNT)
for number in range(50):
    store.enter(row(str(number), number, number + 1))
unfinished = store.commit()
unfinished.__enter__().execute("DELETE FROM signed")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_all_it_had_entered_and_nothing_half(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    done = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    store = Store.open(tmp_path, 1, ACCOUNT)
    assert [one.nonce for one in store.watched()] == list(range(50))
    store.close()


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"transactions-1-{ACCOUNT.lower()}.sqlite").write_bytes(b"nonsense" * 1000)
    with pytest.raises(DataError, match="file is not a database; it holds what was sent: restore it"):
        Store.open(tmp_path, 1, ACCOUNT)
