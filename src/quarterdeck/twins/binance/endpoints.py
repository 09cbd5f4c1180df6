"""The table of requests: what each weighs, who may ask, and what answers it. REST and the websocket APIs share it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from quarterdeck.twins.binance.accounts import Account
from quarterdeck.twins.binance.futures import FuturesTrading
from quarterdeck.twins.binance.market import PublicMarket
from quarterdeck.twins.binance.parameters import Parameters
from quarterdeck.twins.binance.spot import SpotTrading

__all__ = ["FUTURES_METHODS", "SPOT_METHODS", "Endpoint", "Security", "futures_endpoints", "spot_endpoints"]

Public = Callable[[Parameters], Any]
Private = Callable[[Account, Parameters], Any]
Weight = Callable[[Parameters], int]
Key = tuple[str, str]
Table = dict[Key, "Endpoint"]


class Security(IntEnum):
    """What a request must carry."""

    NONE = 0
    KEY = 1
    SIGNED = 2


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One request. `orders`: it counts as new orders; `acts`: faults of actions hit it."""

    weight: Weight
    public: Public | None = None
    private: Private | None = None
    security: Security = Security.SIGNED
    orders: bool = False
    acts: bool = False


def _flat(weight: int) -> Weight:
    return lambda asked: weight  # noqa: ARG005 - the table's shape


def _by_symbol(one: int, every: int) -> Weight:
    return lambda asked: one if "symbol" in asked.values else every


def _by_limit(default: int, *steps: tuple[int, int]) -> Weight:
    """Weighs by `limit`: the weight of the first step that is not below it, the last one's beyond."""

    def weigh(asked: Parameters) -> int:
        limit = asked.whole("limit", default)
        return next((weight for most, weight in steps if limit <= most), steps[-1][1])

    return weigh


def _open(act: Public, weight: Weight) -> Endpoint:
    return Endpoint(weight, public=act, security=Security.NONE)


def _signed(act: Private, weight: Weight | int, *, orders: bool = False, acts: bool = False) -> Endpoint:
    weigh = _flat(weight) if isinstance(weight, int) else weight
    return Endpoint(weigh, private=act, orders=orders, acts=acts or orders)


def _keyed(act: Private) -> Endpoint:
    return Endpoint(_flat(1), private=act, security=Security.KEY)


def spot_endpoints(market: PublicMarket, trading: SpotTrading, wall_ms: Callable[[], int]) -> Table:
    """Returns the spot half's requests by method and path."""
    base = "/api/v3"
    nothing: Public = lambda asked: {}  # noqa: ARG005, E731 - the table's shape
    return {
        ("GET", f"{base}/ping"): _open(nothing, _flat(1)),
        ("GET", f"{base}/time"): _open(lambda asked: {"serverTime": wall_ms()}, _flat(1)),  # noqa: ARG005 - as above
        ("GET", f"{base}/exchangeInfo"): _open(market.info, _flat(20)),
        ("GET", f"{base}/depth"): _open(market.depth, _by_limit(100, (100, 5), (500, 25), (1_000, 50), (5_000, 250))),
        ("GET", f"{base}/trades"): _open(market.recent, _flat(25)),
        ("GET", f"{base}/klines"): _open(market.bars, _flat(2)),
        ("GET", f"{base}/ticker/bookTicker"): _open(market.book_ticker, _by_symbol(2, 4)),
        ("GET", f"{base}/ticker/price"): _open(market.price_ticker, _by_symbol(2, 4)),
        ("GET", f"{base}/account"): _signed(trading.account, 20),
        ("GET", f"{base}/account/commission"): _signed(trading.commission, 20),
        ("POST", f"{base}/order"): _signed(trading.place, 1, orders=True),
        ("POST", f"{base}/order/test"): _signed(trading.check, 1),
        ("GET", f"{base}/order"): _signed(trading.find, 4),
        ("DELETE", f"{base}/order"): _signed(trading.cancel, 1, acts=True),
        ("POST", f"{base}/order/cancelReplace"): _signed(trading.cancel_replace, 1, orders=True),
        ("GET", f"{base}/openOrders"): _signed(trading.open_orders, _by_symbol(6, 80)),
        ("DELETE", f"{base}/openOrders"): _signed(trading.cancel_all, 1, acts=True),
        ("GET", f"{base}/allOrders"): _signed(trading.all_orders, 20),
        ("GET", f"{base}/myTrades"): _signed(trading.trades, 20),
        ("GET", "/sapi/v1/account/apiRestrictions"): _signed(trading.restrictions, 1),
        ("GET", "/sapi/v1/bnbBurn"): _signed(trading.burn, 1),
        ("POST", "/sapi/v1/bnbBurn"): _signed(trading.burn, 1),
    }


