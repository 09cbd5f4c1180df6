"""What is recorded: the desk's venues and instruments by their index, and how ticks and lots become decimals.

One Parquet column has one number of decimal places, so all instruments of a capture share the most that any of them
needs; ticks are multiplied to it as whole numbers.
"""

from decimal import Decimal
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from quarterdeck.config import DeskConfig
from quarterdeck.market.grids import decimal_parts

__all__ = ["FIGURE_MAX", "Catalogue", "CataloguedInstrument", "CataloguedVenue", "Scale"]

_NS_PER_MS: Final = 1_000_000
FIGURE_MAX: Final = 10**18 - 1  # what a decimal of 18 digits holds


class CataloguedVenue(msgspec.Struct, frozen=True, kw_only=True):
    """A venue of the desk, at its index."""

    name: str
    kind: str
    address: str


class CataloguedInstrument(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument of the desk, at its index. `stale_ns`: silence after which its prices are stale."""

    symbol: str
    venue: str
    kind: str
    tick: str
    lot: str
    stale_ns: int

    @property
    def label(self) -> str:
        """SYMBOL@VENUE."""
        return f"{self.symbol}@{self.venue}"


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """The meaning of every index in a capture's events."""

    venues: tuple[CataloguedVenue, ...]
    instruments: tuple[CataloguedInstrument, ...]

    @classmethod
    def of(cls, config: DeskConfig) -> "Catalogue":
        """Returns what a desk's configuration says."""
        venues = tuple(
            CataloguedVenue(name=venue.name, kind=venue.kind, address=venue.address or "") for venue in config.venues
        )
        instruments = tuple(
            CataloguedInstrument(
                symbol=one.symbol, venue=one.venue, kind=one.kind, tick=f"{one.tick:f}", lot=f"{one.lot:f}",
                stale_ns=int(one.limits.stale_ms * _NS_PER_MS),
            )
            for one in config.instruments
        )  # fmt: skip
        return cls(venues=venues, instruments=instruments)

    @property
    def prices(self) -> "Scale":
        """How ticks become prices."""
        return Scale([one.tick for one in self.instruments])

    @property
    def quantities(self) -> "Scale":
        """How lots become quantities."""
        return Scale([one.lot for one in self.instruments])


class Scale:
    """Steps of each instrument as decimals with `places` places: steps * `factors`[instrument] / 10**places.

    `most`[instrument] is the largest number of steps that fits into 18 digits.
    """

    def __init__(self, steps: list[str]) -> None:
        parts = [decimal_parts(Decimal(step)) for step in steps]
        self.places = max([0, *(-exponent for _, exponent in parts)])
        factors = [min(FIGURE_MAX, mantissa * 10 ** (self.places + exponent)) for mantissa, exponent in parts]
        self.factors: NDArray[np.int64] = np.array(factors, np.int64)
        self.most: NDArray[np.int64] = FIGURE_MAX // self.factors
