"""The practice codec. What is tested: `quarterdeck.venues.practice.codec` and `quarterdeck.venues.practice.wire`."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.kernel.vocabulary import EventKind, OrderStatus, OrderType, Reason, Side, TimeInForce
from quarterdeck.twins.exchange import PracticeExchange
from quarterdeck.twins.exchange_records import Listing, Quote
from quarterdeck.twins.practice_wire import PracticeWire
from quarterdeck.venues.identity import client_id, desk_tag
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
    OrdersAnswer,
    Place,
    Refused,
    Request,
    Taken,
    Unsent,
)
from quarterdeck.venues.practice.codec import Garbled, PracticeCodec

NOW = 10**18
CODEC = PracticeCodec("mine", instruments=(4, 2), purses=(3, 5))
ORDER = (1 << 40) + 1


def place(order_id: int = ORDER, **changes: Any) -> Place:
    fields: dict[str, Any] = {
        "request_id": 1, "order_id": order_id, "strategy": 6, "instrument": 2, "side": Side.BUY, "price": 100,
        "trigger_price": 0, "quantity": 5, "order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC,
        "post_only": False, "reduce_only": False, "expires_ns": 0,
    }  # fmt: skip
    return Place(**{**fields, **changes})


class Both:
    """A codec and an exchange with one wire between them."""

    def __init__(self, **options: int) -> None:
        exchange = PracticeExchange([Listing(value=1), Listing(value=1, purse=1)], **options)
        exchange.open_account([1000, 1000])
        exchange.open_account([1000, 1000])
        self.codec = PracticeCodec("mine", (4, 2), (3, 5))
        self.wire = PracticeWire(exchange)
        self.wire.quote(NOW, [(1, Quote(99, 101, 3, 3))])

    def ask(self, request: Request, account: int = 0) -> list[Message | Garbled]:
        lines = self.wire.handle(NOW, account, self.codec.encode(request))
        return [self.codec.decode(line) for to, line in lines if to == account]


def test_a_conversation() -> None:
    both = Both()
    taken, news = both.ask(place())
    assert taken == Taken(request_id=1, venue_order_id=1, filled=0, final=True)
    assert isinstance(news, OrderNews)
    (report,) = news.orders
    assert (report.order_id, report.strategy, report.instrument) == (ORDER, 6, 2)
    assert (report.status, report.side, report.price, report.quantity) == (OrderStatus.ACCEPTED, Side.BUY, 100, 5)
    (same,) = both.ask(AskOrder(request_id=2, order_id=ORDER, venue_order_id=0, instrument=2, strategy=6))
    assert same == OrderAnswer(request_id=2, order=report)
    assert both.ask(AskOrders(request_id=3)) == [OrdersAnswer(request_id=3, orders=(report,))]
    amended = Amend(
        request_id=4, order_id=ORDER, venue_order_id=0, instrument=2, strategy=6, side=Side.BUY, price=101,
        trigger_price=0, quantity=5, order_type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, post_only=False,
        reduce_only=False, expires_ns=0,
    )  # fmt: skip
    answer, fills, orders = both.ask(amended)
    assert answer == Taken(request_id=4, venue_order_id=1, filled=3, final=True)
    assert isinstance(fills, FillsNews)
    (trade,) = fills.fills
    assert (trade.trade_id, trade.order_id, trade.strategy, trade.price, trade.quantity) == (1, ORDER, 6, 101, 3)
    assert isinstance(orders, OrderNews)
    assert orders.orders[0].status is OrderStatus.PARTIALLY_FILLED
    (told,) = both.ask(AskFills(request_id=5, since_ns=0))
    assert told == FillsAnswer(request_id=5, fills=fills.fills, until_ns=NOW - 1, more=False)
    (account,) = both.ask(AskAccount(request_id=6))
    balances = (Balance(account=3, cash=1000), Balance(account=5, cash=1000 - 303))
    holdings = (Holding(instrument=2, quantity=3, price=101, cost=303),)
    assert account == AccountAnswer(request_id=6, holdings=holdings, balances=balances, venue_time_ns=NOW)
    done, _ = both.ask(Cancel(request_id=7, order_id=ORDER, venue_order_id=0, instrument=2, strategy=6, expires_ns=0))
    assert done == Taken(request_id=7, venue_order_id=1, filled=3, final=True)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (place(), Reason.DUPLICATE_ORDER),
        (place(ORDER + 1, price=101, post_only=True), Reason.POST_ONLY_WOULD_CROSS),
        (place(ORDER + 1, reduce_only=True), Reason.REDUCE_ONLY_WOULD_INCREASE),
        (place(ORDER + 1, expires_ns=NOW - 1), Reason.STALE_DATA),
        (
            Cancel(request_id=1, order_id=ORDER + 9, venue_order_id=0, instrument=2, strategy=6, expires_ns=0),
            Reason.UNKNOWN_ORDER,
        ),
    ],
)
def test_refusals(request_: Request, reason: Reason) -> None:
    both = Both()
    both.ask(place())
    (refused,) = both.ask(request_)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.error) == (reason, False)


def test_a_rate_limit_leaves_a_request_unsent_and_a_halt_is_the_venues_own_fault() -> None:
    both = Both(requests_per_second=1)
    both.wire.exchange.halted = True
    (refused,) = both.ask(place())
    assert isinstance(refused, Refused)
    assert refused.error
    unsent = Unsent(request_id=1, text="rate limit of the exchange", reason=Reason.MESSAGE_RATE_EXCEEDED)
    assert both.ask(place()) == [unsent]


def test_an_order_of_somebody_else_is_foreign() -> None:
    both = Both()
    other = PracticeCodec("theirs", (4, 2), (3, 5))
    both.wire.handle(NOW, 0, other.encode(place()))
    (answer,) = both.ask(AskOrders(request_id=3))
    assert isinstance(answer, OrdersAnswer)
    assert (answer.orders[0].order_id, answer.orders[0].strategy) == (0, -1)
    cancel = Cancel(request_id=7, order_id=0, venue_order_id=1, instrument=2, strategy=-1, expires_ns=0)
    assert isinstance(both.ask(cancel)[0], Taken)


def test_quotes_become_events() -> None:
    both = Both()
    ((_, line),) = both.wire.quote(NOW, [(0, Quote(7, 8, 1, 2)), (1, Quote(9, 10, 3, 4))])
    data = both.codec.decode(line)
    assert isinstance(data, MarketData)
    told = [
        tuple(int(event[name]) for name in ("kind", "instrument", "bid", "ask", "bid_quantity", "ask_quantity"))
        for event in data.events
    ]
    assert told == [(EventKind.QUOTE, 4, 7, 8, 1, 2), (EventKind.QUOTE, 2, 9, 10, 3, 4)]
    assert set(data.events["venue_time_ns"]) == {NOW}


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        (b"", False),
        (b"\xff\xfe", False),
        (b"[" * 5000, False),
        (b'{"type":"Nobody","request_id":3}', True),
        (b'{"type":"Taken","request_id":3}', True),
        (b'{"type":"Taken","request_id":3,"venue_order_id":1,"filled":4398046511104,"final":true}', True),
        (b'{"type":"Fills","request_id":3,"fills":[{}],"until_ns":0,"more":false}', True),
        (b'{"type":"Account","request_id":3,"holdings":[[2,1,1,1]],"balances":[],"time_ns":1}', True),
        (b'{"type":"Account","request_id":3,"holdings":[],"balances":[[7,1]],"time_ns":1}', True),
        (b'{"type":"Quotes","quotes":[[5,1,2,3,4]],"time_ns":1}', False),
    ],
)
def test_what_makes_no_sense_is_put_aside(line: bytes, lost: bool) -> None:
    codec = PracticeCodec("mine", (4, 2), (3, 5))
    decoded = codec.decode(line)
    assert (codec.garbled, len(codec.quarantine)) == (1, 1)
    assert codec.quarantine[0].raw == line[:200]
    if lost:
        assert isinstance(decoded, Lost)
        assert decoded.request_id == 3
    else:
        assert isinstance(decoded, Garbled)


GOOD = [
    msgspec.json.encode(fields)
    for fields in (
        {"type": "Taken", "request_id": 3, "venue_order_id": 1, "filled": 4, "final": True},
        {
            "type": "FillsNews",
            "fills": [
                {
                    "trade_id": 1, "client_id": client_id(desk_tag("mine"), 1, ORDER), "venue_order_id": 1,
                    "instrument": 0, "side": 1, "price": 5, "quantity": 6, "fee": -1, "maker": True, "time_ns": 9,
                }
            ],
        },
    )
]  # fmt: skip


@settings(max_examples=400)
@given(raw=st.sampled_from(GOOD), place_=st.integers(0, 400), junk=st.binary(max_size=4), cut=st.booleans())
def test_no_bytes_stop_a_desk(raw: bytes, place_: int, junk: bytes, cut: bool) -> None:
    at = place_ % (len(raw) + 1)
    broken = raw[:at] + junk + (b"" if cut else raw[at + len(junk) :])
    decoded = CODEC.decode(broken)
    if isinstance(decoded, FillsNews):
        assert all(fill.trade_id > 0 and fill.quantity > 0 and fill.price > 0 for fill in decoded.fills)
