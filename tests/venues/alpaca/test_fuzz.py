"""What is tested: that nothing a venue sends stops a desk: `quarterdeck.venues.alpaca.stream`,
`quarterdeck.venues.alpaca.news` and `quarterdeck.venues.alpaca.answers` on 32,000 damaged messages.
"""

import copy
import random
from typing import Any, Final

import msgspec
from msgspec.msgpack import Ext

from quarterdeck.venues.alpaca.answers import Reply, refusal
from quarterdeck.venues.alpaca.asking import Asker
from quarterdeck.venues.alpaca.news import NewsReader
from quarterdeck.venues.alpaca.posting import Unanswered
from quarterdeck.venues.alpaca.requests import Call
from quarterdeck.venues.alpaca.stream import DataReader
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import (
    AskAccount,
    AskFills,
    AskOrder,
    AskOrders,
    FillsNews,
    Lost,
    MarketData,
    Refused,
    Taken,
    Unsent,
)
from quarterdeck.venues.quarantine import Quarantine
from tests.venues.alpaca.builders import (
    FINE,
    WHOLE,
    Parts,
    activity,
    bar,
    cancel,
    filled,
    order,
    place,
    quote,
    raw,
    status,
    trade,
    universe,
    update,
)

DATA, NEWS, ANSWERS = 12_000, 10_000, 10_000
ODD: Final = [
    None, True, 0, -1, 2**63, 2**64 - 1, 1.5, 1e308, float("nan"), float("inf"), "", "-", "nan", "1e400", "9" * 50,
    "1." + "9" * 60, "²", [], {}, [[]], {"T": "q"}, "AAPL", "\u0000", "x" * 1000, b"\0\1", Ext(-1, b"\0" * 8),
    Ext(7, b""), Ext(-1, b"\xff" * 12),
]  # fmt: skip
PLAIN: Final = [value for value in ODD if not isinstance(value, bytes | Ext)]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a value."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def altered(chance: random.Random, value: Any, odd: list[Any]) -> Any:
    """A copy with one place changed, removed or doubled."""
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
        holder[path[-1]] += chance.choice(["0", ".", "-", "e", "9" * 20, " "])
    else:
        holder[path[-1]] = chance.choice(odd)
    return value


def broken(chance: random.Random, data: bytes) -> bytes:
    """The same bytes, some changed, or the end of them missing."""
    bytes_ = bytearray(data)
    if chance.random() < 0.4:
        for _ in range(chance.randrange(1, 4)):
            bytes_[chance.randrange(len(bytes_))] = chance.randrange(256)
    if chance.random() < 0.2:
        del bytes_[chance.randrange(len(bytes_)) :]
    return bytes(bytes_)


def told(said: list[str], quarantine: Quarantine) -> None:
    assert len(said) == len(quarantine.counts) < 30  # once for each kind
    assert sum(quarantine.counts.values()) == quarantine.total


def test_damaged_market_data_stops_nothing() -> None:
    chance, said = random.Random(20_261_121), list[str]()
    quarantine = Quarantine("alpaca", said.append)
    reader = DataReader(universe(), quarantine.hold)
    rows = [
        quote(), trade(), bar(), status("H"), status("T"), quote(S="SPY"), {"T": "success", "msg": "connected"},
        {"T": "error", "code": 406, "msg": "connection limit exceeded"},
        {"T": "subscription", "trades": ["AAPL"], "quotes": ["AAPL"]}, {"T": "c", "S": "AAPL"}, {"T": "x"}, {"T": "l"},
    ]  # fmt: skip
    through = 0
    for _ in range(DATA):
        message = [chance.choice(rows) for _ in range(chance.randrange(1, 4))]
        if chance.random() < 0.6:
            message = altered(chance, message, ODD)
        for one in reader.read(broken(chance, msgspec.msgpack.encode(message))):
            through += 1
            assert isinstance(one, MarketData)
            assert set(one.events["instrument"].tolist()) <= {WHOLE, FINE}
            assert (one.events["venue_time_ns"] >= 0).all()
    assert through > 2_000
    assert quarantine.total > 3_000
    told(said, quarantine)


def test_damaged_news_stops_nothing() -> None:
    chance, said = random.Random(20_261_122), list[str]()
    quarantine = Quarantine("alpaca", said.append)
    reader = NewsReader(Parts().reader, quarantine.hold)
    messages = [
        filled(), update("new"), update("canceled", status="canceled"), update("replaced", status="replaced"),
        {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}},
        {"stream": "listening", "data": {"streams": ["trade_updates"]}},
        {"stream": "error", "data": {"code": 400, "message": "invalid"}},
    ]  # fmt: skip
    through = 0
    for _ in range(NEWS):
        message = chance.choice(messages)
        if chance.random() < 0.6:
            message = altered(chance, message, PLAIN)
        for one in reader.read(broken(chance, raw(message))):
            through += 1
            for fill in one.fills if isinstance(one, FillsNews) else ():
                assert fill.quantity > 0 < fill.price
                assert 0 < fill.trade_id < 2**62
    assert through > 2_000
    assert quarantine.total > 3_000
    told(said, quarantine)


def test_damaged_answers_are_answers_or_bad_messages() -> None:
    chance = random.Random(20_261_123)
    parts = Parts()
    asker = Asker(parts.universe, parts.answers, parts.encoder, parts.registry, lambda _: None)
    clock = {
        "timestamp": "2026-11-20T10:30:00-05:00", "is_open": True, "next_open": "2026-11-23T09:30:00-05:00",
        "next_close": "2026-11-20T16:00:00-05:00",
    }  # fmt: skip
    held = {"symbol": "AAPL", "qty": "5", "side": "long", "cost_basis": "901.25", "avg_entry_price": "180.25"}
    table: dict[str, Any] = {
        "/positions": [held], "/clock": clock, "/account": {"status": "ACTIVE", "cash": "10"}, "/orders": [order()],
        "/orders/": order(), "/orders:by_client_order_id": order(), "/account/activities/FILL": [activity()],
    }  # fmt: skip

    def send(call: Call) -> Reply:
        if call.method == "DELETE":
            return Reply(204, b"") if chance.random() < 0.9 else Reply(chance.randrange(100, 600), b"?")
        body = table[max((path for path in table if call.path.startswith(path)), key=len)]
        if chance.random() < 0.1:
            return Reply(chance.randrange(300, 600), broken(chance, raw({"code": 40310000, "message": "no"})))
        return Reply(200, broken(chance, raw(altered(chance, body, PLAIN) if chance.random() < 0.5 else body)))

    requests: list[Any] = [
        place(), cancel(), cancel(order_id=0, venue_order_id=5), AskOrders(request_id=1), AskAccount(request_id=1),
        AskFills(request_id=1, since_ns=0),
        AskOrder(request_id=1, order_id=77, venue_order_id=0, instrument=WHOLE, strategy=3),
    ]  # fmt: skip
    bad, plain = 0, (Taken, Refused, Lost, Unsent)
    for _ in range(ANSWERS):
        request = chance.choice(requests)
        if chance.random() < 0.1:
            parts.registry._whose.clear()
            parts.registry._by_order.clear()
        try:
            if request is requests[0]:
                reply = send(Call(method="POST", path="/orders/"))
                answer: Any = parts.answers.placed(request, reply) if reply.good else refusal(request, reply)
                assert isinstance(answer, plain)
            else:
                answer = asker.answer(request, send)
            assert answer.request_id == request.request_id
        except BadMessage as error:
            bad += len(error.problem) <= 200
        except Unanswered:
            bad += 1
    assert 2_000 < bad < ANSWERS
