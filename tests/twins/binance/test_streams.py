"""What is tested: `quarterdeck.twins.binance.streams`, message by message and without a socket."""

import json
from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market.events import blank_events
from quarterdeck.twins.binance.exchange import TwinExchange
from quarterdeck.twins.binance.gate import Gate
from quarterdeck.twins.binance.listings import default_listings
from quarterdeck.twins.binance.streams import Session, Streams
from quarterdeck.twins.faults import Faults

START_MS = 1_700_000_040_000  # a whole minute


class Line:
    """A connection and what it was told."""

    def __init__(self, futures: bool, names: list[str], *, combined: bool = False) -> None:
        index = 1 if futures else 0
        self.exchange = TwinExchange(default_listings(START_MS * 1_000_000), START_MS * 1_000_000)
        gate = Gate(self.exchange, Faults(), lambda: START_MS, 0)
        self.streams = Streams(self.exchange, {False: gate.spot.market, True: gate.futures.market})
        self.listing, self.said = self.exchange.listings[index], list[Any]()
        self.session = Session(lambda raw: self.said.append(json.loads(raw)), lambda: None, futures, combined=combined)
        self.streams.join(self.session, names)

    def tell(self, after_ms: int, kind: EventKind, price: int, lots: int, flags: int = 0) -> list[Any]:
        """Lets one event happen so late after the start; returns what was said then."""
        events = blank_events(1, kind, self.listing.index)
        events["time_ns"], events["flags"] = (START_MS + after_ms) * 1_000_000, flags
        events["price"], events["quantity"] = price, lots
        self.exchange.take(events)
        return self.publish()

    def publish(self) -> list[Any]:
        self.said.clear()
        self.streams.publish(self.exchange.take_news(), START_MS)
        return list(self.said)


@pytest.mark.parametrize("futures", [False, True])
def test_differences_come_at_their_rate_and_tell_what_changed(futures: bool) -> None:
    line = Line(futures, ["btcusdt@depth@100ms"])
    first = line.exchange.books[line.listing.index].update_id
    assert line.tell(50, EventKind.LEVEL, 600_000, 5, int(Flag.LAST)) == []
    (one,) = line.tell(100, EventKind.LEVEL, 600_100, 7, int(Flag.SELL | Flag.LAST))
    assert (one["U"], one["u"], one["e"]) == (first + 1, first + 2, "depthUpdate")
    assert ([float(row[1]) for row in one["b"]], len(one["a"])) == ([float(line.listing.lot * 5)], 1)
    line.exchange.advance((START_MS + 300) * 1_000_000)
    assert line.publish() == []  # nothing has changed
    (two,) = line.tell(301, EventKind.LEVEL, 600_000, 0, int(Flag.LAST))
    assert (two["U"], two["a"]) == (one["u"] + 1, [])
    assert float(two["b"][0][1]) == 0
    assert two.get("pu") == (one["u"] if futures else None)
    assert ("T" in two) is futures


def test_best_prices_are_said_when_they_change() -> None:
    line = Line(False, ["btcusdt@bookTicker"], combined=True)
    (one,) = line.tell(1, EventKind.LEVEL, 600_000, 5, int(Flag.LAST))
    assert one["stream"] == "btcusdt@bookTicker"
    assert one["data"]["b"] == "6000.00000000"
    assert line.tell(2, EventKind.LEVEL, 599_000, 5, int(Flag.LAST)) == []
    assert len(line.tell(3, EventKind.LEVEL, 600_000, 6, int(Flag.LAST))) == 1


def test_trades_and_bars() -> None:
    line = Line(False, ["btcusdt@trade", "btcusdt@aggTrade", "btcusdt@kline_1m"])
    said = line.tell(10, EventKind.TRADE, 600_000, 100_000, int(Flag.SELL))
    assert [one["e"] for one in said] == ["trade", "aggTrade", "kline"]
    assert (said[0]["m"], said[0]["t"], said[0]["q"]) == (True, START_MS + 1, "1.00000000")
    assert said[2]["k"]["x"] is False
    said = line.tell(60_010, EventKind.TRADE, 600_100, 100_000)
    ended, begun = (one["k"] for one in said if one["e"] == "kline")
    assert (ended["x"], ended["c"], begun["x"], begun["o"]) == (True, "6000.00000000", False, "6001.00000000")
    assert (begun["t"], ended["T"] + 1) == (START_MS + 60_000, START_MS + 60_000)


@pytest.mark.parametrize(("name", "times"), [("btcusdt@markPrice@1s", 6), ("btcusdt@markPrice", 2)])
def test_marks_come_each_second_or_third_second(name: str, times: int) -> None:
    line = Line(True, [name])
    said = [one for second in range(6) for one in line.tell(second * 1_000, EventKind.MARK, 600_000 + second, 0)]
    assert len(said) == times
    assert said[0]["T"] % (8 * 3_600_000) == 0
    assert said[0]["r"] == "0.00010000"


def test_what_nobody_hears_is_not_kept() -> None:
    line = Line(False, ["btcusdt@depth@100ms"])
    book = line.exchange.books[line.listing.index]
    assert list(book.windows) == [100]
    line.streams.leave(line.session)
    assert book.windows == {}
    assert line.tell(500, EventKind.LEVEL, 600_000, 5, int(Flag.LAST)) == []
