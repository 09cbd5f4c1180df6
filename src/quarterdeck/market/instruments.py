"""An instrument: what is traded, on which grid, at what cost. Decimals here, integers in the kernel."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.records import MONEY_MAX, PRICE_MAX, QUANTITY_MAX
from quarterdeck.kernel.vocabulary import InstrumentKind, InstrumentTerm
from quarterdeck.market.grids import (
    EXACT,
    Rounding,
    decimal_parts,
    round_figures,
    round_steps,
    significant_step,
    to_steps,
)

__all__ = ["CURRENCY_EXPONENT", "CURRENCY_EXPONENT_MAX", "Instrument", "share_exponents"]

CURRENCY_EXPONENT: Final = 8
# At 12 one purse still holds 1.15 million (2**60 units); finer money would leave no room for size.
CURRENCY_EXPONENT_MAX: Final = 12
_PPB_PER_BPS: Final = 100_000
_PPM: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What is traded, on which grid, at what cost.

    `tick` is the price step, `lot` the quantity step, both positive Decimals; `multiplier` is the money that one unit
    of quantity gains when the price rises by 1. Fees are in basis points of notional, negative is a rebate; margins
    are fractions of notional (1: fully paid). `significant_figures` 0: no such rule.

    `currency_exponent` says how fine money is: one unit is 10**-exponent of the quote currency. It is 8, and rises on
    its own to the least exponent at which one tick of one lot is a whole number of units, up to 12. Instruments that
    share a currency must share it: see `share_exponents`.

    Raises ConfigError, naming the field, when a value is impossible or the money cannot be represented.
    """

    symbol: str
    venue: str
    kind: InstrumentKind
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    multiplier: Decimal = Decimal(1)
    maker_fee_bps: Decimal = Decimal(0)
    taker_fee_bps: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    min_lots: int = 1
    significant_figures: int = 0
    initial_margin: Decimal = Decimal(1)
    maintenance_margin: Decimal = Decimal(0)
    short_allowed: bool = False
    currency_exponent: int = CURRENCY_EXPONENT

    def __post_init__(self) -> None:
        for name in ("symbol", "venue", "base", "quote"):
            if not getattr(self, name):
                raise self._refuse(name, "a name")
        for name in ("tick", "lot", "multiplier"):
            if not _is_finite(getattr(self, name)) or getattr(self, name) <= 0:
                raise self._refuse(name, "a positive Decimal")
        if not 0 <= self.significant_figures <= 12:
            raise self._refuse("significant_figures", "0 (no such rule) to 12")
        if self.significant_figures and decimal_parts(self.tick)[0] != 1:
            raise self._refuse("tick", "a power of ten where significant figures are ruled")
        if not 0 <= self.min_lots < QUANTITY_MAX:
            raise self._refuse("min_lots", f"0 to {QUANTITY_MAX - 1}")
        if not 0 <= self.currency_exponent <= CURRENCY_EXPONENT_MAX:
            raise self._refuse("currency_exponent", f"0 to {CURRENCY_EXPONENT_MAX}")
        self._check_rates()
        object.__setattr__(self, "currency_exponent", self._exponent_needed())
        if not self.min_notional >= 0 or self.money_to_units(self.min_notional, "up") > MONEY_MAX:
            raise self._refuse("min_notional", "0 or more, and within the kernel's money")

    def _check_rates(self) -> None:
        for name in ("maker_fee_bps", "taker_fee_bps"):
            fee = getattr(self, name)
            if not _is_finite(fee) or abs(fee) > 10_000 or fee * _PPB_PER_BPS % 1:
                raise self._refuse(name, "a Decimal from -10000 to 10000 with at most 5 decimals")
        for name in ("initial_margin", "maintenance_margin"):
            margin = getattr(self, name)
            if not _is_finite(margin) or not 0 <= margin <= 1 or margin * _PPM % 1:
                raise self._refuse(name, "a Decimal from 0 to 1 with at most 6 decimals")
        if self.maintenance_margin > self.initial_margin:
            raise self._refuse("maintenance_margin", f"at most the initial margin, {self.initial_margin}")

    def _exponent_needed(self) -> int:
        mantissa, exponent = decimal_parts(self._value())
        needed = max(self.currency_exponent, -exponent)
        if needed > CURRENCY_EXPONENT_MAX:
            raise self._refuse(
                "tick",
                f"one tick of one lot is {self._value()} {self.quote}, finer than 1e-{CURRENCY_EXPONENT_MAX}: "
                "take a coarser tick or lot",
            )
        if mantissa * 10 ** (exponent + needed) > MONEY_MAX:
            raise self._refuse("multiplier", "small enough that one tick of one lot fits the kernel's money")
        return needed

    def _value(self) -> Decimal:
        return EXACT.multiply(EXACT.multiply(self.tick, self.lot), self.multiplier)

    def _refuse(self, name: str, allowed: str) -> ConfigError:
        return ConfigError(f"instrument {self.symbol}", name, str(getattr(self, name)), allowed)

    @property
    def value(self) -> int:
        """Money units of one tick of one lot, multiplier included."""
        return int(self._value().scaleb(self.currency_exponent, EXACT))

    def terms(self, venue: int = 0, account: int = 0) -> list[int]:
        """Returns the kernel's terms in the order of `InstrumentTerm`, for the venue and purse at these indices."""
        tick_mantissa, tick_exponent = decimal_parts(self.tick)
        lot_mantissa, lot_exponent = decimal_parts(self.lot)
        terms = {
            InstrumentTerm.KIND: int(self.kind),
            InstrumentTerm.VENUE: venue,
            InstrumentTerm.ACCOUNT: account,
            InstrumentTerm.VALUE: self.value,
            InstrumentTerm.MAKER_FEE_PPB: int(self.maker_fee_bps * _PPB_PER_BPS),
            InstrumentTerm.TAKER_FEE_PPB: int(self.taker_fee_bps * _PPB_PER_BPS),
            InstrumentTerm.MIN_NOTIONAL: self.money_to_units(self.min_notional, "up"),
            InstrumentTerm.MIN_LOTS: self.min_lots,
            InstrumentTerm.SIGNIFICANT_FIGURES: self.significant_figures,
            InstrumentTerm.INITIAL_MARGIN_PPM: int(self.initial_margin * _PPM),
            InstrumentTerm.MAINTENANCE_MARGIN_PPM: int(self.maintenance_margin * _PPM),
            InstrumentTerm.SHORT_ALLOWED: int(self.short_allowed),
            InstrumentTerm.LISTED: 1,
            InstrumentTerm.PRICE_EXPONENT: tick_exponent,
            InstrumentTerm.QUANTITY_EXPONENT: lot_exponent,
            InstrumentTerm.TICK_MANTISSA: tick_mantissa,
            InstrumentTerm.LOT_MANTISSA: lot_mantissa,
        }
        return [terms[term] for term in InstrumentTerm]

    def price_to_ticks(self, price: Decimal | str | int) -> int:
        """Returns whole ticks. Raises ConfigError off the grid, not positive, too large or with too many figures."""
        ticks = self._admit_price(self._steps("price", price, self.tick), price)
        if ticks % significant_step(ticks, decimal_parts(self.tick)[1], self.significant_figures):
            raise self._refuse_value("price", price, f"at most {self.significant_figures} significant figures")
        return ticks

    def round_price_to_ticks(self, price: Decimal | str | int, rounding: Rounding) -> int:
        """Returns the ticks of the allowed price next to `price`: below, above, or nearest (ties to even)."""
        ticks = self._steps("price", price, self.tick, rounding)
        ticks = round_figures(ticks, decimal_parts(self.tick)[1], self.significant_figures, rounding)
        return self._admit_price(ticks, price)

    def ticks_to_price(self, ticks: int) -> Decimal:
        """Returns the price of `ticks`, exact."""
        return EXACT.multiply(self.tick, Decimal(ticks))

    def quantity_to_lots(self, quantity: Decimal | str | int) -> int:
        """Returns whole lots, signed as the quantity. Raises ConfigError between two lots or too large."""
        return self._admit_quantity(self._steps("quantity", quantity, self.lot), quantity)

    def round_quantity_to_lots(self, quantity: Decimal | str | int, rounding: Rounding = "towards_zero") -> int:
        """Returns the lots next to `quantity`; by default no more than it, on either side."""
        return self._admit_quantity(self._steps("quantity", quantity, self.lot, rounding), quantity)

    def lots_to_quantity(self, lots: int) -> Decimal:
        """Returns the quantity of `lots`, exact."""
        return EXACT.multiply(self.lot, Decimal(lots))

    def notional_units(self, ticks: int, lots: int) -> int:
        """Returns the money units of `lots` at `ticks`."""
        return ticks * lots * self.value

    def money_to_units(self, money: Decimal | str | int, rounding: Rounding | None = None) -> int:
        """Returns money units of the quote currency. Raises ConfigError on finer money unless a rounding is named."""
        return self._steps("money", money, Decimal(1).scaleb(-self.currency_exponent), rounding)

    def units_to_money(self, units: int) -> Decimal:
        """Returns the quote currency's money of `units`, exact."""
        return EXACT.multiply(Decimal(units), Decimal(1).scaleb(-self.currency_exponent))

    def _steps(self, name: str, value: Decimal | str | int, step: Decimal, rounding: Rounding | None = None) -> int:
        try:
            return to_steps(value, step) if rounding is None else round_steps(value, step, rounding)
        except ValueError as error:
            raise self._refuse_value(name, value, f"an exact multiple of {step:f}") from error

    def _admit_price(self, ticks: int, price: Decimal | str | int) -> int:
        if not 0 < ticks < PRICE_MAX:
            raise self._refuse_value("price", price, f"1 to {PRICE_MAX - 1} ticks of {self.tick:f}")
        return ticks

    def _admit_quantity(self, lots: int, quantity: Decimal | str | int) -> int:
        if abs(lots) >= QUANTITY_MAX:
            raise self._refuse_value("quantity", quantity, f"less than {QUANTITY_MAX} lots of {self.lot:f}")
        return lots

    def _refuse_value(self, name: str, value: object, allowed: str) -> ConfigError:
        return ConfigError(f"instrument {self.symbol}", name, str(value), allowed)


def share_exponents(instruments: Iterable[Instrument]) -> list[Instrument]:
    """Returns the instruments with one exponent per (venue, quote currency): the finest that any of them needs."""
    instruments = list(instruments)
    finest: dict[tuple[str, str], int] = {}
    for instrument in instruments:
        purse = (instrument.venue, instrument.quote)
        finest[purse] = max(finest.get(purse, 0), instrument.currency_exponent)
    return [replace(one, currency_exponent=finest[one.venue, one.quote]) for one in instruments]


def _is_finite(value: object) -> bool:
    return isinstance(value, Decimal) and value.is_finite()
