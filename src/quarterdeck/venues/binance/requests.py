"""What the desk asks for, as calls of the venue's REST interface. Prices and sizes go out as exact texts.

| order            | spot                                              | USD-M                                  |
|------------------|---------------------------------------------------|----------------------------------------|
| limit            | LIMIT, timeInForce                                | LIMIT, timeInForce                     |
| limit, post-only | LIMIT_MAKER                                       | LIMIT, GTX                             |
| market           | MARKET                                            | MARKET                                 |
| stop             | STOP_LOSS                                         | none: they go through a service of     |
| stop-limit       | STOP_LOSS_LIMIT, timeInForce                      | their own, which is not spoken here    |
| reduce-only      | a sale without a flag: spot cannot be sold short; | reduceOnly                             |
|                  | a buy is refused                                  |                                        |
"""

from dataclasses import dataclass
from typing import Final

from quarterdeck.kernel.vocabulary import OrderType, Reason, Side, TimeInForce
from quarterdeck.venues.binance.keys import Parameters
from quarterdeck.venues.binance.markets import Market
from quarterdeck.venues.binance.universe import Listed, Universe
from quarterdeck.venues.identity import client_id
from quarterdeck.venues.messages import Amend, AskOrder, Cancel, Place, Refused

__all__ = ["ROWS_MAX", "Call", "Encoder"]

