"""A published state as plain integers with units: the ground that all figures are computed on.

Fields are read by their names and lengths by the arrays' own, so that any capacity can be read. No kernel is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cached_property
from typing import Any, Final, cast

from quarterdeck.config import DeskConfig
from quarterdeck.kernel.records import NO_LIMIT
from quarterdeck.kernel.vocabulary import InstrumentLimit, InstrumentTerm
from quarterdeck.runtime.directory import Directory

__all__ = ["Holding", "Market", "Statement", "is_set", "ppm", "scaled", "share_of"]

_PPB: Final = 1_000_000_000
_SHARE_PLACES: Final = 8
_AVERAGE: Final = Context(prec=12)  # an average price has no grid


def is_set(limit: int) -> bool:
    """Whether a limit limits anything: the kernel takes half of NO_LIMIT and more for none."""
    return abs(limit) < NO_LIMIT // 2


def share_of(part: int, whole: int) -> Decimal:
    """Part / whole with eight decimals, rounded down; 0 where the whole is not positive."""
    return scaled(part * 10**_SHARE_PLACES // whole, -_SHARE_PLACES) if whole > 0 else Decimal(0)


def scaled(units: int, exponent: int) -> Decimal:
    """Units * 10**exponent; zero is written 0, and not 0E-8."""
    return Decimal(units).scaleb(exponent) if units else Decimal(0)


def ppm(parts: int) -> Decimal:
    """Parts per million as a share."""
    return scaled(parts, -6)


@dataclass(frozen=True, slots=True)
class Holding:
    """A position, of a strategy or of the account: lots, and money units of the instrument's currency."""

    quantity: int
    cost: int
    realised: int
    fees: int
    funding: int
    buy_lots: int
    sell_lots: int
    stop_lots: int
    stop_cost: int
    fills: int
    flattening: int
    paused: int


_HOLDING_FIELDS: Final = tuple(Holding.__annotations__)


def _holding(record: Any) -> Holding:
    return Holding(*(int(record[name]) for name in _HOLDING_FIELDS))


@dataclass(frozen=True, slots=True)
class Market:
    """One instrument: its terms and limits, the newest prices in ticks (the mark in half ticks), its net position."""

    name: str
    row: int
    venue: int
    account: int
    value: int  # money units of one tick of one lot
    rate_ppb: int  # desk money units per unit of its currency
    terms: Sequence[int]
    limits: Sequence[int]
    bid: int
    ask: int
    mark_half_ticks: int
    data_ns: int
    funding_ppb: int
    unreconciled: int
    paused: int
    warned: int
    unrealised: int
    tick: Decimal
    lot: Decimal
    net: Holding

    def price(self, ticks: int) -> Decimal:
        return self.tick * ticks

    def price_or_none(self, ticks: int) -> Decimal | None:
        return self.tick * ticks if ticks else None

    @property
    def mark(self) -> Decimal | None:
        return self.tick * self.mark_half_ticks / 2 if self.mark_half_ticks else None

    def quantity(self, lots: int) -> Decimal:
        return self.lot * lots

    def average(self, cost: int, lots: int) -> Decimal:
        """The average price of signed lots that cost so many money units."""
        return _AVERAGE.divide(self.tick * abs(cost), Decimal(max(1, abs(lots)) * max(1, self.value)))

    def desk_units(self, units: int) -> int:
        """Desk money units of so many units of its currency, rounded down."""
        return units * self.rate_ppb // _PPB

    def worth(self, lots: int) -> int:
        """Value of signed lots at the mark in units of its currency; half a unit is rounded down."""
        return lots * self.mark_half_ticks * self.value // 2


def _step(terms: Sequence[int], mantissa: InstrumentTerm, exponent: InstrumentTerm) -> Decimal:
    return Decimal(terms[mantissa] or 1).scaleb(terms[exponent])


class Statement:
    """One published state. Raises KeyError for a state without the fields that this version reads."""

    def __init__(self, states: Any, words: dict[str, Any], config: DeskConfig, names: Directory) -> None:
        self.states, self.words, self.config, self.names = states, words, config, names
        self.state = state = states[0]
        self.rows = len(state["instruments"])  # of the positions' table: one strategy behind the other
        self.state_ns = int(state["time_ns"])
        self.time_ns = max(self.state_ns, int(words.get("clock_ns", 0)))
        self.limits = cast(list[int], state["limits"].tolist())
        self.equity = int(state["equity"])
        self._exponent = -config.base_exponent

    def money(self, units: int) -> Decimal:
        """Desk money of so many units."""
        return scaled(units, self._exponent)

    def whole(self, name: str) -> int:
        """One plain field of the state."""
        return int(self.state[name])

    def lots_held(self, strategy: int, row: int) -> Holding:
        return self.positions.get((strategy, row), _FLAT)

    @cached_property
    def markets(self) -> tuple[Market, ...]:
        count = int(self.state["instruments_count"])
        return tuple(self._market(row) for row in range(count))

    def _market(self, row: int) -> Market:
        record = self.state["instruments"][row]
        terms, limits = record["terms"].tolist(), record["limits"].tolist()
        account = int(terms[InstrumentTerm.ACCOUNT])
        plain = {
            name: int(record[name])
            for name in (
                "bid", "ask", "mark_half_ticks", "data_ns", "funding_ppb", "unreconciled", "paused", "warned",
                "unrealised",
            )
        }  # fmt: skip
        return Market(
            name=self.names.instruments.label(row),
            row=row,
            venue=int(terms[InstrumentTerm.VENUE]),
            account=account,
            value=int(terms[InstrumentTerm.VALUE]),
            rate_ppb=int(self.state["accounts"][account]["rate_ppb"]),
            terms=terms,
            limits=limits,
            tick=_step(terms, InstrumentTerm.TICK_MANTISSA, InstrumentTerm.PRICE_EXPONENT),
            lot=_step(terms, InstrumentTerm.LOT_MANTISSA, InstrumentTerm.QUANTITY_EXPONENT),
            net=_holding(record["net"]),
            **plain,
        )

    @cached_property
    def positions(self) -> dict[tuple[int, int], Holding]:
        """What was ever touched, by (strategy, instrument): positions held, worked on, or traded before."""
        table = self.state["positions"]
        count, strategies = len(self.markets), int(self.state["strategies_count"])
        touched = (table["fills"] != 0) | (table["quantity"] != 0) | (table["paused"] != 0)
        touched |= (table["buy_lots"] != 0) | (table["sell_lots"] != 0) | (table["funding"] != 0)
        found: dict[tuple[int, int], Holding] = {}
        for place in touched.nonzero()[0].tolist():
            strategy, row = divmod(place, self.rows)
            if strategy < strategies and row < count:
                found[strategy, row] = _holding(table[place])
        return found

    def stop_ppm(self, market: Market) -> int:
        """The loss distance that heat assumes where no stop stands."""
        return market.limits[InstrumentLimit.DEFAULT_STOP_PPM]


_FLAT: Final = Holding(*(0 for _ in _HOLDING_FIELDS))
