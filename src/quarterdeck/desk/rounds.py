"""The rounds in which a courier compares the desk with its venue, and the listings of fills between them."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from quarterdeck.desk.offset import ClockOffset
from quarterdeck.desk.patience import Patience
from quarterdeck.desk.post import NEVER_NS, Post, Sent
from quarterdeck.desk.reconciliation import Books, Difference, RecentFills, Step, Suspicions
from quarterdeck.desk.reports import Reports
from quarterdeck.venues.messages import (
    AccountAnswer,
    AskAccount,
    AskFills,
    AskOrders,
    ChargeReport,
    FillsAnswer,
    OrderReport,
    OrdersAnswer,
)

__all__ = ["Rounds"]

_BACKOFF_MAX: Final = 8  # times the retry interval
_RECHECK: Final = 4  # times the retry interval, while something differs


class _Courier(Protocol):
    """What a round needs of its courier."""

    row: int
    now_ns: int
    books: Books
    offset: ClockOffset
    post: Post
    reports: Reports

    @property
    def unresolved(self) -> int: ...
    def take_fills(self, fills: Any) -> None: ...
    def lots_filled(self, order_id: int) -> int: ...
    def hear(self, said: OrderReport, *, asked: bool) -> None: ...
    def missing(self, there: Any, asked_ns: int) -> None: ...


class Rounds:
    """Asks in turn, and says what differs. `ready` from the first round that left nothing open, until the line breaks.

    `fills_known_ns` is when, by the desk's clock, the newest complete listing of fills was asked for. `foreign` are the
    instruments with working orders of somebody else.
    """

    def __init__(self, courier: _Courier, patience: Patience) -> None:
        self.ready = False
        self.recent = RecentFills()
        self.suspicions = Suspicions()
        self.foreign: frozenset[int] = frozenset()
        self.prices: dict[int, int] = {}  # average prices that the venue told, for whoever adopts
        self.costs: dict[int, int | None] = {}  # what the venue says was paid for what it holds
        self.fills_known_ns = -1
        self.rounds_done = 0
        self._courier = courier
        self._patience = patience
        self._step = Step.IDLE
        self._opening = False
        self._expected = -1  # the request whose answer counts
        self._round_due_ns = NEVER_NS
        self._fills_due_ns = NEVER_NS
        self._retry_due_ns = NEVER_NS
        self._wait_ns = patience.retry_ns
        self._listing_ns = 0
        self._short: dict[int, int] = {}  # orders, and how far the venue says they are filled
        self._statement: AccountAnswer | None = None
        self._flagged: frozenset[int] = frozenset()
        self._compare = False
        self._complete = False  # a round has been completed since the line came up

    @property
    def due_ns(self) -> int:
        """When `tick` has something to do."""
        if self._step is not Step.IDLE or self._expected >= 0:
            return self._retry_due_ns
        return min(self._round_due_ns, self._fills_due_ns)

    def begin_anew(self) -> None:
        """The line is up: news may have been missed, so everything is asked for."""
        self.interrupt()
        self._round_due_ns = self._courier.now_ns

    def interrupt(self) -> None:
        """The line is down, or was: what was asked does not count any more."""
        self.ready = self._complete = self._compare = False
        self._step, self._expected = Step.IDLE, -1
        self._round_due_ns = self._fills_due_ns = self._retry_due_ns = NEVER_NS
        self._wait_ns = self._patience.retry_ns

    def want_fills(self, order_id: int, filled: int) -> None:
        """The venue counts `filled` lots of an order, and we fewer: unless news brings them soon, they are listed."""
        self._short[order_id] = max(filled, self._short.get(order_id, 0))
        self._fills_due_ns = min(self._fills_due_ns, self._courier.now_ns + self._patience.retry_ns)

    def tick(self) -> None:
        """Begins what is due, and asks again what was not answered."""
        now = self._courier.now_ns
        if self._step is not Step.IDLE or self._expected >= 0:
            if now >= self._retry_due_ns:
                self._ask()
        elif now >= self._round_due_ns:
            self._begin_round()
        elif now >= self._fills_due_ns:
            self._fills_due_ns = NEVER_NS
            short = any(self._courier.lots_filled(order_id) < filled for order_id, filled in self._short.items())
            self._short.clear()
            if short:
                self._list_fills()

    def failed(self, request_id: int) -> None:
        """A question was not answered: it is asked again, later each time."""
        if request_id != self._expected:
            return
        self._retry_due_ns = self._courier.now_ns + self._wait_ns
        self._wait_ns = min(2 * self._wait_ns, _BACKOFF_MAX * self._patience.retry_ns)

    def _begin_round(self) -> None:
        books = self._courier.books
        self._round_due_ns = self._courier.now_ns + self._patience.every_ns
        self._flagged = frozenset(i for i in books.instruments if books.flagged(i))
        self._opening = books.reconciled_ns == 0
        self._step = Step.ACCOUNT if self._opening else Step.FILLS
        self._since_ns = books.reconciled_ns
        self._listing_ns = self._courier.now_ns
        self._ask()

    def _list_fills(self) -> None:
        self._since_ns = self._courier.books.reconciled_ns
        self._listing_ns = self._courier.now_ns
        self._ask()

    def _ask(self) -> None:
        courier = self._courier
        number = courier.post.number()
        self._expected = number
        self._retry_due_ns = NEVER_NS
        if self._step is Step.ORDERS:
            courier.post.send(AskOrders(request_id=number), courier.now_ns)
        elif self._step is Step.ACCOUNT:
            courier.post.send(AskAccount(request_id=number), courier.now_ns)
        else:
            courier.post.send(AskFills(request_id=number, since_ns=self._since_ns), courier.now_ns)

    def _go_on(self, step: Step) -> None:
        self._step, self._expected = step, -1
        self._wait_ns = self._patience.retry_ns
        if step is not Step.IDLE:
            self._since_ns = self._courier.books.reconciled_ns
            self._listing_ns = self._courier.now_ns
            self._ask()

    def charges(self, charges: Sequence[ChargeReport]) -> None:
        """Charges are facts as fills are: each goes to the kernel, which knows repeats by the venue's trade id."""
        courier, books = self._courier, self._courier.books
        for charge in charges:  # what was charged before the desk opened is in what it took over
            if charge.account in books.accounts and 0 < books.opened_ns < charge.venue_time_ns:
                courier.reports.charge(charge, charge.strategy if charge.strategy < books.strategies else -1)
                self.recent.add_charge(charge)

    # answers

    def fills(self, answer: FillsAnswer, _: Sent) -> None:
        """Takes a listing, or a part of one."""
        self._courier.take_fills(answer.fills)  # a late answer holds facts as well
        if answer.request_id != self._expected:
            return
        if answer.more:
            self._since_ns = answer.until_ns + 1  # a part holds all of its last moment
            self._ask()
            return
        self.fills_known_ns = self._listing_ns
        until_ns = answer.until_ns - self._patience.overlap_ns
        if until_ns > self._courier.books.reconciled_ns:
            self._courier.reports.reconciled(self._courier.row, until_ns)
        if self._step is Step.FILLS:
            self._go_on(Step.ORDERS)
        elif self._step is Step.FILLS_AGAIN:
            self._compare = True  # once the fills have been applied
            self._go_on(Step.IDLE)
        else:
            self._go_on(Step.IDLE)

    def orders(self, answer: OrdersAnswer, sent: Sent) -> None:
        if answer.request_id != self._expected:
            return
        self.foreign = frozenset(order.instrument for order in answer.orders if order.order_id <= 0)
        for order in answer.orders:
            self._courier.hear(order, asked=False)
        self._courier.missing(answer.orders, sent.sent_ns)
        self._go_on(Step.ACCOUNT)

    def account(self, answer: AccountAnswer, sent: Sent) -> None:
        if answer.request_id != self._expected:
            return
        if answer.venue_time_ns:
            self._courier.offset.sample(sent.sent_ns, self._courier.now_ns, answer.venue_time_ns)
        self.prices.update((holding.instrument, holding.price) for holding in answer.holdings if holding.price)
        self.costs = {holding.instrument: holding.cost for holding in answer.holdings}
        if self._opening:
            self._open_books(answer, sent)
            self._opening = False
            self._round_due_ns = self._courier.now_ns
            self._go_on(Step.IDLE)
            return
        self._statement = answer
        self._asked_ns = sent.sent_ns
        self._go_on(Step.FILLS_AGAIN)

    def _open_books(self, answer: AccountAnswer, sent: Sent) -> None:
        """A desk that has not traded yet takes over what its account holds: cash as capital, positions at their price.

        Last it says from when on fills are its own. Should it die before that, it does so again, with what is left.
        """
        courier, books = self._courier, self._courier.books
        cash = dict.fromkeys(books.accounts, 0)
        cash.update((one.account, one.cash) for one in answer.balances if one.account in cash)
        more = {account: amount - books.cash(account) for account, amount in cash.items()}
        held = {holding.instrument: holding for holding in answer.holdings}
        for instrument in books.instruments:
            holding = held.get(instrument)
            lots = (0 if holding is None else holding.quantity) - books.net(instrument)
            if lots:
                price = (0 if holding is None else holding.price) or books.mark_ticks(instrument) or 1
                courier.reports.position(instrument, 0, price, lots)
                cost = 0 if holding is None else holding.cost
                paid = None if cost is None else cost - books.cost(instrument)
                more[books.purse(instrument)] += books.rounding(instrument, lots, price, paid)
        for account, amount in more.items():
            if amount:
                courier.reports.transfer(account, amount)
        seen_ns = answer.venue_time_ns or courier.offset.venue_time(sent.sent_ns)
        courier.reports.reconciled(courier.row, seen_ns)

    # comparing

    def settle(self) -> None:
        """Compares, once what the answers brought has been applied; and says when entries may begin."""
        if self._compare:
            self._compare = False
            self._complete = True
            self.rounds_done += 1
            self._judge()
        if self._complete and not self.ready and self._courier.unresolved == 0:
            self.ready = True
            self._courier.reports.connection(self._courier.row, True)

    def _judge(self) -> None:
        assert self._statement is not None, "a round compares a statement"
        courier, books, statement = self._courier, self._courier.books, self._statement
        quiet = frozenset(books.instruments) - self.recent.heard_since(self._asked_ns)
        self.suspicions.take(books.differences(statement, self.recent, quiet, self._patience.cash_tolerance))
        for balance in statement.balances:
            if balance.account in books.accounts:
                courier.reports.balance(balance.account, balance.cash)
        differing = self.differing
        for instrument in books.instruments:
            flagged = books.flagged(instrument)
            if instrument in differing and not flagged:
                courier.reports.difference(instrument, True)
            elif flagged and instrument not in differing and instrument in self._flagged and not self._seen(instrument):
                courier.reports.difference(instrument, False)
        if self.suspicions.seen or differing or any(books.flagged(i) for i in books.instruments):
            self._round_due_ns = min(self._round_due_ns, courier.now_ns + _RECHECK * self._patience.retry_ns)

    def _seen(self, instrument: int) -> bool:
        """Whether this round saw anything wrong there, confirmed or not."""
        return any(self.concerns(found, instrument) for found in self.suspicions.seen)

    def concerns(self, found: Difference, instrument: int) -> bool:
        """Whether a difference is of an instrument, or of the purse that settles it."""
        return instrument in self._where(found)

    def _where(self, found: Difference) -> frozenset[int]:
        return frozenset((found.instrument,)) if found.account < 0 else self._courier.books.settled_by(found.account)

    @property
    def differing(self) -> frozenset[int]:
        """Instruments where entries must stop: position or purse differ, or somebody else's orders work."""
        found = self.foreign & frozenset(self._courier.books.instruments)
        for difference in self.suspicions.confirmed:
            found |= self._where(difference)
        return found
