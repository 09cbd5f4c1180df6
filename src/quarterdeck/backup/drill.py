"""`backup drill`: proves that a backup is a desk. Restores it, recovers it, replays it, and measures what that took.

RPO is what would be lost: from the backup's end to the end of the journal that still runs. RTO is what it would take
until the desk stands again: restore, and recovery from the newest snapshot as a desk's start does it. The replay of
the whole journal, with every recorded digest checked, comes after that and is measured apart.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quarterdeck.audit.files import DeskFiles
from quarterdeck.backup.manifest import Manifest
from quarterdeck.backup.restoring import restore
from quarterdeck.backup.store import Store
from quarterdeck.config.secrets import Identity
from quarterdeck.errors import JournalError, QuarterdeckError
from quarterdeck.journal import JournalReader, Seal, digest_word, newest_valid
from quarterdeck.kernel.vocabulary import EventKind

__all__ = ["DrillReport", "drill"]

_SECOND_NS: Final = 1_000_000_000


@dataclass
class DrillReport:
    """What a drill found. Times are in seconds; `rpo_s` is desk time. None: there was nothing to measure it by."""

    name: str
    records: int = 0
    bytes: int = 0
    restore_s: float = 0.0
    recover_s: float = 0.0
    replay_s: float = 0.0
    replayed: int = 0
    seals_checked: int = 0
    digest: str = ""
    compared: str = "nothing"
    rpo_records: int | None = None
    rpo_s: float | None = None
    problems: list[str] = field(default_factory=list[str])

    @property
    def rto_s(self) -> float:
        """Restore and recovery: until the desk could begin its session."""
        return self.restore_s + self.recover_s

    @property
    def exit_code(self) -> int:
        return 1 if self.problems else 0

    def as_dict(self) -> dict[str, object]:
        """Returns what `backup drill --json` prints."""
        return {
            "passed": not self.problems,
            "problems": self.problems,
            "name": self.name,
            "records": self.records,
            "bytes": self.bytes,
            "rto_s": round(self.rto_s, 3),
            "restore_s": round(self.restore_s, 3),
            "recover_s": round(self.recover_s, 3),
            "replay_s": round(self.replay_s, 3),
            "replayed": self.replayed,
            "seals_checked": self.seals_checked,
            "digest": self.digest,
            "compared": self.compared,
            "rpo_records": self.rpo_records,
            "rpo_s": None if self.rpo_s is None else round(self.rpo_s, 3),
        }

    def lines(self) -> list[str]:
        """Returns the same for people, the verdict first."""
        rpo = "unknown: the journal that the backup is of is not here"
        if self.rpo_records is not None:
            rpo = f"{self.rpo_s:.3f} s of desk time, {self.rpo_records} records"
        replayed = f"{self.replayed} of {self.records} records in {self.replay_s:.3f} s"
        return [
            f"backup {self.name}: {'the drill FAILED' if self.problems else 'the drill passed'}",
            *(f"problem: {problem}" for problem in self.problems),
            f"RPO  {rpo}",
            f"RTO  {self.rto_s:.3f} s: restore {self.restore_s:.3f} s, recovery {self.recover_s:.3f} s",
            f"replay  {replayed}, {self.seals_checked} digests checked",
            f"digest  {self.digest or 'none'}, compared with {self.compared}",
        ]


def drill(
    store: Store,
    live: DeskFiles | None,
    identities: Sequence[Identity] = (),
    *,
    name: str | None = None,
    scratch: Path | None = None,
) -> DrillReport:
    """Restores a backup, by default the newest, into a scratch folder, which is removed after, and replays it.

    `live` is the desk that it is a backup of. BackupError: there is no backup; everything else is a problem told.
    """
    manifest = store.manifest(name)
    report = DrillReport(manifest.name, records=manifest.sequence - manifest.first_sequence, bytes=manifest.bytes)
    with tempfile.TemporaryDirectory(prefix="quarterdeck-drill-", dir=scratch) as folder:
        try:
            restored = restore(store, Path(folder) / manifest.desk, identities, name=manifest.name)
            report.restore_s = restored.seconds
            _replay(DeskFiles(restored.target), manifest, report)
        except QuarterdeckError as problem:
            report.problems.append(str(problem))
    if live is not None:
        _compare(live, manifest, report)
    return report


def _replay(files: DeskFiles, manifest: Manifest, report: DrillReport) -> None:
    from quarterdeck.runtime.replay import Replayer, oldest_snapshot  # noqa: PLC0415 - the kernel, which others spare

    began = time.perf_counter()
    shot, _ = newest_valid(files.snapshots)
    recovered = Replayer(JournalReader(files.journal), shot)
    recovered.advance()
    report.recover_s = time.perf_counter() - began
    began = time.perf_counter()
    reader = JournalReader(files.journal)
    begin = None if reader.first_sequence == 0 else oldest_snapshot(files.snapshots, reader)
    replayer = Replayer(reader, begin)
    replayer.advance()
    report.replay_s = time.perf_counter() - began
    report.replayed = replayer.sequence - (reader.first_sequence if begin is None else begin.sequence)
    report.seals_checked = replayer.seals_checked
    report.digest = replayer.digest.hex()
    if recovered.digest != replayer.digest:
        report.problems.append("the state recovered from the newest snapshot is not the state replayed from the start")
    if replayer.sequence != manifest.sequence:
        report.problems.append(f"the replay ended at record {replayer.sequence}, the backup at {manifest.sequence}")
    if manifest.digest:
        report.compared = "the backup's manifest"
        found = f"{digest_word(replayer.digest):016x}"
        if found != manifest.digest:
            report.problems.append(f"the replayed state has the digest {found}, the manifest says {manifest.digest}")


def _compare(live: DeskFiles, manifest: Manifest, report: DrillReport) -> None:
    """Holds the backup against the journal that it is of, and measures how far that has gone on."""
    try:
        reader = JournalReader(live.journal)
        record = reader.record(manifest.sequence - 1)
    except JournalError as problem:
        report.problems.append(f"the desk's own journal cannot be compared: {problem}")
        return
    if int(record["kind"][0]) != EventKind.SEAL:
        report.problems.append(
            f"record {manifest.sequence - 1} of the desk's own journal is no seal: it is another one"
        )
        return
    seal = Seal.parse(record.tobytes(), manifest.sequence - 1)
    if seal.chain.hex() != manifest.chain:
        report.problems.append(f"the desk's own journal has another hash at record {seal.sequence}: it is another one")
        return
    if seal.state_digest and report.digest:
        report.compared = "the desk's own seal"
        if digest_word(bytes.fromhex(report.digest)) != seal.state_digest:
            report.problems.append(f"the desk's own seal {seal.sequence} says the digest {seal.state_digest:016x}")
    report.rpo_records = reader.next_sequence - manifest.sequence
    report.rpo_s = max(0, _last_time(reader) - seal.time_ns) / _SECOND_NS


def _last_time(reader: JournalReader) -> int:
    """Returns the time of the newest record that has one."""
    for segment in reversed(reader.segments):
        timed = segment.records["time_ns"][segment.records["kind"] != EventKind.CONTINUATION]
        if len(timed):
            return int(timed[-1])
    return 0
