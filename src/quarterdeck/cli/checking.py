"""`quarterdeck check`: what can be known before a desk runs. Each finding is a line; any failure is exit 1."""

import os
from typing import Annotated

import typer

from quarterdeck.cli.shared import CAPACITY_VARIABLE, Desk, Folder, JsonFlag, app, load, print_report

__all__ = ["check_app", "config", "connectivity"]

check_app = typer.Typer(no_args_is_help=True, help="Look at a desk before it runs; exit 1 when anything is wrong.")
app.add_typer(check_app, name="check")


@check_app.command()
def config(desk: Desk, json: JsonFlag = False, folder: Folder = None) -> None:
    """Its configuration and surroundings: limits, backup, credentials, conformance, clock, disk, permissions."""
    from quarterdeck.errors import ConfigError  # noqa: PLC0415 - beside what it serves

    try:
        load(desk)
    except ConfigError:
        os.environ.setdefault(CAPACITY_VARIABLE, "small")  # the check says what is wrong; no desk says another
    from quarterdeck.checks.configuration import check_config  # noqa: PLC0415 - heavy for --help

    findings = check_config(lambda: load(desk), folder)
    print_report(findings, json)
    raise typer.Exit(findings.exit_code)


@check_app.command()
def connectivity(
    desk: Desk,
    patience_s: Annotated[
        float, typer.Option("--patience", min=0.1, metavar="S", help="Longest wait for each.")
    ] = 15.0,
    json: JsonFlag = False,
) -> None:
    """The way to its venues and stores: reached, clock, key, terms, first market data. Nothing is ordered."""
    settings = load(desk)
    from quarterdeck.checks.connectivity import check_connectivity  # noqa: PLC0415 - heavy for --help

    findings = check_connectivity(settings, os.environ, patience_s)
    print_report(findings, json)
    raise typer.Exit(findings.exit_code)
