"""`quarterdeck up`: everything of one ops plane in one command."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from quarterdeck.cli.shared import CAPACITY_VARIABLE, Seconds, app

__all__ = ["up"]

_CALL: Final = (sys.executable, "-c", "from quarterdeck.cli import main; main()")
_COMPILE: Final = "from quarterdeck.cli.shared import compile_halves; compile_halves()"


@app.command()
def up(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="With ops.toml; by default ./ or ./desks.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="NAME", help="Leave out a desk, ops, or console.")
    ] = None,
    seconds: Seconds = None,
) -> None:
    """Run every desk of ops.toml, the ops plane and the console. What dies is started again; Ctrl-C winds all down."""
    from quarterdeck.config.ops import load_ops  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.upkeep import Upkeep, children_of  # noqa: PLC0415 - heavy for --help

    config = load_ops(folder)
    children = children_of(config, _CALL, without=without or ())
    _compile([place for place in config.desk_places if place.name not in (without or ())])
    raise typer.Exit(Upkeep(children, config.data / "up", _say).run(seconds))


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _compile(places: list[Path]) -> None:
    """Compiles the kernel once for each capacity, so that desks do not do it side by side."""
    from quarterdeck.config import load_desk  # noqa: PLC0415 - heavy for --help
    from quarterdeck.errors import ConfigError  # noqa: PLC0415 - heavy for --help

    capacities: set[str] = set()
    for place in places:
        try:
            capacities.add(load_desk(place).desk.capacity)
        except ConfigError:
            _say(f"{place.name}: its settings cannot be used; it will say why")
    for capacity in sorted(capacities):
        _say(f"the kernel is made ready for capacity {capacity} (the first time takes a minute)")
        subprocess.run([sys.executable, "-c", _COMPILE], env={**os.environ, CAPACITY_VARIABLE: capacity}, check=True)
