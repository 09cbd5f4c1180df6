"""Arrays of 64-byte events, handled as rows of eight words: numpy would copy overlapping fields one by one."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind

__all__ = ["Events", "blank_events", "insert_events", "join_events", "merge_events", "take_events"]

Events = NDArray[np.void]

_WORDS: Final = EVENT.itemsize // 8


def _words(events: Events) -> NDArray[np.int64]:
    return np.ascontiguousarray(events).view(np.int64).reshape(-1, _WORDS)


def _events(words: NDArray[np.int64]) -> Events:
    return np.ascontiguousarray(words).reshape(-1).view(EVENT)


def blank_events(count: int, kind: EventKind, instrument: int = 0) -> Events:
    """Returns `count` events of one kind and instrument with all else zero. Shape (count,), dtype EVENT."""
    events = _events(np.zeros((count, _WORDS), np.int64))
    events["kind"] = int(kind)
    events["instrument"] = instrument
    return events


def take_events(events: Events, index: NDArray[np.intp] | NDArray[np.int64] | NDArray[np.bool_]) -> Events:
    """Returns the events at `index` (positions or a mask) as a new array."""
    return _events(_words(events)[index])


def join_events(parts: Sequence[Events]) -> Events:
    """Returns the parts one after another."""
    return _events(np.concatenate([_words(part) for part in parts]))


def insert_events(events: Events, positions: NDArray[np.int64], inserted: Events) -> Events:
    """Returns `events` with `inserted[k]` put before the event that stood at `positions[k]` (as numpy.insert)."""
    return _events(np.insert(_words(events), positions, _words(inserted), axis=0))


def merge_events(parts: Sequence[Events], keys: Sequence[NDArray[np.int64]] | None = None) -> Events:
    """Returns one stream, ordered by `keys` (default: the receive time); at equal keys the earlier part comes first."""
    if len(parts) == 1:
        return parts[0]
    if keys is None:
        keys = [part["time_ns"] for part in parts]
    order = np.argsort(np.concatenate(list(keys)), kind="stable")
    return take_events(join_events(parts), order)
