"""`quarterdeck sim`: whole desks on a simulated clock, disk and network, with faults, against an oracle."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from quarterdeck.cli.shared import CAPACITY_VARIABLE, JsonFlag, app, compile_halves, print_json
from quarterdeck.errors import ConfigError

__all__ = ["sim"]

_TRACED: Final = 60  # last steps that are shown of a failing seed
_SHOWN: Final = 10  # failing seeds that are shown


@app.command()
def sim(
    seeds: Annotated[str, typer.Option("--seeds", metavar="A..B", help="The seeds to play, both ends included.")],
    events: Annotated[int, typer.Option("--events", min=1, help="Steps with faults in each run.")] = 1_000,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes; by default one a core.")] = 0,
    mutants: Annotated[
        Path | None, typer.Option("--mutants", metavar="DIR", help="Inject each bug of DIR and count the seeds.")
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show all of a failing run.")] = False,
    first: Annotated[bool, typer.Option("--first", help="End at the first violation.")] = False,
    json: JsonFlag = False,
) -> None:
    """Play simulated desks, and say what did not hold. Exit 1 for a violation, or a mutant that was not found."""
    os.environ[CAPACITY_VARIABLE] = "small"
    from quarterdeck.simulation.campaign import seeds_of  # noqa: PLC0415 - after the capacity is chosen

    try:
        wanted = seeds_of(seeds)
    except ValueError as error:
        raise ConfigError("command", "seeds", seeds, "A..B, such as 1..300") from error
    count = workers or os.cpu_count() or 1
    if mutants is not None:
        _hunt(mutants, seeds, events, count, json)
        return
    compile_halves()
    _play(wanted, events, count, whole=trace, first=first, json=json)


def _play(wanted: range, events: int, workers: int, *, whole: bool, first: bool, json: bool) -> None:
    from quarterdeck.simulation.campaign import play, reproduction  # noqa: PLC0415 - imports the kernel

    shown: list[dict[str, object]] = []

    def tell(outcome: Any) -> None:
        if outcome.violation is None or len(shown) >= _SHOWN:
            return
        again = reproduction(outcome, events)
        shown.append({"seed": outcome.seed, "violation": outcome.violation, "again": again})
        if not json:
            lines = outcome.trace if whole else outcome.trace[-_TRACED:]
            text = "\n".join((*lines, f"seed {outcome.seed}: {outcome.violation}", f"again: {again}", ""))
            sys.stdout.write(f"{text}\n")

    figures = play(wanted, events, workers, told=tell, first_only=first)
    if json:
        facts = {name: getattr(figures, name) for name in ("seeds", "steps", "life_cycle", "violations", "seconds")}
        print_json({**facts, "found": shown})
    else:
        sys.stdout.write(f"{figures.line()}\n")
    if figures.violations:
        sys.exit(1)


def _hunt(folder: Path, seeds: str, events: int, workers: int, json: bool) -> None:
    from quarterdeck.simulation.mutants import hunt, read_mutants  # noqa: PLC0415 - heavy for --help

    found: list[dict[str, object]] = []
    for outcome in hunt(read_mutants(folder), seeds, events, workers):
        found.append({"mutant": outcome.name, "seed": outcome.seed, "what": outcome.what})
        if not json:
            told = f"seed {outcome.seed}: {outcome.what}" if outcome.seed is not None else f"NOT FOUND: {outcome.what}"
            sys.stdout.write(f"{outcome.name}: {told}\n")
            sys.stdout.flush()
    if json:
        print_json(found)
    if any(one["seed"] is None for one in found):
        sys.exit(1)
