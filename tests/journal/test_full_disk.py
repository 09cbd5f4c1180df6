"""A disk that takes no more stops the desk before it loses a record, and says so."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.errors import JournalError, JournalFull
from quarterdeck.journal import JournalOptions, JournalReader, JournalWriter, verify
from tests.journal.builders import DESK, ROOT, SMALL, MemoryDisk, bids, quotes

OPTIONS = JournalOptions(fsync="os", reserve_bytes=1 << 16)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "quarterdeck-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a file system can be mounted by root only; the limit on file sizes is tested instead")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(writer: JournalWriter, batch: int) -> int:
    """Appends and flushes until the disk is full; returns how many quotes were acknowledged."""
    acknowledged = 0
    while acknowledged < 1 << 20:
        try:
            writer.append(quotes(batch, acknowledged))
            writer.flush()
        except JournalFull:
            break
        acknowledged += batch
    assert "bytes free" in str(writer.failure)
    return acknowledged


@pytest.mark.parametrize("batch", [1, 100])
def test_a_full_disk_loses_nothing_and_hears_the_last_words(small_disk: Path, batch: int) -> None:
    folder = small_disk / "journal"
    writer = JournalWriter(folder, DESK, OPTIONS)
    acknowledged = fill(writer, batch)
    with pytest.raises(JournalFull):
        writer.append(quotes(1))
    writer.last_words("the disk is full: trading has stopped", 77, state_digest=5)
    with pytest.raises(JournalFull, match="last words"):
        writer.append(quotes(1))
    writer.close()
    reader = JournalReader(folder)
    found = bids(reader)
    assert found == list(range(len(found)))
    assert len(found) >= acknowledged > 10_000
    *_, last = reader.blocks()
    assert last.seal is not None
    assert (last.seal.time_ns, last.seal.state_digest) == (77, 5)
    assert verify(folder).exit_code == 0


def test_a_disk_without_room_for_a_journal_says_so(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes((1 << 20) - 8192))
    with pytest.raises(JournalFull, match="No space left on device"):
        JournalWriter(small_disk / "journal", DESK, OPTIONS)


LIMITED = """
import resource, sys
from pathlib import Path
from quarterdeck.errors import JournalFull
from quarterdeck.journal import JournalOptions, JournalWriter
from tests.journal.builders import DESK, quotes

writer = JournalWriter(Path(sys.argv[1]), DESK, JournalOptions(fsync="os", reserve_bytes=0))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for number in range(10_000):
    writer.append(quotes(1, number))
    try:
        writer.flush()
    except JournalFull as error:
        print(number, error)
        break
