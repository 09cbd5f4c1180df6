"""The twin's rate limits: request weight of an internet address, orders of an account. Both by real time.

Weights count within the present minute, as the venue's do. Who goes on after HTTP 429 is banned: HTTP 418.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck.twins.binance.accounts import Account
from quarterdeck.twins.binance.refusals import Refused

__all__ = ["OrderLimits", "WeightLimits", "rate_limit_rows"]

_MINUTE_MS: Final = 60_000
_STUBBORN: Final = 20  # calls after the limit that bring a ban
_BAN_MS: Final = 120_000
_SPOT_WEIGHT: Final = 6_000
_FUTURES_WEIGHT: Final = 2_400
# What is said over the limit, and to who is banned.
_SPOT_WORDS: Final = (
    (
        "Too much request weight used; current limit is {} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    ),
    (
        "Way too much request weight used; IP banned until {}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    ),
)
_FUTURES_WORDS: Final = (
    (
        "Too many requests; current limit is {} requests per minute. "
        "Please use the websocket for live updates to avoid polling the API."
    ),
    "Way too many requests; IP banned until {}. Please use the websocket for live updates to avoid bans.",
)
# Each rule: of what interval, how many of them, their width in ms, how many orders.
_SPOT_ORDERS: Final = (("SECOND", 10, 10_000, 100), ("DAY", 1, 86_400_000, 200_000))
_FUTURES_ORDERS: Final = (("SECOND", 10, 10_000, 300), ("MINUTE", 1, 60_000, 1_200))


@dataclass(slots=True)
class _Spent:
    minute: int = 0
    weight: int = 0
    over: int = 0
    banned_until_ms: int = 0


class WeightLimits:
    """One half of the venue. `budget` 0: the venue's own."""

    def __init__(self, *, futures: bool, budget: int = 0) -> None:
        self.budget = budget or (_FUTURES_WEIGHT if futures else _SPOT_WEIGHT)
        self._words = _FUTURES_WORDS if futures else _SPOT_WORDS
        self._spent: dict[str, _Spent] = {}

    def spend(self, address: str, weight: int, now_ms: int) -> int:
        """Counts a call; returns the minute's weight with it. Raises Refused: 429, or 418 while banned."""
        spent = self._spent.setdefault(address, _Spent())
        if now_ms < spent.banned_until_ms:
            raise Refused(-1003, self._words[1].format(spent.banned_until_ms), 418)
        if spent.minute != now_ms // _MINUTE_MS:
            spent.minute, spent.weight, spent.over = now_ms // _MINUTE_MS, 0, 0
        spent.weight += weight
        if spent.weight > self.budget:
            spent.over += 1
            if spent.over > _STUBBORN:
                spent.banned_until_ms = now_ms + _BAN_MS
            raise Refused(-1003, self._words[0].format(self.budget), 429)
        return spent.weight

    def used(self, address: str) -> int:
        """Returns the minute's weight."""
        spent = self._spent.get(address)
        return spent.weight if spent else 0


class OrderLimits:
    """New orders of an account in one half of the venue."""

    def __init__(self, *, futures: bool) -> None:
        self._futures = futures
        self._rules = _FUTURES_ORDERS if futures else _SPOT_ORDERS

    def _times(self, account: Account) -> deque[int]:
        return account.order_times_futures_ms if self._futures else account.order_times_ms

    def count(self, account: Account, now_ms: int, orders: int = 1) -> None:
        """Counts new orders. Raises Refused beyond a limit."""
        times = self._times(account)
        while times and times[0] <= now_ms - self._rules[-1][2]:
            times.popleft()
        for interval, number, width_ms, most in self._rules:
            if _since(times, now_ms - width_ms) + orders > most:
                words = f"Too many new orders; current limit is {most} orders per {number} {interval}."
                raise Refused(-1015, words, 429)
        times.extend([now_ms] * orders)

    def headers(self, account: Account, now_ms: int) -> dict[str, str]:
        """Returns the counts as the venue's headers tell them."""
        times = self._times(account)
        return {
            f"X-MBX-ORDER-COUNT-{number}{interval[0].lower()}": str(_since(times, now_ms - width_ms))
            for interval, number, width_ms, _ in self._rules
        }


def _since(times: deque[int], since_ms: int) -> int:
    """How many times are later; they ascend, so the look begins at the end."""
    count = 0
    for time_ms in reversed(times):
        if time_ms <= since_ms:
            break
        count += 1
    return count


def rate_limit_rows(*, futures: bool, budget: int) -> list[dict[str, Any]]:
    """Returns the limits as exchangeInfo lists them."""
    rows: list[dict[str, Any]] = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": budget}
    ]
    for interval, number, _, most in _FUTURES_ORDERS if futures else _SPOT_ORDERS:
        rows.append({"rateLimitType": "ORDERS", "interval": interval, "intervalNum": number, "limit": most})
    return rows
