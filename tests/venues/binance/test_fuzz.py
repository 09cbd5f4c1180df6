"""What is tested: that nothing a venue sends stops a desk: `quarterdeck.venues.binance.stream`,
`quarterdeck.venues.binance.answers` and `quarterdeck.venues.binance.universe` on 40,000 damaged messages.
"""

import copy
import random
from typing import Any, Final

import msgspec
import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.venues.binance.answers import AnswerReader, decoded
from quarterdeck.venues.binance.limits import RateLimiter
from quarterdeck.venues.binance.markets import SPOT, USDM, Market
from quarterdeck.venues.binance.reader import Reader
from quarterdeck.venues.binance.schema import ExchangeInfo, ListenKey, Restrictions, ServerTime
from quarterdeck.venues.binance.stream import StreamReader
from quarterdeck.venues.binance.universe import Universe, limits_of
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import AskAccount, AskOrder, AskOrders, FillsNews, MarketData, OrderNews
from quarterdeck.venues.posting import Reply
from quarterdeck.venues.quarantine import Quarantine
from tests.venues.binance.builders import (
    AGG_TRADE,
    BOOK_TICKER,
    MARK,
    MARKETS,
    TAG,
    TIME,
    both,
    cancel,
    diff,
    instrument,
    market_data,
    order,
    place,
    raw,
    report,
    snapshot,
    streamed,
    trade,
    traded,
    universe,
)

