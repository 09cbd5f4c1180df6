"""The ledger for an analyst: one row per fill and per funding share, as CSV or Parquet, in the columns of COLUMNS.

| column         | what                                                                                             |
|----------------|--------------------------------------------------------------------------------------------------|
| ts             | the venue's time of it, or the desk's where the venue told none                                  |
| strategy       | whose it is; empty: nobody's                                                                     |
| qty, price     | in the base and the quote currency                                                               |
| fee            | in the settlement currency; negative is a rebate                                                 |
| fee_bps        | fee over the fill's notional                                                                     |
| funding        | received (negative: paid); on rows of its own, which have no trade                               |
| slippage_bps   | fill price against the middle of bid and ask when the order was asked for (without both: the     |
|                | mark), over that price; positive is a cost                                                       |
| pnl_realized   | what the fill realised of its owner's position at average cost, fee not deducted                 |
| pnl_unrealized | what that position was worth then, at the mark, less its cost                                    |
| reason_code    | why the order was asked for, or liquidated                                                       |
| order_state    | of its order, after the fill                                                                     |
| regime_label   | empty: no regime is known to the journal                                                         |
| cloid          | the client order id that the venue was given                                                     |

A figure that does not exist is empty, never made up.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl
from sqlalchemy import ColumnElement, Connection, Table, func, or_, select

from quarterdeck.errors import LedgerError
from quarterdeck.journal import rfc3339
from quarterdeck.ledger.columns import figure
from quarterdeck.ledger.database import Database
from quarterdeck.ledger.labels import Labels
from quarterdeck.ledger.tables import ENTRIES, FILLS, MOVES
from quarterdeck.market.times import DAY_NS, parse_time

__all__ = ["COLUMNS", "Format", "Span", "export", "ledger_rows", "parse_bound"]

Format = Literal["parquet", "csv"]
Span = tuple[int, int]
"""UTC nanoseconds: the first that is in, and the first that is not."""

COLUMNS: Final = (
    *("ts", "strategy", "instrument", "side", "qty", "price", "fee", "fee_bps", "funding", "slippage_bps"),
    *("pnl_realized", "pnl_unrealized", "reason_code", "maker_flag", "order_state", "regime_label", "cloid"),
    "trade_id",
)
_FIGURES: Final = frozenset(
    {"qty", "price", "fee", "fee_bps", "funding", "slippage_bps", "pnl_realized", "pnl_unrealized"}
)
_DECIMAL: Final = pl.Decimal(38, 18)
_KINDS: Final[dict[str, Any]] = {
    **dict.fromkeys(COLUMNS, pl.String()),
    **dict.fromkeys(_FIGURES, _DECIMAL),
    "ts": pl.Datetime("ns", "UTC"),
    "maker_flag": pl.Boolean(),
    "trade_id": pl.Int64(),
}
_FUNDING: Final = "funding"


def parse_bound(text: str | None, default: int) -> int:
    """UTC nanoseconds of a date or an RFC 3339 time; `default` without one. LedgerError for anything else."""
    if text is None:
        return default
    try:
        if len(text) == 10:
            return date.fromisoformat(text).toordinal() * DAY_NS - date(1970, 1, 1).toordinal() * DAY_NS
        return parse_time(text)
    except ValueError as error:
        raise LedgerError(f"{text!r} is no time: write 2026-11-21 or 2026-11-21T16:30:00Z") from error


def export(database: Database, labels: Labels, path: Path, kind: Format, span: Span) -> int:
    """Writes the rows of a span to a file, whole or not at all; returns how many. LedgerError where it cannot."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    with database.reading() as line:
        rows = list(ledger_rows(line, labels, span))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        (_write_csv if kind == "csv" else _write_parquet)(unfinished, rows)
        unfinished.replace(path)
    except OSError as error:
        raise LedgerError(f"{path}: the export cannot be written: {error.strerror or error}") from error
    return len(rows)


def ledger_rows(line: Connection, labels: Labels, span: Span) -> Iterator[dict[str, Any]]:
    """Yields the rows of a span by time, with every one of COLUMNS; `ts` is UTC nanoseconds."""
    found = [*_fills(line, labels.desk, span), *_fundings(line, labels, span)]
    found.sort(key=lambda row: (row["ts"], row["sequence"]))
    for row in found:
        yield {name: row.get(name) for name in COLUMNS}


def _time(table: Table) -> "ColumnElement[int]":
    return func.coalesce(table.c.venue_time_ns, table.c.time_ns)


def _within(table: Table, desk: str, span: Span) -> "list[ColumnElement[bool]]":
    return [table.c.desk == desk, _time(table) >= span[0], _time(table) < span[1]]


def _fills(line: Connection, desk: str, span: Span) -> Iterator[dict[str, Any]]:
    asked = select(FILLS, _time(FILLS).label("ts")).where(*_within(FILLS, desk, span)).order_by(FILLS.c.sequence)
    for row in line.execute(asked).mappings():
        yield dict(row)


def _fundings(line: Connection, labels: Labels, span: Span) -> Iterator[dict[str, Any]]:
    """Each payment by the strategies that share it; what belongs to none of them on a row of its own."""
    shares: dict[int, list[tuple[str, int]]] = defaultdict(list)
    named = MOVES.c.strategy.is_not(None)
    asked = select(MOVES).where(*_within(MOVES, labels.desk, span), named).order_by(MOVES.c.sequence, MOVES.c.line)
    for move in line.execute(asked).mappings():
        if move["funding"]:
            shares[move["sequence"]].append((move["strategy"], move["funding"]))
    posted = or_(ENTRIES.c.credit == _FUNDING, ENTRIES.c.debit == _FUNDING)
    payments = select(ENTRIES, _time(ENTRIES).label("ts")).where(*_within(ENTRIES, labels.desk, span), posted)
    for entry in line.execute(payments.order_by(ENTRIES.c.sequence)).mappings():
        exponent = labels.exponent(entry["venue"], entry["currency"])
        amount = entry["amount"] if entry["credit"] == _FUNDING else -entry["amount"]
        shared = shares.get(entry["sequence"], [])
        left = amount - sum(part for _, part in shared)
        for strategy, part in [*shared, *([(None, left)] if left else [])]:
            place = {name: entry[name] for name in ("ts", "sequence", "instrument")}
            yield place | {"strategy": strategy, "funding": figure(part, -exponent)}


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_text(name, row[name]) for name in COLUMNS] for row in rows)


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "ts":
        return rfc3339(value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    try:
        made = [
            pl.Series(name, columns[name], pl.Int64()).cast(_KINDS[name])
            if name == "ts"
            else pl.Series(name, columns[name], _KINDS[name])
            for name in COLUMNS
        ]
    except (pl.exceptions.PolarsError, OverflowError) as error:
        raise LedgerError(
            f"a figure does not fit into Parquet's 38 digits (18 of them decimals): export as csv ({error})"
        ) from error
    pl.DataFrame(made).write_parquet(path)
