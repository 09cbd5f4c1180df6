"""What came back over HTTP, as answers to the desk's requests. One that makes no sense is Lost."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from quarterdeck.kernel.vocabulary import Reason
from quarterdeck.venues.hyperliquid.reader import Reader, nanoseconds
from quarterdeck.venues.hyperliquid.reasons import Verdict, judge, judge_status
from quarterdeck.venues.hyperliquid.schema import (
    BasicOrder,
    ClearinghouseState,
    ExchangeReply,
    Fill,
    FundingEntry,
    OrderStatusReply,
    Position,
    SpotState,
)
from quarterdeck.venues.hyperliquid.universe import Listed, Universe
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import (
    AccountAnswer,
    Amend,
    Answer,
    AskAccount,
    AskFills,
    AskOrder,
    AskOrders,
    Balance,
    Cancel,
    FillsAnswer,
    FundingNews,
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

__all__ = ["FILLS_PER_ANSWER", "FUNDINGS_PER_ANSWER", "AnswerReader"]

FILLS_PER_ANSWER: Final = 2_000
FUNDINGS_PER_ANSWER: Final = 500
_ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
_NS_PER_MS: Final = 1_000_000
_TEXT_MAX: Final = 200

T = TypeVar("T")


class _Acted(msgspec.Struct, gc=False, frozen=True):
    statuses: list[Any]


class _Response(msgspec.Struct, gc=False, frozen=True):
    type: str
    data: _Acted | None = None


class AnswerReader:
    """Reads answers for one account. `venue_ns` is a venue time up to which every fill was visible when it was asked.

    Nothing is raised: what cannot be read is told to `bad` and becomes Lost.
    """

    def __init__(self, universe: Universe, reader: Reader) -> None:
        self._universe, self._reader = universe, reader
        self._reply = msgspec.json.Decoder(ExchangeReply)
        self._response = msgspec.json.Decoder(_Response)
        self._status = msgspec.json.Decoder(OrderStatusReply)
        self._orders = msgspec.json.Decoder(list[BasicOrder])
        self._fills = msgspec.json.Decoder(list[Fill])
        self._fundings = msgspec.json.Decoder(list[FundingEntry])
        self._state = msgspec.json.Decoder(ClearinghouseState)
        self._spot = msgspec.json.Decoder(SpotState)

    def read(self, request: Request, replies: Sequence[Reply], venue_ns: int = 0) -> Answer:
        """Returns the answer to a request. Raises BadMessage for one that makes no sense; the request is then Lost."""
        try:
            if isinstance(request, Place | Cancel | Amend):
                return self._acted(request, replies[0])
            for reply in replies:
                if reply.status != 200:
                    return _unanswered(request, reply)
            return self._told(request, [reply.body for reply in replies], venue_ns)
        except (msgspec.DecodeError, ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
            kind = f"{type(request).__name__} answer"
            raise BadMessage(kind, f"{type(error).__name__}: {error}"[:_TEXT_MAX]) from error

    def _acted(self, request: Place | Cancel | Amend, reply: Reply) -> Answer:
        if reply.status != 200:
            text = _plain_text(reply.body)
            verdict = judge_status(reply.status)
            return _refusal(request, text, verdict, judge(text)[0])
        answer = self._reply.decode(reply.body[:_ANSWER_BYTES_MAX])
        if answer.status != "ok":
            text = msgspec.json.decode(answer.response, type=str)
            reason, verdict = judge(text)
            return _refusal(request, text, verdict, reason)
        response = self._response.decode(answer.response)
        if response.data is None or len(response.data.statuses) != 1:
            raise ValueError("one status was asked for, and not one came")
        status = response.data.statuses[0]
        return _cancelled(request, status) if isinstance(request, Cancel) else self._placed(request, status)

    def _placed(self, request: Place | Amend, status: Any) -> Answer:
        """What became of one order: "waitingForTrigger", or one of resting, filled, error."""
        if isinstance(status, str):
            if status in {"waitingForTrigger", "waitingForFill"}:
                return Taken(request_id=request.request_id)
            raise ValueError(f"{status[:40]!r} is no status of an order")
        if "error" in status:
            return _refused(request, _text(status["error"]))
        if "resting" in status:
            return Taken(request_id=request.request_id, venue_order_id=_identity(status["resting"]["oid"]))
        filled = status["filled"]
        listed = self._universe.of_index(request.instrument)
        return Taken(
            request_id=request.request_id,
            venue_order_id=_identity(filled["oid"]),
            filled=listed.lots(_text(filled["totalSz"])),
        )

    def _told(
        self, request: AskOrder | AskOrders | AskFills | AskAccount, bodies: list[bytes], venue_ns: int
    ) -> Answer:
        if isinstance(request, AskOrder):
            return self._order(request, bodies[0])
        if isinstance(request, AskOrders):
            reports = [self._reader.order(order) for order in self._orders.decode(bodies[0])]
            return OrdersAnswer(request_id=request.request_id, orders=tuple(one for one in reports if one))
        if isinstance(request, AskFills):
            return self._cut_short(self._filled(request, bodies[0], venue_ns), bodies[1])
        return self._account(request, bodies)

    def _order(self, request: AskOrder, body: bytes) -> Answer:
        answer = self._status.decode(body)
        if answer.status == "unknownOid":
            return OrderAnswer(request_id=request.request_id, order=None)
        if answer.status != "order" or answer.order is None:
            raise ValueError(f"{answer.status[:40]!r} is no answer about an order")
        told = answer.order
        report = self._reader.order(told.order, told.status, told.status_timestamp)
        if report is None or (request.order_id and report.order_id != request.order_id):
            raise ValueError(f"order {told.order.oid} of {told.order.coin[:40]} is not the one that was asked about")
        return OrderAnswer(request_id=request.request_id, order=report)

    def _filled(self, request: AskFills, body: bytes, venue_ns: int) -> FillsAnswer:
        """Fills oldest first. A full answer ends in the middle of a millisecond: its last one is left for the next."""
        rows = sorted(self._fills.decode(body), key=lambda fill: (fill.time, fill.tid))
        more = len(rows) >= FILLS_PER_ANSWER
        until = max(request.since_ns, venue_ns)
        if rows:
            until = max(until, nanoseconds(rows[-1].time))
        if more:
            last_ms = rows[-1].time
            if rows[0].time < last_ms:
                rows = [row for row in rows if row.time < last_ms]
                until = nanoseconds(last_ms) - 1
            else:  # thousands in one millisecond: what the venue does not give, nobody can ask for
                until = nanoseconds(last_ms + 1) - 1
        fills = [self._reader.fill(row) for row in rows]
        return FillsAnswer(
            request_id=request.request_id, fills=tuple(one for one in fills if one), until_ns=until, more=more
        )

    def _cut_short(self, answer: FillsAnswer, fundings: bytes) -> FillsAnswer:
        """Where a full list of payments ends before the fills do, the next part begins behind it."""
        rows = self._fundings.decode(fundings)
        if len(rows) < FUNDINGS_PER_ANSWER or len({row.time for row in rows}) == 1:
            return answer
        until = nanoseconds(max(row.time for row in rows)) - 1  # of its last moment more may be left
        return msgspec.structs.replace(answer, until_ns=min(answer.until_ns, until), more=True)

    def funding(self, replies: Sequence[Reply]) -> FundingNews | None:
        """Returns the payments that came with the answer to AskFills; None for none. Raises BadMessage."""
        try:
            rows = sorted(self._fundings.decode(replies[1].body), key=lambda row: row.time)
            payments = [self._reader.funding(row.delta, row.time) for row in rows]
        except (msgspec.DecodeError, ValueError, IndexError, RecursionError) as error:
            raise BadMessage("userFunding answer", f"{type(error).__name__}: {error}"[:_TEXT_MAX]) from error
        told = tuple(payment for payment in payments if payment is not None)
        return FundingNews(payments=told) if told else None

    def _account(self, request: AskAccount, bodies: list[bytes]) -> Answer:
        state = self._state.decode(bodies[0])
        holdings: list[Holding] = []
        cash: dict[int, int] = {one.account: 0 for one in self._universe.listed}
        units = {one.account: one for one in self._universe.listed}
        main = next(iter(one for one in self._universe.listed if not one.spot), self._universe.listed[0])
        cash[main.account] += units[main.account].money(state.margin_summary.account_value)
        for row in state.asset_positions:
            held = row.position
            # Positions of coins that the desk does not trade count in the account's value, too.
            cash[main.account] -= units[main.account].money(held.unrealized_pnl)
            listed = self._universe.of_coin(held.coin)
            if listed is not None and (lots := listed.lots(held.szi)):
                holdings.append(_position(listed, held, lots))
        if len(bodies) > 1:
            self._spot_account(self._spot.decode(bodies[1]), holdings, cash)
        return AccountAnswer(
            request_id=request.request_id, holdings=tuple(holdings),
            balances=tuple(Balance(account=account, cash=amount) for account, amount in sorted(cash.items())),
            venue_time_ns=nanoseconds(state.time),
        )  # fmt: skip

    def _spot_account(self, state: SpotState, holdings: list[Holding], cash: dict[int, int]) -> None:
        """Adds a spot wallet: tokens are holdings in whole lots, the dust of fees left out, USDC is cash."""
        spot = [one for one in self._universe.listed if one.spot]
        for balance in state.balances:
            if balance.coin == "USDC":
                cash[spot[0].account] += spot[0].money(balance.total)
            for listed in spot:
                if listed.token != balance.coin:
                    continue
                whole, _, part = balance.total.partition(".")
                lots = listed.lots(f"{whole}.{part[: listed.size_decimals]}" if part else whole)
                if lots:
                    holdings.append(Holding(instrument=listed.index, quantity=lots, price=0))


def _position(listed: Listed, held: Position, lots: int) -> Holding:
    """A perpetual's position. Its average price is rounded; its value less its result is what was paid for it."""
    price = listed.near_ticks(held.entry_px) if held.entry_px else 0
    cost = None
    if held.position_value is not None:
        worth = listed.money(held.position_value)
        cost = (worth if lots > 0 else -worth) - listed.money(held.unrealized_pnl)
    return Holding(instrument=listed.index, quantity=lots, price=price, cost=cost)


