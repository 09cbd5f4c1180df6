"""Reading a data file into a table: Parquet, CSV (plain, .gz, .zst) and JSON lines. Nothing is interpreted here."""

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import polars as pl
import pyarrow as pa
from pyarrow import parquet

from quarterdeck.errors import DataError

__all__ = ["FORMATS", "Table", "data_files", "read_table"]

_parquet_file = cast(Any, parquet.ParquetFile)
_ARROW_ERROR = cast(type[Exception], cast(Any, pa).ArrowException)

FORMATS: Final = (".parquet", ".csv", ".csv.gz", ".csv.zst", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


@dataclass(frozen=True, slots=True)
class Table:
    """A file as it was read: its path as given, the digest of its bytes, and its columns."""

    path: Path
    sha256: str
    frame: pl.DataFrame

    @property
    def file(self) -> str:
        return str(self.path)

    @property
    def stem(self) -> str:
        """The file's name without folder and format."""
        return self.path.name.removesuffix(_format(self.path))


def _format(path: Path) -> str:
    """Returns the longest known ending of the name, or ''."""
    name = path.name.lower()
    return max((ending for ending in FORMATS if name.endswith(ending)), key=len, default="")


def data_files(path: Path) -> list[Path]:
    """Returns the file, or the data files of the directory in the order of their names. Raises DataError."""
    if path.is_dir():
        found = sorted(item for item in path.iterdir() if item.is_file() and _format(item))
        if not found:
            raise DataError(str(path), f"holds no data file: {', '.join(FORMATS)} are read")
        return found
    if not path.exists():
        raise DataError(str(path), "does not exist: check the path")
    if not _format(path):
        raise DataError(str(path), f"is of no known format: {', '.join(FORMATS)} are read")
    return [path]


def read_table(path: Path) -> Table:
    """Reads one file whole. Raises DataError, with the row where one can be named, when it cannot be read or is empty.

    Text values of CSV stay text: they become numbers where their column's meaning is known, so that a value which is
    not a number costs its row and not the file.
    """
    ending = _format(path)
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        if path.stat().st_size == 0:
            raise DataError(str(path), "is empty: a data file has a header and rows")
        frame = _read_frame(path, ending)
    except OSError as error:
        raise DataError(str(path), f"cannot be read: {error.strerror or error}") from error
    if frame.height == 0:
        raise DataError(str(path), "has no rows: there is nothing to trade on")
    return Table(path, sha256, frame)


def _read_frame(path: Path, ending: str) -> pl.DataFrame:
    if ending == ".parquet":
        return _read_parquet(path)
    if ending.startswith(".csv"):
        return _read_csv(path)
    return _read_json_lines(path, ending)


def _read_parquet(path: Path) -> pl.DataFrame:
    # pyarrow says what is wrong with a damaged file where polars panics; so names and values are checked before polars.
    try:
        table = _parquet_file(path).read()
        table.validate(full=True)
        columns = dict(zip(table.schema.names, table.columns, strict=True))
        return pl.DataFrame({name: pl.Series(name, column) for name, column in columns.items()})
    except (_ARROW_ERROR, pl.exceptions.PolarsError, OSError, ValueError) as error:
        problem = f"is not a whole Parquet file ({_brief(error)}): fetch or write it anew"
        raise DataError(str(path), problem) from error


def _read_csv(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError, EOFError) as error:
        row = _ragged_row(path)
        if row is not None:
            raise DataError(str(path), "has more fields than the header: repair or remove the line", row) from error
        raise DataError(str(path), f"is not a whole CSV file ({_brief(error)}): fetch or write it anew") from error
    if all(_is_number(name) for name in frame.columns):
        raise DataError(str(path), "has no header line: put one with the names of the columns before the first row")
    return frame


def _read_json_lines(path: Path, ending: str) -> pl.DataFrame:
    try:
        data = gzip.decompress(path.read_bytes()) if ending.endswith(".gz") else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(str(path), f"is not a whole gzip file ({_brief(error)}): fetch or write it anew") from error
    try:
        return pl.read_ndjson(data, infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            str(path),
            f"is not JSON lines ({_brief(error)}): one object with the same keys on each line",
            _bad_line(data),
        ) from error


def _bad_line(data: bytes) -> int | None:
    """Returns the first line that is no JSON object, counted from 1; None when each of them is one."""
    decoder = msgspec.json.Decoder(dict[str, object])
    for number, line in enumerate(data.splitlines(), 1):
        try:
            decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return number
    return None


def _ragged_row(path: Path) -> int | None:
    """Returns the first data row with more fields than the header, or None. Only plain files are looked into."""
    if _format(path) != ".csv":
        return None
    with path.open("rb") as stream:
        fields = next(stream).count(b",")
        return next((row for row, line in enumerate(stream, 1) if line.count(b",") > fields), None)


def _is_number(text: str) -> bool:
    try:
        float(text.removesuffix("_duplicated_0"))
    except ValueError:
        return False
    return True


def _brief(error: BaseException) -> str:
    lines: Sequence[str] = str(error).strip().splitlines()
    return lines[0][:120] if lines else type(error).__name__
