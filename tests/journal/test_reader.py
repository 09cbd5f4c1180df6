from pathlib import Path

import pytest

from quarterdeck.errors import JournalCorrupt, JournalError
from quarterdeck.journal import OS_DISK, JournalReader, JournalWriter, attach, note, runs
from quarterdeck.journal.blocks import sealed_blocks, tail_of
from tests.journal.builders import DESK, ROOT, SMALL, MemoryDisk, bids, quotes


def written(disk: MemoryDisk, count: int) -> None:
    with JournalWriter(ROOT, DESK, SMALL, disk=disk, clock=lambda: 1) as writer:
        for number in range(count):
            writer.append(quotes(1, number))


def test_runs_leave_out_what_the_kernel_does_not_consume() -> None:
    disk = MemoryDisk()
    with JournalWriter(ROOT, DESK, SMALL, disk=disk, clock=lambda: 1) as writer:
        writer.append(note("first", 1))
        writer.append(quotes(2))
        writer.append(attach(quotes(1, 2), b"why" * 30))
        writer.append(quotes(1, 3))
        writer.seal()
        writer.append(quotes(2, 4))
        writer.append(note("last", 1))
    blocks = list(JournalReader(ROOT, disk=disk).blocks())
    found = [[(first, [int(bid) for bid in records["bid"]]) for first, records in runs(block)] for block in blocks]
    assert found == [[(2, [0, 1, 2]), (7, [3])], [(9, [4, 5])]]
    assert [list(block.positions) for block in blocks] == [[0, 1, 5, 6], [2, 3]]
    assert [block.next_sequence for block in blocks] == [9, 14]


@pytest.mark.parametrize("start", [0, 1, 14, 15, 16, 17, 60, 63, 64, 65, 100, 213])
@pytest.mark.parametrize("verify", [True, False])
def test_reading_begins_where_it_is_asked_to(start: int, verify: bool) -> None:
    disk = MemoryDisk()
    written(disk, 200)
    reader = JournalReader(ROOT, disk=disk)
    blocks = list(reader.blocks(start, verify=verify))
    assert blocks[0].first_sequence <= start < blocks[0].next_sequence
    sequences = [first + index for block in blocks for first, run in runs(block, start) for index in range(len(run))]
    everything = [first + index for block in reader.blocks() for first, run in runs(block) for index in range(len(run))]
    assert sequences == [sequence for sequence in everything if sequence >= start]


@pytest.mark.parametrize("since", [0, 1, 63, 64, 100, 128, 129, 192, 213, 5000])
def test_a_reader_may_leave_earlier_segments_alone(since: int) -> None:
    disk = MemoryDisk()
    written(disk, 200)
    whole, part = JournalReader(ROOT, disk=disk), JournalReader(ROOT, disk=disk, since=since)
    assert sum(segment.next_sequence <= min(since, 213) for segment in part.segments) <= 1
    assert part.next_sequence == whole.next_sequence
    if since:
        assert part.first_sequence < since, "the record before it is there, too"
    if since < whole.next_sequence:
        mine, all_of_it = (b"".join(block.records.tobytes() for block in r.blocks(since)) for r in (part, whole))
        assert mine == all_of_it
    if part.first_sequence:
        del disk.files[disk.segments()[0]][4096 + 100 :]
        assert JournalReader(ROOT, disk=disk, since=since).next_sequence == whole.next_sequence


def test_nothing_is_read_past_the_end() -> None:
    disk = MemoryDisk()
    written(disk, 20)
    assert list(JournalReader(ROOT, disk=disk).blocks(1000)) == []


def test_a_record_is_found_by_its_sequence() -> None:
    disk = MemoryDisk()
    written(disk, 200)
    reader = JournalReader(ROOT, disk=disk)
    assert int(reader.record(0)["bid"][0]) == 0
    assert int(reader.record(100)["bid"][0]) == 100 - sum(block.next_sequence <= 100 for block in reader.blocks())
    for outside in (-1, reader.next_sequence):
        with pytest.raises(JournalError, match="is not here; the journal holds 0"):
            reader.record(outside)


def test_a_consumer_may_stop_early() -> None:
    disk = MemoryDisk()
    written(disk, 1000)
    blocks = JournalReader(ROOT, disk=disk).blocks()
    assert next(blocks).first_sequence == 0
    blocks.close()  # type: ignore[attr-defined]


def test_an_empty_journal_holds_nothing(tmp_path: Path) -> None:
    JournalWriter(tmp_path, DESK, SMALL).close()
    reader = JournalReader(tmp_path)
    assert (reader.next_sequence, bids(reader)) == (0, [])


def test_blocks_of_ended_segments_are_not_copied(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, DESK, SMALL) as writer:
        for number in range(100):
            writer.append(quotes(1, number))
    reader = JournalReader(tmp_path)
    assert not next(iter(reader.blocks())).records.flags.writeable
    assert OS_DISK.map(sorted(tmp_path.glob("*.qdj"))[0]).nbytes == 4096 + 64 * 64


def test_an_empty_file_is_a_segment_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "000000000000.qdj").touch()
    (tmp_path / "000000000001.qdj").touch()
    with pytest.raises(JournalError, match="cut off after 0 of 4096 bytes"):
        JournalReader(tmp_path)


def test_blocks_and_tail_cover_a_segment_without_a_gap() -> None:
    disk = MemoryDisk()
    writer = JournalWriter(ROOT, DESK, SMALL, disk=disk, clock=lambda: 1)
    for number in range(40):
        writer.append(quotes(1, number))
    writer.flush()
    (segment,) = JournalReader(ROOT, disk=disk).segments
    reached = 0
    for block in sealed_blocks(segment):
        assert block.first_sequence == reached
        reached = block.next_sequence
    tail = tail_of(segment)
    assert (tail.start, tail.stop, tail.torn) == (reached, writer.flushed_sequence, None)


def rolled(created_ns: int = 1, count: int = 200) -> MemoryDisk:
    disk = MemoryDisk()
    with JournalWriter(ROOT, DESK, SMALL, disk=disk, clock=lambda: created_ns) as writer:
        for number in range(count):
            writer.append(quotes(1, number))
    return disk


def test_segments_that_do_not_follow_each_other_are_refused() -> None:
    disk, other = rolled(), rolled(2)
    second = disk.segments()[1]
    mine = disk.files[second]
    disk.files[second] = other.files[second]
    with pytest.raises(JournalCorrupt, match=r"000000000064.qdj: record 64: its header does not carry the hash"):
        JournalReader(ROOT, disk=disk)
    disk.files[second] = mine
    disk.files[disk.segments()[0]] += bytes(64)
    with pytest.raises(JournalCorrupt, match=r"000000000000.qdj: record 64: it does not end with a seal where"):
        JournalReader(ROOT, disk=disk)


def test_records_of_another_layout_are_not_guessed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = rolled()
    monkeypatch.setattr("quarterdeck.journal.segment.event_layout_hash", lambda: bytes(32))
    with pytest.raises(JournalError, match="another layout; read it with the version that wrote it"):
        JournalReader(ROOT, disk=disk)


def test_a_format_of_the_future_is_not_guessed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = rolled()
    monkeypatch.setattr("quarterdeck.journal.segment._VERSION", 2)
    with pytest.raises(JournalError, match="of format 1, this program reads 2"):
        JournalReader(ROOT, disk=disk)
