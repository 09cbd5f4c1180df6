"""What is tested: `quarterdeck.backup.taking` with `quarterdeck.backup.picture`, `quarterdeck.backup.store` and
`quarterdeck.backup.wording`."""

import contextlib
import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.backup import Store, drill, restore
from quarterdeck.backup.manifest import Manifest
from quarterdeck.backup.picture import take_picture
from quarterdeck.backup.taking import take_backup
from quarterdeck.config import DeskConfig
from quarterdeck.errors import BackupError, ConfigError, JournalCorrupt
from quarterdeck.journal import JournalReader, JournalWriter, digest_word
from quarterdeck.kernel.market import new_market
from quarterdeck.runtime.engine import SimulatedEngine
from quarterdeck.runtime.host import host_strategies
from quarterdeck.runtime.opening import opening_events
from tests.backup.builders import (
    DAY_NS,
    NOW_NS,
    PLAIN,
    Keys,
    back_up,
    by_path,
    desk,
    files_of,
    go_on,
    objects,
    snapshots,
    store,
    with_backup,
)
from tests.journal.builders import SMALL, MemoryDisk, quotes
from tests.runtime.recording import BOTH, OPTIONS, START_NS, market_data, write_desk


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> DeskConfig:
    folder = tmp_path_factory.mktemp("plain")
    config = desk(folder)
    snapshots(folder, 600, 1200)
    return config


def test_a_backup_holds_the_journal_to_its_last_seal_and_what_the_desk_needs(plain: DeskConfig, tmp_path: Path) -> None:
    report = back_up(plain, to=tmp_path)
    manifest = report.manifest
    reader = JournalReader(plain.folder)
    assert manifest.sequence == reader.next_sequence
    assert manifest.digest
    names = {file.path for file in manifest.files}
    assert {"desk.toml", "config/extra.json", "data/epoch", "data/keys/audit.pub"} < names
    assert len([name for name in names if name.startswith("data/journal/")]) == len(reader.segments)
    assert len([name for name in names if name.startswith("data/snapshots/")]) == 2
    assert "data/keys/audit.key" not in names
    assert report.as_dict()["sequence"] == manifest.sequence
    lines = dict(line.split(maxsplit=1) for line in report.lines())
    assert lines["directory"] == str(tmp_path / "harbour")
    assert "removed" not in lines, "what says nothing is left out"


def test_a_finished_segment_is_stored_once(tmp_path: Path) -> None:
    config = desk(tmp_path, events=300)
    first = back_up(config).manifest
    go_on(config, tmp_path, 900)
    report = back_up(config, NOW_NS + DAY_NS)
    second = report.manifest
    finished = [file for file in first.files if file.chain]
    assert len(finished) >= 2
    assert report.reused >= len(finished)
    assert {file.object for file in finished} <= {file.object for file in second.files}
    assert second.sequence > first.sequence
    for manifest in (first, second):
        restored = restore(store(config), tmp_path / manifest.name, name=manifest.name)
        assert JournalReader(restored.target).next_sequence == manifest.sequence


def test_without_saying_who_can_open_it_no_backup_is_made(tmp_path: Path) -> None:
    config = desk(tmp_path, "keep_days = 3", events=50)
    with pytest.raises(ConfigError, match=r"backup\.recipients"):
        back_up(config)
    assert not (tmp_path / "backups").exists()


def test_what_is_encrypted_shows_nothing_and_includes_the_key(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "safe")
    config = desk(tmp_path / "desk", keys.settings, events=100)
    report = back_up(config)
    assert "data/keys/audit.key" in by_path(report.manifest)
    for path in objects(store(config)):
        assert path.read_bytes().startswith(b"age-encryption.org")
        assert path.suffix == ".age"
    restored = restore(store(config), tmp_path / "restored", [keys.identity])
    key = restored.target / "data" / "keys" / "audit.key"
    assert key.read_bytes() == files_of(config).signing_key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_new_recipient_can_open_everything(tmp_path: Path) -> None:
    one, two = Keys(tmp_path / "safe", "one"), Keys(tmp_path / "safe", "two")
    config = desk(tmp_path / "desk", one.settings, events=300)
    back_up(config)
    (tmp_path / "desk" / "recipients").write_text(f"# both of us\n{one.public}\n{two.public}\n")
    config = write_desk(tmp_path / "desk", with_backup('recipients_file = "recipients"'))
    report = back_up(config, NOW_NS + DAY_NS)
    assert report.reused == 0
    for number, keys in enumerate((one, two)):
        restore(store(config), tmp_path / f"restored{number}", [keys.identity])


