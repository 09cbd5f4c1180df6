"""What desk.toml says of an Alpaca venue, as the adapter takes it; and what cannot be meant by it."""

from decimal import Decimal
from typing import Final

from quarterdeck.config import DeskConfig
from quarterdeck.config.sections import Instrument as InstrumentSettings
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import InstrumentKind
from quarterdeck.market.grids import decimal_parts
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.alpaca.universe import LOT_DECIMALS_MAX, TICKS

__all__ = ["desk_instruments"]

_CURRENCY: Final = "USD"


def desk_instruments(config: DeskConfig, row: int) -> tuple[tuple[int, int, Instrument], ...]:
    """Returns (the desk's index, its purse's index, the instrument) of all that is traded at the venue at that row.

    ConfigError where the venue's rules are others: it settles in USD, takes no commission, and counts prices in cents
    or hundredths of a cent, sizes in shares or down to nine decimals of one. Whether it trades a symbol, and how, only
    the venue can tell.
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
    ticks = " or ".join(f"{tick:f}" for tick in TICKS)
    mantissa, exponent = decimal_parts(settings.lot)
    fits = mantissa == 1 and -LOT_DECIMALS_MAX <= exponent <= 0
    free = {settings.maker_fee_bps or Decimal(0), settings.taker_fee_bps or Decimal(0)} == {Decimal(0)}
    rules = (
        ("kind", settings.kind, settings.kind == "equity", "equity"),
        ("tick", f"{settings.tick:f}", settings.tick in TICKS, ticks),
        ("lot", f"{settings.lot:f}", fits, f"1, or a decimal fraction of a share, down to 1e-{LOT_DECIMALS_MAX}"),
        ("multiplier", str(settings.multiplier), settings.multiplier == 1, "1"),
        ("significant_figures", settings.significant_figures, settings.significant_figures == 0, "0"),
        ("taker_fee_bps", str(settings.taker_fee_bps), free, "0, and maker_fee_bps too: there is no commission"),
    )
    for key, value, holds, allowed in rules:
        if not holds:
            where = f"instruments[{settings.symbol}].{key}"
            raise ConfigError(config.file, where, value, f"{allowed}, as at {settings.venue}")


def _instrument(config: DeskConfig, settings: InstrumentSettings) -> Instrument:
    return Instrument(
        symbol=settings.symbol, venue=settings.venue, kind=InstrumentKind.EQUITY, base=settings.base,
        quote=settings.quote, tick=settings.tick, lot=settings.lot, min_notional=settings.min_notional,
        short_allowed=settings.shorts, currency_exponent=config.exponent(settings.quote),
    )  # fmt: skip
