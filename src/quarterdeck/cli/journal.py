"""Commands that look at a journal as it stands in its files."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from quarterdeck.cli.shared import JsonFlag, app, print_report

__all__ = ["cat", "stat", "verify"]

journal_app = typer.Typer(no_args_is_help=True, help="Look at a journal: PATH is a desk, its journal, or one segment.")
app.add_typer(journal_app, name="journal")

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
    print_report(found, json)


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
