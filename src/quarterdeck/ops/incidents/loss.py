"""What an incident cost: the desk's own result before and after it, as written down then; or why nobody knows."""

from decimal import Decimal
from typing import Any, Final

import msgspec

from quarterdeck.journal import rfc3339
from quarterdeck.ops.alerts.book import AlertBook
from quarterdeck.ops.incidents.model import Incident

__all__ = ["NEAR_NS", "Loss", "loss_of"]

NEAR_NS: Final = 120_000_000_000
"""A look at the desk's money counts for a moment that is at most so far away."""


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """`amount` is what was lost, negative for a gain, in `currency`; None: not known, and `text` says why.

    A result is realised + unrealised + funding - fees; transfers are no part of it.
    """

    amount: Decimal | None
    currency: str
    text: str


def loss_of(incident: Incident, book: AlertBook, now_ns: int) -> Loss:
    """Returns what the incident cost until it was resolved, or until now."""
    if not incident.desk:
        return Loss(amount=None, currency="", text="unknown: the incident names no desk")
    end_ns = incident.resolved_ns or now_ns
    before = book.money_before(incident.desk, incident.detected_ns)
    if before is None or incident.detected_ns - before["time_ns"] > NEAR_NS:
        when = rfc3339(incident.detected_ns)
        return _unknown(f"nobody looked at the desk's money in the two minutes before {when}")
    after = book.money_after(incident.desk, end_ns)
    if after is None or after["time_ns"] - end_ns > NEAR_NS:
        after = book.money_before(incident.desk, end_ns)
    if after is None or after["time_ns"] <= before["time_ns"]:
        return _unknown(f"nobody looked at the desk's money after {rfc3339(before['time_ns'])}")
    if after["sequence"] < before["sequence"]:
        return _unknown("the desk's journal began anew meanwhile: the two results are of different journals")
    first, last = _result(before), _result(after)
    amount = first - last
    said = f"{amount:,.2f}" if amount > 0 else f"none: the result rose by {-amount:,.2f}"
    text = f"{said} {after['currency']}: the result was {_told(before, first)} and {_told(after, last)}"
    if end_ns - after["time_ns"] > NEAR_NS:
        text += "; what came later is not known"
    return Loss(amount=amount, currency=after["currency"], text=text)


def _unknown(why: str) -> Loss:
    return Loss(amount=None, currency="", text=f"unknown: {why}")


def _result(row: dict[str, Any]) -> Decimal:
    return Decimal(row["realised"]) + Decimal(row["unrealised"]) + Decimal(row["funding"]) - Decimal(row["fees"])


def _told(row: dict[str, Any], result: Decimal) -> str:
    return f"{result:,.2f} at {rfc3339(row['time_ns'])} (record {row['sequence']})"
