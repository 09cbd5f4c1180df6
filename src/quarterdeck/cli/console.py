"""`quarterdeck console`: the pages, in a process of their own."""

from pathlib import Path
from typing import Annotated

import typer

from quarterdeck.cli.shared import app, share_capacity

__all__ = ["console"]


@app.command()
def console(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Where ops.toml lies; ./desks or here.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="In place of [ops] console_port.")] = None,
    host: Annotated[str, typer.Option(help="Another address than loopback needs TLS.")] = "127.0.0.1",
    tls_certificate: Annotated[Path | None, typer.Option(help="A certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, PEM.")] = None,
) -> None:
    """Show the desks in a browser. It is apart from the API and from the desks: each works without it."""
    from quarterdeck.config.ops import load_ops  # noqa: PLC0415 - heavy for --help

    config = load_ops(folder)
    share_capacity(config.desk_places)
    from quarterdeck.ops.console.serving import Address, serve  # noqa: PLC0415 - imports NiceGUI

    serve(config, Address(host, port or config.ops.console_port, tls_certificate, tls_key), typer.echo)
