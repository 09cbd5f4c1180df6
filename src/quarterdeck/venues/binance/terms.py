"""What desk.toml says of a Binance venue, as the adapter takes it; and what cannot be meant by it."""

from collections.abc import Sequence
from typing import Final

from quarterdeck.config import DeskConfig
from quarterdeck.config.sections import Instrument as InstrumentSettings
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import InstrumentKind
from quarterdeck.market.grids import to_steps
from quarterdeck.market.instruments import Instrument

__all__ = ["desk_instruments"]

_KINDS: Final = {"perpetual": InstrumentKind.PERPETUAL, "spot": InstrumentKind.SPOT}
_OF_VENUE: Final = {"binance": "spot", "binance-usdm": "perpetual"}


def desk_instruments(config: DeskConfig, row: int) -> tuple[tuple[int, int, Instrument], ...]:
    """Returns (the desk's index, its purse's index, the instrument) of all that is traded at the venue at that row.

    ConfigError where the market trades no such thing: spot has pairs, USD-M has perpetuals. Whether it lists a symbol,
    and on which grid, only the venue can tell.
    """
    venue = config.venues[row]
    kind = _OF_VENUE[venue.kind]
    purses = {account.currency: place for place, account in enumerate(config.accounts) if account.venue == venue.name}
    found: list[tuple[int, int, Instrument]] = []
    for index, settings in enumerate(config.instruments):
        if settings.venue == venue.name:
            _check(config, settings, kind)
            found.append((index, purses[settings.quote], _instrument(config, settings)))
    if kind == "spot":
        _check_bases(config, [one for _, _, one in found], set(purses))
    return tuple(found)


def _check_bases(config: DeskConfig, instruments: Sequence[Instrument], purses: set[str]) -> None:
    """What the account holds of an asset is one figure: it is one instrument's position, and no purse's cash."""
    seen: set[str] = set()
    for one in instruments:
        if one.base in seen or one.base in purses:
            allowed = f"an asset that no other pair and no purse at {one.venue} has: its balance is one figure"
            raise ConfigError(config.file, f"instruments[{one.symbol}].base", one.base, allowed)
        seen.add(one.base)


def _check(config: DeskConfig, settings: InstrumentSettings, kind: str) -> None:
    rules = (
        ("kind", settings.kind, settings.kind == kind, kind),
        ("multiplier", str(settings.multiplier), settings.multiplier == 1, "1"),
        ("significant_figures", settings.significant_figures, not settings.significant_figures, "0, no such rule"),
        ("short_allowed", settings.shorts, kind == "perpetual" or not settings.shorts, "false: spot lends nothing"),
    )
    for key, value, holds, allowed in rules:
        if not holds:
            where = f"instruments[{settings.symbol}].{key}"
            raise ConfigError(config.file, where, value, f"{allowed}, as at {settings.venue}")


def _instrument(config: DeskConfig, settings: InstrumentSettings) -> Instrument:
    return Instrument(
        symbol=settings.symbol, venue=settings.venue, kind=_KINDS[settings.kind], base=settings.base,
        quote=settings.quote, tick=settings.tick, lot=settings.lot, min_notional=settings.min_notional,
        min_lots=to_steps(settings.min_quantity, settings.lot), currency_exponent=config.exponent(settings.quote),
    )  # fmt: skip
