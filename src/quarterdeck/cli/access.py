"""`quarterdeck token`, `quarterdeck person`, `quarterdeck access`: who may use the ops plane, and who did.

A token is written where it is asked for, once; a password is read from standard input, never from the words.
"""

import getpass
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from quarterdeck.cli.shared import JsonFlag, app, print_json

__all__ = [
    "RoleWord",
    "access_app",
    "access_log",
    "access_verify",
    "person_add",
    "person_app",
    "person_list",
    "person_password",
    "person_remove",
    "person_totp",
    "token_app",
    "token_list",
    "token_new",
    "token_revoke",
    "token_rotate",
]


class RoleWord(StrEnum):
    """The roles, from the weakest; a test compares them with the access room's."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    RISK = "risk"
    ADMIN = "admin"


token_app = typer.Typer(no_args_is_help=True, help="Tokens for the ops plane's API: made, rotated, revoked.")
person_app = typer.Typer(no_args_is_help=True, help="People who sign in to the console.")
access_app = typer.Typer(no_args_is_help=True, help="The audit trail of who was let in, and who was not.")
app.add_typer(token_app, name="token")
app.add_typer(person_app, name="person")
app.add_typer(access_app, name="access")

Plane = Annotated[Path | None, typer.Option("--ops", metavar="FOLDER", help="The folder of ops.toml.")]
Name = Annotated[str, typer.Argument(metavar="NAME")]
TokenId = Annotated[str, typer.Argument(metavar="TOKEN_ID", help="As `quarterdeck token list` shows it.")]
RoleOption = Annotated[RoleWord, typer.Option("--role", help="What it may do; each role may what those before it may.")]
DeskOption = Annotated[list[str] | None, typer.Option("--desk", metavar="DESK", help="Only this desk; repeatable.")]
Days = Annotated[float | None, typer.Option("--days", help="How long it lasts; by default [access] token_days.")]
File = Annotated[Path | None, typer.Option("--file", metavar="F", help="Write it there, for its owner alone.")]


@contextmanager
def _gate(folder: Path | None) -> Generator[Any]:
    from quarterdeck.config.ops import load_ops  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.access import Gate  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.store import Store  # noqa: PLC0415 - heavy for --help

    config = load_ops(folder)
    store = Store(config.data)
    gate = Gate(store, config.access, config.ops.production, config.data / "access.jsonl")
    try:
        yield gate
    finally:
        gate.close()
        store.close()


def _moment(time_ns: int | None) -> str:
    from quarterdeck.journal import rfc3339  # noqa: PLC0415 - heavy for --help

    return "never" if time_ns is None else f"{rfc3339(time_ns)[:19]}Z"


def _hand_over(secret: str, token: Any, file: Path | None, json: bool) -> None:
    """Gives a token away: into a file, or on standard output, this once."""
    from quarterdeck.ops.access.tokens import write_token_file  # noqa: PLC0415 - heavy for --help

    facts = {"token_id": token.token_id, "person": token.person, "role": token.role.value, "desks": list(token.desks)}
    facts["expires"] = _moment(token.expires_ns)
    if file is not None:
        write_token_file(file, secret)
        facts["file"] = str(file)
    if json:
        print_json(facts if file is not None else {**facts, "token": secret})
        return
    if file is None:
        sys.stdout.write(f"{secret}\n")
    where = "it is not shown again" if file is None else f"it is in {file}"
    sys.stderr.write(f"{token.token_id}: {token.role.value} for {token.person}, until {facts['expires']}; {where}\n")


@token_app.command("new")
def token_new(
    person: Name,
    role: RoleOption = RoleWord.VIEWER,
    desk: DeskOption = None,
    days: Days = None,
    file: File = None,
    ops: Plane = None,
    json: JsonFlag = False,
) -> None:
    """Make a token for a person or a service, and show it this once."""
    with _gate(ops) as gate:
        from quarterdeck.ops.access import Role  # noqa: PLC0415 - heavy for --help

        secret, token = gate.tokens.new(person, Role(role.value), desk or (), days)
        _hand_over(secret, token, file, json)


@token_app.command("rotate")
def token_rotate(
    token_id: TokenId, days: Days = None, file: File = None, ops: Plane = None, json: JsonFlag = False
) -> None:
    """Make the successor of a token; the old one is taken for [access] overlap_hours more."""
    with _gate(ops) as gate:
        secret, token = gate.tokens.rotate(token_id, days)
        _hand_over(secret, token, file, json)


@token_app.command("revoke")
def token_revoke(token_id: TokenId, ops: Plane = None) -> None:
    """End a token at once."""
    with _gate(ops) as gate:
        token = gate.tokens.revoke(token_id)
        sys.stdout.write(f"{token.token_id} of {token.person} is revoked\n")


@token_app.command("list")
def token_list(ops: Plane = None, json: JsonFlag = False) -> None:
    """Show all tokens: whose they are, what they may, until when; never the tokens themselves."""
    with _gate(ops) as gate:
        now_ns, soon = time.time_ns(), {one.token_id for one in gate.tokens.expiring()}
        rows = [
            {
                "token_id": one.token_id,
                "person": one.person,
                "role": one.role.value,
                "desks": list(one.desks),
                "state": "expires soon" if one.token_id in soon else one.state(now_ns),
                "expires": _moment(one.expires_ns),
                "used": _moment(one.used_ns),
            }
            for one in gate.tokens.list()
        ]
    if json:
        print_json({"tokens": rows})
        return
    for row in rows:
        desks = ",".join(row["desks"]) or "all desks"
        said = f"{row['token_id']}  {row['state']:<12}  {row['role']:<8}  {row['person']}  {desks}"
        sys.stdout.write(f"{said}  until {row['expires']}  used {row['used']}\n")


@person_app.command("add")
def person_add(name: Name, role: RoleOption = RoleWord.VIEWER, desk: DeskOption = None, ops: Plane = None) -> None:
    """Add a person, or give one another role and other desks."""
    with _gate(ops) as gate:
        from quarterdeck.ops.access import Role  # noqa: PLC0415 - heavy for --help

        person = gate.people.add(name, Role(role.value), desk or ())
        desks = ",".join(person.desks) or "all desks"
        sys.stdout.write(f"{person.name}: {person.role.value}, {desks}\n")


@person_app.command("password")
def person_password(name: Name, ops: Plane = None) -> None:
    """Read a person's new password from standard input (a terminal does not show it)."""
    with _gate(ops) as gate:
        gate.people.find(name)
        password = getpass.getpass(f"password of {name}: ") if sys.stdin.isatty() else sys.stdin.readline()
        gate.people.set_password(name, password.rstrip("\n"))
        sys.stdout.write(f"the password of {name} is set; open sessions have ended\n")


