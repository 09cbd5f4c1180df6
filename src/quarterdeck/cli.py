"""The command `quarterdeck`. What is heavy is imported by the command that needs it, so that --help is quick."""

import getpass
import os
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, Optional, cast

import typer

from quarterdeck.errors import ConfigError, QuarterdeckError

__all__ = [
    "acknowledge",
    "app",
    "backtest",
    "cat",
    "compile_code",
    "demo",
    "flatten",
    "kill",
    "lock",
    "main",
    "pause",
    "replay",
    "resume",
    "run",
    "shadow",
    "stat",
    "status",
    "stop",
    "throttle_reset",
    "unlock",
    "verify",
    "version",
    "why",
]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Automated trading across venues, and the operations that let people run it without fear.",
)
journal_app = typer.Typer(no_args_is_help=True, help="Look at a journal: PATH is a desk, its journal, or one segment.")
app.add_typer(journal_app, name="journal")

Desk = Annotated[str, typer.Argument(metavar="DESK", help="A desk's name in ./desks, its folder, or its desk.toml.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Seconds = Annotated[Optional[float], typer.Option("--for", min=0.1, metavar="S", help="End after S seconds.")]  # noqa: UP045 - typer reads it so
Why = Annotated[str, typer.Option("--why", help="The reason, for the journal.")]
Person = Annotated[str | None, typer.Option("--person", envvar="QUARTERDECK_PERSON", help="Who: one of [operators].")]
StrategyScope = Annotated[str | None, typer.Option("--strategy", metavar="S", help="Only this strategy.")]
InstrumentScope = Annotated[str | None, typer.Option("--instrument", metavar="I", help="Only this instrument.")]
DataPaths = Annotated[
    list[Path] | None, typer.Option("--data", metavar="PATH", help="Recorded data in place of the generated market.")
]
Speed = Annotated[
    float | None, typer.Option("--speed", min=0.001, help="How many times faster than the clock the market goes.")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Of the generated market; by default the desk's own.")]
Folder = Annotated[Path | None, typer.Option("--dir", help="Keep data/ and logs/ there, not in the desk's folder.")]
_CAPACITY_VARIABLE: Final = "QUARTERDECK_CAPACITY"
_CAPACITY_PLACE: Final = slice(80, 112)  # in a segment's header; a test compares
_DEMO_DESK: Final = "xrpliquid"


def _compile_halves() -> None:
    """Where the kernel is not compiled yet: its two halves at once, so that two cores share the first start's work."""
    from quarterdeck.kernel.compiled import JIT_ENABLED, code_folder  # noqa: PLC0415 - heavy for --help

    if not JIT_ENABLED or any(code_folder().glob("*.compiled")):
        return
    venue = subprocess.Popen([sys.executable, "-c", "import quarterdeck.kernel.venue"])
    import_module("quarterdeck.kernel.account")
    venue.wait()  # had it failed, its code would be compiled where it is needed, with the same error


def main() -> None:
    """The console script. An error of ours is one line on standard error and its exit code; no other is swallowed."""
    try:
        app(prog_name="quarterdeck")
    except QuarterdeckError as error:
        sys.stderr.write(f"quarterdeck: {' '.join(str(error).split())}\n")
        sys.exit(error.exit_code)


def _load(desk: str) -> Any:
    """Loads a desk and chooses the capacity that the kernel will be imported with."""
    from quarterdeck.config import load_desk  # noqa: PLC0415 - heavy for --help

    config = load_desk(desk)
    os.environ[_CAPACITY_VARIABLE] = config.desk.capacity
    return config


def _print(value: object) -> None:
    import msgspec  # noqa: PLC0415 - heavy for --help

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def _run(
    desk: str,
    seconds: float | None,
    data: list[Path] | None,
    speed: float | None,
    seed: int | None,
    folder: Path | None,
    command: str,
) -> None:
    config = _load(desk)
    _compile_halves()
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
    """Run a desk in paper mode. Ctrl-C winds it down in order."""
    _run(desk, seconds, data, speed or (None if data else 1.0), seed, folder, desk)


@app.command()
def demo(
    seconds: Seconds = None,
    data: DataPaths = None,
    speed: Speed = None,
    seed: Seed = None,
    folder: Folder = None,
    desk: Annotated[str, typer.Option(help="Which desk.")] = _DEMO_DESK,
) -> None:
    """Watch a desk trade: by default in a market of its own that goes ten times faster than the clock."""
    _run(desk, seconds, data, speed or (None if data else 240.0), seed, folder, desk)


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
    _load(desk)
    _compile_halves()
    from quarterdeck.research.command import BacktestOptions, backtest_command  # noqa: PLC0415 - compiles the kernel

    backtest_command(
        BacktestOptions(
            desk=desk, data=data, json=json, out=out, instrument=instrument, columns=columns, column=column,
            timezone=timezone, tick=tick, lot=lot, round_prices=round_prices,
            skip_bad_rows=skip_bad_rows, splits=split or (), begin=begin, end=end,
            journal=journal, strategies=strategy or (),
        )
    )  # fmt: skip


@app.command()
def replay(desk: Desk, json: JsonFlag = False) -> None:
    """Rebuild a desk's state from its journal and check every digest in it."""
    path = _journal_of(desk)
    _compile_halves()
    from quarterdeck.runtime.replay import replay as replay_journal  # noqa: PLC0415 - compiles the kernel
    from quarterdeck.runtime.replay import replay_desk  # noqa: PLC0415 - as above, heavy

    found = replay_desk(path) if (path / "data").is_dir() else replay_journal(path)
    if json:
        _print(found.as_dict())
    else:
        sys.stdout.write("\n".join(found.lines()) + "\n")


@app.command()
def shadow(desk: Desk, json: JsonFlag = False) -> None:
    """Show the desk's strategies its journal again, and compare what they ask with what they asked then."""
    config = _load(desk)
    _compile_halves()
    from quarterdeck.runtime.shadow import shadow as shadow_journal  # noqa: PLC0415 - compiles the kernel

    found = shadow_journal(config.folder, config)
    if json:
        _print(found.as_dict())
    else:
        sys.stdout.write("\n".join(found.lines()) + "\n")
    if not found.equal:
        raise typer.Exit(1)


@app.command("compile")
def compile_code(
    capacity: Annotated[str, typer.Option(help="small, standard or large: what desk.toml asks for.")] = "standard",
) -> None:
    """Compile the kernel now rather than at a desk's first start."""
    os.environ[_CAPACITY_VARIABLE] = capacity
    _compile_halves()
    from quarterdeck.runtime.warmup import compile_kernel  # noqa: PLC0415 - compiles the kernel

    sys.stdout.write(f"compiled code {compile_kernel()} is ready\n")


@app.command()
def why(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="EPOCH-SEQUENCE, an id, or @SEQUENCE of a record.")],
    desk: Annotated[str | None, typer.Option(help="Whose; by default the only desk there is.")] = None,
    json: JsonFlag = False,
) -> None:
    """Tell an order's whole story from the journal."""
    config = _load(_only_desk() if desk is None else desk)
    _compile_halves()
    from quarterdeck.runtime.story import why as tell_why  # noqa: PLC0415 - compiles the kernel

    story = tell_why(config.folder, order, config)
    if json:
        _print(story.as_dict())
    else:
        sys.stdout.write("\n".join(story.lines()) + "\n")


def _journal_of(desk: str) -> Path:
    """Where a desk, or a folder with a journal, is kept; its capacity is what the kernel will be imported with."""
    path = Path(desk)
    if path.exists() and not (path / "desk.toml").is_file() and path.name != "desk.toml":
        _choose_capacity(path)
        return path
    return cast(Path, _load(desk).folder)


def _choose_capacity(path: Path) -> None:
    """Takes the capacity from a journal's own header: the kernel cannot be imported before it is known."""
    segments = [path] if path.is_file() else sorted(path.rglob("*.qdj"))
    if segments and _CAPACITY_VARIABLE not in os.environ:
        with segments[0].open("rb") as file:
            word = file.read(_CAPACITY_PLACE.stop)[_CAPACITY_PLACE].rstrip(b"\0")
        if word.isalpha():
            os.environ[_CAPACITY_VARIABLE] = word.decode("ascii")


def _only_desk() -> str:
    if Path("desk.toml").is_file():
        return "."
    desks = Path(os.environ.get("QUARTERDECK_DESKS") or "desks")
    known = sorted(found.parent.name for found in desks.glob("*/desk.toml"))
    if len(known) != 1:
        raise ConfigError(
            "command", "desk", "(missing)", f"--desk with one of {', '.join(known) or 'none: there is none'}"
        )
    return known[0]


def _tell(desk: str, verb: str, **words: Any) -> dict[str, Any]:
    """Sends a command to a running desk. The kernel is not needed, so this is quick."""
    from quarterdeck.config import load_desk  # noqa: PLC0415 - heavy for --help
    from quarterdeck.desk.wire import Command, Verb, ask  # noqa: PLC0415 - heavy for --help

    config = load_desk(desk)
    folder = words.pop("folder", None) or config.folder
    origin = f"{getpass.getuser()}@{socket.gethostname()}"
    command = Command(verb=Verb(verb), origin=origin, **words)
    return ask(Path(folder) / "data" / "control.sock", config.desk.name, command)


@app.command()
def status(desk: Desk, json: JsonFlag = False, folder: Folder = None) -> None:
    """Say how a running desk stands."""
    answer = _tell(desk, "status", folder=folder)
    answer.pop("ok")
    if json:
        _print(answer)
        return
    width = max(map(len, answer))
    for name, value in answer.items():
        sys.stdout.write(f"{name:<{width}}  {_plain(value)}\n")


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(part)}" for key, part in cast(dict[str, object], value).items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(_plain, cast(list[object], value))) or "none"
    return "none" if value is None else str(value)


