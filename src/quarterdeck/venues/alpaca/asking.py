"""Requests that take more than one call: cancels, and every question. No thread and no socket of its own.

| asked      | calls                                                                                            |
|------------|--------------------------------------------------------------------------------------------------|
| Cancel     | the order by our id, where its own is not known yet; DELETE                                      |
| AskOrder   | the order, by our id                                                                             |
| AskOrders  | pages of open orders, until one is not full                                                      |
| AskFills   | pages of activities, and whose the orders are that they name: a row knows the venue's id alone   |
| AskAccount | positions, clock, account, positions: only where nothing moved meanwhile are they of one moment  |
"""

from collections.abc import Callable, Sequence
from typing import Final

from quarterdeck.kernel.vocabulary import Reason
from quarterdeck.venues.alpaca.answers import AnswerReader, Reply, refusal
from quarterdeck.venues.alpaca.numbers import figure, nanoseconds, rfc3339
from quarterdeck.venues.alpaca.posting import Unanswered
from quarterdeck.venues.alpaca.registry import Registry
from quarterdeck.venues.alpaca.requests import (
    ACTIVITIES_PER_PAGE,
    ORDERS_PER_PAGE,
    Call,
    Encoder,
    account_call,
    activities_call,
    cancel_call,
    clock_call,
    order_call,
    orders_call,
    positions_call,
)
from quarterdeck.venues.alpaca.schema import Activity, Clock, Order
from quarterdeck.venues.alpaca.universe import Universe
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import (
    AccountAnswer,
    Amend,
    Answer,
    AskAccount,
    AskFills,
    AskOrder,
    AskOrders,
    Cancel,
    FillsAnswer,
    Lost,
    OrderAnswer,
    OrderReport,
    OrdersAnswer,
    Refused,
    Taken,
)

__all__ = ["Asker", "Delayed"]

_PAGES_MAX: Final = 10
_ONE_BY_ONE_MAX: Final = 3  # more unknown orders than that are looked for in a list
_BEFORE_NS: Final = 1_000_000_000  # fills are asked for from earlier on: whether "after" is inclusive is not said
_LAG_NS: Final = 1_000_000_000  # what the list of fills may be behind the clock
_LOOKS_MAX: Final = 3
_MS: Final = 1_000_000

Send = Callable[[Call], Reply]


class Delayed(OSError):
    """The rate limit has no room: nothing was sent."""


