"""How a desk keeps its journal: seals with the state's digest, snapshots beside it, and an eye on the disk."""

from pathlib import Path
from typing import Any, Final, cast

from quarterdeck.config import Journal
from quarterdeck.errors import JournalError, JournalFull
from quarterdeck.journal import (
    OS_DISK,
    Disk,
    JournalOptions,
    JournalWriter,
    Snapshot,
    digest_word,
    write_snapshot,
)
from quarterdeck.kernel.account import digest
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import State

__all__ = ["SNAPSHOTS_KEPT", "JournalKeeper", "journal_options"]

SNAPSHOTS_KEPT: Final = 4
_SECOND_NS: Final = 1_000_000_000
_MIB: Final = 1 << 20


def journal_options(settings: Journal) -> JournalOptions:
    """Returns what [journal] of desk.toml says, as the journal's writer takes it."""
    return JournalOptions(
        segment_records=settings.segment_records,
        block_records=settings.block_records,
        fsync=settings.fsync,
        group_ms=float(settings.group_ms),
        spool=settings.spool,
    )


class JournalKeeper:
    """Seals a block when it is nearly full or `seal_s` old, writes snapshots, and says when the disk runs low.

    Times are the desk's. `keep` and `close` may raise JournalFull or JournalError: then trading stops.
    """

    def __init__(
        self, writer: JournalWriter, settings: Journal, snapshots: Path, now_ns: int, *, disk: Disk = OS_DISK
    ) -> None:
        self.writer = writer
        self.snapshots = snapshots
        self.low = False  # free space is below the reserve
        self._disk = disk
        self._seal_ns = settings.seal_s * _SECOND_NS
        self._snapshot_ns = settings.snapshot_minutes * 60 * _SECOND_NS
        self._reserve = settings.disk_reserve_mib * _MIB
        self._sealed_ns = self._shot_ns = now_ns

    @property
    def free_bytes(self) -> int:
        """What can still be written beside the journal."""
        return self.writer.free_bytes()

    def keep(self, states: Records[State], now_ns: int) -> None:
        """Seals and snapshots what is due. Everything appended so far must be applied to `states`."""
        if self.writer.seal_due or now_ns - self._sealed_ns >= self._seal_ns:
            self.seal(states, now_ns)
        if now_ns - self._shot_ns >= self._snapshot_ns:
            self.snapshot(states, now_ns)

    def seal(self, states: Records[State], now_ns: int) -> None:
        """Ends the block with the digest of the state."""
        self._sealed_ns = now_ns
        self.writer.seal(digest_word(digest(states)))

    def snapshot(self, states: Records[State], now_ns: int) -> None:
        """Writes the state beside the journal, at a seal of its own; the oldest snapshots go."""
        self._shot_ns = now_ns
        self.seal(states, now_ns)
        self.writer.sync()  # a snapshot is never ahead of its journal, whatever power does
        shot = Snapshot(
            desk=self.writer.desk,
            sequence=self.writer.next_sequence,
            time_ns=int(states[0]["time_ns"]),
            chain=self.writer.chain,
            body=cast(Any, states).tobytes(),
        )
        write_snapshot(self.snapshots, shot, disk=self._disk)
        names = [name for name in self._disk.names(self.snapshots) if name.endswith(".qds")]
        for name in names[:-SNAPSHOTS_KEPT]:
            self._disk.remove(self.snapshots / name)

    def look_at_disk(self) -> bool:
        """Looks at the free space; returns whether it has just fallen below, or risen above, the reserve."""
        before, self.low = self.low, self.free_bytes < self._reserve
        return before != self.low

    def low_text(self) -> str:
        """Why entries stop, for people."""
        return (
            f"{self.free_bytes // _MIB} MiB free beside the journal, below the reserve of {self._reserve // _MIB} MiB"
        )

    def last_words(self, failure: JournalError, states: Records[State]) -> str:
        """Writes the last words after a failure, as far as the disk lets it; returns what became of them.

        No digest is said: what the state has seen since the last flush is not in the journal.
        """
        if not isinstance(failure, JournalFull):
            return "no last words: a failed sync leaves nothing to trust"
        try:
            self.writer.last_words(f"trading stopped: {failure}", int(states[0]["time_ns"]))
        except JournalError as error:
            return f"the last words could not be written: {error}"
        return "the last words are in the journal"

    def close(self, states: Records[State], now_ns: int) -> None:
        """Final seal and snapshot; gives the journal's lock back."""
        try:
            if self.writer.failure is None:
                self.snapshot(states, now_ns)
        finally:
            self.writer.close(digest_word(digest(states)) if self.writer.failure is None else 0)
