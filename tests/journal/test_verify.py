"""Whatever is done to a sealed journal is found, and named."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.errors import JournalError
from quarterdeck.journal import JournalReader, JournalWriter, attach, verify
from quarterdeck.journal.checks import stamp_bytes
from quarterdeck.journal.verify import VerifyReport
from tests.journal.builders import DESK, ROOT, SMALL, MemoryDisk, quotes

HEADER = 4096


def sealed(count: int = 150, created_ns: int = 1) -> MemoryDisk:
    disk = MemoryDisk()
    with JournalWriter(ROOT, DESK, SMALL, disk=disk, clock=lambda: created_ns) as writer:
        for number in range(0, count, 5):
            writer.append(quotes(5, number))
            if number % 25 == 0:
                writer.append(attach(quotes(1, number), b"a reason that takes more than one slot to say " * 2))
            if number % 30 == 0:
                writer.seal(number + 1)
    return disk


def problem(report: VerifyReport) -> tuple[str, int, str]:
    assert report.exit_code == 1
    assert report.problem is not None
    return report.problem.file, report.problem.sequence, report.problem.problem


def test_a_journal_that_was_left_alone_is_good() -> None:
    report = verify(ROOT, disk=sealed())
    assert report.exit_code == 0
    assert report.lines()[0] == "journal: good"
    assert report.digests == 5
    assert report.unsealed == 0
    assert report.next_sequence == report.records


@settings(max_examples=300)
@given(data=st.data())
def test_any_flipped_bit_is_found_and_its_record_named(data: st.DataObject) -> None:
    disk = sealed()
    path = data.draw(st.sampled_from(disk.segments()))
    content = disk.files[path]
    place = data.draw(st.integers(0, len(content) * 8 - 1))
    content[place // 8] ^= 1 << place % 8
    file, sequence, what = problem(verify(ROOT, disk=disk))
    assert file == path.name
    if place // 8 < HEADER:
        assert sequence == int(path.stem)
        assert "header" in what or "does not begin" in what
    else:
        assert sequence == int(path.stem) + (place // 8 - HEADER) // 64
        assert "changed" in what


@settings(max_examples=150)
@given(data=st.data())
def test_any_changed_stretch_of_bytes_is_found(data: st.DataObject) -> None:
    disk = sealed()
    path = data.draw(st.sampled_from(disk.segments()))
    content = disk.files[path]
    start = data.draw(st.integers(0, len(content) - 1))
    written = data.draw(st.binary(min_size=1, max_size=300))[: len(content) - start]
    before = bytes(content)
    content[start : start + len(written)] = written
    report = verify(ROOT, disk=disk)
    assert (report.exit_code == 0) == (bytes(content) == before)


def record_at(path: Path, content: bytearray, index: int) -> slice:
    assert path.suffix == ".qdj"
    assert HEADER + index * 64 + 64 <= len(content)
    return slice(HEADER + index * 64, HEADER + index * 64 + 64)


@pytest.mark.parametrize("segment", [0, 1])
def test_a_deleted_record_is_told_as_such(segment: int) -> None:
    disk = sealed()
    path = disk.segments()[segment]
    del disk.files[path][record_at(path, disk.files[path], 10)]
    assert problem(verify(ROOT, disk=disk)) == (
        path.name,
        int(path.stem) + 10,
        "1 records before it were deleted: what follows was written 1 later",
    )


def test_an_inserted_record_is_told_as_such() -> None:
    disk = sealed()
    path = disk.segments()[1]
    place = record_at(path, disk.files[path], 10)
    disk.files[path][place.start : place.start] = disk.files[path][record_at(path, disk.files[path], 3)]
    file, sequence, what = problem(verify(ROOT, disk=disk))
    assert (file, sequence) == (path.name, int(path.stem) + 10)
    assert what == "records were inserted here: what follows was written 1 earlier"


def test_exchanged_records_are_told_as_such() -> None:
    disk = sealed()
    path = disk.segments()[1]
    content = disk.files[path]
    one, two = record_at(path, content, 2), record_at(path, content, 5)
    content[one], content[two] = content[two], content[one]
    file, sequence, what = problem(verify(ROOT, disk=disk))
    assert (file, sequence) == (path.name, int(path.stem) + 2)
    assert what == f"it was exchanged with record {int(path.stem) + 5}"


def test_a_change_that_mends_the_check_is_found_by_the_hash() -> None:
    disk = sealed()
    path = disk.segments()[0]
    content = disk.files[path]
    place = record_at(path, content, 2)
    content[place] = stamp_bytes(bytes(content[place][:24]) + b"\x99" + bytes(content[place][25:]), 2)
    file, sequence, what = problem(verify(ROOT, disk=disk))
    assert (file, sequence) == (path.name, 0)
    assert "do not give the sealed hash, though each check holds" in what


@pytest.mark.parametrize("gone", [0, 1])
def test_a_missing_segment_is_named(gone: int) -> None:
    disk = sealed()
    names = [int(path.stem) for path in disk.segments()]
    del disk.files[disk.segments()[gone]]
    _, sequence, what = problem(verify(ROOT, disk=disk))
    assert sequence == names[gone]
    assert what == f"records {names[gone]}..{names[gone + 1] - 1} before it are missing"


def test_archived_segments_may_be_gone() -> None:
    disk = sealed()
    begins = int(disk.segments()[1].stem)
    del disk.files[disk.segments()[0]]
    assert verify(ROOT, first_sequence=begins, disk=disk).exit_code == 0


def test_the_cut_end_of_an_ended_segment_is_found() -> None:
    for cut in (1, 64, 200, 700):
        disk = sealed()
        path = disk.segments()[0]
        del disk.files[path][-cut:]
        file, _, _ = problem(verify(ROOT, disk=disk))
        assert file in {path.name, disk.segments()[1].name}


def test_a_segment_of_another_journal_is_found() -> None:
    disk, other = sealed(), sealed(created_ns=2)
    path = disk.segments()[1]
    disk.files[path] = other.files[path]
    file, sequence, what = problem(verify(ROOT, disk=disk))
    assert (file, sequence) == (path.name, int(path.stem))
    assert "does not carry the hash" in what


def test_a_journal_cut_off_at_a_seal_is_found_by_what_is_known_elsewhere() -> None:
    disk = sealed(180)
    seals = [block.seal for block in JournalReader(ROOT, disk=disk).blocks() if block.seal]
    anchors = {seal.sequence + 1: seal.chain for seal in seals}
    assert verify(ROOT, anchors=anchors, disk=disk).exit_code == 0
    path = disk.segments()[-1]
    last = [seal for seal in seals if seal.sequence >= int(path.stem)]
    del disk.files[path][HEADER + (last[-2].sequence - int(path.stem) + 1) * 64 :]
    assert verify(ROOT, disk=disk).exit_code == 0
    _, sequence, what = problem(verify(ROOT, anchors=anchors, disk=disk))
    assert (sequence, what) == (
        last[-1].sequence + 1,
        "the seal before it is known from elsewhere, and is not here: the journal was cut off",
    )
    anchors = {seals[3].sequence + 1: bytes(32)}
    assert problem(verify(ROOT, anchors=anchors, disk=disk))[1] == seals[3].sequence


def test_a_torn_tail_is_told_and_is_no_corruption() -> None:
    disk = sealed()
    path = disk.segments()[-1]
    disk.files[path] += b"half a record"
    report = verify(ROOT, disk=disk)
    assert report.exit_code == 0
    assert report.torn is not None
    assert report.torn.cause == "13 bytes of a record"
    assert any("torn tail" in line for line in report.lines())


def test_one_segment_can_be_verified_by_itself(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, DESK, SMALL) as writer:
        for number in range(150):
            writer.append(quotes(1, number))
    segment = sorted(tmp_path.glob("*.qdj"))[1]
    assert verify(segment).exit_code == 0
    assert verify(segment).first_sequence == int(segment.stem)


def test_a_renamed_segment_is_found() -> None:
    disk = sealed()
    disk.files[ROOT / "000000000001.qdj"] = disk.files.pop(disk.segments()[0])
    assert "the header says" in problem(verify(ROOT, disk=disk))[2]


def test_a_desk_is_verified_by_its_folder(tmp_path: Path) -> None:
    JournalWriter(tmp_path / "data" / "journal", DESK, SMALL).close()
    assert verify(tmp_path).exit_code == 0


@pytest.mark.parametrize("path", ["nothing", "."])
def test_where_no_journal_is_the_error_says_so(tmp_path: Path, path: str) -> None:
    with pytest.raises(JournalError, match="no journal is here"):
        verify(tmp_path / path)


def test_a_reader_names_the_same_record() -> None:
    disk = sealed()
    path = disk.segments()[1]
    disk.files[path][HEADER + 7 * 64 + 40] ^= 8
    with pytest.raises(JournalError, match=f"{path.name}: record {int(path.stem) + 7}: it was changed"):
        list(JournalReader(ROOT, disk=disk).blocks())
    assert list(JournalReader(ROOT, disk=disk).blocks(verify=False))
