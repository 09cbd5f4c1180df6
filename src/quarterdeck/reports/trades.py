"""What a reconciliation compares: trades, positions and cash in the kernel's units, and what these are worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from quarterdeck.config import DeskConfig
from quarterdeck.journal import rfc3339
from quarterdeck.ledger.columns import figure
from quarterdeck.ledger.labels import Labels

__all__ = ["Books", "Move", "Statement", "Terms", "Trade", "TradeKey", "terms_of"]

TradeKey = tuple[str, int, int]
"""(instrument, trade id, side): the kernel tells trades apart by these."""
PurseKey = tuple[str, str]
"""(venue, currency)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """An instrument's units: `value` money units are what a tick of a lot is worth.

    A `margined` one (a perpetual) moves cash by its results alone; what a position of it was paid for is not in cash.
    """

    name: str
    tick: Decimal
    lot: Decimal
    value: int
    purse: PurseKey
    exponent: int
    margined: bool = False

    def money(self, units: int) -> Decimal:
        return figure(units, -self.exponent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One fill. `sequence` is its record in the journal; None on the venue's side."""

    instrument: str
    trade_id: int
    side: int
    price: int
    lots: int
    fee: int
    time_ns: int
    sequence: int | None = None

    @property
    def key(self) -> TradeKey:
        return self.instrument, self.trade_id, self.side

    def as_dict(self, terms: Terms) -> dict[str, object]:
        return {
            "time": rfc3339(self.time_ns),
            "instrument": self.instrument,
            "side": "BUY" if self.side > 0 else "SELL",
            "qty": f"{self.lots * terms.lot:f}",
            "price": f"{self.price * terms.tick:f}",
            "fee": f"{terms.money(self.fee):f}",
            "sequence": self.sequence,
        }


@dataclass(frozen=True, slots=True)
class Move:
    """What something other than a fill did to a position: lots and cost, in money units."""

    sequence: int
    instrument: str
    lots: int
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The ledger's side of a day, for the instruments and purses of the venues that are asked.

    `opening` is (lots, cost) when the day began; `realised` what the day's trades realised, by instrument, as booked.
    `positions`, what these were paid for (`costs`, signed as they are) and `cash` are as of `ended_ns`, the end of the
    ledger. `decomposition` is in base currency;
    `rates` are base currency per unit of each purse's money unit, `base_exponent` decimals.
    """

    trades: Sequence[Trade]
    moves: Sequence[Move] = ()
    opening: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    realised: Mapping[str, int] = field(default_factory=dict[str, int])
    positions: Mapping[str, int] = field(default_factory=dict[str, int])
    costs: Mapping[str, int] = field(default_factory=dict[str, int])
    cash: Mapping[PurseKey, int] = field(default_factory=dict[PurseKey, int])
    decomposition: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    rates: Mapping[PurseKey, Decimal] = field(default_factory=dict[PurseKey, Decimal])
    ended_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The venues' side: every fill of the day up to `until_ns`, and what they say is held now.

    `positions` is None where that was not asked, and `why_not` says why. What is not named there is nothing.
    `costs`: what a position was paid for, signed as it is, and by how much that may be wrong, where a venue says it.
    """

    trades: Sequence[Trade]
    until_ns: int
    positions: Mapping[str, int] | None = None
    costs: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    cash: Mapping[PurseKey, int] | None = None
    as_of_ns: int = 0
    why_not: str = ""


def terms_of(config: DeskConfig, labels: Labels) -> dict[str, Terms]:
    """Returns the terms of every instrument of a desk, by its name in the ledger."""
    found: dict[str, Terms] = {}
    for index, one in enumerate(config.instruments):
        purse = labels.purses[labels.settled[index]]
        value = one.tick * one.lot * one.multiplier
        found[labels.instruments[index]] = Terms(
            name=labels.instruments[index],
            tick=one.tick,
            lot=one.lot,
            value=int(value.scaleb(purse.exponent)),
            purse=(purse.venue, purse.currency),
            exponent=purse.exponent,
            margined=one.kind == "perpetual",
        )
    return found
