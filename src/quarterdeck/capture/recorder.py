"""Records what venues stream: first into the journal, then, once that is on the medium, into Parquet parts.

    recorder = Recorder(config, folder, venues)
    recorder.open()
    while ...: recorder.pump()
    recorder.close()

The journal comes first, so a death loses what the journal's own policy may lose and nothing else: what the files do not
have yet is read from it at the next start.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from quarterdeck import __version__
from quarterdeck.capture.catalogue import Catalogue
from quarterdeck.capture.columns import Words
from quarterdeck.capture.days import Day, day_of, days_in
from quarterdeck.capture.inbox import WORDS, Inbox, kinds_of
from quarterdeck.capture.provenance import finish_day
from quarterdeck.capture.rows import PART_ROWS, Rows
from quarterdeck.capture.sessions import Began, Ended, read_sessions, write_session
from quarterdeck.config import DeskConfig
from quarterdeck.desk.clock import DeskClock
from quarterdeck.errors import JournalError, JournalFull
from quarterdeck.journal import JournalOptions, JournalReader, JournalWriter, note
from quarterdeck.kernel.compiled import source_hash
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market.quality import Quality
from quarterdeck.venues.protocol import Venue

__all__ = ["PART_S", "Recorder"]

PART_S: Final = 300.0
_APPEND_MAX: Final = 8_192  # events at once
_SECOND_NS: Final = 1_000_000_000


class Recorder:
    """One recording. `venues` are the desk's, by their index; `ring` wakes whoever pumps, from any thread.

    `quality` is the newest report of each day that was folded.
    """

    def __init__(
        self,
        config: DeskConfig,
        folder: Path,
        venues: Mapping[int, Venue],
        *,
        ring: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda _: None,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
        part_rows: int = PART_ROWS,
        part_s: float = PART_S,
    ) -> None:
        self.folder, self.quality = folder, dict[str, Quality]()
        self.events = 0
        self._config, self._venues, self._say = config, dict(venues), say
        self._wall, self._monotonic = wall, monotonic
        self._part_rows, self._part_ns = part_rows, int(part_s * _SECOND_NS)
        self._clock = DeskClock(wall=wall, monotonic=monotonic)
        self._ring = ring
        self._folding = ThreadPoolExecutor(1, thread_name_prefix="capture fold")
        self._folds: dict[str, Future[Quality]] = {}
        self.inbox: Inbox
        self._writer: JournalWriter
        self._rows: Rows
        self._began: Began
        self._part_due_ns = self._looked_ns = self._seal_due_ns = 0
        self._day = ""

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @property
    def sessions(self) -> Path:
        return self.folder / "sessions.jsonl"

    def open(self) -> None:
        """Takes the journal, brings the files up to it, and begins to listen.

        JournalLocked: somebody records this desk already. JournalError, DataError: what lies there cannot be gone on
        with. OSError: the disk.
        """
        catalogue = Catalogue.of(self._config)
        earlier = read_sessions(self.sessions)
        self._rows = Rows(self.folder, earlier[-1].began.catalogue if earlier else catalogue)
        self._writer = self._open_journal()
        try:
            for name in days_in(self.folder):
                Day(self.folder, name).tidy()
            last_ns = self._recover()
            self._clock = DeskClock(last_ns + 1, wall=self._wall, monotonic=self._monotonic)
            if earlier and earlier[-1].ended is None:
                began_ns = earlier[-1].began.began_ns
                reached = self._writer.next_sequence
                self._write_session(Ended(began_ns=began_ns, ended_ns=last_ns, next_sequence=reached, died=True))
            self._rows = Rows(self.folder, catalogue)
            self._begin(catalogue)
        except BaseException:
            self._writer.close()
            raise
        self.inbox = Inbox(self._clock.now, self._ring)
        for row, venue in self._venues.items():
            venue.open(self.inbox.door(row))

    def pump(self) -> None:
        """Records what has come. JournalFull, JournalError, OSError: nothing more can be; `close` all the same."""
        words = self.inbox.take()
        for start, stop in _chunks(words):
            self._writer.append_bytes(words[start:stop].tobytes())
        if len(words):
            self._writer.flush()
            self.events += len(words)
            self._rows.add(words, self._writer.next_sequence)
        now = self._clock.now()
        day = day_of(now)
        if self._rows.waiting >= self._part_rows or now >= self._part_due_ns or day != self._day:
            self._write_part(now)
        if day != self._day:
            self._fold(self._day)
            self._day = day
        for name in [name for name, fold in self._folds.items() if fold.done()]:
            self.quality[name] = self._folds.pop(name).result()
        if now - self._looked_ns >= _SECOND_NS:
            self._looked_ns = now
            self._watch_disk()
        if now >= self._seal_due_ns:
            self._seal_due_ns = now + self._config.journal.seal_s * _SECOND_NS
            self._writer.seal()

    def close(self) -> None:
        """Ends in order: the venues are left, what has come is recorded, and the days are folded."""
        for venue in self._venues.values():
            venue.close()
        try:
            self.pump()
            now = self._clock.now()
            self._write_part(now)
            self._writer.append(note("the recording ends", now))
            next_sequence = self._writer.next_sequence
        finally:
            self.inbox.close()
            self._writer.close()
            self._folding.shutdown(wait=True)
        self._write_session(Ended(began_ns=self._began.began_ns, ended_ns=now, next_sequence=next_sequence))
        for name, fold in self._folds.items():
            self.quality[name] = fold.result()
        for name in days_in(self.folder):
            if Day(self.folder, name).open or name == self._day:
                self.quality[name] = self._finish(name, now)

    def abandon(self) -> None:
        """Gives back everything as it is: what the journal has counts, and the next start goes on from there."""
        for venue in self._venues.values():
            venue.close()
        self.inbox.close()
        self._writer.close()
        self._folding.shutdown(wait=True)

    def _open_journal(self) -> JournalWriter:
        settings = self._config.journal
        options = JournalOptions(
            segment_records=settings.segment_records,
            block_records=settings.block_records,
            fsync=settings.fsync,
            group_ms=float(settings.group_ms),
        )
        exported = self._rows.exported
        writer = JournalWriter(self.journal, self._config.desk.name, options, first_sequence=exported)
        if writer.next_sequence < exported:
            ends = writer.next_sequence
            writer.close()
            raise JournalError(
                f"{self.journal}: it ends at record {ends}, and files were written up to {exported}: put back the "
                f"journal that belongs to them, or move {self.folder} aside"
            )
        return writer

    def _recover(self) -> int:
        """Writes what the journal has and the files have not. Returns the last record's time."""
        exported, last_ns = self._rows.exported, 0
        self._writer.flush()
        if not self._writer.next_sequence:
            return 0
        since = max(0, self._writer.next_sequence - 1)
        for block in JournalReader(self.journal, since=min(exported, since)).blocks(min(exported, since)):
            words = block.records.view(np.int64).reshape(-1, WORDS)
            kinds = kinds_of(words)
            times = words[(kinds != int(EventKind.CONTINUATION)) & (kinds != int(EventKind.SEAL)), 0]
            last_ns = max(last_ns, int(times.max()) if len(times) else 0)
            skip = max(0, exported - block.first_sequence)
            if skip < len(words):
                self._rows.recover(words[skip:], block.first_sequence + skip)
                self._rows.write()
        return last_ns

    def _begin(self, catalogue: Catalogue) -> None:
        now = self._clock.now()
        version, source = __version__, source_hash()
        self._writer.append(note(f"recording {self._config.desk.name}: quarterdeck {version}, source {source}", now))
        self._began = Began(
            desk=self._config.desk.name, began_ns=now, version=version, source_hash=source,
            first_sequence=self._writer.next_sequence, catalogue=catalogue,
        )  # fmt: skip
        self._write_session(self._began)
        self._part_due_ns, self._day = now + self._part_ns, day_of(now)
        for name in days_in(self.folder):
            if name != self._day and Day(self.folder, name).open:
                self._fold(name)

    def _write_session(self, line: Began | Ended) -> None:
        write_session(self.sessions, line)

    def write_part(self) -> None:
        """Closes a part now: what was recorded so far is in the files. The errors of `pump`."""
        self._write_part(self._clock.now())

    def _write_part(self, now: int) -> None:
        """A part never says more than the journal has on the medium."""
        self._part_due_ns = now + self._part_ns
        if not self._rows.waiting:
            return
        self._writer.seal()
        self._writer.sync()
        self._rows.write()
        if self._rows.columns.too_large:
            self._say(f"{self._rows.columns.too_large} figures have more than 18 digits: the files leave them out")
            self._rows.columns.too_large = 0

    def _fold(self, name: str) -> None:
        if Day(self.folder, name).open:
            self._folds[name] = self._folding.submit(self._finish, name, self._clock.now())

    def _finish(self, name: str, now: int) -> Quality:
        return finish_day(Day(self.folder, name), read_sessions(self.sessions), now, self.journal)

    def _watch_disk(self) -> None:
        least = self._config.journal.disk_reserve_mib << 20
        free = self._writer.free_bytes()
        if free < least:
            said = f"{free >> 20} MiB are free, less than journal.disk_reserve_mib ({least >> 20})"
            raise JournalFull(f"{self.folder}: {said}: make room and start again")


def _chunks(words: Words) -> list[tuple[int, int]]:
    """Where to cut events for appending: an event and the text behind it stay together."""
    if len(words) <= _APPEND_MAX:
        return [(0, len(words))] if len(words) else []
    heads = np.flatnonzero(kinds_of(words) != int(EventKind.CONTINUATION))
    wanted = np.arange(_APPEND_MAX, len(words), _APPEND_MAX)
    cuts = [0, *np.unique(heads[np.searchsorted(heads, wanted, "right") - 1]).tolist(), len(words)]
    return [(start, stop) for start, stop in pairwise(cuts) if start < stop]


assert EVENT.itemsize == WORDS * 8
