"""What `quarterdeck ledger` does: opens the ledger of a desk, brings it up to the journal, and says how it stands."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from quarterdeck.config import DeskConfig
from quarterdeck.journal import OS_DISK, rfc3339
from quarterdeck.journal.segment import find_journal
from quarterdeck.ledger.agreement import Balances, Positions, balances, positions
from quarterdeck.ledger.columns import figure
from quarterdeck.ledger.database import Database, database_url
from quarterdeck.ledger.export import Format, export, parse_bound
from quarterdeck.ledger.labels import Labels, labels_of
from quarterdeck.ledger.projection import Projection, project
from quarterdeck.ledger.trace import Trace, trace
from quarterdeck.runtime.replay import Progress

__all__ = ["DeskLedger", "Holding", "LedgerReport"]

_END: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Holding:
    """A position at cost. `strategy` is None for the account's own, the sum that the venue sees."""

    instrument: str
    strategy: str | None
    quantity: Decimal
    cost: Decimal
    currency: str

    def as_dict(self) -> dict[str, object]:
        figures = {"quantity": f"{self.quantity:f}", "cost": f"{self.cost:f}"}
        return {"instrument": self.instrument, "strategy": self.strategy, **figures, "currency": self.currency}


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """Balances of every purse and positions at cost, of a ledger that agrees with the kernel to the last unit."""

    labels: Labels
    database: str
    projection: Projection
    balances: Balances
    positions: Positions

    def by_purse(self) -> dict[str, dict[str, Decimal]]:
        """What stands in each account, by purse; accounts that hold nothing are left out."""
        found: dict[str, dict[str, Decimal]] = defaultdict(dict)
        for (venue, currency, account), units in sorted(self.balances.items()):
            if units:
                exponent = self.labels.exponent(venue, currency)
                found[f"{venue}/{currency}"][account] = figure(units, -exponent)
        return dict(found)

    def by_currency(self) -> dict[str, Decimal]:
        """The sum of all accounts: zero, or the ledger would not be one."""
        sums = {purse.currency: Decimal(0) for purse in self.labels.purses}
        for name, accounts in self.by_purse().items():
            sums[name.rpartition("/")[2]] += sum(accounts.values())
        return sums

    def holdings(self) -> list[Holding]:
        """What is held, by strategy; then by the account as a whole."""
        found: list[Holding] = []
        for (name, strategy), figures in sorted(
            self.positions.items(), key=lambda item: (item[0][0], item[0][1] or "~")
        ):
            if figures[0]:
                index = self.labels.instruments.index(name)
                purse = self.labels.purses[self.labels.settled[index]]
                quantity, cost = figures[0] * self.labels.lots[index], figure(figures[1], -purse.exponent)
                found.append(Holding(name, strategy, quantity, cost, purse.currency))
        return found

    def as_dict(self) -> dict[str, object]:
        """Returns what `quarterdeck ledger --json` prints."""
        return {
            "desk": self.labels.desk,
            "database": self.database,
            "sequence": self.projection.sequence,
            "time": rfc3339(self.projection.ended_ns),
            "records_read": self.projection.sequence - self.projection.begin,
            "rows_written": self.projection.rows,
            "agrees": True,
            "balances": {
                name: {a: f"{v:f}" for a, v in accounts.items()} for name, accounts in self.by_purse().items()
            },
            "sums": {currency: f"{total:f}" for currency, total in self.by_currency().items()},
            "positions": [holding.as_dict() for holding in self.holdings()],
        }

    def lines(self) -> list[str]:
        """Returns the same for people."""
        stood = self.projection
        read = stood.sequence - stood.begin
        lines = [f"ledger of {self.labels.desk} in {self.database}"]
        lines.append(f"up to record {stood.sequence} at {rfc3339(stood.ended_ns)}: {read} records read,")
        lines[-1] += f" {stood.rows} rows written; it agrees with the kernel"
        for name, accounts in self.by_purse().items():
            lines += [name, *(f"  {account:<10} {value:>24,f}" for account, value in accounts.items())]
        lines += [f"sum {currency:<8} {total:>24,f}" for currency, total in self.by_currency().items()]
        for held in self.holdings():
            owner = held.strategy or "the account"
            lines.append(
                f"{owner} holds {held.quantity:f} {held.instrument} at a cost of {held.cost:f} {held.currency}"
            )
        return lines


class DeskLedger:
    """The ledger of a desk whose data stands below `root` (by default the desk's own folder).

    JournalError when there is no journal, LedgerError when the database cannot be used.
    """

    def __init__(self, config: DeskConfig, root: Path | None = None, url: str | None = None) -> None:
        self.config = config
        self.labels = labels_of(config)
        self.root = root or config.folder
        find_journal(OS_DISK, self.root)  # or a mistyped folder would be made
        self.database = Database(url or database_url(self.root / "data"))

    def bring_up(self, *, rebuild: bool = False, progress: Progress | None = None) -> Projection:
        """Brings it up to the journal. Raises as `project`."""
        return project(self.database, self.labels, self.root, rebuild=rebuild, progress=progress)

    def report(self, *, rebuild: bool = False) -> LedgerReport:
        """Brings it up to the journal and says how it stands."""
        projection = self.bring_up(rebuild=rebuild)
        with self.database.reading() as line:
            held = positions(self.database, line, self.labels.desk)
            stands = balances(self.database, line, self.labels.desk)
        return LedgerReport(self.labels, self.database.name, projection, stands, held)

    def export(self, path: Path, kind: Format, begin: str | None = None, end: str | None = None) -> dict[str, Any]:
        """Brings it up to the journal and writes its rows to a file. LedgerError where it cannot."""
        span = parse_bound(begin, 0), parse_bound(end, _END)
        self.bring_up()
        rows = export(self.database, self.labels, path, kind, span)
        return {"path": str(path), "format": kind, "rows": rows}

    def trace(self, trade_id: int) -> Trace:
        """Brings it up to the journal and follows a trade back. LedgerError when there is no such trade."""
        self.bring_up()
        return trace(self.database, self.labels, self.config, trade_id)
