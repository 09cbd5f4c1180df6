"""What a desk's logs say of a time: each line with the journal's sequence number that it tells of.

Rolled and packed logs are read too; one that is encrypted needs the identity that opens it (QUARTERDECK_AGE_IDENTITY).
What cannot be read is named as a gap, and is no empty time.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.backup.envelope import unwrap
from quarterdeck.config.secrets import identities
from quarterdeck.errors import QuarterdeckError
from quarterdeck.ops.incidents.model import Entry

__all__ = ["ENTRIES_MAX", "log_timeline"]

ENTRIES_MAX: Final = 500
"""Lines that are shown; the first and the last ones, and how many there were between them."""
_SECOND_NS: Final = 1_000_000_000
_ROLLED: Final = re.compile(r"(?P<log>[\w-]+)\.(?P<at>\d{8}T\d{6}Z)(?:-\d+)?\.log(?P<packed>\.zst(?:\.age)?)?")
_TRADING: Final = frozenset(
    {"ORDER_FILLED", "ORDER_REJECTED", "ORDER_UNKNOWN", "ORDER_NOT_FOUND", "RISK_BLOCK", "FUNDING_PAYMENT"}
)
_QUIET: Final = frozenset({"RECONCILED"})
_HIDDEN: Final = frozenset({"event", "time", "logged", "level", "desk", "sequence", "command_sequence"})
_CHUNK: Final = 1 << 16


def log_timeline(folder: Path, begin_ns: int, end_ns: int) -> list[Entry]:
    """Returns what the logs in a folder say of [begin, end), by this machine's clock, oldest first.

    Of system.log everything, of trading.log fills, rejections, refusals. More than ENTRIES_MAX are cut in the middle.
    """
    found: list[Entry] = []
    left_out = 0
    half = ENTRIES_MAX // 2
    for log in ("system", "trading"):
        kept: list[Entry] = []
        for entry in _entries(folder, log, begin_ns, end_ns):
            kept.append(entry)
            if len(kept) > ENTRIES_MAX:
                del kept[half]
                left_out += 1
        found += kept
    found.sort(key=lambda one: (one.time_ns, one.sequence or 0))
    if left_out:
        said = f"{left_out} more lines are in the logs between the first and the last ones shown"
        found.append(Entry(time_ns=end_ns, source="log", what="LEFT_OUT", text=said))
    return found


def _entries(folder: Path, log: str, begin_ns: int, end_ns: int) -> Iterator[Entry]:
    for path, rolled_ns in _files(folder, log):
        if rolled_ns is not None and rolled_ns < begin_ns:
            continue
        try:
            for line in _lines(path, begin_ns):
                time_ns = _time_of(line)
                if time_ns is None or time_ns < begin_ns:
                    continue
                if time_ns >= end_ns:
                    return
                if _wanted(log, line):
                    yield _entry(line, time_ns)
        except (QuarterdeckError, OSError) as error:
            said = f"{path.name} could not be read: {error}"
            yield Entry(time_ns=begin_ns if rolled_ns is None else rolled_ns, source="log", what="GAP", text=said)


def _files(folder: Path, log: str) -> list[tuple[Path, int | None]]:
    """A log's files, oldest first, with the time at which each was rolled; the one that is written now is the last."""
    if not folder.is_dir():
        return []
    rolled: list[tuple[Path, int | None]] = []
    for path in sorted(folder.iterdir()):
        found = _ROLLED.fullmatch(path.name)
        if found is not None and found["log"] == log:
            moment = datetime.strptime(found["at"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            rolled.append((path, int(moment.timestamp()) * _SECOND_NS))
    live = folder / f"{log}.log"
    return [*sorted(rolled, key=lambda one: (one[1] or 0, one[0].name)), *([(live, None)] if live.is_file() else [])]


def _lines(path: Path, begin_ns: int) -> Iterator[Mapping[str, Any]]:
    """Yields a file's lines that are JSON objects, from about a time on."""
    if path.suffix in {".zst", ".age"}:
        parts: list[bytes] = []
        sealed = path.suffix == ".age"
        unwrap(memoryview(path.read_bytes()), sealed, identities() if sealed else [], parts.append, path.name)
        yield from _decoded(b"".join(parts).splitlines())
        return
    with path.open("rb") as file:
        file.seek(_place(path, begin_ns))
        yield from _decoded(file)


def _place(path: Path, begin_ns: int) -> int:
    """An offset at a line's begin before which every line is older: found by halving, for logs of any length."""
    low, high = 0, path.stat().st_size
    with path.open("rb") as file:
        while high - low > _CHUNK:
            middle = (low + high) // 2
            file.seek(middle)
            file.readline()
            line = next(_decoded([file.readline()]), None)
            time_ns = None if line is None else _time_of(line)
            if time_ns is not None and time_ns < begin_ns:
                low = middle
            else:
                high = middle
        file.seek(low)
        if low:
            file.readline()
        return file.tell()


def _decoded(lines: Any) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.MsgspecError:
            continue  # half a line: a process died while it wrote


def _time_of(line: Mapping[str, Any]) -> int | None:
    """When a line was written, by this machine's clock."""
    try:
        moment = datetime.fromisoformat(str(line.get("logged", "")))
    except ValueError:
        return None
    return int(moment.timestamp() * 1_000_000) * 1000 if moment.tzinfo is not None else None


def _wanted(log: str, line: Mapping[str, Any]) -> bool:
    event = line.get("event")
    return event in _TRADING if log == "trading" else event not in _QUIET


def _entry(line: Mapping[str, Any], time_ns: int) -> Entry:
    sequence = line.get("sequence", line.get("command_sequence"))
    words = [
        f"{name} {_plain(value)}" for name, value in line.items() if name not in _HIDDEN and value not in (None, "")
    ]
    return Entry(
        time_ns=time_ns,
        source="log",
        what=str(line.get("event", "")),
        text=", ".join(words),
        person=str(line.get("person") or ""),
        sequence=sequence if isinstance(sequence, int) else None,
    )


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
