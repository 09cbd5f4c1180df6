"""The table of HTTP routes under /v2: which verb answers what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quarterdeck.twins.alpaca.accounts import Account
from quarterdeck.twins.alpaca.history import History
from quarterdeck.twins.alpaca.trading import Answer, Trading

__all__ = ["Asked", "Route", "data_routes", "trading_routes"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: whose, its query, the part of its path that names something, its body."""

    account: Account
    query: Mapping[str, str]
    name: str
    body: dict[str, Any]


Route = tuple[str, str, Callable[[Asked], Answer]]


def trading_routes(api: Trading) -> list[Route]:
    """Returns (method, path, verb) of the trading API."""
    return [
        ("GET", "account", lambda one: api.account(one.account)),
        ("GET", "account/configurations", lambda one: api.settings(one.account)),
        ("PATCH", "account/configurations", lambda one: api.settings(one.account, one.body)),
        (
            "GET",
            "account/activities",
            lambda one: api.activities(one.account, one.query.get("activity_types", ""), one.query),
        ),
        ("GET", "account/activities/{name}", lambda one: api.activities(one.account, one.name, one.query)),
        ("GET", "assets", lambda one: api.assets(one.query)),
        ("GET", "assets/{name}", lambda one: api.asset(one.name)),
        ("GET", "clock", lambda _: api.clock()),
        ("GET", "calendar", lambda one: api.calendar(one.query)),
        ("POST", "orders", lambda one: api.place(one.account, one.body)),
        ("GET", "orders", lambda one: api.orders(one.account, one.query)),
        ("DELETE", "orders", lambda one: api.cancel_all(one.account)),
        (
            "GET",
            "orders:by_client_order_id",
            lambda one: api.order_by_client(one.account, one.query.get("client_order_id", "")),
        ),
        ("GET", "orders/{name}", lambda one: api.order(one.account, one.name, one.query)),
        ("PATCH", "orders/{name}", lambda one: api.replace(one.account, one.name, one.body)),
        ("DELETE", "orders/{name}", lambda one: api.cancel(one.account, one.name)),
        ("GET", "positions", lambda one: api.positions(one.account)),
        ("DELETE", "positions", lambda one: api.close_all(one.account, one.query)),
        ("GET", "positions/{name}", lambda one: api.position(one.account, one.name)),
        ("DELETE", "positions/{name}", lambda one: api.close_position(one.account, one.name, one.query)),
    ]


def data_routes(history: History) -> list[Route]:
    """Returns (method, path, verb) of the market data API."""
    routes: list[Route] = [("GET", "stocks/snapshots", lambda one: history.snapshots(one.query))]
    for kind in ("bars", "quotes", "trades"):
        routes.append(("GET", f"stocks/{kind}", lambda one, kind=kind: history.page(kind, one.query)))
        routes.append(("GET", f"stocks/{kind}/latest", lambda one, kind=kind: history.latest(kind, one.query)))
    return routes
