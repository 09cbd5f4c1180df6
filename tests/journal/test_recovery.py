"""A process or a machine dies: what was acknowledged is there again, what was torn is put aside and cut."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.errors import JournalCorrupt, JournalError
from quarterdeck.journal import JournalReader, JournalWriter, attach, note, verify
from quarterdeck.journal.recovery import UNFINISHED
from tests.journal.builders import DESK, ROOT, SMALL, MemoryDisk, bids, quotes

HEADER = 4096


def opened(disk: MemoryDisk) -> JournalWriter:
    return JournalWriter(ROOT, DESK, SMALL, disk=disk, clock=lambda: 1)


def unsealed(count: int, *, seal: bool = False) -> tuple[MemoryDisk, Path]:
    """A journal whose process died with `count` records flushed, and none sealed unless asked to."""
    disk = MemoryDisk()
    writer = opened(disk)
    writer.append(quotes(count))
    if seal:
        writer.seal()
    writer.flush()
    disk.kill_process()
    return disk, disk.segments()[0]


STEPS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 15)),
    st.tuples(st.just("text"), st.integers(0, 300)),
    st.tuples(st.just("seal"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("flush"), st.just(0)),
    st.tuples(st.just("die"), st.just(0)),
)


@settings(max_examples=150)
@given(steps=st.lists(STEPS, max_size=40), cut=st.integers(0, 4000))
def test_any_history_cut_anywhere_reopens_to_a_prefix(steps: list[tuple[str, int]], cut: int) -> None:
    disk = MemoryDisk()
    writer = opened(disk)
    written: list[int] = []
    flushed = 0
    for step, number in steps:
        if step == "append":
            writer.append(quotes(number, len(written)))
            written += range(len(written), len(written) + number)
        elif step == "text":
            writer.append(attach(quotes(1, len(written)), bytes([7]) * number))
            written.append(len(written))
        elif step == "seal":
            writer.seal(number)
            flushed = len(written)
        elif step == "flush":
            writer.flush()
            flushed = len(written)
        else:
            disk.kill_process()
            writer = opened(disk)
            assert writer.torn is None
            found = bids(JournalReader(ROOT, disk=disk))
            assert found == written[: len(found)]
            assert len(found) >= flushed
            written = found
    disk.kill_process()
    last = disk.segments()[-1]
    del disk.files[last][max(HEADER, len(disk.files[last]) - cut) :]
    survived = bids(JournalReader(ROOT, disk=disk))
    writer = opened(disk)
    assert survived == written[: len(survived)]
    if cut == 0:
        assert len(survived) >= flushed
    writer.append(quotes(1, len(survived)))
    writer.close()
    report = verify(ROOT, disk=disk)
    assert (report.exit_code, report.torn) == (0, None)
    assert bids(JournalReader(ROOT, disk=disk)) == [*survived, len(survived)]


def test_a_record_that_was_half_written_is_put_aside_and_cut() -> None:
    disk, path = unsealed(5)
    del disk.files[path][-10:]
    writer = opened(disk)
    assert writer.torn is not None
    assert (writer.torn.sequence, writer.torn.bytes, writer.torn.readable, writer.torn.changed) == (4, 54, 0, False)
    assert writer.torn.kept == f"{path.name}.torn-4"
    assert len(disk.files[path.with_name(writer.torn.kept)]) == 54
    assert writer.next_sequence == 4
    writer.close()
    assert verify(ROOT, disk=disk).torn is None


def test_a_page_of_zeros_is_cut() -> None:
    disk, path = unsealed(5)
    disk.files[path] += bytes(4096)
    assert verify(ROOT, disk=disk).exit_code == 0
    writer = opened(disk)
    assert writer.torn is not None
    assert (writer.torn.sequence, writer.torn.bytes, writer.torn.cause) == (5, 4096, "a record of zeros")


def test_a_hole_in_the_tail_is_cut_and_says_how_much_was_readable_behind_it() -> None:
    disk, path = unsealed(14)
    disk.files[path][HEADER + 3 * 64 : HEADER + 5 * 64] = bytes(128)
    writer = opened(disk)
    assert writer.torn is not None
    assert (writer.torn.sequence, writer.torn.readable) == (3, 9)


def test_a_changed_record_in_the_tail_is_cut_on_opening_but_corrupt_for_verify() -> None:
    disk, path = unsealed(6)
    disk.files[path][HEADER + 2 * 64 + 30] ^= 4
    report = verify(ROOT, disk=disk)
    assert report.exit_code == 1
    assert (report.problem.file, report.problem.sequence) == (path.name, 2)  # type: ignore[union-attr]
    writer = opened(disk)
    assert writer.torn is not None
    assert writer.torn.changed
    assert (writer.torn.sequence, writer.torn.readable) == (2, 3)


def test_a_second_tear_at_one_place_overwrites_nothing() -> None:
    disk, path = unsealed(3)
    for name in (f"{path.name}.torn-3", f"{path.name}.torn-3-2"):
        disk.files[path] += b"torn"
        writer = opened(disk)
        assert writer.torn is not None
        assert writer.torn.kept == name
        disk.kill_process()
        assert disk.files[path.with_name(name)] == b"torn"


def test_a_payload_that_did_not_arrive_whole_goes_with_its_head() -> None:
    disk = MemoryDisk()
    writer = opened(disk)
    writer.append(quotes(2))
    writer.append(note("x" * 200, 9))
    writer.flush()
    disk.kill_process()
    path = disk.segments()[0]
    del disk.files[path][-64:]
    writer = opened(disk)
    assert writer.torn is not None
    assert (writer.torn.sequence, writer.torn.bytes, writer.torn.cause) == (2, 4 * 64, "a payload is not whole")


def test_a_changed_record_in_a_sealed_part_is_not_cut() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        writer.append(quotes(5))
        writer.seal()
        writer.append(quotes(5, 5))
    path = disk.segments()[0]
    before = bytes(disk.files[path])
    disk.files[path][HEADER + 2 * 64 + 30] ^= 4
    with pytest.raises(JournalCorrupt, match="record 2: it was changed: its check fails"):
        opened(disk)
    assert len(disk.files[path]) == len(before)
    disk.files[path][:] = before
    opened(disk).close()


def test_a_changed_last_seal_is_not_cut() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        writer.append(quotes(5))
    path = disk.segments()[0]
    for byte in (3, 12, 25, 55, 57):
        disk.files[path][HEADER + 5 * 64 + byte] ^= 1
        with pytest.raises(JournalCorrupt, match="record 5"):
            opened(disk)
        disk.files[path][HEADER + 5 * 64 + byte] ^= 1


def test_a_sector_that_never_reached_the_medium_before_its_seal_is_cut() -> None:
    """The seal was written later and kept; what it seals was not. Verify is strict, the next opening goes on."""
    disk, path = unsealed(10, seal=True)
    start = HEADER + 4 * 64
    disk.files[path][start : start + 128] = bytes(128)
    assert verify(ROOT, disk=disk).exit_code == 1
    writer = opened(disk)
    assert writer.torn is not None
    assert (writer.torn.sequence, writer.next_sequence) == (4, 4)
    assert "zeros" in writer.torn.cause
    writer.append(quotes(3, 4))
    writer.close()
    assert verify(ROOT, disk=disk).exit_code == 0
    assert bids(JournalReader(ROOT, disk=disk)) == list(range(7))


@pytest.mark.parametrize(("begun", "torn"), [(3 * 64 + 20, 3), (4 * 64 + 1, 4), (6 * 64 + 30, 6)])
def test_a_sector_that_reached_the_medium_in_part_is_cut(begun: int, torn: int) -> None:
    disk, path = unsealed(14, seal=True)
    disk.files[path][HEADER + begun : HEADER + 512] = bytes(512 - begun)
    writer = opened(disk)
    assert writer.torn is not None
    assert (writer.torn.sequence, writer.next_sequence) == (torn, torn)


def test_a_changed_record_that_nothing_says_was_torn_is_not_cut() -> None:
    """The last of its sector; and one with another behind it in the same sector."""
    for place in (7, 5):
        disk, path = unsealed(14, seal=True)
        disk.files[path][HEADER + place * 64 + 20 : HEADER + place * 64 + 64] = bytes(44)
        with pytest.raises(JournalCorrupt):
            opened(disk)


def test_a_hole_behind_a_changed_record_is_not_cut() -> None:
    disk, path = unsealed(10, seal=True)
    start = HEADER + 6 * 64
    disk.files[path][start : start + 64] = bytes(64)
    disk.files[path][HEADER + 3 * 64] ^= 1
    with pytest.raises(JournalCorrupt):
        opened(disk)


def test_what_a_failed_sync_lost_is_written_again_by_the_next_process() -> None:
    """The pages read well from the cache and are on no medium: a sync without writing them would be a lie."""
    disk = MemoryDisk()
    writer = opened(disk)
    writer.append(quotes(5))
    writer.flush()
    disk.sync_error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(JournalError):
        writer.sync()
    disk.kill_process()
    disk.sync_error = None
    writer = opened(disk)
    assert writer.next_sequence == 5
    writer.sync()
    path = disk.segments()[0]
    disk.lose_power(path, 0)
    disk.files[path][:] = disk.synced[path]
    assert bids(JournalReader(ROOT, disk=disk)) == list(range(5))


def test_a_segment_that_does_not_follow_is_refused() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        for number in range(200):
            writer.append(quotes(1, number))
    del disk.files[disk.segments()[-2]]
    with pytest.raises(JournalCorrupt, match="are missing"):
        opened(disk)


def test_a_damaged_header_is_refused() -> None:
    disk, path = unsealed(3)
    disk.files[path][100] ^= 1
    with pytest.raises(JournalCorrupt, match="header was changed"):
        opened(disk)


def test_a_segment_that_was_being_made_never_counted() -> None:
    disk, _ = unsealed(3)
    half = ROOT / f"000000000003.qdj{UNFINISHED}"
    disk.files[half] = bytearray(b"half")
    with opened(disk) as writer:
        assert writer.next_sequence == 3
    assert half not in disk.files


@settings(max_examples=60)
@given(kept=st.integers(0, 20_000))
def test_power_loss_keeps_what_was_synced(kept: int) -> None:
    disk = MemoryDisk()
    writer = opened(disk)
    for number in range(14):
        writer.append(quotes(1, number))
        writer.flush()
        if number == 6:
            writer.sync()
    disk.lose_power(disk.segments()[0], kept)
    writer = opened(disk)
    assert writer.next_sequence >= 7
    assert bids(JournalReader(ROOT, disk=disk)) == list(range(writer.next_sequence))


def test_words_added_to_the_vocabulary_begin_a_new_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    disk, _ = unsealed(3)
    for module in ("writer", "segment"):
        monkeypatch.setattr(f"quarterdeck.journal.{module}.event_schema_hash", lambda: bytes(32))
    with opened(disk) as writer:
        writer.append(quotes(2, 3))
    assert [path.name for path in disk.segments()] == ["000000000000.qdj", "000000000004.qdj"]
    assert verify(ROOT, disk=disk).exit_code == 0
    assert bids(JournalReader(ROOT, disk=disk)) == [0, 1, 2, 3, 4]


ENDLESS = """
import sys
from pathlib import Path
from quarterdeck.journal import JournalOptions, JournalWriter
from tests.journal.builders import DESK, quotes

options = JournalOptions(segment_records=4096, block_records=256, group_ms=1)
writer = JournalWriter(Path(sys.argv[1]), DESK, options)
for number in range(1 << 30):
    writer.append(quotes(1, number))
    if writer.seal_due:
        writer.seal(number)
    writer.flush()
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("lines", [1, 700, 9000])
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, lines: int) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", ENDLESS, str(tmp_path)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.kill()
        rest = process.stdout.read().splitlines(keepends=True)
        process.wait()
    acknowledged = lines + sum(line.endswith("\n") for line in rest)
    assert verify(tmp_path).exit_code == 0
    with JournalWriter(tmp_path, DESK) as writer:
        assert writer.torn is None
    found = bids(JournalReader(tmp_path))
    assert found == list(range(len(found)))
    assert len(found) >= acknowledged
