"""What is tested: nothing that a client may say makes the twin fail: it is taken, or refused in the venue's words.
`quarterdeck.twins.alpaca.reading`, `quarterdeck.twins.alpaca.trading` and `quarterdeck.twins.alpaca.streams`.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.twins.alpaca.history import History
from quarterdeck.twins.alpaca.refusals import Refusal
from quarterdeck.twins.alpaca.streams import DataHub, DataSession, UpdatesHub, UpdatesSession
from tests.twins.alpaca.test_exchange import Rig

ODD: Any = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.sampled_from(["0", "-0", "1e400", "1e-400", "9" * 60, "0.1", " 5 ", "1_0", "NaN", "sNaN", "-Infinity", "٣"]),
)  # fmt: skip
EXITS: Any = st.one_of(ODD, st.fixed_dictionaries({}, optional={"limit_price": ODD, "stop_price": ODD}))
PLAUSIBLE: Any = {
    "symbol": st.sampled_from(["AAPL", "MSFT"]), "qty": st.sampled_from(["1", "0.5", "400"]),
    "side": st.sampled_from(["buy", "sell"]),
    "type": st.sampled_from(["market", "limit", "stop", "stop_limit", "trailing_stop"]),
    "time_in_force": st.sampled_from(["day", "gtc", "opg", "cls", "ioc", "fok"]),
    "order_class": st.sampled_from(["", "simple", "bracket", "oco", "oto"]),
    "limit_price": st.sampled_from(["229", "231", "235"]), "stop_price": st.sampled_from(["228", "231"]),
    "trail_percent": st.just("1"), "extended_hours": st.booleans(), "position_intent": st.just("buy_to_open"),
    "notional": st.just("50"), "client_order_id": st.sampled_from(["a", "b"]),
    "take_profit": st.just({"limit_price": "240"}), "stop_loss": st.just({"stop_price": "200"}),
}  # fmt: skip
NAMES = [*PLAUSIBLE, "trail_price"]
BODIES: Any = st.one_of(
    st.fixed_dictionaries(
        {name: st.one_of(PLAUSIBLE[name], ODD) for name in ("symbol", "qty", "side", "type", "time_in_force")},
        optional={
            **{name: st.one_of(PLAUSIBLE.get(name, ODD), ODD) for name in NAMES[5:]},
            "take_profit": EXITS, "stop_loss": EXITS,
        },
    ),
    st.fixed_dictionaries({}, optional=PLAUSIBLE),
    st.dictionaries(st.sampled_from(NAMES), ODD),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(BODIES, max_size=4))
def test_bodies_of_orders(bodies: list[dict[str, Any]]) -> None:
    rig = Rig()
    for body in bodies:
        before = dict(rig.ann.orders)
        status, row = answer(lambda body=body: rig.api.place(rig.ann, body))
        assert status in {200, 403, 422}
        if status == 200:
            changed, _ = answer(lambda body=body, row=row: rig.api.replace(rig.ann, row["id"], body))
            assert changed in {200, 403, 422}
        else:
            assert rig.ann.orders == before
    assert msgspec.json.encode([rig.api.account(rig.ann), rig.api.positions(rig.ann), rig.api.orders(rig.ann, {})])


def answer(ask: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
    """Status and body, which can be written."""
    try:
        status, body = ask()
    except Refusal as refusal:
        status, body = refusal.status, refusal.body
    assert msgspec.json.encode(body)
    return status, body


VALUES = ["AAPL", "1Min", "2026-11-20", "5", "0", "²", "QUFQTHww", "9999-12-31", "0001-01-01T00:00:00+14:00"]


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(
    ["symbols", "start", "end", "limit", "sort", "page_token", "timeframe", "status", "after", "until", "direction",
     "nested", "page_size", "date", "qty", "percentage", "cancel_orders"]),
    st.one_of(st.text(max_size=8), st.sampled_from(VALUES)),
))  # fmt: skip
def test_questions(query: dict[str, str]) -> None:
    rig = Rig()
    rig.place(qty="2")
    history = History(rig.exchange)
    for ask in (
        lambda: history.page("trades", query),
        lambda: history.page("bars", query),
        lambda: history.latest("quotes", query),
        lambda: rig.api.orders(rig.ann, query),
        lambda: rig.api.calendar(query),
        lambda: rig.api.activities(rig.ann, "FILL", query),
        lambda: rig.api.close_position(rig.ann, "AAPL", query),
    ):
        assert answer(ask)[0] in {200, 400, 403, 404, 422}


MESSAGES: Any = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40),
    st.dictionaries(
        st.sampled_from(["action", "key", "secret", "data", "trades", "quotes", "bars"]),
        st.one_of(ODD, st.sampled_from(["auth", "subscribe", "unsubscribe", "listen", "authenticate", "ann"])),
    ).map(msgspec.json.encode),
    st.dictionaries(st.sampled_from(["action", "trades", "key"]), st.one_of(st.text(), st.lists(st.text()))).map(
        msgspec.msgpack.encode
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(MESSAGES, max_size=5), st.booleans(), st.booleans())
def test_messages_of_streams(messages: list[Any], binary: bool, known: bool) -> None:
    rig = Rig()
    said: list[bytes] = []
    data, updates = DataHub(rig.exchange), UpdatesHub(rig.exchange)
    session, listener = DataSession("iex", said.append, binary=binary), UpdatesSession(said.append)
    data.greet(session, "ann" if known else "", "secret")
    for message in messages:
        before = len(said)
        data.hear(session, message)
        updates.hear(listener, message)
        assert len(said) == before + 2  # each is answered once
    rig.trade(23_000)
    data.publish(rig.exchange.take_news())
