"""`quarterdeck metrics`: what Prometheus scrapes, served alone, where no ops plane runs."""

from pathlib import Path
from typing import Annotated

import typer

from quarterdeck.cli.shared import app

__all__ = ["metrics"]


@app.command()
def metrics(
    desks: Annotated[
        list[str] | None, typer.Argument(metavar="[DESK]...", help="By default those of ops.toml, or the desk here.")
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Where to listen.")] = 8000,
    host: Annotated[str, typer.Option("--host", help="The address; by default only this machine.")] = "127.0.0.1",
    ops: Annotated[Path | None, typer.Option("--ops", metavar="FOLDER", help="The folder with ops.toml.")] = None,
) -> None:
    """Serve the desks' metrics for Prometheus, and nothing else. Ctrl-C ends it."""
    from quarterdeck.ops.metrics.exporter import main  # noqa: PLC0415 - heavy for --help

    words = [*(desks or ()), "--port", str(port), "--host", host]
    raise typer.Exit(main([*words, *(("--ops", str(ops)) if ops is not None else ())]))
