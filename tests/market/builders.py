"""Small data files, written as their recorders write them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from quarterdeck.market import Events

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000  # 2023-11-14T22:14:00Z


def write(path: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    """Writes a table in the format that the path's name asks for."""
    frame = pl.DataFrame(dict(columns), strict=False)
    if path.name.endswith(".parquet"):
        frame.write_parquet(path)
    elif path.name.endswith(".jsonl"):
        frame.write_ndjson(path)
    else:
        frame.write_csv(path)
    return path


def bars(count: int, *, interval_ms: int = MINUTE_MS, price: float = 100.0) -> dict[str, list[object]]:
    """Bars whose price rises by 0.01 from one to the next."""
    opens = [round(price + 0.01 * index, 2) for index in range(count)]
    return {
        "ts": [START_MS + interval_ms * index for index in range(count)],
        "open": list(opens),
        "high": [round(value + 0.05, 2) for value in opens],
        "low": [round(value - 0.05, 2) for value in opens],
        "close": [round(value + 0.02, 2) for value in opens],
        "volume": [float(10 + index) for index in range(count)],
    }


def names(events: Events, name: str) -> list[int]:
    """Returns one field of all the events as plain numbers."""
    return [int(value) for value in np.asarray(events[name])]
