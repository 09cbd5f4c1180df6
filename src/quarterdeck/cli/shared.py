"""What every command shares: the application, argument types, loading a desk, printing JSON.

What is heavy is imported by the command that needs it, so that --help is quick.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, Optional, cast

import typer

from quarterdeck.errors import ConfigError

__all__ = [
    "CAPACITY_VARIABLE",
    "DataPaths",
    "Desk",
    "Folder",
    "InstrumentScope",
    "JsonFlag",
    "Person",
    "Seconds",
    "Seed",
    "Speed",
    "StrategyScope",
    "Why",
    "app",
    "choose_capacity",
    "compile_halves",
    "folder_of",
    "load",
    "only_desk",
    "print_json",
    "print_report",
    "share_capacity",
]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Automated trading across venues, and the operations that let people run it without fear.",
)

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
CAPACITY_VARIABLE: Final = "QUARTERDECK_CAPACITY"
_CAPACITY_PLACE: Final = slice(80, 112)  # in a segment's header; a test compares


def compile_halves() -> None:
    """Where the kernel is not compiled yet: its two halves at once, so that two cores share the first start's work."""
    from quarterdeck.kernel.compiled import JIT_ENABLED, code_folder  # noqa: PLC0415 - heavy for --help

    if not JIT_ENABLED or any(code_folder().glob("*.compiled")):
        return
    venue = subprocess.Popen([sys.executable, "-c", "import quarterdeck.kernel.venue"])
    import_module("quarterdeck.kernel.account")
    venue.wait()  # had it failed, its code would be compiled where it is needed, with the same error


def load(desk: str) -> Any:
    """Loads a desk and chooses the capacity that the kernel will be imported with."""
    from quarterdeck.config import load_desk  # noqa: PLC0415 - heavy for --help

    config = load_desk(desk)
    os.environ[CAPACITY_VARIABLE] = config.desk.capacity
    return config


def print_json(value: object) -> None:
    import msgspec  # noqa: PLC0415 - heavy for --help

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_report(found: Any, json: bool) -> None:
    """Prints what a command found: `found` has `as_dict()` and `lines()`."""
    if json:
        print_json(found.as_dict())
    else:
        sys.stdout.write("\n".join(found.lines()) + "\n")


def folder_of(desk: str) -> Path:
    """Where a desk, or a folder with a journal, is kept; its capacity is what the kernel will be imported with."""
    path = Path(desk)
    if path.exists() and not (path / "desk.toml").is_file() and path.name != "desk.toml":
        choose_capacity(path)
        return path
    return cast(Path, load(desk).folder)


def choose_capacity(path: Path) -> None:
    """Takes the capacity from a journal's own header: the kernel cannot be imported before it is known."""
    segments = [path] if path.is_file() else sorted(path.rglob("*.qdj"))
    if segments and CAPACITY_VARIABLE not in os.environ:
        with segments[0].open("rb") as file:
            word = file.read(_CAPACITY_PLACE.stop)[_CAPACITY_PLACE].rstrip(b"\0")
        if word.isalpha():
            os.environ[CAPACITY_VARIABLE] = word.decode("ascii")


def share_capacity(places: Iterable[Path]) -> None:
    """For a process beside desks: it reads states of any capacity, so it takes one that a desk has compiled already."""
    from quarterdeck.config import load_desk  # noqa: PLC0415 - heavy for --help

    for place in places:
        os.environ.setdefault(CAPACITY_VARIABLE, load_desk(place).desk.capacity)


def only_desk() -> str:
    if Path("desk.toml").is_file():
        return "."
    desks = Path(os.environ.get("QUARTERDECK_DESKS") or "desks")
    known = sorted(found.parent.name for found in desks.glob("*/desk.toml"))
    if len(known) != 1:
        raise ConfigError(
            "command", "desk", "(missing)", f"--desk with one of {', '.join(known) or 'none: there is none'}"
        )
    return known[0]
