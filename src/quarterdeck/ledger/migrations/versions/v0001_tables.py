"""The ledger's tables as they first were."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from quarterdeck.ledger.columns import Figure, Units

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision: Final = "0001"
down_revision: Final = None


def _text(name: str, *, null: bool = True) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=null)


def _whole(name: str, *, null: bool = True) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=null, autoincrement=False)


def _units(name: str) -> "sa.Column[int]":
    return sa.Column(name, Units(), nullable=False)


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "ledger_entries",
        *(_text("desk", null=False), _whole("sequence", null=False), sa.Column("line", sa.Integer(), nullable=False)),
        *(_text("event", null=False), _whole("time_ns", null=False), _whole("venue_time_ns")),
        *(_text(name, null=False) for name in ("venue", "currency", "debit", "credit")),
        _units("amount"),
        *(_text(name) for name in ("instrument", "strategy", "person")),
        *(_whole(name) for name in ("order_id", "trade_id", "signal")),
        _text("reason"),
        sa.CheckConstraint("debit <> credit", name="ledger_entries_two_accounts"),
        sa.PrimaryKeyConstraint("desk", "sequence", "line"),
    )
    op.create_table(
        "ledger_moves",
        *(_text("desk", null=False), _whole("sequence", null=False), sa.Column("line", sa.Integer(), nullable=False)),
        *(_text("event", null=False), _whole("time_ns", null=False), _whole("venue_time_ns")),
        *(_text("instrument", null=False), _text("strategy")),
        *(_units(name) for name in ("quantity", "cost", "realised", "fees", "funding")),
        sa.PrimaryKeyConstraint("desk", "sequence", "line"),
    )
    _make_fills()
    op.create_table(
        "ledger_days",
        *(_text(name, null=False) for name in ("desk", "day", "venue", "currency")),
        *(_whole("sequence", null=False), _units("unrealised")),
        sa.PrimaryKeyConstraint("desk", "day", "venue", "currency"),
    )
    op.create_table(
        "ledger_cursors",
        *(_text("desk", null=False), _whole("sequence", null=False), _whole("sealed", null=False)),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("chain", "tail")),
        *(_whole("begun_ns", null=False), _whole("ended_ns", null=False)),
        *(_text("layout", null=False), _text("labels", null=False)),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("state", "memory")),
        sa.PrimaryKeyConstraint("desk"),
    )


def _make_fills() -> None:
    op.create_table(
        "ledger_fills",
        *(_text("desk", null=False), _whole("sequence", null=False), _whole("time_ns", null=False)),
        *(_whole("venue_time_ns"), _text("strategy"), _text("instrument", null=False), _text("side", null=False)),
        *(sa.Column(name, Figure(), nullable=False) for name in ("qty", "price", "fee")),
        *(sa.Column(name, Figure()) for name in ("fee_bps", "slippage_bps")),
        *(sa.Column(name, Figure(), nullable=False) for name in ("pnl_realized", "pnl_unrealized")),
        *(_text("reason_code"), sa.Column("maker_flag", sa.Boolean(), nullable=False), _text("order_state")),
        *(_text("cloid"), _whole("trade_id", null=False), _whole("order_id"), _whole("signal"), _text("person")),
        *(_text("venue", null=False), _text("currency", null=False)),
        *(sa.Column(name, Figure()) for name in ("arrival", "slippage")),
        *(_whole(name, null=False) for name in ("price_ticks", "quantity_lots", "fee_units", "tick_value")),
        sa.PrimaryKeyConstraint("desk", "sequence"),
    )
    op.create_index("ledger_fills_trade", "ledger_fills", ["desk", "trade_id"])


def downgrade() -> None:
    """Takes the tables away: the journal has everything that was in them."""
    op.drop_index("ledger_fills_trade", "ledger_fills")
    for name in ("cursors", "days", "fills", "moves", "entries"):
        op.drop_table(f"ledger_{name}")
