"""The Parquet files of a day: parts while it is open, one file a table once it is folded.

    data/capture/2026-11-21/trades.000000123456.parquet    a part: all trades below record 123456 of the journal
    data/capture/2026-11-21/trades.parquet                 the folded day

A file is written whole under another name, forced to the medium, and renamed; a part is taken away only after the file
that holds its rows is in place. So `trades*.parquet` is at any time the day up to the last part that was closed, once
`tidy` has run after a death. Each file says in its metadata up to which record of the journal it goes (`through`).
"""

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import pyarrow as pa
from pyarrow import parquet

from quarterdeck.capture.columns import TABLES, Table

__all__ = ["Day", "day_of", "days_in", "replace_file", "sha256_of"]

_PA: Final = cast(Any, pa)
_PARQUET: Final = cast(Any, parquet)
_SUFFIX: Final = ".parquet"
_UNFINISHED: Final = ".unfinished"
_THROUGH: Final = b"quarterdeck.through"
_DIGITS: Final = 12
_GROUP_ROWS: Final = 1 << 20


def day_of(time_ns: int) -> str:
    """Returns the UTC day, YYYY-MM-DD, of a time."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).date().isoformat()


def days_in(folder: Path) -> list[str]:
    """Returns the days that the capture folder has, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and _is_day(path.name))


def _is_day(name: str) -> bool:
    try:
        return datetime.strptime(name, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat() == name
    except ValueError:
        return False


def replace_file(path: Path, content: bytes) -> None:
    """Puts a file in place whole, or not at all."""
    unfinished = path.with_name(path.name + _UNFINISHED)
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _put(unfinished, path)


class Day:
    """One day's folder below the capture's own."""

    def __init__(self, capture: Path, name: str) -> None:
        self.name, self.folder = name, capture / name

    def tidy(self) -> None:
        """Takes away what a death left: files that were not finished, and parts whose rows are in a folded file."""
        for path in self.folder.glob(f"*{_UNFINISHED}"):
            path.unlink()
        for table in TABLES:
            folded = self.folder / f"{table}{_SUFFIX}"
            through = _through(folded) if folded.exists() else 0
            for part in self.parts(table):
                if _sequence(part) <= through:
                    part.unlink()

    def files(self, table: str) -> list[Path]:
        """Returns the table's files in the order of their rows: the folded one, then parts."""
        folded = self.folder / f"{table}{_SUFFIX}"
        return [*([folded] if folded.exists() else []), *self.parts(table)]

    def parts(self, table: str) -> list[Path]:
        """Returns the table's parts, oldest first."""
        return sorted(self.folder.glob(f"{table}.{'[0-9]' * _DIGITS}{_SUFFIX}"))

    @property
    def open(self) -> bool:
        """Whether any table has parts."""
        return any(self.parts(table) for table in TABLES)

    def through(self, table: str) -> int:
        """Returns the record of the journal below which all the table's rows of this day are in its files."""
        files = self.files(table)
        return _through(files[-1]) if files else 0

    def write_part(self, table: str, rows: Table, through: int) -> Path:
        """Writes rows as the table's next part."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{table}.{through:0{_DIGITS}}{_SUFFIX}"
        self._write(path, table, iter([rows]), rows.schema, through, brief=True)
        return path

    def fold(self) -> None:
        """Makes one file of each table that has parts."""
        for table in TABLES:
            parts = self.parts(table)
            if not parts:
                continue
            files = self.files(table)
            through = _through(files[-1])
            schema = _common_schema([_PARQUET.read_schema(path) for path in files])
            self._write(self.folder / f"{table}{_SUFFIX}", table, _groups(files, schema), schema, through)
            for part in parts:
                part.unlink()
        _sync_directory(self.folder)

    def _write(
        self, path: Path, table: str, groups: Iterator[Table], schema: Any, through: int, *, brief: bool = False
    ) -> None:
        unfinished = path.with_name(path.name + _UNFINISHED)
        kept = schema.with_metadata({_THROUGH: str(through).encode()})
        with _PARQUET.ParquetWriter(unfinished, kept, **TABLES[table].packing(brief=brief)) as writer:
            for group in groups:
                writer.write_table(group.replace_schema_metadata(kept.metadata), row_group_size=_GROUP_ROWS)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        _put(unfinished, path)


def _groups(files: list[Path], schema: Any) -> Iterator[Table]:
    """Yields the rows of all files in tables of about a row group each."""
    waiting: list[Table] = []
    rows = 0
    for path in files:
        source = _PARQUET.ParquetFile(path)
        for group in range(source.num_row_groups):
            waiting.append(source.read_row_group(group, use_threads=False).cast(schema))
            rows += waiting[-1].num_rows
            if rows >= _GROUP_ROWS:
                yield _PA.concat_tables(waiting).unify_dictionaries().combine_chunks()
                waiting, rows = [], 0
    if waiting:
        yield _PA.concat_tables(waiting).unify_dictionaries().combine_chunks()


def _common_schema(schemas: list[Any]) -> Any:
    """The newest schema, with each decimal's places the most that any of them has: a desk's instruments may change."""
    fields: list[Any] = []
    for field in schemas[-1]:
        kind = field.type
        if _PA.types.is_decimal(kind):
            places = max(schema.field(field.name).type.scale for schema in schemas)
            kind = _PA.decimal128(18, places)
        fields.append(_PA.field(field.name, kind))
    return _PA.schema(fields)


def _through(path: Path) -> int:
    metadata = cast(dict[bytes, bytes], _PARQUET.read_schema(path).metadata or {})
    return int(metadata.get(_THROUGH, b"0"))


def _sequence(part: Path) -> int:
    return int(part.name.split(".")[1])


def _put(unfinished: Path, path: Path) -> None:
    unfinished.replace(path)
    _sync_directory(path.parent)


def _sync_directory(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
