"""The database that a leader and a standby on another host share: the lease, and the journal's bytes in order.

    quarterdeck_leases     one row a desk: the register
    quarterdeck_standbys   each standby's last word
    quarterdeck_segments   the header of each segment
    quarterdeck_records    rows of contiguous records, as they stand in the journal
    quarterdeck_heads      one row a desk: the sequence that the next row must begin with

Whoever does not hold the lease with its epoch cannot add a row: the insert looks at the lease in the same transaction,
and a taker of the lease waits for it. So after a take the rows of an older epoch are all there, and no more come.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar, cast

import psycopg

from quarterdeck.desk.lease import Term
from quarterdeck.errors import DeskError, LeaseLost, StoreUnreachable

__all__ = ["JournalShelf", "PostgresMeeting"]

T = TypeVar("T")

_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS quarterdeck_standby_version (version int PRIMARY KEY);
CREATE TABLE IF NOT EXISTS quarterdeck_leases (
    desk text PRIMARY KEY, epoch bigint NOT NULL, holder text NOT NULL, beat bigint NOT NULL, ttl_ns bigint NOT NULL,
    longest_ns bigint NOT NULL, heir text NOT NULL, identity text NOT NULL, stopped boolean NOT NULL
);
CREATE TABLE IF NOT EXISTS quarterdeck_standbys (
    desk text, holder text, word text NOT NULL, said_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (desk, holder)
);
CREATE TABLE IF NOT EXISTS quarterdeck_heads (desk text PRIMARY KEY, next_sequence bigint NOT NULL);
CREATE TABLE IF NOT EXISTS quarterdeck_segments (
    desk text, first_sequence bigint, header bytea NOT NULL, PRIMARY KEY (desk, first_sequence)
);
CREATE TABLE IF NOT EXISTS quarterdeck_records (
    desk text, sequence bigint, segment bigint NOT NULL, epoch bigint NOT NULL, count int NOT NULL,
    bytes bytea NOT NULL, shipped_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (desk, sequence)
);
ALTER TABLE quarterdeck_records ALTER COLUMN bytes SET STORAGE EXTERNAL;
INSERT INTO quarterdeck_standby_version VALUES (1) ON CONFLICT DO NOTHING;
"""
_TIMEOUT_MS: Final = 2_000
_CONNECTION: Final = {
    "connect_timeout": "2",
    "tcp_user_timeout": str(_TIMEOUT_MS),
    "keepalives_idle": "2",
    "keepalives_interval": "1",
    "keepalives_count": "2",
    "application_name": "quarterdeck standby",
}
_SHIP: Final = """
WITH leader AS (
    SELECT desk FROM quarterdeck_leases WHERE desk = %(desk)s AND epoch = %(epoch)s AND holder = %(holder)s FOR SHARE
), moved AS (
    INSERT INTO quarterdeck_heads AS heads SELECT desk, %(next)s FROM leader
    ON CONFLICT (desk) DO UPDATE SET next_sequence = %(next)s WHERE heads.next_sequence = %(first)s
    RETURNING desk
)
INSERT INTO quarterdeck_records (desk, sequence, segment, epoch, count, bytes)
SELECT desk, %(first)s, %(segment)s, %(epoch)s, %(count)s, %(bytes)s FROM moved RETURNING pg_notify(%(channel)s, '')
"""
_TERM: Final = "epoch, holder, beat, ttl_ns, longest_ns, heir, identity, stopped"
_RECORD_BYTES: Final = 64


class _Line:
    """A connection that is made again when it was lost. Not for two threads."""

    def __init__(self, url: str, *, first: str = "") -> None:
        scheme, colon, rest = url.partition(":")
        self._url = scheme.partition("+")[0] + colon + rest  # postgresql+psycopg: names a driver, too
        self._first = first  # said on each new connection
        self._line: psycopg.Connection[Any] | None = None
        self._checked = False

    def do(self, act: Callable[[psycopg.Connection[Any]], T]) -> T:
        """Does something with the connection. StoreUnreachable: whether it was done is not known."""
        try:
            if self._line is None or self._line.closed:
                self._line = self._connect()
            return act(self._line)
        except psycopg.OperationalError as error:
            self.close()
            said = " ".join(str(error).split())
            raise StoreUnreachable(f"the database of DATABASE_URL does not answer ({said})") from error
        except psycopg.Error as error:
            said = " ".join(str(error).split())
            raise DeskError(f"the database of DATABASE_URL refused: {said}") from error

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _connect(self) -> psycopg.Connection[Any]:
        line = psycopg.connect(
            self._url, autocommit=True, options=f"-c statement_timeout={_TIMEOUT_MS}", **cast(Any, _CONNECTION)
        )
        try:
            if not self._checked:
                _make_tables(line)
                self._checked = True
            if self._first:
                line.execute(cast(Any, self._first))
        except BaseException:
            line.close()
            raise
        return line


