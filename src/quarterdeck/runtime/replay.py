"""Replay: a journal through the kernel again, to the same state, checked at every seal that carries a digest.

The kernel is a function of its inputs, and the journal is those inputs in order. So a replay that arrives at the
recorded digests has rebuilt the desk; one that does not names the first seal where they part. What another version
wrote is replayed too, but the digests in its seals are of states that this version does not have: they are counted, not
compared, and that is said.

The hashes of the blocks are verified by another thread while this one applies what was verified before.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from quarterdeck.errors import JournalError, ReplayError
from quarterdeck.journal import Block, JournalReader, Seal, Snapshot, TornTail, digest_word, newest_valid, read_snapshot
from quarterdeck.journal.schema import check_not_newer
from quarterdeck.kernel.account import apply_event, digest, new_actions, new_state
from quarterdeck.kernel.capacity import CAPACITY, CAPACITY_VARIABLE
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import STATE, Event, State
from quarterdeck.kernel.vocabulary import EventKind

__all__ = [
    "SNAPSHOTS",
    "DeskReplay",
    "Mover",
    "Progress",
    "ReplayResult",
    "Replayer",
    "apply_records",
    "desk_replayer",
    "oldest_snapshot",
    "replay",
    "replay_desk",
]

SNAPSHOTS: Final = Path("data", "snapshots")  # of a desk
_WAY_OUT: Final = "replay with the version of quarterdeck that wrote them"
_WAY_OUT_ACROSS: Final = (
    "the first of them are of another version, which may have come to another state: begin at the snapshot that the "
    "upgrade left in data/upgrades"
)
Progress = Callable[[int, int], None]  # (records done, records in all), after each block
Mover = Callable[[Block, int, int], int]  # applies block.records[begin:end], returns how many the kernel consumed


@compiled
def apply_records(
    states: Records[State], records: Records[Event], start: int, stop: int, actions: Records[Event]
) -> int:
    """Applies records[start:stop] that the kernel consumes and returns how many those were; what it says is dropped."""
    state = states[0]
    applied = 0
    for index in range(start, stop):
        kind = records[index]["kind"]
        if EventKind.SEAL <= kind <= EventKind.NOTE:
            continue
        apply_event(state, records[index], actions)
        applied += 1
    return applied


class Replayer:
    """A state on its way through a journal. `advance` takes it forward; it never goes back.

    `sequence` is the first record that it has not seen. It begins at the journal's first record, or at a snapshot.
    Raises ReplayError when this process cannot replay the journal, or when the snapshot is not of it.
    """

    def __init__(self, reader: JournalReader, snapshot: Snapshot | None = None) -> None:
        self.reader = reader
        self.states: Records[State] = new_state()
        self.actions = new_actions()
        self.sequence = reader.first_sequence
        self.events = 0
        self.seals_checked = 0
        self.seals_foreign = 0  # of another version, or capacity: their digests cannot be compared
        self.crossed = snapshot is not None and not snapshot.same_state  # whether another version led to this state
        self.verified = reader.first_sequence  # every record before it led to a recorded digest
        self._foreign = frozenset(part.path.name for part in reader.segments if not part.header.same_state)
        if snapshot is not None:
            _check_snapshot(reader, snapshot)
            self.states = _state_of(snapshot)
            self.sequence = self.verified = snapshot.sequence
        elif reader.first_sequence != 0:
            raise ReplayError(
                f"{reader.path}: the journal begins at record {reader.first_sequence}, so its state cannot be rebuilt "
                "from it alone: put back the segments before it, or begin at a snapshot"
            )
        _check_versions(reader, self.sequence)

    @property
    def epoch(self) -> int:
        return int(self.states[0]["epoch"])

    @property
    def digest(self) -> bytes:
        return digest(self.states)

    def advance(self, until: int | None = None, progress: Progress | None = None, mover: Mover | None = None) -> None:
        """Applies every record before sequence `until` (default: all). ReplayError at the first digest that differs.

        `mover` applies them in place of the compiled loop, for whoever wants to watch.
        """
        stop = self.reader.next_sequence if until is None else min(until, self.reader.next_sequence)
        if self.sequence >= stop:
            return
        for block in self.reader.blocks(self.sequence):
            self._take(block, stop, mover or self._apply)
            if progress is not None:
                progress(self.sequence - self.reader.first_sequence, stop - self.reader.first_sequence)
            if self.sequence >= stop:
                return

    def _take(self, block: Block, stop: int, mover: Mover) -> None:
        self.crossed |= block.file in self._foreign
        begin = self.sequence - block.first_sequence
        end = min(len(block.records), stop - block.first_sequence)
        self.events += mover(block, begin, end)
        self.sequence = block.first_sequence + end
        if block.seal is not None and self.sequence == block.seal.sequence < stop:
            self.sequence += 1
            self._check(block)

    def _apply(self, block: Block, begin: int, end: int) -> int:
        return cast(Any, apply_records)(self.states, block.records, begin, end, self.actions)

    def _check(self, block: Block) -> None:
        seal = block.seal
        if seal is None or seal.state_digest == 0:
            return
        if block.file in self._foreign:
            self.seals_foreign += 1
            return
        found = digest_word(self.digest)
        if found != seal.state_digest:
            way_out = _WAY_OUT_ACROSS if self.crossed else _WAY_OUT
            raise ReplayError(
                f"record {seal.sequence}: the replayed state has the digest {found:016x}, its seal says "
                f"{seal.state_digest:016x}: they part somewhere in records {self.verified}..{seal.sequence - 1}; "
                f"{way_out}"
            )
        self.seals_checked += 1
        self.verified = seal.sequence + 1


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Where a replay arrived. `sequence` is the first record not applied, `events` how many the kernel consumed.

    `seals_checked` counts the seals whose digest was found right, and every record before `verified` led to one of
    them; `seals_foreign` those that another version wrote, whose digests were not compared; `digest` is the SHA-256 of
    the state at the end.
    """

    sequence: int
    events: int
    seals_checked: int
    digest: bytes
    states: Records[State]
    epoch: int
    seconds: float
    verified: int
    torn: TornTail | None = None
    seals_foreign: int = 0

    @property
    def equity(self) -> int:
        """Equity of the desk, in desk money units."""
        return int(self.states[0]["equity"])

    @property
    def events_per_s(self) -> float:
        return self.events / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, object]:
        """Returns what `quarterdeck replay --json` prints."""
        return {
            "sequence": self.sequence,
            "events": self.events,
            "events_per_s": round(self.events_per_s),
            "seals_checked": self.seals_checked,
            "seals_not_compared": self.seals_foreign,
            "verified": self.verified,
            "digest": self.digest.hex(),
            "epoch": self.epoch,
            "equity": self.equity,
            "seconds": round(self.seconds, 6),
            "torn": None if self.torn is None else f"record {self.torn.sequence}: {self.torn.cause}",
        }

    def lines(self) -> list[str]:
        """Returns the same for people."""
        facts = self.as_dict()
        facts["equity"] = f"{self.equity} money units"
        foreign = f"{self.seals_foreign}: digests of another version cannot be compared"
        facts["seals_not_compared"] = foreign if self.seals_foreign else None
        width = max(map(len, facts))
        return [f"{name:<{width}}  {value}" for name, value in facts.items() if value is not None]


