"""What is tested: `quarterdeck.desk.standby`, `quarterdeck.desk.leading`, `quarterdeck.desk.helm` and `seat`."""

import shutil
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quarterdeck.config import DeskConfig
from quarterdeck.desk.agreement import own_identity
from quarterdeck.desk.helm import Helm
from quarterdeck.desk.leading import Leadership, begin_to_lead, lease_terms, meeting_of
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.seat import Seat
from quarterdeck.desk.standby import Standby
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import DeskError, LeaseLost
from quarterdeck.journal import JournalReader, verify
from quarterdeck.runtime.replay import replay_desk
from tests.desk.builders import pump
from tests.desk.standbys import LEASE, leading, new_session, standby_desk


class Hosts:
    """One desk on hosts a and b, and what was said there."""

    def __init__(self, config: DeskConfig, root: Path) -> None:
        self.config = config
        self.a, self.b = DeskPlace(root / "a"), DeskPlace(root / "b")
        if config.standby.store == "file":
            self.b = self.a
        self.said: list[str] = []
        self.standbys: list[Standby] = []

    def standby(self, place: DeskPlace | None = None) -> Standby:
        made = Standby(self.config, place or self.b, say=self.said.append)
        self.standbys.append(made)
        made.open()
        return made

    def same(self) -> None:
        """Both journals are the same, byte for byte."""
        own, other = (
            {path.name: path.read_bytes() for path in place.journal.glob("*.qdj")} for place in (self.a, self.b)
        )
        assert own == other

    def close(self) -> None:
        for one in self.standbys:
            if not one.keeper.epoch:
                one.close()


@pytest.fixture(params=["file", "postgresql"])
def hosts(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Hosts]:
    more = LEASE
    if request.param == "postgresql":
        monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("postgres_url"))
    made = Hosts(standby_desk(tmp_path / "desk", request.param, more), tmp_path)
    yield made
    made.close()


