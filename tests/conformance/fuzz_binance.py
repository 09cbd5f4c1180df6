"""Binance's readers, to be fuzzed. What is tested: `quarterdeck.venues.binance.stream` and `.answers`."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from quarterdeck.venues.binance.answers import AnswerReader
from quarterdeck.venues.binance.numbers import Grid
from quarterdeck.venues.binance.reader import Reader
from quarterdeck.venues.binance.stream import MESSAGE_BYTES_MAX, StreamReader
from quarterdeck.venues.binance.universe import Listed, Universe
from quarterdeck.venues.identity import client_id, desk_tag
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import AskAccount, AskOrder, AskOrders, Cancel, Message, OrderNews
from quarterdeck.venues.posting import Reply
from quarterdeck.venues.quarantine import Quarantine
from tests.conformance.damage import Shape
from tests.conformance.subject import Subject, market

__all__ = ["account", "answers", "stream"]

TIME = 1_700_000_000_000
TAG = desk_tag("tests")
OURS = client_id(TAG, 3, 77)
LISTED = Listed(
    index=2, account=0, symbol="BTCUSDT", base="BTC", quote="USDT", spot=False, tick=Grid.of(Decimal("0.1")),
    lot=Grid.of(Decimal("0.001")), money_decimals=8,
)  # fmt: skip
TRADE = {
    "e": "aggTrade", "E": TIME, "s": "BTCUSDT", "a": 7, "p": "60000.1", "q": "0.002", "f": 1, "l": 2, "T": TIME,
    "m": True,
}  # fmt: skip
TICKER = {
    "e": "bookTicker", "u": 9, "s": "BTCUSDT", "b": "60000.0", "B": "1.5", "a": "60000.1", "A": "2", "T": TIME,
    "E": TIME,
}  # fmt: skip
DEPTH = {
    "e": "depthUpdate", "E": TIME, "T": TIME, "s": "BTCUSDT", "U": 5, "u": 6, "pu": 4, "b": [["60000.0", "1"]],
    "a": [["60000.2", "0"]],
}  # fmt: skip
MARK = {"e": "markPriceUpdate", "E": TIME, "s": "BTCUSDT", "p": "60000.123", "r": "0.0001", "T": TIME}
STREAM = [
    {"stream": "btcusdt@aggTrade", "data": TRADE},
    {"stream": "btcusdt@bookTicker", "data": TICKER},
    {"stream": "btcusdt@depth@100ms", "data": DEPTH},
    {"stream": "btcusdt@markPrice@1s", "data": MARK},
]
UPDATE = {
    "s": "BTCUSDT", "c": OURS, "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "0.01", "p": "60000.0", "ap": "0", "sp": "0",
    "x": "NEW", "X": "NEW", "i": 88, "l": "0", "z": "0", "L": "0", "T": TIME, "t": 0, "m": False, "R": False,
}  # fmt: skip
FILLED = {
    **UPDATE,
    "x": "TRADE",
    "X": "FILLED",
    "l": "0.01",
    "z": "0.01",
    "L": "60000.0",
    "t": 5,
    "n": "0.1",
    "N": "USDT",
}
USER = [
    {"e": "ORDER_TRADE_UPDATE", "E": TIME, "T": TIME, "o": UPDATE},
    {"e": "ORDER_TRADE_UPDATE", "E": TIME, "T": TIME, "o": FILLED},
    {"e": "ACCOUNT_UPDATE", "E": TIME, "T": TIME, "a": {"m": "FUNDING_FEE", "B": [], "P": []}},
    {"e": "listenKeyExpired", "E": TIME, "listenKey": "key"},
]
ORDER = {
    "symbol": "BTCUSDT", "orderId": 88, "clientOrderId": OURS, "price": "60000.0", "origQty": "0.01",
    "executedQty": "0", "status": "NEW", "side": "BUY", "stopPrice": "0", "reduceOnly": False, "updateTime": TIME,
}  # fmt: skip
POSITION = {"symbol": "BTCUSDT", "positionAmt": "0.01", "unrealizedProfit": "1", "notional": "600", "updateTime": TIME}
FUTURES = {"assets": [{"asset": "USDT", "walletBalance": "10", "updateTime": TIME}], "positions": [POSITION]}
FEE = {"incomeType": "FUNDING_FEE", "income": "-0.5", "asset": "USDT", "time": TIME, "symbol": "BTCUSDT"}


def _reading(name: str, good: Sequence[Any], shape: Shape, pick: str) -> Subject:
    said: list[str] = []
    quarantine = Quarantine("binance", said.append)
    universe = Universe([LISTED])
    reader = StreamReader(universe, Reader(universe, TAG), quarantine.hold, lambda _: None)
    read: Callable[[bytes], Sequence[Message]] = getattr(reader, pick)
    sound = market(2, price=600_001, quantity=2, trade_id=7) if pick == "read" else _news
    return Subject(name, good, shape, lambda raw, _: read(raw), quarantine, said, sound)


def _news(heard: Sequence[Message]) -> bool:
    return len(heard) == 1 and isinstance(heard[0], OrderNews) and heard[0].orders[0].order_id == 77


def stream() -> Subject:
    return _reading("binance stream", STREAM, Shape(("stream",), MESSAGE_BYTES_MAX), "read")


def account() -> Subject:
    return _reading("binance account", USER, Shape(("e",), MESSAGE_BYTES_MAX), "read_account")


def answers() -> Subject:
    said: list[str] = []
    quarantine = Quarantine("binance", said.append)
    universe = Universe([LISTED])
    reader = AnswerReader(universe, Reader(universe, TAG))
    asked = AskOrder(request_id=1, order_id=77, venue_order_id=0, instrument=2, strategy=3)
    ended = Cancel(request_id=1, order_id=77, venue_order_id=0, instrument=2, strategy=3, expires_ns=0)
    cases: list[tuple[Any, Callable[[Reply], Any]]] = [
        (ORDER, lambda reply: reader.acted(ended, reply)),
        (ORDER, lambda reply: reader.order(asked, reply)),
        ([ORDER], lambda reply: reader.orders(AskOrders(request_id=1), [reply])),
        (FUTURES, lambda reply: reader.account(AskAccount(request_id=1), reply, 0, {})),
        ([FEE], lambda reply: reader.funding(reply)[0]),
    ]

    def read(raw: bytes, which: int) -> Sequence[Message]:
        try:
            found = cases[which][1](Reply(200, raw))
        except BadMessage as error:  # as the venue does: put aside, and the request is Lost
            quarantine.hold(error.kind, raw, error.problem)
            return ()
        return (found,)

    return Subject(
        "binance answers", [row[0] for row in cases], Shape(), read, quarantine, said,
        lambda heard: len(heard) == 1 and getattr(heard[0], "venue_order_id", 0) == 88,
    )  # fmt: skip
