"""What a column means: roles, the names by which each role is known, and what kind of table the roles make."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import polars as pl

from quarterdeck.errors import ConfigError, DataError
from quarterdeck.market.files import Table

__all__ = ["ROLES", "TableKind", "detect_kind", "detect_roles"]


class TableKind(StrEnum):
    """What the rows of a table are."""

    BARS = "bars"
    QUOTE_BARS = "quote bars"
    QUOTES = "quotes"
    TRADES = "trades"
    DEPTH = "depth"
    FUNDING = "funding"
    CLOSES = "closes"  # one column a ticker


# The names of each role, the preferred one first. Names are compared in lower case with _ for any other sign.
ROLES: Final[dict[str, tuple[str, ...]]] = {
    "local_time": (
        "local_ts_ns", "local_ts", "local_timestamp", "local_time", "receive_time", "receive_ts", "recv_time",
        "ts_recv", "received_at", "time_ns",
    ),
    "time": (
        "ts", "timestamp", "time", "datetime", "date", "open_time", "opentime", "ts_ms", "ts_us", "ts_ns",
        "timestamp_ms", "timestamp_us", "timestamp_ns", "start", "start_time", "unix", "t",
    ),
    "venue_time": (
        "cts_ms", "trade_ts_ms", "trade_time", "tx_ts_ms", "transaction_time", "event_ts_ms", "event_time",
        "exchange_ts", "exchange_timestamp", "venue_time_ns", "venue_time", "ts_event",
    ),
    "sequence": ("seq", "arrival", "line"),
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price", "last"),
    "volume": ("volume", "v", "vol", "base_volume", "volume_base"),
    "bid_open": ("bid_open", "bidopen", "open_bid"),
    "bid_high": ("bid_high", "bidhigh", "high_bid"),
    "bid_low": ("bid_low", "bidlow", "low_bid"),
    "bid_close": ("bid_close", "bidclose", "close_bid"),
    "ask_open": ("ask_open", "askopen", "open_ask"),
    "ask_high": ("ask_high", "askhigh", "high_ask"),
    "ask_low": ("ask_low", "asklow", "low_ask"),
    "ask_close": ("ask_close", "askclose", "close_ask"),
    "bid": ("bid_price", "bid", "best_bid", "best_bid_price", "bid_px", "bidprice", "bid_px_00"),
    "ask": ("ask_price", "ask", "best_ask", "best_ask_price", "ask_px", "askprice", "ask_px_00"),
    "bid_quantity": (
        "bid_qty", "bid_size", "bid_quantity", "bid_amount", "best_bid_qty", "bid_sz", "bid_sz_00", "bidqty",
    ),
    "ask_quantity": (
        "ask_qty", "ask_size", "ask_quantity", "ask_amount", "best_ask_qty", "ask_sz", "ask_sz_00", "askqty",
    ),
    "price": ("price", "px", "trade_price", "p"),
    "quantity": ("qty", "quantity", "size", "amount", "sz", "trade_size", "q"),
    "side": ("taker_side", "aggressor_side", "aggressor", "side", "direction"),
    "buyer_is_maker": ("buyer_is_maker", "is_buyer_maker", "isbuyermaker", "m"),
    "trade_id": ("trade_id", "tradeid", "agg_trade_id", "tid", "id"),
    "suspicious": ("suspicious", "is_suspicious"),
    "update_id": ("final_update_id", "update_id", "last_update_id", "u"),
    "first_update_id": ("first_update_id",),
    "previous_update_id": ("prev_final_update_id", "previous_update_id", "prev_update_id", "pu"),
    "snapshot": ("is_snapshot", "type", "snapshot", "action"),
    "funding_rate": ("funding_rate", "fundingrate", "last_funding_rate", "rate"),
}  # fmt: skip

_BARS: Final = ("open", "high", "low", "close")
_REQUIRED: Final = {
    TableKind.QUOTE_BARS: tuple(f"{side}_{part}" for side in ("bid", "ask") for part in _BARS),
    TableKind.BARS: _BARS,
    TableKind.DEPTH: ("side", "price", "quantity", "update_id"),
    TableKind.QUOTES: ("bid", "ask"),
    TableKind.TRADES: ("price", "quantity"),
    TableKind.FUNDING: ("funding_rate",),
}
_TIMES: Final = ("local_time", "time", "venue_time")
_NO_PRICES: Final = ("date", "index", "symbol", "ticker")


def _plain(name: str) -> str:
    return "".join(sign if sign.isalnum() else "_" for sign in name.strip().lower())


def detect_roles(table: Table, columns: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns role -> column of the table. What `columns` says goes first; a column has one role.

    Raises ConfigError for an unknown role and DataError for a column that the file does not have.
    """
    given = dict(columns or {})
    for role, column in given.items():
        if role not in ROLES:
            raise ConfigError("columns", role, column, f"one of {', '.join(ROLES)}")
        if column not in table.frame.columns:
            raise DataError(table.file, f"has no column {column!r} (for {role}): it has {_names(table)}")
    free = [name for name in table.frame.columns if name not in given.values()]
    # Names that differ in case only (a venue's t and T) mean different things: which is which must be told.
    times_used = Counter(_plain(name) for name in free)
    by_name = {_plain(name): name for name in free if times_used[_plain(name)] == 1}
    roles = dict(given)
    for role, names in ROLES.items():
        if role in roles:
            continue
        present = [by_name[name] for name in names if name in by_name]
        filled = [name for name in present if table.frame[name].null_count() < table.frame.height]
        if filled:
            roles[role] = filled[0]
    return roles


def detect_kind(table: Table, roles: Mapping[str, str]) -> TableKind:
    """Returns what the table's rows are, by the roles found. Raises DataError that says what is missing."""
    for kind, required in _REQUIRED.items():
        if kind is TableKind.DEPTH and ("trade_id" in roles or "buyer_is_maker" in roles):
            continue
        if all(role in roles for role in required):
            _require_time(table, roles)
            return kind
    if len(_tickers(table, roles)) >= 1 and any(role in roles for role in _TIMES):
        return TableKind.CLOSES
    raise DataError(table.file, f"is no table of prices: {_missing(roles)}; it has {_names(table)}; name the columns")


def _require_time(table: Table, roles: Mapping[str, str]) -> None:
    if not any(role in roles for role in _TIMES):
        raise DataError(table.file, f"has no column of times: it has {_names(table)}; name it as time in columns")


def _tickers(table: Table, roles: Mapping[str, str]) -> list[str]:
    """Returns columns without a role that hold numbers."""
    taken = set(roles.values())
    return [
        name
        for name, dtype in table.frame.schema.items()
        if name not in taken
        and _plain(name) not in _NO_PRICES
        and (dtype.is_numeric() or _holds_numbers(table.frame[name]))
    ]


def _holds_numbers(series: pl.Series) -> bool:
    if series.dtype != pl.String:
        return series.dtype.is_numeric()
    filled = series.drop_nulls().head(100)
    return len(filled) > 0 and filled.cast(pl.Float64, strict=False).null_count() == 0


def _missing(roles: Mapping[str, str]) -> str:
    """Names what the nearest kind of table lacks."""
    found = {kind: [role for role in required if role in roles] for kind, required in _REQUIRED.items()}
    nearest = max(found, key=lambda kind: len(found[kind]) / len(_REQUIRED[kind]))
    lacking = [role for role in _REQUIRED[nearest] if role not in roles]
    return f"for {nearest} the columns {', '.join(lacking)} are missing"


def _names(table: Table) -> str:
    names = table.frame.columns
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
