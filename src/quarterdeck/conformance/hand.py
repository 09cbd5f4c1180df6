"""The hand that trades in a conformance run: small orders of one instrument, and what became of each.

Its orders bear a strategy number that no desk has, and ids that no desk and no other run issues: the time, in
microseconds. So a desk knows them for orders that are not its strategies', and two runs never share one.
"""

import itertools
import time
from typing import Final

import msgspec

from quarterdeck.conformance.conversation import Conversation, Touch
from quarterdeck.conformance.outcome import Failed
from quarterdeck.conformance.switches import FaultSwitch
from quarterdeck.conformance.terms import CROSS, FAR, Terms
from quarterdeck.kernel.vocabulary import OrderStatus, OrderType, Reason, Side
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
    Place,
    Refused,
    Request,
    Taken,
    TradeReport,
    Unsent,
)

__all__ = ["CLOSED", "STRATEGY", "Hand", "words"]

STRATEGY: Final = 32_767
CLOSED: Final = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED})
_ROOM_S: Final = 75.0  # a venue's rate limit has room again within a minute
_AGAIN_S: Final = 0.25
_LIVE_S: Final = 30.0  # how long a request may travel where the venue bounds it
_PAGES_MAX: Final = 1_000
_FLATTEN_MAX: Final = 20
_REFRESH_S: Final = 2.0


def words(answer: Answer | None) -> str:
    """Says what an answer was."""
    if answer is None:
        return "no answer in time"
    text = getattr(answer, "text", "")
    reason = getattr(answer, "reason", Reason.NONE)
    named = f" {reason.name}" if isinstance(answer, Refused | Unsent) else ""
    return f"{type(answer).__name__}{named}{': ' + text if text else ''}"