def futures_endpoints(market: PublicMarket, trading: FuturesTrading, wall_ms: Callable[[], int]) -> Table:
    """Returns the USD-M half's requests by method and path."""
    base = "/fapi/v1"
    nothing: Public = lambda asked: {}  # noqa: ARG005, E731 - the table's shape
    bars = _by_limit(500, (99, 1), (499, 2), (1_000, 5), (1_500, 10))
    table: Table = {
        ("GET", f"{base}/ping"): _open(nothing, _flat(1)),
        ("GET", f"{base}/time"): _open(lambda asked: {"serverTime": wall_ms()}, _flat(1)),  # noqa: ARG005 - as above
        ("GET", f"{base}/exchangeInfo"): _open(market.info, _flat(1)),
        ("GET", f"{base}/depth"): _open(market.depth, _by_limit(500, (50, 2), (100, 5), (500, 10), (1_000, 20))),
        ("GET", f"{base}/trades"): _open(market.recent, _flat(5)),
        ("GET", f"{base}/klines"): _open(market.bars, bars),
        ("GET", f"{base}/premiumIndex"): _open(market.premium, _by_symbol(1, 10)),
        ("GET", f"{base}/fundingRate"): _open(market.fundings, _flat(1)),
        ("GET", f"{base}/ticker/bookTicker"): _open(market.book_ticker, _by_symbol(2, 5)),
        ("GET", f"{base}/ticker/price"): _open(market.price_ticker, _by_symbol(1, 2)),
        ("GET", "/fapi/v2/ticker/price"): _open(market.price_ticker, _by_symbol(1, 2)),
        ("POST", f"{base}/order"): _signed(trading.place, 0, orders=True),
        ("POST", f"{base}/order/test"): _signed(trading.check, 0),
        ("GET", f"{base}/order"): _signed(trading.find, 1),
        ("PUT", f"{base}/order"): _signed(trading.amend, 1, orders=True),
        ("DELETE", f"{base}/order"): _signed(trading.cancel, 1, acts=True),
        ("GET", f"{base}/openOrder"): _signed(trading.find_open, 1),
        ("GET", f"{base}/openOrders"): _signed(trading.open_orders, _by_symbol(1, 40)),
        ("DELETE", f"{base}/allOpenOrders"): _signed(trading.cancel_all, 1, acts=True),
        ("POST", f"{base}/batchOrders"): _signed(trading.batch("place"), 5, orders=True),
        ("PUT", f"{base}/batchOrders"): _signed(trading.batch("amend"), 5, orders=True),
        ("DELETE", f"{base}/batchOrders"): _signed(trading.cancel_batch, 1, acts=True),
        ("POST", f"{base}/countdownCancelAll"): _signed(trading.countdown, 10, acts=True),
        ("GET", f"{base}/allOrders"): _signed(trading.all_orders, 5),
        ("GET", f"{base}/userTrades"): _signed(trading.trades, 5),
        ("POST", f"{base}/leverage"): _signed(trading.leverage, 1),
        ("POST", f"{base}/marginType"): _signed(trading.margin_type, 1),
        ("GET", f"{base}/positionSide/dual"): _signed(trading.dual, 30),
        ("POST", f"{base}/positionSide/dual"): _signed(trading.set_dual, 1),
        ("GET", f"{base}/multiAssetsMargin"): _signed(trading.multi_assets, 30),
        ("GET", f"{base}/leverageBracket"): _signed(trading.brackets, 1),
        ("GET", f"{base}/commissionRate"): _signed(trading.commission, 20),
        ("GET", f"{base}/income"): _signed(trading.income, 30),
        ("POST", f"{base}/listenKey"): _keyed(trading.listen_key),
        ("PUT", f"{base}/listenKey"): _keyed(trading.keep_listen_key),
        ("DELETE", f"{base}/listenKey"): _keyed(trading.drop_listen_key),
    }
    for version in (2, 3):
        every = version == 2
        path = f"/fapi/v{version}"
        table["GET", f"{path}/account"] = _signed(_account(trading, every=every), 5)
        table["GET", f"{path}/positionRisk"] = _signed(_positions(trading, every=every), 5)
        table["GET", f"{path}/balance"] = _signed(trading.balance, 5)
    return table


