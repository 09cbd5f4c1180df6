"""Which adapter speaks to which kind of venue: one table."""

import os
from collections.abc import Callable
from typing import Final

from quarterdeck.config import DeskConfig
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import InstrumentKind
from quarterdeck.venues.addresses import Address
from quarterdeck.venues.hyperliquid import HyperliquidOptions, HyperliquidVenue, Signer
from quarterdeck.venues.hyperliquid.terms import desk_instruments
from quarterdeck.venues.identity import desk_tag
from quarterdeck.venues.practice.terms import desk_terms
from quarterdeck.venues.practice.venue import PracticeOptions, PracticeVenue
from quarterdeck.venues.protocol import Venue

__all__ = ["open_venue"]

Say = Callable[[str], None]


def _silent(_: str) -> None:
    return None


def _practice(config: DeskConfig, row: int, say: Say) -> Venue:
    """The account bears the desk's name: one account, one desk."""
    address = Address.read(config.venues[row].address or "", config.folder)
    terms = desk_terms(config, row)
    return PracticeVenue(address, config.desk.name, config.desk.name, terms, PracticeOptions(say=say))


def _hyperliquid(config: DeskConfig, row: int, say: Say) -> Venue:
    """The key comes from the environment. The address is a twin's: the configuration takes no other in this version."""
    settings = config.venues[row]
    options = HyperliquidOptions(
        name=settings.name,
        address=f"http://{settings.address}",
        account=settings.account or "",
        depth=settings.depth,
        dead_man_s=float(settings.dead_man_s),
        allow_master_key=settings.allow_master_key,
    )
    instruments = desk_instruments(config, row)
    signer = Signer.from_environment(os.environ, mainnet=options.mainnet)
    for _, _, one in instruments:
        if one.kind is InstrumentKind.SPOT:
            say(
                f"{settings.name} takes the fee of a {one.symbol} buy in {one.base}: after each, position and cash "
                f"differ from the desk's, and entries wait until a person adopts them (quarterdeck adopt)"
            )
    return HyperliquidVenue(instruments, desk_tag(config.desk.name), options, signer, say)


_ADAPTERS: Final[dict[str, Callable[[DeskConfig, int, Say], Venue]]] = {
    "practice": _practice,
    "hyperliquid": _hyperliquid,
}


def open_venue(config: DeskConfig, row: int, say: Say = _silent) -> Venue:
    """Returns the venue at that row of the configuration, not connected yet; `say` hears sentences from any thread.

    ConfigError: no adapter speaks to its kind, its address is none, its key is missing, its terms are not the venue's.
    """
    kind = config.venues[row].kind
    if kind not in _ADAPTERS:
        known = ", ".join(_ADAPTERS)
        raise ConfigError(config.file, f"venues[{config.venues[row].name}].kind", kind, f"one of {known} for orders")
    return _ADAPTERS[kind](config, row, say)
