"""What `quarterdeck twin alpaca` does: serve the twin until it is told to stop."""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from quarterdeck.errors import ConfigError, DataError
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market.loading import load
from quarterdeck.twins.alpaca.calendar import NEW_YORK, new_york
from quarterdeck.twins.alpaca.listings import default_listings
from quarterdeck.twins.alpaca.server import Credentials, TwinOptions, TwinServer
from quarterdeck.twins.serving import run_until_told

__all__ = ["read_credentials", "read_start", "serve_twin"]

_NAMES = (("APCA_API_KEY_ID", "APCA_API_SECRET_KEY"), ("ALPACA_API_KEY", "ALPACA_SECRET_KEY"))
_NS_PER_S = 1_000_000_000


def read_start(text: str | None) -> int:
    """Returns UTC nanoseconds of a time by ISO 8601, in New York where it names no zone; 0 of none.

    Raises ConfigError.
    """
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError("command", "--start", text, "a time such as 2026-11-20T09:25-05:00") from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=NEW_YORK)
    return int(moment.timestamp()) * _NS_PER_S


def read_credentials(environment: Mapping[str, str], cash: str) -> tuple[Credentials, bool]:
    """Returns the account's keys and whether they were made up here, because the environment has none.

    Raises ConfigError for half a pair or money that is none.
    """
    try:
        enough = Decimal(cash) >= 0
    except InvalidOperation:
        enough = False
    if not enough:
        raise ConfigError("command", "--cash", cash, "dollars")
    for key_name, secret_name in _NAMES:
        key, secret = environment.get(key_name, ""), environment.get(secret_name, "")
        if key and secret:
            return Credentials(key, secret, cash), False
        if key or secret:
            raise ConfigError("environment", secret_name if key else key_name, "(not set)", "both or neither")
    return Credentials(f"PK{secrets.token_hex(9).upper()}", secrets.token_urlsafe(30), cash), True


def serve_twin(options: TwinOptions, say: Callable[[str], None], cash: str, replay: Path | None = None) -> None:
    """Serves until SIGINT or SIGTERM. Raises DeskError where the port is taken, DataError for a file that cannot be."""
    credentials, made_up = read_credentials(os.environ, cash)
    options = replace(options, accounts=(credentials,))
    if replay is not None:
        listings = {one.symbol: one for one in default_listings(1)}
        if options.symbol not in listings:
            raise ConfigError("command", "--symbol", options.symbol, f"one of {', '.join(listings)}")
        data = load(replay, instrument=listings[options.symbol].instrument)
        books = {int(kind) for kind in set(data.events["kind"].tolist())}
        if not books & {EventKind.QUOTE, EventKind.LEVEL}:
            raise DataError(str(replay), "it has no quotes and no book, so nobody could trade")
        options = replace(options, recorded=data.events)
    if made_up:
        say(f"APCA_API_KEY_ID={credentials.key}")
        say(f"APCA_API_SECRET_KEY={credentials.secret}")
    server = TwinServer(options)
    begins = new_york(server.began_ns)
    run_until_told(
        lambda: server,
        lambda port: (
            f"the twin of Alpaca listens at 127.0.0.1:{port}, seed {options.seed}; its market is at "
            f"{begins:%Y-%m-%d %H:%M} in New York and {server.exchange.phase.value}"
        ),
        say,
    )
