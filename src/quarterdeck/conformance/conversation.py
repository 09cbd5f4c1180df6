"""Talks with one venue through its adapter: asks and waits for the answer, and keeps all that is said unasked.

    talk = Conversation(lambda: open_venue(config, 0), patience_s=10.0)
    talk.open()
    answer = talk.ask(AskAccount(request_id=talk.number()))

Every wait has an end. What the adapter delivers, from whatever thread, is noted under one lock.
"""

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.venues.messages import (
    Answer,
    ChargesNews,
    FillsNews,
    FundingNews,
    FundingReport,
    Line,
    MarketData,
    Message,
    OrderNews,
    OrderReport,
    Remark,
    Request,
    TradeReport,
)
from quarterdeck.venues.protocol import Capabilities, Venue

__all__ = ["Conversation", "Touch"]

_REPORTS_MAX: Final = 10_000
_NS_PER_MS: Final = 1_000_000

T = TypeVar("T")
Touch = tuple[int, int, int, int]  # bid, ask, bid lots, ask lots


class Conversation:
    """One venue and what it said. `patience_s` is how long each answer is waited for."""

    def __init__(self, connect: Callable[[], Venue], patience_s: float) -> None:
        self.patience_s = patience_s
        self._connect = connect
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._venue: Venue | None = None
        self.latest: Venue | None = None
        self._answers: dict[int, Answer] = {}
        self.up = False
        self.ups = self.downs = self.quotes = 0
        self.why_down = ""
        self.touch: dict[int, Touch] = {}
        self.orders: list[OrderReport] = []
        self.fills: dict[tuple[int, int], TradeReport] = {}
        self.payments: set[FundingReport] = set()
        self.first_venue_ns = 0
        self.took_ms: dict[str, list[float]] = {}

    # The line.

    @property
    def capabilities(self) -> Capabilities:
        """What the venue declares of itself."""
        assert self._venue is not None
        return self._venue.capabilities

    def open(self) -> None:
        """Begins to connect."""
        self._venue = self.latest = self._connect()
        self._venue.open(self._hear)

    def close(self) -> None:
        """Gives the connection up; nothing is heard after this."""
        venue, self._venue = self._venue, None
        if venue is not None:
            venue.close()
        with self._changed:
            self.up = False

    def reopen(self) -> None:
        """Ends the connection, whatever is on its way, and begins another: as a desk that was started again."""
        self.close()
        self.open()

    # Asking.

    def number(self) -> int:
        """Returns the next request's number."""
        return next(self._numbers)

    def send(self, request: Request) -> None:
        """Hands a request over; its answer is noted, too, but nobody waits for it."""
        assert self._venue is not None
        self._venue.send(request)

    def ask(self, request: Request, patience_s: float | None = None) -> Answer | None:
        """Returns the answer; None when none came in time."""
        began = time.monotonic()
        self.send(request)
        answer = self.answer_to(request, patience_s)
        if answer is not None:
            took = (time.monotonic() - began) * 1_000
            self.took_ms.setdefault(type(request).__name__, []).append(took)
        return answer

    def answer_to(self, request: Request, patience_s: float | None = None) -> Answer | None:
        """Returns the answer to a request that was sent; None when none came in time."""
        return self.until(lambda: self._answers.pop(request.request_id, None), patience_s)

    def until(self, found: Callable[[], T | None], patience_s: float | None = None) -> T | None:
        """Returns what `found` finds as soon as it is neither None nor False; None when it never is in time.

        `found` is called under the lock, at once and after each message.
        """
        deadline = time.monotonic() + (self.patience_s if patience_s is None else patience_s)
        with self._changed:
            while True:
                what = found()
                left = deadline - time.monotonic()
                if what is not None and what is not False:
                    return what
                if left <= 0:
                    return None
                self._changed.wait(left)

    # Listening.

    def _hear(self, message: Message) -> None:
        with self._changed:
            self._note(message)
            self._changed.notify_all()

    def _note(self, message: Message) -> None:
        match message:
            case MarketData():
                self._market(message.events)
            case OrderNews():
                self.orders += message.orders
                del self.orders[:-_REPORTS_MAX]
            case FillsNews():
                for fill in message.fills:
                    self.fills.setdefault((fill.trade_id, fill.order_id), fill)
            case FundingNews():
                self.payments.update(message.payments)
            case ChargesNews() | Remark():
                pass  # what a chain's venue tells beside its fills
            case Line():
                self.up, self.why_down = message.up, message.text
                self.ups, self.downs = self.ups + message.up, self.downs + (not message.up)
            case _:
                self._answers[message.request_id] = message

    def _market(self, events: Any) -> None:
        for event in events:
            if not self.first_venue_ns:
                self.first_venue_ns = int(event["venue_time_ns"])
            if event["kind"] != EventKind.QUOTE or not (event["bid"] and event["ask"]):
                continue
            self.quotes += 1
            self.touch[int(event["instrument"])] = (
                int(event["bid"]),
                int(event["ask"]),
                int(event["bid_quantity"]),
                int(event["ask_quantity"]),
            )
