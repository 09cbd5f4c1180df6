"""What a replay moved, as rows of the ledger's tables: postings as pairs, indices as names, units as decimals."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import LedgerError
from quarterdeck.kernel.vocabulary import EventKind, Flag, LedgerAccount, OrderStatus, Reason
from quarterdeck.ledger.columns import figure
from quarterdeck.ledger.labels import Labels, Purse
from quarterdeck.ledger.watch import DAY, MOVE, NET, NONE, Seen
from quarterdeck.venues.identity import client_id, desk_tag

__all__ = ["Row", "Rows", "pairs", "rows_of"]

Row = dict[str, Any]

_STEP: Final = Decimal("0.000001")  # of what is measured in basis points
_BPS: Final = 10_000
_ACCOUNTS: Final = tuple(account.name.lower() for account in LedgerAccount)
_REASONS: Final = {reason.value: reason.name.lower() for reason in Reason}
_STATES: Final = {status.value: status.name for status in OrderStatus}
_EVENTS: Final = {kind.value: kind.name for kind in EventKind}


class Rows:
    """Rows for each table, in the journal's order."""

    def __init__(self) -> None:
        self.entries: list[Row] = []
        self.moves: list[Row] = []
        self.fills: list[Row] = []
        self.days: list[Row] = []

    def __len__(self) -> int:
        return len(self.entries) + len(self.moves) + len(self.fills) + len(self.days)


