"""Twins: local servers that speak a venue's own protocol."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from quarterdeck.cli.shared import app, compile_halves

__all__ = ["hyperliquid", "twin"]

twin = typer.Typer(no_args_is_help=True, help="Serve a twin: a local server that speaks a venue's own protocol.")
app.add_typer(twin, name="twin")


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


@twin.callback()
def _choose() -> None:
    """Serve a twin: a local server that speaks a venue's own protocol."""


@twin.command()
def hyperliquid(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any that is free.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the market around it.")] = 1,
    speed: Annotated[
        float, typer.Option(min=0.001, max=60, help="Of the market's clock; signatures keep real time.")
    ] = 1,
    fund: Annotated[list[str] | None, typer.Option("--fund", metavar="ADDRESS=USDC", help="An account.")] = None,
    agent: Annotated[
        list[str] | None, typer.Option("--agent", metavar="AGENT=MASTER", help="Who may sign for it.")
    ] = None,
    replay: Annotated[Path | None, typer.Option("--replay", metavar="FILE", help="A recorded market.")] = None,
    coin: Annotated[str, typer.Option(help="Which perpetual is replayed.")] = "XRP",
) -> None:
    """Hyperliquid: POST /info and /exchange, websocket /ws, and POST /twin for faults."""
    compile_halves()
    from quarterdeck.twins.hyperliquid.command import (  # noqa: PLC0415 - heavy for --help
        read_agents,
        read_funds,
        serve_twin,
    )
    from quarterdeck.twins.hyperliquid.server import TwinOptions  # noqa: PLC0415 - as above, heavy

    funds = read_funds(fund or [])
    options = TwinOptions(
        port=port, seed=seed, speed=speed, funds=funds, agents=read_agents(agent or [], funds), coin=coin
    )
    serve_twin(options, _say, replay)
