"""A universe of two instruments, and the venue's messages as texts."""

import json
from decimal import Decimal
from typing import Any

from quarterdeck.kernel.vocabulary import InstrumentKind, OrderType, Side, TimeInForce
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.hyperliquid.schema import AssetMeta, Meta, SpotMeta, SpotPair, SpotToken
from quarterdeck.venues.hyperliquid.universe import Universe
from quarterdeck.venues.identity import desk_tag
from quarterdeck.venues.messages import Amend, Cancel, Place

TAG = desk_tag("tests")
USER = "0x" + "ab" * 20
XRP = Instrument(
    symbol="XRP", venue="hyperliquid", kind=InstrumentKind.PERPETUAL, base="XRP", quote="USDC",
    tick=Decimal("0.000001"), lot=Decimal(1), significant_figures=5, min_notional=Decimal(10),
)  # fmt: skip
SPOT = Instrument(
    symbol="XRP/USDC", venue="hyperliquid", kind=InstrumentKind.SPOT, base="XRP", quote="USDC",
    tick=Decimal("0.000001"), lot=Decimal("0.01"), significant_figures=5, min_notional=Decimal(10),
)  # fmt: skip
META = Meta(universe=[AssetMeta(name="BTC", sz_decimals=5), AssetMeta(name="XRP", sz_decimals=0)])
SPOT_META = SpotMeta(
    tokens=[SpotToken(name="USDC", sz_decimals=8, index=0), SpotToken(name="XRP", sz_decimals=2, index=7)],
    universe=[SpotPair(name="@3", tokens=(7, 0), index=3)],
)


def universe() -> Universe:
    """XRP is the desk's instrument 2 in purse 0, its spot pair instrument 5 in purse 1."""
    return Universe.bind([(2, 0, XRP), (5, 1, SPOT)], META, SPOT_META)


def place(**changes: Any) -> Place:
    """A resting buy of 100 XRP at 1.2345."""
    terms: dict[str, Any] = {
        "request_id": 1, "order_id": 77, "strategy": 3, "instrument": 2, "side": Side.BUY, "price": 1_234_500,
        "trigger_price": 0, "quantity": 100, "order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC,
        "post_only": False, "reduce_only": False, "expires_ns": 1_700_000_000_123_456_789,
    }  # fmt: skip
    return Place(**{**terms, **changes})


def cancel(**changes: Any) -> Cancel:
    """The cancel of that order."""
    terms: dict[str, Any] = {
        "request_id": 2, "order_id": 77, "venue_order_id": 5001, "instrument": 2, "strategy": 3, "expires_ns": 0,
    }  # fmt: skip
    return Cancel(**{**terms, **changes})


def amend(**changes: Any) -> Amend:
    """That order at 1.2346, 120 in all."""
    terms: dict[str, Any] = {
        "request_id": 3, "order_id": 77, "venue_order_id": 5001, "instrument": 2, "strategy": 3, "side": Side.BUY,
        "price": 1_234_600, "trigger_price": 0, "quantity": 120, "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC, "post_only": True, "reduce_only": False, "expires_ns": 0,
    }  # fmt: skip
    return Amend(**{**terms, **changes})


CLOID = f"0x{TAG}0003000000000000004d"


def raw(value: Any) -> bytes:
    """JSON as the venue writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


def order(**changes: Any) -> dict[str, Any]:
    """That order as the venue tells it."""
    return {
        "coin": "XRP", "side": "B", "limitPx": "1.2345", "sz": "100", "oid": 5001, "timestamp": 1_700_000_000_000,
        "origSz": "100", "cloid": CLOID, **changes,
    }  # fmt: skip


def fill(**changes: Any) -> dict[str, Any]:
    """A fill of 40 of it."""
    return {
        "coin": "XRP", "px": "1.2345", "sz": "40", "side": "B", "time": 1_700_000_000_500, "startPosition": "0.0",
        "dir": "Open Long", "closedPnl": "0.0", "hash": "0x0", "oid": 5001, "crossed": False, "fee": "0.007407",
        "tid": 99, "feeToken": "USDC", "cloid": CLOID, **changes,
    }  # fmt: skip


def update(status: str, **changes: Any) -> dict[str, Any]:
    """A row of orderUpdates."""
    return {"order": order(**changes), "status": status, "statusTimestamp": 1_700_000_000_600}


def acted(*statuses: Any) -> bytes:
    """An /exchange answer."""
    return raw({"status": "ok", "response": {"type": "order", "data": {"statuses": list(statuses)}}})


def refused(text: str) -> bytes:
    """An /exchange answer that refuses the whole action."""
    return raw({"status": "err", "response": text})
