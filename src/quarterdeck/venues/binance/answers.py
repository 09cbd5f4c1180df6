"""What came back over HTTP, as answers to the desk's requests. One that makes no sense is Lost."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from quarterdeck.kernel.vocabulary import OrderStatus
from quarterdeck.venues.binance.numbers import fixed, plain
from quarterdeck.venues.binance.reader import Reader, nanoseconds
from quarterdeck.venues.binance.reasons import NO_SUCH_ORDER, Verdict, judge
from quarterdeck.venues.binance.schema import (
    AccountOrder,
    AccountTrade,
    Failure,
    FuturesAccount,
    FuturesPosition,
    Income,
    SpotAccount,
    Ticker,
)
from quarterdeck.venues.binance.universe import Listed, Universe
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import (
    AccountAnswer,
    Answer,
    AskOrder,
    AskOrders,
    Balance,
    Cancel,
    FundingReport,
    Holding,
    Lost,
    OrderAnswer,
    OrdersAnswer,
    Place,
    Refused,
    Request,
    Taken,
    Unsent,
)
from quarterdeck.venues.posting import Reply

__all__ = ["UNREADABLE", "AnswerReader", "decoded", "failure_of", "turned_down", "unanswered"]

UNREADABLE: Final = (msgspec.DecodeError, ValueError, TypeError, OverflowError, RecursionError)
_TEXT_MAX: Final = 200
_WORKING: Final = frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})

T = TypeVar("T")


def decoded(kind: type[T] | Any, reply: Reply, what: str) -> T:
    """Returns an answer of that kind. Raises BadMessage."""
    try:
        found: T = msgspec.json.decode(reply.body, type=kind)
    except UNREADABLE as error:
        raise BadMessage(what, f"{type(error).__name__}: {error}"[:_TEXT_MAX]) from error
    return found


def failure_of(reply: Reply) -> Failure:
    """Returns what an answer other than 200 says; a body that is none of the venue's says nothing but its text."""
    try:
        return msgspec.json.decode(reply.body, type=Failure)
    except UNREADABLE:
        return Failure(msg=reply.body[:_TEXT_MAX].decode("utf-8", "replace").strip())


def turned_down(request: Request, reply: Reply) -> Answer:
    """Returns the answer to an order or a cancel that the venue did not take, by the table in `reasons`."""
    failure = failure_of(reply)
    found = judge(reply.status, failure.code, failure.msg)
    text = (f"{failure.code} {failure.msg}" if failure.code else f"HTTP {reply.status} {failure.msg}")[
        :_TEXT_MAX
    ].strip()
    if found.verdict is Verdict.UNREAD:
        return Unsent(request_id=request.request_id, text=text, reason=found.reason)
    if found.verdict is Verdict.UNKNOWN:
        return Lost(request_id=request.request_id, text=text)
    error = found.verdict is Verdict.VENUE
    return Refused(request_id=request.request_id, reason=found.reason, text=text, error=error)


def unanswered(request: Request, reply: Reply) -> Answer:
    """Returns the answer to a question that got none: it may be asked again."""
    answer = turned_down(request, reply)
    return (
        answer if isinstance(answer, Unsent) else Lost(request_id=request.request_id, text=getattr(answer, "text", ""))
    )


