"""What desk.toml says of a Hyperliquid venue, as the adapter takes it; and what cannot be meant by it."""

from typing import Final

from quarterdeck.config import DeskConfig
from quarterdeck.config.sections import Instrument as InstrumentSettings
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import InstrumentKind
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.hyperliquid.numbers import FIGURES

__all__ = ["desk_instruments"]

_CURRENCY: Final = "USDC"
_KINDS: Final = {"perpetual": InstrumentKind.PERPETUAL, "spot": InstrumentKind.SPOT}


def desk_instruments(config: DeskConfig, row: int) -> tuple[tuple[int, int, Instrument], ...]:
    """Returns (the desk's index, its purse's index, the instrument) of all that is traded at the venue at that row.

    ConfigError where the venue's rules are others: it settles in USDC, prices have five significant figures. Whether it
    lists a symbol, and on which grid, only the venue can tell.
    """
    venue = config.venues[row].name
    purses = {account.currency: place for place, account in enumerate(config.accounts) if account.venue == venue}
    for currency in purses:
        if currency != _CURRENCY:
            raise ConfigError(config.file, f"accounts[{currency}].currency", currency, f"{_CURRENCY} at {venue}")
    found: list[tuple[int, int, Instrument]] = []
    for index, settings in enumerate(config.instruments):
        if settings.venue == venue:
            _check(config, settings)
            found.append((index, purses[settings.quote], _instrument(config, settings)))
    return tuple(found)


def _check(config: DeskConfig, settings: InstrumentSettings) -> None:
    kind = " or ".join(_KINDS)
    rules = (
        ("kind", settings.kind, settings.kind in _KINDS, kind),
        ("multiplier", str(settings.multiplier), settings.multiplier == 1, "1"),
        ("significant_figures", settings.significant_figures, settings.significant_figures == FIGURES, f"{FIGURES}"),
    )
    for key, value, holds, allowed in rules:
        if not holds:
            where = f"instruments[{settings.symbol}].{key}"
            raise ConfigError(config.file, where, value, f"{allowed}, as at {settings.venue}")


def _instrument(config: DeskConfig, settings: InstrumentSettings) -> Instrument:
    return Instrument(
        symbol=settings.symbol, venue=settings.venue, kind=_KINDS[settings.kind], base=settings.base,
        quote=settings.quote, tick=settings.tick, lot=settings.lot, significant_figures=settings.significant_figures,
        min_notional=settings.min_notional, currency_exponent=config.exponent(settings.quote),
    )  # fmt: skip
