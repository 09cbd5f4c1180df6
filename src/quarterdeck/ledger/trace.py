"""Where a fill came from: its event and order, the record that asked for it, strategy and person; and its postings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from quarterdeck.config import DeskConfig
from quarterdeck.errors import LedgerError
from quarterdeck.journal import rfc3339
from quarterdeck.ledger.columns import figure
from quarterdeck.ledger.database import Database
from quarterdeck.ledger.labels import Labels
from quarterdeck.ledger.tables import ENTRIES, FILLS
from quarterdeck.runtime.wording import order_name

__all__ = ["Trace", "trace"]


@dataclass(frozen=True, slots=True)
class Trace:
    """The fills that have a venue's trade id (one per instrument and side), each with all that it leads back to."""

    trade_id: int
    fills: Sequence[dict[str, Any]]

    def as_dict(self) -> dict[str, object]:
        return {"trade_id": self.trade_id, "fills": list(self.fills)}

    def lines(self) -> list[str]:
        """Returns the same for people."""
        return [line for fill in self.fills for line in _lines(fill)]


def trace(database: Database, labels: Labels, config: DeskConfig, trade_id: int) -> Trace:
    """Returns what a trade id leads back to. LedgerError when the ledger has no such trade."""
    with database.reading() as line:
        asked = select(FILLS).where(FILLS.c.desk == labels.desk, FILLS.c.trade_id == trade_id)
        found = line.execute(asked.order_by(FILLS.c.sequence)).mappings().all()
        fills = [_leads(line, labels, config, dict(fill)) for fill in found]
    if not fills:
        raise LedgerError(
            f"desk {labels.desk}: the ledger has no trade {trade_id}; `quarterdeck ledger {labels.desk}` brings it up "
            "to the journal, `quarterdeck ledger export` lists its trades"
        )
    return Trace(trade_id, fills)


def _leads(line: Connection, labels: Labels, config: DeskConfig, fill: dict[str, Any]) -> dict[str, Any]:
    asked = select(ENTRIES).where(ENTRIES.c.desk == labels.desk, ENTRIES.c.sequence == fill["sequence"])
    postings = [
        {
            "debit": entry["debit"],
            "credit": entry["credit"],
            "amount": f"{figure(entry['amount'], -labels.exponent(entry['venue'], entry['currency'])):f}",
            "currency": entry["currency"],
        }
        for entry in line.execute(asked.order_by(ENTRIES.c.line)).mappings()
    ]
    figures = {name: f"{fill[name]:f}" for name in ("qty", "price", "fee", "pnl_realized")}
    return {
        "event": fill["sequence"],
        "time": rfc3339(fill["venue_time_ns"] or fill["time_ns"]),
        "instrument": fill["instrument"],
        "side": fill["side"],
        **figures,
        "currency": fill["currency"],
        "order": None if fill["order_id"] is None else order_name(fill["order_id"]),
        "cloid": fill["cloid"],
        "signal": fill["signal"],
        "reason_code": fill["reason_code"],
        "strategy": fill["strategy"],
        "person": fill["person"] or _owner(config, fill["strategy"]),
        "asked_by": "person" if fill["person"] else "strategy" if fill["strategy"] else None,
        "postings": postings,
    }


def _owner(config: DeskConfig, name: str | None) -> str | None:
    """Who answers for a strategy: nobody else asked for its orders."""
    for strategy in config.strategies:
        if strategy.name == name:
            return strategy.owner or config.operators.people[0]
    return None


def _lines(fill: dict[str, Any]) -> list[str]:
    asked = "was asked for by hand" if fill["asked_by"] == "person" else "answers for it"
    shown = {
        "event": f"@{fill['event']} at {fill['time']}",
        "fill": f"{fill['side']} {fill['qty']} {fill['instrument']} at {fill['price']}, fee {fill['fee']} "
        f"{fill['currency']}, realised {fill['pnl_realized']}",
        "order": f"{fill['order'] or 'not known'}, client id {fill['cloid'] or 'not known'}",
        "signal": "none: the order did not come from this journal" if fill["signal"] is None else f"@{fill['signal']}",
        "reason": fill["reason_code"] or "none was given",
        "strategy": fill["strategy"] or "none",
        "person": f"{fill['person']} ({asked})" if fill["person"] else "none",
    }
    postings = [
        f"posting   {one['amount']} {one['currency']} from {one['credit']} to {one['debit']}"
        for one in fill["postings"]
    ]
    return [*(f"{name:<9} {value}" for name, value in shown.items()), *postings]
