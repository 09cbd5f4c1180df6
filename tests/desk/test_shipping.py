"""What is tested: `quarterdeck.desk.shipping`, `quarterdeck.desk.copying`: one journal, byte for byte, twice."""

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from quarterdeck.desk.copying import Comparison, JournalCopy, compare
from quarterdeck.desk.lease import Term
from quarterdeck.desk.shelf import JournalShelf, PostgresMeeting
from quarterdeck.desk.shipping import Shipper
from quarterdeck.errors import DeskError, JournalLocked, LeaseLost
from quarterdeck.journal import JournalWriter, verify
from tests.journal.builders import SMALL, quotes

LEADER = Term(3, "host:1:a", 1, 2_000, 1_000)


def nothing() -> None:
    """The lease is held."""


class Pair:
    """A journal of a leader, its way into a database, and a copy elsewhere."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.here, self.there = url, folder / "here", folder / "there"
        self.meeting = PostgresMeeting(url)
        assert self.meeting.write("desk", None, LEADER)
        self.writer = JournalWriter(self.here, "desk", SMALL)
        self.reading = JournalShelf(url, "desk")
        self.shippers: list[Shipper] = []
        self.written = 0

    def ship(self, directory: Path | None = None) -> Shipper:
        shelf = JournalShelf(self.url, "desk")
        shipped = shelf.next_sequence()
        shipper = Shipper(
            directory or self.here, shelf, LEADER.epoch, LEADER.holder, shipped=shipped, keep=lambda: (0, 1)
        )
        shipper.start()
        self.shippers.append(shipper)
        return shipper

    def write(self, count: int, *, digest: int = 0) -> None:
        for _ in range(count):
            self.writer.append(quotes(1, self.written))
            self.written += 1
        if digest:
            self.writer.seal(digest)
        self.writer.flush()

    def copy(self) -> int:
        """Brings the copy to where the database is; returns how many records came."""
        came = 0
        with JournalCopy(self.there) as copy:
            while some := copy.fill(self.reading):
                came += some
        return came

    def same(self) -> None:
        """Both folders hold the same segments, byte for byte, and both are sound."""
        own, other = (
            {path.name: path.read_bytes() for path in sorted(folder.glob("*.qdj"))}
            for folder in (self.here, self.there)
        )
        assert own == other
        assert verify(self.there).problem is None

    def take_over(self) -> Term:
        """Another process takes the lease."""
        now = self.meeting.read("desk")
        assert now is not None
        taken = replace(now, epoch=now.epoch + 1, holder="host:2:b", beat=now.beat + 1)
        assert self.meeting.write("desk", now, taken)
        return taken

    def close(self) -> None:
        for shipper in self.shippers:
            shipper.close()
        self.writer.close()
        self.reading.close()
        self.meeting.close()


@pytest.fixture
def pair(postgres_url: str, tmp_path: Path) -> Generator[Pair]:
    made = Pair(postgres_url, tmp_path)
    yield made
    made.close()


def test_a_copy_is_the_journal_byte_for_byte(pair: Pair) -> None:
    shipper = pair.ship()
    for count in (1, 30, 14, 200, 3):
        pair.write(count, digest=count)
        shipper.wait_for(pair.writer.flushed_sequence, nothing)
        assert pair.reading.next_sequence() == pair.writer.next_sequence
        pair.copy()
        pair.same()
    assert len(list(pair.there.glob("*.qdj"))) > 3


def test_what_was_written_before_is_shipped_too(pair: Pair) -> None:
    pair.write(150)
    pair.ship().wait_for(pair.writer.flushed_sequence, nothing)
    assert pair.copy() == pair.writer.flushed_sequence
    pair.same()


def test_waiting_ends_when_the_database_has_it_and_not_before(pair: Pair) -> None:
    shipper = pair.ship()
    pair.write(20)
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) > 5:
            raise LeaseLost("enough")

    with pytest.raises(LeaseLost, match="enough"):
        shipper.wait_for(pair.writer.flushed_sequence + 1, check)
    shipper.wait_for(pair.writer.flushed_sequence, nothing)
    assert (pair.reading.next_sequence() or 0) >= pair.writer.flushed_sequence


def test_the_old_leader_ships_nothing_more(pair: Pair) -> None:
    shipper = pair.ship()
    pair.write(20)
    shipper.wait_for(pair.writer.flushed_sequence, nothing)
    before = pair.reading.next_sequence()
    pair.take_over()
    pair.write(20)
    with pytest.raises(LeaseLost, match="is over"):
        shipper.wait_for(pair.writer.flushed_sequence, nothing)
    assert pair.reading.next_sequence() == before


def test_shipping_goes_on_when_the_connection_is_lost(pair: Pair) -> None:
    shipper = pair.ship()
    for _ in range(6):
        with psycopg.connect(pair.url, autocommit=True) as line:
            line.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        pair.write(25)
        shipper.wait_for(pair.writer.flushed_sequence, nothing)
    pair.reading.close()
    pair.copy()
    pair.same()


def test_a_shipper_goes_on_where_the_last_one_ended(pair: Pair) -> None:
    first = pair.ship()
    pair.write(33)
    first.wait_for(pair.writer.flushed_sequence, nothing)
    first.close()
    pair.write(100)
    pair.ship().wait_for(pair.writer.flushed_sequence, nothing)
    pair.copy()
    pair.same()


def test_a_copy_goes_on_where_it_was_left(pair: Pair) -> None:
    shipper = pair.ship()
    for _ in range(5):
        pair.write(40)
        shipper.wait_for(pair.writer.flushed_sequence, nothing)
        assert pair.copy() > 0
        assert pair.copy() == 0
    pair.same()


def test_a_copy_has_the_journals_lock(pair: Pair) -> None:
    with JournalCopy(pair.there), pytest.raises(JournalLocked):
        JournalWriter(pair.there, "desk", SMALL)
    with pytest.raises(JournalLocked):
        JournalCopy(pair.here)


def test_a_session_continues_a_copy(pair: Pair) -> None:
    pair.write(77)
    pair.ship().wait_for(pair.writer.flushed_sequence, nothing)
    pair.copy()
    with JournalWriter(pair.there, "desk", SMALL) as writer:
        assert writer.torn is None
        assert writer.next_sequence == pair.writer.next_sequence
        writer.append(quotes(1, 1000))
    assert verify(pair.there).problem is None


Act = Callable[[Pair], None]


def both(pair: Pair) -> None:
    pair.write(100)
    pair.ship().wait_for(pair.writer.flushed_sequence, nothing)
    pair.copy()


def ahead(pair: Pair) -> None:
    """The copy's host led once, and wrote what never left it."""
    both(pair)
    with JournalWriter(pair.there, "desk", SMALL) as writer:
        for number in range(40):
            writer.append(quotes(1, 900 + number))


