"""`quarterdeck keys`: the credentials of a desk in its encrypted file. A value is read, never written out."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from quarterdeck.cli.shared import Desk, Folder, JsonFlag, Person, Why, app, load, print_json

__all__ = ["keys_app", "keys_compromise", "keys_list", "keys_remove", "keys_set"]

keys_app = typer.Typer(no_args_is_help=True, help="Keep a desk's credentials in a file that age encrypts.")
app.add_typer(keys_app, name="keys")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The variable that it stands for: ALPACA_SECRET_KEY.")]


@keys_app.command("set")
def keys_set(desk: Desk, name: Name) -> None:
    """Read a credential from standard input (a terminal does not show it), and keep it."""
    config = load(desk)
    from quarterdeck.config.credentials import CredentialsFile, check_name  # noqa: PLC0415 - heavy for --help

    check_name(name)
    value = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline()
    kept = CredentialsFile(config.folder)
    kept.set(name, value.strip())
    sys.stdout.write(f"{name} is kept in {kept.path}\n")


@keys_app.command("list")
def keys_list(desk: Desk, json: JsonFlag = False) -> None:
    """Name the credentials that the file holds; never their values."""
    config = load(desk)
    from quarterdeck.config.credentials import CredentialsFile  # noqa: PLC0415 - heavy for --help

    names = CredentialsFile(config.folder).names()
    if json:
        print_json({"names": names})
    else:
        sys.stdout.write("".join(f"{name}\n" for name in names))


@keys_app.command("remove")
def keys_remove(desk: Desk, name: Name) -> None:
    """Take a credential out of the file."""
    config = load(desk)
    from quarterdeck.config.credentials import CredentialsFile  # noqa: PLC0415 - heavy for --help

    kept = CredentialsFile(config.folder)
    kept.remove(name)
    sys.stdout.write(f"{name} is no longer in {kept.path}\n")


@keys_app.command("compromise")
def keys_compromise(
    desk: Desk,
    why: Why = "",
    person: Person = None,
    new_key: Annotated[
        Path | None,
        typer.Option("--new-key", metavar="FILE", help="Where the new key goes, instead of beside desk.toml."),
    ] = None,
    folder: Folder = None,
) -> None:
    """Others may have the key of a chain: lock the desk, make a new account, take everything to the safe address.

    What leaves the account waits for a typed confirmation. The new key is written, never shown.
    """
    config = load(desk)
    from quarterdeck.desk.compromise import Compromise  # noqa: PLC0415 - heavy for --help

    case = Compromise(config, folder, lambda sentence: sys.stdout.write(f"{sentence}\n"))
    case.lock(why, person)
    case.renew(new_key)
    sys.stdout.write(f"Type the safe address to take everything there: {case.safe}\n")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() != case.safe.lower():
        sys.stdout.write("that is not it: nothing was moved\n")
        raise typer.Exit(1)
    if not case.rescue():
        raise typer.Exit(1)
