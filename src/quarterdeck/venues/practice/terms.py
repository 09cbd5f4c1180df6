"""What a desk and a practice exchange agree on before they trade: the words of the greeting, and the terms in them.

Prices and quantities cross the wire as ticks and lots, so both ends must mean the same by them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeAlias

import msgspec

from quarterdeck.config import DeskConfig

__all__ = [
    "VERSION",
    "Denied",
    "DeskTerms",
    "Greeting",
    "Hello",
    "InstrumentTerms",
    "PurseTerms",
    "Welcome",
    "desk_terms",
]

VERSION: Final = 1


class InstrumentTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What is traded: `value` is money units of one tick of one lot, `purse` the currency that settles it."""

    symbol: str
    purse: str
    tick: str
    lot: str
    value: int


class PurseTerms(msgspec.Struct, frozen=True, kw_only=True):
    """A currency, and what one unit of its money is: 10**-exponent."""

    currency: str
    exponent: int


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A desk's first line: whose account, and whether it wants quotes."""

    version: int
    account: str
    quotes: bool = True


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The exchange's first line: its instruments and purses, by row."""

    version: int
    instruments: tuple[InstrumentTerms, ...]
    purses: tuple[PurseTerms, ...]
    time_ns: int


class Denied(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The exchange does not talk to this desk."""

    why: str


Greeting: TypeAlias = Welcome | Denied


@dataclass(frozen=True, slots=True)
class DeskTerms:
    """What a desk's configuration says of one venue; `places` and `purse_places` are the desk's own indices."""

    instruments: tuple[InstrumentTerms, ...]
    places: tuple[int, ...]
    purses: tuple[PurseTerms, ...]
    purse_places: tuple[int, ...]

    def rows(self, instruments: Sequence[InstrumentTerms], purses: Sequence[PurseTerms]) -> tuple[list[int], list[int]]:
        """Returns the desk's indices of the exchange's rows. ValueError says where the two do not mean the same."""
        ours = {one.symbol: (one, place) for one, place in zip(self.instruments, self.places, strict=True)}
        theirs = {one.symbol for one in instruments}
        for symbol in [*(ours.keys() - theirs), *(theirs - ours.keys())]:
            raise ValueError(f"{symbol} is traded by {'the desk' if symbol in ours else 'the exchange'} alone")
        for one in instruments:
            if one != ours[one.symbol][0]:
                raise ValueError(f"{one.symbol} has other terms there: {one} is not {ours[one.symbol][0]}")
        kept = {one.currency: (one, place) for one, place in zip(self.purses, self.purse_places, strict=True)}
        for purse in purses:
            if purse.currency not in kept or kept[purse.currency][0] != purse:
                raise ValueError(f"the purse {purse.currency} counts in 1e-{purse.exponent} there, not so at the desk")
        return [ours[one.symbol][1] for one in instruments], [kept[purse.currency][1] for purse in purses]


def desk_terms(config: DeskConfig, row: int) -> DeskTerms:
    """Returns what desk.toml says of the venue at that row."""
    venue = config.venues[row].name
    places = tuple(index for index, one in enumerate(config.instruments) if one.venue == venue)
    purse_places = tuple(index for index, one in enumerate(config.accounts) if one.venue == venue)
    instruments: list[InstrumentTerms] = []
    for place in places:
        one = config.instruments[place]
        value = Fraction(one.tick) * Fraction(one.lot) * Fraction(one.multiplier) * 10 ** config.exponent(one.quote)
        assert value.denominator == 1  # the configuration has checked it
        terms = InstrumentTerms(
            symbol=one.symbol,
            purse=one.quote,
            tick=f"{one.tick.normalize():f}",
            lot=f"{one.lot.normalize():f}",
            value=value.numerator,
        )
        instruments.append(terms)
    purses = tuple(
        PurseTerms(currency=config.accounts[place].currency, exponent=config.accounts[place].exponent)
        for place in purse_places
    )
    return DeskTerms(tuple(instruments), places, purses, purse_places)
