"""Which adapter speaks to which kind of venue: one table."""

from collections.abc import Callable
from typing import Final

from quarterdeck.config import DeskConfig
from quarterdeck.errors import ConfigError
from quarterdeck.venues.addresses import Address
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


_ADAPTERS: Final[dict[str, Callable[[DeskConfig, int, Say], Venue]]] = {"practice": _practice}


def open_venue(config: DeskConfig, row: int, say: Say = _silent) -> Venue:
    """Returns the venue at that row of the configuration, not connected yet; `say` hears sentences from any thread.

    ConfigError: no adapter speaks to its kind, or its address is none.
    """
    kind = config.venues[row].kind
    if kind not in _ADAPTERS:
        known = ", ".join(_ADAPTERS)
        raise ConfigError(config.file, f"venues[{config.venues[row].name}].kind", kind, f"one of {known} for orders")
    return _ADAPTERS[kind](config, row, say)
