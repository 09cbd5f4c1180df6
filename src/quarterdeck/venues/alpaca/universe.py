"""Which of the venue's stocks the desk's instruments are, and how their figures become ticks and lots.

A limit price of 1 USD or more has at most two decimals, a lower one four. A desk counts in either: with a tick of 0.01
a fill that was improved by less than a cent has the next tick as its price, and the rest as its fee, so that its money
is exact; with 0.0001 nothing is rounded, and what would be refused is refused here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.records import PRICE_MAX, QUANTITY_MAX
from quarterdeck.market.grids import EXACT, decimal_parts, round_steps, to_steps
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.alpaca.numbers import figure
from quarterdeck.venues.alpaca.schema import Asset, Figure
from quarterdeck.venues.malformed import BadMessage

__all__ = ["LOT_DECIMALS_MAX", "TICKS", "Listed", "Universe"]

TICKS: Final = (Decimal("0.01"), Decimal("0.0001"))
LOT_DECIMALS_MAX: Final = 9
_PENNY: Final = Decimal("0.01")
_WHOLE_PENNIES_FROM: Final = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One instrument of the desk as the venue lists it. `index` and `account` are the desk's."""

    index: int
    account: int
    symbol: str
    tick: Decimal
    lot: Decimal
    money_decimals: int
    ticks_per_dollar: int
    lots_per_share: int

    def ticks(self, value: Figure) -> int:
        """Returns the ticks of a price. Raises ValueError: not a price, or between two ticks."""
        return self._price(to_steps(figure(value), self.tick))

    def near_ticks(self, value: Figure) -> int:
        """Returns the ticks next to a price that keeps to no grid; 0 for one below half a tick. Raises ValueError."""
        ticks = round_steps(figure(value), self.tick, "nearest")
        return 0 if ticks == 0 else self._price(ticks)

    def _price(self, ticks: int) -> int:
        if not 0 < ticks < PRICE_MAX:
            raise ValueError(f"{ticks} ticks are no price")
        return ticks

    def lots(self, value: Figure) -> int:
        """Returns the lots of a size, signed as it is. Raises ValueError: between two lots, too many."""
        return self._size(to_steps(figure(value), self.lot))

    def near_lots(self, value: Figure) -> int:
        """Returns the lots of a size, cut to whole ones. Raises ValueError."""
        return self._size(round_steps(figure(value), self.lot, "towards_zero"))

    def _size(self, lots: int) -> int:
        if abs(lots) >= QUANTITY_MAX:
            raise ValueError(f"{lots} lots are too large a size")
        return lots

    def money(self, value: Figure) -> int:
        """Returns money units of the instrument's purse next to a figure."""
        return round_steps(figure(value), Decimal(1).scaleb(-self.money_decimals), "nearest")

    def worth(self, price: Figure, size: Figure) -> int:
        """Returns the money units of a size at a price, neither of them rounded before."""
        exact = EXACT.multiply(figure(price), figure(size))
        return round_steps(exact, Decimal(1).scaleb(-self.money_decimals), "nearest")

    def worth_of(self, ticks: int, lots: int) -> int:
        """Returns the money units of so many lots at so many ticks, exact."""
        value = EXACT.multiply(EXACT.multiply(self.tick, self.lot), Decimal(ticks * lots))
        return int(value.scaleb(self.money_decimals, EXACT))

    def price_text(self, ticks: int) -> str:
        """Returns the wire's text of a limit price. Raises ValueError where the venue's rule of pennies refuses it."""
        price = EXACT.multiply(self.tick, Decimal(ticks))
        if price >= _WHOLE_PENNIES_FROM and price % _PENNY:
            raise ValueError(f"{price:f} is finer than a cent, as only a price below 1 may be")
        return f"{price.normalize(EXACT):f}"

    def size_text(self, lots: int) -> str:
        """Returns the wire's text of a size."""
        return f"{EXACT.multiply(self.lot, Decimal(lots)).normalize(EXACT):f}"

    def whole(self, lots: int) -> bool:
        """Whether a size is one of whole shares."""
        return lots % self.lots_per_share == 0


class Universe:
    """The desk's instruments at this venue, found by their index and by the symbol of a message."""

    def __init__(self, listed: Sequence[Listed]) -> None:
        self.listed = tuple(listed)
        self.by_index = {one.index: one for one in listed}
        self.by_symbol = {one.symbol: one for one in listed}

    def of_symbol(self, symbol: str) -> Listed | None:
        """Returns the instrument of a symbol; None for one that this desk does not trade."""
        return self.by_symbol.get(symbol)

    def of_index(self, index: int) -> Listed:
        """Returns the instrument at the desk's index. Raises BadMessage: a request for another venue's instrument."""
        listed = self.by_index.get(index)
        if listed is None:
            raise BadMessage("instrument", f"instrument {index} is not one of this venue's")
        return listed

    @classmethod
    def bind(cls, instruments: Sequence[tuple[int, int, Instrument]], assets: Mapping[str, Asset | None]) -> "Universe":
        """Makes one of each (index, account, instrument) and what the venue says of its symbol; None: nothing.

        Raises ConfigError, by the instrument's name, where the venue does not trade it as the desk means to.
        """
        return cls([_listed(index, account, one, assets[one.symbol]) for index, account, one in instruments])


def _listed(index: int, account: int, instrument: Instrument, asset: Asset | None) -> Listed:
    where = f"instrument {instrument.symbol}"
    if asset is None or asset.asset_class != "us_equity":
        raise ConfigError(where, "symbol", instrument.symbol, "a US equity that the venue lists")
    if asset.status != "active" or not asset.tradable:
        raise ConfigError(where, "symbol", instrument.symbol, f"one that is traded now; the venue says {asset.status}")
    if instrument.short_allowed and not asset.shortable:
        raise ConfigError(where, "short_allowed", "true", "false: the venue lends none of it")
    shares = decimal_parts(instrument.lot)
    if shares[1] < 0 and not asset.fractionable:
        raise ConfigError(where, "lot", f"{instrument.lot:f}", "1: the venue trades no fractions of it")
    for name, step, least in (
        ("lot", instrument.lot, asset.min_trade_increment),
        ("tick", instrument.tick, asset.price_increment),
    ):
        if least is not None and (grain := figure(least)) > 0 and step % grain:
            raise ConfigError(where, name, f"{step:f}", f"a multiple of {grain:f}, as listed")
    return Listed(
        index=index, account=account, symbol=instrument.symbol, tick=instrument.tick, lot=instrument.lot,
        money_decimals=instrument.currency_exponent, ticks_per_dollar=int(1 / instrument.tick),
        lots_per_share=int(1 / instrument.lot),
    )  # fmt: skip
