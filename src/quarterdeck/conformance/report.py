"""What a conformance run came to: a table for people, and a file that the gate before live reads.

The file lies in the desk's folder, data/conformance/VENUE.json, and is replaced by each run of that venue.
"""

import hashlib
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.conformance.outcome import Finding, Outcome
from quarterdeck.errors import DeskError

__all__ = ["Report", "adapter_hash", "kept_at", "line_of", "read_report", "timings", "write_report"]

_PACKAGE: Final = Path(__file__).resolve().parent.parent
_ROOMS: Final = ("venues", "conformance")
_NAME_WIDTH: Final = 30


@cache
def adapter_hash() -> str:
    """Returns 16 hex digits over the sources of all adapters and scenarios: a run proves no other code."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((_PACKAGE / room).glob("**/*.py")):
            digest.update(path.relative_to(_PACKAGE).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `date` is UTC, RFC 3339; `time_ns` the same in nanoseconds; timings in milliseconds, by request."""

    desk: str
    venue: str
    kind: str
    address: str
    instrument: str
    date: str
    time_ns: int
    version: str = version("quarterdeck")
    source: str = ""
    adapter: str = ""
    twin: bool = False
    scenarios: tuple[Finding, ...] = ()
    timings_ms: dict[str, dict[str, float]] = {}

    @property
    def passed(self) -> bool:
        """Whether every scenario passed or does not apply, and one at least passed."""
        outcomes = {one.outcome for one in self.scenarios}
        return Outcome.PASSED in outcomes and not outcomes & {Outcome.FAILED, Outcome.NOT_RUN}

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**msgspec.to_builtins(self), "passed": self.passed}

    def lines(self) -> list[str]:
        """For people."""
        return [*map(line_of, self.scenarios), "", *self.summary()]

    def summary(self) -> list[str]:
        """What stands under the table."""
        counts = Counter(one.outcome for one in self.scenarios)
        said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
        asked = ", ".join(
            f"{name} {one['p50']:.1f} (at most {one['most']:.1f})" for name, one in self.timings_ms.items()
        )
        where = f"{self.venue} ({self.kind} at {self.address}), {self.instrument}"
        return [f"{'PASSED' if self.passed else 'FAILED'}  {where}: {said}", f"ms to an answer, median: {asked}"]


def line_of(finding: Finding) -> str:
    """One row of the table."""
    return f"{finding.name:<{_NAME_WIDTH}}{finding.outcome:<16}{finding.took_ms:>7} ms  {finding.why}"


def timings(took_ms: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Returns count, median and most of each request's times."""
    return {
        name: {"count": len(all_), "p50": round(statistics.median(all_), 3), "most": round(max(all_), 3)}
        for name, all_ in sorted(took_ms.items())
    }


def kept_at(data: Path, venue: str) -> Path:
    """Where a venue's report is kept below a desk's `data`."""
    return data / "conformance" / f"{venue}.json"


def write_report(path: Path, report: Report) -> None:
    """Keeps a report, in place of the one before. DeskError: it could not be written."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(report.as_dict()), indent=2) + b"\n")
        unfinished.replace(path)
    except OSError as error:
        raise DeskError(f"the conformance report could not be kept at {path}: {error}") from error


def read_report(path: Path) -> Report | None:
    """Returns a venue's report; None where there is none that can be read: it is as if none had been made."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