def trade_until(folder: Path, config: DeskConfig, enough: threading.Event) -> None:
    """Lets the strategies trade, journaled by the real writer, until told to stop."""
    with JournalWriter(folder / "data" / "journal", "harbour", OPTIONS, clock=lambda: START_NS) as writer:

        def sink(tape: Any) -> None:
            for first in range(0, len(tape), 32):
                writer.append(tape[first : first + 32])
            writer.seal(digest_word(engine.digest))

        engine = SimulatedEngine(new_market(), sink)
        engine.feed(opening_events(config, 1, START_NS, fresh=True))
        engine.bind(host_strategies(config, engine.states, BOTH))
        events = market_data(100_000)
        for first in range(0, len(events), 50):
            engine.feed(events[first : first + 50])
            if enough.is_set():
                return
        raise AssertionError("nobody took four backups of so long a journal")


def test_backups_of_a_desk_that_is_writing_restore_and_replay_to_its_digests(tmp_path: Path) -> None:
    config = write_desk(tmp_path, with_backup(PLAIN))
    journal = tmp_path / "data" / "journal"
    enough = threading.Event()
    thread = threading.Thread(target=trade_until, args=(tmp_path, config, enough))
    thread.start()
    taken: list[int] = []
    compared = 0
    manifest: Manifest | None = None
    try:
        while compared < 4:
            assert thread.is_alive()
            if not list(journal.glob("*.qdj")):
                continue
            with contextlib.suppress(BackupError):  # nothing is sealed yet
                manifest = back_up(config, NOW_NS + len(taken)).manifest
            if manifest is None or manifest.sequence in taken:
                continue
            taken.append(manifest.sequence)
            report = drill(store(config), files_of(config), name=manifest.name)
            assert report.problems == []
            compared += report.compared == "the desk's own seal"  # the writer's own seals, of full segments, say none
            assert report.replayed == manifest.sequence
    finally:
        enough.set()
        thread.join()
    assert taken == sorted(taken)


def test_no_lock_of_the_journal_is_taken_and_the_open_block_is_left_out(tmp_path: Path) -> None:
    config = write_desk(tmp_path, with_backup(PLAIN))
    with JournalWriter(tmp_path / "data" / "journal", "harbour", OPTIONS) as writer:
        writer.append(quotes(10))
        end = writer.seal(77)
        writer.append(quotes(5, 10))
        writer.flush()
        manifest = back_up(config).manifest
        assert (manifest.sequence, manifest.digest) == (end, f"{77:016x}")
        assert [file.bytes for file in manifest.files if file.path.endswith(".qdj")] == [4096 + 64 * end]


def test_the_last_seal_with_a_digest_is_the_end(tmp_path: Path) -> None:
    config = write_desk(tmp_path, with_backup(PLAIN))
    with JournalWriter(tmp_path / "data" / "journal", "harbour", SMALL) as writer:
        writer.append(quotes(10))
        end = writer.seal(77)
        for number in range(20):
            writer.append(quotes(10, 10 + number * 10))
        assert back_up(config).manifest.sequence == end
    with JournalWriter(tmp_path / "data" / "journal", "harbour", SMALL) as writer:
        assert take_picture(files_of(config), tmp_path, (), keys=False).end.sequence == end - 1
        assert writer.next_sequence > end


def test_snapshots_and_anchors_beyond_the_end_stay_out(plain: DeskConfig, tmp_path: Path) -> None:
    snapshot = plain.folder / "data" / "snapshots" / "999999999999.qds"
    anchor = plain.folder / "data" / "anchors" / "anchor-999999999999.json"
    anchor.parent.mkdir(exist_ok=True)
    for path in (snapshot, anchor):
        path.write_text("of a time to come")
    try:
        assert not any("999999999999" in path for path in by_path(back_up(plain, to=tmp_path).manifest))
    finally:
        snapshot.unlink()
        anchor.unlink()


