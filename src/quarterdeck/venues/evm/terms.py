"""What desk.toml says of a venue on a chain: which tokens are borrowed, and which purse counts each of them.

An attempt is an order of a *cycle*, one instrument for each token that can be borrowed. Its lot is the smallest unit of
the token's purse, its tick 1, so that the kernel's rails count what is borrowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from quarterdeck.config import DeskConfig
from quarterdeck.errors import ConfigError
from quarterdeck.venues.evm.universe import Universe

__all__ = ["ChainTerms", "Cycle", "Purse", "desk_terms"]


@dataclass(frozen=True, slots=True)
class Purse:
    """A currency of the desk: its account's index, how finely the kernel counts it, how finely the chain does.

    `token` is empty for the chain's own coin, which pays for gas.
    """

    account: int
    currency: str
    exponent: int
    decimals: int
    token: str

    def floor(self, exact: int) -> int:
        """Whole kernel units in an exact amount, rounded down."""
        return exact * 10**self.exponent // 10**self.decimals

    def exact(self, units: int) -> int:
        """What whole kernel units come to at most, in the chain's own units."""
        return units * 10**self.decimals // 10**self.exponent

    def ceil(self, exact: int) -> int:
        """Whole kernel units that cover an exact amount."""
        return -(-exact * 10**self.exponent // 10**self.decimals)


@dataclass(frozen=True, slots=True)
class Cycle:
    """The instrument whose orders borrow a token."""

    instrument: int
    symbol: str
    purse: Purse


@dataclass(frozen=True, slots=True)
class ChainTerms:
    """The desk's side of a chain: cycles by the address of their token, purses by their account, and who pays gas."""

    cycles: Mapping[str, Cycle]
    purses: Mapping[int, Purse]
    gas: Purse

    def cycle_of(self, instrument: int) -> Cycle:
        """The cycle with that index of the desk's instruments."""
        return next(cycle for cycle in self.cycles.values() if cycle.instrument == instrument)


def desk_terms(config: DeskConfig, row: int, universe: Universe) -> ChainTerms:
    """Returns the terms of the venue at that row. ConfigError for a currency that the universe does not know."""
    venue = config.venues[row]
    purses: dict[int, Purse] = {}
    for index, account in enumerate(config.accounts):
        if account.venue == venue.name:
            purses[index] = _purse(config, universe, index)
    by_currency = {purse.currency: purse for purse in purses.values()}
    gas = by_currency.get(universe.native)
    if gas is None:
        allowed = f"one with currency {universe.native}: it pays for gas"
        raise ConfigError(config.file, "accounts", ", ".join(by_currency) or "(none)", allowed)
    cycles: dict[str, Cycle] = {}
    for index, settings in enumerate(config.instruments):
        if settings.venue != venue.name:
            continue
        where = f"instruments[{settings.symbol}]"
        purse = by_currency[settings.quote]
        if settings.kind != "cycle":
            raise ConfigError(config.file, f"{where}.kind", settings.kind, f"cycle, as all at {venue.name}")
        if not purse.token:
            raise ConfigError(
                config.file, f"{where}.quote", settings.quote, "a token: nobody lends the chain's own coin"
            )
        if purse.token in cycles:
            raise ConfigError(config.file, f"{where}.quote", settings.quote, "a token that no other cycle borrows")
        _check_grid(config, where, purse, settings.tick, settings.lot)
        cycles[purse.token] = Cycle(index, settings.symbol, purse)
    return ChainTerms(cycles, purses, gas)


def _purse(config: DeskConfig, universe: Universe, index: int) -> Purse:
    account = config.accounts[index]
    exponent = config.exponent(account.currency)
    if account.currency == universe.native:
        return Purse(index, account.currency, exponent, universe.by_address[universe.wrapped].decimals, "")
    for token in universe.tokens:
        if token.symbol == account.currency:
            return Purse(index, account.currency, exponent, token.decimals, token.address)
    known = ", ".join(token.symbol for token in universe.tokens)
    raise ConfigError(config.file, f"accounts[{index}].currency", account.currency, f"{universe.native}, {known}")


def _check_grid(config: DeskConfig, where: str, purse: Purse, tick: Decimal, lot: Decimal) -> None:
    """The kernel's unit of a cycle is the unit of its purse: then a notional is what is borrowed, to the unit."""
    unit = Decimal(1).scaleb(-purse.exponent)
    if tick != 1:
        raise ConfigError(config.file, f"{where}.tick", str(tick), "1: a cycle has no price")
    if lot != unit:
        raise ConfigError(config.file, f"{where}.lot", str(lot), f"{unit:f}, the unit of {purse.currency}")
