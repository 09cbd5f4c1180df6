"""The practice exchange: price-time priority between accounts and against an outside market that its driver quotes.

    exchange = PracticeExchange([Listing(value=100)])
    account = exchange.open_account([1_000_000])
    exchange.quote(now_ns, 0, 99, 101, 10, 10)
    why, order = exchange.place(now_ns, account, Ticket(client_id="1", instrument=0, side=Side.BUY, quantity=5))
    for news in exchange.take_news(): ...

It does no I/O and reads no clock: time comes in with each call and must not run backwards. It is the truth that a desk
is measured against, so it shares no code with the kernel's simulated venue and imports nothing of the kernel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quarterdeck.twins.exchange_books import Book, quoted
from quarterdeck.twins.exchange_records import (
    Force,
    Holder,
    Kind,
    Listing,
    News,
    Order,
    Position,
    Quote,
    Side,
    Status,
    Trade,
    Why,
)

__all__ = ["Change", "PracticeExchange", "Statement", "Ticket"]

_DAY_NS: Final = 86_400_000_000_000
_SECOND_NS: Final = 1_000_000_000
_PPB: Final = 1_000_000_000
_LARGEST: Final = 2**42  # prices and lots are below it
_STOPS: Final = (Kind.STOP, Kind.STOP_LIMIT)
_PRICED: Final = (Kind.LIMIT, Kind.STOP_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A new order as it is asked for. `expires_ns` 0: the request may come whenever it comes."""

    client_id: str
    instrument: int
    side: int
    quantity: int
    kind: Kind = Kind.MARKET
    force: Force = Force.GTC
    price: int = 0
    trigger_price: int = 0
    post_only: bool = False
    reduce_only: bool = False
    expires_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """New terms of a working order: `quantity` is the new total; a price of 0 stays as it was."""

    price: int
    quantity: int
    trigger_price: int = 0
    expires_ns: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """What an account holds: cash by purse, positions by instrument, and what it traded in a span of time."""

    cash: tuple[int, ...]
    positions: tuple[Position, ...]
    trades: tuple[Trade, ...]
    open_orders: tuple[Order, ...]


