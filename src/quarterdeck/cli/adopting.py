"""Where a desk and its venue differ: an operator takes over what the venue has."""

from typing import Annotated

import typer

from quarterdeck.cli.control import command
from quarterdeck.cli.shared import Desk, Folder, Person, StrategyScope, Why, app

__all__ = ["adopt"]


@app.command()
def adopt(
    desk: Desk,
    instrument: Annotated[str, typer.Argument(metavar="INSTRUMENT", help="SYMBOL, or SYMBOL@VENUE.")],
    strategy: StrategyScope = None,
    why: Why = "",
    person: Person = None,
    folder: Folder = None,
) -> None:
    """Take over the venue's position and cash where reconciliation found that they differ. Signed."""
    command(desk, "adopt", folder, instrument=instrument, strategy=strategy, why=why, person=person)
