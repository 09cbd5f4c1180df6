"""The messages of the wire bench, and that a quote's order is known for its own. What is tested: `bench/wire.py`."""

import json
from decimal import Decimal
from typing import Any

from bench.run import ROWS
from bench.wire import BBO, LEAST, SIZE, SPAN, STREAMS, Relay, books, code, sides


def bbo(bid: str, ask: str) -> bytes:
    level = '{"px":"1.2","sz":"%s","n":2}'
    body = f'{{"coin":"XRP","time":7,"bbo":[{level % bid},{level % ask}]}}'
    return b'\x81\x7e\x00\x70{"channel":"bbo","data":' + body.encode() + b"}"


def order(size: int) -> bytes:
    wire: dict[str, Any] = {"a": 2, "b": True, "p": "1.1", "s": str(size), "r": False, "t": {"limit": {"tif": "Alo"}}}
    action = {"type": "order", "orders": [wire], "grouping": "na"}
    return b"POST /exchange HTTP/1.1\r\n\r\n" + json.dumps({"action": action}, separators=(",", ":")).encode()


def test_every_stream_has_its_row() -> None:
    names = {row.ours.keys[0].removesuffix("_us") for row in ROWS if row.ours.command[0] == "wire.py"}
    assert names == {*STREAMS, "p50_ms", "p95_ms", "quiet_p95_ms"}


async def relayed() -> Relay:
    return Relay(1)


def test_an_order_is_timed_from_the_quote_that_its_size_names() -> None:
    import asyncio

    relay = asyncio.run(relayed())
    relay.from_twin(bbo("22.0", "159.0") + bbo("7.0", "8.0"), 1_000)
    relay.from_twin(bbo("5.0", "5.0"), 9_000)
    relay.from_desk(b'{"type":"cancelByCloid","cancels":[]}', 10_000)
    relay.from_desk(order(code(22, 159)), 251_000)
    relay.from_desk(order(code(5, 5)), 509_000)
    assert (relay.took_us, relay.unmatched) == ([250.0, 500.0], 0)
    relay.from_desk(order(code(22, 159)), 600_000)  # each quote is answered once
    assert relay.unmatched == 1
    assert BBO.search(b'{"channel":"bbo","data":{"coin":"BTC"') is None
    assert SIZE.search(b'{"type":"cancel"}') is None
    assert all(LEAST <= code(bid, ask) < LEAST + SPAN for bid in range(50) for ask in range(0, 9_000, 700))


def test_a_book_follows_its_changes() -> None:
    rows = [
        {"side": side, "price": Decimal(price), "qty": Decimal(1)} for side, price in (("b", 10), ("b", 9), ("a", 11))
    ]
    snapshot = sides(rows, "bids", "asks")
    assert snapshot == {"bids": [["10", "1"], ["9", "1"]], "asks": [["11", "1"]]}
    changes = [
        {"T": 5, "b": [["10", "0"], ["8", "2"]], "a": []},
        {"T": 6, "b": [], "a": [["10.5", "3"]]},
    ]
    first, second = (one["data"]["levels"] for one in books(snapshot, changes))
    assert [level["px"] for level in first[0]] == ["9", "8"]
    assert [(level["px"], level["sz"]) for level in second[1]] == [("10.5", "3"), ("11", "1")]
