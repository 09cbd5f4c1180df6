"""Hyperliquid's readers, to be fuzzed. What is tested: `quarterdeck.venues.hyperliquid.stream` and `.answers`."""

from collections.abc import Sequence
from typing import Any

from quarterdeck.venues.hyperliquid.answers import AnswerReader, Reply
from quarterdeck.venues.hyperliquid.lineage import Lineage
from quarterdeck.venues.hyperliquid.reader import Reader
from quarterdeck.venues.hyperliquid.stream import MESSAGE_BYTES_MAX, StreamReader
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import AskAccount, AskFills, AskOrder, AskOrders, Message, Request
from quarterdeck.venues.quarantine import Quarantine
from tests.conformance.damage import Shape, json_bytes
from tests.conformance.subject import Subject, market
from tests.venues.hyperliquid.builders import TAG, USER, cancel, fill, order, place, universe, update

__all__ = ["answers", "stream"]

TIME = 1_700_000_000_000
LEVEL, ABOVE = {"px": "1.2344", "sz": "10", "n": 2}, {"px": "1.3", "sz": "1", "n": 1}
STREAM = [
    {"channel": "trades", "data": [{"coin": "XRP", "side": "A", "px": "1.2", "sz": "1", "time": TIME, "tid": 7}]},
    {"channel": "bbo", "data": {"coin": "XRP", "time": TIME, "bbo": [LEVEL, ABOVE]}},
    {"channel": "l2Book", "data": {"coin": "XRP", "time": TIME, "levels": [[LEVEL], [ABOVE]]}},
    {"channel": "activeAssetCtx", "data": {"coin": "XRP", "ctx": {"funding": "0.0000125", "markPx": "1.2"}}},
    {"channel": "orderUpdates", "data": [update("open"), update("filled", sz="0.0", oid=5002)]},
    {"channel": "userFills", "data": {"user": USER, "isSnapshot": False, "fills": [fill()]}},
    {"channel": "userFundings", "data": {"user": USER, "fundings": [{"time": TIME, "coin": "XRP", "usdc": "1"}]}},
    {"channel": "user", "data": {"fills": [fill()]}},
    {"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": {"type": "trades"}}},
]
POSITION = {"coin": "XRP", "szi": "1", "entryPx": "1.2", "unrealizedPnl": "0.0", "positionValue": "1.2"}
STATE = {"assetPositions": [{"position": POSITION}], "marginSummary": {"accountValue": "1"}, "time": TIME}
SPOT = {"balances": [{"coin": "XRP", "token": 7, "total": "3.14"}]}
PAYMENTS = [{"time": TIME, "delta": {"type": "funding", "coin": "XRP", "usdc": "-0.5", "szi": "1.0"}}]
RESTING = {"type": "order", "data": {"statuses": [{"resting": {"oid": 5}}]}}
ACCOUNT, FILLS = AskAccount(request_id=1), AskFills(request_id=1, since_ns=0)
# The request, the part of the answer that is damaged, and the good parts before and after it.
ANSWERS: list[tuple[Request, Any, list[Any], list[Any]]] = [
    (place(), {"status": "ok", "response": RESTING}, [], []),
    (place(), {"status": "err", "response": "Invalid nonce: duplicate nonce 5"}, [], []),
    (cancel(), {"status": "ok", "response": {"type": "cancel", "data": {"statuses": ["success"]}}}, [], []),
    (
        AskOrder(request_id=1, order_id=77, venue_order_id=0, instrument=2, strategy=3),
        {"status": "order", "order": update("open")},
        [],
        [],
    ),
    (AskOrders(request_id=1), [order()], [], []),
    (ACCOUNT, STATE, [], [SPOT]),
    (ACCOUNT, SPOT, [STATE], []),
    (FILLS, [fill()], [], [PAYMENTS]),
    (FILLS, PAYMENTS, [[fill()]], []),
]


def stream() -> Subject:
    said: list[str] = []
    quarantine = Quarantine("hyperliquid", said.append)
    reader = StreamReader(universe(), Reader(universe(), TAG), Lineage(), quarantine.hold)
    sound = market(2, price=1_200_000, quantity=1, trade_id=7)
    shape = Shape(("channel",), MESSAGE_BYTES_MAX)
    return Subject("hyperliquid stream", STREAM, shape, lambda raw, _: reader.read(raw), quarantine, said, sound)


def answers() -> Subject:
    said: list[str] = []
    quarantine = Quarantine("hyperliquid", said.append)
    reader = AnswerReader(universe(), Reader(universe(), TAG))

    def read(raw: bytes, which: int) -> Sequence[Message]:
        request, _, before, after = ANSWERS[which]
        replies = [Reply(200, part) for part in (*map(json_bytes, before), raw, *map(json_bytes, after))]
        try:
            answer = reader.read(request, replies)
            paid = reader.funding(replies) if isinstance(request, AskFills) else None
        except BadMessage as error:  # as the venue does: put aside, and the request is Lost
            quarantine.hold(error.kind, raw, error.problem)
            return ()
        return (answer,) if paid is None else (answer, paid)

    good = [row[1] for row in ANSWERS]
    return Subject(
        "hyperliquid answers", good, Shape(), read, quarantine, said,
        lambda heard: len(heard) == 1 and getattr(heard[0], "venue_order_id", 0) == 5,
    )  # fmt: skip
