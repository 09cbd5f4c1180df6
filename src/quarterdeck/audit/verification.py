"""`audit verify`: is this journal whole, is it the one that the anchors saw, and was only pruned what policy pruned.

The hash chain alone tells whether a journal agrees with itself. Whoever can write all its files can make another one
that does, so what counts is what lies elsewhere: anchors with a third party, checked with the public key kept there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quarterdeck.audit.anchors import Anchor, anchor_paths, read_anchor
from quarterdeck.audit.files import DeskFiles
from quarterdeck.audit.keys import trusted_keys
from quarterdeck.audit.prunes import PruneRecord, beginnings, read_prunes
from quarterdeck.errors import AuditError, JournalCorrupt, JournalError
from quarterdeck.journal import OS_DISK, Disk, VerifyReport, read_snapshot, verify
from quarterdeck.journal.segment import Segment, find_journal, load_segment

__all__ = ["AuditReport", "audit"]

_SNAPSHOT_GLOB: Final = "*.qds"


@dataclass
class AuditReport:
    """What an audit found. `problems` is empty for a journal that can be believed; each names what and where.

    `keys` are the public keys that signatures were checked with; `given` whether a person gave them, or they lay
    beside the journal, where whoever changed it could have put them.
    """

    journal: VerifyReport
    keys: tuple[str, ...] = ()
    given: bool = False
    anchors: list[Anchor] = field(default_factory=list[Anchor])
    snapshots: int = 0
    prunes: list[PruneRecord] = field(default_factory=list[PruneRecord])
    problems: list[str] = field(default_factory=list[str])

    @property
    def exit_code(self) -> int:
        return 1 if self.problems else 0

    def as_dict(self) -> dict[str, object]:
        """Returns what `audit verify --json` prints."""
        found = self.journal
        return {
            "good": not self.problems,
            "problems": self.problems,
            "first_sequence": found.first_sequence,
            "next_sequence": found.next_sequence,
            "segments": found.segments,
            "records": found.records,
            "seals": found.seals,
            "unsealed": found.unsealed,
            "chain": found.chain.hex(),
            "torn": None if found.torn is None else f"record {found.torn.sequence}: {found.torn.cause}",
            "anchors": [
                {"file": one.name, "sequence": one.sequence, "chain": one.chain.hex(), "time": one.time}
                for one in self.anchors
            ],
            "snapshots": self.snapshots,
            "pruned": self.prunes[-1].next_sequence if self.prunes else 0,
            "prune_records": len(self.prunes),
            "public_keys": list(self.keys),
            "public_keys_given": self.given,
        }

    def lines(self) -> list[str]:
        """Returns the same for people, the verdict first."""
        verdict = "CORRUPT" if self.problems else "good"
        pruned = ""
        if self.prunes:
            pruned = f", {len(self.prunes)} records of pruning up to record {self.prunes[-1].next_sequence}"
        whose = "given" if self.given else "the desk's own: give the one you keep with --public-key"
        return [
            f"{self.journal.path}: {verdict}",
            *(f"problem: {problem}" for problem in self.problems),
            *self.journal.lines()[1:],
            f"held against: {len(self.anchors)} anchors, {self.snapshots} snapshots{pruned}",
            f"public key: {', '.join(self.keys) or 'none'} ({whose})",
        ]


def audit(
    files: DeskFiles, anchors: Sequence[Path] = (), public_keys: Sequence[str] = (), *, disk: Disk = OS_DISK
) -> AuditReport:
    """Verifies a desk's journal against anchors (those given, and those in data/anchors), snapshots and prune records.

    `public_keys` are the keys that may have signed, or files with them; without any the desk's own is taken.
    JournalError: no journal is there. AuditError: a public key given is none.
    """
    keys = trusted_keys(files, public_keys)
    report = AuditReport(VerifyReport(files.journal), tuple(keys), bool(public_keys))
    first = _first_segment(files, report, disk)
    if first is None:
        return report
    desk = first.header.desk
    _read_prunes(report, files, desk, disk)
    known = _beginning(report, first)
    for path in (*anchors, *(found for found in anchor_paths(files) if found not in anchors)):
        _take_anchor(report, path, desk, first, known)
    sources = {anchor.sequence: f"anchor {anchor.name}" for anchor in report.anchors}
    _take_snapshots(report, files, desk, first, known, sources)
    start = known.pop(first.first_sequence, first.header.previous_chain)
    if start != first.header.previous_chain:
        report.problems.append(
            f"{first.path.name}: it begins with another hash than the one known for record {first.first_sequence}"
        )
    report.journal = verify(files.journal, first_sequence=first.first_sequence, anchors=known, disk=disk)
    if report.journal.problem is not None:
        report.problems.append(_told(report.journal.problem, report, known, sources))
    return report


def _first_segment(files: DeskFiles, report: AuditReport, disk: Disk) -> Segment | None:
    """Returns the first segment; None, with the problem said, when its header cannot be believed."""
    paths = find_journal(disk, files.journal)
    try:
        return load_segment(disk, paths[0], shared=len(paths) > 1)
    except JournalCorrupt as problem:
        report.problems.append(str(problem))
        return None


def _read_prunes(report: AuditReport, files: DeskFiles, desk: str, disk: Disk) -> None:
    try:
        report.prunes = read_prunes(files, desk, report.keys, disk=disk)
    except AuditError as problem:
        report.problems.append(str(problem))


def _beginning(report: AuditReport, first: Segment) -> dict[int, bytes]:
    """Returns the chain's value where the journal begins, as pruning or its very beginning give it."""
    allowed = beginnings(report.prunes)
    begin = first.first_sequence
    if begin in allowed:
        return {begin: allowed[begin]}
    missing = f"records {max((at for at in allowed if at < begin), default=0)}..{begin - 1} before it are missing"
    report.problems.append(f"{first.path.name}: {missing}, and no signed record of pruning says why")
    return {}


