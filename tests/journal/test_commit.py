import errno

from quarterdeck.journal.commit import GroupCommit
from tests.journal.builders import ROOT, MemoryDisk


def test_what_was_written_becomes_durable_by_itself() -> None:
    disk = MemoryDisk()
    handle = disk.create(ROOT / "file")
    commit = GroupCommit(disk, handle, 0.5, 10)
    commit.written_sequence = 25
    commit.sync()
    assert commit.durable_sequence == 25
    assert disk.syncs == 1
    commit.close()


def test_nothing_is_synced_twice() -> None:
    disk = MemoryDisk()
    commit = GroupCommit(disk, disk.create(ROOT / "file"), 10_000, 10)
    for _ in range(3):
        commit.sync()
    assert disk.syncs == 0
    commit.written_sequence = 11
    for _ in range(3):
        commit.sync()
    assert disk.syncs == 1
    commit.close()


def test_a_failed_sync_is_kept_and_never_tried_again() -> None:
    disk = MemoryDisk()
    commit = GroupCommit(disk, disk.create(ROOT / "file"), 10_000, 0)
    disk.sync_error = OSError(errno.EIO, "Input/output error")
    commit.written_sequence = 5
    commit.sync()
    disk.sync_error = None
    commit.sync()
    assert commit.failure is not None
    assert (commit.durable_sequence, disk.syncs) == (0, 1)
    commit.close()


def test_the_next_segment_is_synced_after_a_switch() -> None:
    disk = MemoryDisk()
    commit = GroupCommit(disk, disk.create(ROOT / "one"), 10_000, 0)
    commit.switch(disk.create(ROOT / "two"))
    commit.written_sequence = 5
    commit.sync()
    assert list(disk.synced) == [ROOT / "two"]
    commit.close()