@dataclass(frozen=True, slots=True)
class DeskReplay:
    """The replay of a desk, and the sequence of the snapshot that it passed through; None where there is none."""

    result: ReplayResult
    snapshot: int | None
    skipped: tuple[str, ...]  # what is wrong with newer snapshots
    compared: bool = True  # False when another version wrote that snapshot

    def as_dict(self) -> dict[str, object]:
        facts = {"snapshot": self.snapshot, "snapshot_compared": self.snapshot is not None and self.compared}
        return {**self.result.as_dict(), **facts, "snapshots_skipped": list(self.skipped)}

    def lines(self) -> list[str]:
        checked = f"{self.snapshot} is the replayed state, byte by byte"
        if self.snapshot is None:
            checked = "none to check"
        elif not self.compared:
            checked = f"{self.snapshot} is of another version and cannot be compared"
        return [
            *self.result.lines(),
            f"snapshot       {checked}",
            *(f"not used: {problem}" for problem in self.skipped),
        ]


def replay(
    path: Path, *, snapshot: Snapshot | None = None, until: int | None = None, progress: Progress | None = None
) -> ReplayResult:
    """Rebuilds the state from the journal at `path` (a segment, a directory of them, or a desk).

    From its first record, or from `snapshot`, through every record before sequence `until` (default: all of them).
    ReplayError at the first seal whose digest differs, JournalCorrupt at a record that is not what was sealed,
    ReplayError when the journal was written with another capacity, JournalError when by a newer version.
    """
    began = time.perf_counter()
    replayer = Replayer(JournalReader(path), snapshot)
    if until is not None and until < replayer.sequence:
        raise ReplayError(f"{path}: a replay from record {replayer.sequence} cannot end before record {until}")
    replayer.advance(until, progress)
    return _result(replayer, began)