class PostgresMeeting:
    """The register of the lease in a database; any number of desks."""

    def __init__(self, url: str) -> None:
        self._line = _Line(url)

    def read(self, desk: str) -> Term | None:
        query = f"SELECT {_TERM} FROM quarterdeck_leases WHERE desk = %s"  # noqa: S608 - names of columns, no words of others
        row = self._line.do(lambda line: line.execute(cast(Any, query), (desk,)).fetchone())
        return None if row is None else Term(*row)

    def write(self, desk: str, before: Term | None, after: Term) -> bool:
        new = (after.epoch, after.holder, after.beat, after.ttl_ns, after.longest_ns)
        new = (*new, after.heir, after.identity, after.stopped)
        if before is None:
            query = "INSERT INTO quarterdeck_leases VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
            return self._line.do(lambda line: line.execute(query, (desk, *new)).rowcount) == 1
        query = f"""
            UPDATE quarterdeck_leases SET ({_TERM}) = (%s, %s, %s, %s, %s, %s, %s, %s)
            WHERE desk = %s AND epoch = %s AND holder = %s AND beat = %s
        """  # noqa: S608 - names of columns, no words of others
        old = (desk, before.epoch, before.holder, before.beat)
        return self._line.do(lambda line: line.execute(cast(Any, query), (*new, *old)).rowcount) == 1

    def say(self, desk: str, holder: str, word: str) -> None:
        query = """
            INSERT INTO quarterdeck_standbys AS present (desk, holder, word) VALUES (%s, %s, %s)
            ON CONFLICT (desk, holder) DO UPDATE SET word = excluded.word, said_at = clock_timestamp()
        """
        self._line.do(lambda line: line.execute(query, (desk, holder, word)))

    def heard(self, desk: str) -> dict[str, str]:
        query = "SELECT holder, word FROM quarterdeck_standbys WHERE desk = %s"
        return dict(self._line.do(lambda line: line.execute(query, (desk,)).fetchall()))

    def leave(self, desk: str, holder: str) -> None:
        query = "DELETE FROM quarterdeck_standbys WHERE desk = %s AND holder = %s"
        self._line.do(lambda line: line.execute(query, (desk, holder)))

    def close(self) -> None:
        self._line.close()


