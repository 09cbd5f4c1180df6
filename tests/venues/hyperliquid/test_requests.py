"""What is tested: `quarterdeck.venues.hyperliquid.requests` and `quarterdeck.venues.hyperliquid.limits`."""

from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import OrderType, Reason, Side, TimeInForce
from quarterdeck.venues.hyperliquid.limits import RateLimiter, info_weight
from quarterdeck.venues.hyperliquid.requests import Action, Encoder, leverage_action, schedule_cancel_action
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import AskAccount, AskFills, AskOrder, AskOrders, Refused, Request, Unsent
from tests.venues.hyperliquid.builders import CLOID, TAG, USER, amend, cancel, place, universe

TOUCH = (1_234_400, 1_234_600)


def encode(request: Request, touch: tuple[int, int] = TOUCH) -> Any:
    return Encoder(universe(), TAG, USER.upper().replace("X", "x")).encode(request, touch)


def wire(request: Request) -> dict[str, Any]:
    action = encode(request)
    assert isinstance(action, Action)
    return action.body["orders"][0] if "orders" in action.body else action.body["modifies"][0]["order"]


def test_order_is_what_the_sdk_would_make_of_it() -> None:
    from hyperliquid.utils.signing import Cloid, order_request_to_order_wire, order_wires_to_order_action

    theirs = order_request_to_order_wire(
        {
            "coin": "XRP",
            "is_buy": True,
            "sz": 100.0,
            "limit_px": 1.2345,
            "order_type": {"limit": {"tif": "Gtc"}},
            "reduce_only": False,
            "cloid": Cloid(CLOID),
        },
        1,
    )
    action = encode(place())
    assert action.body == order_wires_to_order_action([theirs])
    assert list(action.body) == ["type", "orders", "grouping"]  # the order of the fields is signed, too
    assert list(action.body["orders"][0]) == list(theirs)
    assert (action.expires_ms, action.urgent, action.weight) == (1_700_000_000_123, False, 1)


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"post_only": True}, "t", {"limit": {"tif": "Alo"}}),
        ({"time_in_force": TimeInForce.IOC}, "t", {"limit": {"tif": "Ioc"}}),
        ({"side": Side.SELL}, "b", False),
        ({"reduce_only": True}, "r", True),
        ({"instrument": 5, "quantity": 1250}, "s", "12.5"),
        ({"instrument": 5}, "a", 10_003),
        ({"order_type": OrderType.MARKET, "price": 0}, "p", "1.2964"),  # 5% above the ask, rounded up to five figures
        ({"order_type": OrderType.MARKET, "price": 0, "side": Side.SELL}, "p", "1.1726"),
        ({"order_type": OrderType.MARKET, "price": 0}, "t", {"limit": {"tif": "Ioc"}}),
        (
            {"order_type": OrderType.STOP, "price": 0, "trigger_price": 1_300_000},
            "t",
            {"trigger": {"isMarket": True, "triggerPx": "1.3", "tpsl": "sl"}},
        ),
        (
            {"order_type": OrderType.STOP_LIMIT, "price": 1_310_000, "trigger_price": 1_300_000},
            "t",
            {"trigger": {"isMarket": False, "triggerPx": "1.3", "tpsl": "sl"}},
        ),
    ],
)
def test_terms_on_the_wire(changes: dict[str, Any], field: str, value: object) -> None:
    assert wire(place(**changes))[field] == value


@pytest.mark.parametrize(
    "changes",
    [
        {"time_in_force": TimeInForce.FOK},
        {"time_in_force": TimeInForce.DAY},
        {"quantity": 0},
        {"price": 1_234_560},
        {"order_type": OrderType.STOP},
        {"price": -1},
    ],
)
def test_what_the_venue_cannot_be_told_is_refused_here(changes: dict[str, Any]) -> None:
    answer = encode(place(**changes))
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.ORDER_SHAPE_INVALID


def test_market_order_without_a_price_known_is_not_sent() -> None:
    assert isinstance(encode(place(order_type=OrderType.MARKET, price=0), (0, 0)), Unsent)


