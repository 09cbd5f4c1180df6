"""What is tested: `quarterdeck.desk.shelf`: a journal in a real database, and who may add to it."""

import threading
from collections.abc import Generator
from dataclasses import replace

import psycopg
import pytest

from quarterdeck.desk.lease import Term
from quarterdeck.desk.shelf import JournalShelf, PostgresMeeting
from quarterdeck.errors import DeskError, LeaseLost, StoreUnreachable

LEADER = Term(3, "host:1:a", 1, 2_000, 1_000)


def records(first: int, count: int) -> bytes:
    return b"".join(number.to_bytes(64, "little") for number in range(first, first + count))


class Hosts:
    """A leader's and a standby's connections to one database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.meeting = PostgresMeeting(url)
        self.shelf = JournalShelf(url, "desk")
        self.other = JournalShelf(url, "desk", listen=True)
        assert self.meeting.write("desk", None, LEADER)

    def ship(self, first: int, count: int, term: Term = LEADER) -> None:
        self.shelf.ship(term.epoch, term.holder, 0, first, records(first, count))

    def close(self) -> None:
        for one in (self.meeting, self.shelf, self.other):
            one.close()


@pytest.fixture
def hosts(postgres_url: str) -> Generator[Hosts]:
    made = Hosts(postgres_url)
    yield made
    made.close()


def test_records_come_out_as_they_were_shipped(hosts: Hosts) -> None:
    assert hosts.other.next_sequence() is None
    hosts.ship(0, 5)
    hosts.ship(5, 2)
    assert hosts.other.next_sequence() == 7
    assert hosts.other.fetch(0) == [(0, 0, records(0, 5)), (0, 5, records(5, 2))]
    assert hosts.other.fetch(3, 1) == [(0, 0, records(0, 5))], "the row that holds the record"
    assert hosts.other.fetch(6) == [(0, 5, records(5, 2))]
    assert hosts.other.fetch(7) == []


@pytest.mark.parametrize(
    "term", [replace(LEADER, epoch=2), replace(LEADER, epoch=4), replace(LEADER, holder="host:1:b")]
)
def test_who_does_not_lead_adds_nothing(hosts: Hosts, term: Term) -> None:
    with pytest.raises(LeaseLost, match="is over"):
        hosts.ship(0, 1, term)
    assert hosts.other.next_sequence() is None


def test_after_a_take_nothing_of_the_old_epoch_comes(hosts: Hosts) -> None:
    hosts.ship(0, 3)
    assert hosts.meeting.write("desk", LEADER, replace(LEADER, epoch=4, holder="host:2:b", beat=2))
    with pytest.raises(LeaseLost):
        hosts.ship(3, 1)
    hosts.ship(3, 1, replace(LEADER, epoch=4, holder="host:2:b"))
    assert hosts.other.next_sequence() == 4


def test_a_take_waits_for_an_insert_that_has_begun(hosts: Hosts) -> None:
    """Whoever has taken the lease sees every row that the old leader could add."""
    done = threading.Event()
    taken = replace(LEADER, epoch=4, holder="host:2:b", beat=2)
    with psycopg.connect(hosts.url) as line:
        line.execute("SELECT 1 FROM quarterdeck_leases WHERE desk = 'desk' AND epoch = 3 FOR SHARE")
        take = threading.Thread(target=lambda: (hosts.meeting.write("desk", LEADER, taken), done.set()))
        take.start()
        assert not done.wait(0.2)
        line.commit()
    take.join()
    assert done.is_set()


def test_records_that_do_not_follow_are_refused(hosts: Hosts) -> None:
    hosts.ship(0, 3)
    with pytest.raises(DeskError, match="do not follow the database's, which ends at 3"):
        hosts.ship(4, 1)
    with pytest.raises(DeskError, match="do not follow"):
        hosts.ship(2, 2)
    assert hosts.other.next_sequence() == 3


def test_a_row_whose_answer_was_lost_may_be_shipped_again(hosts: Hosts) -> None:
    hosts.ship(0, 3)
    hosts.ship(0, 3)
    assert hosts.other.fetch(0) == [(0, 0, records(0, 3))]
    with pytest.raises(DeskError, match="do not follow"):
        hosts.shelf.ship(3, LEADER.holder, 0, 0, records(9, 3))


def test_headers_are_kept_and_another_of_the_same_number_is_refused(hosts: Hosts) -> None:
    hosts.shelf.add_segment(0, b"h" * 4096)
    hosts.shelf.add_segment(0, b"h" * 4096)
    assert hosts.other.header(0) == b"h" * 4096
    assert hosts.other.header(64) is None
    with pytest.raises(DeskError, match="another segment 0"):
        hosts.shelf.add_segment(0, b"x" * 4096)


def test_a_follower_is_woken(hosts: Hosts) -> None:
    hosts.other.wait(0)  # it listens
    woken = threading.Event()
    waiter = threading.Thread(target=lambda: (hosts.other.wait(20), woken.set()))
    waiter.start()
    hosts.ship(0, 1)
    assert woken.wait(10)
    waiter.join()


def test_what_is_old_and_seen_by_all_is_removed(hosts: Hosts) -> None:
    for first in range(0, 40, 10):
        hosts.ship(first, 10)
    with psycopg.connect(hosts.url, autocommit=True) as line:
        line.execute("UPDATE quarterdeck_records SET shipped_at = shipped_at - interval '2 days' WHERE sequence < 30")
    assert hosts.shelf.prune(before=25, keep_hours=24) == 2
    assert [first for _, first, _ in hosts.other.fetch(0)] == [20, 30]
    assert hosts.shelf.prune(before=40, keep_hours=24) == 1
    assert hosts.other.next_sequence() == 40


def test_a_lost_connection_is_said_and_made_again(hosts: Hosts) -> None:
    hosts.ship(0, 1)
    with psycopg.connect(hosts.url, autocommit=True) as line:
        line.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    with pytest.raises(StoreUnreachable):
        hosts.ship(1, 1)
    hosts.ship(1, 1)
    assert hosts.shelf.next_sequence() == 2


def test_tables_are_made_once_by_many_at_once(postgres_url: str) -> None:
    shelves = [JournalShelf(postgres_url, "desk") for _ in range(6)]
    found: list[int | None] = []
    threads = [threading.Thread(target=lambda one=one: found.append(one.next_sequence())) for one in shelves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [None] * 6
    for one in shelves:
        one.close()


def test_tables_of_another_version_are_refused(postgres_url: str) -> None:
    first = JournalShelf(postgres_url, "desk")
    first.next_sequence()
    first.close()
    with psycopg.connect(postgres_url, autocommit=True) as line:
        line.execute("UPDATE quarterdeck_standby_version SET version = 2")
    with pytest.raises(DeskError, match="of version 2, this program's of 1"):
        JournalShelf(postgres_url, "desk").next_sequence()
