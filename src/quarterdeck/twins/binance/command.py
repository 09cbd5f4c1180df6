"""What `quarterdeck twin binance` does: serve the twin until it is told to stop.

A key's secret comes from a file or the environment; one that is in neither is made and said once. Both hold lines of
KEY=SECRET, in the environment parted by blanks.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from quarterdeck.errors import ConfigError
from quarterdeck.market.loading import load
from quarterdeck.twins.binance.listings import default_listings
from quarterdeck.twins.binance.server import Funds, TwinOptions, TwinServer
from quarterdeck.twins.serving import run_until_told

__all__ = ["SECRETS_VARIABLE", "read_keys", "serve_twin"]

SECRETS_VARIABLE: Final = "QUARTERDECK_TWIN_SECRETS"
_KEY: Final = re.compile(r"^[A-Za-z0-9]{64}$")
_FUNDS: Final = "USDT:10000,BNB:5,futures:10000"
_ALLOWED: Final = (
    "KEY or KEY=ASSET:AMOUNT,... , the key of 64 letters and digits or `new`; futures:AMOUNT is USDT there"
)


def read_keys(
    texts: Sequence[str], say: Callable[[str], None], environment: Mapping[str, str], file: Path | None = None
) -> dict[str, Funds]:
    """Reads "KEY" or "KEY=USDT:10000,BTC:1,futures:10000" each; without any a key is made. Raises ConfigError."""
    known = _secrets(environment.get(SECRETS_VARIABLE, "").split())
    if file is not None:
        try:
            known |= _secrets(file.read_text().split())
        except OSError as error:
            raise ConfigError(
                "command", "--secrets", str(file), f"a file that can be read: {error.strerror}"
            ) from error
    keys: dict[str, Funds] = {}
    for text in texts or ["new"]:
        key, _, amounts = text.partition("=")
        if key == "new":
            key = _made()
        if not _KEY.match(key) or key in keys:
            raise ConfigError("command", "--key", key, _ALLOWED)
        secret = known.get(key)
        if secret is None:
            secret = _made()
            say(f"API key {key}, secret {secret}: said this once")
        spot = _amounts(key, amounts or _FUNDS)
        keys[key] = Funds(secret=secret, futures=spot.pop("futures", "0"), spot=spot)
    return keys


def _secrets(pairs: Sequence[str]) -> dict[str, str]:
    return {key: secret for key, _, secret in (pair.partition("=") for pair in pairs) if secret}


def _made() -> str:
    return secrets.token_hex(32)


def _amounts(key: str, text: str) -> dict[str, str]:
    amounts: dict[str, str] = {}
    for part in text.split(","):
        asset, _, amount = part.partition(":")
        try:
            enough = Decimal(amount) >= 0
        except InvalidOperation:
            enough = False
        if not asset or not enough:
            raise ConfigError("command", "--key", f"{key[:4]}...={text}", _ALLOWED)
        amounts[asset] = amount
    return amounts


def serve_twin(options: TwinOptions, say: Callable[[str], None], replay: Path | None = None) -> None:
    """Serves until SIGINT or SIGTERM. Raises DeskError where the port is taken, DataError for a file that cannot be."""
    if replay is not None:
        symbols = {one.symbol: one for one in default_listings(1)}
        if options.symbol not in symbols:
            raise ConfigError("command", "--symbol", options.symbol, f"one of {', '.join(symbols)}")
        data = load(replay)
        if data.instrument.currency_exponent > 8:
            raise ConfigError("command", "--replay", str(replay), "a record whose money is whole units of 1e-8")
        options = replace(options, recorded=data.events, grid=data.instrument)
    run_until_told(
        lambda: TwinServer(options),
        lambda port: f"the twin of Binance listens at 127.0.0.1:{port}, seed {options.seed}",
        say,
    )