def _command(desk: str, verb: str, folder: Path | None, **words: Any) -> None:
    answer = _tell(desk, verb, folder=folder, **words)
    facts = [f"{name} {_plain(value)}" for name, value in answer.items() if name not in {"ok", "text"}]
    sys.stdout.write(f"{answer.get('text', verb)}{': ' if facts else ''}{', '.join(facts)}\n")


@app.command()
def pause(
    desk: Desk,
    strategy: StrategyScope = None,
    instrument: InstrumentScope = None,
    why: Why = "",
    person: Person = None,
    folder: Folder = None,
) -> None:
    """Stop entries. Orders that work go on; orders that reduce a position still pass."""
    _command(desk, "pause", folder, strategy=strategy, instrument=instrument, why=why, person=person)


@app.command()
def resume(
    desk: Desk,
    strategy: StrategyScope = None,
    instrument: InstrumentScope = None,
    why: Why = "",
    person: Person = None,
    folder: Folder = None,
) -> None:
    """Allow entries again; for the whole desk this also lets a killed desk into recovery. Signed."""
    _command(desk, "resume", folder, strategy=strategy, instrument=instrument, why=why, person=person)


@app.command()
def kill(
    desk: Desk,
    strategy: StrategyScope = None,
    instrument: InstrumentScope = None,
    protective: Annotated[bool, typer.Option("--protective", help="Cancel protective orders too.")] = False,
    why: Why = "",
    person: Person = None,
    folder: Folder = None,
) -> None:
    """Block entries and cancel all orders but reduce-only protection."""
    words: dict[str, Any] = {"strategy": strategy, "instrument": instrument, "why": why, "person": person}
    _command(desk, "kill", folder, protective=protective, **words)


