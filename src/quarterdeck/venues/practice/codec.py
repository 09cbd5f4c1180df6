"""Between a desk's messages and the practice exchange's JSON lines. It does no I/O.

What the exchange sends is not trusted: a message that makes no sense is counted, kept for whoever looks, and given back
as `Garbled`; where it answers a request, that request is Lost.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec
import numpy as np

from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, Reason
from quarterdeck.venues.identity import client_id, desk_tag, order_of
from quarterdeck.venues.messages import (
    AccountAnswer,
    Amend,
    AskAccount,
    AskFills,
    AskOrder,
    AskOrders,
    Balance,
    Cancel,
    FillsAnswer,
    FillsNews,
    Holding,
    Lost,
    MarketData,
    Message,
    OrderAnswer,
    OrderNews,
    OrderReport,
    OrdersAnswer,
    Place,
    Refused,
    Request,
    Taken,
    TradeReport,
    Unsent,
)
from quarterdeck.venues.practice.wire import (
    FORCES,
    KINDS,
    REASONS,
    STATUSES,
    WireAccount,
    WireAmend,
    WireAnswer,
    WireAskAccount,
    WireAskFills,
    WireAskOrder,
    WireAskOrders,
    WireBusy,
    WireCancel,
    WireFill,
    WireFills,
    WireFillsNews,
    WireOrder,
    WireOrderAnswer,
    WireOrderNews,
    WireOrders,
    WirePlace,
    WireRefused,
    WireTaken,
)

__all__ = ["Garbled", "PracticeCodec"]

_KEPT: Final = 16  # garbled messages that can be looked at
_SHOWN_BYTES: Final = 200


@dataclass(frozen=True, slots=True)
class Garbled:
    """A message that makes no sense, its first bytes, and why."""

    problem: str
    raw: bytes


class _Numbered(msgspec.Struct):
    request_id: int


class PracticeCodec:
    """The codec of one desk at one practice exchange.

    `instruments` and `purses` are the desk's indices of the exchange's rows, in the exchange's order.
    """

    def __init__(self, desk: str, instruments: Sequence[int], purses: Sequence[int]) -> None:
        self.garbled = 0
        self.quarantine: deque[Garbled] = deque(maxlen=_KEPT)
        self._tag = desk_tag(desk)
        self._instruments, self._purses = tuple(instruments), tuple(purses)
        self._rows = {index: row for row, index in enumerate(instruments)}
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(WireAnswer)

    def encode(self, request: Request) -> bytes:
        """Returns a request as one line, without its end."""
        return self._encoder.encode(self._wire_of(request))

    def decode(self, raw: bytes) -> Message | Garbled:
        """Returns what a line says. It raises nothing."""
        try:
            return self._message_of(self._decoder.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError) as error:
            return self._put_aside(raw, f"{type(error).__name__}: {error}")

    def _put_aside(self, raw: bytes, problem: str) -> Message | Garbled:
        self.garbled += 1
        garbled = Garbled(problem[:_SHOWN_BYTES], raw[:_SHOWN_BYTES])
        self.quarantine.append(garbled)
        try:
            answered = msgspec.json.decode(raw, type=_Numbered).request_id
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return garbled
        return Lost(request_id=answered, text=garbled.problem)

    def _id(self, request: Cancel | Amend | AskOrder | Place) -> str:
        return client_id(self._tag, request.strategy, request.order_id) if request.order_id > 0 else ""

    def _wire_of(self, request: Request) -> msgspec.Struct:
        number = request.request_id
        if isinstance(request, Place):
            return WirePlace(
                request_id=number,
                client_id=self._id(request),
                instrument=self._rows[request.instrument],
                side=request.side,
                kind=KINDS[request.order_type],
                force=FORCES[request.time_in_force],
                price=request.price,
                trigger_price=request.trigger_price,
                quantity=request.quantity,
                post_only=request.post_only,
                reduce_only=request.reduce_only,
                expires_ns=request.expires_ns,
            )
        if isinstance(request, Cancel):
            return WireCancel(request_id=number, client_id=self._id(request), venue_order_id=request.venue_order_id)
        if isinstance(request, Amend):
            return WireAmend(
                request_id=number,
                client_id=self._id(request),
                venue_order_id=request.venue_order_id,
                price=request.price,
                trigger_price=request.trigger_price,
                quantity=request.quantity,
                expires_ns=request.expires_ns,
            )
        if isinstance(request, AskOrder):
            return WireAskOrder(request_id=number, client_id=self._id(request), venue_order_id=request.venue_order_id)
        if isinstance(request, AskFills):
            return WireAskFills(request_id=number, since_ns=request.since_ns)
        return _PLAIN[type(request)](request_id=number)

    def _message_of(self, wire: WireAnswer) -> Message:
        if isinstance(wire, WireTaken):
            return Taken(
                request_id=wire.request_id, venue_order_id=wire.venue_order_id, filled=wire.filled, final=wire.final
            )
        if isinstance(wire, WireFillsNews):
            return FillsNews(fills=tuple(map(self._trade, wire.fills)))
        if isinstance(wire, WireOrderNews):
            return OrderNews(orders=tuple(map(self._report, wire.orders)))
        if isinstance(wire, WireRefused):
            reason = REASONS.get(wire.why, Reason.VENUE_REJECTED)
            return Refused(request_id=wire.request_id, reason=reason, text=wire.why, error=wire.error)
        if isinstance(wire, WireBusy):
            limit = Reason.MESSAGE_RATE_EXCEEDED
            return Unsent(request_id=wire.request_id, text="rate limit of the exchange", reason=limit)
        if isinstance(wire, WireOrderAnswer):
            order = None if wire.order is None else self._report(wire.order)
            return OrderAnswer(request_id=wire.request_id, order=order)
        if isinstance(wire, WireOrders):
            return OrdersAnswer(request_id=wire.request_id, orders=tuple(map(self._report, wire.orders)))
        if isinstance(wire, WireFills):
            fills = tuple(map(self._trade, wire.fills))
            return FillsAnswer(request_id=wire.request_id, fills=fills, until_ns=wire.until_ns, more=wire.more)
        if isinstance(wire, WireAccount):
            return self._account(wire)
        return self._quotes(wire.quotes, wire.time_ns)

    def _account(self, wire: WireAccount) -> AccountAnswer:
        return AccountAnswer(
            request_id=wire.request_id,
            holdings=tuple(
                Holding(instrument=self._instruments[row], quantity=lots, price=price, cost=cost)
                for row, lots, price, cost in wire.holdings
            ),
            balances=tuple(Balance(account=self._purses[row], cash=cash) for row, cash in wire.balances),
            venue_time_ns=wire.time_ns,
        )

    def _report(self, order: WireOrder) -> OrderReport:
        order_id, strategy = order_of(self._tag, order.client_id)
        return OrderReport(
            order_id=order_id,
            strategy=strategy,
            venue_order_id=order.venue_order_id,
            instrument=self._instruments[order.instrument],
            side=order.side,
            price=order.price,
            trigger_price=order.trigger_price,
            quantity=order.quantity,
            filled=order.filled,
            status=STATUSES[order.status],
            reduce_only=order.reduce_only,
            reason=REASONS.get(order.why, Reason.VENUE_REJECTED),
            venue_time_ns=order.time_ns,
        )

    def _trade(self, fill: WireFill) -> TradeReport:
        order_id, strategy = order_of(self._tag, fill.client_id)
        return TradeReport(
            trade_id=fill.trade_id,
            order_id=order_id,
            strategy=strategy,
            venue_order_id=fill.venue_order_id,
            instrument=self._instruments[fill.instrument],
            side=fill.side,
            price=fill.price,
            quantity=fill.quantity,
            fee=fill.fee,
            maker=fill.maker,
            venue_time_ns=fill.time_ns,
        )

    def _quotes(self, quotes: tuple[tuple[int, int, int, int, int], ...], time_ns: int) -> MarketData:
        events = cast(Any, np.zeros(len(quotes), EVENT))
        events["kind"] = EventKind.QUOTE
        events["venue_time_ns"] = time_ns
        for event, (row, bid, ask, bid_lots, ask_lots) in zip(events, quotes, strict=True):
            event["instrument"] = self._instruments[row]
            event["bid"], event["ask"] = bid, ask
            event["bid_quantity"], event["ask_quantity"] = bid_lots, ask_lots
        return MarketData(events=events)


_PLAIN: Final = {AskOrders: WireAskOrders, AskAccount: WireAskAccount}
