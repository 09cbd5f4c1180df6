"""What `quarterdeck reconcile` does: asks the venues, brings the ledger up to the journal, compares, writes the report.

While a desk trades, a fill reaches the venue's books before the journal's. So what differs today is asked again, and is
only believed when it stands after ATTEMPTS looks; a day that is over stands still.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from quarterdeck.config import DeskConfig
from quarterdeck.errors import ConfigError, DataError, JournalError
from quarterdeck.ledger.command import DeskLedger
from quarterdeck.ledger.projection import Projection
from quarterdeck.market.times import DAY_NS
from quarterdeck.reports.books import day_of, read_books
from quarterdeck.reports.reconciliation import Reconciliation, Tolerances, reconcile
from quarterdeck.reports.statement import Inquiry
from quarterdeck.reports.trades import Statement, Trade, terms_of
from quarterdeck.venues.links import open_venue
from quarterdeck.venues.messages import AccountAnswer, Holding, TradeReport
from quarterdeck.venues.protocol import Venue

__all__ = ["ATTEMPTS", "OpenVenue", "reconcile_desk"]

ATTEMPTS: Final = 3
OpenVenue = Callable[[DeskConfig, int], Venue]
_PAUSE_S: Final = 0.5  # between two looks


def reconcile_desk(
    config: DeskConfig,
    day: str,
    root: Path | None = None,
    *,
    opens: OpenVenue = open_venue,
    wall_ns: Callable[[], int] = time.time_ns,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[Reconciliation, Path]:
    """Compares a UTC day (2026-11-21) of a desk with its venues' statements; returns the report and its file.

    DataError when something is missing: the journal of that day, a venue, a part of its statement; ConfigError for a
    day that is none. Nothing is written then.
    """
    span = _span(day, wall_ns())
    venues = [row for row, venue in enumerate(config.venues) if venue.kind != "simulated"]
    if not venues:
        raise DataError(
            f"desk {config.desk.name}",
            "its venues are simulated inside the desk: there is no statement from outside that the ledger could be "
            "compared with",
        )
    auditor = _Auditor(config, root or config.folder, day, span, venues)
    today = day == day_of(wall_ns())
    for attempt in range(ATTEMPTS):
        report = auditor.look(opens, wall_ns, today)
        if report.clean or not today or attempt == ATTEMPTS - 1:
            return report, _write(auditor.root, day, report)
        pause(_PAUSE_S)
    raise AssertionError("the loop returns")


def _span(day: str, now_ns: int) -> tuple[int, int]:
    try:
        begin = date.fromisoformat(day)
    except ValueError as error:
        raise ConfigError("command", "--date", day, "a day of UTC, such as 2026-11-21") from error
    begin_ns = (begin - date(1970, 1, 1)).days * DAY_NS
    if not 0 <= begin_ns <= now_ns:
        raise ConfigError("command", "--date", day, f"a day that has begun: today is {day_of(now_ns)}")
    return begin_ns, begin_ns + DAY_NS


@dataclass(frozen=True, slots=True)
class _Said:
    """What one venue has said: fills up to a time, and what is held."""

    fills: Sequence[TradeReport]
    until_ns: int
    account: AccountAnswer


class _Auditor:
    def __init__(self, config: DeskConfig, root: Path, day: str, span: tuple[int, int], venues: list[int]) -> None:
        self.root = root
        self._config, self._day, self._span, self._venues = config, day, span, venues
        self._ledger = self._open()
        self._names = frozenset(config.venues[row].name for row in venues)
        labels = self._ledger.labels
        self._terms = {name: terms for name, terms in terms_of(config, labels).items() if terms.purse[0] in self._names}
        self._bring_up()

    def look(self, opens: OpenVenue, wall_ns: Callable[[], int], today: bool) -> Reconciliation:
        """One look: the venues first, so that what they know the journal has had time to hear."""
        said = {row: self._ask(row, opens) for row in self._venues}
        until_ns = min(one.until_ns for one in said.values())
        if not today and until_ns < self._span[1] - 1:
            raise DataError(
                f"desk {self._config.desk.name}",
                f"the venues' statements of {self._day} end before the day does: nothing was written; run this again",
            )
        projection = self._bring_up()
        span = self._span[0], until_ns + 1
        books = read_books(self._ledger, projection, self._names, self._day, span)
        limits = self._config.ledger
        tolerances = Tolerances(
            price_bps=limits.price_tolerance_bps,
            fee_bps=limits.fee_tolerance_bps,
            cash=self._config.reconciliation.cash_tolerance,
        )
        statement = self._statement(said, until_ns, today or projection.ended_ns >= self._span[1], wall_ns())
        currency = self._config.desk.base_currency
        return reconcile(self._day, wall_ns(), books, statement, self._terms, tolerances, currency)

    def _open(self) -> DeskLedger:
        try:
            return DeskLedger(self._config, self.root)
        except JournalError as error:
            if any((self.root / "data" / "journal").glob("*.qdj")):
                raise  # it is there, and cannot be read: that is no missing day
            desk = f"desk {self._config.desk.name}"
            raise DataError(desk, f"there is no journal of {self._day}: {error}") from error

    def _bring_up(self) -> Projection:
        """The ledger at the journal's end. DataError when the journal has nothing of the day."""
        desk, projection = self._config.desk.name, self._ledger.bring_up()
        begun, ended = projection.begun_ns, projection.ended_ns
        if begun >= self._span[1] or ended < self._span[0]:
            raise DataError(
                f"desk {desk}",
                f"there is no journal of {self._day}: it holds {day_of(begun)} to {day_of(ended)}; nothing was written",
            )
        return projection

    def _ask(self, row: int, opens: OpenVenue) -> _Said:
        name = self._config.venues[row].name
        inquiry = Inquiry(name, opens(self._config, row), self._config.ledger.statement_timeout_s)
        try:
            account = inquiry.account()
            fills, until_ns = inquiry.fills(*self._span)
        finally:
            inquiry.close()
        return _Said(fills, until_ns, account)

    def _statement(self, said: dict[int, _Said], until_ns: int, covered: bool, now_ns: int) -> Statement:
        labels = self._ledger.labels
        trades = [
            Trade(
                instrument=labels.instruments[fill.instrument],
                trade_id=fill.trade_id,
                side=int(fill.side),
                price=fill.price,
                lots=fill.quantity,
                fee=fill.fee,
                time_ns=fill.venue_time_ns,
            )
            for one in said.values()
            for fill in one.fills
            if fill.venue_time_ns <= until_ns
        ]
        if not covered:
            why = f"the venues say what is held now, and the ledger ends on {self._day}: ask on the day itself"
            return Statement(trades=trades, until_ns=until_ns, why_not=why)
        accounts = [one.account for one in said.values()]
        purses, held = labels.purses, [held for one in accounts for held in one.holdings]
        return Statement(
            trades=trades,
            until_ns=until_ns,
            positions={labels.instruments[one.instrument]: one.quantity for one in held},
            costs=self._costs(held),
            cash={
                (purses[one.account].venue, purses[one.account].currency): one.cash
                for account in accounts
                for one in account.balances
            },
            as_of_ns=min((one.venue_time_ns for one in accounts if one.venue_time_ns), default=now_ns),
        )

    def _costs(self, held: Sequence[Holding]) -> dict[str, tuple[int, int]]:
        """What was paid for each position, and by how much that may be off: an average price is told to a tick."""
        found: dict[str, tuple[int, int]] = {}
        for one in held:
            name = self._ledger.labels.instruments[one.instrument]
            lot_tick = self._terms[name].value
            if one.cost is not None:
                found[name] = one.cost, 0
            elif one.price:
                found[name] = one.quantity * one.price * lot_tick, abs(one.quantity) * lot_tick
        return found


def _write(root: Path, day: str, report: Reconciliation) -> Path:
    """Writes the report, whole or not at all."""
    path = root / "reports" / "reconciliation" / f"exchange_vs_ledger_{day}.json"
    unfinished = path.with_suffix(".unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(report.as_dict()), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise DataError(str(path), f"the report cannot be written: {error.strerror or error}") from error
    return path