@pytest.fixture
def database(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Generator[Hosts]:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    made = Hosts(standby_desk(tmp_path / "desk", "postgresql", LEASE + "synchronous = true\n"), tmp_path)
    yield made
    made.close()


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Waits until it is so; fails when it never is."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never was so"
        time.sleep(0.01)


def leadership_of(session: Any) -> Leadership:
    """The one that a session of `leading` was made with."""
    return session.desk.gate.__self__


def level(standby: Standby, session: Any) -> None:
    """The standby comes to where the leader stands."""

    def there() -> bool:
        assert not standby.turn()
        return standby.follower.sequence == session.recovered.writer.flushed_sequence

    until(there)
    assert standby.follower.progress().digest == session.desk.digest


def test_a_standby_has_the_leaders_digest_under_load(hosts: Hosts) -> None:
    with leading(hosts.config, hosts.a, hosts.said) as session:
        standby = hosts.standby()
        for _ in range(6):
            pump(session, 300)
            level(standby, session)
        assert standby.follower.progress().seals_checked > 1
        status = standby.status()
        assert (status["role"], status["fit"], status["lag_records"]) == ("standby", True, 0)
        assert status["leader"] == leadership_of(session).keeper.holder
        assert status["digest"] == session.desk.digest.hex()
    standby.turn()
    hosts.same()


def test_after_a_stop_nobody_takes_over_and_a_start_does(hosts: Hosts) -> None:
    with leading(hosts.config, hosts.a, hosts.said) as session:
        standby = hosts.standby()
        pump(session, 100)
        level(standby, session)
    end = time.monotonic() + 3.5  # longer than the lease
    while time.monotonic() < end:
        assert not standby.turn()
        standby.wait()
    assert standby.status()["stopped"] is True
    with leading(hosts.config, hosts.a, hosts.said) as again:
        assert again.recovered.epoch == 2
        level(standby, again)


def test_a_leader_that_is_gone_is_succeeded(hosts: Hosts) -> None:
    with leading(hosts.config, hosts.a, hosts.said, dies=True) as session:
        standby = hosts.standby()
        pump(session, 300)
        level(standby, session)
    died = time.monotonic()
    until(standby.turn)
    leadership, warm = standby.succeed()
    assert leadership.epoch == 2
    # A busy machine may let the whole wait pass here; the exact times are test_lease's, by clocks of its own.
    assert not leadership.held() or time.monotonic() - died > 2, "a request of before may still arrive"
    after = new_session(hosts.config, hosts.b, leadership, warm=warm)
    after.open()
    assert any("recovered: 0 records replayed" in sentence for sentence in after.recovered.said)
    assert after.recovered.epoch == 2
    assert leadership.held()
    pump(after, 200)
    after.close()
    leadership.end(after.recovered.writer.flushed_sequence, settled=True, stopped=True)
    assert replay_desk(hosts.b.root).result.digest == after.desk.digest


def lead_when_the_register_is_free(hosts: Hosts) -> None:
    """The leader renews in the same file: on a busy machine it may be writing."""
    for _ in range(20):
        try:
            begin_to_lead(hosts.config, hosts.b, hosts.said.append)
        except DeskError as error:
            if "has held it for" not in str(error):
                raise


def test_a_second_leader_is_refused_and_told_to_stand_by(hosts: Hosts) -> None:
    with leading(hosts.config, hosts.a, hosts.said) as session:
        with pytest.raises(DeskError, match=r"is led by .*quarterdeck standby"):
            lead_when_the_register_is_free(hosts)
        pump(session, 50)


def test_a_leader_that_was_killed_starts_again_after_its_lease(hosts: Hosts) -> None:
    with leading(hosts.config, hosts.a, hosts.said, dies=True) as session:
        pump(session, 50)
    with leading(hosts.config, hosts.a, hosts.said) as session:
        assert session.recovered.epoch == 2
        pump(session, 50)
    assert any("waiting whether it is renewed" in sentence for sentence in hosts.said)


def test_a_session_that_hangs_loses_its_lease(hosts: Hosts) -> None:
    with leading(hosts.config, hosts.a, hosts.said, dies=True) as session:
        helm = Helm(session, leadership_of(session))
        helm.turn()
        until(lambda: not leadership_of(session).held())
        with pytest.raises(LeaseLost, match="did not move for longer than the lease"):
            helm.turn()


def test_on_command_the_heir_goes_on_at_once(hosts: Hosts) -> None:
    session = new_session(hosts.config, hosts.a, None)
    leadership = begin_to_lead(hosts.config, hosts.a, hosts.said.append)
    session = new_session(hosts.config, hosts.a, leadership)
    session.open()
    helm = Helm(session, leadership)
    helm.opened()
    with pytest.raises(DeskError, match="no standby of xrpliquid could lead now"):
        helm.obey(Command(verb=Verb.HANDOVER))
    standby = hosts.standby()

    def heard() -> bool:
        helm.turn()
        pump(session, 20)
        standby.turn()
        return leadership.heir() is not None

    until(heard)
    helm.obey(Command(verb=Verb.HANDOVER, person="operator-1"))
    assert session.stopping
    session.close()
    began = time.monotonic()
    helm.closed()
    until(standby.turn)
    successor, warm = standby.succeed()
    assert successor.held()
    assert time.monotonic() - began < 3, "it waits for nothing"
    after = new_session(hosts.config, hosts.b, successor, warm=warm)
    after.open()
    assert after.desk.states[0]["open_count"] == 0
    pump(after, 50)
    after.close()
    successor.end(after.recovered.writer.flushed_sequence, settled=True, stopped=True)
    assert verify(hosts.b.journal).problem is None


def test_another_layout_is_not_followed(hosts: Hosts) -> None:
    with leading(hosts.config, hosts.a, hosts.said) as session:
        pump(session, 50)
        other(hosts, state="another")
        standby = hosts.standby()
        with pytest.raises(DeskError, match="state layout another there"):
            until(standby.turn)


def test_another_source_leads_only_after_a_digest_agreed(hosts: Hosts) -> None:
    with leading(hosts.config, hosts.a, hosts.said) as session:
        other(hosts, source="another")
        standby = hosts.standby()
        pump(session, 20)
        until(lambda: standby.turn() or standby.follower.sequence > 10)
        assert standby.status()["fit"] is False
        assert "no digest agreed yet" in str(standby.status()["why"])
        pump(session, 400)
        level(standby, session)
        until(lambda: not standby.turn() and standby.status()["fit"])


def other(hosts: Hosts, **changes: str) -> None:
    """The leader says that it is another program."""
    meeting = meeting_of(hosts.config, hosts.a)
    done = False
    while not done:
        now = meeting.read(hosts.config.desk.name)
        assert now is not None
        text = msgspec.structs.replace(own_identity(), **changes).text
        done = meeting.write(hosts.config.desk.name, now, replace(now, identity=text, beat=now.beat + 1))
    meeting.close()


def test_nothing_is_lost_with_the_leaders_machine(database: Hosts) -> None:
    """Synchronous: what was done is in the database, whatever becomes of the folder."""
    with leading(database.config, database.a, database.said, dies=True) as session:
        pump(session, 500)
        session.desk.command(*_pause(session))
        done, digest = session.recovered.writer.flushed_sequence, session.desk.digest
        shutil.rmtree(database.a.root)
    standby = database.standby()
    until(standby.turn)
    leadership, warm = standby.succeed()
    assert warm is not None
    assert warm.sequence == done
    assert standby.follower.progress().digest == digest
    leadership.end(warm.sequence, stopped=True)


def _pause(session: Any) -> tuple[Any, bytes]:
    from quarterdeck.desk.commands import command_event, command_payload

    command = Command(verb=Verb.PAUSE, person="operator-1", why="the machine burns")
    return command_event(command, session.names, session.clock.now()), command_payload(command)


def write_alone(config: DeskConfig, place: DeskPlace, events: int) -> None:
    """A session that shares with nobody, and dies."""
    session = new_session(config, place, None)
    session.open()
    pump(session, events)
    session.abandon()


def test_an_old_leader_comes_back_as_a_standby(database: Hosts) -> None:
    """What it wrote after it was succeeded is put aside, and it follows."""
    with leading(database.config, database.a, database.said, dies=True) as session:
        pump(session, 200)
    write_alone(database.config, database.a, 100)
    with leading(database.config, database.b, database.said) as session:
        assert session.recovered.epoch == 2
        pump(session, 200)
        with pytest.raises(DeskError, match="is led by"):
            begin_to_lead(database.config, database.a, database.said.append)
        back = database.standby(database.a)
        level(back, session)
    back.turn()
    assert any("put aside as" in sentence for sentence in database.said)
    database.same()
    assert replay_desk(database.a.root).result.digest == session.desk.digest


def test_a_leader_that_comes_back_as_a_standby_keeps_what_it_had_not_shared(database: Hosts) -> None:
    """Nobody led meanwhile: what was acknowledged here is the desk's story."""
    with leading(database.config, database.a, database.said, dies=True) as session:
        pump(session, 200)
    write_alone(database.config, database.a, 100)
    end = JournalReader(database.a.journal).next_sequence
    standby = database.standby(database.a)
    until(standby.turn)
    leadership, warm = standby.succeed()
    assert warm is not None
    assert warm.sequence == JournalReader(database.a.journal).next_sequence == end
    assert any("they are kept" in sentence for sentence in database.said)
    leadership.end(end, stopped=True)


def test_a_standby_whose_tail_another_leader_did_not_have_says_so(database: Hosts) -> None:
    with leading(database.config, database.a, database.said, dies=True) as session:
        pump(session, 200)
    write_alone(database.config, database.a, 100)
    back = database.standby(database.a)
    back.turn()
    with leading(database.config, database.b, database.said) as session:
        pump(session, 200)
        with pytest.raises(DeskError, match="start this standby again"):
            level(back, session)


def test_a_journal_that_parted_does_not_lead(database: Hosts) -> None:
    for place in (database.a, database.b):
        write_alone(database.config, place, 100)
    with leading(database.config, database.b, database.said) as session:
        pump(session, 20)
    with pytest.raises(DeskError, match="is another story"):
        begin_to_lead(database.config, database.a, database.said.append)


def test_a_leader_fetches_what_its_host_has_lost(database: Hosts) -> None:
    with leading(database.config, database.a, database.said) as session:
        pump(session, 200)
    shutil.rmtree(database.a.root)
    with leading(database.config, database.a, database.said) as session:
        assert session.recovered.epoch == 2
        assert session.recovered.states is not None
    assert any("came from the database" in sentence for sentence in database.said)


def test_a_standby_writes_snapshots_of_its_own(database: Hosts) -> None:
    journal = database.config.journal.model_copy(update={"snapshot_minutes": 1})
    database.config = database.config.model_copy(update={"journal": journal})
    with leading(database.config, database.a, database.said, speed=600.0) as session:
        standby = database.standby()
        while not list(database.b.snapshots.glob("*.qds")):
            pump(session, 300)
            level(standby, session)
    standby.turn()
    standby.close()
    found = replay_desk(database.b.root)
    assert found.snapshot is not None
    assert found.result.digest == session.desk.digest


@pytest.mark.parametrize(
    ("mode", "latest_ms", "longest_ms"), [("paper", 0, 200), ("live", 0, 1_000), ("live", 5_000, 5_000)]
)
def test_a_successor_waits_for_the_longest_request_of_all(
    tmp_path: Path, mode: str, latest_ms: int, longest_ms: int
) -> None:
    config = standby_desk(tmp_path / "desk", "file", LEASE)
    config = config.model_copy(update={"desk": config.desk.model_copy(update={"mode": mode})})
    assert config.reconciliation.request_ms == 1_000
    assert lease_terms(config, latest_ms).longest_ns == longest_ms * 1_000_000


def test_without_a_store_there_is_no_standby(tmp_path: Path) -> None:
    config = standby_desk(tmp_path / "desk", "none")
    with pytest.raises(DeskError, match=r"a standby needs \[standby\] store"):
        Standby(config, DeskPlace(config.folder), say=str)
    seat = Seat(config, DeskPlace(config.folder), str)
    assert seat.take()
    assert (seat.leadership, seat.held(), seat.epoch) == (None, True, 0)


def test_without_a_database_url_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    config = standby_desk(tmp_path / "desk", "postgresql")
    with pytest.raises(DeskError, match="needs DATABASE_URL=postgresql://"):
        begin_to_lead(config, DeskPlace(config.folder), str)
