"""What `quarterdeck twin hyperliquid` does: serve the twin until it is told to stop."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

from quarterdeck.errors import ConfigError
from quarterdeck.market.loading import load
from quarterdeck.twins.hyperliquid.listings import default_listings
from quarterdeck.twins.hyperliquid.server import TwinOptions, TwinServer
from quarterdeck.twins.serving import run_until_told

__all__ = ["read_agents", "read_funds", "serve_twin"]

_ADDRESS_DIGITS = 40
_DEPOSIT = "10000"


def read_funds(texts: Sequence[str]) -> dict[str, str]:
    """Reads "ADDRESS" or "ADDRESS=USDC" each. Raises ConfigError."""
    funds: dict[str, str] = {}
    for text in texts:
        address, _, usdc = text.partition("=")
        try:
            enough = Decimal(usdc or _DEPOSIT) >= 0
        except InvalidOperation:
            enough = False
        if not _is_address(address) or not enough:
            raise ConfigError("command", "--fund", text, "ADDRESS or ADDRESS=USDC, the address 0x and 40 digits")
        funds[address] = usdc or _DEPOSIT
    return funds


def read_agents(texts: Sequence[str], funds: dict[str, str]) -> dict[str, str]:
    """Reads "AGENT=MASTER" each. Raises ConfigError; the master has funds."""
    agents: dict[str, str] = {}
    known = {address.lower() for address in funds}
    for text in texts:
        agent, _, master = text.partition("=")
        if not _is_address(agent) or master.lower() not in known:
            raise ConfigError("command", "--agent", text, "AGENT=MASTER, two addresses, the master one of --fund")
        agents[agent] = master
    return agents


def _is_address(text: str) -> bool:
    digits = text.removeprefix("0x")
    return len(digits) == _ADDRESS_DIGITS and all(digit in "0123456789abcdefABCDEF" for digit in digits)


def serve_twin(options: TwinOptions, say: Callable[[str], None], replay: Path | None = None) -> None:
    """Serves until SIGINT or SIGTERM. Raises DeskError where the port is taken, DataError for a file that cannot be."""
    if replay is not None:
        listings = {one.coin: one for one in default_listings(1)}
        if options.coin not in listings:
            raise ConfigError("command", "--coin", options.coin, f"one of {', '.join(listings)}")
        data = load(replay, instrument=listings[options.coin].instrument)
        options = replace(options, recorded=data.events)

    run_until_told(
        lambda: TwinServer(options),
        lambda port: f"the twin of Hyperliquid listens at 127.0.0.1:{port}, seed {options.seed}",
        say,
    )