class PracticeExchange:
    """One exchange with any number of accounts.

    `cancel_delay_ns`: a cancel is only noted, and takes effect that much later. `requests_per_second` (0: endless) is
    what one account may ask for in one second; `halted` refuses all but cancels and trades nothing.
    """

    def __init__(self, listings: Sequence[Listing], *, requests_per_second: int = 0, cancel_delay_ns: int = 0) -> None:
        self.listings = tuple(listings)
        self.holders: list[Holder] = []
        self.books = [Book() for _ in self.listings]
        self.requests_per_second = requests_per_second
        self.cancel_delay_ns = cancel_delay_ns
        self.halted = False
        self.now_ns = 0
        self._purses = 1 + max(listing.purse for listing in self.listings)
        self._order_ids = 0
        self._trade_ids = 0
        self._fresh: dict[int, tuple[list[Trade], dict[int, Order]]] = {}  # news that nobody took yet
        self._noted: list[Order] = []  # cancels that wait for their time

    def open_account(self, cash: Sequence[int]) -> int:
        """Returns the new account's number. `cash` is by purse; purses that it does not name are empty."""
        funds = [*cash, *([0] * (self._purses - len(cash)))]
        self.holders.append(Holder(funds, [Position() for _ in self.listings]))
        return len(self.holders) - 1

    # What accounts ask for.

    def admit(self, now_ns: int, account: int) -> bool:
        """Counts a request; False where the account has asked too often in this second."""
        holder, second = self.holders[account], now_ns // _SECOND_NS
        if holder.second != second:
            holder.second, holder.requests = second, 0
        holder.requests += 1
        return not 0 < self.requests_per_second < holder.requests

    def place(self, now_ns: int, account: int, ticket: Ticket) -> tuple[Why, Order | None]:
        """Takes a new order. NONE and the order as it now stands; else why not.

        A client id that was read once is used up, even by an order that was refused; only one that came too late was
        not read at all.
        """
        self.advance(now_ns)
        holder = self.holders[account]
        if 0 < ticket.expires_ns < now_ns:
            return Why.TOO_LATE, None
        if ticket.client_id in holder.orders:
            return Why.DUPLICATE, None
        if not self._is_sound(ticket):
            return Why.MALFORMED, None
        order = self._enter(account, ticket)
        holder.orders[order.client_id] = order
        why = self._objection(order)
        if why is not Why.NONE:
            order.status, order.why = Status.REJECTED, why
            return why, order
        holder.open_orders[order.venue_order_id] = order
        self._note(order)
        if order.kind in _STOPS:
            self.books[order.instrument].wait(order)
            self._trigger(order.instrument)
        else:
            self._work(order)
        return Why.NONE, order

    def cancel(self, now_ns: int, account: int, client_id: str, venue_order_id: int = 0) -> tuple[Why, Order | None]:
        """Ends a working order, named by its client id or (where that is empty) by ours."""
        self.advance(now_ns)
        order = self.find(account, client_id, venue_order_id)
        if order is None or not order.open:
            return (Why.UNKNOWN_ORDER if order is None else Why.CLOSED_ORDER), order
        if self.cancel_delay_ns == 0:
            self._end(order, Status.CANCELED, Why.ASKED)
        elif order.cancel_ns == 0:
            order.cancel_ns = now_ns + self.cancel_delay_ns
            self._noted.append(order)
        return Why.NONE, order

    def amend(
        self, now_ns: int, account: int, change: Change, client_id: str, venue_order_id: int = 0
    ) -> tuple[Why, Order | None]:
        """Gives a working order new terms; all but a smaller quantity cost it its place in time."""
        self.advance(now_ns)
        order = self.find(account, client_id, venue_order_id)
        if 0 < change.expires_ns < now_ns:
            return Why.TOO_LATE, order
        if order is None or not order.open:
            return (Why.UNKNOWN_ORDER if order is None else Why.CLOSED_ORDER), order
        why = self._change_objection(order, change)
        if why is not Why.NONE:
            return why, order
        keeps = change.price in (0, order.price) and change.quantity <= order.quantity and change.trigger_price == 0
        book = self.books[order.instrument]
        waiting = order.waiting
        if not keeps:
            book.drop(order)
        order.quantity = change.quantity
        order.price = change.price or order.price
        order.trigger_price = change.trigger_price or order.trigger_price
        self._note(order)
        if waiting and not keeps:
            book.wait(order)
            self._trigger(order.instrument)
        elif not keeps:
            self._work(order)
        return Why.NONE, order

    def find(self, account: int, client_id: str, venue_order_id: int = 0) -> Order | None:
        """One order, open or closed, by its client id or (where that is empty) by ours."""
        holder = self.holders[account]
        if client_id:
            return holder.orders.get(client_id)
        working = holder.open_orders.get(venue_order_id)
        return working or next((o for o in holder.orders.values() if o.venue_order_id == venue_order_id), None)

    def open_orders(self, account: int) -> list[Order]:
        """The account's working orders, oldest first."""
        return list(self.holders[account].open_orders.values())

    def fills(self, now_ns: int, account: int, since_ns: int, most: int) -> tuple[list[Trade], int, bool]:
        """Trades from `since_ns` on, oldest first; the time up to which they are all; whether there are more.

        At most `most`, and all the others of the last one's time. A trade may still come at this very moment, so that
        `now_ns` itself is never said to be complete.
        """
        self.advance(now_ns)
        trades = self.holders[account].trades
        first = len(trades)
        while first > 0 and trades[first - 1].time_ns >= since_ns:
            first -= 1
        stop = min(first + most, len(trades))
        while first < stop < len(trades) and trades[stop].time_ns == trades[stop - 1].time_ns:
            stop += 1
        if stop == len(trades):
            return trades[first:], max(since_ns, now_ns) - 1, False
        return trades[first:stop], trades[stop - 1].time_ns, True

    def statement(self, now_ns: int, account: int, since_ns: int = 0, until_ns: int = 2**63) -> Statement:
        """What the account has now, and its trades of since_ns <= time < until_ns."""
        self.advance(now_ns)
        holder = self.holders[account]
        return Statement(
            tuple(holder.cash),
            tuple(Position(position.quantity, position.cost) for position in holder.positions),
            tuple(trade for trade in holder.trades if since_ns <= trade.time_ns < until_ns),
            tuple(holder.open_orders.values()),
        )

    # What the driver does.

    def quote(self, now_ns: int, instrument: int, quote: Quote) -> None:
        """Sets the outside market: it trades with every order it crosses, and sets off stops."""
        self.advance(now_ns)
        book = self.books[instrument]
        book.quote = Quote(quote.bid, quote.ask, quote.bid_lots, quote.ask_lots)
        self._meet(instrument)
        self._trigger(instrument)

    def resume(self, now_ns: int) -> None:
        """Ends a halt; what the outside market has crossed meanwhile trades now."""
        self.advance(now_ns)
        self.halted = False
        for instrument in range(len(self.listings)):
            self._meet(instrument)
            self._trigger(instrument)

    def transfer(self, account: int, purse: int, amount: int) -> None:
        """Brings in cash, or takes it out."""
        self.holders[account].cash[purse] += amount

    def advance(self, now_ns: int) -> None:
        """Lets time pass: noted cancels take effect and DAY orders end. Every call does so by itself."""
        if now_ns < self.now_ns:
            raise ValueError(f"time runs backwards at the exchange, from {self.now_ns} to {now_ns}")
        ended = now_ns // _DAY_NS > self.now_ns // _DAY_NS > 0
        self.now_ns = now_ns
        if self._noted:
            due = [order for order in self._noted if order.cancel_ns <= now_ns]
            self._noted = [order for order in self._noted if order.cancel_ns > now_ns]
            for order in due:
                if order.open:
                    self._end(order, Status.CANCELED, Why.ASKED)
        if ended:
            for holder in self.holders:
                for order in [order for order in holder.open_orders.values() if order.force is Force.DAY]:
                    self._end(order, Status.EXPIRED, Why.DAY_END)

    def take_news(self) -> list[News]:
        """What changed since the last call, by account."""
        if not self._fresh:
            return []
        fresh, self._fresh = self._fresh, {}
        return [
            News(account, tuple(trades), tuple(orders.values())) for account, (trades, orders) in sorted(fresh.items())
        ]

    # Inside.

    def _is_sound(self, ticket: Ticket) -> bool:
        priced = 0 < ticket.price < _LARGEST if ticket.kind in _PRICED else ticket.price == 0
        stopped = 0 < ticket.trigger_price < _LARGEST if ticket.kind in _STOPS else ticket.trigger_price == 0
        patient = ticket.kind is Kind.LIMIT and ticket.force in (Force.GTC, Force.DAY)
        return (
            ticket.client_id != ""
            and 0 <= ticket.instrument < len(self.listings)
            and ticket.side in (Side.BUY, Side.SELL)
            and 0 < ticket.quantity < _LARGEST
            and priced
            and stopped
            and (patient or not ticket.post_only)
        )

    def _enter(self, account: int, ticket: Ticket) -> Order:
        self._order_ids += 1
        return Order(
            venue_order_id=self._order_ids,
            client_id=ticket.client_id,
            account=account,
            instrument=ticket.instrument,
            side=ticket.side,
            kind=ticket.kind,
            force=ticket.force,
            price=ticket.price,
            trigger_price=ticket.trigger_price,
            quantity=ticket.quantity,
            post_only=ticket.post_only,
            reduce_only=ticket.reduce_only,
            updated_ns=self.now_ns,
        )

    def _objection(self, order: Order) -> Why:
        if self.halted:
            return Why.HALTED
        if order.reduce_only and self._executable(order) == 0:
            return Why.NOTHING_TO_REDUCE
        if order.post_only and self._would_cross(order):
            return Why.WOULD_CROSS
        if order.force is Force.FOK and order.kind not in _STOPS and not self._reachable(order):
            return Why.NO_LIQUIDITY
        return Why.NONE

    def _change_objection(self, order: Order, change: Change) -> Why:
        if self.halted:
            return Why.HALTED
        sound = 0 <= change.price < _LARGEST and 0 <= change.trigger_price < _LARGEST
        sound = sound and 0 < change.quantity < _LARGEST
        sound = sound and (order.kind in _PRICED or change.price == 0)
        if not sound or (change.trigger_price > 0 and not order.waiting):
            return Why.MALFORMED
        if change.quantity <= order.filled:
            return Why.ALREADY_FILLED
        if order.post_only and change.price > 0:
            before, order.price = order.price, change.price
            crossing = self._would_cross(order)
            order.price = before
            if crossing:
                return Why.WOULD_CROSS
        return Why.NONE

    def _note(self, order: Order) -> None:
        order.updated_ns = self.now_ns
        self._fresh.setdefault(order.account, ([], {}))[1][order.venue_order_id] = order

    def _end(self, order: Order, status: Status, why: Why) -> None:
        self.books[order.instrument].drop(order)
        order.status, order.why = status, why
        self.holders[order.account].open_orders.pop(order.venue_order_id, None)
        self._note(order)

    def _executable(self, order: Order) -> int:
        """Lots that the order may trade now."""
        if not order.reduce_only:
            return order.remaining
        held = self.holders[order.account].positions[order.instrument].quantity
        return min(order.remaining, max(0, -held * order.side))

    @staticmethod
    def _acceptable(order: Order, price: int) -> bool:
        if price <= 0:
            return False
        return order.kind not in _PRICED or order.side * (order.price - price) >= 0

    def _would_cross(self, order: Order) -> bool:
        book = self.books[order.instrument]
        rivals = book.opposite(order)
        inner = bool(rivals) and self._acceptable(order, rivals[0].price)
        return inner or self._acceptable(order, quoted(book.quote, order.side)[0])

    def _reachable(self, order: Order) -> bool:
        """Whether the whole order can trade at once."""
        book = self.books[order.instrument]
        price, lots = quoted(book.quote, order.side)
        found = lots if self._acceptable(order, price) else 0
        for rival in book.opposite(order):
            if self._acceptable(order, rival.price):
                found += self._executable(rival)
        return self._executable(order) == order.quantity <= found

    def _work(self, order: Order) -> None:
        """Lets an order take what it can; the rest of it rests or ends."""
        if not self.halted:
            self._take(order)
        if not order.open:
            return
        if order.kind in _PRICED and order.force in (Force.GTC, Force.DAY):
            self.books[order.instrument].rest(order)
        else:
            self._end(order, Status.CANCELED, Why.NO_LIQUIDITY)

    def _take(self, order: Order) -> None:
        book = self.books[order.instrument]
        while order.open:
            wanted = self._executable(order)
            if wanted == 0:
                self._end(order, Status.CANCELED, Why.NOTHING_TO_REDUCE)
                return
            price, lots = quoted(book.quote, order.side)
            rivals = book.opposite(order)
            rival = rivals[0] if rivals and self._acceptable(order, rivals[0].price) else None
            if rival is not None and (price == 0 or order.side * (rival.price - price) <= 0):
                self._trade_between(order, rival, wanted)
            elif self._acceptable(order, price):
                lots = min(lots, wanted)
                self._lift(book.quote, order.side, lots)
                self._fill(order, price, lots, maker=False)
            else:
                return

    def _trade_between(self, taker: Order, maker: Order, wanted: int) -> None:
        lots = min(wanted, self._executable(maker))
        if lots == 0:
            self._end(maker, Status.CANCELED, Why.NOTHING_TO_REDUCE)
            return
        self._fill(maker, maker.price, lots, maker=True)
        self._fill(taker, maker.price, lots, maker=False)

    @staticmethod
    def _lift(quote: Quote, side: int, lots: int) -> None:
        if side == Side.BUY:
            quote.ask_lots -= lots
        else:
            quote.bid_lots -= lots

    def _meet(self, instrument: int) -> None:
        """The outside market trades with resting orders that it crosses, at their prices."""
        if self.halted:
            return
        book = self.books[instrument]
        for side in (Side.BUY, Side.SELL):
            for order in book.crossed(side, quoted(book.quote, side)[0]):
                lots = min(self._executable(order), quoted(book.quote, side)[1])
                if lots > 0:
                    self._lift(book.quote, side, lots)
                    self._fill(order, order.price, lots, maker=True)
                elif self._executable(order) == 0:
                    self._end(order, Status.CANCELED, Why.NOTHING_TO_REDUCE)

    def _trigger(self, instrument: int) -> None:
        """Sets off every stop whose price was reached; each was oldest first when its turn came."""
        if self.halted:
            return
        book = self.books[instrument]
        for order in book.triggered():
            book.drop(order)
            self._work(order)

    def _fill(self, order: Order, price: int, lots: int, *, maker: bool) -> None:
        listing, holder = self.listings[order.instrument], self.holders[order.account]
        paid = price * lots * listing.value
        fee = paid * (listing.maker_fee_ppb if maker else listing.taker_fee_ppb) // _PPB
        result = _move(holder.positions[order.instrument], order.side, lots, paid)
        holder.cash[listing.purse] += (result if listing.margined else -order.side * paid) - fee
        self._trade_ids += 1
        holder.trades.append(
            Trade(
                self._trade_ids,
                order.venue_order_id,
                order.client_id,
                order.account,
                order.instrument,
                order.side,
                price,
                lots,
                fee,
                maker,
                self.now_ns,
            )
        )
        order.filled += lots
        order.status = Status.PARTIALLY_FILLED
        self._note(order)
        self._fresh[order.account][0].append(holder.trades[-1])
        if order.remaining == 0:
            self._end(order, Status.FILLED, Why.NONE)


def _move(position: Position, side: int, lots: int, paid: int) -> int:
    """Moves a position at average cost and returns the fill's result. What crosses zero opens at its own price."""
    held = abs(position.quantity)
    if position.quantity * side >= 0:
        position.quantity += side * lots
        position.cost += side * paid
        return 0
    closing = min(lots, held)
    paid_closing = paid * closing // lots
    released = abs(position.cost) * closing // held * (1 if position.cost >= 0 else -1)
    position.quantity += side * lots
    position.cost += side * (paid - paid_closing) - released
    return -side * paid_closing - released
