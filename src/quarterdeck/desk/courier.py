"""The courier between a desk and one venue: kernel actions become requests, and messages become event records.

It owns everything between "sent" and "known": answers that do not come, orders whose fate nobody knows, fills that were
missed, and the rounds in which both sides are compared. It reads no clock and touches no socket: time comes in with
each call, messages through `take`, requests leave through the venue's `send`.

What the kernel believes is the kernel's; the courier holds only what would be asked again after a restart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck.desk.offset import ClockOffset
from quarterdeck.desk.patience import Patience
from quarterdeck.desk.post import NEVER_NS, Post, Sent
from quarterdeck.desk.reconciliation import Books
from quarterdeck.desk.reports import Reports
from quarterdeck.desk.requests import amend_of, place_of
from quarterdeck.desk.resolution import Resolution, resolve
from quarterdeck.desk.rounds import Rounds
from quarterdeck.desk.table import LocalOrder, OrderTable
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import ORDERS, State
from quarterdeck.kernel.vocabulary import EventKind, OrderStatus, Reason
from quarterdeck.venues.messages import (
    AccountAnswer,
    Amend,
    AskOrder,
    Cancel,
    ChargesNews,
    FillsAnswer,
    FillsNews,
    FundingNews,
    Line,
    Lost,
    Message,
    OrderAnswer,
    OrderNews,
    OrderReport,
    OrdersAnswer,
    Place,
    Refused,
    Remark,
    Taken,
    TradeReport,
    Unsent,
)
from quarterdeck.venues.protocol import Venue

__all__ = ["Courier"]

_MS: Final = 1_000_000
_WORKING: Final = frozenset((OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED))
_BACKOFF_MAX: Final = 8  # times the retry interval
# A Place refused so may be a repeat, made on the way, of one that was taken; so may any whose order was heard of since.
_OF_A_REPEAT: Final = frozenset((Reason.DUPLICATE_ORDER, Reason.STALE_DATA))
_ENDS: Final = {
    Resolution.CANCEL: EventKind.ORDER_CANCELED,
    Resolution.EXPIRE: EventKind.ORDER_EXPIRED,
    Resolution.REJECT: EventKind.ORDER_REJECTED,
}


@dataclass(slots=True)
class _Watch:
    """An order whose fate is being asked for. What the venue says counts when it was asked at `settled_ns` or later."""

    settled_ns: int
    due_ns: int
    wait_ns: int
    venue_order_id: int
    instrument: int
    strategy: int
    asking: bool = False
    missed: bool = False  # the venue did not know it once


@dataclass(frozen=True, slots=True)
class _End:
    """A known end that waits for the fills before it."""

    kind: EventKind
    value: int
    filled: int
    since_ns: int


def _terms(order: LocalOrder | OrderReport) -> tuple[int, int]:
    """What an order may still do: its price and its total quantity."""
    return order.price, order.quantity


class Courier:
    """One venue's courier. `row` is the venue's place in the state; `began_ns` when the session began, desk time.

    `take`, `tick` and `settle` return event records (raw bytes) for the desk to apply; `submit`, `cancel` and `replace`
    are the sink of its actions. DeskError: the venue knows orders of a later session of this desk.
    """

    def __init__(
        self, row: int, venue: Venue, states: Records[State], books: Books, patience: Patience, began_ns: int
    ) -> None:
        self.row = row
        self.venue = venue
        self.books = books
        self.now_ns = began_ns
        self.up = False
        self.reports = Reports()
        self.table = OrderTable(states)
        self.offset = ClockOffset()
        self.post = Post(venue.send, patience.request_ns)
        self.rounds = Rounds(self, patience)
        self._state: Any = states[0]
        self._patience = patience
        self._watches: dict[int, _Watch] = {}
        self._ends: dict[int, _End] = {}
        self._venue_ids: dict[int, int] = {}
        self._overtaken: set[int] = set()  # orders whose cancel came to the venue before they did
        self._unsent_yet: list[Place | Amend] = []  # asked for too early: taken back at the next tick
        # What an earlier session sent can take effect for as long as a request may; no clock of ours was kept for it.
        self._inherited_ns = began_ns + self._longest_ns
        self._answers: Mapping[type, Callable[[Any, Sent], None]] = {
            Taken: self._taken,
            Refused: self._refused,
            Unsent: self._unsent,
            Lost: self._lost,
            OrderAnswer: self._order_answer,
            OrdersAnswer: self.rounds.orders,
            FillsAnswer: self.rounds.fills,
            AccountAnswer: self.rounds.account,
        }

    @property
    def _longest_ns(self) -> int:
        """How long a request may still take effect after it was sent, where nothing better is known."""
        return max(self._patience.request_ns, self.venue.capabilities.latest_ms * _MS)

    @property
    def ready(self) -> bool:
        """Whether the venue has answered all that was open: entries may begin."""
        return self.rounds.ready

    @property
    def unresolved(self) -> int:
        """Orders whose fate is being asked for."""
        return len(self._watches)

    def next_due_ns(self) -> int:
        """When `tick` has something to do."""
        if self._unsent_yet or len(self.reports):  # a sink cannot speak to the kernel while that is at work
            return self.now_ns
        due = min(self.post.next_due_ns, self.rounds.due_ns if self.up else NEVER_NS)
        if self.up:
            due = min([due, *(watch.due_ns for watch in self._watches.values() if not watch.asking)])
        return due

    # the sink: what the kernel wants done

    def submit(self, action: Any) -> None:
        expires_ns, settled_ns = self._window()
        self._leave(place_of(action, self.post.number(), expires_ns), settled_ns)

    def cancel(self, action: Any) -> None:
        order = self.table.find(int(action["order_id"]))
        if order is not None:
            self.send_cancel(order.order_id, order.venue_order_id, order.instrument, order.strategy)

    def replace(self, action: Any) -> None:
        order = self.table.find(int(action["order_id"]))
        if order is None:
            return
        if not self.venue.capabilities.amend:
            self._do_without(order)
            return
        expires_ns, settled_ns = self._window()
        self._leave(amend_of(order, action, self.post.number(), expires_ns), settled_ns)

    def _do_without(self, order: LocalOrder) -> None:
        """A venue that cannot amend: its terms are wanted no longer, so it is cancelled, unless it protects."""
        self._report(EventKind.REPLACE_REJECTED, order.order_id, order.instrument, order.strategy)
        if not order.trigger_price and not order.cancel_pending:
            self.send_cancel(order.order_id, order.venue_order_id, order.instrument, order.strategy)

    def _leave(self, request: Place | Amend, settled_ns: int) -> None:
        """Sends it once the venue has answered: a position not confirmed may not be there to be reduced."""
        if self.ready:
            self.post.send(request, self.now_ns, settled_ns)
        else:
            self._unsent_yet.append(request)

    def send_cancel(self, order_id: int, venue_order_id: int, instrument: int, strategy: int) -> None:
        """Cancels at the venue. It may be sent again: what is cancelled twice is cancelled once."""
        expires_ns, settled_ns = self._window()
        request = Cancel(
            request_id=self.post.number(),
            order_id=order_id,
            venue_order_id=venue_order_id,
            instrument=instrument,
            strategy=strategy,
            expires_ns=expires_ns,
        )
        self.post.send(request, self.now_ns, settled_ns)

    def _window(self) -> tuple[int, int]:
        """Until when a request is good at the venue (its time), and from when on it is surely settled (ours)."""
        expires_ns = self.offset.venue_time(self.now_ns) + self._patience.request_ns
        settled = self.offset.surely_past(expires_ns) if self.venue.capabilities.expiry else None
        return expires_ns, self.now_ns + self._longest_ns if settled is None else settled

    # what comes in

    def begin(self) -> bytes:
        """What a session begins with: no connection yet, and every open order is to be asked for."""
        self.reports.at(self.now_ns)
        self.reports.connection(self.row, False)
        for order in self._open_orders():
            unheard = order.status in {OrderStatus.SUBMITTED, OrderStatus.UNKNOWN}
            pending = order.cancel_pending or order.replace_pending
            self.watch(order, self._inherited_ns if unheard or pending else self.now_ns)
        return self.reports.take()

    def take(self, message: Message, now_ns: int) -> bytes:
        """Takes what the venue said, at the desk's time of its arrival."""
        self._at(now_ns)
        if isinstance(message, FillsNews):
            self.take_fills(message.fills)
        elif isinstance(message, OrderNews):
            for order in message.orders:
                self.hear(order, asked=False)
        elif isinstance(message, FundingNews):
            for payment in message.payments:  # what was paid before the desk opened is in what it took over
                if payment.instrument in self.books.instruments and 0 < self.books.opened_ns < payment.venue_time_ns:
                    self.reports.funding(payment)
        elif isinstance(message, ChargesNews):
            self.rounds.charges(message.charges)
        elif isinstance(message, Remark):
            self.reports.remark(message.text)
        elif isinstance(message, Line):
            self._line(message)
        else:
            self._answer(message)
        return self.reports.take()

    def _answer(self, message: Message) -> None:
        handler = self._answers.get(type(message))  # market data goes to the desk by another door
        answer: Any = message
        sent = None if handler is None else self.post.answered(answer.request_id)
        if handler is not None and sent is not None:
            if not isinstance(answer, Unsent | Lost):
                self.post.timed(sent, self.now_ns)
            if isinstance(answer, OrderAnswer | OrdersAnswer | FillsAnswer | AccountAnswer):
                self.reports.result(self.row, False)  # a question that was answered counts as one that was not does
            handler(answer, sent)

    def tick(self, now_ns: int) -> bytes:
        """Does what time has made due."""
        self._at(now_ns)
        unsent, self._unsent_yet = self._unsent_yet, []
        for request in unsent:
            if isinstance(request, Place):
                self._reject(request, Reason.VENUE_DISCONNECTED)
            else:
                self._take_back(request)
        for sent in self.post.overdue(now_ns):
            self._lost(Lost(request_id=sent.request.request_id), sent)
        if self.up:
            for order_id in list(self._watches):
                self._ask(order_id)
            self.rounds.tick()
        return self.reports.take()

    def settle(self, now_ns: int) -> bytes:
        """Ends orders whose last fills have come. To be called after what `take` and `tick` returned was applied."""
        self._at(now_ns)
        self.rounds.settle()
        for order_id, end in list(self._ends.items()):
            order = self.table.find(order_id)
            if order is None or not order.open:
                del self._ends[order_id]
            elif order.filled >= end.filled or self.rounds.fills_known_ns > end.since_ns:
                # Where the venue's own list has been read since and is still short, the comparison of positions tells.
                del self._ends[order_id]
                self._end(order, end)
        return self.reports.take()

    def _at(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self.reports.at(now_ns)

    def _line(self, line: Line) -> None:
        if line.up:
            self.up = True
            self.rounds.begin_anew()
        else:
            self.up = False
            self.rounds.interrupt()
            for watch in self._watches.values():
                watch.asking, watch.due_ns = False, self.now_ns
        if int(self._state["venues"][self.row]["connected"]):  # entries wait for the round's end
            self.reports.connection(self.row, False)

    def take_fills(self, fills: Sequence[TradeReport]) -> None:
        """Fills are facts: each goes to the kernel, which knows repeats by the venue's trade id."""
        opened_ns = self.books.opened_ns
        if not opened_ns:
            return  # the account is about to be taken over as it is; what comes after that is listed then
        for fill in fills:
            if fill.instrument not in self.books.instruments or fill.venue_time_ns <= opened_ns:
                continue  # an instrument that this desk does not have, or part of what it took over
            self.table.check_epoch(fill.order_id)
            order_id = fill.order_id or self._venue_ids.get(fill.venue_order_id, 0)
            order = self.table.find(order_id)
            strategy = fill.strategy if order is None else order.strategy
            strategy = strategy if strategy < int(self._state["strategies_count"]) else -1
            self.reports.fill(fill, order_id, strategy)
            self.rounds.recent.add(fill, self.now_ns)

    def hear(self, said: OrderReport, *, asked: bool) -> None:
        """Takes the venue's word on an order. `asked`: it answers a question about this very order, and is new."""
        if said.order_id <= 0:
            return  # foreign orders are looked at in the rounds
        self.table.check_epoch(said.order_id)
        self._remember(said.venue_order_id, said.order_id)
        order = self.table.find(said.order_id)
        found = resolve(None if order is None else order.status, said.status)
        if order is not None and said.filled > order.filled:
            self.rounds.want_fills(order.order_id, said.filled)
        if found in _ENDS and order is not None:
            filled = max(said.filled, 0) if said.filled >= 0 else order.filled
            reason = int(said.reason) if found is Resolution.REJECT else 0
            self._end(order, _End(_ENDS[found], reason, filled, self.now_ns))
        elif found is Resolution.ACCEPT or found is Resolution.FILLS:
            self._accept(said)
            if found is Resolution.ACCEPT and asked and order is not None:
                self._compare_terms(order, said)
            if found is Resolution.FILLS and order is not None:
                # Its last fill closes it, unless it was amended and nobody told us, or fills came before we knew it.
                if said.quantity != order.quantity:
                    self._replaced(order, said.price, said.quantity, said.venue_order_id)
                self._end(order, _End(EventKind.ORDER_CANCELED, 0, max(said.filled, 0), self.now_ns))
        elif found in {Resolution.STRAY, Resolution.ADOPT}:
            self._settle_apart(said, found, asked=asked)
        elif order is not None and order.open and asked:
            self._compare_terms(order, said)
        elif order is not None and order.open and not order.replace_pending and _terms(said) != _terms(order):
            self.watch(said, self.now_ns)  # an old word, or a change of ours that the network brought twice

    def _accept(self, said: OrderReport) -> None:
        self._report(EventKind.ORDER_ACCEPTED, said.order_id, said.instrument, said.strategy, said.venue_order_id)

    def _settle_apart(self, said: OrderReport, found: Resolution, *, asked: bool) -> None:
        """An order that works there and does not here. Unasked news may be old: it is asked for first."""
        if not asked:
            self.watch(said, self.now_ns)
        elif found is Resolution.ADOPT and self.table.has_room_for(said.order_id):
            self.reports.adopt(said)
            self.rounds.want_fills(said.order_id, said.filled)
        else:  # what cannot count here may not work there
            self.send_cancel(said.order_id, said.venue_order_id, said.instrument, said.strategy)
            self.watch(said, self.now_ns + self._patience.retry_ns)  # until it is gone there, too

    def _compare_terms(self, order: LocalOrder, said: OrderReport) -> None:
        """Brings price and quantity to what works at the venue, and takes back what was asked and did not happen."""
        if _terms(said) != _terms(order):
            self._replaced(order, said.price, said.quantity, said.venue_order_id)
        elif order.replace_pending:
            self._report(EventKind.REPLACE_REJECTED, order.order_id, order.instrument, order.strategy)
        if order.cancel_pending:
            self._report(EventKind.CANCEL_REJECTED, order.order_id, order.instrument, order.strategy)

    def _replaced(self, order: LocalOrder, price: int, quantity: int, venue_order_id: int) -> None:
        self.reports.order(
            EventKind.ORDER_REPLACED,
            order.order_id,
            order.instrument,
            order.strategy,
            price=price,
            value=quantity,
            venue_order_id=venue_order_id,
        )

    def _end(self, order: LocalOrder, end: _End) -> None:
        """Closes an order, once every fill that the venue counts is here."""
        if end.filled > order.filled and self.rounds.fills_known_ns <= end.since_ns:
            self._ends[order.order_id] = end
            self.rounds.want_fills(order.order_id, end.filled)
            return
        self.reports.order(end.kind, order.order_id, order.instrument, order.strategy, value=end.value)
        self._watches.pop(order.order_id, None)

    def _taken(self, answer: Taken, sent: Sent) -> None:
        request: Any = sent.request
        self.reports.result(self.row, False)
        order = self.table.find(request.order_id)
        if isinstance(request, Place):
            self._remember(answer.venue_order_id, request.order_id)
            self._watches.pop(request.order_id, None)
            self._report(
                EventKind.ORDER_ACCEPTED, request.order_id, request.instrument, request.strategy, answer.venue_order_id
            )
            if request.order_id in self._overtaken:  # it is still wanted gone
                self._overtaken.discard(request.order_id)
                self.send_cancel(request.order_id, answer.venue_order_id, request.instrument, request.strategy)
        elif order is None or not order.open:
            return
        elif isinstance(request, Amend):
            self._remember(answer.venue_order_id, request.order_id)
            self._replaced(order, request.price, request.quantity, answer.venue_order_id)
        elif answer.final:
            filled = order.filled if answer.filled < 0 else answer.filled
            self._end(order, _End(EventKind.ORDER_CANCELED, 0, filled, self.now_ns))
        else:
            self.watch(order, self.now_ns + self._patience.request_ns)
        if order is not None and answer.filled > order.filled:
            self.rounds.want_fills(order.order_id, answer.filled)

    def _refused(self, answer: Refused, sent: Sent) -> None:
        request = sent.request
        self.reports.result(self.row, answer.error)
        if isinstance(request, Place):
            order = self.table.find(request.order_id)
            if answer.reason in _OF_A_REPEAT or (order is not None and order.status is not OrderStatus.SUBMITTED):
                self.watch(request, sent.settled_ns)
            else:
                self._reject(request, answer.reason)
        elif isinstance(request, Cancel) and self._came_too_early(request, sent):
            pass  # it is sent again
        elif isinstance(request, Cancel | Amend):
            self._take_back(request)
            order = self.table.find(request.order_id)
            if order is not None:
                self.watch(order, self.now_ns)
        else:
            self._ask_again(request)

    def _came_too_early(self, cancel: Cancel, sent: Sent) -> bool:
        """Whether a refused cancel may have overtaken its order. It is sent again once the venue knows that."""
        if self.post.is_placing(cancel.order_id):
            self._overtaken.add(cancel.order_id)
            return True
        order = self.table.find(cancel.order_id)
        if order is None or not order.open or order.updated_ns <= sent.sent_ns:
            return False
        self.send_cancel(order.order_id, order.venue_order_id, order.instrument, order.strategy)
        return True

    def _unsent(self, answer: Unsent, sent: Sent) -> None:
        request = sent.request
        if isinstance(request, Place) and answer.reason is Reason.MESSAGE_RATE_EXCEEDED:
            # The venue turned one copy away; should the network have made two, the other may have been taken.
            self._lost(Lost(request_id=answer.request_id), sent)
        elif isinstance(request, Place):
            self.reports.result(self.row, True)
            self._reject(request, answer.reason)
        elif isinstance(request, Cancel | Amend):
            self._take_back(request)
        else:
            self._ask_again(request)

    def _lost(self, _: Lost, sent: Sent) -> None:
        request = sent.request
        self.reports.result(self.row, True)
        if isinstance(request, Place):
            self._overtaken.discard(request.order_id)  # the cancel is taken back by what the venue says of the order
            order = self.table.find(request.order_id)
            if order is None or order.status is OrderStatus.SUBMITTED:  # else news has told of it
                self._report(EventKind.ORDER_UNKNOWN, request.order_id, request.instrument, request.strategy)
            self.watch(request, sent.settled_ns)
        elif isinstance(request, Cancel):
            order = self.table.find(request.order_id)
            if order is not None and order.open:
                self._take_back(request)
                self.watch(order, self.now_ns)
        elif isinstance(request, Amend):
            order = self.table.find(request.order_id)
            if order is not None:
                self.watch(order, sent.settled_ns)
        else:
            self._ask_again(request)

    def _order_answer(self, answer: OrderAnswer, sent: Sent) -> None:
        request = sent.request
        watch = self._watches.get(request.order_id) if isinstance(request, AskOrder) else None
        if not isinstance(request, AskOrder) or watch is None:
            return
        watch.asking = False
        order = self.table.find(request.order_id)
        early = sent.sent_ns < watch.settled_ns
        if answer.order is not None:
            self._found(answer.order, order, watch, early=early)
        elif order is None or not order.open:
            del self._watches[request.order_id]
        elif early:
            watch.due_ns = watch.settled_ns
        elif watch.missed or order.status is not OrderStatus.UNKNOWN:
            self._report(EventKind.ORDER_NOT_FOUND, order.order_id, order.instrument, order.strategy)
            watch.missed = True
            watch.due_ns = self.now_ns + self._patience.retry_ns
            if order.status is OrderStatus.UNKNOWN:  # the second time: it is closed
                del self._watches[request.order_id]
        else:
            watch.missed = True
            watch.due_ns = self.now_ns + self._patience.retry_ns

    def _found(self, said: OrderReport, order: LocalOrder | None, watch: _Watch, *, early: bool) -> None:
        """The venue knows a watched order. That it works is certain; its terms only once nothing is on its way."""
        moving = order is not None and order.open and (early or order.order_id in self.post.orders_on_their_way())
        if not moving or said.status not in _WORKING:
            del self._watches[said.order_id]
            self.hear(said, asked=True)
            return
        if resolve(None if order is None else order.status, said.status) is Resolution.ACCEPT:
            self._accept(said)
        watch.due_ns = max(watch.settled_ns, self.now_ns + self._patience.retry_ns)

    def watch(self, order: LocalOrder | OrderReport | Place, settled_ns: int) -> None:
        """Begins to ask for an order's fate, or goes on to; answers count from `settled_ns` on."""
        # One answer may overtake another request: a refused cancel says nothing of a Place that is still on its way.
        settled_ns = max(settled_ns, self.post.settled_ns(order.order_id))
        watch = self._watches.get(order.order_id)
        if watch is None:
            venue_order_id = 0 if isinstance(order, Place) else order.venue_order_id
            who = venue_order_id, order.instrument, order.strategy
            due_ns = max(self.now_ns, settled_ns)
            self._watches[order.order_id] = _Watch(settled_ns, due_ns, self._patience.retry_ns, *who)
        else:
            watch.settled_ns = max(watch.settled_ns, settled_ns)
            watch.due_ns = max(watch.due_ns, settled_ns) if watch.asking else max(self.now_ns, settled_ns)

    def lots_filled(self, order_id: int) -> int:
        """How far an order is filled here; one that the table has forgotten is filled for good."""
        order = self.table.find(order_id)
        return NEVER_NS if order is None else order.filled

    def _ask(self, order_id: int) -> None:
        watch = self._watches[order_id]
        if watch.asking or watch.due_ns > self.now_ns:
            return
        watch.asking = True
        request = AskOrder(
            request_id=self.post.number(),
            order_id=order_id,
            venue_order_id=watch.venue_order_id,
            instrument=watch.instrument,
            strategy=watch.strategy,
        )
        self.post.send(request, self.now_ns)

    def _ask_again(self, request: Any) -> None:
        """A question that was not answered is asked again, later each time."""
        if not isinstance(request, AskOrder):
            self.rounds.failed(request.request_id)
            return
        watch = self._watches.get(request.order_id)
        if watch is not None:
            watch.asking = False
            watch.due_ns = self.now_ns + watch.wait_ns
            watch.wait_ns = min(2 * watch.wait_ns, _BACKOFF_MAX * self._patience.retry_ns)

    def _open_orders(self) -> list[LocalOrder]:
        """The desk's open orders at this venue."""
        found = (self.table.find(order_id) for order_id in self.table.open_ids())
        return [order for order in found if order is not None and order.instrument in self.books.instruments]

    def missing(self, there: Sequence[OrderReport], asked_ns: int) -> None:
        """Asks for every open order of ours that a list of open orders does not name. Absence proves nothing."""
        named = {report.order_id for report in there}
        busy = self.post.orders_on_their_way()
        for order in self._open_orders():
            if order.order_id not in named and order.order_id not in busy and order.updated_ns < asked_ns:
                self.watch(order, self.now_ns)

    def _report(self, kind: EventKind, order_id: int, instrument: int, strategy: int, venue_order_id: int = 0) -> None:
        self.reports.order(kind, order_id, instrument, strategy, venue_order_id=venue_order_id)

    def _reject(self, request: Place, reason: Reason) -> None:
        self._watches.pop(request.order_id, None)
        self._overtaken.discard(request.order_id)
        self.reports.order(
            EventKind.ORDER_REJECTED, request.order_id, request.instrument, request.strategy, value=int(reason)
        )

    def _take_back(self, request: Cancel | Amend) -> None:
        """Says that a cancel or replace did not take. For an order that is not open it is nobody's business."""
        order = self.table.find(request.order_id)
        if order is not None and order.open:
            kind = EventKind.CANCEL_REJECTED if isinstance(request, Cancel) else EventKind.REPLACE_REJECTED
            self._report(kind, order.order_id, order.instrument, order.strategy)

    def _remember(self, venue_order_id: int, order_id: int) -> None:
        if venue_order_id:
            self._venue_ids[venue_order_id] = order_id
            while len(self._venue_ids) > 4 * ORDERS:
                del self._venue_ids[next(iter(self._venue_ids))]
