"""`journal verify`: walks every segment and names the first thing that is not what was written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quarterdeck.errors import JournalCorrupt
from quarterdeck.journal.blocks import (
    TornTail,
    chain_end,
    check_block,
    check_link,
    check_name,
    first_problem,
    sealed_blocks,
    tail_of,
)
from quarterdeck.journal.disk import OS_DISK, Disk
from quarterdeck.journal.segment import SUFFIX, Segment, find_journal, load_segment

__all__ = ["VerifyReport", "verify"]


@dataclass
class VerifyReport:
    """What a walk through a journal found.

    Counts reach up to the first problem. `unsealed` records have no seal yet: each passes its own check, no hash covers
    them. A torn tail that was never written whole is told, and is no corruption: the next opening cuts it.
    """

    path: Path
    segments: int = 0
    records: int = 0
    seals: int = 0
    digests: int = 0
    unsealed: int = 0
    first_sequence: int = 0
    next_sequence: int = 0
    chain: bytes = b""
    problem: JournalCorrupt | None = None
    torn: TornTail | None = None

    @property
    def exit_code(self) -> int:
        return 0 if self.problem is None else 1

    def lines(self) -> list[str]:
        """Returns the report for people, the verdict first."""
        verdict = f"{self.path}: good" if self.problem is None else f"{self.path}: CORRUPT: {self.problem}"
        held = f"{self.first_sequence}..{self.next_sequence - 1}" if self.records else "none"
        found = [
            verdict,
            f"verified: {self.segments} segments, {self.records} records ({held})",
            f"seals: {self.seals}, {self.digests} with a state digest; {self.unsealed} records wait for a seal",
            f"chain: {self.chain.hex()}",
        ]
        if self.torn is not None:
            torn = self.torn
            found.append(
                f"torn tail: {torn.file}: record {torn.sequence}: {torn.cause}; {torn.bytes} bytes, the next opening"
                f" cuts them ({torn.readable} whole records among them)"
            )
        return found


def verify(
    path: Path, *, first_sequence: int = 0, anchors: Mapping[int, bytes] | None = None, disk: Disk = OS_DISK
) -> VerifyReport:
    """Checks headers, the links between segments, each block's hash and each unsealed record.

    `path` is a journal's directory, a desk or one segment. Earlier segments than the one of `first_sequence` may be
    gone (archived). `anchors` are chain hashes known from elsewhere (snapshots, backups) by the sequence after their
    seal: a journal that was cut off at a seal, or written anew, is only found by these. JournalError: no journal here.
    """
    report = VerifyReport(path)
    paths = find_journal(disk, path)
    known = dict(anchors or {})
    before: Segment | None = None
    try:
        for place in paths:
            segment = load_segment(disk, place, shared=place != paths[-1])
            check_name(segment)
            if before is not None:
                _end_segment(before, segment)
            elif path.suffix != SUFFIX:
                _check_beginning(segment, first_sequence)
            _walk(report, segment, known)
            before = segment
        if before is not None:
            _end_journal(report, before)
        _check_anchors(report, known)
    except JournalCorrupt as problem:
        report.problem = problem
    return report


def _check_beginning(segment: Segment, first_sequence: int) -> None:
    # A segment without a hash of one before it is where its journal began, whatever its number.
    if segment.first_sequence > first_sequence and any(segment.header.previous_chain):
        missing = f"{first_sequence}..{segment.first_sequence - 1}"
        raise JournalCorrupt(segment.path.name, first_sequence, f"records {missing} before it are missing")


def _walk(report: VerifyReport, segment: Segment, anchors: dict[int, bytes]) -> None:
    """Checks the sealed blocks of one segment and counts them."""
    if report.segments == 0:
        report.first_sequence = report.next_sequence = segment.first_sequence
    report.segments += 1
    report.chain = segment.header.previous_chain
    for block in sealed_blocks(segment):
        check_block(segment, block)
        assert block.seal is not None, "a sealed block has a seal"
        report.records += len(block.records) + 1
        report.seals += 1
        report.digests += block.seal.state_digest != 0
        report.next_sequence = block.next_sequence
        report.chain = block.seal.chain
        if anchors.pop(block.next_sequence, block.seal.chain) != block.seal.chain:
            problem = "its seal is not the one known from elsewhere: the journal was written anew"
            raise JournalCorrupt(segment.path.name, block.seal.sequence, problem)


def _end_segment(segment: Segment, after: Segment) -> None:
    """Checks the end of a segment that another one follows: nothing may stand behind its last seal."""
    start = int(segment.seals[-1]) + 1 if len(segment.seals) else 0
    if start < len(segment.records):
        sequence, problem = first_problem(segment, start, len(segment.records))
        if sequence == segment.first_sequence + start:
            problem = f"records {sequence}..{segment.next_sequence - 1} have no seal, though {after.path.name} follows"
        raise JournalCorrupt(segment.path.name, sequence, problem)
    if chain_end(segment) != after.header.previous_chain and segment.next_sequence == after.first_sequence:
        problem = f"its header does not carry the hash that {segment.path.name} ends with"
        raise JournalCorrupt(after.path.name, after.first_sequence, problem)
    check_link(segment, after)


def _end_journal(report: VerifyReport, segment: Segment) -> None:
    tail = tail_of(segment)
    report.unsealed = tail.stop - tail.start
    report.records += report.unsealed
    report.next_sequence = segment.first_sequence + tail.stop
    report.torn = tail.torn
    if tail.torn is not None and tail.torn.changed:
        raise JournalCorrupt(segment.path.name, tail.torn.sequence, tail.torn.cause)


def _check_anchors(report: VerifyReport, anchors: dict[int, bytes]) -> None:
    for sequence in sorted(anchors):
        if sequence > report.first_sequence:
            problem = "the seal before it is known from elsewhere, and is not here: the journal was cut off"
            raise JournalCorrupt(report.path.name, sequence, problem)
