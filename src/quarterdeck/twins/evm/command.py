"""What `quarterdeck twin evm` does: serve the twin until it is told to stop."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from quarterdeck.errors import ConfigError
from quarterdeck.twins.evm.server import TwinOptions, TwinServer
from quarterdeck.twins.serving import run_until_told

__all__ = ["read_funds", "serve_twin"]

_ADDRESS: Final = re.compile(r"^0x[0-9a-fA-F]{40}$")
_WEI: Final = 10**18
_ETHER_MAX: Final = 10**9
_ALLOWED: Final = f"ADDRESS=ETH, the address 0x and 40 hex digits, the amount up to {_ETHER_MAX} with up to 18 places"


def read_funds(texts: Sequence[str]) -> dict[str, int]:
    """Reads "ADDRESS=ETH" each, to wei. Raises ConfigError."""
    funds: dict[str, int] = {}
    for text in texts:
        address, _, amount = text.partition("=")
        try:
            wei = Decimal(amount) * _WEI
            fits = 0 <= wei <= _ETHER_MAX * _WEI and wei == int(wei)
        except (InvalidOperation, ValueError, OverflowError):
            wei, fits = Decimal(0), False
        if not fits or not _ADDRESS.match(address) or address.lower() in funds:
            raise ConfigError("command", "--fund", text, _ALLOWED)
        funds[address.lower()] = int(wei)
    return funds


def serve_twin(options: TwinOptions, say: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM. Raises DeskError where the port is taken, ConfigError without contracts."""
    run_until_told(
        lambda: TwinServer(options),
        lambda port: f"the twin of an EVM chain listens at 127.0.0.1:{port}, seed {options.seed}",
        say,
    )
