"""The daily reconciliation: what the venues say of a day against what the ledger says, trade by trade.

A pure function of both sides. Sizes agree exactly, prices and fees within tolerances; whatever does not agree, or is on
one side only, makes the day DIRTY and is named.

| found                                                    | then                                             |
|----------------------------------------------------------|--------------------------------------------------|
| a trade on one side only                                 | unmatched, DIRTY                                 |
| the same trade, another size                             | discrepancy, DIRTY                               |
| the same trade, price or fee beyond the tolerance        | discrepancy, DIRTY                               |
| realised result of an instrument whose trades all agree  | as booked: the same trades make the same result  |
| realised result where trades differ                      | as booked, and what the venue's trades make more |
|                                                          | than the ledger's do, at average cost, in one    |
|                                                          | order; a difference is DIRTY                     |
| another position                                         | discrepancy, DIRTY                               |
| other cash, beyond the tolerance                         | discrepancy, DIRTY                               |
| positions and cash that cannot be compared               | NOT_COMPARED, and why                            |

Cash is compared less what the open positions of margined instruments were paid for. At average cost the order in which
fills are heard decides how a result is split between cash and the cost of what is left, and a venue may have matched
them in another order than the desk heard them; their difference is the same in every order.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from quarterdeck.journal import rfc3339
from quarterdeck.ledger.columns import figure
from quarterdeck.reports.trades import Books, Statement, Terms, Trade

__all__ = ["CLEAN", "DIRTY", "NOT_COMPARED", "Reconciliation", "Tolerances", "cost_after", "reconcile"]

CLEAN: Final = "CLEAN"
DIRTY: Final = "DIRTY"
NOT_COMPARED: Final = "NOT_COMPARED"
_BPS: Final = 10_000

Discrepancy = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """By how much a price may differ (of the price), a fee (of the notional), cash (in its currency)."""

    price_bps: Decimal = Decimal(0)
    fee_bps: Decimal = Decimal(0)
    cash: Decimal = Decimal(0)

    def price_agrees(self, one: Trade, other: Trade) -> bool:
        return abs(one.price - other.price) * _BPS <= self.price_bps * abs(other.price)

    def fee_agrees(self, one: Trade, other: Trade, value: int) -> bool:
        return abs(one.fee - other.fee) * _BPS <= self.fee_bps * other.price * other.lots * value

    def as_dict(self) -> dict[str, object]:
        return {
            "quantity": "exact",
            "price_bps": f"{self.price_bps:f}",
            "fee_bps_of_notional": f"{self.fee_bps:f}",
            "position": "exact",
            "cash": f"{self.cash:f}",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The report, in the shape that it is written in. `parts` are its sections by name."""

    date: str
    timestamp_ns: int
    status: str
    parts: Mapping[str, Any]

    @property
    def clean(self) -> bool:
        return self.status == CLEAN

    def as_dict(self) -> dict[str, object]:
        """Returns what `exchange_vs_ledger_DATE.json` holds."""
        return {
            "timestamp": rfc3339(self.timestamp_ns),
            "date": self.date,
            **self.parts,
            "overall_status": self.status,
        }

    def lines(self) -> list[str]:
        """Returns the same for people, the verdict first."""
        trades, pnl = self.parts["trade_reconciliation"], self.parts["pnl_reconciliation"]
        agree, said, booked = (
            trades[name] for name in ("matched_trades", "total_exchange_trades", "total_ledger_trades")
        )
        lines = [
            f"{self.date}: {self.status}: of {said} trades at the exchange and {booked} in the ledger {agree} agree"
        ]
        for one in trades["unmatched_trades"]:
            trade = one["trade"]
            what = f"{trade['side']} {trade['qty']} {trade['instrument']} at {trade['price']}"
            lines.append(f"trade {one['trade_id']} is {one['source']}: {what}, {trade['time']}")
        lines += [f"trade {one['trade_id']} of {one['instrument']}: {_differ(one)}" for one in trades["discrepancies"]]
        lines += [_differ(one) for one in pnl["discrepancies"]]
        for name in ("position_reconciliation", "balance_reconciliation"):
            part = self.parts[name]
            lines += [_differ(one) for one in part["discrepancies"]]
            if part["reconciliation_status"] == NOT_COMPARED:
                lines.append(f"{name.partition('_')[0]}s were not compared: {part['why']}")
        return lines


