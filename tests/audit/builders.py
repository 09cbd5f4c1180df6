"""What the tests of the audit are built from: a small desk's journal on disk, and a forger who has every file.

The forger knows all formats and can compute every hash and check. What it does not have is the signing key.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quarterdeck.audit import DeskFiles
from quarterdeck.journal import JournalWriter, Seal, attach
from quarterdeck.journal.chain import block_hash, seal_record, unsigned_seal
from quarterdeck.journal.checks import stamp_bytes
from quarterdeck.journal.disk import OS_DISK
from quarterdeck.journal.segment import Header, Segment, load_segment, segment_paths
from quarterdeck.kernel.records import EVENT
from tests.journal.builders import DESK, SMALL, quotes

NOW_NS = 1_800_000_000_000_000_000
RECORD = 64

Block = list[bytes]  # records of 64 bytes, without the seal
Books = list[list[tuple[Block, Seal]]]  # of each segment its blocks


def write_journal(root: Path, count: int = 150, created_ns: int = 1) -> DeskFiles:
    """Writes a journal of three segments with payloads and digests, sealed at its end."""
    files = DeskFiles(root)
    with JournalWriter(files.journal, DESK, SMALL, clock=lambda: created_ns) as writer:
        for number in range(0, count, 5):
            writer.append(quotes(5, number))
            if number % 25 == 0:
                writer.append(attach(quotes(1, number), b"a reason that takes more than one slot to say " * 2))
            if number % 30 == 0:
                writer.seal(number + 1)
    return files


def copied(files: DeskFiles, target: Path) -> DeskFiles:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(files.root, target)
    return DeskFiles(target)


def read_books(files: DeskFiles) -> Books:
    """Everything a journal holds, by segment and block."""
    return [blocks_of(load_segment(OS_DISK, path, shared=False)) for path in segment_paths(OS_DISK, files.journal)]


def blocks_of(segment: Segment) -> list[tuple[Block, Seal]]:
    blocks: list[tuple[Block, Seal]] = []
    waiting: Block = []
    for index in range(len(segment.records)):
        record = segment.records[index : index + 1].tobytes()
        if index in segment.seals:
            blocks.append((waiting, Seal.parse(record, segment.first_sequence + index)))
            waiting = []
        else:
            waiting.append(record[:22] + b"\0\0" + record[24:])  # its check says where it stood
    assert not waiting, "the samples end with a seal"
    return blocks


def forge(files: DeskFiles, edit: Callable[[Books], object]) -> None:
    """Writes the journal anew with something done to it: every check, seal, link and header is made to fit."""
    paths = segment_paths(OS_DISK, files.journal)
    headers = [load_segment(OS_DISK, path, shared=False).header for path in paths]
    books = read_books(files)
    edit(books)
    for path in paths:
        path.unlink()
    sequence, chain = headers[0].first_sequence, headers[0].previous_chain
    for header, blocks in zip(headers, books, strict=True):
        sequence, chain = write_segment(files, replace(header, first_sequence=sequence, previous_chain=chain), blocks)


def write_segment(files: DeskFiles, header: Header, blocks: list[tuple[Block, Seal]]) -> tuple[int, bytes]:
    packed = header.pack()
    path = files.journal / header.name
    path.write_bytes(packed)
    segment = load_segment(OS_DISK, path, shared=False)
    sequence, chain, parts = header.first_sequence, segment.chain_start, [packed]
    for block, seal in blocks:
        stamped = b"".join(stamp_bytes(record, sequence + place) for place, record in enumerate(block))
        sequence += len(block)
        unsigned = unsigned_seal(seal.time_ns, seal.state_digest, len(block))
        chain = block_hash(chain, as_records(stamped), unsigned)
        parts += [stamped, seal_record(unsigned, chain, sequence)]
        sequence += 1
    path.write_bytes(b"".join(parts))
    return sequence, chain


def as_records(raw: bytes) -> NDArray[np.void]:
    return np.frombuffer(raw, EVENT)
