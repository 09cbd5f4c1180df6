"""Routes that show how desks trade: positions, orders, what they are allowed to, and what was traded lately."""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from fastapi import Path, Query
from starlette.responses import Response

from quarterdeck.errors import DeskError
from quarterdeck.journal import rfc3339
from quarterdeck.ops.access import Action
from quarterdeck.ops.api import shapes, views
from quarterdeck.ops.api.caller import Call, Caller
from quarterdeck.ops.api.problems import Code, Problem
from quarterdeck.ops.api.replies import reply
from quarterdeck.ops.api.routing import Endpoint, Entry
from quarterdeck.ops.figures import DeskFigures, OrderFigures
from quarterdeck.ops.seeing import see
from quarterdeck.runtime.wording import order_name, parse_order

__all__ = ["ROUTES", "day_of", "seen"]

_TAG: Final = "trading"
_Limit = Annotated[int, Query(ge=1, le=5_000, description="At most so many, the newest first.")]
_OrderId = Annotated[str, Path(max_length=200, description="EPOCH-SEQUENCE, the number, or the client order id.")]


def seen(call: Call) -> list[DeskFigures]:
    """The figures of the desks that a request is about. Problem 503: one of them has never run."""
    found: list[DeskFigures] = []
    for name in call.names:
        one = see(call.plane.desks[name])
        if one is None:
            detail = f"desk {name} has never run: start it with `quarterdeck run {name}`"
            raise Problem(503, Code.DESK_NEVER_RAN, detail)
        found.append(one)
    return found


