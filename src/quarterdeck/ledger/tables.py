"""The ledger's tables, the same in SQLite and in PostgreSQL. Several desks may share one database.

    entries   every posting: `amount` > 0 of one purse's money moved to the `debit` account from the `credit` one,
              so each purse sums to zero whatever rows there are
    moves     what an event did to a position: of a strategy, or (strategy NULL) of the account as a whole
    fills     every fill, with the columns an analyst expects
    days      what a purse's positions were worth when a UTC day began
    cursors   how far the journal is in here, and the state that goes on from there

Amounts, costs and lots are whole units as in the kernel; the decimals in `fills` are in the currency itself. Times are
UTC nanoseconds. The statements that make them are in `migrations/`; a test holds both to be the same.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, LargeBinary, MetaData, Table, Text

from quarterdeck.ledger.columns import Figure, Units

__all__ = ["CURSORS", "DATA_TABLES", "DAYS", "ENTRIES", "FILLS", "METADATA", "MOVES", "VERSION_TABLE"]

METADATA: Final = MetaData()
VERSION_TABLE: Final = "ledger_version"


def _key(*names: str) -> list[Column[Any]]:
    kinds: dict[str, Any] = {"desk": Text, "sequence": BigInteger, "line": Integer}
    return [Column(name, kinds.get(name, Text), primary_key=True, autoincrement=False) for name in names]


ENTRIES: Final = Table(
    "ledger_entries",
    METADATA,
    *_key("desk", "sequence", "line"),
    Column("event", Text, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("venue_time_ns", BigInteger),
    Column("venue", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("debit", Text, nullable=False),
    Column("credit", Text, nullable=False),
    Column("amount", Units, nullable=False),
    Column("instrument", Text),
    Column("strategy", Text),
    Column("person", Text),
    Column("order_id", BigInteger),
    Column("trade_id", BigInteger),
    Column("signal", BigInteger),
    Column("reason", Text),
    CheckConstraint("debit <> credit", name="ledger_entries_two_accounts"),
)
MOVES: Final = Table(
    "ledger_moves",
    METADATA,
    *_key("desk", "sequence", "line"),
    Column("event", Text, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("venue_time_ns", BigInteger),
    Column("instrument", Text, nullable=False),
    Column("strategy", Text),
    Column("quantity", Units, nullable=False),
    Column("cost", Units, nullable=False),
    Column("realised", Units, nullable=False),
    Column("fees", Units, nullable=False),
    Column("funding", Units, nullable=False),
)
FILLS: Final = Table(
    "ledger_fills",
    METADATA,
    *_key("desk", "sequence"),
    Column("time_ns", BigInteger, nullable=False),
    Column("venue_time_ns", BigInteger),
    Column("strategy", Text),
    Column("instrument", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("qty", Figure, nullable=False),
    Column("price", Figure, nullable=False),
    Column("fee", Figure, nullable=False),
    Column("fee_bps", Figure),
    Column("slippage_bps", Figure),
    Column("pnl_realized", Figure, nullable=False),
    Column("pnl_unrealized", Figure, nullable=False),
    Column("reason_code", Text),
    Column("maker_flag", Boolean, nullable=False),
    Column("order_state", Text),
    Column("cloid", Text),
    Column("trade_id", BigInteger, nullable=False),
    Column("order_id", BigInteger),
    Column("signal", BigInteger),
    Column("person", Text),
    Column("venue", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("arrival", Figure),
    Column("slippage", Figure),
    Column("price_ticks", BigInteger, nullable=False),
    Column("quantity_lots", BigInteger, nullable=False),
    Column("fee_units", BigInteger, nullable=False),
    Column("tick_value", BigInteger, nullable=False),
    Index("ledger_fills_trade", "desk", "trade_id"),
)
DAYS: Final = Table(
    "ledger_days",
    METADATA,
    *_key("desk", "day", "venue", "currency"),
    Column("sequence", BigInteger, nullable=False),
    Column("unrealised", Units, nullable=False),
)
CURSORS: Final = Table(
    "ledger_cursors",
    METADATA,
    *_key("desk"),
    Column("sequence", BigInteger, nullable=False),
    Column("sealed", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("tail", LargeBinary, nullable=False),
    Column("begun_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger, nullable=False),
    Column("layout", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("memory", LargeBinary, nullable=False),
)
DATA_TABLES: Final = (ENTRIES, MOVES, FILLS, DAYS)