@app.command()
def flatten(
    desk: Desk,
    strategy: StrategyScope = None,
    instrument: InstrumentScope = None,
    why: Why = "",
    person: Person = None,
    folder: Folder = None,
) -> None:
    """Stop entries, cancel everything, close the positions."""
    _command(desk, "flatten", folder, strategy=strategy, instrument=instrument, why=why, person=person)


@app.command()
def lock(desk: Desk, why: Why = "", person: Person = None, folder: Folder = None) -> None:
    """Emergency: stop every order, even reducing ones, until a person unlocks."""
    _command(desk, "lock", folder, why=why, person=person)


@app.command()
def unlock(desk: Desk, why: Why = "", person: Person = None, folder: Folder = None) -> None:
    """Open an emergency lock. Signed."""
    _command(desk, "unlock", folder, why=why, person=person)


@app.command()
def acknowledge(desk: Desk, why: Why = "", person: Person = None, folder: Folder = None) -> None:
    """Say that every warning so far has been seen. Signed."""
    _command(desk, "acknowledge", folder, why=why, person=person)


@app.command("throttle-reset")
def throttle_reset(
    desk: Desk, strategy: StrategyScope = None, why: Why = "", person: Person = None, folder: Folder = None
) -> None:
    """Let a strategy that asked for too many executions ask again. Signed."""
    _command(desk, "throttle-reset", folder, strategy=strategy, why=why, person=person)


@app.command()
def stop(desk: Desk, why: Why = "", person: Person = None, folder: Folder = None) -> None:
    """Wind a running desk down in order."""
    _command(desk, "stop", folder, why=why, person=person)


JournalPath = Annotated[Path, typer.Argument(metavar="PATH", help="A desk's folder, its journal, or one segment.")]


@journal_app.command()
def verify(path: JournalPath) -> None:
    """Check every hash; name the first record that is not what was written (exit 1)."""
    from quarterdeck.journal import verify as verify_journal  # noqa: PLC0415 - heavy for --help

    report = verify_journal(path)
    sys.stdout.write("\n".join(report.lines()) + "\n")
    if report.exit_code:
        raise typer.Exit(report.exit_code)


@journal_app.command()
def stat(path: JournalPath, json: JsonFlag = False) -> None:
    """Count what a journal holds."""
    from quarterdeck.journal import stat as journal_stat  # noqa: PLC0415 - heavy for --help

    found = journal_stat(path)
    if json:
        _print(found.as_dict())
    else:
        sys.stdout.write("\n".join(found.lines()) + "\n")


@journal_app.command()
def cat(
    path: JournalPath,
    json: JsonFlag = False,
    start: Annotated[int | None, typer.Option("--from", help="First sequence.")] = None,
    stop: Annotated[int | None, typer.Option("--to", help="One past the last sequence.")] = None,
) -> None:
    """Print the records, one a line."""
    from quarterdeck.journal import cat as journal_cat  # noqa: PLC0415 - heavy for --help
    from quarterdeck.journal import cat_json  # noqa: PLC0415 - as above, heavy

    if json:
        for line in cat_json(path, start, stop):
            sys.stdout.buffer.write(line + b"\n")
        return
    for record in journal_cat(path, start, stop):
        head = f"{record.pop('sequence'):>9}  {record.pop('time')}  {record.pop('kind')}"
        sys.stdout.write(head + "".join(f"  {name}={value}" for name, value in record.items()) + "\n")


@app.command()
def version() -> None:
    """Say which version this is."""
    from quarterdeck import __version__  # noqa: PLC0415 - reads the package's metadata

    sys.stdout.write(f"quarterdeck {__version__}\n")
