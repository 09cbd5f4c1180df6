"""Events on their way into Parquet: gathered until a part is worth it, split by day, written table by table."""

from pathlib import Path
from typing import Final

import numpy as np

from quarterdeck.capture.catalogue import Catalogue
from quarterdeck.capture.columns import TABLES, Columns, Words
from quarterdeck.capture.days import Day, day_of, days_in, replace_file
from quarterdeck.capture.inbox import WORDS, kinds_of
from quarterdeck.kernel.vocabulary import EventKind

__all__ = ["PART_ROWS", "Rows"]

PART_ROWS: Final = 1 << 19  # 32 MiB of events
_ROOM_ROWS: Final = PART_ROWS + (1 << 16)  # what nobody has written to takes no memory
_EXPORTED: Final = "exported"
_DAY_NS: Final = 86_400 * 1_000_000_000


class Rows:
    """The one that writes parts. Everything below record `exported` of the journal is in files.

    `skip`: after a death some tables of the last part may be in place and others not; rows that are there already are
    left out.
    """

    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        self.folder = folder
        self.columns = Columns(catalogue)
        self.exported = self._read_exported()
        self.waiting = 0
        self.written: set[str] = set()  # days that got a part
        # A column lies together, as a part needs it. It is kept: fresh memory costs more than the copy.
        self._room: Words = np.empty((WORDS, _ROOM_ROWS), np.int64)
        self._through = self.exported

    def add(self, words: Words, through: int) -> None:
        """Takes events, in order; `through` is one past the last one's record in the journal."""
        after = self.waiting + len(words)
        if after > self._room.shape[1]:
            larger = np.empty((WORDS, max(after, 2 * self._room.shape[1])), np.int64)
            larger[:, : self.waiting] = self._room[:, : self.waiting]
            self._room = larger
        self._room[:, self.waiting : after] = words.T
        self.waiting = after
        self._through = through

    def write(self) -> None:
        """Writes what waits as parts. The journal must have all of it on the medium. OSError: the disk took no more."""
        words, self.waiting = self._room[:, : self.waiting].T, 0
        for name, rows in _by_day(words):
            day = Day(self.folder, name)
            for table, content in self.columns.tables(rows).items():
                day.write_part(table, content, self._through)
                self.written.add(name)
        if self._through != self.exported:
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_file(self.folder / _EXPORTED, f"{self._through}\n".encode("ascii"))
            self.exported = self._through

    def recover(self, words: Words, first: int) -> None:
        """Takes events from the journal that a death kept from being exported; `first` is the record of the first."""
        days = [Day(self.folder, name) for name in days_in(self.folder)]
        reached = {table: max([0, *(day.through(table) for day in days)]) for table in TABLES}
        kinds, sequence = kinds_of(words), np.arange(first, first + len(words))
        keep = np.zeros(len(words), np.bool_)
        for table, layout in TABLES.items():
            mine = np.isin(kinds, [int(kind) for kind in layout.kinds])
            keep |= mine & (sequence >= reached[table])
        # Text goes with the event that it stands behind.
        heads = np.maximum.accumulate(np.where(kinds == int(EventKind.CONTINUATION), 0, np.arange(len(words))))
        keep = keep[heads]
        self.add(np.ascontiguousarray(words[keep]), first + len(words))

    def _read_exported(self) -> int:
        try:
            return int((self.folder / _EXPORTED).read_text("ascii"))
        except FileNotFoundError:
            return 0


def _by_day(words: Words) -> list[tuple[str, Words]]:
    """The events of each day by their time of arrival, which never goes back; text stays with the event before it."""
    if not len(words):
        return []
    timed = np.flatnonzero(kinds_of(words) != int(EventKind.CONTINUATION))
    first_ns, last_ns = int(words[timed[0], 0]), int(words[timed[-1], 0])
    if first_ns // _DAY_NS == last_ns // _DAY_NS:
        return [(day_of(first_ns), words)]
    days = words[timed, 0] // _DAY_NS
    begins = np.flatnonzero(np.diff(days)) + 1
    names = [day_of(int(days[begin]) * _DAY_NS) for begin in (0, *begins.tolist())]
    return list(zip(names, np.split(words, timed[begins]), strict=True))
