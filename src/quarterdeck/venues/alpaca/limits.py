"""The venue's rate limit, kept to before it has to say so: 200 requests a minute for an account, all calls alike.

Each answer says in its headers how many there are, how many are left and when the minute ends: others may use the same
account. Of the budget a share is kept back that only cancels may use, and questions leave a further share to orders.
"""

from collections import deque
from typing import Final

__all__ = ["BUDGET", "RESERVE", "RateLimiter"]

BUDGET: Final = 200
RESERVE: Final = 40  # a cancel of an order that is known by our id alone takes two
_WINDOW_S: Final = 60.0
_BUDGET_MAX: Final = 100_000


class RateLimiter:
    """A sliding minute of requests. `now_s` is any clock that does not go back; one thread at a time."""

    def __init__(self, budget: int = BUDGET, reserve: int = RESERVE) -> None:
        if not 0 <= reserve < budget:
            raise ValueError(f"a reserve of {reserve} leaves nothing of {budget}")
        self._budget, self._reserve = budget, reserve
        self._sent: deque[float] = deque()
        self._left, self._left_until_s = budget, 0.0
        self._shut_until_s = 0.0

    @property
    def budget(self) -> int:
        """Requests in a minute, as the venue last said."""
        return self._budget

    def admit(self, now_s: float, *, urgent: bool = False, question: bool = False) -> float:
        """Takes one request and returns 0, or takes nothing and returns in how many seconds there may be room."""
        while self._sent and self._sent[0] <= now_s - _WINDOW_S:
            self._sent.popleft()
        if now_s < self._shut_until_s and not urgent:
            return self._shut_until_s - now_s
        kept = 0 if urgent else self._reserve + (self._budget // 5 if question else 0)
        if len(self._sent) + kept >= self._budget:
            place = len(self._sent) + kept - self._budget
            return max(self._sent[min(place, len(self._sent) - 1)] + _WINDOW_S - now_s, 0.001)
        if now_s < self._left_until_s:
            if self._left <= kept:
                return max(self._left_until_s - now_s, 0.001)
            self._left -= 1
        self._sent.append(now_s)
        return 0.0

    def learn(self, limit: int, left: int, resets_in_s: float, now_s: float) -> None:
        """Takes what an answer's headers say: requests in a minute, how many are left, until when that counts."""
        if not 0 < limit <= _BUDGET_MAX or not 0 <= left <= limit or not 0 < resets_in_s <= _WINDOW_S + 1:
            return
        self._budget = max(limit, self._reserve + 1)
        fresh = now_s + resets_in_s > self._left_until_s + 1  # the minute that follows
        self._left = left if fresh or now_s >= self._left_until_s else min(self._left, left)
        self._left_until_s = now_s + resets_in_s

    def rebuked(self, now_s: float, wait_s: float = 10.0) -> None:
        """The venue said 429: nothing but cancels for a while."""
        self._shut_until_s = max(self._shut_until_s, now_s + wait_s)

    @property
    def spent(self) -> int:
        """Requests of the last minute, as of the latest call."""
        return len(self._sent)
