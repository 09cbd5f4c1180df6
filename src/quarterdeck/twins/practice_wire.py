"""The exchange's end of its wire: bytes of a request in, bytes of the answer and of the news out. It does no I/O.

    wire = PracticeWire(exchange)
    for account, line in wire.handle(now_ns, account, request_line): ...
    for account, line in wire.quote(now_ns, [(0, Quote(99, 101, 10, 10))]): ...

Lines are JSON objects without their end. A request that makes no sense is refused where it has a number, and counted.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import msgspec

from quarterdeck.twins.exchange import Change, PracticeExchange, Ticket
from quarterdeck.twins.exchange_records import Force, Kind, Order, Quote, Trade, Why

__all__ = ["EVERYBODY", "Line", "PracticeWire"]

EVERYBODY: Final = -1
Line = tuple[int, bytes]  # (account or EVERYBODY, JSON)
_Fields = dict[str, Any]


class PracticeWire:
    """Speaks for one exchange with all its accounts. `fills_most` is how many fills one answer holds.

    In an `outage` nothing is read and nobody is answered, while the market goes on.
    """

    def __init__(self, exchange: PracticeExchange, fills_most: int = 500) -> None:
        self.exchange = exchange
        self.outage = False
        self.malformed = 0
        self._fills_most = fills_most
        self._handlers: dict[str, Callable[[int, int, _Fields], _Fields]] = {
            "Place": self._place,
            "Cancel": self._cancel,
            "Amend": self._amend,
            "AskOrder": self._order,
            "AskOrders": self._orders,
            "AskFills": self._fills,
            "AskAccount": self._account,
        }

    def handle(self, now_ns: int, account: int, line: bytes) -> list[Line]:
        """Takes one request; returns the answer first, then what it changed for anybody."""
        if self.outage:
            return []
        fields = self._read(line)
        if fields is None:
            return []
        number = fields["request_id"]
        if not self.exchange.admit(now_ns, account):
            return [(account, _json({"type": "Busy", "request_id": number}))]
        handler = self._handlers.get(fields.get("type", ""), self._malformed)
        try:
            answer = handler(now_ns, account, fields)
        except (KeyError, TypeError, ValueError):  # a field is not there, or is not what it must be
            answer = self._malformed(now_ns, account, fields)
        answer["request_id"] = number
        return [(account, _json(answer)), *self.news()]

    def quote(self, now_ns: int, quotes: Sequence[tuple[int, Quote]]) -> list[Line]:
        """Moves the outside market and tells everybody, then what it did to whom."""
        for instrument, quote in quotes:
            self.exchange.quote(now_ns, instrument, quote)
        told = [(row, quote.bid, quote.ask, quote.bid_lots, quote.ask_lots) for row, quote in quotes]
        return [(EVERYBODY, _json({"type": "Quotes", "quotes": told, "time_ns": now_ns})), *self.news()]

    def news(self) -> list[Line]:
        """What changed since it was last told, by account: fills first."""
        lines: list[Line] = []
        for news in self.exchange.take_news():
            if news.trades:
                lines.append((news.account, _json({"type": "FillsNews", "fills": list(map(_fill, news.trades))})))
            if news.orders:
                lines.append((news.account, _json({"type": "OrderNews", "orders": list(map(_order, news.orders))})))
        return lines

    def _read(self, line: bytes) -> _Fields | None:
        try:
            fields = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            fields = None
        if isinstance(fields, dict):
            known = cast(_Fields, fields)
            if isinstance(known.get("request_id"), int) and isinstance(known.get("type"), str):
                return known
        self.malformed += 1
        return None

    def _malformed(self, _now_ns: int, _account: int, _fields: _Fields) -> _Fields:
        self.malformed += 1
        return _refused(Why.MALFORMED)

    def _place(self, now_ns: int, account: int, fields: _Fields) -> _Fields:
        ticket = Ticket(
            client_id=_text(fields["client_id"]),
            instrument=_whole(fields["instrument"]),
            side=_whole(fields["side"]),
            quantity=_whole(fields["quantity"]),
            kind=Kind(fields["kind"]),
            force=Force(fields["force"]),
            price=_whole(fields["price"]),
            trigger_price=_whole(fields["trigger_price"]),
            post_only=fields["post_only"] is True,
            reduce_only=fields["reduce_only"] is True,
            expires_ns=_whole(fields["expires_ns"]),
        )
        return _done(*self.exchange.place(now_ns, account, ticket))

    def _cancel(self, now_ns: int, account: int, fields: _Fields) -> _Fields:
        named = _text(fields["client_id"]), _whole(fields["venue_order_id"])
        why, order = self.exchange.cancel(now_ns, account, *named)
        answer = _done(why, order)
        if why is Why.NONE and order is not None:
            answer["final"] = not order.open
        return answer

    def _amend(self, now_ns: int, account: int, fields: _Fields) -> _Fields:
        change = Change(
            price=_whole(fields["price"]),
            quantity=_whole(fields["quantity"]),
            trigger_price=_whole(fields["trigger_price"]),
            expires_ns=_whole(fields["expires_ns"]),
        )
        named = _text(fields["client_id"]), _whole(fields["venue_order_id"])
        return _done(*self.exchange.amend(now_ns, account, change, *named))

    def _order(self, now_ns: int, account: int, fields: _Fields) -> _Fields:
        self.exchange.advance(now_ns)
        order = self.exchange.find(account, _text(fields["client_id"]), _whole(fields["venue_order_id"]))
        return {"type": "OrderAnswer", "order": None if order is None else _order(order)}

    def _orders(self, now_ns: int, account: int, _fields: _Fields) -> _Fields:
        self.exchange.advance(now_ns)
        return {"type": "Orders", "orders": list(map(_order, self.exchange.open_orders(account)))}

    def _fills(self, now_ns: int, account: int, fields: _Fields) -> _Fields:
        since_ns = _whole(fields["since_ns"])
        trades, until_ns, more = self.exchange.fills(now_ns, account, since_ns, self._fills_most)
        return {"type": "Fills", "fills": list(map(_fill, trades)), "until_ns": until_ns, "more": more}

    def _account(self, now_ns: int, account: int, _fields: _Fields) -> _Fields:
        statement = self.exchange.statement(now_ns, account, now_ns, now_ns)
        holdings = [
            (
                row,
                position.quantity,
                position.cost // (position.quantity * self.exchange.listings[row].value),
                position.cost,
            )
            for row, position in enumerate(statement.positions)
            if position.quantity
        ]
        return {
            "type": "Account",
            "holdings": holdings,
            "balances": list(enumerate(statement.cash)),
            "time_ns": now_ns,
        }


_json: Final = msgspec.json.Encoder().encode


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"a whole number, not {value!r}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text, not {value!r}")
    return value


def _refused(why: Why) -> _Fields:
    return {"type": "Refused", "why": why, "error": why is Why.HALTED}


def _done(why: Why, order: Order | None) -> _Fields:
    if why is not Why.NONE or order is None:
        return _refused(why)
    return {"type": "Taken", "venue_order_id": order.venue_order_id, "filled": order.filled, "final": True}


def _order(order: Order) -> _Fields:
    return {
        "client_id": order.client_id,
        "venue_order_id": order.venue_order_id,
        "instrument": order.instrument,
        "side": order.side,
        "price": order.price,
        "trigger_price": order.trigger_price,
        "quantity": order.quantity,
        "filled": order.filled,
        "status": order.status,
        "why": order.why,
        "reduce_only": order.reduce_only,
        "time_ns": order.updated_ns,
    }


def _fill(trade: Trade) -> _Fields:
    return {
        "trade_id": trade.trade_id,
        "client_id": trade.client_id,
        "venue_order_id": trade.venue_order_id,
        "instrument": trade.instrument,
        "side": trade.side,
        "price": trade.price,
        "quantity": trade.quantity,
        "fee": trade.fee,
        "maker": trade.maker,
        "time_ns": trade.time_ns,
    }
