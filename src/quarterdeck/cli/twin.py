"""Twins: local servers that speak a venue's own protocol."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from quarterdeck.cli.shared import app, compile_halves

__all__ = ["alpaca", "binance", "evm", "hyperliquid", "twin"]

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


@twin.command()
def alpaca(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any that is free.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the market around it.")] = 1,
    speed: Annotated[float, typer.Option(min=0.001, max=60, help="Of the market's clock.")] = 1,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="Where the market's clock begins, as 2026-11-20T09:25-05:00.")
    ] = None,
    cash: Annotated[str, typer.Option(metavar="USD", help="Of the account.")] = "100000",
    rate: Annotated[int, typer.Option(min=1, help="Requests a minute for each of the two APIs.")] = 200,
    day_trading: Annotated[
        bool, typer.Option("--day-trading", help="With the pattern day trader rule that ended in July 2026.")
    ] = False,
    replay: Annotated[Path | None, typer.Option("--replay", metavar="FILE", help="A recorded market.")] = None,
    symbol: Annotated[str, typer.Option(help="Which stock is replayed.")] = "AAPL",
) -> None:
    """Alpaca: /v2 by HTTP, websockets /v2/iex, /v2/sip, /v2/test and /stream, and POST /twin for faults.

    The account's keys are those of APCA_API_KEY_ID and APCA_API_SECRET_KEY; without them a pair is made and printed.
    """
    compile_halves()
    from quarterdeck.twins.alpaca.command import read_start, serve_twin  # noqa: PLC0415 - heavy for --help
    from quarterdeck.twins.alpaca.server import TwinOptions  # noqa: PLC0415 - as above, heavy

    options = TwinOptions(
        port=port, seed=seed, speed=speed, start_ns=read_start(start), symbol=symbol, requests_per_minute=rate,
        day_trading=day_trading,
    )  # fmt: skip
    serve_twin(options, _say, cash, replay)


@twin.command()
def binance(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any that is free.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the market around it.")] = 1,
    speed: Annotated[
        float, typer.Option(min=0.001, max=60, help="Of the market's clock; signatures keep real time.")
    ] = 1,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="KEY=FUNDS", help="An API key, as KEY=USDT:10000,BNB:5,futures:10000."),
    ] = None,
    secrets: Annotated[
        Path | None, typer.Option("--secrets", metavar="FILE", help="Lines of KEY=SECRET; else the environment.")
    ] = None,
    replay: Annotated[Path | None, typer.Option("--replay", metavar="FILE", help="A recorded market.")] = None,
    symbol: Annotated[str, typer.Option(help="Which pair is replayed.")] = "BTCUSDT",
) -> None:
    """Binance spot and USD-M: /api, /fapi, /ws, /stream, /ws-api, /ws-fapi, and POST /twin for faults.

    Secrets are those of the file, or of QUARTERDECK_TWIN_SECRETS; a key without one gets one made, said once.
    """
    compile_halves()
    from quarterdeck.twins.binance.command import read_keys, serve_twin  # noqa: PLC0415 - heavy for --help
    from quarterdeck.twins.binance.server import TwinOptions  # noqa: PLC0415 - as above, heavy

    keys = read_keys(key or [], _say, os.environ, secrets)
    serve_twin(TwinOptions(port=port, seed=seed, speed=speed, keys=keys, symbol=symbol), _say, replay)


@twin.command()
def evm(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any that is free.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the market on it and of the people who trade there.")] = 1,
    speed: Annotated[float, typer.Option(min=0.001, max=60, help="Of the chain's clock.")] = 1,
    block: Annotated[
        float, typer.Option(min=0, max=3_600, help="Seconds of that clock between blocks; 0: only when asked for.")
    ] = 12,
    chain_id: Annotated[int, typer.Option(min=1, help="Of the chain.")] = 31_337,
    fund: Annotated[
        list[str] | None,
        typer.Option("--fund", metavar="ADDRESS=ETH", help="An account; the first one owns the executor."),
    ] = None,
) -> None:
    """An EVM chain: JSON-RPC by POST and websocket, GET /twin/universe, and POST /twin for faults."""
    from quarterdeck.twins.evm.command import read_funds, serve_twin  # noqa: PLC0415 - heavy for --help
    from quarterdeck.twins.evm.server import TwinOptions  # noqa: PLC0415 - as above, heavy

    options = TwinOptions(
        port=port, seed=seed, speed=speed, block_s=block, chain_id=chain_id, funds=read_funds(fund or [])
    )
    serve_twin(options, _say)
