"""What is wrong with a data file: everything is counted, with the first row named, and nothing is repaired.

A finding either left rows out (`refused`: such a row became no event) or only tells (`reported`). Rows count from 1 for
the first data row of the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["FileQuality", "Finding", "Inspection", "Quality"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: how often, where first, whether those rows were left out, and a sentence."""

    name: str
    count: int
    first_row: int | None
    refused: bool
    detail: str = ""

    def as_dict(self) -> dict[str, object]:
        return {
            "name": self.name,
            "count": self.count,
            "first_row": self.first_row,
            "refused": self.refused,
            "detail": self.detail,
        }

    def line(self) -> str:
        where = "" if self.first_row is None else f", first at row {self.first_row:,}"
        detail = f": {self.detail}" if self.detail else ""
        return f"{'refused' if self.refused else 'reported'} {self.name} x{self.count:,}{where}{detail}"


@dataclass(slots=True)
class Inspection:
    """The state of an inspection: which rows are refused so far, and what was found. `bad` has shape (rows,)."""

    rows: int
    bad: NDArray[np.bool_] = field(init=False)
    findings: list[Finding] = field(default_factory=list[Finding])
    facts: dict[str, object] = field(default_factory=dict[str, object])

    def __post_init__(self) -> None:
        self.bad = np.zeros(self.rows, np.bool_)

    def refuse(self, name: str, mask: NDArray[np.bool_], detail: str = "") -> None:
        """Leaves the rows of `mask` out. A row may be counted under several names."""
        self._add(name, mask, True, detail)
        self.bad |= mask

    def report(self, name: str, mask: NDArray[np.bool_], detail: str = "") -> None:
        """Counts the rows of `mask`; they stay."""
        self._add(name, mask, False, detail)

    def note(self, name: str, count: int, detail: str, first_row: int | None = None, *, refused: bool = False) -> None:
        """Adds a finding that is not a mask over rows."""
        if count:
            self.findings.append(Finding(name, count, first_row, refused, detail))

    def _add(self, name: str, mask: NDArray[np.bool_], refused: bool, detail: str) -> None:
        count = int(np.count_nonzero(mask))
        if count:
            self.findings.append(Finding(name, count, int(np.argmax(mask)) + 1, refused, detail))


@dataclass(frozen=True, slots=True)
class FileQuality:
    """One file: its rows, those refused, the events it became, what was found, and figures (`facts`)."""

    file: str
    kind: str
    rows: int
    rows_refused: int
    events: int
    findings: tuple[Finding, ...]
    facts: dict[str, object]

    def as_dict(self) -> dict[str, object]:
        return {
            "file": self.file,
            "kind": self.kind,
            "rows": self.rows,
            "rows_refused": self.rows_refused,
            "events": self.events,
            "findings": [finding.as_dict() for finding in self.findings],
            "facts": dict(self.facts),
        }

    def lines(self) -> Iterator[str]:
        yield f"{self.file}: {self.kind}, {self.rows:,} rows, {self.rows_refused:,} refused, {self.events:,} events"
        for name, value in self.facts.items():
            yield f"  {name}: {value}"
        for finding in self.findings:
            yield f"  {finding.line()}"


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality of everything that was loaded, file by file."""

    files: tuple[FileQuality, ...]

    @property
    def rows_refused(self) -> int:
        """How many rows became no event."""
        return sum(file.rows_refused for file in self.files)

    def count(self, name: str) -> int:
        """Returns how often `name` was found, over all files; 0 when it was not."""
        return sum(finding.count for file in self.files for finding in file.findings if finding.name == name)

    def as_dict(self) -> dict[str, object]:
        """Returns plain types only, for JSON."""
        return {"rows_refused": self.rows_refused, "files": [file.as_dict() for file in self.files]}

    def lines(self) -> list[str]:
        """Returns the report for people."""
        return [line for file in self.files for line in file.lines()]
