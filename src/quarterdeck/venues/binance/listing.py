"""Every fill of the account from a time on, and the funding paid: the venue lists them symbol by symbol, in parts.

The venue lists at most 1,000 fills of one symbol in a span of a day (spot) or a week (futures), and does not promise
which 1,000 of more. So a full list is asked for again over half the span until it is not full: nothing can hide behind
its bound. Thousands in one millisecond are read on by their ids. The answer covers what all symbols were read to, and
the desk asks on from there.

A fill in these lists does not say the client's id: each order that nobody has told of is asked for once, by its number.
"""

from collections.abc import Callable
from typing import Final

from quarterdeck.venues.binance.answers import AnswerReader, failure_of, turned_down
from quarterdeck.venues.binance.markets import Market
from quarterdeck.venues.binance.reader import Reader, nanoseconds
from quarterdeck.venues.binance.reasons import NO_SUCH_ORDER
from quarterdeck.venues.binance.requests import ROWS_MAX, Call, Encoder
from quarterdeck.venues.binance.schema import AccountTrade
from quarterdeck.venues.binance.universe import Listed, Universe
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import Answer, AskFills, FillsAnswer, FundingReport
from quarterdeck.venues.posting import Reply

__all__ = ["FundingLister", "Lister", "Turned"]

FUNDING_OVERLAP_MS: Final = 900_000  # asked for again: the venue dates a payment to its hour and books it later
_NS_PER_MS: Final = 1_000_000
_MARGIN_MS: Final = 1_000  # how far a list may lag behind what has traded
_PARTS_MAX: Final = 64  # of one moment's fills, and of a list of payments

Ask = Callable[[Call], Reply]


class Turned(Exception):
    """A question among several was not answered; the request's answer is this."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(type(answer).__name__)


class Lister:
    """Lists fills. `ask` makes a call, and raises what `posting` and the rate limiter raise."""

    def __init__(
        self, market: Market, universe: Universe, encoder: Encoder, answers: AnswerReader, reader: Reader
    ) -> None:
        self._market, self._universe, self._encoder = market, universe, encoder
        self._answers, self._reader = answers, reader

    def fills(self, request: AskFills, ask: Ask, now_ms: int) -> FillsAnswer:
        """Returns the fills, or the first part of them. `now_ms` is the venue's time before it is asked.

        Raises Turned, BadMessage.
        """
        since_ms = request.since_ns // _NS_PER_MS
        until_ms = max(since_ms, now_ms)
        whole = until_ms - since_ms < self._market.window_ms
        until_ms = until_ms if whole else since_ms + self._market.window_ms - 1
        rows: list[AccountTrade] = []
        reached_ms = until_ms
        for listed in self._universe.listed:
            found, read_to_ms = self._of_symbol(request, listed, ask, since_ms, reached_ms)
            rows += found
            reached_ms = min(reached_ms, read_to_ms)
        more = not whole or reached_ms < until_ms
        rows = sorted((row for row in rows if row.time <= reached_ms), key=lambda row: (row.time, row.id))
        for row in rows:
            self._know(request, row, ask)
        try:
            fills = [self._reader.fill(row) for row in rows]
            # What traded just now may not be in the lists yet: the end is not quite now.
            ended_ms = reached_ms if more else max(since_ms - 1, reached_ms - _MARGIN_MS)
            until_ns = nanoseconds(ended_ms + 1) - 1  # to the end of that millisecond
        except ValueError as error:
            raise BadMessage("fills answer", str(error)[:200]) from error
        known = tuple(fill for fill in fills if fill is not None)
        until_ns = max([request.since_ns, until_ns, *(fill.venue_time_ns for fill in known)])
        return FillsAnswer(request_id=request.request_id, fills=known, until_ns=until_ns, more=more)

    def _of_symbol(
        self, request: AskFills, listed: Listed, ask: Ask, since_ms: int, until_ms: int
    ) -> tuple[list[AccountTrade], int]:
        """The fills of one symbol, and up to when they are all there."""
        while True:
            rows = self._rows(request, ask(self._encoder.trades(listed, since_ms, until_ms)))
            if len(rows) < ROWS_MAX:
                return rows, until_ms
            if until_ms <= since_ms:
                return self._of_moment(request, listed, ask, rows), until_ms
            until_ms = since_ms + (until_ms - since_ms) // 2

    def _of_moment(self, request: AskFills, listed: Listed, ask: Ask, rows: list[AccountTrade]) -> list[AccountTrade]:
        """More fills in one millisecond than a list holds: read on by their ids."""
        moment_ms = rows[0].time
        for _ in range(_PARTS_MAX):
            last = max(row.id for row in rows)
            later = self._rows(request, ask(self._encoder.trades_from(listed, last + 1)))
            rows += [row for row in later if row.time == moment_ms]
            if len(later) < ROWS_MAX or later[-1].time != moment_ms:
                return rows
        raise BadMessage("fills answer", f"more than {_PARTS_MAX * ROWS_MAX} fills at {moment_ms}")

    def _rows(self, request: AskFills, reply: Reply) -> list[AccountTrade]:
        if reply.status != 200:
            raise Turned(turned_down(request, reply))
        return self._answers.trades(reply)

    def _know(self, request: AskFills, row: AccountTrade, ask: Ask) -> None:
        """Asks whose order it was, where nobody knows."""
        listed = self._universe.of_symbol(row.symbol)
        if listed is None or self._reader.owner(listed.index, row.order_id) is not None:
            return
        reply = ask(self._encoder.order_by_number(listed, row.order_id))
        if reply.status == 200:
            self._answers.own(reply)
        elif reply.status < 500 and failure_of(reply).code == NO_SUCH_ORDER:
            self._reader.own(listed.index, row.order_id, "")  # too old to be told of, or not an order: nobody's
        else:
            raise Turned(turned_down(request, reply))


class FundingLister:
    """Lists payments of funding (futures)."""

    def __init__(self, encoder: Encoder, answers: AnswerReader) -> None:
        self._encoder, self._answers = encoder, answers

    def payments(self, request: AskFills, ask: Ask) -> tuple[FundingReport, ...]:
        """Returns all payments from a little before `since_ns` on, oldest first. Raises Turned, BadMessage."""
        paid: dict[tuple[int, int], FundingReport] = {}
        since_ms = max(0, request.since_ns // _NS_PER_MS - FUNDING_OVERLAP_MS)
        for _ in range(_PARTS_MAX):
            reply = ask(self._encoder.income(since_ms))
            if reply.status != 200:
                raise Turned(turned_down(request, reply))
            payments, rows, latest_ms = self._answers.funding(reply)
            paid.update({(one.instrument, one.venue_time_ns): one for one in payments})
            if rows < ROWS_MAX or latest_ms <= since_ms:
                break
            since_ms = latest_ms  # of that moment more may be left
        return tuple(sorted(paid.values(), key=lambda one: one.venue_time_ns))