def desk_replayer(desk: Path) -> Replayer:
    """Returns a replayer at a desk's first record, or at its oldest usable snapshot where that record was pruned."""
    reader = JournalReader(desk)
    return Replayer(reader, None if reader.first_sequence == 0 else oldest_snapshot(desk / SNAPSHOTS, reader))


def oldest_snapshot(directory: Path, reader: JournalReader) -> Snapshot | None:
    """Returns the oldest snapshot of this journal that this program can read; None where there is none."""
    for path in sorted(directory.glob("*.qds")):
        try:
            shot = read_snapshot(path)
            _check_snapshot(reader, shot)
        except (JournalError, ReplayError):
            continue
        if shot.sequence > reader.first_sequence:
            return shot
    return None


def replay_desk(desk: Path, *, progress: Progress | None = None) -> DeskReplay:
    """Replays a desk's journal from its first record; its newest valid snapshot must be a state passed on the way.

    Where its first records were pruned the replay begins at the oldest snapshot kept. ReplayError also when the newest
    snapshot differs, which names the first part of the state that does.
    """
    began = time.perf_counter()
    replayer = desk_replayer(desk)
    kept, skipped = newest_valid(desk / SNAPSHOTS)
    if kept is not None:
        _check_snapshot(replayer.reader, kept)
        replayer.advance(kept.sequence, progress)
        if kept.same_state:
            _compare(kept, replayer.states)
    replayer.advance(None, progress)
    result = _result(replayer, began)
    return DeskReplay(result, kept and kept.sequence, tuple(skipped), kept is None or kept.same_state)


def _result(replayer: Replayer, began: float) -> ReplayResult:
    final, seconds = replayer.digest, time.perf_counter() - began
    counts = replayer.sequence, replayer.events, replayer.seals_checked
    ends = replayer.verified, replayer.reader.torn, replayer.seals_foreign
    return ReplayResult(*counts, final, replayer.states, replayer.epoch, seconds, *ends)


def _check_versions(reader: JournalReader, start: int) -> None:
    """Raises JournalError for what a newer version wrote, ReplayError for another capacity's events from `start` on."""
    for segment in reader.segments:
        written = segment.header.capacity
        check_not_newer(segment.path.name, segment.header.state_schema)
        if written == CAPACITY.name:
            continue
        kinds = segment.records["kind"][max(0, start - segment.first_sequence) :]
        if bool(((kinds < EventKind.SEAL) | (kinds > EventKind.NOTE)).any()):
            raise ReplayError(
                f"{segment.path.name}: the journal was written with capacity {written}, this process has "
                f"{CAPACITY.name}: set {CAPACITY_VARIABLE}={written} (with a desk's name the command line does so); a "
                "desk that was stopped in order with a snapshot may change its capacity"
            )


def _check_snapshot(reader: JournalReader, snapshot: Snapshot) -> None:
    """Raises ReplayError when a snapshot is of another desk, or of another journal, or does not follow a seal of it."""
    held = f"{reader.first_sequence}..{reader.next_sequence}"
    if snapshot.desk != reader.desk:
        raise ReplayError(f"snapshot {snapshot.name} is of desk {snapshot.desk}, the journal of {reader.desk}")
    if not reader.first_sequence <= snapshot.sequence <= reader.next_sequence:
        raise ReplayError(f"snapshot {snapshot.name} stands at record {snapshot.sequence}, the journal holds {held}")
    if snapshot.sequence == reader.first_sequence:
        return
    before = reader.record(snapshot.sequence - 1)
    if before["kind"][0] != EventKind.SEAL:
        return  # it was taken inside a block, whose chain value is not written down
    seal = Seal.parse(before.tobytes(), snapshot.sequence - 1)
    if seal.chain != snapshot.chain:
        raise ReplayError(f"snapshot {snapshot.name} is of another journal: the hash chain before it differs")


def _state_of(snapshot: Snapshot) -> Records[State]:
    states = new_state()
    cast(Any, states).view(np.uint8)[:] = np.frombuffer(snapshot.present(), np.uint8)
    return states


def _compare(snapshot: Snapshot, states: Records[State]) -> None:
    """Raises ReplayError, naming the first part that differs, when the snapshot is not this state."""
    if cast(Any, states).tobytes() == snapshot.body:
        return
    kept = _state_of(snapshot)
    parts = [name for name in STATE.names or () if cast(Any, kept)[name].tobytes() != cast(Any, states)[name].tobytes()]
    raise ReplayError(
        f"record {snapshot.sequence}: snapshot {snapshot.name} has the digest {snapshot.digest.hex()[:16]}, the "
        f"replayed state {digest(states).hex()[:16]}: they differ in {', '.join(parts)}; remove the snapshot, the "
        "journal is the truth"
    )
