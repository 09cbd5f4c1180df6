"""Where the ledger stands: SQLite in the desk's data folder, or the PostgreSQL that DATABASE_URL names.

A writer is alone: SQLite begins at once with its lock, PostgreSQL takes an advisory lock of the desk. What is written
is there whole or not at all.
"""

import hashlib
import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    make_url,
    text,
    type_coerce,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from quarterdeck.errors import LedgerError
from quarterdeck.ledger.columns import Units
from quarterdeck.ledger.tables import VERSION_TABLE

__all__ = ["DATABASE_VARIABLE", "LEDGER_FILE", "Database", "database_url"]

DATABASE_VARIABLE: Final = "DATABASE_URL"
LEDGER_FILE: Final = "ledger.sqlite"
_MIGRATIONS: Final = "quarterdeck:ledger/migrations"  # quarterdeck.ledger.migrations.env runs them
_LOCK_TIMEOUT_S: Final = 60
_ROWS_AT_ONCE: Final = 20_000


def database_url(data: Path) -> str:
    """The database of a desk whose data folder is `data`: what DATABASE_URL says, else a file there."""
    return os.environ.get(DATABASE_VARIABLE) or f"sqlite:///{data / LEDGER_FILE}"


class Database:
    """A ledger's database, at the newest version of its tables. LedgerError where it cannot be used.

    `url` begins with sqlite: or postgresql:. A password in it is never shown.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise LedgerError(f"{DATABASE_VARIABLE} is no URL: write postgresql://USER:PASSWORD@HOST/NAME") from error
        if parsed.drivername == "postgres":  # as some write it
            parsed = parsed.set(drivername="postgresql")
        if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
            raise LedgerError(f"{DATABASE_VARIABLE}: {parsed.drivername} is not known: use postgresql: or sqlite:")
        self.name = parsed.render_as_string(hide_password=True)
        self._postgres = parsed.get_backend_name() == "postgresql"
        if self._postgres:
            parsed = parsed.set(drivername="postgresql+psycopg")
            self._engine = create_engine(parsed, poolclass=NullPool)
        else:
            Path(parsed.database or "").parent.mkdir(parents=True, exist_ok=True)
            self._engine = create_engine(parsed, poolclass=NullPool, connect_args={"timeout": _LOCK_TIMEOUT_S})
            _command_sqlite(self._engine)
        with self.writing("the tables of the ledger") as line:
            _migrate(line)

    @contextmanager
    def writing(self, who: str) -> Generator[Connection]:
        """One transaction that writes, and no other of the same `who` meanwhile."""
        with self._errors(), self._engine.connect() as line, line.begin():
            if self._postgres:
                key = int.from_bytes(hashlib.sha256(f"quarterdeck ledger {who}".encode()).digest()[:8], signed=True)
                line.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            yield line

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """One transaction that sees the ledger as it is at its begin."""
        with self._errors(), self._engine.connect() as line:
            options = {"isolation_level": "REPEATABLE READ"} if self._postgres else {"quarterdeck_reads": True}
            reader = line.execution_options(**options)
            with reader.begin():
                yield reader

    def insert(self, line: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Adds rows that name every column that they have, all the same ones."""
        if not rows:
            return
        if self._postgres:
            _copy(line, table, rows)
            return
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            line.execute(table.insert(), rows[first : first + _ROWS_AT_ONCE])

    def exact_sum(self, column: "Column[int]") -> "ColumnElement[int]":
        """The sum of a column of whole numbers, of any size."""
        name = "sum" if self._postgres else "exact_sum"
        return type_coerce(getattr(func, name)(column), Units)

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except (SQLAlchemyError, psycopg.Error) as error:  # COPY is the driver's own
            cause = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise LedgerError(f"the ledger's database {self.name} cannot be used: {cause}") from error


class _ExactSum:
    """SQLite's own sum fails where it leaves 64 bits."""

    def __init__(self) -> None:
        self.total = 0

    def step(self, value: int | str | None) -> None:
        self.total += int(value or 0)

    def finalize(self) -> str:
        return str(self.total)


def _command_sqlite(engine: Engine) -> None:
    """Python's driver leaves transactions to us: a writer takes the file's lock when it begins."""

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.create_aggregate("exact_sum", 1, _ExactSum)  # pyright: ignore[reportArgumentType] sqlite3 asks for no more

    @event.listens_for(engine, "begin")
    def _begun(line: Connection) -> None:
        reads = line.get_execution_options().get("quarterdeck_reads")
        line.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _copy(line: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """PostgreSQL's COPY: twenty times as fast as INSERT."""
    names = list(rows[0])
    columns = ", ".join(f'"{name}"' for name in names)
    cursor: Any = line.connection.cursor()
    try:
        with cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row([row[name] for name in names])
    finally:
        cursor.close()


def _migrate(line: Connection) -> None:
    """Brings the tables to the newest version. LedgerError when a newer program has made them."""
    config = Config()
    config.set_main_option("script_location", _MIGRATIONS)
    config.attributes["connection"] = line
    scripts = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(line, opts={"version_table": VERSION_TABLE}).get_current_heads()
    newest = tuple(scripts.get_heads())
    if found == newest:
        return
    unknown = [one for one in found if one not in {script.revision for script in scripts.walk_revisions()}]
    if unknown:
        raise LedgerError(
            f"the ledger's tables are of version {unknown[0]}, this program knows {newest[0]}: use the newer program, "
            "or another database"
        )
    command.upgrade(config, "head")