@person_app.command("totp")
def person_totp(name: Name, ops: Plane = None) -> None:
    """Give a person a new second factor, and show it this once for an authenticator."""
    with _gate(ops) as gate:
        secret, address = gate.people.set_totp(name)
        sys.stdout.write(f"{secret}\n{address}\n")
        sys.stderr.write("scan or type it into an authenticator now: it is not shown again\n")


@person_app.command("remove")
def person_remove(name: Name, ops: Plane = None) -> None:
    """End a person's access: sessions and tokens too."""
    with _gate(ops) as gate:
        gate.people.remove(name)
        sys.stdout.write(f"{name} may nothing any more; sessions and tokens have ended\n")


@person_app.command("list")
def person_list(ops: Plane = None, json: JsonFlag = False) -> None:
    """Show who there is."""
    with _gate(ops) as gate:
        people = gate.people.list()
    rows = [
        {
            "name": one.name,
            "role": one.role.value,
            "desks": list(one.desks),
            "password": one.has_password,
            "totp": one.has_totp,
        }
        for one in people
    ]
    if json:
        print_json({"people": rows})
        return
    for one in people:
        missing = [word for word, there in (("password", one.has_password), ("totp", one.has_totp)) if not there]
        said = f"  (no {', no '.join(missing)})" if missing else ""
        sys.stdout.write(f"{one.name}  {one.role.value}  {','.join(one.desks) or 'all desks'}{said}\n")


@access_app.command("log")
def access_log(
    ops: Plane = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many records.")] = 50,
    refused: Annotated[bool, typer.Option("--refused", help="Only who was refused.")] = False,
    json: JsonFlag = False,
) -> None:
    """Show the newest records: who was refused, who was permitted what, what was done to tokens and people."""
    from collections import deque  # noqa: PLC0415 - only here

    from quarterdeck.config.ops import load_ops  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.access.trail import read_trail  # noqa: PLC0415 - heavy for --help

    found = read_trail(load_ops(ops).data / "access.jsonl")
    rows = deque((row for row in found if not refused or row["what"] == "refused"), maxlen=last)
    if json:
        print_json({"records": list(rows)})
        return
    hidden = {"sequence", "time", "what", "previous", "hash"}
    for row in rows:
        facts = " ".join(f"{key}={value}" for key, value in row.items() if key not in hidden and value not in ("", []))
        sys.stdout.write(f"{row['sequence']:>6}  {row['time'][:19]}Z  {row['what']:<16}  {facts}\n")


@access_app.command("verify")
def access_verify(ops: Plane = None, json: JsonFlag = False) -> None:
    """Check the chain of the audit trail, and that none of its end is gone."""
    from quarterdeck.config.ops import load_ops  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.access.trail import verify_trail  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.store import Store  # noqa: PLC0415 - heavy for --help

    config = load_ops(ops)
    store = Store(config.data)
    try:
        head = verify_trail(config.data / "access.jsonl", store)
    finally:
        store.close()
    if json:
        print_json({"records": head.sequence, "hash": head.hash})
    else:
        sys.stdout.write(f"{head.sequence} records, each as it was written; the newest is {head.hash}\n")
