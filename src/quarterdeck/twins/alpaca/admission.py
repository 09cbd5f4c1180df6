"""Whether an account may place an order now, in the venue's words.

| refused                                   | status and code                                                          |
|-------------------------------------------|--------------------------------------------------------------------------|
| trading suspended by the user, halted     | 403 40310000                                                             |
| at-the-open and at-the-close out of time  | 403 40310000                                                             |
| client_order_id used before               | 422 42210000                                                             |
| a group that is no entry, or no exit      | 422 42210000                                                             |
| more than is held and free to sell        | 403 40310000, with what is held                                          |
| a short sale while a buy is open, or back | 403 40310000                                                             |
| a short sale that the stock does not allow| 422 42210000                                                             |
| an order that could meet one's own        | 403 40310000 potential wash trade detected                               |
| more than the buying power                | 403 40310000 insufficient buying power                                   |
| a fourth day trade in five sessions       | 403 40310100, with less than 25,000 USD; only where `day_trading` is on: |
|                                           | the rule ended on 2026-07-06                                             |
"""

from datetime import time
from typing import Any, Final

from quarterdeck.twins.alpaca.accounts import Account, Order
from quarterdeck.twins.alpaca.calendar import new_york
from quarterdeck.twins.alpaca.exchange import TwinExchange
from quarterdeck.twins.alpaca.figures import money, quantity
from quarterdeck.twins.alpaca.listings import LOTS, UNITS
from quarterdeck.twins.alpaca.margin import order_cost
from quarterdeck.twins.alpaca.refusals import forbidden, unprocessable
from quarterdeck.twins.alpaca.wire import intent

__all__ = ["Admission", "check_wash"]

_DAY_TRADES: Final = 3
_DAY_SESSIONS: Final = 5
_DAY_EQUITY: Final = 25_000 * UNITS
_PATTERN: Final = 40310100
_EVENING: Final = time(19)
_WINDOWS: Final = {
    "opg": (time(9, 28), "opg orders must be submitted after 7:00pm and before 9:28am"),
    "cls": (time(15, 50), "cls orders must be submitted after 7:00pm and before 3:50pm"),
}


class Admission:
    """The checks of one exchange. `day_trading` brings back the pattern day trader rule."""

    def __init__(self, exchange: TwinExchange, *, day_trading: bool = False) -> None:
        self._exchange = exchange
        self.day_trading = day_trading

    def admit(self, account: Account, order: Order, wanted_intent: Any = None) -> None:
        """Sets whether the order opens or closes. Raises Refusal."""
        self._check_account(account, order)
        held = account.position(order.listing.index).lots
        order.opens = held * order.side >= 0
        inferred = intent(order.side, opens=order.opens)
        if wanted_intent and wanted_intent != inferred:
            raise unprocessable(f"position intent mismatch, inferred: {inferred}, specified: {wanted_intent}")
        if order.order_class in {"bracket", "oto"} and not order.opens:
            raise unprocessable(f"{order.order_class} orders must be entry orders")
        if order.order_class == "oco" and order.opens:
            raise unprocessable("oco orders must be exit orders")
        if order.opens:
            self._check_opening(account, order, held)
        else:
            self._check_closing(account, order, held)
        if order.order_class == "simple":
            check_wash(account, order)
        if order.opens:
            self.check_power(account, order)

    def _check_account(self, account: Account, order: Order) -> None:
        if account.settings.get("suspend_trade"):
            raise forbidden("new orders are rejected by user request")
        if self._exchange.halted:
            raise forbidden(f"trading is halted for {order.listing.symbol}", symbol=order.listing.symbol)
        for one in (order, *order.legs):
            if one.client_order_id in account.by_client:
                raise unprocessable("client_order_id must be unique")
        window = _WINDOWS.get(order.tif)
        if window is not None:
            clock = new_york(self._exchange.now_ns).time()
            if window[0] <= clock < _EVENING:
                raise forbidden(window[1])

    def _check_opening(self, account: Account, order: Order, held: int) -> None:
        listing = order.listing
        others = [one for one in account.open_orders(listing.index) if one.side == -order.side and one.opens]
        if order.side < 0:
            if others:
                raise forbidden("cannot open a short sell while a long buy order is open")
            if order.notional is not None or order.lots % LOTS:
                raise unprocessable("fractional orders cannot be sold short")
            worth = self._exchange.value(account)
            if not listing.shortable or account.settings.get("no_shorting") or worth.multiplier == 1:
                raise unprocessable(f'asset "{listing.symbol}" cannot be sold short')
            if not listing.easy_to_borrow and order.tif != "day":
                raise unprocessable(f"only day orders are allowed for hard-to-borrow asset {listing.symbol}")
        elif others and held == 0:
            raise forbidden("cannot open a long buy while a short sell order is open")
        if order.notional is not None and order.notional < 1:
            raise forbidden("cost basis must be >= minimal amount of order 1")

    def _check_closing(self, account: Account, order: Order, held: int) -> None:
        index = order.listing.index
        reserved = account.held_for_orders(index, order.side)
        wanted = order.lots or int((order.notional or 0) * UNITS) // self._exchange.tapes[index].last
        available = abs(held) - reserved
        if wanted > available:
            related = [one.id for one in account.open_orders(index) if one.side == order.side]
            raise forbidden(
                f"insufficient qty available for order (requested: {quantity(wanted)}, "
                f"available: {quantity(available)})",
                available=quantity(available), existing_qty=quantity(abs(held)), held_for_orders=quantity(reserved),
                related_orders=related, symbol=order.listing.symbol,
            )  # fmt: skip
        day_trade = self.day_trading and account.opened_today.get(index, 0) * order.side < 0
        if day_trade and self.day_trade_count(account) >= _DAY_TRADES and account.last_equity < _DAY_EQUITY:
            raise forbidden("trade denied due to pattern day trading protection", _PATTERN)

    def check_power(self, account: Account, order: Order, freed: int = 0) -> None:
        """Raises Refusal where an order costs more than may be spent; `freed` is what the order before it held."""
        cost = order_cost(order, self._exchange.tapes)
        power = self._exchange.value(account).buying_power + freed
        if cost > power:
            raise forbidden("insufficient buying power", buying_power=money(power), cost_basis=money(cost))

    def day_trade_count(self, account: Account) -> int:
        """Returns the day trades of the latest five sessions."""
        today = new_york(self._exchange.now_ns).date()
        days = self._exchange.calendar.days_back(today, _DAY_SESSIONS)
        return sum(day in days for day in account.day_trades)

    def day_trading_row(self, account: Account) -> dict[str, Any]:
        """Returns the account's fields of the rule, none where it is off."""
        if not self.day_trading:
            return {}
        count = self.day_trade_count(account)
        power = self._exchange.value(account).buying_power
        return {
            "daytrade_count": count, "pattern_day_trader": count > _DAY_TRADES,
            "daytrading_buying_power": money(power),
        }  # fmt: skip


def check_wash(account: Account, order: Order, replaced: Order | None = None) -> None:
    """An order may not be able to meet an open one of the account: two limits that do not cross are fine."""
    for other in account.open_orders(order.listing.index):
        if other.side == order.side or other is replaced or other.status == "held":
            continue
        limits = order.kind == other.kind == "limit"
        if limits and (order.limit - other.limit) * order.side < 0:
            continue
        kind = "limit" if limits else "market/stop"
        raise forbidden(
            "potential wash trade detected. use complex orders", existing_order_id=other.id,
            reject_reason=f"opposite side {kind} order exists",
        )  # fmt: skip
