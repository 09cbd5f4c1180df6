"""Commands on the ledger: bring it up to the journal and show its balances, export it, trace a trade."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from quarterdeck.cli.shared import Desk, Folder, JsonFlag, app, compile_halves, load, print_json, print_report

__all__ = ["balances", "export", "trace"]

_BALANCES = "balances"


class _LedgerGroup(TyperGroup):
    """`ledger DESK` is `ledger balances DESK`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [_BALANCES, *args]
        return super().parse_args(ctx, args)


ledger_app = typer.Typer(
    cls=_LedgerGroup, no_args_is_help=True, help="The double-entry ledger: `ledger DESK` shows its balances."
)
app.add_typer(ledger_app, name="ledger")


def _open(desk: str, folder: Path | None) -> Any:
    config = load(desk)
    compile_halves()
    from quarterdeck.ledger.command import DeskLedger  # noqa: PLC0415 - compiles the kernel

    return DeskLedger(config, folder)


@ledger_app.command(_BALANCES)
def balances(
    desk: Desk,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Throw it away and make it anew.")] = False,
    json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Bring the ledger up to the journal and show what stands in each account."""
    print_report(_open(desk, folder).report(rebuild=rebuild), json)


@ledger_app.command()
def export(
    desk: Desk,
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="The file to write.")],
    kind: Annotated[Literal["parquet", "csv"], typer.Option("--format", help="parquet or csv.")] = "parquet",
    begin: Annotated[str | None, typer.Option("--from", metavar="TIME", help="A date, or an RFC 3339 time.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="The first that is left out.")] = None,
    json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Write fills and funding to a file, in the columns an analyst expects."""
    done = _open(desk, folder).export(out, kind, begin, end)
    if json:
        print_json(done)
    else:
        sys.stdout.write(f"{done['rows']} rows written to {done['path']}\n")


@ledger_app.command()
def trace(
    desk: Desk,
    trade_id: Annotated[int, typer.Argument(metavar="TRADE_ID", help="The venue's number of the trade.")],
    json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Follow a trade back: event, order, signal, strategy, person, postings."""
    print_report(_open(desk, folder).trace(trade_id), json)
