"""What is tested: `quarterdeck.journal.tail`, `quarterdeck.journal.mark`."""

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from quarterdeck.errors import JournalCorrupt, JournalCutBack, JournalError, JournalFull
from quarterdeck.journal import JournalOptions, JournalReader, JournalTail, JournalWriter, attach, note
from quarterdeck.journal.mark import MARK_FILE, FlushMark, read_mark
from quarterdeck.journal.segment import Header
from quarterdeck.kernel.records import STATE_SCHEMA
from quarterdeck.kernel.vocabulary import EventKind
from tests.journal.builders import DESK, ROOT, SMALL, MemoryDisk, quotes

HEADER, RECORD = 4096, 64


class WatchedDisk(MemoryDisk):
    """A disk in memory that somebody looks at after each step of it: what another process can see at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.look: Callable[[], None] = lambda: None

    def write(self, handle: int, data: memoryview, offset: int) -> int:
        taken = super().write(handle, data, offset)
        self.look()
        return taken

    def truncate(self, handle: int, size: int) -> None:
        super().truncate(handle, size)
        self.look()

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self.look()


class Follower:
    """A tail and all that it has handed out."""

    def __init__(self, disk: MemoryDisk, from_sequence: int | None = None) -> None:
        self.tail = JournalTail(ROOT, disk, from_sequence)
        self.first = from_sequence or 0
        self.given = b""

    def poll(self) -> int:
        pieces = self.tail.poll()
        for first, raw in pieces:
            assert first == self.first + len(self.given) // RECORD
            assert raw, "no piece is empty"
            kinds = raw[16::RECORD]
            assert EventKind.SEAL not in kinds[:-1], "a seal ends its piece"
            self.given += raw
        assert self.tail.sequence == self.first + len(self.given) // RECORD
        return len(pieces)

    def drain(self) -> None:
        while self.poll():
            pass


def everything(disk: MemoryDisk) -> bytes:
    return b"".join(bytes(disk.files[path][HEADER:]) for path in disk.segments())


def opened(disk: MemoryDisk) -> JournalWriter:
    return JournalWriter(ROOT, DESK, SMALL, disk=disk, clock=lambda: 1)


STEPS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 15)),
    st.tuples(st.just("append"), st.integers(1, 15)),
    st.tuples(st.just("text"), st.integers(0, 300)),
    st.tuples(st.just("seal"), st.integers(0, 3)),
    st.tuples(st.just("flush"), st.just(0)),
    st.tuples(st.just("flush"), st.just(0)),
    st.tuples(st.just("poll"), st.just(0)),
    st.tuples(st.just("late"), st.integers(0, 200)),
    st.tuples(st.just("die"), st.integers(0, 130)),
    st.tuples(st.just("full"), st.integers(0, 1500)),
    st.tuples(st.just("stuck"), st.integers(0, 1500)),
)


class History:
    """A writer that meets everything, and followers that look at any moment."""

    def __init__(self, short: int, eager: bool) -> None:
        self.disk = WatchedDisk()
        self.disk.short = short
        self.first = Follower(self.disk)
        self.followers = [self.first]
        if eager:
            self.disk.look = self.first.poll
        self.writer = opened(self.disk)
        self.count = 0

    def step(self, name: str, number: int) -> None:
        if name == "append":
            self.writer.append(quotes(number, self.count))
            self.count += number
        elif name == "text":
            self.writer.append(attach(quotes(1, self.count), b"w" * number) if number % 2 else note("n" * number, 5))
        elif name == "seal":
            self.writer.seal(number)
        elif name == "flush":
            self.writer.flush()
        elif name == "late":
            self.followers.append(Follower(self.disk, min(number, self.writer.flushed_sequence)))
        elif name == "die":
            self.reopen()
            self.disk.files[self.disk.segments()[-1]] += b"\x07" * number
            self.reopen()
        elif name in ("full", "stuck"):
            self.disk.room = number
            self.disk.cut_error = OSError(errno.EIO, "Input/output error") if name == "stuck" else None
        for follower in self.followers[1:] if name == "poll" else ():
            follower.poll()

    def meet(self, name: str, number: int) -> None:
        try:
            self.step(name, number)
        except JournalFull:
            event("the disk was full")
            try:
                self.writer.last_words("full", 9, state_digest=number)
            except JournalFull:
                event("the last words were written or not")
            self.reopen()

    def reopen(self) -> None:
        self.disk.kill_process()
        self.disk.room = self.disk.cut_error = None
        self.writer = opened(self.disk)


@settings(max_examples=300)
@given(steps=st.lists(STEPS, max_size=60), short=st.integers(40, 4000), eager=st.booleans())
def test_what_a_tail_gave_is_the_journal(steps: list[tuple[str, int]], short: int, eager: bool) -> None:
    history = History(short, eager)
    for name, number in steps:
        history.meet(name, number)
    history.reopen()
    history.writer.close()
    whole = everything(history.disk)
    assert len(whole) // RECORD == JournalReader(ROOT, disk=history.disk).next_sequence
    for follower in history.followers:
        follower.drain()
        assert follower.given == whole[follower.first * RECORD :]


@settings(max_examples=100)
@given(batches=st.lists(st.integers(1, 15), max_size=30), short=st.integers(40, 4000))
def test_nothing_is_given_before_its_flush_has_returned(batches: list[int], short: int) -> None:
    disk = WatchedDisk()
    writer = opened(disk)
    follower = Follower(disk)
    acknowledged = 0

    def look() -> None:
        follower.drain()
        assert follower.tail.sequence <= acknowledged + sealed()

    def sealed() -> int:
        """A seal is written after what it seals, and can be seen before `flush` returns."""
        return everything(disk)[acknowledged * RECORD + 16 :: RECORD].rfind(bytes((EventKind.SEAL,))) + 1

    disk.look = look
    disk.short = short
    for batch in batches:
        writer.append(quotes(batch))
        acknowledged = writer.flush()
        follower.drain()
        assert follower.tail.sequence == acknowledged


def test_a_follower_may_be_there_before_the_journal(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    tail = JournalTail(folder)
    assert tail.poll() == []
    folder.mkdir()
    assert tail.poll() == []
    with JournalWriter(folder, DESK, SMALL) as writer:
        assert tail.poll() == []
        writer.append(quotes(3))
        assert tail.poll() == []
        writer.flush()
        ((first, raw),) = tail.poll()
        assert (first, len(raw)) == (0, 3 * RECORD)
        assert tail.poll() == []
    assert [first for first, _ in tail.poll()] == [3]


def test_a_real_journal_is_followed_across_its_segments(tmp_path: Path) -> None:
    tail = JournalTail(tmp_path)
    given: list[bytes] = []
    with JournalWriter(tmp_path, DESK, JournalOptions(segment_records=64, block_records=16, fsync="always")) as writer:
        for number in range(300):
            writer.append(quotes(1, number))
            if number % 7 == 0:
                writer.flush()
                while pieces := tail.poll():
                    given += [raw for _, raw in pieces]
                assert tail.sequence == writer.flushed_sequence
    while pieces := tail.poll():
        given += [raw for _, raw in pieces]
    assert b"".join(given) == b"".join(path.read_bytes()[HEADER:] for path in sorted(tmp_path.glob("*.qdj")))


def test_a_segment_of_a_newer_version_is_refused() -> None:
    disk = MemoryDisk()
    opened(disk).close()
    header = Header(DESK, 0, 1, bytes(32), state=bytes(31) + b"\1", state_schema=STATE_SCHEMA + 1)
    disk.files[disk.segments()[0]][:HEADER] = header.pack()
    with pytest.raises(JournalError, match="written by a newer version of quarterdeck"):
        JournalTail(ROOT, disk).poll()


def test_an_empty_segment_that_another_version_begins_anew_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = MemoryDisk()
    writer = opened(disk)
    follower = Follower(disk)
    follower.poll()
    writer.close()
    for module in ("writer", "segment"):
        monkeypatch.setattr(f"quarterdeck.journal.{module}.event_schema_hash", lambda: bytes(31) + b"x")
    with opened(disk) as writer:
        writer.append(quotes(3))
    follower.drain()
    assert follower.given == everything(disk)
    assert len(disk.segments()) == 1


def test_one_poll_gives_one_segment_at_most() -> None:
    disk = MemoryDisk()
    with opened(disk) as writer:
        for number in range(200):
            writer.append(quotes(1, number))
    tail = JournalTail(ROOT, disk)
    counts = []
    while pieces := tail.poll():
        counts.append(sum(len(raw) for _, raw in pieces) // RECORD)
    assert counts == [64, 64, 64, 22]


def test_without_a_mark_only_what_is_sealed_is_acknowledged() -> None:
    disk = MemoryDisk()
    writer = opened(disk)
    writer.append(quotes(3))
    writer.seal()
    writer.append(quotes(2, 3))
    writer.flush()
    del disk.files[ROOT / MARK_FILE]
    follower = Follower(disk)
    follower.drain()
    assert follower.tail.sequence == 4
    disk.kill_process()
    opened(disk)
    follower.drain()
    assert follower.tail.sequence == 6


@pytest.mark.parametrize("content", [b"", b"\x05" + bytes(15), bytes(16), (-3).to_bytes(8, "little", signed=True) * 2])
def test_a_mark_that_is_no_mark_is_not_believed(content: bytes) -> None:
    disk = MemoryDisk()
    assert read_mark(disk, ROOT) is None
    disk.files[ROOT / MARK_FILE] = bytearray(content)
    assert read_mark(disk, ROOT) is None
    disk.files[ROOT / MARK_FILE] = bytearray(16)
    FlushMark(disk, ROOT, 7).set(1 << 40)
    assert read_mark(disk, ROOT) == 1 << 40


def flushed(count: int) -> tuple[MemoryDisk, JournalWriter, Path]:
    disk = MemoryDisk()
    writer = opened(disk)
    writer.append(quotes(count))
    writer.flush()
    return disk, writer, disk.segments()[0]


@pytest.mark.parametrize("record", [5, 6, 9])
def test_a_changed_record_is_corruption_and_the_good_ones_before_it_are_given(record: int) -> None:
    disk, _, path = flushed(10)
    disk.files[path][HEADER + record * RECORD + 30] ^= 4
    follower = Follower(disk)
    assert follower.poll() == 1
    assert follower.tail.sequence == record
    for _ in range(2):
        with pytest.raises(JournalCorrupt, match=f"record {record}: it was changed: its check fails"):
            follower.poll()


def test_a_record_that_changed_after_it_was_given_is_corruption() -> None:
    disk, _, path = flushed(10)
    follower = Follower(disk)
    follower.drain()
    disk.files[path][HEADER + 9 * RECORD + 30] ^= 4
    FlushMark(disk, ROOT, 11)
    with pytest.raises(JournalCorrupt, match="record 9: it was changed"):
        follower.poll()


def test_zeros_are_not_there_yet_but_before_a_seal_they_are_corruption() -> None:
    disk, writer, path = flushed(10)
    whole = bytes(disk.files[path])
    disk.files[path][HEADER + 4 * RECORD : HEADER + 6 * RECORD] = bytes(2 * RECORD)
    follower = Follower(disk)
    follower.drain()
    assert follower.tail.sequence == 4
    disk.files[path][: len(whole)] = whole
    follower.drain()
    assert follower.tail.sequence == 10
    other = Follower(disk)
    disk.files[path][HEADER + 4 * RECORD : HEADER + 6 * RECORD] = bytes(2 * RECORD)
    writer.seal()
    other.poll()
    with pytest.raises(JournalCorrupt, match="record 4"):
        other.poll()
    follower.drain()  # what it was given is what was sealed, whatever became of the file meanwhile
    assert follower.tail.sequence == 11


def test_a_record_whose_check_was_made_to_fit_is_found_at_its_seal() -> None:
    disk, writer, path = flushed(10)
    place = HEADER + 3 * RECORD
    other = MemoryDisk()
    forged = opened(other)
    forged.append(quotes(3))
    forged.append(quotes(1, 77))
    forged.flush()
    disk.files[path][place : place + RECORD] = other.files[path][place : place + RECORD]
    follower = Follower(disk)
    follower.drain()
    assert follower.tail.sequence == 10
    writer.seal()
    with pytest.raises(JournalCorrupt, match=r"records 0\.\.10 do not give the sealed hash"):
        follower.poll()


def lost_power(kept: int) -> tuple[MemoryDisk, Path, Follower]:
    """Ten records were given, of which three were synced and `kept` survived."""
    disk = MemoryDisk()
    writer = opened(disk)
    writer.append(quotes(3))
    writer.sync()
    writer.append(quotes(7, 3))
    writer.flush()
    follower = Follower(disk)
    follower.drain()
    path = disk.segments()[0]
    disk.lose_power(path, HEADER + kept * RECORD)
    return disk, path, follower


@pytest.mark.parametrize("kept", [0, 5, 9])
@pytest.mark.parametrize("more", [0, 2, 14])
@pytest.mark.parametrize("sealed", [False, True])
def test_what_a_machine_lost_is_told(kept: int, more: int, sealed: bool) -> None:
    disk, _, follower = lost_power(kept)
    writer = opened(disk)
    if more:
        writer.append(quotes(more, 50))
    if sealed:
        writer.seal()
    else:
        writer.flush()
    if writer.flushed_sequence == 10 and read_mark(disk, ROOT) == 10:
        writer.append(quotes(1, 99))  # as long as what was given: seen with the next record
        writer.flush()
    with pytest.raises(JournalCutBack, match=r"record 9: it was read and is not here any more; begin again at a snap"):
        follower.poll()


def test_what_a_machine_lost_and_wrote_alike_at_its_end_is_told_at_the_seal() -> None:
    disk, path, follower = lost_power(8)
    writer = opened(disk)
    writer.append(quotes(1, 50))
    writer.append(quotes(1, 9))  # the record given last stands there again
    writer.seal()
    assert path == disk.segments()[0]
    with pytest.raises(JournalCutBack, match="record 0: it is not what was read there before"):
        follower.poll()


def test_a_beginning_that_is_not_here_is_said() -> None:
    disk, writer, path = flushed(10)
    with pytest.raises(JournalCutBack, match="record 10: record 12 is not here"):
        JournalTail(ROOT, disk, 12).poll()
    for number in range(100):
        writer.append(quotes(1, number))
    writer.close()
    del disk.files[path]
    with pytest.raises(JournalError, match="record 5 is not here; the journal begins at 64: begin at a snapshot"):
        JournalTail(ROOT, disk, 5).poll()


def test_segments_that_went_before_they_were_read_are_said() -> None:
    disk, writer, path = flushed(10)
    follower = Follower(disk)
    follower.poll()
    for number in range(200):
        writer.append(quotes(1, number))
    writer.flush()
    first, second, *_ = disk.segments()
    kept = disk.files[first], disk.files[second]
    del disk.files[first]
    with pytest.raises(JournalError, match="taken away before record 10 was read; begin at a snapshot"):
        follower.poll()
    disk.files[first] = kept[0]
    follower.poll()
    del disk.files[second]
    with pytest.raises(JournalCorrupt, match=r"000000000128.qdj: record 64: records 64\.\.127 before it are missing"):
        follower.poll()
    assert path == first


def test_a_segment_of_another_journal_is_not_followed() -> None:
    disk, writer, _ = flushed(10)
    follower = Follower(disk)
    for number in range(100):
        writer.append(quotes(1, number))
    writer.flush()
    other = MemoryDisk()
    stranger = JournalWriter(ROOT, DESK, SMALL, disk=other, clock=lambda: 2)
    for number in range(111):
        stranger.append(quotes(1, number))
    stranger.flush()
    second = disk.segments()[1]
    disk.files[second] = other.files[second]
    follower.poll()
    with pytest.raises(JournalCorrupt, match=r"its header does not carry the hash that 000000000000.qdj ends with"):
        follower.poll()
    disk.files[second] = other.files[other.segments()[0]]
    with pytest.raises(JournalCorrupt, match="the header says that the segment begins at 0"):
        follower.poll()


def test_a_segment_without_a_seal_at_its_end_has_no_successor() -> None:
    disk, writer, path = flushed(10)
    for number in range(100):
        writer.append(quotes(1, number))
    writer.flush()
    del disk.files[path][HEADER + 12 * RECORD :]
    second = disk.segments()[1]
    disk.files[ROOT / "000000000012.qdj"] = disk.files.pop(second)
    follower = Follower(disk)
    follower.poll()
    with pytest.raises(JournalCorrupt, match=r"record 12: it does not end with a seal where 000000000012.qdj begins"):
        follower.poll()


OTHER = """
import sys
from pathlib import Path
from quarterdeck.journal import OS_DISK
from quarterdeck.journal.mark import read_mark

print(read_mark(OS_DISK, Path(sys.argv[1])))
"""


def test_the_mark_is_shared_with_other_processes(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, DESK, SMALL) as writer:
        writer.append(quotes(5))
        writer.flush()
        told = subprocess.run([sys.executable, "-c", OTHER, tmp_path], check=True, capture_output=True, text=True)
        assert told.stdout.strip() == "5"
