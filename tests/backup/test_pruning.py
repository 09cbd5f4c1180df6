"""What is tested: `quarterdeck.backup.pruning`."""

import errno
import os
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.audit import DeskFiles, audit
from quarterdeck.audit.files import DeskFiles as Files
from quarterdeck.backup import drill, prune, restore
from quarterdeck.backup.pruning import youngest_ns
from quarterdeck.config import DeskConfig
from quarterdeck.errors import AuditError, BackupError, ReplayError
from quarterdeck.journal import JournalReader, Snapshot, read_snapshot, write_snapshot
from quarterdeck.journal.disk import OperatingSystemDisk
from quarterdeck.runtime.replay import Replayer, oldest_snapshot, replay, replay_desk
from tests.backup.builders import DAY_NS, back_up, desk, files_of, policy, snapshots, store
from tests.runtime.recording import START_NS

LATE_NS = START_NS + 4_000 * DAY_NS


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> DeskConfig:
    """A desk of many segments, all of them old by LATE_NS, with snapshots at two places."""
    config = desk(tmp_path_factory.mktemp("old"), events=1_500)
    assert len(snapshots(config.folder, 2_000, 2_600)) == 2
    return config


def copied(config: DeskConfig, target: Path) -> Files:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(config.folder, target)
    return DeskFiles(target)


def names(files: Files) -> list[str]:
    return sorted(path.name for path in files.journal.glob("*.qdj"))


def test_old_segments_go_with_a_record_and_the_state_is_still_there(old: DeskConfig, tmp_path: Path) -> None:
    files = copied(old, tmp_path / "desk")
    before, digest = names(files), replay(files.root).digest
    report = prune(files, policy(), LATE_NS)
    assert list(report.segments) == before[: len(report.segments)]
    assert len(report.segments) >= 3
    assert names(files) == before[len(report.segments) :]
    assert "the snapshot at record" in report.kept_because
    found = audit(files)
    assert found.problems == []
    assert [record.next_sequence for record in found.prunes] == [report.next_sequence]
    assert found.prunes[0].journal_keep_days == policy().journal_keep_days
    reader = JournalReader(files.journal)
    replayer = Replayer(reader, oldest_snapshot(files.snapshots, reader))
    replayer.advance()
    assert replayer.digest == digest
    assert replay_desk(files.root).result.digest == digest
    again = prune(files, policy(), LATE_NS)
    assert again.segments == ()
    assert len(audit(files).prunes) == 1


def test_pruning_goes_on_where_it_ended(old: DeskConfig, tmp_path: Path) -> None:
    files = copied(old, tmp_path / "desk")
    first = prune(files, policy(), LATE_NS)
    oldest = sorted(files.snapshots.glob("*.qds"))[0]
    oldest.unlink()
    second = prune(files, policy(), LATE_NS)
    assert second.first_sequence == first.next_sequence < second.next_sequence
    found = audit(files)
    assert found.problems == []
    assert [record.number for record in found.prunes] == [1, 2]


def test_a_dry_run_only_tells(old: DeskConfig, tmp_path: Path) -> None:
    files = copied(old, tmp_path / "desk")
    before = names(files)
    report = prune(files, policy(), LATE_NS, dry=True)
    assert report.segments
    assert names(files) == before
    assert not files.prunes.exists()
    assert "would be removed" in report.lines()[0]
    assert report.as_dict()["dry_run"] is True
    assert prune(files, policy(), LATE_NS).segments == report.segments


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.integers(1, 30), now_days=st.floats(-5, 40), write=st.booleans())
def test_nothing_younger_than_the_policy_goes_whatever_the_age(
    days: int, now_days: float, write: bool, old: DeskConfig, tmp_path: Path
) -> None:
    files = copied(old, tmp_path / "desk")
    now = START_NS + int(now_days * DAY_NS)
    segments = JournalReader(files.journal).segments
    young = {
        segment.path.name for segment, after in pairwise(segments) if now - youngest_ns(segment, after) <= days * DAY_NS
    } | {segments[-1].path.name}
    report = prune(files, policy(journal_keep_days=days), now, dry=not write)
    assert not young & set(report.segments)
    assert set(report.segments) | set(names(files)) == {segment.path.name for segment in segments}
    assert audit(files).problems == []


