"""Which adapter speaks to which kind of venue: one table."""

from collections.abc import Callable
from typing import Final

from quarterdeck.config import DeskConfig
from quarterdeck.config.credentials import credentials
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import InstrumentKind
from quarterdeck.venues.addresses import Address
from quarterdeck.venues.alpaca import AlpacaOptions, AlpacaVenue, Keys
from quarterdeck.venues.alpaca import terms as alpaca_terms
from quarterdeck.venues.binance import ApiKey, BinanceOptions, BinanceVenue
from quarterdeck.venues.binance import terms as binance_terms
from quarterdeck.venues.binance.markets import SPOT, USDM
from quarterdeck.venues.hyperliquid import HyperliquidOptions, HyperliquidVenue, Signer
from quarterdeck.venues.hyperliquid.terms import desk_instruments
from quarterdeck.venues.identity import desk_tag
from quarterdeck.venues.practice.terms import desk_terms
from quarterdeck.venues.practice.venue import PracticeOptions, PracticeVenue
from quarterdeck.venues.protocol import Venue

__all__ = ["open_market_data", "open_venue"]

Say = Callable[[str], None]


def _silent(_: str) -> None:
    return None


def _practice(config: DeskConfig, row: int, say: Say) -> Venue:
    """The account bears the desk's name: one account, one desk."""
    address = Address.read(config.venues[row].address or "", config.folder)
    terms = desk_terms(config, row)
    return PracticeVenue(address, config.desk.name, config.desk.name, terms, PracticeOptions(say=say))


def _hyperliquid_options(config: DeskConfig, row: int) -> HyperliquidOptions:
    """The address is a twin's: the configuration takes no other in this version."""
    settings = config.venues[row]
    return HyperliquidOptions(
        name=settings.name,
        address=f"http://{settings.address}",
        account=settings.account or "",
        depth=settings.depth,
        dead_man_s=float(settings.dead_man_s),
        allow_master_key=settings.allow_master_key,
    )


def _hyperliquid(config: DeskConfig, row: int, say: Say) -> Venue:
    """The key is one of the desk's credentials."""
    settings, options = config.venues[row], _hyperliquid_options(config, row)
    instruments = desk_instruments(config, row)
    signer = Signer.from_environment(credentials(config), mainnet=options.mainnet)
    for _, _, one in instruments:
        if one.kind is InstrumentKind.SPOT:
            say(
                f"{settings.name} takes the fee of a {one.symbol} buy in {one.base}: after each, position and cash "
                f"differ from the desk's, and entries wait until a person adopts them (quarterdeck adopt)"
            )
    return HyperliquidVenue(instruments, desk_tag(config.desk.name), options, signer, say)


def _hyperliquid_market(config: DeskConfig, row: int, say: Say) -> Venue:
    """Its market data is everybody's: no key is read."""
    options = _hyperliquid_options(config, row)
    return HyperliquidVenue(desk_instruments(config, row), desk_tag(config.desk.name), options, None, say)


def _binance_options(config: DeskConfig, row: int) -> BinanceOptions:
    """The address is a twin's: the configuration takes no other in this version."""
    settings = config.venues[row]
    return BinanceOptions(
        name=settings.name,
        address=f"http://{settings.address}",
        market=SPOT if settings.kind == "binance" else USDM,
        depth=settings.depth,
        dead_man_s=float(settings.dead_man_s),
    )


def _binance(config: DeskConfig, row: int, say: Say) -> Venue:
    """The key is one of the desk's credentials."""
    options, instruments = _binance_options(config, row), binance_terms.desk_instruments(config, row)
    key = ApiKey.from_environment(credentials(config))
    for _, _, one in instruments if options.market.spot else ():
        say(
            f"{options.name} takes the fee of a {one.symbol} buy in {one.base}, unless the account pays its fees in "
            f"another asset: after each, position and cash differ from the desk's, and entries wait until a person "
            f"adopts them (quarterdeck adopt)"
        )
    return BinanceVenue(instruments, desk_tag(config.desk.name), options, key, say)


def _binance_market(config: DeskConfig, row: int, say: Say) -> Venue:
    """Its market data is everybody's: no key is read."""
    instruments = binance_terms.desk_instruments(config, row)
    return BinanceVenue(instruments, desk_tag(config.desk.name), _binance_options(config, row), None, say)


def _alpaca(config: DeskConfig, row: int, say: Say, *, orders: bool = True) -> Venue:
    """The key is one of the desk's credentials; the address a twin's: the configuration takes no other."""
    settings, instruments = config.venues[row], alpaca_terms.desk_instruments(config, row)
    options = AlpacaOptions(name=settings.name, address=f"http://{settings.address}", orders=orders)
    keys = Keys.from_environment(credentials(config))
    return AlpacaVenue(instruments, desk_tag(config.desk.name), options, keys, say)


def _alpaca_market(config: DeskConfig, row: int, say: Say) -> Venue:
    """Its market data is its customers' alone: the key is read for that, too."""
    return _alpaca(config, row, say, orders=False)


def _evm(config: DeskConfig, row: int, say: Say) -> Venue:
    """The key is one of the desk's credentials; what may be touched stands in its universe."""
    from quarterdeck.venues.evm.opening import open_evm  # noqa: PLC0415 - loads web3, which other desks never need

    return open_evm(config, row, say)


_ADAPTERS: Final[dict[str, Callable[[DeskConfig, int, Say], Venue]]] = {
    "practice": _practice,
    "hyperliquid": _hyperliquid,
    "binance": _binance,
    "binance-usdm": _binance,
    "alpaca": _alpaca,
    "evm": _evm,
}
_MARKETS: Final[dict[str, Callable[[DeskConfig, int, Say], Venue]]] = {
    "practice": _practice,
    "hyperliquid": _hyperliquid_market,
    "binance": _binance_market,
    "binance-usdm": _binance_market,
    "alpaca": _alpaca_market,
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


def open_market_data(config: DeskConfig, row: int, say: Say = _silent) -> Venue | None:
    """Returns the market data of the venue at that row, not connected yet; None where it streams none (simulated).

    Nothing can be ordered there. Credentials are read only where the venue gives no market data without. ConfigError as
    in `open_venue`.
    """
    opens = _MARKETS.get(config.venues[row].kind)
    return None if opens is None else opens(config, row, say)
