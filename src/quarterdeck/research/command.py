"""`quarterdeck backtest`: a desk on recorded data, its figures and its page."""

import os
import shutil
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from quarterdeck.config import load_desk
from quarterdeck.errors import ConfigError
from quarterdeck.journal import JournalOptions, JournalWriter
from quarterdeck.market import Split
from quarterdeck.market.times import parse_time
from quarterdeck.research.backtest import run_backtest
from quarterdeck.research.fitting import DataRequest, FittedDesk, choose_strategies, fit_desk
from quarterdeck.research.page import render_page
from quarterdeck.research.result import BacktestResult, money_text

__all__ = ["BACKTESTS", "BacktestOptions", "backtest_command", "parse_columns", "parse_splits"]

BACKTESTS: Final = Path("reports", "backtests")  # of a desk


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestOptions:
    """What the command line says, as texts. `out` is the folder that the result's own folder is made in."""

    desk: str
    data: Sequence[str]
    json: bool = False
    out: str | None = None
    instrument: str | None = None
    columns: str | None = None
    column: str | None = None
    timezone: str | None = None
    tick: str | None = None
    lot: str | None = None
    round_prices: bool = False
    skip_bad_rows: bool = False
    splits: Sequence[str] = ()
    begin: str | None = None
    end: str | None = None
    journal: bool = True
    strategies: Sequence[str] = ()


def backtest_command(options: BacktestOptions) -> Path:
    """Runs a backtest, writes its folder and says what came out; returns the folder.

    Nothing is written before the data has proved usable, and a run that fails leaves nothing behind. With `json` one
    object is all that goes to standard output. Raises ConfigError and DataError (exit 2), StrategyError, JournalFull.
    """
    config = choose_strategies(load_desk(options.desk), options.strategies)
    request = _request(options)
    began = time.perf_counter()
    fitted = fit_desk(config, request)
    load_seconds = time.perf_counter() - began
    parent = config.folder / BACKTESTS if options.out is None else Path(options.out)
    with _scratch(parent) as scratch:
        result = _run(fitted, scratch if options.journal else None, load_seconds)
        folder = _free_folder(parent, result)
        journal = str(folder / "journal") if options.journal else None
        figures = msgspec.json.encode(result.as_dict(journal))
        (scratch / "result.json").write_bytes(msgspec.json.format(figures, indent=2) + b"\n")
        (scratch / "page.html").write_text(render_page(result), encoding="utf-8")
        scratch.rename(folder)
    if options.json:
        sys.stdout.write(figures.decode() + "\n")
    else:
        _print(result, folder)
    return folder


def parse_columns(text: str | None) -> dict[str, str] | None:
    """Reads "role=column,role=column". Raises ConfigError."""
    if text is None:
        return None
    pairs = [pair.partition("=") for pair in text.split(",")]
    for role, equals, column in pairs:
        if not (role and equals and column):
            raise ConfigError("command", "columns", text, "role=column, several joined by commas")
    return {role.strip(): column.strip() for role, _, column in pairs}


def parse_splits(texts: Sequence[str]) -> tuple[Split, ...]:
    """Reads "TIME=NEW:OLD" each, such as 2014-06-09T00:00:00-04:00=7:1. Raises ConfigError."""
    return tuple(_split(text) for text in texts)


def _split(text: str) -> Split:
    moment, _, ratio = text.rpartition("=")
    new, _, old = ratio.partition(":")
    if not (moment and new.isdecimal() and old.isdecimal()):
        raise ConfigError("command", "split", text, "TIME=NEW:OLD, such as 2014-06-09T00:00:00-04:00=7:1")
    return Split(_time("split", moment), int(new), int(old))


def _time(key: str, text: str) -> int:
    """Nanoseconds of an RFC 3339 time. A date alone is its midnight in UTC; a time of day without a zone is refused."""
    try:
        return parse_time(f"{text}T00:00:00+00:00" if len(text) == 10 else text)
    except ValueError as error:
        allowed = "a date, or a time with its zone as in 2014-06-09T09:30:00-04:00"
        raise ConfigError("command", key, text, allowed) from error