def test_the_wall_clock_of_the_next_segment_counts_too(old: DeskConfig) -> None:
    """Old data that was replayed today is of today."""
    segments = JournalReader(files_of(old).journal).segments
    for segment, after in pairwise(segments):
        assert youngest_ns(segment, after) >= after.header.created_ns
        assert youngest_ns(segment, after) >= int(segment.records["time_ns"][-1])


def test_without_a_snapshot_nothing_goes(old: DeskConfig, tmp_path: Path) -> None:
    files = copied(old, tmp_path / "desk")
    shutil.rmtree(files.snapshots)
    report = prune(files, policy(), LATE_NS)
    assert report.segments == ()
    assert "no snapshot" in report.kept_because


def test_a_snapshot_of_another_journal_does_not_count(old: DeskConfig, tmp_path: Path) -> None:
    files = copied(old, tmp_path / "desk")
    for path in files.snapshots.glob("*.qds"):
        shot = read_snapshot(path)
        path.unlink()
        write_snapshot(files.snapshots, Snapshot(shot.desk, shot.sequence, shot.time_ns, bytes(32), shot.body))
    assert prune(files, policy(), LATE_NS).segments == ()


def test_a_snapshot_from_which_the_state_cannot_be_rebuilt_stops_pruning(old: DeskConfig, tmp_path: Path) -> None:
    files = copied(old, tmp_path / "desk")
    before = names(files)
    path = sorted(files.snapshots.glob("*.qds"))[0]
    shot = read_snapshot(path)
    wrong = bytearray(shot.body)
    wrong[0] ^= 1
    write_snapshot(files.snapshots, Snapshot(shot.desk, shot.sequence, shot.time_ns, shot.chain, bytes(wrong)))
    with pytest.raises(ReplayError, match="the replayed state has the digest"):
        prune(files, policy(), LATE_NS)
    assert names(files) == before


def test_a_journal_that_is_not_good_is_not_pruned(old: DeskConfig, tmp_path: Path) -> None:
    files = copied(old, tmp_path / "desk")
    before = names(files)
    path = files.journal / before[1]
    raw = bytearray(path.read_bytes())
    raw[5000] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(AuditError, match="nothing is pruned from a journal that is not good"):
        prune(files, policy(), LATE_NS)
    assert names(files) == before


class DyingDisk(OperatingSystemDisk):
    """Lets so many files be removed, and fails then."""

    def __init__(self, removals: int) -> None:
        self.removals = removals

    def remove(self, path: Path) -> None:
        if self.removals == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.removals -= 1
        super().remove(path)


@pytest.mark.parametrize("removals", [0, 1, 2])
def test_a_pruning_that_was_cut_short_is_finished_by_the_next(removals: int, old: DeskConfig, tmp_path: Path) -> None:
    files = copied(old, tmp_path / "desk")
    whole = prune(files, policy(), LATE_NS, dry=True).segments
    with pytest.raises(OSError, match="Input/output"):
        prune(files, policy(), LATE_NS, disk=DyingDisk(removals))
    assert set(names(files)) & set(whole) == set(whole[removals:])
    assert audit(files).problems == [], "the record was there before the first segment went"
    assert prune(files, policy(), LATE_NS).segments == ()
    assert not set(names(files)) & set(whole)
    found = audit(files)
    assert (found.problems, len(found.prunes)) == ([], 1)


def test_one_process_at_a_time(old: DeskConfig, tmp_path: Path) -> None:
    files = copied(old, tmp_path / "desk")
    disk: Any = OperatingSystemDisk()
    lock = disk.lock(files.data / "prune.lock")
    with pytest.raises(BackupError, match="another process prunes"):
        prune(files, policy(), LATE_NS)
    disk.unlock(lock)


def test_a_pruned_desk_is_backed_up_restored_and_drilled(old: DeskConfig, tmp_path: Path) -> None:
    from quarterdeck.config import load_desk

    files = copied(old, tmp_path / "desk")
    pruned = prune(files, policy(), LATE_NS)
    config = load_desk(files.root)
    manifest = back_up(config).manifest
    assert manifest.first_sequence == pruned.next_sequence
    report = drill(store(config), files)
    assert report.problems == []
    assert 0 < report.replayed < report.records
    restored = restore(store(config), tmp_path / "restored")
    assert audit(DeskFiles(restored.target)).problems == []
