"""What the kernel's numbers are called when a person reads them: names, prices, quantities, money, order numbers.

A desk's settings give the names; without them a journal is readable all the same, since it holds ticks and lots itself.
"""

import re
from decimal import Decimal
from typing import Any, Final

from quarterdeck.config import DeskConfig
from quarterdeck.errors import DeskError
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import State
from quarterdeck.kernel.vocabulary import InstrumentTerm
from quarterdeck.runtime.directory import directory

__all__ = ["Wording", "order_name", "parse_order"]

_SEQUENCE_BITS: Final = 40  # of an order id; the session's epoch stands above them
_NAMED: Final = re.compile(r"(?:.*-)?(\d{1,7})-(\d{1,13})")


def order_name(order_id: int) -> str:
    """An order id as people read it: EPOCH-SEQUENCE."""
    return f"{order_id >> _SEQUENCE_BITS}-{order_id & ((1 << _SEQUENCE_BITS) - 1)}"


def parse_order(word: str) -> int:
    """The id of an order that a person names: a number, EPOCH-SEQUENCE, or a client order id that ends with that.

    Raises DeskError for anything else.
    """
    named = _NAMED.fullmatch(word)
    if named is not None:
        return int(named[1]) << _SEQUENCE_BITS | int(named[2])
    if word.isdecimal() and 0 < int(word) < 2**62:
        return int(word)
    raise DeskError(f"{word!r} names no order: say EPOCH-SEQUENCE (3-17), the order id, or @SEQUENCE of a record")


class Wording:
    """Puts numbers into words. Ticks and lots are read from the state's terms, which may change on the way."""

    def __init__(self, states: Records[State], config: DeskConfig | None = None) -> None:
        self._states: Any = states
        self._config = config
        self._names = None if config is None else directory(config)

    def instrument(self, index: int) -> str:
        return f"instrument {index}" if self._names is None else self._names.instruments.label(index)

    def strategy(self, index: int) -> str:
        return f"strategy {index}" if self._names is None else self._names.strategies.label(index)

    def person(self, index: int) -> str:
        """Who asked; "" where no person did."""
        if index < 0:
            return ""
        return f"person {index}" if self._names is None else self._names.people.label(index)

    def price(self, instrument: int, ticks: int | Decimal) -> str:
        return self._scaled(instrument, ticks, InstrumentTerm.TICK_MANTISSA, InstrumentTerm.PRICE_EXPONENT)

    def quantity(self, instrument: int, lots: int) -> str:
        return self._scaled(instrument, lots, InstrumentTerm.LOT_MANTISSA, InstrumentTerm.QUANTITY_EXPONENT)

    def money(self, instrument: int, units: int) -> str:
        """Money of the currency that the instrument is settled in; its units where nobody says what they are."""
        if self._config is None or instrument >= len(self._config.instruments):
            return f"{units} money units"
        currency = self._config.instruments[instrument].quote
        return f"{Decimal(units).scaleb(-self._config.exponent(currency)):f} {currency}"

    def _scaled(
        self, instrument: int, number: int | Decimal, mantissa: InstrumentTerm, exponent: InstrumentTerm
    ) -> str:
        terms = self._states[0]["instruments"][instrument]["terms"]
        value = Decimal(number) * (int(terms[mantissa]) or 1)
        return f"{value.scaleb(int(terms[exponent])):f}"
