"""The practice venue, to be fuzzed whole: a server on a real socket that sends it nonsense between good quotes.

What is tested: `quarterdeck.venues.practice.venue`, `quarterdeck.venues.practice.codec`.
"""

import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from quarterdeck.venues.addresses import Address
from quarterdeck.venues.messages import Line, MarketData, Message
from quarterdeck.venues.practice.terms import VERSION, Hello, Welcome
from quarterdeck.venues.practice.venue import LINE_BYTES_MAX, PracticeOptions, PracticeVenue
from tests.conformance.damage import Shape, json_bytes
from tests.conformance.subject import Subject, market
from tests.twins.serving import DESK, INSTRUMENTS, PURSES, TERMS, Ear

__all__ = ["practice"]

TIME = 1_700_000_000_000_000_000
ORDER = {
    "client_id": "", "venue_order_id": 7, "instrument": 0, "side": 1, "price": 10_000, "trigger_price": 0,
    "quantity": 10, "filled": 0, "status": "accepted", "why": "none", "reduce_only": False, "time_ns": TIME,
}  # fmt: skip
FILL = {
    "trade_id": 3, "client_id": "", "venue_order_id": 7, "instrument": 0, "side": 1, "price": 10_000, "quantity": 10,
    "fee": 1, "maker": True, "time_ns": TIME,
}  # fmt: skip
GOOD: list[dict[str, Any]] = [
    {"type": "Quotes", "quotes": [[0, 9_999, 10_001, 5, 6]], "time_ns": TIME},
    {"type": "OrderNews", "orders": [ORDER]},
    {"type": "FillsNews", "fills": [FILL]},
    {"type": "Taken", "request_id": 1, "venue_order_id": 7, "filled": 0, "final": True},
    {"type": "Refused", "request_id": 1, "why": "duplicate", "error": False},
    {"type": "Busy", "request_id": 1},
    {"type": "OrderAnswer", "request_id": 1, "order": ORDER},
    {"type": "Orders", "request_id": 1, "orders": [ORDER]},
    {"type": "Fills", "request_id": 1, "fills": [FILL], "until_ns": TIME, "more": False},
    {"type": "Account", "request_id": 1, "holdings": [[0, 1, 10_000, 1]], "balances": [[0, 5]], "time_ns": TIME},
]


class _Wild:
    """An exchange that greets and then sends whatever it is given, each followed by a quote that ends the matter."""

    def __init__(self, folder: Path, said: list[str]) -> None:
        address = Address(path=folder / "wild.sock")
        self._listening = address.listen()
        self._ear = Ear()
        options = PracticeOptions(silence_s=120.0, say=said.append)
        self.venue = PracticeVenue(address, DESK, DESK, TERMS, options)
        self.venue.open(self._ear)
        self._wire, _ = self._listening.accept()
        with self._wire.makefile("rb") as asked:
            assert msgspec.json.decode(asked.readline(), type=Hello).account == DESK
        self._send(msgspec.json.encode(Welcome(version=VERSION, instruments=INSTRUMENTS, purses=PURSES, time_ns=TIME)))
        self._ear.next(Line)
        said.clear()
        self._turn = 0

    def _send(self, line: bytes) -> None:
        self._wire.sendall(line.replace(b"\n", b" ") + b"\n")

    def read(self, raw: bytes, which: int) -> Sequence[Message]:
        """Returns what was heard of a line; the quote behind it is of a time that is in no other."""
        del which
        self._turn += 1
        end = self._turn
        self._send(raw)
        self._send(json_bytes({"type": "Quotes", "quotes": [[1, 1, 2, 1, 1]], "time_ns": end}))
        heard: list[Message] = []
        while True:
            message = self._ear.next(object)
            if (
                isinstance(message, MarketData)
                and len(message.events)
                and int(message.events["venue_time_ns"][0]) == end
            ):
                return heard
            heard.append(message)

    def close(self) -> None:
        self.venue.close()
        for one in (self._wire, self._listening):
            one.shutdown(socket.SHUT_RDWR)
            one.close()


def practice() -> Subject:
    said: list[str] = []
    folder = tempfile.TemporaryDirectory()
    wild = _Wild(Path(folder.name), said)

    def close() -> None:
        wild.close()
        folder.cleanup()

    # An answer that cannot be read and bears a request's number is put aside as that, and as one that nobody waits for.
    return Subject(
        "practice", GOOD, Shape(("type",), LINE_BYTES_MAX), wild.read, wild.venue.quarantine, said,
        market(0, bid=9_999, ask=10_001, bid_quantity=5, ask_quantity=6), counts_most=2, close=close,
    )  # fmt: skip