class _Declined(Exception):
    """The venue did not answer a question that the rest depends on."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(f"HTTP {reply.status}")


class Asker:
    """Answers requests by what the venue says. `send` makes one call; its NotSent, Unanswered and Delayed pass up.

    `heard` is given each reading of the clock. Several threads may ask at once, each with a `send` of its own.
    """

    def __init__(
        self,
        universe: Universe,
        answers: AnswerReader,
        encoder: Encoder,
        registry: Registry,
        heard: Callable[[Clock], None],
    ) -> None:
        self._universe, self._answers, self._encoder = universe, answers, encoder
        self._registry, self._heard = registry, heard

    def answer(
        self,
        request: Cancel | Amend | AskOrder | AskOrders | AskFills | AskAccount,
        send: Send,
        clock_ns: int = 0,
    ) -> Answer:
        """Returns the answer. `clock_ns` is a reading of the venue's clock. Raises BadMessage, and what `send` does."""
        try:
            if isinstance(request, Cancel):
                return self._cancel(request, send)
            if isinstance(request, Amend):
                text = "the venue would make another order of it: it is cancelled and placed anew"
                return Refused(request_id=request.request_id, reason=Reason.ORDER_SHAPE_INVALID, text=text)
            if isinstance(request, AskOrder):
                return self._order(request, send)
            if isinstance(request, AskOrders):
                return self._orders(request, send)
            if isinstance(request, AskFills):
                return self._fills(request, send, clock_ns)
            return self._account(request, send)
        except _Declined as error:
            return refusal(request, error.reply)

    # Orders.

    def _cancel(self, request: Cancel, send: Send) -> Answer:
        identity = self._registry.identity(request.order_id, request.venue_order_id)
        if not identity and request.order_id:
            client_order_id = self._encoder.client_order_id(request.order_id, request.strategy)
            reply = send(order_call("", client_order_id, urgent=True))
            if not reply.good:
                return refusal(request, reply)
            identity = self._answers.one_order(reply)[0].id
        elif not identity:
            self._open_orders(send)
            identity = self._registry.identity(0, request.venue_order_id)
            if not identity:
                text = "no such order works"
                return Refused(request_id=request.request_id, reason=Reason.UNKNOWN_ORDER, text=text)
        reply = send(cancel_call(identity))
        if not reply.good:
            return refusal(request, reply)
        # Noted, and no more: what becomes of it trade_updates will tell.
        return Taken(request_id=request.request_id, venue_order_id=request.venue_order_id, final=False)

    def _order(self, request: AskOrder, send: Send) -> Answer:
        number = request.request_id
        identity = "" if request.order_id else self._registry.identity(0, request.venue_order_id)
        if not request.order_id and not identity:
            return Lost(request_id=number, text="an order of somebody else that was not seen before")
        client_order_id = self._encoder.client_order_id(request.order_id, max(request.strategy, 0))
        reply = send(order_call(identity, client_order_id))
        if reply.status == 404:
            return OrderAnswer(request_id=number, order=None)
        if not reply.good:
            return refusal(request, reply)
        report = self._answers.one_order(reply)[1]
        if report is None or (request.order_id and report.order_id != request.order_id):
            raise BadMessage("order answer", "it is not the order that was asked about")
        return OrderAnswer(request_id=number, order=report)

    def _orders(self, request: AskOrders, send: Send) -> Answer:
        return OrdersAnswer(request_id=request.request_id, orders=tuple(self._open_orders(send)))

    def _open_orders(self, send: Send) -> list[OrderReport]:
        found: dict[int, OrderReport] = {}
        for _, reports in self._pages("open", send):
            found.update((report.venue_order_id, report) for report in reports)
        return list(found.values())

    def _pages(self, status: str, send: Send) -> "_Pages":
        return _Pages(status, send, self._answers)

    # Fills.

    def _fills(self, request: AskFills, send: Send, clock_ns: int) -> FillsAnswer:
        rows, more = self._activities(request, send)
        rows = [row for row in rows if self._universe.of_symbol(row.symbol) is not None]
        self._name_orders(rows, send)
        reports = [(self._answers.fill(row), _filled(row)) for row in rows]
        told = {report.trade_id: (report, filled) for report, filled in reports if report is not None}
        # Fills of one millisecond come in no order: an order's own are in that of how far they filled it.
        ranked = sorted(told.values(), key=lambda one: (one[0].venue_time_ns, one[0].venue_order_id, one[1]))
        fills = [report for report, _ in ranked if report.venue_time_ns >= request.since_ns]
        until_ns = max([request.since_ns, clock_ns - _LAG_NS, *(fill.venue_time_ns for fill in fills)])
        if more and fills:
            last_ns = fills[-1].venue_time_ns
            until_ns = last_ns
            if fills[0].venue_time_ns < last_ns:  # of its last moment more may be left
                fills, until_ns = [fill for fill in fills if fill.venue_time_ns < last_ns], last_ns - 1
        return FillsAnswer(request_id=request.request_id, fills=tuple(fills), until_ns=until_ns, more=more)

    def _activities(self, request: AskFills, send: Send) -> tuple[list[Activity], bool]:
        """Returns rows oldest first, and whether more are left for another request."""
        rows: list[Activity] = []
        token = ""
        for _ in range(_PAGES_MAX):
            try:
                reply = send(activities_call(max(0, request.since_ns - _BEFORE_NS), token))
            except Delayed:
                if len(rows) < 2 * ACTIVITIES_PER_PAGE:
                    raise
                return rows, True
            if not reply.good:
                raise _Declined(reply)
            page = self._answers.activities(reply)
            rows += page
            if len(page) < ACTIVITIES_PER_PAGE:
                return rows, False
            token = page[-1].id
        return rows, True

    def _name_orders(self, rows: Sequence[Activity], send: Send) -> None:
        """Learns whose the orders are: the newest of all are listed, the rest asked for one by one."""
        unknown = self._registry.unknown(row.order_id for row in rows)
        if len(unknown) > _ONE_BY_ONE_MAX:
            for _ in self._pages("all", send):
                unknown = self._registry.unknown(unknown)
                if not unknown:
                    return
        for identity in unknown:
            reply = send(order_call(identity))
            if reply.status == 404:
                self._registry.saw(identity, "")  # whoever placed it, it was not this desk
            elif not reply.good:
                raise _Declined(reply)
            else:
                self._answers.one_order(reply)

    # The account.

    def _account(self, request: AskAccount, send: Send) -> Answer:
        before = self._answers.positions(_good(send(positions_call())))
        for _ in range(_LOOKS_MAX):
            clock = self._answers.clock(_good(send(clock_call())))
            self._heard(clock)
            _, balances = self._answers.account(_good(send(account_call())))
            after = self._answers.positions(_good(send(positions_call())))
            if before == after:
                try:
                    moment_ns = nanoseconds(clock.timestamp)
                except ValueError as error:
                    raise BadMessage("clock answer", str(error)) from error
                return AccountAnswer(
                    request_id=request.request_id, holdings=after, balances=balances, venue_time_ns=moment_ns
                )
            before = after
        raise Unanswered(f"the account moved each time it was read, {_LOOKS_MAX} times")


class _Pages:
    """Pages of orders, newest first, until one is not full or brings nothing new."""

    def __init__(self, status: str, send: Send, answers: AnswerReader) -> None:
        self._status, self._send, self._answers = status, send, answers
        self._seen: set[str] = set()
        self._until = ""
        self._left = _PAGES_MAX

    def __iter__(self) -> "_Pages":
        return self

    def __next__(self) -> tuple[list[Order], list[OrderReport]]:
        if not self._left:
            raise StopIteration
        rows, reports = self._answers.orders(_good(self._send(orders_call(self._status, until=self._until))))
        fresh = {row.id for row in rows} - self._seen
        self._seen |= fresh
        self._left = self._left - 1 if fresh and len(rows) >= ORDERS_PER_PAGE else 0
        if self._left:
            # A millisecond of them comes twice: several may have been submitted at once.
            moments = [_moment(row) for row in rows]
            self._until = rfc3339(min(moments) + _MS)
        return rows, reports


def _moment(order: Order) -> int:
    try:
        return nanoseconds(order.submitted_at or "")
    except ValueError as error:
        raise BadMessage("orders answer", str(error)) from error


def _filled(row: Activity) -> int:
    try:
        return int(figure(row.cum_qty).scaleb(9)) if row.cum_qty is not None else 0
    except ValueError as error:
        raise BadMessage("activities answer", str(error)) from error


def _good(reply: Reply) -> Reply:
    if not reply.good:
        raise _Declined(reply)
    return reply
