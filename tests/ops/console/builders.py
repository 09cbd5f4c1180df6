"""Figures of a desk as its pages get them, with everything on it that a page can show; and a memory that holds them."""

from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from quarterdeck.ops.console.memory import DeskMemory, Fill, Moment
from quarterdeck.ops.desks import SeenDesk
from quarterdeck.ops.figures import (
    BreakerFigures,
    DeskFigures,
    FeedFigures,
    OrderFigures,
    PositionFigures,
    PurseFigures,
    RailFigures,
    StrategyFigures,
    VenueFigures,
)
from tests.desk.builders import START_NS, desk_folder

NOW_NS = START_NS
EVIL = '<img src=x onerror="alert(1)">'


def money(text: str) -> Decimal:
    return Decimal(text)


def made(kind: Any, **given: Any) -> Any:
    """A struct whose fields are given, or empty after their kind."""
    empty: dict[object, object] = {str: "", int: 0, bool: False, Decimal: Decimal(0), float: 0.0}
    values = {}
    for field in msgspec.structs.fields(kind):
        if field.name in given:
            values[field.name] = given[field.name]
        elif field.required:
            values[field.name] = empty.get(field.type)
    return kind(**values)


def breaker(**given: Any) -> BreakerFigures:
    words = {"stage": "NORMAL", "multiplier": money("1"), "drawdown_limit": money("0.03"), "grades": {}}
    return made(BreakerFigures, **{**words, **given})


def order(number: int, **given: Any) -> OrderFigures:
    words: dict[str, Any] = {
        "order_id": f"1-{number}", "client_id": f"c{number}", "strategy": "SCALP", "instrument": "XRP",
        "venue": "hyperliquid", "side": "BUY", "order_type": "LIMIT", "price": money("1.2"),
        "quantity": money("20"), "status": "ACCEPTED", "open": True, "reason": "SIGNAL_ENTRY",
        "created_ns": NOW_NS, "updated_ns": NOW_NS - 5_000_000_000,
    }  # fmt: skip
    return made(OrderFigures, **{**words, **given})


def rail(name: str, share: float, **given: Any) -> RailFigures:
    words = {
        "rail": name,
        "scope": "desk",
        "use": money(str(share)),
        "limit": money("1"),
        "share": share,
        "unit": "money",
    }
    return made(RailFigures, **{**words, **given})


def desk_figures(**given: Any) -> DeskFigures:
    words: dict[str, Any] = {
        "desk": "xrpliquid", "mode": "paper", "base_currency": "USDC", "alive": True, "shown_ns": NOW_NS,
        "time_ns": NOW_NS, "recovered": True, "trading": True, "holding_back": (), "equity": money("9998.25"),
        "equity_peak": money("10000"), "drawdown": money("0.01"), "pnl_day": money("-1.75"), "heat": money("0.004"),
        "heat_limit": money("0.02"), "open_orders": 1, "differences": (), "venues_waiting": (),
        "loop_p50_s": 0.0005, "loop_p99_s": 0.0168, "counts": {}, "reasons": {"PORTFOLIO_HEAT": 3},
        "breaker": breaker(), "orders": (order(1), order(2, status="FILLED", open=False)),
        "positions": (made(PositionFigures, strategy="SCALP", instrument="XRP", venue="hyperliquid",
                           quantity=money("-45"), average_price=money("1.196"), value=money("-54"),
                           unrealised=money("0.15")),),
        "purses": (made(PurseFigures, name="hyperliquid/USDC", currency="USDC", cash=money("9000"),
                        venue_cash=money("9000")),),
        "feeds": (made(FeedFigures, instrument="XRP", venue="hyperliquid", age_s=0.2, mark=money("1.1993")),),
        "strategies": (made(StrategyFigures, name="SCALP", enabled=True, weight=money("1"), exposure=money("300")),),
        "venues": (made(VenueFigures, name="hyperliquid", connected=True, error_breaker="closed"),),
        "rails": (rail("PORTFOLIO_HEAT", 0.2),
                  rail("EXPOSURE_STRATEGY_CAP", 0.85, scope="strategy:SCALP", warned=True)),
        "backup": {}, "lease": None,
    }  # fmt: skip
    return made(DeskFigures, **{**words, **given})


def memory(folder: Path, figures: DeskFigures | None) -> DeskMemory:
    """A memory of a desk that has just been looked at."""
    kept = DeskMemory(SeenDesk(desk_folder(folder)), lambda _: figures)
    kept.turn()
    kept.moments = deque(
        Moment(NOW_NS + second * 10**9, 10_000.0 + second, 0.01, 1e-4, 1e-3, {"XRP": 1.2}) for second in range(30)
    )
    kept.fills.append(
        Fill(NOW_NS, 7, "SCALP", "XRP", "BUY", money("1.2"), money("20"), money("0.01"), "maker", "1-1", "99")
    )
    return kept
