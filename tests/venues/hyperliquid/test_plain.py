"""What is tested: that `quarterdeck.venues.hyperliquid.stream` says the same of a message by its form and with care.

A blank in front keeps a message from every form, and changes nothing else.
"""

import random
from typing import Any, Final

from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.venues.hyperliquid.lineage import Lineage
from quarterdeck.venues.hyperliquid.reader import Reader
from quarterdeck.venues.hyperliquid.stream import StreamReader
from quarterdeck.venues.messages import MarketData
from quarterdeck.venues.quarantine import Quarantine
from tests.venues.hyperliquid.builders import TAG, raw, universe
from tests.venues.hyperliquid.test_fuzz import TIME, altered

MESSAGES: Final = 20_000
QUARANTINE: Final = Quarantine("hyperliquid", [].append)
COINS: Final = {"XRP": (4, 0), "@3": (6, 2)}  # decimals of a price and of a size that are always allowed


def figure(chance: random.Random, decimals: int, least: int = 1) -> str:
    units = chance.choice([least, chance.randrange(least, 10**6), chance.randrange(least, 10**12)])
    text = f"{units / 10**decimals:.{decimals}f}" if decimals else str(units)
    return text.rstrip("0").rstrip(".") if decimals and chance.random() < 0.8 else text


def level(chance: random.Random, coin: str) -> dict[str, Any]:
    price, size = COINS[coin]
    return {"px": figure(chance, price), "sz": figure(chance, size), "n": chance.randrange(1_000)}


def message(chance: random.Random) -> dict[str, Any]:
    coin = chance.choice(sorted(COINS))
    price, size = COINS[coin]
    at = chance.choice([TIME, chance.randrange(1, 9 * 10**12)])
    kind = chance.choice(["trades", "bbo", "l2Book"])
    if kind == "bbo":
        touch = sorted((level(chance, coin), level(chance, coin)), key=lambda one: float(one["px"]))
        return {"channel": kind, "data": {"coin": coin, "time": at, "bbo": touch}}
    if kind == "l2Book":
        told = sorted((level(chance, coin) for _ in range(chance.randrange(8))), key=lambda one: float(one["px"]))
        middle = chance.randrange(len(told) + 1)
        sides = [told[:middle][::-1], told[middle:]] if chance.random() < 0.9 else [told[middle:], told[:middle]]
        return {"channel": kind, "data": {"coin": coin, "time": at, "levels": sides}}
    told = [
        {
            "coin": coin, "side": chance.choice("AB"), "px": figure(chance, price), "sz": figure(chance, size),
            "time": at, "hash": "0x" + "0" * 64, "tid": chance.randrange(1, 2**53), "users": ["0xa", "0xb"],
        }
        for _ in range(chance.randrange(1, 4))
    ]  # fmt: skip
    return {"channel": kind, "data": told}


def damaged(chance: random.Random, whole: dict[str, Any]) -> bytes:
    data = bytearray(raw(altered(chance, whole) if chance.random() < 0.5 else whole))
    for _ in range(chance.randrange(3)):
        data[chance.randrange(len(data))] = chance.choice(b'0123456789.",:[]{}nABx-\\ ')
    return bytes(data)


def test_plain_and_careful_reading_agree(seed: int) -> None:
    chance = random.Random(seed)
    held = [Quarantine("one", [].append), Quarantine("other", [].append)]
    plain, careful = (StreamReader(universe(), Reader(universe(), TAG), Lineage(), one.hold) for one in held)
    told = 0
    for _ in range(MESSAGES):
        said = message(chance)
        data = raw(said) if chance.random() < 0.5 else damaged(chance, said)
        found, wanted = plain.read(data), careful.read(b" " + data)
        assert [one.events.tobytes() for one in found if isinstance(one, MarketData)] == [
            one.events.tobytes() for one in wanted if isinstance(one, MarketData)
        ], data
        assert (plain.newest_ns, plain.touch) == (careful.newest_ns, careful.touch), data
        told += len(found)
    assert held[0].counts == held[1].counts
    assert told > MESSAGES // 10
    assert held[0].total > MESSAGES // 10


def test_plain_messages_are_read_by_their_form() -> None:
    """Events of a form come out of one room."""
    reader = StreamReader(universe(), Reader(universe(), TAG), Lineage(), QUARANTINE.hold)
    chance = random.Random(7)
    rooms: dict[tuple[int, int], list[int]] = {}
    for _ in range(1_000):
        for one in reader.read(raw(message(chance))):
            assert isinstance(one, MarketData)
            head = one.events[0]
            rooms.setdefault((int(head["kind"]), int(head["instrument"])), []).append(id(one.events.base))
    kinds = (EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_CLEAR)
    assert rooms.keys() == {(kind, index) for kind in kinds for index in (2, 5)}
    assert all(len(found) > len(set(found)) + 20 for found in rooms.values())
