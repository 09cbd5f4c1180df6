"""The two markets that one adapter speaks to: where each keeps what, and what asking for it weighs.

Paths and weights are the venue's ("General endpoints", "Account endpoints", its API documentation of spot and of USD-M
futures). A weight counts against a minute's budget of one internet address.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["RESTRICTIONS", "SPOT", "USDM", "Endpoints", "Market", "Weights"]

RESTRICTIONS: Final = "/sapi/v1/account/apiRestrictions"  # what a key may do; of spot's address alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Paths. What a market does not have is empty."""

    time: str
    listing: str
    depth: str
    order: str
    open_orders: str
    account: str
    trades: str
    ticker: str = ""
    income: str = ""
    listen_key: str = ""
    countdown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each call weighs."""

    time: int = 1
    listing: int
    depth: int
    place: int
    cancel: int = 1
    order: int
    open_orders: int  # of one symbol
    all_open_orders: int
    account: int
    trades: int
    ticker: int = 0
    income: int = 0
    listen_key: int = 0
    countdown: int = 0
    restrictions: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """`minute_weight`: the budget before exchangeInfo has said it. `window_ms`: how much time one list may span."""

    name: str
    spot: bool
    paths: Endpoints
    weights: Weights
    minute_weight: int
    window_ms: int
    orders: tuple[tuple[int, int], ...]  # (seconds, new orders in them)


_DAY_MS: Final = 86_400_000

SPOT: Final = Market(
    name="binance",
    spot=True,
    paths=Endpoints(
        time="/api/v3/time",
        listing="/api/v3/exchangeInfo",
        depth="/api/v3/depth",
        order="/api/v3/order",
        open_orders="/api/v3/openOrders",
        account="/api/v3/account",
        trades="/api/v3/myTrades",
        ticker="/api/v3/ticker/bookTicker",
    ),
    weights=Weights(
        listing=20, depth=50, place=1, order=4, open_orders=6, all_open_orders=80, account=20, trades=20, ticker=2
    ),
    minute_weight=6_000,
    window_ms=_DAY_MS,
    orders=((10, 100), (86_400, 200_000)),
)

USDM: Final = Market(
    name="binance-usdm",
    spot=False,
    paths=Endpoints(
        time="/fapi/v1/time",
        listing="/fapi/v1/exchangeInfo",
        depth="/fapi/v1/depth",
        order="/fapi/v1/order",
        open_orders="/fapi/v1/openOrders",
        account="/fapi/v3/account",
        trades="/fapi/v1/userTrades",
        income="/fapi/v1/income",
        listen_key="/fapi/v1/listenKey",
        countdown="/fapi/v1/countdownCancelAll",
    ),
    # A new order weighs nothing there but counts as an order; here it weighs 1, so that orders end before weight does.
    weights=Weights(
        listing=1,
        depth=20,
        place=1,
        order=1,
        open_orders=1,
        all_open_orders=40,
        account=5,
        trades=5,
        income=30,
        listen_key=1,
        countdown=10,
    ),
    minute_weight=2_400,
    window_ms=7 * _DAY_MS,
    orders=((10, 300), (60, 1_200)),
)