def pairs(kind: int, postings: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yields (debit, credit, amount > 0) for what each account of a purse gained: the kernel posts in no other way.

    Everything is posted against cash; only a position that is taken over comes as capital. LedgerError when the gains
    are not made of such pairs.
    """
    adopted = kind == EventKind.POSITION_ADOPTED and postings[LedgerAccount.INVENTORY] != 0
    left = list(postings)
    for account, gained in enumerate(postings):
        inventory = adopted and account == LedgerAccount.INVENTORY
        other = LedgerAccount.CAPITAL if inventory else LedgerAccount.CASH
        if gained == 0 or account == LedgerAccount.CASH or (adopted and account == LedgerAccount.CAPITAL):
            continue
        left[account] -= gained
        left[other] += gained
        yield (account, int(other), gained) if gained > 0 else (int(other), account, -gained)
    if any(left):
        raise LedgerError(f"a {_EVENTS[kind]} posted {list(postings)}, which is not made of pairs; this is a bug")


def rows_of(seen: Seen, labels: Labels) -> Rows:
    """Returns the rows of a stretch of the journal."""
    found, tag = Rows(), desk_tag(labels.desk)
    changes = _records(seen.changes)
    for change in changes:
        purse = labels.purse(change["account"])
        shared = _shared(change, labels)
        for line, (debit, credit, amount) in enumerate(pairs(change["kind"], change["postings"])):
            words = {"debit": _ACCOUNTS[debit], "credit": _ACCOUNTS[credit], "amount": amount}
            found.entries.append(_entry(change, purse, shared, line) | words)
        if change["kind"] == EventKind.FILL:
            found.fills.append(_fill(change, purse, shared, tag))
    found.moves = list(_moves(seen.moves, {change["sequence"]: change for change in changes}, labels))
    found.days = list(_days(seen.days, labels))
    return found


def _records(array: NDArray[np.void]) -> list[dict[str, Any]]:
    names = cast("tuple[str, ...]", array.dtype.names)
    columns = [array[name].tolist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _none(value: int) -> int | None:
    return None if value == NONE else value


def _shared(change: dict[str, Any], labels: Labels) -> Row:
    """What a change says alike in entries and fills."""
    reason = "liquidated" if _is_liquidated(change) else _REASONS.get(change["reason"] or NONE)
    return {
        "desk": labels.desk,
        "sequence": change["sequence"],
        "time_ns": change["time_ns"],
        "venue_time_ns": change["venue_time_ns"] or None,
        "instrument": labels.instrument(change["instrument"]),
        "strategy": labels.strategy(change["strategy"]),
        "person": labels.person(change["person"]),
        "order_id": _none(change["order_id"]) or None,
        "trade_id": _none(change["trade_id"]),
        "signal": _none(change["signal"]),
        "reason": reason,
    }


def _is_liquidated(change: dict[str, Any]) -> bool:
    return change["kind"] == EventKind.FILL and bool(change["flags"] & Flag.LIQUIDATED)


def _entry(change: dict[str, Any], purse: Purse, shared: Row, line: int) -> Row:
    event = _EVENTS[change["kind"]]
    return {**shared, "line": line, "event": event, "venue": purse.venue, "currency": purse.currency}


def _fill(change: dict[str, Any], purse: Purse, shared: Row, tag: str) -> Row:
    """One fill. A figure that does not exist (no order known, no price when it was asked for) is None."""
    side = -1 if change["flags"] & Flag.SELL else 1
    price, lots, value = change["price"], change["quantity"], change["value"]
    arrival, exponent = change["arrival_half_ticks"], -purse.exponent
    tick, mantissa, notional = change["price_exponent"], change["tick_mantissa"] or 1, price * lots * value
    known = arrival != NONE
    row = {name: word for name, word in shared.items() if name != "reason"}
    return row | {
        "side": "BUY" if side > 0 else "SELL",
        "qty": figure(lots * (change["lot_mantissa"] or 1), change["quantity_exponent"]),
        "price": figure(price * mantissa, tick),
        "fee": figure(change["fee"], exponent),
        "fee_bps": _bps(change["fee"], notional),
        "slippage_bps": _bps(side * (2 * price - arrival), arrival) if known else None,
        "pnl_realized": figure(change["realised"], exponent),
        "pnl_unrealized": figure(change["unrealised"], exponent),
        "reason_code": shared["reason"],
        "maker_flag": bool(change["flags"] & Flag.MAKER),
        "order_state": _STATES.get(change["status"]),
        "cloid": _client_id(tag, change, shared),
        "venue": purse.venue,
        "currency": purse.currency,
        "arrival": figure(5 * arrival * mantissa, tick - 1) if known else None,
        "slippage": figure(5 * side * (2 * price - arrival) * lots * value, exponent - 1) if known else None,
        "price_ticks": price,
        "quantity_lots": lots,
        "fee_units": change["fee"],
        "tick_value": value,
    }


def _bps(part: int, whole: int) -> Decimal | None:
    return (Decimal(part * _BPS) / whole).quantize(_STEP) if whole else None


def _client_id(tag: str, change: dict[str, Any], shared: Row) -> str | None:
    if shared["order_id"] is None or change["strategy"] < 0:
        return None
    return client_id(tag, change["strategy"], shared["order_id"])


def _moves(array: NDArray[np.void], changes: dict[int, dict[str, Any]], labels: Labels) -> Iterator[Row]:
    assert array.dtype == MOVE
    line, before = 0, NONE
    for move in _records(array):
        sequence = move["sequence"]
        line, before = (line + 1 if sequence == before else 0), sequence
        change = changes[sequence]
        yield {
            "desk": labels.desk,
            "sequence": sequence,
            "line": line,
            "event": _EVENTS[change["kind"]],
            "time_ns": change["time_ns"],
            "venue_time_ns": change["venue_time_ns"] or None,
            "instrument": labels.instrument(move["instrument"]),
            "strategy": None if move["strategy"] == NET else labels.strategy(move["strategy"]),
            **{name: move[name] for name in ("quantity", "cost", "realised", "fees", "funding")},
        }


def _days(array: NDArray[np.void], labels: Labels) -> Iterator[Row]:
    assert array.dtype == DAY
    for day in _records(array):
        purse = labels.purse(day["account"])
        yield {
            "desk": labels.desk,
            "day": _date(day["day"]),
            "venue": purse.venue,
            "currency": purse.currency,
            "sequence": day["sequence"],
            "unrealised": day["unrealised"],
        }


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))
