"""The ledger's side of a day: its trades, what they were added to, what is held at the end, what was earned."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, func, select

from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.ledger.agreement import balances, positions
from quarterdeck.ledger.command import DeskLedger
from quarterdeck.ledger.labels import Purse
from quarterdeck.ledger.projection import Projection
from quarterdeck.ledger.tables import DAYS, ENTRIES, FILLS, MOVES
from quarterdeck.reports.trades import Books, Move, Trade

__all__ = ["DECOMPOSITION", "day_of", "read_books"]

DECOMPOSITION: Final = (
    *("directional", "fees_paid", "fees_received", "funding", "borrow_costs", "rebates", "slippage", "inventory"),
    *("gas", "flash_loan_premium", "adjustment"),
)
_FILL: Final = EventKind.FILL.name
PurseKey = tuple[str, str]


def read_books(
    ledger: DeskLedger, projection: Projection, venues: frozenset[str], day: str, span: tuple[int, int]
) -> Books:
    """Returns the books of the UTC day `day`, which is `span` in nanoseconds, for some of the desk's venues."""
    reader = _Reader(ledger, projection, venues, day)
    with ledger.database.reading() as line:
        return reader.read(line, span)


def day_of(time_ns: int) -> str:
    """The UTC day of a time, as 2026-11-21."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).date().isoformat()


class _Reader:
    def __init__(self, ledger: DeskLedger, projection: Projection, venues: frozenset[str], day: str) -> None:
        self._ledger, self._projection, self._day = ledger, projection, day
        labels = ledger.labels
        self._purses = {(one.venue, one.currency): one for one in labels.purses if one.venue in venues}
        self._names = [
            name
            for index, name in enumerate(labels.instruments)
            if labels.purses[labels.settled[index]].venue in venues
        ]
        self._places = {(one.venue, one.currency): place for place, one in enumerate(labels.purses)}

    def read(self, line: Connection, span: tuple[int, int]) -> Books:
        desk, database = self._ledger.labels.desk, self._ledger.database
        held, cash = positions(database, line, desk), balances(database, line, desk)
        rates = {key: self._rate(purse) for key, purse in self._purses.items()}
        return Books(
            trades=self._trades(line, span),
            moves=self._moves(line, span),
            opening=self._opening(line, span[0]),
            realised=self._booked(line, span),
            positions={name: held[name, None][0] for name in self._names if (name, None) in held},
            costs={name: held[name, None][1] for name in self._names if (name, None) in held},
            cash={key: cash.get((*key, "cash"), 0) for key in self._purses},
            decomposition=self._decomposition(line, span, rates),
            rates=rates,
            ended_ns=self._projection.ended_ns,
        )

    def _rate(self, purse: Purse) -> Decimal:
        """Base currency per money unit of a purse, at the rate that the kernel has now."""
        state: Any = self._projection.states[0]
        account = state["accounts"][self._places[purse.venue, purse.currency]]
        return Decimal(int(account["rate_ppb"])).scaleb(-9 - self._ledger.config.base_exponent)

    def _within(self, table: Table, span: tuple[int, int]) -> "list[ColumnElement[bool]]":
        at: ColumnElement[int] = func.coalesce(table.c.venue_time_ns, table.c.time_ns)
        return [table.c.desk == self._ledger.labels.desk, at >= span[0], at < span[1]]

    def _trades(self, line: Connection, span: tuple[int, int]) -> list[Trade]:
        asked = select(FILLS).where(*self._within(FILLS, span), FILLS.c.instrument.in_(self._names))
        return [
            Trade(
                instrument=row["instrument"],
                trade_id=row["trade_id"],
                side=1 if row["side"] == "BUY" else -1,
                price=row["price_ticks"],
                lots=row["quantity_lots"],
                fee=row["fee_units"],
                time_ns=row["venue_time_ns"] or row["time_ns"],
                sequence=row["sequence"],
            )
            for row in line.execute(asked.order_by(FILLS.c.sequence)).mappings()
        ]

    def _net(self) -> "list[ColumnElement[bool]]":
        return [MOVES.c.strategy.is_(None), MOVES.c.instrument.in_(self._names)]

    def _moves(self, line: Connection, span: tuple[int, int]) -> list[Move]:
        """What else moved the account's positions: taken over, split."""
        asked = select(MOVES).where(*self._within(MOVES, span), *self._net(), MOVES.c.event != _FILL)
        rows = line.execute(asked.order_by(MOVES.c.sequence)).mappings()
        return [Move(row["sequence"], row["instrument"], row["quantity"], row["cost"]) for row in rows]

    def _opening(self, line: Connection, begin_ns: int) -> dict[str, tuple[int, int]]:
        database = self._ledger.database
        sums = database.exact_sum(MOVES.c.quantity), database.exact_sum(MOVES.c.cost)
        asked = select(MOVES.c.instrument, *sums).where(*self._within(MOVES, (0, begin_ns)), *self._net())
        return {name: (lots, cost) for name, lots, cost in line.execute(asked.group_by(MOVES.c.instrument))}

    def _booked(self, line: Connection, span: tuple[int, int]) -> dict[str, int]:
        total = self._ledger.database.exact_sum(MOVES.c.realised)
        asked = select(MOVES.c.instrument, total).where(*self._within(MOVES, span), *self._net())
        found = line.execute(asked.where(MOVES.c.event == _FILL).group_by(MOVES.c.instrument))
        return {name: units for name, units in found}  # noqa: C416 - a row is not a pair to the type checker

    def _decomposition(
        self, line: Connection, span: tuple[int, int], rates: Mapping[PurseKey, Decimal]
    ) -> dict[str, Decimal]:
        """What made the day's result, in base currency: earned is positive in all but what is named a cost or paid."""
        parts = dict.fromkeys(DECOMPOSITION, Decimal(0))
        for purse, changes in self._changes(line, span).items():
            rate = rates[purse]
            parts["directional"] -= changes["realised"] * rate
            parts["fees_paid"] += changes["fees_paid"] * rate
            parts["fees_received"] += changes["fees_received"] * rate
            parts["funding"] -= changes["funding"] * rate
            parts["borrow_costs"] += changes["borrow"] * rate
            parts["rebates"] -= changes["rebates"] * rate
            parts["gas"] += changes["gas"] * rate
            parts["flash_loan_premium"] += changes["premium"] * rate
            parts["adjustment"] -= changes["adjustment"] * rate
        for purse, units in self._marked(line).items():
            parts["inventory"] += units * rates[purse]
        for purse, money in self._slipped(line, span).items():
            parts["slippage"] += money.scaleb(self._purses[purse].exponent) * rates[purse]
        return parts

    def _changes(self, line: Connection, span: tuple[int, int]) -> dict[PurseKey, dict[str, int]]:
        """What each account gained in the day, by purse; fees by their direction."""
        keys = ENTRIES.c.venue, ENTRIES.c.currency, ENTRIES.c.debit, ENTRIES.c.credit
        total = self._ledger.database.exact_sum(ENTRIES.c.amount)
        found: dict[PurseKey, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        asked = select(*keys, total).where(*self._within(ENTRIES, span)).group_by(*keys)
        for venue, currency, debit, credit, amount in line.execute(asked):
            if (venue, currency) not in self._purses:
                continue
            accounts = found[venue, currency]
            accounts["fees_paid" if debit == "fees" else debit] += amount
            if credit == "fees":
                accounts["fees_received"] += amount
            else:
                accounts[credit] -= amount
        return found

    def _marked(self, line: Connection) -> dict[PurseKey, int]:
        """By how much what is held changed in worth, realised results apart."""
        asked = select(DAYS).where(DAYS.c.desk == self._ledger.labels.desk, DAYS.c.day >= self._day)
        rows = line.execute(asked.order_by(DAYS.c.day)).mappings().all()
        days = sorted({row["day"] for row in rows})
        first = days[0] if days else ""
        following = next((day for day in days if day > self._day), "")
        worth = {(row["day"], row["venue"], row["currency"]): row["unrealised"] for row in rows}
        state: Any = self._projection.states[0]
        begins_here = self._day == day_of(self._projection.begun_ns)  # nothing was held before
        found: dict[PurseKey, int] = {}
        for key in self._purses:
            now = int(state["accounts"][self._places[key]]["unrealised"])
            begin = worth.get((first, *key), 0) if first else now
            found[key] = (worth.get((following, *key), 0) if following else now) - (0 if begins_here else begin)
        return found

    def _slipped(self, line: Connection, span: tuple[int, int]) -> dict[PurseKey, Decimal]:
        asked = select(FILLS.c.venue, FILLS.c.currency, FILLS.c.slippage).where(*self._within(FILLS, span))
        found: dict[PurseKey, Decimal] = defaultdict(Decimal)
        for venue, currency, money in line.execute(asked):
            if money is not None and (venue, currency) in self._purses:
                found[venue, currency] += money
        return found
