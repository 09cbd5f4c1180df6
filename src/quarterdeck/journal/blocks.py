"""The blocks of a segment: which are sealed, whether they are what was sealed, and where an unsealed tail is torn."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import JournalCorrupt
from quarterdeck.journal.chain import Seal, block_hash
from quarterdeck.journal.checks import RECORD_BYTES, displacements, failing_records
from quarterdeck.journal.segment import HEADER_BYTES, Segment
from quarterdeck.kernel.vocabulary import EventKind

__all__ = [
    "Block",
    "Tail",
    "TornTail",
    "chain_end",
    "check_block",
    "check_link",
    "check_name",
    "first_problem",
    "hole_in",
    "sealed_blocks",
    "tail_block",
    "tail_of",
]

_SECTOR_RECORDS: Final = 512 // RECORD_BYTES  # what a medium takes whole or not at all


@dataclass(frozen=True, slots=True)
class Block:
    """Contiguous records. `positions` are the indices in `records` of CONTINUATION and NOTE: not for the kernel.

    `seal` ends the block and is not among `records`; None for the tail that is not sealed yet. `chain` is the hash
    chain's value before the block.
    """

    file: str
    first_sequence: int
    records: NDArray[np.void]
    positions: NDArray[np.intp]
    chain: bytes
    seal: Seal | None

    @property
    def next_sequence(self) -> int:
        """One past the last record, the seal included."""
        return self.first_sequence + len(self.records) + (self.seal is not None)


@dataclass(frozen=True, slots=True)
class TornTail:
    """What a process or machine that died left behind the last good record.

    `sequence` is the first record that is not good, `bytes` how much lies from there to the end of the file,
    `readable` how many later records still pass their check (not zero: pages were lost or changed, not only cut).
    `changed` tells a whole record that fails its check from one that never was written whole. `kept` names the file
    where the bytes were put aside when the tail was cut; "" while they still stand in the segment.
    """

    file: str
    sequence: int
    bytes: int
    readable: int
    changed: bool
    cause: str
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Tail:
    """The unsealed end of a segment: indices of its records, good ones only, and what is torn behind them."""

    start: int
    stop: int
    torn: TornTail | None


def sealed_blocks(segment: Segment) -> list[Block]:
    """Returns the segment's sealed blocks in order, unchecked."""
    blocks: list[Block] = []
    start, chain = 0, segment.chain_start
    for stop in segment.seals.tolist():
        seal = Seal.parse(segment.records[stop : stop + 1].tobytes(), segment.first_sequence + stop)
        blocks.append(_block(segment, start, stop, chain, seal))
        start, chain = stop + 1, seal.chain
    return blocks


def tail_of(segment: Segment) -> Tail:
    """Returns the records behind the last seal, judged one by one."""
    start = int(segment.seals[-1]) + 1 if len(segment.seals) else 0
    records = segment.records[start:]
    failing = failing_records(records, segment.first_sequence + start)
    stop = start + (int(failing[0]) if len(failing) else len(records))
    whole = start + _whole_groups(segment.records[start:stop])
    rest = len(segment.records) - whole
    if not rest and not segment.partial:
        return Tail(start, stop, None)
    readable, changed = len(segment.records) - stop - len(failing), False
    if whole < stop:
        cause = "a payload is not whole"
    elif not rest:
        cause = f"{len(segment.partial)} bytes of a record"
    elif any(segment.records[stop : stop + 1].tobytes()):
        changed = True
        cause = first_problem(segment, stop, len(segment.records))[1]
    else:
        cause = "a record of zeros"
    size = rest * segment.records.itemsize + len(segment.partial)
    torn = TornTail(segment.path.name, segment.first_sequence + whole, size, readable, changed, cause)
    return Tail(start, whole, torn)


def hole_in(segment: Segment, block: Block) -> Tail | None:
    """Returns what is left of a sealed block that was never written in whole; None where it is anything else.

    Between two syncs a medium may take later sectors before earlier ones: when the power fails, a seal can stand there
    and a part of what it seals not. What was never written reads as zeros, from somewhere in a record up to the end of
    its sector; nothing behind it was ever synced.
    """
    start = block.first_sequence - segment.first_sequence
    failing = failing_records(segment.records[start:], block.first_sequence)
    stop = start + (int(failing[0]) if len(failing) else 0)
    if not len(failing) or not _ends_in_zeros(segment, stop):
        return None
    whole = start + _whole_groups(segment.records[start:stop])
    rest = len(segment.records) - whole
    size = rest * segment.records.itemsize + len(segment.partial)
    cause = "zeros, though a seal stands behind them: the power failed"
    readable = len(segment.records) - stop - len(failing)
    return Tail(start, whole, TornTail(segment.path.name, segment.first_sequence + whole, size, readable, False, cause))


