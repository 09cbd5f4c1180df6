"""What is tested: that `quarterdeck.venues.binance.stream` says the same of a message by its form and with care.

A blank in front keeps a message from every form, and changes nothing else.
"""

import random
from typing import Any, Final

import pytest

from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.venues.binance.markets import Market
from quarterdeck.venues.binance.reader import Reader
from quarterdeck.venues.binance.stream import StreamReader
from quarterdeck.venues.messages import MarketData, Message
from quarterdeck.venues.quarantine import Quarantine
from tests.venues.binance.builders import MARKETS, TAG, TIME, market_data, raw, snapshot, universe
from tests.venues.binance.test_fuzz import altered

MESSAGES: Final = 20_000  # on each market
QUARANTINE: Final = Quarantine("binance", [].append)


def price(chance: random.Random) -> str:
    return f"{chance.choice([1, chance.randrange(1, 10**7), chance.randrange(1, 10**12)]) / 10:.2f}"


def size(chance: random.Random, least: int = 1) -> str:
    return f"{chance.choice([least, chance.randrange(1, 10**7)]) / 1_000:.{chance.choice([3, 3, 8])}f}"


def levels(chance: random.Random) -> list[list[str]]:
    return [[price(chance), size(chance, 0)] for _ in range(chance.randrange(4))]


class Numbers:
    """A run of changes that join each other; now and then one does not."""

    def __init__(self) -> None:
        self.last = 99

    def take(self, chance: random.Random, *, spot: bool) -> tuple[int, int, int]:
        before = self.last if chance.random() < 0.98 else self.last + chance.choice([-2, -1, 1, 5])
        self.last = before + chance.randrange(1, 4)
        return before + spot, self.last, before


def message(chance: random.Random, market: Market, numbers: Numbers) -> dict[str, Any]:
    at = chance.choice([TIME, chance.randrange(1, 9 * 10**12)])
    kind = chance.choice(["aggTrade", "bookTicker", "depth@100ms"])
    number = chance.randrange(1, 2**53)
    data: dict[str, Any]
    if kind == "aggTrade":
        data = {
            "e": kind, "E": at + 1, "s": "BTCUSDT", "a": number, "p": price(chance), "q": size(chance), "f": number,
            "l": number, "T": at, "m": chance.random() < 0.5,
        }  # fmt: skip
        data |= {"M": True} if market.spot else {}
    elif kind == "bookTicker":
        sides = {"b": price(chance), "B": size(chance, 0), "a": price(chance), "A": size(chance, 0)}
        if market.spot:
            data = {"u": number, "s": "BTCUSDT", **sides}
        elif chance.random() < 0.5:
            data = {"e": kind, "u": number, "s": "BTCUSDT", **sides, "T": at, "E": at}
        else:
            data = {"e": kind, "u": number, "E": at, "T": at, "s": "BTCUSDT", **sides}
    else:
        first, last, before = numbers.take(chance, spot=market.spot)
        times = {"E": at} if market.spot else {"E": at, "T": at}
        more = {} if market.spot else {"pu": before}
        data = {"e": "depthUpdate", **times, "s": "BTCUSDT", "U": first, "u": last, **more, "b": levels(chance),
                "a": levels(chance)}  # fmt: skip
    return market_data(f"btcusdt@{kind}", data)


def damaged(chance: random.Random, whole: dict[str, Any]) -> bytes:
    data = bytearray(raw(altered(chance, whole) if chance.random() < 0.5 else whole))
    for _ in range(chance.randrange(3)):
        data[chance.randrange(len(data))] = chance.choice(b'0123456789.",:[]{}tfupUx-\\ ')
    return bytes(data)


def bytes_of(told: tuple[Message, ...]) -> list[bytes]:
    return [one.events.tobytes() for one in told if isinstance(one, MarketData)]


@pytest.mark.parametrize("name", sorted(MARKETS))
def test_plain_and_careful_reading_agree(name: str, seed: int) -> None:
    market, chance, numbers = MARKETS[name], random.Random(seed), Numbers()
    held = [Quarantine("one", [].append), Quarantine("other", [].append)]
    wanted: list[list[int]] = [[], []]
    listed = universe(market)
    plain, careful = (
        StreamReader(listed, Reader(listed, TAG), one.hold, want.append) for one, want in zip(held, wanted, strict=True)
    )
    told = joined = 0
    for _ in range(MESSAGES):
        said = message(chance, market, numbers)
        data = raw(said) if chance.random() < 0.7 else damaged(chance, said)
        found, expected = bytes_of(plain.read(data)), bytes_of(careful.read(b" " + data))
        assert found == expected, data
        if len(wanted[0]) > joined or chance.random() < 0.01:
            joined = len(wanted[0])
            whole = raw(snapshot(numbers.last))
            assert bytes_of(plain.take_snapshot(2, whole)) == bytes_of(careful.take_snapshot(2, whole))
        assert (plain.newest_ns, plain.prices, wanted[0]) == (careful.newest_ns, careful.prices, wanted[1]), data
        told += len(found)
    assert held[0].counts == held[1].counts
    assert told > MESSAGES // 3
    assert held[0].total > MESSAGES // 20


@pytest.mark.parametrize("name", sorted(MARKETS))
def test_plain_messages_are_read_by_their_form(name: str) -> None:
    """Events of a form come out of one room."""
    market, chance, numbers = MARKETS[name], random.Random(7), Numbers()
    listed = universe(market)
    reader = StreamReader(listed, Reader(listed, TAG), QUARANTINE.hold, [].append)
    reader.take_snapshot(2, raw(snapshot(99)))
    rooms: dict[int, list[int]] = {}
    for _ in range(500):
        for one in reader.read(raw(message(chance, market, numbers))):
            assert isinstance(one, MarketData)
            rooms.setdefault(int(one.events["kind"][0]), []).append(id(one.events.base))
    for kind in (EventKind.TRADE, EventKind.QUOTE, EventKind.LEVEL):
        assert len(rooms[kind]) > len(set(rooms[kind])) + 20
