"""A desk's figures in the words of the runbooks. Pure: figures in, what is answered out."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from quarterdeck.journal import rfc3339
from quarterdeck.kernel.vocabulary import EventKind, Reason
from quarterdeck.ops.api.problems import Code, Problem
from quarterdeck.ops.api.recent import OrderStep
from quarterdeck.ops.figures import DeskFigures, OrderFigures, PositionFigures, RailFigures

__all__ = [
    "aggregate_exposure",
    "aggregate_metrics",
    "aggregate_portfolio",
    "currency_of",
    "gain",
    "history",
    "leaderboard",
    "newest",
    "order_row",
    "position_list",
    "position_row",
    "position_rows",
    "risk_limits",
    "stats_of",
    "status_of",
    "summary",
    "throttle_limits",
    "trading_desk",
]

DOLLARS: Final = frozenset(("USD", "USDC", "USDT"))  # what the runbooks call usd
_ZERO: Final = Decimal(0)
_RISK: Final[Mapping[str, str]] = {
    "max_daily_loss": Reason.DAILY_LOSS.name,
    "portfolio_heat_limit": Reason.PORTFOLIO_HEAT.name,
    "max_drawdown": Reason.EQUITY_DRAWDOWN.name,
    "equity_floor": Reason.EQUITY_FLOOR.name,
    "max_exposure": Reason.EXPOSURE_TOTAL_CAP.name,
}


def currency_of(desks: Iterable[DeskFigures]) -> str:
    """The one currency in which they can be summed. Problem 409: there is none."""
    said = sorted({desk.base_currency for desk in desks})
    if len(said) <= 1:
        return said[0] if said else "USD"
    if set(said) <= DOLLARS:
        return "USD"
    detail = f"these desks count in {', '.join(said)}, which are not summed: ask for one with /desks/NAME"
    raise Problem(409, Code.CURRENCIES_DIFFER, detail)


def position_row(desk: str, one: PositionFigures) -> dict[str, object]:
    return {
        "desk": desk,
        "symbol": one.instrument,
        "strategy": one.strategy,
        "venue": one.venue,
        "side": "long" if one.quantity > 0 else "short",
        "quantity": one.quantity,
        "average_price": one.average_price,
        "mark_price": one.mark_price,
        "market_value": one.value,
        "unrealized_pnl": one.unrealised,
        "realized_pnl": one.realised,
        "protected": one.protected,
    }


def position_rows(desks: Iterable[DeskFigures]) -> list[dict[str, object]]:
    return [position_row(desk.desk, one) for desk in desks for one in desk.positions]


def position_list(desks: Sequence[DeskFigures]) -> dict[str, object]:
    """/api/trading/positions: `total_value_usd` is the sum of the rows' market_value."""
    currency = currency_of(desks)
    values = [one.value for desk in desks for one in desk.positions]
    powers = [desk.buying_power for desk in desks]
    known = [power for power in powers if power is not None]
    return {
        "positions": position_rows(desks),
        "total_value_usd": sum(values, _ZERO),
        "gross_value_usd": sum(map(abs, values), _ZERO),
        "equity_usd": sum((desk.equity for desk in desks), _ZERO),
        "buying_power_usd": sum(known, _ZERO) if known and len(known) == len(powers) else None,
        "currency": currency,
        "updated_at": newest(desks),
    }


def newest(desks: Sequence[DeskFigures]) -> str:
    """When the copies were made: the oldest of them, since an answer is as old as its oldest part."""
    return rfc3339(min((desk.shown_ns for desk in desks), default=0))


def trading_desk(desk: DeskFigures) -> dict[str, object]:
    """One desk in /api/trading/status."""
    return {
        "auto_trading": desk.trading,
        "holding_back": list(desk.holding_back),
        "mode": desk.mode,
        "paused": desk.paused,
        "breaker": desk.breaker.stage,
        "locked": desk.breaker.locked,
        "alive": desk.alive,
        "updated_at": rfc3339(desk.shown_ns),
    }


def order_row(desk: str, one: OrderFigures) -> dict[str, object]:
    return {
        "desk": desk,
        "order_id": one.order_id,
        "client_order_id": one.client_id,
        "strategy": one.strategy,
        "symbol": one.instrument,
        "venue": one.venue,
        "side": one.side,
        "type": one.order_type,
        "time_in_force": one.time_in_force,
        "price": one.price,
        "trigger_price": one.trigger_price,
        "quantity": one.quantity,
        "filled_quantity": one.filled,
        "average_fill_price": one.average_fill_price,
        "fee": one.fee,
        "status": one.status,
        "open": one.open,
        "post_only": one.post_only,
        "reduce_only": one.reduce_only,
        "protective": one.protective,
        "reason": one.reason,
        "created_at": rfc3339(one.created_ns),
        "updated_at": rfc3339(one.updated_ns),
    }


