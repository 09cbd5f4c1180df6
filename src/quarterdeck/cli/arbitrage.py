"""What a written-down market of a chain offers: `quarterdeck arbitrage FILE`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from quarterdeck.cli.shared import JsonFlag, app, print_json

__all__ = ["arbitrage"]


@app.command()
def arbitrage(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Pools and loans of one block, as JSON.")],
    length: Annotated[int, typer.Option("--length", min=2, max=4, help="The most swaps of a cycle.")] = 3,
    json: JsonFlag = False,
) -> None:
    """Find every profitable cycle of a market's pools, with the input that earns the most; or the proof of none.

    Amounts are whole units. Gas is not in them: what it costs depends on the moment.
    """
    from quarterdeck.arbitrage.discovery import Discovery  # noqa: PLC0415 - heavy for --help
    from quarterdeck.arbitrage.files import read_market  # noqa: PLC0415 - heavy for --help
    from quarterdeck.arbitrage.market import Market  # noqa: PLC0415 - heavy for --help

    written = read_market(file)
    finding = Discovery(written.loans, length).find(Market(written.pools))
    rows: list[dict[str, Any]] = [
        {
            "route": list(one.route),
            "pools": list(one.pools),
            "amount": str(one.amount),
            "returned": str(one.returned),
            "owed": str(one.owed),
            "profit": str(one.profit),
        }
        for one in finding.opportunities
    ]
    facts: dict[str, object] = {
        "block": written.block,
        "opportunities": rows,
        "screened": finding.screened,
        "without_a_loan": finding.unfunded,
        "unprofitable": finding.unprofitable,
        "certain_that_there_is_none": finding.certain,
    }
    if json:
        print_json(facts)
        return
    for row in rows:
        sys.stdout.write(f"{' > '.join(row['route'])}: {row['amount']} in, {row['profit']} left\n")
    said = "none: no cycle's rates leave anything" if finding.certain else f"{len(rows)} of {finding.screened} cycles"
    sys.stdout.write(f"block {written.block}: {said}\n")
