"""Commands of a desk with two processes: one that leads, one that stands by."""

from typing import Annotated

import typer

from quarterdeck.cli.control import command, print_status, tell
from quarterdeck.cli.shared import Desk, Folder, JsonFlag, Person, Seconds, Seed, Speed, Why, app, compile_halves, load

__all__ = ["handover", "standby"]


@app.command()
def standby(
    desk: Desk,
    seconds: Seconds = None,
    speed: Speed = None,
    seed: Seed = None,
    folder: Folder = None,
    status: Annotated[bool, typer.Option("--status", help="Ask the running standby how it stands.")] = False,
    json: JsonFlag = False,
) -> None:
    """Follow a desk's leader, and lead when it is gone."""
    if status:
        print_status(tell(desk, "status", folder=folder, line="standby.sock"), json=json)
        return
    config = load(desk)
    if config.desk.mode == "live":
        from quarterdeck.conformance.command import pass_gate  # noqa: PLC0415 - heavy for --help

        pass_gate(config, typer.echo, folder)
    compile_halves()
    from quarterdeck.desk.demo import run_visibly  # noqa: PLC0415 - compiles the kernel, with progress

    run_visibly(
        config, seconds=seconds, data=(), speed=speed or 1.0, seed=seed, folder=folder, command=desk, follow=True
    )


@app.command()
def handover(desk: Desk, why: Why = "", person: Person = None, folder: Folder = None) -> None:
    """Let the standby lead: the leader stops entries, writes everything down, and gives the desk away."""
    command(desk, "handover", folder, why=why, person=person)