STREAM_MESSAGES: Final = 13_000  # on each market
ANSWERS: Final = 6_000
LISTS: Final = 1_500
ODD: Final = [
    None, True, 0, -1, 2**63, 2**64, 10**30, 1.5, 1e308, "", "-", "nan", "1e400", "9" * 50, "1." + "9" * 60,
    "²", [], {}, [[]], {"s": "BTCUSDT"}, "BTCUSDT", "\u0000", "x" * 1000, "0.00000000", "-0.1",
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
    if chance.random() < 0.02:
        data += b"[" * chance.choice([1, 5_000])
    return bytes(data)


def messages(market: Market) -> tuple[list[Any], list[Any]]:
    """The kinds of messages of a market's streams, and of an account's."""
    change = {"e": "ACCOUNT_UPDATE", "E": TIME, "T": TIME, "a": {"m": "FUNDING_FEE", "B": [{"a": "USDT"}], "P": []}}
    of_market = [
        market_data("btcusdt@aggTrade", AGG_TRADE),
        market_data("btcusdt@bookTicker", BOOK_TICKER),
        market_data("btcusdt@depth@100ms", diff(100, 101, 99)),
        market_data("ethusdt@depth@100ms", diff(100, 101, 99, s="ETHUSDT", b=[["2000.05", "1"]], a=[])),
        *([] if market.spot else [market_data("btcusdt@markPrice@1s", MARK)]),
    ]
    of_account = [
        streamed(market, report()),
        streamed(market, traded()),
        streamed(market, report(x="CANCELED", X="CANCELED", C=report()["c"], c="web")),
        change,
        {"e": "outboundAccountPosition", "E": TIME, "u": TIME, "B": [{"a": "BTC", "f": "1", "l": "0"}]},
        {"e": "listenKeyExpired", "E": TIME},
        {"id": 1, "status": 200, "result": {"subscriptionId": 0}},
    ]
    return of_market, of_account


@pytest.mark.parametrize("name", sorted(MARKETS))
def test_damaged_messages_stop_nothing(name: str) -> None:
    market, chance = MARKETS[name], random.Random(20_261_121)
    said: list[str] = []
    wanted: list[int] = []
    quarantine = Quarantine(name, said.append)
    listed = universe(market)
    reader = StreamReader(listed, Reader(listed, TAG), quarantine.hold, wanted.append)
    of_market, of_account = messages(market)
    through = 0
    for place_ in range(STREAM_MESSAGES):
        what = chance.randrange(10)
        if what == 0:
            told = reader.take_snapshot(2, damaged(chance, snapshot(99 + place_ % 3)))
        elif what < 6:
            told = reader.read(damaged(chance, chance.choice(of_market)))
        else:
            told = reader.read_account(damaged(chance, chance.choice(of_account)))
        for message in told:
            through += 1
            if isinstance(message, MarketData):
                assert set(message.events["instrument"].tolist()) <= {2, 5}
                assert (message.events["venue_time_ns"] >= 0).all()
                assert (message.events["quantity"] >= 0).all()
            elif isinstance(message, FillsNews):
                assert all(fill.quantity > 0 and fill.price > 0 and fill.trade_id > 0 for fill in message.fills)
            else:
                assert isinstance(message, OrderNews)
                assert all(0 <= one.filled <= one.quantity for one in message.orders)
    assert through > 1_000
    assert quarantine.total > 3_000
    assert len(said) == len(quarantine.counts) < 40  # once for each kind
    assert sum(quarantine.counts.values()) == quarantine.total
    assert set(wanted) <= {2, 5}


def cases(market: Market) -> list[tuple[Any, Any, int]]:
    """Requests, what answers them, and with which status."""
    position = {
        "symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.100", "unrealizedProfit": "-10.0",
        "notional": "-3010.0", "updateTime": TIME,
    }  # fmt: skip
    account = (
        {"updateTime": TIME, "balances": [{"asset": name, "free": "0.1005", "locked": "1"} for name in ("BTC", "USDT")]}
        if market.spot
        else {"assets": [{"asset": "USDT", "walletBalance": "500.25", "updateTime": TIME}], "positions": [position]}
    )  # fmt: skip
    asked = AskOrder(request_id=1, order_id=77, venue_order_id=0, instrument=2, strategy=3)
    failure = {"code": -2010, "msg": "Account has insufficient balance for requested action."}
    return [
        (place(), order(), 200),
        (place(), failure, 400),
        (place(), {"code": -1007, "msg": "Timeout waiting for response from backend server."}, 408),
        (cancel(), order(status="CANCELED"), 200),
        (asked, order(), 200),
        (asked, {"code": -2013, "msg": "Order does not exist."}, 400),
        (AskOrders(request_id=1), [order(), order(orderId=29)], 200),
        (AskAccount(request_id=1), account, 200),
    ]


@pytest.mark.parametrize("name", sorted(MARKETS))
def test_damaged_answers_are_answers_or_bad_messages(name: str) -> None:
    market, chance = MARKETS[name], random.Random(20_261_122)
    listed = universe(market)
    answers = AnswerReader(listed, Reader(listed, TAG))
    bad = 0
    for _ in range(ANSWERS):
        request, body, status = chance.choice(cases(market))
        reply = Reply(chance.choice([status, status, status, 500, 429, 200]), damaged(chance, body))
        try:
            if isinstance(request, AskOrder):
                answer = answers.order(request, reply)
            elif isinstance(request, AskOrders):
                answer = answers.orders(request, [reply])
            elif isinstance(request, AskAccount):
                answer = answers.account(request, reply, TIME, {2: 300_000})
            else:
                answer = answers.acted(request, reply)
            assert answer.request_id == request.request_id
        except BadMessage as error:
            bad += len(error.problem) <= 200
    assert 500 < bad < ANSWERS


def test_damaged_lists_are_lists_or_bad_messages() -> None:
    chance = random.Random(20_261_123)
    listed = universe(USDM)
    reader = Reader(listed, TAG)
    answers = AnswerReader(listed, reader)
    payment = {"symbol": "BTCUSDT", "incomeType": "FUNDING_FEE", "income": "-1", "asset": "USDT", "time": TIME}
    bad = 0
    for _ in range(LISTS):
        try:
            for row in answers.trades(Reply(200, damaged(chance, [trade(), trade(id=100)]))):
                reader.fill(row)
        except (BadMessage, ValueError):
            bad += 1
        try:
            answers.funding(Reply(200, damaged(chance, [payment, payment])))
            answers.own(Reply(200, damaged(chance, order())))
        except BadMessage:
            bad += 1
    assert 500 < bad < 2 * LISTS


def test_a_damaged_beginning_is_refused_in_words() -> None:
    """What is asked before anything else: the time, the list, what the key may do, the listen key."""
    chance, bad = random.Random(20_261_124), 0
    rights = {"enableWithdrawals": False, "enableReading": True, "enableFutures": True}
    limits = [{"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50}]
    for _ in range(LISTS):
        try:
            found: ExchangeInfo = decoded(
                ExchangeInfo, Reply(200, damaged(chance, {"symbols": both(SPOT), "rateLimits": limits})), "exchangeInfo"
            )
            RateLimiter(100).learn(*limits_of(found.rate_limits))
            Universe.bind(SPOT, [(0, 0, instrument("BTCUSDT", "BTC", "0.1", "0.001", SPOT))], found)
        except (BadMessage, ConfigError):
            bad += 1
        for kind, body in ((ServerTime, {"serverTime": TIME}), (Restrictions, rights), (ListenKey, {"listenKey": "k"})):
            try:
                decoded(kind, Reply(200, damaged(chance, body)), "answer")
            except BadMessage:
                bad += 1
    assert bad > LISTS


def test_a_whole_message_still_passes() -> None:
    """The fuzz is of messages that do pass when they are whole."""
    for market in MARKETS.values():
        listed = universe(market)
        quarantine = Quarantine("whole", [].append)
        reader = StreamReader(listed, Reader(listed, TAG), quarantine.hold, set().add)
        of_market, of_account = messages(market)
        reader.take_snapshot(2, raw(snapshot(99)))
        assert [len(reader.read(raw(one))) for one in of_market] == [1, 1, 1, 0, *([] if market.spot else [1])]
        assert [len(reader.read_account(raw(one))) for one in of_account] == [1, 2, 1, 0, 0, 0, 0]
        assert quarantine.counts == {"unknown account message": 1}  # an answer to nothing
        assert msgspec.json.decode(raw(snapshot(99)))