def _cancelled(request: Cancel, status: Any) -> Answer:
    if status == "success":
        return Taken(request_id=request.request_id, venue_order_id=request.venue_order_id)
    return _refused(request, _text(status["error"]))


def _refused(request: Place | Cancel | Amend, text: str) -> Answer:
    reason, verdict = judge(text)
    return _refusal(request, text, verdict, reason)


def _refusal(request: Place | Cancel | Amend, text: str, verdict: Verdict, reason: Reason) -> Answer:
    words = text[:_TEXT_MAX]
    if verdict is Verdict.UNREAD:
        text = words or "too many requests"
        return Unsent(request_id=request.request_id, text=text, reason=Reason.MESSAGE_RATE_EXCEEDED)
    if verdict is Verdict.UNKNOWN:
        return Lost(request_id=request.request_id, text=words or "the venue failed")
    return Refused(request_id=request.request_id, reason=reason, text=words, error=verdict is Verdict.VENUE)


def _unanswered(request: AskOrder | AskOrders | AskFills | AskAccount, reply: Reply) -> Answer:
    """A question that got no answer: it may be asked again."""
    text = f"HTTP {reply.status}: {_plain_text(reply.body)}"[:_TEXT_MAX]
    if reply.status == 429:
        return Unsent(request_id=request.request_id, text=text, reason=Reason.MESSAGE_RATE_EXCEEDED)
    return Lost(request_id=request.request_id, text=text)


def _plain_text(body: bytes) -> str:
    text = body[: 4 * _TEXT_MAX].decode("utf-8", "replace").strip()
    return text.strip('"')[:_TEXT_MAX]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where a text was due")
    return value


def _identity(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise ValueError("no order number")
    return value
