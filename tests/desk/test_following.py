"""What is tested: `quarterdeck.desk.following`: a state behind a journal that another process writes."""

import shutil
from pathlib import Path

import pytest

from quarterdeck.config import DeskConfig
from quarterdeck.desk.following import Follower
from quarterdeck.desk.paper import PaperSession
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import recover
from quarterdeck.errors import DeskError, JournalCorrupt, ReplayError
from quarterdeck.journal.disk import OS_DISK
from quarterdeck.journal.segment import segment_paths
from tests.desk.builders import pump, session
from tests.desk.standbys import standby_desk


@pytest.fixture
def config(tmp_path: Path) -> DeskConfig:
    return standby_desk(tmp_path / "desk", "file")


def level(follower: Follower, of: object) -> None:
    """The follower has seen everything, and is in the same state."""
    follower.follow()
    progress = follower.progress()
    assert progress.sequence == of.recovered.writer.next_sequence  # type: ignore[attr-defined] # any session
    assert progress.behind == 0
    assert progress.digest == of.desk.digest  # type: ignore[attr-defined] # any session


def test_it_stands_where_the_desk_stands_through_seals_and_segments(config: DeskConfig) -> None:
    place = DeskPlace(config.folder)
    follower = Follower(config, place)
    assert follower.follow() == 0, "nothing is there yet"
    assert follower.warm is None
    desk = session(config, place)
    desk.open()
    for _ in range(12):
        pump(desk, 200)
        level(follower, desk)
    assert len(segment_paths(OS_DISK, place.journal)) > 2
    assert follower.progress().seals_checked > 3
    assert follower.progress().checked_epoch == 1
    desk.close()
    level_after = follower.follow()
    assert level_after > 0
    assert follower.progress().digest == desk.desk.digest


def test_it_begins_at_a_snapshot_and_follows_from_there(config: DeskConfig) -> None:
    place = DeskPlace(config.folder)
    first = session(config, place)
    first.open()
    pump(first, 600)
    first.close()
    second = session(config, place)
    second.open()
    pump(second, 300)
    follower = Follower(config, place)
    level(follower, second)
    assert follower.progress().epoch == 2
    assert follower.progress().checked_epoch in {0, 2}, "the first session's seals are behind the snapshot"
    pump(second, 300)
    level(follower, second)
    second.close()


def test_a_session_that_begins_with_it_replays_nothing(config: DeskConfig) -> None:
    place = DeskPlace(config.folder)
    desk = session(config, place)
    desk.open()
    pump(desk, 500)
    follower = Follower(config, place)
    follower.follow()
    digest = desk.desk.digest
    desk.abandon()
    assert follower.warm is not None
    recovered = recover(config, place, warm=follower.warm, epoch=9)
    assert recovered.epoch == 9
    assert any(sentence.startswith("recovered: 0 records replayed") for sentence in recovered.said)
    recovered.writer.close()
    with pytest.raises(DeskError, match="session 9 was begun here, the lease says 9"):
        recover(config, place, warm=follower.warm, epoch=9)
    assert follower.progress().digest == digest


def test_a_session_replays_what_it_did_not_see(config: DeskConfig) -> None:
    place = DeskPlace(config.folder)
    desk = session(config, place)
    desk.open()
    pump(desk, 300)
    follower = Follower(config, place)
    follower.follow()
    seen = follower.sequence
    pump(desk, 200)
    digest = desk.desk.digest
    desk.abandon()
    recovered = recover(config, place, warm=follower.warm)
    assert any(f"from record {seen} to" in sentence for sentence in recovered.said)
    assert recovered.states is not None
    recovered.writer.close()
    again = Follower(config, place)
    again.follow()
    assert again.progress().digest == digest


def test_a_state_of_a_longer_journal_is_not_believed(config: DeskConfig) -> None:
    """The machine died and lost what the standby has seen: the session begins at what there is."""
    place = DeskPlace(config.folder)
    desk = session(config, place)
    desk.open()
    pump(desk, 300)
    desk.desk.writer.seal()
    shutil.copytree(place.root, config.folder.parent / "before")
    pump(desk, 200)
    follower = Follower(config, place)
    follower.follow()
    desk.abandon()
    before = DeskPlace(config.folder.parent / "before")
    recovered = recover(config, before, warm=follower.warm)
    assert recovered.states is not None
    assert follower.warm is not None
    assert recovered.writer.next_sequence < follower.warm.sequence
    recovered.writer.close()


def follow_to_a_seal(of: PaperSession, follower: Follower) -> None:
    """A desk seals when a block is full; the next seal that carries a digest is compared."""
    for _ in range(40):
        pump(of, 100)
        follower.follow()


def test_another_digest_than_the_leaders_ends_it(config: DeskConfig) -> None:
    place = DeskPlace(config.folder)
    desk = session(config, place)
    desk.open()
    pump(desk, 300)
    follower = Follower(config, place)
    follower.follow()
    follower.states[0]["refused"] += 1  # nothing computes it anew
    with pytest.raises(ReplayError, match="this standby cannot take over"):
        follow_to_a_seal(desk, follower)
    desk.close()


def test_a_changed_record_ends_it(config: DeskConfig) -> None:
    place = DeskPlace(config.folder)
    desk = session(config, place)
    desk.open()
    pump(desk, 300)
    desk.close()
    path = segment_paths(OS_DISK, place.journal)[0]
    raw = bytearray(path.read_bytes())
    raw[4096 + 64 * 100 + 3] ^= 1
    path.write_bytes(raw)
    shutil.rmtree(place.snapshots)
    with pytest.raises(JournalCorrupt):
        Follower(config, place).follow()