def test_a_journal_that_is_not_what_was_sealed_is_not_backed_up(tmp_path: Path) -> None:
    config = desk(tmp_path, events=300)
    path = sorted((tmp_path / "data" / "journal").glob("*.qdj"))[1]
    raw = bytearray(path.read_bytes())
    raw[5000] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(JournalCorrupt, match=path.name):
        back_up(config)
    assert store(config).names() == []
    assert objects(store(config)) == []


def stored(disk: MemoryDisk) -> set[Path]:
    return {path for path in disk.files if path.name != "lock"}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(room=st.integers(0, 60_000), short=st.none() | st.integers(1, 500))
def test_a_disk_that_is_full_leaves_no_half_backup(
    room: int, short: int | None, plain: DeskConfig, tmp_path: Path
) -> None:
    disk = MemoryDisk()
    take_backup(plain, plain.folder, NOW_NS, to=tmp_path, disk=disk, reserve_bytes=0)
    before = stored(disk)
    needed = sum(map(len, disk.files.values()))
    disk.room, disk.short = room, short
    failed: BackupError | None = None
    try:
        take_backup(plain, plain.folder, NOW_NS + DAY_NS, to=tmp_path, disk=disk, reserve_bytes=0)
    except BackupError as error:
        failed = error
    assert not any(path.name.endswith(".unfinished") for path in disk.files)
    if failed is None:
        assert len(stored(disk)) > len(before)
        return
    assert "No space left on device" in str(failed)
    assert stored(disk) == before
    assert room < needed


def test_a_backup_leaves_the_journal_its_reserve(plain: DeskConfig, tmp_path: Path) -> None:
    reserve = plain.journal.disk_reserve_mib << 20
    disk = MemoryDisk(reserve + 1_000)
    with pytest.raises(BackupError, match="256 MiB are free, and the journal keeps 256 MiB in reserve"):
        take_backup(plain, plain.folder, NOW_NS, to=tmp_path, disk=disk)
    assert stored(disk) == set()
    assert take_backup(plain, plain.folder, NOW_NS, to=tmp_path, disk=MemoryDisk(reserve * 2)).stored > 2


@pytest.mark.parametrize("failing", ["sync_error", "write_error"])
def test_a_disk_that_fails_leaves_no_half_backup(failing: str, plain: DeskConfig, tmp_path: Path) -> None:
    disk = MemoryDisk()
    setattr(disk, failing, OSError(errno.EIO, os.strerror(errno.EIO)))
    with pytest.raises(BackupError, match="Input/output error; nothing was left half done"):
        take_backup(plain, plain.folder, NOW_NS, to=tmp_path, disk=disk, reserve_bytes=0)
    assert stored(disk) == set()


def test_what_a_process_that_died_left_is_cleared_away(tmp_path: Path) -> None:
    config = desk(tmp_path, events=100)
    back_up(config)
    found = store(config)
    (found.root / "objects" / "object.unfinished").write_bytes(b"half")
    (found.root / "objects" / ("ab" * 32 + ".zst")).write_bytes(b"of no backup")
    before = len(objects(found))
    back_up(config, NOW_NS + 1_000_000_000)
    assert len(objects(found)) < before


def test_one_process_at_a_time(plain: DeskConfig, tmp_path: Path) -> None:
    back_up(plain, to=tmp_path)
    with Store(tmp_path / "harbour").locked(), pytest.raises(BackupError, match="another process is at these backups"):
        back_up(plain, to=tmp_path)


def test_old_backups_go_with_what_only_they_needed(tmp_path: Path) -> None:
    config = desk(tmp_path, f"{PLAIN}\nkeep_days = 1\nkeep_daily = 2\nkeep_weekly = 1", events=100)
    names = [back_up(config, NOW_NS + day * DAY_NS).manifest.name for day in range(5)]
    found = store(config)
    assert found.names() == names[-2:]
    needed = {file.object for name in found.names() for file in found.manifest(name).files}
    assert {path.name for path in objects(found)} == needed


def test_a_lost_object_is_stored_anew(tmp_path: Path) -> None:
    config = desk(tmp_path, events=300)
    first = back_up(config).manifest
    lost = next(file for file in first.files if file.chain)
    (store(config).root / "objects" / lost.object).unlink()
    back_up(config, NOW_NS + DAY_NS)
    restore(store(config), tmp_path / "restored")
