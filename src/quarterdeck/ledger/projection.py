"""The journal becomes rows: from where the ledger stands, or from the first record anew, with the same result.

    built = project(Database(url), labels, Path("desks/one"))       # brings the ledger up to the journal

Everything is one transaction, at whose end the rows must add up to what the kernel has.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete

from quarterdeck.errors import LedgerError
from quarterdeck.journal import Block, JournalReader
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import State
from quarterdeck.ledger.agreement import check_agreement
from quarterdeck.ledger.cursor import Cursor, cursor_at, read_cursor, write_cursor
from quarterdeck.ledger.database import Database
from quarterdeck.ledger.labels import Labels
from quarterdeck.ledger.rows import Rows, rows_of
from quarterdeck.ledger.tables import CURSORS, DATA_TABLES, DAYS, ENTRIES, FILLS, MOVES
from quarterdeck.ledger.watch import Watch
from quarterdeck.runtime.replay import Progress, Replayer

__all__ = ["Projection", "project"]

_ROWS_AT_ONCE: Final = 50_000


@dataclass(frozen=True, slots=True)
class Projection:
    """Where the ledger stands. `begin`: the first record that was read now; `sequence`: the first not in the ledger.

    `states` is the kernel's state there; `begun_ns` and `ended_ns` the desk's time at both ends of the journal.
    """

    begin: int
    sequence: int
    rows: int
    begun_ns: int
    ended_ns: int
    states: Records[State]


def project(
    database: Database, labels: Labels, journal: Path, *, rebuild: bool = False, progress: Progress | None = None
) -> Projection:
    """Brings a desk's ledger up to its journal: a directory of segments, or a desk.

    `rebuild` throws away what is there first; so does another layout of the kernel's state. LedgerError when the ledger
    is of another journal, or does not add up; ReplayError and JournalCorrupt as a replay. Nothing changes then.
    """
    reader = JournalReader(journal)
    if reader.desk != labels.desk:
        raise LedgerError(f"{journal}: this is the journal of desk {reader.desk}, not of {labels.desk}")
    with database.writing(labels.desk) as line:
        cursor = None if rebuild else read_cursor(line, labels.desk)
        if cursor is None or not cursor.usable:
            _clear(line, labels.desk)
            replayer = Replayer(reader)
            writer = _Writer(database, line, labels, replayer, Watch(replayer))
        else:
            labels.check_against(cursor.labels)
            writer = _Writer(database, line, labels, *cursor.resume(reader))
        begin = writer.replayer.sequence
        writer.replayer.advance(progress=progress, mover=writer.move)
        kept = writer.finish() or cursor
        check_agreement(database, line, labels, writer.replayer.states)
    if kept is None:
        raise LedgerError(f"{journal}: the journal holds no record yet")
    return Projection(begin, kept.sequence, writer.written, kept.begun_ns, kept.ended_ns, writer.replayer.states)


def _clear(line: Connection, desk: str) -> None:
    for table in (*DATA_TABLES, CURSORS):
        line.execute(delete(table).where(table.c.desk == desk))


class _Writer:
    """Follows a replay, and hands rows to the database when there are many."""

    def __init__(self, database: Database, line: Connection, labels: Labels, replayer: Replayer, watch: Watch) -> None:
        self.replayer = replayer
        self.written = 0
        self._database = database
        self._line = line
        self._labels = labels
        self._watch = watch
        self._waiting: list[Rows] = []
        self._block: Block | None = None

    def move(self, block: Block, begin: int, end: int) -> int:
        applied, seen = self._watch.move(block, begin, end)
        self._waiting.append(rows_of(seen, self._labels))
        self._block = block
        if sum(map(len, self._waiting)) >= _ROWS_AT_ONCE:
            self._flush()
        return applied

    def finish(self) -> Cursor | None:
        """Writes what waits, and the cursor; None when there was no record."""
        self._flush()
        if self._block is None:
            return None
        cursor = cursor_at(self.replayer, self._watch, self._block, self._labels)
        write_cursor(self._line, self._labels.desk, cursor)
        return cursor

    def _flush(self) -> None:
        for table, name in ((ENTRIES, "entries"), (MOVES, "moves"), (FILLS, "fills"), (DAYS, "days")):
            rows = [row for part in self._waiting for row in getattr(part, name)]
            self._database.insert(self._line, table, rows)
            self.written += len(rows)
        self._waiting.clear()
