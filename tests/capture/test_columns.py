"""What is tested: `quarterdeck.capture.columns` and `quarterdeck.capture.catalogue`."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.capture.catalogue import FIGURE_MAX, Catalogue
from quarterdeck.capture.columns import Columns
from quarterdeck.kernel.records import PRICE_MAX
from quarterdeck.kernel.vocabulary import ConnectionState, EventKind
from quarterdeck.market.events import blank_events
from tests.capture.builders import NOON, book, catalogue, quote, trade, two_instruments, words_of

STEPS = st.sampled_from(["0.000001", "0.00025", "0.01", "0.5", "1", "10", "25"])


def test_a_desks_instruments_are_catalogued(tmp_path) -> None:
    made = Catalogue.of(two_instruments(tmp_path))
    assert [(one.symbol, one.tick, one.lot, one.label) for one in made.instruments] == [
        ("XRP", "0.000001", "1", "XRP@hl"),
        ("XRP/USDC", "0.000001", "0.01", "XRP/USDC@hl"),
    ]
    assert [(one.name, one.kind, one.address) for one in made.venues] == [("hl", "hyperliquid", "127.0.0.1:8901")]
    assert (made.prices.places, made.quantities.places) == (6, 2)
    assert made.quantities.factors.tolist() == [100, 1]


def test_each_kind_goes_to_its_table_and_keeps_everything() -> None:
    columns = Columns(catalogue(("0.01", "1")))
    mark, rate, bar = (blank_events(1, kind) for kind in (EventKind.MARK, EventKind.FUNDING, EventKind.BAR))
    mark["mark"], rate["rate"] = 10_001, -12_500
    for place, name in enumerate(("open", "high", "low", "close", "volume")):
        bar[name] = 100 + place
    words = words_of(
        trade(10_000, 3, 77, at_ns=NOON - 5, sell=True), quote(9_999, 10_001), mark, rate, bar,
        book({9_999: 2}, {10_001: 4}),
    )  # fmt: skip
    tables = {name: table.to_pylist() for name, table in columns.tables(words).items()}
    assert tables.keys() == {"trades", "quotes", "marks", "funding", "bars", "levels"}
    place = {"venue": "v", "symbol": "I0"}
    assert tables["trades"] == [
        {"time_ns": NOON, "venue_time_ns": NOON - 5, **place, "side": "sell", "price": Decimal("100.00"),
         "quantity": Decimal(3), "trade_id": 77}
    ]  # fmt: skip
    assert tables["quotes"][0] | {"time_ns": 0} == {
        "time_ns": 0, "venue_time_ns": 0, **place, "bid": Decimal("99.99"), "ask": Decimal("100.01"),
        "bid_quantity": Decimal(7), "ask_quantity": Decimal(7), "update_id": 0,
    }  # fmt: skip
    assert tables["marks"][0]["mark"] == Decimal("100.01")
    assert tables["funding"][0]["rate"] == Decimal("-0.0000125")
    assert [str(tables["bars"][0][name]) for name in ("open", "close", "volume")] == ["1.00", "1.03", "104"]
    said = [(row["entry"], row["side"], row["price"], row["quantity"], row["last"]) for row in tables["levels"]]
    assert said == [
        ("clear", "bid", None, None, False),
        ("level", "bid", Decimal("99.99"), Decimal(2), False),
        ("level", "ask", Decimal("100.01"), Decimal(4), True),
    ]


def test_a_side_that_nobody_offers_is_null() -> None:
    row = Columns(catalogue()).tables(words_of(quote(0, 101)))["quotes"].to_pylist()[0]
    assert (row["bid"], row["bid_quantity"], row["ask"]) == (None, None, Decimal("1.01"))


def test_a_line_is_told_with_its_reason() -> None:
    from quarterdeck.capture.inbox import Inbox
    from quarterdeck.venues.messages import Line

    inbox = Inbox(lambda: NOON, lambda: None)
    why = "the venue hung up: " + "w" * 200  # longer than one slot
    inbox.door(0)(Line(up=False, text=why))
    inbox.door(0)(Line(up=True))
    table = Columns(catalogue()).tables(inbox.take())["connections"].to_pylist()
    assert table == [
        {"time_ns": NOON, "venue": "v", "up": False, "why": why},
        {"time_ns": NOON, "venue": "v", "up": True, "why": ""},
    ]
    assert ConnectionState.UP == 1


@given(st.lists(st.tuples(STEPS, STEPS), min_size=1, max_size=4), st.data())
def test_every_figure_is_exact(steps: list[tuple[str, str]], data: st.DataObject) -> None:
    known = catalogue(*steps)
    columns = Columns(known)
    rows = data.draw(
        st.lists(st.tuples(st.integers(0, len(steps) - 1), st.integers(1, 10**9), st.integers(1, 10**9)), min_size=1)
    )
    words = words_of(*(trade(price, lots, 1, instrument=at) for at, price, lots in rows))
    found = columns.tables(words)["trades"].to_pylist()
    for (at, price, lots), row in zip(rows, found, strict=True):
        assert row["symbol"] == f"I{at}"
        assert row["price"] == price * Decimal(steps[at][0])
        assert row["quantity"] == lots * Decimal(steps[at][1])
    assert columns.too_large == 0


def test_a_figure_of_more_than_eighteen_digits_is_left_out_and_counted() -> None:
    columns = Columns(catalogue(("0.000000001", "1"), ("1000", "1")))
    words = words_of(trade(PRICE_MAX, 1, 1, instrument=1), trade(PRICE_MAX, 1, 2, instrument=0))
    found = [row["price"] for row in columns.tables(words)["trades"].to_pylist()]
    assert found == [None, PRICE_MAX * Decimal("0.000000001")]
    assert columns.too_large == 1
    assert PRICE_MAX * 1000 * 10**9 > FIGURE_MAX


def test_an_instrument_that_is_not_the_desks_is_no_row() -> None:
    with pytest.raises(AssertionError, match="not the desk's"):
        Columns(catalogue()).tables(words_of(trade(1, 1, 1, instrument=4)))