writer.close()
"""


def test_a_limit_on_file_sizes_is_a_full_disk(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], cwd=root, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    number, message = ran.stdout.split(" ", 1)
    assert "File too large" in message
    assert bids(JournalReader(tmp_path)) == list(range(int(number)))
    assert resource.RLIMIT_FSIZE >= 0


@settings(max_examples=100)
@given(
    room=st.integers(4096 + 4096 + 64, 20_000),
    batches=st.lists(st.integers(1, 15), min_size=1, max_size=60),
    short=st.one_of(st.none(), st.integers(1, 200)),
    speaks=st.booleans(),
)
def test_wherever_the_disk_fills_what_was_acknowledged_stays(
    room: int, batches: list[int], short: int | None, speaks: bool
) -> None:
    disk = MemoryDisk(room)
    writer = JournalWriter(ROOT, DESK, SMALL, disk=disk, clock=lambda: 1)
    disk.short = short
    given_ = acknowledged = 0
    try:
        for batch in batches:
            writer.append(quotes(batch, given_))
            given_ += batch
            writer.flush()
            acknowledged = given_
    except JournalFull:
        if speaks:
            writer.last_words("full", 1)
    assert not disk.files[disk.segments()[-1]][4096:].startswith(bytes(64))
    disk.kill_process()
    reader = JournalReader(ROOT, disk=disk)
    assert reader.torn is None
    found = bids(reader)
    assert found == list(range(len(found)))
    assert acknowledged <= len(found) <= given_
    assert verify(ROOT, disk=disk).exit_code == 0


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_write_that_fails_is_said_with_its_cause(number: int) -> None:
    disk = MemoryDisk()
    writer = JournalWriter(ROOT, DESK, SMALL, disk=disk)
    writer.append(quotes(1))
    disk.write_error = OSError(number, os.strerror(number))
    with pytest.raises(JournalFull, match=f"{os.strerror(number)}.*every record before 0 is safe"):
        writer.flush()
    disk.write_error = None
    with pytest.raises(JournalFull):
        writer.flush()


def test_what_waits_is_given_up_when_the_reserve_does_not_hold_it() -> None:
    disk = MemoryDisk(4096 + 4096 + 10 * 64)
    options = JournalOptions(fsync="os", reserve_bytes=4096)
    writer = JournalWriter(ROOT, DESK, options, disk=disk)
    writer.append(quotes(8))
    writer.flush()
    writer.append(quotes(100, 8))
    with pytest.raises(JournalFull):
        writer.flush()
    writer.last_words("full", 9, state_digest=4)
    reader = JournalReader(ROOT, disk=disk)
    assert bids(reader) == list(range(8))
    *_, last = reader.blocks()
    assert last.seal is not None
    assert last.seal.state_digest == 0


def test_a_torn_write_that_cannot_be_cut_is_cut_by_the_next_opening() -> None:
    disk = MemoryDisk(4096 + 4096 + 100)
    writer = JournalWriter(ROOT, DESK, SMALL, disk=disk)
    writer.append(quotes(5))
    disk.cut_error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(JournalFull, match=r"could not be cut \(Input/output error\)"):
        writer.flush()
    with pytest.raises(JournalFull, match="the last words cannot be written; what it left"):
        writer.last_words("full", 1)
    disk.kill_process()
    disk.cut_error = None
    disk.room = 10_000
    assert JournalReader(ROOT, disk=disk).torn is not None
    with JournalWriter(ROOT, DESK, SMALL, disk=disk) as writer:
        assert writer.torn is not None
        assert writer.next_sequence == 1


def test_a_new_segment_that_finds_no_room_leaves_the_old_one_whole() -> None:
    disk = MemoryDisk(4096 + 4096 + 64 * 64 + 100)
    writer = JournalWriter(ROOT, DESK, SMALL, disk=disk, clock=lambda: 1)
    assert fill(writer, 1) == 60
    acknowledged = writer.flushed_sequence
    disk.kill_process()
    report = verify(ROOT, disk=disk)
    assert (report.exit_code, report.next_sequence) == (0, acknowledged)


def test_what_is_free_can_be_asked() -> None:
    disk = MemoryDisk(10_000)
    writer = JournalWriter(ROOT, DESK, SMALL, disk=disk)
    assert writer.free_bytes() == 10_000 - 4096 - 4096


def test_a_folder_that_may_not_be_written_is_an_error_and_not_a_full_disk() -> None:
    disk = MemoryDisk()
    disk.write_error = OSError(errno.EACCES, "Permission denied")
    with pytest.raises(JournalError, match="Permission denied") as caught:
        JournalWriter(ROOT, DESK, SMALL, disk=disk)
    assert not isinstance(caught.value, JournalFull)


def test_a_disk_that_takes_nothing_is_full() -> None:
    disk = MemoryDisk()
    writer = JournalWriter(ROOT, DESK, SMALL, disk=disk)
    disk.short = 0
    writer.append(quotes(1))
    with pytest.raises(JournalFull, match="No space left on device"):
        writer.flush()


def test_last_words_of_a_writer_that_is_not_full_end_it_too() -> None:
    disk = MemoryDisk()
    writer = JournalWriter(ROOT, DESK, SMALL, disk=disk)
    writer.append(quotes(3))
    writer.last_words("an operator pulled the plug", 5, state_digest=6)
    with pytest.raises(JournalFull, match="last words"):
        writer.append(quotes(1))
    assert bids(JournalReader(ROOT, disk=disk)) == [0, 1, 2]
    assert disk.synced[disk.segments()[0]] == disk.files[disk.segments()[0]]
