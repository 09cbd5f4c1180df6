"""Desks and small data files for backtests."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.journal import JournalOptions, JournalReader, JournalWriter
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.research import BacktestResult, DataRequest, choose_strategies, fit_desk, run_backtest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DESK = REPOSITORY / "desks" / "xrpliquid"
MINUTE_MS = 60_000
START_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z

Columns = dict[str, list[object]]


def write(path: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    """Writes a table in the format that the path's name asks for."""
    frame = pl.DataFrame(dict(columns), strict=False)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path)
    return path


def wandering_bars(count: int, seed: int = 1, *, minutes: int = 5) -> Columns:
    """Bars of a price that wanders around 0.6 in steps of 0.0001, each opening where the one before closed."""
    source = random.Random(seed)
    ticks, rows = 6000, []
    for index in range(count):
        path = [ticks]
        for _ in range(4):
            path.append(max(1000, path[-1] + source.randint(-12, 12)))
        ticks = path[-1]
        rows.append((START_MS + minutes * MINUTE_MS * index, path[0], max(path), min(path), path[-1]))
    columns: Columns = {"ts": [row[0] for row in rows]}
    for place, name in enumerate(("open", "high", "low", "close"), 1):
        columns[name] = [row[place] / 10_000 for row in rows]
    columns["volume"] = [source.randint(1000, 90_000) for _ in rows]
    return columns


def desk(*strategies: str) -> DeskConfig:
    """The xrpliquid desk, with all its strategies or those named."""
    return choose_strategies(load_desk(DESK), strategies)


def run(path: Path, *strategies: str, journal: Path | None = None, **request: object) -> BacktestResult:
    """Runs the xrpliquid desk on one file."""
    fitted = fit_desk(desk(*strategies), DataRequest(paths=(path,), **request))  # type: ignore[arg-type] # any field
    if journal is None:
        return run_backtest(fitted)
    options = JournalOptions(fsync="os", reserve_bytes=0, block_records=512)
    with JournalWriter(journal, fitted.config.desk.name, options, clock=lambda: 1) as writer:
        return run_backtest(fitted, journal=writer)


def records(journal: Path) -> list[np.void]:
    """Returns every record of a journal that the kernel consumed, in order."""
    return [row for block in JournalReader(journal).blocks() for row in block.records if row["kind"] < EventKind.SEAL]
