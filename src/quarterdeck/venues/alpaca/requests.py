"""What the desk asks for, as the venue's calls. Figures leave as decimal texts, exact.

| the kernel's | here                                                                                                |
|--------------|-----------------------------------------------------------------------------------------------------|
| post-only    | refused: the venue has no such order                                                                |
| reduce-only  | an ordinary order: that it does not go past flat the kernel has checked when it left, and only then |
| GTC, DAY     | gtc, day; a size of less than whole shares can be for the day alone                                 |
| IOC, FOK     | ioc, fok; a market order for a fraction goes for the day: it does not wait there                    |
| LIMIT ...    | limit, market, stop, stop_limit                                                                     |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from quarterdeck.kernel.vocabulary import OrderType, Reason, Side, TimeInForce
from quarterdeck.venues.alpaca.numbers import rfc3339
from quarterdeck.venues.alpaca.universe import Listed, Universe
from quarterdeck.venues.identity import client_id
from quarterdeck.venues.messages import Place, Refused

__all__ = [
    "ACTIVITIES_PER_PAGE",
    "ORDERS_PER_PAGE",
    "Call",
    "Encoder",
    "account_call",
    "activities_call",
    "asset_call",
    "calendar_call",
    "cancel_call",
    "clock_call",
    "order_call",
    "orders_call",
    "positions_call",
]

ORDERS_PER_PAGE: Final = 500
ACTIVITIES_PER_PAGE: Final = 100
_TIFS: Final = {
    TimeInForce.GTC: "gtc",
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
    TimeInForce.DAY: "day",
}
_TYPES: Final = {
    OrderType.LIMIT: "limit",
    OrderType.MARKET: "market",
    OrderType.STOP: "stop",
    OrderType.STOP_LIMIT: "stop_limit",
}
_LIMITED: Final = frozenset((OrderType.LIMIT, OrderType.STOP_LIMIT))
_TRIGGERED: Final = frozenset((OrderType.STOP, OrderType.STOP_LIMIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the REST API: `fields` are the query of GET and DELETE, the JSON body of POST."""

    method: str
    path: str
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    urgent: bool = False  # a cancel: it may use what the rate limit keeps back

    @property
    def question(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET"


def _get(path: str, **fields: str) -> Call:
    return Call(method="GET", path=path, fields=fields)


def account_call() -> Call:
    """Asks for the account's money."""
    return _get("/account")


def positions_call() -> Call:
    """Asks for all positions."""
    return _get("/positions")


def clock_call() -> Call:
    """Asks for the venue's time and whether the market is open."""
    return _get("/clock")


def calendar_call(day: str, last: str) -> Call:
    """Asks for the hours of the days from `day` to `last`, YYYY-MM-DD."""
    return _get("/calendar", start=day, end=last)


def asset_call(symbol: str) -> Call:
    """Asks what is known of a symbol."""
    return _get(f"/assets/{symbol}")


def order_call(identity: str, client_order_id: str = "", *, urgent: bool = False) -> Call:
    """Asks for one order, by the venue's id, else by ours."""
    if identity:
        return Call(method="GET", path=f"/orders/{identity}", urgent=urgent)
    fields = {"client_order_id": client_order_id}
    return Call(method="GET", path="/orders:by_client_order_id", fields=fields, urgent=urgent)


def orders_call(status: str, *, until: str = "") -> Call:
    """Asks for the newest orders, open or all, nested ones with them, that were submitted before `until`."""
    more = {"until": until} if until else {}
    return _get("/orders", status=status, limit=str(ORDERS_PER_PAGE), direction="desc", nested="true", **more)


def activities_call(after_ns: int, page_token: str = "") -> Call:
    """Asks for a page of fills after a time, oldest first; the token is the id of the page before's last row."""
    more = {"page_token": page_token} if page_token else {}
    size = str(ACTIVITIES_PER_PAGE)
    return _get("/account/activities/FILL", after=rfc3339(after_ns), direction="asc", page_size=size, **more)


def cancel_call(identity: str) -> Call:
    """Asks the venue to cancel an order; that it was noted is all that the answer says."""
    return Call(method="DELETE", path=f"/orders/{identity}", urgent=True)


class Encoder:
    """Turns new orders into calls. `tag` is the desk's, see `identity`."""

    def __init__(self, universe: Universe, tag: str) -> None:
        self._universe, self._tag = universe, tag

    def client_order_id(self, order_id: int, strategy: int) -> str:
        """Returns the client order id of one of our orders: 32 hexadecimal digits of the 48 that are allowed."""
        return client_id(self._tag, strategy, order_id)

    def place(self, request: Place, *, market_open: bool, halted: bool) -> Call | Refused:
        """Returns the call for a new order, or why it is not sent. Raises BadMessage for another venue's instrument."""
        listed = self._universe.of_index(request.instrument)
        if not request.reduce_only and not market_open:
            text = "the market is closed: the venue would hold it until the next session"
            return Refused(request_id=request.request_id, reason=Reason.SESSION_CLOSED, text=text)
        if not request.reduce_only and halted:
            text = f"trading in {listed.symbol} is halted"
            return Refused(request_id=request.request_id, reason=Reason.SYMBOL_LOCKED, text=text)
        why = _unfit(request)
        if not why:
            try:
                return self._order(listed, request)
            except ValueError as error:
                why = str(error)
        return Refused(request_id=request.request_id, reason=Reason.ORDER_SHAPE_INVALID, text=why)

    def _order(self, listed: Listed, request: Place) -> Call:
        fields = {
            "symbol": listed.symbol,
            "qty": listed.size_text(request.quantity),
            "side": "buy" if request.side is Side.BUY else "sell",
            "type": _TYPES[request.order_type],
            "time_in_force": _time_in_force(listed, request),
            "client_order_id": self.client_order_id(request.order_id, request.strategy),
        }
        if request.order_type in _LIMITED:
            fields["limit_price"] = listed.price_text(request.price)
        if request.order_type in _TRIGGERED:
            fields["stop_price"] = listed.price_text(request.trigger_price)
        return Call(method="POST", path="/orders", fields=fields)


def _time_in_force(listed: Listed, request: Place) -> str:
    """Raises ValueError: the venue takes a fraction of a share for the day alone."""
    word = _TIFS[request.time_in_force]
    if listed.whole(request.quantity) or word == "day":
        return word
    if request.order_type is OrderType.MARKET:
        return "day"
    raise ValueError(f"a part of a share of {listed.symbol} can be ordered for the day alone, not {word}")


def _unfit(request: Place) -> str:
    """Why the venue could not be told of such an order; empty where it can."""
    if request.post_only:
        return "the venue knows no post-only orders"
    if request.quantity <= 0 or request.order_id <= 0:
        return "a quantity and an order's id are above 0"
    if request.order_type in _LIMITED and request.price <= 0:
        return "a limit order has a price"
    if request.order_type in _TRIGGERED and request.trigger_price <= 0:
        return "a stop has a trigger price"
    if request.order_type in _TRIGGERED and request.time_in_force in {TimeInForce.IOC, TimeInForce.FOK}:
        return "a stop waits: it is for the day, or until it is cancelled"
    return ""