def history(one: OrderFigures, steps: Sequence[OrderStep]) -> list[OrderStep]:
    """An order's way as the log tells it; where it tells less than the desk knows, its present state ends it."""
    if steps and steps[-1].to_state == one.status:
        return list(steps)
    before = steps[-1].to_state if steps else "NEW"
    now = OrderStep(timestamp=rfc3339(one.updated_ns), from_state=before, to_state=one.status, reason=one.reason)
    return [*steps, now]


def _limit(desk: DeskFigures, rail: str, scope: str = "desk") -> Decimal | None:
    found = _rail(desk, rail, scope)
    return None if found is None else found.limit


def _rail(desk: DeskFigures, rail: str, scope: str = "desk") -> RailFigures | None:
    return next((one for one in desk.rails if one.rail == rail and one.scope == scope), None)


def risk_limits(desk: DeskFigures, overrides: Mapping[str, Any]) -> dict[str, object]:
    """/api/config/risk: the limits as they stand in the desk's state, null where none is set."""
    caps = {
        one.scope.removeprefix("instrument:"): one.limit
        for one in desk.rails
        if one.rail == Reason.EXPOSURE_SYMBOL_CAP.name and one.scope.startswith("instrument:")
    }
    return {
        "desk": desk.desk,
        **{name: _limit(desk, rail) for name, rail in _RISK.items()},
        "max_position_size": min(caps.values(), default=None),
        "instruments": caps,
        "currency": desk.base_currency,
        "overrides": dict(overrides),
    }


def throttle_limits(desk: DeskFigures) -> dict[str, object]:
    """/api/config/throttle."""
    found = _rail(desk, Reason.ORDER_RATE_EXCEEDED.name)
    return {
        "desk": desk.desk,
        "max_orders_per_minute": None if found is None else int(found.limit),
        "enabled": found is not None,
        "used": None if found is None else int(found.use),
    }


def _balances(desks: Sequence[DeskFigures]) -> dict[str, Decimal]:
    return {
        "equity": sum((desk.equity for desk in desks), _ZERO),
        "cash": sum((desk.cash for desk in desks), _ZERO),
        "exposure": sum((desk.exposure for desk in desks), _ZERO),
    }


def _pnl(desks: Sequence[DeskFigures]) -> dict[str, Decimal]:
    return {
        "realized": sum((desk.realised for desk in desks), _ZERO),
        "unrealized": sum((desk.unrealised for desk in desks), _ZERO),
        "fees": sum((desk.fees for desk in desks), _ZERO),
        "funding": sum((desk.funding for desk in desks), _ZERO),
        "gas": sum((desk.gas for desk in desks), _ZERO),
        "premium": sum((desk.premium for desk in desks), _ZERO),
        "today": sum((desk.pnl_day for desk in desks), _ZERO),
    }


def gain(desk: DeskFigures) -> Decimal:
    """What the desk has made since its first session, costs taken off."""
    return desk.realised + desk.unrealised - desk.fees + desk.funding - desk.gas - desk.premium


def summary(desk: DeskFigures) -> dict[str, object]:
    """One desk in /status."""
    return {
        "state": {
            "recovered": desk.recovered,
            "alive": desk.alive,
            "sequence": desk.sequence,
            "epoch": desk.epoch,
            "breaker": desk.breaker.stage,
            "updated_at": rfc3339(desk.shown_ns),
        },
        "trading_enabled": desk.trading,
        "holding_back": list(desk.holding_back),
        "balances": _balances((desk,)),
        "pnl": _pnl((desk,)),
        "positions": position_rows((desk,)),
        "currency": desk.base_currency,
    }


def status_of(desks: Sequence[DeskFigures]) -> dict[str, object]:
    """/status: a thing holds of all desks together when it holds of each."""
    currency_of(desks)
    return {
        "state": {
            "recovered": all(desk.recovered for desk in desks),
            "alive": all(desk.alive for desk in desks),
        },
        "trading_enabled": all(desk.trading for desk in desks),
        "balances": _balances(desks),
        "pnl": _pnl(desks),
        "positions": position_rows(desks),
        "desks": {desk.desk: summary(desk) for desk in desks},
    }


