"""Alpaca's readers, to be fuzzed. What is tested: `quarterdeck.venues.alpaca.stream`, `.news`, `.answers`."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from msgspec.msgpack import Ext

from quarterdeck.kernel.vocabulary import OrderType, Side, TimeInForce
from quarterdeck.venues.alpaca.answers import AnswerReader, Reply
from quarterdeck.venues.alpaca.news import NewsReader
from quarterdeck.venues.alpaca.reader import Reader
from quarterdeck.venues.alpaca.registry import Registry
from quarterdeck.venues.alpaca.stream import MESSAGE_BYTES_MAX, DataReader
from quarterdeck.venues.alpaca.universe import Listed, Universe
from quarterdeck.venues.identity import client_id, desk_tag
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import FillsNews, Message, OrderNews, Place
from quarterdeck.venues.quarantine import Quarantine
from tests.conformance.damage import Shape, json_bytes, msgpack_bytes
from tests.conformance.subject import Subject, market

__all__ = ["answers", "news", "stream"]

TAG = desk_tag("tests")
STAMP = Ext(-1, (1_700_000_000).to_bytes(4, "big"))
LISTED = Listed(
    index=2, account=0, symbol="SPY", tick=Decimal("0.01"), lot=Decimal(1), money_decimals=8, ticks_per_dollar=100,
    lots_per_share=1,
)  # fmt: skip
STREAM = [
    [{"T": "q", "S": "SPY", "bp": 400.1, "bs": 3.0, "ap": 400.2, "as": 2.0, "t": STAMP}],
    [{"T": "t", "S": "SPY", "i": 7, "p": 400.1, "s": 5.0, "t": STAMP, "c": ["@"], "z": "B"}],
    [{"T": "b", "S": "SPY", "o": 1.0, "h": 2.0, "l": 1.0, "c": 2.0, "v": 9.0, "t": STAMP}],
    [{"T": "s", "S": "SPY", "sc": "H", "sm": "halted", "rm": "news"}],
    [{"T": "success", "msg": "authenticated"}],
    [{"T": "subscription", "trades": ["SPY"], "quotes": ["SPY"]}],
    [
        {"T": "q", "S": "SPY", "bp": 400.1, "bs": 3.0, "ap": 400.2, "as": 2.0, "t": STAMP},
        {"T": "q", "S": "SPY", "bp": 400.1, "bs": 3.0, "ap": 400.3, "as": 2.0, "t": STAMP},
    ],
]
ORDER = {
    "id": "61e69015-8549-4bfd-b9c3-01e75843f47d", "client_order_id": client_id(TAG, 3, 77), "symbol": "SPY",
    "side": "buy", "status": "new", "qty": "10", "filled_qty": "0", "limit_price": "400.1",
    "updated_at": "2026-11-20T15:00:00.123456Z", "legs": None,
}  # fmt: skip
FILLED = {**ORDER, "status": "filled", "filled_qty": "10"}
NEWS = [
    {"stream": "trade_updates", "data": {"event": "new", "order": ORDER, "timestamp": "2026-11-20T15:00:00Z"}},
    {
        "stream": "trade_updates",
        "data": {
            "event": "fill", "order": FILLED, "timestamp": "2026-11-20T15:00:00Z", "price": "400.1", "qty": "10",
            "execution_id": "7922ab44-5b33-4049-ab9a-0cfd805ba989",
        },
    },
    {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}},
    {"stream": "listening", "data": {"streams": ["trade_updates"]}},
]  # fmt: skip


def stream() -> Subject:
    said: list[str] = []
    quarantine = Quarantine("alpaca", said.append)
    reader = DataReader(Universe([LISTED]), quarantine.hold)

    def read(raw: bytes, which: int) -> Sequence[Message]:
        del which
        reader.controls.clear()
        reader.said.clear()
        return reader.read(raw)

    return Subject(
        "alpaca stream", STREAM, Shape((0, "T"), MESSAGE_BYTES_MAX, msgpack_bytes), read, quarantine, said,
        market(2, bid=40_010, ask=40_020, bid_quantity=3, ask_quantity=2), parts=True,
    )  # fmt: skip


def news() -> Subject:
    said: list[str] = []
    quarantine = Quarantine("alpaca", said.append)
    universe = Universe([LISTED])
    reader = NewsReader(Reader(universe, Registry(TAG)), quarantine.hold)

    def sound(heard: Sequence[Message]) -> bool:
        kinds = [type(one) for one in heard]
        return kinds == [OrderNews] and getattr(heard[0], "orders", ())[0].order_id == 77

    assert [type(one) for one in reader.read(json_bytes(NEWS[1]))] == [FillsNews, OrderNews]
    # A fill whose order cannot be read is told all the same.
    return Subject(
        "alpaca news", NEWS, Shape(("stream",), MESSAGE_BYTES_MAX), lambda raw, _: reader.read(raw), quarantine, said,
        sound, parts=True,
    )  # fmt: skip


def answers() -> Subject:
    said: list[str] = []
    quarantine = Quarantine("alpaca", said.append)
    universe = Universe([LISTED])
    reader = AnswerReader(universe, Reader(universe, Registry(TAG)))
    placed = Place(
        request_id=1, order_id=77, strategy=3, instrument=2, side=Side.BUY, price=40_010, trigger_price=0, quantity=10,
        order_type=OrderType.LIMIT, time_in_force=TimeInForce.DAY, post_only=False, reduce_only=False, expires_ns=0,
    )  # fmt: skip
    activity = {
        "id": "20261120150000000::7922ab44-5b33-4049-ab9a-0cfd805ba989", "order_id": ORDER["id"], "symbol": "SPY",
        "side": "buy", "price": "400.1", "qty": "10", "transaction_time": "2026-11-20T15:00:00Z",
    }  # fmt: skip
    position = {"symbol": "SPY", "qty": "10", "side": "long", "cost_basis": "4001", "avg_entry_price": "400.1"}
    account = {"status": "ACTIVE", "cash": "100000", "currency": "USD"}
    cases: list[tuple[Any, Callable[[Reply], Any]]] = [
        (ORDER, lambda reply: reader.placed(placed, reply)),
        (ORDER, reader.one_order),
        ([ORDER], reader.orders),
        ([activity], lambda reply: [reader.fill(row) for row in reader.activities(reply)]),
        ([position], reader.positions),
        (account, reader.account),
    ]

    def read(raw: bytes, which: int) -> Sequence[Message]:
        try:
            found = cases[which][1](Reply(200, raw))
        except BadMessage as error:  # as the venue does: put aside, and the request is Lost
            quarantine.hold(error.kind, raw, error.problem)
            return ()
        return (found,)

    return Subject(
        "alpaca answers", [row[0] for row in cases], Shape(), read, quarantine, said,
        lambda heard: len(heard) == 1 and getattr(heard[0], "venue_order_id", 0) > 0,
    )  # fmt: skip
