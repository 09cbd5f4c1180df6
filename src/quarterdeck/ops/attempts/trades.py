"""One attempt that stands in a block, in the words and with the columns of the accounts.

A cycle buys and sells the same token: `entry_price` is 1, `exit_price` what came back for each unit borrowed, and
`expected_price` what discovery expected to come back. What pools keep as their fee, and how far they moved, is inside
the amounts and not known apart: `protocol_fees_usd` and `market_impact_percent` are empty, never zero. A reverted
attempt brought nothing and cost its gas.
"""

from decimal import Decimal
from typing import Final

import msgspec

from quarterdeck.ops.attempts.money import Usd

__all__ = ["COLUMNS", "Trade", "csv_row"]


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the accounts, in their order, and behind them the moments that latency is made of.

    `time_ns` is when it counted. All of them are the desk's own time but `included_ns`, which is the block's.
    """

    trade_id: str
    timestamp: str
    block_number: int
    transaction_hash: str
    strategy: str
    protocol: str
    token_path: str
    amount_in: Decimal
    amount_in_token: str
    amount_out: Decimal
    amount_out_token: str
    entry_price: Decimal
    exit_price: Decimal | None
    expected_price: Decimal | None
    gas_used: int
    gas_price_gwei: Decimal
    gas_cost_usd: Usd
    flashloan_fee_usd: Usd
    protocol_fees_usd: Usd | None
    slippage_cost_usd: Usd
    gross_profit_usd: Usd
    net_profit_usd: Usd
    roi_percent: Decimal | None
    execution_time_ms: float
    slippage_percent: Decimal | None
    market_impact_percent: Decimal | None
    success: bool
    revert_reason: str
    chain: str
    wallet_address: str
    notes: str
    time_ns: int
    detected_ns: int
    sent_ns: int
    included_ns: int
    block_hash: str


COLUMNS: Final = Trade.__struct_fields__[: Trade.__struct_fields__.index("notes") + 1]


def csv_row(trade: Trade) -> list[str]:
    """The values of COLUMNS as text; what is not known is empty."""
    values = (getattr(trade, name) for name in COLUMNS)
    return ["" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value) for value in values]
