"""Reading a recorded day back, row group by row group, as plain arrays for each instrument."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from quarterdeck.capture.days import Day

__all__ = ["Group", "read_groups", "read_lines"]

_PARQUET: Final = cast(Any, parquet)
Numbers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one instrument, in order. Decimals are whole numbers of their last place, 0 where null."""

    label: str
    _table: Any

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def numbers(self, name: str) -> Numbers:
        """Returns a column of whole numbers, shape (rows,)."""
        return cast(Numbers, self._table.column(name).to_numpy())

    def figures(self, name: str) -> Numbers:
        """Returns a column of decimals, shape (rows,)."""
        column = self._table.column(name).combine_chunks()
        pairs = np.frombuffer(column.buffers()[1], np.int64)
        return np.where(column.is_valid().to_numpy(zero_copy_only=False), _low_words(pairs, column), 0)

    def is_word(self, name: str, word: str) -> NDArray[np.bool_]:
        """Returns where a column holds that word, shape (rows,)."""
        column = self._table.column(name).combine_chunks()
        known: list[str] = column.dictionary.to_pylist()
        code = known.index(word) if word in known else -1
        return cast(NDArray[np.bool_], column.indices.to_numpy() == code)

    def flags(self, name: str) -> NDArray[np.bool_]:
        """Returns a column of truths, shape (rows,)."""
        return cast(NDArray[np.bool_], self._table.column(name).to_numpy())


def _low_words(pairs: Numbers, column: Any) -> Numbers:
    return pairs[2 * column.offset :: 2][: len(column)]


def read_groups(day: Day, table: str) -> Iterator[Group]:
    """Yields the table's rows, those of each instrument of a row group together."""
    for path in day.files(table):
        source = _PARQUET.ParquetFile(path)
        for number in range(source.num_row_groups):
            rows = source.read_row_group(number, use_threads=False)
            symbol, venue = rows.column("symbol").combine_chunks(), rows.column("venue").combine_chunks()
            symbols, venues = symbol.dictionary.to_pylist(), venue.dictionary.to_pylist()
            codes = venue.indices.to_numpy().astype(np.int64) << 32 | symbol.indices.to_numpy()
            present = np.unique(codes)
            for code in present.tolist():
                mine = rows if len(present) == 1 else rows.filter(codes == code)
                yield Group(f"{symbols[code & 0xFFFFFFFF]}@{venues[code >> 32]}", mine)


def read_lines(day: Day) -> list[tuple[int, str, bool, str]]:
    """Returns when each venue's line came up or went down: time_ns, venue, up, why."""
    found: list[tuple[int, str, bool, str]] = []
    for path in day.files("connections"):
        rows: list[dict[str, Any]] = _PARQUET.read_table(path).to_pylist()
        found += [(row["time_ns"], row["venue"], row["up"], row["why"]) for row in rows]
    return found
