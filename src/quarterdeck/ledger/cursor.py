"""How far the journal is in the ledger, and what goes on from there: the state itself, and what the watch remembers.

A journal can lose its unsealed end to a power cut and grow another one. So the cursor keeps the hash chain's value at
the last seal and a hash of the records since, and goes on only in the very same journal.
"""

import hashlib
import zlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, delete, select

from quarterdeck.errors import LedgerError
from quarterdeck.journal import Block, JournalReader, Seal, Snapshot
from quarterdeck.journal.schema import layout_hash
from quarterdeck.kernel.records import STATE
from quarterdeck.ledger.labels import Labels
from quarterdeck.ledger.tables import CURSORS
from quarterdeck.ledger.watch import MEMORY, Watch
from quarterdeck.runtime.replay import Replayer

__all__ = ["Cursor", "cursor_at", "read_cursor", "write_cursor"]

LAYOUT: Final = layout_hash(STATE).hex()[:32] + layout_hash(MEMORY).hex()[:32]
_QUICK: Final = 1  # zlib's level: most of a state is zeros


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """`sequence` is the first record that is not in the ledger; `sealed` the first one after the last seal before it.

    `begun_ns` and `ended_ns` are the desk's time at its first record and at the last one that is in the ledger.
    """

    sequence: int
    sealed: int
    chain: bytes
    tail: bytes
    begun_ns: int
    ended_ns: int
    layout: str
    labels: str
    state: bytes
    memory: bytes

    @property
    def usable(self) -> bool:
        """Whether its state has the layout of this program's kernel, in the capacity of this process."""
        return self.layout == LAYOUT

    def resume(self, reader: JournalReader) -> tuple[Replayer, Watch]:
        """A replay that goes on from here. LedgerError when the journal is not the one that the rows came from."""
        self._check(reader)
        body = zlib.decompress(self.state)
        replayer = Replayer(reader, Snapshot(reader.desk, self.sequence, self.ended_ns, self.chain, body))
        memory = np.frombuffer(zlib.decompress(self.memory), MEMORY).copy()
        return replayer, Watch(replayer, memory)

    def _check(self, reader: JournalReader) -> None:
        held = f"{reader.first_sequence}..{reader.next_sequence}"
        if not reader.first_sequence <= self.sequence <= reader.next_sequence:
            raise LedgerError(
                f"{reader.path}: the ledger holds the journal up to record {self.sequence}, the journal has {held}: "
                "it is not the one that the ledger was made from; put it back, or run `quarterdeck ledger DESK "
                "--rebuild`"
            )
        if self.sealed < reader.first_sequence:
            return  # pruned up to inside this block; the segment's header and the seals behind it still chain
        if _chain_at(reader, self.sealed) != self.chain or _tail_hash(reader, self.sealed, self.sequence) != self.tail:
            raise LedgerError(
                f"{reader.path}: the records before {self.sequence} are not the ones that the ledger was made from "
                "(the hash chain differs): run `quarterdeck ledger DESK --rebuild`"
            )


def cursor_at(replayer: Replayer, watch: Watch, block: Block, labels: Labels) -> Cursor:
    """Returns the cursor of a replay that stands behind or inside `block`."""
    sequence = replayer.sequence
    sealed = sequence if sequence == block.next_sequence and block.seal is not None else block.first_sequence
    states: Any = replayer.states
    return Cursor(
        sequence=sequence,
        sealed=sealed,
        chain=_chain_at(replayer.reader, sealed),
        tail=_tail_hash(replayer.reader, sealed, sequence),
        begun_ns=int(watch.memory["begun_ns"][0]),
        ended_ns=int(states[0]["time_ns"]),
        layout=LAYOUT,
        labels=labels.as_text(),
        state=zlib.compress(states.tobytes(), _QUICK),
        memory=zlib.compress(watch.memory.tobytes(), _QUICK),
    )


def _chain_at(reader: JournalReader, sealed: int) -> bytes:
    """The chain's value that the seal before `sealed` says; b"" at the journal's first record."""
    if sealed == 0:
        return b""
    if sealed == reader.first_sequence:
        return reader.segments[0].header.previous_chain
    return Seal.parse(reader.record(sealed - 1).tobytes(), sealed - 1).chain


def _tail_hash(reader: JournalReader, sealed: int, sequence: int) -> bytes:
    if sealed == sequence:
        return b""
    block = next(reader.blocks(sealed, verify=False))
    begin = sealed - block.first_sequence
    return hashlib.sha256(block.records[begin : begin + sequence - sealed].tobytes()).digest()


def read_cursor(line: Connection, desk: str) -> Cursor | None:
    """Returns a desk's cursor; None before its first record."""
    row = line.execute(select(CURSORS).where(CURSORS.c.desk == desk)).mappings().first()
    return None if row is None else Cursor(**{name: value for name, value in row.items() if name != "desk"})


def write_cursor(line: Connection, desk: str, cursor: Cursor) -> None:
    """Puts the cursor in the place of the one before."""
    line.execute(delete(CURSORS).where(CURSORS.c.desk == desk))
    names = Cursor.__dataclass_fields__
    line.execute(CURSORS.insert(), {"desk": desk} | {name: getattr(cursor, name) for name in names})
