"""The ops plane's own memory: one database, SQLite in its folder or the PostgreSQL that OPS_DATABASE_URL names.

Each room of the plane says its tables to METADATA in a module `tables.py` of its own; `migrations/` makes and changes
them in the database, step by step. Nothing in here is needed to kill a desk: who cannot reach it still has the command
line.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from quarterdeck.errors import OpsError
from quarterdeck.ops.schema import bring_up_to_date

__all__ = ["DATABASE_VARIABLE", "METADATA", "Store"]

DATABASE_VARIABLE: Final = "OPS_DATABASE_URL"
METADATA: Final = MetaData()
_FILE: Final = "ops.sqlite"
_LOCK_TIMEOUT_S: Final = 10
_LOCK_KEY: Final = 0x7164_6F70  # any number that nobody else locks


class Store:
    """Opens the database and brings its tables to the newest version. A password in its address is not shown.

    OpsError: it cannot be used, or a newer program has made its tables.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        said = url or os.environ.get(DATABASE_VARIABLE) or f"sqlite:///{folder / _FILE}"
        try:
            parsed = make_url(said)
        except ArgumentError as error:
            raise OpsError(f"{DATABASE_VARIABLE} is no URL: write postgresql://USER:PASSWORD@HOST/NAME") from error
        if parsed.drivername in {"postgres", "postgresql"}:
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.name = parsed.render_as_string(hide_password=True)
        self._sqlite = parsed.get_backend_name() == "sqlite"
        if self._sqlite:
            Path(parsed.database or "").parent.mkdir(parents=True, exist_ok=True)
            self._engine = create_engine(parsed, connect_args={"timeout": _LOCK_TIMEOUT_S})
            _durable_sqlite(self._engine)
        else:
            self._engine = create_engine(parsed, pool_pre_ping=True, connect_args={"connect_timeout": 5})
        try:
            self._bring_up_to_date(Path(parsed.database or ""))
        except BaseException:
            self.close()
            raise

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """One transaction: there whole, or not at all."""
        with self._errors(), self._engine.begin() as line:
            yield line

    @contextmanager
    def reading(self) -> Generator[Connection]:
        with self._errors(), self._engine.connect() as line:
            yield line

    def close(self) -> None:
        self._engine.dispose()

    def _bring_up_to_date(self, file: Path) -> None:
        with self._errors(), self._alone(file), self._engine.begin() as line:
            if self._sqlite:  # the driver begins no transaction for a change of tables
                line.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                line.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            bring_up_to_date(line)

    @contextmanager
    def _alone(self, file: Path) -> Generator[None]:
        """API and console start at once, and both make the tables."""
        if not self._sqlite:
            yield
            return
        with file.with_name(f"{file.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise OpsError(f"{self.name}: {str(error).splitlines()[0]}") from error


def _durable_sqlite(engine: Engine) -> None:
    """Several processes read and write one file: a log beside it, and what was committed is on the medium."""

    @event.listens_for(engine, "connect")
    def _prepare(line: Any, _: object) -> None:
        for word in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            line.execute(f"PRAGMA {word}")
