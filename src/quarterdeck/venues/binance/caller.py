"""One call after another: held back by the rate limit, signed, bounded in time, and counted as the venue counts it.

A call that acts bears a time after which the venue refuses it, by its own clock: it takes a request only while its time
is at most `timestamp + recvWindow` ("Timing security", its API documentation), and `timestamp` may lie in the past. So
`timestamp` is the deadline less the longest window there is, and no clock of ours can move that bound.
"""

import threading
import time
from typing import Final
from urllib.parse import urlencode

from quarterdeck.venues.binance.answers import decoded
from quarterdeck.venues.binance.keys import ApiKey
from quarterdeck.venues.binance.limits import RateLimiter
from quarterdeck.venues.binance.markets import Market
from quarterdeck.venues.binance.reader import TIME_MS_MAX
from quarterdeck.venues.binance.requests import Call
from quarterdeck.venues.binance.schema import ServerTime
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.posting import NotSent, Poster, Reply

__all__ = ["LATEST_MS", "Caller", "Limited", "checked_ms"]

_WINDOW_MS: Final = 60_000  # the longest recvWindow that the venue takes
_ASKING_WINDOW_MS: Final = 10_000
_ARRIVES_MS: Final = 5_000  # a request that acts is refused when it comes later than this
_BEHIND_MS: Final = 10_000  # how long the venue works on what it took, before it says that it does not know (-1007)
LATEST_MS: Final = _ARRIVES_MS + _BEHIND_MS
_NS_PER_MS: Final = 1_000_000


class Limited(OSError):
    """The rate limit holds it back: nothing was sent. `wait_s`: when there is room again."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s
        super().__init__(f"the rate limit has room again in {wait_s:.1f} s")


class Caller:
    """Calls one market with one key. Any thread may call, each by its own poster; without a key nothing is signed."""

    def __init__(self, market: Market, key: ApiKey | None) -> None:
        self._market, self._key = market, key
        self._limiter = RateLimiter(market.minute_weight, market.orders)
        self._limiting = threading.Lock()
        self._ahead_ms = 0  # the venue's clock less ours

    def learn(self, budget: int, orders: tuple[tuple[int, int], ...]) -> None:
        """Takes the limits that the venue lists."""
        with self._limiting:
            self._limiter.learn(budget, orders)

    @property
    def venue_ms(self) -> int:
        """The venue's time, as the latest measurement has it."""
        return time.time_ns() // _NS_PER_MS + self._ahead_ms

    def measure(self, poster: Poster) -> int:
        """Returns the venue's time in milliseconds, and keeps how far it is from ours. Raises as `call`, BadMessage."""
        path, weight = self._market.paths.time, self._market.weights.time
        before_ms = time.time_ns() // _NS_PER_MS
        reply = self.call(
            poster, Call(method="GET", path=path, weight=weight, signed=False, keyed=False, question=True)
        )
        if reply.status != 200:
            raise ConnectionError(f"HTTP {reply.status} to {path}")
        said: ServerTime = decoded(ServerTime, reply, "time answer")
        checked_ms(said.server_time, "time answer")
        between_ms = (before_ms + time.time_ns() // _NS_PER_MS) // 2
        self._ahead_ms = said.server_time - between_ms
        return said.server_time

    def call(self, poster: Poster, call: Call) -> Reply:
        """Makes a call and returns its answer, whatever it says. Raises Limited, NotSent, Unanswered."""
        key = self._key
        if key is None and (call.signed or call.keyed):
            raise NotSent("there is no key here: market data alone")
        with self._limiting:
            wait_s = self._limiter.admit(
                call.weight, time.monotonic(), urgent=call.urgent, question=call.question, order=call.order
            )
        if wait_s:
            raise Limited(wait_s)
        target = self._signed(call, key) if call.signed and key is not None else _unsigned(call)
        headers = {"X-MBX-APIKEY": key.key} if call.keyed and key is not None else {}
        reply = poster.call(call.method, target, headers)
        with self._limiting:
            now_s = time.monotonic()
            self._limiter.counted(reply.headers, now_s)
            if reply.status in {418, 429}:
                self._limiter.rebuked(reply.status, reply.headers.get("retry-after", ""), now_s)
        return reply

    def _signed(self, call: Call, key: ApiKey) -> str:
        if call.deadline_ms:
            window = _WINDOW_MS
            timestamp = min(call.deadline_ms, self.venue_ms + _ARRIVES_MS) - window
        else:
            window, timestamp = _ASKING_WINDOW_MS, self.venue_ms
        timing = (("recvWindow", window), ("timestamp", max(1, timestamp)))
        return f"{call.path}?{key.signed_query((*call.parameters, *timing))}"

    def user_subscription(self) -> dict[str, str | int]:
        """Returns the parameters that subscribe to the account's stream on the websocket interface (spot)."""
        assert self._key is not None
        return self._key.signed_message({"timestamp": self.venue_ms, "recvWindow": _ASKING_WINDOW_MS})


def checked_ms(time_ms: int, kind: str) -> int:
    """Returns a time that the venue tells of itself. Raises BadMessage of that kind for one that is none."""
    if not 0 < time_ms < TIME_MS_MAX:
        raise BadMessage(kind, f"{time_ms} is no time in milliseconds")
    return time_ms


def _unsigned(call: Call) -> str:
    return f"{call.path}?{urlencode(call.parameters)}" if call.parameters else call.path
