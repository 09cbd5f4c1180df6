"""What the trading API answers: account, assets, clock, calendar, orders, positions, activities.

Each verb takes an account and plain values and returns (status, body), or raises Refusal. An order's answer is what the
venue knows when it takes it on, before it has traded: what came of it is in the stream or asked for.

A replacement is a new order of the quantity wanted less what the old one has filled, so that the fills of all orders
add up; it loses its place in the queue.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from quarterdeck.twins.alpaca.accounts import Account, Order
from quarterdeck.twins.alpaca.admission import Admission, check_wash
from quarterdeck.twins.alpaca.calendar import Phase, new_york
from quarterdeck.twins.alpaca.exchange import TwinExchange
from quarterdeck.twins.alpaca.figures import read_count, read_decimal, read_instant
from quarterdeck.twins.alpaca.listings import LOTS, Listing
from quarterdeck.twins.alpaca.margin import order_cost
from quarterdeck.twins.alpaca.reading import (
    Wire,
    read_client_order_id,
    read_order,
    read_quantity,
    read_ticks,
)
from quarterdeck.twins.alpaca.refusals import Refusal, forbidden, invalid, missing, unprocessable
from quarterdeck.twins.alpaca.wire import account_row, asset_row, order_row, position_row

__all__ = ["Answer", "Trading"]

Answer = tuple[int, Any]
Query = Mapping[str, str]
_ORDERS: Final = 50
_ORDERS_MAX: Final = 500
_PAGE_MAX: Final = 100
_DAY: Final = timedelta(days=1)
_SETTINGS: Final[Wire] = {
    "dtbp_check": None, "fractional_trading": True, "max_margin_multiplier": "2", "no_shorting": False,
    "pdt_check": None, "suspend_trade": False, "trade_confirm_email": "none", "ptp_no_exception_entry": False,
    "max_options_trading_level": 0,
}  # fmt: skip
_WAITING: Final = frozenset({"accepted", "pending_new", "pending_cancel", "pending_replace"})


class Trading:
    """The trading API of one exchange."""

    def __init__(self, exchange: TwinExchange, *, day_trading: bool = False) -> None:
        self._exchange = exchange
        self._admission = Admission(exchange, day_trading=day_trading)

    # What there is.

    def account(self, account: Account) -> Answer:
        """GET /v2/account."""
        row = account_row(account, self._exchange.value(account), self._admission.day_trading_row(account))
        return 200, row

    def settings(self, account: Account, changes: Wire | None = None) -> Answer:
        """GET and PATCH /v2/account/configurations."""
        for name, value in (changes or {}).items():
            if name in _SETTINGS and value is not None:
                account.settings[name] = value
        shown = {**_SETTINGS, **account.settings}
        return 200, {name: value for name, value in shown.items() if value is not None}

    def assets(self, query: Query) -> Answer:
        """GET /v2/assets."""
        wanted = {name: query[name] for name in ("exchange", "asset_class", "status") if query.get(name)}
        rows = [asset_row(one) for one in self._exchange.listings]
        wanted["class"] = wanted.pop("asset_class", "us_equity")
        return 200, [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    def asset(self, name: str) -> Answer:
        """GET /v2/assets/{symbol or id}."""
        listing = self._listing(name)
        if listing is None:
            raise missing(f"asset not found for {name}")
        return 200, asset_row(listing)

    def _listing(self, name: str) -> Listing | None:
        exchange = self._exchange
        return exchange.by_symbol.get(name) or next((one for one in exchange.listings if one.asset_id == name), None)

    def clock(self) -> Answer:
        """GET /v2/clock: the market's time in New York."""
        exchange = self._exchange
        return 200, {
            "timestamp": new_york(exchange.now_ns).isoformat(),
            "is_open": exchange.phase is Phase.REGULAR,
            "next_open": new_york(exchange.calendar.next_open_ns(exchange.now_ns)).isoformat(),
            "next_close": new_york(exchange.calendar.next_close_ns(exchange.now_ns)).isoformat(),
        }

    def calendar(self, query: Query) -> Answer:
        """GET /v2/calendar."""
        calendar = self._exchange.calendar
        first = self._day(query, "start", calendar.sessions[0].day)
        last = min(self._day(query, "end", calendar.sessions[-1].day), calendar.sessions[-1].day)
        sessions = calendar.between(first, last)
        settles = [one.day for one in calendar.between(first, last + 10 * _DAY)][1:]
        return 200, [
            {
                "date": one.day.isoformat(), "open": f"{new_york(one.open_ns):%H:%M}",
                "close": f"{new_york(one.close_ns):%H:%M}", "session_open": f"{new_york(one.pre_ns):%H%M}",
                "session_close": f"{new_york(one.post_ns):%H%M}", "settlement_date": settles[place].isoformat(),
            }
            for place, one in enumerate(sessions)
            if place < len(settles)
        ]  # fmt: skip

    def _day(self, query: Query, name: str, usual: date) -> date:
        try:
            return date.fromisoformat(query[name][:10]) if query.get(name) else usual
        except ValueError:
            raise invalid(f"invalid {name}") from None

    # Orders.

    def place(self, account: Account, body: Wire) -> Answer:
        """POST /v2/orders."""
        order = read_order(self._exchange, body)
        self._admission.admit(account, order, body.get("position_intent"))
        self._exchange.register(account, order)
        row = order_row(order)
        self._exchange.start(order)
        return 200, row

    def orders(self, account: Account, query: Query) -> Answer:
        """GET /v2/orders."""
        status, limit = query.get("status") or "open", self._count(query, "limit", _ORDERS, _ORDERS_MAX)
        if status not in {"open", "closed", "all"}:
            raise invalid("invalid status")
        nested = query.get("nested", "").lower() == "true"
        after, until = self._instant(query, "after", 0), self._instant(query, "until", 2**62)
        symbols = {one for one in query.get("symbols", "").split(",") if one}
        found = [
            one
            for one in account.orders.values()
            if (status == "all" or one.open == (status == "open"))
            and after < one.created_ns <= until
            and (not symbols or one.listing.symbol in symbols)
            and query.get("side") in {None, "", "buy" if one.side > 0 else "sell"}
            and not (nested and one.parent is not None)
        ]
        if query.get("direction", "desc") == "desc":
            found.reverse()
        return 200, [order_row(one, nested=nested) for one in found[:limit]]

    def _count(self, query: Query, name: str, usual: int, most: int) -> int:
        try:
            return read_count(query[name], most) if query.get(name) else usual
        except ValueError:
            raise invalid(f"{name} must be > 0 and <= {most}") from None

    def _instant(self, query: Query, name: str, usual: int) -> int:
        try:
            return read_instant(query[name]) if query.get(name) else usual
        except ValueError:
            raise invalid(f"invalid {name}") from None

    def _find(self, account: Account, order_id: str) -> Order:
        try:
            wanted = str(UUID(order_id))
        except ValueError:
            raise invalid("order_id is missing") from None
        order = account.orders.get(wanted)
        if order is None:
            raise missing(f"order not found for {wanted}")
        return order

    def order(self, account: Account, order_id: str, query: Query) -> Answer:
        """GET /v2/orders/{id}."""
        nested = query.get("nested", "").lower() == "true"
        return 200, order_row(self._find(account, order_id), nested=nested)

    def order_by_client(self, account: Account, client_order_id: str) -> Answer:
        """GET /v2/orders:by_client_order_id."""
        order = account.by_client.get(client_order_id)
        if order is None:
            raise missing(f"order not found for {client_order_id}")
        return 200, order_row(order)

    def cancel(self, account: Account, order_id: str) -> Answer:
        """DELETE /v2/orders/{id}: 204."""
        order = self._find(account, order_id)
        if not order.open:
            raise unprocessable(f'order is already in "{order.status}" state')
        self._cancel(order)
        return 204, None

    def _cancel(self, order: Order) -> None:
        order.status = "pending_cancel"
        self._exchange.tell(order, "pending_cancel")
        self._exchange.cancel(order)

    def cancel_all(self, account: Account) -> Answer:
        """DELETE /v2/orders: 207 with a row for each."""
        rows: list[Wire] = []
        for order in account.open_orders():
            rows.append({"id": order.id, "status": 200})
            if order.open:  # the end of one may have ended others of its group
                self._cancel(order)
        return 207, rows

    def replace(self, account: Account, order_id: str, body: Wire) -> Answer:
        """PATCH /v2/orders/{id}."""
        order = self._find(account, order_id)
        if not order.open:
            raise unprocessable("unable to replace order, order is not open")
        if order.status in _WAITING:
            raise unprocessable("unable to replace order, order isn't sent to exchange yet")
        if order.notional is not None:
            raise unprocessable("unable to replace order, notional orders cannot be replaced")
        new = self._changed(order, body)
        if new.client_order_id in account.by_client:
            raise unprocessable("client_order_id must be unique")
        if new.order_class == "simple":
            check_wash(account, new, order)
        if order.opens:
            self._admission.check_power(account, new, order_cost(order, self._exchange.tapes))
        elif new.left > order.left and not order.legs and order.parent is None:
            self._check_more(account, order, new)
        watched = self._exchange.replace(account, order, new)
        row = order_row(new)
        self._exchange.resume(new, watched=watched)
        return 200, row

    def _check_more(self, account: Account, order: Order, new: Order) -> None:
        held = abs(account.position(order.listing.index).lots)
        reserved = account.held_for_orders(order.listing.index, order.side)
        if new.left - order.left > held - reserved:
            raise forbidden("insufficient qty available for order", symbol=order.listing.symbol)

    def _changed(self, order: Order, body: Wire) -> Order:
        """The order as it is to be."""
        lots = order.lots
        if body.get("qty") is not None:
            lots = read_quantity(body["qty"])
            if (lots % LOTS or order.lots % LOTS) and lots != order.lots:
                raise unprocessable("qty of fractional orders cannot be replaced")
        if lots <= order.filled:
            raise unprocessable("qty must be > filled_qty")
        tif = body.get("time_in_force") or order.tif
        if tif not in {"day", "gtc", order.tif}:
            raise invalid("invalid time_in_force")
        new = replace(
            order, id=self._exchange.new_id(), client_order_id=read_client_order_id(self._exchange, body), tif=tif,
            lots=lots - order.filled, filled=0, paid=0, created_ns=self._exchange.now_ns, stamps={}, legs=[],
            parent=None, pair=None, replaces=None, replaced_by=None, ticket=0,
        )  # fmt: skip
        if body.get("limit_price") is not None and order.limit:
            new.limit = read_ticks(body["limit_price"], "limit_price")
        if body.get("stop_price") is not None and order.stop and order.kind != "trailing_stop":
            new.stop = read_ticks(body["stop_price"], "stop_price")
        if body.get("trail") is not None and order.kind == "trailing_stop":
            self._change_trail(new, body["trail"])
        day = self._exchange.calendar.good_for(self._exchange.now_ns, extended=order.extended).day
        new.good_for = None if tif == "gtc" else day
        return new

    def _change_trail(self, order: Order, value: Any) -> None:
        if order.trail_price:
            order.trail_price = read_ticks(value, "trail")
            return
        try:
            order.trail_percent = read_decimal(value)
        except ValueError:
            raise invalid("invalid trail") from None

    # Positions.

    def positions(self, account: Account) -> Answer:
        """GET /v2/positions."""
        tapes = self._exchange.tapes
        return 200, [
            position_row(account, held, tapes[index]) for index, held in account.positions.items() if held.lots
        ]

    def position(self, account: Account, name: str) -> Answer:
        """GET /v2/positions/{symbol or id}."""
        index = self._held(account, name)
        return 200, position_row(account, account.positions[index], self._exchange.tapes[index])

    def _held(self, account: Account, name: str) -> int:
        listing = self._listing(name)
        if listing is None:
            raise missing(f"symbol not found: {name}")
        if not account.position(listing.index).lots:
            raise missing("position does not exist")
        return listing.index

    def close_position(self, account: Account, name: str, query: Query) -> Answer:
        """DELETE /v2/positions/{symbol or id}: a market order for all of it, `qty` of it or `percentage` of it."""
        index = self._held(account, name)
        held = account.positions[index].lots
        lots = abs(held)
        if query.get("qty"):
            lots = read_quantity(query["qty"])
        elif query.get("percentage"):
            try:
                lots = int(lots * read_decimal(query["percentage"]) / 100)
            except ValueError:
                raise invalid("invalid percentage") from None
        body = {
            "symbol": self._exchange.listings[index].symbol, "qty": f"{Decimal(lots) / LOTS:f}", "type": "market",
            "side": "sell" if held > 0 else "buy", "time_in_force": "day",
        }  # fmt: skip
        return self.place(account, body)

    def close_all(self, account: Account, query: Query) -> Answer:
        """DELETE /v2/positions: 207 with a row for each."""
        if query.get("cancel_orders", "").lower() == "true":
            self.cancel_all(account)
        rows: list[Wire] = []
        for index, held in list(account.positions.items()):
            if not held.lots:
                continue
            symbol = self._exchange.listings[index].symbol
            rows.append(self._close_row(account, symbol))
        return 207, rows

    def _close_row(self, account: Account, symbol: str) -> Wire:
        try:
            status, body = self.close_position(account, symbol, {})
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
        return {"symbol": symbol, "status": status, "body": body}

    # Activities.

    def activities(self, account: Account, kinds: str, query: Query) -> Answer:
        """GET /v2/account/activities, and /{type}: fills alone; there is nothing else. Newest first by default."""
        wanted = {one for one in kinds.upper().split(",") if one}
        rows = [row for row in account.activities if not wanted or row["activity_type"] in wanted]
        after, until = self._instant(query, "after", 0), self._instant(query, "until", 2**62)
        if query.get("date"):
            after = self._instant(query, "date", 0) - 1
            until = after + int(_DAY.total_seconds()) * 1_000_000_000
        rows = [row for row in rows if after < row["time_ns"] <= until]
        if query.get("direction", "desc") == "desc":
            rows.reverse()
        token = query.get("page_token")
        if token:
            places = [place for place, row in enumerate(rows) if row["id"] == token]
            rows = rows[places[0] + 1 :] if places else []
        size = self._count(query, "page_size", _PAGE_MAX, _PAGE_MAX)
        return 200, [{name: value for name, value in row.items() if name != "time_ns"} for row in rows[:size]]
