"""The exchange's end of its wire. What is tested: `quarterdeck.twins.practice_wire`."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.twins.exchange import PracticeExchange
from quarterdeck.twins.exchange_records import Listing, Quote
from quarterdeck.twins.practice_wire import EVERYBODY, PracticeWire

NOW = 10**18
PLACE = {
    "type": "Place",
    "request_id": 7,
    "client_id": "c1",
    "instrument": 0,
    "side": 1,
    "kind": "limit",
    "force": "gtc",
    "price": 100,
    "trigger_price": 0,
    "quantity": 5,
    "post_only": False,
    "reduce_only": False,
    "expires_ns": 0,
}


def wire_of(**options: int) -> PracticeWire:
    exchange = PracticeExchange([Listing(value=1)], **options)
    for _ in range(2):
        exchange.open_account([1000])
    wire = PracticeWire(exchange, fills_most=2)
    wire.quote(NOW, [(0, Quote(99, 101, 3, 3))])
    return wire


def said(wire: PracticeWire, account: int = 0, **fields: object) -> list[tuple[int, dict[str, object]]]:
    return [(to, msgspec.json.decode(line)) for to, line in wire.handle(NOW, account, msgspec.json.encode(fields))]


def test_a_place_is_answered_and_both_accounts_hear_of_their_trade() -> None:
    wire = wire_of()
    (to, answer), (_, news) = said(wire, **PLACE)
    assert to == 0
    assert answer == {"type": "Taken", "venue_order_id": 1, "filled": 0, "final": True, "request_id": 7}
    assert news["type"] == "OrderNews"
    told = said(wire, 1, **{**PLACE, "side": -1, "quantity": 2})
    kinds = [(to, message["type"]) for to, message in told]
    assert kinds == [(1, "Taken"), (0, "FillsNews"), (0, "OrderNews"), (1, "FillsNews"), (1, "OrderNews")]
    (_, account), *_ = said(wire, type="AskAccount", request_id=8)
    assert (account["holdings"], account["balances"]) == ([[0, 2, 100, 200]], [[0, 800]])
    (_, fills), *_ = said(wire, type="AskFills", request_id=9, since_ns=0)
    assert [fill["client_id"] for fill in fills["fills"]] == ["c1"]
    assert (fills["until_ns"], fills["more"]) == (NOW - 1, False)


def test_an_order_is_found_by_its_client_id_amended_and_canceled() -> None:
    wire = wire_of()
    said(wire, **PLACE)
    named = {"client_id": "c1", "venue_order_id": 0}
    said(wire, type="Amend", request_id=1, price=98, trigger_price=0, quantity=9, expires_ns=0, **named)
    (_, answer), *_ = said(wire, type="AskOrder", request_id=2, **named)
    assert (answer["order"]["price"], answer["order"]["quantity"]) == (98, 9)
    (_, canceled), *_ = said(wire, type="Cancel", request_id=3, client_id="", venue_order_id=1)
    assert (canceled["type"], canceled["final"]) == ("Taken", True)
    (_, orders), *_ = said(wire, type="AskOrders", request_id=4)
    assert orders["orders"] == []
    (_, unknown), *_ = said(wire, type="AskOrder", request_id=5, client_id="x", venue_order_id=0)
    assert unknown["order"] is None


def test_a_noted_cancel_says_so() -> None:
    wire = wire_of(cancel_delay_ns=5)
    said(wire, **PLACE)
    assert said(wire, type="Cancel", request_id=3, client_id="c1", venue_order_id=0)[0][1]["final"] is False
    wire.exchange.advance(NOW + 5)
    (to, line), *_ = wire.news()
    assert (to, msgspec.json.decode(line)["orders"][0]["status"]) == (0, "canceled")


def test_too_many_requests_are_not_read_and_an_outage_is_silent() -> None:
    wire = wire_of(requests_per_second=1)
    said(wire, type="AskOrders", request_id=1)
    assert said(wire, **PLACE) == [(0, {"type": "Busy", "request_id": 7})]
    assert wire.exchange.find(0, "c1") is None
    wire.outage = True
    assert said(wire, type="AskOrders", request_id=2) == []


def test_quotes_go_to_everybody() -> None:
    wire = wire_of()
    ((to, line),) = wire.quote(NOW, [(0, Quote(98, 100, 1, 2))])
    told = msgspec.json.decode(line)
    assert (to, told["quotes"], told["time_ns"]) == (EVERYBODY, [[0, 98, 100, 1, 2]], NOW)


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"\xff", b"[" * 9999, b'{"type":"Place"}', b'{"request_id":1}'])
def test_a_line_without_a_number_is_counted_and_not_answered(line: bytes) -> None:
    wire = wire_of()
    assert wire.handle(NOW, 0, line) == []
    assert wire.malformed == 1


@given(
    dropped=st.sampled_from([*PLACE, ""]),
    field=st.sampled_from(sorted(set(PLACE) - {"request_id", "post_only", "reduce_only"})),
    value=st.one_of(
        st.none(), st.text(), st.floats(allow_nan=False), st.lists(st.integers()), st.integers(max_value=-1)
    ),
)
def test_nonsense_is_refused_and_changes_nothing(dropped: str, field: str, value: object) -> None:
    wire = wire_of()
    fields = {**PLACE, field: value}
    fields.pop(dropped, None)
    told = wire.handle(NOW, 0, msgspec.json.encode(fields))
    harmless = field in ("client_id", "expires_ns", "side") or dropped == field
    if not harmless:
        assert wire.exchange.open_orders(0) == []
        assert len(told) <= 1
    for _, line in told:
        assert isinstance(msgspec.json.decode(line), dict)