def test_cancel_by_our_id_or_by_the_venues() -> None:
    action = encode(cancel())
    assert action.body == {"type": "cancelByCloid", "cancels": [{"asset": 1, "cloid": CLOID}]}
    assert action.urgent
    assert encode(cancel(order_id=0)).body == {"type": "cancel", "cancels": [{"a": 1, "o": 5001}]}


def test_amend_names_the_order_and_gives_it_whole() -> None:
    body = encode(amend()).body
    assert body["type"] == "batchModify"
    assert body["modifies"][0]["oid"] == 5001
    assert wire(amend()) == {
        "a": 1,
        "b": True,
        "p": "1.2346",
        "s": "120",
        "r": False,
        "t": {"limit": {"tif": "Alo"}},
        "c": CLOID,
    }
    assert encode(amend(venue_order_id=0)).body["modifies"][0]["oid"] == CLOID
    assert isinstance(encode(amend(price=0)), Refused)


@pytest.mark.parametrize(
    ("request_", "bodies"),
    [
        (
            AskOrder(request_id=1, order_id=77, venue_order_id=0, instrument=2, strategy=3),
            [{"type": "orderStatus", "user": USER, "oid": CLOID}],
        ),
        (
            AskOrder(request_id=1, order_id=0, venue_order_id=9, instrument=2, strategy=-1),
            [{"type": "orderStatus", "user": USER, "oid": 9}],
        ),
        (AskOrders(request_id=1), [{"type": "frontendOpenOrders", "user": USER}]),
        (
            AskFills(request_id=1, since_ns=1_700_000_000_999_999_999),
            [
                {"type": "userFillsByTime", "user": USER, "startTime": 1_700_000_000_999, "aggregateByTime": False},
                {"type": "userFunding", "user": USER, "startTime": 1_699_999_985_999},
            ],
        ),
        (
            AskAccount(request_id=1),
            [{"type": "clearinghouseState", "user": USER}, {"type": "spotClearinghouseState", "user": USER}],
        ),
    ],
)
def test_questions(request_: Request, bodies: list[dict[str, Any]]) -> None:
    assert [question.body for question in encode(request_)] == bodies


def test_an_instrument_of_another_venue_is_refused() -> None:
    with pytest.raises(BadMessage):
        encode(place(instrument=0))


def test_switches() -> None:
    assert schedule_cancel_action(5).body == {"type": "scheduleCancel", "time": 5}
    assert schedule_cancel_action(None).body == {"type": "scheduleCancel"}
    assert leverage_action(1, 3).body == {"type": "updateLeverage", "asset": 1, "isCross": True, "leverage": 3}


def test_weights_are_the_venues() -> None:
    assert [info_weight(kind) for kind in ("orderStatus", "userFillsByTime", "userRole")] == [2, 20, 60]


def test_limiter_keeps_room_for_cancels() -> None:
    limiter = RateLimiter(budget=9, reserve=1)
    assert [limiter.admit(1, 0.0, question=True) > 0 for _ in range(7)] == [False] * 6 + [True]
    assert [limiter.admit(1, 0.0) > 0 for _ in range(3)] == [False] * 2 + [True]
    limiter = RateLimiter(budget=10, reserve=3)
    assert [limiter.admit(1, 0.0) for _ in range(7)] == [0.0] * 7
    assert limiter.admit(1, 10.0) == pytest.approx(50.0)
    assert [limiter.admit(1, 10.0, urgent=True) for _ in range(3)] == [0.0] * 3
    assert limiter.admit(1, 10.0, urgent=True) > 0
    assert limiter.admit(1, 60.1) == 0.0
    assert limiter.spent == 4


def test_limiter_counts_what_answers_weighed_and_obeys_a_rebuke() -> None:
    limiter = RateLimiter(budget=10, reserve=3)
    limiter.charge(7, 0.0)
    assert limiter.admit(1, 1.0) > 0
    limiter.rebuked(61.0, 5.0)
    assert limiter.admit(1, 62.0) == pytest.approx(4.0)
    assert limiter.admit(1, 62.0, urgent=True) == 0.0
    with pytest.raises(ValueError, match="leaves nothing"):
        RateLimiter(budget=3, reserve=3)
