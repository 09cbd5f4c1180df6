"""What is traded in a conformance run, and how little of it: one instrument, the smallest order that is taken."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from quarterdeck.config import DeskConfig
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import InstrumentKind, TimeInForce
from quarterdeck.market.instruments import Instrument
from quarterdeck.runtime.opening import market_instruments

__all__ = ["CROSS", "FAR", "Terms", "terms_of"]

FAR: Final = Decimal("0.02")
"""How far from the market an order is put that is not to be filled: within what venues call a possible price."""
CROSS: Final = Decimal("0.003")
"""How far beyond the market an order is put that is to be filled at once."""
_ROOM: Final = Decimal("1.2")  # above the venue's smallest order: prices move


@dataclass(frozen=True, slots=True)
class Terms:
    """`index` and `purse` are the desk's own. `most` is what one order may be worth, in the quote currency."""

    index: int
    purse: int
    instrument: Instrument
    most: Decimal
    cash_tolerance: int  # money units

    @property
    def spot(self) -> bool:
        return self.instrument.kind in {InstrumentKind.SPOT, InstrumentKind.TOKEN}

    @property
    def time_in_force(self) -> TimeInForce:
        """Of an order that may rest: shares are traded by the day."""
        return TimeInForce.DAY if self.instrument.kind is InstrumentKind.EQUITY else TimeInForce.GTC

    def moved(self, ticks: int, share: Decimal) -> int:
        """Returns an allowed price that is `share` above (below, where negative) `ticks`, and not nearer than that."""
        price = self.instrument.ticks_to_price(ticks) * (1 + share)
        return self.instrument.round_price_to_ticks(price, "up" if share > 0 else "down")

    def beside(self, ticks: int, direction: int) -> int:
        """Returns the next allowed price above (1) or below (-1)."""
        price = self.instrument.ticks_to_price(ticks) + direction * self.instrument.tick
        return self.instrument.round_price_to_ticks(price, "up" if direction > 0 else "down")

    def lots(self, bid: int) -> int:
        """Returns the smallest order that the venue takes even at the far price, in lots. ConfigError: above `most`."""
        instrument = self.instrument
        low = instrument.ticks_to_price(self.moved(bid, -2 * FAR)) * instrument.lot * instrument.multiplier
        wanted = instrument.min_notional * _ROOM / low
        lots = max(instrument.min_lots, int(wanted.to_integral_value(ROUND_CEILING)), 1)
        worth = self.worth(bid, lots)
        if worth * _ROOM > self.most:
            allowed = f"more than {worth * _ROOM:f}: the smallest order of {instrument.symbol} is worth that"
            raise ConfigError("command", "--max-notional", f"{self.most:f}", allowed)
        return lots

    def worth(self, ticks: int, lots: int) -> Decimal:
        """Returns an order's value in the quote currency."""
        return self.instrument.units_to_money(self.instrument.notional_units(ticks, lots))


def terms_of(config: DeskConfig, row: int, symbol: str | None, most: Decimal | None) -> Terms:
    """Returns the terms of `symbol` at the venue of that row; None: the first that is traded there.

    Without `most` it is the instrument's own limit of one order. ConfigError: no such instrument.
    """
    venue = config.venues[row].name
    traded = {one.symbol: index for index, one in enumerate(config.instruments) if one.venue == venue}
    if not traded or (symbol is not None and symbol not in traded):
        allowed = f"one of {', '.join(traded) or 'none: the venue has no instrument'}"
        raise ConfigError("command", "--instrument", symbol or "(missing)", allowed)
    index = next(iter(traded.values())) if symbol is None else traded[symbol]
    settings, instrument = config.instruments[index], market_instruments(config)[index]
    purse = next(
        place
        for place, account in enumerate(config.accounts)
        if (account.venue, account.currency) == (venue, settings.quote)
    )
    tolerance = instrument.money_to_units(config.reconciliation.cash_tolerance, "up")
    return Terms(index, purse, instrument, settings.limits.max_notional if most is None else most, tolerance)
