"""Commands to a running desk, over its control socket. None of them needs the kernel, so each is quick."""

import getpass
import socket
import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from quarterdeck.cli.shared import Desk, Folder, InstrumentScope, JsonFlag, Person, StrategyScope, Why, app, print_json
from quarterdeck.errors import ConfigError

__all__ = [
    "acknowledge",
    "cancel",
    "command",
    "configure",
    "flatten",
    "kill",
    "lock",
    "pause",
    "print_status",
    "resume",
    "status",
    "stop",
    "tell",
    "throttle_reset",
    "unlock",
]


def tell(desk: str, verb: str, **words: Any) -> dict[str, Any]:
    """Sends a command to a running desk. The kernel is not needed, so this is quick."""
    from quarterdeck.config import load_desk  # noqa: PLC0415 - heavy for --help
    from quarterdeck.desk.wire import Command, Verb, ask  # noqa: PLC0415 - heavy for --help

    config = load_desk(desk)
    folder = words.pop("folder", None) or config.folder
    line = words.pop("line", "control.sock")
    origin = f"{getpass.getuser()}@{socket.gethostname()}"
    command = Command(verb=Verb(verb), origin=origin, **words)
    return ask(Path(folder) / "data" / line, config.desk.name, command)


@app.command()
def status(desk: Desk, json: JsonFlag = False, folder: Folder = None) -> None:
    """Say how a running desk stands."""
    print_status(tell(desk, "status", folder=folder), json=json)


def print_status(answer: dict[str, Any], *, json: bool) -> None:
    """Prints what a desk, or its standby, says of itself."""
    answer.pop("ok")
    if json:
        print_json(answer)
        return
    width = max(map(len, answer))
    for name, value in answer.items():
        sys.stdout.write(f"{name:<{width}}  {_plain(value)}\n")


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(part)}" for key, part in cast(dict[str, object], value).items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(_plain, cast(list[object], value))) or "none"
    return "none" if value is None else str(value)


def command(desk: str, verb: str, folder: Path | None, **words: Any) -> None:
    answer = tell(desk, verb, folder=folder, **words)
    facts = [f"{name} {_plain(value)}" for name, value in answer.items() if name not in {"ok", "text"}]
    sys.stdout.write(f"{answer.get('text', verb)}{': ' if facts else ''}{', '.join(facts)}\n")


@app.command()
def pause(
    desk: Desk,
    strategy: StrategyScope = None,
    instrument: InstrumentScope = None,
    why: Why = "",
    person: Person = None,
    folder: Folder = None,
) -> None:
    """Stop entries. Orders that work go on; orders that reduce a position still pass."""
    command(desk, "pause", folder, strategy=strategy, instrument=instrument, why=why, person=person)


@app.command()
def resume(
    desk: Desk,
    strategy: StrategyScope = None,
    instrument: InstrumentScope = None,
    why: Why = "",
    person: Person = None,
    folder: Folder = None,
) -> None:
    """Allow entries again; for the whole desk this also lets a killed desk into recovery. Signed."""
    command(desk, "resume", folder, strategy=strategy, instrument=instrument, why=why, person=person)


@app.command()
def kill(
    desk: Desk,
    strategy: StrategyScope = None,
    instrument: InstrumentScope = None,
    protective: Annotated[bool, typer.Option("--protective", help="Cancel protective orders too.")] = False,
    why: Why = "",
    person: Person = None,
    folder: Folder = None,
) -> None:
    """Block entries and cancel all orders but reduce-only protection."""
    words: dict[str, Any] = {"strategy": strategy, "instrument": instrument, "why": why, "person": person}
    command(desk, "kill", folder, protective=protective, **words)


@app.command()
def cancel(
    desk: Desk,
    strategy: StrategyScope = None,
    instrument: InstrumentScope = None,
    order: Annotated[str, typer.Option("--order", metavar="ID", help="Only this order, as the logs name it.")] = "",
    protective: Annotated[bool, typer.Option("--protective", help="Cancel protective orders too.")] = False,
    why: Why = "",
    person: Person = None,
    folder: Folder = None,
) -> None:
    """Take back the open orders, or one of them. Entries go on."""
    words: dict[str, Any] = {"strategy": strategy, "instrument": instrument, "why": why, "person": person}
    command(desk, "cancel-order" if order else "cancel", folder, order_id=order, protective=protective, **words)


@app.command()
def configure(
    desk: Desk,
    settings: Annotated[
        list[str],
        typer.Option("--set", metavar="NAME=VALUE", help='Repeatable; "default" is what desk.toml says.'),
    ],
    why: Why = "",
    person: Person = None,
    folder: Folder = None,
) -> None:
    """Change limits of a running desk, from its next order on and after restarts too. Signed."""
    command(desk, "configure", folder, settings=dict(map(_setting, settings)), why=why, person=person)


def _setting(word: str) -> tuple[str, str]:
    name, sign, value = word.partition("=")
    if not sign or not value:
        raise ConfigError("command", "--set", word, "NAME=VALUE, such as max_daily_loss=500")
    return name, value


@app.command()
def flatten(
    desk: Desk,
    strategy: StrategyScope = None,
    instrument: InstrumentScope = None,
    why: Why = "",
    person: Person = None,
    folder: Folder = None,
) -> None:
    """Stop entries, cancel everything, close the positions."""
    command(desk, "flatten", folder, strategy=strategy, instrument=instrument, why=why, person=person)


@app.command()
def lock(desk: Desk, why: Why = "", person: Person = None, folder: Folder = None) -> None:
    """Emergency: stop every order, even reducing ones, until a person unlocks."""
    command(desk, "lock", folder, why=why, person=person)


@app.command()
def unlock(desk: Desk, why: Why = "", person: Person = None, folder: Folder = None) -> None:
    """Open an emergency lock. Signed."""
    command(desk, "unlock", folder, why=why, person=person)


@app.command()
def acknowledge(desk: Desk, why: Why = "", person: Person = None, folder: Folder = None) -> None:
    """Say that every warning so far has been seen. Signed."""
    command(desk, "acknowledge", folder, why=why, person=person)


@app.command("throttle-reset")
def throttle_reset(
    desk: Desk, strategy: StrategyScope = None, why: Why = "", person: Person = None, folder: Folder = None
) -> None:
    """Let a strategy that asked for too many executions ask again. Signed."""
    command(desk, "throttle-reset", folder, strategy=strategy, why=why, person=person)


@app.command()
def stop(
    desk: Desk,
    keep_orders: Annotated[
        bool | None,
        typer.Option("--keep-orders/--cancel-orders", help="Every order; by default what guards a position stays."),
    ] = None,
    why: Why = "",
    person: Person = None,
    folder: Folder = None,
) -> None:
    """Wind a running desk down in order. Unless told, only the protective orders of what is held stay at a venue."""
    command(desk, "stop", folder, keep_orders=keep_orders, why=why, person=person)