def _differ(one: Mapping[str, Any]) -> str:
    return (
        f"{one['field']} is {one['exchange_value']} at the exchange and {one['ledger_value']} in the ledger "
        f"(difference {one['difference']})"
    )


def reconcile(
    date: str,
    now_ns: int,
    books: Books,
    statement: Statement,
    terms: Mapping[str, Terms],
    tolerances: Tolerances,
    currency: str,
) -> Reconciliation:
    """Compares the two sides of a day. `terms` are those of the instruments compared; `currency` the base currency."""
    matching = _Matching(books, statement, terms, tolerances)
    trades = matching.section()
    results = _Results(books, statement, terms, matching)
    compared = {
        "trade_reconciliation": trades,
        "pnl_reconciliation": results.section(tolerances),
        "position_reconciliation": _positions(books, statement, terms),
        "balance_reconciliation": _balances(books, statement, terms, tolerances),
    }
    parts: dict[str, Any] = {
        **compared,
        "pnl_decomposition": {name: f"{value:f}" for name, value in books.decomposition.items()},
        "currency": currency,
        "statement_until": rfc3339(statement.until_ns),
        "ledger_until": rfc3339(books.ended_ns),
        "tolerances": tolerances.as_dict(),
    }
    dirty = any(one["reconciliation_status"] == DIRTY for one in compared.values())
    return Reconciliation(date=date, timestamp_ns=now_ns, status=DIRTY if dirty else CLEAN, parts=parts)


class _Matching:
    """Trades by what both sides call them alike."""

    def __init__(self, books: Books, statement: Statement, terms: Mapping[str, Terms], tolerances: Tolerances) -> None:
        self.ledger = {trade.key: trade for trade in books.trades}
        self.exchange = {trade.key: trade for trade in statement.trades}
        self.agreeing = 0
        self.discrepancies: list[Discrepancy] = []
        self.differing: set[str] = set()  # instruments
        self._terms = terms
        for key in sorted(self.ledger.keys() & self.exchange.keys()):
            found = list(self._compare(self.exchange[key], self.ledger[key], tolerances))
            self.discrepancies += found
            self.agreeing += not found
            if found:
                self.differing.add(key[0])
        self.unmatched = [
            *((self.exchange[key], "exchange_only") for key in sorted(self.exchange.keys() - self.ledger.keys())),
            *((self.ledger[key], "ledger_only") for key in sorted(self.ledger.keys() - self.exchange.keys())),
        ]
        self.differing |= {trade.instrument for trade, _ in self.unmatched}

    def _compare(self, said: Trade, booked: Trade, tolerances: Tolerances) -> Iterator[Discrepancy]:
        terms = self._terms[said.instrument]
        about: Discrepancy = {"trade_id": said.trade_id, "instrument": said.instrument}
        if said.lots != booked.lots:
            yield about | _discrepancy("quantity", said.lots * terms.lot, booked.lots * terms.lot)
        if not tolerances.price_agrees(said, booked):
            yield about | _discrepancy("price", said.price * terms.tick, booked.price * terms.tick)
        if not tolerances.fee_agrees(said, booked, terms.value):
            yield about | _discrepancy("fee", terms.money(said.fee), terms.money(booked.fee))

    def section(self) -> dict[str, Any]:
        unmatched = [
            {"trade_id": trade.trade_id, "source": source, "trade": trade.as_dict(self._terms[trade.instrument])}
            for trade, source in self.unmatched
        ]
        return {
            "total_exchange_trades": len(self.exchange),
            "total_ledger_trades": len(self.ledger),
            "matched_trades": self.agreeing,
            "unmatched_trades": unmatched,
            "discrepancies": self.discrepancies,
            "reconciliation_status": DIRTY if unmatched or self.discrepancies else CLEAN,
        }


