"""What came back over HTTP, as answers to the desk's requests. One that makes no sense is Lost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec

from quarterdeck.kernel.vocabulary import OrderStatus, Reason
from quarterdeck.venues.alpaca.reader import Reader
from quarterdeck.venues.alpaca.reasons import Verdict, judge
from quarterdeck.venues.alpaca.schema import Account, Activity, Clock, Order, Position, Problem
from quarterdeck.venues.alpaca.universe import Universe
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import (
    Answer,
    Balance,
    Cancel,
    Holding,
    Lost,
    OrderReport,
    Place,
    Refused,
    Request,
    Taken,
    TradeReport,
    Unsent,
)

__all__ = ["AnswerReader", "Reply", "refusal"]

_TEXT_MAX: Final = 200
_LEGS_MAX: Final = 16  # of one order; and as deep

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; `limit`, `left` and `resets_s` are the rate limit's headers, 0 where they are not there."""

    status: int
    body: bytes
    limit: int = 0
    left: int = 0
    resets_s: int = field(default=0)

    @property
    def good(self) -> bool:
        """Whether the venue did it."""
        return 200 <= self.status < 300


def refusal(request: Request, reply: Reply) -> Answer:
    """Returns what an answer other than a good one means for the request."""
    problem = _problem(reply)
    text = f"HTTP {reply.status}: {problem.message}"[:_TEXT_MAX]
    reason, verdict = judge(reply.status, problem.code, problem.message)
    number = request.request_id
    if verdict is Verdict.UNREAD:
        return Unsent(request_id=number, text=text, reason=reason)
    # Of a question that was refused nothing is known either: whoever asked asks again.
    if verdict is Verdict.UNKNOWN or not isinstance(request, Place | Cancel):
        return Lost(request_id=number, text=text)
    return Refused(request_id=number, reason=reason, text=text, error=verdict is Verdict.VENUE)


def _problem(reply: Reply) -> Problem:
    try:
        return msgspec.json.decode(reply.body, type=Problem)
    except (msgspec.DecodeError, ValueError, RecursionError):  # a gateway's own page
        return Problem(message=reply.body[:_TEXT_MAX].decode("utf-8", "replace").strip())


class AnswerReader:
    """Reads good answers for one account. Each method raises BadMessage for one that makes no sense."""

    def __init__(self, universe: Universe, reader: Reader) -> None:
        self._universe, self._reader = universe, reader
        self._orders = msgspec.json.Decoder(list[Order])
        self._one_order = msgspec.json.Decoder(Order)
        self._activities = msgspec.json.Decoder(list[Activity])
        self._positions = msgspec.json.Decoder(list[Position])
        self._account = msgspec.json.Decoder(Account)
        self._clock = msgspec.json.Decoder(Clock)

    def placed(self, request: Place, reply: Reply) -> Answer:
        """Returns Taken, or Refused for an order that was rejected at once."""
        with _Sense("order answer", reply):
            order = self._one_order.decode(reply.body)
            report = self._reader.order(order)
            if report is None or report.order_id != request.order_id:
                raise ValueError(f"order {order.id[:40]!r} is not the one that was placed")
        if report.status is OrderStatus.REJECTED:
            text = "the venue rejected it"
            return Refused(request_id=request.request_id, reason=Reason.VENUE_REJECTED, text=text)
        return Taken(request_id=request.request_id, venue_order_id=report.venue_order_id, filled=report.filled)

    def one_order(self, reply: Reply) -> tuple[Order, OrderReport | None]:
        """Returns an order, and its report where the desk trades its symbol."""
        with _Sense("order answer", reply):
            order = self._one_order.decode(reply.body)
            return order, self._reader.order(order)

    def orders(self, reply: Reply) -> tuple[list[Order], list[OrderReport]]:
        """Returns a page of orders, and the reports of those and of their legs that the desk trades the symbol of."""
        with _Sense("orders answer", reply):
            rows = self._orders.decode(reply.body)
            reports = [self._reader.order(one) for row in rows for one in _with_legs(row)]
            return rows, [report for report in reports if report is not None]

    def activities(self, reply: Reply) -> list[Activity]:
        """Returns a page of fills, as the venue tells them."""
        with _Sense("activities answer", reply):
            return self._activities.decode(reply.body)

    def fill(self, row: Activity) -> TradeReport | None:
        """Returns the fill in a row; None where the desk does not trade the symbol."""
        with _Sense("activities answer", Reply(200, msgspec.json.encode(row))):
            return self._reader.activity(row)

    def positions(self, reply: Reply) -> tuple[Holding, ...]:
        """Returns what is held, by instrument. BadMessage, too, for a size that the desk's lots cannot tell."""
        with _Sense("positions answer", reply):
            rows = self._positions.decode(reply.body)
            holdings: list[Holding] = []
            for row in rows:
                listed = self._universe.of_symbol(row.symbol)
                if listed is None:
                    continue
                sign = -1 if row.side == "short" else 1
                lots = sign * abs(listed.lots(row.qty))
                price = 0 if row.avg_entry_price is None else listed.near_ticks(row.avg_entry_price)
                cost = sign * abs(listed.money(row.cost_basis))
                holdings.append(Holding(instrument=listed.index, quantity=lots, price=price, cost=cost))
            return tuple(sorted(holdings, key=lambda one: one.instrument))

    def account(self, reply: Reply) -> tuple[Account, tuple[Balance, ...]]:
        """Returns the account, and its cash in the purse of the instruments."""
        with _Sense("account answer", reply):
            account = self._account.decode(reply.body)
            purses = {one.account: one for one in self._universe.listed}
            return account, tuple(
                Balance(account=place, cash=one.money(account.cash)) for place, one in sorted(purses.items())
            )

    def clock(self, reply: Reply) -> Clock:
        """Returns the clock."""
        with _Sense("clock answer", reply):
            return self._clock.decode(reply.body)


def _with_legs(order: Order, depth: int = 0) -> Iterator[Order]:
    yield order
    for leg in order.legs or ():
        if depth >= _LEGS_MAX:
            raise ValueError("legs of legs without an end")
        yield from _with_legs(leg, depth + 1)


class _Sense:
    """Makes a BadMessage of whatever is wrong with an answer; `kind` says which answer it was."""

    def __init__(self, kind: str, reply: Reply) -> None:
        self._kind, self._reply = kind, reply

    def __enter__(self) -> None:
        if not self._reply.good:
            raise BadMessage(self._kind, f"HTTP {self._reply.status}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, msgspec.DecodeError | ValueError | ArithmeticError | RecursionError):
            raise BadMessage(self._kind, f"{type(error).__name__}: {error}"[:_TEXT_MAX]) from error
