"""What is tested: `quarterdeck.desk.meeting` and the lease in `quarterdeck.desk.shelf`: one contract, two stores."""

import threading
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from quarterdeck.desk.lease import LeaseKeeper, LeaseTerms, Term
from quarterdeck.desk.meeting import LEASE_FILE, FileMeeting, Meeting
from quarterdeck.desk.shelf import PostgresMeeting
from quarterdeck.errors import StoreUnreachable

TERM = Term(3, "host:1:a", 7, 2_000, 1_000, identity='{"source": "x"}')


@pytest.fixture(params=["file", "postgresql"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[tuple[Meeting, Meeting]]:
    """What two processes have of one register."""
    pair: tuple[Meeting, Meeting]
    if request.param == "file":
        pair = FileMeeting(tmp_path), FileMeeting(tmp_path)
    else:
        url = request.getfixturevalue("postgres_url")
        pair = PostgresMeeting(url), PostgresMeeting(url.replace("postgresql:", "postgresql+psycopg:"))
    yield pair
    for one in pair:
        one.close()


def test_nothing_stands_there_before_the_first_write(two: tuple[Meeting, Meeting]) -> None:
    assert two[0].read("desk") is None
    assert two[0].heard("desk") == {}


def test_what_is_written_is_read_by_the_other(two: tuple[Meeting, Meeting]) -> None:
    assert two[0].write("desk", None, TERM)
    assert two[1].read("desk") == TERM
    given = replace(TERM, holder="", heir="host:2:b", stopped=True, beat=8)
    assert two[1].write("desk", TERM, given)
    assert two[0].read("desk") == given


@pytest.mark.parametrize(
    "before",
    [None, replace(TERM, beat=6), replace(TERM, beat=8), replace(TERM, epoch=2), replace(TERM, holder="host:1:b")],
)
def test_another_than_what_stands_there_is_not_replaced(two: tuple[Meeting, Meeting], before: Term | None) -> None:
    assert two[0].write("desk", None, TERM)
    assert not two[1].write("desk", before, replace(TERM, beat=9))
    assert two[0].read("desk") == TERM


def test_nothing_is_replaced_where_nothing_stands(two: tuple[Meeting, Meeting]) -> None:
    assert not two[0].write("desk", TERM, replace(TERM, beat=8))
    assert two[0].read("desk") is None


def test_of_many_that_write_at_once_one_succeeds(two: tuple[Meeting, Meeting]) -> None:
    wins: list[int] = []
    for beat in range(20):
        before = two[0].read("desk")
        gate = threading.Barrier(2)

        def write(index: int, before: Term | None = before, beat: int = beat, gate: threading.Barrier = gate) -> None:
            gate.wait()
            if two[index].write("desk", before, replace(TERM, beat=beat, holder=f"h{index}")):
                wins.append(beat)

        threads = [threading.Thread(target=write, args=(index,)) for index in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wins == list(range(20))


def test_standbys_leave_their_last_word(two: tuple[Meeting, Meeting]) -> None:
    two[0].say("desk", "a", "1")
    two[1].say("desk", "b", "2")
    two[0].say("desk", "a", "3")
    assert two[1].heard("desk") == {"a": "3", "b": "2"}
    two[1].leave("desk", "a")
    assert two[0].heard("desk") == {"b": "2"}
    assert two[0].read("desk") is None


def test_a_keeper_takes_renews_and_gives_back_through_it(two: tuple[Meeting, Meeting]) -> None:
    now = [10**9]
    terms = LeaseTerms(2_000, 500, 100)
    a, b = (
        LeaseKeeper(store, "desk", name, terms, monotonic=lambda: now[0])
        for store, name in zip(two, ("a", "b"), strict=True)
    )
    assert a.take(epoch_known=5)
    assert not b.take()
    now[0] += 600
    assert a.renew()
    assert not b.take()
    now[0] += 2_000
    assert b.take()
    assert (b.epoch, b.wait_ns()) == (7, 100)
    assert not a.release()
    assert b.release(settled=True)


def test_a_file_of_nonsense_is_named(tmp_path: Path) -> None:
    (tmp_path / LEASE_FILE).write_text("{")
    with pytest.raises(StoreUnreachable, match=r"lease\.json: the lease of desk desk cannot be read"):
        FileMeeting(tmp_path).read("desk")


def test_a_database_that_is_not_there_is_unreachable() -> None:
    meeting = PostgresMeeting("postgresql://postgres@127.0.0.1:1/nothing")
    with pytest.raises(StoreUnreachable, match="does not answer"):
        meeting.read("desk")
