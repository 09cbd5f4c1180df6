"""What is tested: `quarterdeck.backup.drill`."""

import shutil
from pathlib import Path

import pytest

from quarterdeck.audit import DeskFiles
from quarterdeck.backup import Store, drill
from quarterdeck.config import DeskConfig
from quarterdeck.errors import BackupError
from quarterdeck.journal import JournalReader, Snapshot, read_snapshot, write_snapshot
from quarterdeck.runtime.replay import replay
from tests.audit.builders import forge
from tests.backup.builders import Keys, back_up, desk, files_of, go_on, snapshots, store


@pytest.fixture
def config(tmp_path: Path) -> DeskConfig:
    made = desk(tmp_path / "desk", events=300)
    snapshots(made.folder, 600)
    back_up(made)
    return made


def test_a_drill_passes_and_measures(config: DeskConfig) -> None:
    before = JournalReader(config.folder).next_sequence
    go_on(config, config.folder, 500)
    report = drill(store(config), files_of(config))
    assert report.problems == []
    after = JournalReader(config.folder)
    assert report.records == report.replayed == before
    assert report.rpo_records == after.next_sequence - before > 0
    assert report.rpo_s == pytest.approx(20.0, abs=0.2), "200 events, a tenth of a second apart"
    assert report.rto_s == report.restore_s + report.recover_s > 0
    assert report.digest == replay(config.folder, until=before).digest.hex()
    assert report.compared == "the desk's own seal"
    assert report.lines()[0].endswith("the drill passed")
    assert report.as_dict()["passed"] is True


def test_nothing_is_left_of_a_drill(config: DeskConfig, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    drill(store(config), files_of(config), scratch=tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_without_the_desk_the_manifest_is_compared_and_nothing_is_made_up(config: DeskConfig) -> None:
    report = drill(store(config), None)
    assert (report.problems, report.compared) == ([], "the backup's manifest")
    assert (report.rpo_records, report.rpo_s) == (None, None)
    assert any("RPO  unknown" in line for line in report.lines())


def test_another_journal_in_its_place_is_told(config: DeskConfig) -> None:
    forge(files_of(config), lambda books: books[0][0][0].reverse())
    report = drill(store(config), files_of(config))
    assert any("it is another one" in problem for problem in report.problems)
    shutil.rmtree(files_of(config).journal)
    report = drill(store(config), files_of(config))
    assert any("cannot be compared" in problem for problem in report.problems)


def test_a_journal_that_was_cut_off_is_told(config: DeskConfig) -> None:
    last = sorted(files_of(config).journal.glob("*.qdj"))[-1]
    last.unlink()
    report = drill(store(config), files_of(config))
    assert report.exit_code == 1
    assert any("cannot be compared" in problem for problem in report.problems)


def test_a_snapshot_that_is_not_the_state_fails_the_drill(tmp_path: Path) -> None:
    config = desk(tmp_path, events=300)
    snapshots(config.folder, 600)
    (path,) = files_of(config).snapshots.glob("*.qds")
    shot = read_snapshot(path)
    body = bytes((shot.body[0] ^ 1, *shot.body[1:]))
    write_snapshot(files_of(config).snapshots, Snapshot(shot.desk, shot.sequence, shot.time_ns, shot.chain, body))
    back_up(config)
    report = drill(store(config), files_of(config))
    assert report.exit_code == 1
    assert "the drill FAILED" in report.lines()[0]


def test_a_drill_of_what_is_encrypted_needs_an_identity(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "safe")
    config = desk(tmp_path / "desk", keys.settings, events=100)
    back_up(config)
    shut = drill(store(config), files_of(config))
    assert any("--identity" in problem for problem in shut.problems)
    assert drill(store(config), files_of(config), [keys.identity]).problems == []


def test_where_no_backup_is_no_drill_is(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no backup is here"):
        drill(Store(tmp_path), DeskFiles(tmp_path))
