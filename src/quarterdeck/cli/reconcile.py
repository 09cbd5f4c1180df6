"""The command that compares a day's ledger with the venues' own statements."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from quarterdeck.cli.shared import Desk, Folder, JsonFlag, app, compile_halves, load, print_report

__all__ = ["reconcile"]


@app.command()
def reconcile(
    desk: Desk,
    day: Annotated[
        str | None, typer.Option("--date", metavar="D", help="A UTC day, such as 2026-11-21; by default yesterday.")
    ] = None,
    json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Compare a day with the venues' own statements: exit 0 CLEAN, 1 DIRTY, 2 when something is missing."""
    config = load(desk)
    compile_halves()
    from quarterdeck.reports.command import reconcile_desk  # noqa: PLC0415 - compiles the kernel

    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    report, path = reconcile_desk(config, day or yesterday, folder)
    print_report(report, json)
    if not json:
        sys.stdout.write(f"report  {path}\n")
    if not report.clean:
        raise typer.Exit(1)
