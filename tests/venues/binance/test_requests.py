"""What is tested: `quarterdeck.venues.binance.requests`: each order as its market's parameters; what cannot be sent."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.vocabulary import OrderType, Reason, Side, TimeInForce
from quarterdeck.venues.binance.markets import SPOT, USDM, Market
from quarterdeck.venues.binance.requests import Call, Encoder
from quarterdeck.venues.binance.universe import Universe
from quarterdeck.venues.identity import order_of
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import AskOrder, Refused
from tests.venues.binance.builders import CLIENT, MARKETS, TAG, TIME, cancel, place, universe

PATTERN = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")  # the venue's own, of a client order id


def encoder(market: Market) -> Encoder:
    return Encoder(market, universe(market), TAG)


def sent(market: Market, **changes: Any) -> dict[str, Any]:
    call = encoder(market).place(place(**changes))
    assert isinstance(call, Call)
    return dict(call.parameters)


@pytest.mark.parametrize("name", MARKETS)
def test_a_limit_order(name: str) -> None:
    call = encoder(MARKETS[name]).place(place())
    assert isinstance(call, Call)
    assert call.parameters == (
        ("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "LIMIT"), ("timeInForce", "GTC"), ("price", "30000.5"),
        ("quantity", "0.1"), ("newClientOrderId", CLIENT), ("newOrderRespType", "RESULT"),
    )  # fmt: skip
    assert (call.method, call.signed, call.order, call.urgent, call.deadline_ms) == ("POST", True, True, False, TIME)


@pytest.mark.parametrize(
    ("changes", "spot", "usdm"),
    [
        ({"post_only": True}, {"type": "LIMIT_MAKER"}, {"type": "LIMIT", "timeInForce": "GTX"}),
        ({"time_in_force": TimeInForce.IOC}, {"type": "LIMIT", "timeInForce": "IOC"}, {"timeInForce": "IOC"}),
        ({"time_in_force": TimeInForce.FOK}, {"timeInForce": "FOK"}, {"timeInForce": "FOK"}),
        ({"order_type": OrderType.MARKET, "price": 0}, {"type": "MARKET"}, {"type": "MARKET"}),
        ({"side": Side.SELL, "reduce_only": True}, {"side": "SELL"}, {"side": "SELL", "reduceOnly": "true"}),
        (
            {"order_type": OrderType.STOP, "price": 0, "trigger_price": 290_000},
            {"type": "STOP_LOSS", "stopPrice": "29000"},
            None,
        ),
        (
            {"order_type": OrderType.STOP_LIMIT, "trigger_price": 290_000},
            {"type": "STOP_LOSS_LIMIT", "stopPrice": "29000", "timeInForce": "GTC", "price": "30000.5"},
            None,
        ),
        ({"reduce_only": True}, None, {"side": "BUY", "reduceOnly": "true"}),
        ({"time_in_force": TimeInForce.DAY}, None, None),
        ({"quantity": 0}, None, None),
        ({"price": 0}, None, None),
        ({"price": -1}, None, None),
        ({"order_type": OrderType.STOP, "price": 0}, None, None),
        ({"order_type": OrderType.MARKET, "price": 0, "post_only": True}, None, None),
    ],
)  # fmt: skip
def test_each_kind_on_each_market(
    changes: dict[str, Any], spot: dict[str, str] | None, usdm: dict[str, str] | None
) -> None:
    """None: it is refused here, and nothing is sent."""
    for market, wanted in ((SPOT, spot), (USDM, usdm)):
        answer = encoder(market).place(place(**changes))
        if wanted is None:
            assert isinstance(answer, Refused)
            assert answer.reason in {Reason.ORDER_SHAPE_INVALID, Reason.REDUCE_ONLY_WOULD_INCREASE}
            continue
        assert isinstance(answer, Call)
        told = dict(answer.parameters)
        assert told | wanted == told
        assert ("price" in told) == (told["type"] in {"LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT"})
        assert ("timeInForce" in told) == (told["type"] in {"LIMIT", "STOP_LOSS_LIMIT"})
        assert market.spot <= ("reduceOnly" not in told)


@pytest.mark.parametrize("name", MARKETS)
def test_a_cancel_is_by_our_id_or_else_by_the_venues(name: str) -> None:
    ours, foreign = encoder(MARKETS[name]).cancel(cancel()), encoder(MARKETS[name]).cancel(cancel(order_id=0))
    assert ours.parameters == (("symbol", "BTCUSDT"), ("origClientOrderId", CLIENT))
    assert foreign.parameters == (("symbol", "BTCUSDT"), ("orderId", 28))
    assert (ours.method, ours.urgent, ours.order) == ("DELETE", True, False)


@pytest.mark.parametrize("name", MARKETS)
def test_questions(name: str) -> None:
    market, ask = MARKETS[name], encoder(MARKETS[name])
    one = ask.order(AskOrder(request_id=1, order_id=77, venue_order_id=28, instrument=2, strategy=3))
    assert dict(one.parameters) == {"symbol": "BTCUSDT", "origClientOrderId": CLIENT}
    assert [dict(call.parameters) for call in ask.open_orders()] == [{"symbol": "BTCUSDT"}, {"symbol": "ETHUSDT"}]
    btc = universe(market).by_index[2]
    assert dict(ask.trades(btc, 5, 9).parameters) == {"symbol": "BTCUSDT", "startTime": 5, "endTime": 9, "limit": 1_000}
    assert dict(ask.trades_from(btc, 7).parameters) == {"symbol": "BTCUSDT", "fromId": 7, "limit": 1_000}
    for call in (one, *ask.open_orders(), ask.account(), ask.trades(btc, 1, 2), ask.income(3), ask.snapshot(btc)):
        assert (call.method, call.question, call.deadline_ms) == ("GET", True, 0)
    assert not ask.snapshot(btc).signed


@pytest.mark.parametrize(("name", "most"), [("spot", 13), ("usdm", 40)])
def test_open_orders_are_asked_for_the_light_way(name: str, most: int) -> None:
    market = MARKETS[name]
    (btc, _) = universe(market).listed
    for count in (most, most + 1):
        ask = Encoder(market, Universe([btc] * count), TAG)
        assert len(ask.open_orders()) == (count if count <= most else 1)
        assert sum(call.weight for call in ask.open_orders()) <= market.weights.all_open_orders


def test_another_venues_instrument_is_a_bad_message() -> None:
    with pytest.raises(BadMessage):
        encoder(SPOT).place(place(instrument=9))


@given(st.integers(0, 32_767), st.integers(0, 2**63 - 1))
def test_the_client_order_id_is_in_the_venues_form_and_comes_back(strategy: int, order_id: int) -> None:
    text = sent(USDM, strategy=strategy, order_id=order_id)["newClientOrderId"]
    assert PATTERN.match(text)
    assert order_of(TAG, text) == (order_id, strategy)
