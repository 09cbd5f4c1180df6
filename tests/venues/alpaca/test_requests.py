"""What is tested: `quarterdeck.venues.alpaca.requests`: what leaves for the venue, and what does not."""

from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import OrderType, Reason, Side, TimeInForce
from quarterdeck.venues.alpaca.requests import (
    Call,
    account_call,
    activities_call,
    asset_call,
    calendar_call,
    cancel_call,
    clock_call,
    order_call,
    orders_call,
    positions_call,
)
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import Refused
from tests.venues.alpaca.builders import CLIENT_ID, FINE, OURS, TIME, TIME_NS, Parts, place

PLAIN = {
    "symbol": "AAPL", "qty": "100", "side": "buy", "type": "limit", "time_in_force": "gtc", "limit_price": "180.25",
    "client_order_id": CLIENT_ID,
}  # fmt: skip


def sent(market_open: bool = True, halted: bool = False, **changes: Any) -> Call | Refused:
    return Parts().encoder.place(place(**changes), market_open=market_open, halted=halted)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, {}),
        ({"side": Side.SELL, "time_in_force": TimeInForce.DAY}, {"side": "sell", "time_in_force": "day"}),
        ({"time_in_force": TimeInForce.IOC}, {"time_in_force": "ioc"}),
        ({"time_in_force": TimeInForce.FOK}, {"time_in_force": "fok"}),
        ({"order_type": OrderType.MARKET, "price": 0}, {"type": "market", "limit_price": None}),
        ({"order_type": OrderType.STOP, "price": 0, "trigger_price": 17_000},
         {"type": "stop", "limit_price": None, "stop_price": "170"}),
        ({"order_type": OrderType.STOP_LIMIT, "trigger_price": 17_000}, {"type": "stop_limit", "stop_price": "170"}),
        ({"reduce_only": True}, {}),
        ({"instrument": FINE, "quantity": 20_000, "price": 1_802_500}, {"symbol": "SPY", "qty": "2"}),
        ({"instrument": FINE, "quantity": 5, "price": 9_999, "time_in_force": TimeInForce.DAY},
         {"symbol": "SPY", "qty": "0.0005", "limit_price": "0.9999", "time_in_force": "day"}),
        ({"instrument": FINE, "quantity": 5, "price": 0, "order_type": OrderType.MARKET,
          "time_in_force": TimeInForce.IOC},
         {"symbol": "SPY", "qty": "0.0005", "limit_price": None, "time_in_force": "day", "type": "market"}),
    ],
)  # fmt: skip
def test_an_orders_fields(changes: dict[str, Any], fields: dict[str, str | None]) -> None:
    call = sent(**changes)
    assert isinstance(call, Call)
    wanted = {name: value for name, value in {**PLAIN, **fields}.items() if value is not None}
    assert dict(call.fields) == wanted
    assert (call.method, call.path, call.urgent, call.question) == ("POST", "/orders", False, False)
    assert len(call.fields["client_order_id"]) <= 48


@pytest.mark.parametrize(
    ("changes", "reason", "said"),
    [
        ({"post_only": True}, Reason.ORDER_SHAPE_INVALID, "no post-only"),
        ({"quantity": 0}, Reason.ORDER_SHAPE_INVALID, "above 0"),
        ({"order_id": 0}, Reason.ORDER_SHAPE_INVALID, "above 0"),
        ({"price": 0}, Reason.ORDER_SHAPE_INVALID, "has a price"),
        ({"order_type": OrderType.STOP}, Reason.ORDER_SHAPE_INVALID, "has a trigger price"),
        ({"order_type": OrderType.STOP, "trigger_price": 5, "time_in_force": TimeInForce.IOC},
         Reason.ORDER_SHAPE_INVALID, "a stop waits"),
        ({"instrument": FINE, "quantity": 5, "price": 1_802_500}, Reason.ORDER_SHAPE_INVALID, "for the day alone"),
        ({"instrument": FINE, "quantity": 10_000, "price": 1_802_501}, Reason.ORDER_SHAPE_INVALID, "finer than a cent"),
        ({"market_open": False}, Reason.SESSION_CLOSED, "the market is closed"),
        ({"halted": True}, Reason.SYMBOL_LOCKED, "AAPL is halted"),
    ],
)  # fmt: skip
def test_what_the_venue_could_not_be_told_is_refused_here(changes: dict[str, Any], reason: Reason, said: str) -> None:
    answer = sent(**changes)
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.error) == (reason, False)
    assert said in answer.text


def test_what_takes_a_position_down_leaves_at_any_time() -> None:
    assert isinstance(sent(market_open=False, reduce_only=True), Call)
    assert isinstance(sent(halted=True, reduce_only=True), Call)


def test_another_venues_instrument_is_a_mistake() -> None:
    with pytest.raises(BadMessage, match="instrument 0"):
        sent(instrument=0)


@pytest.mark.parametrize(
    ("call", "method", "path", "fields", "urgent"),
    [
        (account_call(), "GET", "/account", {}, False),
        (positions_call(), "GET", "/positions", {}, False),
        (clock_call(), "GET", "/clock", {}, False),
        (calendar_call("2026-11-20", "2026-11-30"), "GET", "/calendar",
         {"start": "2026-11-20", "end": "2026-11-30"}, False),
        (asset_call("AAPL"), "GET", "/assets/AAPL", {}, False),
        (order_call(OURS), "GET", f"/orders/{OURS}", {}, False),
        (order_call("", CLIENT_ID, urgent=True), "GET", "/orders:by_client_order_id",
         {"client_order_id": CLIENT_ID}, True),
        (orders_call("open"), "GET", "/orders",
         {"status": "open", "limit": "500", "direction": "desc", "nested": "true"}, False),
        (orders_call("all", until=TIME), "GET", "/orders",
         {"status": "all", "limit": "500", "direction": "desc", "nested": "true", "until": TIME}, False),
        (activities_call(TIME_NS), "GET", "/account/activities/FILL",
         {"after": TIME, "direction": "asc", "page_size": "100"}, False),
        (activities_call(TIME_NS, "x::y"), "GET", "/account/activities/FILL",
         {"after": TIME, "direction": "asc", "page_size": "100", "page_token": "x::y"}, False),
        (cancel_call(OURS), "DELETE", f"/orders/{OURS}", {}, True),
    ],
)  # fmt: skip
def test_calls(call: Call, method: str, path: str, fields: dict[str, str], urgent: bool) -> None:
    assert (call.method, call.path, dict(call.fields), call.urgent) == (method, path, fields, urgent)
    assert call.question == (method == "GET")