class AnswerReader:
    """Reads answers for one account. Raises BadMessage for one that makes no sense; the request is then Lost."""

    def __init__(self, universe: Universe, reader: Reader) -> None:
        self._universe, self._reader = universe, reader
        self._order = msgspec.json.Decoder(AccountOrder)
        self._orders = msgspec.json.Decoder(list[AccountOrder])
        self._trades = msgspec.json.Decoder(list[AccountTrade])
        self._incomes = msgspec.json.Decoder(list[Income])
        self._spot = msgspec.json.Decoder(SpotAccount)
        self._futures = msgspec.json.Decoder(FuturesAccount)

    def acted(self, request: Place | Cancel, reply: Reply) -> Answer:
        """Returns the answer to an order or a cancel."""
        if reply.status != 200:
            return turned_down(request, reply)
        try:
            order = self._order.decode(reply.body)
            report = self._reader.order(order)
            if report is None or (request.order_id and report.order_id != request.order_id):
                raise ValueError(f"order {order.order_id} of {order.symbol[:40]} is not the one that was asked for")
        except UNREADABLE as error:
            raise _bad(request, error) from error
        final = isinstance(request, Place) or report.status not in _WORKING
        number, filled = report.venue_order_id, report.filled
        return Taken(request_id=request.request_id, venue_order_id=number, filled=filled, final=final)

    def order(self, request: AskOrder, reply: Reply) -> Answer:
        """Returns the answer about one order. It is not there only where the venue says just that."""
        if reply.status != 200:
            if reply.status < 500 and failure_of(reply).code == NO_SUCH_ORDER:
                return OrderAnswer(request_id=request.request_id, order=None)
            return unanswered(request, reply)
        try:
            order = self._order.decode(reply.body)
            report = self._reader.order(order)
            if report is None or (request.order_id and report.order_id != request.order_id):
                raise ValueError(f"order {order.order_id} of {order.symbol[:40]} is not the one that was asked about")
        except UNREADABLE as error:
            raise _bad(request, error) from error
        return OrderAnswer(request_id=request.request_id, order=report)

    def orders(self, request: AskOrders, replies: Sequence[Reply]) -> Answer:
        """Returns the answer that lists all open orders, from one list or one of each symbol."""
        for reply in replies:
            if reply.status != 200:
                return unanswered(request, reply)
        try:
            reports = [self._reader.order(order) for reply in replies for order in self._orders.decode(reply.body)]
        except UNREADABLE as error:
            raise _bad(request, error) from error
        return OrdersAnswer(request_id=request.request_id, orders=tuple(one for one in reports if one is not None))

    def own(self, reply: Reply) -> None:
        """Remembers whose an order is that was asked for by its number."""
        try:
            self._reader.order(self._order.decode(reply.body))
        except UNREADABLE as error:
            raise BadMessage("order answer", f"{type(error).__name__}: {error}"[:_TEXT_MAX]) from error

    def trades(self, reply: Reply) -> list[AccountTrade]:
        """Returns a list of fills as it came."""
        return decoded(self._trades.type, reply, "fills answer")

    def funding(self, reply: Reply) -> tuple[tuple[FundingReport, ...], int, int]:
        """Returns the payments of an answer, oldest first, how many rows it had, and the latest one's milliseconds."""
        try:
            rows = sorted(self._incomes.decode(reply.body), key=lambda row: row.time)
            payments = [self._reader.funding(row) for row in rows]
        except UNREADABLE as error:
            raise BadMessage("income answer", f"{type(error).__name__}: {error}"[:_TEXT_MAX]) from error
        latest_ms = rows[-1].time if rows else 0
        return tuple(one for one in payments if one is not None), len(rows), latest_ms

    def price(self, listed: Listed, reply: Reply) -> int:
        """Returns the ticks of a pair's best bid, else ask; 0: nobody offers, or no answer. Raises BadMessage."""
        if reply.status != 200:
            return 0
        ticker: Ticker = decoded(Ticker, reply, "ticker answer")
        try:
            return listed.near_ticks(ticker.bid_price) or listed.near_ticks(ticker.ask_price)
        except UNREADABLE as error:
            raise BadMessage("ticker answer", str(error)[:_TEXT_MAX]) from error

    def account(self, request: Request, reply: Reply, asked_ms: int, prices: Mapping[int, int]) -> Answer:
        """Returns positions and balances. `asked_ms` is the venue's latest time before it was asked.

        Spot knows no average price: what it holds is told at the market's, `prices` by the desk's index, so that what
        a desk takes over is worth what it is.

        What the account says last changed at `updateTime`: nothing happened in between, unless that is later.
        """
        if reply.status != 200:
            return unanswered(request, reply)
        spot = any(one.spot for one in self._universe.listed)
        try:
            holdings, cash, time_ms = self._spot_account(reply, prices) if spot else self._futures_account(reply)
            return AccountAnswer(
                request_id=request.request_id, holdings=tuple(holdings),
                balances=tuple(Balance(account=account, cash=amount) for account, amount in sorted(cash.items())),
                venue_time_ns=nanoseconds(max(asked_ms, time_ms)),
            )  # fmt: skip
        except UNREADABLE as error:
            raise _bad(request, error) from error

    def _spot_account(self, reply: Reply, prices: Mapping[int, int]) -> tuple[list[Holding], dict[int, int], int]:
        """Tokens are holdings in whole lots, the dust of fees left out; what an instrument is priced in is cash."""
        account = self._spot.decode(reply.body)
        holdings: list[Holding] = []
        cash = {one.account: 0 for one in self._universe.listed}
        purses = {one.quote: one for one in self._universe.listed}
        for row in account.balances:
            purse = purses.get(row.asset)
            if purse is not None:
                cash[purse.account] += purse.money(row.free) + purse.money(row.locked)
            for listed in self._universe.listed:
                if listed.base == row.asset:
                    lots = _whole_lots(listed, row.free, row.locked)
                    if lots:
                        holdings.append(
                            Holding(instrument=listed.index, quantity=lots, price=prices.get(listed.index, 0))
                        )
        return holdings, cash, account.update_time

    def _futures_account(self, reply: Reply) -> tuple[list[Holding], dict[int, int], int]:
        """The wallet is cash; a position's value less its result is what was paid for it."""
        account = self._futures.decode(reply.body)
        holdings: list[Holding] = []
        cash = {one.account: 0 for one in self._universe.listed}
        purses = {one.quote: one for one in self._universe.listed}
        times = [0]
        for row in account.assets:
            purse = purses.get(row.asset)
            if purse is not None:
                cash[purse.account] += purse.money(row.wallet_balance)
                times.append(row.update_time)
        for position in account.positions:
            held = self._position(position)
            if held is not None:
                holdings.append(held)
                times.append(position.update_time)
        return holdings, cash, max(times)

    def _position(self, row: FuturesPosition) -> Holding | None:
        listed = self._universe.of_symbol(row.symbol)
        lots = 0 if listed is None else listed.lots(row.position_amt)
        if listed is None or not lots:
            return None
        if row.position_side != "BOTH":
            raise ValueError(f"the account holds {row.position_side[:10]} positions apart: one-way mode is needed")
        cost = listed.money(row.notional) - listed.money(row.unrealized_profit)
        return Holding(instrument=listed.index, quantity=lots, price=listed.average(cost, lots), cost=cost)


def _whole_lots(listed: Listed, free: str, locked: str) -> int:
    """The whole lots of two parts of a balance together."""
    decimals = max(len(part.partition(".")[2]) for part in (free, locked))
    return listed.lot.below(plain(fixed(free, decimals) + fixed(locked, decimals), decimals))


def _bad(request: Request, error: Exception) -> BadMessage:
    return BadMessage(f"{type(request).__name__} answer", f"{type(error).__name__}: {error}"[:_TEXT_MAX])
