"""Between the threads of the venues and the one that records: raw events, stamped with their time of arrival.

The order in which they came is the order of their times. What waits is bounded: a venue's thread that finds no room
waits for it, so its connection slows down, and nothing is dropped here.
"""

import threading
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.journal import attach
from quarterdeck.journal.payload import PAYLOAD_BYTES_MAX
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import ConnectionState, EventKind
from quarterdeck.market.events import blank_events
from quarterdeck.venues.messages import Line, MarketData, Message

__all__ = ["WORDS", "Inbox", "kinds_of"]

WORDS: Final = EVENT.itemsize // 8  # of an event
_HEAD: Final = 2  # the word that begins with the kind
_WAITING_BYTES_MAX: Final = 256 * 1024 * 1024
_TEXT_BYTES_MAX: Final = min(4_096, PAYLOAD_BYTES_MAX)


class Inbox:
    """What has come and is not recorded yet. `clock` gives the time of arrival, `ring` wakes whoever records."""

    def __init__(
        self, clock: Callable[[], int], ring: Callable[[], None], *, bytes_max: int = _WAITING_BYTES_MAX
    ) -> None:
        self._clock, self._ring, self._bytes_max = clock, ring, bytes_max
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._times: list[int] = []
        self._raw: list[bytes] = []
        self._bytes = 0
        self._closed = False
        self.messages = 0  # of market data, in all
        self.waits = 0  # how often a venue's thread found no room

    def door(self, venue: int) -> Callable[[Message], None]:
        """Returns what a venue delivers to, from any thread. Market data and the state of its line are taken."""

        def deliver(message: Message) -> None:
            if isinstance(message, MarketData):
                self._put(message.events.tobytes())
            elif isinstance(message, Line):
                self._put(_line_event(venue, message))

        return deliver

    def _put(self, raw: bytes) -> None:
        with self._lock:
            while self._bytes >= self._bytes_max and not self._closed:
                self.waits += 1
                self._room.wait()
            if self._closed:
                return
            self._times.append(self._clock())
            self._raw.append(raw)
            self._bytes += len(raw)
            self.messages += 1
        self._ring()

    def take(self) -> NDArray[np.int64]:
        """Returns all that waits as events' words, shape (events, WORDS), each with its time of arrival."""
        with self._lock:
            times, self._times = self._times, []
            raw, self._raw = self._raw, []
            self._bytes = 0
            self._room.notify_all()
        words = np.frombuffer(bytearray().join(raw), np.int64).reshape(-1, WORDS)
        counts = np.fromiter(map(len, raw), np.int64, len(raw)) // EVENT.itemsize
        arrived = np.repeat(np.array(times, np.int64), counts)
        # A continuation slot holds text where another event holds its time.
        words[:, 0] = np.where(kinds_of(words) == EventKind.CONTINUATION, words[:, 0], arrived)
        return words

    def close(self) -> None:
        """Nothing more is taken in; whoever waits for room goes on."""
        with self._lock:
            self._closed = True
            self._room.notify_all()


def kinds_of(words: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the kind of each event, shape (events,)."""
    return words[:, _HEAD] & 0xFF


def _line_event(venue: int, line: Line) -> bytes:
    """A line that came up or went down as a CONNECTION record with the reason behind it."""
    event = blank_events(1, EventKind.CONNECTION, venue)
    event["strategy"] = -1
    event["value"] = ConnectionState.UP if line.up else ConnectionState.DOWN
    return attach(event, line.text.encode()[:_TEXT_BYTES_MAX]).tobytes()