class JournalShelf:
    """One desk's journal in a database. A connection of its own: one thread uses it. `listen`: it will `wait`."""

    def __init__(self, url: str, desk: str, *, listen: bool = False) -> None:
        self.desk = desk
        self._channel = f"quarterdeck_{hashlib.sha256(desk.encode()).hexdigest()[:16]}"
        self._line = _Line(url, first=f"LISTEN {self._channel}" if listen else "")

    def next_sequence(self) -> int | None:
        """The sequence that comes next; None when nothing was ever shipped."""
        query = "SELECT next_sequence FROM quarterdeck_heads WHERE desk = %s"
        row = self._line.do(lambda line: line.execute(query, (self.desk,)).fetchone())
        return None if row is None else int(row[0])

    def add_segment(self, first_sequence: int, header: bytes) -> None:
        """Keeps the 4096 bytes that a segment begins with. DeskError when another segment has that number."""
        query = "INSERT INTO quarterdeck_segments VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
        self._line.do(lambda line: line.execute(query, (self.desk, first_sequence, header)))
        if self.header(first_sequence) != header:
            raise DeskError(
                f"desk {self.desk}: the database has another segment {first_sequence}: a journal of its own"
            )

    def ship(self, epoch: int, holder: str, segment: int, first: int, raw: bytes) -> None:
        """Adds records behind the ones that are there; they are durable when this returns.

        LeaseLost: this holder's epoch is over. DeskError: the records do not follow what is there.
        """
        count = len(raw) // _RECORD_BYTES
        words = {"desk": self.desk, "epoch": epoch, "holder": holder, "segment": segment, "channel": self._channel}
        words |= {"first": first, "next": first + count, "count": count, "bytes": raw}
        if self._line.do(lambda line: line.execute(_SHIP, words).rowcount) == 1:
            return
        query = "SELECT epoch, holder FROM quarterdeck_leases WHERE desk = %s"
        row = self._line.do(lambda line: line.execute(query, (self.desk,)).fetchone())
        if row is None or tuple(row) != (epoch, holder):
            raise LeaseLost(f"desk {self.desk}: epoch {epoch} is over, the database takes no more records of it")
        there = self.next_sequence()
        if there == first + count and self._has(first, raw):
            return  # an earlier answer was lost on its way
        raise DeskError(
            f"desk {self.desk}: records from {first} on do not follow the database's, which ends at {there}"
        )

    def fetch(self, sequence: int, rows: int = 64) -> list[tuple[int, int, bytes]]:
        """Returns up to so many rows from the one that holds `sequence` on: (segment, first sequence, records)."""
        query = """
            SELECT segment, sequence, bytes FROM quarterdeck_records
            WHERE desk = %s AND sequence + count > %s AND sequence >= %s - 65536 ORDER BY sequence LIMIT %s
        """
        words = (self.desk, sequence, sequence, rows)
        found = self._line.do(lambda line: line.execute(query, words, binary=True).fetchall())
        return [(int(segment), int(first), bytes(raw)) for segment, first, raw in found]

    def header(self, first_sequence: int) -> bytes | None:
        """Returns the header of the segment that begins there."""
        query = "SELECT header FROM quarterdeck_segments WHERE desk = %s AND first_sequence = %s"
        row = self._line.do(lambda line: line.execute(query, (self.desk, first_sequence), binary=True).fetchone())
        return None if row is None else bytes(row[0])

    def prints(self, begin: int, end: int) -> Iterator[tuple[int, int, bytes]]:
        """Yields (first sequence, records, SHA-256 of their bytes) of the rows that lie in begin..end, in order."""
        query = """
            SELECT sequence, count, sha256(bytes) FROM quarterdeck_records
            WHERE desk = %s AND sequence >= %s AND sequence < %s ORDER BY sequence LIMIT 1000
        """
        while True:
            words = (self.desk, begin, end)
            rows = self._line.do(lambda line, words=words: line.execute(query, words, binary=True).fetchall())
            for sequence, count, digest in rows:
                yield int(sequence), int(count), bytes(digest)
                begin = int(sequence) + int(count)
            if not rows:
                return

    def prune(self, before: int, keep_hours: int) -> int:
        """Removes rows that end at or before `before` and are older than that; returns how many."""
        query = """
            DELETE FROM quarterdeck_records WHERE desk = %s AND sequence + count <= %s
            AND shipped_at < clock_timestamp() - make_interval(hours => %s)
        """
        return self._line.do(lambda line: line.execute(query, (self.desk, before, keep_hours)).rowcount)

    def wait(self, timeout_s: float) -> None:
        """Returns when records have come, or after that time."""

        def listen(line: psycopg.Connection[Any]) -> None:
            for _ in line.notifies(timeout=timeout_s, stop_after=1):
                pass

        self._line.do(listen)

    def close(self) -> None:
        self._line.close()

    def _has(self, first: int, raw: bytes) -> bool:
        query = "SELECT sha256(bytes) FROM quarterdeck_records WHERE desk = %s AND sequence = %s"
        row = self._line.do(lambda line: line.execute(query, (self.desk, first), binary=True).fetchone())
        return row is not None and bytes(row[0]) == hashlib.sha256(raw).digest()


def _make_tables(line: psycopg.Connection[Any]) -> None:
    key = int.from_bytes(hashlib.sha256(b"quarterdeck standby tables").digest()[:8], "big", signed=True)
    with line.transaction():
        line.execute("SELECT pg_advisory_xact_lock(%s)", (key,))
        row = line.execute("SELECT to_regclass('quarterdeck_standby_version')").fetchone()
        if row is None or row[0] is None:
            line.execute(cast(Any, _TABLES))
        row = line.execute("SELECT max(version) FROM quarterdeck_standby_version").fetchone()
    if row is None or row[0] != _VERSION:
        found = None if row is None else row[0]
        raise DeskError(f"the database's standby tables are of version {found}, this program's of {_VERSION}")
