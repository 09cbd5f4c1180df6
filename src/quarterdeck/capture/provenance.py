"""Where a recorded day comes from: the record beside its files, and the quality report as JSON and as text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from pyarrow import parquet

from quarterdeck.capture.catalogue import Catalogue
from quarterdeck.capture.columns import TABLES
from quarterdeck.capture.days import Day, replace_file, sha256_of
from quarterdeck.capture.gaps import Gap, Span, find_gaps
from quarterdeck.capture.quality import inspect_day
from quarterdeck.capture.reading import read_lines
from quarterdeck.capture.sessions import Recording
from quarterdeck.journal import rfc3339
from quarterdeck.market.quality import Quality
from quarterdeck.market.times import parse_time

__all__ = ["PROVENANCE_FILE", "QUALITY_FILE", "finish_day"]

PROVENANCE_FILE: Final = "provenance.json"
QUALITY_FILE: Final = "quality"
_DAY_NS: Final = 86_400 * 1_000_000_000
_PARQUET: Final = cast(Any, parquet)


def finish_day(day: Day, recordings: Sequence[Recording], now_ns: int, journal: Path) -> Quality:
    """Folds a day's parts, and writes its provenance and its quality, which it returns.

    `recordings` are all of the capture's, `now_ns` the end of one that goes on. It may be done again: a day that goes
    on is folded each time that a recording ends. OSError: the disk took no more; the parts are there still.
    """
    day.fold()
    begin_ns = parse_time(f"{day.name}T00:00:00Z")
    end_ns = begin_ns + _DAY_NS
    here = [one for one in recordings if one.began.began_ns < end_ns and _end_ns(one, now_ns) > begin_ns]
    catalogue = here[-1].began.catalogue if here else Catalogue(venues=(), instruments=())
    gaps = _gaps(day, recordings, catalogue, begin_ns, min(end_ns, now_ns))
    quality = inspect_day(day, catalogue, gaps)
    _write_json(day.folder / f"{QUALITY_FILE}.json", quality.as_dict())
    replace_file(day.folder / f"{QUALITY_FILE}.txt", ("\n".join(quality.lines()) + "\n").encode())
    record = _record(day, here, catalogue, gaps, quality)
    record["journal"] = str(journal.relative_to(day.folder.parent))
    _write_json(day.folder / PROVENANCE_FILE, record)
    return quality


def _record(
    day: Day, recordings: Sequence[Recording], catalogue: Catalogue, gaps: Sequence[Gap], quality: Quality
) -> dict[str, Any]:
    files = {path.name: _file(path) for table in TABLES for path in day.files(table)}
    counts: dict[str, dict[str, int]] = {}
    for one in quality.files:
        if one.kind in TABLES:
            counts.setdefault(one.kind, {})[one.file] = one.rows
    return {
        "day": day.name,
        "desk": recordings[-1].began.desk if recordings else "",
        "venues": catalogue.venues,
        "instruments": catalogue.instruments,
        "recordings": [_recording(one) for one in recordings],
        "counts": counts,
        "files": files,
        "gaps": [gap.as_dict() for gap in gaps],
    }


def _recording(one: Recording) -> dict[str, Any]:
    ended = one.ended
    return {
        "began": rfc3339(one.began.began_ns),
        "ended": None if ended is None else rfc3339(ended.ended_ns),
        "died": ended is not None and ended.died,
        "version": one.began.version,
        "source_hash": one.began.source_hash,
        "first_sequence": one.began.first_sequence,
        "next_sequence": None if ended is None else ended.next_sequence,
    }


def _file(path: Path) -> dict[str, Any]:
    rows = int(_PARQUET.read_metadata(path).num_rows)
    return {"sha256": sha256_of(path), "bytes": path.stat().st_size, "rows": rows}


def _gaps(day: Day, recordings: Sequence[Recording], catalogue: Catalogue, begin_ns: int, end_ns: int) -> list[Gap]:
    """The gaps of every venue that streamed anything. A line that was up at midnight came up on an earlier day."""
    spans = [Span(one.began.began_ns, _end_ns(one, end_ns)) for one in recordings]
    earlier = [Day(day.folder.parent, name) for name in _days_before(day, spans, begin_ns)]
    lines = [line for one in (*earlier, day) for line in read_lines(one)]
    found: list[Gap] = []
    for venue in catalogue.venues:
        own = [(time_ns, up, why) for time_ns, name, up, why in lines if name == venue.name]
        if own:
            found += find_gaps(venue.name, own, spans, begin_ns, end_ns)
    return found


def _days_before(day: Day, spans: Sequence[Span], begin_ns: int) -> list[str]:
    """The days before this one that have anything of a recording that reached it."""
    since_ns = min([span.since_ns for span in spans if span.until_ns >= begin_ns], default=begin_ns)
    first = rfc3339(since_ns)[:10]
    names = (path.name for path in day.folder.parent.iterdir() if path.is_dir())
    return sorted(name for name in names if first <= name < day.name)


def _end_ns(one: Recording, now_ns: int) -> int:
    return now_ns if one.ended is None else one.ended.ended_ns


def _write_json(path: Path, value: object) -> None:
    replace_file(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