class Hand:
    """One account's orders. What a venue does not answer, or answers as it must not, is Failed."""

    def __init__(self, talk: Conversation, terms: Terms, switch: FaultSwitch | None) -> None:
        self.talk, self.terms, self.switch = talk, terms, switch
        self._ids = itertools.count(time.time_ns() // 1_000)
        self.placed: dict[int, Side] = {}
        self.lots = 0  # of the smallest order; known with the first quote
        self.held_before = 0
        self.cash_before = 0
        self.since_ns = 0

    # Prices.

    def touch(self) -> Touch:
        """Returns the newest best bid and ask, and what stands there. Failed: none came."""
        found = self.talk.until(lambda: self.talk.touch.get(self.terms.index))
        if found is None:
            raise Failed(f"no quote of {self.terms.instrument.symbol} came within {self.talk.patience_s:g} s")
        return found

    def refresh(self) -> None:
        """Waits for a newer quote, if one comes: what stood at the old one may be what this run has taken."""
        seen = self.talk.quotes
        self.talk.until(lambda: self.talk.quotes > seen + 1 or None, _REFRESH_S)

    def far(self, side: Side) -> int:
        """Returns a price that is not reached in a run's time."""
        bid, ask, *_ = self.touch()
        return self.terms.moved(bid, -FAR) if side is Side.BUY else self.terms.moved(ask, FAR)

    def through(self, side: Side) -> int:
        """Returns a price that crosses the market."""
        bid, ask, *_ = self.touch()
        return self.terms.moved(ask, CROSS) if side is Side.BUY else self.terms.moved(bid, -CROSS)

    # Requests.

    def ask(self, request: Request, patience_s: float | None = None) -> Answer | None:
        """Asks; what a rate limit turned away unread is asked again, under another number, as soon as there is room."""
        deadline = time.monotonic() + _ROOM_S
        while True:
            answer = self.talk.ask(request, patience_s)
            busy = isinstance(answer, Unsent) and answer.reason is Reason.MESSAGE_RATE_EXCEEDED
            if not busy or time.monotonic() > deadline:
                return answer
            time.sleep(_AGAIN_S)
            request = msgspec.structs.replace(request, request_id=self.talk.number())

    def new_id(self) -> int:
        """Returns an order id that was never used."""
        return next(self._ids)

    def request(
        self,
        side: Side,
        price: int,
        lots: int = 0,
        *,
        order_id: int = 0,
        post_only: bool = False,
        reduce_only: bool = False,
        late: bool = False,
    ) -> Place:
        """Returns a limit order; `late`: the venue's time for it is over already."""
        order_id = order_id or self.new_id()
        self.placed[order_id] = side
        within_s = -_LIVE_S if late else _LIVE_S
        expires = time.time_ns() + int(within_s * 1e9) if self.talk.capabilities.expiry else 0
        return Place(
            request_id=self.talk.number(), order_id=order_id, strategy=STRATEGY, instrument=self.terms.index,
            side=side, price=price, trigger_price=0, quantity=lots or self.lots, order_type=OrderType.LIMIT,
            time_in_force=self.terms.time_in_force, post_only=post_only, reduce_only=reduce_only, expires_ns=expires,
        )  # fmt: skip

    def cancelling(self, order_id: int, venue_order_id: int = 0) -> Cancel:
        """Returns the cancel of an order by our id, or (`order_id` 0) by the venue's."""
        return Cancel(
            request_id=self.talk.number(), order_id=order_id, venue_order_id=venue_order_id,
            instrument=self.terms.index, strategy=STRATEGY if order_id else -1, expires_ns=0,
        )  # fmt: skip

    def cancel(self, order_id: int, venue_order_id: int = 0) -> Answer | None:
        """Cancels an order."""
        return self.ask(self.cancelling(order_id, venue_order_id))

    def amend(self, order: OrderReport, price: int, lots: int) -> Answer | None:
        """Changes a working order's price and total quantity."""
        request = Amend(
            request_id=self.talk.number(), order_id=order.order_id, venue_order_id=order.venue_order_id,
            instrument=self.terms.index, strategy=STRATEGY, side=order.side, price=price, trigger_price=0,
            quantity=lots, order_type=OrderType.LIMIT, time_in_force=self.terms.time_in_force, post_only=False,
            reduce_only=False, expires_ns=0,
        )  # fmt: skip
        return self.ask(request)

    def order(self, order_id: int) -> OrderReport | None:
        """Asks what became of an order; None: the venue does not know it. An answer that fails is asked for again."""
        deadline = time.monotonic() + self.talk.patience_s
        while True:
            request = AskOrder(
                request_id=self.talk.number(), order_id=order_id, venue_order_id=0, instrument=self.terms.index,
                strategy=STRATEGY,
            )  # fmt: skip
            answer = self.ask(request)
            if isinstance(answer, OrderAnswer):
                return answer.order
            if not isinstance(answer, Lost | Unsent | None) or time.monotonic() > deadline:
                raise Failed(f"asked what became of an order: {words(answer)}")
            time.sleep(_AGAIN_S)

    def known(self, order_id: int, wanted: str, *statuses: OrderStatus) -> OrderReport:
        """Returns an order's report once it is in one of these states. Failed: it never is in time."""
        deadline = time.monotonic() + self.talk.patience_s
        while True:
            found = self.order(order_id)
            if found is not None and found.status in statuses:
                return found
            if time.monotonic() > deadline:
                state = "unknown to the venue" if found is None else found.status.name
                raise Failed(f"{wanted}, and asked about it the venue says: {state}")
            time.sleep(_AGAIN_S)

    def open_orders(self) -> tuple[OrderReport, ...]:
        """Returns all open orders of the account."""
        answer = self.ask(AskOrders(request_id=self.talk.number()))
        if not isinstance(answer, OrdersAnswer):
            raise Failed(f"asked for the open orders: {words(answer)}")
        return answer.orders

    def account(self) -> tuple[int, int]:
        """Returns what is held, in lots, and the purse's cash, in money units."""
        answer = self.ask(AskAccount(request_id=self.talk.number()))
        if not isinstance(answer, AccountAnswer):
            raise Failed(f"asked for the account: {words(answer)}")
        held = sum(one.quantity for one in answer.holdings if one.instrument == self.terms.index)
        return held, sum(one.cash for one in answer.balances if one.account == self.terms.purse)

    def fills(self) -> list[TradeReport]:
        """Returns this run's fills from the venue's list, oldest first."""
        found: dict[tuple[int, int], TradeReport] = {}
        since = self.since_ns
        for _ in range(_PAGES_MAX):
            answer = self.ask(AskFills(request_id=self.talk.number(), since_ns=since))
            if not isinstance(answer, FillsAnswer):
                raise Failed(f"asked for the fills: {words(answer)}")
            ours = [fill for fill in answer.fills if fill.order_id in self.placed and fill.strategy == STRATEGY]
            found.update({(fill.trade_id, fill.order_id): fill for fill in ours})
            if not answer.more:
                return list(found.values())
            since = answer.until_ns + 1
        raise Failed(f"the list of fills did not end within {_PAGES_MAX} parts")

    # Whole steps, which have to succeed for a scenario to say anything.

    def rest(self, side: Side = Side.BUY, price: int = 0) -> OrderReport:
        """Places an order that rests; returns it as the venue tells it."""
        request = self.request(side, price or self.far(side))
        answer = self.ask(request)
        if not isinstance(answer, Taken):
            raise Failed(f"an order that should rest: {words(answer)}")
        return self.known(request.order_id, "an order that should rest was taken", OrderStatus.ACCEPTED)

    def end(self, order_id: int) -> OrderReport:
        """Cancels a working order and returns how it ended."""
        answer = self.cancel(order_id)
        if not isinstance(answer, Taken) and not self._closed(order_id):
            raise Failed(f"the cancel of a working order: {words(answer)}")
        return self.known(order_id, "a cancelled order is not closed", *CLOSED)

    def _closed(self, order_id: int) -> bool:
        """Whether it filled before the cancel came."""
        found = self.order(order_id)
        return found is not None and found.status in CLOSED

    def traded(self, order_id: int) -> int:
        """Returns an order's filled lots, as the stream told them."""
        return sum(fill.quantity for fill in self.talk.fills.values() if fill.order_id == order_id)

    def take(self, side: Side, lots: int = 0) -> Place:
        """Trades at once, whole. Failed: it was not filled in time; what rests of it is cancelled."""
        request = self.request(side, self.through(side), lots)
        answer = self.ask(request)
        if not isinstance(answer, Taken):
            raise Failed(f"an order that crosses the market: {words(answer)}")
        if not self.talk.until(lambda: self.traded(request.order_id) >= request.quantity):
            ended = self.end(request.order_id)
            done = self.traded(request.order_id)
            raise Failed(
                f"an order that crosses the market: {done} of {request.quantity} lots were told as fills within "
                f"{self.talk.patience_s:g} s; the order is {ended.status.name} with {ended.filled} filled"
            )
        return request

    def flatten(self) -> None:
        """Comes back to what was held before the run. Failed: not within a few orders."""
        for _ in range(_FLATTEN_MAX):
            held = self.settled() - self.held_before
            if not held:
                return
            self.take(Side.SELL if held > 0 else Side.BUY, abs(held))
        raise Failed(f"{_FLATTEN_MAX} orders did not bring the position back to {self.held_before} lots")

    def settled(self) -> int:
        """Returns the position, once the account and the fills that were told agree, or patience is over."""
        told = sum(int(self.placed[one.order_id]) * one.quantity for one in self._ours())
        deadline = time.monotonic() + self.talk.patience_s
        while True:
            held = self.account()[0]
            # A spot venue may take its fee out of what was bought.
            if held - self.held_before == told or self.terms.spot or time.monotonic() > deadline:
                return held
            time.sleep(_AGAIN_S)

    def _ours(self) -> list[TradeReport]:
        return [fill for fill in self.talk.fills.values() if fill.order_id in self.placed]