def _request(options: BacktestOptions) -> DataRequest:
    return DataRequest(
        paths=tuple(map(Path, options.data)),
        instrument=options.instrument,
        columns=parse_columns(options.columns),
        column=options.column,
        timezone=options.timezone,
        tick=options.tick,
        lot=options.lot,
        off_grid="round" if options.round_prices else "refuse",
        skip_bad_rows=options.skip_bad_rows,
        splits=parse_splits(options.splits),
        begin_ns=None if options.begin is None else _time("from", options.begin),
        end_ns=None if options.end is None else _time("to", options.end),
    )


def _run(fitted: FittedDesk, folder: Path | None, load_seconds: float) -> BacktestResult:
    with _bar(len(fitted.data.events)) as progress:
        if folder is None:
            return run_backtest(fitted, progress=progress, load_seconds=load_seconds)
        settings = fitted.config.journal
        options = JournalOptions(settings.segment_records, settings.block_records, fsync="os", reserve_bytes=0)
        # The journal's own time is the data's: the same run writes the same bytes.
        start = int(fitted.data.events["time_ns"][0])
        with JournalWriter(folder / "journal", fitted.config.desk.name, options, clock=lambda: start) as journal:
            return run_backtest(fitted, journal=journal, progress=progress, load_seconds=load_seconds)


@contextmanager
def _bar(events: int) -> Generator["_Bar | None"]:
    """A progress bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("backtest"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress, events)


class _Bar:
    """Moves a progress bar, at most ten times a second."""

    def __init__(self, progress: Progress, events: int) -> None:
        self._progress = progress
        self._task = progress.add_task("backtest", total=events)
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + 0.1
            self._progress.update(self._task, completed=done)


@contextmanager
def _scratch(parent: Path) -> Generator[Path]:
    """A folder beside where the result will stand; when the run fails it is gone, and so are folders made for it."""
    made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    scratch = parent / f".unfinished-{os.getpid()}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        scratch.mkdir()
    except OSError as error:
        raise ConfigError("command", "out", str(parent), f"a folder to write in ({error.strerror})") from error
    try:
        yield scratch
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        for folder in made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise


def _free_folder(parent: Path, result: BacktestResult) -> Path:
    """The folder of a result: when it was made (UTC), and the digest's first 8 digits."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{result.digest[:8]}"
    folder, count = parent / name, 1
    while folder.exists():
        count += 1
        folder = parent / f"{name}-{count}"
    return folder


def _print(result: BacktestResult, folder: Path) -> None:
    gain = "n/a" if result.return_pct is None else f"{result.return_pct:+.2f}%"
    sharpe = "n/a" if result.sharpe.value is None else f"{result.sharpe.value:.2f}"
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = [
        ("desk", f"{result.desk} on {result.instrument.symbol}"),
        ("events", f"{result.events:,} {result.data.kind}, {result.seconds:.2f} s"),
        ("orders", f"{result.orders:,}, {result.fills:,} fills, {result.rejected:,} refused"),
        ("equity", f"{money_text(result.equity_final)} {result.currency} ({gain})"),
        ("fees", f"{money_text(result.fees)} {result.currency}"),
        ("drawdown", f"{100 * result.max_drawdown:.2f}%"),
        ("sharpe", f"{sharpe} ({result.sharpe.grid})"),
        ("digest", result.digest),
        ("page", str(folder / "page.html")),
    ]
    for row in rows:
        table.add_row(*row)
    console = Console(soft_wrap=True)
    console.print(table)
    findings = [line.strip() for line in result.data.quality.lines() if line.startswith("  re")]
    for note in (*result.instrument.changes, *result.notes, *findings):
        console.print(f"- {note}", markup=False, highlight=False)