def aggregate_metrics(desks: Sequence[DeskFigures], now: str) -> dict[str, object]:
    """/aggregate/metrics: each venue under engine_VENUE, with its desk before it where two desks have that venue."""
    names = [venue.name for desk in desks for venue in desk.venues]
    venues: dict[str, object] = {}
    for desk in desks:
        for venue in desk.venues:
            held = [one for one in desk.positions if one.venue == venue.name]
            key = f"engine_{venue.name}" if names.count(venue.name) == 1 else f"{desk.desk}/engine_{venue.name}"
            venues[key] = {
                "desk": desk.desk,
                "venue": venue.name,
                "connected": venue.connected,
                "trading_enabled": desk.trading,
                "breaker_state": desk.breaker.stage,
                "venue_breaker": venue.error_breaker,
                "venue_error_rate_pct": None if venue.error_rate is None else venue.error_rate * 100,
                "messages_per_second": venue.messages_per_s,
                "reconcile_lag_seconds": venue.reconciled_age_s,
                "exposure_usd": venue.exposure,
                "pnl_unrealized": sum((one.unrealised for one in held), _ZERO),
                "pnl_realized": sum((one.realised for one in held), _ZERO),
                "position_count": len(held),
                "open_orders": sum(1 for one in desk.orders if one.open and one.venue == venue.name),
            }
    return {"venues": venues, "ts": now}


def aggregate_portfolio(desks: Sequence[DeskFigures]) -> dict[str, object]:
    """/aggregate/portfolio: the baseline is what was put in, so equity less what was made since."""
    currency_of(desks)
    equity = sum((desk.equity for desk in desks), _ZERO)
    made = sum(map(gain, desks), _ZERO)
    baseline = equity - made
    return {
        "total_equity_usd": equity,
        "cash_usd": sum((desk.cash for desk in desks), _ZERO),
        "gain_usd": made,
        "return_pct": round(made / baseline * 100, 6) if baseline > 0 else None,
        "baseline_equity_usd": baseline,
        "venues": [
            {"desk": desk.desk, "venue": venue.name, "exposure_usd": venue.exposure, "connected": venue.connected}
            for desk in desks
            for venue in desk.venues
        ],
        "count": sum(len(desk.venues) for desk in desks),
        "last_refresh_epoch": min((desk.shown_ns for desk in desks), default=0) / 1e9,
    }


def aggregate_exposure(desks: Sequence[DeskFigures]) -> dict[str, object]:
    """/aggregate/exposure: gross, by symbol over all desks."""
    currency_of(desks)
    quantities: dict[str, Decimal] = {}
    exposures: dict[str, Decimal] = {}
    prices: dict[str, Decimal | None] = {}
    for desk in desks:
        for one in desk.positions:
            quantities[one.instrument] = quantities.get(one.instrument, _ZERO) + one.quantity
        for feed in desk.feeds:
            exposures[feed.instrument] = exposures.get(feed.instrument, _ZERO) + feed.exposure
            prices[feed.instrument] = prices.get(feed.instrument) or feed.mark
    by_symbol = {
        symbol: {
            "qty_base": quantities.get(symbol, _ZERO),
            "last_price_usd": prices[symbol],
            "exposure_usd": exposure,
        }
        for symbol, exposure in sorted(exposures.items())
        if exposure or quantities.get(symbol)
    }
    venues = {(desk.desk, venue.name) for desk in desks for venue in desk.venues if venue.exposure}
    total = sum((row for row in exposures.values()), _ZERO)
    return {
        "totals": {"exposure_usd": total, "count": len(by_symbol), "venues": len(venues)},
        "by_symbol": by_symbol,
    }


def leaderboard(desks: Sequence[DeskFigures]) -> list[dict[str, object]]:
    """Strategies by their result, costs taken off. Ratios need a series of returns, which nothing here has: null."""
    rows = [
        (one.realised + one.unrealised - one.fees + one.funding, desk.desk, one)
        for desk in desks
        for one in desk.strategies
    ]
    rows.sort(key=lambda row: (-row[0], row[1], row[2].name))
    return [
        {
            "desk": desk,
            "name": one.name,
            "rank": rank,
            "score": score,
            "sharpe": None,
            "drawdown": None,
            "realized": one.realised,
            "unrealized": one.unrealised,
            "fees": one.fees,
            "funding": one.funding,
            "trades": one.fills,
            "samples": None,
            "is_current": one.enabled and not one.paused and not one.throttled,
        }
        for rank, (score, desk, one) in enumerate(rows, start=1)
    ]


def stats_of(desk: DeskFigures, trades_today: int | None) -> dict[str, object]:
    """One desk in /api/stats: its results, and how often what happened since its journal began."""
    shown = {kind.name for kind in EventKind}
    return {
        "equity": desk.equity,
        "equity_peak": desk.equity_peak,
        "drawdown": desk.drawdown,
        "pnl_day": desk.pnl_day,
        "realized": desk.realised,
        "unrealized": desk.unrealised,
        "fees": desk.fees,
        "funding": desk.funding,
        "currency": desk.base_currency,
        "trades_today": trades_today,
        "events": {name: count for name, count in desk.counts.items() if count and name in shown},
        "reasons": {name: count for name, count in desk.reasons.items() if count},
    }
