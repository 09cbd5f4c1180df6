"""What is tested: `quarterdeck.venues.forms`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.venues.forms import ASK, BID, NEWEST, TIME, Form, Grids, MarketRoom
from quarterdeck.venues.levels import PAIRS

GRIDS = Grids(3, (5, 1), (1, 2))  # prices of 0.5, sizes of 0.01
TRADES = Form(
    '[<each>{"p":"<price>","q":"<size>","t":<time>,"i":<id>,"m":<buyer_is_maker>,"x":<number>,"h":"<text>"}<row>]',
    EventKind.TRADE,
    GRIDS,
)
QUOTE = Form('{"b":"<bid>","B":"<bid_size>","a":"<ask>","A":"<ask_size>"}<row>', EventKind.QUOTE, GRIDS)
DIFF = Form('{"U":<first>,"u":<update>,"b":<bids>,"a":<asks>}', EventKind.LEVEL, GRIDS, levels=PAIRS)
BOOK = Form('{"t":<time>,"b":<bids>,"a":<asks>}', EventKind.LEVEL, GRIDS, levels=PAIRS, whole=True)
ROOM = MarketRoom()


def trade(**changes: str) -> str:
    told = {"p": '"1.5"', "q": '"0.25"', "t": "1700", "i": "9", "m": "true", "x": "0", "h": '"0xab"', **changes}
    return "{" + ",".join(f'"{name}":{value}' for name, value in told.items()) + "}"


def trades(*one: str) -> bytes:
    return f"[{','.join(one)}]".encode()


def test_a_row_is_an_event() -> None:
    events = ROOM.read(TRADES, trades(trade(), trade(p='"2"', m="false", i="10", t="1600")))
    assert events["kind"].tolist() == [EventKind.TRADE] * 2
    assert events["instrument"].tolist() == [3, 3]
    assert events["strategy"].tolist() == [-1, -1]
    assert events["price"].tolist() == [3, 4]
    assert events["quantity"].tolist() == [25, 25]
    assert events["trade_id"].tolist() == [9, 10]
    assert events["flags"].tolist() == [Flag.SELL, 0]
    assert events["venue_time_ns"].tolist() == [1_700_000_000, 1_600_000_000]
    assert events["time_ns"].tolist() == [0, 0]
    assert TRADES.figures[NEWEST] == 1_700_000_000


def test_a_quote_without_a_time_has_the_one_that_it_is_given() -> None:
    QUOTE.figures[TIME] = 77
    events = ROOM.read(QUOTE, b'{"b":"1.5","B":"1","a":"2.0","A":"2.50"}')
    assert [events[name][0] for name in ("bid", "ask", "bid_quantity", "ask_quantity")] == [3, 4, 100, 250]
    assert events["venue_time_ns"][0] == 77
    assert (QUOTE.figures[BID], QUOTE.figures[ASK]) == (3, 4)
    assert (QUOTE.timed, TRADES.timed) == (False, True)
    assert ROOM.read(QUOTE, b'{"b":"2.0","B":"1","a":"2.0","A":"2.50"}') is None  # crossed
    assert ROOM.read(QUOTE, b'{"b":"1.5","B":"0","a":"2.0","A":"2.50"}') is None  # nobody bids


def test_levels_are_events_of_one_message() -> None:
    events = ROOM.read(DIFF, b'{"U":4,"u":6,"b":[["1.5","1"],["1.0","0"]],"a":[["2.0","3"]]}')
    assert events["kind"].tolist() == [EventKind.LEVEL] * 3
    assert events["flags"].tolist() == [0, 0, Flag.SELL | Flag.LAST]
    assert events["price"].tolist() == [3, 2, 4]
    assert events["quantity"].tolist() == [100, 0, 300]
    assert events["update_id"].tolist() == [6, 6, 6]
    assert DIFF.numbers[:2] == (4, 6)
    assert len(ROOM.read(DIFF, b'{"U":4,"u":6,"b":[],"a":[]}')) == 0


def test_a_whole_book_is_cleared_first() -> None:
    events = ROOM.read(BOOK, b'{"t":5,"b":[["1.5","1"]],"a":[["2.0","3"]]}')
    assert events["kind"].tolist() == [EventKind.BOOK_CLEAR, EventKind.LEVEL, EventKind.LEVEL]
    assert events["flags"].tolist() == [0, 0, Flag.SELL | Flag.LAST]
    assert events["venue_time_ns"].tolist() == [5_000_000] * 3
    assert events["price"].tolist() == [0, 3, 4]
    assert (BOOK.figures[BID], BOOK.figures[ASK]) == (3, 4)
    assert ROOM.read(BOOK, b'{"t":5,"b":[["2.0","1"]],"a":[["2.0","3"]]}') is None  # crossed
    assert ROOM.read(BOOK, b'{"t":5,"b":[],"a":[]}')["kind"].tolist() == [EventKind.BOOK_CLEAR]
    assert (BOOK.figures[BID], BOOK.figures[ASK]) == (0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"p": '"0"'}, {"p": '"-1.5"'}, {"p": '"1.7"'}, {"p": "1.5"}, {"p": '"1e1"'}, {"q": '"0.00"'}, {"q": '"0.001"'},
        {"t": "0"}, {"t": "9000000000000"}, {"t": "-1"}, {"t": "01"}, {"t": "1.0"}, {"t": '"1"'}, {"t": ""},
        {"i": "0"}, {"i": "1" * 19}, {"m": "tru"}, {"m": "null"}, {"m": "True"}, {"x": "00"}, {"x": "null"},
        {"h": '"\\n"'}, {"h": '"\\"'}, {"h": '"\x1f"'}, {"h": '"é"'}, {"h": "1"}, {"z": "1"}, {"p": ' "1.5"'},
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_alone(change: dict[str, str]) -> None:
    assert ROOM.read(TRADES, trades(trade(), trade(**change))) is None
    assert ROOM.read(TRADES, trades(trade())) is not None


def test_no_part_of_a_message_is_a_message() -> None:
    raw = trades(trade(), trade())
    for end in range(len(raw)):
        assert ROOM.read(TRADES, raw[:end]) is None
    for more in (b" ", b",", b"]", b"\x00"):
        assert ROOM.read(TRADES, raw + more) is None
        assert ROOM.read(TRADES, more + raw) is None
    assert ROOM.read(TRADES, b"[]") is None


def test_a_long_message_is_left_alone() -> None:
    assert len(ROOM.read(TRADES, trades(*[trade()] * 1_024))) == 1_024
    assert ROOM.read(TRADES, trades(*[trade()] * 1_025)) is None
    assert ROOM.read(TRADES, trades(trade(h=f'"{"x" * 300_000}"'))) is None
    levels = ",".join(['["1.5","1"]'] * 1_024)
    assert len(ROOM.read(DIFF, f'{{"U":1,"u":1,"b":[{levels}],"a":[]}}'.encode())) == 1_024
    assert ROOM.read(DIFF, f'{{"U":1,"u":1,"b":[{levels}],"a":[["2","1"]]}}'.encode()) is None
    assert ROOM.read(BOOK, f'{{"t":1,"b":[{levels}],"a":[]}}'.encode()) is None  # with what clears it


@given(st.lists(st.integers(1, 40), min_size=1, max_size=300))
def test_what_was_handed_out_stays(lengths: list[int]) -> None:
    room = MarketRoom()
    told: list[tuple[int, Any, Any]] = []
    for place, length in enumerate(lengths):
        events = room.read(TRADES, trades(*[trade(i=str(place + 1))] * length))
        events["time_ns"] = place  # whoever gets them stamps them
        assert events.dtype is EVENT
        told.append((length, events, events.copy()))
    for place, (length, events, copy) in enumerate(told):
        assert events.tobytes() == copy.tobytes()
        assert events["trade_id"].tolist() == [place + 1] * length


@given(st.data())
def test_changed_bytes_are_left_alone_or_read_as_they_stand(data: st.DataObject) -> None:
    import msgspec

    raw = bytearray(trades(trade(), trade(m="false")))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.sampled_from(b'0123456789.",[]{}x-\\ '))
    events = ROOM.read(TRADES, bytes(raw))
    if events is not None:
        said = msgspec.json.decode(bytes(raw))
        assert events["quantity"].tolist() == [round(float(one["q"]) * 100) for one in said]
        assert events["price"].tolist() == [round(float(one["p"]) * 2) for one in said]
        assert events["trade_id"].tolist() == [one["i"] for one in said]
        assert events["venue_time_ns"].tolist() == [one["t"] * 1_000_000 for one in said]
        assert events["flags"].tolist() == [int(one["m"]) * Flag.SELL for one in said]
