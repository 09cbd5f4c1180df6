"""Reading a journal: blocks for replay, runs of what the kernel consumes, one record by its sequence.

    reader = JournalReader(Path("data/journal"))
    for block in reader.blocks():             # hashes are verified by another thread, ahead of the consumer
        for first, records in runs(block):    # without SEAL, CONTINUATION and NOTE
            ...
        if block.seal is not None and block.seal.state_digest: ...

A reader sees the journal as it was when it was made. One that is being written is followed by `journal.tail`.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import JournalError
from quarterdeck.journal.blocks import (
    Block,
    TornTail,
    check_block,
    check_link,
    sealed_blocks,
    tail_block,
    tail_of,
)
from quarterdeck.journal.disk import OS_DISK, Disk
from quarterdeck.journal.payload import payload_of
from quarterdeck.journal.segment import SUFFIX, Segment, find_journal, load_segment

__all__ = ["JournalReader", "runs"]

AHEAD_BLOCKS: Final = 8  # verified blocks that wait for the consumer at most


class JournalReader:
    """The journal at `path`: a directory of segments, a desk, or one segment.

    Opening checks the headers, that each segment follows the one before, and each record of the unsealed tail; `torn`
    tells of a tail that is not good to the end. Sealed blocks are checked while they are read. JournalCorrupt,
    JournalError.

    `since`: what stands before that record is not wanted. Of the earlier segments only the last is opened, whose end
    the next one has to follow: a recovery from a snapshot costs its tail, however long the journal is.
    """

    def __init__(self, path: Path, *, disk: Disk = OS_DISK, since: int = 0) -> None:
        self.path = path
        paths = find_journal(disk, path)
        if path.suffix != SUFFIX:
            paths = paths[max(0, bisect_right([int(place.stem) for place in paths], since) - 2) :]
        segments: list[Segment] = []
        for place in paths:
            segment = load_segment(disk, place, shared=place != paths[-1])
            if segments:
                check_link(segments[-1], segment)
            segments.append(segment)
        tail = tail_of(segments[-1])
        segments[-1] = segments[-1].cut(tail.stop)
        self.torn: TornTail | None = tail.torn
        self._segments = segments
        self._tail = tail_block(segments[-1], tail) if tail.stop > tail.start else None

    @property
    def segments(self) -> tuple[Segment, ...]:
        return tuple(self._segments)

    @property
    def desk(self) -> str:
        return self._segments[0].header.desk

    @property
    def first_sequence(self) -> int:
        return self._segments[0].first_sequence

    @property
    def next_sequence(self) -> int:
        """One past the last good record."""
        return self._segments[-1].next_sequence

    def blocks(self, start: int | None = None, *, verify: bool = True) -> Iterator[Block]:
        """Yields the blocks from the one that holds sequence `start` (default: all), the unsealed tail last.

        Each is whole, so the first may begin before `start`. With `verify` a block is only yielded once its hash was
        found right; JournalCorrupt names the record that is not what was sealed.
        """
        start = self.first_sequence if start is None else start
        wanted = [segment for segment in self._segments if segment.next_sequence > start]
        if verify:
            yield from _verified_blocks(wanted, start)
        else:
            yield from (block for segment in wanted for block in sealed_blocks(segment) if block.next_sequence > start)
        if self._tail is not None and self._tail.next_sequence > start:
            # It has no seal to be checked against; its records were checked one by one when it was found.
            yield self._tail

    def record(self, sequence: int) -> NDArray[np.void]:
        """Returns one record, shape (1,), not checked against its seal. JournalError when it is not here."""
        segment, index = self._place(sequence)
        return segment.records[index : index + 1]

    def payload(self, sequence: int) -> bytes:
        """Returns the text that rides behind a record; b"" when there is none."""
        segment, index = self._place(sequence)
        return payload_of(segment.records, index)

    def _place(self, sequence: int) -> tuple[Segment, int]:
        if not self.first_sequence <= sequence < self.next_sequence:
            held = f"{self.first_sequence}..{self.next_sequence - 1}"
            raise JournalError(f"{self.path}: record {sequence} is not here; the journal holds {held}")
        segment = next(part for part in reversed(self._segments) if part.first_sequence <= sequence)
        return segment, sequence - segment.first_sequence


def runs(block: Block, start: int = 0) -> Iterator[tuple[int, NDArray[np.void]]]:
    """Yields (first sequence, records) for each stretch of a block, from `start` on, that the kernel consumes."""
    index = max(0, start - block.first_sequence)
    for position in (*block.positions.tolist(), len(block.records)):
        if index < position:
            yield block.first_sequence + index, block.records[index:position]
        index = max(index, position + 1)


def _verified_blocks(segments: list[Segment], start: int) -> Iterator[Block]:
    """Yields sealed blocks once their hashes are found right, by a thread that runs ahead of the consumer."""
    waiting: deque[tuple[Future[None], Block]] = deque()
    with ThreadPoolExecutor(1, "journal-verify") as pool:
        try:
            for segment, blocks in _scanned(pool, segments):
                for block in blocks:
                    if block.next_sequence > start:
                        waiting.append((pool.submit(check_block, segment, block), block))
                    if len(waiting) > AHEAD_BLOCKS:
                        yield _taken(waiting)
            while waiting:
                yield _taken(waiting)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _scanned(pool: ThreadPoolExecutor, segments: list[Segment]) -> Iterator[tuple[Segment, list[Block]]]:
    """Yields each segment with its blocks; the next segment's are looked for while this one's are read."""
    scans = deque(pool.submit(sealed_blocks, segment) for segment in segments[:1])
    for index, segment in enumerate(segments):
        scans.extend(pool.submit(sealed_blocks, following) for following in segments[index + 1 : index + 2])
        yield segment, scans.popleft().result()


def _taken(waiting: deque[tuple[Future[None], Block]]) -> Block:
    checked, block = waiting.popleft()
    checked.result()
    return block
