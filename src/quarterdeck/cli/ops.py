"""`quarterdeck ops`: the process beside the trading loops, with HTTP, metrics, health, alerts."""

from pathlib import Path
from typing import Annotated

import typer

from quarterdeck.cli.shared import app, share_capacity

__all__ = ["ops"]


@app.command()
def ops(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Where ops.toml is; by default here, or in ./desks.")
    ] = None,
) -> None:
    """Run the ops plane of the desks that ops.toml names. Ctrl-C ends it in order; the desks run on."""
    from quarterdeck.config.ops import load_ops  # noqa: PLC0415 - heavy for --help

    config = load_ops(folder)
    share_capacity(config.desk_places)
    from quarterdeck.ops.process import serve  # noqa: PLC0415 - brings the whole ops plane along

    serve(config, typer.echo)
