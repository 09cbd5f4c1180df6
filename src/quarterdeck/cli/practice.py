"""Commands of the practice exchange: serve it, and make things go wrong there."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from quarterdeck.cli.shared import Desk, JsonFlag, app, load, print_json

__all__ = ["practice", "practice_fault"]

Listen = Annotated[
    str | None,
    typer.Option("--listen", metavar="ADDRESS", help="A socket's path, or HOST:PORT; by default the desk's."),
]
VenueName = Annotated[str | None, typer.Option("--venue", help="Which of the desk's venues; by default the first.")]


def _row(config: Any, name: str | None) -> int:
    from quarterdeck.errors import ConfigError  # noqa: PLC0415 - beside what it serves

    names = [venue.name for venue in config.venues]
    if name is not None and name not in names:
        raise ConfigError("command", "--venue", name, f"one of {', '.join(names)}")
    return 0 if name is None else names.index(name)


def _address(config: Any, row: int, listen: str | None) -> Any:
    from quarterdeck.venues.addresses import Address  # noqa: PLC0415 - beside what it serves

    known = config.venues[row].address
    return Address.read(listen or known or "practice.sock", Path() if listen else config.folder)


@app.command()
def practice(
    desk: Desk,
    listen: Listen = None,
    venue: VenueName = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the walk of prices.")] = 1,
    quotes: Annotated[float, typer.Option(min=0, max=100_000, help="Quotes a second; 0: none but an operator's.")] = 20,
    requests: Annotated[int, typer.Option(min=0, help="Requests a second for each account; 0: no limit.")] = 0,
    state: Annotated[
        Path | None, typer.Option("--state", help="A file that keeps orders, fills and positions over a restart.")
    ] = None,
) -> None:
    """Serve a practice exchange for a desk's instruments: our own twin, with fills that are its own."""
    config = load(desk)
    row = _row(config, venue)
    from quarterdeck.twins.practice import serve_practice  # noqa: PLC0415 - heavy for --help
    from quarterdeck.twins.practice_core import PracticeCore, practice_terms  # noqa: PLC0415 - as above, heavy

    def say(sentence: str) -> None:
        sys.stdout.write(f"{sentence}\n")
        sys.stdout.flush()

    core = PracticeCore(practice_terms(config, row), state=state, requests_per_second=requests)
    serve_practice(core, _address(config, row, listen), seed=seed, quotes_per_second=quotes, say=say)


@app.command("practice-fault")
def practice_fault(
    desk: Desk,
    fault: Annotated[
        str | None,
        typer.Argument(help="disconnect, delay, reject, drop-acks, garble, outage, halt, clear; none: say how it is."),
    ] = None,
    amount: Annotated[int, typer.Argument(min=0, help="Milliseconds, or how many, or 1 and 0 for on and off.")] = 1,
    listen: Listen = None,
    venue: VenueName = None,
    account: Annotated[str | None, typer.Option(help="Print this account's whole record too.")] = None,
    json: JsonFlag = False,
) -> None:
    """Make something go wrong at a practice exchange, or ask it how it stands."""
    config = load(desk)
    address = _address(config, _row(config, venue), listen)
    from quarterdeck.errors import ConfigError  # noqa: PLC0415 - beside what it serves
    from quarterdeck.twins.practice_faults import Admin, Fault, ask_admin  # noqa: PLC0415 - heavy for --help

    if fault is not None and fault not in set(Fault):
        raise ConfigError("command", "fault", fault, f"one of {', '.join(Fault)}")
    answer = ask_admin(address, Admin(fault=None if fault is None else Fault(fault), amount=amount, account=account))
    if json or account is not None:
        print_json(answer)
    else:
        sys.stdout.write("".join(f"{name}  {value}\n" for name, value in answer.items()))