def _account(trading: FuturesTrading, *, every: bool) -> Private:
    return lambda account, asked: trading.account(account, every=every)  # noqa: ARG005 - the table's shape


def _positions(trading: FuturesTrading, *, every: bool) -> Private:
    return lambda account, asked: trading.positions(account, asked, every=every)


# The websocket APIs' names of the same requests.

SPOT_METHODS: Final[dict[str, Key]] = {
    "ping": ("GET", "/api/v3/ping"),
    "time": ("GET", "/api/v3/time"),
    "exchangeInfo": ("GET", "/api/v3/exchangeInfo"),
    "depth": ("GET", "/api/v3/depth"),
    "trades.recent": ("GET", "/api/v3/trades"),
    "klines": ("GET", "/api/v3/klines"),
    "ticker.book": ("GET", "/api/v3/ticker/bookTicker"),
    "ticker.price": ("GET", "/api/v3/ticker/price"),
    "order.place": ("POST", "/api/v3/order"),
    "order.test": ("POST", "/api/v3/order/test"),
    "order.status": ("GET", "/api/v3/order"),
    "order.cancel": ("DELETE", "/api/v3/order"),
    "order.cancelReplace": ("POST", "/api/v3/order/cancelReplace"),
    "openOrders.status": ("GET", "/api/v3/openOrders"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
    "allOrders": ("GET", "/api/v3/allOrders"),
    "myTrades": ("GET", "/api/v3/myTrades"),
    "account.status": ("GET", "/api/v3/account"),
    "account.commission": ("GET", "/api/v3/account/commission"),
}
FUTURES_METHODS: Final[dict[str, Key]] = {
    "ping": ("GET", "/fapi/v1/ping"),
    "time": ("GET", "/fapi/v1/time"),
    "depth": ("GET", "/fapi/v1/depth"),
    "ticker.book": ("GET", "/fapi/v1/ticker/bookTicker"),
    "ticker.price": ("GET", "/fapi/v1/ticker/price"),
    "order.place": ("POST", "/fapi/v1/order"),
    "order.modify": ("PUT", "/fapi/v1/order"),
    "order.status": ("GET", "/fapi/v1/order"),
    "order.cancel": ("DELETE", "/fapi/v1/order"),
    "account.status": ("GET", "/fapi/v3/account"),
    "v2/account.status": ("GET", "/fapi/v3/account"),
    "account.balance": ("GET", "/fapi/v3/balance"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "account.position": ("GET", "/fapi/v3/positionRisk"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
    "userDataStream.start": ("POST", "/fapi/v1/listenKey"),
    "userDataStream.ping": ("PUT", "/fapi/v1/listenKey"),
    "userDataStream.stop": ("DELETE", "/fapi/v1/listenKey"),
}
