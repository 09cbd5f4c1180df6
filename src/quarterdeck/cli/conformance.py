"""The command that tries whether a venue, or its twin, does what a desk relies on."""

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from quarterdeck.cli.shared import Desk, Folder, JsonFlag, app, load, print_json

__all__ = ["conformance", "read_notional"]


def read_notional(text: str | None) -> Decimal | None:
    """Reads a sum of money above 0; None stays None. Raises ConfigError."""
    from quarterdeck.errors import ConfigError  # noqa: PLC0415 - beside what it serves

    if text is None:
        return None
    try:
        money = Decimal(text)
    except InvalidOperation:
        money = Decimal(0)
    if not (money.is_finite() and money > 0):
        raise ConfigError("command", "--max-notional", text, "a sum of the quote currency above 0, such as 50")
    return money


@app.command()
def conformance(
    desk: Desk,
    venue: Annotated[str | None, typer.Option("--venue", help="Which of the desk's venues; else the first.")] = None,
    instrument: Annotated[
        str | None, typer.Option("--instrument", help="Which of its instruments; else the first.")
    ] = None,
    twin: Annotated[
        str | None, typer.Option("--twin", metavar="ADDRESS", help="The twin's fault switch, so that things break.")
    ] = None,
    max_notional: Annotated[
        str | None, typer.Option("--max-notional", help="What one order may be worth, in the quote currency.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="It may cost money: the venue is a real one.")] = False,
    patience: Annotated[float, typer.Option(min=0.5, max=120, help="Seconds that an answer is waited for.")] = 10.0,
    json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Try whether a venue does what a desk relies on: one list of scenarios for all. Exit 1 when one fails."""
    config = load(desk)
    from quarterdeck.conformance.command import ConformanceOptions, conformance_command  # noqa: PLC0415 - heavy for --help

    def say(sentence: str) -> None:
        stream = sys.stderr if json else sys.stdout
        stream.write(f"{sentence}\n")
        stream.flush()

    options = ConformanceOptions(
        venue=venue, instrument=instrument, twin=twin, most=read_notional(max_notional), yes=yes, patience_s=patience,
        folder=None if folder is None else Path(folder), say=say,
    )  # fmt: skip
    report, path = conformance_command(config, options)
    if json:
        print_json(report.as_dict())
    else:
        sys.stdout.write("\n" + "\n".join(report.summary()) + f"\nreport  {path}\n")
    if not report.passed:
        raise typer.Exit(1)