ROWS_MAX: Final = 1_000  # of one list
_NS_PER_MS: Final = 1_000_000
_TIFS: Final = {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}  # DAY has no counterpart
_STOPS: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call. `deadline_ms`: the venue refuses it after that, by its own clock; 0: it is only a question."""

    method: str
    path: str
    parameters: Parameters = ()
    weight: int = 1
    signed: bool = True
    keyed: bool = True
    """The key goes along; without a signature, too."""
    deadline_ms: int = 0
    urgent: bool = False  # a cancel: it may use what the rate limit keeps back
    order: bool = False  # it counts as a new order
    question: bool = False


class Encoder:
    """Turns requests into calls. `tag` is the desk's, see `identity`."""

    def __init__(self, market: Market, universe: Universe, tag: str) -> None:
        self._market, self._universe, self._tag = market, universe, tag

    # Orders.

    def place(self, request: Place) -> Call | Refused:
        """Returns the call for a new order, or why there is none. Raises BadMessage: another venue's instrument."""
        listed = self._universe.of_index(request.instrument)
        why = _unfit(request) or ("" if self._market.spot else _unfit_for_futures(request))
        if why:
            return Refused(request_id=request.request_id, reason=Reason.ORDER_SHAPE_INVALID, text=why)
        if self._market.spot and request.reduce_only and request.side is Side.BUY:
            text = "a buy reduces nothing on spot"
            return Refused(request_id=request.request_id, reason=Reason.REDUCE_ONLY_WOULD_INCREASE, text=text)
        parameters = [
            ("symbol", listed.symbol),
            ("side", "BUY" if request.side is Side.BUY else "SELL"),
            *self._kind(request, listed),
            ("quantity", listed.lot.text(request.quantity)),
            ("newClientOrderId", client_id(self._tag, request.strategy, request.order_id)),
            ("newOrderRespType", "RESULT"),
        ]
        if request.reduce_only and not self._market.spot:
            parameters.append(("reduceOnly", "true"))
        return Call(
            method="POST", path=self._market.paths.order, parameters=tuple(parameters),
            weight=self._market.weights.place, deadline_ms=request.expires_ns // _NS_PER_MS, order=True,
        )  # fmt: skip

    def _kind(self, request: Place, listed: Listed) -> list[tuple[str, str]]:
        """The order's type, its price, its trigger and how long it stands."""
        price = ("price", listed.tick.text(request.price))
        stands = ("timeInForce", _TIFS[request.time_in_force])
        trigger = ("stopPrice", listed.tick.text(request.trigger_price))
        if request.order_type is OrderType.STOP:
            return [("type", "STOP_LOSS"), trigger]
        if request.order_type is OrderType.STOP_LIMIT:
            return [("type", "STOP_LOSS_LIMIT"), stands, price, trigger]
        if request.order_type is OrderType.MARKET:
            return [("type", "MARKET")]
        if not request.post_only:
            return [("type", "LIMIT"), stands, price]
        return (
            [("type", "LIMIT_MAKER"), price]
            if self._market.spot
            else [("type", "LIMIT"), ("timeInForce", "GTX"), price]
        )

    def cancel(self, request: Cancel) -> Call:
        """Returns the call that ends an order."""
        listed = self._universe.of_index(request.instrument)
        return Call(
            method="DELETE", path=self._market.paths.order,
            parameters=(("symbol", listed.symbol), self._which(request)), weight=self._market.weights.cancel,
            deadline_ms=request.expires_ns // _NS_PER_MS, urgent=True,
        )  # fmt: skip

    def _which(self, request: Cancel | AskOrder) -> tuple[str, str | int]:
        if request.order_id:
            return "origClientOrderId", client_id(self._tag, request.strategy, request.order_id)
        return "orderId", request.venue_order_id

    @staticmethod
    def amend(request: Amend) -> Refused:
        """A change of an order is not sent: the capabilities say so."""
        text = "orders are cancelled and placed anew here, not changed"
        return Refused(request_id=request.request_id, reason=Reason.ORDER_SHAPE_INVALID, text=text)

    def countdown(self, listed: Listed, milliseconds: int) -> Call:
        """Returns the dead man's switch of one symbol: its orders are cancelled after so long; 0 takes it back."""
        return Call(
            method="POST", path=self._market.paths.countdown, weight=self._market.weights.countdown, urgent=True,
            parameters=(("symbol", listed.symbol), ("countdownTime", milliseconds)),
        )  # fmt: skip

    # Questions.

    def order(self, request: AskOrder) -> Call:
        """Returns the question for one order."""
        return self._order(self._universe.of_index(request.instrument), self._which(request))

    def order_by_number(self, listed: Listed, venue_order_id: int) -> Call:
        """Returns the question for the order that a fill names by the venue's number alone."""
        return self._order(listed, ("orderId", venue_order_id))

    def _order(self, listed: Listed, which: tuple[str, str | int]) -> Call:
        return self._ask(self._market.paths.order, self._market.weights.order, ("symbol", listed.symbol), which)

    def open_orders(self) -> tuple[Call, ...]:
        """Returns the questions for all open orders of what the desk trades: by symbol, unless all weigh less."""
        path, weights = self._market.paths.open_orders, self._market.weights
        listed = self._universe.listed
        if weights.open_orders * len(listed) > weights.all_open_orders:
            return (self._ask(path, weights.all_open_orders),)
        return tuple(self._ask(path, weights.open_orders, ("symbol", one.symbol)) for one in listed)

    def account(self) -> Call:
        """Returns the question for positions and balances."""
        more = (("omitZeroBalances", "true"),) if self._market.spot else ()
        return self._ask(self._market.paths.account, self._market.weights.account, *more)

    def trades(self, listed: Listed, since_ms: int, until_ms: int) -> Call:
        """Returns the question for the fills of a symbol between two times, both inclusive."""
        span = (("startTime", since_ms), ("endTime", until_ms))
        return self._trades(listed, *span)

    def trades_from(self, listed: Listed, trade_id: int) -> Call:
        """Returns the question for the fills of a symbol from a trade's id on."""
        return self._trades(listed, ("fromId", trade_id))

    def _trades(self, listed: Listed, *more: tuple[str, str | int]) -> Call:
        symbol, limit = ("symbol", listed.symbol), ("limit", ROWS_MAX)
        return self._ask(self._market.paths.trades, self._market.weights.trades, symbol, *more, limit)

    def income(self, since_ms: int) -> Call:
        """Returns the question for funding paid from a time on."""
        kind, since, limit = ("incomeType", "FUNDING_FEE"), ("startTime", since_ms), ("limit", ROWS_MAX)
        return self._ask(self._market.paths.income, self._market.weights.income, kind, since, limit)

    def snapshot(self, listed: Listed) -> Call:
        """Returns the question for a whole book."""
        where, limit = ("symbol", listed.symbol), ("limit", ROWS_MAX)
        return Call(
            method="GET", path=self._market.paths.depth, parameters=(where, limit), weight=self._market.weights.depth,
            signed=False, keyed=False, question=True,
        )  # fmt: skip

    def ticker(self, listed: Listed) -> Call:
        """Returns the question for a pair's best prices (spot)."""
        return Call(
            method="GET", path=self._market.paths.ticker, parameters=(("symbol", listed.symbol),),
            weight=self._market.weights.ticker, signed=False, keyed=False, question=True,
        )  # fmt: skip

    @staticmethod
    def _ask(path: str, weight: int, *parameters: tuple[str, str | int]) -> Call:
        return Call(method="GET", path=path, parameters=parameters, weight=weight, question=True)


def _unfit(request: Place) -> str:
    """Why the venue could not be told of such an order; empty where it can."""
    if request.time_in_force not in _TIFS:
        return f"the venue knows no {request.time_in_force.name} orders: GTC, IOC or FOK"
    if request.quantity <= 0 or request.price < 0 or request.trigger_price < 0:
        return "a quantity is above 0, and no price below"
    if request.order_type in _STOPS and not request.trigger_price:
        return "a stop has a trigger price"
    if request.order_type in {OrderType.LIMIT, OrderType.STOP_LIMIT} and not request.price:
        return "a limit order has a price"
    if request.post_only and request.order_type is not OrderType.LIMIT:
        return "only a limit order can be post-only"
    return ""


def _unfit_for_futures(request: Place) -> str:
    if request.order_type in _STOPS:
        return "the venue takes stops on futures through its algo service alone, which is not spoken here"
    return ""
