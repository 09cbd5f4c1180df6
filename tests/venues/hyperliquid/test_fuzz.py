"""What is tested: that nothing a venue sends stops a desk: `quarterdeck.venues.hyperliquid.stream` and
`quarterdeck.venues.hyperliquid.answers` on 30,000 damaged messages.
"""

import random
from typing import Any, Final

from quarterdeck.venues.hyperliquid.answers import AnswerReader
from quarterdeck.venues.hyperliquid.lineage import Lineage
from quarterdeck.venues.hyperliquid.reader import Reader
from quarterdeck.venues.hyperliquid.stream import StreamReader
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import AskAccount, AskFills, AskOrder, AskOrders, MarketData
from quarterdeck.venues.posting import Reply
from quarterdeck.venues.quarantine import Quarantine
from tests.venues.hyperliquid.builders import TAG, USER, acted, cancel, fill, order, place, raw, universe, update

STREAM_MESSAGES: Final = 22_000
ANSWERS: Final = 8_000
TIME = 1_700_000_000_000
LEVEL = {"px": "1.2344", "sz": "10", "n": 2}
STREAM = [
    {"channel": "trades", "data": [{"coin": "XRP", "side": "A", "px": "1.2", "sz": "1", "time": TIME, "tid": 7}]},
    {"channel": "bbo", "data": {"coin": "XRP", "time": TIME, "bbo": [LEVEL, {"px": "1.3", "sz": "1", "n": 1}]}},
    {"channel": "l2Book", "data": {"coin": "XRP", "time": TIME, "levels": [[LEVEL], [{"px": "1.3", "sz": "1"}]]}},
    {"channel": "activeAssetCtx", "data": {"coin": "XRP", "ctx": {"funding": "0.0000125", "markPx": "1.2"}}},
    {"channel": "orderUpdates", "data": [update("open"), update("filled", sz="0.0", oid=5002)]},
    {"channel": "userFills", "data": {"user": USER, "isSnapshot": False, "fills": [fill()]}},
    {"channel": "userFundings", "data": {"user": USER, "fundings": [{"time": TIME, "coin": "XRP", "usdc": "1"}]}},
    {"channel": "user", "data": {"fills": [fill()]}},
    {"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": {"type": "trades"}}},
]
ODD: Final = [
    None, True, 0, -1, 2**63, 2**64, 10**30, 1.5, 1e308, "", "-", "nan", "1e400", "9" * 50, "1." + "9" * 60,
    "²", [], {}, [[]], {"coin": "XRP"}, "XRP", "\u0000", "x" * 1000,
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a value."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def altered(chance: random.Random, value: Any) -> Any:
    """A copy with one place changed, removed or doubled."""
    import copy

    value = copy.deepcopy(value)
    path = chance.choice(places(value))
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    what = chance.randrange(4)
    if what == 0:
        del holder[path[-1]]
    elif what == 1 and isinstance(holder, list):
        holder.append(holder[path[-1]])
    elif what == 2 and isinstance(holder[path[-1]], str):
        text = holder[path[-1]]
        holder[path[-1]] = text + chance.choice(["0", ".", "-", "e", "9" * 20, " "])
    else:
        holder[path[-1]] = chance.choice(ODD)
    return value


def damaged(chance: random.Random, value: Any) -> bytes:
    """A message with its sense, its bytes or its length wrong."""
    data = bytearray(raw(altered(chance, value) if chance.random() < 0.6 else value))
    if chance.random() < 0.5:
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data))
            data[at] = chance.randrange(256)
    if chance.random() < 0.2:
        del data[chance.randrange(len(data)) :]
    return bytes(data)


def test_damaged_messages_stop_nothing() -> None:
    chance = random.Random(20_261_121)
    said: list[str] = []
    quarantine = Quarantine("hyperliquid", said.append)
    reader = StreamReader(universe(), Reader(universe(), TAG), Lineage(), quarantine.hold)
    through = 0
    for _ in range(STREAM_MESSAGES):
        for message in reader.read(damaged(chance, chance.choice(STREAM))):
            through += 1
            if isinstance(message, MarketData):
                assert set(message.events["instrument"].tolist()) <= {2, 5}
                assert (message.events["venue_time_ns"] >= 0).all()
    assert through > 1_000
    assert quarantine.total > 5_000
    assert len(said) == len(quarantine.counts) < 30  # once for each kind
    assert sum(quarantine.counts.values()) == quarantine.total


def test_damaged_answers_are_answers_or_bad_messages() -> None:
    chance = random.Random(20_261_122)
    reader = AnswerReader(universe(), Reader(universe(), TAG))
    position = {"coin": "XRP", "szi": "1", "entryPx": "1.2", "unrealizedPnl": "0.0", "positionValue": "1.2"}
    state = {"assetPositions": [{"position": position}], "marginSummary": {"accountValue": "1"}, "time": TIME}
    spot = {"balances": [{"coin": "XRP", "token": 7, "total": "3.14"}]}
    told = {"status": "order", "order": update("open")}
    payment = {"time": TIME, "hash": "0x0", "delta": {"type": "funding", "coin": "XRP", "usdc": "-0.5", "szi": "1.0"}}
    cases: list[tuple[Any, Any]] = [
        (place(), {"status": "ok", "response": {"type": "order", "data": {"statuses": [{"resting": {"oid": 5}}]}}}),
        (place(), {"status": "err", "response": "Invalid nonce: duplicate nonce 5"}),
        (cancel(), {"status": "ok", "response": {"type": "cancel", "data": {"statuses": ["success"]}}}),
        (AskOrder(request_id=1, order_id=77, venue_order_id=0, instrument=2, strategy=3), told),
        (AskOrders(request_id=1), [order()]),
        (AskFills(request_id=1, since_ns=0), [fill()]),
        (AskAccount(request_id=1), state),
    ]
    bad = 0
    for _ in range(ANSWERS):
        request, body = chance.choice(cases)
        replies = [Reply(200, damaged(chance, body))]
        if isinstance(request, AskAccount):
            replies.append(Reply(200, damaged(chance, spot)))
        if isinstance(request, AskFills):
            replies.append(Reply(200, damaged(chance, [payment])))
        try:
            assert reader.read(request, replies).request_id == request.request_id
            if isinstance(request, AskFills):
                paid = reader.funding(replies)
                assert paid is None or paid.payments
        except BadMessage as error:
            bad += len(error.problem) <= 200
    assert 2_000 < bad < ANSWERS
    assert reader.read(place(), [Reply(200, acted({"resting": {"oid": 5}}))]).request_id == 1
