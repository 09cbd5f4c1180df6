import errno
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import JournalError, JournalFull
from quarterdeck.journal import Snapshot, newest_valid, read_snapshot, write_snapshot
from quarterdeck.journal.schema import state_layout
from quarterdeck.kernel.records import STATE_SCHEMA
from tests.journal.builders import DESK, ROOT, MemoryDisk


def snapshot(sequence: int, body: bytes = b"state" * 100) -> Snapshot:
    return Snapshot(DESK, sequence, sequence * 10, bytes(range(32)), body)


@given(body=st.binary(max_size=300), sequence=st.integers(0, 10**12 - 1))
def test_a_snapshot_comes_back(body: bytes, sequence: int) -> None:
    disk = MemoryDisk()
    path = write_snapshot(ROOT, snapshot(sequence, body), disk=disk)
    assert read_snapshot(path, disk=disk) == snapshot(sequence, body)
    assert disk.synced[path] == disk.files[path]


def test_the_newest_is_found_on_a_real_disk(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    assert newest_valid(folder) == (None, [])
    for sequence in (5, 1000, 70):
        write_snapshot(folder, snapshot(sequence))
    assert newest_valid(folder) == (snapshot(1000), [])
    assert sorted(path.name for path in folder.iterdir())[-1] == "000000001000.qds"


@given(place=st.integers(0, (4096 + 500 + len(state_layout())) * 8 - 1))
def test_any_flipped_bit_is_found_and_the_one_before_is_taken(place: int) -> None:
    disk = MemoryDisk()
    write_snapshot(ROOT, snapshot(5), disk=disk)
    path = write_snapshot(ROOT, snapshot(9), disk=disk)
    disk.files[path][place // 8] ^= 1 << place % 8
    found, skipped = newest_valid(ROOT, disk=disk)
    assert found == snapshot(5)
    assert len(skipped) == 1
    assert skipped[0].startswith("000000000009.qds: ")


@given(size=st.integers(0, 4096 + 499 + len(state_layout())))
def test_a_cut_snapshot_is_skipped(size: int) -> None:
    disk = MemoryDisk()
    path = write_snapshot(ROOT, snapshot(9), disk=disk)
    del disk.files[path][size:]
    found, skipped = newest_valid(ROOT, disk=disk)
    assert found is None
    assert len(skipped) == 1


def test_a_state_of_a_layout_that_nobody_knows_is_skipped() -> None:
    disk = MemoryDisk()
    write_snapshot(ROOT, snapshot(5), disk=disk)
    path = write_snapshot(ROOT, replace(snapshot(9), schema=bytes(32), layout=b""), disk=disk)
    assert read_snapshot(path, disk=disk).sequence == 9
    found, skipped = newest_valid(ROOT, disk=disk)
    assert found == snapshot(5)
    assert "of a layout that this version does not know; replay the journal instead" in skipped[0]


def test_a_state_of_a_newer_version_is_skipped() -> None:
    disk = MemoryDisk()
    write_snapshot(ROOT, replace(snapshot(9), schema=bytes(32), state_schema=STATE_SCHEMA + 1), disk=disk)
    found, skipped = newest_valid(ROOT, disk=disk)
    assert found is None
    assert f"written by a newer version of quarterdeck (state schema {STATE_SCHEMA + 1}, this one has" in skipped[0]


def test_a_full_disk_leaves_the_older_one_and_nothing_else() -> None:
    disk = MemoryDisk()
    write_snapshot(ROOT, snapshot(5), disk=disk)
    disk.room = 100
    with pytest.raises(JournalFull, match="No space left"):
        write_snapshot(ROOT, snapshot(9), disk=disk)
    assert newest_valid(ROOT, disk=disk) == (snapshot(5), [])
    assert [path.name for path in disk.files] == ["000000000005.qds"]


def test_a_snapshot_that_cannot_be_synced_does_not_count() -> None:
    disk = MemoryDisk()
    disk.sync_error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(JournalError, match="Input/output error"):
        write_snapshot(ROOT, snapshot(9), disk=disk)
    assert newest_valid(ROOT, disk=disk) == (None, [])


def test_a_chain_is_32_bytes() -> None:
    with pytest.raises(JournalError, match="a chain of 32"):
        write_snapshot(ROOT, Snapshot(DESK, 1, 1, b"short", b""), disk=MemoryDisk())


def test_what_is_not_a_snapshot_is_skipped() -> None:
    disk = MemoryDisk()
    write_snapshot(ROOT, snapshot(5), disk=disk)
    disk.files[ROOT / "000000000009.qds"] = bytearray(b"notes" * 1000)
    found, skipped = newest_valid(ROOT, disk=disk)
    assert found == snapshot(5)
    assert skipped == ["000000000009.qds: the file does not begin as a snapshot does"]


def test_a_snapshot_that_was_never_finished_is_cleared_away() -> None:
    disk = MemoryDisk()
    disk.files[ROOT / "000000000004.qds.unfinished"] = bytearray(b"half")
    write_snapshot(ROOT, snapshot(5), disk=disk)
    assert [path.name for path in disk.files] == ["000000000005.qds"]