def _take_anchor(report: AuditReport, path: Path, desk: str, first: Segment, known: dict[int, bytes]) -> None:
    try:
        anchor = read_anchor(path, report.keys)
    except AuditError as problem:
        report.problems.append(str(problem))
        return
    if anchor.desk != desk:
        report.problems.append(f"anchor {path}: it is of desk {anchor.desk}, the journal of {desk}")
        return
    report.anchors.append(anchor)
    if anchor.sequence < first.first_sequence:
        # What it saw is gone. The record of pruning was signed once the journal had been held against it.
        return
    if known.setdefault(anchor.sequence, anchor.chain) != anchor.chain:
        report.problems.append(f"anchor {path}: it contradicts another one for record {anchor.sequence}")


def _take_snapshots(
    report: AuditReport,
    files: DeskFiles,
    desk: str,
    first: Segment,
    known: dict[int, bytes],
    sources: dict[int, str],
) -> None:
    """Adds the hashes that snapshots carry. One that cannot be read, or is of another layout, says nothing."""
    for path in sorted(files.snapshots.glob(_SNAPSHOT_GLOB)):
        try:
            shot = read_snapshot(path)
        except JournalError:
            continue
        if shot.desk != desk or shot.sequence < first.first_sequence:
            continue
        report.snapshots += 1
        sources.setdefault(shot.sequence, f"snapshot {path.name}")
        if known.setdefault(shot.sequence, shot.chain) != shot.chain:
            report.problems.append(
                f"snapshot {path.name}: it contradicts {sources[shot.sequence]} for record {shot.sequence}"
            )


def _told(problem: JournalCorrupt, report: AuditReport, known: dict[int, bytes], sources: dict[int, str]) -> str:
    """Returns a problem in words, with what is known elsewhere about where it lies."""
    contradicted = next((at for at in (problem.sequence, problem.sequence + 1) if at in known), None)
    if contradicted is None:
        return str(problem)
    good = max((at for at in known if at < contradicted), default=report.journal.first_sequence)
    source = sources.get(contradicted, f"what is known of record {contradicted}")
    return f"{problem} ({source}): what was done to it lies in records {good}..{contradicted - 1}"
