"""What the tests of backups are built from: a desk that traded, who may open its backups, and its journal's seals."""

import shutil
from pathlib import Path
from typing import Any

import pyrage

from quarterdeck.audit import DeskFiles
from quarterdeck.backup.manifest import Manifest
from quarterdeck.backup.store import Store, store_of
from quarterdeck.backup.taking import BackupReport, take_backup
from quarterdeck.config import DeskConfig
from quarterdeck.config.backup import Backup
from quarterdeck.journal import JournalReader, Snapshot, write_snapshot
from quarterdeck.runtime.replay import Replayer
from tests.runtime.recording import BOTH, DESK, market_data, record, write_desk

NOW_NS = 1_800_000_000_000_000_000
DAY_NS = 86_400_000_000_000
PLAIN = "unencrypted = true"


class Keys:
    """An identity of age, written for its owner alone, and its public half."""

    def __init__(self, folder: Path, name: str = "identity") -> None:
        self.identity: Any = pyrage.x25519.Identity.generate()
        self.public = str(self.identity.to_public())
        self.file = folder / name
        folder.mkdir(parents=True, exist_ok=True)
        self.file.write_text(f"{self.identity}\n")
        self.file.chmod(0o600)

    @property
    def settings(self) -> str:
        return f'recipients = ["{self.public}"]'


def with_backup(text: str) -> str:
    return f"{DESK}\n[backup]\n{text}\n"


def desk(folder: Path, settings: str = PLAIN, events: int = 400) -> DeskConfig:
    """A desk whose strategies traded on so many events; its journal has segments of 512 records."""
    config = write_desk(folder, with_backup(settings))
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "extra.json").write_text('{"a": 1}')
    record(folder, config, BOTH, market_data(events))
    (folder / "data" / "epoch").write_text("1\n")
    return config


def go_on(config: DeskConfig, folder: Path, events: int) -> None:
    """Trades on, as far as the events of a desk with so many in all reach beyond what its journal holds.

    The same events give the same journal, so a longer one is the shorter one with more behind it.
    """
    shutil.rmtree(folder / "data" / "journal")
    record(folder, config, BOTH, market_data(events))


def snapshots(folder: Path, *at: int) -> list[int]:
    """Writes the states at the seals nearest below these records, and returns where they stand."""
    reader = JournalReader(folder / "data" / "journal")
    written: list[int] = []
    replayer = Replayer(reader)
    for block in reader.blocks():
        if block.seal is None or not any(block.first_sequence <= place < block.next_sequence for place in at):
            continue
        replayer.advance(block.next_sequence)
        body = replayer.states.tobytes()  # type: ignore[attr-defined] # a numpy array, whatever its protocol says
        shot = Snapshot(reader.desk, block.next_sequence, block.seal.time_ns, block.seal.chain, body)
        write_snapshot(folder / "data" / "snapshots", shot)
        written.append(block.next_sequence)
    return written


def back_up(config: DeskConfig, now_ns: int = NOW_NS, **more: Any) -> BackupReport:
    return take_backup(config, config.folder, now_ns, **more)


def store(config: DeskConfig) -> Store:
    return store_of(config.backup, config.folder, config.desk.name)


def files_of(config: DeskConfig) -> DeskFiles:
    return DeskFiles(config.folder)


def objects(found: Store) -> list[Path]:
    return sorted(path for path in (found.root / "objects").iterdir())


def by_path(manifest: Manifest) -> dict[str, str]:
    """Each file's object."""
    return {file.path: file.object for file in manifest.files}


def policy(**more: Any) -> Backup:
    return Backup(unencrypted=True, **more)
