"""What is tested: whatever is asked of `quarterdeck.twins.binance.gate` or said to a connection of
`quarterdeck.twins.binance.streams` and `quarterdeck.twins.binance.websocket_api` is answered, and breaks nothing.
"""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.market.events import join_events
from quarterdeck.twins.binance.exchange import TwinExchange
from quarterdeck.twins.binance.gate import Gate
from quarterdeck.twins.binance.listings import default_listings
from quarterdeck.twins.binance.streams import Session, Streams
from quarterdeck.twins.binance.websocket_api import WebsocketApi
from quarterdeck.twins.faults import Faults
from quarterdeck.twins.feed import GeneratedFeed

NOW_MS = 1_700_000_000_000
KEY, SECRET = "k" * 64, "s"
VALUES: dict[str, list[Any]] = {
    "symbol": ["BTCUSDT", "ETHUSDT", "X"], "side": ["BUY", "SELL", "?"],
    "type": ["LIMIT", "MARKET", "LIMIT_MAKER", "STOP"], "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    "price": ["59000", "60001", "1", "59000.5", "x", "-1"], "quantity": ["0.01", "1", "0", "1e3", "9"],
    "orderId": [NOW_MS + 1, NOW_MS + 2, NOW_MS + 3, -1, "x"], "origClientOrderId": ["a", "b"],
    "newClientOrderId": ["a", "b", "a b"],
    "limit": [5, 0, -1, 10**9], "interval": ["1m", "1h", "x"], "startTime": [0, NOW_MS], "endTime": [NOW_MS * 2, "x"],
    "fromId": [0, NOW_MS + 2], "reduceOnly": ["true", "false", "x"],
    "cancelReplaceMode": ["STOP_ON_FAILURE", "ALLOW_FAILURE"],
    "cancelOrderId": [NOW_MS + 1, NOW_MS + 2], "countdownTime": [0, 1, -1], "leverage": [1, 125, 126],
    "quoteOrderQty": ["100"],
    "batchOrders": ['[{"symbol":"BTCUSDT"}]', "[]", "{", "[1]"], "orderIdList": [f"[{NOW_MS + 1},1]", "x"],
    "selfTradePreventionMode": ["EXPIRE_TAKER", "EXPIRE_BOTH"], "newOrderRespType": ["ACK", "RESULT", "FULL"],
}  # fmt: skip
ASKED = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in VALUES.items()})
WORDS = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "60000", "quantity": "0.1"}


def venue() -> tuple[TwinExchange, Gate]:
    listings = default_listings(NOW_MS * 1_000_000)
    exchange = TwinExchange(listings, NOW_MS * 1_000_000)
    account = exchange.open_account(KEY, SECRET)
    account.spot, account.wallet = {"USDT": 10**13, "BTC": 10**9}, 10**13
    exchange.take(GeneratedFeed(listings, 1).take((NOW_MS + 2_000) * 1_000_000))
    return exchange, Gate(exchange, Faults(), lambda: NOW_MS, budget=10**9)


EXCHANGE, GATE = venue()
PATHS = [*GATE.spot.endpoints, *GATE.futures.endpoints]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PATHS), ASKED, st.booleans())
def test_every_request_is_answered(place: tuple[str, str], asked: dict[str, Any], usual: bool) -> None:
    words = urlencode({**(WORDS if usual else {}), **asked, "timestamp": NOW_MS})
    signature = hmac.new(SECRET.encode(), words.encode(), hashlib.sha256).hexdigest()
    answer = GATE.answer(*place, f"{words}&signature={signature}", "", KEY, "here")
    assert answer.status in {200, 400, 409, 429}
    json.dumps(answer.body)
    account = EXCHANGE.accounts[KEY]
    assert all(order.open for order in account.working.values())
    assert account.free("BTC") >= 0
    assert account.free("USDT") >= 0


MESSAGES = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.sampled_from(["SUBSCRIBE", "params", "id"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["method", "params", "id", "x"]), inner, max_size=4)
        ),
        max_leaves=8,
    ).map(json.dumps),
    st.builds(
        lambda method, params, number: json.dumps({"method": method, "params": params, "id": number}),
        st.sampled_from(
            ["SUBSCRIBE", "UNSUBSCRIBE", "SET_PROPERTY", "GET_PROPERTY", "order.place", "depth", "session.logon"]
        ),
        st.lists(st.sampled_from(["btcusdt@trade", "ethusdt@depth@100ms", "combined", "x@", ""]), max_size=3) | ASKED,
        st.none() | st.integers() | st.text(max_size=5),
    ),
)


@settings(max_examples=300, deadline=None)
@given(MESSAGES, st.booleans())
def test_every_message_is_answered_or_cuts(message: str | bytes, futures: bool) -> None:
    streams = Streams(EXCHANGE, {False: GATE.spot.market, True: GATE.futures.market})
    said: list[bytes] = []
    cut: list[bool] = []
    session = Session(said.append, lambda: cut.append(True), futures)
    streams.join(session, [])
    streams.hear(session, message, NOW_MS)
    assert len(said) + len(cut) == 1
    line = WebsocketApi(GATE, session, NOW_MS, "here")
    answer = line.hear(message)
    if answer is not None:
        line.say(answer)
    streams.publish(EXCHANGE.take_news(), NOW_MS)
    for one in said:
        json.loads(one)


def test_same_seed_same_market_and_both_halves_follow_one_flow() -> None:
    first, again = (GeneratedFeed(default_listings(NOW_MS), 5).take(60 * 10**9) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert len(join_events([first, again])) == 2 * len(first)
    spot, futures = (first[first["instrument"] == index] for index in (0, 1))
    assert len(spot) == len(futures)
    assert (spot["kind"] == futures["kind"]).all()
