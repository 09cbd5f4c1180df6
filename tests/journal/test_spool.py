"""The spool: what is appended outlives the process at once, and a full disk; it does not outlive the machine.

What is tested: `quarterdeck.journal.spool`, and the writer with it.
"""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import JournalError, JournalFull
from quarterdeck.journal import JournalOptions, JournalReader, JournalWriter, verify
from quarterdeck.journal.spool import SPOOL_FILE
from tests.journal.builders import DESK, ROOT, MemoryDisk, bids, quotes

SPOOLED = JournalOptions(segment_records=64, block_records=16, fsync="os", reserve_bytes=4096, spool=True)
DYING = """
import os, signal, sys
from pathlib import Path
from quarterdeck.journal import JournalWriter
from tests.journal.builders import quotes
from tests.journal.test_spool import SPOOLED
writer = JournalWriter(Path(sys.argv[1]), "test", SPOOLED)
writer.append(quotes(5))
writer.flush()
writer.append(quotes(4, 5))
writer.hand_over()
os.kill(os.getpid(), signal.SIGKILL)
"""


def opened(disk: MemoryDisk) -> JournalWriter:
    return JournalWriter(ROOT, DESK, SPOOLED, disk=disk)


def content(disk: MemoryDisk) -> list[int]:
    return bids(JournalReader(ROOT, disk=disk))


def test_a_handed_over_record_outlives_the_process_before_it_stands_in_the_segment() -> None:
    disk = MemoryDisk()
    writer = opened(disk)
    writer.append(quotes(3))
    writer.hand_over()
    assert writer.flushed_sequence == 3
    assert content(disk) == []
    disk.kill_process()
    assert opened(disk).next_sequence == 3
    assert content(disk) == [0, 1, 2]


def test_a_killed_process_loses_nothing_that_it_handed_over(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DYING, str(tmp_path)], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    assert bids(JournalReader(tmp_path)) == list(range(5))
    JournalWriter(tmp_path, DESK, SPOOLED).close()
    assert bids(JournalReader(tmp_path)) == list(range(9))
    assert verify(tmp_path).torn is None


def test_a_machine_that_died_leaves_a_spool_that_counts_for_nothing() -> None:
    disk = MemoryDisk()
    writer = opened(disk)
    writer.append(quotes(4))
    writer.sync()
    writer.append(quotes(3, 4))
    writer.hand_over()
    disk.lose_power(disk.segments()[0], 0)
    assert opened(disk).next_sequence == 4


@pytest.mark.parametrize("place", range(3))
def test_a_changed_record_ends_what_is_taken_from_the_spool(place: int) -> None:
    disk = MemoryDisk()
    writer = opened(disk)
    writer.append(quotes(3))
    disk.kill_process()
    disk.files[ROOT / SPOOL_FILE][4096 + 64 * place + 30] ^= 1
    assert opened(disk).next_sequence == place


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["append", "hand_over", "settle", "flush", "seal", "reopen"]), st.integers(1, 15)),
        max_size=25,
    )
)
def test_nothing_appended_is_lost_whatever_was_done_before_the_process_died(steps: list[tuple[str, int]]) -> None:
    disk = MemoryDisk()
    writer, appended = opened(disk), 0
    for step, count in steps:
        if step == "append":
            writer.append(quotes(count, appended))
            appended += count
        elif step == "reopen":
            disk.kill_process()
            writer = opened(disk)
        else:
            getattr(writer, step)()
        assert writer.flushed_sequence == writer.next_sequence
    disk.kill_process()
    opened(disk).close()
    assert content(disk) == list(range(appended))
    assert JournalReader(ROOT, disk=disk).torn is None


def test_a_full_disk_loses_nothing_that_the_spool_holds() -> None:
    disk = MemoryDisk()
    writer = opened(disk)
    writer.append(quotes(2))
    writer.flush()
    disk.write_error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    writer.append(quotes(2, 2))
    writer.hand_over()
    with pytest.raises(JournalFull):
        writer.settle()
    with pytest.raises(JournalFull):
        writer.hand_over()
    with pytest.raises(JournalFull):
        writer.last_words("the disk is full", 9)
    writer.close()
    disk.write_error = None
    opened(disk).close()
    assert content(disk) == [0, 1, 2, 3]


def test_last_words_follow_what_the_spool_held_once_the_reserve_is_given_back() -> None:
    disk = MemoryDisk()
    writer = opened(disk)
    disk.write_error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    writer.append(quotes(2))
    with pytest.raises(JournalFull):
        writer.flush()
    disk.write_error = None
    writer.last_words("the disk is full", 9)
    writer.close()
    reader = JournalReader(ROOT, disk=disk)
    assert bids(reader) == [0, 1]
    assert reader.next_sequence == 2 + 3  # a note of two records and a seal


def test_a_journal_goes_on_without_a_spool() -> None:
    disk = MemoryDisk()
    writer = opened(disk)
    writer.append(quotes(3))
    disk.kill_process()
    plain = JournalOptions(segment_records=64, block_records=16, fsync="os", reserve_bytes=4096)
    with JournalWriter(ROOT, DESK, plain, disk=disk) as writer:
        writer.append(quotes(2, 3))
    with opened(disk) as writer:
        writer.append(quotes(1, 5))
    assert content(disk) == list(range(6))


def test_a_spool_is_refused_where_every_flush_must_be_on_the_medium() -> None:
    with pytest.raises(JournalError, match="spool"):
        JournalOptions(fsync="always", spool=True)
