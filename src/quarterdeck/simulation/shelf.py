"""A simulated database that holds the journal for whoever does not lead: as desk/shelf.py keeps it in PostgreSQL.

Who does not hold the lease with its epoch cannot add a row. The database itself never fails; a host may not reach it.
"""

import hashlib
from collections.abc import Iterator

from quarterdeck.desk.lease import LeaseStore
from quarterdeck.errors import DeskError, LeaseLost

__all__ = ["HostShelf", "Rows"]

_RECORD_BYTES = 64


class Rows:
    """What the database holds of one desk."""

    def __init__(self) -> None:
        self.next_sequence: int | None = None
        self.headers: dict[int, bytes] = {}
        self.rows: list[tuple[int, int, bytes]] = []  # (segment, first sequence, records)


class HostShelf:
    """The database as one host reaches it, or does not: it is where the lease is, too."""

    def __init__(self, rows: Rows, store: LeaseStore, desk: str) -> None:
        self.desk = desk
        self._rows, self._store = rows, store

    def next_sequence(self) -> int | None:
        self._store.read(self.desk)
        return self._rows.next_sequence

    def add_segment(self, first_sequence: int, header: bytes) -> None:
        self._store.read(self.desk)
        if self._rows.headers.setdefault(first_sequence, header) != header:
            raise DeskError(f"desk {self.desk}: the database has another segment {first_sequence}")

    def ship(self, epoch: int, holder: str, segment: int, first: int, raw: bytes) -> None:
        """Adds records behind the ones that are there. LeaseLost: the epoch is over. DeskError: they do not follow."""
        term = self._store.read(self.desk)
        if term is None or (term.epoch, term.holder) != (epoch, holder):
            raise LeaseLost(f"desk {self.desk}: epoch {epoch} is over, the database takes no more records of it")
        there = self._rows.next_sequence
        if there is not None and there != first:
            raise DeskError(f"desk {self.desk}: records from {first} on do not follow the database's, up to {there}")
        self._rows.rows.append((segment, first, raw))
        self._rows.next_sequence = first + len(raw) // _RECORD_BYTES

    def fetch(self, sequence: int, rows: int = 64) -> list[tuple[int, int, bytes]]:
        self._store.read(self.desk)
        found: list[tuple[int, int, bytes]] = []
        for row in reversed(self._rows.rows):
            if row[1] + len(row[2]) // _RECORD_BYTES <= sequence:
                break
            found.append(row)
        return found[::-1][:rows]

    def header(self, first_sequence: int) -> bytes | None:
        self._store.read(self.desk)
        return self._rows.headers.get(first_sequence)

    def prints(self, begin: int, end: int) -> Iterator[tuple[int, int, bytes]]:
        self._store.read(self.desk)
        for _, first, raw in self._rows.rows:
            if begin <= first < end:
                yield first, len(raw) // _RECORD_BYTES, hashlib.sha256(raw).digest()

    def prune(self, before: int, keep_hours: int) -> int:
        return 0 * (before + keep_hours)

    def close(self) -> None:
        """Nothing is held."""
