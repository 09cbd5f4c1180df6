"""Commands that look back: replay, shadow, why; and `compile`, which they all stand on."""

import os
import sys
from typing import Annotated

import typer

from quarterdeck.cli.shared import (
    CAPACITY_VARIABLE,
    Desk,
    JsonFlag,
    app,
    compile_halves,
    folder_of,
    load,
    only_desk,
    print_report,
)

__all__ = ["compile_code", "replay", "shadow", "why"]


@app.command()
def replay(desk: Desk, json: JsonFlag = False) -> None:
    """Rebuild a desk's state from its journal and check every digest in it."""
    path = folder_of(desk)
    compile_halves()
    from quarterdeck.runtime.replay import replay as replay_journal  # noqa: PLC0415 - compiles the kernel
    from quarterdeck.runtime.replay import replay_desk  # noqa: PLC0415 - as above, heavy

    found = replay_desk(path) if (path / "data").is_dir() else replay_journal(path)
    print_report(found, json)


@app.command()
def shadow(desk: Desk, json: JsonFlag = False) -> None:
    """Show the desk's strategies its journal again, and compare what they ask with what they asked then."""
    config = load(desk)
    compile_halves()
    from quarterdeck.runtime.shadow import shadow as shadow_journal  # noqa: PLC0415 - compiles the kernel

    found = shadow_journal(config.folder, config)
    print_report(found, json)
    if not found.equal:
        raise typer.Exit(1)


@app.command("compile")
def compile_code(
    capacity: Annotated[str, typer.Option(help="small, standard or large: what desk.toml asks for.")] = "standard",
) -> None:
    """Compile the kernel now rather than at a desk's first start."""
    os.environ[CAPACITY_VARIABLE] = capacity
    compile_halves()
    from quarterdeck.runtime.warmup import compile_kernel  # noqa: PLC0415 - compiles the kernel

    sys.stdout.write(f"compiled code {compile_kernel()} is ready\n")


@app.command()
def why(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="EPOCH-SEQUENCE, an id, or @SEQUENCE of a record.")],
    desk: Annotated[str | None, typer.Option(help="Whose; by default the only desk there is.")] = None,
    json: JsonFlag = False,
) -> None:
    """Tell an order's whole story from the journal."""
    config = load(only_desk() if desk is None else desk)
    compile_halves()
    from quarterdeck.runtime.story import why as tell_why  # noqa: PLC0415 - compiles the kernel

    story = tell_why(config.folder, order, config)
    print_report(story, json)
