import errno
from pathlib import Path

import numpy as np
import pytest

from quarterdeck.errors import JournalError, JournalLocked
from quarterdeck.journal import JournalOptions, JournalReader, JournalWriter, attach, note, runs, verify
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import ACTION_KIND_MIN, EventKind
from tests.journal.builders import DESK, ROOT, SMALL, MemoryDisk, bids, quotes


def opened(disk: MemoryDisk, options: JournalOptions = SMALL) -> JournalWriter:
    return JournalWriter(ROOT, DESK, options, disk=disk, clock=lambda: 1)


def test_a_record_is_numbered_by_its_place() -> None:
    with opened(MemoryDisk()) as writer:
        assert writer.append(quotes(1)) == 0
        assert writer.append(quotes(3)) == 1
        assert writer.next_sequence == 4


def test_what_was_flushed_is_read_back(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, DESK, SMALL) as writer:
        writer.append(quotes(10))
        writer.append(quotes(7, 10))
    reader = JournalReader(tmp_path)
    assert bids(reader) == list(range(17))
    assert reader.desk == DESK


def test_nothing_reaches_the_disk_before_flush() -> None:
    disk = MemoryDisk()
    writer = opened(disk)
    writer.append(quotes(3))
    assert writer.flushed_sequence == 0
    assert len(disk.files[disk.segments()[0]]) == 4096
    assert writer.flush() == writer.flushed_sequence == 3
    assert len(disk.files[disk.segments()[0]]) == 4096 + 3 * 64


def test_a_block_that_is_not_sealed_by_its_caller_seals_itself_without_a_digest() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        for number in range(40):
            writer.append(quotes(1, number))
    reader = JournalReader(ROOT, disk=disk)
    assert bids(reader) == list(range(40))
    seals = [block.seal for block in reader.blocks()]
    assert [seal.records for seal in seals if seal] == [15, 15, 10]
    assert not any(seal.state_digest for seal in seals if seal)


def test_the_caller_hears_that_a_seal_is_due_before_the_block_is_full() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        digests: list[int] = []
        for number in range(200):
            writer.append(quotes(1, number))
            if writer.seal_due:
                digests.append(2**64 - 1 - number)
                sealed = writer.seal(digests[-1])
                assert sealed == writer.next_sequence == writer.flushed_sequence
                assert not writer.seal_due
    said = [block.seal.state_digest for block in JournalReader(ROOT, disk=disk).blocks() if block.seal]
    assert said[:-1] == digests
    assert len(digests) > 10


def test_a_batch_is_never_parted_by_a_seal() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        starts = [writer.append(quotes(11, 11 * number)) for number in range(20)]
    reader = JournalReader(ROOT, disk=disk)
    for number, start in enumerate(starts):
        batch = [int(reader.record(start + index)["bid"][0]) for index in range(11)]
        assert batch == list(range(11 * number, 11 * number + 11))


def test_a_seal_without_new_records_is_written_only_for_a_new_digest() -> None:
    with opened(MemoryDisk()) as writer:
        assert writer.seal() == 0
        writer.append(quotes(1))
        assert writer.seal(7) == 2
        assert writer.seal(7) == writer.seal() == 2
        assert writer.seal(8) == 3


def test_a_seal_carries_the_time_of_the_last_record_that_has_one() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        writer.append(attach(quotes(1, 41), b"a reason"))
        writer.seal()
        writer.append(quotes(1, 50))
        writer.seal(time_ns=99)
    times = [block.seal.time_ns for block in JournalReader(ROOT, disk=disk).blocks() if block.seal]
    assert times == [42, 99]


def test_segments_roll_and_stay_linked() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        for number in range(500):
            writer.append(quotes(1, number))
    names = [path.name for path in disk.segments()]
    assert names[0] == "000000000000.qdj"
    assert len(names) > 7
    for path in disk.segments():
        assert len(disk.files[path]) <= 4096 + 64 * SMALL.segment_records
    report = verify(ROOT, disk=disk)
    assert report.exit_code == 0
    assert report.chain == writer.chain
    assert bids(JournalReader(ROOT, disk=disk)) == list(range(500))


def test_a_segment_that_ended_is_on_the_medium_whatever_the_policy() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        for number in range(100):
            writer.append(quotes(1, number))
        writer.flush()
        ended = disk.segments()[0]
        assert disk.synced[ended] == disk.files[ended]


@pytest.mark.parametrize("kind", [EventKind.NONE, EventKind.SEAL, ACTION_KIND_MIN, 79, 255])
@pytest.mark.parametrize("count", [1, 10])
def test_what_is_not_an_event_is_refused_and_leaves_no_trace(kind: int, count: int) -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        bad = quotes(count)
        bad["kind"][-1] = kind
        with pytest.raises(JournalError, match=f"kind {int(kind)} is not journaled"):
            writer.append(bad)
        assert writer.append(quotes(2)) == 0
    assert bids(JournalReader(ROOT, disk=disk)) == [0, 1]


def test_records_of_another_type_are_refused() -> None:
    with opened(MemoryDisk()) as writer, pytest.raises(JournalError, match="EVENT"):
        writer.append(np.zeros(1, [("a", "V64")]))


def test_a_batch_larger_than_a_block_is_refused() -> None:
    with opened(MemoryDisk()) as writer:
        with pytest.raises(JournalError, match="append at most 15"):
            writer.append(quotes(16))
        assert writer.append(quotes(15)) == 0


