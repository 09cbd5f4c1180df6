"""Share splits: those that are given become SPLIT events; jumps that look like one are reported, never repaired."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market.events import Events, blank_events, insert_events
from quarterdeck.market.quality import Inspection
from quarterdeck.market.times import format_time, parse_time

__all__ = ["Split", "insert_splits", "read_splits", "report_suspected_splits"]

_RATIO_MAX: Final = 1000
_TOLERANCE: Final = 0.03  # a session's own move on top of the ratio
_JUMP: Final = 0.3  # a log return; 3:2 is 0.41
_SESSION_NS: Final = 4 * 3600 * 1_000_000_000
# 5:4 and 4:3 are left out: ordinary nights of a volatile share fit them as often as splits do.
_SHARES: Final = (*((number, 1) for number in range(2, 21)), (3, 2), (5, 2))


@dataclass(frozen=True, slots=True)
class Split:
    """From `time_ns` on, `numerator` new shares stand for `denominator` old ones (7 for 1: 7, 1)."""

    time_ns: int
    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        for name in ("numerator", "denominator"):
            if not 1 <= getattr(self, name) <= _RATIO_MAX:
                raise ConfigError("splits", name, getattr(self, name), f"1 to {_RATIO_MAX}")


def read_splits(splits: Sequence[Split | tuple[int | str | datetime, int, int]]) -> tuple[Split, ...]:
    """Returns the splits in order of time. Times are nanoseconds, RFC 3339 or aware datetimes. Raises ConfigError."""
    made: list[Split] = []
    for split in splits:
        if isinstance(split, Split):
            made.append(split)
            continue
        time, numerator, denominator = split
        try:
            made.append(Split(parse_time(time), numerator, denominator))
        except ValueError as error:
            raise ConfigError("splits", "time", str(time), f"a UTC time: {error}") from error
    return tuple(sorted(made, key=lambda split: split.time_ns))


def insert_splits(events: Events, splits: Sequence[Split], instrument: int) -> Events:
    """Returns the events with a SPLIT before the first one that began at or after each split's time.

    A bar began at its open, anything else when it happened. A split outside the events' span is left out.
    """
    if not splits or not len(events):
        return events
    begun = np.where(events["kind"] == int(EventKind.BAR), events["venue_time_ns"], events["time_ns"])
    inside = [split for split in splits if begun[0] < split.time_ns <= begun[-1]]
    positions = np.array([int(np.argmax(begun >= split.time_ns)) for split in inside], np.int64)
    made = blank_events(len(inside), EventKind.SPLIT, instrument)
    for index, split in enumerate(inside):
        made[index]["venue_time_ns"] = split.time_ns
        made[index]["time_ns"] = max(split.time_ns, int(events["time_ns"][positions[index] - 1]))
        made[index]["numerator"], made[index]["denominator"] = split.numerator, split.denominator
    return insert_events(events, positions, made)


def report_suspected_splits(
    inspection: Inspection,
    rows: NDArray[np.intp],
    time_ns: NDArray[np.int64],
    opens: NDArray[np.int64],
    closes: NDArray[np.int64],
    splits: Sequence[Split],
) -> None:
    """Reports each jump across a session break (4 hours) that is a small ratio of shares within 3%.

    Compared are the close before the break and the open after it; where sessions have many rows also the close of the
    first, since on a split day that row may open on an old print. `rows` are the positions of the good rows, the
    others have their shape.
    """
    if len(rows) < 2:
        return
    waits = np.diff(time_ns)
    before = closes[:-1].astype(np.float64)
    candidates = [before / opens[1:]]
    if np.median(waits) < _SESSION_NS:
        candidates.append(before / closes[1:])
    jumped = np.any(np.abs(np.log(candidates)) > _JUMP, axis=0)
    for at in np.flatnonzero(jumped & (waits >= _SESSION_NS)):
        if any(time_ns[at] < split.time_ns <= time_ns[at + 1] for split in splits):
            continue
        for fall in candidates:
            shares = _ratio(float(fall[at]))
            if shares is not None:
                _report(inspection, int(rows[at + 1]) + 1, int(time_ns[at + 1]), float(fall[at]), shares)
                break


def _report(inspection: Inspection, row: int, time_ns: int, fall: float, shares: tuple[int, int]) -> None:
    when = format_time(time_ns)
    detail = (
        f"{shares[0]}:{shares[1]} before {when}: the price went to {1 / fall:.4f} of what it was; "
        f"if shares were split, give splits = [({when!r}, {shares[0]}, {shares[1]})]; nothing was changed"
    )
    inspection.note("suspected_split", 1, detail, row)


def _ratio(fall: float) -> tuple[int, int] | None:
    """Returns (new, old) shares whose ratio is within the tolerance of the fall in price."""
    for new, old in _SHARES:
        if abs(fall * old / new - 1) <= _TOLERANCE:
            return new, old
        if abs(fall * new / old - 1) <= _TOLERANCE:
            return old, new
    return None