def _ends_in_zeros(segment: Segment, index: int) -> bool:
    """Whether a record is all zeros, or was begun, and the rest of its sector is zeros: no record is, ever.

    A record at the end of its sector has no such witness; a changed one could look the same, so it counts as changed.
    """
    if not any(segment.records[index : index + 1].tobytes()):
        return True
    place = HEADER_BYTES // RECORD_BYTES + index
    left = _SECTOR_RECORDS - 1 - place % _SECTOR_RECORDS
    behind = segment.records[index + 1 : index + 1 + left].tobytes()
    return len(behind) > 0 and not any(behind)


def tail_block(segment: Segment, tail: Tail) -> Block:
    """Returns the good records of a tail as a block without a seal."""
    return _block(segment, tail.start, tail.stop, chain_end(segment), None)


def chain_end(segment: Segment) -> bytes:
    """Returns the chain's value after the last seal of a segment."""
    if segment.ends_sealed:
        last = len(segment.records) - 1
    elif len(segment.seals):
        last = int(segment.seals[-1])
    else:
        return segment.chain_start
    return Seal.parse(segment.records[last : last + 1].tobytes(), segment.first_sequence + last).chain


def check_block(segment: Segment, block: Block) -> None:
    """Raises JournalCorrupt, naming the record, when a sealed block is not what was sealed."""
    assert block.seal is not None, "a block without a seal has nothing to be checked against"
    start = block.first_sequence - segment.first_sequence
    stop = start + len(block.records)
    seal = segment.records[stop : stop + 1]
    sealed = block_hash(block.chain, block.records, seal.tobytes()) == block.seal.chain
    if sealed and block.seal.records == len(block.records) and not len(failing_records(seal, block.seal.sequence)):
        return
    sequence, problem = first_problem(segment, start, stop + 1)
    raise JournalCorrupt(segment.path.name, sequence, problem)


def check_name(segment: Segment) -> None:
    """Raises JournalCorrupt when a segment is named after another first sequence than its header says."""
    if segment.path.name != segment.header.name:
        problem = f"the header says that the segment begins at {segment.first_sequence}"
        raise JournalCorrupt(segment.path.name, int(segment.path.stem), problem)


def check_link(before: Segment, after: Segment) -> None:
    """Raises JournalCorrupt when a segment does not follow the one before it."""
    if after.first_sequence > before.next_sequence:
        missing = f"{before.next_sequence}..{after.first_sequence - 1}"
        raise JournalCorrupt(after.path.name, before.next_sequence, f"records {missing} before it are missing")
    if after.first_sequence < before.next_sequence or not before.ends_sealed:
        problem = f"it does not end with a seal where {after.path.name} begins"
        raise JournalCorrupt(before.path.name, after.first_sequence, problem)
    if chain_end(before) != after.header.previous_chain:
        problem = f"its header does not carry the hash that {before.path.name} ends with"
        raise JournalCorrupt(after.path.name, after.first_sequence, problem)


def first_problem(segment: Segment, start: int, stop: int) -> tuple[int, str]:
    """Returns the sequence of the first bad record in a range of indices, and what happened to it."""
    first = segment.first_sequence + start
    away = displacements(segment.records[start:stop], first)
    blank = set(np.flatnonzero(segment.records["kind"][start:stop] == EventKind.NONE).tolist())
    index = next((i for i, distance in enumerate(away) if distance or i in blank), None)
    if index is None:
        return first, f"records {first}..{first + len(away) - 1} do not give the sealed hash, though each check holds"
    return first + index, _what_happened(away, index, first)


def _what_happened(away: list[int], index: int, first: int) -> str:
    """Reads from where records were written what was done to them; `away` is written place less present place."""
    distance = away[index]
    other = index + distance
    following = away[index + 1 : index + 3]
    if index < other < len(away) and away[other] == -distance:
        return f"it was exchanged with record {first + other}"
    if following and following[0] == distance and distance > 0:
        return f"{distance} records before it were deleted: what follows was written {distance} later"
    if (following and following[0] == distance) or (len(following) == 2 and following[0] == following[1] < 0):
        return f"records were inserted here: what follows was written {-following[0]} earlier"
    return "it was changed: its check fails"


def _block(segment: Segment, start: int, stop: int, chain: bytes, seal: Seal | None) -> Block:
    low, high = np.searchsorted(segment.own, (start, stop))
    positions = segment.own[low:high] - start
    first = segment.first_sequence + start
    return Block(segment.path.name, first, segment.records[start:stop], positions, chain, seal)


def _whole_groups(records: NDArray[np.void]) -> int:
    """Returns how many records there are without a last payload whose slots did not all arrive."""
    count = len(records)
    slots = 0
    while slots < count and records["kind"][count - 1 - slots] == EventKind.CONTINUATION:
        slots += 1
    if slots == 0 or records["strategy"][count - 1] == 0:
        return count
    return max(0, count - slots - 1)