def _discrepancy(name: str, exchange: Decimal, ledger: Decimal) -> Discrepancy:
    return {
        "field": name,
        "exchange_value": f"{exchange:f}",
        "ledger_value": f"{ledger:f}",
        "difference": f"{exchange - ledger:f}",
    }


class _Results:
    """What the day's trades have earned, by either side's trades."""

    def __init__(self, books: Books, statement: Statement, terms: Mapping[str, Terms], matching: _Matching) -> None:
        self._books, self._terms = books, terms
        names = {trade.instrument for trade in (*books.trades, *statement.trades)}
        self._booked = {name: books.realised.get(name, 0) for name in names}
        self._said = dict(self._booked)
        for name in names & matching.differing:
            # Both sides in one order, from one opening: the order of the fills alone is then no difference.
            said = _realised(name, books, list(matching.exchange.values()), terms[name])
            heard = _realised(name, books, list(matching.ledger.values()), terms[name])
            self._said[name] += said - heard
        self._fees_booked, self._fees_said = _fees(books.trades, terms), _fees(statement.trades, terms)

    def section(self, tolerances: Tolerances) -> dict[str, Any]:
        discrepancies: list[Discrepancy] = []
        for name in sorted(self._said):
            said, booked, terms = self._said[name], self._booked[name], self._terms[name]
            if said != booked:
                found = _discrepancy(f"realised {name}", terms.money(said), terms.money(booked))
                discrepancies.append(found)
        for purse in sorted(self._fees_said.keys() | self._fees_booked.keys()):
            said, booked = self._fees_said.get(purse, 0), self._fees_booked.get(purse, 0)
            if abs(said - booked) * _BPS > tolerances.fee_bps * self._notional(purse):
                exponent = next(one.exponent for one in self._terms.values() if one.purse == purse)
                name = f"fees {purse[0]}/{purse[1]}"
                discrepancies.append(_discrepancy(name, figure(said, -exponent), figure(booked, -exponent)))
        return {
            "exchange_pnl": f"{self._total(self._said, self._fees_said):f}",
            "ledger_pnl": f"{self._total(self._booked, self._fees_booked):f}",
            "discrepancies": discrepancies,
            "reconciliation_status": DIRTY if discrepancies else CLEAN,
        }

    def _notional(self, purse: tuple[str, str]) -> int:
        rows = ((self._terms[trade.instrument], trade) for trade in self._books.trades)
        return sum(trade.price * trade.lots * terms.value for terms, trade in rows if terms.purse == purse)

    def _total(self, realised: Mapping[str, int], fees: Mapping[tuple[str, str], int]) -> Decimal:
        """Realised less fees, in base currency."""
        rates = self._books.rates
        earned = sum((units * rates[self._terms[name].purse] for name, units in realised.items()), Decimal(0))
        return earned - sum((units * rates[purse] for purse, units in fees.items()), Decimal(0))


