"""The venue's rate limits, kept to before it has to say so ("Limits", its API documentation).

Calls of one internet address share a weight per minute (6,000 on spot, 2,400 on futures; exchangeInfo says it), new
orders of an account are counted per 10 s and per minute or day. Each answer says in its headers what the venue has
counted: where that is more than we know of, as when others call from the same address, it is what counts. A share of
the weight is kept back for cancels, and what a desk asks may take two thirds: orders go out however often both sides
are compared.

| the venue said  | until Retry-After (or 10 s)                                                              |
|-----------------|------------------------------------------------------------------------------------------|
| 429             | cancels alone, at most `CANCELS_SHUT` of them: more would make it a ban                   |
| 418             | nothing: it hears nobody, and whoever calls all the same is kept out for longer           |
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["CANCELS_SHUT", "TOLD", "RateLimiter"]

CANCELS_SHUT: Final = 10
_MINUTE_S: Final = 60.0
_SHUT_S: Final = 10.0
_SHUT_MAX_S: Final = 3 * 86_400.0  # the venue's longest ban
TOLD: Final = ("x-mbx-", "retry-after")  # headers that speak of limits
_WEIGHT_HEADER: Final = "x-mbx-used-weight-1m"
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class _Window:
    """A sliding sum over so many seconds."""

    def __init__(self, seconds: float, most: int) -> None:
        self.seconds, self.most = seconds, most
        self._spent: deque[tuple[float, int]] = deque()
        self.total = 0

    def forget(self, now_s: float) -> None:
        while self._spent and self._spent[0][0] <= now_s - self.seconds:
            self.total -= self._spent.popleft()[1]

    def add(self, amount: int, now_s: float) -> None:
        if amount > 0:
            self._spent.append((now_s, amount))
            self.total += amount

    def wait_s(self, amount: int, room: int, now_s: float) -> float:
        """In how many seconds there is room for so much; 0: now."""
        missing = self.total + amount - room
        if missing <= 0:
            return 0.0
        for at, spent in self._spent:
            missing -= spent
            if missing <= 0:
                return max(at + self.seconds - now_s, 0.001)
        return self.seconds


class RateLimiter:
    """Sliding windows of weight and of new orders. `now_s` is any clock that does not go back; one thread at a time."""

    def __init__(self, budget: int, orders: Sequence[tuple[int, int]] = ()) -> None:
        """`budget` of weight a minute; `orders` are (seconds, new orders in them)."""
        self._weight = _Window(_MINUTE_S, budget)
        self._orders = {seconds: _Window(seconds, most) for seconds, most in orders}
        self._shut_until_s = self._banned_until_s = 0.0
        self._let_through = 0

    @property
    def reserve(self) -> int:
        """The weight that only cancels may use: a sixth."""
        return self._weight.most // 6

    @property
    def spent(self) -> int:
        """Weight of the last minute, as of the latest call."""
        return self._weight.total

    def learn(self, budget: int, orders: Sequence[tuple[int, int]]) -> None:
        """Takes the limits that the venue lists; what it does not list stays."""
        if budget > 0:
            self._weight.most = budget
        for seconds, most in orders:
            if seconds in self._orders:
                self._orders[seconds].most = most
            else:
                self._orders[seconds] = _Window(seconds, most)

    def admit(
        self, weight: int, now_s: float, *, urgent: bool = False, question: bool = False, order: bool = False
    ) -> float:
        """Takes `weight` and returns 0, or takes nothing and returns in how many seconds there is room again.

        `urgent`: a cancel; `question`: it changes nothing there; `order`: it counts as a new order, too.
        """
        self._weight.forget(now_s)
        shut_s = self._shut_s(now_s, urgent=urgent)
        if shut_s > 0:
            return shut_s
        kept = 0 if urgent else self._weight.most // 3 if question else self.reserve
        waits = [self._weight.wait_s(weight, self._weight.most - kept, now_s)]
        if order:
            for window in self._orders.values():
                window.forget(now_s)
                waits.append(window.wait_s(1, window.most, now_s))
        if max(waits) > 0:
            return max(waits)
        self._weight.add(weight, now_s)
        for window in self._orders.values() if order else ():
            window.add(1, now_s)
        return 0.0

    def _shut_s(self, now_s: float, *, urgent: bool) -> float:
        if now_s < self._banned_until_s:
            return self._banned_until_s - now_s
        if now_s >= self._shut_until_s:
            return 0.0
        if urgent and self._let_through < CANCELS_SHUT:
            self._let_through += 1
            return 0.0
        return self._shut_until_s - now_s

    def counted(self, headers: Mapping[str, str], now_s: float) -> None:
        """Takes what the venue says it has counted; header names in small letters. What it says less of is ours."""
        for name, value in headers.items():
            if name == _WEIGHT_HEADER:
                window: _Window | None = self._weight
            else:
                window = self._orders.get(_seconds_of(name))
            if window is not None and value.isascii() and value.isdigit() and len(value) < 10:
                window.forget(now_s)
                window.add(int(value) - window.total, now_s)

    def rebuked(self, status: int, retry_after: str, now_s: float) -> None:
        """The venue said 429 or 418."""
        known = retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10
        until_s = now_s + min(_SHUT_MAX_S, max(1.0, float(retry_after)) if known else _SHUT_S)
        if now_s >= self._shut_until_s:
            self._let_through = 0
        self._shut_until_s = max(self._shut_until_s, until_s)
        if status == 418:
            self._banned_until_s = max(self._banned_until_s, until_s)


def _seconds_of(header: str) -> int:
    """Returns the seconds that a header such as X-MBX-ORDER-COUNT-10S counts over; 0: it is another."""
    before, _, interval = header.rpartition("-")
    number = interval[:-1]
    if before != "x-mbx-order-count" or not number.isdigit() or len(number) > 4:
        return 0
    return int(number) * _UNITS_S.get(interval[-1], 0)