def day_of(time_ns: int) -> str:
    """The date of a desk's time, as its log writes it."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d")


async def _positions(call: Caller) -> Response:
    return reply(views.position_list(seen(call)))


async def _status(call: Caller) -> Response:
    desks = seen(call)
    counts = await asyncio.gather(*(_trades_today(call, desk) for desk in desks))
    known = [count for count in counts if count is not None]
    return reply(
        {
            "auto_trading": all(desk.trading for desk in desks),
            "last_signal_check": rfc3339(max(desk.time_ns for desk in desks)) if desks else None,
            "total_trades_today": sum(known) if len(known) == len(counts) else None,
            "active_strategies": [
                one.name for desk in desks for one in desk.strategies if one.enabled and not one.paused
            ],
            "open_orders": sum(desk.open_orders for desk in desks),
            "unknown_orders": sum(desk.unknown_orders for desk in desks),
            "desks": {desk.desk: views.trading_desk(desk) for desk in desks},
        }
    )


async def _trades_today(call: Call, desk: DeskFigures) -> int | None:
    recent = call.plane.recent[desk.desk]
    return await asyncio.to_thread(recent.fills_on, day_of(desk.time_ns))


async def _orders(
    call: Caller,
    state: Annotated[Literal["open", "all"], Query(description="all: those that have ended, too.")] = "all",
    strategy: Annotated[str | None, Query(max_length=100)] = None,
    instrument: Annotated[str | None, Query(max_length=100)] = None,
    limit: _Limit = 500,
) -> Response:
    desks = seen(call)
    rows = [
        views.order_row(desk.desk, one)
        for desk in desks
        for one in _chosen(desk.orders, state == "open", strategy, instrument)
    ]
    return reply(_order_list(desks, rows, limit))


async def _pending(call: Caller, limit: _Limit = 5_000) -> Response:
    desks = seen(call)
    rows = [views.order_row(desk.desk, one) for desk in desks for one in desk.orders if one.open]
    return reply(_order_list(desks, rows, limit))


def _chosen(
    held: Iterable[OrderFigures], only_open: bool, strategy: str | None, instrument: str | None
) -> Iterable[OrderFigures]:
    for one in held:
        fits = (one.open or not only_open) and strategy in {None, one.strategy} and instrument in {None, one.instrument}
        if fits:
            yield one


def _order_list(desks: list[DeskFigures], rows: list[dict[str, object]], limit: int) -> dict[str, object]:
    return {"orders": rows[:limit], "count": len(rows), "updated_at": views.newest(desks)}


async def _order(call: Caller, order_id: _OrderId) -> Response:
    try:
        name = order_name(parse_order(order_id))
    except DeskError:
        name = order_id  # a client order id of another form
    wanted = {name, order_id}
    found = [
        (desk, one) for desk in seen(call) for one in desk.orders if one.order_id in wanted or one.client_id in wanted
    ]
    if not found:
        detail = f"no desk here still holds order {order_id!r}: `quarterdeck trace` finds it in the journal"
        raise Problem(404, Code.ORDER_UNKNOWN, detail)
    if len(found) > 1:
        ways = " or ".join(f"/desks/{desk.desk}/api/trading/orders/status/{order_id}" for desk, _ in found)
        raise Problem(409, Code.ORDER_AMBIGUOUS, f"several desks have an order {order_id!r}: ask {ways}")
    desk, one = found[0]
    steps = await asyncio.to_thread(call.plane.recent[desk.desk].steps, one.order_id)
    return reply({**views.order_row(desk.desk, one), "history": views.history(one, steps)})


async def _trades(
    call: Caller,
    strategy: Annotated[str | None, Query(max_length=100)] = None,
    instrument: Annotated[str | None, Query(max_length=100)] = None,
    limit: _Limit = 500,
) -> Response:
    fills = [one for name in call.names for one in await asyncio.to_thread(call.plane.recent[name].fills)]
    rows = [one for one in fills if strategy in {None, one.strategy} and instrument in {None, one.instrument}]
    rows.sort(key=lambda one: one.time, reverse=True)
    return reply({"trades": rows[:limit], "count": len(rows), "updated_at": rfc3339(time.time_ns())})


async def _stats(call: Caller) -> Response:
    desks = seen(call)
    rows = {desk.desk: views.stats_of(desk, await _trades_today(call, desk)) for desk in desks}
    return reply({"desks": rows, "updated_at": views.newest(desks)})


async def _whole_status(call: Caller) -> Response:
    return reply(views.status_of(seen(call)))


async def _strategies(call: Caller) -> Response:
    desks = seen(call)
    kinds = {(name, one.name): one.kind for name in call.names for one in call.plane.desks[name].config.strategies}
    registry = {
        f"{desk.desk}/{one.name}": {
            "desk": desk.desk,
            "kind": kinds[desk.desk, one.name],
            "enabled": one.enabled,
            "paused": one.paused,
            "throttled": one.throttled,
            "weight": one.weight,
        }
        for desk in desks
        for one in desk.strategies
    }
    return reply({"registry": registry, "leaderboard": views.leaderboard(desks), "ts": views.newest(desks)})


async def _signals(call: Caller) -> Response:
    rows = [one for name in call.names for one in await asyncio.to_thread(call.plane.recent[name].signals)]
    return reply({"signals": rows, "ts": rfc3339(time.time_ns())})


async def _aggregate_metrics(call: Caller) -> Response:
    desks = seen(call)
    return reply(views.aggregate_metrics(desks, views.newest(desks)))


async def _aggregate_portfolio(call: Caller) -> Response:
    return reply(views.aggregate_portfolio(seen(call)))


async def _aggregate_exposure(call: Caller) -> Response:
    return reply(views.aggregate_exposure(seen(call)))


async def _desks(call: Caller) -> Response:
    """Every desk that the caller may see, those of this port marked."""
    mine = call.who.desks
    rows: list[dict[str, object]] = []
    for name, desk in call.plane.desks.items():
        if mine and name not in mine:
            continue
        about = desk.config.desk
        rows.append(
            {
                "name": name,
                "mode": about.mode,
                "description": about.description,
                "alive": desk.alive(desk.edition()),
                "bound": name in call.names,
            }
        )
    return reply({"desks": rows})


def _get(path: str, endpoint: Endpoint, model: object, summary: str, *statuses: int) -> Entry:
    return Entry(
        method="GET", path=path, action=Action.VIEW, endpoint=endpoint, model=model, summary=summary, tag=_TAG,
        statuses=statuses, by_desk=path != "/desks",
    )  # fmt: skip


ROUTES: Final = (
    _get("/desks", _desks, shapes.DeskList, "The desks that this ops plane looks after"),
    _get("/api/trading/positions", _positions, shapes.PositionList, "Open positions", 409),
    _get("/api/trading/status", _status, shapes.TradingStatus, "Whether and what the desks trade"),
    _get("/api/trading/orders", _orders, shapes.OrderList, "Orders that the desks still hold", 422),
    _get("/api/trading/orders/pending", _pending, shapes.OrderList, "Orders that work", 422),
    _get("/api/trading/orders/status/{order_id}", _order, shapes.OrderAnswer, "One order and its way", 409, 422),
    _get("/api/trades", _trades, shapes.TradeList, "The latest fills", 422),
    _get("/api/stats", _stats, shapes.StatsAnswer, "Results, and how often what happened"),
    _get("/status", _whole_status, shapes.DeskStatus, "State, balances, results and positions", 409),
    _get("/strategy/status", _strategies, shapes.StrategyStatus, "Strategies by their result"),
    _get("/strategy/signal", _signals, shapes.SignalList, "What each strategy asked for last"),
    _get("/aggregate/metrics", _aggregate_metrics, shapes.AggregateMetrics, "Venue by venue"),
    _get("/aggregate/portfolio", _aggregate_portfolio, shapes.AggregatePortfolio, "Equity and gain", 409),
    _get("/aggregate/exposure", _aggregate_exposure, shapes.AggregateExposure, "Exposure by symbol", 409),
)
