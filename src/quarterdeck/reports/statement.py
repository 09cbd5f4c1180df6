"""A venue's own statement: every fill of a span of its time, and what it says is held. Asked, never assumed.

A venue may give its fills in parts, and may be slow or away: each question is asked again until the time is up. What
cannot be had is an error that says so; half a statement is none.
"""

import queue
import time
from collections.abc import Callable
from typing import Final, TypeVar

from quarterdeck.errors import DataError
from quarterdeck.venues.messages import (
    AccountAnswer,
    AskAccount,
    AskFills,
    FillsAnswer,
    Line,
    Lost,
    Message,
    Refused,
    Request,
    TradeReport,
    Unsent,
)
from quarterdeck.venues.protocol import Venue

__all__ = ["Inquiry"]

T = TypeVar("T", FillsAnswer, AccountAnswer)

_AGAIN_S: Final = 0.25  # before a question that failed is asked again
_PARTS_MAX: Final = 100_000


class Inquiry:
    """An open line to one venue, for questions only. Every question raises DataError when the time is up."""

    def __init__(
        self, name: str, venue: Venue, timeout_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._venue = venue
        self._monotonic = monotonic
        self._until_s = monotonic() + timeout_s
        self._timeout_s = timeout_s
        self._heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._asked = 0
        venue.open(self._heard.put)

    def close(self) -> None:
        """Gives up the line."""
        self._venue.close()

    def fills(self, since_ns: int, end_ns: int) -> tuple[list[TradeReport], int]:
        """Every fill with since_ns <= time < end_ns, oldest first, and until when the venue has answered for."""
        found: dict[tuple[int, int, int], TradeReport] = {}
        begin_ns = since_ns
        for _ in range(_PARTS_MAX):
            answer = self._ask(lambda number, ns=begin_ns: AskFills(request_id=number, since_ns=ns), FillsAnswer)
            for fill in answer.fills:
                if since_ns <= fill.venue_time_ns < end_ns:
                    found[fill.instrument, fill.trade_id, int(fill.side)] = fill
            if not answer.more or answer.until_ns >= end_ns:
                fills = sorted(found.values(), key=lambda fill: (fill.venue_time_ns, fill.trade_id))
                return fills, min(answer.until_ns, end_ns - 1)
            if answer.until_ns < begin_ns:
                raise self._missing("it says that there is more, and gives no more")
            # That moment again, lest the part ended inside of it; a second time it is over.
            begin_ns = max(answer.until_ns, begin_ns + 1)
        raise self._missing(f"its fills came in more than {_PARTS_MAX} parts")

    def account(self) -> AccountAnswer:
        """What the venue says is held now."""
        return self._ask(lambda number: AskAccount(request_id=number), AccountAnswer)

    def _ask(self, question: Callable[[int], Request], kind: type[T]) -> T:
        problem = "no answer"
        while self._monotonic() < self._until_s:
            self._asked += 1
            self._venue.send(question(self._asked))
            answer = self._answer(self._asked)
            if isinstance(answer, kind):
                return answer
            if isinstance(answer, Refused | Lost | Unsent):
                problem = answer.text or type(answer).__name__.lower()
            self._wait()
        raise self._missing(problem)

    def _answer(self, number: int) -> Message | None:
        """The answer to a question; None when the time is up. What the venue says unasked is passed over."""
        while True:
            left_s = self._until_s - self._monotonic()
            try:
                message = self._heard.get(timeout=max(0.0, left_s))
            except queue.Empty:
                return None
            if getattr(message, "request_id", None) == number:
                return message

    def _wait(self) -> None:
        """Until the line comes up, or a little."""
        until_s = min(self._until_s, self._monotonic() + _AGAIN_S)
        while (left_s := until_s - self._monotonic()) > 0:
            try:
                message = self._heard.get(timeout=left_s)
            except queue.Empty:
                return
            if isinstance(message, Line) and message.up:
                return

    def _missing(self, problem: str) -> DataError:
        return DataError(
            f"venue {self._name}",
            f"its statement could not be had within {self._timeout_s:g} s ({problem}); nothing was written: look at "
            "the venue and the line to it, and run this again",
        )