def test_the_check_of_a_record_that_is_journaled_again_is_made_anew(tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "a", DESK, SMALL) as writer:
        writer.append(quotes(14))
    (records,) = [records for block in JournalReader(tmp_path / "a").blocks() for _, records in runs(block)]
    with JournalWriter(tmp_path / "b", DESK, SMALL, first_sequence=5) as writer:
        for index in range(14):
            writer.append(records[index : index + 1])
    assert verify(tmp_path / "b").exit_code == 0


def test_one_writer_at_a_time_even_within_a_process(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, DESK, SMALL), pytest.raises(JournalLocked, match="another process writes this"):
        JournalWriter(tmp_path, DESK, SMALL)
    JournalWriter(tmp_path, DESK, SMALL).close()


def test_a_journal_belongs_to_its_desk(tmp_path: Path) -> None:
    JournalWriter(tmp_path, DESK, SMALL).close()
    with pytest.raises(JournalError, match="journal of desk test, not other"):
        JournalWriter(tmp_path, "other", SMALL)
    JournalWriter(tmp_path, DESK, SMALL).close()


def test_a_closed_writer_takes_nothing() -> None:
    writer = opened(MemoryDisk())
    writer.close()
    writer.close()
    for attempt in (lambda: writer.append(quotes(1)), writer.flush, writer.seal):
        with pytest.raises(JournalError, match="closed"):
            attempt()


def test_reopening_goes_on_where_it_ended() -> None:
    disk = MemoryDisk()
    for session in range(12):
        writer = opened(disk)
        assert writer.torn is None
        writer.append(quotes(5, 5 * session))
        writer.flush()
        if session % 2:
            disk.kill_process()
        else:
            writer.close()
    assert verify(ROOT, disk=disk).exit_code == 0
    assert bids(JournalReader(ROOT, disk=disk)) == list(range(60))


def test_always_syncs_in_each_flush() -> None:
    disk = MemoryDisk()
    with opened(disk, JournalOptions(64, 16, "always", reserve_bytes=0)) as writer:
        before = disk.syncs
        for number in range(5):
            writer.append(quotes(1, number))
            writer.flush()
            assert writer.durable_sequence == number + 1
        assert disk.syncs == before + 5


def test_os_never_syncs_in_flush() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        before = disk.syncs
        writer.append(quotes(5))
        writer.flush()
        assert disk.syncs == before
        assert writer.durable_sequence == 0
        writer.sync()
        assert writer.durable_sequence == 5


def test_group_syncs_within_its_bound() -> None:
    disk = MemoryDisk()
    with opened(disk, JournalOptions(64, 16, "group", group_ms=1)) as writer:
        writer.append(quotes(5))
        writer.flush()
        assert writer.durable_sequence in {0, 5}
        writer.sync()
        assert writer.durable_sequence == 5


def test_a_failed_sync_of_the_group_is_raised_at_the_next_call_and_stops_the_writer() -> None:
    disk = MemoryDisk()
    writer = opened(disk, JournalOptions(64, 16, "group", group_ms=1))
    writer.append(quotes(5))
    disk.sync_error = OSError(errno.EIO, "Input/output error")
    writer.flush()
    with pytest.raises(JournalError, match=r"a sync failed \(Input/output error\); records from 0 on"):
        writer.sync()
    disk.sync_error = None
    for attempt in (lambda: writer.append(quotes(1)), writer.flush, writer.seal):
        with pytest.raises(JournalError, match="a sync failed"):
            attempt()
    assert writer.failure is not None
    writer.close()


def test_a_failed_sync_is_raised_by_flush_when_each_flush_syncs() -> None:
    disk = MemoryDisk()
    writer = opened(disk, JournalOptions(64, 16, "always", reserve_bytes=0))
    writer.append(quotes(5))
    disk.sync_error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(JournalError, match="a sync failed"):
        writer.flush()


def test_a_journal_may_begin_behind_another(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, DESK, SMALL, first_sequence=1000, previous_chain=bytes(range(32))) as writer:
        assert writer.append(quotes(1)) == 1000
    assert verify(tmp_path, first_sequence=1000).exit_code == 0
    assert "records 0..999" in str(verify(tmp_path).problem)


def test_a_note_is_not_fed_to_the_kernel() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        writer.append(quotes(2))
        writer.append(note("the desk was moved", 3))
        writer.append(quotes(2, 2))
    assert bids(JournalReader(ROOT, disk=disk)) == [0, 1, 2, 3]
    assert JournalReader(ROOT, disk=disk).payload(2) == b"the desk was moved"


def test_options_that_cannot_be_are_refused() -> None:
    for wrong in ({"block_records": 8}, {"segment_records": 100}, {"fsync": "maybe"}, {"group_ms": 0}):
        with pytest.raises(JournalError, match="must be"):
            JournalOptions(**wrong)


def test_a_batch_of_nothing_takes_nothing() -> None:
    with opened(MemoryDisk()) as writer:
        assert writer.append(quotes(0)) == writer.next_sequence == 0


def test_records_that_lie_apart_in_memory_are_taken() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        writer.append(quotes(14)[::2])
        assert EVENT.itemsize == 64
    assert bids(JournalReader(ROOT, disk=disk)) == [0, 2, 4, 6, 8, 10, 12]


def test_a_caller_that_never_flushes_does_not_fill_the_memory() -> None:
    disk = MemoryDisk()
    writer = opened(disk, JournalOptions(fsync="os"))
    for number in range(0, 50_000, 1000):
        writer.append(quotes(1000, number))
        assert writer.next_sequence - writer.flushed_sequence <= 8192 + 1000
    writer.close()
    assert bids(JournalReader(ROOT, disk=disk)) == list(range(50_000))