def parted(pair: Pair) -> None:
    ahead(pair)
    pair.write(60)
    pair.shippers[0].wait_for(pair.writer.flushed_sequence, nothing)


def behind(pair: Pair) -> None:
    both(pair)
    pair.write(60)
    pair.shippers[0].wait_for(pair.writer.flushed_sequence, nothing)


def only_there(pair: Pair) -> None:
    with JournalWriter(pair.there, "desk", SMALL) as writer:
        writer.append(quotes(10, 900))


@pytest.mark.parametrize(
    ("story", "is_ahead", "is_parted"),
    [
        (nothing, False, False),
        (both, False, False),
        (behind, False, False),
        (ahead, True, False),
        (parted, True, True),
    ],
)
def test_two_journals_are_compared(pair: Pair, story: Act, is_ahead: bool, is_parted: bool) -> None:
    if story is not nothing:
        story(pair)
    found = compare(pair.there, pair.reading)
    assert (found.ahead, found.parted) == (is_ahead, is_parted)
    if story is nothing:
        assert found == Comparison(None, None, 0)


def test_a_journal_that_was_never_shared_is_whole_and_ahead(pair: Pair) -> None:
    only_there(pair)
    assert compare(pair.there, pair.reading) == Comparison(11, None, 0)


@pytest.mark.parametrize("story", [ahead, parted])
def test_what_was_never_shared_is_put_aside_and_the_copy_goes_on(pair: Pair, story: Act) -> None:
    story(pair)
    found = compare(pair.there, pair.reading)
    before = {path.name: path.read_bytes() for path in pair.there.glob("*.qdj")}
    with JournalCopy(pair.there) as copy:
        kept = copy.put_aside(found.common)
        while copy.fill(pair.reading):
            pass
    assert kept
    for name in kept:
        aside, _, _ = name.partition(".parted-")
        assert before[aside].endswith((pair.there / name).read_bytes()), "nothing of it is lost"
    pair.same()


def test_records_that_the_database_no_longer_has_are_named(pair: Pair) -> None:
    both(pair)
    behind_now = pair.there.parent / "late"
    with psycopg.connect(pair.url, autocommit=True) as line:
        line.execute("DELETE FROM quarterdeck_records WHERE sequence = 0")
    with JournalCopy(behind_now) as copy, pytest.raises(DeskError, match="record 0 is no longer in the database"):
        copy.fill(pair.reading)
