"""Commands that run a desk: live, in a demo, or on recorded data."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from quarterdeck.cli.shared import DataPaths, Desk, Folder, JsonFlag, Seconds, Seed, Speed, app, compile_halves, load

__all__ = ["backtest", "demo", "run"]

_DATA_DESK: Final = "xrpliquid"  # recorded data is on paper, on one desk
_DEMO_SPEED: Final = 20.0
_FLOOR_SPEED: Final = 10.0  # several desks share the machine
_CALL: Final = (sys.executable, "-c", "from quarterdeck.cli import main; main()")
_TETHERED: Final = (sys.executable, "-c", "from quarterdeck.cli.tethered import main; main()")


def _run(
    desk: str,
    seconds: float | None,
    data: list[Path] | None,
    speed: float | None,
    seed: int | None,
    folder: Path | None,
    command: str,
) -> None:
    config = load(desk)
    if config.desk.mode == "live" and not data:
        from quarterdeck.conformance.command import pass_gate  # noqa: PLC0415 - heavy for --help

        pass_gate(config, typer.echo, folder)
    compile_halves()
    from quarterdeck.desk.demo import run_visibly  # noqa: PLC0415 - compiles the kernel, with progress

    run_visibly(config, seconds=seconds, data=tuple(data or ()), speed=speed, seed=seed, folder=folder, command=command)


@app.command()
def run(
    desk: Desk,
    seconds: Seconds = None,
    data: DataPaths = None,
    speed: Speed = None,
    seed: Seed = None,
    folder: Folder = None,
) -> None:
    """Run a desk, paper or live as its desk.mode says. Ctrl-C winds it down in order."""
    _run(desk, seconds, data, speed or (None if data else 1.0), seed, folder, desk)


@app.command()
def demo(
    desk: Annotated[
        str | None, typer.Argument(metavar="[DESK]", help="A desk's name in ./desks, or its folder; by default all.")
    ] = None,
    seconds: Seconds = None,
    data: DataPaths = None,
    speed: Speed = None,
    seed: Seed = None,
    folder: Folder = None,
) -> None:
    """Watch desks trade live on twins of their venues, faster than the clock, with API and console; --data: on paper.

    Without DESK every one of ./desks, with the ops plane beside them.
    """
    if data:
        desk = desk or _DATA_DESK
        _run(desk, seconds, data, speed, seed, folder, desk)
        return
    if desk is None:
        raise typer.Exit(_show_floor(seconds, speed or _FLOOR_SPEED, folder))
    config = load(desk)
    compile_halves()
    from quarterdeck.desk.demo import run_on_twins  # noqa: PLC0415 - compiles the kernel, with progress

    place = folder or Path(tempfile.mkdtemp(prefix=f"quarterdeck-{config.desk.name}-"))
    run_on_twins(
        config,
        seconds=seconds,
        speed=speed or _DEMO_SPEED,
        seed=config.desk.seed if seed is None else seed,
        folder=place,
    )


def _show_floor(seconds: float | None, speed: float, folder: Path | None) -> int:
    from quarterdeck.config import DESK_FILE, load_desk, read_environment  # noqa: PLC0415 - heavy for --help
    from quarterdeck.errors import ConfigError  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.floor import show_floor  # noqa: PLC0415 - heavy for --help

    place = Path(read_environment().desks)
    desks = [load_desk(found.parent) for found in sorted(place.glob(f"*/{DESK_FILE}"))]
    if not desks:
        raise ConfigError("command", "desk", str(place), "a folder with desks in it")
    for capacity in sorted({config.desk.capacity for config in desks}):
        sys.stdout.write(f"· the kernel is made ready for capacity {capacity} (the first time takes a minute)\n")
        sys.stdout.flush()
        subprocess.run([*_CALL, "compile", "--capacity", capacity], check=True)
    root = folder or Path(tempfile.mkdtemp(prefix="quarterdeck-floor-"))
    return show_floor(desks, _TETHERED, root, _say, speed=speed, seconds=seconds)


def _say(words: str) -> None:
    sys.stdout.write(f"· {words}\n")
    sys.stdout.flush()


@app.command()
def backtest(
    desk: Desk,
    data: Annotated[list[str], typer.Option("--data", metavar="PATH", help="File or folder; may be repeated.")],
    json: JsonFlag = False,
    out: Annotated[str | None, typer.Option(help="Folder for the result's own folder.")] = None,
    instrument: Annotated[str | None, typer.Option(help="Which of the desk's instruments the data is of.")] = None,
    columns: Annotated[str | None, typer.Option(help="role=column,role=column where names do not tell.")] = None,
    column: Annotated[
        str | None, typer.Option(help="The column of a table with one column of closes a ticker.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA name, for times without a zone.")] = None,
    tick: Annotated[str | None, typer.Option(help="The data's tick, where it is not inferred.")] = None,
    lot: Annotated[str | None, typer.Option(help="The data's lot, where it is not inferred.")] = None,
    round_prices: Annotated[bool, typer.Option("--round-prices", help="Round prices between two ticks.")] = False,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Leave out rows that cannot be, instead of refusing the file.")
    ] = False,
    split: Annotated[list[str] | None, typer.Option("--split", metavar="TIME=NEW:OLD", help="A stock split.")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="Leave out what is before.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Leave out what is after.")] = None,
    strategy: Annotated[list[str] | None, typer.Option("--strategy", help="Only these of the desk's.")] = None,
    journal: Annotated[bool, typer.Option(help="Keep the run's journal.")] = True,
) -> None:
    """Run a desk on recorded data: figures, an HTML page, a journal."""
    load(desk)
    compile_halves()
    from quarterdeck.research.command import BacktestOptions, backtest_command  # noqa: PLC0415 - compiles the kernel

    backtest_command(
        BacktestOptions(
            desk=desk, data=data, json=json, out=out, instrument=instrument, columns=columns, column=column,
            timezone=timezone, tick=tick, lot=lot, round_prices=round_prices,
            skip_bad_rows=skip_bad_rows, splits=split or (), begin=begin, end=end,
            journal=journal, strategies=strategy or (),
        )
    )  # fmt: skip