def _fees(trades: Sequence[Trade], terms: Mapping[str, Terms]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = defaultdict(int)
    for trade in trades:
        found[terms[trade.instrument].purse] += trade.fee
    return dict(found)


def _realised(name: str, books: Books, said: Sequence[Trade], terms: Terms) -> int:
    """What one side's trades of an instrument realise: in the ledger's order, those that it lacks by their time."""
    booked = [trade for trade in books.trades if trade.instrument == name]
    places = {trade.key: (trade.sequence or 0, 1) for trade in booked}
    times = [trade.time_ns for trade in booked]
    end = max((trade.sequence or 0 for trade in booked), default=0)
    steps: list[tuple[tuple[int, int], int, Trade | tuple[int, int]]] = [
        ((move.sequence, 1), 0, (move.lots, move.cost)) for move in books.moves if move.instrument == name
    ]
    for trade in said:
        if trade.instrument != name:
            continue
        after = bisect_right(times, trade.time_ns)
        place = (booked[after].sequence or 0, 0) if after < len(booked) else (end, 2)
        steps.append((places.get(trade.key, place), trade.time_ns, trade))
    steps.sort(key=lambda step: step[:2])
    lots, cost = books.opening.get(name, (0, 0))
    realised = 0
    for _, _, step in steps:
        if isinstance(step, Trade):
            paid = step.lots * step.price * terms.value
            lots, cost, gained = cost_after(lots, cost, step.side, step.lots, paid)
            realised += gained
        else:
            lots, cost = lots + step[0], cost + step[1]
    return realised


def cost_after(held: int, cost: int, side: int, lots: int, paid: int) -> tuple[int, int, int]:
    """A position after a fill of `lots` > 0 for `paid`, at average cost: (lots, cost, realised). As the kernel does."""
    if held == 0 or (held > 0) == (side > 0):
        return held + side * lots, cost + side * paid, 0
    closing = min(lots, abs(held))
    paid_closing = paid if closing == lots else paid * closing // lots
    released = abs(cost) * closing // abs(held) * (1 if cost >= 0 else -1)
    return held + side * lots, cost + side * (paid - paid_closing) - released, -side * paid_closing - released


def _positions(books: Books, statement: Statement, terms: Mapping[str, Terms]) -> dict[str, Any]:
    if statement.positions is None:
        return _not_compared(statement)
    found: list[Discrepancy] = []
    for name in sorted(terms):
        said, booked = statement.positions.get(name, 0), books.positions.get(name, 0)
        if said != booked:
            found.append(_discrepancy(f"position {name}", said * terms[name].lot, booked * terms[name].lot))
    return _compared(statement, len(terms), found)


def _balances(books: Books, statement: Statement, terms: Mapping[str, Terms], tolerances: Tolerances) -> dict[str, Any]:
    if statement.cash is None:
        return _not_compared(statement)
    held, found = statement.positions or {}, list[Discrepancy]()
    compared, untold = 0, list[str]()
    for purse, exponent in sorted({(one.purse, one.exponent) for one in terms.values()}):
        margined = [name for name, one in sorted(terms.items()) if one.margined and one.purse == purse]
        missing = [name for name in margined if held.get(name) and name not in statement.costs]
        untold += missing
        if not missing:
            compared += 1
            said = statement.cash.get(purse, 0), [statement.costs.get(name, (0, 0)) for name in margined]
            booked = books.cash.get(purse, 0) - sum(books.costs.get(name, 0) for name in margined)
            found += _cash(purse, exponent, said, booked, tolerances.cash)
    section = _compared(statement, compared, found)
    if not untold:
        return section
    why = f"the venue does not say what its position in {', '.join(untold)} was paid for"
    return {**section, "why": why, "reconciliation_status": DIRTY if found else NOT_COMPARED}


def _cash(
    purse: tuple[str, str], exponent: int, said: tuple[int, list[tuple[int, int]]], booked: int, tolerance: Decimal
) -> list[Discrepancy]:
    """Compares cash less costs: what the venue `said` (cash; costs, and how exact they are) and what is booked."""
    cash, costs = said
    venue, ledger = figure(cash - sum(cost for cost, _ in costs), -exponent), figure(booked, -exponent)
    if abs(venue - ledger) <= tolerance + figure(sum(off for _, off in costs), -exponent):
        return []
    name = f"cash {purse[0]}/{purse[1]}" + (" less the cost of open positions" if costs else "")
    return [_discrepancy(name, venue, ledger)]


def _not_compared(statement: Statement) -> dict[str, Any]:
    return {"compared": 0, "why": statement.why_not, "discrepancies": [], "reconciliation_status": NOT_COMPARED}


def _compared(statement: Statement, count: int, found: list[Discrepancy]) -> dict[str, Any]:
    return {
        "compared": count,
        "as_of": rfc3339(statement.as_of_ns),
        "discrepancies": found,
        "reconciliation_status": DIRTY if found else CLEAN,
    }
